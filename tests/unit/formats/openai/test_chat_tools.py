"""Tools and the choice among them."""

import pytest

from aigw_sansio.formats.mistral import MISTRAL
from aigw_sansio.formats.openai.chat_tools import read_choice, read_tools, write_tools
from aigw_sansio.formats.openai.like import Quirks
from aigw_sansio.formats.openai.quirks import LOOK_ALIKES, OPENAI
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.request_tools import NameMap
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import (
    CacheMark,
    CustomTool,
    FunctionTool,
    JsonObject,
    NativeTool,
    Prompt,
    Tool,
    ToolChoice,
)

SCHEMA: JsonObject = {"type": "object", "properties": {"a": {"type": "string"}}}
GROQ = LOOK_ALIKES["groq"]
F, G = FunctionTool("f"), FunctionTool("g")


def write(prompt: Prompt, quirks: Quirks = OPENAI) -> tuple[JsonObject, list[str]]:
    notes: list[Note] = []
    written = write_tools(prompt, quirks, NameMap(quirks.names, notes), notes, lambda *_: {})
    return written, [f"{note.kind} {note.field}" for note in notes]


TOOLS: list[tuple[JsonObject, Tool]] = [
    (
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}},
        FunctionTool("f", "d", SCHEMA, strict=True),
    ),
    ({"type": "function", "function": {"name": "f"}}, F),
    ({"type": "function", "function": {"name": "f", "x": 1}}, FunctionTool("f", extra={"x": 1})),
    ({"type": "custom", "custom": {"name": "c", "description": "d"}}, CustomTool("c", "d")),
    (
        {
            "type": "custom",
            "custom": {
                "name": "c",
                "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}},
            },
        },
        CustomTool("c", format={"type": "grammar", "syntax": "lark", "definition": "start: /a/"}),
    ),
    ({"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}, CustomTool("c", format={"type": "text"})),
    ({"type": "new_tool", "x": 1}, NativeTool("openai", {"type": "new_tool", "x": 1}, "openai-chat")),
]


@pytest.mark.parametrize(("wire", "tool"), TOOLS)
def test_tools_both_ways(wire: JsonObject, tool: Tool) -> None:
    notes: list[Note] = []
    assert read_tools({"tools": [wire]}, notes) == (tool,)
    assert notes == []
    assert write(Prompt(tools=(tool,), maker="openai")) == ({"tools": [wire]}, [])


def test_more_that_is_read() -> None:
    notes: list[Note] = []
    assert read_tools({"tools": [{"function": {"name": "f"}}]}, notes) == (F,)  # Mistral's clients leave the type out
    assert read_tools({"functions": [{"name": "f", "parameters": SCHEMA}]}, notes) == (FunctionTool("f", "", SCHEMA),)
    marked = {"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral"}}
    assert read_tools({"tools": [marked]}, notes) == (FunctionTool("f", cache=CacheMark()),)
    assert notes == []
    read_tools({"tools": [{"type": "function", "function": {"name": "f"}, "x": 1}]}, notes)
    assert [note.field for note in notes] == ["tools[0].x"]


@pytest.mark.parametrize(
    ("told", "choice"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("required", ("f",))),
        ({"function": {"name": "f"}}, ToolChoice("required", ("f",))),
        ({"type": "custom", "custom": {"name": "f"}}, ToolChoice("required", ("f",))),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [
                        {"type": "function", "function": {"name": "f"}},
                        {"type": "function", "function": {"name": "g"}},
                    ],
                },
            },
            ToolChoice("auto", ("f", "g")),
        ),
    ],
)
def test_choices(told: object, choice: ToolChoice | None) -> None:
    assert read_choice({"tool_choice": told}) == choice


def test_the_older_choice() -> None:
    assert read_choice({"function_call": "none"}) == ToolChoice("none")
    assert read_choice({"function_call": {"name": "f"}}) == ToolChoice("required", ("f",))


@pytest.mark.parametrize(
    "told",
    ["maybe", 1, [], {"type": "function"}, {"type": "allowed_tools", "allowed_tools": {"tools": []}}, {"type": "x"}],
)
def test_wrong_choices_are_refused(told: object) -> None:
    with pytest.raises(RequestRefused) as refusing:
        read_choice({"tool_choice": told})
    assert refusing.value.refused.field.startswith("tool_choice")


@pytest.mark.parametrize("tools", [1, [1], [{"type": "function"}], [{"type": "function", "function": {"name": ""}}]])
def test_wrong_tools_are_refused(tools: object) -> None:
    with pytest.raises(RequestRefused) as refusing:
        read_tools({"tools": tools}, [])
    assert refusing.value.refused.field.startswith("tools")


@pytest.mark.parametrize(
    ("choice", "quirks", "told", "names", "notes"),
    [
        (ToolChoice("auto"), OPENAI, "auto", ["f", "g"], []),
        (ToolChoice("required"), OPENAI, "required", ["f", "g"], []),
        (ToolChoice("required"), MISTRAL, "any", ["f", "g"], []),
        (ToolChoice("none", ("f",)), OPENAI, "none", ["f", "g"], []),
        (ToolChoice("required", ("f",)), GROQ, {"type": "function", "function": {"name": "f"}}, ["f", "g"], []),
        (ToolChoice("auto", ("f",)), GROQ, "auto", ["f"], ["mapped tool_choice"]),
        (ToolChoice("required", ("f", "g")), GROQ, "required", ["f", "g"], []),
        (ToolChoice("auto", ("f",)), OPENAI, {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}}, ["f", "g"], []),
    ],
)  # fmt: skip
def test_choices_of_each_target(
    choice: ToolChoice, quirks: Quirks, told: object, names: list[str], notes: list[str]
) -> None:
    written, found = write(Prompt(tools=(F, G), tool_choice=choice), quirks)
    assert (written["tool_choice"], found) == (told, notes)
    tools = written["tools"]
    assert isinstance(tools, list)
    assert [tool["function"]["name"] for tool in tools] == names


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(tools=(F,), tool_choice=ToolChoice("required", ("missing",))),
        Prompt(tools=(F,), tool_choice=ToolChoice("auto", ("f", "missing"))),
        Prompt(tool_choice=ToolChoice("required")),
        Prompt(tools=(NativeTool("anthropic", {"type": "web_search_20250305"}),)),
        Prompt(tools=(NativeTool("openai", {"type": "web_search"}),)),
        Prompt(tools=(NativeTool("openai", {}),)),
        Prompt(tools=(NativeTool("openai", {"type": "new_tool"}, "openai-responses"),)),
    ],
)
def test_what_would_change_the_response_is_refused(prompt: Prompt) -> None:
    with pytest.raises(RequestRefused):
        write(prompt)


def test_no_tools_no_members() -> None:
    assert write(Prompt(tool_choice=ToolChoice("auto"))) == ({}, [])


def test_tools_that_a_target_runs() -> None:
    search = NativeTool("openai", {"type": "browser_search"})
    assert write(Prompt(tools=(search,), maker="openai"), GROQ) == ({"tools": [search.value]}, [])


def test_free_input_becomes_one_text() -> None:
    written, notes = write(Prompt(tools=(CustomTool("c", "d", {"type": "grammar"}),)), GROQ)
    tools = written["tools"]
    assert isinstance(tools, list)
    assert tools[0]["function"]["parameters"]["required"] == ["input"]
    assert notes == ["mapped tools[0]", "dropped tools[0].format"]


def test_a_named_tool_of_free_input() -> None:
    prompt = Prompt(tools=(CustomTool("c"),), tool_choice=ToolChoice("required", ("c",)))
    assert write(prompt)[0]["tool_choice"] == {"type": "custom", "custom": {"name": "c"}}
    assert write(prompt, GROQ)[0]["tool_choice"] == {"type": "function", "function": {"name": "c"}}


def test_names_and_strictness_that_a_target_does_not_take() -> None:
    tool = FunctionTool("a.b/c", strict=True, extra={"x": 1})
    prompt = Prompt(tools=(tool,), tool_choice=ToolChoice("required", ("a.b/c",)), maker="anthropic")
    written, notes = write(prompt, LOOK_ALIKES["xai"])
    tools, choice = written["tools"], written["tool_choice"]
    assert isinstance(tools, list)
    assert isinstance(choice, dict)
    assert tools[0]["function"] == {
        "name": choice["function"]["name"],
        "parameters": {"type": "object", "properties": {}},
    }
    assert notes == ["mapped tools[0].name", "dropped tools[0].strict", "dropped tools[0].extra.x"]


def test_schemas_are_passed_on_as_they_are() -> None:
    written, _ = write(Prompt(tools=(FunctionTool("f", "", SCHEMA),)))
    tools = written["tools"]
    assert isinstance(tools, list)
    assert tools[0]["function"]["parameters"] is SCHEMA
