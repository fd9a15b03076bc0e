"""``aigw read FILE``: what the tap reads from a recorded answer, as lines of JSON.

Decides: how a file's framing and format are told, from the options first, then from its name and content. Must not
know: any format; framing is :mod:`aigw_sansio.bodies.framing`'s, meaning is :mod:`aigw_sansio.formats.registry`'s.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from aigw_sansio import Limits, ProviderEvent
from aigw_sansio.bodies.framing import Framing, decoder_for, framing_of, media_type
from aigw_sansio.formats.detection import detect_format
from aigw_sansio.formats.registry import FORMAT_ALIASES, make_reader
from aigw_sansio.providers.registry import ALIASES, REGISTRY

_PIECE: Final = 64 * 1024
_DETECT: Final = 4096
_TYPES: Final = {
    ".sse": "text/event-stream",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".eventstream": "application/vnd.amazon.eventstream",
    ".json": "application/json",
}
#: What the providers' own formats are, where an endpoint does not say it.
_PROVIDERS: Final = {
    "anthropic": "anthropic-messages",
    "google-ai-studio": "gemini",
    "google-vertex-ai": "gemini",
    "aws-bedrock": "bedrock-converse",
    "cohere": "cohere-v2",
}


class ReadError(ValueError):
    """The options name no provider or format, or the body is not what its framing promises."""


def read_file(
    path: str | Path,
    *,
    provider: str | None = None,
    format: str | None = None,
    content_type: str | None = None,
    status: int = 200,
) -> Iterator[str]:
    """The events in ``path``, one JSON document each, in order, without line ends.

    ``format`` (a format or a name of :data:`aigw_sansio.formats.registry.FORMAT_ALIASES`) is taken as it is; without it
    the content tells, and where it does not, ``provider`` (a slug) does. ``content_type`` and ``status`` are those of
    the answer; without a type the file's name and its first bytes tell. Raises :class:`ReadError` before the first
    event for an unknown name, after the last one for a broken body; ``OSError`` as ``open`` does.
    """
    named = _family(provider, format)
    with Path(path).open("rb") as file:
        start = file.read(_PIECE)
        kind = content_type or _type_of(Path(path), start)
        format = named if format is not None else _told(detect_format(kind, start[:_DETECT]), named)
        essence, _ = media_type([(b"content-type", kind.encode("latin-1", "replace"))])
        array = format == "gemini" and start.lstrip()[:1] == b"["
        framing = framing_of(status, essence, has_length=False, array_stream=array)
        reader = make_reader(format)
        if framing is Framing.WHOLE:
            yield from _lines(reader.read_whole(start + file.read()))
            return
        decoder = decoder_for(framing, Limits())
        data = start
        while data:
            for chunk in decoder.feed(data):
                yield from _lines(reader.read(chunk))
            data = b"" if decoder.fault is not None else file.read(_PIECE)
        for chunk in decoder.finish():
            yield from _lines(reader.read(chunk))
        if decoder.fault is not None:
            raise ReadError(decoder.fault.detail)
        yield from _lines(reader.finish())


def _family(provider: str | None, format: str | None) -> str:
    if format is not None:
        format = FORMAT_ALIASES.get(format)
        if format is None:
            raise ReadError(f"unknown format {format!r}; known are {', '.join(sorted(FORMAT_ALIASES))}")
        return format
    if provider is None:
        return "unknown"
    slug = ALIASES.get(provider, provider)
    row = REGISTRY.get(slug)
    if row is None:
        raise ReadError(f"unknown provider {provider!r}; known are {', '.join(sorted(REGISTRY))}")
    own = _PROVIDERS.get(slug) or FORMAT_ALIASES.get(slug) or row.format
    return "openai-chat" if own == "unknown" else own  # the common language of the rest


def _told(detected: str, named: str) -> str:
    """What the content tells, unless the provider's own reading knows more: it reads OpenAI's shape as well."""
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
