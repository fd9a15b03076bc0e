"""The base of all readers: error handling, held-back finish reasons, numbered tool calls, merged usage.

Decides: that errors of the framing are handled before a chunk is read, when a finish is reported, how fragments of tool
calls find their call, how far a provider's numbers are trusted. Must not know: any provider's format.

Memory is bounded: a reader keeps only the open calls of a response (at most ``OPEN_CALLS``, ids cut), its finish
reasons (at most ``CHOICES``) and its last usage, never its text.
"""

from typing import ClassVar, Final

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
from ..events import (
    ToolKind as ToolKind,
)
from .errors import any_error, embedded_error, framing_error, not_json
from .finish_reasons import map_reason
from .values import BROKEN, JsonObject, arguments, describe, parse, word

#: The most choices (parallel alternatives) in a response; OpenAI's ``n`` ends at 128.
CHOICES: Final = 128
#: The most tool calls that can be open at once.
OPEN_CALLS: Final = 512
_LONGEST_ID: Final = 256


#: The counts of a report.
COUNTS: Final = tuple(name for name in UsageReported.__struct_fields__ if name != "quality")


class BaseReader:
    """A :class:`.registry.Reader` without a format. Subclasses define ``read_object`` and usually
    ``read_whole_object``."""

    #: See :attr:`aigw_sansio.formats.registry.Reader.markers`.
    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"',)
    #: Whether the response goes on after a ``ResponseFailed``. A stream's never does, a realtime session's may.
    answering: bool = False

    def __init__(self) -> None:
        self.calls = ToolCalls()
        #: The format's own terminator has been read.
        self.terminated = False
        #: Whether the types of events stand in the framing's names only, not in their data.
        self.typed_by_name = False
        self._started = False
        self._failed = False
        self._ends: dict[int, str | None] = {}
        self._ended: set[int] = set()
        self._usage: UsageReported | None = None

    @property
    def markers(self) -> tuple[bytes, ...]:
        return (b"",) if self.typed_by_name else self.MARKERS

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        if chunk.failed or chunk.event == "error":
            self._failed = True
            return [framing_error(chunk.data, chunk.event)]
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
            self.read_whole_object(value, out)
        elif value is BROKEN:
            return [not_json(body)] if body.strip() else []
        else:
            self.read_whole_other(value, out)
        if out and type(out[-1]) is ResponseFailed:
            self._failed = True
        out.extend(self.finish())
        return out

    def finish(self) -> list[ProviderEvent]:
        out: list[ProviderEvent] = []
        if not self._failed:
            self.close(out)
        return out

    # -- defined by subclasses -------------------------------------------------------------------------------

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        """Read one chunk that is a JSON object. ``event``: its name from the framing, or ``""``. Appends to ``out``."""
        raise LookupError  # pragma: no cover - every format defines its own

    def read_other(self, value: object, chunk: Chunk, out: list[ProviderEvent]) -> None:
        """Read one chunk that is not a JSON object: the terminator, an empty one, an error, or something unknown."""
        data = chunk.data.strip()
        if not data or data == b"[DONE]":
            return
        found = any_error(value)
        out.append(found if found is not None else Unrecognised(describe(value)))

    def read_whole_object(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        """Read a whole response that is a JSON object and not an error."""
        self.read_object(value, "", out)

    def read_whole_other(self, value: object, out: list[ProviderEvent]) -> None:
        """Read a whole response that is JSON but not an object."""
        found = any_error(value)
        out.append(found if found is not None else Unrecognised(describe(value)))

    # -- used by subclasses ----------------------------------------------------------------------------------

    def start(self, id_: object, model: object, out: list[ProviderEvent]) -> None:
        """Report the start of the response, unless that was done."""
        if not self._started:
            self._started = True
            out.append(ResponseStarted(word(id_), word(model)))

    def renew(self) -> None:
        """Another response begins on the same connection: reset the state of the last one."""
        self.calls.restart()
        self.terminated = self._started = self._failed = False
        self._ends.clear()
        self._ended.clear()
        self._usage = None

    def unknown(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        """Report a ``value`` that the format does not define: an error if it looks like one, else unrecognised."""
        found = any_error(value)
        out.append(found if found is not None else Unrecognised(describe(value)))

    def end(self, choice: int, raw: str | None) -> None:
        """``choice`` finished for the reason ``raw``. :meth:`report_ends` reports it; if there are several, the last
        counts."""
        self._ends[choice] = raw

    def close(self, out: list[ProviderEvent]) -> None:
        """The transport ended without a failure: report the held-back finishes, or one finish if the response named
        none."""
        if self._started and not self._ends and not self._ended:
            self._ends[0] = None
        self.report_ends(out)

    def report_ends(self, out: list[ProviderEvent]) -> None:
        """Report the held-back finishes. Each choice finishes once, even if the provider repeats it."""
        for choice, raw in sorted(self._ends.items()):
            if choice not in self._ended:
                self._ended.add(choice)
                out.append(self.finished(choice, raw))
        self._ends.clear()

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        """The event for the finish of one choice. Formats whose reason does not tell of tool calls override it."""
        return ResponseFinished(map_reason(raw), raw, choice)

    def report(self, usage: UsageReported, out: list[ProviderEvent]) -> None:
        """Report the usage so far. Counts that ``usage`` leaves out keep their last value."""
        merged = _sane(merge_usage(self._usage, usage))
        if merged != self._usage:
            self._usage = merged
            out.append(merged)


def merge_usage(old: UsageReported | None, new: UsageReported) -> UsageReported:
    """``new``, with the counts of ``old`` for those that ``new`` leaves out. The quality is that of ``new``."""
    if old is None:
        return new
    counts: dict[str, int | float] = {}
    for name in COUNTS:
        known, told = getattr(old, name), getattr(new, name)
        if told is None:
            told = known
        if told is not None:
            counts[name] = told
    return UsageReported(**counts, quality=new.quality)  # type: ignore[arg-type]


def _sane(usage: UsageReported) -> UsageReported:
    """Limit each part to its whole: some providers estimate the parts separately and contradict themselves."""
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
    """Numbers the tool calls of one response and finds the call that a fragment belongs to.

    A new call begins with an id that differs from the one open at its index or, if there is no index, with an id or a
    name. A fragment with neither continues the last opened call. So 13 calls that all have index 0 stay separate
    (OpenRouter), and a call that repeats its id in each fragment stays one call (TGI).
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
        """Read one fragment in OpenAI's form. ``args``: text, or an object with all arguments."""
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
            out.append(ToolCallStarted(call[1], id_, name, choice=choice, kind=kind))
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
        """Begin a call that the format marks as new. Returns its number."""
        call = self._begin(choice, index, id_[:_LONGEST_ID] if id_ else None)
        out.append(ToolCallStarted(call[1], id_, name, choice=choice, kind=kind))
        return call[1]

    def more(self, index: int, piece: str, out: list[ProviderEvent], choice: int = 0) -> None:
        """More arguments for the call at ``index``. If none is open there, begin one without a name."""
        if piece:
            call = self._open.get((choice, index))
            number = call[1] if call is not None else self.begin(index, id_=None, name=None, out=out, choice=choice)
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
        """Report a call that came in one piece."""
        number = self.begin(None, id_, name, out, choice=choice, kind=kind)
        piece = arguments(args)
        if piece:
            out.append(ToolCallDelta(number, piece, choice))

    def close(self, index: int, choice: int = 0) -> None:
        """Close the call at ``index``: it is complete."""
        self._open.pop((choice, index), None)

    def restart(self) -> None:
        """Drop all open calls. Numbering goes on, so no number is used twice."""
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
    """A choice's number: its own index, else its position; ``None`` if that is ``CHOICES`` or more."""
    if value is None:
        value = position
    return value if type(value) is int and 0 <= value < CHOICES else None
