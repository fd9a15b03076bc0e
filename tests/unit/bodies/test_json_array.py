"""The decoder of streamed JSON arrays against tables, cuts, the standard library and recorded bodies."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.bodies import (
    bounded,
    check_recorded,
    cut_at,
    cut_points,
    fixture_root,
    read,
    recorded,
    single,
    whole,
)

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.bodies.json_array import JsonArrayDecoder
from aigw_sansio.faults import FaultKind

LIMIT = 30
MALFORMED, INCOMPLETE, TOO_LARGE = FaultKind.MALFORMED_RESPONSE, FaultKind.INCOMPLETE_BODY, FaultKind.BODY_TOO_LARGE


def make() -> JsonArrayDecoder:
    return JsonArrayDecoder(LIMIT)


CASES: list[tuple[str, bytes, list[bytes], FaultKind | None]] = [
    ("empty array", b"[]", [], None),
    ("objects", b'[{"a": 1}\n,\r\n{"b": [2]}\n]\n', [b'{"a": 1}', b'{"b": [2]}'], None),
    ("scalars", b'[1,-2.5e+3 , true,null,"a"]', [b"1", b"-2.5e+3", b"true", b"null", b'"a"'], None),
    ("nested", b'[[[1],{}],{"a":{"b":[]}}]', [b"[[1],{}]", b'{"a":{"b":[]}}'], None),
    ("strings with brackets", b'[{"]}":"[{,"},"}"]', [b'{"]}":"[{,"}', b'"}"'], None),
    ("escapes", b'[{"a\\"}":"\\\\"},"\\\\\\""]', [b'{"a\\"}":"\\\\"}', b'"\\\\\\""'], None),
    ("blanks and BOM", b"\xef\xbb\xbf \t\r\n[ 1 ]\r\n ", [b"1"], None),
    ("single object", b' {"error": {"a": 1}}\n', [b'{"error": {"a": 1}}'], None),
    ("nothing", b"", [], INCOMPLETE),
    ("half a BOM", b"\xef\xbb", [], INCOMPLETE),
    ("only blanks", b" \n", [], INCOMPLETE),
    ("no end", b"[1,2", [b"1"], INCOMPLETE),
    ("cut in an object", b'[{"a":1},{"b"', [b'{"a":1}'], INCOMPLETE),
    ("cut behind a comma", b"[1,", [b"1"], INCOMPLETE),
    ("cut single object", b'{"a":"}', [], INCOMPLETE),
    ("BOM behind a blank", b" \xef\xbb\xbf[]", [], MALFORMED),
    ("no array", b"oops", [], MALFORMED),
    ("only a string", b'"a"', [], MALFORMED),
    ("no comma", b"[1 2]", [b"1"], MALFORMED),
    ("no comma between objects", b"[{}{}]", [b"{}"], MALFORMED),
    ("two commas", b"[1,,2]", [b"1"], MALFORMED),
    ("leading comma", b"[,1]", [], MALFORMED),
    ("trailing comma", b"[1,]", [b"1"], MALFORMED),
    ("wrong bracket", b"[1}", [b"1"], MALFORMED),
    ("behind the array", b"[1]]", [b"1"], MALFORMED),
    ("behind the object", b"{},{}", [b"{}"], MALFORMED),
    ("no element", b"[1,:]", [b"1"], MALFORMED),
    ("scalar and object", b"[1{}]", [b"1"], MALFORMED),
]


@pytest.mark.parametrize(("body", "expected", "fault"), [pytest.param(*rest, id=name) for name, *rest in CASES])
def test_whole_and_byte_by_byte(body: bytes, expected: list[bytes], fault: FaultKind | None) -> None:
    result = ([Chunk(element) for element in expected], fault)
    assert whole(make, body) == result
    assert read(make(), single(body)) == result


@given(
    st.one_of(
        st.binary(max_size=100),
        st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b",", b" ", b"1", b"a"]), max_size=60).map(
            b"".join
        ),
        st.sampled_from([body for _, body, *_ in CASES]),
    ),
    cut_points,
)
def test_any_bytes_in_any_cuts(body: bytes, points: list[int]) -> None:
    expected = whole(make, body)
    assert read(make(), cut_at(body, points)) == expected
    assert read(make(), single(body)) == expected
    bounded(make, LIMIT, cut_at(body, points))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(_json, max_size=5), st.sampled_from([None, 2]), st.booleans(), cut_points)
def test_equals_the_standard_library(values: list[object], indent: int | None, ascii: bool, points: list[int]) -> None:
    body = json.dumps(values, indent=indent, ensure_ascii=ascii).encode()
    chunks, fault = read(JsonArrayDecoder(1 << 20), cut_at(body, points))
    assert fault is None
    assert [json.loads(chunk.data) for chunk in chunks] == values


def test_an_element_comes_at_its_last_byte() -> None:
    decoder = make()
    assert decoder.feed(b'[{"a":1') == []
    assert decoder.buffered == 6
    assert decoder.feed(b"}") == [Chunk(b'{"a":1}')]
    assert decoder.buffered == 0


@pytest.mark.parametrize("pieces", [lambda body: [body], single])
@pytest.mark.parametrize(
    ("element", "fault"),
    [
        (b'"' + b"x" * 28 + b'"', None),
        (b'"' + b"x" * 29 + b'"', TOO_LARGE),
        (b"[" * 15 + b"]" * 15, None),
        (b"[" * 16 + b"]" * 16, TOO_LARGE),
        (b"1" * 30, None),
        (b"1" * 31, TOO_LARGE),
    ],
)
def test_limit(pieces, element: bytes, fault: FaultKind | None) -> None:
    chunks, kind = read(make(), pieces(b"[0," + element + b"]"))
    assert kind is fault
    assert [chunk.data for chunk in chunks] == ([b"0"] if fault else [b"0", element])


def test_after_a_fault_nothing_is_read_or_kept() -> None:
    decoder = make()
    decoder.feed(b"[" + b"[" * 1000)
    assert decoder.fault is not None
    assert str(LIMIT) in decoder.fault.detail
    assert decoder.feed(b"]") == []
    assert decoder.finish() == []
    assert decoder.fault.kind is TOO_LARGE
    assert decoder.buffered == 0


@pytest.mark.parametrize("path", recorded(".json"))
def test_recorded(path: Path) -> None:
    """Whole JSON answers too: an object reads as one element."""
    if path.read_bytes().lstrip()[:1] not in (b"[", b"{"):
        pytest.skip("neither an array nor an object")
    chunks = check_recorded(lambda: JsonArrayDecoder(1 << 24), path)
    document = json.loads(path.read_bytes())
    expected = document if isinstance(document, list) else [document]
    assert [json.loads(chunk.data) for chunk in chunks] == expected


@pytest.mark.skipif(fixture_root() is None, reason="AIGW_FIXTURES is not set")
def test_recorded_streams_have_several_elements() -> None:
    root = fixture_root()
    assert root is not None
    body = (root / "gemini-generate" / "prompt.json").read_bytes()
    assert len(whole(lambda: JsonArrayDecoder(1 << 20), body)[0]) > 1
