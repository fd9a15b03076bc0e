"""One exchange: one ``eventId``, its steps and their attempts, until exactly one end.

Decides: what is tried next, when the client sees the first byte (the commit), and how the exchange ends (client
protocol, sections 3.2 and 3.3). Must not know: sockets, frames, other exchanges.
"""

from collections import deque
from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from ..bodies.chunk import Chunk
from ..dialects.universal.encoder import FinalResponse, UniversalEncoder
from ..dialects.universal.payload import as_response
from ..downstream.websocket import Ender
from ..engine.engine import Engine
from ..events import ExchangeEnded, ProviderEvent, RequestAdmitted, ResponseFailed, UsageReported
from ..faults import Fault, FaultKind, Side
from ..formats.classify import (
    CONTENT,
    ERROR,
    classify,
)
from ..fsm import Machine
from ..providers.call import ProviderCall
from ..upstream.pool import Pool
from .attempt import HOLD_BUDGET, HOLD_QUEUE, Attempt
from .policy import Policy
from .response import Answer
from .retry import is_retried, retry_after_s
from .states import EXCHANGE_TABLE, ExchangeInput, ExchangeState

Ending = Literal["created", "done", "error", "cancelled", "gone"]


class PlannedStep(NamedTuple):
    """A step that can run: the provider's call, and how often and how long it is tried."""

    call: ProviderCall
    policy: Policy


class ExchangeOwner(Protocol):
    """The session, as an exchange sees it."""

    @property
    def session_id(self) -> int:
        """Names the session in events."""

    def exchange_ended(self, exchange: "Exchange", now: float) -> None:
        """The exchange is over; its last messages may still wait."""


class ExchangeOutlet(Protocol):
    """The way to the client, shared with other exchanges."""

    def post(self, exchange: "Exchange", messages: list[bytes], now: float) -> None:
        """Send ``messages``, in turn with those of other exchanges."""

    def drop(self, exchange: "Exchange") -> None:
        """Forget the messages of ``exchange`` that have not been sent."""

    def account(self, delta: int) -> None:
        """``delta`` bytes more are held than before."""


class Exchange:
    """Runs from construction to ``ExchangeEnded``. Implements ``AttemptOwner``."""

    __slots__ = (
        "_attempt",
        "_backoff_timer",
        "_bytes_received",
        "_chunks",
        "_encoder",
        "_engine",
        "_held_bytes",
        "_held_messages",
        "_hold",
        "_last_answer",
        "_machine",
        "_outlet",
        "_owner",
        "_pool",
        "_started",
        "_steps",
        "_total_timer",
        "_tries",
        "footprint",
        "queue",
        "queued_bytes",
        "request_bytes",
    )

    def __init__(
        self,
        engine: Engine,
        pool: Pool,
        owner: ExchangeOwner,
        outlet: ExchangeOutlet,
        *,
        event_id: str,
        log_id: str,
        steps: Sequence[PlannedStep],
        request_bytes: int,
        now: float,
    ) -> None:
        """``request_bytes``: what the request keeps in memory. Call ``start`` next."""
        self._engine = engine
        self._pool = pool
        self._owner = owner
        self._outlet = outlet
        self._steps = steps
        self._tries = 0  # of the present step
        self._machine = Machine(EXCHANGE_TABLE, ExchangeState.PLACING)
        self._encoder = UniversalEncoder(engine, event_id, log_id, steps[0].policy.response)
        self._attempt: Attempt | None = None
        self._hold = 0
        self._held_messages: list[bytes] = []  # before the commit
        self._held_bytes = 0
        self._last_answer: FinalResponse | None = None
        self._chunks = 0
        self._bytes_received = 0
        self._started = now
        self._total_timer = engine.timers.timer(self._on_total_timeout)
        self._backoff_timer = engine.timers.timer(self._on_backoff_over)
        self.request_bytes = request_bytes
        #: Messages that wait for their turn. The session takes them.
        self.queue: deque[bytes] = deque()
        self.queued_bytes = 0
        #: What the session has on account for it: queue, held chunks, partial bodies.
        self.footprint = 0

    @property
    def event_id(self) -> str:
        """The client's name for it."""
        return self._encoder.event_id

    @property
    def log_id(self) -> str:
        """The gateway's name for it."""
        return self._encoder.log_id

    @property
    def state(self) -> ExchangeState:
        """Where it stands."""
        return self._machine.state

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._machine.state is ExchangeState.ENDED

    def start(self, now: float) -> None:
        """Try the first step."""
        self._engine.emit(RequestAdmitted(self._owner.session_id, self.event_id, self.log_id, len(self._steps)))
        total = self._steps[0].policy.total_s
        if total is not None:
            self._total_timer.arm(now + total)
        self._try(now)

    def cancel(self, how: Literal["cancelled", "gone"], by: Ender, fault: Fault, now: float) -> None:
        """The one way to stop it from outside: the client's message, its leaving, shutdown. No effect once ended."""
        if self.ended:
            return
        self._outlet.drop(self)
        self._end(how, by, fault, [self._encoder.cancelled(self._answer)] if how == "cancelled" else [], now)

    def cut(self, fault: Fault, now: float) -> None:
        """End it from our side, whatever it is doing, and say why. No effect once ended."""
        if self._machine.state is ExchangeState.STREAMING:
            self._end("error", "gateway", fault, [self._encoder.error(self._shown_answer, fault)], now)
        elif not self.ended:
            self._end("created", "gateway", fault, [self._encoder.refused(fault)], now)

    # -- holding back -------------------------------------------------------------------------------------------

    def hold_for_queue(self) -> None:
        """Its own messages wait for the client: no more of them for now."""
        self._set_hold(HOLD_QUEUE)

    def hold_for_budget(self) -> None:
        """The session holds too much."""
        self._set_hold(HOLD_BUDGET)

    def release_queue(self, now: float) -> None:
        """Its own messages have gone down to a quarter. May end the exchange."""
        self._clear_hold(HOLD_QUEUE, now)

    def release_budget(self, now: float) -> None:
        """The session has room again. May end the exchange."""
        self._clear_hold(HOLD_BUDGET, now)

    @property
    def held_for_queue(self) -> bool:
        """Whether its provider waits for the client."""
        return bool(self._hold & HOLD_QUEUE)

    @property
    def collecting(self) -> bool:
        """Whether it holds part of an answer that the client cannot have yet."""
        return self._machine.state is ExchangeState.READING

    def _set_hold(self, reason: int) -> None:
        self._hold |= reason
        if self._attempt is not None:
            self._attempt.hold(reason)

    def _clear_hold(self, reason: int, now: float) -> None:
        self._hold &= ~reason
        if self._attempt is not None:
            self._attempt.release(reason, now)

    # -- attempts -----------------------------------------------------------------------------------------------

    @property
    def _answer(self) -> Answer | None:
        return self._attempt.answer if self._attempt is not None else None

    @property
    def _shown_answer(self) -> Answer:
        """The answer of the attempt under way, which has a head."""
        answer = self._answer
        assert answer is not None
        return answer

    def _try(self, now: float) -> None:
        encoder = self._encoder
        planned = self._steps[encoder.step]
        policy = planned.policy
        self._tries += 1
        encoder.attempts += 1
        # Where retries were asked for, the last attempt of the last step waits without limit for its first byte.
        last = policy.attempts > 1 and self._tries >= policy.attempts and encoder.step == len(self._steps) - 1
        self._attempt = Attempt(
            self._engine,
            self._pool,
            self,
            planned.call,
            policy,
            log_id=self.log_id,
            step=encoder.step,
            number=encoder.attempts,
            last_resort=last,
            hold=self._hold,
            now=now,
        )
        self._attempt.start(now)

    def attempt_moved(self, event: ExchangeInput) -> None:
        self._machine.fire(event)

    def attempt_accounts(self, now: float) -> None:
        self._account()

    def attempt_read(self, answer: Answer, chunks: list[Chunk], now: float) -> None:
        if self._machine.state is not ExchangeState.STREAMING:
            self._hold_until_commit(answer, chunks, now)
            return
        self._chunks += len(chunks)
        messages, failed = self._encoder.chunks(answer, chunks)
        if failed is None:
            self._outlet.post(self, messages, now)  # all that one read held at once
        else:
            fault = Fault(FaultKind.PROVIDER_ERROR, Side.PROVIDER, failed.message)
            messages.append(self._encoder.error(answer, fault))
            self._end("error", "provider", fault, messages, now)

    def _hold_until_commit(self, answer: Answer, chunks: list[Chunk], now: float) -> None:
        """The client sees nothing before the first chunk with content."""
        for index, received in enumerate(chunks):
            chunk = answer.cleared(received)
            events = answer.read(chunk)
            weight = classify(events)
            if weight is ERROR:
                self._first_content_error(chunk, events, now)
                return
            messages = self._encoder.chunk(answer, chunk, events)
            self._held_messages += messages
            self._held_bytes += sum(map(len, messages))
            self._chunks += 1
            if weight is CONTENT or self._held_bytes > self._engine.config.limits.held_bytes:
                self._commit(now)
                if index + 1 < len(chunks):
                    self.attempt_read(answer, chunks[index + 1 :], now)
                return
        self._account()

    def _commit(self, now: float) -> None:
        """From here the client sees this answer and no other."""
        self._machine.fire(ExchangeInput.COMMIT)
        answer = self._shown_answer
        held, self._held_messages, self._held_bytes = self._held_messages, [], 0
        self._outlet.post(self, [self._encoder.commit(answer), *held], now)
        self._account()

    def _first_content_error(self, chunk: Chunk, events: list[ProviderEvent], now: float) -> None:
        """A stream that begins with an error is a failed attempt."""
        assert self._attempt is not None
        text, base64 = as_response(chunk.data)
        self._last_answer = FinalResponse(self._encoder.step, 502, self._shown_answer.content_type, text, base64)
        said = next((event.message for event in events if type(event) is ResponseFailed), "")
        fault = Fault(FaultKind.PROVIDER_ERROR, Side.PROVIDER, said, retryable=True)
        self._attempt.end(fault, now)
        self.attempt_failed(fault, now)

    # -- the end of an answer -----------------------------------------------------------------------------------

    def attempt_finished(self, chunks: list[Chunk], now: float) -> None:
        attempt = self._attempt
        assert attempt is not None
        answer = self._shown_answer
        if not answer.is_stream:
            self._finish_whole(answer, chunks[0].data if chunks else b"", now)
            return
        if chunks:
            self.attempt_read(answer, chunks, now)
            if self.ended or self._attempt is not attempt:
                return
        if self._machine.state is not ExchangeState.STREAMING:
            self._commit(now)
        messages = self._encoder.meaning(answer.read_end())
        usage = answer.meter.total(complete=True)
        self._end("done", "provider", None, [*messages, self._encoder.done(answer, usage)], now, usage)

    def _finish_whole(self, answer: Answer, body: bytes, now: float) -> None:
        assert self._attempt is not None
        body = answer.hide(body)
        text, base64 = as_response(body, answer.charset)
        shown = FinalResponse(self._encoder.step, answer.status, answer.content_type, text, base64)
        events = answer.read_whole(body)
        if answer.status >= 300:
            self._last_answer = shown
            detail = f"the provider answered with status {answer.status}"
            fault = Fault(FaultKind.PROVIDER_STATUS, Side.PROVIDER, detail, is_retried(answer.status))
            self._attempt.end(fault, now)
            self.attempt_failed(fault, now)
            return
        messages = self._encoder.meaning(events)
        usage = answer.meter.total(complete=True)
        self._end("created", "provider", None, [*messages, self._encoder.created_with(shown, usage)], now, usage)

    # -- failure ------------------------------------------------------------------------------------------------

    def attempt_failed(self, fault: Fault, now: float) -> None:
        answer = self._answer
        if self._machine.state is ExchangeState.STREAMING:
            by: Ender = "gateway" if fault.side is Side.GATEWAY else "provider"
            self._end("error", by, fault, [self._encoder.error(self._shown_answer, fault)], now)
            return
        self._drop_attempt()
        encoder = self._encoder
        policy = self._steps[encoder.step].policy
        if self._tries < policy.attempts and fault.retryable:
            delay = policy.delay_before(self._tries + 1)
            if answer is not None and answer.status >= 300:
                delay = max(delay, retry_after_s(answer.headers, self._engine.unix_time(now)))
            self._machine.fire(ExchangeInput.RETRY_LATER)
            self._account()
            if delay > 0:
                self._backoff_timer.arm(now + delay)
            else:
                self._on_backoff_over(now)
        elif encoder.step + 1 < len(self._steps):
            encoder.step += 1
            self._tries = 0
            self._machine.fire(ExchangeInput.TRY_NEXT)
            self._account()
            self._try(now)
        elif self._last_answer is not None:
            self._end("created", "provider", fault, [encoder.created_with(self._last_answer, None)], now)
        else:
            self._end("created", "provider", fault, [encoder.refused(fault)], now)

    def _on_backoff_over(self, now: float) -> None:
        self._machine.fire(ExchangeInput.TRY_NEXT)
        self._try(now)

    def _on_total_timeout(self, now: float) -> None:
        detail = f"the exchange was not over after {self._steps[0].policy.total_s:g} s"
        self.cut(Fault(FaultKind.TOTAL_TIMEOUT, Side.PROVIDER, detail, retryable=True), now)

    # -- ends ---------------------------------------------------------------------------------------------------

    def _drop_attempt(self) -> None:
        """Nothing is kept of an attempt that is over, but how much came."""
        if self._attempt is not None:
            self._bytes_received += self._attempt.bytes_received
            self._attempt = None
        self._held_messages, self._held_bytes = [], 0

    def _end(
        self,
        how: Ending,
        by: Ender,
        fault: Fault | None,
        messages: list[bytes],
        now: float,
        usage: UsageReported | None = None,
    ) -> None:
        """The one end. ``messages`` tell the client, where it can be told; the last of them ends the exchange."""
        self._machine.fire(ExchangeInput.END)
        self._backoff_timer.close()
        self._total_timer.close()
        answer = self._answer
        if self._attempt is not None:
            self._attempt.end(fault, now)
        if usage is None and answer is not None:
            usage = answer.meter.total(complete=False)
        self._drop_attempt()
        if messages:
            self._outlet.post(self, messages, now)
        self._account()
        self._engine.emit(
            ExchangeEnded(
                self._owner.session_id,
                self.event_id,
                self.log_id,
                how,
                by,
                self._encoder.status if how != "gone" or answer is None else answer.status,
                self._encoder.step,
                self._encoder.attempts,
                fault,
                usage,
                now - self._started,
                self._chunks,
                self._bytes_received,
            )
        )
        self._steps = ()  # the request is not kept for as long as its last messages wait
        self._owner.exchange_ended(self, now)

    def _account(self) -> None:
        """Tell the session what is held for this exchange, if that has changed."""
        held = self._held_bytes + (self._attempt.buffered if self._attempt is not None else 0)
        delta = held + self.queued_bytes - self.footprint
        if delta:
            self.footprint += delta
            self._outlet.account(delta)
