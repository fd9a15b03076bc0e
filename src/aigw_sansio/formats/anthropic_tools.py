"""The tools of a prompt and the form of its output, as Anthropic's request has them.

Decides: how tools are defined and chosen, and how output in JSON is asked for: by a schema that the model is held to,
by a tool that it must call, or by an instruction. Must not know: the messages.

Source: Anthropic API reference, Messages: ``tools``, ``tool_choice``, ``output_config.format``.
"""

from typing import Final

import msgspec

from ..prompt import CustomTool, FunctionTool, JsonObject, NativeTool, Prompt, Tool
from .anthropic_blocks import Marks, Platform
from .anthropic_schemas import output_schema, tool_schema
from .claude_models import MAKER, ClaudeModel
from .client_values import json_text
from .refusing import accepted, refusal
from .request_tools import NameMap, as_function, chosen_tools, dropped, mapped
from .translation import Note
from .values import arr, obj, text

#: The tool whose arguments are the output, for models that cannot be held to a schema. Find its name in the body by
#: :func:`output_tool`: a call of it is the text of the response, not a call.
JSON_TOOL: Final = "json"
_JSON_TOOL_DESCRIPTION: Final = "Respond with a JSON object."
#: For models that can neither be held to a schema nor be made to call a tool.
_JSON_INSTRUCTION: Final = "Respond with one JSON value and nothing else: no other text, and no code fence."


class Tools(msgspec.Struct, frozen=True):
    """``tools`` and ``choice`` are members of the request, if there are any. ``forced``: a tool must be called.
    ``format`` is that of ``output_config``; ``instruction`` is one more instruction for the model."""

    tools: list[JsonObject]
    choice: JsonObject | None = None
    forced: bool = False
    format: JsonObject | None = None
    instruction: str | None = None


def output_tool(body: JsonObject) -> str | None:
    """The name of the tool in ``body`` whose call is the output itself, or ``None`` if there is none. ``body`` is one
    that a writer for Claude models made, for Anthropic's API or for Bedrock Converse."""
    tools = arr(body.get("tools")) or arr(obj(body.get("toolConfig")).get("tools"))
    last = obj(tools[-1]) if tools else {}
    last = obj(last.get("toolSpec")) or last
    name = text(last.get("name"))
    if last.get("description") != _JSON_TOOL_DESCRIPTION or name.rstrip("_") != JSON_TOOL:
        return None
    return name


def plan_tools(
    prompt: Prompt, notes: list[Note], model: ClaudeModel, host: Platform, names: NameMap, marks: Marks
) -> Tools:
    """What is said of tools and output. Raises ``RequestRefused``."""
    offered, choice = _choice(prompt, notes, model, names)
    places = {id(tool): f"tools[{at}]" for at, tool in enumerate(prompt.tools)}
    tools = [_tool(tool, places[id(tool)], prompt, notes, model, host, names, marks) for tool in offered]
    if prompt.output is not None and choice.get("type") == "tool":
        dropped(notes, "output", "The model must call the chosen tool.")
    elif prompt.output is not None:
        return _with_output(prompt, notes, model, tools, choice)
    return Tools(tools, choice or None, forced=choice.get("type") in ("any", "tool"))


def _choice(
    prompt: Prompt, notes: list[Note], model: ClaudeModel, names: NameMap
) -> tuple[tuple[Tool, ...], JsonObject]:
    """The tools that are offered, and the choice among them; empty if nothing is said."""
    asked = prompt.tool_choice
    choice: JsonObject = {}
    offered = prompt.tools
    if not offered:
        if asked is not None and asked.mode == "required":
            raise refusal("tool_choice", "There is no tool to call.")
        return (), choice
    if asked is not None and asked.names and not _is_native(prompt, asked.names):
        fewer: list[Note] = []
        found = accepted(chosen_tools(prompt, fewer))
        if asked.mode != "required" or len(asked.names) > 1 or not model.forced_tools:
            offered = found
            notes += fewer
    if asked is not None:
        if asked.mode == "required" and not model.forced_tools:
            mapped(notes, "tool_choice", "This model cannot be made to call a tool; it may.")
            choice["type"] = "auto"
        elif asked.mode == "required" and len(asked.names) == 1:
            choice["type"] = "tool"
            choice["name"] = names.fit(asked.names[0], "tool_choice")
        else:
            choice["type"] = "any" if asked.mode == "required" else asked.mode
    if prompt.parallel_tool_calls is False and choice.get("type") != "none":
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
    return offered, choice


def _is_native(prompt: Prompt, chosen: tuple[str, ...]) -> bool:
    """Whether one tool is chosen that Anthropic defines, such as its web search."""
    names = [tool.value.get("name") for tool in prompt.tools if type(tool) is NativeTool and tool.maker == MAKER]
    return len(chosen) == 1 and chosen[0] in names


def _tool(
    tool: Tool,
    field: str,
    prompt: Prompt,
    notes: list[Note],
    model: ClaudeModel,
    host: Platform,
    names: NameMap,
    marks: Marks,
) -> JsonObject:
    if type(tool) is NativeTool:
        if tool.maker != MAKER:
            raise refusal(field, f"{host.name} cannot run a tool of another vendor.")
        block = dict(tool.value)
        marks.count(block, field)
        return block
    if type(tool) is CustomTool:
        if tool.format is not None and tool.format.get("type") != "text":
            dropped(notes, f"{field}.format", f"{host.name} does not hold a text to a grammar.")
        tool = as_function(tool, notes, field)
    if type(tool) is not FunctionTool:
        raise refusal(field, "It is no tool.")
    block = {"name": names.fit(tool.name, field)}
    if tool.description.strip():
        block["description"] = tool.description
    schema, changed = tool_schema(tool.parameters)
    if changed:
        mapped(notes, f"{field}.parameters", "Its root must be an object without choices; one was made of them.")
    if tool.strict and model.structured and prompt.maker != MAKER:
        schema, changed = output_schema(schema)
        if changed:
            mapped(notes, f"{field}.parameters", "What Anthropic does not enforce is in the descriptions.")
    block["input_schema"] = schema
    if tool.strict is not None and model.structured:
        block["strict"] = tool.strict
    elif tool.strict:
        dropped(notes, f"{field}.strict", "This model is not held to schemas.")
    for name, value in tool.extra.items():
        if prompt.maker == MAKER:
            block.setdefault(name, value)
        elif value is not None:
            dropped(notes, f"{field}.extra.{name[:60]}", f"{host.name} does not define it.")
    marks.put(block, tool.cache, field)
    return block


def _with_output(
    prompt: Prompt, notes: list[Note], model: ClaudeModel, tools: list[JsonObject], choice: JsonObject
) -> Tools:
    """``tools`` and ``choice`` with what makes the output JSON."""
    output = prompt.output
    schema = None if output is None or output.type == "json_object" else output.schema
    if output is not None and schema is not None and output.description:
        schema = {"description": output.description, **schema}
    forced = choice.get("type") == "any"
    if schema is not None and model.structured:
        fitting, changed = (schema, False) if prompt.maker == MAKER else output_schema(schema)
        if changed:
            mapped(notes, "output.schema", "What Anthropic does not enforce is in the descriptions.")
        return Tools(tools, choice or None, forced=forced, format={"type": "json_schema", "schema": fitting})
    thinks = prompt.reasoning is not None and model.thinking != "adaptive" and schema is None
    is_object = schema is None or schema.get("type", "object") == "object"
    if not model.forced_tools or thinks or not is_object:
        mapped(notes, "output", "The model is told to respond in JSON; nothing holds it to that.")
        return Tools(tools, choice or None, forced=forced, instruction=_instruction(schema))
    name = JSON_TOOL
    while any(tool.get("name") == name for tool in tools):
        name += "_"
    mapped(notes, "output", f"The arguments of a tool named {name}, which must be called, are the output.")
    arguments = tool_schema(schema)[0] if schema else {"type": "object", "properties": {}, "additionalProperties": True}
    json_tool: JsonObject = {"name": name, "description": _JSON_TOOL_DESCRIPTION, "input_schema": arguments}
    others = [] if choice.get("type") == "none" else tools
    choice = {"type": "any"} if others else {"type": "tool", "name": name}
    choice["disable_parallel_tool_use"] = True
    return Tools([*others, json_tool], choice, forced=True)


def _instruction(schema: JsonObject | None) -> str:
    if schema is None:
        return _JSON_INSTRUCTION
    return f"{_JSON_INSTRUCTION} It must fit this JSON Schema: {json_text(schema, 'output.schema')}"
