"""Bedrock's Converse format and its agents: shapes that no recording shows, and the awkward recordings."""

import json
from typing import Any

import pytest
from tests.reading.answers import assemble
from tests.reading.formats import (
    b64,
    read_all,
    read_chunk,
    read_whole,
    without_frame,
)
from tests.reading.recordings import (
    needs_recordings,
    recorded_answer,
)

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


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


READ: list[e.ProviderEvent] = [
    e.ResponseStarted(),
    e.ReasoningDelta("hm"),
    e.ReasoningDelta("", 0, "sig"),
    e.ReasoningDelta("", 0, "xyz", True),
    e.TextDelta("Hi"),
    e.Citation("https://a"),
    e.ToolCallStarted(0, "t", "f"),
    e.ToolCallDelta(0, "{}"),
    e.Unrecognised("delta with hologram"),
    e.UsageReported(20, 6, 7, 8),
    e.ResponseFinished("tool_calls", "tool_use"),
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
    assert read_all(format, [chunk]) == [response_failed("slow down", "throttlingException")]


def test_an_agent() -> None:
    reference = {"location": {"s3Location": {"uri": "s3://a"}}, "content": {"text": "quoted"}}
    attribution = {"citations": [{"retrievedReferences": [reference]}]}
    chunks = [
        Chunk(b'{"trace":{"agentId":"x"}}', "trace"),
        Chunk(json.dumps({"chunk": {"bytes": b64("Grüße".encode()), "attribution": attribution}}).encode(), "chunk"),
        Chunk(b'{"files":{"files":[]}}', "files"),
    ]
    assert read_all("bedrock-agent", chunks) == [
        e.ResponseStarted(),
        e.TextDelta("Grüße"),
        e.Citation("s3://a", None, "quoted"),
        e.ResponseFinished("unknown"),
    ]


def one_delta(**delta: Any) -> dict[str, Any]:
    return {"contentBlockDelta": {"contentBlockIndex": 0, "delta": delta}}


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("bedrock-converse", {"contentBlockStart": {"start": {"hologram": 1}}}, [e.Unrecognised("start with hologram")]),
    ("bedrock-converse", one_delta(image={"source": {"bytes": b64(b"123")}}), [e.ImageDelta(3)]),
    (
        "bedrock-agent",
        {"returnControl": {"invocationInputs": [{"functionInvocationInput": {"function": "f", "parameters": []}}]}},
        [
            e.ToolCallStarted(0, None, "f"),
            e.ToolCallDelta(0, '{"functionInvocationInput":{"function":"f","parameters":[]}}'),
        ],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events


RARE_WHOLE: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("bedrock-converse", {"inputTokens": 5}, [e.UsageReported(5)]),
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
        [e.TextDelta("Hi"), e.Citation(None, "t"), e.ToolCallStarted(0, "t", "f"), e.ToolCallDelta(0, '{"x":1}')],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_WHOLE, ids=lambda value: str(value)[:50])
def test_a_rare_whole_answer(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One whole answer as the provider may send it and seldom does."""
    assert without_frame(read_whole(format, value)) == events


@needs_recordings
def test_awkward_recordings() -> None:
    blocked = recorded_answer("bedrock-converse/guardrail-converse-stream.eventstream")
    assert blocked.finishes == [e.ResponseFinished("content_filter", "guardrail_intervened")]
    sealed = recorded_answer("bedrock-converse/bedrock-model-thinking-part-redacted-stream.eventstream")
    assert len(sealed.signatures) == 2


def test_the_end_is_told_by_both_messages_in_any_order() -> None:
    stop, metadata = {"stopReason": "end_turn"}, {"usage": {"inputTokens": 1, "outputTokens": 2}}
    both = [Chunk(json.dumps(stop).encode(), "messageStop"), Chunk(json.dumps(metadata).encode(), "metadata")]
    for chunks in (both, both[::-1]):
        reader = make_reader("bedrock-converse")
        reader.read(chunks[0])
        assert not reader.terminated
        reader.read(chunks[1])
        assert reader.terminated


def test_an_exception_that_comes_as_an_ordinary_event() -> None:
    for event in ("", "throttlingException"):
        chunk = Chunk(b'{"throttlingException":{"message":"Too many"}}', event)
        (failed,) = make_reader("bedrock-converse").read(chunk)
        assert isinstance(failed, e.ResponseFailed)
        assert (failed.message, failed.kind) == ("Too many", "throttlingException")


def test_a_call_whose_input_is_in_its_start() -> None:
    tool = {"toolUseId": "t", "name": "f", "input": {"x": 1}}
    chunks = [
        Chunk(json.dumps({"contentBlockIndex": 0, "start": {"toolUse": tool}}).encode(), "contentBlockStart"),
        Chunk(b'{"stopReason":"end_turn"}', "messageStop"),
    ]
    answer = assemble(read_all("bedrock-converse", chunks))
    assert [call.arguments for call in answer.calls.values()] == ['{"x":1}']
    assert answer.finishes == [e.ResponseFinished("tool_calls", "end_turn")]


def test_an_agent_that_hands_over_waits_for_results() -> None:
    call = {"functionInvocationInput": {"function": "f"}}
    chunk = Chunk(json.dumps({"returnControl": {"invocationInputs": [call]}}).encode())
    assert read_all("bedrock-agent", [chunk])[-1] == e.ResponseFinished("tool_calls")
