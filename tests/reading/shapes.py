"""The shape of a request: what two providers are asked alike, although their models said different things before.

Of a conversation, what users and tools said counts, and what the assistant did: said something, called which tool. Its
own words, arguments and thoughts differ, because the models do. Blanks in texts do not count.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from tests.reading.prompts import SETTINGS, setting

from aigw_sansio.prompt import (
    FunctionTool,
    Native,
    OutputFormat,
    Part,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Refusal,
    Text,
    ToolCall,
    ToolCallResponse,
    Uri,
)

#: Members of a JSON Schema that providers add or leave out, and that change little.
_LOOSE = frozenset({"$schema", "additionalProperties", "title", "strict", "default", "description"})
_OBJECT = frozenset({"type", "properties", "required"})


def differences(one: Prompt, other: Prompt) -> Iterator[tuple[str, object, object]]:
    """The fields in which two prompts differ, with what each says."""
    for name in SETTINGS:
        if name not in ("model", "stream", "include_usage"):
            first, second = _setting(one, name), _setting(other, name)
            if first != second:
                yield name, first, second
    if _tools(one) != _tools(other):
        yield "tools", _tools(one), _tools(other)
    if _said(one) != _said(other):
        yield "turns", _said(one), _said(other)


def _setting(prompt: Prompt, name: str) -> object:
    """A setting. Not to think is what a model does that cannot; of a form of output the schema counts."""
    value = setting(prompt, name, loose=True)
    if value == ReasoningSettings(effort="none"):
        return None
    return _schema(value.schema) if isinstance(value, OutputFormat) and value.schema else value


def _tools(prompt: Prompt) -> dict[str, object]:
    """By their names: the schemas of functions, without what changes little."""
    return {
        tool.name: (tool.description, _schema(tool.parameters or {}))
        for tool in prompt.tools
        if isinstance(tool, FunctionTool)
    }


def _schema(value: object) -> object:
    if isinstance(value, dict):
        made = {name: _schema(member) for name, member in value.items() if name not in _LOOSE}
        empty = made.get("type", "object") == "object" and not made.get("properties") and {*made} <= _OBJECT
        return {"type": "object"} if empty else made
    return [_schema(one) for one in value] if isinstance(value, list) else value


def _said(prompt: Prompt) -> list[str]:
    """What was said, in order. Neighbouring texts of one role are one."""
    said = [f"system: {part.text}" for part in prompt.instructions]
    names: dict[str, str] = {}
    for turn in prompt.turns:
        for part in turn.parts:
            if isinstance(part, ToolCall):
                names[part.id] = part.name
                said.append(f"calls {part.name}")
            elif isinstance(part, ToolCallResponse):
                said.append(f"{part.name or names.get(part.id)}{' failed' if part.is_error else ''}")
                texts = [_shown(one) for one in part.response if isinstance(one, Text) and one.text]
                said += ["".join(texts)] if texts else []
                said += [_shown(one) for one in part.response if not isinstance(one, Text)]
            elif isinstance(part, Reasoning | Native) or (isinstance(part, Text) and not part.text):
                continue
            elif turn.role == "assistant":
                said.append("assistant")
            else:
                said.append(f"{turn.role}: {_shown(part)}")
    return [one for at, one in enumerate(said) if one != "assistant" or at == 0 or said[at - 1] != "assistant"]


def _shown(part: Part) -> str:
    if isinstance(part, Text | Refusal):
        return "".join(part.text.split())
    source: Any = getattr(part, "source", None)
    kind = type(part).__name__
    return f"{kind} {source.uri if isinstance(source, Uri) else msgspec.json.encode(source).decode()}"
