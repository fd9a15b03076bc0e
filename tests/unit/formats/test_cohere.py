"""Cohere's two formats."""

from typing import Any

import pytest
from tests.reading.answers import Call, assemble
from tests.reading.formats import read_all, read_chunk, read_whole, sse, without_frame

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.registry import make_reader


def test_cohere_tools() -> None:
    def message(kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "index": 0, "delta": {"message": fields}}

    chunks = sse(
        {"type": "message-start", "id": "x", "delta": {"message": {"content": []}}},
        message("tool-plan-delta", tool_plan="I will"),
        message("tool-call-start", tool_calls={"id": "c", "function": {"name": "f", "arguments": ""}}),
        message("tool-call-delta", tool_calls={"function": {"arguments": '{"x":1}'}}),
        {"type": "tool-call-end", "index": 0},
        message("citation-start", citations={"text": "quoted", "sources": [{"document": {"title": "T"}}]}),
        {
            "type": "message-end",
            "delta": {
                "finish_reason": "TOOL_CALL",
                "usage": {"billed_units": {"input_tokens": 1, "output_tokens": 2}, "tokens": {"input_tokens": 9}},
            },
        },
    )
    assert read_all("cohere-v2", chunks) == [
        e.ResponseStarted("x"),
        e.ReasoningDelta("I will"),
        e.ToolCallStarted(0, "c", "f"),
        e.ToolCallDelta(0, '{"x":1}'),
        e.Citation(None, "T", "quoted"),
        e.UsageReported(9, 2),
        e.ResponseFinished("tool_calls", "TOOL_CALL"),
    ]


def test_cohere_v1_tools_count_once() -> None:
    def piece(**delta: Any) -> dict[str, Any]:
        return {"event_type": "tool-calls-chunk", "tool_call_delta": {"index": 0, **delta}}

    tool = {"name": "f", "parameters": {"x": 1}}
    chunks = sse(
        {"event_type": "stream-start", "generation_id": "g"},
        piece(name="f"),
        piece(parameters='{"x":1}'),
        {"event_type": "tool-calls-generation", "tool_calls": [tool]},
        {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": {"tool_calls": [tool]}},
    )
    assert list(assemble(read_all("cohere-v1", chunks)).calls.values()) == [Call(None, "f", "function", 0, '{"x":1}')]


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    (
        "cohere-v1",
        {"event_type": "citation-generation", "citations": [{"text": "quoted"}]},
        [e.Citation(None, None, "quoted")],
    ),
    ("cohere-v1", {"event_type": "tool-calls-chunk", "text": "I will"}, [e.ReasoningDelta("I will")]),
    ("cohere-v1", {"text": "Hi", "is_finished": False}, [e.TextDelta("Hi")]),
    ("cohere-v1", {"text": "Hi", "is_finished": True, "finish_reason": "COMPLETE"}, []),
    ("cohere-v1", {"event_type": "search-results", "documents": []}, []),
    ("cohere-v1", {"event_type": "hologram"}, [e.Unrecognised("object with event_type")]),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events


RARE_WHOLE: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    (
        "cohere-v1",
        {"generations": [{"text": "One"}, {"text": ""}, {"text": "Three", "finish_reason": "MAX_TOKENS"}]},
        [e.TextDelta("One"), e.TextDelta("Three", 2)],
    ),
    (
        "cohere-v1",
        {"text": "", "tool_calls": [{"name": "f", "parameters": {}}], "citations": [{"text": "quoted"}]},
        [e.ToolCallStarted(0, None, "f"), e.ToolCallDelta(0, "{}"), e.Citation(None, None, "quoted")],
    ),
    (
        "cohere-v2",
        {
            "message": {
                "tool_plan": "plan",
                "content": [{"type": "hologram"}],
                "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
            }
        },
        [
            e.ReasoningDelta("plan"),
            e.Unrecognised("content part hologram"),
            e.ToolCallStarted(0, "c", "f"),
            e.ToolCallDelta(0, "{}"),
        ],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_WHOLE, ids=lambda value: str(value)[:50])
def test_a_rare_whole_answer(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One whole answer as the provider may send it and seldom does."""
    assert without_frame(read_whole(format, value)) == events


def test_a_failed_message_fails_and_does_not_finish() -> None:
    end = {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "model is down"}}
    events = read_all("cohere-v2", sse({"type": "message-start", "id": "x"}, end))
    assert [type(event) for event in events] == [e.ResponseStarted, e.ResponseFailed]
    assert isinstance(events[-1], e.ResponseFailed)
    assert events[-1].message == "model is down"


def test_message_end_is_the_end_and_stream_end_is_that_of_v1() -> None:
    streams: dict[str, list[dict[str, Any]]] = {
        "cohere-v2": [
            {"type": "message-start", "id": "x"},
            {"type": "content-delta", "delta": {"message": {"content": {"text": "Hi"}}}},
            {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}},
        ],
        "cohere-v1": [
            {"event_type": "stream-start", "generation_id": "x"},
            {"event_type": "text-generation", "text": "Hi"},
            {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": {"text": "Hi"}},
        ],
    }
    for format, values in streams.items():
        reader = make_reader(format)
        told = [(reader.read(chunk), reader.terminated)[1] for chunk in sse(*values)]
        assert told == [False, False, True], format
        assert assemble(read_all(format, sse(*values))).text == {0: "Hi"}


def test_text_that_comes_only_at_the_end_of_v1() -> None:
    end = {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": {"text": "Hi"}}
    assert assemble(read_all("cohere-v1", sse(end))).text == {0: "Hi"}


def test_a_stream_of_v2_that_does_not_begin_has_one_end_all_the_same() -> None:
    piece = {"type": "content-delta", "delta": {"message": {"content": {"text": "Hi"}}}}
    assert read_all("cohere-v2", sse(piece)) == [
        e.ResponseStarted(),
        e.TextDelta("Hi"),
        e.ResponseFinished("unknown"),
    ]


def test_a_whole_message_in_a_stream() -> None:
    message = {"content": [{"type": "text", "text": "Hi"}]}
    chunks = sse({"id": "x", "message": message, "finish_reason": "COMPLETE"})
    assert assemble(read_all("cohere-v2", chunks)).text == {0: "Hi"}


def test_names_in_the_framing_stand_in_for_the_types() -> None:
    chunks = [
        Chunk(b'{"id":"x"}', "message-start"),
        Chunk(b'{"delta":{"message":{"content":{"text":"Hi"}}}}', "content-delta"),
        Chunk(b'{"delta":{"finish_reason":"COMPLETE"}}', "message-end"),
    ]
    assert read_all("cohere-v2", chunks) == [
        e.ResponseStarted("x"),
        e.TextDelta("Hi"),
        e.ResponseFinished("stop", "COMPLETE"),
    ]


def test_a_stream_of_cohere_v1_that_ends_with_an_error_fails() -> None:
    end = {"event_type": "stream-end", "finish_reason": "ERROR", "response": {}, "error": "no more"}
    failed = [event for event in read_all("cohere-v1", sse(end)) if isinstance(event, e.ResponseFailed)]
    assert len(failed) == 1
