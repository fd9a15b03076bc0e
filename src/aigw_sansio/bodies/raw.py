"""Bodies without inner structure: returned in pieces, or collected whole.

Decides: how much of a whole body is kept. Must not know: what the bytes mean.
"""

from typing import Final

from ..faults import Fault, FaultKind, Side
from ..wires.heads import header_values
from ..wires.http import Headers
from .chunk import Chunk

#: Smaller pieces of a whole body are joined as they come: an object for each would take more memory than the bytes.
_WORTH_ITS_OBJECT: Final = 4096


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

    __slots__ = ("_limit", "_pieces", "fault", "size", "unread")

    def __init__(self, limit: int) -> None:
        """``limit``: the largest body in bytes."""
        self.fault: Fault | None = None
        self.unread = False  #: always false
        self.size = 0  #: bytes of the body so far
        # Joined once, at the end: for a large body each copy takes new pages of memory, which costs more than copying.
        self._pieces: list[bytes | bytearray] = []
        self._limit = limit

    @property
    def buffered(self) -> int:
        """Bytes collected; equal to ``size``."""
        return self.size

    def feed(self, data: bytes) -> list[Chunk]:
        """More of the body. Returns no chunk. A body above the limit is dropped, and ``fault`` is set."""
        if self.fault is None:
            pieces = self._pieces
            self.size += len(data)
            if self.size > self._limit:
                pieces.clear()
                self.size = 0
                self.fault = Fault(
                    FaultKind.BODY_TOO_LARGE,
                    Side.PROVIDER,
                    f"the provider's answer is larger than the {self._limit} bytes allowed",
                )
            elif not pieces or len(data) >= _WORTH_ITS_OBJECT:
                pieces.append(data)
            elif isinstance(last := pieces[-1], bytearray):
                last += data
            else:
                pieces.append(bytearray(data))
        return []

    def finish(self) -> list[Chunk]:
        """The body ended. Returns one chunk with all of it, even if it is empty."""
        if self.fault is not None:
            return []
        body = b"".join(self._pieces)  # no copy of one alone
        self._pieces = []
        self.size = 0
        return [Chunk(body)]
