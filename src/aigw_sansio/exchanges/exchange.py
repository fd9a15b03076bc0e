"""One exchange: one ``eventId``, its steps, their attempts and its one end.

Decides: which attempt is next, when the client sees the first byte (the commit), and how the exchange ends (client
protocol, sections 3.2 and 3.3). Must not know: sockets, frames, other exchanges, and the dialect of the client.
"""

from collections.abc import Sequence
from typing import Generic, Literal, Protocol

from ..bodies.chunk import Chunk
from ..config import Config
from ..engine.fsm import Machine
from ..engine.services import Services
from ..engine.timers import NO_TIMER
from ..events import ResponseFailed, UsageReported
from ..faults import Denial, Fault, FaultKind, Side, SocketFault
from ..formats.classify import CONTENT, ERROR, classify
from .attempt import PAUSED_BY_BUDGET, PAUSED_BY_QUEUE, Attempt
from .encoder import FinalResponse, Progress, ResponseEncoder
from .ports import Caller, Ending, ExchangeOutlet, MessageT, PlannedStep
from .record import ExchangeRecord
from .rejection import Rejection, ended_by, fault_of, judge_whole, reject_stream, untold_end
from .response import ProviderResponse
from .retry import tried_for_nothing, wants_another
from .source import Source
from .states import EXCHANGE_TABLE, ExchangeInput, ExchangeState


class ExchangeOwner(Protocol[MessageT]):
    """The session, as an exchange sees it."""

    def exchange_ended(self, exchange: "Exchange[MessageT]", now: float) -> None:
        """The exchange has ended; its last messages may still be queued."""


class Exchange(Generic[MessageT]):
    """Runs from ``start`` to ``ExchangeEnded``. Implements ``AttemptOwner`` and ``Scheduled``."""

    __slots__ = (
        "_accounted", "_attempt", "_attempts", "_backoff_timer", "_chunks", "_config", "_encoder", "_last_response",
        "_machine", "_outlet", "_over_sockets", "_owner", "_paused", "_record", "_services", "_source", "_status",
        "_step", "_steps", "_total_timer", "_tries", "_uncommitted", "_uncommitted_bytes", "_without_a_call",
        "event_id", "log_id", "request_bytes",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        source: Source,
        *,
        owner: ExchangeOwner[MessageT],
        outlet: ExchangeOutlet[MessageT],
        encoder: ResponseEncoder[MessageT],
        caller: Caller,
        config: Config,
        event_id: str,
        log_id: str,
        steps: Sequence[PlannedStep],
        request_bytes: int,
        now: float,
    ) -> None:
        """``config`` holds to its end. ``request_bytes``: the memory that the request takes. Call ``start`` next."""
        self._services = services
        self._config = config
        self._source = source
        self._owner = owner
        self._outlet = outlet
        self._encoder = encoder
        self._record = ExchangeRecord(caller, event_id, log_id, now)
        self.event_id = event_id  #: the client's id of the exchange
        self.log_id = log_id  #: the gateway's
        self.request_bytes = request_bytes
        self._steps = steps
        self._step = self._attempts = 0  # attempts: of all steps
        self._over_sockets = 0  # attempts that ended with a socket, which no limit counts: HTTP follows
        self._tries = 0  # of the current step
        self._without_a_call = 0  # ended attempts that needed none
        self._status: int | None = None  # the status that the client was told
        self._machine = Machine(EXCHANGE_TABLE, ExchangeState.PLACING)
        self._attempt: Attempt | None = None
        self._paused = 0  # the reasons, as bits
        self._uncommitted: list[MessageT] = []  # messages that wait for the commit
        self._uncommitted_bytes = 0
        self._accounted = 0  # bytes that the outlet was told of
        self._last_response: FinalResponse | None = None
        self._chunks = 0
        self._total_timer = self._backoff_timer = NO_TIMER

    @property
    def state(self) -> ExchangeState:
        """The state of its machine."""
        return self._machine.state

    @property
    def ended(self) -> bool:
        """Whether the exchange has ended."""
        return self._machine.state is ExchangeState.ENDED

    def start(self, now: float) -> None:
        """Start the first attempt of the first step."""
        self._record.tell_start(self._services, len(self._steps))
        if (total := self._steps[0].policy.total_s) is not None:
            self._total_timer = self._services.timers.arm(NO_TIMER, self._on_total_timeout, now + total)
        self._try(now)

    def cancel(self, how: Literal["cancelled", "gone"], by: Side, fault: Fault, now: float) -> None:
        """Cancel it: ``cancelled`` by the client, or ``gone`` with the client's channel. No effect after the end."""
        if self.ended:
            return
        self._outlet.discard(self)  # before the last message is posted, which must not be discarded
        response = self._response
        usage = response.usage() if response is not None else None
        self._status = response.status if response is not None else self._status
        last = self._tell_end(fault)  # a host may listen though the client is gone
        messages = [*last, *self._encoder.cancelled(response, self._progress(now), usage)] if how == "cancelled" else []
        self._end(how, now, by=by, fault=fault, messages=messages, usage=usage)

    def fail(self, fault: Fault, now: float) -> None:
        """Fail it on the gateway's side, in any state; the client is told ``fault``. No effect after the end."""
        if self._machine.state is ExchangeState.STREAMING:
            if self._attempt is not None and self._attempt.ended_well:
                self.attempt_finished([], now)
            else:
                self._fail_stream(fault, now, by=Side.GATEWAY)
        elif not self.ended:
            self._refuse(fault, Side.GATEWAY, self._response, now)

    def show_what_came(self, now: float) -> None:
        """Show the beginning of a response though it has no content yet: the client has waited for long."""
        if self._uncommitted:  # so it is a stream that is read
            self._commit(now)

    # -- pausing ------------------------------------------------------------------------------------------------

    def pause_for_queue(self) -> None:
        """Its messages are queued up to the mark: pause the provider."""
        self._pause(PAUSED_BY_QUEUE)

    def pause_for_budget(self) -> None:
        """Too much is held for the client: pause the provider."""
        self._pause(PAUSED_BY_BUDGET)

    def resume_after_queue(self, now: float) -> None:
        """Its queue is down to a quarter: resume the provider. May end the exchange."""
        self._resume(PAUSED_BY_QUEUE, now)

    def resume_after_budget(self, now: float) -> None:
        """Less is held for the client: resume the provider. May end the exchange."""
        self._resume(PAUSED_BY_BUDGET, now)

    @property
    def paused_by_queue(self) -> bool:
        """Whether its provider is paused because of its queue."""
        return bool(self._paused & PAUSED_BY_QUEUE)

    @property
    def collecting(self) -> bool:
        """Whether it holds part of a response that is not committed."""
        return self._machine.state is ExchangeState.READING

    def _pause(self, reason: int) -> None:
        self._paused |= reason
        if self._attempt is not None:
            self._attempt.pause(reason)

    def _resume(self, reason: int, now: float) -> None:
        self._paused &= ~reason
        if self._attempt is not None:
            self._attempt.resume(reason, now)

    # -- attempts -----------------------------------------------------------------------------------------------

    def _progress(self, now: float) -> Progress:
        cached, made = self._is_cached, self._attempts - self._without_a_call
        return Progress(self._step, made - cached, cached=cached, unix_s=int(self._services.unix_time(now)))

    @property
    def _is_cached(self) -> bool:
        return self._attempt is not None and self._attempt.cached

    @property
    def _response(self) -> ProviderResponse | None:
        return self._attempt.response if self._attempt is not None else None

    @property
    def _shown_response(self) -> ProviderResponse:
        """The response of the current attempt. Its head has come."""
        response = self._response
        assert response is not None
        return response

    @property
    def _may_repeat(self) -> bool:
        """Whether the step may be tried once more: each later step keeps an attempt of those of the exchange."""
        most = self._config.limits.attempts_per_exchange - (len(self._steps) - self._step - 1)
        return self._tries < self._steps[self._step].policy.attempts and self._attempts - self._over_sockets < most

    def _try(self, now: float) -> None:
        planned = self._steps[self._step]
        policy = planned.policy
        self._tries += 1
        self._attempts += 1
        self._encoder.attempt(self._step)
        # With retries the last attempt of the last step has no first-byte timeout: nothing would be tried after it.
        last = policy.attempts > 1 and self._step == len(self._steps) - 1 and not self._may_repeat
        self._attempt = Attempt(
            self._services,
            self._source,
            owner=self,
            call=self._record.traced(planned.call_of(self._tries), self._attempts, traces=self._config.traces),
            config=self._config,
            policy=policy,
            record=self._record,
            step=self._step,
            number=self._attempts,
            last_resort=last,
            paused=self._paused,
            now=now,
            reading=planned.reading,
        )
        self._attempt.start(now)

    def attempt_moved(self, event: ExchangeInput) -> None:
        self._machine.fire(event)

    def attempt_buffered(self, now: float) -> None:
        self._account()

    def attempt_read(self, response: ProviderResponse, chunks: list[Chunk], now: float) -> None:
        if self._machine.state is not ExchangeState.STREAMING:
            self._collect_until_commit(response, chunks, now)
            return
        self._chunks += len(chunks)
        messages, failed = self._encoder.chunks(response, chunks)
        if failed is None:
            self._outlet.post(self, messages, now)  # all messages of one read together
        else:
            self._fail_stream(fault_of(failed), now, by=Side.PROVIDER, messages=messages)

    def _collect_until_commit(self, response: ProviderResponse, chunks: list[Chunk], now: float) -> None:
        """Keep messages uncommitted until the first chunk with content."""
        for index, received in enumerate(chunks):
            chunk = response.redacted(received)
            events = response.read(chunk)
            weight = classify(events)
            if weight is ERROR:  # nothing is committed, so the next attempt may still replace this response
                failed = next(event for event in events if type(event) is ResponseFailed)
                self._reject(reject_stream(response, failed, chunk.data, self._step), now)
                return
            messages = self._encoder.chunk(response, chunk, events)
            self._uncommitted += messages
            self._uncommitted_bytes += sum(map(len, messages))
            self._chunks += 1
            if weight is CONTENT or self._uncommitted_bytes > self._config.limits.held_bytes:
                self._commit(now)
                if index + 1 < len(chunks) and not response.terminated:
                    self.attempt_read(response, chunks[index + 1 :], now)
                return
            if response.terminated:
                break
        self._account()

    def _commit(self, now: float) -> None:
        """From here on the client sees this response and no other: nothing is retried any more."""
        self._machine.fire(ExchangeInput.COMMIT)
        self._record.content_at = now
        response = self._shown_response
        response.committed(everything=self._encoder.reads_everything)
        self._status = response.status
        uncommitted, self._uncommitted, self._uncommitted_bytes = self._uncommitted, [], 0
        self._outlet.post(self, [*self._encoder.begin(response, self._progress(now)), *uncommitted], now)
        self._account()

    # -- the end of a response ----------------------------------------------------------------------------------

    def attempt_finished(self, chunks: list[Chunk], now: float) -> None:
        attempt = self._attempt
        assert attempt is not None
        response = self._shown_response
        if not response.is_stream:
            judged = judge_whole(response, response.redact(chunks[0].data if chunks else b""), self._step)
            if isinstance(judged, Rejection):
                self._reject(judged, now)
            else:
                self._show(judged, now, fault=None)
            return
        if chunks:
            self.attempt_read(response, chunks, now)
            if self.ended or self._attempt is not attempt:  # these chunks ended the exchange, or failed the attempt
                return
        events = response.read_end()
        if attempt.failed_by_part(now):
            return
        if self._machine.state is not ExchangeState.STREAMING:
            if (failed := response.failure(events)) is not None:
                self._reject(reject_stream(response, failed, response.provider_words, self._step), now)
                return
            self._commit(now)
        messages = self._encoder.events(events)
        usage = response.usage()
        messages += self._encoder.finished(response, self._progress(now), usage)
        self._end("done", now, by=Side.PROVIDER, fault=None, messages=messages, usage=usage)

    # -- failure ------------------------------------------------------------------------------------------------

    def _reject(self, rejection: Rejection, now: float) -> None:
        """The provider answered, but the answer is a failure."""
        assert self._attempt is not None
        if rejection.final is not None:
            self._last_response = rejection.final
        self._attempt.close(rejection.fault, now)
        self._try_again(rejection.fault, now, wait_s=rejection.wait_s)

    def attempt_failed(self, fault: Fault, now: float) -> None:
        if self._machine.state is ExchangeState.STREAMING:
            by = Side.GATEWAY if fault.side is Side.GATEWAY else Side.PROVIDER
            self._fail_stream(fault, now, by=by)
        else:
            self._try_again(fault, now)

    def _try_again(self, fault: Fault, now: float, *, wait_s: float = 0.0) -> None:
        """An attempt failed before the commit: another one follows, or the end. ``wait_s``: as the body asks for."""
        response = self._response
        headers = response.headers if response is not None else []
        self._record.charge_failed(self._steps[self._step], self._attempt.used if self._attempt else None, now)
        other = response is not None and self._steps[self._step].has_another_key(response.status, self._tries)
        again, wait_s = wants_another(headers, fault, wait_s, self._services.unix_time(now), has_another_key=other)
        self._attempts -= isinstance(fault, Denial)  # nothing was sent
        changed = tried_for_nothing(self._steps, self._step, fault, self._last_response, cached=self._is_cached)
        if changed is not None:
            self._tries -= 1
            self._over_sockets += isinstance(fault, SocketFault)
            self._steps = changed
            again = True
        self._clear_attempt()  # before the next attempt, which must not start with uncommitted messages of this one
        policy = self._steps[self._step].policy
        # A fault that is not retryable ends this step, not the exchange: the next step may be another provider.
        if again and self._may_repeat:
            delay = max(policy.delay_before(self._tries + 1), wait_s) if self._tries else 0.0
            self._machine.fire(ExchangeInput.RETRY_LATER)
            self._account()
            if delay > 0:
                self._backoff_timer = self._services.timers.arm(self._backoff_timer, self._on_backoff_over, now + delay)
            else:
                self._on_backoff_over(now)
        elif self._step + 1 < len(self._steps):
            self._step += 1
            self._tries = 0
            self._machine.fire(ExchangeInput.TRY_NEXT)
            self._account()
            self._try(now)
        elif self._last_response is not None:
            self._show(self._last_response, now, fault=fault)
        else:
            self._refuse(fault, ended_by(fault), response, now)

    def _on_backoff_over(self, now: float) -> None:
        self._machine.fire(ExchangeInput.TRY_NEXT)
        self._try(now)

    def _on_total_timeout(self, now: float) -> None:
        detail = f"the exchange was not over after {self._steps[0].policy.total_s:g} s"
        self.fail(Fault(FaultKind.TOTAL_TIMEOUT, Side.PROVIDER, detail, retryable=True), now)

    # -- ends ---------------------------------------------------------------------------------------------------

    def _show(self, final: FinalResponse, now: float, *, fault: Fault | None) -> None:
        """End with a whole response. ``fault``: why it is not a success."""
        self._status = final.status
        self._record.content_at = now
        messages = self._encoder.whole(final, self._progress(now))
        self._end("created", now, by=Side.PROVIDER, fault=fault, messages=messages, usage=final.usage)

    def _refuse(self, fault: Fault, by: Side, response: ProviderResponse | None, now: float) -> None:
        """End without a response to show. ``response``: the one that broke off, if there was one."""
        self._status = fault.http_status
        usage = response.usage() if response is not None else None
        messages = [*self._tell_end(fault), *self._encoder.refused(fault, self._progress(now), usage)]
        self._end("created", now, by=by, fault=fault, messages=messages, usage=usage)

    def _fail_stream(self, fault: Fault, now: float, *, by: Side, messages: Sequence[MessageT] = ()) -> None:
        """Fail in the middle of a stream, after ``messages``."""
        response = self._shown_response
        last, usage = self._tell_end(fault), response.usage()
        failed = self._encoder.failed(response, fault, self._progress(now), usage)
        self._end("error", now, by=by, fault=fault, messages=[*messages, *last, *failed], usage=usage)

    def _tell_end(self, fault: Fault) -> list[MessageT]:
        """The messages of the events that end what ``fault`` cuts short."""
        seen = self._response if self._machine.state is ExchangeState.STREAMING else None
        events = untold_end(self._steps[self._step].call.format, seen, fault)
        return self._encoder.events(events) if events else []

    def _clear_attempt(self) -> None:
        """Keep nothing of an ended attempt except what the record tells: its bytes, its times, its type."""
        if self._attempt is not None:
            self._record.note_response(self._attempt.response, self._attempt.used)
            self._record.times = self._attempt.times
            self._record.bytes_received += self._attempt.bytes_received
            self._without_a_call += self._attempt.cached
            self._attempt = None
        self._uncommitted, self._uncommitted_bytes = [], 0

    def _end(
        self,
        how: Ending,
        now: float,
        *,
        by: Side,
        fault: Fault | None,
        messages: list[MessageT],
        usage: UsageReported | None = None,
    ) -> None:
        """The one end. ``messages`` tell the client, if it is still there; the last of them ends the exchange."""
        self._machine.fire(ExchangeInput.END)  # first: ``ended`` is true for everything that is called from here on
        self._backoff_timer.close()
        self._total_timer.close()
        cached, charged = self._is_cached, self._attempt is None
        if self._attempt is not None:
            self._attempt.close(fault, now)
        self._clear_attempt()
        if messages:
            self._outlet.post(self, messages, now)
        self._account()
        self._record.tell_end(
            self._services,
            self._steps[self._step],
            how,
            now,
            by=by,
            status=self._status,
            step=self._step,
            attempts=self._attempts - self._without_a_call,
            fault=fault,
            usage=usage,
            chunks=self._chunks,
            cached=cached,
            charged=charged,
            kept=self._encoder.kept,
        )
        self._steps, self._last_response = (), None  # its last messages may be queued for long; nothing else is kept
        self._owner.exchange_ended(self, now)

    def _account(self) -> None:
        """Tell the outlet how many bytes this exchange holds, if that has changed."""
        held = self._uncommitted_bytes + (self._attempt.buffered if self._attempt is not None else 0)
        if delta := held - self._accounted:
            self._accounted = held
            self._outlet.account(delta)
