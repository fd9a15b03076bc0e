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

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;[^\n]*)?[ \t]*")
_END_OF_TRAILERS = re.compile(rb"\n\r?\n")


class ChunkedReader:
    """Reads one chunked body. Feed it until ``ended``; then read ``fault`` and ``rest``, and feed it no more."""

    __slots__ = ("_crlf", "_held", "_left", "_trailers", "ended", "fault", "rest")

    def __init__(self) -> None:
        self._left = 0  # bytes of the running chunk that have not come
        self._crlf = 0  # bytes of the CRLF behind that chunk's data that have not come
        self._held = b""  # a line, or the trailer section, that is not complete
        self._trailers = False
        #: Whether the body is over, by its last chunk and trailer section or by ``fault``.
        self.ended = False
        #: What is malformed, once something is.
        self.fault: str | None = None
        #: Bytes behind the end of the body.
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """More bytes. Returns all body bytes that they hold, joined; also those before a malformed place."""
        left = self._left
        if left > len(data):
            self._left = left - len(data)
            return data
        if self._trailers:
            self._read_trailers(self._held + data)
            return b""
        if self._held:
            data = self._held + data
            self._held = b""
        end = len(data)
        pos = 0
        crlf = self._crlf
        pieces: list[bytes] = []
        while True:
            # The running chunk's data, then its CRLF; both may be cut anywhere.
            if left:
                stop = pos + left
                if stop >= end:
                    pieces.append(data[pos:])
                    left = stop - end
                    if not left:
                        crlf = 2
                    break
                pieces.append(data[pos:stop])
                pos = stop
                left = 0
                crlf = 2
            if crlf:
                if data.startswith(b"\r\n"[2 - crlf :], pos):
                    pos += crlf
                    crlf = 0
                elif pos == end:
                    break
                elif end - pos < crlf and data.startswith(b"\r", pos):
                    crlf = 1
                    break
                else:
                    self._fail("a chunk is longer than it announced")
                    break
            # The next chunk's line.
            stop = data.find(b"\r\n", pos, pos + MAX_LINE_BYTES + 2)
            if stop < 0:
                # A line of the greatest length may still lack its LF.
                if end - pos > MAX_LINE_BYTES + (data[pos + MAX_LINE_BYTES : pos + MAX_LINE_BYTES + 1] == b"\r"):
                    self._fail(f"a chunk's line is longer than {MAX_LINE_BYTES} bytes")
                else:
                    self._held = data[pos:]
                break
            line = data[pos:stop]
            pos = stop + 2
            if line.isalnum() and len(line) <= 8 and line[0] != 48:  # "0" may begin "0x", which int() would take
                try:
                    left = int(line, 16)
                    continue
                except ValueError:
                    pass
            found = _CHUNK_LINE.fullmatch(line)
            if found is None:
                self._fail("a chunk's size is not a hexadecimal number")
                break
            left = int(found[1], 16)
            if not left:
                self._trailers = True
                self._read_trailers(data[pos:])
                break
        self._left = left
        self._crlf = crlf
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

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
