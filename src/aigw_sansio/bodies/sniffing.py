"""A body whose framing its first bytes tell: an event stream under a wrong media type, or what the type says.

Decides: when enough bytes have come to tell. Must not know: which types are in doubt, and how either body is read.
"""

from typing import Final, Protocol

from ..faults import Fault
from .chunk import BodyDecoder, Chunk
from .sse import begins_like_sse

#: Blanks before the first field are cut off here: a body that has more of them is no event stream.
_LOOK_AT: Final = 4096


class ChooseDecoder(Protocol):
    """Makes the decoder of a body, once its first bytes have told what it is."""

    def __call__(self, *, sse: bool) -> BodyDecoder:
        """``sse``: the body is an event stream."""


class SniffingDecoder:
    """A :class:`~.chunk.BodyDecoder` that holds the first bytes, until it can ask for the decoder of them all."""

    __slots__ = ("_blank", "_choose", "_held", "_inner")

    def __init__(self, choose: ChooseDecoder) -> None:
        """``choose`` is called once."""
        self._choose = choose
        self._held = bytearray()
        self._blank = True  # blanks alone have come
        self._inner: BodyDecoder | None = None

    @property
    def fault(self) -> Fault | None:
        """See :class:`~.chunk.BodyDecoder`."""
        return self._inner.fault if self._inner is not None else None

    @property
    def buffered(self) -> int:
        """Bytes held."""
        return self._inner.buffered if self._inner is not None else len(self._held)

    @property
    def unread(self) -> bool:
        """See :class:`~.chunk.BodyDecoder`."""
        return self._inner is not None and self._inner.unread

    def feed(self, data: bytes) -> list[Chunk]:
        """More of the body."""
        if self._inner is not None:
            return self._inner.feed(data)
        self._held += data
        if len(self._held) < _LOOK_AT:
            self._blank = self._blank and data.isspace()
            # Blanks are not looked at again with each read; of anything else few bytes tell.
            if self._blank or begins_like_sse(bytes(self._held)) is None:
                return []
        found = begins_like_sse(bytes(self._held[:_LOOK_AT]))  # no more, however the reads were cut
        return self._decide(sse=found is True)

    def finish(self) -> list[Chunk]:
        """The body ended. What is undecided by then is no event stream."""
        chunks = self._decide(sse=False) if self._inner is None else self._inner.feed(b"")
        assert self._inner is not None
        return chunks if self._inner.unread else chunks + self._inner.finish()

    def _decide(self, *, sse: bool) -> list[Chunk]:
        held, self._held = bytes(self._held), bytearray()
        self._inner = self._choose(sse=sse)
        return self._inner.feed(held) if held else []
