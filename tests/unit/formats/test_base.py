"""The parts that all readers share: the frame around a chunk, ends, usage, the numbers of tool calls."""

import json

import pytest
from tests.reading.formats import sse

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.base import CHOICES, BaseReader, choice_of
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader
from aigw_sansio.formats.values import JsonObject


def test_the_memory_of_a_reader_is_bounded() -> None:
    """Endless choices do not make a reader grow."""
    reader = make_reader("openai-chat")
    assert isinstance(reader, BaseReader)
    for number in range(2000):
        delta = {"tool_calls": [{"index": number, "id": f"id-{number}" * 100, "function": {"name": "f"}}]}
        for choice in (number, number % 2):
            for chunk in sse({"choices": [{"index": choice, "delta": delta, "finish_reason": "stop"}]}):
                reader.read(chunk)
    assert len(reader._ends) <= CHOICES
    assert len(reader._choices) <= CHOICES


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
    [Chunk(b'{"error":"m"}'), Chunk(b"m", "error"), Chunk(b"m", "m", True), Chunk(b'{"detail":"m"}', "", True)],
    ids=["in the chunk", "by the name of the event", "by the framing", "a document between events"],
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
        (b'{"error":"m","text":"x"}', [response_failed("m")]),
        (b"no JSON", [response_failed("no JSON", "not_json")]),
        (b"[1,2]", [e.Unrecognised("array")]),
        (b'[{"error":"m"}]', [response_failed("m")]),
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
        (b'"[DONE]"', []),
        (b"[done]", []),
        (b"DONE", []),
        (b"pong", []),
        (b": keepalive", []),
        (b'"ping"', []),
        (b'{"type":"ping"}', []),
        (b'{"type":"keepalive","sequence_number":1}', []),
        (b"null", [e.Unrecognised("null")]),
        (b"7", [e.Unrecognised("int")]),
        (b"{", [e.Unrecognised("not JSON", unreadable=True)]),
        (b"upstream error: 503", [e.Unrecognised("not JSON", unreadable=True)]),
        (b'"Internal Server Error"', [e.Unrecognised("str", unreadable=True)]),
        (b"{}", [e.Unrecognised("empty object")]),
        (b'data: {"text":"x"}', [e.TextDelta("x")]),
        (b'{"text":"x"}\ndata: [DONE]', [e.TextDelta("x")]),
        (b'data: data: {"text"', [e.Unrecognised("not JSON", unreadable=True)]),
    ],
)
def test_chunks_that_no_format_knows(chunk: bytes, events: list[e.ProviderEvent]) -> None:
    assert Plain().read(Chunk(chunk)) == events


def test_a_document_between_events_is_an_error_only_if_it_reads_as_one() -> None:
    """A server that answers with one whole document under the type of an event stream."""
    assert Plain().read(Chunk(b'{"text":"x"}', "", True)) == [e.TextDelta("x")]
    assert Plain().read(Chunk(b'{"text":"x"}', "message", True)) == [e.TextDelta("x")]
    assert Plain().read(Chunk(b'{"text":"x"}', "named", True)) == [e.TextDelta("x")]
    assert Plain().read(Chunk(b"Bad Gateway", "", True)) == [e.Unrecognised("not JSON", unreadable=True)]
    assert Plain().read(Chunk(b'{"strange":1}', "", True)) == [e.Unrecognised("object with strange")]
    (event,) = Plain().read(Chunk(b'{"strange":1}', "throttlingException", True))
    assert isinstance(event, e.ResponseFailed)


# -- the end of a format ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "done", [b"[DONE]", b" [DONE] ", b'"[DONE]"', b"[done]", b"DONE", b'{"text":"x"} data: [DONE]']
)
def test_done_in_any_spelling_ends_every_format(done: bytes) -> None:
    reader = Plain()
    assert not reader.terminated
    reader.read(Chunk(done))
    assert reader.terminated
    assert reader.complete


def test_a_finish_holds_until_content_follows_without_another() -> None:
    reader = Plain()
    read(reader, {"start": "a"}, {"end": "stop"})
    assert reader.finish_seen
    read(reader, {"type": "ping"}, {"usage": "[1, 2]"})
    assert reader.finish_seen
    assert reader.complete
    read(reader, {"text": "x"})
    assert not reader.finish_seen
    read(reader, {"type": "ping"})
    assert not reader.finish_seen
    read(reader, {"end": "stop"})
    assert reader.finish_seen
    assert not reader.terminated


@pytest.mark.parametrize("word", ["not_finished", "null", "FINISH_REASON_UNSPECIFIED"])
def test_a_word_for_not_yet_is_no_finish(word: str) -> None:
    reader = Plain()
    read(reader, {"start": "a"}, {"end": word})
    assert not reader.finish_seen
    assert reader.finish() == [e.ResponseFinished("unknown")]


def test_a_stop_beside_a_call_for_the_client_is_tool_calls() -> None:
    for kind, reason in (("function", "tool_calls"), ("custom", "tool_calls"), ("provider", "stop")):
        reader = Plain()
        reader.calls.whole("c", "f", None, [], kind=kind)  # type: ignore[arg-type]
        read(reader, {"end": "stop"})
        assert reader.finish() == [e.ResponseFinished(reason, "stop")]  # type: ignore[arg-type]


def test_a_whole_response_is_complete_unless_it_failed() -> None:
    for body, complete in ((b'{"text":"x"}', True), (b'{"error":"m"}', False), (b"{", False), (b"", False)):
        reader = Plain()
        reader.read_whole(body)
        assert reader.complete is complete, body


# -- usage ------------------------------------------------------------------------------------------------------------


def test_a_later_report_keeps_the_counts_that_it_leaves_out() -> None:
    assert read(Plain(), {"usage": "[9, 1, 2]"}, {"usage": "[null, 5]"}) == [
        e.UsageReported(9, 1, 2),
        e.UsageReported(9, 5, 2),
    ]


def test_a_count_never_falls() -> None:
    """Counts are running totals: a bridge that repeats them as zeros says nothing new."""
    reader = Plain()
    assert read(reader, {"usage": "[9, 5, 2]"}, {"usage": "[0, 0, 0]"}, {"usage": "[8, 6, 1]"}) == [
        e.UsageReported(9, 5, 2),
        e.UsageReported(9, 6, 2),
    ]


def test_a_partial_report_of_the_same_counts_behind_the_final_one_is_not_shown() -> None:
    reader, out = Plain(), list[e.ProviderEvent]()
    for usage in (e.UsageReported(9, quality="partial"), e.UsageReported(9), e.UsageReported(9, quality="partial")):
        reader.report(usage, out)
    assert out == [e.UsageReported(9, quality="partial"), e.UsageReported(9)]


def test_a_report_that_changes_nothing_is_not_shown() -> None:
    assert read(Plain(), {"usage": "[9]"}, {"usage": "[9]"}, {"usage": "[]"}) == [e.UsageReported(9)]


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


def test_what_a_format_does_not_define_is_reported() -> None:
    events = BaseReader().read(Chunk(b'{"type":"hologram"}'))
    assert events == [e.Unrecognised("type hologram")]
