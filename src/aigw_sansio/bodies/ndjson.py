"""Newline-delimited JSON: one payload on each line.

Decides: the end of a line (LF or CRLF), that blank lines are skipped, and that half a document at the end is dropped.
Must not know: what a line means, or whether it is JSON. Source: the NDJSON specification 1.0.0, and RFC 8259 section
8.1 on a byte order mark.
"""

from typing import Final

from ..faults import Fault, FaultKind, Side
from ..json_text import valid_json
from .chunk import Chunk

_BOM: Final = b"\xef\xbb\xbf"


class NdjsonDecoder:
    """A :class:`~.chunk.BodyDecoder` for ``application/x-ndjson`` and similar types."""

    __slots__ = ("_at_start", "_held", "_limit", "dropped", "fault")

    def __init__(self, limit: int) -> None:
        """``limit``: the longest line in bytes, without its LF."""
        self.fault: Fault | None = None
        #: The body ended inside of a document, which was dropped.
        self.dropped = False
        self._limit = limit
        self._held = bytearray()
        self._at_start = True

    @property
    def buffered(self) -> int:
        """Bytes held for an incomplete line."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Chunk]:
        """More of the body. Returns the lines that it completes; none once ``fault`` is set."""
        if self.fault is not None:
            return []
        held = self._held
        lines = data.split(b"\n")
        tail = lines.pop()
        chunks: list[Chunk] = []
        for line in lines:
            if held:
                line = b"".join((held, line))
                held.clear()
            if len(line) > self._limit:
                self._too_large()
                return chunks
            self._append(line, chunks)
        held += tail
        if len(held) > self._limit:
            self._too_large()
        return chunks

    def finish(self) -> list[Chunk]:
        """The body ended. Returns the last line, if it had no line end, unless it is half a document."""
        chunks: list[Chunk] = []
        if self._held:
            self._append(bytes(self._held), chunks)
            self._held.clear()
            if chunks and chunks[0].data[:1] in (b"{", b"[") and valid_json(chunks[0].data) is None:
                self.dropped = True
                return []
        return chunks

    def _append(self, line: bytes, chunks: list[Chunk]) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if line[-1:] == b"\r":
            line = line[:-1]
        if line and not line.isspace():
            chunks.append(Chunk(line))

    def _too_large(self) -> None:
        self.fault = Fault(
            FaultKind.BODY_TOO_LARGE,
            Side.PROVIDER,
            f"a line of the provider's stream is longer than the {self._limit} bytes allowed",
        )
        self._held.clear()
