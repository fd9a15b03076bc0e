"""Chunks: the pieces of a body that every decoder returns, and the interface of a decoder.

Decides: how much one call of a decoder does. Must not know: any framing.
"""

from collections.abc import Iterator
from typing import Final, Protocol

import msgspec

from ..faults import Fault

#: One call of a decoder returns, or drops, at most so many payloads.
PORTION_CHUNKS: Final = 250
#: Or it takes so many smaller steps: a line of a payload with many lines, a change of depth in a nested one.
PORTION_STEPS: Final = 4 * PORTION_CHUNKS


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """One complete payload: the data of an SSE event, a line, an array element, a frame.

    ``event`` is the name that the framing gave it (SSE ``event:``, AWS ``:event-type``), or ``""``. ``failed``: the
    framing itself marks it as an error: an AWS exception frame, a raw JSON error inside an SSE body.
    """

    data: bytes
    event: str = ""
    failed: bool = False


class BodyDecoder(Protocol):
    """Splits one body. Feed it until ``fault`` is set or the body ends, then call ``finish``. While ``unread`` is true
    after a call, repeat it, ``feed`` with no bytes: each call does a portion of the work.

    All calls together cost time in proportion to the body, however it is cut, and only a payload that is not complete
    is kept. Any class with these members is a decoder; it needs no base class. A host gives its own to
    :class:`aigw_sansio.Parts`.
    """

    @property
    def fault(self) -> Fault | None:
        """Why the rest of the body cannot be read; ``None`` while it can. Payloads before it have been returned."""

    @property
    def buffered(self) -> int:
        """Bytes held: for an incomplete payload, or not looked at yet."""

    @property
    def unread(self) -> bool:
        """Whether bytes are left that may hold complete payloads."""

    def feed(self, data: bytes) -> list[Chunk]:
        """More bytes of the body. Returns the payloads that they complete, in order. Never raises."""

    def finish(self) -> list[Chunk]:
        """The body ended cleanly. Returns the last payload, if the format allows it to end with the body."""


def feed_all(decoder: BodyDecoder, data: bytes) -> Iterator[Chunk]:
    """``feed`` to the end, for callers without turns: all payloads that ``data`` completes."""
    yield from decoder.feed(data)
    while decoder.unread:
        yield from decoder.feed(b"")


def finish_all(decoder: BodyDecoder) -> Iterator[Chunk]:
    """``finish`` to the end, for callers without turns."""
    yield from decoder.finish()
    while decoder.unread:
        yield from decoder.finish()
