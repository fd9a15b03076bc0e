"""Tools of OpenAI Responses, and which of them may be called: read and written.

Decides: what a tool's members mean, and which choices the provider-neutral form can hold. Must not know: the
conversation.

Source: OpenAI's API reference, "Create a model response". A tool is flat here: no member ``function`` around it. A
function without ``strict`` is made strict by the API if its schema allows it, unlike in Chat Completions; so a missing
``strict`` is kept as ``extra`` of the tool, and a tool of another format is sent with ``false``.
"""

from typing import Final, Literal

from ...prompt import NO_MEMBERS, CustomTool, FunctionTool, JsonObject, NativeTool, Prompt, Tool, ToolChoice
from ..client_values import as_object, get_array, get_flag, get_object, get_text, need_text
from ..refusing import refusal
from ..request_tools import OPENAI_NAMES, NameMap, dropped
from ..translation import Note
from .responses_read import RESPONSES

_MODES: Final[dict[str, Literal["auto", "none", "required"]]] = {
    "auto": "auto", "none": "none", "required": "required"
}  # fmt: skip
#: Tools that OpenAI runs here and not in Chat Completions, whose clients may ask for them too.
RESPONSES_TOOLS: Final = frozenset(
    {
        "apply_patch", "code_interpreter", "computer", "computer_use", "computer_use_preview", "file_search",
        "image_generation", "local_shell", "mcp", "namespace", "programmatic_tool_calling", "shell", "tool_search",
        "web_search", "web_search_preview",
    }
)  # fmt: skip
_FUNCTION: Final = frozenset({"type", "name", "description", "parameters", "strict"})


def read_tools(body: JsonObject) -> tuple[Tool, ...]:
    """The tools of a request. Those that OpenAI runs itself are kept as they came."""
    tools: list[Tool] = []
    for at, value in enumerate(get_array(body, "tools")):
        usual = read_usual_tool(value)
        if usual is not None:
            tools.append(usual)
            continue
        field = f"tools[{at}]"
        tool = as_object(value, field)
        kind = need_text(tool, "type", f"{field}.")
        if kind == "function":
            tools.append(_read_function(tool, f"{field}."))
        elif kind == "custom":
            tools.append(
                CustomTool(
                    need_text(tool, "name", f"{field}."),
                    get_text(tool, "description", f"{field}.") or "",
                    get_object(tool, "format", f"{field}."),
                )
            )
        else:
            tools.append(NativeTool("openai", tool, RESPONSES))
    return tuple(tools)


def read_usual_tool(tool: object) -> Tool | None:
    """The function that ``tool`` is, if it holds what a function must have, and perhaps a description. It is what
    :func:`_read_function` makes of it."""
    if type(tool) is not dict or tool.get("type") != "function" or not tool.keys() <= _FUNCTION:
        return None
    name, description, strict = tool.get("name"), tool.get("description", ""), tool.get("strict")
    parameters = tool.get("parameters")
    if type(name) is not str or not name or type(description) is not str or type(strict) is not bool:
        return None
    return FunctionTool(name, description, parameters, strict=strict) if type(parameters) is dict else None


def _read_function(tool: JsonObject, at: str) -> FunctionTool:
    extra: JsonObject = {name: value for name, value in tool.items() if name not in _FUNCTION and value is not None}
    strict = get_flag(tool, "strict", at)
    if strict is None:
        extra["strict"] = None
    return FunctionTool(
        need_text(tool, "name", at),
        get_text(tool, "description", at) or "",
        parameters=get_object(tool, "parameters", at),
        strict=strict,
        extra=extra or NO_MEMBERS,
    )


def read_choice(body: JsonObject) -> tuple[ToolChoice | None, JsonObject]:
    """Which tools may be called, and members for ``extra``: a choice that no other vendor has, as it came."""
    choice = body.get("tool_choice")
    if choice is None:
        return None, {}
    if type(choice) is str:
        if choice in _MODES:
            return ToolChoice(_MODES[choice]), {}
        raise refusal("tool_choice", "As a string it must be auto, none or required.")
    value = as_object(choice, "tool_choice")
    kind = need_text(value, "type", "tool_choice.")
    if kind == "function" or kind == "custom":
        return ToolChoice("required", (need_text(value, "name", "tool_choice."),)), {}
    if kind != "allowed_tools":
        return None, {"tool_choice": value}
    mode = get_text(value, "mode", "tool_choice.") or "auto"
    if mode not in _MODES or mode == "none":
        raise refusal("tool_choice.mode", "It must be auto or required.")
    allowed = [as_object(one, "tool_choice.tools") for one in get_array(value, "tools", "tool_choice.")]
    names = tuple(get_text(one, "name", "tool_choice.tools.") or "" for one in allowed)
    if not names or not all(names) or any(one.get("type") not in ("function", "custom") for one in allowed):
        return None, {"tool_choice": value}
    return ToolChoice(_MODES[mode], names), {}


def write_tools(prompt: Prompt, notes: list[Note], names: NameMap) -> list[JsonObject]:
    """The tools as the API takes them. Refused: a tool that another vendor runs."""
    tools: list[JsonObject] = []
    for at, tool in enumerate(prompt.tools):
        field = f"tools[{at}]"
        if type(tool) is NativeTool:
            if tool.maker != "openai":
                raise refusal(field, "Another vendor runs this tool, and OpenAI does not.")
            if tool.format not in ("", RESPONSES) and tool.value.get("type") not in RESPONSES_TOOLS:
                raise refusal(field, "OpenAI Responses do not define this tool.")
            tools.append(tool.value)
        elif type(tool) is CustomTool:
            tools.append(_write_custom(tool, names.fit(tool.name, field)))
        elif type(tool) is FunctionTool:
            tools.append(_write_function(tool, names.fit(tool.name, field), notes, field, own=prompt.maker == "openai"))
    return tools


def _write_function(tool: FunctionTool, name: str, notes: list[Note], field: str, *, own: bool) -> JsonObject:
    written: JsonObject = {"type": "function", "name": name}
    if tool.description:
        written["description"] = tool.description
    written["parameters"] = tool.parameters
    # Without it the API would make the schema strict, and the model would then fill in all optional arguments.
    written["strict"] = bool(tool.strict)
    if tool.cache is not None:
        dropped(notes, f"{field}.cache", "OpenAI takes no mark of the cache at a tool.")
    for member, value in tool.extra.items():
        if not own:
            dropped(notes, f"{field}.extra.{member[:60]}", "OpenAI does not define it.")
        elif member == "strict":
            del written["strict"]
        else:
            written[member] = value
    return written


def _write_custom(tool: CustomTool, name: str) -> JsonObject:
    written: JsonObject = {"type": "custom", "name": name}
    if tool.description:
        written["description"] = tool.description
    if tool.format is not None:
        # Chat Completions has syntax and definition one level deeper.
        grammar = tool.format.get("grammar")
        written["format"] = {"type": "grammar", **grammar} if type(grammar) is dict else tool.format
    return written


def write_choice(prompt: Prompt, notes: list[Note], names: NameMap) -> object:
    """``tool_choice`` as the API takes it, ``None`` to leave it out. Refused: the name of a tool that there is not."""
    choice = prompt.tool_choice
    if choice is None:
        return None
    if not prompt.tools and prompt.maker != "openai":
        dropped(notes, "tool_choice", "There are no tools to choose from.")
        return None
    if not choice.names or choice.mode == "none":
        return choice.mode
    kinds = {tool.name: _kind(tool) for tool in prompt.tools if not isinstance(tool, NativeTool)}
    # A tool that is loaded later, or that stands in the conversation, has no definition here.
    complete = len(kinds) == len(prompt.tools) and prompt.maker != "openai"
    chosen: list[JsonObject] = []
    for name in choice.names:
        if name not in kinds and (complete or not prompt.tools):
            raise refusal("tool_choice", "It names a tool that is not in the request.")
        chosen.append({"type": kinds.get(name, "function"), "name": names.fit(name, "tool_choice")})
    if len(chosen) == 1 and choice.mode == "required":
        return chosen[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": chosen}


def _kind(tool: Tool) -> str:
    return "custom" if type(tool) is CustomTool else "function"


def name_map(notes: list[Note]) -> NameMap:
    """Makes names of tools fit the API. One for each request."""
    return NameMap(OPENAI_NAMES, notes)
