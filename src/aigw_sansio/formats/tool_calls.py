"""Tool calls put in order: fragments find their call, each call starts once and has one JSON document.

Decides: which call a fragment belongs to, when a call is told, which pieces of arguments are told. Must not know: any
provider's format.

Rules. A call begins with a name; it is told when its name is known, and what comes before that is held. An id names one
call; an id that differs, without a name, does not begin another (OCI changes it in each fragment). At one index another
name, or another id with a name, begins another call (OpenRouter: 13 calls at index 0). Without an index, a fragment
belongs to the call of its id, else to the last one, unless it has a name and that call is complete or has another. A
fragment without id and name at an index that is not open continues the last call (SGLang). Arguments that are ``{}`` or
``null`` are held: some servers announce a call with them and send the real ones afterwards. What comes after a complete
document is not told: it is a repetition, else ``Unrecognised``.

Memory is bounded: open calls by ``OPEN_CALLS``, ids and names are cut, held arguments by ``HELD`` in all.
"""

import zlib
from enum import IntEnum
from typing import Final, TypeVar

from ..bodies.nesting import NestingScanner
from ..events import ProviderEvent, ReasoningDelta, ToolCallDelta, ToolCallStarted, ToolKind, Unrecognised
from .values import arguments

#: The most tool calls that can be open at once.
OPEN_CALLS: Final = 512
#: The most characters of arguments that wait for the names of their calls.
HELD: Final = 65_536
_LONGEST_ID: Final = 256
_Key = TypeVar("_Key")
_PLACEHOLDERS: Final = frozenset({"{}", "{ }", "null"})


class _Stage(IntEnum):
    """How far the arguments of a call have come."""

    EMPTY = 0
    PLACEHOLDER = 1  #: only ``{}`` or ``null``, held
    OPEN = 2  #: inside a document
    TEXT = 3  #: free text, or no document that can be followed
    COMPLETE = 4


class _Call:
    __slots__ = (
        "choice", "crc", "held", "id", "key", "kind", "name", "number", "scanner", "signature", "size", "stage",
        "started",
    )  # fmt: skip

    def __init__(self, number: int, choice: int, id_: str | None, *, kind: ToolKind) -> None:
        self.number = number
        self.choice = choice
        self.id = id_
        self.key = id_[:_LONGEST_ID] if id_ else None
        self.name: str | None = None
        self.kind = kind
        self.signature: str | None = None
        self.started = False
        self.held = ""
        self.stage = _Stage.TEXT if kind == "custom" else _Stage.EMPTY
        self.scanner: NestingScanner | None = None
        self.size = self.crc = 0

    def take(self, piece: str, out: list[ProviderEvent]) -> str:
        """The part of ``piece`` that is to be told, now or with the name."""
        if self.stage is _Stage.TEXT:
            return piece
        plain = piece.strip()
        if not plain:
            return piece if self.stage is _Stage.OPEN else ""
        if self.stage < _Stage.OPEN:
            if plain in _PLACEHOLDERS:
                self.stage, self.held = _Stage.PLACEHOLDER, plain
                return ""
            self.held = ""
            if plain[0] not in "{[":
                self.stage = _Stage.TEXT
                return piece
            self.stage, self.scanner, piece = _Stage.OPEN, NestingScanner(), piece.lstrip()
        data = piece.encode("utf-8", "surrogatepass")
        if self.scanner is None:  # complete
            if len(data) != self.size or zlib.crc32(data) != self.crc:
                out.append(Unrecognised("arguments behind the end of a tool call's arguments"))
            return ""
        end = self.scanner.scan(data, 0)
        if end >= 0:
            self.stage, self.scanner = _Stage.COMPLETE, None
            if data[end:].strip():
                out.append(Unrecognised("arguments behind the end of a tool call's arguments"))
                data = data[:end]
                piece = data.decode("utf-8", "surrogatepass")
        self.size += len(data)
        self.crc = zlib.crc32(data, self.crc)
        return piece


class ToolCalls:
    """Numbers the tool calls of one response and finds the call that a fragment belongs to."""

    def __init__(self) -> None:
        #: How many calls there have been.
        self.count = 0
        self._open: dict[tuple[int, int], _Call] = {}
        self._by_id: dict[tuple[int, str], _Call] = {}
        self._last: dict[int, _Call] = {}
        self._waiting: dict[int, _Call] = {}  # not told, or with held arguments
        self._held = 0
        self._asked: dict[int, int] = {}  # by choice, how many calls the client must answer

    def asked(self, choice: int) -> bool:
        """Whether ``choice`` has a call that the client must answer."""
        return self._asked.get(choice, 0) > 0

    def fragment(
        self,
        choice: int,
        index: int | None,
        id_: str | None,
        name: str | None,
        args: object,
        out: list[ProviderEvent],
        kind: ToolKind = "function",
        signature: str | None = None,
    ) -> None:
        """Read one fragment in OpenAI's form. ``args``: text, or an object with all arguments."""
        piece = arguments(args)
        key = id_[:_LONGEST_ID] if id_ else None
        if index is None:
            call = self._find_unindexed(choice, key, name, piece)
        else:
            call = self._find(choice, index, key, name, piece)
        if call is None:
            call = self._begin(choice, index, id_, kind)
        self._tell(call, name, id_, signature, piece, out)

    def begin(
        self,
        index: int | None,
        id_: str | None,
        name: str | None,
        out: list[ProviderEvent],
        choice: int = 0,
        kind: ToolKind = "function",
        signature: str | None = None,
    ) -> int:
        """Begin a call that the format marks as new. Returns its number. If arguments of a call without a name came at
        ``index``, this is that call."""
        call = self._open.get((choice, index)) if index is not None else None
        if call is None or call.started:
            call = self._begin(choice, index, id_, kind)
        elif call.kind != kind:
            self._set_kind(call, kind)
        call.name = name
        call.id = id_ or call.id
        call.signature = signature or call.signature
        self._start(call, out)
        return call.number

    def more(self, index: int, piece: str, out: list[ProviderEvent], choice: int = 0) -> None:
        """More arguments for the call at ``index``. If none is open there, they wait for :meth:`begin`."""
        if piece:
            call = self._open.get((choice, index))
            if call is None:
                call = self._begin(choice, index, None, "function")
            self._tell(call, None, None, None, piece, out)

    def whole(
        self,
        id_: str | None,
        name: str | None,
        args: object,
        out: list[ProviderEvent],
        choice: int = 0,
        kind: ToolKind = "function",
        signature: str | None = None,
    ) -> None:
        """Report a call that came in one piece."""
        call = self._begin(choice, None, id_, kind)
        call.name, call.signature, call.stage = name, signature, _Stage.COMPLETE
        self._start(call, out)
        piece = arguments(args)
        if piece:
            out.append(ToolCallDelta(call.number, piece, choice))

    def is_waiting(self, index: int, choice: int = 0) -> bool:
        """Whether arguments at ``index`` wait for the name of their call."""
        call = self._open.get((choice, index))
        return call is not None and not call.started

    def is_told(self, index: int, choice: int = 0) -> bool:
        """Whether a call that has begun is open at ``index``."""
        call = self._open.get((choice, index))
        return call is not None and call.started

    def settle(self, index: int, out: list[ProviderEvent], choice: int = 0) -> None:
        """The arguments of the call at ``index`` are complete: tell those that were held as a placeholder."""
        call = self._open.get((choice, index))
        if call is not None and call.started:
            self._release(call, out)

    def close(self, index: int, choice: int = 0, out: list[ProviderEvent] | None = None) -> None:
        """Close the call at ``index``: it is complete. With ``out`` what was held of it is told now."""
        call = self._open.pop((choice, index), None)
        if call is not None and out is not None and call.number in self._waiting:
            self._start(call, out)
            self._release(call, out)

    def flush(self, out: list[ProviderEvent]) -> None:
        """Nothing more comes: tell what was held."""
        for call in sorted(self._waiting.values(), key=lambda call: call.number):
            self._start(call, out)
            self._release(call, out)

    def restart(self) -> None:
        """Drop all open calls. Numbering goes on, so no number is used twice."""
        for table in (self._open, self._by_id, self._last, self._waiting):
            table.clear()
        self._asked.clear()
        self._held = 0

    # -- which call ---------------------------------------------------------------------------------------------

    def _find(self, choice: int, index: int, key: str | None, name: str | None, piece: str) -> _Call | None:
        call = self._open.get((choice, index))
        if call is None:
            if name:
                return None
            call = self._by_id.get((choice, key)) if key else self._continued(choice, piece)
            if call is not None:
                self._open[choice, index] = call
            return call
        if not name or (key is not None and key == call.key):
            return call
        if call.name is None:
            return call
        if name != call.name:
            return None
        if key is None:
            return None if call.key is None and _begins_another(call, piece) else call
        # The same name: another id begins another call, unless the arguments of this one are under way.
        return None if call.key and call.stage is not _Stage.OPEN else call

    def _find_unindexed(self, choice: int, key: str | None, name: str | None, piece: str) -> _Call | None:
        if key:
            call = self._by_id.get((choice, key))
            if call is not None or name:
                return call
            return self._continued(choice, piece)
        if not name:
            return self._continued(choice, piece)
        call = self._last.get(choice)
        if call is None or (call.name is not None and call.name != name) or call.stage is _Stage.PLACEHOLDER:
            return None
        return None if _begins_another(call, piece) else call

    def _continued(self, choice: int, piece: str) -> _Call | None:
        """The last call, unless it is complete and ``piece`` says more."""
        call = self._last.get(choice)
        return None if call is None or _begins_another(call, piece) else call

    # -- what is told -------------------------------------------------------------------------------------------

    def _begin(self, choice: int, index: int | None, id_: str | None, kind: ToolKind) -> _Call:
        call = _Call(self.count, choice, id_, kind=kind)
        self.count += 1
        self._last[choice] = call
        self._waiting[call.number] = call
        if kind != "provider":
            self._asked[choice] = self._asked.get(choice, 0) + 1
        if index is not None:
            _make_room(self._open)
            self._open[choice, index] = call
        if call.key is not None:
            _make_room(self._by_id)
            self._by_id[choice, call.key] = call
        return call

    def _set_kind(self, call: _Call, kind: ToolKind) -> None:
        """The kind of a call is known only now."""
        asked = (kind != "provider") - (call.kind != "provider")
        call.kind = kind
        self._asked[call.choice] = self._asked.get(call.choice, 0) + asked

    def _tell(
        self,
        call: _Call,
        name: str | None,
        id_: str | None,
        signature: str | None,
        piece: str,
        out: list[ProviderEvent],
    ) -> None:
        if not call.started:
            call.id = call.id or id_
            call.signature = call.signature or signature
            if name:
                call.name = name
                self._start(call, out)
        elif signature:
            out.append(ReasoningDelta("", call.choice, signature=signature))
        if not piece:
            return
        piece = call.take(piece, out)
        if call.stage is _Stage.PLACEHOLDER:
            self._wait(call, out)
        elif not piece:
            return
        elif call.started:
            if call.number in self._waiting:
                del self._waiting[call.number]
            out.append(ToolCallDelta(call.number, piece, call.choice))
        else:
            call.held += piece
            self._held += len(piece)
            self._wait(call, out)

    def _wait(self, call: _Call, out: list[ProviderEvent]) -> None:
        self._waiting[call.number] = call
        if self._held > HELD or len(self._waiting) > OPEN_CALLS:
            self.flush(out)

    def _release(self, call: _Call, out: list[ProviderEvent]) -> None:
        """The arguments that were held as a placeholder are the real ones."""
        if call.stage is _Stage.PLACEHOLDER:
            del self._waiting[call.number]
            call.stage = _Stage.COMPLETE
            out.append(ToolCallDelta(call.number, call.held, call.choice))
            call.held = ""

    def _start(self, call: _Call, out: list[ProviderEvent]) -> None:
        """Tell that ``call`` began, unless that was done, and what was held for its name."""
        if call.started:
            return
        call.started = True
        out.append(
            ToolCallStarted(
                call.number, call.id, call.name, choice=call.choice, kind=call.kind, signature=call.signature
            )
        )
        if call.stage is not _Stage.PLACEHOLDER:
            del self._waiting[call.number]
            if call.held:
                self._held -= len(call.held)
                out.append(ToolCallDelta(call.number, call.held, call.choice))
                call.held = ""


def _begins_another(call: _Call, piece: str) -> bool:
    """Whether ``piece`` cannot belong to ``call``, because its arguments are complete."""
    return call.stage is _Stage.COMPLETE and not piece.isspace() and piece != ""


def _make_room(table: dict[_Key, _Call]) -> None:
    if len(table) >= OPEN_CALLS:
        del table[next(iter(table))]
