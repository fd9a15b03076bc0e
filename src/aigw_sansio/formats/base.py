"""What every reader shares: the frame around one chunk, ends held back, tool calls numbered, usage merged.

Decides: that errors of the framing come before any reading, when a finish is shown, how fragments of tool calls
find their call, how far a provider's numbers are trusted. Must not know: any provider's format.

Bounded: of an answer only its open calls (at most ``OPEN_CALLS``, ids cut), its ends (at most ``CHOICES``) and its
last usage are kept, never its text.
"""

from typing import ClassVar, Final, Literal, TypeAlias

import msgspec

from ..bodies.chunk import Chunk
from ..events import (
    ProviderEvent,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    ToolCallDelta,
    ToolCallStarted,
    Unrecognised,
    UsageReported,
)
from .errors import any_error, embedded_error, framed_error, not_json
from .finish_reasons import map_reason
from .values import BROKEN, Object, arguments, parse, shape, word

#: Parallel answers that are told apart (OpenAI's ``n`` ends at 128).
CHOICES: Final = 128
#: Tool calls that can be open at once.
OPEN_CALLS: Final = 512
_LONGEST_ID: Final = 256

ToolKind: TypeAlias = Literal["function", "custom", "provider"]


class BaseReader:
    """A reader with everything but the format: subclasses give ``read_object`` and mostly ``whole_object``."""

    #: See :attr:`aigw_sansio.formats.registry.Reader.markers`.
    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"',)
    #: Whether the answer goes on behind what it failed with; no stream does, a session may.
    answering: bool = False

    def __init__(self) -> None:
        self.calls = ToolCalls()
        self._started = False
        self._failed = False
        self._ends: dict[int, str | None] = {}
        self._ended: set[int] = set()
        self._usage: UsageReported | None = None

    @property
    def markers(self) -> tuple[bytes, ...]:
        return self.MARKERS

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        if chunk.failed or chunk.event == "error":
            self._failed = True
            return [framed_error(chunk.data, chunk.event)]
        value = parse(chunk.data)
        out: list[ProviderEvent] = []
        if type(value) is dict:
            self.read_object(value, chunk.event, out)
        else:
            self.read_other(value, chunk, out)
        if out and type(out[-1]) is ResponseFailed:
            self._failed = True
        return out

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        value = parse(body)
        out: list[ProviderEvent] = []
        if type(value) is dict:
            found = embedded_error(value)
            if found is not None:
                return [found]
            self.whole_object(value, out)
        elif value is BROKEN:
            return [not_json(body)] if body.strip() else []
        else:
            self.whole_other(value, out)
        if out and type(out[-1]) is ResponseFailed:
            self._failed = True
        out.extend(self.finish())
        return out

    def finish(self) -> list[ProviderEvent]:
        out: list[ProviderEvent] = []
        if not self._failed:
            self.close(out)
        return out

    # -- for subclasses to give ------------------------------------------------------------------------------

    def read_object(self, value: Object, event: str, out: list[ProviderEvent]) -> None:
        """One chunk that is a JSON object."""
        raise LookupError  # pragma: no cover - every format gives its own

    def read_other(self, value: object, chunk: Chunk, out: list[ProviderEvent]) -> None:
        """One chunk that is no JSON object: the terminator, emptiness, a wrapped error, or nothing known."""
        data = chunk.data.strip()
        if not data or data == b"[DONE]":
            return
        found = any_error(value)
        out.append(found if found is not None else Unrecognised(shape(value)))

    def whole_object(self, value: Object, out: list[ProviderEvent]) -> None:
        """A whole answer that is a JSON object and no error."""
        self.read_object(value, "", out)

    def whole_other(self, value: object, out: list[ProviderEvent]) -> None:
        """A whole answer that is JSON and no object."""
        found = any_error(value)
        out.append(found if found is not None else Unrecognised(shape(value)))

    # -- for subclasses to use -------------------------------------------------------------------------------

    def start(self, id_: object, model: object, out: list[ProviderEvent]) -> None:
        """The answer begins, if it has not yet."""
        if not self._started:
            self._started = True
            out.append(ResponseStarted(word(id_), word(model)))

    def renew(self) -> None:
        """Another answer begins on the same connection: what was known of the last one is past."""
        self.calls.restart()
        self._started = self._failed = False
        self._ends.clear()
        self._ended.clear()
        self._usage = None

    def unknown(self, value: Object, out: list[ProviderEvent]) -> None:
        """Nothing explains ``value``: it is an error by its shape, or not recognised."""
        found = any_error(value)
        out.append(found if found is not None else Unrecognised(shape(value)))

    def end(self, choice: int, raw: str | None) -> None:
        """Choice ``choice`` ended for the reason ``raw``. Shown by :meth:`show_ends`; of several the last counts."""
        self._ends[choice] = raw

    def close(self, out: list[ProviderEvent]) -> None:
        """The transport ended and nothing failed: the ends held back, or one for an answer that named none."""
        if self._started and not self._ends and not self._ended:
            self._ends[0] = None
        self.show_ends(out)

    def show_ends(self, out: list[ProviderEvent]) -> None:
        """Show the ends held back: each choice ends once, whatever the provider repeats."""
        for choice, raw in sorted(self._ends.items()):
            if choice not in self._ended:
                self._ended.add(choice)
                out.append(self.finished(choice, raw))
        self._ends.clear()

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        """The end of one choice. Families in which calls do not show in the reason override it."""
        return ResponseFinished(map_reason(raw), raw, choice)

    def report(self, usage: UsageReported, out: list[ProviderEvent]) -> None:
        """Usage as far as the provider has said: what this report leaves open stays as it was."""
        merged = _sane(merge(self._usage, usage))
        if merged != self._usage:
            self._usage = merged
            out.append(merged)


def merge(old: UsageReported | None, new: UsageReported) -> UsageReported:
    """``new`` with the counts of ``old`` where ``new`` has none. The quality is that of ``new``."""
    if old is None:
        return new
    return UsageReported(
        old.input_tokens if new.input_tokens is None else new.input_tokens,
        old.output_tokens if new.output_tokens is None else new.output_tokens,
        old.cache_read_input_tokens if new.cache_read_input_tokens is None else new.cache_read_input_tokens,
        old.cache_creation_input_tokens if new.cache_creation_input_tokens is None else new.cache_creation_input_tokens,
        old.reasoning_output_tokens if new.reasoning_output_tokens is None else new.reasoning_output_tokens,
        old.input_audio_tokens if new.input_audio_tokens is None else new.input_audio_tokens,
        old.output_audio_tokens if new.output_audio_tokens is None else new.output_audio_tokens,
        new.quality,
    )


def _sane(usage: UsageReported) -> UsageReported:
    """A part never exceeds its whole. Some providers estimate the parts apart and contradict themselves."""
    read, written = usage.input_tokens, usage.output_tokens
    cached, created = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    if read is not None and cached + created > read:
        usage = msgspec.structs.replace(
            usage,
            cache_read_input_tokens=min(cached, read) if usage.cache_read_input_tokens is not None else None,
            cache_creation_input_tokens=max(0, read - cached)
            if usage.cache_creation_input_tokens is not None
            else None,
        )
    if written is not None and (usage.reasoning_output_tokens or 0) > written:
        usage = msgspec.structs.replace(usage, reasoning_output_tokens=written)
    return usage


class ToolCalls:
    """Numbers the tool calls of one answer and finds the call a fragment belongs to.

    A new call begins with an id that differs from the one open at its index, or with an id or a name where there
    is no index; what has neither continues the call last opened. So 13 calls that all claim index 0 stay apart
    (OpenRouter), and a call that repeats its id on each fragment stays one (TGI).
    """

    def __init__(self) -> None:
        self.count = 0
        self._open: dict[tuple[int, int], tuple[str | None, int]] = {}
        self._last: dict[int, tuple[str | None, int]] = {}

    def fragment(
        self,
        choice: int,
        index: int | None,
        id_: str | None,
        name: str | None,
        args: object,
        out: list[ProviderEvent],
        kind: ToolKind = "function",
    ) -> None:
        """One fragment as OpenAI's format writes it. ``args``: text, or an object that is the whole."""
        key = id_[:_LONGEST_ID] if id_ else None
        call: tuple[str | None, int] | None
        if index is None:
            call = self._last.get(choice)
            if call is not None and (key or name) and (name or key != call[0]):
                call = None
        else:
            call = self._open.get((choice, index))
            if call is not None and key and call[0] is not None and key != call[0]:
                call = None
        if call is None:
            call = self._begin(choice, index, key)
            out.append(ToolCallStarted(call[1], id_, name, choice, kind))
        piece = arguments(args)
        if piece:
            out.append(ToolCallDelta(call[1], piece, choice))

    def begin(
        self,
        index: int | None,
        id_: str | None,
        name: str | None,
        out: list[ProviderEvent],
        choice: int = 0,
        kind: ToolKind = "function",
    ) -> int:
        """A call that the format marks as new; its number."""
        call = self._begin(choice, index, id_[:_LONGEST_ID] if id_ else None)
        out.append(ToolCallStarted(call[1], id_, name, choice, kind))
        return call[1]

    def more(self, index: int, piece: str, out: list[ProviderEvent], choice: int = 0) -> None:
        """More arguments of the call open at ``index``; a call never announced is opened nameless."""
        if piece:
            call = self._open.get((choice, index))
            number = call[1] if call is not None else self.begin(index, None, None, out, choice)
            out.append(ToolCallDelta(number, piece, choice))

    def whole(
        self,
        id_: str | None,
        name: str | None,
        args: object,
        out: list[ProviderEvent],
        choice: int = 0,
        kind: ToolKind = "function",
    ) -> None:
        """A call that came in one piece."""
        number = self.begin(None, id_, name, out, choice, kind)
        piece = arguments(args)
        if piece:
            out.append(ToolCallDelta(number, piece, choice))

    def close(self, index: int, choice: int = 0) -> None:
        """The call at ``index`` is complete."""
        self._open.pop((choice, index), None)

    def restart(self) -> None:
        """Open calls are void. Numbers go on, so that none is used twice."""
        self._open.clear()
        self._last.clear()

    def _begin(self, choice: int, index: int | None, key: str | None) -> tuple[str | None, int]:
        call = (key, self.count)
        self.count += 1
        self._last[choice] = call
        if index is not None:
            if len(self._open) >= OPEN_CALLS:
                del self._open[next(iter(self._open))]
            self._open[choice, index] = call
        return call


def choice_of(value: object, position: int) -> int | None:
    """A choice's number: what it says, else where it stands; ``None`` for one beyond ``CHOICES``."""
    if value is None:
        value = position
    return value if type(value) is int and 0 <= value < CHOICES else None
