"""Streamed JSON arrays: the elements arrive one by one, as Google sends them without ``alt=sse``.

Decides: the start and the end of each element of the one top-level array (RFC 8259). Must not know: what an element
means, or whether it is valid inside; its bytes are returned unchanged. A body that is a single object is read as an
array of one element, because errors come in that form.
"""

import re
from enum import IntEnum
from typing import Final

from ..faults import Fault, FaultKind, Side
from .chunk import PORTION_CHUNKS, PORTION_STEPS, Chunk
from .nesting import NestingScanner


class ScanState(IntEnum):
    """The decoder's position in the array."""

    START = 0  #: before the array
    FIRST = 1  #: after ``[``: an element or the end follows
    NEXT = 2  #: after ``,``: an element follows
    NESTED = 3  #: inside an object, array or string
    SCALAR = 4  #: inside a number, ``true``, ``false`` or ``null``
    AFTER = 5  #: after an element: ``,`` or ``]`` follows
    END = 6  #: after the array


_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = re.compile(rb"[ \t\r\n]*+")
_SCALAR: Final = re.compile(rb"[-+.0-9A-Za-z]*+")
_SCALAR_START: Final = frozenset(b"-0123456789tfn")
_NESTED_START: Final = frozenset(b'{["')
_OPEN, _CLOSE, _COMMA, _BRACE = b"[],{"


class JsonArrayDecoder:
    """A :class:`~.chunk.BodyDecoder` for a streamed JSON array; one chunk for each element."""

    __slots__ = ("_at_start", "_held", "_limit", "_rest", "_scanner", "_single", "_state", "_steps", "fault", "unread")

    def __init__(self, limit: int) -> None:
        """``limit``: the largest element in bytes."""
        self.fault: Fault | None = None
        self._limit = limit
        self._held = bytearray()
        #: Whether a ``feed`` with no bytes may return more elements.
        self.unread = False
        self._rest = b""  # bytes behind a full portion
        self._scanner = NestingScanner()
        self._steps = 0  # that this call may still take in nested elements
        self._single = False
        self._at_start = True
        self._state = ScanState.START

    @property
    def buffered(self) -> int:
        """Bytes held for an incomplete element, or not looked at yet."""
        return len(self._held) + len(self._rest)

    def feed(self, data: bytes) -> list[Chunk]:
        """More of the body. Returns the elements that it completes, at most a portion; none once ``fault`` is set."""
        chunks: list[Chunk] = []
        fault = self.fault  # the calls below may set it
        if fault is not None:
            return chunks
        if self._at_start:
            data = bytes(self._held) + data
            self._held.clear()
            if len(data) < 3 and _BOM.startswith(data):
                self._held += data
                return chunks
            self._at_start = False
            data = data.removeprefix(_BOM)
        if self.unread:
            self.unread = False
            data, self._rest = self._rest + data, b""
        position = 0
        size = len(data)
        self._steps = PORTION_STEPS
        while position < size and self.fault is None:
            if len(chunks) == PORTION_CHUNKS or self._steps <= 0:
                self._rest = data[position:]
                self.unread = True
                break
            if self._state is ScanState.NESTED or self._state is ScanState.SCALAR:
                position = self._read_element(data, position, chunks)
                continue
            found = _BLANK.match(data, position)
            position = found.end() if found else position
            if position < size:
                position = self._between(data, position)
        return chunks

    def finish(self) -> list[Chunk]:
        """The body ended. Sets ``fault`` if the array did not end."""
        if self.fault is None and self._state is not ScanState.END:
            self._fail(FaultKind.INCOMPLETE_BODY, "ended before its array did")
        return []

    def _read_element(self, data: bytes, position: int, chunks: list[Chunk]) -> int:
        if self._state is ScanState.NESTED:
            end = self._scanner.scan(data, position, self._steps)
            self._steps -= self._scanner.used
            complete = end >= 0
            if not complete:
                end = self._scanner.at
        else:
            found = _SCALAR.match(data, position)
            end = found.end() if found else position
            complete = end < len(data)
        held = self._held
        if len(held) + end - position > self._limit:
            self._fail(FaultKind.BODY_TOO_LARGE, f"has an element larger than the {self._limit} bytes allowed")
        elif not complete:
            held += data[position:end]
        else:
            element = data[position:end]
            if held:
                element = b"".join((held, element))
                held.clear()
            chunks.append(Chunk(element))
            self._state = ScanState.END if self._single else ScanState.AFTER
        return end

    def _between(self, data: bytes, position: int) -> int:
        """Read one byte outside of elements that is not blank. Returns the next position."""
        byte = data[position]
        state = self._state
        if state is ScanState.AFTER and byte == _COMMA:
            self._state = ScanState.NEXT
        elif (state is ScanState.AFTER or state is ScanState.FIRST) and byte == _CLOSE:
            self._state = ScanState.END
        elif state is ScanState.START and byte == _OPEN:
            self._state = ScanState.FIRST
        elif (state is ScanState.START and byte == _BRACE) or (
            state in (ScanState.FIRST, ScanState.NEXT) and byte in _NESTED_START
        ):
            self._single = state is ScanState.START
            self._scanner = NestingScanner()
            self._state = ScanState.NESTED
            return position
        elif state in (ScanState.FIRST, ScanState.NEXT) and byte in _SCALAR_START:
            self._state = ScanState.SCALAR
            return position
        else:
            self._fail(FaultKind.MALFORMED_RESPONSE, f"is no JSON array: unexpected byte 0x{byte:02x}")
        return position + 1

    def _fail(self, kind: FaultKind, what: str) -> None:
        again = kind is not FaultKind.BODY_TOO_LARGE
        self.fault = Fault(kind, Side.PROVIDER, f"the provider's stream {what}", retryable=again)
        self._held.clear()
