"""A body whose first bytes tell its framing."""

import pytest
from hypothesis import given
from tests.reading.bodies import cut_at, cut_points, read, single

from aigw_sansio.bodies.chunk import BodyDecoder, Chunk
from aigw_sansio.bodies.raw import WholeBody
from aigw_sansio.bodies.sniffing import SniffingDecoder
from aigw_sansio.bodies.sse import SseDecoder

CASES = [
    (b"data: a\n\n", True, [Chunk(b"a")]),
    (b"\xef\xbb\xbf\r\n: hi\n\nevent: x\ndata: a\n\n", True, [Chunk(b"a", "x")]),
    (b'{"a":1}', False, [Chunk(b'{"a":1}')]),
    (b"dates: 1", False, [Chunk(b"dates: 1")]),
    (b"", False, [Chunk(b"")]),
    (b"da", False, [Chunk(b"da")]),
    (b" " * 5000 + b"data: a\n\n", False, [Chunk(b" " * 5000 + b"data: a\n\n")]),
]


def make(told: list[bool]) -> SniffingDecoder:
    def choose(*, sse: bool) -> BodyDecoder:
        told.append(sse)
        return SseDecoder(10_000) if sse else WholeBody(10_000)

    return SniffingDecoder(choose)


@pytest.mark.parametrize(("body", "sse", "chunks"), CASES)
def test_it_is_chosen_once_by_the_first_bytes(body: bytes, sse: bool, chunks: list[Chunk]) -> None:
    for pieces in ([body], single(body)):
        told: list[bool] = []
        assert read(make(told), pieces) == (chunks, None)
        assert told == [sse]


@given(cut_points)
def test_cuts_make_no_difference(points: list[int]) -> None:
    for body, _, chunks in CASES:
        assert read(make([]), cut_at(body, points)) == (chunks, None)


def test_what_is_held_is_counted_and_the_limit_of_the_chosen_decoder_holds() -> None:
    decoder = make([])
    assert decoder.feed(b"  da") == []
    assert (decoder.buffered, decoder.fault) == (4, None)
    decoder.feed(b"x" * 20_000)
    assert decoder.fault is not None
