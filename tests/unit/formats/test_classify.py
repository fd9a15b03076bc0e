"""The weight of a chunk for the commit, and which chunks need no reading."""

import pytest
from tests.reading.formats import sse

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.classify import CONTENT, ERROR, LIFECYCLE, classify, is_content, marker_search, worth_reading
from aigw_sansio.formats.registry import make_reader


@pytest.mark.parametrize(
    ("event", "weight"),
    [
        (e.ResponseStarted(), LIFECYCLE),
        (e.TextDelta("x"), CONTENT),
        (e.ReasoningDelta("", signature="s"), CONTENT),
        (e.ToolCallStarted(0, None, None), CONTENT),
        (e.ToolCallDelta(0, "{"), CONTENT),
        (e.AudioDelta(1), CONTENT),
        (e.ImageDelta(1), CONTENT),
        (e.RefusalDelta("no"), CONTENT),
        (e.Citation(), CONTENT),
        (e.UsageReported(), LIFECYCLE),
        (e.ResponseFinished("stop"), LIFECYCLE),
        (e.ResponseFailed("x"), ERROR),
        (e.Unrecognised("x"), LIFECYCLE),
        (e.Unrecognised("x", unreadable=True), LIFECYCLE),
        (e.Unrecognised("x", opaque=True), CONTENT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_weights(event: e.ProviderEvent, weight: int) -> None:
    assert classify([event]) is weight
    assert is_content([event]) is (weight is CONTENT)
    assert classify([e.ResponseStarted(), event]) is weight


def test_the_weight_of_several() -> None:
    assert classify([]) is LIFECYCLE
    assert classify([e.UsageReported(), e.TextDelta("x")]) is CONTENT
    assert classify([e.TextDelta("x"), e.ResponseFailed("x")]) is ERROR


@pytest.mark.parametrize(
    ("format", "chunks"),
    [
        ("openai-chat", sse({"choices": [], "prompt_filter_results": [{}], "id": ""})),
        ("openai-chat", sse({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})),
        ("openai-chat", sse({"choices": [{"delta": {"content": None}, "finish_reason": "stop"}]})),
        ("openai-chat", sse(b"[DONE]")),
        ("anthropic-messages", sse({"type": "ping"}, events=True)),
        ("anthropic-messages", sse({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}})),
        ("anthropic-messages", sse({"type": "content_block_start", "content_block": {"type": "text", "text": ""}})),
        ("openai-responses", sse({"type": "response.created", "response": {"id": "r"}})),
        ("gemini", sse({"usageMetadata": {"promptTokenCount": 3}})),
        ("bedrock-converse", [Chunk(b'{"messageStart":{"role":"assistant"}}', "messageStart")]),
        ("workers-ai", sse({"response": ""})),
        ("ollama", sse({"message": {"content": ""}, "done": False})),
        ("cohere-v2", sse({"type": "message-start", "id": "x"})),
    ],
)
def test_the_beginning_of_an_answer_does_not_commit_it(format: str, chunks: list[Chunk]) -> None:
    for chunk in chunks:
        assert classify(make_reader(format).read(chunk)) is LIFECYCLE


def test_a_failing_frame_is_always_worth_reading() -> None:
    search = marker_search((b"y",))
    assert worth_reading(Chunk(b"x", "error"), search)
    assert worth_reading(Chunk(b"x", "", True), search)
    assert worth_reading(Chunk(b"xy"), search)
    assert not worth_reading(Chunk(b"x"), search)
    assert not worth_reading(Chunk(b"x"), marker_search(()))


def test_blanks_around_a_colon_do_not_hide_a_marker() -> None:
    search = marker_search((b'"usage":{', b'"a"'))
    for data in (b'"usage":{', b'"usage": {', b'"usage" :  {', b'"usage"\n: {', b'"a"'):
        assert search(data), data
    for data in (b'"usage":null', b'"usage"', b"usage:{"):
        assert not search(data), data
    assert marker_search((b"",))(b"anything")
