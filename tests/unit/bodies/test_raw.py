"""Bodies without inner structure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.bodies import bounded, cut_at, cut_points, read, single

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.bodies.raw import BinaryDecoder, WholeBody
from aigw_sansio.faults import FaultKind, Side


@given(st.binary(), cut_points)
def test_a_binary_stream_is_its_pieces(body: bytes, points: list[int]) -> None:
    pieces = cut_at(body, points)
    chunks, fault = read(BinaryDecoder(), pieces)
    assert fault is None
    assert chunks == [Chunk(piece) for piece in pieces if piece]
    assert BinaryDecoder().buffered == 0


@given(st.binary(max_size=40), cut_points)
def test_a_whole_body_is_one_chunk(body: bytes, points: list[int]) -> None:
    expected = ([Chunk(body)], None) if len(body) <= 20 else ([], FaultKind.BODY_TOO_LARGE)
    for pieces in ([body], single(body), cut_at(body, points)):
        assert read(WholeBody(20), pieces) == expected
        bounded(lambda: WholeBody(20), 20, pieces)


def test_size_of_a_whole_body() -> None:
    body = WholeBody(3)
    assert body.feed(b"ab") == []
    assert (body.size, body.buffered) == (2, 2)
    assert body.feed(b"cd") == []
    assert body.fault is not None
    assert body.fault.side is Side.PROVIDER
    assert "3 bytes" in body.fault.detail
    assert body.size == 0
    assert body.feed(b"e") == []
    assert body.finish() == []


@pytest.mark.parametrize("body", [b"", b"abc"])
def test_a_whole_body_at_its_limit(body: bytes) -> None:
    assert read(WholeBody(len(body)), [body]) == ([Chunk(body)], None)


def test_a_whole_body_of_one_read_is_not_copied() -> None:
    data = bytes(100_000)
    body = WholeBody(len(data))
    body.feed(data)
    assert body.finish()[0].data is data


def test_a_whole_body_that_trickles_in_takes_no_object_for_each_read() -> None:
    body = WholeBody(100_000)
    for _ in range(20_000):
        body.feed(b"x")
    assert len(body._pieces) == 2
    body.feed(bytes(8192))
    body.feed(b"y")
    assert body.size == 28_193
    assert body.finish() == [Chunk(b"x" * 20_000 + bytes(8192) + b"y")]
