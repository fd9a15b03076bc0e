"""Responses in an unknown format.

Decides: that each chunk is content, and that a top-level ``error`` is an error. Must not know: anything else; chunks
are not even decoded, unless they contain ``"error"``.
"""

from typing import Final

from ..bodies.chunk import Chunk
from ..events import ProviderEvent, ResponseFailed, Unrecognised
from .errors import embedded_error, framing_error
from .values import parse

#: The event of every chunk of an unknown format; one shared object.
OPAQUE: Final = Unrecognised("opaque", opaque=True)


class UnknownReader:
    """Reads only errors. No chunk tells the end of a response: the end of its transport does."""

    terminated: bool = False
    finish_seen: bool = False
    complete: bool = False

    @property
    def markers(self) -> tuple[bytes, ...]:
        return (b'"error"',)

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        if chunk.failed or chunk.event == "error":
            return [framing_error(chunk.data, chunk.event)]
        found = _error_in(chunk.data)
        return [OPAQUE] if found is None else [found]

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        found = _error_in(body)
        return [] if found is None else [found]

    def finish(self) -> list[ProviderEvent]:
        return []


def _error_in(data: bytes) -> ResponseFailed | None:
    if b'"error"' not in data:
        return None
    value = parse(data)
    return embedded_error(value) if type(value) is dict else None
