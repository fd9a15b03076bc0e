"""Chunks, and the contract that all decoders keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.aws_messages import message
from tests.reading.bodies import cut_at, cut_points, read, whole

from aigw_sansio.bodies.chunk import PORTION_CHUNKS, PORTION_STEPS, Chunk, feed_all, finish_all
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


_MANY = 4 * PORTION_CHUNKS + 3
_BODIES: dict[Framing, tuple[bytes, int]] = {
    Framing.SSE: (b"data: a\n\n" * _MANY, _MANY),
    Framing.NDJSON: (b"1\n" * _MANY, _MANY),
    Framing.JSON_ARRAY: (b"[" + b"1," * _MANY + b"1]", _MANY + 1),
    Framing.AWS_EVENT_STREAM: (message(b"{}", (":event-type", "x")) * _MANY, _MANY),
}


@pytest.mark.parametrize("framing", _BODIES)
def test_a_call_returns_a_portion_and_the_rest_follows(framing: Framing) -> None:
    body, count = _BODIES[framing]
    decoder = decoder_for(framing, Limits())
    returned = [len(decoder.feed(body))]
    while decoder.unread:
        assert decoder.buffered, "what is not read yet is counted"
        returned.append(len(decoder.feed(b"")))
    assert max(returned) == PORTION_CHUNKS
    assert sum(returned) + len(decoder.finish()) == count
    assert decoder.fault is None


@pytest.mark.parametrize("dropped", [b"data:\n\n", b"\n\n", b": x\n\n"])
def test_what_is_dropped_counts_too(dropped: bytes) -> None:
    decoder = decoder_for(Framing.SSE, Limits())
    calls = 1
    assert not decoder.feed(dropped * _MANY)
    while decoder.unread:
        calls += 1
        assert not decoder.feed(b"")
    assert calls >= _MANY // PORTION_CHUNKS


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("line", [b": x\n", b"id: 1\n", b"data: a\n", b"words\n", b"error: e\n"])
def test_a_block_of_many_lines_is_read_in_parts(line: bytes, ended: bool) -> None:
    body = line * (5 * PORTION_STEPS)
    pieces = [body, b"" if ended else b"\n"]
    parts = decoder_for(Framing.SSE, Limits())
    calls, chunks = 0, []
    for piece in pieces:
        chunks += parts.feed(piece)
        while parts.unread:
            calls += 1
            chunks += parts.feed(b"")
    chunks += parts.finish()
    while parts.unread:
        calls += 1
        chunks += parts.finish()
    assert calls >= 4
    assert parts.buffered == 0
    by_line = decoder_for(Framing.SSE, Limits())
    expected = [
        chunk for at in range(0, len(body), len(line)) for chunk in feed_all(by_line, body[at : at + len(line)])
    ]
    expected += feed_all(by_line, pieces[1])
    assert chunks == expected + list(finish_all(by_line))


@pytest.mark.parametrize("framing", [Framing.SSE, Framing.JSON_ARRAY])
def test_a_nested_document_is_read_in_parts(framing: Framing) -> None:
    document = b'[[{"":""}]],' * (2 * PORTION_STEPS)
    body = b"[[" + document + b'""]]' if framing is Framing.JSON_ARRAY else b"[" + document + b'""]\n\n'
    decoder = decoder_for(framing, Limits())
    calls, chunks = 1, decoder.feed(body)
    while decoder.unread:
        calls += 1
        chunks += decoder.feed(b"")
    assert calls > 4
    assert [len(chunk.data) for chunk in chunks + decoder.finish()] == [len(document) + 4]
