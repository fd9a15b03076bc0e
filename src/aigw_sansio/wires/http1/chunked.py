"""The chunked transfer coding, read at the speed of slicing (RFC 9112 section 7.1).

Decides: the end of chunks, of the last chunk and of the trailer section, and what is malformed in them. Must not know:
the message that the body belongs to. The grammar is h11's (a property test compares the two); the loop is ours because
h11 needs several microseconds for each chunk. Extensions and trailers are checked, bounded and dropped: nothing in a
provider's response depends on them, and RFC 9112 section 7.1.2 allows a recipient to discard trailers.
"""

import re

import h11

from ..heads import let_go

#: The longest line that may announce a chunk, extensions included, without its CRLF.
MAX_LINE_BYTES = 1024
#: The longest trailer section, its blank line included.
MAX_TRAILER_BYTES = 8192

#: The sizes of token chunks, in their usual spelling, that have come. To look one up costs half as much as to check and
#: convert it; for larger chunks that makes no difference.
_sizes: dict[bytes, int] = {}
_LARGEST_KEPT = 2047
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;[^\n]*)?[ \t]*")
_END_OF_TRAILERS = re.compile(rb"\n\r?\n")


class ChunkedReader:
    """Reads one chunked body. Feed it until ``ended``; then read ``fault`` and ``rest``; do not feed it again."""

    __slots__ = ("_field_limit", "_held", "_need", "_trailers", "ended", "fault", "rest")

    def __init__(self, field_limit: int = 128) -> None:
        """``field_limit``: the most fields of the trailer section."""
        self._field_limit = field_limit
        self._need = 0  # bytes of the current chunk that have not come, its CRLF included
        self._trailers = False  # the last chunk has come
        self._held = b""  # an incomplete line or trailer section
        #: Whether the body has ended: with its trailer section, or with ``fault``.
        self.ended = False
        #: What is malformed; ``None`` if nothing is.
        self.fault: str | None = None
        #: Bytes after the end of the body.
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """More bytes. Returns all body bytes in them, joined, even those before a malformed place."""
        pieces: list[bytes] = []
        pos = 0
        need = self._need
        if need:
            if len(data) < need - 1:
                self._need = need - len(data)
                return data
            if need > 2 and data[need - 2 : need] == b"\r\n":
                pieces.append(data[: need - 2])
                pos = need
                self._need = 0
            else:
                pos = self._read(data, 0, pieces)
        elif self._held:
            data = self._held + data
            self._held = b""
        if self._trailers:
            self._read_trailers(data)
            return b""
        size = len(data)
        while pos < size:
            # Fast path: a chunk of a small size in its usual spelling, whole or with its data cut by the end of the
            # read. Everything else goes to the general code below.
            stop = data.find(b"\r\n", pos, pos + 6)
            left = _sizes.get(data[pos:stop])
            if left is not None and stop > 0:
                start = stop + 2
                end = start + left
                if data[end : end + 2] == b"\r\n":
                    if end + 2 == size and not pieces:
                        return data[start:end]  # one chunk in one read
                    pieces.append(data[start:end])
                    pos = end + 2
                    continue
                if end >= size:
                    self._need = end + 2 - size
                    pieces.append(data[start:])
                    break
            pos = self._read(data, pos, pieces)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read(self, data: bytes, pos: int, pieces: list[bytes]) -> int:
        """Read from ``pos``, whatever is there, up to the next chunk's line. Returns its position; ``len(data)`` if the
        bytes or the body end before it."""
        end = len(data)
        need = self._need
        if not need:
            stop = data.find(b"\r\n", pos, pos + MAX_LINE_BYTES + 2)
            if stop < 0:
                # A line of the maximum length may still lack its LF.
                if end - pos > MAX_LINE_BYTES + (data[pos + MAX_LINE_BYTES : pos + MAX_LINE_BYTES + 1] == b"\r"):
                    self._fail(f"a chunk's line is longer than {MAX_LINE_BYTES} bytes")
                else:
                    self._held = data[pos:]
                return end
            found = _CHUNK_LINE.fullmatch(data, pos, stop)
            if found is None:
                self._fail("a chunk's size is not a hexadecimal number")
                return end
            pos = stop + 2
            left = int(found[1], 16)
            if not left:
                self._trailers = True
                self._read_trailers(data[pos:])
                return end
            if left <= _LARGEST_KEPT and found[0] == b"%x" % left:
                _sizes[found[0]] = left
            need = left + 2
        if need > 2:
            stop = min(pos + need - 2, end)
            pieces.append(data[pos:stop])
            need -= stop - pos
            pos = stop
        while need and pos < end:
            # Only the CRLF after the chunk's data is left.
            if data[pos] != b"\r\n"[-need]:
                self._fail("a chunk is longer than it announced")
                return end
            pos += 1
            need -= 1
        self._need = need
        return pos

    def _read_trailers(self, data: bytes) -> None:
        """``data``: all bytes after the last chunk so far."""
        if data.startswith((b"\r\n", b"\n")):
            self.ended = True
            self.rest = data[1 if data[0] == 10 else 2 :]
            return
        found = _END_OF_TRAILERS.search(data, 0, MAX_TRAILER_BYTES)
        if found is None:
            if len(data) >= MAX_TRAILER_BYTES:
                self._fail(f"the trailer section is longer than {MAX_TRAILER_BYTES} bytes")
            else:
                self._held = data
            return
        fields = data.count(b"\n", 0, found.end()) - 1
        if fields > self._field_limit:
            self._fail(f"the trailer section has {fields} fields; head_fields allows {self._field_limit}")
            return
        # Trailer fields have the grammar of header fields, so h11 reads them as such.
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_TRAILER_BYTES + 64)
        connection.receive_data(b"HTTP/1.1 200 OK\r\n" + data[: found.end()])
        try:
            connection.next_event()
        except h11.RemoteProtocolError as error:
            let_go(error)
            self._fail("the trailer section is malformed")
        else:
            self.ended = True
            self.rest = data[found.end() :]

    def _fail(self, what: str) -> None:
        self.fault = what
        self.ended = True
