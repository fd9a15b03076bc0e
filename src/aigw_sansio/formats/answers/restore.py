"""Undoes in the answer what the translation of the request did to tools, and puts media in their place.

Decides: the client's own names of tools; which call is free text or structured output in disguise; which calls are
complete. Must not know: the format that is written.

A function that stands for a tool with free text is held until its arguments are complete, because the text stands in
their one property. Arguments of a function that stands for structured output are text, and no call.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from msgspec.structs import replace

from ...bodies.nesting import NestingScanner
from ...events import (
    AudioDelta,
    ImageDelta,
    ProviderEvent,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    ToolKind,
)
from ..media import Media
from ..values import obj, parse
from .base import AnswerContext
from .errors import BEGAN_AGAIN
from .kept import OBJECT, KeptText


@dataclass(frozen=True, slots=True)
class Audio:
    """An :class:`~aigw_sansio.events.AudioDelta` with its content."""

    media: Media
    transcript: str
    choice: int


@dataclass(frozen=True, slots=True)
class Image:
    """An :class:`~aigw_sansio.events.ImageDelta` with its content."""

    media: Media
    choice: int


#: What writers write: events, and media in place of the events that only tell sizes.
Piece: TypeAlias = ProviderEvent | Audio | Image

_NOTHING = Media()
#: What a call counts, here and in a writer: its state, its number and its id in their tables.
_CALL: Final = 2 * OBJECT


class _Call:
    """A call whose arguments are coming."""

    __slots__ = ("choice", "complete", "disguised", "kept", "kind", "scanner", "seen")

    def __init__(self, choice: int, kind: ToolKind, *, disguised: bool = False) -> None:
        self.choice = choice
        self.kind = kind
        #: Whether it stands for a tool with free text.
        self.disguised = disguised
        #: The arguments so far, if they are held.
        self.kept = KeptText() if disguised else None
        self.scanner: NestingScanner | None = None
        self.seen = False
        self.complete = False

    def follow(self, piece: str) -> None:
        """Look whether ``piece`` completes the document. Text that is no object or array never is known to."""
        if self.complete or self.kind == "custom":
            return
        if not self.seen:
            piece = piece.lstrip()
            if not piece:
                return
            self.seen = True
            self.scanner = NestingScanner() if piece[0] in "{[" else None
        if self.scanner is not None:
            self.complete = self.scanner.scan(piece.encode("utf-8", "replace"), 0) >= 0
            if self.complete:
                self.scanner = None


class Restorer:
    """Gives the pieces to be written for each event. Call :meth:`read` for each, in order."""

    def __init__(self, context: AnswerContext) -> None:
        self._names = context.tool_names
        self._custom = context.custom_tools
        self._output = context.output_tool
        self._calls: dict[int, _Call] = {}
        self._texts: dict[int, int] = {}  # calls that are text, and their choices
        self._asked: set[int] = set()  # choices with calls that the client must answer
        self._held = 0  # by the calls themselves, which are known to the end of the answer
        self._disguised: dict[int, KeptText] = {}

    @property
    def held(self) -> int:
        """Bytes of memory."""
        return self._held + sum(map(len, self._disguised.values())) if self._disguised else self._held

    def is_complete(self, call: int) -> bool:
        """Whether the arguments of ``call`` are known to be complete."""
        found = self._calls.get(call)
        return found is not None and found.complete

    def read(self, event: Piece) -> list[Piece]:
        """What ``event`` is for the client."""
        if type(event) is ToolCallDelta:
            return self._more(event)
        if type(event) is ToolCallStarted:
            return self._begin(event)
        if type(event) is ResponseFinished:
            return self._finish(event)
        if type(event) is ResponseStarted and event.restarted:
            return [BEGAN_AGAIN] if any(_is_open(call) for call in self._calls.values()) else []
        return [event]

    def _begin(self, event: ToolCallStarted) -> list[Piece]:
        name = event.name or ""
        self._held += _CALL + len(event.id or "")  # a writer keeps the ids
        if event.kind == "function" and self._output is not None and name == self._output:
            self._texts[event.call] = event.choice
            return []
        kind: ToolKind = "custom" if event.kind == "function" and name in self._custom else event.kind
        call = self._calls[event.call] = _Call(event.choice, event.kind, disguised=kind != event.kind)
        if call.kept is not None:
            self._disguised[event.call] = call.kept
        if kind != "provider":
            self._asked.add(event.choice)
        name = self._names.get(name, name)
        if name == (event.name or "") and kind == event.kind:
            return [event]
        return [replace(event, name=name, kind=kind)]

    def _more(self, event: ToolCallDelta) -> list[Piece]:
        if event.call in self._texts:
            return [TextDelta(event.arguments, self._texts[event.call])]
        call = self._calls.get(event.call)
        if call is None:
            return []
        call.follow(event.arguments)
        if not call.disguised:
            return [event]
        if call.kept is None:
            return []  # behind the end of its arguments
        call.kept.add(event.arguments)
        return self._release(event.call, call) if call.complete else []

    def _release(self, number: int, call: _Call) -> list[Piece]:
        """The text in the arguments of a function that stands for a tool with free text."""
        written = "" if call.kept is None else call.kept.take()
        call.kept = None
        self._disguised.pop(number, None)
        value = parse(written.encode("utf-8", "replace"))
        given = obj(value).get("input")
        text = given if type(given) is str and type(value) is dict and len(value) == 1 else written
        return [ToolCallDelta(number, text, call.choice)] if text else []

    def _finish(self, event: ResponseFinished) -> list[Piece]:
        out: list[Piece] = []
        for number, call in self._calls.items():
            if call.kept is not None and call.choice == event.choice:
                out += self._release(number, call)
        if event.reason == "tool_calls" and event.choice not in self._asked and event.choice in self._texts.values():
            event = ResponseFinished("stop", event.raw_reason, event.choice)
        return [*out, event]


def with_media(events: Iterable[ProviderEvent], media: Sequence[Media]) -> Iterator[Piece]:
    """``events`` with the media in place of those that tell only sizes. ``media`` may be too short, or empty."""
    found = iter(media)
    for event in events:
        if type(event) is AudioDelta:
            yield Audio(next(found, _NOTHING), event.transcript or "", event.choice)
        elif type(event) is ImageDelta:
            yield Image(next(found, _NOTHING), event.choice)
        else:
            yield event


def without_void_calls(events: Sequence[ProviderEvent]) -> Sequence[ProviderEvent]:
    """The events of a whole response without the calls that a restart of the provider made void."""
    if not any(type(event) is ResponseStarted and event.restarted for event in events):
        return events
    calls: dict[int, _Call] = {}
    void: set[int] = set()
    for event in events:
        if type(event) is ToolCallStarted:
            calls[event.call] = _Call(event.choice, event.kind)
        elif type(event) is ToolCallDelta and event.call in calls:
            calls[event.call].follow(event.arguments)
        elif type(event) is ResponseStarted and event.restarted:
            void.update(number for number, call in calls.items() if _is_open(call))
            calls.clear()
    return [
        event
        for event in events
        if not ((type(event) is ToolCallStarted or type(event) is ToolCallDelta) and event.call in void)
        and not (type(event) is ResponseStarted and event.restarted)
    ]


def first_failure(events: Iterable[ProviderEvent]) -> ResponseFailed | None:
    """The error that a whole response is, if it is one."""
    return next((event for event in events if type(event) is ResponseFailed), None)


def _is_open(call: _Call) -> bool:
    return call.kind != "provider" and not call.complete
