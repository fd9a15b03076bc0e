"""What all writers of answers share."""

import json
from typing import Any

import pytest
from tests.reading.written_answers import WRITERS

from aigw_sansio import events as e
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.answers.errors import NO_ANSWER, NO_FINISH
from aigw_sansio.prompt import Prompt

FORMATS = pytest.mark.parametrize("format", sorted(WRITERS))


#: Two chunks of a stream, and the tokens of each.
TOKENS = [{"token": name, "logprob": -0.5, "bytes": [97], "top_logprobs": []} for name in "ab"]
CHUNKS = [json.dumps({"choices": [{"index": 0, "logprobs": {"content": [token]}}]}).encode() for token in TOKENS]


@FORMATS
def test_log_probabilities_stand_beside_the_text_if_the_format_has_a_place(format: str) -> None:
    writer = WRITERS[format](AnswerContext("1", 0, "m", Prompt(logprobs=2)))
    if not writer.wants_logprobs:
        assert format == "anthropic-messages"
        assert [note.field for note in writer.notes] == ["logprobs"]
        return
    out: list[Any] = []
    for chunk, text in zip(CHUNKS, "ab", strict=True):
        writer.take_logprobs(chunk)
        out += writer.write([e.TextDelta(text)])
    out += writer.write([e.TextDelta("c"), e.ResponseFinished("stop")])
    payloads = [json.loads(one) for one in [*out, *writer.finish()] if one != b"[DONE]"]
    if format == "openai-chat":
        told = [choice.get("logprobs") for one in payloads for choice in one["choices"]]
        assert [one["content"] for one in told if one] == [[TOKENS[0]], [TOKENS[1]]]
    else:
        told = [one["logprobs"] for one in payloads if one["type"].startswith("response.output_text")]
        assert told == [[TOKENS[0]], [TOKENS[1]], [], TOKENS]
        assert payloads[-1]["response"]["output"][0]["content"][0]["logprobs"] == TOKENS
    assert writer.notes == []
    assert WRITERS[format](AnswerContext("1", 0, "m")).wants_logprobs is False


@FORMATS
def test_log_probabilities_that_come_behind_their_text_are_told_too(format: str) -> None:
    writer = WRITERS[format](AnswerContext("1", 0, "m", Prompt(logprobs=2)))
    if not writer.wants_logprobs:
        return
    writer.write([e.TextDelta("a")])
    held = writer.held
    writer.take_logprobs(CHUNKS[0])
    out = [json.loads(one) for one in writer.write([e.ResponseFinished("stop")])]
    if format == "openai-chat":
        assert out[-1]["choices"] == [
            {"index": 0, "delta": {}, "finish_reason": None, "logprobs": {"content": [TOKENS[0]], "refusal": None}}
        ]
    else:
        assert [(one["delta"], one["logprobs"]) for one in out] == [("", [TOKENS[0]])]
        assert writer.held > held, "they are told again at the end"


@FORMATS
def test_log_probabilities_of_a_whole_response(format: str) -> None:
    writer = WRITERS[format](AnswerContext("1", 0, "m", Prompt(logprobs=2)))
    if not writer.wants_logprobs:
        return
    for chunk in CHUNKS:
        writer.take_logprobs(chunk)
    events: list[e.ProviderEvent] = [e.TextDelta("a"), e.TextDelta("b"), e.ResponseFinished("stop")]
    body = json.loads(writer.write_whole(events))
    if format == "openai-chat":
        assert body["choices"][0]["logprobs"] == {"content": TOKENS, "refusal": None}
    else:
        assert body["output"][0]["content"][0]["logprobs"] == TOKENS


def test_responses_tell_no_log_probabilities_of_calls() -> None:
    writer = WRITERS["openai-responses"](AnswerContext("1", 0, "m", Prompt(logprobs=2)))
    writer.take_logprobs(CHUNKS[0])
    writer.write([e.ToolCallStarted(0, "c", "f"), e.ToolCallDelta(0, "{}"), e.ResponseFinished("tool_calls")])
    writer.finish()
    assert [note.field for note in writer.notes] == ["logprobs"]


@FORMATS
def test_how_a_response_fails_without_an_error_of_the_provider(format: str) -> None:
    streamed = WRITERS[format](AnswerContext("1", 0, "m"))
    streamed.write([e.TextDelta("a")])
    assert streamed.failed is None
    assert streamed.finish()
    assert streamed.failed == NO_FINISH
    assert streamed.finish() == streamed.write([e.TextDelta("b")]) == []
    whole = WRITERS[format](AnswerContext("1", 0, "m"))
    whole.write_whole([])
    assert whole.failed == NO_ANSWER
