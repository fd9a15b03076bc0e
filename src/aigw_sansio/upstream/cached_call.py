"""A call that may need no provider: the response was kept, or a call for one alike is running.

Decides: which of the two answers it, or whether it makes a call of its own, and how far it has read. Must not know:
what a response means, and who keeps it.
"""

from ..effects import Answer, LookUp
from ..engine.services import Services
from ..exchanges.source import ResponseHandler, Source, Verdict
from ..ids import AskId
from ..providers.cache_use import CacheUse, hit
from ..providers.call import ProviderCall
from .recording import KeptRecording, RecordedCall, Recording
from .recordings import Recordings


class CachedCall:
    """One request that uses the cache. Implements ``Call`` and ``RecordingReader``."""

    __slots__ = (
        "_ask", "_connect_timeout_s", "_gives", "_handler", "_has_placed", "_has_sent", "_head_given",
        "_joined", "_over", "_recording", "_recordings", "_request", "_services", "_source", "_use", "paused", "read",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        recordings: Recordings,
        source: Source,
        request: ProviderCall,
        use: CacheUse,
        handler: ResponseHandler,
        *,
        connect_timeout_s: float,
    ) -> None:
        self._services = services
        self._recordings = recordings
        self._source = source
        self._request = request
        self._use = use
        self._handler = handler
        self._connect_timeout_s = connect_timeout_s
        self._ask: AskId | None = None
        self._recording: Recording | None = None
        self._has_placed = self._has_sent = self._head_given = False
        self._gives = False
        self._joined = False  # the call is that of another request
        self._over = False  # the handler is told nothing more
        #: See ``RecordingReader``.
        self.paused = False
        self.read = 0

    # -- Call ---------------------------------------------------------------------------------------------------

    @property
    def added_keys(self) -> tuple[bytes, ...]:
        return () if self._recording is None else self._recording.added_keys

    def start(self, now: float) -> None:
        use = self._use
        if use.found is not None:
            self._begin(KeptRecording(self._services, use.found, counts=False), now)  # its memory is the request's
        elif use.looks_up:
            question = LookUp(use.account, use.gateway, use.key)
            within_s = self._services.config.timeouts.look_up_s
            self._ask = self._services.ask(question, self._answered, now, within_s=within_s)
        else:
            self._go(now)

    def pause(self) -> None:
        if not self.paused:
            self.paused = True
            if self._recording is not None:
                self._recording.reader_paused()

    def resume(self, now: float) -> None:
        if self.paused:
            self.paused = False
            recording = self._recording
            self.advance(now)
            if recording is not None:
                recording.flow(now)

    def cancel(self, now: float) -> None:
        self._end(now, released=False)

    def release(self, now: float) -> None:
        self._end(now, released=True)

    def settle(self, verdict: Verdict, now: float) -> None:
        if self._recording is not None:
            self._recording.judge(self, verdict)
            if self._over:
                self._end(now, released=verdict.good is True)

    # -- RecordingReader ----------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Give the handler what it does not have, as far as it is not paused."""
        recording, handler = self._recording, self._handler
        if recording is None or self._gives or self._over:
            return
        self._gives = True
        if not self._has_placed and (placed := recording.placed) is not None:
            self._has_placed = True
            if self._joined:
                placed = placed._replace(reach="joined", lent=recording.lent)
            handler.call_placed(placed, now)
        if not self._has_sent and recording.sent and self._goes_on():
            self._has_sent = True
            handler.request_sent(now)
        if not self._head_given and recording.head is not None and self._goes_on():
            self._head_given = True
            status, headers = recording.head
            handler.response_head(status, headers, now)
        while self._goes_on() and not self.paused and self.read < recording.come:
            data = recording.piece(self.read)
            self.read += len(data)
            handler.response_body(data, now)
        self._gives = False
        if not self._goes_on() or self.read < recording.come:
            return
        if recording.ended:
            self._over = True
            handler.response_end(now)
        elif recording.fault is not None:
            self._over = True
            handler.response_failed(recording.fault, now)

    def activity(self, now: float) -> None:
        if not self._over and self._has_placed:
            self._handler.response_activity(now)

    def replaced(self, now: float) -> None:
        self._has_sent = False
        if self._has_placed and not self._over:
            self._has_placed = False
            self._handler.call_replaced(now)

    def diverge(self, now: float) -> None:
        if self._over:
            return
        self._recording = None
        self._use = self._use.alone()
        self.replaced(now)
        self._go(now)

    def _goes_on(self) -> bool:
        """Whether the handler is still there. Whatever it is told may end it."""
        return not self._over

    # -- inside -------------------------------------------------------------------------------------------------

    def _answered(self, answer: Answer, now: float) -> None:
        self._ask = None
        services = self._services
        limits = services.config.limits
        found = hit(answer, limits)
        if found is not None and services.recorded_bytes + len(found.body) <= limits.recorded_bytes:
            self._begin(KeptRecording(services, found, counts=True), now)
        else:
            self._go(now)

    def _begin(self, recording: Recording, now: float) -> None:
        self._recording = recording
        self.advance(now)

    def _go(self, now: float) -> None:
        """Nothing was kept: join the call of a request alike, or make one."""
        running = self._recordings.find(self._use.key) if self._use.shares else None
        self._joined = running is not None
        if running is not None:
            running.add(self)
            self._begin(running, now)
            running.flow(now)
            return
        call = RecordedCall(self._services, self._recordings, self._request, self._use)
        call.add(self)
        self._recording = call
        call.start(self._source, self._request, now, connect_timeout_s=self._connect_timeout_s)

    def _end(self, now: float, *, released: bool) -> None:
        """The handler is told nothing more."""
        self._over = True
        if self._ask is not None:
            self._services.withdraw(self._ask)
            self._ask = None
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.withdraw(self, now, released=released)
