"""``aigw call``: one request, its text as it comes, its usage at the end.

Decides: what of a response is printed, what the end says, and the private gateway that serves if no other is named.
Must not know: options, exit status, sockets.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

import msgspec

from aigw_sansio import ProviderSettings, RefusalDelta, Secret, TextDelta
from aigw_sansio.providers.registry import ALIASES

from ..client import Client, ClientError, GatewayError, Metadata, Options, ProviderError
from ..server.serve import running
from ..server.settings import ServerSettings, Settings, load_settings
from .output import Output
from .question import Body, format_at

#: Names of the variables in which keys are usually kept, if they are not SLUG_API_KEY.
_KEY_VARIABLES: Final[dict[str, tuple[str, ...]]] = {
    "alibaba": ("DASHSCOPE_API_KEY",),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "fal": ("FAL_KEY",),
    "google-ai-studio": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "grok": ("XAI_API_KEY",),
    "huggingface": ("HF_TOKEN",),
    "perplexity-ai": ("PERPLEXITY_API_KEY",),
    "replicate": ("REPLICATE_API_TOKEN",),
}
_ALWAYS_TOLD: Final = ("input_tokens", "output_tokens")


class Target(msgspec.Struct, frozen=True):
    """The gateway that is asked: the one at ``url``, or if that is ``None`` one in this process."""

    url: str | None
    token: Secret | None
    settings: Settings = Settings()
    loopback: bool = False


class Ended(msgspec.Struct, frozen=True):
    """How a request ended. ``metadata`` is what the gateway told of it, if it told anything."""

    metadata: Metadata | None
    failure: ClientError | None = None


def target_of(
    url: str | None, token: str | None, file: Path | None, provider: str, environ: Mapping[str, str]
) -> Target:
    """The gateway at ``url``, else one with the settings in ``file``. Raises ``ValueError`` or
    :class:`aigw_drivers.SettingsError`."""
    if url is None:
        return private_gateway(load_settings(file, environ), provider, environ, loopback=file is None)
    if file is not None:
        raise ValueError("--url and --config exclude each other: use one of them")
    Client(url)  # judges the URL
    return Target(url, None if token is None else Secret(token))


def private_gateway(settings: Settings, provider: str, environ: Mapping[str, str], *, loopback: bool) -> Target:
    """A gateway for this process alone, and with a token: other users of the machine could reach its port, too.

    It is the first gateway of ``settings``. If no key of ``provider`` is stored, the one in ``environ`` is taken.
    """
    config = settings.config
    token = Secret(token_urlsafe(32))
    name, own = next(iter(config.gateways.items()))
    own = msgspec.structs.replace(own, authentication=True, tokens=(token,))
    slug = ALIASES.get(provider, provider)
    stored = config.providers.get(slug, ProviderSettings())
    key = key_in(environ, slug)
    providers = config.providers
    if stored.api_key is None and key is not None:
        providers = {**providers, slug: msgspec.structs.replace(stored, api_key=key)}
    config = msgspec.structs.replace(config, gateways={name: own}, providers=providers)
    settings = msgspec.structs.replace(settings, config=config, server=ServerSettings(port=0))
    return Target(url=None, token=token, settings=settings, loopback=loopback)


async def ask(
    target: Target,
    provider: str,
    endpoint: str,
    body: Body,
    headers: Mapping[str, str],
    output: Output,
    *,
    chunks: bool,
) -> Ended:
    """Send the request to ``target`` and print what comes: text, or with ``chunks`` the provider's own JSON, which is
    also printed if the format is unknown. Raises ``OSError`` if a gateway in this process cannot be started."""
    show = print_json if chunks or format_at(provider, endpoint) == "unknown" else print_text
    async with AsyncExitStack() as stack:
        url = target.url
        if url is None:
            run = await stack.enter_async_context(running(target.settings, loopback=target.loopback))
            url = f"{run.url}/v1/{next(iter(target.settings.config.gateways))}"
        try:
            async with Client(url, token=target.token) as client:
                return Ended(await show(client, provider, endpoint, body, Options(headers=headers), output))
        except (ProviderError, GatewayError) as error:
            return Ended(error.metadata if error.metadata.usage is not None else None, error)
        except ClientError as error:
            return Ended(None, error)


def key_in(environ: Mapping[str, str], slug: str) -> Secret | None:
    """The key of the provider ``slug`` in ``environ``: OPENAI_API_KEY, ANTHROPIC_API_KEY, and so on."""
    names = _KEY_VARIABLES.get(slug, (f"{slug.upper().replace('-', '_')}_API_KEY",))
    value = next((value for name in names if (value := environ.get(name, "").strip())), None)
    return None if value is None else Secret(value)


async def print_text(
    client: Client, provider: str, endpoint: str, query: object, options: Options, output: Output
) -> Metadata:
    """Print the text of the response as it comes; if it has none, its JSON. Raises what the client raises."""
    has_text = False
    is_open = False  # the line
    async with client.stream(provider, endpoint, query, **options) as stream:
        try:
            async for event in stream:
                if isinstance(event, TextDelta | RefusalDelta) and event.choice == 0 and event.text:
                    output.write_text(event.text)
                    has_text, is_open = True, not event.text.endswith("\n")
                if output.reader_gone:
                    return stream.metadata
        finally:
            if is_open:
                output.write_line("")
        if not has_text and stream.response is not None:
            output.write_line(stream.response.raw.decode("utf-8", "replace"))
    return stream.metadata


async def print_json(
    client: Client, provider: str, endpoint: str, query: object, options: Options, output: Output
) -> Metadata:
    """Print each chunk of the provider, or the whole response, as a line of JSON. Raises what the client raises."""
    async with client.stream(provider, endpoint, query, mode="raw", **options) as stream:
        async for chunk in stream:
            output.write_line(" ".join(chunk.raw.decode("utf-8", "replace").splitlines()))
            if output.reader_gone:
                break
    return stream.metadata


def told_at_the_end(metadata: Metadata) -> str:
    """What the response cost and how it ended, in a line. Counts of zero are left out, but for the two main ones."""
    counts = {} if metadata.usage is None else msgspec.structs.asdict(metadata.usage)
    quality = counts.pop("quality", "final")
    told = [
        f"{name.replace('_', ' ')} {count}"
        for name, count in counts.items()
        if count or (count == 0 and name in _ALWAYS_TOLD)
    ]
    parts = [f"usage: {', '.join(told) or 'not told'}"]
    if quality != "final":
        parts.append("not final")
    if metadata.finish_reason is not None:
        parts.append(f"finish: {metadata.finish_reason}")
    if metadata.attempts is not None and metadata.attempts > 1:
        parts.append(f"attempts: {metadata.attempts}")
    return "; ".join(parts)
