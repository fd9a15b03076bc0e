"""A plain conversation: texts of the user and the assistant, calls of functions, and one text as the result of each.

Decides: what is plain. Each result stands behind its call, in the order of the calls, and no two calls have the same
id. Must not know: any provider's format.

Most conversations are plain, and long ones are many messages. So one that is read as plain is written from its items,
without a :class:`~aigw_sansio.prompt.Turn` for each message, and without a look at what only other messages have. A
writer that has to note anything, or to put messages in another order, gives up (:class:`NotPlain`): then the request is
written in the general way, from :meth:`Plain.turns`. Both ways write the same:
``tests/laws/test_usual_shapes.py`` holds that.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal, TypeAlias, cast, final

import msgspec

from ...prompt import JsonObject, Part, Text, ToolCall, ToolCallResponse, Turn
from ..request_tools import Alphabet, NameMap
from ..values import parse_text

Said: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]


class _Item(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of the items. They are what Chat Completions write, so that ``msgspec`` reads such messages as items. Values
    are trees, so the garbage collector need not look at them."""


class Function(_Item, frozen=True):
    """What is called. ``arguments`` is the JSON text that the model wrote."""

    name: Said
    arguments: str


class Parsed(Function, frozen=True):
    """A function whose client wrote its arguments as an object."""

    given: JsonObject


class Call(_Item, frozen=True):
    """A call of a function."""

    id: Said
    function: Function
    type: Literal["function"] = "function"


@final
class Asked(_Item, frozen=True, tag_field="role", tag="user"):
    """What the user said."""

    text: Said = msgspec.field(name="content")


@final
class Answered(_Item, frozen=True, tag_field="role", tag="assistant"):
    """What the assistant said, and the calls behind it: one of both at least."""

    text: str | None = msgspec.field(name="content", default=None)
    calls: Sequence[Call] | None = msgspec.field(name="tool_calls", default=None)
    refusal: None = None


@final
class Result(_Item, frozen=True, tag_field="role", tag="tool"):
    """What a tool answered to the call ``id``."""

    id: Said = msgspec.field(name="tool_call_id")
    text: Said = msgspec.field(name="content")


Item: TypeAlias = Asked | Answered | Result


class NotPlain(Exception):
    """A target cannot be told this conversation item by item. The general way tells it."""


class Plain(msgspec.Struct, frozen=True):
    """A plain conversation. ``ids`` are those of all calls, in their order; ``names`` the tools that are called, each
    once; ``instructions`` those in front, of a format that has them among its messages. :func:`plain_of` makes it."""

    items: Sequence[Item]
    ids: Sequence[str]
    names: Sequence[str]
    instructions: Sequence[Text] = ()

    def turns(self) -> tuple[Turn, ...]:
        """The turns that these items are."""
        turns: list[Turn] = []
        called: Sequence[Call] = ()
        results: list[Part] = []
        for item in self.items:
            if type(item) is Result:
                call = called[len(results)].function
                results.append(ToolCallResponse(item.id, (Text(item.text),), call.name))
                if len(results) == len(called):
                    turns.append(Turn("tool", tuple(results)))
                    results = []
            elif type(item) is Asked:
                turns.append(Turn("user", (Text(item.text),)))
            else:
                called = item.calls or ()
                parts: list[Part] = [Text(item.text)] if item.text else []
                parts += [ToolCall(call.id, call.function.name, call.function.arguments) for call in called]
                turns.append(Turn("assistant", tuple(parts)))
        return tuple(turns)

    def names_in(self, names: NameMap) -> dict[str, str]:
        """What each name of a tool is sent as. Raises :class:`NotPlain` if one would have to be noted."""
        sent: dict[str, str] = {}
        for name in self.names:
            known = names.sent.get(name)
            if known is None:
                if not names.keeps(name):
                    raise NotPlain
                known = name
            sent[name] = known
        return sent

    def need_ids(self, alphabet: Alphabet) -> None:
        """Raises :class:`NotPlain` if ``alphabet`` does not take an id of a call."""
        ids = self.ids
        if not ids:
            return
        if alphabet.pattern:
            lines = "\n".join(ids) + "\n"
            if lines.count("\n") != len(ids) or _lines_of(alphabet.pattern).fullmatch(lines) is None:
                raise NotPlain
        elif max(map(len, ids)) > alphabet.size:
            raise NotPlain


@lru_cache(64)  # there are few alphabets
def _lines_of(pattern: str) -> re.Pattern[str]:
    return re.compile(f"(?:(?:{pattern})\n)+")


def plain_of(items: Sequence[object], instructions: Sequence[Text] = ()) -> Plain | None:
    """``items`` as a conversation, if they are :data:`Item` and each result stands where it must. ``instructions``:
    those in front of them."""
    ids: list[str] = []
    names: dict[str, None] = {}
    called: Sequence[Call] = ()
    left = 0  # the last ones of ``called`` that have no result yet
    for item in items:
        if type(item) is Result:
            if not left or called[-left].id != item.id:
                return None
            left -= 1
        elif left:
            return None
        elif type(item) is Answered:
            if item.calls:
                called = item.calls
                left = len(called)
                for call in called:
                    ids.append(call.id)
                    names[call.function.name] = None
            elif not item.text:
                return None
        elif type(item) is not Asked:
            return None
    if left or not items or len({*ids}) < len(ids):
        return None
    return Plain(items=cast("Sequence[Item]", items), ids=ids, names=tuple(names), instructions=instructions)


def arguments_of(function: Function) -> JsonObject:
    """The arguments as an object. Raises :class:`NotPlain` if they are none."""
    if type(function) is Parsed:
        return function.given
    given = parse_text(function.arguments)
    if type(given) is dict:
        return given
    if not function.arguments.strip():
        return {}
    raise NotPlain
