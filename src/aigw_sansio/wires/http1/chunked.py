"""The chunked transfer coding, read at the speed of slicing (RFC 9112 section 7.1).

Decides: where chunks, the last chunk and the trailer section end, and what in them is malformed. Must not know: what
the body belongs to. The grammar is h11's (a property test holds the two equal); the loop is ours because h11
spends several microseconds on each chunk. Extensions and trailers are checked, bounded and dropped: nothing in a
provider's answer depends on them, and RFC 9112 section 7.1.2 allows a recipient to discard trailers.
"""

import re

import h11

#: The longest line that may announce a chunk, extensions included, without its CRLF.
MAX_LINE_BYTES = 1024
#: The longest trailer section, its blank line included.
MAX_TRAILER_BYTES = 8192

#: The sizes that chunks of tokens have, as nearly everyone writes them. Looking one up costs half of what checking
#: and converting it does; larger chunks do not feel the difference.
_SIZES = {b"%x" % size: size for size in range(1, 2048)}
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;[^\n]*)?[ \t]*")
_END_OF_TRAILERS = re.compile(rb"\n\r?\n")


class ChunkedReader:
    """Reads one chunked body. Feed it until ``ended``; then read ``fault`` and ``rest``, and feed it no more."""

    __slots__ = ("_held", "_need", "_trailers", "ended", "fault", "rest")

    def __init__(self) -> None:
        self._need = 0  # bytes of the running chunk, its CRLF included, that have not come
        self._trailers = False  # the last chunk has come
        self._held = b""  # a line, or the trailer section, that is not complete
        #: Whether the body is over, by its last chunk and trailer section or by ``fault``.
        self.ended = False
        #: What is malformed, once something is.
        self.fault: str | None = None
        #: Bytes behind the end of the body.
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """More bytes. Returns all body bytes that they hold, joined; also those before a malformed place."""
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
            # Nearly always a chunk with a small, plain size, whole or its data cut by the end of the read. What is
            # not is read the careful way below.
            stop = data.find(b"\r\n", pos, pos + 6)
            left = _SIZES.get(data[pos:stop])
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
        """Read on at ``pos``, whatever stands there, up to the next chunk's line, and return where that is;
        ``len(data)`` where the bytes or the body end before it."""
        end = len(data)
        need = self._need
        if not need:
            stop = data.find(b"\r\n", pos, pos + MAX_LINE_BYTES + 2)
            if stop < 0:
                # A line of the greatest length may still lack its LF.
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
            need = left + 2
        if need > 2:
            stop = min(pos + need - 2, end)
            pieces.append(data[pos:stop])
            need -= stop - pos
            pos = stop
        while need and pos < end:
            # Only the CRLF behind the chunk's data is left of it.
            if data[pos] != b"\r\n"[-need]:
                self._fail("a chunk is longer than it announced")
                return end
            pos += 1
            need -= 1
        self._need = need
        return pos

    def _read_trailers(self, data: bytes) -> None:
        """``data`` is all that has come behind the last chunk."""
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
        # Trailer fields have the grammar of header fields, so h11 reads them as such.
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_TRAILER_BYTES + 64)
        connection.receive_data(b"HTTP/1.1 200 OK\r\n" + data[: found.end()])
        try:
            connection.next_event()
        except h11.RemoteProtocolError:
            self._fail("the trailer section is malformed")
        else:
            self.ended = True
            self.rest = data[found.end() :]

    def _fail(self, what: str) -> None:
        self.fault = what
        self.ended = True
