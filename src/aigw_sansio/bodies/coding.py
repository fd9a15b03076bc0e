"""Content codings of a response: gzip and deflate undone as the bytes come (RFC 9110 section 8.4.1).

Decides: which codings are read, and how much of them is inflated at a time. Must not know: what the content is.

A few bytes can inflate to a thousand times as many, so output is pulled: each :meth:`ContentDecoder.pull` yields at
most 64 KiB, and whoever pulls bounds what is kept of it. ``deflate`` is read with the zlib wrapper that RFC 9110 asks
for and without it, as some servers send it. gzip members may follow one another (RFC 1952 section 2.2); anything else
behind a complete stream, whose checksum has been verified by then, is ignored, as gzip itself and browsers do.

Where data is corrupt, zlib throws away what it inflated in that call, so how much content came out would depend on how
the input was cut. So each call can be gone back on, and a failed one is repeated with ever less input and at last with
one byte of output at a time, all output drained before more input: what stands before the corrupt place comes out.
"""

import zlib
from typing import Final

from ..faults import Fault, FaultKind, Side

#: Most bytes that one pull yields.
PIECE_BYTES: Final = 64 * 1024
# Input is handed to zlib in slices of at most this size: it copies what it does not use, each time.
_SLICE_BYTES: Final = 16 * 1024

_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB: Final = zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
_GZIP_MAGIC: Final = b"\x1f\x8b"


class ContentDecoder:
    """Inflates one body: ``feed`` bytes, then ``pull`` until it gives nothing; at the body's end ``finish``."""

    __slots__ = (
        "_between",
        "_coding",
        "_full",
        "_inflater",
        "_input",
        "_most",
        "_position",
        "_slice",
        "_started",
        "fault",
    )

    def __init__(self, coding: str) -> None:
        """``coding``: ``"gzip"`` or ``"deflate"``. Use :func:`content_decoder` for a header's value."""
        #: Why the body cannot be read on, once that is so. What was inflated before it has been returned.
        self.fault: Fault | None = None
        self._coding = coding
        self._inflater = zlib.decompressobj(_GZIP) if coding == "gzip" else None
        self._input = b""
        self._position = 0
        self._slice = _SLICE_BYTES
        self._most = PIECE_BYTES
        self._full = False  # zlib may hold more output than the last pull took
        self._between = False  # a stream is complete
        self._started = False

    @property
    def buffered(self) -> int:
        """Bytes of input that are not inflated yet."""
        return len(self._input) - self._position

    def feed(self, data: bytes) -> None:
        """More of the encoded body. Pull it dry before feeding more, or input piles up here."""
        if self.fault is None and data:
            self._started = True
            self._input = self._input[self._position :] + data
            self._position = 0

    def pull(self) -> bytes:
        """The next piece of content, at most :data:`PIECE_BYTES`; empty where more input is needed, or for good after
        the end or a fault."""
        while self.fault is None and (self._full or self.buffered):
            if self._between and not self._next_member():
                break
            inflater = self._inflater
            if inflater is None:
                inflater = self._choose_deflate()
                if inflater is None:
                    break
            piece = b"" if self._full else self._input[self._position : self._position + self._slice]
            before = inflater.copy()
            try:
                output = inflater.decompress(piece, self._most)
            except zlib.error as error:
                self._inflater = before
                if len(piece) > 1:
                    self._slice = len(piece) // 2
                elif self._most > 1:
                    self._most = 1
                else:
                    self._fail(FaultKind.MALFORMED_RESPONSE, f"is corrupt: {error}")
                continue
            self._position += len(piece) - len(inflater.unconsumed_tail) - len(inflater.unused_data)
            self._full = len(output) == self._most
            if inflater.eof:
                self._full = False
                self._between = True
            if output:
                return output
        return b""

    def finish(self) -> Fault | None:
        """The body ended. A fault where its coding did not; an empty body is complete. Pull dry before."""
        if self.fault is None and self._started and not self._between:
            self._fail(FaultKind.INCOMPLETE_BODY, "ended before its end mark")
        return self.fault

    def _next_member(self) -> bool:
        """Begin another gzip member, where one follows the complete one; else drop what follows."""
        head = self._input[self._position : self._position + 2]
        if self._coding == "gzip" and head == _GZIP_MAGIC:
            self._inflater = zlib.decompressobj(_GZIP)
            self._between = False
            return True
        if self._coding != "gzip" or head != _GZIP_MAGIC[:1]:
            self._coding = ""
            self._input = b""
            self._position = 0
        return False

    def _choose_deflate(self) -> "zlib._Decompress | None":
        """Tell the zlib wrapper (RFC 1950 section 2.2) from a bare deflate stream by the first two bytes."""
        head = self._input[self._position : self._position + 2]
        if len(head) < 2:
            return None
        wrapped = head[0] & 0x0F == 8 and int.from_bytes(head, "big") % 31 == 0
        self._inflater = zlib.decompressobj(_ZLIB if wrapped else _RAW)
        return self._inflater

    def _fail(self, kind: FaultKind, what: str) -> None:
        self.fault = Fault(kind, Side.PROVIDER, f"the provider's {self._coding} content {what}")
        self._input = b""
        self._position = 0


def content_decoder(content_encoding: bytes | None) -> ContentDecoder | Fault | None:
    """The decoder for a ``content-encoding`` value; ``None`` where there is nothing to undo; a fault where the coding
    is none we read. Several codings on top of one another are not read."""
    codings = [
        name for item in (content_encoding or b"").split(b",") if (name := item.strip().lower()) and name != b"identity"
    ]
    if not codings:
        return None
    if codings == [b"gzip"] or codings == [b"x-gzip"]:
        return ContentDecoder("gzip")
    if codings == [b"deflate"]:
        return ContentDecoder("deflate")
    shown = ascii(b", ".join(codings)[:40].decode("latin-1"))
    return Fault(
        FaultKind.UNSUPPORTED_CODING,
        Side.PROVIDER,
        f"the provider's answer is encoded as {shown}; identity, gzip and deflate are read",
    )
