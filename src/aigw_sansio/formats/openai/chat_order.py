"""The turns of a prompt in the order that Chat Completions demand.

Decides: that the results of calls stand directly behind the message that made them, and that neighbours of one role are
one message if the target wants it. Must not know: how a message is written.

"An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'": other
formats let other turns stand between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ...prompt import Role, ToolCall, ToolCallResponse, Turn
from ..request_tools import Placed, mapped, place_of
from ..translation import Note
from ..usual import Looked


@dataclass(frozen=True, slots=True)
class Message:
    """A turn, or neighbours that became one, with the place of each part. ``field`` is its own place."""

    role: Role
    parts: list[Placed]
    field: str
    name: str | None = None


def is_in_order(turns: Sequence[Turn], looked: Looked) -> bool:
    """Whether each turn is a message as it stands: every result is in one turn directly behind its call. So it nearly
    always is, and :func:`in_order` would give a message for each turn that is not empty. ``looked``: the turns."""
    for at, shape in enumerate(looked.shapes):
        if type(shape) is str or type(shape) is tuple:
            continue
        turn = turns[at]
        called: set[str] = set()
        if turn.role == "tool" and at:
            called = {part.id for part in turns[at - 1].parts if type(part) is ToolCall}
        for part in turn.parts:
            if type(part) is ToolCallResponse:
                if part.id not in called:
                    return False
            elif turn.role == "tool":
                return False
    return True


def message_of(at: int, turn: Turn) -> Message:
    """Turn ``at`` as a message."""
    return Message(turn.role, _placed(at, turn), f"turns[{at}]", name=turn.name)


def in_order(turns: Sequence[Turn], notes: list[Note]) -> list[Message]:
    """The messages, each result of a call directly behind it. What was moved is noted."""
    answers = _answers(turns)
    taken = {placed.field for results in answers.values() for placed in results}
    behind: set[str] = set()  # the results in the tool turns that already follow their call
    messages: list[Message] = []
    for at, turn in enumerate(turns):
        placed = [one for one in _placed(at, turn) if one.field not in taken]
        if placed:
            messages.append(Message(turn.role, placed, f"turns[{at}]", name=turn.name))
        results = answers.get(at)
        if results is None:
            continue
        messages.append(Message("tool", results, f"turns[{at}]"))
        behind.clear()
        for next_at in range(at + 1, len(turns)):
            if turns[next_at].role != "tool":
                break
            behind.update(one.field for one in _placed(next_at, turns[next_at]))
        for one in results:
            if one.field not in behind:
                mapped(notes, one.field, "The result of a call is sent directly behind it.")
    return messages


def _placed(at: int, turn: Turn) -> list[Placed]:
    return [Placed(place_of(at, number), part) for number, part in enumerate(turn.parts)]


def _answers(turns: Sequence[Turn]) -> dict[int, list[Placed]]:
    """By the number of a turn that calls tools: the results of its calls, in their order. An id may come again: a
    result is of the last call before it."""
    callers: dict[str, int] = {}
    answers: dict[int, list[Placed]] = {}
    for at, turn in enumerate(turns):
        for placed in _placed(at, turn):
            if isinstance(placed.part, ToolCall):
                callers[placed.part.id] = at
            elif isinstance(placed.part, ToolCallResponse) and placed.part.id in callers:
                answers.setdefault(callers[placed.part.id], []).append(placed)
    return answers


def alternating(messages: Sequence[Message], notes: list[Note], target: str) -> list[Message]:
    """``messages`` for a target in which user and assistant take turns, and instructions stand at the front alone."""
    joined: list[Message] = []
    for message in messages:
        role = message.role
        if role == "system":
            mapped(
                notes, message.field, f"{target} takes instructions at the front only; these are sent as the user's."
            )
            role = "user"
        if joined and joined[-1].role == role:
            joined[-1].parts.extend(message.parts)
        else:
            joined.append(Message(role, list(message.parts), message.field, name=message.name))
    return joined
