"""Calls readers and framings of the host's own, so that a bug in one costs one attempt and no more.

Decides: what happens when one raises, and that they keep to the limits of bodies. Must not know: what is checked of
events (:mod:`aigw_sansio.formats.promises`), providers, and which parts there are (:mod:`aigw_sansio.parts`).

A part that raises, or returns something else than it promised, fails the attempt with a fault of the kind ``INTERNAL``,
and the host gets a :class:`~aigw_sansio.events.PartFailed`. The part is not called again for this response. Only
``Exception`` is caught: what ends a program still does. Nothing here is on the path of the built-in formats.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol, TypeAlias

import msgspec

from ..bodies.chunk import PORTION_CHUNKS, BodyDecoder, Chunk
from ..bodies.framing import Framing
from ..config import Limits
from ..events import PartFailed, ProviderEvent
from ..faults import Fault, FaultKind, Side
from ..formats.promises import BrokenPromise, checked, checked_events, event_of, fault_of
from ..formats.reader import Reader
from ..formats.registry import make_reader

#: Makes a reader for one response.
ReaderMaker: TypeAlias = Callable[[], Reader]
#: Makes a decoder for one body.
DecoderMaker: TypeAlias = Callable[[], BodyDecoder]

#: So many calls of a decoder may pass in which it neither takes bytes nor returns a chunk.
_IDLE_CALLS: Final = 1000


class OwnFraming(NamedTuple):
    """How a body of some media type is divided: as ``framing`` says, or by the decoder that ``make`` makes, of which
    ``name`` tells."""

    framing: Framing | None
    name: str = ""
    make: DecoderMaker | None = None


class OwnReading(NamedTuple):
    """How the responses of one provider and format are read, as far as it is not the usual way: ``framings`` by media
    type, and ``reader``, ``None`` if the format is a built-in one."""

    framings: Mapping[str, OwnFraming]
    format: str = ""
    reader: ReaderMaker | None = None


class OwnParts:
    """The host's own parts at work in one response. Call :meth:`watch` once they are made, and :meth:`close` when the
    response is closed."""

    __slots__ = ("_emit", "_log_id", "_on_fault", "_reading", "fault")

    def __init__(self, reading: OwnReading, log_id: str, emit: Callable[[PartFailed], None]) -> None:
        self._reading = reading
        self._log_id = log_id
        self._emit = emit
        #: Why one of them is not called any more.
        self.fault: Fault | None = None
        self._on_fault: Callable[[Fault], None] | None = None

    def watch(self, on_fault: Callable[[Fault], None]) -> Fault | None:
        """Call ``on_fault`` once, if one of them fails. Returns the fault of one that could not even be made."""
        self._on_fault = on_fault
        return self.fault

    def close(self) -> None:
        """The response is closed. It may be what ``on_fault`` belongs to."""
        self._on_fault = None

    def framing(self, status: int, media_type: str | None) -> OwnFraming | None:
        """How a body of this type is divided; ``None``: in the usual way."""
        if not 200 <= status <= 299 or status in (204, 205) or media_type is None:
            return None
        return self._reading.framings.get(media_type)

    def reader(self, format: str) -> Reader:
        """A reader for one response in ``format``."""
        make = self._reading.reader
        return make_reader(format) if make is None else GuardedReader(self, f"reader of {self._reading.format}", make)

    def failed(self, part: str, error: Exception) -> Fault:
        """``part`` raised ``error``. Returns the fault of the attempt."""
        self._emit(event_of(self._log_id, part, error))
        fault = fault_of(part)
        if self.fault is None:
            self.fault = fault
            if self._on_fault is not None:
                self._on_fault(fault)
        return fault


class _UncheckedReader(Protocol):
    """A reader of which nothing is believed: its promises are checked one by one, compiled or not."""

    @property
    def markers(self) -> object: ...
    @property
    def terminated(self) -> object: ...
    @property
    def finish_seen(self) -> object: ...
    @property
    def complete(self) -> object: ...
    def read(self, chunk: Chunk) -> object: ...
    def read_whole(self, body: bytes) -> object: ...
    def finish(self) -> object: ...


class GuardedReader:
    """A :class:`~aigw_sansio.formats.reader.Reader` that calls one of the host's own. After a failure it reads nothing
    and has seen no end."""

    __slots__ = ("_inner", "_part", "_parts", "complete", "finish_seen", "markers", "terminated")

    def __init__(self, parts: OwnParts, part: str, make: ReaderMaker) -> None:
        self._parts = parts
        self._part = part
        self._inner: _UncheckedReader | None = None
        #: See :class:`~aigw_sansio.formats.reader.Reader`.
        self.markers: tuple[bytes, ...] = ()
        self.terminated = self.finish_seen = self.complete = False
        try:
            self._inner = make()
            self._look(self._inner)
        except Exception as error:
            self._fail(error)

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        return self._ask(lambda inner: inner.read(chunk))

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        return self._ask(lambda inner: inner.read_whole(body))

    def finish(self) -> list[ProviderEvent]:
        return self._ask(lambda inner: inner.finish())

    def _ask(self, ask: Callable[[_UncheckedReader], object]) -> list[ProviderEvent]:
        inner = self._inner
        if inner is None:
            return []
        try:
            events = checked_events(ask(inner))
            self._look(inner)
        except Exception as error:
            self._fail(error)
            return []
        return events

    def _fail(self, error: Exception) -> None:
        self._inner = None
        self.terminated = self.finish_seen = self.complete = False
        self._parts.failed(self._part, error)

    def _look(self, inner: _UncheckedReader) -> None:
        """Take over what it has seen: a property may raise as well."""
        markers = inner.markers
        if not isinstance(markers, tuple | list) or not all(type(marker) is bytes for marker in markers):
            raise BrokenPromise("its markers are no bytes")
        self.markers = tuple(markers)
        self.terminated = bool(inner.terminated)
        self.finish_seen = bool(inner.finish_seen)
        self.complete = bool(inner.complete)


class _UncheckedDecoder(Protocol):
    """A decoder of which nothing is believed, like :class:`_UncheckedReader`."""

    @property
    def fault(self) -> object: ...
    @property
    def buffered(self) -> object: ...
    @property
    def unread(self) -> object: ...
    def feed(self, data: bytes) -> object: ...
    def finish(self) -> object: ...


class GuardedDecoder:
    """A :class:`~aigw_sansio.bodies.chunk.BodyDecoder` that calls one of the host's own, which may return as many
    chunks as it likes. After a failure it returns nothing."""

    __slots__ = ("_ended", "_fault", "_held", "_idle", "_inner", "_limit", "_part", "_parts", "_rest", "_waiting")

    def __init__(self, parts: OwnParts, framing: OwnFraming, limits: Limits) -> None:
        self._parts = parts
        self._part = f"framing {framing.name}"
        self._limit = limits.chunk_bytes
        self._rest: deque[Chunk] = deque()  # chunks of later portions
        self._waiting = 0  # bytes of those
        self._held = 0  # bytes in the decoder
        self._idle = 0  # calls without bytes and without a chunk, one after the other
        self._ended = False
        self._fault: Fault | None = None
        self._inner: _UncheckedDecoder | None = None
        try:
            assert framing.make is not None
            self._inner = framing.make()
        except Exception as error:
            self._fault = parts.failed(self._part, error)

    @property
    def fault(self) -> Fault | None:
        """See :class:`~aigw_sansio.bodies.chunk.BodyDecoder`."""
        return None if self._rest else self._fault

    @property
    def buffered(self) -> int:
        """See :class:`~aigw_sansio.bodies.chunk.BodyDecoder`."""
        return self._held + self._waiting

    @property
    def unread(self) -> bool:
        """See :class:`~aigw_sansio.bodies.chunk.BodyDecoder`."""
        return bool(self._rest) or self._idle > 0

    def feed(self, data: bytes) -> list[Chunk]:
        """More of the body. Returns a portion of the chunks that it completes."""
        if data or not self._rest:
            self._call(lambda inner: inner.feed(data), took=bool(data))
        return self._portion()

    def finish(self) -> list[Chunk]:
        """The body ended. Returns a portion of the chunks that are left."""
        if not self._ended or (self._idle and not self._rest):
            self._call(lambda inner: inner.finish(), took=not self._ended)
            self._ended = True
        return self._portion()

    def _call(self, call: Callable[[_UncheckedDecoder], object], *, took: bool) -> None:
        inner = self._inner
        if inner is None:
            return
        try:
            chunks = _checked_chunks(call(inner))
            fault, held = inner.fault, inner.buffered
            if type(held) is not int or held < 0:
                raise BrokenPromise("buffered is no number of bytes")
            if fault is not None:
                if type(fault) is not Fault:
                    raise BrokenPromise("fault is none")
                self._fault = checked(fault, "fault")
            # what it still has to say is asked for again, as long as it does not stand still
            self._idle = 0 if not inner.unread else 1 if took or chunks else self._idle + 1
            if self._idle > _IDLE_CALLS:
                raise BrokenPromise("unread stays true, and nothing comes")
        except Exception as error:
            self._fault = self._parts.failed(self._part, error)
            self._inner, self._idle, self._held = None, 0, 0
            return
        self._keep(chunks, held)

    def _keep(self, chunks: list[Chunk], held: int) -> None:
        """Keep ``chunks`` for the next portions, up to one that is too large. ``held``: the bytes in the decoder."""
        fits = next((n for n, chunk in enumerate(chunks) if _size_of(chunk) > self._limit), len(chunks))
        self._rest.extend(chunks[:fits])
        self._waiting += sum(map(_size_of, chunks[:fits]))
        if fits < len(chunks) or (held > self._limit and self._fault is None):
            detail = f"a chunk of the provider's stream is longer than the {self._limit} bytes allowed"
            self._fault = Fault(FaultKind.BODY_TOO_LARGE, Side.PROVIDER, detail)
        if self._fault is not None:
            self._inner, self._idle = None, 0
            held = 0
        self._held = held

    def _portion(self) -> list[Chunk]:
        portion = [self._rest.popleft() for _ in range(min(len(self._rest), PORTION_CHUNKS))]
        self._waiting -= sum(map(_size_of, portion))
        return portion


def _size_of(chunk: Chunk) -> int:
    """What it counts: the name of its event came from the part, too."""
    return len(chunk.data) + len(chunk.event)


def _checked_chunks(chunks: object) -> list[Chunk]:
    if type(chunks) is not list or not all(type(chunk) is Chunk for chunk in chunks):
        raise BrokenPromise("it returned no list of chunks")
    for chunk in chunks:
        data, event, failed = msgspec.structs.astuple(chunk)
        if type(data) is not bytes or type(event) is not str or type(failed) is not bool:
            raise BrokenPromise("a chunk has a field of a wrong type")
        event.encode()  # raises for half of a surrogate pair
    return chunks
