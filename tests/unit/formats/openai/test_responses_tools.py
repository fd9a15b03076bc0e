"""Tools of OpenAI Responses and their choice, both ways."""

from typing import Any

import pytest

from aigw_sansio.formats.openai.responses_tools import name_map, read_choice, read_tools, write_choice, write_tools
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import CacheMark, CustomTool, FunctionTool, NativeTool, Prompt, Tool, ToolChoice

F, G = FunctionTool("f"), CustomTool("g")


def written(*tools: Tool, maker: str = "", notes: list[Note] | None = None) -> list[dict[str, Any]]:
    told: list[Note] = [] if notes is None else notes
    return write_tools(Prompt(tools=tools, maker=maker), told, name_map(told))


@pytest.mark.parametrize(("strict", "sent"), [(None, False), (False, False), (True, True)])
def test_strict_is_always_said(strict: bool | None, sent: bool) -> None:
    (tool,) = written(FunctionTool("f", strict=strict))
    assert tool == {"type": "function", "name": "f", "parameters": None, "strict": sent}


def test_a_client_that_leaves_strict_to_openai_still_does() -> None:
    body = {"tools": [{"type": "function", "name": "f", "parameters": {}}]}
    tools = read_tools(body)
    assert tools == (FunctionTool("f", parameters={}, extra={"strict": None}),)
    assert "strict" not in written(*tools, maker="openai")[0]
    assert read_tools({"tools": written(*tools, maker="openai")}) == tools


def test_members_that_only_openai_defines() -> None:
    tool = FunctionTool("f", strict=True, extra={"defer_loading": True}, cache=CacheMark())
    notes: list[Note] = []
    assert written(tool, maker="openai", notes=notes)[0]["defer_loading"] is True
    assert [note.field for note in notes] == ["tools[0].cache"]
    notes.clear()
    assert "defer_loading" not in written(tool, maker="anthropic", notes=notes)[0]
    assert [note.field for note in notes] == ["tools[0].cache", "tools[0].extra.defer_loading"]


def test_tools_with_free_input_have_their_grammar_flat() -> None:
    nested = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}
    flat = {"type": "grammar", "syntax": "lark", "definition": "x"}
    assert written(CustomTool("g", "d", nested))[0] == {
        "type": "custom",
        "name": "g",
        "description": "d",
        "format": flat,
    }
    assert read_tools({"tools": written(CustomTool("g", "d", flat))}) == (CustomTool("g", "d", flat),)


def test_tools_that_a_vendor_runs() -> None:
    value = {"type": "web_search"}
    assert read_tools({"tools": [value]}) == (NativeTool("openai", value, "openai-responses"),)
    assert written(NativeTool("openai", value)) == [value]
    assert written(NativeTool("openai", value, "openai-chat")) == [value]
    with pytest.raises(RequestRefused):
        written(NativeTool("openai", {"type": "new_tool"}, "openai-chat"))
    with pytest.raises(RequestRefused):
        written(NativeTool("anthropic", value))


def test_names_that_openai_refuses_are_replaced_everywhere() -> None:
    notes: list[Note] = []
    names = name_map(notes)
    prompt = Prompt(tools=(FunctionTool("mcp.tool/x"),), tool_choice=ToolChoice("required", ("mcp.tool/x",)))
    (tool,) = write_tools(prompt, notes, names)
    choice: Any = write_choice(prompt, notes, names)
    assert choice == {"type": "function", "name": tool["name"]}
    assert names.originals == {tool["name"]: "mcp.tool/x"}
    assert [(note.kind, note.field) for note in notes] == [("mapped", "tools[0].name")]


@pytest.mark.parametrize(
    ("choice", "value"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("required", ("f",)), {"type": "function", "name": "f"}),
        (ToolChoice("required", ("g",)), {"type": "custom", "name": "g"}),
        (
            ToolChoice("auto", ("f",)),
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        ),
        (
            ToolChoice("required", ("f", "g")),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}],
            },
        ),
    ],
)
def test_choice(choice: ToolChoice, value: object) -> None:
    assert write_choice(Prompt(tools=(F, G), tool_choice=choice), [], name_map([])) == value
    assert read_choice({"tool_choice": value}) == (choice, {})


@pytest.mark.parametrize(
    "value",
    [
        {"type": "web_search_preview"},
        {"type": "mcp", "server_label": "x"},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "x"}]},
    ],
)
def test_a_choice_that_no_other_vendor_has_is_kept(value: dict[str, Any]) -> None:
    assert read_choice({"tool_choice": value}) == (None, {"tool_choice": value})


def test_a_choice_without_its_tool() -> None:
    prompt = Prompt(tools=(F,), tool_choice=ToolChoice("required", ("x",)))
    with pytest.raises(RequestRefused):
        write_choice(prompt, [], name_map([]))
    notes: list[Note] = []
    assert write_choice(Prompt(tool_choice=ToolChoice("auto")), notes, name_map(notes)) is None
    assert [note.field for note in notes] == ["tool_choice"]


def test_a_tool_that_is_loaded_later_may_be_chosen() -> None:
    tools = (NativeTool("openai", {"type": "tool_search"}),)
    prompt = Prompt(tools=tools, tool_choice=ToolChoice("required", ("later",)), maker="openai")
    assert write_choice(prompt, [], name_map([])) == {"type": "function", "name": "later"}
