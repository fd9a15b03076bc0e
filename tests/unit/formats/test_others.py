"""Bedrock, Cohere, Ollama, text servers and speech: what no recording shows, and the awkward recordings."""

import json
from typing import Any

import pytest
from tests.recorded.recordings import RECORDINGS, Call, assemble, b64, needs_recordings, read_all, sse

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.events import (
    AudioDelta,
    Citation,
    ImageDelta,
    ProviderEvent,
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
from aigw_sansio.formats.registry import make_reader


def whole(format: str, body: object) -> list[ProviderEvent]:
    return make_reader(format).read_whole(body if isinstance(body, bytes) else json.dumps(body).encode())


# -- Bedrock ----------------------------------------------------------------------------------------------------


def converse(*events: tuple[str, dict[str, Any]], wrapped: bool = True) -> list[Chunk]:
    return [Chunk(json.dumps({name: data} if wrapped else data).encode(), name) for name, data in events]


EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("messageStart", {"role": "assistant", "p": "abc"}),
    ("contentBlockStart", {"contentBlockIndex": 0, "start": {}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "sig"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"reasoningContent": {"redactedContent": "xyz"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"text": ""}, "p": "abcd"}),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"text": "Hi"}, "p": "a"}),
    ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"citation": {"location": {"web": {"url": "https://a"}}}}}),
    ("contentBlockStart", {"contentBlockIndex": 3, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"toolUse": {"input": ""}}}),
    ("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"toolUse": {"input": "{}"}}}),
    ("contentBlockStop", {"contentBlockIndex": 3}),
    ("contentBlockDelta", {"contentBlockIndex": 4, "delta": {"hologram": 1}}),
    ("messageStop", {"stopReason": "tool_use"}),
    (
        "metadata",
        {"usage": {"inputTokens": 5, "outputTokens": 6, "cacheReadInputTokens": 7, "cacheWriteInputTokens": 8}},
    ),
]
READ: list[ProviderEvent] = [
    ResponseStarted(),
    ReasoningDelta("hm"),
    ReasoningDelta("", 0, "sig"),
    ReasoningDelta("", 0, "xyz", True),
    TextDelta("Hi"),
    Citation("https://a"),
    ToolCallStarted(0, "t", "f"),
    ToolCallDelta(0, "{}"),
    Unrecognised("delta with hologram"),
    UsageReported(20, 6, 7, 8),
    ResponseFinished("tool_calls", "tool_use"),
]


@pytest.mark.parametrize("wrapped", [True, False])
def test_converse(wrapped: bool) -> None:
    """The usage comes behind the stop and the end is shown behind both, whether the name is the key or beside."""
    assert read_all("bedrock-converse", converse(*EVENTS, wrapped=wrapped)) == READ
    unnamed = [Chunk(chunk.data) for chunk in converse(*EVENTS, wrapped=wrapped)]
    assert read_all("bedrock-converse", unnamed) == READ


@pytest.mark.parametrize("format", ["bedrock-converse", "bedrock-invoke", "bedrock-agent"])
def test_an_exception_frame_may_be_first(format: str) -> None:
    chunk = Chunk(b'{"throttlingException":{"message":"slow down"}}', "throttlingException", True)
    assert read_all(format, [chunk]) == [ResponseFailed("slow down", "throttlingException")]


def vendor(*values: dict[str, Any], wrapped: bool) -> list[Chunk]:
    payloads = [json.dumps(value).encode() for value in values]
    if wrapped:
        payloads = [json.dumps({"bytes": b64(payload), "p": "abc"}).encode() for payload in payloads]
    return [Chunk(payload, "chunk") for payload in payloads]


METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 4}}
LATE = [UsageReported(3, 4), ResponseFinished("stop", "stop")]
VENDORS: dict[str, tuple[list[dict[str, Any]], list[ProviderEvent]]] = {
    "anthropic": (
        [
            {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1}}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
            {"type": "message_stop", **METRICS},
        ],
        [
            ResponseStarted(),
            UsageReported(3, 1, quality="partial"),
            TextDelta("Hi"),
            UsageReported(3, 4),
            ResponseFinished("stop", "end_turn"),
        ],
    ),
    "nova": (
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Hi"}, "contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 4}}, **METRICS},
        ],
        [ResponseStarted(), TextDelta("Hi"), UsageReported(3, 4), ResponseFinished("stop", "end_turn")],
    ),
    "llama": (
        [{"generation": "Hi", "prompt_token_count": 3}, {"generation": "", "stop_reason": "stop", **METRICS}],
        [ResponseStarted(), TextDelta("Hi"), UsageReported(3, quality="partial"), *LATE],
    ),
    "titan": (
        [
            {"outputText": "Hi", "index": 0, "inputTextTokenCount": 3},
            {"outputText": "", "completionReason": "FINISH", **METRICS},
        ],
        [
            ResponseStarted(),
            TextDelta("Hi"),
            UsageReported(3),
            UsageReported(3, 4),
            ResponseFinished("stop", "FINISH"),
        ],
    ),
    "mistral": (
        [
            {"outputs": [{"text": "Hi", "stop_reason": None}]},
            {"outputs": [{"text": "", "stop_reason": "stop"}], **METRICS},
        ],
        [ResponseStarted(), TextDelta("Hi"), *LATE],
    ),
    "claude 2": (
        [{"completion": "Hi", "stop_reason": None}, {"completion": "", "stop_reason": "stop_sequence", **METRICS}],
        [ResponseStarted(), TextDelta("Hi"), UsageReported(3, 4), ResponseFinished("stop", "stop_sequence")],
    ),
    "cohere": (
        [
            {"event_type": "text-generation", "text": "Hi"},
            {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": {}, **METRICS},
        ],
        [ResponseStarted(), TextDelta("Hi"), UsageReported(3, 4), ResponseFinished("stop", "COMPLETE")],
    ),
    "openai": (
        [
            {"choices": [{"delta": {"content": "Hi"}}]},
            {"choices": [{"delta": {}, "finish_reason": "stop"}], **METRICS},
        ],
        [ResponseStarted(), TextDelta("Hi"), *LATE],
    ),
}


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("name", VENDORS)
def test_the_vendors_inside_invoke(name: str, wrapped: bool) -> None:
    values, events = VENDORS[name]
    assert read_all("bedrock-invoke", vendor(*values, wrapped=wrapped)) == events


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            {
                "results": [{"outputText": "Hi", "completionReason": "FINISH", "tokenCount": 1}],
                "inputTextTokenCount": 2,
            },
            "Hi",
        ),
        ({"generation": "Hi", "prompt_token_count": 2, "generation_token_count": 1, "stop_reason": "stop"}, "Hi"),
        ({"outputs": [{"text": "Hi", "stop_reason": "stop"}]}, "Hi"),
        ({"completions": [{"data": {"text": "Hi"}, "finishReason": {"reason": "endoftext"}}]}, "Hi"),
        ({"type": "message", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}, "Hi"),
        ({"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn"}, "Hi"),
        ({"embedding": [0.1]}, None),
    ],
)
def test_the_vendors_whole(body: dict[str, Any], text: str | None) -> None:
    answer = assemble(whole("bedrock-invoke", body))
    assert answer.text.get(0) == text
    assert not answer.unrecognised


def test_an_agent() -> None:
    reference = {"location": {"s3Location": {"uri": "s3://a"}}, "content": {"text": "quoted"}}
    attribution = {"citations": [{"retrievedReferences": [reference]}]}
    chunks = [
        Chunk(b'{"trace":{"agentId":"x"}}', "trace"),
        Chunk(json.dumps({"chunk": {"bytes": b64("Grüße".encode()), "attribution": attribution}}).encode(), "chunk"),
        Chunk(b'{"files":{"files":[]}}', "files"),
    ]
    assert read_all("bedrock-agent", chunks) == [
        ResponseStarted(),
        TextDelta("Grüße"),
        Citation("s3://a", None, "quoted"),
        ResponseFinished("unknown"),
    ]


# -- Cohere -----------------------------------------------------------------------------------------------------


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
        ResponseStarted("x"),
        ReasoningDelta("I will"),
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, '{"x":1}'),
        Citation(None, "T", "quoted"),
        UsageReported(9, 2),
        ResponseFinished("tool_calls", "TOOL_CALL"),
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


# -- Ollama -----------------------------------------------------------------------------------------------------


def test_ollama_thinks_and_calls() -> None:
    call = {"function": {"name": "f", "arguments": {"x": 1}}}
    chunks = sse(
        {"model": "m", "message": {"content": "", "thinking": "hm"}, "done": False},
        {"model": "m", "message": {"content": "", "tool_calls": [call]}, "done": False},
        {"model": "m", "message": {"content": ""}, "done": True, "done_reason": "stop", "eval_count": 3},
    )
    assert read_all("ollama", chunks) == [
        ResponseStarted(None, "m"),
        ReasoningDelta("hm"),
        ToolCallStarted(0, None, "f"),
        ToolCallDelta(0, '{"x":1}'),
        UsageReported(None, 3),
        ResponseFinished("tool_calls", "stop"),
    ]


def test_an_ollama_error_in_mid_stream() -> None:
    chunks = sse({"model": "m", "response": "a", "done": False}, {"error": "model runner has stopped"})
    assert read_all("ollama", chunks)[-1] == ResponseFailed("model runner has stopped")


# -- text servers -----------------------------------------------------------------------------------------------


def test_tgi_native() -> None:
    def token(text: str, special: bool = False, **more: Any) -> dict[str, Any]:
        return {"index": 1, "token": {"id": 1, "text": text, "special": special}, "generated_text": None, **more}

    details = {"finish_reason": "eos_token", "generated_tokens": 3, "input_length": 2}
    chunks = sse(token("Hi"), token(" you"), token("</s>", True, generated_text="Hi you", details=details))
    assert read_all("tgi", chunks) == [
        ResponseStarted(),
        TextDelta("Hi"),
        TextDelta(" you"),
        UsageReported(2, 3),
        ResponseFinished("stop", "eos_token"),
    ]
    failure = sse({"error": "Input validation error", "error_type": "validation"})
    assert read_all("tgi", failure) == [ResponseFailed("Input validation error", "validation")]


def test_replicate_speaks_raw_text() -> None:
    chunks = [Chunk(b"", "output"), Chunk(b" Hi", "output"), Chunk(b"two\nlines", "output"), Chunk(b"{}", "done")]
    assert read_all("replicate", chunks) == [
        ResponseStarted(),
        TextDelta(" Hi"),
        TextDelta("two\nlines"),
        ResponseFinished("stop"),
    ]
    cancelled = read_all("replicate", [Chunk(b"a", "output"), Chunk(b'{"reason":"canceled"}', "done")])
    assert cancelled[-1] == ResponseFinished("error", "canceled")
    assert read_all("replicate", [Chunk(b"CUDA error", "error"), Chunk(b'{"reason":"error"}', "done")])[0] == (
        ResponseFailed("CUDA error", "error")
    )


def test_a_prediction() -> None:
    body = {"id": "p", "model": "m", "status": "succeeded", "output": ["a", "b"], "error": None, "urls": {}}
    body["metrics"] = {"input_token_count": 1, "output_token_count": 2}
    assert whole("replicate", body) == [
        ResponseStarted("p", "m"),
        TextDelta("ab"),
        UsageReported(1, 2),
        ResponseFinished("stop", "succeeded"),
    ]


def test_watsonx_counts_on_every_event() -> None:
    def result(text: str, reason: str, written: int, read: int = 0) -> dict[str, Any]:
        one = {
            "generated_text": text,
            "stop_reason": reason,
            "generated_token_count": written,
            "input_token_count": read,
        }
        return {"model_id": "m", "results": [one]}

    chunks = sse(
        {"system": {"warnings": []}},
        result("a", "not_finished", 1, 7),
        result("b", "NOT_FINISHED", 2),
        result("", "eos_token", 3),
    )
    answer = assemble(read_all("watsonx", chunks))
    assert answer.text == {0: "ab"}
    assert answer.usage == UsageReported(7, 3)
    assert answer.finishes == [ResponseFinished("stop", "eos_token")]


# -- speech -----------------------------------------------------------------------------------------------------

STOP = ResponseFinished("stop")


def test_elevenlabs() -> None:
    chunks = sse(
        {"audio_base64": b64(b"123456"), "alignment": {"characters": ["H", "i"]}, "normalized_alignment": None},
        {"audio_base64": b64(b"1234"), "alignment": None},
    )
    assert read_all("elevenlabs", chunks) == [ResponseStarted(), AudioDelta(6, "Hi"), AudioDelta(4), STOP]
    assert whole("elevenlabs", b"ID3\x04\x00\x00" + b"\xff\xfb" * 10) == [AudioDelta(26), STOP]
    refused = {"detail": {"status": "quota_exceeded", "message": "no credits"}}
    assert whole("elevenlabs", refused) == [ResponseFailed("no credits", "quota_exceeded")]


def test_cartesia() -> None:
    chunks = sse(
        {"type": "chunk", "data": b64(b"123"), "step_time": 1.5, "status_code": 206, "done": False},
        {"type": "timestamps", "word_timestamps": {}},
        {"type": "done", "done": True, "status_code": 200},
    )
    assert read_all("cartesia", chunks) == [ResponseStarted(), AudioDelta(3), STOP]
    error = {"type": "error", "title": "Bad voice", "message": "No such voice", "error_code": "voice_not_found"}
    assert read_all("cartesia", sse(error)) == [ResponseFailed("No such voice", None, "voice_not_found")]
    assert whole("cartesia", b"Unauthorized") == [ResponseFailed("Unauthorized", "not_json")]


def test_deepgram() -> None:
    assert read_all("deepgram", [Chunk(b"\xff\xf3\x01"), Chunk(b"\xff")]) == [
        ResponseStarted(),
        AudioDelta(3),
        AudioDelta(1),
        STOP,
    ]
    heard = {"metadata": {"request_id": "r"}, "results": {"channels": [{"alternatives": [{"transcript": "Hi"}]}]}}
    assert whole("deepgram", heard) == [ResponseStarted("r"), TextDelta("Hi"), STOP]
    refused = {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": "r"}
    assert whole("deepgram", refused) == [ResponseFailed("Invalid credentials.", "INVALID_AUTH", "INVALID_AUTH")]


def test_fal() -> None:
    queued = {"status": "IN_QUEUE", "request_id": "r", "response_url": "https://q", "queue_position": 1}
    assert whole("fal", queued) == []
    grown = sse(
        {"output": "Hel", "partial": True}, {"output": "Hello", "partial": True}, {"output": "Hello", "partial": False}
    )
    assert read_all("fal", grown) == [ResponseStarted(), TextDelta("Hel"), TextDelta("lo"), STOP]
    images = {"images": [{"url": "https://a.png", "content_type": "image/png"}], "seed": 1}
    assert whole("fal", images) == [ResponseStarted(), ImageDelta(0, "image/png"), STOP]
    assert whole("fal", {"detail": [{"loc": ["body"], "msg": "field required"}]}) == [ResponseFailed("field required")]


@needs_recordings
def test_awkward_recordings() -> None:
    by_file = {recording.file: assemble(recording.events()) for recording in RECORDINGS}
    blocked = by_file["bedrock-converse/guardrail-converse-stream.eventstream"]
    assert blocked.finishes == [ResponseFinished("content_filter", "guardrail_intervened")]
    sealed = by_file["bedrock-converse/bedrock-model-thinking-part-redacted-stream.eventstream"]
    assert len(sealed.signatures) == 2
    spoken = by_file["replicate/replicate-llama-stream-legacy-1.sse"].text[0]
    assert spoken.startswith(" ") or "\n" in spoken
    inside = by_file["bedrock-invoke/openai-gpt-oss-20b-1-0-streaming.eventstream"]
    assert inside.usage is not None
    assert inside.text
