"""Where a JSON document ends, in any cuts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.bodies.nesting import NestingScanner

DOCUMENTS = ["{}", "[]", '{"a":"}"}', '["\\"]", [1]]', '{"a":{"b":[{"c":"\\\\"}]}}', '"text"', '"\\"{"', '[["[{"]]']


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("behind", ["", "}", " []", '"'])
def test_the_end_is_found_and_what_follows_is_left(document: str, behind: str) -> None:
    data = (document + behind).encode()
    assert NestingScanner().scan(data, 0) == len(document)
    scanner = NestingScanner()
    ends = [scanner.scan(data[i : i + 1], 0) for i in range(len(document))]
    assert ends == [-1] * (len(document) - 1) + [1]


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ),
    st.integers(1, 5),
    st.binary(max_size=4),
)
def test_any_document_ends_where_it_ends(value: object, size: int, behind: bytes) -> None:
    document = json.dumps([value]).encode()
    data = document + behind
    scanner = NestingScanner()
    for start in range(0, len(data), size):
        end = scanner.scan(data[start : start + size], 0)
        if end >= 0:
            assert start + end == len(document)
            return
    raise AssertionError("no end was found")


def test_an_open_document_has_no_end() -> None:
    assert NestingScanner().scan(b'{"a":[1,2', 0) == -1
    assert NestingScanner().scan(b"xx{}", 2) == 4
