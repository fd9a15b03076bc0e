"""Bedrock's InvokeModel: the formats of the vendors in their envelope."""

import json
from typing import Any

import pytest
from tests.reading.answers import assemble
from tests.reading.formats import (
    b64,
    read_all,
    read_whole,
    without_frame,
)
from tests.reading.recordings import (
    needs_recordings,
    recorded_answer,
)

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk


def vendor(*values: dict[str, Any], wrapped: bool) -> list[Chunk]:
    payloads = [json.dumps(value).encode() for value in values]
    if wrapped:
        payloads = [json.dumps({"bytes": b64(payload), "p": "abc"}).encode() for payload in payloads]
    return [Chunk(payload, "chunk") for payload in payloads]


METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 4}}


LATE = [e.UsageReported(3, 4), e.ResponseFinished("stop", "stop")]


VENDORS: dict[str, tuple[list[dict[str, Any]], list[e.ProviderEvent]]] = {
    "anthropic": (
        [
            {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1}}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
            {"type": "message_stop", **METRICS},
        ],
        [
            e.ResponseStarted(),
            e.UsageReported(3, 1, quality="partial"),
            e.TextDelta("Hi"),
            e.UsageReported(3, 4),
            e.ResponseFinished("stop", "end_turn"),
        ],
    ),
    "nova": (
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Hi"}, "contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 4}}, **METRICS},
        ],
        [e.ResponseStarted(), e.TextDelta("Hi"), e.UsageReported(3, 4), e.ResponseFinished("stop", "end_turn")],
    ),
    "llama": (
        [{"generation": "Hi", "prompt_token_count": 3}, {"generation": "", "stop_reason": "stop", **METRICS}],
        [e.ResponseStarted(), e.TextDelta("Hi"), e.UsageReported(3, quality="partial"), *LATE],
    ),
    "titan": (
        [
            {"outputText": "Hi", "index": 0, "inputTextTokenCount": 3},
            {"outputText": "", "completionReason": "FINISH", **METRICS},
        ],
        [
            e.ResponseStarted(),
            e.TextDelta("Hi"),
            e.UsageReported(3),
            e.UsageReported(3, 4),
            e.ResponseFinished("stop", "FINISH"),
        ],
    ),
    "mistral": (
        [
            {"outputs": [{"text": "Hi", "stop_reason": None}]},
            {"outputs": [{"text": "", "stop_reason": "stop"}], **METRICS},
        ],
        [e.ResponseStarted(), e.TextDelta("Hi"), *LATE],
    ),
    "claude 2": (
        [{"completion": "Hi", "stop_reason": None}, {"completion": "", "stop_reason": "stop_sequence", **METRICS}],
        [e.ResponseStarted(), e.TextDelta("Hi"), e.UsageReported(3, 4), e.ResponseFinished("stop", "stop_sequence")],
    ),
    "cohere": (
        [
            {"event_type": "text-generation", "text": "Hi"},
            {"event_type": "stream-end", "finish_reason": "COMPLETE", "response": {}, **METRICS},
        ],
        [e.ResponseStarted(), e.TextDelta("Hi"), e.UsageReported(3, 4), e.ResponseFinished("stop", "COMPLETE")],
    ),
    "openai": (
        [
            {"choices": [{"delta": {"content": "Hi"}}]},
            {"choices": [{"delta": {}, "finish_reason": "stop"}], **METRICS},
        ],
        [e.ResponseStarted(), e.TextDelta("Hi"), *LATE],
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
    answer = assemble(read_whole("bedrock-invoke", body))
    assert answer.text.get(0) == text
    assert not answer.unrecognised


RARE_WHOLE: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    (
        "bedrock-invoke",
        {"message": {"content": [{"type": "text", "text": "Hi"}]}, "finish_reason": "COMPLETE"},
        [e.TextDelta("Hi")],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_WHOLE, ids=lambda value: str(value)[:50])
def test_a_rare_whole_answer(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One whole answer as the provider may send it and seldom does."""
    assert without_frame(read_whole(format, value)) == events


@needs_recordings
def test_an_awkward_recording() -> None:
    inside = recorded_answer("bedrock-invoke/openai-gpt-oss-20b-1-0-streaming.eventstream")
    assert inside.usage is not None
    assert inside.text
