"""The usual shapes of turns: one text, calls with or without a text in front, results of one text each.

Decides: which turns have them. Must not know: any provider's format.

A turn of a usual shape is written without a note, so its writer needs no names of places, and looks at nothing that
only unusual parts have. What a function here does not return is written by the general way of the same writer, which
writes usual turns alike: ``tests/laws/test_usual_shapes.py`` holds that, with these functions returning nothing.
"""

from ..prompt import Text, ToolCall, ToolCallResponse, Turn


def usual_text(turn: Turn) -> str:
    """The text of a turn that is one text and says nothing else; else an empty one."""
    parts = turn.parts
    if len(parts) == 1 and turn.name is None and not turn.extra:
        part = parts[0]
        if type(part) is Text and part.cache is None and part.opaque is None and not part.extra:
            return part.text
    return ""


def usual_said(turn: Turn) -> tuple[str, list[ToolCall]] | None:
    """The text of an assistant's turn and its calls of functions behind it; either may be missing. ``None`` for a turn
    of another kind."""
    if turn.name is not None or turn.extra or not turn.parts:
        return None
    text = ""
    calls: list[ToolCall] = []
    for part in turn.parts:
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
    return text, calls


def usual_results(turn: Turn) -> list[tuple[ToolCallResponse, str]]:
    """The results of functions in a turn of tools, if each is one text, with their texts; else none."""
    results: list[tuple[ToolCallResponse, str]] = []
    if turn.name is not None or turn.extra:
        return results
    for part in turn.parts:
        if type(part) is not ToolCallResponse or part.custom or part.is_error or part.cache is not None or part.extra:
            return []
        response = part.response
        if len(response) != 1:
            return []
        inner = response[0]
        if type(inner) is not Text or inner.cache is not None or inner.opaque is not None or inner.extra:
            return []
        if not inner.text:
            return []
        results.append((part, inner.text))
    return results
