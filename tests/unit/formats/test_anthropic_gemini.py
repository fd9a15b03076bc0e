"""Anthropic and Google: what no recording shows, and the awkward recordings."""

import json
from typing import Any

import pytest
from tests.recorded.recordings import RECORDINGS, Answer, Call, assemble, b64, needs_recordings, read_all, sse

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.events import (
    AudioDelta,
    Citation,
    ImageDelta,
    ReasoningDelta,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Unrecognised,
    UsageReported,
)
from aigw_sansio.formats.gemini.partial_arguments import DEEPEST, LARGEST
from aigw_sansio.formats.registry import make_reader


def recorded(file: str) -> Answer:
    return assemble(next(recording for recording in RECORDINGS if recording.file == file).events())


# -- Anthropic --------------------------------------------------------------------------------------------------


def start(**usage: int) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "msg", "model": "claude", "content": [], "usage": usage}}


def block(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def delta(index: int, kind: str, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **content}}


def end(reason: str | None, **usage: int) -> list[dict[str, Any]]:
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage},
        {"type": "message_stop"},
    ]


def test_an_error_in_mid_stream() -> None:
    """Status 200, then ``event: error``, and no ``message_stop``."""
    chunks = sse(
        start(input_tokens=5, output_tokens=1),
        delta(0, "text_delta", text="Hel"),
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        events=True,
    )
    assert read_all("anthropic-messages", chunks) == [
        ResponseStarted("msg", "claude"),
        UsageReported(5, 1, quality="partial"),
        TextDelta("Hel"),
        ResponseFailed("Overloaded", "overloaded_error"),
    ]
    bare = [Chunk(chunk.data) for chunk in chunks]  # dispatched by its type where no ``event:`` came
    assert read_all("anthropic-messages", bare) == read_all("anthropic-messages", chunks)


def test_usage_replaces_and_never_adds() -> None:
    chunks = sse(
        start(input_tokens=10, output_tokens=4, cache_read_input_tokens=100, cache_creation_input_tokens=20),
        *end("end_turn", output_tokens=50),
    )
    assert assemble(read_all("anthropic-messages", chunks)).usages == [
        UsageReported(130, 4, 100, 20, quality="partial"),
        UsageReported(130, 50, 100, 20),
    ]


def test_usage_may_be_corrected_at_the_end() -> None:
    chunks = sse(start(input_tokens=43, output_tokens=1), *end("end_turn", input_tokens=61, output_tokens=2))
    assert assemble(read_all("anthropic-messages", chunks)).usage == UsageReported(61, 2)


def test_a_call_without_arguments() -> None:
    chunks = sse(
        start(),
        block(0, type="tool_use", id="t", name="now", input={}),
        delta(0, "input_json_delta", partial_json=""),
        {"type": "content_block_stop", "index": 0},
        *end("tool_use"),
    )
    assert read_all("anthropic-messages", chunks) == [
        ResponseStarted("msg", "claude"),
        ToolCallStarted(0, "t", "now"),
        ResponseFinished("tool_calls", "tool_use"),
    ]


def test_blocks_that_come_whole() -> None:
    chunks = sse(
        block(0, type="redacted_thinking", data="sealed"),
        block(1, type="server_tool_use", id="s", name="web_search", input={}),
        delta(1, "input_json_delta", partial_json='{"query":"q"}'),
        block(2, type="web_search_tool_result", tool_use_id="s", content=[{"type": "web_search_result"}]),
        block(3, type="text", text="So "),
        delta(3, "citations_delta", citation={"url": "https://a", "title": "A", "cited_text": "a"}),
        block(4, type="hologram"),
        delta(4, "hologram_delta"),
    )
    assert read_all("anthropic-messages", chunks) == [
        ReasoningDelta("", 0, "sealed", True),
        ToolCallStarted(0, "s", "web_search", 0, "provider"),
        ToolCallDelta(0, '{"query":"q"}'),
        TextDelta("So "),
        Citation("https://a", "A", "a"),
        Unrecognised("content block hologram"),
        Unrecognised("delta hologram_delta"),
    ]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "pause"),
        ("refusal", "content_filter"),
        ("brand_new", "unknown"),
    ],
)
def test_stop_reasons(raw: str, reason: str) -> None:
    finishes = assemble(read_all("anthropic-messages", sse(start(), *end(raw)))).finishes
    assert [(finish.reason, finish.raw_reason) for finish in finishes] == [(reason, raw)]


def test_a_stream_without_a_stop_reason_says_so() -> None:
    assert read_all("anthropic-messages", sse(start()))[-1] == ResponseFinished("unknown")


def test_fragments_after_a_restart_do_not_go_to_a_void_call() -> None:
    chunks = sse(
        start(),
        block(1, type="tool_use", id="t", name="f", input={}),
        delta(1, "input_json_delta", partial_json='{"x'),
        start(),
        delta(1, "input_json_delta", partial_json="{}"),
    )
    answer = assemble(read_all("anthropic-messages", chunks))
    assert [(call.id, call.arguments) for call in answer.calls.values()] == [("t", '{"x'), (None, "{}")]


@needs_recordings
def test_a_message_that_begins_anew() -> None:
    answer = recorded("anthropic-messages/vercel-spliced-message-start.sse")
    assert [begun.restarted for begun in answer.starts] == [False, True]
    assert [(call.id, call.void) for call in answer.calls.values()] == [("toolu_first", True), ("toolu_second", False)]
    assert answer.calls[1].arguments == '{"value":"Sparkle Day"}'
    assert len(answer.finishes) == 1
    assert recorded("anthropic-messages/vercel-duplicate-message-start.sse").text == {0: "Hello, World!"}


# -- Gemini -----------------------------------------------------------------------------------------------------


def parts(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(content)}, **more}]}


def test_parts() -> None:
    chunk = parts(
        {"text": "hm", "thought": True},
        {"text": "", "thoughtSignature": "sig1"},
        {"text": "Hi", "thoughtSignature": "sig2"},
        {"functionCall": {"name": "f", "args": {"x": 1}, "id": "c"}, "thoughtSignature": "sig3"},
        {"inlineData": {"mimeType": "audio/pcm", "data": b64(b"1234")}},
        {"inlineData": {"mimeType": "image/png", "data": b64(b"12345")}},
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
        {"hologram": {}},
    )
    assert make_reader("gemini").read(sse(chunk)[0]) == [
        ResponseStarted(),
        ReasoningDelta("hm"),
        ReasoningDelta("", 0, "sig1"),
        TextDelta("Hi"),
        ReasoningDelta("", 0, "sig2"),
        ReasoningDelta("", 0, "sig3"),
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, '{"x":1}'),
        AudioDelta(4),
        ImageDelta(5, "image/png"),
        ToolCallStarted(1, None, "code_execution", 0, "provider"),
        ToolCallDelta(1, '{"language":"PYTHON","code":"1"}'),
        Unrecognised("part with hologram"),
    ]


def test_stop_on_every_chunk_ends_once_and_after_a_call_means_the_call() -> None:
    chunks = sse(parts({"text": "a"}, finishReason="STOP"), parts({"functionCall": {"name": "f"}}, finishReason="STOP"))
    answer = assemble(read_all("gemini", chunks))
    assert answer.finishes == [ResponseFinished("tool_calls", "STOP")]
    assert list(answer.calls.values()) == [Call(None, "f", "function", 0)]


def test_a_blocked_prompt() -> None:
    chunks = sse({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}})
    assert read_all("gemini", chunks) == [
        ResponseStarted(),
        UsageReported(4),
        ResponseFinished("content_filter", "SAFETY"),
    ]


def test_usage_is_a_running_total_and_thoughts_are_written_too() -> None:
    def chunk(reason: str | None, **usage: int) -> dict[str, Any]:
        return parts({"text": "x"}, finishReason=reason) | {"usageMetadata": usage}

    chunks = sse(
        chunk(None, promptTokenCount=10, thoughtsTokenCount=5),
        chunk("STOP", promptTokenCount=10, thoughtsTokenCount=5, candidatesTokenCount=3, cachedContentTokenCount=6),
    )
    assert assemble(read_all("gemini", chunks)).usages == [
        UsageReported(10, 5, reasoning_output_tokens=5, quality="partial"),
        UsageReported(10, 8, 6, reasoning_output_tokens=5),
    ]
    assert assemble(read_all("gemini", sse(chunk("STOP", promptTokenCount=10, toolUsePromptTokenCount=7)))).usage == (
        UsageReported(17)
    )


def test_the_array_form_may_end_in_an_error() -> None:
    chunks = sse(parts({"text": "x"}), {"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}})
    assert assemble(read_all("gemini", chunks)).failures == [ResponseFailed("m", "UNAVAILABLE", "503")]
    assert make_reader("gemini").read_whole(b"[" + b",".join(chunk.data for chunk in chunks) + b"]")[-1] == (
        ResponseFailed("m", "UNAVAILABLE", "503")
    )


def piece(path: str, **value: Any) -> dict[str, Any]:
    return {"jsonPath": path, **value}


def call(*pieces: dict[str, Any], name: str | None = None, more: bool = True) -> dict[str, Any]:
    function = (
        {"partialArgs": list(pieces)} | ({"name": name} if name else {}) | ({"willContinue": True} if more else {})
    )
    return parts({"functionCall": function})


def test_arguments_value_by_value() -> None:
    chunks = sse(
        call(name="f"),
        call(piece("$.a.b[0].c", stringValue="x", willContinue=True)),
        call(piece("$.a.b[0].c", stringValue="y")),
        call(piece("$.a.b[1]", numberValue=0.5), piece("$.t", boolValue=True)),
        call(piece("$.n", nullValue=None), piece("$['odd key']", stringValue="z")),
        parts({"functionCall": {}}),
        call(name="g"),
        call(piece("$.x", stringValue="1")),
    )
    answer = assemble(read_all("gemini", chunks))
    assert [(one.name, json.loads(one.arguments)) for one in answer.calls.values()] == [
        ("f", {"a": {"b": [{"c": "xy"}, 0.5]}, "t": True, "n": None, "odd key": "z"}),
        ("g", {"x": "1"}),  # its closing call is missing
    ]


@pytest.mark.parametrize(
    "path", ["", "$", "$..", "$[0]", "$.a[9]", "$.a" * (DEEPEST + 1), "$.s.x", "$.s[0]", "$.l.x", "$.l[9]", "x" * 5000]
)
def test_paths_that_lead_nowhere_change_nothing(path: str) -> None:
    chunks = sse(
        call(piece("$.s", stringValue="t"), piece("$.l[0]", numberValue=1), name="f"),
        call(piece(path, stringValue="?")),
    )
    (one,) = assemble(read_all("gemini", chunks)).calls.values()
    arguments = json.loads(one.arguments)
    assert (arguments["s"], arguments["l"]) == ("t", [1])


def test_arguments_without_end_stop_growing() -> None:
    big = "x" * 100_000
    chunks = sse(call(name="f"), *[call(piece("$.s", stringValue=big, willContinue=True))] * 20)
    (one,) = assemble(read_all("gemini", chunks)).calls.values()
    assert LARGEST - 200_000 < len(json.loads(one.arguments)["s"]) <= LARGEST


@needs_recordings
def test_recorded_arguments_value_by_value() -> None:
    name = "gemini-generate/vercel-google-stream-tool-call-array-arguments-missing-terminal-functi.sse"
    (one,) = recorded(name).calls.values()
    assert [item["itemid"] for item in json.loads(one.arguments)["operations"]] == ["apple_001", "banana_001"]
    (one,) = recorded("gemini-generate/vercel-google-vertex-stream-tool-call-arguments-nested-1.sse").calls.values()
    recipe = json.loads(one.arguments)["recipe"]
    assert recipe["ingredients"][0] == {"amount": "16 oz", "name": "Lasagna noodles"}
    assert all(recipe["ingredients"])


@needs_recordings
def test_a_raw_error_between_events() -> None:
    answer = recorded("vertex-gemini/mock-streaming-failure-error-mid-stream.sse")
    assert answer.text
    assert answer.failures == [ResponseFailed("The operation was cancelled.", "CANCELLED", "499")]
    assert answer.finishes == []


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("MODEL_ARMOR", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("FAKE_ENUM", "unknown"),
        ("FINISH_REASON_UNSPECIFIED", "unknown"),
        (1, "stop"),
        (3, "content_filter"),
    ],
)
def test_finish_reasons(raw: str | int, reason: str) -> None:
    (finish,) = assemble(read_all("gemini", sse(parts({"text": "x"}, finishReason=raw)))).finishes
    assert finish.reason == reason


# -- Interactions -----------------------------------------------------------------------------------------------


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
        ResponseStarted("v1", "gemini"),
        ReasoningDelta("hm"),
        ReasoningDelta("", 0, "sig"),
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, '{"x":1}'),
        TextDelta("Hi"),
        Unrecognised("delta hologram"),
        UsageReported(5, 5, 1, reasoning_output_tokens=2),
        ResponseFinished("tool_calls", "requires_action"),
    ]
