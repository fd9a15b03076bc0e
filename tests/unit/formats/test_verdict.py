"""Responses of status 200 that are none: empty, unreadable, finished with an error."""

import pytest
from tests.reading.formats import read_whole, sse

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.classify import LIFECYCLE, classify
from aigw_sansio.formats.error_classes import status_of
from aigw_sansio.formats.registry import make_reader
from aigw_sansio.formats.verdict import HeldStream, whole_failure

ROLE = {"choices": [{"delta": {"role": "assistant", "content": ""}}]}


def finish(reason: str) -> dict[str, object]:
    return {"choices": [{"delta": {}, "finish_reason": reason}]}


def judged(format: str, chunks: list[Chunk]) -> e.ResponseFailed | None:
    reader, held = make_reader(format), HeldStream()
    for chunk in chunks:
        events = reader.read(chunk)
        assert classify(events) is LIFECYCLE
        held.note(chunk, events)
    return held.failure(reader.finish())


@pytest.mark.parametrize(
    ("chunks", "message", "error_class"),
    [
        ([], "the provider's stream is empty", "unknown"),
        ([b"[DONE]"], "the provider's stream is empty", "unknown"),
        ([b"ping", {"type": "ping"}, b" "], "the provider's stream is empty", "unknown"),
        ([b"upstream error: 503 Service Unavailable", b"[DONE]"], "upstream error: 503 Service Unavailable", "unknown"),
        ([b"Internal Server Error"], "Internal Server Error", "unknown"),
        ([ROLE, b"Bad Gateway"], "Bad Gateway", "unknown"),
        ([ROLE, finish("error")], "the provider finished with 'error'", "unknown"),
        ([ROLE, finish("network_error")], "the provider finished with 'network_error'", "server"),
    ],
)
def test_a_stream_that_is_no_response(chunks: list[object], message: str, error_class: str) -> None:
    failed = judged("openai-chat", sse(*chunks))
    assert failed is not None
    assert (failed.message, failed.error_class) == (message, error_class)
    assert status_of(failed) == 502


@pytest.mark.parametrize(
    "chunks",
    [
        [ROLE, finish("stop"), b"[DONE]"],
        [ROLE],
        [{"object": "chat.completion.chunk", "choices": []}],
        [finish("length")],
    ],
)
def test_a_model_that_says_nothing_has_answered(chunks: list[object]) -> None:
    assert judged("openai-chat", sse(*chunks)) is None


def test_held_text_of_the_framing_counts() -> None:
    held = HeldStream()
    held.note_text(b"<html>502</html>")
    held.note_text(b"more")
    failed = held.failure([])
    assert failed is not None
    assert failed.message == "<html>502</html>"
    assert held.failure([e.TextDelta("x")]) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "m"}}, "m"),
        (
            {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
            "insufficient balance",
        ),
        (b'{"choices":[{"message":{"role":"assi', '{"choices":[{"message":{"role":"assi'),
        (b"<!doctype html><title>Just a moment...</title>", "Just a moment..."),
        ({"choices": [{"message": {"content": ""}, "finish_reason": "error"}]}, "the provider finished with 'error'"),
        ({"choices": [{"message": {"content": "x"}, "finish_reason": "error"}]}, None),
        ({"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}, None),
        ({"object": "list", "data": []}, None),
    ],
)
def test_whole_responses(body: object, message: str | None) -> None:
    failed = whole_failure(read_whole("openai-chat", body))
    assert (failed and failed.message) == message
