"""JSON as text: the same verdict as a strict parser, at any depth of the stack, and what an array begins with."""

import json
from base64 import b64encode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.json_text import (
    BOM,
    MAX_DEPTH,
    base64_string_size,
    first_elements,
    is_too_deep,
    is_utf8,
    string_size,
    valid_json,
)

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(DOCUMENTS, st.booleans(), st.sampled_from(["", " ", "\n\t\r "]))
def test_documents_pass_as_they_are(value: object, ascii_only: bool, blanks: str) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    if not is_utf8(text):
        assert valid_json(text) is None
        return
    assert valid_json(blanks.encode() + text + blanks.encode()) == text
    assert valid_json(BOM + text) == text


@pytest.mark.parametrize(("data", "wanted"), [
    (b"", None), (b"   ", None), (BOM, None), (b"{}", b"{}"), (b" [1, 2]\n", b"[1, 2]"), (b"{} {}", None), (b"{}x", None),
    (b"NaN", None), (b"[Infinity]", None), (b'["\\ud83d", NaN]', None), (b'["\\ud83d", -Infinity]', None),
    (b"{'a':1}", None), (b'{"a":1,}', None), (b"01", None), (b"tru", None), (b'"\x01"', None), (b'"\\x"', None),
    (b'"\\ud83d"', b'"\\ud83d"'), (b' {"a":"\\ude00\\ud83d"} ', b'{"a":"\\ude00\\ud83d"}'), (b'"\\ud83d\\u0041"', b'"\\ud83d\\u0041"'),
    (b'"\\ud83d', None), (b'"\\uD83D"', b'"\\uD83D"'), (b'"\\\\ud83d\\ud83d"', b'"\\\\ud83d\\ud83d"'), (b'"\\u\\ud83d"', None), (b'"\\ud83d" x', None), (b'"\\ud8"', None), (BOM + b'"\\ud83d"', b'"\\ud83d"'),
    (b'"\xff"', None), (b'"\xed\xa0\xbd"', None), (b'"\xc3\xa9"', b'"\xc3\xa9"'), (b'"\\ud83d\xff"', None),
    (b"\xff\xfe[\x00]\x00", None), (BOM + BOM + b"{}", None), (b"\xef\xbb", None), (b"\x0b{}", None), (b"\xc2\xa0{}", None),
])  # fmt: skip
def test_verdicts(data: bytes, wanted: bytes | None) -> None:
    assert valid_json(data) == wanted


@pytest.mark.parametrize("count", [2, 1000, 100_000])
def test_byte_order_marks_in_a_row_do_no_harm(count: int) -> None:
    assert valid_json(BOM * count) is None
    assert valid_json(BOM * count + b"{}") is None


@given(st.binary(max_size=60))
def test_any_bytes_get_the_verdict_of_a_strict_parser(data: bytes) -> None:
    def refuse(name: str) -> object:
        raise ValueError(name)

    plain = data.removeprefix(BOM)
    try:
        json.loads(plain.decode(), parse_constant=refuse)
        wanted = True
    except ValueError:
        wanted = False
    assert (valid_json(data) is not None) is wanted


def nested(depth: int, inside: bytes = b"") -> bytes:
    return b'{"a":[' * (depth // 2) + b"[" * (depth % 2) + inside + b"]" * (depth % 2) + b"]}" * (depth // 2)


@pytest.mark.parametrize("inside", [b"", b'"\\ud83d"'])
def test_the_deepest_document_is_the_same_on_any_stack(inside: bytes) -> None:
    def at(frames: int, data: bytes) -> bytes | None:
        return valid_json(data) if not frames else at(frames - 1, data)

    for frames in (0, 200):
        assert at(frames, nested(MAX_DEPTH, inside)) == nested(MAX_DEPTH, inside)
        assert at(frames, nested(MAX_DEPTH + 1, inside)) is None


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000, b'"\\ud83d' + b"[" * 2000]
)
def test_bottomless_documents_are_invalid(data: bytes) -> None:
    assert valid_json(data) is None


def test_brackets_in_strings_are_no_depth() -> None:
    assert not is_too_deep(b'["' + b"[" * 5000 + b'"]')
    assert not is_too_deep(b'["\\"' + b"[" * 5000 + b'"]')
    assert is_too_deep(b'["]",' * 500 + b"1" + b"]" * 500)
    assert not is_too_deep(b"[" + b"[]," * 5000 + b"[]]")


@pytest.mark.parametrize(("data", "wanted"), [(b"", True), (b"abc", True), ("é€😀".encode(), True), (b"\xc3", False),
    (b"\xed\xa0\x80", False), (b"\xc0\x80", False), (b"\xf4\x90\x80\x80", False)])  # fmt: skip
def test_utf8(data: bytes, wanted: bool) -> None:
    assert is_utf8(data) is wanted


@given(st.lists(DOCUMENTS, max_size=5), st.sampled_from([None, 1]), st.integers(1, 6))
def test_an_array_begins_with_its_first_elements(value: list[object], indent: int | None, most: int) -> None:
    text = " \n" + json.dumps(value, indent=indent)
    assert [json.loads(bytes(element)) for element in first_elements(text.encode(), most)] == value[:most]


@pytest.mark.parametrize("text", [b"", b"1", b"{}", b"[", b"[1", b"[1,2,3", b"[1,2,x]", b'["\\ud83d"]', b"[1,2,3]]"])
def test_what_is_no_array_has_no_elements(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        first_elements(text, 2)


def depth_of(data: bytes) -> int:
    """The depth of a document, character by character."""
    deepest = depth = 0
    inside = escaped = False
    for byte in data:
        if inside:
            inside = escaped or byte != ord('"')
            escaped = not escaped and byte == ord("\\")
        elif byte == ord('"'):
            inside = True
        else:
            depth += (byte in b"[{") - (byte in b"]}")
            deepest = max(deepest, depth)
    return deepest


SHAPES = st.recursive(
    st.sampled_from([b"1", b'""', b'"["', b'"]]"', b'"\\"["', b'"\\\\"', b"[]", b'["[","]"]']),
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: b"[" + b",".join(parts) + b"]")
    | inner.map(lambda part: b'{"a{":' + part + b"}")
    | st.tuples(st.integers(1, 30), inner).map(lambda both: b"[" * both[0] + both[1] + b"]" * both[0]),
    max_leaves=12,
)  # fmt: skip


@given(SHAPES, st.integers(MAX_DEPTH - 60, MAX_DEPTH + 1), st.integers(1, 40))
def test_the_depth_is_exact(shape: bytes, around: int, times: int) -> None:
    data = b"[" * around + b",".join([shape] * times) + b"]" * around
    assert is_too_deep(data) is (depth_of(data) > MAX_DEPTH)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.sampled_from([None, "utf-8", "utf8", "utf-16", "utf-16le", "utf-32"]),
)
def test_the_size_of_a_string_is_known_before_it_is_made(text: str, charset: str | None) -> None:
    data = text.encode(charset or "utf-8")
    assert string_size(data, charset) == len(msgspec.json.encode(text))


@given(st.binary(max_size=30), st.sampled_from(["latin-1", "windows-1251", "shift_jis", "euc-kr", "gb18030"]))
def test_in_other_charsets_it_is_at_most_that(data: bytes, charset: str) -> None:
    try:
        shown = len(msgspec.json.encode(data.decode(charset)))
    except UnicodeDecodeError:
        return
    assert shown <= string_size(data, charset)


@given(st.binary(max_size=30))
def test_what_is_no_text_is_base64(data: bytes) -> None:
    for charset in ("utf-8", "utf-16", "utf-16-unknown"):
        try:
            data.decode(charset)
        except (UnicodeDecodeError, LookupError):
            assert string_size(data, charset) == base64_string_size(len(data)) == len(b64encode(data)) + 2


def test_text_that_is_all_json_is_not_copied() -> None:
    data = b'{"a":"%b"}' % bytes(b"x" * 100_000)
    assert valid_json(data) is data
    assert valid_json(data + b"\n") == data
    assert valid_json(b" " + data) == data
