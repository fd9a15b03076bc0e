"""What writers share for providers whose requests have few members: Cohere, Ollama.

Decides: which tools go out as functions, and what becomes of a part that has no place, and of marks. Must not know: any
format.
"""

from collections.abc import Sequence

from ..prompt import (
    CustomTool,
    FunctionTool,
    Native,
    NativeTool,
    OutputFormat,
    Part,
    Prompt,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolCallResponse,
)
from .refusing import refusal
from .request_tools import as_function, dropped, mapped, place_of, shortened
from .translation import Note
from .usual import Looked


def functions_of(tools: Sequence[Tool], prompt: Prompt, notes: list[Note]) -> list[tuple[FunctionTool, str]]:
    """``tools``, which are some of those of ``prompt``, as functions, each with its place in the request. Refused: a
    tool that its vendor runs."""
    places = {} if tools is prompt.tools else {id(tool): at for at, tool in enumerate(prompt.tools)}
    found: list[tuple[FunctionTool, str]] = []
    for number, tool in enumerate(tools):
        field = f"tools[{places.get(id(tool), number)}]"
        if isinstance(tool, NativeTool):
            raise refusal(field, "Only the vendor that made it can run it.")
        found.append((as_function(tool, notes, field) if isinstance(tool, CustomTool) else tool, field))
    return found


def refusal_as_text(part: Refusal, notes: list[Note], field: str, target: str) -> str:
    """The text of ``part``, for a ``target`` that knows no refusals."""
    mapped(notes, field, f"{target} knows no refusals; it is sent as text.")
    return part.text


def unplaced(part: object, notes: list[Note], field: str, target: str) -> None:
    """``part`` has no place. What only its vendor understands is dropped, the rest is refused."""
    if isinstance(part, Native):
        dropped(notes, field, "Only the vendor that made it understands it.")
    elif isinstance(part, Reasoning | ToolCall | ToolCallResponse):
        raise refusal(field, "No such part belongs in a message of this role.")
    else:
        raise refusal(field, f"{target} takes no {type(part).__name__.lower()}.")


def schema_alone(output: OutputFormat, notes: list[Note], target: str) -> None:
    """Of ``output`` the ``target`` takes the schema alone."""
    for name in ("name", "description"):
        if getattr(output, name):
            dropped(notes, f"output.{name}", f"{target} takes the schema alone.")


def note_marks(prompt: Prompt, looked: Looked, notes: list[Note], target: str) -> None:
    """Note each mark for a cache, and each member that only one vendor defines, as dropped: for a target that has
    neither on parts, turns and tools. ``looked``: the turns."""
    why = f"{target} caches without marks, or not at all."
    for at, text in enumerate(prompt.instructions):
        if _is_marked(text):
            _note_mark(text, f"instructions[{at}]", notes, why)
    for at, turn in looked.unusual:
        for number, part in enumerate(turn.parts):
            if _is_marked(part):
                _note_mark(part, place_of(at, number), notes, why)
            if type(part) is ToolCallResponse:
                for inner, piece in enumerate(part.response):
                    if _is_marked(piece):
                        _note_mark(piece, f"{place_of(at, number)}.response[{inner}]", notes, why)
    for at, tool in enumerate(prompt.tools):
        if type(tool) is FunctionTool and (tool.cache is not None or tool.extra):
            _note_mark(tool, f"tools[{at}]", notes, why)


def _is_marked(part: Part) -> bool:
    """Whether ``part`` may have what :func:`_note_mark` notes."""
    if type(part) is Text or type(part) is ToolCall or type(part) is ToolCallResponse:
        return part.cache is not None or bool(part.extra)
    return True


def _note_mark(part: Part | Tool, field: str, notes: list[Note], why: str) -> None:
    if getattr(part, "cache", None) is not None:
        dropped(notes, f"{field}.cache", why)
    for name, value in getattr(part, "extra", {}).items():
        if value is not None:
            dropped(notes, f"{field}.extra.{shortened(name)}", "Only the vendor that defines it understands it.")
