"""Bodies without inner structure: returned in pieces, or collected whole.

Decides: how much of a whole body is kept. Must not know: what the bytes mean.
"""

from ..faults import Fault, FaultKind, Side
from ..wires.heads import header_values
from ..wires.http import Headers
from .chunk import Chunk


def announced_too_large(headers: Headers, limit: int) -> Fault | None:
    """A fault if a whole response announces more than may be held. The wire has checked the field."""
    for value in header_values(headers, b"content-length"):
        if value.isdigit() and int(value) > limit:
            detail = f"the provider announces a body of {int(value)} bytes; a whole answer may have {limit}"
            return Fault(FaultKind.BODY_TOO_LARGE, Side.PROVIDER, detail)
    return None


class BinaryDecoder:
    """A :class:`~.chunk.BodyDecoder` for a binary stream, for example audio: each piece is returned at once. The cuts
    between pieces have no meaning."""

    __slots__ = ("fault", "unread")

    def __init__(self) -> None:
        self.fault: Fault | None = None  #: always ``None``: all bytes are valid
        self.unread = False  #: always false

    @property
    def buffered(self) -> int:
        """Always 0."""
        return 0

    def feed(self, data: bytes) -> list[Chunk]:
        """``data`` as one chunk; none for empty data."""
        return [Chunk(data)] if data else []

    def finish(self) -> list[Chunk]:
        """The body ended. Returns no chunk."""
        return []


class WholeBody:
    """A :class:`~.chunk.BodyDecoder` that collects everything and returns it as one chunk at the end."""

    __slots__ = ("_body", "_limit", "fault", "unread")

    def __init__(self, limit: int) -> None:
        """``limit``: the largest body in bytes."""
        self.fault: Fault | None = None
        self.unread = False  #: always false
        self._body = bytearray()
        self._limit = limit

    @property
    def buffered(self) -> int:
        """Bytes collected; equal to ``size``."""
        return len(self._body)

    @property
    def size(self) -> int:
        """Bytes of the body so far."""
        return len(self._body)

    def feed(self, data: bytes) -> list[Chunk]:
        """More of the body. Returns no chunk. A body above the limit is dropped, and ``fault`` is set."""
        if self.fault is None:
            if len(self._body) + len(data) > self._limit:
                self._body = bytearray()
                self.fault = Fault(
                    FaultKind.BODY_TOO_LARGE,
                    Side.PROVIDER,
                    f"the provider's answer is larger than the {self._limit} bytes allowed",
                )
            else:
                self._body += data
        return []

    def finish(self) -> list[Chunk]:
        """The body ended. Returns one chunk with all of it, even if it is empty."""
        if self.fault is not None:
            return []
        body = bytes(self._body)
        self._body = bytearray()
        return [Chunk(body)]
