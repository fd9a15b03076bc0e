"""Tools for Gemini, and which of them may be called.

Decides: how tools, schemas and choices are said to Gemini, and which it lacks. Must not know: the conversation.

Source: Gemini API reference, ``Tool``, ``FunctionDeclaration`` and ``ToolConfig``; "Function calling". A schema is sent
as it is, in ``parametersJsonSchema``, except for ``const``, which Gemini does not know.
"""

from typing import Final

from ...prompt import CustomTool, FunctionTool, JsonObject, NativeTool, Prompt
from ..refusing import refusal
from ..request_tools import GEMINI_NAMES, NameMap, as_function, dropped, mapped
from ..translation import Note
from .models import GeminiModel

_ONE: Final = frozenset(
    {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedProperties"}
)
_MANY: Final = frozenset({"anyOf", "allOf", "oneOf", "prefixItems", "items"})
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
#: Deeper schemas are refused by every provider.
_DEPTH: Final = 100


def fit_schema(schema: JsonObject, field: str) -> JsonObject:
    """``schema`` as Gemini takes it: ``const`` is an ``enum`` of one value, and ``$schema`` is left out. What needs no
    change is the same object. Refused if it is nested more than 100 deep."""
    fitted = _fit(schema, field, 0)
    if type(fitted) is dict and "$schema" in fitted:
        return {name: value for name, value in fitted.items() if name != "$schema"}
    return fitted if type(fitted) is dict else schema


def _fit(schema: object, field: str, depth: int) -> object:
    if type(schema) is not dict:
        return schema
    if depth > _DEPTH:
        raise refusal(field, "The schema is nested too deeply.")
    fitted: JsonObject = {}
    changed = False
    for name, value in schema.items():
        new: object = value
        if name in _NAMED and type(value) is dict:
            members = {key: _fit(one, field, depth + 1) for key, one in value.items()}
            new = members if any(members[key] is not value[key] for key in value) else value
        elif name in _MANY and type(value) is list:
            items = [_fit(one, field, depth + 1) for one in value]
            new = items if any(new is not old for new, old in zip(items, value)) else value
        elif name in _ONE:
            new = _fit(value, field, depth + 1)
        elif name == "const":
            changed = True
            if "enum" not in schema:
                fitted["enum"] = [value]
            continue
        changed = changed or new is not value
        fitted[name] = new
    return fitted if changed else schema


def name_map(notes: list[Note]) -> NameMap:
    """Makes names of tools fit Gemini. One for each request."""
    return NameMap(GEMINI_NAMES, notes)


def write_tools(prompt: Prompt, notes: list[Note], names: NameMap, model: GeminiModel) -> list[JsonObject]:
    """The member ``tools``. Refused: tools that another vendor runs, any tool for Gemma, and Google's own beside
    functions before Gemini 3."""
    declarations: list[JsonObject] = []
    own: list[JsonObject] = []
    none = prompt.tool_choice is not None and prompt.tool_choice.mode == "none"
    for at, tool in enumerate(prompt.tools):
        field = f"tools[{at}]"
        if isinstance(tool, NativeTool):
            if tool.maker != "google":
                raise refusal(field, "Another vendor runs this tool, and Google does not.")
            if not none:  # the mode NONE is for functions only
                own.append(tool.value)
        else:
            declarations.append(_declare(tool, prompt, notes, names, field))
    if prompt.tools and model.gemma:
        if not none:
            raise refusal("tools", "Gemma takes no tools.")
        mapped(notes, "tools", "Gemma takes no tools; none may be called, so none are sent.")
        return []
    if declarations and own and not model.is_three:
        raise refusal("tools", "Before Gemini 3 Google's own tools do not go together with functions.")
    return [{"functionDeclarations": declarations}, *own] if declarations else own


def _declare(
    tool: FunctionTool | CustomTool, prompt: Prompt, notes: list[Note], names: NameMap, field: str
) -> JsonObject:
    function = tool
    if isinstance(function, CustomTool):
        function = as_function(function, notes, field)
        if isinstance(tool, CustomTool) and tool.format is not None:
            dropped(notes, f"{field}.format", "Gemini holds no text to a grammar.")
    declared: JsonObject = {"name": names.fit(function.name, field), "description": function.description}
    if function.parameters:
        declared["parametersJsonSchema"] = fit_schema(function.parameters, f"{field}.parameters")
    if function.cache is not None:
        dropped(notes, f"{field}.cache", "Gemini caches by itself.")
    for member, value in function.extra.items():
        if prompt.maker == "google":
            declared[member] = value
        elif value is not None:
            dropped(notes, f"{field}.extra.{member[:60]}", "Gemini does not define it.")
    return declared


def write_config(
    prompt: Prompt, notes: list[Note], names: NameMap, model: GeminiModel, *, tools: list[JsonObject], vertex: bool
) -> JsonObject:
    """The member ``toolConfig``, empty to leave it out. ``tools`` is what :func:`write_tools` gave."""
    config: JsonObject = {}
    choice = prompt.tool_choice
    functions = [tool for tool in prompt.tools if not isinstance(tool, NativeTool)]
    if prompt.parallel_tool_calls is False and tools:
        dropped(notes, "parallel_tool_calls", "Gemini cannot be held to one call at a time.")
    if not functions or not tools:
        if choice is not None and choice.mode != "none":
            if choice.mode == "required" or choice.names:
                raise refusal("tool_choice", "There is no function that could be called.")
            dropped(notes, "tool_choice", "There are no functions to choose from.")
        return {}
    if choice is not None and choice.names and not set(choice.names) <= {tool.name for tool in functions}:
        raise refusal("tool_choice", "It names a tool that is not in the request.")
    mode = _mode(prompt, notes, model)
    if mode:
        calling: JsonObject = {"mode": mode}
        if choice is not None and choice.names and choice.mode != "none":
            calling["allowedFunctionNames"] = [names.fit(name, "tool_choice") for name in choice.names]
        config["functionCallingConfig"] = calling
    if len(tools) > 1 and not vertex:
        config["includeServerSideToolInvocations"] = True
    return config


def _mode(prompt: Prompt, notes: list[Note], model: GeminiModel) -> str:
    """The mode of calling, empty to leave it out. VALIDATED is AUTO with calls that fit their schema and, unlike AUTO,
    takes names."""
    choice = prompt.tool_choice
    if choice is not None and choice.mode == "none":
        return "NONE"
    if choice is not None and choice.mode == "required":
        if prompt.output is not None:
            raise refusal("tool_choice", "Gemini cannot be held to a call and to a form of its response at once.")
        return "ANY"
    strict = any(isinstance(tool, FunctionTool) and tool.strict for tool in prompt.tools)
    named = choice is not None and bool(choice.names)
    if (strict or named) and model.version >= (2, 5):
        if prompt.output is None:
            return "VALIDATED"
        if named:
            raise refusal("tool_choice", "Gemini takes names of tools and a form of its response only one at a time.")
        dropped(notes, "tools.strict", "Gemini does not hold calls to their schema beside a form of its response.")
    elif named:
        raise refusal("tool_choice", "This model takes names only of tools that it must call.")
    elif strict:
        dropped(notes, "tools.strict", "This model does not hold calls to their schema.")
    return "AUTO" if choice is not None else ""
