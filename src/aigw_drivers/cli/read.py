"""``aigw read FILE``: the provider-agnostic events of a recorded response, as lines of JSON.

Decides: how type and format of a file are found: from the options first, then from its name and content. Must not know:
any framing or format. :mod:`aigw_sansio.exchanges.response` reads the body, as the gateway would if a stream was asked
for.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from aigw_sansio import Fault, Limits, ProviderEvent, ResponseFailed, ResponseFinished
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.formats.classify import is_content
from aigw_sansio.formats.detection import LOOK_AT, detect_format
from aigw_sansio.formats.registry import FORMAT_ALIASES
from aigw_sansio.providers.registry import ALIASES, REGISTRY

from .given import WrongOption

_PIECE: Final = 64 * 1024
_ASKED: Final = b'{"stream":true}'
_TYPES: Final = {
    ".sse": "text/event-stream",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".eventstream": "application/vnd.amazon.eventstream",
    ".json": "application/json",
}
#: The usual format of providers whose registry row leaves it to the endpoint.
_PROVIDERS: Final = {
    "anthropic": "anthropic-messages",
    "google-ai-studio": "gemini",
    "google-vertex-ai": "gemini",
    "aws-bedrock": "bedrock-converse",
    "cohere": "cohere-v2",
}


class ReadError(ValueError):
    """The body breaks its framing."""


def read_file(
    path: str | Path,
    *,
    provider: str | None = None,
    format: str | None = None,
    content_type: str | None = None,
    status: int = 200,
) -> Iterator[str]:
    """The events in ``path`` in order, each a JSON document without a line end.

    ``format`` (a key of :data:`aigw_sansio.formats.registry.FORMAT_ALIASES`) decides the format. Without it the content
    decides, and if that is not clear, ``provider`` (a slug). ``content_type`` and ``status`` are those of the response;
    without a type the file's name and its first bytes decide. Raises :class:`.WrongOption` if a name is
    unknown, :class:`ReadError` after the last event if the body is broken, ``OSError`` if the file cannot be read.
    """
    named = _family(provider, format)
    with Path(path).open("rb") as file:
        start = file.read(LOOK_AT)
        kind = content_type or _type_of(Path(path), start)
        format = named if format is not None else _told(detect_format(kind, start), named)
        response = ProviderResponse(
            status,
            [(b"content-type", kind.encode("latin-1", "replace"))],
            format=format,
            limits=Limits(response_body_bytes=max(1, Path(path).stat().st_size)),
            array_stream=format == "gemini" and start.lstrip()[:1] == b"[",
            query=_ASKED,
        )
        committed = False
        data = start
        while (data or not response.needs_data) and response.fault is None and not response.over:
            for chunk in response.next_chunks(data):
                events = response.read(chunk)
                yield from _lines(events)
                if not committed and is_content(events):
                    committed = True
                    response.committed(everything=True)
            # A call reads a portion: what is left is read before more.
            data = file.read(_PIECE) if response.needs_data else b""
    yield from _lines(_end(response, committed=committed))


def _end(response: ProviderResponse, *, committed: bool) -> list[ProviderEvent]:
    """What the end of the body means. A whole body has all of its meaning there."""
    rest: list[Chunk] = []
    while not response.over:
        last = response.finish()
        if isinstance(last, Fault):
            raise ReadError(last.detail)
        rest += last
        if not response.unread:
            break
    if not response.is_stream:
        return _whole(response, rest[0].data if rest else b"")
    events = [event for chunk in rest for event in response.read(chunk)]
    committed = committed or is_content(events)
    events += response.read_end()
    failed = None if committed else response.failure(events)
    return events if failed is None else [*_unfinished(events), failed]


def _whole(response: ProviderResponse, body: bytes) -> list[ProviderEvent]:
    events = response.read_whole(body)
    if response.status >= 300 and response.known:
        return [response.error_of(body)]
    failed = response.failure(events)
    return events if failed is None else [*_unfinished(events), failed]


def _unfinished(events: list[ProviderEvent]) -> list[ProviderEvent]:
    return [event for event in events if not isinstance(event, ResponseFinished | ResponseFailed)]


def _family(provider: str | None, format: str | None) -> str:
    if format is not None:
        found = FORMAT_ALIASES.get(format)
        if found is None:
            raise WrongOption(f"unknown format {format!r}; known are {', '.join(sorted(FORMAT_ALIASES))}")
        return found
    if provider is None:
        return "unknown"
    slug = ALIASES.get(provider, provider)
    row = REGISTRY.get(slug)
    if row is None:
        raise WrongOption(f"unknown provider {provider!r}; known are {', '.join(sorted(REGISTRY))}")
    own = _PROVIDERS.get(slug) or FORMAT_ALIASES.get(slug) or row.format
    return "openai-chat" if own == "unknown" else own  # which most of the others speak


def _told(detected: str, named: str) -> str:
    """The detected format, unless the provider's own format knows more: it reads OpenAI's shape too."""
    if detected == "unknown" or (detected == "openai-chat" and named in ("workers-ai", "tgi", "watsonx")):
        return named
    return detected


def _type_of(path: Path, start: bytes) -> str:
    known = _TYPES.get(path.suffix.lower())
    if known is not None:
        return known
    head = start.lstrip()[:32]
    if head.startswith((b"data:", b"event:", b"id:", b":")):
        return "text/event-stream"
    if b":message-type" in start[:200] or b":event-type" in start[:200]:
        return "application/vnd.amazon.eventstream"
    return "application/json" if head[:1] in (b"{", b"[") else "application/octet-stream"


def _lines(events: list[ProviderEvent]) -> Iterator[str]:
    for event in events:
        yield msgspec.json.encode(event).decode()
