"""One exchange: one ``eventId``, its steps and their attempts, until exactly one end.

Decides: what is tried next, when the client sees the first byte (the commit), which clock ends what, and how the
exchange ends (client protocol, sections 3.2 and 3.3). Must not know: sockets, frames, other exchanges.
"""

from collections import deque
from collections.abc import Sequence
from enum import IntEnum
from typing import Literal, Protocol

import msgspec

from .answer import Answer, Tap
from .bodies.chunk import Chunk
from .bodies.framing import Framing
from .channel import Ender
from .dialects import universal
from .dialects.envelope import error_envelope
from .engine import Engine
from .events import (
    AttemptConnected,
    AttemptEnded,
    AttemptFirstByte,
    AttemptStarted,
    ExchangeEnded,
    ProviderEvent,
    ProviderEventRead,
    RequestAdmitted,
    ResponseFailed,
    UsageReported,
)
from .faults import HTTP_STATUS, Fault, FaultKind, Side
from .fsm import Machine
from .jsontext import valid_json
from .ledger import usage_json
from .leg import Leg
from .policy import Policy
from .pool import Pool
from .providers.call import ProviderCall
from .providers.reading import CONTENT, ERROR, classify
from .response import as_base64, as_response
from .retry import is_retried, retry_after_s
from .wires.http import Headers


class ExchangeState(IntEnum):
    """Where an exchange stands."""

    PLACING = 0
    SENDING = 1
    WAITING = 2
    READING = 3
    STREAMING = 4
    BACKOFF = 5
    ENDED = 6


class ExchangeInput(IntEnum):
    """What moves an exchange."""

    PLACED = 0
    REPLACED = 1
    SENT = 2
    HEAD = 3
    COMMIT = 4
    RETRY_LATER = 5
    TRY_NEXT = 6
    END = 7


_S, _I = ExchangeState, ExchangeInput

EXCHANGE_TABLE: dict[tuple[ExchangeState, ExchangeInput], ExchangeState] = {
    (_S.PLACING, _I.PLACED): _S.SENDING,
    (_S.PLACING, _I.RETRY_LATER): _S.BACKOFF,
    (_S.PLACING, _I.TRY_NEXT): _S.PLACING,
    (_S.PLACING, _I.END): _S.ENDED,
    (_S.SENDING, _I.REPLACED): _S.PLACING,
    (_S.SENDING, _I.SENT): _S.WAITING,
    (_S.SENDING, _I.HEAD): _S.READING,
    (_S.SENDING, _I.RETRY_LATER): _S.BACKOFF,
    (_S.SENDING, _I.TRY_NEXT): _S.PLACING,
    (_S.SENDING, _I.END): _S.ENDED,
    (_S.WAITING, _I.REPLACED): _S.PLACING,
    (_S.WAITING, _I.HEAD): _S.READING,
    (_S.WAITING, _I.RETRY_LATER): _S.BACKOFF,
    (_S.WAITING, _I.TRY_NEXT): _S.PLACING,
    (_S.WAITING, _I.END): _S.ENDED,
    (_S.READING, _I.SENT): _S.READING,
    (_S.READING, _I.COMMIT): _S.STREAMING,
    (_S.READING, _I.RETRY_LATER): _S.BACKOFF,
    (_S.READING, _I.TRY_NEXT): _S.PLACING,
    (_S.READING, _I.END): _S.ENDED,
    (_S.STREAMING, _I.SENT): _S.STREAMING,
    (_S.STREAMING, _I.END): _S.ENDED,
    (_S.BACKOFF, _I.TRY_NEXT): _S.PLACING,
    (_S.BACKOFF, _I.END): _S.ENDED,
}

How = Literal["created", "done", "error", "cancelled", "gone"]

_QUEUE, _BUDGET = 1, 2  # reasons to hold the provider back


class PlannedStep(msgspec.Struct, frozen=True):
    """A step that can run: the provider's call, and how often and how long it is tried."""

    call: ProviderCall
    policy: Policy


class ExchangeOwner(Protocol):
    """The session, as an exchange sees it."""

    @property
    def session_id(self) -> int:
        """Names the session in events."""

    def exchange_post(self, exchange: "Exchange", messages: list[bytes], now: float) -> None:
        """Send ``messages`` to the client, in turn with those of other exchanges."""

    def exchange_drop_queue(self, exchange: "Exchange", now: float) -> None:
        """Forget the messages of ``exchange`` that have not been sent."""

    def exchange_account(self, exchange: "Exchange", delta: int, now: float) -> None:
        """``exchange`` holds ``delta`` bytes more than before."""

    def exchange_ended(self, exchange: "Exchange", now: float) -> None:
        """The exchange is over; its last messages may still wait."""


class _LastAnswer(msgspec.Struct):
    """What is shown when every step has failed."""

    step: int
    status: int
    content_type: str | None
    response: bytes
    base64: bool


class Exchange:
    """Runs from construction to ``ExchangeEnded``. Implements ``LegHandler``."""

    __slots__ = (
        "_answer",
        "_attempt_open",
        "_attempt_started",
        "_attempts",
        "_backoff_timer",
        "_bytes_received",
        "_chunks",
        "_engine",
        "_first_byte_timer",
        "_held_bytes",
        "_held_messages",
        "_hold",
        "_idle_timer",
        "_last_answer",
        "_leg",
        "_machine",
        "_mode",
        "_over",
        "_owner",
        "_pool",
        "_prefix",
        "_shown_status",
        "_started",
        "_step",
        "_steps",
        "_total_timer",
        "_tries",
        "_usage",
        "event_id",
        "footprint",
        "log_id",
        "queue",
        "queued_bytes",
        "request_bytes",
    )

    def __init__(
        self,
        engine: Engine,
        pool: Pool,
        owner: ExchangeOwner,
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
        self.event_id = event_id
        self.log_id = log_id
        self.request_bytes = request_bytes
        self._steps = steps
        self._step = 0
        self._tries = 0  # of this step
        self._attempts = 0  # of all steps
        self._machine = Machine(EXCHANGE_TABLE, ExchangeState.PLACING)
        self._mode = steps[0].policy.response
        self._prefix = universal.stream_prefix(event_id)
        self._leg: Leg | None = None
        self._answer: Answer | None = None
        self._over: Fault | Literal[True] | None = None  # how the body ended, while some of it is not taken
        self._attempt_open = False
        self._hold = 0
        self._held_messages: list[bytes] = []  # before the commit
        self._held_bytes = 0
        self._last_answer: _LastAnswer | None = None
        self._shown_status: int | None = None
        self._usage: UsageReported | None = None
        self._chunks = 0
        self._bytes_received = 0
        self._started = self._attempt_started = now
        timers = engine.timers
        self._first_byte_timer = timers.timer(self._on_first_byte_timeout)
        self._idle_timer = timers.timer(self._on_idle_timeout)
        self._total_timer = timers.timer(self._on_total_timeout)
        self._backoff_timer = timers.timer(self._on_backoff_over)
        #: Messages that wait for their turn. The session takes them.
        self.queue: deque[bytes] = deque()
        self.queued_bytes = 0
        #: What the session has on account for it: queue, held chunks, partial bodies.
        self.footprint = 0

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
        self._owner.exchange_drop_queue(self, now)
        self._end(how, by, fault, [universal.cancelled(self._metadata())] if how == "cancelled" else [], now)

    def cut(self, fault: Fault, now: float) -> None:
        """End it from our side, whatever it is doing, and say why."""
        if self._machine.state is ExchangeState.STREAMING:
            self._end("error", "gateway", fault, [universal.error(fault, self._metadata())], now)
        elif not self.ended:
            self._end("created", "gateway", fault, [self._refusal(fault)], now)

    # -- holding back -------------------------------------------------------------------------------------------

    def hold_for_queue(self) -> None:
        """Its own messages wait for the client: no more of them for now."""
        self._set_hold(_QUEUE)

    def hold_for_budget(self) -> None:
        """The session holds too much."""
        self._set_hold(_BUDGET)

    def release_queue(self, now: float) -> None:
        """Its own messages have gone down to a quarter."""
        self._clear_hold(_QUEUE, now)

    def release_budget(self, now: float) -> None:
        """The session has room again."""
        self._clear_hold(_BUDGET, now)

    @property
    def held_for_queue(self) -> bool:
        """Whether its provider waits for the client."""
        return bool(self._hold & _QUEUE)

    @property
    def collecting(self) -> bool:
        """Whether it holds part of an answer that the client cannot have yet."""
        return self._answer is not None and self._machine.state is ExchangeState.READING

    def _set_hold(self, reason: int) -> None:
        if not self._hold:
            self._first_byte_timer.disarm()
            self._idle_timer.disarm()
            if self._leg is not None:
                self._leg.hold()
        self._hold |= reason

    def _clear_hold(self, reason: int, now: float) -> None:
        if not self._hold & reason:
            return
        self._hold &= ~reason
        if not self.ended and not self._hold & _QUEUE:
            self._drain_answer(now)  # also while the session has no room: taking what is here makes some
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        """Let the provider send again, unless something still speaks against it."""
        if not self._hold and self._leg is not None:
            self._arm_idle(now)
            self._leg.release(now)

    # -- attempts -----------------------------------------------------------------------------------------------

    def _try(self, now: float) -> None:
        planned = self._steps[self._step]
        self._tries += 1
        self._attempts += 1
        self._attempt_started = now
        call = planned.call
        target = call.request.target.partition(b"?")[0].decode("latin-1")
        self._engine.emit(
            AttemptStarted(self.log_id, self._step, self._attempts, call.provider, call.origin.authority, target)
        )
        self._answer = None
        self._over = None
        self._attempt_open = True
        self._leg = Leg(call.origin, call.request, self, planned.policy.connect_s)
        self._pool.submit(self._leg, now)

    def leg_placed(self, leg: Leg, now: float) -> None:
        assert leg.upstream is not None
        self._machine.fire(_I.PLACED)
        upstream = leg.upstream
        self._engine.emit(AttemptConnected(self.log_id, self._attempts, leg.reach, upstream.conn, upstream.handshake_s))
        policy = self._steps[self._step].policy
        if self._hold:
            leg.hold()
        elif policy.first_byte_s is not None and not self._is_last_resort(policy):
            self._first_byte_timer.arm(now + policy.first_byte_s)

    def _is_last_resort(self, policy: Policy) -> bool:
        """Where retries were asked for, the last attempt of the last step waits for its first byte without limit."""
        return policy.attempts > 1 and self._tries >= policy.attempts and self._step == len(self._steps) - 1

    def leg_replaced(self, now: float) -> None:
        self._first_byte_timer.disarm()
        self._idle_timer.disarm()
        self._machine.fire(_I.REPLACED)

    def leg_sent(self, now: float) -> None:
        if self._machine.state is ExchangeState.SENDING:
            self._arm_idle(now)
        self._machine.fire(_I.SENT)

    def leg_activity(self, now: float) -> None:
        if not self._hold:
            self._arm_idle(now)

    def leg_head(self, status: int, headers: Headers, now: float) -> None:
        self._machine.fire(_I.HEAD)
        self._first_byte_timer.disarm()
        call = self._steps[self._step].call
        after = now - self._attempt_started
        self._engine.emit(AttemptFirstByte(self.log_id, self._attempts, status, after))
        limits = self._engine.config.limits
        self._answer = Answer(status, headers, call.reading, limits, array_stream=call.array_stream)
        if self._answer.fault is not None:
            self._give_up(self._answer.fault, now)

    def leg_body(self, data: bytes, now: float) -> None:
        answer = self._answer
        assert answer is not None
        self._bytes_received += len(data)
        answer.feed(data)
        if not self._hold & _QUEUE:
            self._drain_answer(now)
        else:
            self._account(now)

    def leg_end(self, now: float) -> None:
        self._leg = None
        self._idle_timer.disarm()
        self._over = True
        self._drain_answer(now)

    def leg_failed(self, fault: Fault, now: float) -> None:
        self._leg = None
        if self._answer is None:
            self._attempt_failed(fault, now)
        else:
            self._idle_timer.disarm()
            self._over = fault
            self._drain_answer(now)

    def _drain_answer(self, now: float) -> None:
        """Take what the answer has ready, as long as the client has room for it."""
        answer = self._answer
        if answer is None:
            return
        while True:
            chunks = answer.pull()
            if chunks is None:
                break
            if chunks:
                self._take(chunks, now)
                if self.ended or self._answer is not answer:
                    return
            if answer.fault is not None:
                break
            if self._hold & _QUEUE:
                self._account(now)
                return
        if answer.fault is not None:
            self._give_up(answer.fault, now)
        elif self._over is True:
            self._finish_answer(now)
        elif self._over is not None:
            self._attempt_failed(self._over, now)
        else:
            self._account(now)

    # -- a stream -----------------------------------------------------------------------------------------------

    def _take(self, chunks: list[Chunk], now: float) -> None:
        """Chunks of the body: on to the client, or held until the commit."""
        if self._machine.state is ExchangeState.STREAMING:
            self._pass_on(chunks, now)
            return
        answer = self._answer
        assert answer is not None
        if not answer.is_stream:
            return
        for index, chunk in enumerate(chunks):
            events = answer.read(chunk)
            weight = classify(events)
            if weight is ERROR:
                self._first_content_error(chunk, events, now)
                return
            messages = self._messages(chunk, events)
            self._held_messages += messages
            self._held_bytes += sum(map(len, messages))
            self._chunks += 1
            if weight is CONTENT or self._held_bytes > self._engine.config.limits.held_bytes:
                self._commit(now)
                self._take(chunks[index + 1 :], now)
                return

    def _pass_on(self, chunks: list[Chunk], now: float) -> None:
        """Chunks after the commit: the path that every token takes. All that one read held is posted at once."""
        answer = self._answer
        assert answer is not None
        self._chunks += len(chunks)
        plain = self._mode == "raw" and answer.tap is Tap.MARKED and answer.framing is not Framing.BINARY_STREAM
        prefix = self._prefix
        messages: list[bytes] = []
        for chunk in chunks:
            if plain and not answer.is_marked(chunk):
                text = valid_json(chunk.data)
                messages.append(b"%b%b}" % (prefix, text) if text is not None else self._raw_message(chunk))
                continue
            events = answer.read(chunk)
            messages += self._messages(chunk, events)
            failed = next((event for event in events if type(event) is ResponseFailed), None)
            if failed is not None:
                fault = Fault(FaultKind.PROVIDER_ERROR, Side.PROVIDER, failed.message)
                messages.append(universal.error(fault, self._metadata()))
                self._end("error", "provider", fault, messages, now)
                return
        self._owner.exchange_post(self, messages, now)

    def _messages(self, chunk: Chunk, events: list[ProviderEvent]) -> list[bytes]:
        """What the client gets for one chunk."""
        messages = self._event_messages(events)
        return messages if self._mode == "events" else [self._raw_message(chunk), *messages]

    def _raw_message(self, chunk: Chunk) -> bytes:
        answer = self._answer
        assert answer is not None
        if answer.framing is Framing.BINARY_STREAM:
            return universal.stream_base64(self.event_id, as_base64(chunk.data))
        text, base64 = as_response(chunk.data, answer.charset)
        return universal.stream_base64(self.event_id, text) if base64 else b"".join((self._prefix, text, b"}"))

    def _event_messages(self, events: list[ProviderEvent]) -> list[bytes]:
        if self._engine.config.emit_provider_events:
            for event in events:
                self._engine.emit(ProviderEventRead(self.log_id, event))
        if self._mode == "raw":
            return []
        return [universal.event(self.event_id, event) for event in events]

    def _commit(self, now: float) -> None:
        """From here the client sees this answer and no other."""
        self._machine.fire(_I.COMMIT)
        answer = self._answer
        assert answer is not None
        listened = self._mode != "raw" or self._engine.config.emit_provider_events
        answer.tap = Tap.ALL if listened else Tap.MARKED
        held, self._held_messages, self._held_bytes = self._held_messages, [], 0
        self._owner.exchange_post(self, [universal.created(self._metadata(), None), *held], now)

    def _first_content_error(self, chunk: Chunk, events: list[ProviderEvent], now: float) -> None:
        text, base64 = as_response(chunk.data)
        answer = self._answer
        assert answer is not None
        self._last_answer = _LastAnswer(self._step, 502, answer.content_type, text, base64)
        said = next((event.message for event in events if type(event) is ResponseFailed), "")
        self._give_up(Fault(FaultKind.PROVIDER_ERROR, Side.PROVIDER, said, retryable=True), now)

    # -- the end of an answer -----------------------------------------------------------------------------------

    def _finish_answer(self, now: float) -> None:
        """The transport ended the body cleanly."""
        answer = self._answer
        assert answer is not None
        chunks = answer.finish()
        if answer.fault is not None:
            self._attempt_failed(answer.fault, now)
            return
        if not answer.is_stream:
            self._finish_whole(answer, chunks[0].data if chunks else b"", now)
            return
        self._take(chunks, now)
        if self.ended or self._answer is not answer:
            return
        if self._machine.state is not ExchangeState.STREAMING:
            self._commit(now)
        messages = self._event_messages(answer.read_end())
        self._usage = answer.ledger.total(complete=True)
        self._attempt_ended(None, now)
        self._end("done", "provider", None, [*messages, universal.done(self._metadata(usage=True))], now)

    def _finish_whole(self, answer: Answer, body: bytes, now: float) -> None:
        text, base64 = as_response(body, answer.charset)
        shown = _LastAnswer(self._step, answer.status, answer.content_type, text, base64)
        events = answer.read_whole(body)
        if answer.status >= 300:
            self._last_answer = shown
            detail = f"the provider answered with status {answer.status}"
            retryable = is_retried(answer.status)
            self._attempt_failed(Fault(FaultKind.PROVIDER_STATUS, Side.PROVIDER, detail, retryable), now)
            return
        messages = self._event_messages(events)
        self._usage = answer.ledger.total(complete=True)
        self._attempt_ended(None, now)
        self._end("created", "provider", None, [*messages, self._created_with(shown)], now)

    def _created_with(self, shown: _LastAnswer) -> bytes:
        metadata = self._metadata(usage=True)
        metadata.step = str(shown.step)
        metadata.status = self._shown_status = shown.status
        metadata.content_type = shown.content_type
        metadata.encoding = "base64" if shown.base64 else None
        return universal.created(metadata, shown.response)

    # -- failure ------------------------------------------------------------------------------------------------

    def _give_up(self, fault: Fault, now: float) -> None:
        """This attempt is of no more use: cut it, then see what is next."""
        self._drop_leg(now)
        self._attempt_failed(fault, now)

    def _attempt_failed(self, fault: Fault, now: float) -> None:
        answer = self._answer
        self._disarm()
        self._leg = None
        if self._machine.state is ExchangeState.STREAMING:
            assert answer is not None
            self._usage = answer.ledger.total(complete=False)
            self._attempt_ended(fault, now)
            by: Ender = "gateway" if fault.side is Side.GATEWAY else "provider"
            self._end("error", by, fault, [universal.error(fault, self._metadata())], now)
            return
        self._attempt_ended(fault, now)
        self._held_messages, self._held_bytes = [], 0
        self._answer = None
        policy = self._steps[self._step].policy
        if self._tries < policy.attempts and fault.retryable:
            delay = policy.delay_before(self._tries + 1)
            if answer is not None and answer.status >= 300:
                delay = max(delay, retry_after_s(answer.headers, self._engine.unix_time(now)))
            self._machine.fire(_I.RETRY_LATER)
            self._account(now)
            if delay > 0:
                self._backoff_timer.arm(now + delay)
            else:
                self._on_backoff_over(now)
        elif self._step + 1 < len(self._steps):
            self._step += 1
            self._tries = 0
            self._machine.fire(_I.TRY_NEXT)
            self._account(now)
            self._try(now)
        else:
            self._all_failed(fault, now)

    def _all_failed(self, fault: Fault, now: float) -> None:
        if self._last_answer is not None:
            message = self._created_with(self._last_answer)
        else:
            message = self._refusal(fault)
        self._end("created", "provider", fault, [message], now)

    def _refusal(self, fault: Fault) -> bytes:
        metadata = self._metadata()
        metadata.status = self._shown_status = HTTP_STATUS[fault.kind]
        metadata.content_type = "application/json"
        return universal.created(metadata, error_envelope(fault))

    def _on_backoff_over(self, now: float) -> None:
        self._machine.fire(_I.TRY_NEXT)
        self._try(now)

    # -- clocks -------------------------------------------------------------------------------------------------

    def _arm_idle(self, now: float) -> None:
        self._idle_timer.arm(now + self._steps[self._step].policy.idle_s)

    def _on_first_byte_timeout(self, now: float) -> None:
        limit = self._steps[self._step].policy.first_byte_s
        self._timed_out(FaultKind.FIRST_BYTE_TIMEOUT, f"no answer within {limit:g} s of the request", now)

    def _on_idle_timeout(self, now: float) -> None:
        limit = self._steps[self._step].policy.idle_s
        self._timed_out(FaultKind.IDLE_TIMEOUT, f"nothing came from the provider for {limit:g} s", now)

    def _timed_out(self, kind: FaultKind, detail: str, now: float) -> None:
        self._give_up(Fault(kind, Side.PROVIDER, detail, retryable=True), now)

    def _on_total_timeout(self, now: float) -> None:
        limit = self._steps[0].policy.total_s
        self.cut(
            Fault(FaultKind.TOTAL_TIMEOUT, Side.PROVIDER, f"the exchange was not over after {limit:g} s", True), now
        )

    # -- ends ---------------------------------------------------------------------------------------------------

    def _attempt_ended(self, fault: Fault | None, now: float) -> None:
        if not self._attempt_open:
            return
        self._attempt_open = False
        status = self._answer.status if self._answer is not None else None
        after = now - self._attempt_started
        self._engine.emit(AttemptEnded(self.log_id, self._step, self._attempts, status, fault, after))

    def _end(self, how: How, by: Ender, fault: Fault | None, messages: list[bytes], now: float) -> None:
        """The one end. ``messages`` tell the client, where it can be told; the last of them ends the exchange."""
        self._machine.fire(_I.END)
        self._disarm()
        self._total_timer.disarm()
        answer = self._answer
        self._attempt_ended(fault, now)
        self._drop_leg(now)
        if answer is not None and self._usage is None:
            self._usage = answer.ledger.total(complete=False)
        status = self._shown_status or (answer.status if answer is not None else None)
        self._answer = None
        self._held_messages, self._held_bytes = [], 0
        if messages:
            self._owner.exchange_post(self, messages, now)
        self._account(now)
        self._engine.emit(
            ExchangeEnded(
                self._owner.session_id,
                self.event_id,
                self.log_id,
                how,
                by,
                status,
                self._step,
                self._attempts,
                fault,
                self._usage,
                now - self._started,
                self._chunks,
                self._bytes_received,
            )
        )
        self._owner.exchange_ended(self, now)

    def _drop_leg(self, now: float) -> None:
        leg, self._leg = self._leg, None
        if leg is None:
            return
        if leg.upstream is not None:
            leg.upstream.cancel(leg, now)
        else:
            self._pool.withdraw(leg, now)

    def _disarm(self) -> None:
        self._first_byte_timer.disarm()
        self._idle_timer.disarm()
        self._backoff_timer.disarm()

    def _account(self, now: float) -> None:
        """Tell the session what is held for this exchange, if that has changed."""
        held = self._held_bytes + (self._answer.buffered if self._answer is not None else 0)
        delta = held + self.queued_bytes - self.footprint
        if delta:
            self.footprint += delta
            self._owner.exchange_account(self, delta, now)

    def _metadata(self, *, usage: bool = False) -> universal.Metadata:
        answer = self._answer
        metadata = universal.Metadata(
            cache_status="MISS",
            event_id=self.event_id,
            log_id=self.log_id,
            step=str(self._step),
            content_type=answer.content_type if answer is not None else None,
            status=answer.status if answer is not None else None,
            attempts=self._attempts,
        )
        if usage and self._usage is not None:
            metadata.usage = msgspec.Raw(usage_json(self._usage))
        return metadata
