"""``aigw serve``: a gateway in this process, or in workers that this process supervises.

Decides: which of the two, and what is printed and told to the service manager meanwhile. Must not know: options, any
protocol.
"""

import logging
import os
import shlex
import signal
import socket
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

import anyio
import msgspec

from aigw_sansio.providers.registry import DEFAULT_SLUGS

from ..core.printable import printable
from ..core.sockets import address_text, listeners_on
from ..server.concerns import is_local
from ..server.reload import SettingsFile
from ..server.serve import DriverName, Running, running, serve_until_signal, url_of
from ..server.service_manager import ServiceManager
from ..server.settings import Settings
from ..server.siblings import Family, Siblings
from ..server.slots import Slots
from ..server.supervisor import Place, Supervisor
from ..server.worker import work
from .loops import run
from .output import Output


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served. ``loopback``: with the built-in provider. ``passed``: listening sockets of ``manager``, in
    place of the settings' address."""

    settings: Settings
    driver: DriverName
    loopback: bool
    manager: ServiceManager
    passed: Sequence[socket.socket]
    file: SettingsFile | None  #: it is read again at SIGHUP
    doubts: Sequence[str]  #: warnings, printed when it listens

    def here(self, console: Output) -> int:
        """Serve in this process until a signal. Returns the exit status. Raises ``OSError`` if it cannot listen."""
        begin_log("%(asctime)s %(name)s %(levelname)s %(message)s")

        async def main() -> None:
            async with (
                running(self.settings, driver=self.driver, loopback=self.loopback, sockets=self.passed) as gateway,
                anyio.create_task_group() as tasks,
            ):
                tasks.start_soon(_stay_alive, self.manager)
                try:
                    await serve_until_signal(
                        gateway,
                        on_start=partial(self._tell_started, console, gateway.url),
                        on_drain=self.manager.stopping,
                        on_reload=None if self.file is None else partial(self._reload, gateway, self.file),
                    )
                finally:  # it ends: one more signal must not cut off the records that it writes
                    for number in (signal.SIGINT, signal.SIGTERM):
                        signal.signal(number, signal.SIG_IGN)
                tasks.cancel_scope.cancel()
            console.print("stopped")

        run(main)
        return 0

    def in_workers(self, count: int, console: Output) -> int:
        """Serve in ``count`` workers until a signal. Returns the exit status. Raises ``OSError`` if it cannot
        listen."""
        begin_log("%(asctime)s %(process)d %(name)s %(levelname)s %(message)s")
        server = self.settings.server
        slots = Slots(server.host, server.port, count, self.passed)
        (first, *_) = listeners_on(slots[0])
        url = url_of(first.socket, None if self.passed else server.host, secure=server.tls_certificate is not None)

        family = Family(count) if server.metrics or server.page != "off" else None
        file = self.file

        def work_at(place: Place) -> int:
            def take(gateway: Running, document: bytes) -> bool:
                return file is not None and file.give(document, gateway.reconfigure)

            siblings = None if family is None else family.worker(place.number)
            run(lambda: work(place, partial(self._running, siblings), take))
            return 0

        def take_for_later_workers(document: bytes) -> bool:
            return file is not None and file.give(document, lambda settings: None)

        supervisor = Supervisor(
            work_at,
            count,
            slots,
            manager=self.manager,
            on_ready=lambda: self._greet(console, url),
            on_reload=None if file is None else file.read,
            on_taken=take_for_later_workers,
            on_ended=None if family is None else family.ended,
        )
        status = supervisor.run()
        if family is not None:
            family.close()
        console.print("stopped")
        return status

    def _running(self, siblings: Siblings | None, place: Place) -> AbstractAsyncContextManager[Running]:
        return running(
            self.settings if self.file is None else self.file.settings,  # a later worker has later ones
            driver=self.driver,
            loopback=self.loopback,
            sockets=place.sockets,
            worker=place.number,
            siblings=siblings,
        )

    def _tell_started(self, console: Output, url: str) -> None:
        self._greet(console, url)
        self.manager.ready()

    def _reload(self, gateway: Running, file: SettingsFile) -> None:
        self.manager.reloading()
        document = file.read()
        if document is not None:
            file.give(document, gateway.reconfigure)
        self.manager.ready()

    def _greet(self, console: Output, base: str) -> None:
        settings = self.settings
        name, own = next(iter(settings.config.gateways.items()))
        url = f"{base}/v1/{name}"
        console.print(f"[bold green]aigw[/bold green] is listening on [bold]{base}[/bold]", soft_wrap=True)
        for other in settings.config.gateways:
            console.print(f"  gateway    {base}/v1/{other}", soft_wrap=True)
        slugs = sorted(DEFAULT_SLUGS | set(settings.config.providers) | ({"loopback"} if self.loopback else set()))
        console.print(f"  providers  {', '.join(slugs)}", soft_wrap=True)
        if own.authentication:
            console.print("  this gateway needs a token: header cf-aig-authorization: Bearer TOKEN", soft_wrap=True)
        provider = "loopback" if self.loopback or "loopback" in settings.config.providers else "openai"
        step: dict[str, object] = {"eventId": "1", "provider": provider, "endpoint": "chat/completions"}
        if provider != "loopback":
            step["headers"] = {"authorization": "Bearer YOUR_PROVIDER_KEY"}
        model = "loopback-1" if provider == "loopback" else "gpt-4.1-mini"
        step["query"] = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
        message = msgspec.json.encode({"type": "universal.create", "request": step}).decode()
        console.print("\n  Try it, here or with any WebSocket client:")
        shown = f"  aigw send {url} \\\n    {shlex.quote(message)}"
        console.print(shown, soft_wrap=True, markup=False, highlight=False)
        console.print("\n  Ctrl-C drains and stops.", soft_wrap=True)
        for line in self.doubts:
            console.tell("warning", line)


def can_fork() -> bool:
    """Whether this system can have workers."""
    return hasattr(os, "fork")


def at_passed(settings: Settings, passed: Sequence[socket.socket]) -> Settings:
    """``settings`` with the address of the sockets that were passed: of one that others than this machine reach, if
    there is one. Raises ``ValueError`` if one does not listen."""
    addresses = [one.socket.getsockname() for one in listeners_on(passed)]
    known = [address[:2] for address in addresses if address_text(address) != "unix"]
    for host, port in sorted(known, key=lambda address: is_local(address[0])):
        server = msgspec.structs.replace(settings.server, host=host, port=port)
        return msgspec.structs.replace(settings, server=server)
    return settings


class _PrintableFormatter(logging.Formatter):
    """Escapes what a terminal would obey, whoever wrote it into the log."""

    def format(self, record: logging.LogRecord) -> str:
        """See :meth:`logging.Formatter.format`."""
        return printable(super().format(record))


def begin_log(form: str) -> None:
    """Log to standard error, each line in this ``form``."""
    handler = logging.StreamHandler()
    handler.setFormatter(_PrintableFormatter(form))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


async def _stay_alive(manager: ServiceManager) -> None:
    """Tell the service manager so, if it wants to hear it."""
    while manager.watchdog_s is not None:
        manager.alive()
        await anyio.sleep(manager.watchdog_s / 4)
