"""Gemini's Interactions format."""

from typing import Any

import pytest
from tests.reading.formats import b64, read_all, read_chunk, read_whole, sse, without_frame

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


def test_interactions() -> None:
    def step(index: int, **fields: Any) -> dict[str, Any]:
        return {"event_type": "step.start", "index": index, "step": fields}

    def piece(index: int, **fields: Any) -> dict[str, Any]:
        return {"event_type": "step.delta", "index": index, "delta": fields}

    usage = {"total_input_tokens": 5, "total_output_tokens": 3, "total_thought_tokens": 2, "total_cached_tokens": 1}
    chunks = sse(
        {"event_type": "interaction.created", "interaction": {"id": "v1", "model": "gemini"}},
        step(0, type="thought"),
        piece(0, type="thought_summary", content={"text": "hm"}),
        piece(0, type="thought_signature", signature="sig"),
        step(1, type="function_call", id="c", name="f", arguments={}),
        piece(1, type="arguments_delta", arguments='{"x":1}'),
        step(2, type="model_output"),
        piece(2, type="text", text="Hi"),
        piece(2, type="hologram"),
        {"event_type": "interaction.completed", "interaction": {"status": "requires_action", "usage": usage}},
    )
    assert read_all("gemini-interactions", [*chunks, Chunk(b"[DONE]", "done")]) == [
        e.ResponseStarted("v1", "gemini"),
        e.ReasoningDelta("hm"),
        e.ReasoningDelta("", 0, "sig"),
        e.ToolCallStarted(0, "c", "f"),
        e.ToolCallDelta(0, '{"x":1}'),
        e.TextDelta("Hi"),
        e.Unrecognised("delta hologram"),
        e.UsageReported(5, 5, 1, reasoning_output_tokens=2),
        e.ResponseFinished("tool_calls", "requires_action"),
    ]


def step(**fields: Any) -> dict[str, Any]:
    return {"event_type": "step.start", "index": 0, "step": fields}


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    (
        "gemini-interactions",
        {"event_type": "step.delta", "delta": {"type": "audio", "data": b64(b"123")}},
        [e.AudioDelta(3)],
    ),
    (
        "gemini-interactions",
        {"event_type": "step.delta", "delta": {"type": "image", "data": b64(b"123"), "mime_type": "m"}},
        [e.ImageDelta(3, "m")],
    ),
    (
        "gemini-interactions",
        step(type="function_call", id="c", name="f", arguments={"x": 1}),
        [e.ToolCallStarted(0, "c", "f"), e.ToolCallDelta(0, '{"x":1}')],
    ),
    ("gemini-interactions", step(type="google_search_result"), []),
    ("gemini-interactions", step(type="hologram"), [e.Unrecognised("step hologram")]),
    (
        "gemini-interactions",
        step(type="text", text="Hi", annotations=[{"url": "u", "title": "t"}]),
        [e.TextDelta("Hi"), e.Citation("u", "t")],
    ),
    (
        "gemini-interactions",
        {"event_type": "error", "error": {"message": "m", "code": "c"}},
        [response_failed("m", None, "c")],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events


RARE_WHOLE: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    (
        "gemini-interactions",
        {
            "status": "completed",
            "steps": [
                {"type": "thought", "summary": [{"type": "text", "text": "hm"}]},
                {"type": "google_search_call", "id": "s", "arguments": {"q": 1}},
            ],
        },
        [
            e.ReasoningDelta("hm"),
            e.ToolCallStarted(0, "s", "google_search", 0, "provider"),
            e.ToolCallDelta(0, '{"q":1}'),
        ],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_WHOLE, ids=lambda value: str(value)[:50])
def test_a_rare_whole_answer(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One whole answer as the provider may send it and seldom does."""
    assert without_frame(read_whole(format, value)) == events


def test_a_failed_interaction_fails() -> None:
    interaction = {"id": "i", "status": "failed", "error": {"code": 429, "message": "Quota"}}
    events = read_all("gemini-interactions", sse({"event_type": "interaction.completed", "interaction": interaction}))
    assert [type(event) for event in events] == [e.ResponseStarted, e.ResponseFailed]


def test_a_completed_interaction_with_calls_waits_for_their_results() -> None:
    call = {"type": "function_call", "id": "c", "name": "f", "arguments": {}}
    whole = {"object": "interaction", "id": "i", "status": "completed", "steps": [call]}
    assert read_whole("gemini-interactions", whole)[-1] == e.ResponseFinished("tool_calls", "completed")
    search = {"type": "google_search_call", "id": "c", "arguments": {"q": "x"}}
    whole["steps"] = [search]
    assert read_whole("gemini-interactions", whole)[-1] == e.ResponseFinished("stop", "completed")


def test_the_completed_interaction_is_the_end() -> None:
    reader = make_reader("gemini-interactions")
    status = {"event_type": "interaction.status_update", "interaction": {"id": "i", "status": "in_progress"}}
    done = {"event_type": "interaction.completed", "interaction": {"id": "i", "status": "completed"}}
    first, last = sse(status, done)
    reader.read(first)
    assert not reader.terminated
    reader.read(last)
    assert reader.terminated


def test_done_ends_interactions() -> None:
    reader = make_reader("gemini-interactions")
    (chunk,) = sse({"event_type": "done"})
    assert reader.read(chunk) == []
    assert reader.terminated
