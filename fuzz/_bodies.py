"""The invariant of every body decoder, for one input."""

from collections.abc import Callable

from fuzz._fuzz import cut

from aigw_sansio.bodies.chunk import BodyDecoder, Chunk, feed_all, finish_all
from aigw_sansio.faults import FaultKind


def hold(make: Callable[[], BodyDecoder], data: bytes, limit: int) -> None:
    """Read ``data`` in the cuts it asks for and whole: no exception, the same result, ``limit`` kept to."""
    body, reads = cut(data)
    assert _read(make(), reads, limit) == _read(make(), [body], limit)


def _read(decoder: BodyDecoder, reads: list[bytes], limit: int) -> tuple[list[Chunk], FaultKind | None]:
    chunks: list[Chunk] = []
    for piece in reads:
        failed = decoder.fault is not None
        new = list(feed_all(decoder, piece))
        assert not (failed and new), "chunks behind a fault"
        assert decoder.buffered <= limit
        chunks += new
    chunks += finish_all(decoder)
    assert decoder.buffered == 0
    return chunks, decoder.fault.kind if decoder.fault else None
