"""Content codings of a response: gzip and deflate, decoded as the bytes come (RFC 9110 section 8.4.1).

Decides: which codings are read, and how much is inflated at a time. Must not know: what the content is.

A few bytes can inflate to a thousand times as many, so output is pulled: each :meth:`ContentDecoder.pull` returns at
most 64 KiB, and the caller limits how much of it is kept. ``deflate`` is read with the zlib wrapper that RFC 9110
demands and without it, because some servers leave it out. gzip members may follow one another (RFC 1952 section 2.2).
Any other bytes after a complete stream are ignored, as gzip itself and browsers do; its checksum has been verified by
then.

If data is corrupt, zlib drops the output of that call, so the amount of content would depend on how the input was cut.
Therefore each call can be undone: a failed call is repeated with less and less input, and at last with one byte of
output at a time, with all output drained before more input. So all content before the corrupt place is returned.
"""

import zlib
from typing import Final

from ..faults import Fault, FaultKind, Side

#: The most bytes that one pull returns.
PIECE_BYTES: Final = 64 * 1024
# Input goes to zlib in slices of at most this size, because zlib copies unused input at every call.
_SLICE_BYTES: Final = 16 * 1024

_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB: Final = zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
_GZIP_MAGIC: Final = b"\x1f\x8b"
#: The IANA registry "HTTP Content Coding", with the older names of RFC 9110 section 8.4.1. What is not in it is no
#: coding (servers write a charset here): it is ignored.
_REGISTERED: Final = frozenset(
    (
        b"aes128gcm", b"br", b"compress", b"dcb", b"dcz", b"deflate", b"exi", b"gzip", b"pack200-gzip", b"x-compress",
        b"x-gzip", b"zstd",
    )
)  # fmt: skip


class ContentDecoder:
    """Inflates one body: ``feed`` bytes, then ``pull`` until it returns nothing; call ``finish`` when the body ends."""

    __slots__ = (
        "_between",
        "_coding",
        "_fed",
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
        #: Why the rest of the body cannot be read; ``None`` while it can. Content before it has been returned.
        self.fault: Fault | None = None
        self._coding = coding
        self._inflater = zlib.decompressobj(_GZIP) if coding == "gzip" else None
        self._input = b""
        self._position = 0
        self._fed = bytearray()  # input behind that, while nobody pulls
        self._slice = _SLICE_BYTES
        self._most = PIECE_BYTES
        self._full = False  # zlib may hold more output than the last pull took
        self._between = False  # a stream is complete, and no next one has begun
        self._started = False

    @property
    def buffered(self) -> int:
        """Bytes of input that are not inflated yet."""
        return len(self._input) - self._position + len(self._fed)

    def feed(self, data: bytes) -> None:
        """More of the encoded body. Pull until empty before you feed more, or input piles up here."""
        if self.fault is None and data:
            self._started = True
            if self._position < len(self._input):
                self._fed += data
            else:
                self._input = data
                self._position = 0

    def pull(self) -> bytes:
        """The next piece of content, at most :data:`PIECE_BYTES`; empty if more input is needed, and for good after the
        end or a fault."""
        while self.fault is None and (self._full or self.buffered):
            if self._fed:
                self._input = b"".join((memoryview(self._input)[self._position :], self._fed))
                self._position = 0
                self._fed = bytearray()
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
        """The body ended. Returns a fault if its coding did not end too; an empty body is complete. Pull until empty
        first."""
        if self.fault is None and self._started and not self._between:
            self._fail(FaultKind.INCOMPLETE_BODY, "ended before its end mark")
        return self.fault

    def _next_member(self) -> bool:
        """Begin another gzip member if one follows the complete one; else drop the rest."""
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
        again = kind is not FaultKind.BODY_TOO_LARGE
        self.fault = Fault(kind, Side.PROVIDER, f"the provider's {self._coding} content {what}", retryable=again)
        self._input = b""
        self._position = 0
        self._fed = bytearray()


def content_decoder(content_encoding: bytes | None) -> ContentDecoder | Fault | None:
    """The decoder for a ``content-encoding`` value; ``None`` if the body is not encoded; a fault if we cannot read the
    coding. A body with several codings cannot be read."""
    codings = [name for item in (content_encoding or b"").split(b",") if (name := item.strip().lower()) in _REGISTERED]
    if not codings:
        return None
    if codings == [b"gzip"] or codings == [b"x-gzip"]:
        return ContentDecoder("gzip")
    if codings == [b"deflate"]:
        return ContentDecoder("deflate")
    shown = b", ".join(codings[:4]).decode("ascii")
    return Fault(
        FaultKind.UNSUPPORTED_CODING,
        Side.PROVIDER,
        f"the provider's answer is encoded as {shown}; identity, gzip and deflate are read",
    )
