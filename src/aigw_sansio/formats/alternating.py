"""Messages that alternate between the user and the assistant, as Anthropic and Bedrock Converse demand them.

Decides: the order of messages, and of the blocks in them; which ids calls have; how a conversation begins and ends.
Must not know: how a part is written as a block.

Source: the errors of both APIs. The user begins; responses of tools stand first in the message behind their calls; the
last text of the assistant does not end in white space; an id of a call is there once.
"""

from collections.abc import Callable
from typing import Final

from ..prompt import JsonObject, Part, Reasoning, ToolCall
from .refusing import refusal
from .request_tools import Group, IdMap, Placed, mapped
from .translation import Note

#: What stands in front of a conversation that the assistant opens, because the first message must be the user's.
OPENING: Final = "(The assistant speaks first.)"
#: What a thought is moved before, and a call behind, if the client's format does not tell their order.
_ORDER: Final[dict[type[Part], int]] = {Reasoning: 0, ToolCall: 2}


def thoughts_first(group: Group) -> list[Placed]:
    """The parts of a message; those of the assistant with thoughts in front and calls behind."""
    parts = list(group.parts)
    if group.role == "assistant":
        parts.sort(key=lambda placed: _ORDER.get(type(placed.part), 1))
    return parts


def put_message(messages: list[JsonObject], role: str, content: list[JsonObject]) -> None:
    """Append a message, to the one before if it has the same role: an empty message between them is gone."""
    last = messages[-1] if messages else {}
    blocks = last.get("content")
    if last.get("role") == role and type(blocks) is list:
        blocks.extend(content)
    else:
        messages.append({"role": role, "content": content})


def finish_messages(
    messages: list[JsonObject], notes: list[Note], *, is_response: Callable[[JsonObject], bool], opening: JsonObject
) -> None:
    """Put in order what :func:`put_message` made. ``is_response`` knows the block of a tool's response; ``opening`` is
    the block of :data:`OPENING`. A block with ``text`` is a text."""
    for message in messages:  # two that became one may each have begun with responses
        blocks = message["content"]
        if type(blocks) is list:
            blocks.sort(key=lambda block: not is_response(block))
    _trim_last(messages, notes)
    if not messages or messages[0]["role"] != "user":
        messages.insert(0, {"role": "user", "content": [opening]})
        mapped(notes, "turns", "The first message must be the user's, so one was put in front.")


def _trim_last(messages: list[JsonObject], notes: list[Note]) -> None:
    """Take the white space from the end of a last text that the assistant is to continue."""
    last = messages[-1] if messages else {}
    blocks = last.get("content")
    if last.get("role") != "assistant" or type(blocks) is not list or blocks[-1].get("type", "text") != "text":
        return
    text = blocks[-1].get("text")
    if type(text) is str and text.rstrip() != text:
        blocks[-1]["text"] = text.rstrip()
        mapped(notes, "turns", "The last text of the assistant must not end in white space; it is sent without.")


class CallIds:
    """Ids of calls, for both the calls and their responses. ``unique``: each is there once, as the APIs demand. Some
    providers use one again in a later turn; a response belongs to the latest call of its id. Refused: an id of two
    calls at once, or of two responses to one call, because nobody can tell then which of them is meant."""

    def __init__(self, ids: IdMap, *, unique: bool) -> None:
        self._ids = ids
        self._waiting: set[str] = set()  # calls without a response so far
        self._unique = unique
        self._latest: dict[str, str] = {}
        self._used: set[str] = set()
        self._times: dict[str, int] = {}

    def of_call(self, call_id: str, field: str) -> str:
        """The id of a call that comes next."""
        if call_id in self._waiting:
            raise refusal(
                f"{field}.id", "An earlier call of a tool has the same id and no response yet; ids must differ."
            )
        self._waiting.add(call_id)
        found = self._ids.fit(call_id, field)
        while self._unique and found in self._used:
            times = self._times.get(call_id, 1) + 1
            self._times[call_id] = times
            found = self._ids.fit(f"{call_id}#{times}", field)  # no provider takes such an id, so a new one is made
        self._used.add(found)
        self._latest[call_id] = found
        return found

    def of_response(self, call_id: str, field: str) -> str:
        """The id that the latest call of ``call_id`` got."""
        if call_id in self._latest and call_id not in self._waiting:
            raise refusal(f"{field}.id", "The call of a tool with this id has a response already; it takes one.")
        self._waiting.discard(call_id)
        return self._latest.get(call_id) or self._ids.fit(call_id, field)
