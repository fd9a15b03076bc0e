"""Tools in a Chat Completions request, both ways, and the choice among them.

Decides: what each tool and each choice means, and how they are said to a target that lacks one. Must not know: calls
and their results.

Source: OpenAI API reference, Chat Completions; the older ``functions`` and ``function_call`` are read too.
"""

from collections.abc import Callable
from typing import Final

from ...prompt import (
    NO_MEMBERS,
    CacheMark,
    CustomTool,
    FunctionTool,
    JsonObject,
    NativeTool,
    Prompt,
    Tool,
    ToolChoice,
)
from ..client_values import as_object, get_array, get_flag, get_object, get_text, need_text
from ..refusing import refusal
from ..request_tools import NameMap, as_function, chosen_tools, dropped
from ..translation import Note
from .chat_parts import CHAT, read_cache_mark
from .like import Quirks
from .responses_tools import RESPONSES_TOOLS

_FUNCTION_MEMBERS: Final = frozenset({"name", "description", "parameters", "strict", "cache_control"})
_USUAL_MEMBERS: Final = frozenset({"name", "description", "parameters"})
_TOOL_MEMBERS: Final = frozenset({"type", "function", "cache_control"})
#: Members of functions in its Responses alone.
_RESPONSES_TOOL_MEMBERS: Final = frozenset({"allowed_callers", "defer_loading", "output_schema", "strict"})
_MODES: Final = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


# -- reading ----------------------------------------------------------------------------------------------------------


def read_tools(body: JsonObject, notes: list[Note]) -> tuple[Tool, ...]:
    """The tools in ``body``, the older functions behind them."""
    tools: list[Tool] = []
    for number, one in enumerate(get_array(body, "tools")):
        tool = read_usual_tool(one)
        if tool is None:
            tool = _read_tool(as_object(one, f"tools[{number}]"), f"tools[{number}].", notes)
        tools.append(tool)
    for number, one in enumerate(get_array(body, "functions")):
        field = f"functions[{number}]"
        tools.append(_read_function(as_object(one, field), field + ".", None))
    return tuple(tools)


def read_usual_tool(tool: object) -> Tool | None:
    """The function that ``tool`` is, if it holds nothing but a name, a description and parameters. It is what
    :func:`_read_tool` makes of it."""
    if type(tool) is not dict or len(tool) != 2 or tool.get("type") != "function":
        return None
    function = tool.get("function")
    if type(function) is not dict or not function.keys() <= _USUAL_MEMBERS:
        return None
    name, description, parameters = function.get("name"), function.get("description", ""), function.get("parameters")
    if type(name) is not str or not name or type(description) is not str:
        return None
    if parameters is not None and type(parameters) is not dict:
        return None
    return FunctionTool(name, description, parameters)


def _read_tool(tool: JsonObject, at: str, notes: list[Note]) -> Tool:
    kind = get_text(tool, "type", at) or "function"
    if kind == "custom":
        custom = get_object(tool, "custom", at) or {}
        return CustomTool(
            need_text(custom, "name", at + "custom."),
            get_text(custom, "description", at + "custom.") or "",
            _flat_format(get_object(custom, "format", at + "custom.")),
        )
    if kind != "function":
        return NativeTool("openai", tool, CHAT)
    for name, value in tool.items():
        if name not in _TOOL_MEMBERS and value is not None:
            dropped(notes, at + name[:60], "It is no member of a tool.")
    function = get_object(tool, "function", at)
    if function is None:
        raise refusal(at + "function", "It must be an object.", "missing")
    return _read_function(function, at + "function.", read_cache_mark(tool, at))


def _read_function(function: JsonObject, at: str, cache: CacheMark | None) -> FunctionTool:
    extra = {name: value for name, value in function.items() if name not in _FUNCTION_MEMBERS and value is not None}
    return FunctionTool(
        name=need_text(function, "name", at),
        description=get_text(function, "description", at) or "",
        parameters=get_object(function, "parameters", at),
        strict=get_flag(function, "strict", at),
        cache=cache or read_cache_mark(function, at),
        extra=extra or NO_MEMBERS,
    )


def _flat_format(format: JsonObject | None) -> JsonObject | None:
    """A grammar as the Responses write it, without an object of its own."""
    grammar = format.get("grammar") if format is not None else None
    return {"type": "grammar", **grammar} if type(grammar) is dict else format


def read_choice(body: JsonObject) -> ToolChoice | None:
    """The choice in ``body``: ``tool_choice``, or the older ``function_call``."""
    for member in ("tool_choice", "function_call"):
        told = body.get(member)
        if told is None:
            continue
        if type(told) is str:
            mode = _MODES.get(told)
            if mode == "auto":
                return ToolChoice("auto")
            if mode is not None:
                return ToolChoice("none" if mode == "none" else "required")
        elif type(told) is dict:
            return _read_named(told, member + ".")
        raise refusal(member, "It must be auto, none, required, or an object that names tools.")
    return None


def _read_named(told: JsonObject, at: str) -> ToolChoice:
    if told.get("type") == "allowed_tools":
        allowed = get_object(told, "allowed_tools", at) or told
        at += "allowed_tools."
        names = tuple(
            _name(as_object(one, f"{at}tools[{number}]"), f"{at}tools[{number}].")
            for number, one in enumerate(get_array(allowed, "tools", at))
        )
        if not names:
            raise refusal(at + "tools", "It must name a tool.")
        return ToolChoice("required" if get_text(allowed, "mode", at) == "required" else "auto", names)
    return ToolChoice("required", (_name(told, at),))


def _name(told: JsonObject, at: str) -> str:
    """The name in ``{"type": "function", "function": {"name": ...}}``; both wrappings may be missing."""
    for member in ("function", "custom"):
        inner = get_object(told, member, at)
        if inner is not None:
            return need_text(inner, "name", f"{at}{member}.")
    return need_text(told, "name", at)


# -- writing ----------------------------------------------------------------------------------------------------------


def write_tools(
    prompt: Prompt,
    quirks: Quirks,
    names: NameMap,
    notes: list[Note],
    mark: Callable[[str, CacheMark | None], JsonObject],
) -> JsonObject:
    """``tools`` and ``tool_choice``, if there are any. ``mark`` writes marks of what may be cached."""
    choice = prompt.tool_choice
    tools = prompt.tools
    if choice is not None and choice.mode == "none":
        choice = ToolChoice("none")
    named = choice is not None and choice.mode == "required" and len(choice.names) == 1
    if choice is not None and choice.names:
        chosen = chosen_tools(prompt, notes if not (named or quirks.allowed_tools) else [])
        if not isinstance(chosen, tuple):
            raise refusal(chosen.field, chosen.why)
        if not (named or quirks.allowed_tools):
            tools = chosen
    if not tools:
        if choice is not None and choice.mode == "required":
            raise refusal("tool_choice", "It asks for a call, but there are no tools.")
        return {}
    written: list[object] = []
    places = {id(tool): f"tools[{at}]" for at, tool in enumerate(prompt.tools)}
    for tool in tools:
        field = places[id(tool)]
        if isinstance(tool, NativeTool):
            written.append(_native(tool, quirks, field))
        elif isinstance(tool, CustomTool):
            written.append(_custom(tool, quirks, names, notes, field))
        else:
            written.append({**_function(tool, prompt, quirks, names, notes, field), **mark(field, tool.cache)})
    members: JsonObject = {"tools": written}
    if choice is not None:
        members["tool_choice"] = _choice(choice, prompt, quirks, names)
    return members


def _native(tool: NativeTool, quirks: Quirks, field: str) -> JsonObject:
    kind = tool.value.get("type")
    if type(kind) is str:
        if kind in quirks.tool_types:
            return tool.value
        if tool.maker == quirks.maker == "openai" and tool.format in ("", CHAT) and kind not in RESPONSES_TOOLS:
            return tool.value
    raise refusal(field, f"{quirks.name} does not run this tool.")


def _custom(tool: CustomTool, quirks: Quirks, names: NameMap, notes: list[Note], field: str) -> JsonObject:
    if not quirks.custom_tools:
        function = as_function(tool, notes, field)
        if tool.format is not None:
            dropped(notes, field + ".format", f"{quirks.name} has no grammars for the input of a tool.")
        return _function(function, Prompt(), quirks, names, notes, field)
    custom: JsonObject = {"name": names.fit(tool.name, field)}
    if tool.description:
        custom["description"] = tool.description
    if tool.format is not None:
        custom["format"] = tool.format
        if tool.format.get("type") == "grammar" and "grammar" not in tool.format:
            grammar = {name: value for name, value in tool.format.items() if name != "type"}
            custom["format"] = {"type": "grammar", "grammar": grammar}
    return {"type": "custom", "custom": custom}


def _function(
    tool: FunctionTool, prompt: Prompt, quirks: Quirks, names: NameMap, notes: list[Note], field: str
) -> JsonObject:
    function: JsonObject = {"name": names.fit(tool.name, field)}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    elif quirks.maker != "openai":
        function["parameters"] = {"type": "object", "properties": {}}
    if tool.strict is not None and quirks.strict_tools:
        function["strict"] = tool.strict
    elif tool.strict:
        dropped(notes, field + ".strict", f"{quirks.name} does not hold arguments to their schema.")
    for name, value in tool.extra.items():
        if value is None:
            continue
        if prompt.maker == quirks.maker and name not in function and name not in _RESPONSES_TOOL_MEMBERS:
            function[name] = value
        else:
            dropped(notes, f"{field}.extra.{name[:60]}", f"{quirks.name} does not define it.")
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice, prompt: Prompt, quirks: Quirks, names: NameMap) -> object:
    mode = quirks.required if choice.mode == "required" else choice.mode
    if not choice.names:
        return mode
    free = {tool.name for tool in prompt.tools if type(tool) is CustomTool} if quirks.custom_tools else set()
    chosen: list[object] = []
    for name in choice.names:
        kind = "custom" if name in free else "function"
        chosen.append({"type": kind, kind: {"name": names.fit(name, "tool_choice")}})
    if choice.mode == "required" and len(chosen) == 1:
        return chosen[0]
    if quirks.allowed_tools:
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": chosen}}
    return mode
