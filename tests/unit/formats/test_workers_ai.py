"""Workers AI's native format."""

import json
from typing import Any

import pytest
from tests.reading.formats import (
    b64,
    read_all,
    read_chunk,
    read_whole,
    sse,
    without_frame,
)

from aigw_sansio import events as e
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


def test_workers_ai_native_stream() -> None:
    chunks = sse(
        {"response": "4", "p": "abcdef"},
        {"response": 2, "p": "ab"},
        {"response": "", "tool_calls": [{"name": "f", "arguments": {"x": 1}}], "p": "abc"},
        {"response": "", "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}},
        b"[DONE]",
    )
    assert read_all("workers-ai", chunks) == [
        e.ResponseStarted(),
        e.TextDelta("4"),
        e.TextDelta("2"),
        e.ToolCallStarted(0, None, "f"),
        e.ToolCallDelta(0, '{"x":1}'),
        e.UsageReported(7, 3),
        e.ResponseFinished("tool_calls"),
    ]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        ({"result": {"response": "Hi", "usage": {"prompt_tokens": 1}}, "success": True, "errors": []},
         [e.ResponseStarted(), e.TextDelta("Hi"), e.UsageReported(1), e.ResponseFinished("stop")]),
        ({"result": {"text": "heard", "word_count": 1}, "success": True}, [e.TextDelta("heard")]),
        ({"result": {"image": b64(b"12345")}, "success": True}, [e.ImageDelta(5)]),
        ({"result": None, "success": False, "errors": [{"code": 5007, "message": "No such model"}]},
         [response_failed("No such model", None, "5007")]),
        ({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], "object": "chat.completion"},
         [e.ResponseStarted(), e.TextDelta("Hi"), e.ResponseFinished("stop", "stop")]),
        ({"result": {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}, "success": True},
         [e.ResponseStarted(), e.TextDelta("Hi"), e.ResponseFinished("stop", "stop")]),
    ],
)  # fmt: skip
def test_workers_ai_whole(body: dict[str, Any], events: list[object]) -> None:
    assert make_reader("workers-ai").read_whole(json.dumps(body).encode()) == events


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("workers-ai", {"response": 4.5}, [e.TextDelta("4.5")]),
    ("workers-ai", {"response": {"json": True}}, [e.TextDelta('{"json":true}')]),
    (
        "workers-ai",
        {"tool_calls": [{"name": "f", "arguments": "{}"}]},
        [e.ToolCallStarted(0, None, "f"), e.ToolCallDelta(0, "{}")],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events


RARE_WHOLE: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("workers-ai", {"result": "Bonjour", "success": True}, [e.TextDelta("Bonjour")]),
    ("workers-ai", {"result": {"audio": b64(b"123")}, "success": True}, [e.AudioDelta(3)]),
    (
        "workers-ai",
        {"response": "Hi", "reasoning_content": "hm", "finish_reason": "length"},
        [e.ReasoningDelta("hm"), e.TextDelta("Hi")],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_WHOLE, ids=lambda value: str(value)[:50])
def test_a_rare_whole_answer(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One whole answer as the provider may send it and seldom does."""
    assert without_frame(read_whole(format, value)) == events
