"""Ollama's native format."""

from typing import Any

import pytest
from tests.reading.formats import b64, read_all, read_chunk, sse, without_frame

from aigw_sansio import events as e
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


def test_ollama_thinks_and_calls() -> None:
    call = {"function": {"name": "f", "arguments": {"x": 1}}}
    chunks = sse(
        {"model": "m", "message": {"content": "", "thinking": "hm"}, "done": False},
        {"model": "m", "message": {"content": "", "tool_calls": [call]}, "done": False},
        {"model": "m", "message": {"content": ""}, "done": True, "done_reason": "stop", "eval_count": 3},
    )
    assert read_all("ollama", chunks) == [
        e.ResponseStarted(None, "m"),
        e.ReasoningDelta("hm"),
        e.ToolCallStarted(0, None, "f"),
        e.ToolCallDelta(0, '{"x":1}'),
        e.UsageReported(None, 3),
        e.ResponseFinished("tool_calls", "stop"),
    ]


def test_an_ollama_error_in_mid_stream() -> None:
    chunks = sse({"model": "m", "response": "a", "done": False}, {"error": "model runner has stopped"})
    assert read_all("ollama", chunks)[-1] == response_failed("model runner has stopped")


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("ollama", {"message": {"content": "", "images": [b64(b"123")]}, "done": False}, [e.ImageDelta(3)]),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events


def test_done_is_the_end_with_or_without_a_reason() -> None:
    reader = make_reader("ollama")
    piece, last = sse({"model": "m", "response": "a", "done": False}, {"model": "m", "response": "", "done": True})
    reader.read(piece)
    assert not reader.terminated
    assert reader.read(last) == [e.ResponseFinished("stop")]
    assert reader.terminated


def test_a_stream_that_stops_before_done_has_no_known_end() -> None:
    call = {"function": {"name": "f", "arguments": {}}}
    for message in ({"content": "a"}, {"content": "", "tool_calls": [call]}):
        ends = [
            event
            for event in read_all("ollama", sse({"model": "m", "message": message, "done": False}))
            if isinstance(event, e.ResponseFinished)
        ]
        assert len(ends) == 1


def test_an_error_may_be_an_object() -> None:
    (failed,) = read_chunk("ollama", {"error": {"message": "no such model", "type": "not_found_error"}})
    assert isinstance(failed, e.ResponseFailed)
    assert (failed.message, failed.kind) == ("no such model", "not_found_error")
