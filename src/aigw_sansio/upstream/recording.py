"""A response on its way to those who read it: all that has come, and who has read how far.

Decides: what is recorded of a response and for how long, when its provider is paused, and whether it is kept. Must not
know: why somebody reads it, and what its bytes mean; whoever reads it says whether it was good.

Theory of operation. A call has one recording, which is its handler, and the recording has readers: the request that
made the call, and those alike that joined it. Each reads at its own pace, from the beginning. While the recording may
be kept, nothing of it is dropped, so a reader that takes nothing holds nobody back: the provider is paused when all of
them are. A response that is too long to be kept is dropped as far as all have read it; then the slowest one decides.

Only a response of status 200 is for more than one. If it turns out otherwise, or there is none, the readers that joined
go and make their own calls, as if they had never read. Nobody waits for the end of a response, and nobody joins one
that a reader has found to be bad, even if others still hold it.

The end of one reader is nothing to the others. With the last one the call ends: it is released if somebody has read it
to its good end, else cancelled.

What a call uses is charged to the request that made it, once: by its exchange, or if that leaves and others know more
of the response, or will, by the call when it ends. Until then the call keeps its part of the quotas.
"""

from abc import ABC, abstractmethod
from typing import Final, Protocol

from ..effects import Keep, KeptResponse
from ..engine.services import Services
from ..events import UsageReported
from ..exchanges.source import Call, Placed, Source, Verdict
from ..faults import Denial, Fault
from ..ids import ConnId
from ..providers.cache_use import CacheUse
from ..providers.call import ProviderCall
from ..providers.redaction import redactor
from ..secret import Secret
from ..wires.heads import header_values
from ..wires.http import Headers
from .recordings import Recordings

#: The most that a reader is given at once, as bodies come from a socket.
_PIECE: Final = 64 * 1024
#: What stands for the connection of a response that was kept.
_KEPT: Final = Placed(ConnId(0), "cached", 0.0)
#: Fields of a head that are kept; of the others nobody knows whether they are still true. Names of requests tell the
#: provider which one it was.
_KEPT_FIELDS: Final = frozenset({b"content-type", b"content-disposition", b"request-id"})
_KEPT_ENDING: Final = b"-request-id"


class RecordingReader(Protocol):
    """A reader, as its recording sees it."""

    @property
    def read(self) -> int:
        """How many bytes of the body it has taken."""

    @property
    def paused(self) -> bool:
        """Whether it takes nothing more for now."""

    def advance(self, now: float) -> None:
        """Something more has come."""

    def activity(self, now: float) -> None:
        """The provider sent bytes that are no part of the body."""

    def replaced(self, now: float) -> None:
        """The call is placed again."""

    def diverge(self, now: float) -> None:
        """This response is not for all that read it: make a call of your own. It is no reader any more."""


class Recording(ABC):
    """What has come of a response. One that was kept has come as a whole."""

    __slots__ = ("come", "ended", "fault", "head", "lent", "placed", "sent")

    def __init__(self) -> None:
        self.placed: Placed | None = None
        #: The stored key in the request, if its provider has several.
        self.lent: Secret | None = None
        #: The transport took the whole request.
        self.sent = False
        self.head: tuple[int, Headers] | None = None
        #: How many bytes of the body have come.
        self.come = 0
        self.ended = False
        self.fault: Fault | None = None

    @property
    def added_keys(self) -> tuple[bytes, ...]:
        """All keys of the gateway's that went to the provider: a reader that joined may have been given others."""
        return ()

    @abstractmethod
    def piece(self, start: int) -> bytes:
        """Some of the body from byte ``start`` on, which has come and is not read by all. It is not empty."""

    @abstractmethod
    def reader_paused(self) -> None:
        """A reader was paused."""

    @abstractmethod
    def flow(self, now: float) -> None:
        """Something else has changed that may resume the provider: a reader was resumed, or joined."""

    @abstractmethod
    def judge(self, reader: RecordingReader, verdict: Verdict) -> None:
        """``reader`` says whether the response was good, and what it used."""

    @abstractmethod
    def withdraw(self, reader: RecordingReader, now: float, *, released: bool) -> None:
        """``reader`` takes nothing more. ``released``: it has read the response to its end."""


class KeptRecording(Recording):
    """The recording of a response that was kept. Its body is held once, however it is read."""

    __slots__ = ("_body", "_counted", "_services")

    def __init__(self, services: Services, kept: KeptResponse, *, counts: bool) -> None:
        """``counts``: nobody else has counted the memory of ``kept``; it is counted until the reader has left."""
        super().__init__()
        self.placed = _KEPT
        self.sent = self.ended = True
        self.head = 200, list(kept.headers)
        self.come = len(kept.body)
        self._services = services
        self._body = kept.body
        self._counted = self.come if counts else 0
        if counts:
            services.recorded_bytes += self.come
            services.grow(self.come)

    def piece(self, start: int) -> bytes:
        return self._body[start : start + _PIECE]

    def reader_paused(self) -> None:
        pass  # there is no provider

    def flow(self, now: float) -> None:
        pass  # as above

    def judge(self, reader: RecordingReader, verdict: Verdict) -> None:
        pass  # it is kept already, and costs nothing

    def withdraw(self, reader: RecordingReader, now: float, *, released: bool) -> None:
        self._body = b""
        self._services.recorded_bytes -= self._counted
        self._counted = 0


class RecordedCall(Recording):
    """A call and what has come of its response. Implements ``ResponseHandler``. Call ``add`` and ``start`` next."""

    __slots__ = (
        "_body",
        "_call",
        "_first",
        "_keeps",
        "_keys",
        "_known",
        "_maker",
        "_paused",
        "_quota",
        "_readers",
        "_recordings",
        "_released",
        "_services",
        "_use",
        "_used",
    )

    def __init__(self, services: Services, recordings: Recordings, request: ProviderCall, use: CacheUse) -> None:
        super().__init__()
        self._services = services
        self._recordings = recordings
        self._use = use
        self._keys = request.stored_keys
        self.lent = request.lent
        self._call: Call | None = None
        self._quota = request.quota
        self._maker: RecordingReader | None = None  # whose call it is, until it leaves
        self._known: UsageReported | None = None  # what that one has heard of
        self._used: UsageReported | None = None  # what all have heard of
        self._readers: list[RecordingReader] = []
        self._body = bytearray()  # from byte ``_first`` on: one buffer, as a provider may send it byte by byte
        self._first = 0
        self._keeps = True  # it is complete so far, and may be kept
        self._paused = False
        self._released = False

    def start(self, source: Source, request: ProviderCall, now: float, *, connect_timeout_s: float) -> None:
        """Send ``request``."""
        if self._use.shares and self._recordings.find(self._use.key) is None:
            self._recordings.add(self._use.key, self)
        self._call = source.open(request, self, connect_timeout_s=connect_timeout_s)
        self._call.start(now)

    def add(self, reader: RecordingReader) -> None:
        """``reader`` reads it from now on, the first one as who makes the call. Call its ``advance`` next, if the call
        has been started."""
        if self._call is None and not self._readers:
            self._maker = reader
        self._readers.append(reader)

    @property
    def readers(self) -> int:
        """How many read it."""
        return len(self._readers)

    # -- for readers --------------------------------------------------------------------------------------------

    @property
    def added_keys(self) -> tuple[bytes, ...]:
        if self.head is None and self._call is not None:
            return self._keys + self._call.added_keys
        return self._keys

    def piece(self, start: int) -> bytes:
        at = start - self._first
        with memoryview(self._body) as body:
            return bytes(body[at : at + _PIECE])

    def reader_paused(self) -> None:
        if self._holds_back and not self._paused and self._call is not None and self.placed is not None:
            self._paused = True
            self._call.pause()

    def flow(self, now: float) -> None:
        if self._holds_back:
            self.reader_paused()
        elif self._paused and self._call is not None:
            self._paused = False
            self._call.resume(now)

    @property
    def _holds_back(self) -> bool:
        """Whether its readers want its provider to be paused."""
        paused = [reader.paused for reader in self._readers]
        return bool(paused) and (all(paused) if self._keeps else any(paused))

    def judge(self, reader: RecordingReader, verdict: Verdict) -> None:
        self._used = _more(self._used, verdict.usage)
        if reader is self._maker:
            self._known = verdict.usage
        if verdict.good is False:
            self._recordings.remove(self._use.key, self)
        if not (verdict.good and self._keeps and self.head is not None):
            return
        self._keep_no_more()
        body = bytes(self._body)
        headers = tuple((name, value) for name, value in self.head[1] if _is_kept(name))
        if self._holds_a_key(body, headers):
            return
        use = self._use
        kept = KeptResponse(headers, body)
        self._services.keep(Keep(account=use.account, gateway=use.gateway, key=use.key, ttl_s=use.ttl_s, response=kept))

    def withdraw(self, reader: RecordingReader, now: float, *, released: bool) -> None:
        if reader not in self._readers:
            return
        self._readers.remove(reader)
        self._released |= released
        if reader is self._maker and (self._readers or self._used != self._known):
            self._maker = None
            if self._quota is not None:
                self._quota.hand_over()
        if self._readers:
            self._trim()
            self.flow(now)
            return
        self._close(now)
        call, self._call = self._call, None
        if call is None:
            return
        if self._released:
            call.release(now)
        else:
            call.cancel(now)

    # -- ResponseHandler ----------------------------------------------------------------------------------------

    def call_placed(self, placed: Placed, now: float) -> None:
        self.placed = placed
        self._tell(now)
        self.flow(now)

    def call_replaced(self, now: float) -> None:
        self.placed = None
        self.sent = self._paused = False
        for reader in tuple(self._readers):
            reader.replaced(now)

    def request_sent(self, now: float) -> None:
        self.sent = True
        self._tell(now)

    def response_activity(self, now: float) -> None:
        for reader in tuple(self._readers):
            reader.activity(now)

    def response_head(self, status: int, headers: Headers, now: float) -> None:
        self._keys = self.added_keys
        self.head = status, headers
        # What is coded cannot be searched for keys. Providers are asked for no coding.
        if status != 200 or header_values(headers, b"content-encoding"):
            self._only_for_the_first(now)
        self._tell(now)

    def response_body(self, data: bytes, now: float) -> None:
        self._body += data
        self.come += len(data)
        services = self._services
        services.recorded_bytes += len(data)
        limits = services.config.limits
        if self._keeps and (self.come > limits.cache_bytes or services.recorded_bytes > limits.recorded_bytes):
            self._keep_no_more()
        self._tell(now)
        self._trim()
        self.flow(now)

    def response_end(self, now: float) -> None:
        self._call = None
        self.ended = True
        self._tell(now)

    def response_failed(self, fault: Fault, now: float) -> None:
        self._call = None
        self.fault = fault
        if self.head is not None:
            self._keep_no_more()
        elif self._maker is None and isinstance(fault, Denial):  # it was about who has left
            self._for_nobody(now)
            return
        else:
            self._only_for_the_first(now)
        self._tell(now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _tell(self, now: float) -> None:
        for reader in tuple(self._readers):
            reader.advance(now)

    def _only_for_the_first(self, now: float) -> None:
        self._keep_no_more()
        joined = self._readers[1:]
        del self._readers[1:]
        for reader in joined:
            reader.diverge(now)

    def _for_nobody(self, now: float) -> None:
        readers, self._readers = self._readers, []
        self._close(now)
        for reader in readers:
            reader.diverge(now)

    def _close(self, now: float) -> None:
        """The last reader has gone: charge what the call has used, if nobody else does."""
        self._keep_no_more()
        self._services.recorded_bytes -= len(self._body)
        self._body = bytearray()
        if self._maker is None and self._quota is not None:
            self._quota.finish_call(self._used, now)

    def _keep_no_more(self) -> None:
        self._keeps = False
        self._recordings.remove(self._use.key, self)

    def _trim(self) -> None:
        """Nobody needs what all have read."""
        if self._keeps or not self._readers:
            return
        count = min(reader.read for reader in self._readers) - self._first
        if count > 0:
            del self._body[:count]
            self._first += count
            self._services.recorded_bytes -= count

    def _holds_a_key(self, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> bool:
        """Whether the provider quotes a key of the gateway's: it would be hidden from this client, but is kept for
        others."""
        if not self._keys:
            return False
        hide = redactor(self._keys).hide_whole
        return hide(body) != body or any(hide(value) != value for _, value in headers)


def _more(one: UsageReported | None, other: UsageReported | None) -> UsageReported | None:
    """The usage of which more was read: all read the same response."""
    if one is None or other is None:
        return one or other
    known = [
        (usage.quality == "final", (usage.input_tokens or 0) + (usage.output_tokens or 0)) for usage in (one, other)
    ]
    return other if known[1] > known[0] else one


def _is_kept(name: bytes) -> bool:
    return name in _KEPT_FIELDS or name.endswith(_KEPT_ENDING)
