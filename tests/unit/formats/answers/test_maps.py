"""The words for finishes and the objects for usage."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.events import FinishReason, ResponseFinished, UsageReported
from aigw_sansio.formats.answers import maps
from aigw_sansio.formats.registry import make_reader
from aigw_sansio.formats.values import JsonObject

counts = st.none() | st.integers(0, 10**9)


def test_every_reason_but_an_error_has_a_word() -> None:
    assert maps.CHAT_REASONS.keys() == maps.ANTHROPIC_REASONS.keys() == set(get_args(FinishReason)) - {"error"}


@pytest.mark.parametrize(
    ("reason", "raw", "expected"),
    [
        ("stop", "stop_sequence", "stop_sequence"),
        ("stop", "STOP_SEQUENCE", "stop_sequence"),
        ("stop", "stop", "end_turn"),
        ("content_filter", "SAFETY", "refusal"),
        ("pause", "pause_turn", "pause_turn"),
    ],
)
def test_the_stop_reason(reason: FinishReason, raw: str, expected: str) -> None:
    assert maps.anthropic_reason(ResponseFinished(reason, raw)) == expected


@st.composite
def usages(draw: st.DrawFn) -> UsageReported:
    """Counts whose parts fit into their totals."""
    read, created, plain = draw(counts), draw(counts), draw(st.integers(0, 10**9))
    thought, written = draw(counts), draw(st.integers(0, 10**9))
    return UsageReported(
        input_tokens=plain + (read or 0) + (created or 0),
        output_tokens=written + (thought or 0),
        cache_read_input_tokens=read,
        cache_creation_input_tokens=created,
        reasoning_output_tokens=thought,
    )


def read_back(format: str, body: JsonObject) -> UsageReported | None:
    events = make_reader(format).read_whole(json.dumps(body).encode())
    return next((event for event in events if isinstance(event, UsageReported)), None)


@given(usages())
def test_what_is_written_is_what_is_read(usage: UsageReported) -> None:
    assert read_back("openai-chat", {"choices": [], "usage": maps.chat_usage(usage)}) == usage
    message = {"type": "message", "content": [], "usage": maps.anthropic_usage(usage)}
    assert read_back("anthropic-messages", message) == usage
    told = read_back("openai-responses", {"object": "response", "output": [], "usage": maps.responses_usage(usage)})
    assert told == UsageReported(
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_input_tokens or 0,
        usage.cache_creation_input_tokens or 0,
        usage.reasoning_output_tokens or 0,
    )


def test_audio_has_its_own_counts() -> None:
    usage = UsageReported(9, 8, 3, input_audio_tokens=4, output_audio_tokens=5, cache_read_input_audio_tokens=2)
    assert read_back("openai-chat", {"choices": [], "usage": maps.chat_usage(usage)}) == usage


def test_no_counts_are_zeros_where_numbers_are_required() -> None:
    assert maps.chat_usage(UsageReported()) == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert maps.anthropic_usage(None)["input_tokens"] == 0
