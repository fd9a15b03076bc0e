"""OpenAI's Responses format: shapes that no recording shows, and the awkward recordings."""

import json
from typing import Any

import pytest
from tests.recorded.recordings import (
    needs_recordings,
    recorded_answer,
)
from tests.unit.formats.answers import Answer, Call, assemble
from tests.unit.formats.reading import (
    read_all,
    read_chunk,
    read_whole,
    sse,
    without_frame,
)

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.registry import make_reader


def responses(*events: dict[str, Any]) -> Answer:
    return assemble(read_all("openai-responses", sse(*events)))


def test_the_kinds_of_calls() -> None:
    def item(index: int, **fields: Any) -> list[dict[str, Any]]:
        added = {"type": "response.output_item.added", "output_index": index, "item": {**fields, "action": None}}
        return [added, {"type": "response.output_item.done", "output_index": index, "item": fields}]

    answer = responses(
        *item(0, type="function_call", call_id="c", id="i", name="f", arguments='{"a":1}'),
        *item(1, type="custom_tool_call", call_id="d", name="grep", input="any text"),
        *item(2, type="web_search_call", id="w", action={"type": "search", "query": "q"}),
        *item(3, type="code_interpreter_call", id="x", code="1+1"),
        *item(4, type="mcp_call", id="m", name="tool", arguments="{}"),
        *item(5, type="web_search_call", id="w2"),
        {"type": "response.completed", "response": {"status": "completed"}},
    )
    assert list(answer.calls.values()) == [
        Call("c", "f", "function", 0, '{"a":1}'),
        Call("d", "grep", "custom", 0, "any text"),
        Call("w", "web_search", "provider", 0, '{"type":"search","query":"q"}'),
        Call("x", "code_interpreter", "provider", 0, '{"code":"1+1"}'),
        Call("m", "tool", "provider", 0, "{}"),
        Call("w2", "web_search", "provider", 0, ""),
    ]
    assert answer.finishes == [e.ResponseFinished("tool_calls", "completed")]


def test_arguments_sent_three_times_count_once() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    answer = responses(
        {"type": "response.output_item.added", "output_index": 3, "item": item},
        {"type": "response.function_call_arguments.delta", "output_index": 3, "delta": '{"a"'},
        {"type": "response.function_call_arguments.delta", "output_index": 3, "delta": ":1}"},
        {"type": "response.function_call_arguments.done", "output_index": 3, "arguments": '{"a":1}'},
        {"type": "response.output_item.done", "output_index": 3, "item": {**item, "arguments": '{"a":1}'}},
    )
    assert [call.arguments for call in answer.calls.values()] == ['{"a":1}']


@pytest.mark.parametrize(
    ("response", "end"),
    [
        ({"status": "completed"}, e.ResponseFinished("stop", "completed")),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
         e.ResponseFinished("length", "max_output_tokens")),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
         e.ResponseFinished("content_filter", "content_filter")),
        ({"status": "cancelled"}, e.ResponseFinished("error", "cancelled")),
    ],
)  # fmt: skip
def test_ends_of_responses(response: dict[str, Any], end: e.ResponseFinished) -> None:
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3},
        "output_tokens": 4,
    }
    events = make_reader("openai-responses").read(
        sse({"type": "response." + response["status"], "response": {**response, "usage": usage}})[0]
    )
    assert events == [e.UsageReported(9, 4, 2, 3), end]


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "sequence_number": 2, "error": {"type": "t", "code": "c", "message": "m"}},
        {"type": "error", "code": "c", "message": "m", "param": None},
    ],
)
@pytest.mark.parametrize("event", ["error", ""])
def test_an_error_nested_or_flat_counts_once_before_failed(error: dict[str, Any], event: str) -> None:
    failed = {
        "type": "response.failed",
        "response": {"error": {"code": "c", "message": "m"}, "usage": {"input_tokens": 1}},
    }
    reader = make_reader("openai-responses")
    (first,) = reader.read(Chunk(json.dumps(error).encode(), event))
    assert isinstance(first, e.ResponseFailed)
    assert (first.message, first.code) == ("m", "c")
    assert reader.read(sse(failed)[0]) == [e.UsageReported(1)]
    assert reader.finish() == []
    assert make_reader("openai-responses").read(sse(failed)[0])[-1] == e.ResponseFailed("m", None, "c")


def test_sealed_reasoning_of_responses() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "xyz"}
    chunk = sse({"type": "response.output_item.done", "output_index": 0, "item": item})[0]
    assert make_reader("openai-responses").read(chunk) == [e.ReasoningDelta("", 0, "xyz", True)]


def test_a_background_response_has_not_ended() -> None:
    body = json.dumps({"object": "response", "id": "r", "status": "queued", "output": []}).encode()
    assert make_reader("openai-responses").read_whole(body) == [e.ResponseStarted("r")]


def item(**fields: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": 0, "item": fields}


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("openai-responses", {"type": "response.refusal.delta", "delta": "no"}, [e.RefusalDelta("no")]),
    (
        "openai-responses",
        {
            "type": "response.output_text.annotation.added",
            "annotation": {"type": "url_citation", "url": "u", "title": "t"},
        },
        [e.Citation("u", "t")],
    ),
    (
        "openai-responses",
        {"type": "response.custom_tool_call_input.done", "output_index": 0, "input": "raw"},
        [e.ToolCallStarted(0, None, None), e.ToolCallDelta(0, "raw")],
    ),
    ("openai-responses", {"type": "response.brand_new", "x": 1}, [e.Unrecognised("type response.brand_new")]),
    (
        "openai-responses",
        {"type": "response.output_item.added", "item": {"type": "hologram"}},
        [e.Unrecognised("item hologram")],
    ),
    (
        "openai-responses",
        item(type="file_search_call", queries=["q"]),
        [e.ToolCallStarted(0, None, None), e.ToolCallDelta(0, '{"queries":["q"]}')],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events


RARE_WHOLE: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("openai-responses", {"input_tokens": 5, "object": "response.input_tokens"}, [e.UsageReported(5)]),
    (
        "openai-responses",
        {
            "object": "response",
            "status": "completed",
            "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}],
        },
        [e.RefusalDelta("no")],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_WHOLE, ids=lambda value: str(value)[:50])
def test_a_rare_whole_answer(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One whole answer as the provider may send it and seldom does."""
    assert without_frame(read_whole(format, value)) == events


@needs_recordings
def test_changing_ids_do_not_split_a_call() -> None:
    answer = recorded_answer("openai-responses/vercel-github-copilot-id-rotation-1.sse")
    assert len(answer.starts) == 1
    assert answer.text or answer.calls
