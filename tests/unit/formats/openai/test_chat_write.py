"""The members of a body: written, clamped, dropped with a note, or refused."""

import pytest

from aigw_sansio.formats.openai.chat_write import write_like
from aigw_sansio.formats.openai.like import Quirks
from aigw_sansio.formats.openai.quirks import LOOK_ALIKES, OPENAI
from aigw_sansio.formats.translation import Note, Refused
from aigw_sansio.prompt import (
    CacheMark,
    FunctionTool,
    JsonObject,
    OutputFormat,
    Prompt,
    ReasoningSettings,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
)

USER = (Turn("user", (Text("a"),)),)
SCHEMA: JsonObject = {"type": "object", "properties": {}}


def write(quirks: Quirks = OPENAI, **fields: object) -> tuple[JsonObject, list[str]]:
    """The body without model and messages, and the notes."""
    notes: list[Note] = []
    prompt = Prompt(**{"turns": USER, **fields})  # type: ignore[arg-type]
    written = write_like(prompt, notes, quirks=quirks)
    assert not isinstance(written, Refused), written
    assert (written.method, written.headers) == ("POST", ())
    body = {name: value for name, value in written.body.items() if name not in ("model", "messages")}
    return body, [f"{note.kind} {note.field}" for note in notes]


def refused(quirks: Quirks = OPENAI, **fields: object) -> str:
    written = write_like(Prompt(**{"turns": USER, **fields}), [], quirks=quirks)  # type: ignore[arg-type]
    assert isinstance(written, Refused)
    return written.field


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, {}),
        ({"max_tokens": 5}, {"max_completion_tokens": 5}),
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"stop_sequences": ("a", "b")}, {"stop": ["a", "b"]}),
        ({"seed": 7, "choice_count": 2}, {"seed": 7, "n": 2}),
        ({"presence_penalty": 1.0, "frequency_penalty": -1.0}, {"presence_penalty": 1.0, "frequency_penalty": -1.0}),
        ({"logit_bias": {"1": -100.0}}, {"logit_bias": {"1": -100.0}}),
        ({"logprobs": 0}, {"logprobs": True}),
        ({"logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"modalities": ("text", "audio")}, {"modalities": ["text", "audio"]}),
        ({"verbosity": "low", "end_user": "u", "cache_key": "k"}, {"verbosity": "low", "user": "u", "prompt_cache_key": "k"}),
        ({"store": True, "metadata": {"a": "b"}}, {"store": True, "metadata": {"a": "b"}}),
        ({"stream": True}, {"stream": True}),
        ({"stream": True, "include_usage": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"include_usage": True}, {}),
        ({"service_tier": "flex", "maker": "openai"}, {"service_tier": "flex"}),
        ({"output": OutputFormat("json_object")}, {"response_format": {"type": "json_object"}}),
        ({"output": OutputFormat("json_schema", "n", SCHEMA, True, "d")}, {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True, "description": "d"}}}),
        ({"tools": (FunctionTool("f"),), "parallel_tool_calls": False}, {"tools": [{"type": "function", "function": {"name": "f"}}], "parallel_tool_calls": False}),
        ({"model": "gpt-5.6", "cache": CacheMark("12h")}, {"prompt_cache_options": {"mode": "implicit", "ttl": "12h"}}),
        ({"maker": "openai", "extra": {"prediction": {"type": "content"}}}, {"prediction": {"type": "content"}}),
        ({"maker": "openai", "stream": True, "include_usage": True, "extra": {"stream_options": {"include_obfuscation": False}}}, {"stream": True, "stream_options": {"include_obfuscation": False, "include_usage": True}}),
    ],
)  # fmt: skip
def test_members(fields: dict[str, object], body: JsonObject) -> None:
    assert write(**fields) == (body, [])


@pytest.mark.parametrize(
    ("fields", "body", "notes"),
    [
        ({"temperature": 3.0}, {"temperature": 2.0}, ["clamped temperature"]),
        ({"presence_penalty": -9.0}, {"presence_penalty": -2.0}, ["clamped presence_penalty"]),
        ({"stop_sequences": tuple("abcde")}, {"stop": list("abcd")}, ["clamped stop_sequences"]),
        ({"logprobs": 99}, {"logprobs": True, "top_logprobs": 20}, ["clamped logprobs"]),
        ({"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1}, {}, ["dropped top_k", "dropped min_p", "dropped repetition_penalty"]),
        ({"metadata": {"a": "b"}}, {}, ["dropped metadata"]),
        ({"parallel_tool_calls": True}, {}, ["dropped parallel_tool_calls"]),
        ({"service_tier": "standard_only", "maker": "anthropic"}, {}, ["dropped service_tier"]),
        ({"output": OutputFormat("json_schema")}, {"response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": {"type": "object"}}}}, ["mapped output.name"]),
        ({"cache": CacheMark()}, {}, ["dropped cache"]),
        ({"model": "gpt-5.6", "cache": CacheMark("5m")}, {"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}}, ["clamped cache.ttl"]),
        ({"maker": "anthropic", "extra": {"container": "c"}}, {}, ["dropped extra.container"]),
        ({"maker": "openai", "extra": {"truncation": "auto"}}, {}, ["dropped extra.truncation"]),
        ({"maker": "openai", "extra": {"stream_options": {"x": 1}}}, {}, ["dropped extra.stream_options"]),
        ({"maker": "openai", "seed": 1, "extra": {"seed": 2}}, {"seed": 1}, ["dropped extra.seed"]),
        ({"model": "gpt-5", "temperature": 1.0, "top_p": 1.0, "presence_penalty": 1.0, "logit_bias": {"1": 1.0}, "stop_sequences": ("a",)}, {}, ["dropped temperature", "dropped top_p", "dropped stop_sequences", "dropped presence_penalty", "dropped logit_bias"]),
        ({"model": "gpt-5.1", "temperature": 1.0, "reasoning": ReasoningSettings("none")}, {"temperature": 1.0, "reasoning_effort": "none"}, []),
    ],
)  # fmt: skip
def test_losses_are_noted(fields: dict[str, object], body: JsonObject, notes: list[str]) -> None:
    assert write(**fields) == (body, notes)


def test_what_would_change_the_response_is_refused() -> None:
    groq, perplexity = LOOK_ALIKES["groq"], LOOK_ALIKES["perplexity"]
    assert refused(previous_response_id="resp_1") == "previous_response_id"
    assert refused(groq, choice_count=2) == "choice_count"
    assert refused(groq, logprobs=0) == "logprobs"
    assert refused(groq, modalities=("audio",)) == "modalities"
    assert refused(perplexity, tools=(FunctionTool("f"),)) == "tools"
    assert refused(model="gpt-5", logprobs=0) == "logprobs"
    assert write(groq, choice_count=1, modalities=("text",)) == ({}, [])


def test_a_schema_becomes_an_instruction_for_a_target_without() -> None:
    notes: list[Note] = []
    prompt = Prompt(turns=USER, output=OutputFormat("json_schema", "n", SCHEMA))
    written = write_like(prompt, notes, quirks=LOOK_ALIKES["deepseek"])
    assert not isinstance(written, Refused)
    assert written.body["response_format"] == {"type": "json_object"}
    messages = written.body["messages"]
    assert isinstance(messages, list)
    assert messages[0]["role"] == "system"
    assert '"properties"' in messages[0]["content"]
    assert [note.field for note in notes] == ["output.schema"]


def test_a_schema_that_fits_any_object() -> None:
    body, notes = write(LOOK_ALIKES["perplexity"], output=OutputFormat("json_object"))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": {"type": "object"}},
    }
    assert notes == ["mapped output", "mapped output.name"]


def cached(*marks: CacheMark | None) -> tuple[Turn, ...]:
    return (Turn("user", tuple(Text("a", mark) for mark in marks)),)


def test_marks_of_what_may_be_cached() -> None:
    notes: list[Note] = []
    prompt = Prompt(model="gpt-5.6", turns=cached(*[CacheMark("1h")] * 5))
    written = write_like(prompt, notes, quirks=OPENAI)
    assert not isinstance(written, Refused)
    assert str(written.body).count("prompt_cache_breakpoint") == 4
    assert [note.field for note in notes] == ["cache.ttl"] * 4 + ["cache"]
    router = write_like(Prompt(turns=cached(CacheMark("1h"))), notes, quirks=LOOK_ALIKES["openrouter"])
    assert not isinstance(router, Refused)
    assert router.body["messages"] == [
        {
            "role": "user",
            "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        }
    ]


def test_marks_at_tools() -> None:
    tools = (FunctionTool("f", cache=CacheMark()),)
    assert write(model="gpt-5.6-x", tools=tools)[1] == ["dropped tools[0].cache", "mapped reasoning"][::-1]
    body, notes = write(LOOK_ALIKES["openrouter"], tools=tools)
    assert body["tools"][0]["cache_control"] == {"type": "ephemeral"}
    assert notes == []


def test_paths() -> None:
    def path(quirks: Quirks, model: str, *turns: Turn) -> str:
        written = write_like(Prompt(model=model, turns=turns or USER), [], quirks=quirks)
        return written.field if isinstance(written, Refused) else written.path

    hugging = LOOK_ALIKES["huggingface"]
    assert path(OPENAI, "gpt-4o") == "chat/completions"
    assert path(hugging, "org/na me") == "org/na%20me/v1/chat/completions"
    assert path(hugging, "org/\ud800") == "org/%3F/v1/chat/completions"
    assert path(hugging, "../x") == path(hugging, "") == path(hugging, "a//b") == "model"
    prefix = Turn("assistant", (Text("a"),))
    assert path(LOOK_ALIKES["deepseek"], "m", prefix) == "beta/chat/completions"
    assert path(LOOK_ALIKES["deepseek"], "m", *USER) == "chat/completions"


def test_names_are_the_same_everywhere() -> None:
    name = "mcp.server/tool"
    turns = (
        Turn("assistant", (ToolCall("c", name, "{}"),)),
        Turn("tool", (ToolCallResponse("c", (Text("r"),), name),)),
    )
    notes: list[Note] = []
    written = write_like(Prompt(turns=turns, tools=(FunctionTool(name),)), notes, quirks=OPENAI)
    assert not isinstance(written, Refused)
    tools, messages = written.body["tools"], written.body["messages"]
    assert isinstance(tools, list)
    assert isinstance(messages, list)
    assert tools[0]["function"]["name"] == messages[0]["tool_calls"][0]["function"]["name"] != name
    assert [note.field for note in notes] == ["tools[0].name"]


def test_the_prompt_is_not_changed() -> None:
    prompt = Prompt(turns=USER, output=OutputFormat("json_schema", "n", SCHEMA), extra={"a": 1}, maker="openai")
    before = repr(prompt)
    write_like(prompt, [], quirks=LOOK_ALIKES["deepseek"])
    assert repr(prompt) == before
