"""Server-sent events: the data of each event (WHATWG HTML, section 9.2 "Server-sent events").

Decides: the end of an event, the lines of its data, that the terminator ``[DONE]`` is the end of the stream, and which
bytes are no event but words of the provider. Must not know: what the data means.

Line ends are turned into LF as bytes come in, so one search for an empty line finds every end of an event. The lines
between two empty lines are a *block*. ``id`` and ``retry`` are ignored, and events with empty data are dropped.
Deviations from the standard, so that nothing is lost that a provider says:

* The last event needs no empty line after it, if its data is a whole JSON document; else it is dropped.
* A line that starts with ``{`` or ``[`` instead of a field name begins a JSON document (Google sends errors like that,
  indented over several lines; some servers a whole response). It is a chunk that is marked as ``failed``: the format
  decides whether it is an error.
* A field ``error`` (llama.cpp) is a ``failed`` chunk with the event name ``error``.
* Lines that are no field at all (a proxy's "Internal Server Error", an HTML page) are one chunk for each block.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from ..faults import Fault, FaultKind, Side
from ..json_text import valid_json
from .chunk import PORTION_CHUNKS, PORTION_STEPS, Chunk
from .nesting import NestingScanner
from .terminator import is_done

#: As numbers: ``in`` finds a number in bytes six times as fast as it finds bytes.
_CR: Final = 13
_LF: Final = 10
_BOM: Final = b"\xef\xbb\xbf"
_DOCUMENT: Final = re.compile(rb"[ \t]*+(?=[{\[])")
#: A name that may be a field, known or not. What is before the colon of any other line is text.
_NAME: Final = re.compile(rb"[ \t]*+[^\s<>{}\[\]\"]++[ \t]*+")
_FIELDS: Final = frozenset((b"data", b"event", b"id", b"retry"))
#: How the body of an event stream can begin, behind blanks and a byte order mark.
_OPENINGS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")


def begins_like_sse(start: bytes) -> bool | None:
    """Whether a body that begins with ``start`` is an event stream by its looks: a field comes first. ``None`` if more
    bytes are needed."""
    text = start.removeprefix(_BOM).lstrip()
    if text.startswith(_OPENINGS):
        return True
    undecided = not text or any(opening.startswith(text) for opening in _OPENINGS) or _BOM.startswith(start)
    return None if undecided else False


class _Block(NamedTuple):
    """A block of which lines are left, from ``position`` on, and what the lines before it said."""

    text: bytes
    position: int
    document: int
    documents: bool
    event: str
    lines: list[bytes]
    words: list[bytes]
    ended: bool


class SseDecoder:
    """A :class:`~.chunk.BodyDecoder` for ``text/event-stream``."""

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_between",
        "_block",
        "_document",
        "_event",
        "_held",
        "_limit",
        "_on_done",
        "_rest",
        "_scanner",
        "_steps",
        "buffered",
        "done",
        "dropped",
        "fault",
        "unread",
    )

    def __init__(self, limit: int, on_done: Callable[[], None] | None = None) -> None:
        """``limit``: the largest block in bytes, with the line end of its last line; the same limit holds for a JSON
        document together with the lines around it. ``on_done`` is called once, at the terminator ``[DONE]`` of OpenAI's
        formats; the events before it are returned after that."""
        self.fault: Fault | None = None
        #: Bytes held: for an incomplete event, or not read yet.
        self.buffered = 0
        #: Whether a ``feed`` with no bytes may return more events; after ``finish``, whether another one may.
        self.unread = False
        #: The terminator came: nothing is read any more.
        self.done = False
        #: The body ended inside of an event, which was dropped.
        self.dropped = False
        self._limit = limit
        self._on_done = on_done
        self._held = bytearray()  # a block without its end
        self._rest = b""  # bytes behind a full portion, their line ends turned into LF
        self._block: _Block | None = None  # a block of which not all lines are read; ``_rest`` is behind it
        self._steps = 0  # that this call may still take
        self._document = bytearray()  # a JSON document that goes on after an empty line
        self._event = ""  # the name given to that document
        self._scanner: NestingScanner | None = None  # of that document
        self._at_start = True
        self._after_cr = False
        self._between = False  # no block or document is open

    def feed(self, data: bytes) -> list[Chunk]:
        """More of the body. Returns the events that it completes, at most a portion; none once ``fault`` is set."""
        limit = self._limit
        # Fast path: one whole event, as live streams bring them. The general code below gives the same result. What
        # begins with a brace is neither empty nor the terminator.
        if (
            self._between
            and data[:7] == b"data: {"
            and data.find(b"\n") == len(data) - 2
            and data[-1] == _LF
            and _CR not in data
            and len(data) <= limit
        ):
            return [Chunk(data[6:-2])]
        if self.fault is not None or self.done:
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

        chunks: list[Chunk] = []
        self._steps = PORTION_STEPS
        if self.unread:
            self.unread = False
            data, self._rest = self._rest + data, b""
            block_left = self._block
            if block_left is not None and not self._read(block_left.text, chunks, saved=block_left):
                self._keep(data)
                return chunks
            if self._is_end(b""):
                self.buffered = 0
                return chunks
        document = self._document
        if held:
            if data.find(b"\n\n") < 0 and not (data[:1] == b"\n" and held[-1] == _LF):
                held += data
                self.buffered = len(held) + len(document)
                if self.buffered > limit:
                    self._too_large()
                return chunks
            data = b"".join((held, data))
            held.clear()
            self.buffered = len(document)
        plain = not document and len(data) <= limit  # no block can go on with a document or be too large
        blocks = data.split(b"\n\n", PORTION_CHUNKS)
        tail = blocks.pop()
        full = len(blocks) == PORTION_CHUNKS
        following = iter(blocks)
        for block in following:
            # Fast path: the two commonest forms, without a call. _read gives the same result.
            if plain:
                if block[:7] == b"data: {":
                    if _LF not in block:
                        chunks.append(Chunk(block[6:]))
                        continue
                elif block[:7] == b"event: ":
                    end = block.find(b"\n")
                    value = block[end + 7 :]
                    if block[end + 1 : end + 8] == b"data: {" and _LF not in value:
                        chunks.append(Chunk(value, block[7:end].decode("utf-8", "replace")))
                        continue
            if not block:
                continue
            if len(block) + len(document) >= limit:
                self._too_large()
                return chunks
            if not self._read(block, chunks):
                self._keep(b"\n\n".join((*following, tail)))
                return chunks
            if self._is_end(b""):  # not ``done``: that was read above, and mypy does not see that a call changes it
                self.buffered = 0
                return chunks
            plain = plain and not document
        if full:
            self._keep(tail)
            return chunks
        held += tail
        self.buffered = len(held) + len(document)
        if self.buffered > limit:
            self._too_large()
        else:
            self._between = not (held or document or self._after_cr)
        return chunks

    def finish(self) -> list[Chunk]:
        """The body ended. Returns the last event, if its data is a whole JSON document, words that are no event, or the
        rest of a JSON document."""
        if self.fault is not None:
            return []
        chunks: list[Chunk] = []
        held = bytes(self._held)
        self._held.clear()
        self._steps = PORTION_STEPS
        block = self._block
        if block is not None:
            self._read(block.text, chunks, saved=block)
        elif held and not self._at_start:  # not half a byte order mark
            self._read(held, chunks, ended=True)
        if self._block is not None:
            self._keep(b"")
            return chunks
        self.unread = False
        if self._document:
            chunks.append(Chunk(bytes(self._document).rstrip(), self._event, failed=True))
            self._document.clear()
        self.buffered = 0
        return chunks

    def _keep(self, rest: bytes) -> None:
        """Keep ``rest`` for the next call."""
        self._rest = rest
        self.unread = not self.done
        self.buffered = len(rest) + len(self._document) + (len(self._block.text) if self._block is not None else 0)

    def _read(self, block: bytes, chunks: list[Chunk], *, ended: bool = False, saved: "_Block | None" = None) -> bool:
        """Read the lines of one block; ``saved``: where an earlier call stopped. ``ended``: the body ended inside of
        it. False if this call may take no more steps, and lines are left."""
        position = 0
        document = 0 if self._document else -1  # where a JSON document begins or goes on in this block; -1: nowhere
        # One document in a block is enough for an error, and it limits how many chunks one block can give.
        documents = document < 0
        event = ""
        lines: list[bytes] = []
        words: list[bytes] = []
        if saved is not None:
            position, document, documents, event = saved.position, saved.document, saved.documents, saved.event
            lines, words, ended = saved.lines, saved.words, saved.ended
        elif documents and block[:1] == b":" and _LF not in block:
            return True
        scanner = self._scanner
        size = len(block)
        while position < size:
            if self._steps <= 0:
                self._block = _Block(
                    text=block,
                    position=position,
                    document=document,
                    documents=documents,
                    event=event,
                    lines=lines,
                    words=words,
                    ended=ended,
                )
                return False
            if document >= 0:
                assert scanner is not None, "a document has begun"
                end = scanner.scan(block, position, self._steps)
                self._steps -= scanner.used
                position = scanner.at
                if end >= 0:
                    self._document += block[document:end]
                    self._append_document(bytes(self._document), self._event, chunks)
                    self._document.clear()
                    document = -1
                continue
            self._steps -= 1
            if documents and (found := _DOCUMENT.match(block, position)):
                documents = False
                self._append_event(lines, words, event, chunks)
                lines, words = [], []
                document = position = found.end()
                self._event, event = event, ""
                self._scanner = scanner = NestingScanner()
                continue
            end = block.find(b"\n", position)
            if end < 0:
                end = size
            name, colon, value = block[position:end].partition(b":")
            if name == b"data":
                lines.append(value[1:] if value[:1] == b" " else value)
            elif name == b"event":
                event = str(value[1:] if value[:1] == b" " else value, "utf-8", "replace")
            elif colon and name.strip().lower() == b"error":
                chunks.append(Chunk(value.strip(), "error", failed=True))
                self._steps -= PORTION_STEPS // PORTION_CHUNKS
            elif name and name not in _FIELDS and not (colon and _NAME.fullmatch(name)):
                words.append(block[position:end])
            position = end + 1
        self._block = None
        if document >= 0:
            assert scanner is not None, "a document has begun"
            self._continue_document(scanner, block[document:])
        else:
            self._append_event(lines, words, event, chunks, ended=ended)
        return True

    def _append_event(
        self, lines: list[bytes], words: list[bytes], event: str, chunks: list[Chunk], *, ended: bool = False
    ) -> None:
        value = b"\n".join(lines)
        if value and not self._is_end(value):
            if ended and valid_json(value) is None:
                self.dropped = True
            else:
                chunks.append(Chunk(value, event))
        if words and not self.done:
            value = b"\n".join(words).strip()
            if value and not self._is_end(value):
                chunks.append(Chunk(value))

    def _append_document(self, document: bytes, event: str, chunks: list[Chunk]) -> None:
        if not self._is_end(document):
            chunks.append(Chunk(document, event, failed=True))

    def _is_end(self, value: bytes) -> bool:
        """Whether the stream has ended: with ``value``, or before it."""
        if not self.done and is_done(value):
            self.done = True
            if self._on_done is not None:
                self._on_done()
        return self.done

    def _continue_document(self, scanner: NestingScanner, piece: bytes) -> None:
        """Keep ``piece``, already scanned, and the empty line after it, which is part of the document."""
        scanner.scan(b"\n\n", 0)
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
        self._rest = b""
        self.unread = False
        self.buffered = 0
