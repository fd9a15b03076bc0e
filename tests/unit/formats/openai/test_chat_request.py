"""Requests in OpenAI's Chat Completions: what is read, and that writing and reading again gives the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import JSON, mutate

from aigw_sansio.formats.openai.chat_request import read_request, write_request
from aigw_sansio.formats.openai.quirks import WRITERS
from aigw_sansio.formats.translation import Note, Refused
from aigw_sansio.prompt import CacheMark, JsonObject, OutputFormat, Prompt, ReasoningSettings, Text, Turn

USER: JsonObject = {"role": "user", "content": "a"}
FULL: JsonObject = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "name": "ann",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_id": "f1"}},
            ],
        },
        {
            "role": "assistant",
            "content": "t",
            "reasoning_content": "hm",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "r"}, {"type": "text", "text": "s"}]},
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "developer", "content": "d"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}},
        {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}},
    "modalities": ["text"],
    "max_completion_tokens": 10,
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ["x"],
    "seed": 1,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.2,
    "logit_bias": {"1": 2},
    "logprobs": True,
    "top_logprobs": 2,
    "n": 2,
    "verbosity": "low",
    "store": True,
    "metadata": {"a": "b"},
    "user": "u",
    "prompt_cache_key": "k",
    "service_tier": "flex",
    "stream": True,
    "stream_options": {"include_usage": True},
    "prediction": {"type": "content", "content": "p"},
}  # fmt: skip


def read(**members: object) -> tuple[Prompt, list[str]]:
    notes: list[Note] = []
    prompt = read_request({"messages": [USER], **members}, notes)
    assert isinstance(prompt, Prompt), prompt
    return prompt, [note.field for note in notes]


@pytest.mark.parametrize(
    ("members", "fields"),
    [
        ({"model": "m"}, {"model": "m"}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_completion_tokens": 5, "max_tokens": 5}, {"max_tokens": 5}),
        ({"stop": "a"}, {"stop_sequences": ("a",)}),
        ({"stop": ["a", ""]}, {"stop_sequences": ("a",)}),
        ({"logprobs": True}, {"logprobs": 0}),
        ({"logprobs": False}, {}),
        ({"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1}, {"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"output": OutputFormat("json_object")}),
        ({"response_format": {"type": "grammar", "x": 1}}, {"extra": {"response_format": {"type": "grammar", "x": 1}}}),
        ({"reasoning_effort": "low"}, {"reasoning": ReasoningSettings("low")}),
        ({"user": "u", "safety_identifier": "u"}, {"end_user": "u"}),
        ({"safety_identifier": "s"}, {"end_user": "s"}),
        ({"user": "u", "safety_identifier": "s"}, {"end_user": "u", "extra": {"safety_identifier": "s"}}),
        ({"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}}, {"cache": CacheMark("30m")}),
        ({"prompt_cache_options": {"mode": "explicit"}}, {"extra": {"prompt_cache_options": {"mode": "explicit"}}}),
        ({"stream_options": {"include_usage": True, "x": 1}}, {"include_usage": True, "extra": {"stream_options": {"x": 1}}}),
        ({"provider": {"order": ["a"]}, "y": None}, {"extra": {"provider": {"order": ["a"]}}}),
        ({"temperature": None, "tools": None, "stop": None, "stream": None}, {}),
        ({"metadata": {}, "tools": [], "logit_bias": {}}, {}),
    ],
)  # fmt: skip
def test_members(members: JsonObject, fields: dict[str, Any]) -> None:
    prompt, notes = read(**members)
    assert prompt == Prompt(**{"turns": (Turn("user", (Text("a"),)),), "maker": "openai", **fields})
    assert notes == []


def test_losses_are_noted() -> None:
    assert read(max_tokens=1, max_completion_tokens=2)[1] == ["max_tokens"]
    assert read(top_logprobs=3)[1] == ["top_logprobs"]


WRONG: dict[str, list[object]] = {
    "model": [1], "temperature": ["hot", True], "top_p": [[]], "n": [0, 1.5], "max_tokens": [-1, "5"], "stop": [5, [1]],
    "seed": ["x"], "logit_bias": [[], {"a": "b"}], "logprobs": [1], "top_logprobs": [-1], "tools": [{}, [1]],
    "tool_choice": ["maybe", 1], "response_format": ["json", {"type": 1}, {"type": "json_schema"}], "metadata": [{"a": 1}],
    "stream": ["yes"], "stream_options": [1, {"include_usage": 1}], "user": [1], "reasoning_effort": [1],
    "modalities": ["text", [1]], "parallel_tool_calls": ["no"], "store": [1], "prompt_cache_options": [1],
    "messages": [None, {}, "a", [1], ["a"], [{}]], "functions": [1], "function_call": [1], "reasoning": [1],
    "thinking": [1], "verbosity": [1], "service_tier": [1], "prompt_cache_key": [1], "top_k": [1.5], "min_p": ["a"],
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_the_wrong_type_is_refused_and_named(name: str) -> None:
    for value in WRONG[name]:
        found = read_request({"messages": [USER], name: value}, [])
        assert isinstance(found, Refused), value
        assert found.field.startswith(name)
        assert found.why.endswith(".")


def round_trip(body: JsonObject) -> None:
    """Reading, writing and reading again gives the same prompt, or there are notes."""
    notes: list[Note] = []
    prompt = read_request(body, [])
    if isinstance(prompt, Refused):
        return
    written = write_request(prompt, notes)
    if isinstance(written, Refused):
        assert written.why.endswith(".")
        return
    again = read_request(written.body, [])
    assert isinstance(again, Prompt), again
    if not notes:
        assert again == prompt
    # what was written can be written again, and then nothing is lost any more
    more: list[Note] = []
    repeated = write_request(again, more)
    assert not isinstance(repeated, Refused)
    assert repeated.body == written.body


def test_a_full_request_keeps_its_meaning() -> None:
    notes: list[Note] = []
    prompt = read_request(FULL, notes)
    assert isinstance(prompt, Prompt)
    assert notes == []
    written = write_request(prompt, notes)
    assert not isinstance(written, Refused)
    assert [note.field for note in notes] == ["turns[1].parts[0]"]  # the reasoning
    again = read_request(written.body, [])
    assert isinstance(again, Prompt)
    assert {name for name in Prompt.__struct_fields__ if getattr(again, name) != getattr(prompt, name)} == {"turns"}
    round_trip(FULL)


@given(st.data())
def test_no_request_raises_and_none_loses_silently(data: st.DataObject) -> None:
    body = mutate(mutate(FULL, data.draw), data.draw)
    if isinstance(body, dict):
        round_trip(body)


@given(st.data(), st.sampled_from(sorted(WRITERS)))
def test_no_prompt_raises_for_any_target(data: st.DataObject, target: str) -> None:
    body = mutate(FULL, data.draw)
    prompt = read_request(body, []) if isinstance(body, dict) else None
    if isinstance(prompt, Prompt):
        notes: list[Note] = []
        written = WRITERS[target](prompt, notes)
        assert isinstance(written, Refused) or written.body["messages"] is not None
        for note in notes:
            assert note.why.endswith(".")
            assert "AAAA" not in note.why


@given(st.dictionaries(st.sampled_from([*FULL, "x"]), JSON))
def test_any_json(body: JsonObject) -> None:
    round_trip(body)


def test_deep_and_huge_values() -> None:
    deep: object = {}
    for _ in range(50_000):
        deep = {"a": deep}
    for name in ("messages", "tools", "tool_choice", "response_format", "x", "temperature", "stop", "reasoning"):
        body: JsonObject = {"messages": [USER], name: deep if name not in ("messages", "tools") else [deep]}
        read_request(body, [])
    nested: JsonObject = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": deep}}]}
    assert isinstance(read_request({"messages": [nested]}, []), Refused)
    assert isinstance(read_request({"messages": [USER], "temperature": 10**400}, []), Refused)
