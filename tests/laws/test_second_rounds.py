"""The law of second rounds: what a provider must get back reaches it through a client of any format.

The model thinks, signs, and calls; the client sends the answer back as its format wants it, with the result. Then the
prompt has all signatures again, each with its maker, beside the text or the call that it belongs to.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.written_answers import WRITERS

from aigw_sansio import events as e
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.anthropic_request import read_request as read_anthropic
from aigw_sansio.formats.openai.chat_request import read_request as read_chat
from aigw_sansio.formats.openai.responses_request import read_request as read_responses
from aigw_sansio.formats.translation import Note, Refused
from aigw_sansio.prompt import JsonObject, Opaque, Prompt, Reasoning, ToolCall

Read = Callable[[JsonObject, list[Note]], Prompt | Refused]


def chat(answer: Any) -> JsonObject:
    message = answer["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in message.get("tool_calls", ())]
    return {"model": "m", "messages": [{"role": "user", "content": "q"}, message, *results]}


def responses(answer: Any) -> JsonObject:
    output = answer["output"]
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "ok"}
        for item in output
        if item["type"] == "function_call"
    ]
    return {"model": "m", "input": [{"role": "user", "content": "q"}, *output, *results]}


def messages(answer: Any) -> JsonObject:
    content = answer["content"]
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "ok"}
        for block in content
        if block["type"] == "tool_use"
    ]
    said = [{"role": "user", "content": "q"}, {"role": "assistant", "content": content}]
    return {"model": "m", "max_tokens": 9, "messages": [*said, {"role": "user", "content": results}]}


CLIENTS: dict[str, tuple[Callable[[Any], JsonObject], Read]] = {
    "openai-chat": (chat, read_chat),
    "openai-responses": (responses, read_responses),
    "anthropic-messages": (messages, read_anthropic),
}

signatures = st.text("abcXYZ+/=", min_size=1, max_size=8)


@st.composite
def rounds(draw: st.DrawFn) -> tuple[str, list[e.ProviderEvent], list[tuple[str, Opaque]]]:
    """A maker, the events of its answer, and what must come back: beside which text or call, and whose."""
    maker = draw(st.sampled_from(["anthropic", "google", "openai", "amazon"]))
    events: list[e.ProviderEvent] = []
    expected: list[tuple[str, Opaque]] = []
    for number in range(draw(st.integers(0, 2))):
        thought, data = f"thought {number}", draw(signatures)
        events += [e.ReasoningDelta(thought), e.ReasoningDelta("", signature=data)]
        expected.append((thought, Opaque(maker, data)))
    if draw(st.booleans()):
        data = draw(signatures)
        events.append(e.ReasoningDelta("", signature=data, redacted=True))
        expected.append(("", Opaque(maker, data)))
    events.append(e.TextDelta("said"))
    for number in range(draw(st.integers(1, 2))):
        signed = draw(st.none() | signatures) if maker == "google" else None
        events += [e.ToolCallStarted(number, f"id{number}", "f", signature=signed), e.ToolCallDelta(number, "{}")]
        if signed is not None:
            expected.append((f"id{number}", Opaque(maker, signed)))
    return maker, [*events, e.ResponseFinished("tool_calls", "tool_use")], expected


@pytest.mark.parametrize("format", sorted(WRITERS))
@given(answered=rounds())
def test_what_must_go_back_comes_back(
    format: str, answered: tuple[str, list[e.ProviderEvent], list[tuple[str, Opaque]]]
) -> None:
    maker, events, expected = answered
    body = WRITERS[format](AnswerContext("r", 1, "m", maker=maker)).write_whole(events)
    ask, read = CLIENTS[format]
    prompt = read(ask(json.loads(body)), [])
    assert isinstance(prompt, Prompt), prompt
    found = []
    for turn in prompt.turns:
        for part in turn.parts:
            if isinstance(part, Reasoning) and part.opaque is not None:
                found.append((part.text, part.opaque))
            elif isinstance(part, ToolCall) and part.opaque is not None:
                found.append((part.id, part.opaque))
    assert found == expected
