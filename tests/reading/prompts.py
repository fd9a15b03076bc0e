"""Prompts compared: the same request in two forms, and what of a difference the notes explain.

A translation may not lose anything silently. So what was read back is compared with what was written, part by part, and
each difference must have a note whose field is the place of it.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from aigw_sansio.formats.request_tools import EFFORT_TOKENS, Alphabet, NameMap
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import (
    Blob,
    CustomTool,
    File,
    FunctionTool,
    OutputFormat,
    PlainText,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Text,
    Tool,
    ToolCall,
    ToolCallResponse,
    ToolChoice,
)

#: Fields that are compared as a whole: one note for the field explains any difference.
SETTINGS = tuple(
    name for name in Prompt.__struct_fields__ if name not in ("instructions", "turns", "tools", "maker", "extra")
)
#: Values that ask for what happens anyway.
NEUTRAL: dict[str, object] = {
    "choice_count": 1,
    "modalities": ("text",),
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "repetition_penalty": 1,
    "min_p": 0,
    "store": False,
}
#: How a text without marks is shown.
_TEXT, _END = ': {"text": "', '", "type": "text"}'
_NO_PARAMETERS: dict[str, object] = {"type": "object", "properties": {}}


class Atom(NamedTuple):
    """A part of a conversation: what it is, as text, and the place of it in the prompt."""

    what: str
    field: str


def atoms(prompt: Prompt, *, ids: bool = True) -> list[Atom]:
    """The conversation, part by part. How it is divided into turns of one role does not matter, nor do empty texts.
    ``ids``: ids of tool calls count; if not, only which response belongs to which call."""
    found = [
        Atom(_shown("system", part), f"instructions[{at}]") for at, part in enumerate(prompt.instructions) if part.text
    ]
    names: dict[str, str] = {}
    order: dict[str, str] = {}
    for at, turn in enumerate(prompt.turns):
        if turn.name is not None:
            found.append(Atom(f"{turn.role} named {turn.name}", f"turns[{at}].name"))
        for number, part in enumerate(turn.parts):
            field = f"turns[{at}].parts[{number}]"
            if isinstance(part, Text) and not part.text and part.opaque is None:
                continue
            if isinstance(part, ToolCall):
                names[part.id] = part.name
                order.setdefault(part.id, f"#{len(order)}")
            name = names.get(part.id) if isinstance(part, ToolCallResponse) else None
            if isinstance(part, ToolCall | ToolCallResponse) and not ids:
                part = msgspec.structs.replace(part, id=order.get(part.id, "?"))
            if isinstance(part, ToolCallResponse):
                name = part.name or name
                bare = msgspec.structs.replace(part, response=(), name=name)
                found.append(Atom(_shown(turn.role, bare), field))
                found += [
                    Atom(_shown(f"tool {bare.id}", inner), f"{field}.response[{spot}]")
                    for spot, inner in enumerate(part.response)
                    if not isinstance(inner, Text) or inner.text
                ]
            elif isinstance(part, Reasoning) and part.text and part.opaque is not None:
                # some formats write the two as two blocks
                found.append(Atom(_shown(turn.role, msgspec.structs.replace(part, opaque=None)), field))
                found.append(Atom(_shown(turn.role, Reasoning(opaque=part.opaque)), field))
            else:
                found.append(Atom(_shown(turn.role, part), field))
    return found


def _shown(role: str, part: object) -> str:
    """A part as text. Arguments of a call are compared as JSON; to which item a part belonged does not matter, nor
    what type media have that are elsewhere."""
    if isinstance(part, ToolCall) and not part.custom:
        part = msgspec.structs.replace(part, arguments=_canonical(part.arguments or "{}"))
    if isinstance(part, File) and isinstance(part.source, PlainText):
        content = b64encode(part.source.text.encode()).decode()
        part = msgspec.structs.replace(part, source=Blob(content, "text/plain"))
    value = {name: member for name, member in msgspec.to_builtins(part).items() if name != "item"}
    if value.get("cache", {}).get("ttl") == "5m":
        del value["cache"]["ttl"]  # what it is if nothing is said
    if value.get("source", {}).get("type") in ("uri", "file"):
        value["source"].pop("mime_type", None)
    return f"{role}: {json.dumps(value, sort_keys=True)}"


def _canonical(text: str) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


def with_functions(prompt: Prompt) -> Prompt:
    """``prompt`` with functions in place of tools with free text."""

    def change(part: Any) -> Any:
        if isinstance(part, ToolCall) and part.custom:
            return msgspec.structs.replace(part, custom=False, arguments=json.dumps({"input": part.arguments}))
        return msgspec.structs.replace(part, custom=False) if isinstance(part, ToolCallResponse) else part

    turns = tuple(msgspec.structs.replace(t, parts=tuple(change(part) for part in t.parts)) for t in prompt.turns)
    return msgspec.structs.replace(prompt, turns=turns)


def renamed(prompt: Prompt, alphabet: Alphabet | None) -> Prompt:
    """``prompt`` with the names of tools that a target with this rule is sent."""
    if alphabet is None:
        return prompt
    names = NameMap(alphabet, [])

    def change(value: Any) -> Any:
        if isinstance(value, FunctionTool | CustomTool | ToolCall | ToolCallResponse) and value.name is not None:
            return msgspec.structs.replace(value, name=names.fit(value.name, ""))
        return value

    choice = prompt.tool_choice
    if choice is not None:
        choice = msgspec.structs.replace(choice, names=tuple(names.fit(name, "") for name in choice.names))
    turns = tuple(msgspec.structs.replace(t, parts=tuple(change(part) for part in t.parts)) for t in prompt.turns)
    tools = tuple(change(tool) for tool in prompt.tools)
    return msgspec.structs.replace(prompt, turns=turns, tools=tools, tool_choice=choice)


def tool_shown(tool: Tool, *, strict: bool = True) -> str:
    """A tool as text. No parameters and an empty object of them, closed or not, are the same. ``strict``: whether that
    counts."""
    if isinstance(tool, FunctionTool):
        shown = tool.parameters or _NO_PARAMETERS
        if shown == {**_NO_PARAMETERS, "additionalProperties": False}:
            shown = _NO_PARAMETERS
        tool = msgspec.structs.replace(tool, parameters=shown, strict=(tool.strict or None) if strict else None)
    return json.dumps(msgspec.to_builtins(tool), sort_keys=True)


def setting(prompt: Prompt, name: str, *, loose: bool = False) -> object:
    """A setting; ``None`` if it is not said, or asks for what happens anyway. ``loose``: to let the model decide how much
    it thinks is to say nothing, so is to ask to see it, and a name of an output has no meaning."""
    value = getattr(prompt, name)
    if name in ("tool_choice", "parallel_tool_calls") and (not prompt.tools or value == ToolChoice("auto")):
        return None
    if isinstance(value, ToolChoice) and {*value.names} >= {getattr(tool, "name", "") for tool in prompt.tools}:
        value = None if value.mode == "auto" else ToolChoice(value.mode)
    if loose and isinstance(value, OutputFormat):
        value = msgspec.structs.replace(value, name=None, strict=None)
    if loose and name == "parallel_tool_calls" and value is True:
        return None
    if isinstance(value, OutputFormat) and value.strict is False:
        value = msgspec.structs.replace(value, strict=None)
    if isinstance(value, ReasoningSettings) and loose:
        visible = None if value.visible or value.summary else value.visible
        value = msgspec.structs.replace(value, adaptive=False, summary=None, visible=visible)
        value = None if value == ReasoningSettings() else value
    if isinstance(value, ReasoningSettings) and value.budget_tokens == 0:
        value = msgspec.structs.replace(value, effort="none", budget_tokens=None)
    if value in (None, (), {}, "", False) and value != 0:
        return None
    return None if name in NEUTRAL and value == NEUTRAL[name] else value


def same_thinking(one: object, other: object) -> bool:
    """Whether the second is the budget that stands for the effort of the first."""
    if not isinstance(one, ReasoningSettings) or not isinstance(other, ReasoningSettings) or one.effort is None:
        return False
    budget = other.budget_tokens
    return budget is not None and (budget == EFFORT_TOKENS[one.effort] or (one.effort == "minimal" and budget <= 1024))


def unexplained(
    asked: Prompt,
    found: Prompt,
    notes: Iterable[Note],
    *,
    ids: bool = True,
    ignore: Sequence[str] = (),
    names: Alphabet | None = None,
    joined: bool = False,
    loose: bool = False,
) -> list[str]:
    """In what ``found`` differs from ``asked`` without a note that says so. ``ignore``: settings that do not count.
    ``names``: the target's rule for names of tools; a name is noted once, wherever it stands, and so is an id. What was
    not asked for may be a way to say something else, which is noted as mapped. ``loose``: see
    :func:`setting`. ``joined``: likewise, and neighbouring texts may be one with line ends.
    """
    strict = "strict" not in ignore
    notes = tuple(notes)
    fields = [note.field for note in notes]
    added = any(note.kind == "mapped" for note in notes)
    if any(field.endswith(".name") for field in fields):
        asked = renamed(asked, names)
    if any(
        related(field, f"tools[{at}]")
        for at, t in enumerate(asked.tools)
        if isinstance(t, CustomTool)
        for field in fields
    ):
        asked = with_functions(asked)
    ids = ids and not any(field.endswith(".id") for field in fields)
    result = []
    for name in SETTINGS:
        if name in ignore:
            continue
        one, other = setting(asked, name, loose=loose or joined), setting(found, name, loose=loose or joined)
        if one == other or ((loose or joined) and same_thinking(one, other)):
            continue
        if not any(_root(field) == name for field in fields) and not (one is None and added):
            result.append(f"{name}: {one!r} became {other!r}")
    result += _differences(
        [Atom(tool_shown(tool, strict=strict), f"tools[{at}]") for at, tool in enumerate(asked.tools)],
        [tool_shown(tool, strict=strict) for tool in found.tools],
        [field for field in fields if _root(field) in ("tools", "tool_choice")],
        free=any(_root(field) == "tool_choice" for field in fields),
        added=added,
    )
    spoken = [field for field in fields if _root(field) in ("turns", "instructions")]
    result += _differences(
        atoms(asked, ids=ids),
        [atom.what for atom in atoms(found, ids=ids)],
        spoken,
        added=added,
        joined=joined,
    )
    result += [
        f"extra.{name} is lost"
        for name in asked.extra
        if found.extra.get(name) != asked.extra[name] and f"extra.{name}" not in fields
    ]
    return result


def _differences(
    asked: list[Atom], found: list[str], fields: list[str], *, free: bool = False, added: bool, joined: bool = False
) -> Iterator[str]:
    """``fields`` are the notes' that may explain some; ``free``: one of them explains anything that is missing, and
    ``added``: there is one that explains more than was asked."""
    if fields or free:
        kept = [atom for atom in asked if not free and not any(related(field, atom.field) for field in fields)]
    else:
        kept = asked
    at = within = 0
    for atom in kept:
        if joined and '"type": "reasoning"' in atom.what and atom.what in found:
            continue  # some formats have it in front of all else
        for place in range(at, len(found)):
            start = within if place == at else 0
            ends = _end_within(atom.what, found[place], start) if joined else None
            if ends is not None:
                at, within = place, ends
                break
            if not start and found[place] == atom.what:
                at, within = place + 1, 0
                break
        else:
            yield f"{atom.field} is lost, or elsewhere: {atom.what}"
    if len(found) > len(asked) and not added:
        yield f"there is more: {found}"


def _end_within(one: str, whole: str, start: int) -> int | None:
    """The end of the text ``one`` in the text ``whole`` of the same role, if it is a part of it behind ``start``."""
    role, mark, text = one.partition(_TEXT)
    other, _, all_of_it = whole.partition(_TEXT)
    if not mark or role != other:
        return None
    text = text.removesuffix(_END)
    at = all_of_it.find(text, start)
    return None if at < 0 else at + len(text)


def related(one: str, other: str) -> bool:
    """Whether one place is within the other."""
    short, long = sorted((one, other), key=len)
    return long.startswith(short) and (len(long) == len(short) or long[len(short)] in ".[")


def _root(field: str) -> str:
    return field.partition(".")[0].partition("[")[0]
