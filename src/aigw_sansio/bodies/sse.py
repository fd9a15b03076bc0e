"""Server-sent events: the data of each event (WHATWG HTML, section 9.2 "Server-sent events").

Decides: the end of an event, the lines of its data, and that a bare JSON document between events is an error of the
provider. Must not know: what the data means.

Line ends are turned into LF as bytes come in, so one search for an empty line finds every end of an event. The lines
between two empty lines are a *block*. Deviations from the standard, so that no data is lost: the last event needs no
empty line after it; ``id`` and ``retry`` are ignored; a line that starts with ``{`` or ``[`` instead of a field name
begins a JSON document (Google sends errors like that, indented over several lines). Events with empty data are dropped.
"""

import re
from typing import Final

from ..faults import Fault, FaultKind, Side
from .chunk import Chunk
from .nesting import NestingScanner

#: As numbers: ``in`` finds a number in bytes six times as fast as it finds bytes.
_CR: Final = 13
_LF: Final = 10
_BOM: Final = b"\xef\xbb\xbf"
_DOCUMENT: Final = re.compile(rb"[ \t]*+(?=[{\[])")


class SseDecoder:
    """A :class:`~.chunk.BodyDecoder` for ``text/event-stream``."""

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_between",
        "_document",
        "_done",
        "_event",
        "_held",
        "_limit",
        "_scanner",
        "buffered",
        "fault",
    )

    def __init__(self, limit: int, *, drop_done: bool = True) -> None:
        """``limit``: the largest block in bytes, with the line end of its last line; the same limit holds for a JSON
        document together with the lines around it. ``drop_done``: whether ``[DONE]``, the terminator of OpenAI's
        formats, is left out."""
        self.fault: Fault | None = None
        #: Bytes held for an incomplete event.
        self.buffered = 0
        self._limit = limit
        self._done = b"[DONE]" if drop_done else b""
        self._held = bytearray()  # a block without its end
        self._document = bytearray()  # a JSON document that goes on after an empty line
        self._event = ""  # the name given to that document
        self._scanner = NestingScanner()
        self._at_start = True
        self._after_cr = False
        self._between = False  # no block or document is open

    def feed(self, data: bytes) -> list[Chunk]:
        """More of the body. Returns the events that it completes; none once ``fault`` is set."""
        limit = self._limit
        done = self._done
        # Fast path: one whole event, as live streams bring them. The general code below gives the same result.
        if (
            self._between
            and data[:6] == b"data: "
            and data.find(b"\n") == len(data) - 2
            and data[-1] == _LF
            and _CR not in data
            and len(data) <= limit
        ):
            value = data[6:-2]
            return [Chunk(value)] if value and value != done else []
        if self.fault is not None:
            return []
        self._between = False
        held = self._held
        if self._at_start:
            data = bytes(held) + data
            held.clear()
            if len(data) < 3 and _BOM.startswith(data):
                held += data
                self.buffered = len(held)
                return []
            self._at_start = False
            data = data.removeprefix(_BOM)
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == _LF:  # the second half of a CRLF
                data = data[1:]
        if _CR in data:
            self._after_cr = data[-1] == _CR
            data = b"\n".join(data.split(b"\r\n"))  # takes half the time of replace()
            if _CR in data:
                data = data.replace(b"\r", b"\n")

        document = self._document
        if held:
            if data.find(b"\n\n") < 0 and not (data[:1] == b"\n" and held[-1] == _LF):
                held += data
                self.buffered = len(held) + len(document)
                if self.buffered > limit:
                    self._too_large()
                return []
            data = b"".join((held, data))
            held.clear()
            self.buffered = len(document)
        plain = not document and len(data) <= limit  # no block can go on with a document or be too large
        blocks = data.split(b"\n\n")
        tail = blocks.pop()
        chunks: list[Chunk] = []
        for block in blocks:
            # Fast path: the two commonest forms, without a call. _read gives the same result.
            if plain:
                if block[:6] == b"data: ":
                    if _LF not in block:
                        value = block[6:]
                        if value and value != done:
                            chunks.append(Chunk(value))
                        continue
                elif block[:7] == b"event: ":
                    end = block.find(b"\n")
                    value = block[end + 7 :]
                    if block[end + 1 : end + 7] == b"data: " and _LF not in value:
                        if value and value != done:
                            chunks.append(Chunk(value, block[7:end].decode("utf-8", "replace")))
                        continue
            if not block:
                continue
            if len(block) + len(document) >= limit:
                self._too_large()
                return chunks
            self._read(block, chunks)
            plain = plain and not document
        held += tail
        self.buffered = len(held) + len(document)
        if self.buffered > limit:
            self._too_large()
        else:
            self._between = not (held or document or self._after_cr)
        return chunks

    def finish(self) -> list[Chunk]:
        """The body ended. Returns the last event, if no empty line followed it, or the rest of a JSON document."""
        if self.fault is not None:
            return []
        chunks: list[Chunk] = []
        if self._held:
            self._read(bytes(self._held), chunks)
            self._held.clear()
        if self._document:
            chunks.append(Chunk(bytes(self._document).rstrip(), self._event, failed=True))
            self._document.clear()
        self.buffered = 0
        return chunks

    def _read(self, block: bytes, chunks: list[Chunk]) -> None:
        """Read the lines of one block."""
        position = 0
        event = ""
        # One document in a block is enough for an error, and it limits how many chunks one block can give.
        documents = not self._document
        if not documents:
            position = self._scanner.scan(block, 0)
            if position < 0:
                self._continue_document(block)
                return
            self._document += block[:position]
            self._append_document(bytes(self._document), self._event, chunks)
            self._document.clear()
        elif block[:1] == b":" and _LF not in block:
            return

        lines: list[bytes] = []
        size = len(block)
        while position < size:
            if documents and (found := _DOCUMENT.match(block, position)):
                documents = False
                self._append_event(lines, event, chunks)
                lines = []
                start = found.end()
                self._scanner = NestingScanner()
                position = self._scanner.scan(block, start)
                if position < 0:
                    self._event = event
                    self._continue_document(block[start:])
                    return
                self._append_document(block[start:position], event, chunks)
                event = ""
                continue
            end = block.find(b"\n", position)
            if end < 0:
                end = size
            name, _, value = block[position:end].partition(b":")
            position = end + 1
            if name == b"data":
                lines.append(value[1:] if value[:1] == b" " else value)
            elif name == b"event":
                event = str(value[1:] if value[:1] == b" " else value, "utf-8", "replace")
        self._append_event(lines, event, chunks)

    def _append_event(self, lines: list[bytes], event: str, chunks: list[Chunk]) -> None:
        value = b"\n".join(lines)
        if value and value != self._done:
            chunks.append(Chunk(value, event))

    def _append_document(self, document: bytes, event: str, chunks: list[Chunk]) -> None:
        if document != self._done:
            chunks.append(Chunk(document, event, failed=True))

    def _continue_document(self, piece: bytes) -> None:
        """Keep ``piece``, already scanned, and the empty line after it, which is part of the document."""
        self._scanner.scan(b"\n\n", 0)
        self._document += piece
        self._document += b"\n\n"

    def _too_large(self) -> None:
        self.fault = Fault(
            FaultKind.BODY_TOO_LARGE,
            Side.PROVIDER,
            f"an event of the provider's stream is larger than the {self._limit} bytes allowed",
        )
        self._held.clear()
        self._document.clear()
        self.buffered = 0
