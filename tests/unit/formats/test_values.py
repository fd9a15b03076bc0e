"""JSON of any describe is read without an error."""

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import JSON

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.registry import make_reader
from aigw_sansio.formats.values import (
    BROKEN,
    _parse_leniently,
    arguments,
    arr,
    base64_size,
    count,
    describe,
    obj,
    parse,
    raw_members,
    text,
    unbase64,
    word,
)


def test_arguments_that_no_json_can_hold_are_empty() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert arguments(deep) == ""


def test_values_of_the_wrong_type_are_empty() -> None:
    assert arguments(5) == arguments(None) == ""
    assert unbase64(5) is None
    assert unbase64("***") is None
    assert unbase64("aGk=") == b"hi"


def test_half_a_surrogate_pair_is_read_and_can_be_written() -> None:
    """``JSON.stringify`` emits lone surrogate escapes; msgspec refuses them."""
    events = make_reader("openai-chat").read(Chunk(b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}'))
    assert events[1:] == [e.TextDelta("a?")]
    assert b'"a?"' in msgspec.json.encode(events[1])


def test_a_byte_order_mark_is_skipped() -> None:
    assert e.TextDelta("x") in make_reader("openai-chat").read(
        Chunk(b'\xef\xbb\xbf{"choices":[{"delta":{"content":"x"}}]}')
    )


@given(JSON, st.booleans())
def test_parse_equals_the_standard_library(value: object, ascii: bool) -> None:
    """Except for NaN and the infinities, which are null."""
    document = json.dumps(value, ensure_ascii=ascii)
    assert parse(document.encode()) == json.loads(document, parse_constant=lambda _: None)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", BROKEN),
        (b"{", BROKEN),
        (b"{}{}", BROKEN),
        (b"\xff", BROKEN),
        (b"[" * 100_000, BROKEN),
        (b"\xef\xbb\xbf[1]", [1]),
        (b'"\\ud83d"', "?"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b"[NaN,Infinity,-Infinity]", [None, None, None]),
        (b'"a\tb\x1b[0m\n"', "a\tb\x1b[0m\n"),
        (b'"a\xff"', "a\ufffd"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_parse(data: bytes, value: object) -> None:
    assert parse(data) is BROKEN if value is BROKEN else parse(data) == value


HALVES = st.sampled_from(
    [
        b"\\ud83d",
        b"\\uDE00",
        b"\\uD83D\\ude00",
        b"\\\\",
        b'\\"',
        b"\\u0041",
        b"\\ud7ff",
        b"\\ue000",
        b"x",
        "é".encode(),
        b"\\ud8",
        b"\0",
        b"\n",
        b'"',
    ]
)


@given(st.lists(HALVES, max_size=8).map(lambda parts: b'["' + b"".join(parts) + b'"]'))
def test_halves_of_surrogate_pairs_are_read_as_the_lenient_decoder_reads_them(data: bytes) -> None:
    """The lenient one builds the value twice; the way around it must not be seen."""
    found, wanted = parse(data), _parse_leniently(data)
    assert found is BROKEN if wanted is BROKEN else found == wanted


@given(JSON)
def test_a_value_of_another_type_reads_as_empty(value: object) -> None:
    assert obj(value) == (value if isinstance(value, dict) else {})
    assert arr(value) == (value if isinstance(value, list) else [])
    assert text(value) == (value if isinstance(value, str) else "")
    assert base64_size(value) >= 0
    assert isinstance(arguments(value), str)


@pytest.mark.parametrize(
    ("value", "found"),
    [("a", "a"), ("", None), (7, "7"), (-7, "-7"), (2**63, None), (True, None), (1.5, None), (None, None), ({}, None)],
)
def test_word(value: object, found: str | None) -> None:
    assert word(value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (0, 0),
        (7, 7),
        (-1, None),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (12.0, 12),
        (12.5, None),
        (-1.0, None),
        (1e300, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ("7", None),
        (None, None),
    ],
)
def test_count(value: object, found: int | None) -> None:
    assert count(value) == found
    assert type(count(value)) is type(found)


@given(st.binary(max_size=40))
def test_the_size_of_base64_is_told_without_decoding(data: bytes) -> None:
    encoded = base64.b64encode(data).decode()
    assert base64_size(encoded) == len(data)
    assert unbase64(encoded) == data
    assert base64_size(encoded.rstrip("=")) == len(data), "padding may be left out"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"type": "t" * 99}, "type " + "t" * 60),
        ({"type": 1, "secret": "x"}, "object with type, secret"),
        ({str(n) * 50: "x" for n in range(9)}, "object with " + ", ".join(str(n) * 40 for n in range(8))),
        ({}, "empty object"),
        (["x"], "array"),
        (None, "null"),
        ("content", "str"),
        (BROKEN, "not JSON"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_shape_is_named_without_its_content(value: object, said: str) -> None:
    assert describe(value) == said


@pytest.mark.parametrize(
    ("data", "members"),
    [
        (b'{"a": 1.50 ,"b":{"c":[]}}', {"a": b"1.50", "b": b'{"c":[]}'}),
        (b'{"a":"\\ud83d"}', {"a": b'"?"'}),
        (b'{"a":1e999}', {"a": b"1e999"}),
        (b"[1]", None),
        (b"{", None),
        (b"", None),
    ],
)
def test_members_keep_their_text(data: bytes, members: dict[str, bytes] | None) -> None:
    found = raw_members(data)
    assert (None if found is None else {name: bytes(text) for name, text in found.items()}) == members


def test_a_member_that_no_value_can_hold_is_broken() -> None:
    found = raw_members(b'{"a":1e999,"b":2}')
    assert found is not None
    assert (parse(found["a"]), parse(found["b"])) == (BROKEN, 2)
