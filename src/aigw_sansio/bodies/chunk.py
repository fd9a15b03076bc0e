"""What every body decoder yields.

Decides: the one shape in which pieces of a body travel. Must not know: any framing.
"""

from typing import Protocol

import msgspec

from ..faults import Fault


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """One complete payload: the data of an SSE event, a line, an array element, a frame.

    ``event`` is the name the framing gave it (SSE ``event:``, AWS ``:event-type``); ``""`` for none. ``failed``
    marks what the framing itself calls an error: an AWS exception frame, a raw JSON error inside an SSE body.
    """

    data: bytes
    event: str = ""
    failed: bool = False


class BodyDecoder(Protocol):
    """Splits one body. Feed it until ``fault`` is set or the body ends, then call ``finish`` once."""

    @property
    def fault(self) -> Fault | None:
        """Why the body cannot be read on, once that is so. What was complete before it has been returned."""

    @property
    def buffered(self) -> int:
        """Bytes held for a payload that is not complete."""

    def feed(self, data: bytes) -> list[Chunk]:
        """More bytes of the body; the payloads they complete, in order. Never raises."""

    def finish(self) -> list[Chunk]:
        """The body ended cleanly: what is left, where the format allows it to stand at the end."""
