"""Commands: ``aigw serve``, ``demo``, ``send``, ``call``, ``check``, ``keys``, ``logs``, ``read``, ``translate``.

Decides: options, output and exit status. Must not know: any protocol.
"""

import os
import signal
import socket
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

try:
    import typer
    from rich.markup import escape
    from rich.table import Table
except ImportError as error:  # the core and the drivers do not need them
    raise SystemExit("the command line needs the extra `server`: pip install 'aigw[server]'") from error

from aigw_sansio import Gateway, ProviderSettings, __version__
from aigw_sansio.config import shown_url

from ..client import HandshakeRefused, WebSocketClosed
from ..core.printable import printable
from ..core.sockets import listeners_on
from ..server import concerns
from ..server.files import unusable_files, unusable_places
from ..server.observe.places import PlaceError
from ..server.reload import SettingsFile
from ..server.service_manager import ServiceManager
from ..server.settings import MAX_WORKERS, Settings, SettingsError, load_settings
from ..stores import StoreError
from ..stores.opening import MEMORY
from .call import ask, target_of, told_at_the_end
from .demo.realtime import converse
from .demo.realtime_view import realtime_summary, realtime_view_for
from .demo.universal import demonstrate
from .demo.universal_view import summary, view_for
from .given import WrongOption, checked_texts, given_key, standard_input, unreadable
from .keys import KeyRefused, list_keys, put_key
from .logs import logs
from .loops import run
from .output import Output
from .question import body_of, headers_of
from .read import ReadError, read_file
from .send import send_messages
from .serve import Serving, at_passed, can_fork
from .translate import TranslateError, translate_answer_file, translate_file

app = typer.Typer(
    name="aigw",
    help="An AI gateway: one WebSocket in, any provider out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Settings file (TOML). Without it: defaults.")
]


class Driver(StrEnum):
    """What binds the engine to sockets: both names mean the same driver."""

    ANYIO = "anyio"
    PROTOCOL = "protocol"


DriverOption = Annotated[Driver, typer.Option(help="Both names mean the one driver.")]


StrictOption = Annotated[bool, typer.Option("--strict", help="Warnings are errors.")]


def _settings(path: Path | None, console: Output) -> Settings:
    try:
        return load_settings(path, os.environ)
    except SettingsError as error:
        for line in error.errors:
            console.tell("error", line)
        raise typer.Exit(2) from None


def _judge(settings: Settings, file: Path | None, console: Output, *, strict: bool) -> list[str]:
    """Report what must not be, and end. Returns what an operator would regret, in lines to print as warnings; with
    ``strict`` that ends the command too."""
    name = "aigw" if file is None else file
    wrong = [*unusable_files(settings), *unusable_places(settings), *concerns.errors(settings)]
    problems = [f"{name}: {line}" for line in wrong]
    mode = None if file is None else file.stat().st_mode
    doubts = [f"{name}: {line}" for line in concerns.warnings(settings, file_mode=mode)]
    for line in problems:
        console.tell("error", line)
    if problems or (strict and doubts):
        _warn(doubts, console)
        raise typer.Exit(2)
    return doubts


def _warn(lines: list[str], console: Output) -> None:
    for line in lines:
        console.tell("warning", line)


_NO_FILE = (
    "without a settings file only loopback addresses are allowed: write a file with host under [server], and "
    'tokens, authentication = true or authentication = false under [gateways."ACCOUNT/GATEWAY"]'
)


def _complain(text: object) -> None:
    """A line on standard error."""
    print(printable(str(text)), file=sys.stderr)


def _tell_version(wanted: bool) -> None:
    if wanted:
        compiled = not str(sys.modules[Gateway.__module__].__file__).endswith(".py")
        Output().write_line(f"aigw {__version__}, core: {'compiled' if compiled else 'Python'}")
        raise typer.Exit()


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version, and which core runs."),
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    config: ConfigOption = None,
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free port.")] = None,
    driver: DriverOption = Driver.ANYIO,
    workers: Annotated[
        int | None, typer.Option(min=1, max=MAX_WORKERS, help="Serve in so many processes, and watch over them.")
    ] = None,
    loopback: Annotated[bool, typer.Option("--loopback", help="With the built-in provider, also with a file.")] = False,
    strict: StrictOption = False,
) -> None:
    """Serve until SIGINT or SIGTERM; then let running requests finish."""
    console = Output()
    settings = _settings(config, console)
    console.stderr = "stdout" in settings.records.to  # records alone are there
    given = {"host": host, "port": port, "workers": workers}
    changes = {name: value for name, value in given.items() if value is not None}
    settings = msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, **changes))
    manager, passed = _service_manager(console)
    settings = at_passed(settings, passed)
    if passed:
        changes |= {"host": settings.server.host, "port": settings.server.port}
    if config is None and not concerns.is_local(settings.server.host):
        console.tell("error", f"--host: {_NO_FILE}")
        raise typer.Exit(2)
    if settings.server.workers is not None and not can_fork():
        console.tell("error", "--workers: this system cannot fork; leave it out")
        raise typer.Exit(2)
    file = None
    if config is not None and hasattr(signal, "SIGHUP"):
        file = SettingsFile(config, os.environ, settings, options=changes, strict=strict)
    serving = Serving(
        settings=settings,
        driver=driver.value,
        loopback=loopback or config is None,
        manager=manager,
        passed=passed,
        file=file,
        doubts=_judge(settings, config, console, strict=strict),
    )
    try:
        count = settings.server.workers
        status = serving.here(console) if count is None else serving.in_workers(count, console)
    except PlaceError as error:
        console.tell("error", str(error))
        raise typer.Exit(1) from None
    except OSError as error:
        server = settings.server
        console.tell("error", f"cannot listen on {server.host}:{server.port}: {error.strerror or error}")
        raise typer.Exit(1) from None
    if status:
        raise typer.Exit(status)


def _service_manager(console: Output) -> tuple[ServiceManager, list[socket.socket]]:
    """That of this process, and the listening sockets that it passed."""
    try:
        manager = ServiceManager(os.environ)
        passed = manager.passed_sockets()
        listeners_on(passed)
    except (ValueError, OSError) as error:
        console.tell("error", f"cannot use what the service manager passed: {error}")
        raise typer.Exit(1) from None
    return manager, passed


@app.command()
def demo(
    *,
    driver: DriverOption = Driver.ANYIO,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Show a spoken conversation in a realtime session.")
    ] = False,
) -> None:
    """Show a gateway at work: several requests at once over one socket. Needs no keys and no network."""
    console = Output()

    async def main() -> None:
        with console.cancelled_without_reader():
            context, maker = view_for(console)
            with context:
                result = await demonstrate(maker, driver=driver.value)
            console.print(summary(result), soft_wrap=not console.is_terminal)

    async def realtime_main() -> None:
        with console.cancelled_without_reader():
            context, maker = realtime_view_for(console)
            with context:
                result = await converse(maker, driver=driver.value)
            console.print(realtime_summary(result), soft_wrap=not console.is_terminal)

    try:
        run(realtime_main if realtime else main)
    except Exception:
        if not console.reader_gone:  # else it was cancelled in mid-conversation, and nobody is left to be told
            raise
    if console.reader_gone:
        raise typer.Exit(1)


@app.command()
def keys(
    config: Annotated[Path, typer.Argument(help="Settings file (TOML); its store keeps the keys.")],
    gateway: Annotated[str | None, typer.Argument(help="ACCOUNT/GATEWAY whose key is to be set.")] = None,
    provider: Annotated[str | None, typer.Argument(help="Slug of the provider that the key is for.")] = None,
    *,
    alias: Annotated[str, typer.Option(help="What clients name in cf-aig-byok-alias.")] = "default",
    delete: Annotated[bool, typer.Option("--delete", help="Forget the key instead.")] = False,
) -> None:
    """Show which keys of providers the store has, or set one: it is read from standard input."""
    output = Output()
    settings = _settings(config, output)
    if settings.store.reveal() == MEMORY:
        output.tell("error", f"{config}: store.url is {MEMORY}, which keeps no keys")
        raise typer.Exit(2)
    if problems := [f"{config}: {line}" for line in unusable_places(settings)]:
        output.tell("error", problems[0])
        raise typer.Exit(2)
    if (gateway is None) is not (provider is None):
        output.tell("error", "a key is of a gateway and a provider: name both")
        raise typer.Exit(2)
    try:
        if gateway is None or provider is None:
            lines = run(lambda: list_keys(settings))
        else:
            key = None if delete else given_key()
            lines = [run(lambda: put_key(settings, gateway, provider, alias, key))]
    except KeyRefused as error:
        output.tell("error", str(error))
        raise typer.Exit(2) from None
    except (StoreError, ValueError, OSError) as error:
        output.tell("error", str(error))
        raise typer.Exit(1) from None
    for line in lines:
        output.write_line(line)


@app.command()
def send(
    url: Annotated[str, typer.Argument(help="ws://HOST/v1/ACCOUNT/GATEWAY, or wss://; behind it /compat/responses.")],
    messages: Annotated[
        list[str] | None, typer.Argument(help="JSON messages; without any, the lines of standard input.")
    ] = None,
    token: Annotated[str | None, typer.Option(envvar="AIGW_TOKEN", help="Gateway token.")] = None,
) -> None:
    """Send messages over one socket and print all answers, until every exchange or response has ended.

    They are universal messages, or at /compat/responses and /PROVIDER/responses those of Responses over WebSocket.
    """
    output = Output()
    try:
        texts = messages or [line for line in standard_input().splitlines() if line.strip()]
        checked_texts(URL=url, MESSAGES="".join(texts), **{"--token": token})
        run(lambda: send_messages(url, texts, token, output))
    except ValueError as error:
        _complain(error)
        raise typer.Exit(2) from None
    except HandshakeRefused as error:
        _complain(error)
        raise typer.Exit(1) from None
    except WebSocketClosed as error:
        _complain(f"the gateway {error}")
        raise typer.Exit(1) from None
    except OSError as error:
        _complain(f"cannot connect to {url}: {error}")
        raise typer.Exit(1) from None
    if output.reader_gone:
        raise typer.Exit(1)


@app.command()
def call(
    provider: Annotated[str, typer.Argument(help="Slug of a provider, such as openai; loopback needs no key.")],
    endpoint: Annotated[str, typer.Argument(help="PATH[?QUERY] under its base URL, such as chat/completions.")],
    text: Annotated[str | None, typer.Argument(help="What to ask; - takes standard input.")] = None,
    *,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Name of the model.")] = None,
    query: Annotated[
        str | None, typer.Option(help="A JSON object: fields of the body, beside or instead of those that TEXT makes.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="NAME: VALUE, sent to the provider; may be repeated.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="ws:// or wss:// address of a gateway. Without it, one in this process is used.")
    ] = None,
    token: Annotated[str | None, typer.Option(envvar="AIGW_TOKEN", help="Token of the gateway at --url.")] = None,
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the provider's chunks, one per line.")] = False,
) -> None:
    """Send one request, print its text as it comes, and then on standard error what it used.

    Without --url the key of the provider is that of the settings file, else that of the environment (OPENAI_API_KEY,
    and so on).
    """
    output = Output()
    try:
        options = {"--model": model, "--query": query, "--header": "".join(header or []), "--url": url}
        checked_texts(PROVIDER=provider, ENDPOINT=endpoint, TEXT=text, **options, **{"--token": token})
        body = body_of(provider, endpoint, model, standard_input() if text == "-" else text, query)
        headers = headers_of(header or [])
        target = target_of(url, token, config, provider, os.environ)
    except (ValueError, SettingsError) as error:
        _complain(error)
        raise typer.Exit(2) from None
    try:
        ended = run(lambda: ask(target, provider, endpoint, body, headers, output, chunks=json))
    except OSError as error:
        _complain(f"cannot start a gateway: {error}")
        raise typer.Exit(1) from None
    if output.reader_gone:
        raise typer.Exit(1)
    if ended.metadata is not None:
        _complain(told_at_the_end(ended.metadata))
    if ended.failure is not None:
        _complain(ended.failure)
        raise typer.Exit(1)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="Settings file (TOML).")], *, strict: StrictOption = False) -> None:
    """Check a settings file: report each error, its place, and the allowed values. Warn of what is dangerous."""
    console = Output()
    settings = _settings(file, console)
    _warn(_judge(settings, file, console, strict=strict), console)
    config = settings.config
    table = Table(box=None, show_header=False, pad_edge=False)
    server = settings.server
    table.add_row("listens on", f"{server.host}:{server.port}{' (TLS)' if server.tls_certificate else ''}")
    for name, gateway in config.gateways.items():
        table.add_row("gateway", f"{name}{' (authentication on)' if gateway.authentication else ''}")
    for slug, provider in config.providers.items():
        table.add_row("provider", f"{slug}{_described(provider)}")
    console.print(f"[green]ok[/green] {escape(printable(str(file)))}", soft_wrap=True)
    console.print(table)


def _described(provider: ProviderSettings) -> str:
    parts = [shown_url(provider.base_url) or "", "key stored" if provider.api_key else ""]
    text = ", ".join(part for part in parts if part)
    return f" ({text})" if text else ""


@app.command()
def read(
    file: Annotated[Path, typer.Argument(help="A recorded response body of a provider, as its client received it.")],
    provider: Annotated[str | None, typer.Option(help="Slug of the provider that sent it.")] = None,
    format: Annotated[str | None, typer.Option(help="Its format; by default the content decides.")] = None,
    content_type: Annotated[str | None, typer.Option(help="Its content-type.")] = None,
    status: Annotated[int, typer.Option(min=100, max=599, help="Its status.")] = 200,
) -> None:
    """Print the provider-agnostic events of a recorded response, one JSON document per line."""
    if provider is not None and format is not None:
        _complain("--provider and --format exclude each other: use one of them")
        raise typer.Exit(2)
    output = Output()
    try:
        for line in read_file(file, provider=provider, format=format, content_type=content_type, status=status):
            output.write_line(line)
            if output.reader_gone:
                raise typer.Exit(1)
    except (ReadError, WrongOption, OSError) as error:
        told = unreadable(file, error) if isinstance(error, OSError) else f"{file}: {error}"
        _complain(error if isinstance(error, WrongOption) else told)
        raise typer.Exit(1 if isinstance(error, ReadError) else 2) from None


@app.command()
def translate(
    file: Annotated[str, typer.Argument(help="The body of a request, or with --answer of a response; - reads stdin.")],
    source: Annotated[str, typer.Option("--from", help="Its format, such as openai-chat.")],
    target: Annotated[str, typer.Option("--to", help="The format that is wanted, such as anthropic-messages.")],
    *,
    stream: Annotated[bool, typer.Option("--stream", help="Ask for a stream; with --answer: it is one.")] = False,
    answer: Annotated[bool, typer.Option("--answer", help="FILE is a provider's response for a client.")] = False,
    status: Annotated[int, typer.Option(min=100, max=599, help="With --answer: its status.")] = 200,
) -> None:
    """Translate a request into a provider's format, or a response into a client's. Sends nothing.

    A request is printed as one JSON object with method, path, headers, body and notes. If it cannot be said in that
    format, the object has only refused, with field and why, and the exit status is 3.
    """
    output = Output()
    try:
        if answer:
            pieces = translate_answer_file(file, source=source, target=target, status=status, stream=stream)
            for piece in pieces:
                if isinstance(piece, bytes):
                    output.write_line(piece.decode())
                else:
                    for note in piece:
                        _complain(f"note: {note.kind} {note.field}: {note.why}")
            return
        text, refused = translate_file(file, source=source, target=target, stream=stream)
    except (TranslateError, WrongOption, OSError) as error:
        name = "standard input" if file == "-" else file
        told = unreadable(name, error) if isinstance(error, OSError) else f"{name}: {error}"
        _complain(error if isinstance(error, WrongOption) else told)
        raise typer.Exit(2) from None
    output.write_line(text.decode())
    if refused:
        raise typer.Exit(3)


app.command()(logs)


def main() -> None:
    """Entry point of the command ``aigw``."""
    app()
