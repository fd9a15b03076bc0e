"""How finishes and counts are called in the three formats that clients speak.

Decides: the words for a finish, and the objects for usage. Must not know: how the rest of an answer is written.

A count that the provider did not give is 0 if the format requires a number, and left out if it does not.
"""

from typing import Final

from ...events import FinishReason, ResponseFinished, UsageReported
from ..values import JsonObject

#: ``error`` and a finish that nobody named are failures: :func:`.errors.why_failed`.
CHAT_REASONS: Final[dict[FinishReason, str]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "pause": "stop",
    "unknown": "stop",
}
ANTHROPIC_REASONS: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause": "pause_turn",
    "unknown": "end_turn",
}
#: What is incomplete in OpenAI Responses; everything else is completed.
INCOMPLETE: Final[dict[FinishReason, str]] = {"length": "max_output_tokens", "content_filter": "content_filter"}


def anthropic_reason(finished: ResponseFinished) -> str:
    """The ``stop_reason``. Whether a stop sequence was met is known only if the provider says so."""
    if finished.reason == "stop" and (finished.raw_reason or "").lower() == "stop_sequence":
        return "stop_sequence"
    return ANTHROPIC_REASONS.get(finished.reason, "end_turn")


def chat_usage(usage: UsageReported) -> JsonObject:
    """``usage`` of Chat Completions."""
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    counts: JsonObject = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    cached = _given(
        cached_tokens=usage.cache_read_input_tokens,
        cache_write_tokens=usage.cache_creation_input_tokens,
        audio_tokens=usage.input_audio_tokens,
    )
    if usage.cache_read_input_audio_tokens is not None:
        cached["cached_tokens_details"] = {"audio_tokens": usage.cache_read_input_audio_tokens}
    made = _given(reasoning_tokens=usage.reasoning_output_tokens, audio_tokens=usage.output_audio_tokens)
    if cached:
        counts["prompt_tokens_details"] = cached
    if made:
        counts["completion_tokens_details"] = made
    return counts


def responses_usage(usage: UsageReported) -> JsonObject:
    """``usage`` of OpenAI Responses, which always has its details."""
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    cached: JsonObject = {
        "cached_tokens": usage.cache_read_input_tokens or 0,
        "cache_write_tokens": usage.cache_creation_input_tokens or 0,
        **_given(audio_tokens=usage.input_audio_tokens),
    }
    made: JsonObject = {
        "reasoning_tokens": usage.reasoning_output_tokens or 0,
        **_given(audio_tokens=usage.output_audio_tokens),
    }
    return {
        "input_tokens": read,
        "input_tokens_details": cached,
        "output_tokens": written,
        "output_tokens_details": made,
        "total_tokens": read + written,
    }


def anthropic_usage(usage: UsageReported | None) -> JsonObject:
    """``usage`` of Anthropic Messages, whose ``input_tokens`` are those that no cache had or took."""
    usage = usage or UsageReported()
    read, created = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    counts: JsonObject = {
        "input_tokens": max(0, (usage.input_tokens or 0) - (read or 0) - (created or 0)),
        "cache_creation_input_tokens": created,
        "cache_read_input_tokens": read,
        "output_tokens": usage.output_tokens or 0,
    }
    if usage.reasoning_output_tokens is not None:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning_output_tokens}
    return counts


def _given(**counts: int | None) -> JsonObject:
    return {name: number for name, number in counts.items() if number is not None}
