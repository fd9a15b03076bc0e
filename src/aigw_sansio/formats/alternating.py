"""Messages that alternate between the user and the assistant, as Anthropic and Bedrock Converse demand them.

Decides: which turns are one message; the order of messages, and of the blocks in them; which ids calls have; how a
conversation begins and ends. Must not know: how a part is written as a block.

Source: the errors of both APIs. The user begins; responses of tools stand first in the message behind their calls; the
last text of the assistant does not end in white space; an id of a call is there once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from ..prompt import JsonObject, Part, Reasoning, Text, ToolCall, ToolCallResponse, Turn
from .refusing import refusal
from .request_tools import IdMap, NameMap, Placed, arguments_object, mapped, place_of
from .translation import Note
from .usual import Looked, Shape
from .values import parse_text

#: What stands in front of a conversation that the assistant opens, because the first message must be the user's.
OPENING: Final = "(The assistant speaks first.)"
#: What a thought is moved before, and a call behind, if the client's format does not tell their order.
_ORDER: Final[dict[type[Part], int]] = {Reasoning: 0, ToolCall: 2}


class Group(msgspec.Struct, gc=False):
    """Neighbouring turns that are one message for the target. ``role`` is the target's word, ``turns`` are the turns
    and their positions. ``shape`` is that of the turn if it is one alone, and usual."""

    role: str
    turns: list[tuple[int, Turn]]
    shape: Shape | None

    def parts(self, *, responses_first: bool = False) -> list[Placed]:
        """The parts but empty texts. ``responses_first``: the responses of tools stand before all others, in their
        order (Anthropic, Bedrock)."""
        placed = [
            Placed(place_of(at, number), part)
            for at, turn in self.turns
            for number, part in enumerate(turn.parts)
            if type(part) is not Text or part.text or part.opaque is not None
        ]
        if responses_first:
            placed.sort(key=_is_no_response)
        return placed


def group_turns(turns: Sequence[Turn], looked: Looked, roles: Mapping[str, str]) -> list[Group]:
    """The messages for a target in which neighbouring messages have different roles.

    ``roles`` gives the target's word for each role of a turn; a role that is not in it keeps its own. Turns without
    anything but empty texts are left out. ``looked``: what is usual of the turns. Names of participants are not kept,
    see :func:`drop_names`.
    """
    groups: list[Group] = []
    last = ""
    shapes = looked.shapes
    for at, turn in enumerate(turns):
        shape = shapes[at]
        if shape is None and _says_nothing(turn):
            continue
        role = turn.role
        word = roles.get(role, role)
        if word == last:
            groups[-1].turns.append((at, turn))
            groups[-1].shape = None
        else:
            groups.append(Group(word, [(at, turn)], shape))
            last = word
    return groups


def _says_nothing(turn: Turn) -> bool:
    return all(type(part) is Text and not part.text and part.opaque is None for part in turn.parts)


def _is_no_response(placed: Placed) -> bool:
    return type(placed.part) is not ToolCallResponse


def thoughts_first(role: str, parts: list[Placed]) -> list[Placed]:
    """The parts of a message of ``role``; those of the assistant with thoughts in front and calls behind."""
    if role == "assistant":
        parts.sort(key=lambda placed: _ORDER.get(type(placed.part), 1))
    return parts


def join_last(messages: list[JsonObject], content: list[JsonObject]) -> None:
    """Add ``content`` to the last message, which has the same role: an empty message between them is gone."""
    blocks = messages[-1]["content"]
    if type(blocks) is list:
        blocks.extend(content)


def finish_messages(
    messages: list[JsonObject],
    notes: list[Note],
    *,
    joined: bool,
    is_response: Callable[[JsonObject], bool],
    opening: JsonObject,
) -> None:
    """Put the messages in order. ``joined``: :func:`join_last` joined some. ``is_response`` knows the block of a
    tool's response; ``opening`` is the block of :data:`OPENING`. A block with ``text`` is a text."""
    for message in messages if joined else ():  # two that became one may each have begun with responses
        blocks = message["content"]
        if type(blocks) is list:
            blocks.sort(key=lambda block: not is_response(block))
    finish_ends(messages, notes, opening)


def finish_ends(messages: list[JsonObject], notes: list[Note], opening: JsonObject) -> None:
    """The same for messages of which none was joined: their beginning and their end."""
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

    def keeps_call(self, call_id: str) -> bool:
        """Whether the call that comes next is sent with its own id. If so that is done, else use :meth:`of_call`."""
        if call_id in self._waiting or (self._unique and call_id in self._used) or not self._ids.keeps(call_id):
            return False
        self._waiting.add(call_id)
        self._used.add(call_id)
        self._latest[call_id] = call_id
        return True

    def of_call(self, call_id: str, field: str) -> str:
        """The id of a call that comes next."""
        if self.keeps_call(call_id):
            return call_id
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

    def known(self, call_id: str) -> str | None:
        """The id for the response that comes next, if a call of ``call_id`` waits for it. If not, use
        :meth:`of_response`."""
        if call_id not in self._waiting:
            return None
        self._waiting.discard(call_id)
        return self._latest[call_id]

    def of_response(self, call_id: str, field: str) -> str:
        """The id that the latest call of ``call_id`` got."""
        if call_id in self._latest and call_id not in self._waiting:
            raise refusal(f"{field}.id", "The call of a tool with this id has a response already; it takes one.")
        self._waiting.discard(call_id)
        return self._latest.get(call_id) or self._ids.fit(call_id, field)


def check_pairs(
    messages: Iterable[JsonObject], ids_of: Callable[[list[JsonObject]], tuple[list[str], list[str]]]
) -> None:
    """Refuse a conversation in which a call has no response in the next message, or a response no call before it: the
    provider would refuse it, and say so in positions that the client does not know. ``ids_of`` gives the ids of the
    calls in the blocks of a message, and those of the responses; a block with ``text`` is neither."""
    called: list[str] = []
    for message in messages:
        blocks = message["content"]
        if type(blocks) is not list or (len(blocks) == 1 and "text" in blocks[0]):
            if not called:
                continue
            calls, answered = _NO_IDS
        else:
            calls, answered = ids_of(blocks)
        if called != answered:
            if {*called} - {*answered}:
                raise refusal("turns", "A call of a tool has no response in the message behind it.")
            if {*answered} - {*called}:
                raise refusal("turns", "A response of a tool has no call in the message before it.")
        called = calls
    if called:
        raise refusal("turns", "The last call of a tool has no response.")


_NO_IDS: Final[tuple[list[str], list[str]]] = ([], [])


class Blocks(msgspec.Struct, frozen=True):
    """How a target writes a block: of a text, of a call (its id, name and arguments), of a response (its id and
    text)."""

    text: Callable[[str], JsonObject]
    call: Callable[[str, str, JsonObject], JsonObject]
    response: Callable[[str, str], JsonObject]


def usual_blocks(group: Group, blocks: Blocks, ids: CallIds, names: NameMap, notes: list[Note]) -> list[JsonObject]:
    """The blocks of a message of one usual turn, of which only ids, names and arguments may have to be noted; none if
    it is another."""
    shape = group.shape
    if type(shape) is str:
        return [] if shape.isspace() else [blocks.text(shape)]
    content: list[JsonObject] = []
    at = group.turns[0][0]
    if type(shape) is list:
        for _, text in shape:
            if text.isspace():
                return []
        for number, (result, text) in enumerate(shape):
            result_id = ids.known(result.id) or ids.of_response(result.id, place_of(at, number))
            content.append(blocks.response(result_id, text))
    elif type(shape) is tuple:
        text, calls = shape
        if text.isspace():
            return []
        if text:
            content.append(blocks.text(text))
        for number, call in enumerate(calls, len(content)):
            call_id, given = call.id, parse_text(call.arguments)
            if not ids.keeps_call(call_id):
                call_id = ids.of_call(call_id, place_of(at, number))
            name = names.sent.get(call.name) or names.fit(call.name, place_of(at, number))
            if type(given) is not dict:
                given = arguments_object(call, notes, place_of(at, number))
            content.append(blocks.call(call_id, name, given))
    return content
