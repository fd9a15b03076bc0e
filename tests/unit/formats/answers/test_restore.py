"""Tools get their names and forms back, and media their content."""

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio import events as e
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.answers.restore import (
    Audio,
    Image,
    Piece,
    Restorer,
    first_failure,
    with_media,
    without_void_calls,
)
from aigw_sansio.formats.media import Media

CONTEXT = AnswerContext("r", 0, "m", tool_names={"a_b": "a.b"}, custom_tools=frozenset({"patch"}), output_tool="json")


def restored(*events: e.ProviderEvent) -> list[Piece]:
    restorer = Restorer(CONTEXT)
    return [piece for event in events for piece in restorer.read(event)]


def cut(text: str, points: list[int]) -> list[str]:
    edges = [0, *sorted(point % (len(text) + 1) for point in points), len(text)]
    return [text[start:stop] for start, stop in itertools.pairwise(edges)]


def test_a_name_is_the_clients_again() -> None:
    assert restored(e.ToolCallStarted(0, "x", "a_b", signature="s")) == [
        e.ToolCallStarted(0, "x", "a.b", signature="s")
    ]
    assert restored(e.ToolCallStarted(0, "x", "other")) == [e.ToolCallStarted(0, "x", "other")]


@given(st.text(), st.lists(st.integers(0, 99), max_size=4))
def test_free_text_is_taken_out_of_its_arguments(text: str, points: list[int]) -> None:
    pieces = cut(json.dumps({"input": text}), points)
    out = restored(e.ToolCallStarted(0, "x", "patch"), *(e.ToolCallDelta(0, piece) for piece in pieces))
    assert out[0] == e.ToolCallStarted(0, "x", "patch", kind="custom")
    assert out[1:] == ([e.ToolCallDelta(0, text)] if text else [])


def test_arguments_of_another_form_are_the_text_themselves() -> None:
    for written in ('{"other":1}', '{"input":1}', '{"input":"a","more":1}', "plain", '{"input":'):
        out = restored(
            e.ToolCallStarted(0, "x", "patch"), e.ToolCallDelta(0, written), e.ResponseFinished("tool_calls")
        )
        assert out[1:] == [e.ToolCallDelta(0, written), e.ResponseFinished("tool_calls")]


def test_held_text_is_counted() -> None:
    restorer = Restorer(CONTEXT)
    restorer.read(e.ToolCallStarted(0, "x", "patch"))
    call = restorer.held
    assert call > 1, "the call itself, and its id"
    restorer.read(e.ToolCallDelta(0, '{"input":"abc'))
    assert restorer.held == call + 13
    restorer.read(e.ToolCallDelta(0, '"}'))
    assert restorer.held == call


def test_structured_output_is_text() -> None:
    call = [e.ToolCallStarted(0, "x", "json", 1), e.ToolCallDelta(0, '{"a"', 1), e.ToolCallDelta(0, ":1}", 1)]
    assert restored(*call, e.ResponseFinished("tool_calls", "tool_use", 1)) == [
        e.TextDelta('{"a"', 1), e.TextDelta(":1}", 1), e.ResponseFinished("stop", "tool_use", 1),
    ]  # fmt: skip
    other = e.ToolCallStarted(1, "y", "f", 1)
    assert restored(*call, other, e.ResponseFinished("tool_calls", None, 1))[-1].reason == "tool_calls"  # type: ignore[union-attr]


def test_which_calls_are_complete() -> None:
    restorer = Restorer(CONTEXT)
    states = []
    for event in (
        e.ToolCallStarted(0, "x", "f"),
        e.ToolCallDelta(0, ' {"a":'),
        e.ToolCallDelta(0, "[1]}"),
    ):
        restorer.read(event)
        states.append(restorer.is_complete(0))
    assert states == [False, False, True]
    restorer.read(e.ToolCallStarted(1, "y", "f", kind="custom"))
    restorer.read(e.ToolCallDelta(1, "{}"))
    assert not restorer.is_complete(1)
    assert not restorer.is_complete(7)


def test_a_new_beginning_inside_a_call_fails() -> None:
    begun = [e.ToolCallStarted(0, "x", "f"), e.ToolCallDelta(0, '{"a')]
    again = e.ResponseStarted(restarted=True)
    assert isinstance(restored(*begun, again)[-1], e.ResponseFailed)
    assert restored(e.TextDelta("a"), again) == [e.TextDelta("a")]
    complete = [*begun, e.ToolCallDelta(0, '":1}')]
    assert restored(*complete, again) == complete


def test_void_calls_are_left_out_of_a_whole_answer() -> None:
    kept = [e.ToolCallStarted(0, "x", "f"), e.ToolCallDelta(0, "{}")]
    void = [e.ToolCallStarted(1, "y", "f"), e.ToolCallDelta(1, '{"a')]
    after = [e.ToolCallStarted(2, "z", "f"), e.ToolCallDelta(2, "{}")]
    assert without_void_calls([*kept, *void, e.ResponseStarted(restarted=True), *after]) == [*kept, *after]
    assert without_void_calls(void) == void


def test_media_stand_in_place_of_their_sizes() -> None:
    events = [e.TextDelta("a"), e.AudioDelta(3, "t", 1), e.ImageDelta(2, None, 2), e.ImageDelta(9)]
    assert list(with_media(events, [Media("AAAA"), Media("AAA=")])) == [
        e.TextDelta("a"), Audio(Media("AAAA"), "t", 1), Image(Media("AAA="), 2), Image(Media(), 0),
    ]  # fmt: skip


def test_the_first_failure() -> None:
    failed = e.ResponseFailed("a")
    assert first_failure([e.TextDelta("x"), failed, e.ResponseFailed("b")]) is failed
    assert first_failure([]) is None
