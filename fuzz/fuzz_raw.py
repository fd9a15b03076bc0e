"""Any bytes, any cuts: a stream of bytes passes unchanged, and a whole body is one chunk or, above its limit, a fault.

``python -m fuzz.fuzz_raw --seconds 60``. The first byte of an input chooses the cuts.
"""

from fuzz._fuzz import cut, main, seeded

from aigw_sansio.bodies.raw import BinaryDecoder, WholeBody
from aigw_sansio.faults import FaultKind

LIMIT = 64
SEEDS: list[bytes] = seeded(b"", b"ID3\x04\x00\x00\xff\xfb", b'{"a":1}', bytes(LIMIT), bytes(LIMIT + 1), b"x" * 500)


def target(data: bytes) -> None:
    """Raise if the invariant breaks."""
    body, reads = cut(data)
    stream = BinaryDecoder()
    chunks = [chunk for piece in reads for chunk in stream.feed(piece)] + stream.finish()
    assert b"".join(chunk.data for chunk in chunks) == body
    assert all(chunk.data for chunk in chunks)
    assert (stream.buffered, stream.fault) == (0, None)

    whole = WholeBody(LIMIT)
    for piece in reads:
        assert whole.feed(piece) == []
        assert whole.buffered <= LIMIT
    held = whole.finish()
    if len(body) > LIMIT:
        assert whole.fault is not None
        assert (whole.fault.kind, held) == (FaultKind.BODY_TOO_LARGE, [])
    else:
        assert whole.fault is None
        assert b"".join(chunk.data for chunk in held) == body


if __name__ == "__main__":
    main(target, SEEDS)
