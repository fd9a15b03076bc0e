"""The usual shapes of turns: one text, calls with or without a text in front, results of one text each.

Decides: which turns have them. Must not know: any provider's format.

A writer looks at the turns once, here. A turn of a usual shape is written without a note, so its writer needs no names
of places, and looks for nothing that only unusual turns have: what is noted or refused is looked for in the others,
of which there are mostly none. The general way of each writer writes usual turns alike:
``tests/laws/test_usual_shapes.py`` holds that, with :func:`look_at` finding nothing usual.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from ..prompt import Part, Text, ToolCall, ToolCallResponse, Turn

#: The text of an assistant's turn, which may be empty, and its calls of functions behind it.
Calls: TypeAlias = tuple[str, list[ToolCall]]
#: The results of functions in a turn of tools, with their texts.
Results: TypeAlias = list[tuple[ToolCallResponse, str]]
#: A turn of the user or the assistant that is one text is that text.
Shape: TypeAlias = str | Calls | Results


class Looked(NamedTuple):
    """``shapes`` has one for each turn, ``None`` if it is unusual; ``unusual`` are these turns and their positions."""

    shapes: list[Shape | None]
    unusual: list[tuple[int, Turn]]


def look_at(turns: Sequence[Turn]) -> Looked:
    """What is usual of ``turns``. An instruction between them is not, nor is a turn that says nothing. Do not change
    the result."""
    if not turns:
        return _NO_TURNS
    shapes: list[Shape | None] = []
    unusual: list[tuple[int, Turn]] = []
    for at, turn in enumerate(turns):
        shape: Shape | None = None
        role, parts = turn.role, turn.parts
        if turn.name is not None or turn.extra or role == "system":
            pass
        elif role == "tool":
            shape = _results(parts)
        elif len(parts) == 1 and type(part := parts[0]) is Text:
            if part.cache is None and part.opaque is None and not part.extra:
                shape = part.text
        elif role == "assistant":
            shape = _calls(parts)
        if shape:
            shapes.append(shape)
        else:
            shapes.append(None)
            unusual.append((at, turn))
    return Looked(shapes, unusual)


_NO_TURNS: Final = Looked([], [])


def _calls(parts: Sequence[Part]) -> Calls | None:
    text = ""
    calls: list[ToolCall] = []
    for part in parts:
        if type(part) is ToolCall:
            if part.custom or part.cache is not None or part.opaque is not None or part.extra:
                return None
            calls.append(part)
        elif type(part) is not Text or text or calls or part.cache is not None or part.opaque is not None or part.extra:
            return None
        else:
            text = part.text
            if not text:
                return None
    return (text, calls) if calls else None


def _results(parts: Sequence[Part]) -> Results | None:
    results: Results = []
    for part in parts:
        if type(part) is not ToolCallResponse or part.custom or part.is_error or part.cache is not None or part.extra:
            return None
        response = part.response
        if len(response) != 1:
            return None
        inner = response[0]
        if type(inner) is not Text or inner.cache is not None or inner.opaque is not None or inner.extra:
            return None
        if not inner.text:
            return None
        results.append((part, inner.text))
    return results
