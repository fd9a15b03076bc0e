"""Responses in an unknown format.

Decides: that each chunk is content, that a top-level ``error`` is an error, and that a response with another format's
shape means what it means there. Must not know: that format. A shape is a guess, so it decides nothing else: neither
when the response ends nor whether it failed.
"""

from collections.abc import Callable
from typing import Final

from ..bodies.chunk import Chunk
from ..events import ProviderEvent, ResponseFailed, Unrecognised
from .base import BaseReader
from .classify import is_content
from .detection import format_of_value
from .errors import any_error, embedded_error, framing_error
from .values import BROKEN, parse

#: The event of every chunk of an unknown format; one shared object.
OPAQUE: Final = Unrecognised("opaque", opaque=True)
#: How many chunks are looked at for a shape.
LOOKS: Final = 16


class UnknownReader:
    """Reads errors, and what a reader of the format with the same shape reads. No chunk tells the end of a response:
    the end of its transport does."""

    terminated: bool = False
    finish_seen: bool = False

    def __init__(self, make: Callable[[str], BaseReader | None]) -> None:
        """``make`` gives the reader of a format."""
        self._make = make
        self._told: BaseReader | None = None
        self._looks = LOOKS

    @property
    def complete(self) -> bool:
        return self._told is not None and self._told.complete

    @property
    def markers(self) -> tuple[bytes, ...]:
        return (b'"error"',) if self._told is None else self._told.markers

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        if (chunk.failed and not _is_document(chunk)) or chunk.event == "error":
            return [framing_error(chunk.data, chunk.event)]
        found = _error_in(chunk.data)
        if found is not None:
            return [found]
        if self._told is None and self._looks:
            self._looks -= 1
            if chunk.data.lstrip()[:1] in (b"{", b"["):
                self._told = self._make(format_of_value(parse(chunk.data), chunk.event, errors=False))
        if self._told is None:
            return [OPAQUE]
        events = _without_failures(self._told.read(chunk))
        return events if is_content(events) else [*events, OPAQUE]

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        found = _error_in(body)
        if found is not None:
            return [found]
        if body.lstrip()[:1] not in (b"{", b"["):
            return []
        self._told = self._make(format_of_value(parse(body), errors=False))
        return [] if self._told is None else _without_failures(self._told.read_whole(body))

    def finish(self) -> list[ProviderEvent]:
        return [] if self._told is None else _without_failures(self._told.finish())


def _without_failures(events: list[ProviderEvent]) -> list[ProviderEvent]:
    return [event for event in events if type(event) is not ResponseFailed]


def _is_document(chunk: Chunk) -> bool:
    """Whether ``chunk`` is a JSON document between events that does not read as an error."""
    value = parse(chunk.data)
    return chunk.event in ("", "message") and value is not BROKEN and any_error(value) is None


def _error_in(data: bytes) -> ResponseFailed | None:
    if b'"error"' not in data:
        return None
    value = parse(data)
    return embedded_error(value) if type(value) is dict else None
