"""One attempt: one try of one step, from the call to the end of the response.

Decides: which timeout ends an attempt, that the format's own end ends it whatever the transport does (client protocol,
section 3.2, "How a stream ends"), and that its provider is paused while the client does not take the response. Must not
know: which attempt is next, and what the client is told.
"""

from typing import Final, Protocol

from ..bodies.chunk import Chunk
from ..config import Config
from ..engine.services import Services
from ..engine.timers import NO_TIMER
from ..engine.turns import EVENT_BYTES, PORTION_EVENTS
from ..events import AttemptConnected, AttemptEnded, AttemptFirstByte, AttemptStarted, UsageReported
from ..faults import Fault, FaultKind, Side
from ..providers.call import ProviderCall
from ..wires.http import Headers
from .own_parts import OwnParts, OwnReading
from .policy import Policy
from .record import NO_TIMES, ExchangeRecord, Times, used_of
from .response import ProviderResponse
from .retry import note_status
from .source import Call, Placed, Source, Verdict
from .states import ExchangeInput

#: Reasons to pause a provider: the messages of its exchange are queued; too much is held for the client; a turn did not
#: suffice for what it has sent; the host reviews what has come.
PAUSED_BY_QUEUE, PAUSED_BY_BUDGET, _PAUSED_BY_TURN, PAUSED_BY_REVIEW = 1, 2, 4, 8
_TAKES_NO_MORE = PAUSED_BY_QUEUE | PAUSED_BY_REVIEW  #: reasons of an owner that has been given chunks
_KEEPS = _TAKES_NO_MORE | _PAUSED_BY_TURN  #: while one of these holds, what comes is kept as it is
_WITHOUT_A_CALL: Final = ("cached", "joined")  #: how a response is reached that is another request's


class AttemptOwner(Protocol):
    """The exchange, as its attempt sees it. ``attempt_finished`` or ``attempt_failed`` is the last call."""

    def attempt_moved(self, event: ExchangeInput) -> None:
        """The attempt got a connection, sent its request, received a head, or is placed again."""

    def attempt_read(self, response: ProviderResponse, chunks: list[Chunk], now: float) -> None:
        """Chunks of ``response``, at least one."""

    def attempt_finished(self, chunks: list[Chunk], now: float) -> None:
        """The response is complete; ``chunks`` are the last of it. Its transport may not have ended."""

    def attempt_failed(self, fault: Fault, now: float) -> None:
        """The response failed. The call has been cancelled."""

    def attempt_buffered(self, now: float) -> None:
        """``buffered`` has changed."""


class Attempt:
    """Runs from ``start`` to ``close``. Implements ``ResponseHandler`` and ``Worker``."""

    __slots__ = (
        "_call", "_complete", "_config", "_event_id", "_first_byte_s", "_first_byte_timer", "_grace_timer", "_idle_s",
        "_idle_timer", "_judged", "_lent", "_log_id", "_number", "_open", "_owner", "_paused", "_pending_fault",
        "_placed", "_policy", "_reading", "_running", "_sent", "_services", "_session", "_source", "_started", "_step",
        "_turns", "buffered", "bytes_received", "cached", "response", "times", "used",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        source: Source,
        *,
        owner: AttemptOwner,
        call: ProviderCall,
        config: Config,
        policy: Policy,
        record: ExchangeRecord,
        step: int,
        number: int,
        last_resort: bool,
        paused: int,
        now: float,
        reading: OwnReading | None = None,
    ) -> None:
        """``number`` counts the attempts of the exchange from 1. A ``last_resort`` has no first-byte
        timeout but the operator's. ``paused``: the reasons that pause it from the start. ``reading``: how the response
        is read, if not in the usual way. Call ``start`` next."""
        self._services = services
        self._turns = services.turns
        self._source = source
        self._owner = owner
        self._call = call
        self._config = config
        self._policy = policy
        self._reading = reading
        self._session = record.caller.session
        self._event_id = record.event_id
        self._log_id = record.log_id
        self._step = step
        self._number = number
        self._first_byte_s = policy.first_byte_ceiling_s if last_resort else policy.first_byte_s
        self._idle_s = policy.idle_s
        self._paused = paused
        self._open = True
        self._placed = self._sent = False
        self._lent = call.lent  # the key that was sent
        self._complete = False  # the response is complete, but the client may not have taken all of it
        self._pending_fault: Fault | None = None  # the response failed, but the client may not have taken all of it
        self._started = now
        self._running: Call | None = None
        self._judged: Call | None = None  # it wants to know whether its response was good
        self._idle_timer = services.timers.timer(self._on_idle_timeout)
        self._first_byte_timer = self._grace_timer = NO_TIMER
        #: The response, once its head is in.
        self.response: ProviderResponse | None = None
        self.bytes_received = 0
        self.cached = False  #: its response is that of another request's call
        #: Bytes of the response that are held in memory.
        self.buffered = 0
        #: How long its parts took, as far as it came.
        self.times = NO_TIMES
        self.used: UsageReported | None = None  #: by its own call, as quotas count it; known when it is closed

    def start(self, now: float) -> None:
        """Open the call at the source."""
        call = self._call
        self._services.emit(
            AttemptStarted(
                log_id=self._log_id,
                step=self._step,
                attempt=self._number,
                provider=call.provider,
                host=call.origin.authority,
                target=call.request.target.partition(b"?")[0].decode("latin-1"),
                session=self._session,
                event_id=self._event_id,
            )
        )
        running = self._running = self._source.open(call, self, connect_timeout_s=self._policy.connect_s)
        self._judged = running if call.cache is not None else None
        running.start(now)

    def close(self, fault: Fault | None, now: float) -> None:
        """End the attempt. ``fault`` says why the response is not shown; ``None`` if it is. A call that still runs is
        released if the format's own end has come, else cancelled. Only the first call has an effect."""
        if not self._open:
            return
        self._open = False
        self._turns.withdraw(self)
        for timer in (self._first_byte_timer, self._idle_timer, self._grace_timer):
            timer.close()
        response, own = self.response, not self.cached
        self._services.emit(
            AttemptEnded(
                log_id=self._log_id,
                step=self._step,
                attempt=self._number,
                status=None if response is None else response.status,
                fault=fault,
                after_s=now - self._started,
                session=self._session,
                event_id=self._event_id,
                provider=self._call.provider,
            )
        )
        used = used_of(self._call, response, fault, sent=own and (self._sent or response is not None))
        self.used = used if own else None
        whole = response is not None and response.over and response.fault is None
        if self._judged is not None:
            judged, self._judged = self._judged, None
            judged.settle(Verdict(None, used) if response is None else response.verdict(fault, used), now)
        if response is not None:
            response.close()
        call, self._running = self._running, None
        if call is not None and whole:
            call.release(now)
        elif call is not None:
            call.cancel(now)

    # -- pausing ------------------------------------------------------------------------------------------------

    def pause(self, reason: int) -> None:
        """Pause the provider. Its timeouts are cancelled until it is resumed."""
        if not self._paused:
            self._first_byte_timer.cancel()
            self._idle_timer.cancel()
            self._grace_timer.cancel()
            if self._running is not None:
                self._running.pause()
        self._paused |= reason

    def resume(self, reason: int, now: float) -> None:
        """Resume the provider, unless another reason pauses it. May end the attempt."""
        if not self._paused & reason:
            return
        self._paused &= ~reason
        if not self._paused & _KEEPS:  # also if the budget is used up: only taking these bytes frees memory
            if self._turns.left <= 0 and self.response is not None:
                self._postpone()
                return
            self._drain(now)
        if self._paused or self._running is None or not self._open:  # _drain may have ended or paused it
            return
        if self._sent or self.response is not None:
            self._idle_timer.arm(now + self._idle_s)
        if self.response is not None:
            self._arm_grace(self.response, now)
        if self._placed and self.response is None:
            self._arm_first_byte(now)
        self._running.resume(now)

    # -- ResponseHandler ---------------------------------------------------------------------------------------------

    def call_placed(self, placed: Placed, now: float) -> None:
        self._placed = True
        self.cached = placed.reach in _WITHOUT_A_CALL
        self._lent = placed.lent if self.cached else self._call.lent
        self._owner.attempt_moved(ExchangeInput.PLACED)
        connect_s = placed.handshake_s if placed.reach == "dialled" else 0.0
        queue_s = max(0.0, now - self._started - connect_s)
        self.times = Times(queue_s, connect_s, None)
        self._services.emit(
            AttemptConnected(
                log_id=self._log_id,
                attempt=self._number,
                reach=placed.reach,
                conn=placed.conn,
                handshake_s=placed.handshake_s,
                session=self._session,
                event_id=self._event_id,
                queue_s=queue_s,
            )
        )
        if not self._paused:
            self._arm_first_byte(now)
        elif self._running is not None:
            self._running.pause()

    def call_replaced(self, now: float) -> None:
        self._first_byte_timer.cancel()
        self._idle_timer.cancel()
        self._placed = self._sent = self.cached = False
        self._owner.attempt_moved(ExchangeInput.REPLACED)

    def request_sent(self, now: float) -> None:
        self._sent = True
        if self.response is None and not self._paused:
            self._idle_timer.arm(now + self._idle_s)
        self._owner.attempt_moved(ExchangeInput.SENT)

    def response_activity(self, now: float) -> None:
        if not self._paused:
            self._idle_timer.arm(now + self._idle_s)

    def response_head(self, status: int, headers: Headers, now: float) -> None:
        # This move comes first: the lines below may fail the attempt, and the exchange then starts the next one.
        self._owner.attempt_moved(ExchangeInput.HEAD)
        self._first_byte_timer.cancel()
        self.times = self.times.with_head(now)
        self._services.emit(
            AttemptFirstByte(
                log_id=self._log_id,
                attempt=self._number,
                status=status,
                after_s=now - self._started,
                session=self._session,
                event_id=self._event_id,
            )
        )
        call = self._call
        note_status(self._services, call, self._lent, status, headers, now)
        self.response = ProviderResponse(
            status,
            headers,
            format=call.format,
            limits=self._config.limits,
            array_stream=call.array_stream,
            query=call.request.body,
            keys=call.stored_keys + (self._running.added_keys if self._running is not None else ()),
            own=None if self._reading is None else OwnParts(self._reading, self._log_id, self._services.emit),
            unreported=None if call.quota is None else call.quota.unreported,
        )
        if self.response.fault is not None:
            self._fail(self.response.fault, now)

    def response_body(self, data: bytes, now: float) -> None:
        self.bytes_received += len(data)
        if not self._paused:
            self._idle_timer.arm(now + self._idle_s)
            if self._turns.left > 0:
                self._drain(now, data)
                return
        keeps = self._paused & _KEEPS
        if keeps or self._turns.left <= 0:
            assert self.response is not None
            self.response.buffer(data)
            self._note_buffered(self.response, now)
            if not keeps:
                self._postpone()
        else:
            self._drain(now, data)

    def response_end(self, now: float) -> None:
        self._running = None  # a call that has ended must not be cancelled
        self._idle_timer.cancel()
        self._complete = True
        if not self._paused & _KEEPS:
            self._drain(now)

    def response_failed(self, fault: Fault, now: float) -> None:
        self._running = None  # a call that has ended must not be cancelled
        self._idle_timer.cancel()
        if self.response is None:
            self._fail(fault, now)
            return
        self._pending_fault = fault
        if not self._paused & _KEEPS:
            self._drain(now)

    # -- Worker -------------------------------------------------------------------------------------------------

    def proceed(self, now: float) -> None:
        self.resume(_PAUSED_BY_TURN, now)

    def _postpone(self) -> None:
        """The turn does not suffice for what has come: keep the rest, and pause the provider until it is read."""
        self.pause(_PAUSED_BY_TURN)
        self._turns.postpone(self)

    # -- inside -------------------------------------------------------------------------------------------------

    def _drain(self, now: float, data: bytes = b"") -> None:
        """Hand on the chunks that the response has with ``data``, until the exchange's queue is full, or the turn is
        over."""
        response = self.response
        if response is None:
            return
        while True:
            if chunks := response.next_chunks(data):
                self._turns.left -= len(chunks) * EVENT_BYTES
                self._owner.attempt_read(response, chunks, now)
                if not self._open:  # these chunks ended the exchange
                    return
            if response.notable and self._look(response, now):
                return
            if self._paused & _TAKES_NO_MORE:
                self._note_buffered(response, now)
                return
            if response.needs_data:
                break
            data = b""
            self._turns.left -= response.work
            if self._turns.left <= 0:
                self._postpone()
                self._note_buffered(response, now)
                return
        if self._complete:
            self._finish_response(response, now)
        elif self._pending_fault is not None:
            if not self._postpones_end(response, response.rest(), now):
                self._fail(self._pending_fault, now)
        elif response.buffered != self.buffered:
            self._turns.left -= max(0, self.buffered - response.buffered)  # a large chunk, which came in many reads
            self._note_buffered(response, now)

    def _postpones_end(self, response: ProviderResponse, rest: list[Chunk], now: float) -> bool:
        """Hand on ``rest``, chunks of an event without an end. Returns whether its other lines are for a later turn, or
        the attempt is over."""
        if rest:
            self._owner.attempt_read(response, rest, now)
        if self._open and response.unread:
            self._turns.left -= PORTION_EVENTS * EVENT_BYTES
            self._postpone()
            return True
        return not self._open

    def _look(self, response: ProviderResponse, now: float) -> bool:
        """Something else than chunks came. Returns whether the attempt is over."""
        response.notable = False
        if response.fault is not None:
            self._fail(response.fault, now)
        elif response.over:
            self._finish_response(response, now)
        else:
            self._arm_grace(response, now)
            return False
        return True

    def _finish_response(self, response: ProviderResponse, now: float) -> None:
        size = response.buffered
        if not response.is_stream and not self._turns.may_take(size):  # it is read as a whole
            self.pause(_PAUSED_BY_TURN)
            self._turns.postpone_alone(self)
            self._note_buffered(response, now)
            return
        rest = [] if response.over else response.finish()
        self._turns.left -= size
        if isinstance(rest, Fault):
            self._fail(rest, now)
        elif not response.unread or response.over:
            self._owner.attempt_finished(rest, now)
        else:
            self._postpones_end(response, rest, now)

    def _note_buffered(self, response: ProviderResponse, now: float) -> None:
        self.buffered = response.buffered
        self._owner.attempt_buffered(now)

    def _fail(self, fault: Fault, now: float) -> None:
        """The response failed, unless its format says that it had ended before."""
        if self.ended_well:
            self._owner.attempt_finished([], now)
            return
        self.close(fault, now)  # first: the owner may start the next attempt at once
        self._owner.attempt_failed(fault, now)

    def failed_by_part(self, now: float) -> bool:
        """Fail it, if the end of the response showed a bug in a part of the host's own. Returns whether it did."""
        broken = self.response.broken_part if self.response is not None else None
        if broken is None:
            return False
        self.close(broken, now)
        self._owner.attempt_failed(broken, now)
        return True

    @property
    def ended_well(self) -> bool:
        """Whether the response is complete by its format, however its transport ends."""
        return self.response is not None and self.response.is_stream and self.response.ended_well

    def _arm_first_byte(self, now: float) -> None:
        if self._first_byte_s is not None:
            timers, deadline = self._services.timers, now + self._first_byte_s
            self._first_byte_timer = timers.arm(self._first_byte_timer, self._on_first_byte_timeout, deadline)

    def _arm_grace(self, response: ProviderResponse, now: float) -> None:
        """Every choice has finished, so the response ends if nothing more comes; or it goes on after all."""
        if not response.finish_seen or not response.is_stream:
            self._grace_timer.cancel()
        elif not self._paused:
            deadline = now + self._config.timeouts.end_grace_s
            self._grace_timer = self._services.timers.arm(self._grace_timer, self._on_grace_over, deadline)

    def _on_grace_over(self, now: float) -> None:
        self._owner.attempt_finished([], now)

    def _on_first_byte_timeout(self, now: float) -> None:
        detail = f"no answer within {self._first_byte_s:g} s of the request"
        self._fail(Fault(FaultKind.FIRST_BYTE_TIMEOUT, Side.PROVIDER, detail, retryable=True), now)

    def _on_idle_timeout(self, now: float) -> None:
        detail = f"nothing came from the provider for {self._idle_s:g} s"
        self._fail(Fault(FaultKind.IDLE_TIMEOUT, Side.PROVIDER, detail, retryable=True), now)
