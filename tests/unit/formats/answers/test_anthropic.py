"""Answers as Anthropic Messages: blocks one after another, and a message."""

import json
from typing import Any

import pytest

from aigw_sansio import events as e
from aigw_sansio.formats.answers.anthropic import AnthropicWriter
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.answers.kept import OBJECT
from aigw_sansio.formats.foreign_reasoning import unpack
from aigw_sansio.prompt import Prompt

CONTEXT = AnswerContext("01", 1_796_000_000, "asked", maker="anthropic")
GOOGLE = AnswerContext("01", 1, "asked", maker="google")


def stream(*events: e.ProviderEvent, context: AnswerContext = CONTEXT) -> list[Any]:
    writer = AnthropicWriter(context)
    return [json.loads(payload) for payload in writer.write(events) + writer.finish()]


def content(*events: e.ProviderEvent, context: AnswerContext = CONTEXT) -> list[Any]:
    whole = json.loads(AnthropicWriter(context).write_whole([*events, e.ResponseFinished("stop", "stop")]))
    assert whole["type"] == "message"
    found: list[Any] = whole["content"]
    return found


def test_a_stream_with_thinking_and_a_call() -> None:
    told = stream(
        e.ResponseStarted("chatcmpl-1", "gpt-x"),
        e.ReasoningDelta("Need it."),
        e.ReasoningDelta("", signature="sig"),
        e.TextDelta("Checking."),
        e.ToolCallStarted(0, "call_9", "weather"),
        e.ToolCallDelta(0, '{"city":"Turku"}'),
        e.UsageReported(412, 38, 300, 10, 9),
        e.ResponseFinished("tool_calls", "tool_calls"),
    )
    delta = "content_block_delta"
    assert told == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_01", "type": "message", "role": "assistant", "model": "gpt-x", "content": [],
                "stop_reason": None, "stop_sequence": None,
                "usage": {
                    "input_tokens": 0, "cache_creation_input_tokens": None, "cache_read_input_tokens": None,
                    "output_tokens": 0,
                },
            },
        },
        {
            "type": "content_block_start", "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        },
        {"type": delta, "index": 0, "delta": {"type": "thinking_delta", "thinking": "Need it."}},
        {"type": delta, "index": 0, "delta": {"type": "signature_delta", "signature": "sig"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": delta, "index": 1, "delta": {"type": "text_delta", "text": "Checking."}},
        {"type": "content_block_stop", "index": 1},
        {
            "type": "content_block_start", "index": 2,
            "content_block": {"type": "tool_use", "id": "call_9", "name": "weather", "input": {}},
        },
        {"type": delta, "index": 2, "delta": {"type": "input_json_delta", "partial_json": ""}},
        {"type": delta, "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"city":"Turku"}'}},
        {"type": "content_block_stop", "index": 2},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {
                "input_tokens": 102, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 300,
                "output_tokens": 38, "output_tokens_details": {"thinking_tokens": 9},
            },
        },
        {"type": "message_stop"},
    ]  # fmt: skip


def test_hidden_reasoning_and_that_of_others() -> None:
    assert content(e.ReasoningDelta("", signature="blob", redacted=True)) == [
        {"type": "redacted_thinking", "data": "blob"}
    ]
    assert content(e.ReasoningDelta("", signature="s")) == [{"type": "thinking", "thinking": "", "signature": "s"}]
    (thinking,) = content(e.ReasoningDelta("x", signature="s"), context=GOOGLE)
    assert unpack(thinking["signature"])[0].maker == "google"
    (hidden,) = content(e.ReasoningDelta("", signature="s"), context=GOOGLE)
    assert (hidden["type"], unpack(hidden["data"])[0].kind) == ("redacted_thinking", "signature")
    assert content(e.ReasoningDelta("x"), context=GOOGLE) == [{"type": "thinking", "thinking": "x", "signature": ""}]


def test_the_signature_of_a_call_comes_before_it() -> None:
    hidden, call = content(e.ToolCallStarted(0, None, "f", signature="s"), context=GOOGLE)
    assert unpack(hidden["data"])[0].kind == "tool_call"
    assert call["id"].startswith("toolu_")


def test_free_text_is_a_string_in_an_object() -> None:
    events = [e.ToolCallStarted(0, "x", "patch", kind="custom"), e.ToolCallDelta(0, 'a"'), e.ToolCallDelta(0, "\nb")]
    (call,) = content(*events)
    assert call["input"] == {"input": 'a"\nb'}
    told = stream(*events, e.ResponseFinished("tool_calls"))
    written = "".join(
        event["delta"].get("partial_json", "") for event in told if event["type"] == "content_block_delta"
    )
    assert json.loads(written) == {"input": 'a"\nb'}


def test_a_refusal_is_text_with_a_reason_of_its_own() -> None:
    told = stream(e.RefusalDelta("no"), e.ResponseFinished("stop", "stop"))
    assert told[2]["delta"] == {"type": "text_delta", "text": "no"}
    assert told[-2]["delta"]["stop_reason"] == "refusal"


def test_sources_with_a_url_stand_in_the_text() -> None:
    (text,) = content(e.TextDelta("a"), e.Citation("https://x", "X", "quoted"), e.Citation(None, "doc"))
    assert text["citations"] == [
        {
            "type": "web_search_result_location", "url": "https://x", "title": "X", "encrypted_index": "",
            "cited_text": "quoted",
        }
    ]  # fmt: skip


def test_what_has_no_place_is_told() -> None:
    writer = AnthropicWriter(AnswerContext("1", 1, "m", prompt=Prompt(logprobs=0)))
    writer.write(
        [
            e.AudioDelta(3, "hi"),
            e.ImageDelta(3),
            e.TextDelta("b", 1),
            e.ToolCallStarted(0, None, "web_search", kind="provider"),
            e.Citation(None, "doc"),
            e.Unrecognised("type new"),
        ]
    )
    assert {note.field for note in writer.notes} == {
        "logprobs", "audio.delta", "image.delta", "choice", "tool_call.started", "citation", "unrecognised",
    }  # fmt: skip


def test_spoken_words_are_text() -> None:
    assert content(e.AudioDelta(3, "hel"), e.AudioDelta(3, "lo"))[0]["text"] == "hello"


@pytest.mark.parametrize(
    "end", [[], [e.ResponseFinished("unknown")], [e.ResponseFinished("error", "ERROR")], [e.ResponseFailed("x")]]
)
def test_what_did_not_finish_is_an_error(end: list[e.ProviderEvent]) -> None:
    told = stream(e.TextDelta("a"), *end)
    assert (told[-1]["type"], told[-1]["error"]["type"]) == ("error", "api_error")
    assert "message_stop" not in [event["type"] for event in told]


def test_an_id_of_the_format_is_kept() -> None:
    assert stream(e.ResponseStarted("msg_9"), e.ResponseFinished("stop"))[0]["message"]["id"] == "msg_9"


def test_usage_that_is_known_at_the_beginning_is_told_there() -> None:
    told = stream(e.UsageReported(5, 1), e.TextDelta("a"), e.ResponseFinished("stop"))
    assert told[0]["message"]["usage"]["input_tokens"] == 5


def test_a_whole_answer_without_content_is_an_error() -> None:
    assert json.loads(AnthropicWriter(CONTEXT).write_whole([]))["type"] == "error"
    assert (
        json.loads(AnthropicWriter(CONTEXT).write_whole([e.ResponseFinished("length")]))["stop_reason"] == "max_tokens"
    )


def test_what_waits_is_counted() -> None:
    writer = AnthropicWriter(CONTEXT)
    writer.write([e.ToolCallStarted(0, "x", "f"), e.ToolCallDelta(0, "{")])
    call = writer.held
    writer.write([e.TextDelta("four")])
    assert writer.held == call + OBJECT + 4
