"""Chunks: the pieces of a body that every decoder returns, and the interface of a decoder.

Data only. One value and one protocol. Must not know: any framing.
"""

from typing import Protocol

import msgspec

from ..faults import Fault


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """One complete payload: the data of an SSE event, a line, an array element, a frame.

    ``event`` is the name that the framing gave it (SSE ``event:``, AWS ``:event-type``), or ``""``. ``failed``: the
    framing itself marks it as an error: an AWS exception frame, a raw JSON error inside an SSE body.
    """

    data: bytes
    event: str = ""
    failed: bool = False


class BodyDecoder(Protocol):
    """Splits one body. Feed it until ``fault`` is set or the body ends, then call ``finish`` once."""

    @property
    def fault(self) -> Fault | None:
        """Why the rest of the body cannot be read; ``None`` while it can. Payloads before it have been returned."""

    @property
    def buffered(self) -> int:
        """Bytes held for an incomplete payload."""

    def feed(self, data: bytes) -> list[Chunk]:
        """More bytes of the body. Returns the payloads that they complete, in order. Never raises."""

    def finish(self) -> list[Chunk]:
        """The body ended cleanly. Returns the last payload, if the format allows it to end with the body."""
