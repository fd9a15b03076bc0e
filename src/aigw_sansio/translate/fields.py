"""The place of a prompt's field in the client's own request, for errors: a client knows its own words alone.

Decides: the member that each field is, and the item or message of each part of a turn. Must not know: why a field is
wrong, and who cannot take it.

The conversation is read once more for this. Only a request that is refused is.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ..formats.anthropic_read import read_turns
from ..formats.openai.chat_messages import MessageReader
from ..formats.openai.responses_read import ItemReader, read_content
from ..formats.refusing import RequestRefused
from ..formats.values import arr, obj
from ..prompt import JsonObject, Prompt

_FIELD: Final = re.compile(r"(\w+)(?:\[(\d+)\])?(.*)", re.DOTALL)
_PART: Final = re.compile(r"\.parts\[(\d+)\](?:\.(?:response|parts)\[(\d+)\])?")
#: Fields that a format calls otherwise: its members, the usual one first. All other names are the same.
_MEMBERS: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "openai-responses": {
        "output": ("text.format",),
        "verbosity": ("text.verbosity",),
        "logprobs": ("top_logprobs",),
        "max_tokens": ("max_output_tokens",),
        "cache": ("prompt_cache_options",),
        "cache_key": ("prompt_cache_key",),
        "end_user": ("user", "safety_identifier"),
        "turns": ("input",),
    },
    "openai-chat": {
        "output": ("response_format",),
        "choice_count": ("n",),
        "max_tokens": ("max_completion_tokens", "max_tokens"),
        "reasoning": ("reasoning_effort", "reasoning"),
        "stop_sequences": ("stop",),
        "cache_key": ("prompt_cache_key",),
        "end_user": ("user", "safety_identifier"),
        "tool_choice": ("tool_choice", "function_call"),
        "instructions": ("messages",),
        "turns": ("messages",),
    },
    "anthropic-messages": {
        "output": ("output_config", "output_format"),
        "reasoning": ("thinking", "output_config"),
        "parallel_tool_calls": ("tool_choice",),
        "cache": ("cache_control",),
        "instructions": ("system",),
        "turns": ("messages",),
    },
}


def client_field(field: str, body: object, source: str, prompt: Prompt) -> str:
    """What the client calls ``field``, which names a place in ``prompt`` as :class:`.Refused` of a writer does. The
    client wrote ``body``, a JSON value in the format ``source``; ``prompt`` is what was read from it."""
    found = _FIELD.fullmatch(field)
    if found is None or source not in _MEMBERS:
        return field
    name, index, rest = found[1], None if found[2] is None else int(found[2]), found[3]
    members = obj(body)
    if name == "extra":
        return rest.removeprefix(".")
    if name == "tools" and index is not None:
        return _tool(members, source, index, rest)
    if index is not None and (name == "turns" or name == "instructions"):
        part = _PART.match(rest)
        at = _Place(name, index, *(None if part is None or part[n] is None else int(part[n]) for n in (1, 2)))
        try:
            place = _PLACES[source](members, at, prompt)
        except RequestRefused:  # it was read already
            place = None
        if place is not None:
            return place
    named = _MEMBERS[source].get(name)
    if named is None:
        return name if index is None else f"{name}[{index}]{rest}"
    return next((one for one in named if one.partition(".")[0] in members), named[0])


class _Place:
    """A part of a turn, or an instruction; ``inner`` is a part of the result of a tool."""

    def __init__(self, name: str, index: int, part: int | None, inner: int | None) -> None:
        self.is_turn = name == "turns"
        self.index = index
        self.part = part or 0
        self.inner = inner


def _tool(members: JsonObject, source: str, index: int, rest: str) -> str:
    listed = len(arr(members.get("tools")))
    place = f"tools[{index}]" if index < listed or source != "openai-chat" else f"functions[{index - listed}]"
    rest = rest.replace(".extra.", ".", 1)
    if source == "openai-chat" and rest and place.startswith("tools"):
        return f"{place}.function{rest}"
    return place + (rest.replace(".parameters", ".input_schema", 1) if source == "anthropic-messages" else rest)


# -- conversations --------------------------------------------------------------------------------------------------


def _in_items(members: JsonObject, place: _Place, prompt: Prompt) -> str | None:
    """In ``input`` of Responses. Instructions that were items stood before all turns."""
    items = arr(members.get("input"))
    reader = ItemReader()
    reader.read_all(items)
    before = len(reader.turns) - len(prompt.turns)
    if place.is_turn:
        turn = place.index + before
    elif members.get("instructions"):
        return None
    else:
        turn = min(place.index, before - 1)
    reader = ItemReader()
    for at, item in enumerate(items):
        known = len(reader.turns[turn][1]) if turn < len(reader.turns) else 0
        reader.read_all([item])
        if 0 <= turn < len(reader.turns) and len(reader.turns[turn][1]) > place.part:
            return f"input[{at}]" + _in_item(obj(item), place, place.part - known)
    return None


def _in_item(item: JsonObject, place: _Place, part: int) -> str:
    """The part of content of an item that holds several."""
    member, wanted = ("output", place.inner) if "output" in item else ("content", part)
    number = -1
    for at, value in enumerate(arr(item.get(member))):
        number += read_content(obj(value), "") is not None
        if number == wanted:
            return f".{member}[{at}]"
    return ""


def _in_chat(members: JsonObject, place: _Place, prompt: Prompt) -> str | None:
    """In ``messages`` of Chat Completions. Each is one turn, but results of tools, which are one turn together."""
    reader = MessageReader([])
    for number, message in enumerate(arr(members.get("messages"))):
        told = len(reader.instructions)
        reader.read(number, message, last=False)
        turns, results = reader.progress
        if not place.is_turn:
            if len(reader.instructions) > place.index:
                return f"messages[{number}]" + _content(obj(message), place.index - told)
        elif turns > place.index:
            spoken = obj(message).get("role") == "assistant"  # calls and reasoning are parts of it too
            return f"messages[{number}]" + ("" if spoken else _content(obj(message), place.part))
        elif turns == place.index and results > place.part:
            return f"messages[{number}]" + _content(obj(message), place.inner)
    return None


def _content(message: JsonObject, part: int | None) -> str:
    content = message.get("content")
    return f".content[{part}]" if part is not None and type(content) is list and part < len(content) else ""


def _in_messages(members: JsonObject, place: _Place, prompt: Prompt) -> str | None:
    """In ``messages`` of Anthropic: one may be several turns."""
    if not place.is_turn:
        return f"system[{place.index}]" if type(members.get("system")) is list else "system"
    first = 0
    for number, message in enumerate(arr(members.get("messages"))):
        turns = read_turns([message])
        if place.index < first + len(turns):
            part = place.part + sum(len(turn.parts) for turn in turns[: place.index - first])
            return f"messages[{number}]" + _content(obj(message), part)
        first += len(turns)
    return None


_PLACES: Final = {"openai-responses": _in_items, "openai-chat": _in_chat, "anthropic-messages": _in_messages}
