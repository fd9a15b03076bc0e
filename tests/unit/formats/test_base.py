"""The parts that all readers share: the frame around a chunk, ends, usage, the numbers of tool calls."""

import json

import pytest
from tests.unit.formats.reading import sse

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.base import CHOICES, OPEN_CALLS, BaseReader, ToolCalls, choice_of, merge_usage
from aigw_sansio.formats.registry import make_reader
from aigw_sansio.formats.values import JsonObject


def test_the_memory_of_a_reader_is_bounded() -> None:
    """Neither endless choices nor endless open calls make a reader grow."""
    reader = make_reader("openai-chat")
    assert isinstance(reader, BaseReader)
    for number in range(2000):
        delta = {"tool_calls": [{"index": number, "id": f"id-{number}" * 100, "function": {"name": "f"}}]}
        for choice in (number, number % 2):
            for chunk in sse({"choices": [{"index": choice, "delta": delta, "finish_reason": "stop"}]}):
                reader.read(chunk)
    assert len(reader._ends) <= CHOICES
    assert len(reader.calls._open) <= OPEN_CALLS
    assert len(reader.calls._last) <= CHOICES
    assert all(len(key or "") <= 256 for key, _ in reader.calls._open.values())


class Plain(BaseReader):
    """The smallest format: ``start``, ``text``, ``usage``, ``end`` and ``error`` are keys of each chunk."""

    def read_object(self, value: JsonObject, event: str, out: list[e.ProviderEvent]) -> None:
        if "start" in value:
            self.start(value["start"], None, out)
        elif "text" in value:
            out.append(e.TextDelta(str(value["text"])))
        elif "usage" in value:
            self.report(e.UsageReported(*json.loads(str(value["usage"]))), out)
        elif "end" in value:
            self.end(0, str(value["end"]))
        elif "show" in value:
            self.report_ends(out)
        else:
            self.unknown(value, out)


def read(reader: BaseReader, *values: object) -> list[e.ProviderEvent]:
    return [event for value in values for event in reader.read(Chunk(json.dumps(value).encode()))]


# -- starts and ends --------------------------------------------------------------------------------------------------


def test_an_answer_starts_once() -> None:
    assert read(Plain(), {"start": "a"}, {"start": "b"}) == [e.ResponseStarted("a")]


def test_an_end_is_shown_at_the_end_of_the_transport_and_the_last_reason_counts() -> None:
    reader = Plain()
    assert read(reader, {"start": "a"}, {"end": "stop"}, {"end": "length"}) == [e.ResponseStarted("a")]
    assert reader.finish() == [e.ResponseFinished("length", "length")]
    assert reader.finish() == []


def test_an_answer_without_an_end_ends_for_an_unknown_reason() -> None:
    reader = Plain()
    read(reader, {"start": "a"})
    assert reader.finish() == [e.ResponseFinished("unknown")]


def test_an_answer_that_never_started_has_no_end() -> None:
    assert Plain().finish() == []


def test_a_choice_that_ended_does_not_end_again() -> None:
    reader = Plain()
    assert read(reader, {"end": "stop"}, {"show": 1}, {"end": "stop"}, {"show": 1}) == [
        e.ResponseFinished("stop", "stop")
    ]
    assert reader.finish() == []


@pytest.mark.parametrize(
    "failure",
    [Chunk(b'{"error":"m"}'), Chunk(b"m", "error"), Chunk(b"m", "", True)],
    ids=["in the chunk", "by the name of the event", "by the framing"],
)
def test_a_failed_answer_has_no_end(failure: Chunk) -> None:
    reader = Plain()
    read(reader, {"start": "a"}, {"end": "stop"})
    (failed,) = reader.read(failure)
    assert isinstance(failed, e.ResponseFailed)
    assert reader.finish() == []


def test_a_renewed_reader_has_forgotten_the_last_answer() -> None:
    """Except for the numbers of its calls: none is used twice."""
    reader = Plain()
    reader.calls.whole("c", "f", None, [])
    read(reader, {"start": "a"}, {"usage": "[5]"}, {"error": "m"})
    reader.renew()
    assert read(reader, {"start": "b"}, {"usage": "[null, 1]"}) == [e.ResponseStarted("b"), e.UsageReported(None, 1)]
    assert reader.finish() == [e.ResponseFinished("unknown")]
    assert reader.calls.begin(0, "c", "f", []) == 1


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"", []),
        (b" \n", []),
        (b'{"error":"m","text":"x"}', [e.ResponseFailed("m")]),
        (b"no JSON", [e.ResponseFailed("no JSON", "not_json")]),
        (b"[1,2]", [e.Unrecognised("array")]),
        (b'[{"error":"m"}]', [e.ResponseFailed("m")]),
        (b'{"text":"x"}', [e.TextDelta("x")]),
    ],
)
def test_whole_bodies(body: bytes, events: list[e.ProviderEvent]) -> None:
    assert Plain().read_whole(body) == events


@pytest.mark.parametrize(
    ("chunk", "events"),
    [
        (b"", []),
        (b"  ", []),
        (b"[DONE]", []),
        (b" [DONE]\n", []),
        (b"null", [e.Unrecognised("null")]),
        (b"7", [e.Unrecognised("int")]),
        (b"{", [e.Unrecognised("not JSON")]),
        (b"{}", [e.Unrecognised("empty object")]),
    ],
)
def test_chunks_that_no_format_knows(chunk: bytes, events: list[e.ProviderEvent]) -> None:
    assert Plain().read(Chunk(chunk)) == events


# -- usage ------------------------------------------------------------------------------------------------------------


def test_a_later_report_keeps_the_counts_that_it_leaves_out() -> None:
    assert read(Plain(), {"usage": "[9, 1, 2]"}, {"usage": "[null, 5]"}) == [
        e.UsageReported(9, 1, 2),
        e.UsageReported(9, 5, 2),
    ]


def test_a_report_that_changes_nothing_is_not_shown() -> None:
    assert read(Plain(), {"usage": "[9]"}, {"usage": "[9]"}, {"usage": "[]"}) == [e.UsageReported(9)]


@pytest.mark.parametrize("field", [field for field in e.UsageReported.__struct_fields__ if field != "quality"])
def test_every_count_is_merged(field: str) -> None:
    old, new = e.UsageReported(**{field: 1}), e.UsageReported(**{field: 2}, quality="partial")
    assert merge_usage(old, e.UsageReported()) == old
    assert merge_usage(old, new) == new
    assert merge_usage(None, new) is new


@pytest.mark.parametrize(
    ("reported", "shown"),
    [
        ("[10, 4, 12, 5]", e.UsageReported(10, 4, 10, 0)),
        ("[10, 4, 8, 5]", e.UsageReported(10, 4, 8, 2)),
        ("[10, 4, 8, 2]", e.UsageReported(10, 4, 8, 2)),
        ("[10, 4, 11]", e.UsageReported(10, 4, 10)),
        ("[null, 4, 8, 5]", e.UsageReported(None, 4, 8, 5)),
        ("[1, 4, null, null, 5]", e.UsageReported(1, 4, reasoning_output_tokens=4)),
    ],
)
def test_a_part_never_exceeds_its_whole(reported: str, shown: e.UsageReported) -> None:
    assert read(Plain(), {"usage": reported}) == [shown]


# -- tool calls -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fragments", "numbers"),
    [
        ([(0, "a", "f"), (0, None, None), (0, "a", None)], [0, 0, 0]),
        ([(0, "a", "f"), (0, "b", "f"), (0, "b", None)], [0, 1, 1]),
        ([(0, "a", "f"), (1, "b", "f"), (0, None, None)], [0, 1, 0]),
        ([(None, "a", "f"), (None, None, None), (None, "a", None)], [0, 0, 0]),
        ([(None, "a", "f"), (None, "b", None), (None, None, None)], [0, 1, 1]),
        ([(None, None, "f"), (None, None, "f")], [0, 1]),
        ([(0, None, "f"), (0, "late", None)], [0, 0]),
        ([(0, "x" * 256 + "a", "f"), (0, "x" * 256 + "b", None)], [0, 0]),
    ],
    ids=["same id", "another id", "two indexes", "no index", "no index, another id", "names alone", "late id", "long"],
)
def test_fragments_find_their_call(
    fragments: list[tuple[int | None, str | None, str | None]], numbers: list[int]
) -> None:
    calls, found = ToolCalls(), []
    for index, id_, name in fragments:
        out: list[e.ProviderEvent] = []
        calls.fragment(0, index, id_, name, "x", out)
        assert isinstance(out[-1], e.ToolCallDelta)
        assert len(out) == (1 if out[-1].call in found else 2), "a call starts with its first fragment"
        found.append(out[-1].call)
    assert found == numbers


def test_a_closed_call_takes_no_more_fragments() -> None:
    calls, out = ToolCalls(), list[e.ProviderEvent]()
    calls.begin(3, "a", "f", out)
    calls.close(3)
    calls.close(4)
    calls.more(3, "{}", out)
    assert out == [e.ToolCallStarted(0, "a", "f"), e.ToolCallStarted(1, None, None), e.ToolCallDelta(1, "{}")]


def test_the_oldest_open_call_makes_room_for_a_new_one() -> None:
    calls, out = ToolCalls(), list[e.ProviderEvent]()
    for index in range(OPEN_CALLS + 1):
        calls.begin(index, None, "f", [])
    calls.more(1, "x", out)
    assert out == [e.ToolCallDelta(1, "x")]
    calls.more(0, "x", out)
    assert out[1:] == [e.ToolCallStarted(OPEN_CALLS + 1, None, None), e.ToolCallDelta(OPEN_CALLS + 1, "x")]


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        (None, 4),
        (0, 0),
        (CHOICES - 1, CHOICES - 1),
        (CHOICES, None),
        (-1, None),
        (1.0, None),
        (True, None),
        ("1", None),
    ],
)
def test_the_number_of_a_choice(value: object, choice: int | None) -> None:
    assert choice_of(value, 4) == choice
    assert choice_of(None, CHOICES) is None
