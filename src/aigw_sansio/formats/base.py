"""The base of all readers: error handling, held-back finish reasons, the end of a format, merged usage.

Decides: that errors of the framing are handled before a chunk is read, when a finish is reported, whether the format's
own end has come, how far a provider's numbers are trusted. Must not know: any provider's format.

Memory is bounded: a reader keeps only the open calls of a response (:mod:`.tool_calls`), its choices and their finish
reasons (at most ``CHOICES``) and its last usage, never its text.
"""

from functools import cached_property
from typing import ClassVar, Final

import msgspec

from ..bodies.chunk import Chunk
from ..events import (
    ProviderEvent,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    Unrecognised,
    UsageReported,
)
from ..events import ToolKind as ToolKind
from .classify import is_content
from .errors import any_error, embedded_error, framing_error, not_json
from .finish_reasons import is_finish, map_reason
from .keep_alives import glued, is_done, is_keep_alive
from .tool_calls import ToolCalls as ToolCalls
from .totals import merge_usage, whole_usage
from .values import BROKEN, JsonObject, describe, parse, word

#: The most choices (parallel alternatives) in a response; OpenAI's ``n`` ends at 128.
CHOICES: Final = 128
#: None of them. Each empty set that is made takes 216 bytes.
NO_CHOICES: Final[frozenset[int]] = frozenset()
#: How often the short way to read text may be tried in vain.
_MOST_TRIES: Final = 8


class BaseReader:
    """A :class:`.reader.Reader` without a format. Subclasses define ``read_object`` and usually
    ``read_whole_object``.

    The end of a response. A format with a terminator sets ``terminated`` when it reads it; ``[DONE]``, in any spelling,
    is one in every format. A format whose finish is not the last that comes (usage may follow) reports it with
    :meth:`end`, which sets ``finish_seen`` once every choice known has its finish; content behind it, without another
    finish, takes that back.
    """

    #: See :attr:`aigw_sansio.formats.reader.Reader.markers`.
    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"',)
    #: Whether there is a short way to read a chunk that is text, :meth:`read_plain`.
    HAS_PLAIN: ClassVar[bool] = False
    #: Whether every stream is a generated response, so that one without any chunk still ends as ``unknown``.
    ALWAYS_ENDS: ClassVar[bool] = False
    #: Whether the response goes on after a ``ResponseFailed``. A stream's never does, a realtime session's may.
    responding: bool = False

    def __init__(self) -> None:
        #: See :class:`.reader.Reader`.
        self.terminated = False
        self.finish_seen = False
        #: Whether the types of events stand in the framing's names only, not in their data.
        self.typed_by_name = False
        self._started = False
        self._failed = False
        self._after_text = False
        self._tries = _MOST_TRIES if self.HAS_PLAIN else 0
        self._whole = False
        self._choices: dict[int, bool] = {}  # all that came, and whether they said anything
        self._ends: dict[int, str | None] = {}
        self._ended = NO_CHOICES
        self._usage: UsageReported | None = None

    @cached_property
    def calls(self) -> ToolCalls:
        """The tool calls of the response. Most have none."""
        return ToolCalls()

    @property
    def markers(self) -> tuple[bytes, ...]:
        return (b"",) if self.typed_by_name else self.MARKERS

    @property
    def complete(self) -> bool:
        return self.terminated or self.finish_seen

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        if self._after_text and not chunk.failed and chunk.event != "error":
            plain = self.read_plain(chunk.data)
            if plain:  # nearly every chunk of a stream: what follows says the same in more steps
                self.finish_seen = False
                return plain
            self._tries -= 1  # a stream in which it often fails is read in full
        told, self.finish_seen = self.finish_seen, False
        out: list[ProviderEvent] = []
        if chunk.failed or chunk.event == "error":
            self._read_suspect(chunk, out)
        else:
            value = parse(chunk.data)
            if type(value) is dict:
                self.read_object(value, chunk.event, out)
            else:
                self.read_other(value, chunk, out)
        if out and type(out[-1]) is ResponseFailed:
            self._failed = True
        if told and not self.finish_seen:
            self.finish_seen = not is_content(out)
        self._after_text = self._tries > 0 and bool(out) and type(out[0]) is TextDelta
        return out

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        self._whole = True
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
        self.terminated = not self._failed
        out.extend(self.finish())
        return out

    def finish(self) -> list[ProviderEvent]:
        out: list[ProviderEvent] = []
        if not self._failed:
            self.close(out)
        return out

    def read_plain(self, data: bytes) -> list[ProviderEvent]:
        """What a chunk behind one of text means, if it is text too (:mod:`.text_chunks`); empty if it has to be read in
        full."""
        return []

    # -- defined by subclasses -------------------------------------------------------------------------------

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        """Read one chunk that is a JSON object. ``event``: its name from the framing, or ``""``. Appends to ``out``."""
        self.unknown(value, out)

    def read_other(self, value: object, chunk: Chunk, out: list[ProviderEvent]) -> None:
        """Read one chunk that is not a JSON object: the terminator, an empty one, an error, or something unknown."""
        data = chunk.data.strip()
        if is_done(data):
            self.terminated = True
        elif is_keep_alive(data):
            return
        elif value is BROKEN and (mended := glued(data)) is not None:
            data, done = mended
            self.terminated = self.terminated or done
            value = parse(data)
            if type(value) is dict:
                self.read_object(value, chunk.event, out)
            elif data:
                out.append(Unrecognised(describe(value), unreadable=value is BROKEN))
        else:
            found = any_error(value)
            unreadable = value is BROKEN or type(value) is str
            out.append(found if found is not None else Unrecognised(describe(value), unreadable=unreadable))

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
        self.terminated = self.finish_seen = False
        self._started = self._failed = self._after_text = False
        self._choices.clear()
        self._ends.clear()
        self._ended = NO_CHOICES
        self._usage = None

    def unknown(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        """Report a ``value`` that the format does not define: an error if it looks like one, nothing if it is a ping,
        else unrecognised."""
        found = any_error(value)
        if found is not None:
            out.append(found)
        elif not is_keep_alive(value.get("type")):
            out.append(Unrecognised(describe(value)))

    def end(self, choice: int, raw: str | None) -> None:
        """``choice`` finished for the reason ``raw``. :meth:`report_ends` reports it; if there are several, the last
        counts. Words that mean "not yet" are ignored."""
        if is_finish(raw):
            self._ends[choice] = raw
            self.finish_seen = self._choices.keys() <= self._ends.keys() | self._ended

    def close(self, out: list[ProviderEvent]) -> None:
        """The transport ended without a failure: report the held-back finishes, and a finish for an unknown reason for
        each choice that named none."""
        for choice in self._choices:
            if choice not in self._ended:
                self._ends.setdefault(choice, None)
        if not self._ends and not self._ended and (self._started or (self.ALWAYS_ENDS and not self._whole)):
            self._ends[0] = None
        self.report_ends(out)

    def report_ends(self, out: list[ProviderEvent]) -> None:
        """Report the held-back finishes. Each choice finishes once, even if the provider repeats it."""
        self.calls.flush(out)
        for choice, raw in sorted(self._ends.items()):
            if choice not in self._ended:
                self._ended |= {choice}
                out.append(self.finished(choice, raw))
        self._ends.clear()

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        """The event for the finish of one choice: a ``stop`` beside calls that the client must answer is
        ``tool_calls``. Formats with other rules override it."""
        reason = map_reason(raw)
        if reason == "stop" and self.calls.asked(choice):
            reason = "tool_calls"
        return ResponseFinished(reason, raw, choice)

    def report(self, usage: UsageReported, out: list[ProviderEvent]) -> None:
        """Report the usage so far. Counts that ``usage`` leaves out, or that would fall, keep their last value."""
        old = self._usage
        merged = whole_usage(merge_usage(old, whole_usage(usage)))
        if merged == old or (
            old is not None
            and old.quality != merged.quality == "partial"
            and msgspec.structs.replace(merged, quality="final") == old
        ):
            return  # nothing new
        self._usage = merged
        out.append(merged)

    def _read_suspect(self, chunk: Chunk, out: list[ProviderEvent]) -> None:
        """Read a chunk that the framing calls an error. A JSON document between events is one only if it reads as one;
        the framing's own errors (AWS exceptions, ``event: error``) are always."""
        value = parse(chunk.data)
        name = chunk.event
        if name != "error" and any_error(value) is None:
            if type(value) is dict:
                self.read_object(value, name, out)
                if name in ("", "message") or any(type(event) is not Unrecognised for event in out):
                    return
                out.clear()
            elif not name:
                self.read_other(value, chunk, out)
                return
        out.append(framing_error(chunk.data, name))


def choice_of(value: object, position: int) -> int | None:
    """A choice's number: its own index, else its position; ``None`` if that is ``CHOICES`` or more."""
    if value is None:
        value = position
    return value if type(value) is int and 0 <= value < CHOICES else None
