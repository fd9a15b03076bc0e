"""Any bytes, any cuts: no exception, the same content and fault as read whole, no piece above the size of a piece.

``python -m fuzz.fuzz_content_coding --seconds 60``. The first byte of an input chooses the cuts. If zlib
inflates an input without complaint, the same content comes out.
"""

import gzip
import zlib

from fuzz._fuzz import cut, main, seeded

from aigw_sansio.bodies.coding import PIECE_BYTES, ContentDecoder
from aigw_sansio.faults import FaultKind

_TEXT = b"data: hello, hello, hello\n\n"
_BARE = zlib.compressobj(wbits=-15)

SEEDS: list[bytes] = seeded(
    gzip.compress(_TEXT, mtime=0),
    zlib.compress(_TEXT),
    _BARE.compress(_TEXT) + _BARE.flush(),
    gzip.compress(b"a", mtime=0) + gzip.compress(_TEXT, mtime=0) + bytes(8),
    gzip.compress(bytes(300_000), mtime=0),
    zlib.compress(bytes(300_000))[:-3],
    gzip.compress(_TEXT, mtime=0)[:-8] + bytes(8),
)


def _read(coding: str, reads: list[bytes]) -> tuple[bytes, FaultKind | None]:
    decoder = ContentDecoder(coding)
    content: list[bytes] = []
    for piece in reads:
        decoder.feed(piece)
        while output := decoder.pull():
            assert len(output) <= PIECE_BYTES
            content.append(output)
        assert decoder.buffered <= 1, "input left behind"
    fault = decoder.finish()
    return b"".join(content), fault.kind if fault else None


def target(data: bytes) -> None:
    """One fuzz input."""
    body, reads = cut(data)
    for coding in ("gzip", "deflate"):
        content, fault = _read(coding, reads)
        assert (content, fault) == _read(coding, [body])
        try:
            expected = zlib.decompressobj(31 if coding == "gzip" else 15).decompress(body)
        except zlib.error:
            continue
        assert content.startswith(expected)


if __name__ == "__main__":
    main(target, SEEDS)
