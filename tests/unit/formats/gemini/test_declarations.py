"""Tools for Gemini: declarations, schemas, choices."""

from typing import Any

import pytest

from aigw_sansio.formats.gemini.declarations import fit_schema, name_map, write_config, write_tools
from aigw_sansio.formats.gemini.models import rules_of
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import CacheMark, CustomTool, FunctionTool, NativeTool, OutputFormat, Prompt, ToolChoice

F, STRICT = FunctionTool("f"), FunctionTool("f", strict=True)
SEARCH = NativeTool("google", {"googleSearch": {}})
FORM = OutputFormat("json_object")


def config(*, model: str = "gemini-3-pro", vertex: bool = False, notes: list[Note] | None = None, **fields: Any) -> Any:
    told: list[Note] = [] if notes is None else notes
    prompt, rules, names = Prompt(**fields), rules_of(model), name_map(told)
    tools = write_tools(prompt, told, names, rules)
    return write_config(prompt, told, names, rules, tools=tools, vertex=vertex)


def tools(*given: Any, model: str = "gemini-3-pro", notes: list[Note] | None = None, **fields: Any) -> Any:
    told: list[Note] = [] if notes is None else notes
    return write_tools(Prompt(tools=given, **fields), told, name_map(told), rules_of(model))


def test_functions_and_tools_with_free_input() -> None:
    notes: list[Note] = []
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    ((declarations),) = tools(
        FunctionTool("f", "d", schema, cache=CacheMark(), extra={"x": 1, "strict": None}),
        CustomTool("g", format={"type": "grammar"}),
        FunctionTool("a b"),
        notes=notes,
    )
    first, second, third = declarations["functionDeclarations"]
    assert first == {"name": "f", "description": "d", "parametersJsonSchema": schema}
    assert first["parametersJsonSchema"] is schema
    assert second["parametersJsonSchema"]["required"] == ["input"]
    assert third.keys() == {"name", "description"}
    assert [(note.kind, note.field) for note in notes] == [
        ("dropped", "tools[0].cache"), ("dropped", "tools[0].extra.x"), ("mapped", "tools[1]"), ("dropped", "tools[1].format"),
        ("mapped", "tools[2].name"),
    ]  # fmt: skip


def test_tools_that_a_vendor_runs() -> None:
    assert tools(F, SEARCH)[1] == {"googleSearch": {}}
    assert tools(SEARCH, model="gemini-2.5-pro") == [{"googleSearch": {}}]
    assert tools(F, SEARCH, tool_choice=ToolChoice("none")) == tools(F)
    assert config(tools=(F, SEARCH)) == {"includeServerSideToolInvocations": True}
    assert config(tools=(F, SEARCH), vertex=True) == {}
    for given, model in (((NativeTool("openai", {}),), "gemini-3-pro"), ((F, SEARCH), "gemini-2.5-pro")):
        with pytest.raises(RequestRefused):
            tools(*given, model=model)


@pytest.mark.parametrize(
    ("schema", "fitted"),
    [
        ({"const": "a"}, {"enum": ["a"]}),
        ({"properties": {"const": {"type": "string"}}}, {"properties": {"const": {"type": "string"}}}),
        ({"properties": {"a": {"const": 1}, "b": {}}}, {"properties": {"a": {"enum": [1]}, "b": {}}}),
        ({"anyOf": [{"const": 1}, True]}, {"anyOf": [{"enum": [1]}, True]}),
        ({"items": {"const": 1}}, {"items": {"enum": [1]}}),
        ({"$defs": {"x": {"not": {"const": 1}}}}, {"$defs": {"x": {"not": {"enum": [1]}}}}),
        ({"default": {"const": 1}, "enum": [{"const": 2}]}, {"default": {"const": 1}, "enum": [{"const": 2}]}),
        ({"const": 1, "enum": [1, 2]}, {"enum": [1, 2]}),
        ({"$schema": "https://json-schema.org", "type": "object"}, {"type": "object"}),
    ],
)
def test_schemas(schema: dict[str, Any], fitted: dict[str, Any]) -> None:
    before = repr(schema)
    assert fit_schema(schema, "x") == fitted
    assert repr(schema) == before
    assert schema != fitted or fit_schema(schema, "x") is schema


def test_a_schema_of_great_depth_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"items": schema}
    with pytest.raises(RequestRefused):
        fit_schema(schema, "tools[0].parameters")


@pytest.mark.parametrize(
    ("choice", "tool", "calling"),
    [
        (None, F, None),
        (None, STRICT, {"mode": "VALIDATED"}),
        (ToolChoice("auto"), F, {"mode": "AUTO"}),
        (ToolChoice("auto"), STRICT, {"mode": "VALIDATED"}),
        (ToolChoice("auto", ("f",)), F, {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        (ToolChoice("none"), STRICT, {"mode": "NONE"}),
        (ToolChoice("none", ("f",)), F, {"mode": "NONE"}),
        (ToolChoice("required"), F, {"mode": "ANY"}),
        (ToolChoice("required", ("f",)), F, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_modes(choice: ToolChoice | None, tool: FunctionTool, calling: object) -> None:
    assert config(tools=(tool,), tool_choice=choice) == ({"functionCallingConfig": calling} if calling else {})


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        ({"tools": (F,), "tool_choice": ToolChoice("required", ("x",))}, "gemini-3-pro"),
        ({"tool_choice": ToolChoice("required")}, "gemini-3-pro"),
        ({"tools": (SEARCH,), "tool_choice": ToolChoice("required")}, "gemini-3-pro"),
        ({"tools": (F,), "tool_choice": ToolChoice("required"), "output": FORM}, "gemini-3-pro"),
        ({"tools": (F,), "tool_choice": ToolChoice("auto", ("f",)), "output": FORM}, "gemini-3-pro"),
        ({"tools": (F,), "tool_choice": ToolChoice("auto", ("f",))}, "gemini-2.0-flash"),
    ],
)
def test_choices_that_gemini_cannot_be_told(fields: dict[str, Any], model: str) -> None:
    with pytest.raises(RequestRefused):
        config(model=model, **fields)


def test_what_is_lost_is_told() -> None:
    notes: list[Note] = []
    assert config(tools=(STRICT,), output=FORM, parallel_tool_calls=False, notes=notes) == {}
    assert [note.field for note in notes] == ["parallel_tool_calls", "tools.strict"]
    notes.clear()
    assert config(tools=(STRICT,), model="gemini-2.0-flash", notes=notes) == {}
    assert [note.field for note in notes] == ["tools.strict"]
    notes.clear()
    assert config(tool_choice=ToolChoice("auto"), notes=notes) == {}
    assert [note.field for note in notes] == ["tool_choice"]
    notes.clear()
    assert config(tool_choice=ToolChoice("none"), parallel_tool_calls=False, notes=notes) == {}
    assert notes == []
