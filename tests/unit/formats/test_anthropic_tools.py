"""Tools and the form of the output, in an Anthropic request."""

from typing import Any

import pytest

from aigw_sansio.formats.anthropic_request import write_request
from aigw_sansio.formats.anthropic_tools import JSON_TOOL, output_tool
from aigw_sansio.formats.translation import Note, Refused, WireRequest
from aigw_sansio.prompt import (
    CacheMark,
    CustomTool,
    FunctionTool,
    NativeTool,
    OutputFormat,
    Prompt,
    ReasoningSettings,
    Text,
    ToolChoice,
    Turn,
)

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
F, G = FunctionTool("f", "F.", SCHEMA), FunctionTool("g")
SEARCH = NativeTool("anthropic", {"type": "web_search_20250305", "name": "web_search"})


def written(**fields: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    fields = {"model": "claude-sonnet-4-5", "max_tokens": 5000, **fields}
    notes: list[Note] = []
    request = write_request(Prompt(turns=(Turn("user", (Text("Hi"),)),), **fields), notes)
    assert isinstance(request, WireRequest), request
    return request.body, [(note.kind, note.field) for note in notes]


def refused(**fields: Any) -> str:
    found = write_request(Prompt(model="claude-sonnet-4-5", turns=(Turn("user", (Text("Hi"),)),), **fields), [])
    assert isinstance(found, Refused), found
    return found.field


def names(body: dict[str, Any]) -> list[str]:
    return [tool["name"] for tool in body["tools"]]


def test_tools() -> None:
    tool = FunctionTool("f", "F.", SCHEMA, True, CacheMark(), {"defer_loading": True})
    body, notes = written(tools=(tool, G, SEARCH), maker="anthropic")
    assert body["tools"] == [
        {
            "name": "f",
            "description": "F.",
            "input_schema": SCHEMA,
            "strict": True,
            "defer_loading": True,
            "cache_control": {"type": "ephemeral"},
        },
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
        {"type": "web_search_20250305", "name": "web_search"},
    ]
    assert body["tools"][0]["input_schema"] is SCHEMA
    assert notes == []


def test_what_a_tool_loses() -> None:
    body, notes = written(
        tools=(FunctionTool("f", parameters={"anyOf": [SCHEMA]}, strict=True, extra={"x": 1}),), model="claude-3-haiku"
    )
    assert "strict" not in body["tools"][0]
    assert notes[:3] == [
        ("mapped", "tools[0].parameters"),
        ("dropped", "tools[0].strict"),
        ("dropped", "tools[0].extra.x"),
    ]


def test_a_strict_tool_has_a_schema_that_is_enforced() -> None:
    strict = FunctionTool("f", "", {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}, True)
    body, notes = written(tools=(strict,))
    assert body["tools"][0]["input_schema"] == {
        "type": "object",
        "properties": {"n": {"type": "integer", "description": "minimum: 1"}},
        "additionalProperties": False,
    }
    assert notes == [("mapped", "tools[0].parameters")]
    assert written(tools=(strict,), maker="anthropic")[0]["tools"][0]["input_schema"] is strict.parameters


def test_a_tool_of_free_input_is_a_function() -> None:
    body, notes = written(tools=(CustomTool("sh", "Runs.", {"type": "grammar"}),))
    assert body["tools"][0]["input_schema"]["required"] == ["input"]
    assert notes == [("dropped", "tools[0].format"), ("mapped", "tools[0]")]


def test_a_tool_of_another_vendor_is_refused() -> None:
    assert refused(tools=(F, NativeTool("openai", {"type": "web_search"}))) == "tools[1]"


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice("auto"), {"type": "auto"}),
        (ToolChoice("none"), {"type": "none"}),
        (ToolChoice("required"), {"type": "any"}),
        (ToolChoice("required", ("g",)), {"type": "tool", "name": "g"}),
        (ToolChoice("required", ("web_search",)), {"type": "tool", "name": "web_search"}),
    ],
)
def test_choices(choice: ToolChoice, sent: dict[str, Any]) -> None:
    body, notes = written(tools=(F, G, SEARCH), tool_choice=choice)
    assert body["tool_choice"] == sent
    assert len(body["tools"]) == 3
    assert notes == []


def test_some_tools_are_chosen() -> None:
    body, notes = written(tools=(F, G, FunctionTool("h")), tool_choice=ToolChoice("required", ("f", "g")))
    assert (names(body), body["tool_choice"]) == (["f", "g"], {"type": "any"})
    assert notes == [("mapped", "tool_choice")]
    body, _ = written(tools=(F, G), tool_choice=ToolChoice("auto", ("g",)))
    assert (names(body), body["tool_choice"]) == (["g"], {"type": "auto"})


def test_a_choice_that_cannot_be() -> None:
    assert refused(tools=(F,), tool_choice=ToolChoice("required", ("x",))) == "tool_choice"
    assert refused(tool_choice=ToolChoice("required")) == "tool_choice"
    body, notes = written(tool_choice=ToolChoice("auto"), parallel_tool_calls=False)
    assert "tool_choice" not in body
    assert notes == []


def test_one_call_at_a_time() -> None:
    assert written(tools=(F,), parallel_tool_calls=False)[0]["tool_choice"] == {
        "type": "auto",
        "disable_parallel_tool_use": True,
    }
    body, _ = written(tools=(F,), parallel_tool_calls=False, tool_choice=ToolChoice("required", ("f",)))
    assert body["tool_choice"] == {"type": "tool", "name": "f", "disable_parallel_tool_use": True}
    assert "tool_choice" not in written(tools=(F,), parallel_tool_calls=True)[0]


def test_a_model_that_cannot_be_forced() -> None:
    body, notes = written(model="claude-opus-5-5", tools=(F, G), tool_choice=ToolChoice("required", ("g",)))
    assert (names(body), body["tool_choice"]) == (["g"], {"type": "auto"})
    assert notes == [("mapped", "tool_choice"), ("mapped", "tool_choice")]


def test_a_forced_call_and_a_budget_of_thinking() -> None:
    fields: dict[str, Any] = {
        "tools": (F,),
        "tool_choice": ToolChoice("required"),
        "reasoning": ReasoningSettings("low"),
    }
    body, notes = written(**fields)
    assert "thinking" not in body
    assert notes == [("dropped", "reasoning")]
    body, _ = written(**fields, model="claude-opus-4-8")
    assert body["thinking"]["type"] == "adaptive"


# -- output ------------------------------------------------------------------------------------------------------------


def test_a_model_is_held_to_a_schema() -> None:
    body, notes = written(
        output=OutputFormat("json_schema", "x", {"type": "object", "properties": {}, "minProperties": 1})
    )
    schema = body["output_config"]["format"]["schema"]
    assert schema == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
        "description": "minProperties: 1",
    }
    assert notes == [("mapped", "output.schema")]
    assert output_tool(body) is None
    body, _ = written(output=OutputFormat("json_schema", schema=SCHEMA), maker="anthropic")
    assert body["output_config"]["format"]["schema"] is SCHEMA
    body, _ = written(output=OutputFormat("json_schema", schema=SCHEMA, description="D"))
    assert body["output_config"]["format"]["schema"] == {"description": "D", **SCHEMA}


def test_an_older_model_calls_a_tool_for_its_output() -> None:
    output = OutputFormat("json_schema", "x", SCHEMA)
    body, notes = written(model="claude-sonnet-4-0", output=output)
    assert body["tools"][0]["input_schema"] is SCHEMA
    assert body["tool_choice"] == {"type": "tool", "name": JSON_TOOL, "disable_parallel_tool_use": True}
    assert output_tool(body) == JSON_TOOL
    assert notes == [("mapped", "output")]
    body, _ = written(model="claude-sonnet-4-0", output=output, tools=(F, FunctionTool("json")))
    assert (names(body), body["tool_choice"]["type"]) == (["f", "json", "json_"], "any")
    assert output_tool(body) == "json_"
    body, _ = written(model="claude-sonnet-4-0", output=output, tools=(F,), tool_choice=ToolChoice("none"))
    assert names(body) == ["json"]


def test_json_of_any_kind() -> None:
    body, notes = written(output=OutputFormat("json_object"))
    assert output_tool(body) == JSON_TOOL
    assert notes == [("mapped", "output")]
    # neither a model that cannot be forced nor one that is to think by a budget
    for fields in ({"model": "claude-opus-5-5"}, {"reasoning": ReasoningSettings("low")}):
        body, notes = written(output=OutputFormat("json_object"), **fields)
        assert "tools" not in body
        assert "JSON" in body["system"][-1]["text"]
        assert ("mapped", "output") in notes


def test_a_list_cannot_be_the_arguments_of_a_tool() -> None:
    body, _ = written(model="claude-sonnet-4-0", output=OutputFormat("json_schema", schema={"type": "array"}))
    assert "tools" not in body
    assert body["system"][-1]["text"].endswith('{"type":"array"}')


def test_a_chosen_tool_is_called_whatever_the_output() -> None:
    body, notes = written(
        tools=(F,), tool_choice=ToolChoice("required", ("f",)), output=OutputFormat("json_schema", schema=SCHEMA)
    )
    assert "output_config" not in body
    assert notes == [("dropped", "output")]


@pytest.mark.parametrize("body", [{}, {"tools": 5}, {"tools": [{"name": "json"}]}, {"toolConfig": {"tools": [None]}}])
def test_a_body_without_an_output_tool(body: dict[str, Any]) -> None:
    assert output_tool(body) is None
