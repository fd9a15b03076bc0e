"""Messages with halves of surrogate pairs: queries that stay the client's bytes, and a rest that msgspec can read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.dialects.universal.halves import is_mended, marked, mended, take_queries

ESCAPES = st.sampled_from(
    [
        "\\ud83d",
        "\\uDE00",
        "\\ud83d\\ude00",
        "\\ue000",
        "\\uE000",
        "\\\\",
        "\\\\ud83d",
        "\\n",
        "x",
        "\\u0041",
        "\\uF8ff",
        "é",
    ]
)
STRINGS = st.lists(ESCAPES, max_size=6).map(lambda parts: f'"{"".join(parts)}"')
VALUES = STRINGS | st.lists(STRINGS, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")


@given(st.lists(VALUES, min_size=1, max_size=4), VALUES, st.integers(1, 5))
def test_queries_are_the_clients_bytes(queries: list[str], other: str, most: int) -> None:
    steps = ",".join(f' {{"query" : {query} ,"later":{other},"provider":"\\ud83d\\ude00"}}' for query in queries)
    found = take_queries(f'{{"type":"t","x":{other},"request":[{steps}],"eventId":"\\ue000"}}'.encode(), most)
    assert found is not None
    rest, cut = found
    assert cut == [query.encode() for query in queries[: most + 1]]
    assert json.loads(rest) == {"type": "t", "eventId": "\ue000", "request": [{"provider": "\U0001f600"}] * len(cut)}


@pytest.mark.parametrize("data", [
    b"", b"{", b'{"type":"t"}', b'{"type":"t","request":{"query":NaN,"x":"\\ud83d"}}', b'["\\ud83d"]', b'{"x":"\\ud83d"} x',
    b'{"x":"\\ud83d","request":[1,}]}',
    b'{"x":"\\ud83d%b"}' % b"".join(b"\\u%c000" % digit for digit in b"eEfFaAbBcC12345678"),  # nothing may take its place
])  # fmt: skip
def test_a_text_that_is_bad_for_another_reason(data: bytes) -> None:
    assert take_queries(data, 2) is None


def test_what_is_no_step_stays() -> None:
    assert take_queries(b'{"request":["\\ud83d",{"query":1}]}', 2) == (b'{"request":["\\ud83d",{}]}', [None, b"1"])
    assert take_queries(b'{"request":"\\ud83d"}', 2) == (b'{"request":"\\ud83d"}', [None])


def test_a_mended_text_is_known() -> None:
    assert json.loads(mended(b'"\\ud83d\\ude00\\uD83D"')) == "\ue83d\uee00\ue83d"
    assert is_mended("a\ue83d")
    assert is_mended("\\ud83d")
    assert not is_mended("é😀")
    assert marked("a\ue83d\uefff") == "a\ufffd\ufffd"
