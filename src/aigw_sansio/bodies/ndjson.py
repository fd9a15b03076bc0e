"""Newline-delimited JSON: one payload on each line.

Decides: the end of a line (LF or CRLF), that blank lines are skipped, and that half a document at the end is dropped.
Must not know: what a line means, or whether it is JSON. Source: the NDJSON specification 1.0.0, and RFC 8259 section
8.1 on a byte order mark.
"""

from typing import Final

from ..faults import Fault, FaultKind, Side
from ..json_text import valid_json
from .chunk import PORTION_CHUNKS, Chunk

_BOM: Final = b"\xef\xbb\xbf"


class NdjsonDecoder:
    """A :class:`~.chunk.BodyDecoder` for ``application/x-ndjson`` and similar types."""

    __slots__ = ("_at_start", "_held", "_limit", "_rest", "dropped", "fault", "unread")

    def __init__(self, limit: int) -> None:
        """``limit``: the longest line in bytes, without its LF."""
        self.fault: Fault | None = None
        #: The body ended inside of a document, which was dropped.
        self.dropped = False
        self._limit = limit
        self._held = bytearray()
        #: Whether a ``feed`` with no bytes may return more lines.
        self.unread = False
        self._rest = b""  # bytes that are not split into lines yet, behind a full portion
        self._at_start = True

    @property
    def buffered(self) -> int:
        """Bytes held for an incomplete line, or not split yet."""
        return len(self._held) + len(self._rest)

    def feed(self, data: bytes) -> list[Chunk]:
        """More of the body. Returns the lines that it completes, at most a portion; none once ``fault`` is set."""
        if self.fault is not None:
            return []
        if self.unread:
            self.unread = False
            data, self._rest = self._rest + data, b""
        held = self._held
        lines = data.split(b"\n", PORTION_CHUNKS)
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
        if len(lines) == PORTION_CHUNKS:
            self._rest = tail
            self.unread = True
            return chunks
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
        self._rest = b""
