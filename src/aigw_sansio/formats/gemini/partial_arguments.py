"""Gemini's function calls with arguments that arrive value by value.

Decides: how ``partialArgs`` (a JSON path and a value, or a piece of a string) become one JSON document. Must not
know: the rest of a chunk.

Source: Vertex AI, "Stream function call arguments". The closing, empty ``functionCall`` may be missing, so the next
call or the end also closes a call. Arguments cannot be reported while they grow, because later values may belong inside
earlier objects: they are reported once, when the call closes. Bounded: ``LARGEST`` characters for a call, paths of
``DEEPEST`` steps; larger values are left out.
"""

import re
from itertools import pairwise
from typing import Final

from ...events import ProviderEvent, ReasoningDelta, ToolCallDelta
from ..base import ToolCalls
from ..values import JsonObject, arguments, arr, obj, text, word

LARGEST: Final = 1 << 20
DEEPEST: Final = 32
_STEP: Final = r"\.([^.\[\]]+)|\[(\d{1,6})\]|\['([^']*)'\]"


class PartialArguments:
    """The open call, if there is one."""

    def __init__(self) -> None:
        self._call: tuple[int, int] | None = None
        self._root: JsonObject = {}
        self._size = 0

    def read(
        self, call: JsonObject, choice: int, calls: ToolCalls, out: list[ProviderEvent], signature: str | None = None
    ) -> None:
        """Read one ``functionCall``: a whole call, the start of one, a piece, or the close. ``signature``: that of the
        part in which it came."""
        name, pieces, goes_on = word(call.get("name")), arr(call.get("partialArgs")), call.get("willContinue") is True
        if name is not None:
            self.close(out)
            if not goes_on and not pieces:
                calls.whole(word(call.get("id")), name, call.get("args"), out, choice=choice, signature=signature)
                return
            self._call = (
                choice,
                calls.begin(None, word(call.get("id")), name, out, choice=choice, signature=signature),
            )
            signature = None
        if signature is not None:  # on a later piece of the call
            out.append(ReasoningDelta("", choice, signature))
        for piece in pieces:
            self._put(obj(piece))
        if not goes_on:
            self.close(out)

    def close(self, out: list[ProviderEvent]) -> None:
        """Close the open call and report its arguments."""
        if self._call is not None:
            choice, number = self._call
            if self._root:
                out.append(ToolCallDelta(number, arguments(_settle(self._root)), choice))
            self._call, self._root, self._size = None, {}, 0

    def _put(self, piece: JsonObject) -> None:
        path = text(piece.get("jsonPath"))
        steps = [int(m[2]) if m[2] else m[1] or m[3] or "" for m in re.finditer(_STEP, path[:1024])]
        value = _value(piece)
        self._size += len(path) + (len(value) if type(value) is str else 8)
        if self._call is None or not steps or len(steps) > DEEPEST or self._size > LARGEST:
            return
        at: object = self._root
        for step, after in pairwise(steps):
            at = _enter(at, step, [] if type(after) is int else {})
        _set(at, steps[-1], value)


def _value(piece: JsonObject) -> object:
    if "stringValue" in piece:
        return text(piece["stringValue"])
    return piece.get("numberValue", piece.get("boolValue"))


def _get(at: object, step: str | int) -> object:
    if type(at) is dict and type(step) is str:
        return at.get(step)
    if type(at) is list and type(step) is int and step < len(at):
        found: object = at[step]
        return found
    return None


def _enter(at: object, step: str | int, fresh: object) -> object:
    """The value at ``step``; ``fresh`` is put there if there is none. ``None`` if the path does not fit the
    document."""
    found = _get(at, step)
    if found is None:
        _set(at, step, fresh)
        found = _get(at, step)
    return found


def _set(at: object, step: str | int, value: object) -> None:
    if type(value) is str:  # a string grows in pieces, which are joined once
        grown = _get(at, step)
        if type(grown) is _Text:
            grown.pieces.append(value)
            return
        value = _Text(value)
    if type(at) is dict and type(step) is str:
        at[step] = value
    elif type(at) is list and type(step) is int:
        if step < len(at):
            at[step] = value
        elif step == len(at):
            at.append(value)


class _Text:
    def __init__(self, first: str) -> None:
        self.pieces = [first]


def _settle(value: object) -> object:
    if type(value) is dict:
        return {key: _settle(item) for key, item in value.items()}
    if type(value) is list:
        return [_settle(item) for item in value]
    if type(value) is _Text:
        return "".join(value.pieces)
    return value
