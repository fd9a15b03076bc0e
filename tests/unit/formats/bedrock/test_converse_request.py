"""Whole requests for Bedrock's Converse. What is written fits the service model of botocore."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from tests.reading.claude_rules import check_converse_request
from tests.reading.turn_soups import turn_soups

from aigw_sansio.formats.anthropic_tools import output_tool
from aigw_sansio.formats.bedrock.converse_request import write_request
from aigw_sansio.formats.translation import Note, Refused, WireRequest
from aigw_sansio.prompt import (
    CacheMark,
    FunctionTool,
    NativeTool,
    OutputFormat,
    Prompt,
    ReasoningSettings,
    Text,
    ToolCall,
    ToolCallResponse,
    ToolChoice,
    Turn,
)

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "us.anthropic.claude-opus-4-8"
NOVA = "us.amazon.nova-2-lite-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
GPT = "openai.gpt-oss-120b-1:0"
HELLO = Turn("user", (Text("Hello"),))
CALLED = (
    HELLO,
    Turn("assistant", (ToolCall("a", "f"),)),
    Turn("tool", (ToolCallResponse("a", (Text("1"),)),)),
)
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
F, G = FunctionTool("f", "F.", SCHEMA, True), FunctionTool("g")


def written(model: str = CLAUDE, **fields: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    notes: list[Note] = []
    request = write_request(Prompt(model=model, **{"turns": (HELLO,), **fields}), notes)
    assert isinstance(request, WireRequest), request
    check_converse_request(request.body)
    return request.body, [(note.kind, note.field) for note in notes]


def additional(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("additionalModelRequestFields", {})
    assert isinstance(found, dict)
    return found


def test_a_small_request() -> None:
    notes: list[Note] = []
    request = write_request(Prompt(model=CLAUDE, turns=(HELLO,), stream=True), notes)
    assert request == WireRequest(
        "POST",
        "model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream",
        (),
        {"messages": [{"role": "user", "content": [{"text": "Hello"}]}], "inferenceConfig": {}},
    )
    assert notes == []


def test_sampling() -> None:
    fields: dict[str, Any] = {
        "max_tokens": 50, "temperature": 1.5, "top_k": 5, "stop_sequences": ("x", " "),
    }  # fmt: skip
    body, notes = written(**fields)
    assert body["inferenceConfig"] == {"maxTokens": 50, "temperature": 1.0, "stopSequences": ["x"]}
    assert additional(body) == {"top_k": 5}
    assert notes == [("clamped", "temperature"), ("dropped", "stop_sequences")]
    assert additional(written(NOVA, **fields)[0]) == {"inferenceConfig": {"topK": 5}}
    assert written(NOVA, **fields)[0]["inferenceConfig"]["stopSequences"] == ["x", " "]  # only Claude refuses blanks
    assert ("dropped", "top_k") in written(LLAMA, **fields)[1]
    assert ("dropped", "stop_sequences") in written(GPT, stop_sequences=("x",))[1]


@pytest.mark.parametrize(
    ("model", "settings", "sent"),
    [
        (CLAUDE, ReasoningSettings("low"), {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (CLAUDE, ReasoningSettings("none"), {"thinking": {"type": "disabled"}}),
        (
            OPUS,
            ReasoningSettings("low"),
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
        ),
        (NOVA, ReasoningSettings("low"), {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        (NOVA, ReasoningSettings("none"), {"reasoningConfig": {"type": "disabled"}}),
        (NOVA, ReasoningSettings(None, 2048), {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}),
        (GPT, ReasoningSettings("max"), {"reasoning_effort": "high"}),
        (GPT, ReasoningSettings("none"), {"reasoning_effort": "low"}),
        (LLAMA, ReasoningSettings("high"), {}),
    ],
)
def test_reasoning(model: str, settings: ReasoningSettings, sent: dict[str, Any]) -> None:
    body, notes = written(model, reasoning=settings)
    assert additional(body) == sent
    if "budget_tokens" in str(sent):
        assert body["inferenceConfig"]["maxTokens"] > 1024
    if not sent:
        assert notes == [("dropped", "reasoning")]


def test_nova_takes_no_settings_at_its_highest_effort() -> None:
    body, notes = written(NOVA, reasoning=ReasoningSettings("high"), max_tokens=9, temperature=0.5, top_p=0.5, top_k=2)
    assert body["inferenceConfig"] == {}
    assert {field for _, field in notes} == {"max_tokens", "temperature", "top_p", "top_k"}


def test_tools() -> None:
    body, notes = written(tools=(F, G), tool_choice=ToolChoice("required", ("f",)))
    assert body["toolConfig"] == {
        "tools": [
            {"toolSpec": {"name": "f", "description": "F.", "strict": True, "inputSchema": {"json": SCHEMA}}},
            {"toolSpec": {"name": "g", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
        ],
        "toolChoice": {"tool": {"name": "f"}},
    }
    assert notes == []


@pytest.mark.parametrize(
    ("model", "mode", "sent"),
    [(CLAUDE, "auto", {"auto": {}}), (NOVA, "required", {"any": {}}), (LLAMA, "required", {"auto": {}})],
)
def test_choices(model: str, mode: Any, sent: dict[str, Any]) -> None:
    assert written(model, tools=(G,), tool_choice=ToolChoice(mode))[0]["toolConfig"]["toolChoice"] == sent


def test_no_tool_may_be_called() -> None:
    body, notes = written(tools=(G,), tool_choice=ToolChoice("none"))
    assert "toolConfig" not in body
    assert notes == [("mapped", "tool_choice")]
    body, notes = written(turns=CALLED, tools=(G,), tool_choice=ToolChoice("none"))
    assert "toolChoice" not in body["toolConfig"]
    assert body["system"] == [{"text": "Do not call any tool now."}]
    assert notes == [("mapped", "tool_choice")]


def test_calls_in_the_history_need_a_tool() -> None:
    body, notes = written(turns=CALLED)
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["no_tool"]
    assert "Do not call" in body["system"][0]["text"]
    assert notes == [("mapped", "tools")]


def test_one_call_at_a_time() -> None:
    body, notes = written(tools=(G,), parallel_tool_calls=False, tool_choice=ToolChoice("required"))
    assert "toolChoice" not in body["toolConfig"]
    assert additional(body) == {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}}
    assert notes == []
    assert written(NOVA, tools=(G,), parallel_tool_calls=False)[1] == [("dropped", "parallel_tool_calls")]


def test_tools_that_amazon_runs() -> None:
    system = NativeTool("amazon", {"systemTool": {"name": "nova_code_interpreter"}})
    body, _ = written(NOVA, tools=(G, system))
    assert body["toolConfig"]["tools"][1] == {"systemTool": {"name": "nova_code_interpreter"}}
    found = write_request(Prompt(model=CLAUDE, turns=(HELLO,), tools=(NativeTool("anthropic", {"name": "x"}),)), [])
    assert isinstance(found, Refused)


def test_a_schema_for_the_output() -> None:
    body, notes = written(output=OutputFormat("json_schema", "x", SCHEMA, description="d"))
    form = body["outputConfig"]["textFormat"]
    assert form["type"] == "json_schema"
    assert json.loads(form["structure"]["jsonSchema"].pop("schema")) == {"description": "d", **SCHEMA}
    assert form["structure"]["jsonSchema"] == {"name": "x", "description": "d"}
    assert notes == []


def test_a_model_that_is_not_held_to_a_schema() -> None:
    output = OutputFormat("json_schema", "x", SCHEMA)
    body, notes = written(NOVA, output=output)
    assert output_tool(body) == "json"
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": "json"}}
    assert notes == [("mapped", "output")]
    body, notes = written(OPUS, output=output)
    assert output_tool(body) == "json"
    assert additional(body)["tool_choice"] == {"type": "tool", "name": "json", "disable_parallel_tool_use": True}
    body, notes = written(LLAMA, output=output)
    assert "toolConfig" not in body
    assert json.dumps(SCHEMA, separators=(",", ":")) in body["system"][0]["text"]
    assert notes == [("mapped", "output")]


def test_metadata() -> None:
    body, notes = written(
        metadata={"a": "b", "c": "d" * 300, "e\n": ""}, end_user="u", service_tier="flex", maker="openai"
    )
    assert body["requestMetadata"] == {"a": "b", "e\n": "", "user": "u"}
    assert notes == [("dropped", "service_tier"), ("mapped", "end_user"), ("dropped", "metadata.c")]
    assert len(written(metadata={str(number): "x" for number in range(20)})[0]["requestMetadata"]) == 16


def test_what_only_anthropic_defines_goes_to_its_models() -> None:
    extra = {"anthropic_beta": ["b"], "container": "c", "output_config": {"task_budget": {"total": 1}}}
    body, notes = written(OPUS, maker="anthropic", extra=extra, reasoning=ReasoningSettings("low"))
    assert additional(body) == {
        "output_config": {"task_budget": {"total": 1}, "effort": "low"},
        "anthropic_beta": ["b"],
    }
    assert notes == [("dropped", "extra.container")]
    _, notes = written(NOVA, maker="anthropic", extra=extra)
    assert len(notes) == 3


@pytest.mark.parametrize(
    "fields", [{"choice_count": 2}, {"logprobs": 1}, {"modalities": ("audio",)}, {"previous_response_id": "r"}]
)
def test_what_would_make_the_response_lie_is_refused(fields: dict[str, Any]) -> None:
    found = write_request(Prompt(model=CLAUDE, turns=(HELLO,), **fields), [])
    assert isinstance(found, Refused)
    assert [found.field] == list(fields)


def test_what_has_no_place_is_told() -> None:
    _, notes = written(seed=1, cache=CacheMark(), store=True, verbosity="low")
    assert {field for _, field in notes} == {"seed", "cache", "store", "verbosity"}


@given(turn_soups((CLAUDE, OPUS, NOVA, LLAMA, GPT, "mistral.mixtral-8x7b-instruct-v0:1")))
def test_whatever_is_written_keeps_the_rules(soup: Prompt) -> None:
    before = msgspec.json.encode(soup)
    request = write_request(soup, [])
    assert msgspec.json.encode(soup) == before
    if isinstance(request, WireRequest):
        check_converse_request(request.body)


def test_marks_of_tools_are_only_for_models_with_a_cache() -> None:
    for model, fields in (
        ("meta.llama4-maverick-17b-instruct-v1:0", ["tools[0].cache"]),
        ("us.anthropic.claude-sonnet-4-5", []),
    ):
        notes: list[Note] = []
        prompt = Prompt(
            model=model, turns=(Turn("user", (Text("a"),)),), tools=(FunctionTool("f", cache=CacheMark("1h")),)
        )
        written = write_request(prompt, notes)
        assert isinstance(written, WireRequest)
        assert [note.field for note in notes] == fields
        assert ("cachePoint" in str(written.body)) is not bool(fields)


def test_a_long_lived_mark_is_noted_if_the_model_keeps_all_for_the_same_time() -> None:
    notes: list[Note] = []
    prompt = Prompt(
        model="amazon.nova-pro-v1:0",
        instructions=(Text("a", CacheMark("1h")),),
        turns=(Turn("user", (Text("a"), Text("b", CacheMark("1h")), Text("c", CacheMark("5m")))),),
    )
    assert isinstance(write_request(prompt, notes), WireRequest)
    assert [(note.kind, note.field) for note in notes] == [
        ("clamped", "instructions[0].cache"), ("clamped", "turns[0].parts[1].cache"),
    ]  # fmt: skip
