"""What providers may send and seldom do: one whole answer or one chunk, and what it reads as."""

import json
from typing import Any

import pytest
from tests.recorded.recordings import b64

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.events import (
    AudioDelta,
    Citation,
    ImageDelta,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Unrecognised,
    UsageReported,
)
from aigw_sansio.formats.realtime import make_realtime_reader
from aigw_sansio.formats.registry import make_reader
from aigw_sansio.formats.values import arguments, unbase64

BEGUN = (ResponseStarted, ResponseFinished)


def chat(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


def candidate(**fields: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [fields]}}]}


def converse(**delta: Any) -> dict[str, Any]:
    return {"contentBlockDelta": {"contentBlockIndex": 0, "delta": delta}}


def step(**fields: Any) -> dict[str, Any]:
    return {"event_type": "step.start", "index": 0, "step": fields}


def item(**fields: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": 0, "item": fields}


CHUNKS: list[tuple[str, dict[str, Any], list[ProviderEvent]]] = [
    (
        "openai-chat",
        chat(tool_calls=[{"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": "raw"}}]),
        [ToolCallStarted(0, "a", "f", 0, "custom"), ToolCallDelta(0, "raw")],
    ),
    ("openai-chat", chat(content=[{"type": "image_url", "image_url": "https://a"}]), [ImageDelta(0)]),
    ("openai-chat", chat(content=[{"type": "refusal", "refusal": "no"}]), [RefusalDelta("no")]),
    ("openai-chat", chat(content=[{"type": "hologram"}]), [Unrecognised("content part hologram")]),
    ("openai-responses", {"type": "response.refusal.delta", "delta": "no"}, [RefusalDelta("no")]),
    (
        "openai-responses",
        {
            "type": "response.output_text.annotation.added",
            "annotation": {"type": "url_citation", "url": "u", "title": "t"},
        },
        [Citation("u", "t")],
    ),
    (
        "openai-responses",
        {"type": "response.custom_tool_call_input.done", "output_index": 0, "input": "raw"},
        [ToolCallStarted(0, None, None), ToolCallDelta(0, "raw")],
    ),
    ("openai-responses", {"type": "response.brand_new", "x": 1}, [Unrecognised("type response.brand_new")]),
    (
        "openai-responses",
        {"type": "response.output_item.added", "item": {"type": "hologram"}},
        [Unrecognised("item hologram")],
    ),
    (
        "openai-responses",
        item(type="file_search_call", queries=["q"]),
        [ToolCallStarted(0, None, None), ToolCallDelta(0, '{"queries":["q"]}')],
    ),
    (
        "anthropic-messages",
        {"type": "content_block_start", "content_block": {"type": "compaction", "content": "so far"}},
        [ReasoningDelta("so far")],
    ),
    ("gemini", candidate(fileData={"mimeType": "video/mp4", "fileUri": "u"}), [ImageDelta(0, "video/mp4")]),
    (
        "gemini",
        candidate(toolCall={"toolType": "GOOGLE_SEARCH", "id": "t", "args": {"q": 1}}),
        [ToolCallStarted(0, "t", "GOOGLE_SEARCH", 0, "provider"), ToolCallDelta(0, '{"q":1}')],
    ),
    ("gemini", {"candidates": [{"index": 500}]}, [Unrecognised("candidate index out of range")]),
    (
        "gemini-interactions",
        {"event_type": "step.delta", "delta": {"type": "audio", "data": b64(b"123")}},
        [AudioDelta(3)],
    ),
    (
        "gemini-interactions",
        {"event_type": "step.delta", "delta": {"type": "image", "data": b64(b"123"), "mime_type": "m"}},
        [ImageDelta(3, "m")],
    ),
    (
        "gemini-interactions",
        step(type="function_call", id="c", name="f", arguments={"x": 1}),
        [ToolCallStarted(0, "c", "f"), ToolCallDelta(0, '{"x":1}')],
    ),
    ("gemini-interactions", step(type="google_search_result"), []),
    ("gemini-interactions", step(type="hologram"), [Unrecognised("step hologram")]),
    (
        "gemini-interactions",
        step(type="text", text="Hi", annotations=[{"url": "u", "title": "t"}]),
        [TextDelta("Hi"), Citation("u", "t")],
    ),
    (
        "gemini-interactions",
        {"event_type": "error", "error": {"message": "m", "code": "c"}},
        [ResponseFailed("m", None, "c")],
    ),
    ("bedrock-converse", {"contentBlockStart": {"start": {"hologram": 1}}}, [Unrecognised("start with hologram")]),
    ("bedrock-converse", converse(image={"source": {"bytes": b64(b"123")}}), [ImageDelta(3)]),
    (
        "bedrock-agent",
        {"returnControl": {"invocationInputs": [{"functionInvocationInput": {"function": "f", "parameters": []}}]}},
        [
            ToolCallStarted(0, None, "f"),
            ToolCallDelta(0, '{"functionInvocationInput":{"function":"f","parameters":[]}}'),
        ],
    ),
    (
        "cohere-v1",
        {"event_type": "citation-generation", "citations": [{"text": "quoted"}]},
        [Citation(None, None, "quoted")],
    ),
    ("cohere-v1", {"event_type": "tool-calls-chunk", "text": "I will"}, [ReasoningDelta("I will")]),
    ("cohere-v1", {"text": "Hi", "is_finished": False}, [TextDelta("Hi")]),
    ("ollama", {"message": {"content": "", "images": [b64(b"123")]}, "done": False}, [ImageDelta(3)]),
    ("alephalpha", {"type": "stream_chunk", "completion": "Hi"}, [TextDelta("Hi")]),
    (
        "alephalpha",
        {"type": "completion_summary", "num_tokens_prompt_total": 1, "num_tokens_generated": 2},
        [UsageReported(1, 2)],
    ),
    ("workers-ai", {"response": 4.5}, [TextDelta("4.5")]),
    ("workers-ai", {"response": {"json": True}}, [TextDelta('{"json":true}')]),
    (
        "workers-ai",
        {"tool_calls": [{"name": "f", "arguments": "{}"}]},
        [ToolCallStarted(0, None, "f"), ToolCallDelta(0, "{}")],
    ),
    ("openai-audio", {"type": "transcript.text.done", "text": "Hi"}, [TextDelta("Hi")]),
]

WHOLE: list[tuple[str, Any, list[ProviderEvent]]] = [
    ("openai-responses", {"input_tokens": 5, "object": "response.input_tokens"}, [UsageReported(5)]),
    (
        "openai-responses",
        {
            "object": "response",
            "status": "completed",
            "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}],
        },
        [RefusalDelta("no")],
    ),
    (
        "anthropic-messages",
        {"type": "completion", "completion": " Hi", "stop_reason": "stop_sequence"},
        [TextDelta(" Hi")],
    ),
    ("anthropic-messages", {"input_tokens": 5}, [UsageReported(5)]),
    ("gemini", {"totalTokens": 5}, [UsageReported(5)]),
    ("bedrock-converse", {"inputTokens": 5}, [UsageReported(5)]),
    (
        "bedrock-converse",
        {
            "stopReason": "tool_use",
            "output": {
                "message": {
                    "content": [
                        {"citationsContent": {"content": [{"text": "Hi"}], "citations": [{"title": "t"}]}},
                        {"toolUse": {"toolUseId": "t", "name": "f", "input": {"x": 1}}},
                    ]
                }
            },
        },
        [TextDelta("Hi"), Citation(None, "t"), ToolCallStarted(0, "t", "f"), ToolCallDelta(0, '{"x":1}')],
    ),
    (
        "bedrock-invoke",
        {"message": {"content": [{"type": "text", "text": "Hi"}]}, "finish_reason": "COMPLETE"},
        [TextDelta("Hi")],
    ),
    (
        "cohere-v1",
        {"text": "", "tool_calls": [{"name": "f", "parameters": {}}], "citations": [{"text": "quoted"}]},
        [ToolCallStarted(0, None, "f"), ToolCallDelta(0, "{}"), Citation(None, None, "quoted")],
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
            ReasoningDelta("plan"),
            Unrecognised("content part hologram"),
            ToolCallStarted(0, "c", "f"),
            ToolCallDelta(0, "{}"),
        ],
    ),
    (
        "gemini-interactions",
        {
            "status": "completed",
            "steps": [
                {"type": "thought", "summary": [{"type": "text", "text": "hm"}]},
                {"type": "google_search_call", "id": "s", "arguments": {"q": 1}},
            ],
        },
        [ReasoningDelta("hm"), ToolCallStarted(0, "s", "google_search", 0, "provider"), ToolCallDelta(0, '{"q":1}')],
    ),
    ("tgi", {"generated_text": "Hi"}, [TextDelta("Hi")]),
    ("tgi", [{"label": "joy", "score": 0.9}], []),
    ("tgi", [[0.1, 0.2]], []),
    ("workers-ai", {"result": "Bonjour", "success": True}, [TextDelta("Bonjour")]),
    ("workers-ai", {"result": {"audio": b64(b"123")}, "success": True}, [AudioDelta(3)]),
    (
        "workers-ai",
        {"response": "Hi", "reasoning_content": "hm", "finish_reason": "length"},
        [ReasoningDelta("hm"), TextDelta("Hi")],
    ),
    ("deepgram", {"results": {"summary": {"text": "In short"}}}, [TextDelta("In short")]),
    ("fal", {"audio": {"url": "https://a.mp3"}}, [AudioDelta(0)]),
    (
        "openai-chat",
        {"object": "list", "data": [{"embedding": [0.1]}], "usage": {"prompt_tokens": 3, "total_tokens": 3}},
        [UsageReported(3)],
    ),
    ("openai-chat", {"object": "list", "data": []}, []),
]

MESSAGES: list[tuple[str, dict[str, Any], list[ProviderEvent]]] = [
    (
        "openai-realtime",
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "i",
            "usage": {
                "type": "tokens",
                "input_tokens": 3,
                "output_tokens": 1,
                "input_token_details": {"audio_tokens": 3},
            },
        },
        [UsageReported(3, 1, input_audio_tokens=3)],
    ),
    (
        "openai-realtime",
        {"type": "conversation.item.input_audio_transcription.failed", "error": {"code": "c", "message": "m"}},
        [ResponseFailed("m", None, "c")],
    ),
    (
        "openai-realtime",
        {"type": "error", "status": 400, "error": {"type": "t", "code": "previous_response_not_found", "message": "m"}},
        [ResponseFailed("m", "t", "previous_response_not_found")],
    ),
    ("deepgram", {"type": "AgentThinking", "content": "hm"}, [ReasoningDelta("hm")]),
    (
        "elevenlabs",
        {"type": "agent_chat_response_part", "text_response_part": {"type": "delta", "text": "Hi"}},
        [TextDelta("Hi")],
    ),
    ("elevenlabs", {"hologram": 1}, [Unrecognised("object with hologram")]),
]


def without_frame(events: list[ProviderEvent]) -> list[ProviderEvent]:
    return [event for event in events if not isinstance(event, BEGUN)]


@pytest.mark.parametrize(("format", "value", "events"), CHUNKS, ids=lambda value: str(value)[:50])
def test_a_chunk(format: str, value: dict[str, Any], events: list[ProviderEvent]) -> None:
    assert without_frame(make_reader(format).read(Chunk(json.dumps(value).encode()))) == events


@pytest.mark.parametrize(("format", "value", "events"), WHOLE, ids=lambda value: str(value)[:50])
def test_a_whole_answer(format: str, value: object, events: list[ProviderEvent]) -> None:
    assert without_frame(make_reader(format).read_whole(json.dumps(value).encode())) == events


@pytest.mark.parametrize(("format", "value", "events"), MESSAGES, ids=lambda value: str(value)[:50])
def test_a_realtime_message(format: str, value: dict[str, Any], events: list[ProviderEvent]) -> None:
    reader = make_realtime_reader(format)
    assert without_frame(reader.read_message(json.dumps(value).encode(), is_text=True)) == events


def test_usage_of_a_transcription_belongs_to_its_item() -> None:
    reader = make_realtime_reader("openai-realtime")
    reader.read_message(json.dumps(MESSAGES[0][1]).encode(), is_text=True)
    assert reader.answer == "i"


def test_values_of_the_wrong_kind_are_nothing() -> None:
    assert arguments(5) == arguments(None) == ""
    assert unbase64(5) is None
    assert unbase64("***") is None
    assert unbase64("aGk=") == b"hi"
