"""The laws of answers in all three formats: what is written is read again as the same events, streamed or whole."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.event_streams import answers, any_events
from tests.reading.written_answers import (
    WRITERS,
    media_for,
    put_together,
    same_answers,
    streamed,
    write_stream,
    write_whole,
)

from aigw_sansio import events as e
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.registry import make_reader

FORMATS = sorted(WRITERS)
makers = st.sampled_from(["anthropic", "google", "openai", "deepseek", ""])


def context(maker: str = "anthropic") -> AnswerContext:
    return AnswerContext("01", 1_796_000_000, "asked", include_usage=True, maker=maker)


def same(format: str, before: list[e.ProviderEvent], after: list[e.ProviderEvent], *, whole: bool = False) -> None:
    expected, found = same_answers(format, before, after, whole=whole)
    assert found == expected


@pytest.mark.parametrize("format", FORMATS)
@given(events=answers(), maker=makers)
def test_a_stream_says_what_the_events_say(format: str, events: list[e.ProviderEvent], maker: str) -> None:
    same(format, events, streamed(format, write_stream(format, events, context(maker))))


@pytest.mark.parametrize("format", FORMATS)
@given(events=answers(), maker=makers)
def test_a_whole_answer_says_what_the_events_say(format: str, events: list[e.ProviderEvent], maker: str) -> None:
    after = make_reader(format).read_whole(write_whole(format, events, context(maker)))
    same(format, events, after, whole=True)


@pytest.mark.parametrize("format", FORMATS)
@given(events=answers(), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_a_stream_is_the_same_however_its_events_come(
    format: str, events: list[e.ProviderEvent], cuts: list[int]
) -> None:
    writer = WRITERS[format](context())
    edges = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    payloads: list[bytes] = []
    for start, stop in itertools.pairwise(edges):
        payloads += writer.write(events[start:stop], media_for(events[start:stop]))
    assert payloads + writer.finish() == write_stream(format, events, context())


@pytest.mark.parametrize("format", FORMATS)
@given(events=any_events, maker=makers)
def test_no_events_raise(format: str, events: list[e.ProviderEvent], maker: str) -> None:
    """... and every payload is JSON, or the terminator; nothing follows an error."""
    writer = WRITERS[format](context(maker))
    payloads = writer.write(events) + writer.finish()
    values = [json.loads(payload) if payload != b"[DONE]" else "[DONE]" for payload in payloads]
    ends = {"openai-chat": _chat_end, "openai-responses": _responses_end, "anthropic-messages": _anthropic_end}[format]
    assert [ends(value) for value in values] == [False] * (len(values) - 1) + [True]
    assert (writer.failed is not None) == _is_error(values[-1])
    whole = WRITERS[format](context(maker))
    body = json.loads(whole.write_whole(events))
    assert (whole.failed is not None) == (type(body.get("error")) is dict)
    assert (writer.finish(), writer.write(events)) == ([], []) or writer.failed is None
    streamed(format, payloads)


def _is_error(value: object) -> bool:
    return isinstance(value, dict) and ("error" in value or value.get("type") == "response.failed")


def _chat_end(value: object) -> bool:
    return value == "[DONE]" or (isinstance(value, dict) and "error" in value)


def _responses_end(value: object) -> bool:
    return isinstance(value, dict) and value["type"] in ("response.completed", "response.incomplete", "response.failed")


def _anthropic_end(value: object) -> bool:
    return isinstance(value, dict) and value["type"] in ("message_stop", "error")


@pytest.mark.parametrize("format", FORMATS)
@given(events=answers(), message=st.text(min_size=1, max_size=20))
def test_a_failure_is_told_and_nothing_is_made_up(format: str, events: list[e.ProviderEvent], message: str) -> None:
    cut_off = [event for event in events if not isinstance(event, e.ResponseFinished)]
    failed = [*cut_off, e.ResponseFailed(message)]
    for after in (
        streamed(format, write_stream(format, failed, context())),
        make_reader(format).read_whole(write_whole(format, failed, context())),
    ):
        assert put_together(after).failed == message
        assert not any(isinstance(event, e.ResponseFinished) for event in after)


@pytest.mark.parametrize("format", FORMATS)
@given(events=answers(choices=1))
def test_a_stream_without_a_finish_is_a_failure(format: str, events: list[e.ProviderEvent]) -> None:
    cut_off = [event for event in events if not isinstance(event, e.ResponseFinished)]
    assert put_together(streamed(format, write_stream(format, cut_off, context()))).failed is not None


@pytest.mark.parametrize("format", FORMATS)
@given(events=answers(choices=1))
def test_a_whole_answer_is_what_a_client_of_the_stream_has_at_its_end(
    format: str, events: list[e.ProviderEvent]
) -> None:
    whole = json.loads(write_whole(format, events, context()))
    last = [json.loads(payload) for payload in write_stream(format, events, context()) if payload != b"[DONE]"]
    if format == "openai-responses":
        assert last[-1]["response"] == whole
    elif format == "anthropic-messages":
        starts = [event["content_block"] for event in last if event["type"] == "content_block_start"]
        assert [block["type"] for block in whole["content"]] == [block["type"] for block in starts]
        assert whole["stop_reason"] == last[-2]["delta"]["stop_reason"]
        assert whole["usage"] == last[-2]["usage"]
    else:
        message = whole["choices"][0]["message"]
        deltas = [chunk["choices"][0]["delta"] for chunk in last if chunk["choices"]]
        assert (message["content"] or "") == "".join(delta.get("content") or "" for delta in deltas)
        begun = [call for delta in deltas for call in delta.get("tool_calls", ()) if "id" in call]
        assert [call["id"] for call in message.get("tool_calls", ())] == [call["id"] for call in begun]
        assert whole.get("usage") == next((chunk["usage"] for chunk in last if chunk["usage"]), None)
