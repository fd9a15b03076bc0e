"""One thing after another: puts pieces in an order in which no tool call is interrupted.

Decides: which pieces wait while the arguments of a call are coming. Must not know: the format that is written.

Chat Completions tell calls apart by an index, so their fragments may be mixed. The blocks of Anthropic Messages and the
items of OpenAI Responses come one after another: clients take what ends to be what began last. So while a call is not
known to be complete, everything else waits, each other call with its own fragments. Calls that the provider runs hold
nothing up.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ...events import (
    Citation,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from ..registry import FORMAT_ALIASES
from .kept import OBJECT
from .restore import Audio, Image, Piece, Restorer

#: Formats whose whole message has members in place of an order.
_UNORDERED: Final = frozenset(
    {"openai-chat", "openai-completions", "azure-ai-inference", "workers-ai", "tgi", "watsonx", "alephalpha"}
)


@dataclass(slots=True)
class _Waiting:
    """A piece that waits; a call with the fragments of its arguments."""

    piece: Piece
    fragments: list[ToolCallDelta] = field(default_factory=list)


class InOrder:
    """Put each piece in with :meth:`put`; write what it returns."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._open: int | None = None  # the call whose arguments are coming
        self._waiting: deque[_Waiting] = deque()
        self._by_call: dict[int, _Waiting] = {}
        #: Bytes of memory that wait.
        self.held = 0

    @property
    def waits(self) -> bool:
        """Whether what comes next must wait."""
        return self._open is not None

    def put(self, piece: Piece) -> list[Piece]:
        """The pieces that can be written now. A failure is written at once, and what waits is lost with it."""
        if type(piece) is UsageReported or type(piece) is ResponseFailed:
            return [piece]
        if type(piece) is ResponseFinished:
            return [*self._release(all_of_it=True), piece]
        if self._open is None:
            if type(piece) is ToolCallStarted and piece.kind != "provider":
                self._open = piece.call
            return [piece]
        if type(piece) is ToolCallDelta:
            if piece.call == self._open:
                if not self._restorer.is_complete(piece.call):
                    return [piece]
                return [piece, *self._release()]
            waiting = self._by_call.get(piece.call)
            if waiting is not None:
                waiting.fragments.append(piece)
                self.held += _size(piece)
                return []
            return [piece]  # of a call that the provider runs
        waiting = _Waiting(piece)
        self._waiting.append(waiting)
        if type(piece) is ToolCallStarted:
            self._by_call[piece.call] = waiting
        self.held += _size(piece)
        return []

    def _release(self, *, all_of_it: bool = False) -> list[Piece]:
        """What waits, up to the next call that is not complete; ``all_of_it`` if nothing more comes."""
        out: list[Piece] = []
        self._open = None
        while self._waiting and self._open is None:
            waiting = self._waiting.popleft()
            piece = waiting.piece
            out.append(piece)
            self.held -= _size(piece)
            if type(piece) is ToolCallStarted:
                self._by_call.pop(piece.call, None)
                out += waiting.fragments
                self.held -= sum(map(_size, waiting.fragments))
                if not all_of_it and piece.kind != "provider" and not self._restorer.is_complete(piece.call):
                    self._open = piece.call
        return out


def _size(piece: Piece) -> int:
    """What ``piece`` counts while it waits."""
    size = OBJECT
    if type(piece) is TextDelta or type(piece) is RefusalDelta:
        size += len(piece.text)
    elif type(piece) is ToolCallDelta:
        size += len(piece.arguments)
    elif type(piece) is ReasoningDelta:
        size += len(piece.text) + len(piece.signature or "")
    elif type(piece) is ToolCallStarted:
        size += len(piece.id or "") + len(piece.name or "") + len(piece.signature or "")
    elif type(piece) is Citation:
        size += len(piece.url or "") + len(piece.title or "") + len(piece.text or "")
    elif type(piece) is Audio or type(piece) is Image:
        size += len(piece.media.content) + len(piece.media.uri)
        size += len(piece.transcript) if type(piece) is Audio else 0
    return size


def in_natural_order(events: Sequence[ProviderEvent], source: str) -> Sequence[ProviderEvent]:
    """The events of a whole response: first what the model thought, then what it said and cites, then its calls. Only
    if the format of the response, ``source``, does not tell their order."""
    if FORMAT_ALIASES.get(source, source) not in _UNORDERED:
        return events
    return sorted(events, key=_rank)


def _rank(event: ProviderEvent) -> int:
    if type(event) is ResponseStarted:
        return 0
    if type(event) is ReasoningDelta:
        return 1
    if type(event) is Citation:
        return 3
    if type(event) is ToolCallStarted or type(event) is ToolCallDelta:
        return 4
    return 5 if type(event) is ResponseFinished or type(event) is UsageReported else 2
