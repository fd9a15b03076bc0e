"""The NDJSON decoder against tables, cuts and recorded bodies."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.bodies import bounded, check_recorded, cut_at, cut_points, read, recorded, single, whole

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.bodies.ndjson import NdjsonDecoder
from aigw_sansio.faults import FaultKind

LIMIT = 20
TOO_LARGE = FaultKind.BODY_TOO_LARGE


def make() -> NdjsonDecoder:
    return NdjsonDecoder(LIMIT)


CASES: list[tuple[str, bytes, list[bytes]]] = [
    ("nothing", b"", []),
    ("lines", b'{"a":1}\n{"a":2}\n', [b'{"a":1}', b'{"a":2}']),
    ("CRLF", b"1\r\n2\r\n", [b"1", b"2"]),
    ("blank lines", b"\n\r\n1\n \t\n\n2\n\n", [b"1", b"2"]),
    ("no last line end", b"1\n2", [b"1", b"2"]),
    ("a CR at the end", b"1\n2\r", [b"1", b"2"]),
    ("a CR within", b"1\r2\n", [b"1\r2"]),
    ("one CR of two", b"1\r\r\n", [b"1\r"]),
    ("blanks around stay", b" 1 \n", [b" 1 "]),
    ("BOM", b"\xef\xbb\xbf1\n\xef\xbb\xbf2\n", [b"1", b"\xef\xbb\xbf2"]),
    ("only a BOM", b"\xef\xbb\xbf", []),
    ("no JSON", b"oops\n\xff\n", [b"oops", b"\xff"]),
]


@pytest.mark.parametrize(("body", "expected"), [pytest.param(*rest, id=name) for name, *rest in CASES])
def test_whole_and_byte_by_byte(body: bytes, expected: list[bytes]) -> None:
    chunks = [Chunk(line) for line in expected]
    assert whole(make, body) == (chunks, None)
    assert read(make(), single(body)) == (chunks, None)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b" ", b"\xef\xbb\xbf", b"0123456789"])).map(b"".join),
    ),
    cut_points,
)
def test_any_bytes_in_any_cuts(body: bytes, points: list[int]) -> None:
    expected = whole(make, body)
    assert read(make(), cut_at(body, points)) == expected
    assert read(make(), single(body)) == expected
    bounded(make, LIMIT, cut_at(body, points))


def test_a_line_comes_at_its_last_byte() -> None:
    decoder = make()
    assert decoder.feed(b"1\n2") == [Chunk(b"1")]
    assert decoder.buffered == 1
    assert decoder.feed(b"\n") == [Chunk(b"2")]
    assert decoder.buffered == 0


@pytest.mark.parametrize("pieces", [lambda body: [body], single])
@pytest.mark.parametrize(("size", "end", "fault"), [(20, b"\n", None), (21, b"\n", TOO_LARGE), (21, b"", TOO_LARGE)])
def test_limit(pieces, size: int, end: bytes, fault: FaultKind | None) -> None:
    chunks, kind = read(make(), pieces(b"1\n" + b"x" * size + end))
    assert kind is fault
    assert [chunk.data for chunk in chunks] == ([b"1"] if fault else [b"1", b"x" * size])


def test_after_a_fault_nothing_is_read_or_kept() -> None:
    decoder = make()
    decoder.feed(b"x" * 1000)
    assert decoder.fault is not None
    assert str(LIMIT) in decoder.fault.detail
    assert decoder.feed(b"1\n") == []
    assert decoder.finish() == []
    assert decoder.buffered == 0


@pytest.mark.parametrize("path", recorded(".ndjson"))
def test_recorded(path: Path) -> None:
    for chunk in check_recorded(lambda: NdjsonDecoder(1 << 24), path):
        assert isinstance(msgspec.json.decode(chunk.data), dict)
