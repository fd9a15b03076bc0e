"""Fragments of tool calls find their call; each call starts once, with its name, and has one JSON document."""

import json
from itertools import pairwise
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.answers import Answer, assemble

from aigw_sansio import events as e
from aigw_sansio.formats.tool_calls import HELD, OPEN_CALLS, ToolCalls

Fragment: TypeAlias = tuple[int | None, str | None, str | None, object]
BEHIND = "arguments behind the end of a tool call's arguments"


def read(*fragments: Fragment) -> Answer:
    calls, out = ToolCalls(), list[e.ProviderEvent]()
    for index, id_, name, args in fragments:
        calls.fragment(0, index, id_, name, args, out)
    calls.flush(out)
    return assemble(out)


def told(*fragments: Fragment) -> list[tuple[str | None, str | None, str]]:
    return [(call.id, call.name, call.arguments) for call in read(*fragments).calls.values()]


ONE = [
    ("same id", [(0, "a", "f", ""), (0, None, None, '{"x":'), (0, "a", None, "1}")]),
    ("late id", [(0, None, "f", '{"x":'), (0, "late", None, "1}")]),
    ("long id", [(0, "x" * 256 + "a", "f", '{"x":'), (0, "x" * 256 + "b", None, "1}")]),
    ("no index", [(None, "a", "f", '{"x":'), (None, None, None, "1"), (None, "a", None, "}")]),
    ("no index, same id and name", [(None, "a", "f", ""), (None, "a", "f", '{"x":'), (None, "a", "f", "1}")]),
    ("no index, ids change", [(None, "a", "f", '{"x":'), (None, "b", None, "1"), (None, "c", "", "}")]),
    ("no index, the name alone repeated", [(None, None, "f", ""), (None, None, "f", '{"x":'), (None, None, "f", "1}")]),
    ("no index, the id in the first alone", [(None, "a", "f", ""), (None, None, "f", '{"x":'), (None, None, "f", "1}")]),
    ("name in each, id in the first", [(0, "a", "f", ""), (0, None, "f", '{"x":'), (0, None, "f", "1}")]),
    ("ids change", [(0, "a", "f", ""), (0, "b", "", '{"x":'), (0, "c", None, "1}")]),
    ("ids change, name in each", [(0, "a", "f", '{"x":'), (0, "b", "f", "1"), (0, "c", "f", "}")]),
    ("{} first", [(0, "a", "f", "{}"), (0, "a", None, '{"x":1}')]),
    ("{} as an object first", [(0, "a", "f", {}), (0, None, None, '{"x":'), (0, None, None, "1}")]),
    ("null first", [(0, "a", "f", "null"), (0, "a", "f", '{"x":1}')]),
    ("under another index", [(0, "a", "f", ""), (1, None, None, '{"x":'), (1, None, None, "1}")]),
    ("its id under another index", [(0, "a", "f", ""), (1, "a", None, '{"x":1}')]),
    ("name late", [(0, "a", None, ""), (0, None, None, '{"x":'), (0, None, "f", "1}")]),
    ("all repeated at the end", [(0, "a", "f", '{"x":'), (0, None, None, "1}"), (0, "a", "f", '{"x":1}')]),
    ("an object", [(0, "a", "f", {"x": 1}), (0, "a", "f", {"x": 1})]),
    ("blanks behind it", [(0, "a", "f", '{"x":1}'), (0, None, None, "  "), (0, None, None, "")]),
]  # fmt: skip


@pytest.mark.parametrize("fragments", [fragments for _, fragments in ONE], ids=[name for name, _ in ONE])
def test_one_call(fragments: list[Fragment]) -> None:
    answer = read(*fragments)
    assert [(call.name, call.arguments) for call in answer.calls.values()] == [("f", '{"x":1}')]
    assert answer.unrecognised == []


SEVERAL = [
    ("another id with a name", [(0, "a", "f", '{"x":1}'), (0, "b", "f", '{"x":2}'), (0, "b", None, "")], "ff"),
    ("ids at one index, empty ids behind", [
        (0, "a", "f", ""), (0, "", None, '{"x":1}'), (0, "b", "f", ""), (0, "", None, '{"x":2}')], "ff"),
    ("two indexes", [(0, "a", "f", '{"x":'), (1, "b", "g", '{"x":'), (0, None, None, "1}"), (1, None, None, "2}")], "fg"),
    ("one id for all", [(0, "0", "f", '{"x":1}'), (1, "0", "f", '{"x":2}')], "ff"),
    ("no ids, one index", [(0, None, "f", '{"x":1}'), (0, None, "f", '{"x":2}')], "ff"),
    ("no ids, one index, other names", [(0, None, "f", '{"x":1}'), (0, None, "g", '{"x":2}')], "fg"),
    ("no index", [(None, "a", "f", '{"x":1}'), (None, "b", "f", '{"x":2}')], "ff"),
    ("no index, no ids", [(None, "", "f", '{"x":1}'), (None, "", "f", '{"x":2}')], "ff"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fragments", "names"), [(fragments, names) for _, fragments, names in SEVERAL], ids=[name for name, *_ in SEVERAL]
)
def test_two_calls(fragments: list[Fragment], names: str) -> None:
    answer = read(*fragments)
    assert [(call.name, call.arguments) for call in answer.calls.values()] == [
        (names[0], '{"x":1}'),
        (names[1], '{"x":2}'),
    ]
    assert answer.unrecognised == []


def test_empty_arguments_alone_are_arguments() -> None:
    assert told((0, "a", "f", "{}"), (1, "b", "g", ""), (0, None, None, "")) == [("a", "f", "{}"), ("b", "g", "")]


def test_what_follows_a_complete_document_is_not_told() -> None:
    answer = read((0, "a", "f", '{"x":1}'), (0, "a", None, '{"x":2}'), (1, "b", "g", '{"y":[]}{"z":1}'))
    assert [call.arguments for call in answer.calls.values()] == ['{"x":1}', '{"y":[]}']
    assert answer.unrecognised == [BEHIND, BEHIND]


def test_a_call_whose_name_never_comes_is_told_at_the_end() -> None:
    assert told((0, None, None, '{"x":'), (0, None, None, "1}")) == [(None, None, '{"x":1}')]


def test_a_call_starts_once_with_its_name() -> None:
    calls, out = ToolCalls(), list[e.ProviderEvent]()
    calls.more(3, '{"x"', out)
    calls.more(3, ":1}", out)
    assert out == []
    assert calls.is_waiting(3)
    assert calls.begin(3, "a", "f", out, kind="provider") == 0
    assert out == [e.ToolCallStarted(0, "a", "f", kind="provider"), e.ToolCallDelta(0, '{"x":1}')]
    assert calls.is_told(3)
    assert not calls.is_waiting(3)
    assert not calls.asked(0)


def test_the_text_of_a_custom_tool_is_free() -> None:
    calls, out = ToolCalls(), list[e.ProviderEvent]()
    for piece in ("{}", "{}", "x"):
        calls.fragment(0, 0, "a", "f", piece, out, "custom")
    assert assemble(out).calls[0].arguments == "{}{}x"


def test_a_signature_is_told_with_its_call_or_behind_it() -> None:
    calls, out = ToolCalls(), list[e.ProviderEvent]()
    calls.fragment(0, 0, "a", "f", "", out, signature="s")
    calls.fragment(0, 0, None, None, "", out, signature="late")
    assert out == [e.ToolCallStarted(0, "a", "f", signature="s"), e.ReasoningDelta("", signature="late")]


def test_a_closed_call_takes_no_more_fragments() -> None:
    calls, out = ToolCalls(), list[e.ProviderEvent]()
    calls.begin(3, "a", "f", out)
    calls.close(3)
    calls.close(4)
    calls.more(3, "{}", out)
    calls.flush(out)
    assert out == [e.ToolCallStarted(0, "a", "f"), e.ToolCallStarted(1, None, None), e.ToolCallDelta(1, "{}")]


def test_a_closed_call_is_told_at_once() -> None:
    calls, out = ToolCalls(), list[e.ProviderEvent]()
    calls.fragment(0, 3, "a", "f", "{}", out)
    calls.close(3, out=out)
    calls.more(4, '{"x":', out)
    calls.close(4, out=out)
    assert out == [
        e.ToolCallStarted(0, "a", "f"),
        e.ToolCallDelta(0, "{}"),
        e.ToolCallStarted(1, None, None),
        e.ToolCallDelta(1, '{"x":'),
    ]
    calls.flush(out)
    assert len(out) == 4


def test_memory_is_bounded() -> None:
    calls, out = ToolCalls(), list[e.ProviderEvent]()
    for index in range(3 * OPEN_CALLS):
        calls.fragment(index % 128, index, f"id-{index}" * 100, "f", "", out)
    assert len(calls._open) == len(calls._by_id) == OPEN_CALLS
    assert len(calls._last) == 128
    assert all(len(key) <= 256 for _, key in calls._by_id)
    assert not calls._waiting
    for index in range(3 * OPEN_CALLS):
        calls.more(-index - 1, '{"', out)
    assert len(calls._waiting) <= OPEN_CALLS + 1
    calls.flush(out)
    for _ in range(10):
        calls.more(-7, "x" * HELD, out)
    assert calls._held <= 2 * HELD


@given(
    st.dictionaries(st.text(max_size=4), st.text(max_size=9) | st.integers(), min_size=1, max_size=4),
    st.lists(st.integers(0, 60), max_size=6),
    st.booleans(),
)
def test_cut_arguments_stay_one_document(value: dict[str, object], cuts: list[int], indexed: bool) -> None:
    text = json.dumps(value, ensure_ascii=False)
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    index = 0 if indexed else None
    pieces = [(index, None, None, text[a:b]) for a, b in pairwise(edges)]
    assert told((index, "a", "f", ""), *pieces, (index, "a", "f", text)) == [("a", "f", text)]
