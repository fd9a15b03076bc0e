"""Chunks, and the contract that all decoders keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.bodies import cut_at, cut_points, read, whole

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.bodies.framing import Framing, decoder_for
from aigw_sansio.config import Limits

LIMITS = Limits(chunk_bytes=64, response_body_bytes=64)
FRAMINGS = pytest.mark.parametrize("framing", Framing)


def test_chunks_are_values() -> None:
    assert Chunk(b"x") == Chunk(b"x", "", False)
    assert len({Chunk(b"x"), Chunk(b"x", "e"), Chunk(b"x", "", True), Chunk(b"x")}) == 3
    with pytest.raises(AttributeError):
        Chunk(b"x").data = b"y"  # type: ignore[misc]


@FRAMINGS
def test_a_new_decoder_holds_nothing_and_an_empty_body_has_no_chunk(framing: Framing) -> None:
    decoder = decoder_for(framing, LIMITS)
    assert (decoder.buffered, decoder.fault) == (0, None)
    assert decoder.feed(b"") == []
    assert [chunk.data for chunk in decoder.finish() if chunk.data] == []


@FRAMINGS
@given(data=st.binary(max_size=300), points=cut_points)
def test_any_bytes_in_any_cuts_give_the_same_chunks(framing: Framing, data: bytes, points: list[int]) -> None:
    """Except for a stream of bytes, in which each read is a chunk: there the bytes are the same."""
    found, fault = read(decoder_for(framing, LIMITS), cut_at(data, points))
    expected, reason = whole(lambda: decoder_for(framing, LIMITS), data)
    assert fault == reason
    if framing is Framing.BINARY_STREAM:
        assert b"".join(chunk.data for chunk in found) == b"".join(chunk.data for chunk in expected) == data
    else:
        assert found == expected


@FRAMINGS
@given(data=st.binary(max_size=300), points=cut_points)
def test_a_decoder_with_a_fault_reads_and_keeps_nothing_more(framing: Framing, data: bytes, points: list[int]) -> None:
    decoder = decoder_for(framing, LIMITS)
    for piece in cut_at(data, points):
        faulty = decoder.fault is not None
        chunks = decoder.feed(piece)
        assert not (faulty and chunks)
        assert decoder.buffered == 0 or not faulty
        assert decoder.buffered <= 64
