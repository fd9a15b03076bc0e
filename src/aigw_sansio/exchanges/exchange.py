"""One exchange: one ``eventId``, its steps and their attempts, until exactly one end.

Decides: what is tried next, when the client sees the first byte (the commit), and how the exchange ends (client
protocol, sections 3.2 and 3.3). Must not know: sockets, frames, other exchanges, and the dialect of the client.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

from ..bodies.chunk import Chunk
from ..engine.services import Services
from ..events import ExchangeEnded, ProviderEvent, RequestAdmitted, ResponseFailed, UsageReported
from ..faults import HTTP_STATUS, Fault, FaultKind, Side
from ..formats.classify import CONTENT, ERROR, classify
from ..fsm import Machine
from .attempt import PAUSED_BY_BUDGET, PAUSED_BY_QUEUE, Attempt
from .encoder import FinalResponse, Progress, ResponseEncoder
from .ports import Ending, ExchangeOutlet, PlannedStep
from .response import ProviderResponse, ReadDepth
from .retry import is_retried, retry_after_s
from .source import Source
from .states import EXCHANGE_TABLE, ExchangeInput, ExchangeState


class ExchangeOwner(Protocol):
    """The session, as an exchange sees it."""

    @property
    def session_id(self) -> int:
        """Names the session in events."""

    def exchange_ended(self, exchange: "Exchange", now: float) -> None:
        """The exchange is over; its last messages may still wait."""


class Exchange:
    """Runs from construction to ``ExchangeEnded``. Implements ``AttemptOwner``."""

    __slots__ = (
        "_accounted",
        "_attempt",
        "_attempts",
        "_backoff_timer",
        "_bytes_received",
        "_chunks",
        "_encoder",
        "_last_response",
        "_machine",
        "_outlet",
        "_owner",
        "_paused",
        "_services",
        "_source",
        "_started",
        "_status",
        "_step",
        "_steps",
        "_total_timer",
        "_tries",
        "_uncommitted",
        "_uncommitted_bytes",
        "event_id",
        "log_id",
        "request_bytes",
    )

    def __init__(
        self,
        services: Services,
        source: Source,
        owner: ExchangeOwner,
        outlet: ExchangeOutlet,
        encoder: ResponseEncoder,
        *,
        event_id: str,
        log_id: str,
        steps: Sequence[PlannedStep],
        request_bytes: int,
        now: float,
    ) -> None:
        """``request_bytes``: what the request keeps in memory. Call ``start`` next."""
        self._services = services
        self._source = source
        self._owner = owner
        self._outlet = outlet
        self._encoder = encoder
        #: The client's name for it.
        self.event_id = event_id
        #: The gateway's name for it.
        self.log_id = log_id
        self.request_bytes = request_bytes
        self._steps = steps
        self._step = 0
        self._attempts = 0  # of all steps
        self._tries = 0  # of the present step
        self._status: int | None = None  # the last one that the client was told
        self._machine = Machine(EXCHANGE_TABLE, ExchangeState.PLACING)
        self._attempt: Attempt | None = None
        self._paused = 0  # the reasons for it
        self._uncommitted: list[bytes] = []  # messages that the commit will send
        self._uncommitted_bytes = 0
        self._accounted = 0  # what the outlet was told that is held here
        self._last_response: FinalResponse | None = None
        self._chunks = 0
        self._bytes_received = 0
        self._started = now
        self._total_timer = services.timers.timer(self._on_total_timeout)
        self._backoff_timer = services.timers.timer(self._on_backoff_over)

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
        self._services.emit(RequestAdmitted(self._owner.session_id, self.event_id, self.log_id, len(self._steps)))
        total = self._steps[0].policy.total_s
        if total is not None:
            self._total_timer.arm(now + total)
        self._try(now)

    def cancel(self, how: Literal["cancelled", "gone"], by: Side, fault: Fault, now: float) -> None:
        """The one way to stop it from outside: the client's message, its leaving, shutdown. No effect once ended."""
        if self.ended:
            return
        self._outlet.discard(self)
        response = self._response
        messages: list[bytes] = []
        if response is not None:
            self._status = response.status
        if how == "cancelled":
            messages = self._encoder.cancelled(response, self._progress)
        self._end(how, by, fault, messages, now)

    def fail(self, fault: Fault, now: float) -> None:
        """End it from our side, whatever it is doing, and say why. No effect once ended."""
        if self._machine.state is ExchangeState.STREAMING:
            self._fail_stream(fault, Side.GATEWAY, [], now)
        elif not self.ended:
            self._refuse(fault, Side.GATEWAY, now)

    # -- pausing ------------------------------------------------------------------------------------------------

    def pause_for_queue(self) -> None:
        """Its own messages wait for the client: no more of them for now."""
        self._pause(PAUSED_BY_QUEUE)

    def pause_for_budget(self) -> None:
        """The session holds too much."""
        self._pause(PAUSED_BY_BUDGET)

    def resume_after_queue(self, now: float) -> None:
        """Its own messages have gone down to a quarter. May end the exchange."""
        self._resume(PAUSED_BY_QUEUE, now)

    def resume_after_budget(self, now: float) -> None:
        """The session has room again. May end the exchange."""
        self._resume(PAUSED_BY_BUDGET, now)

    @property
    def paused_by_queue(self) -> bool:
        """Whether its provider waits for the client."""
        return bool(self._paused & PAUSED_BY_QUEUE)

    @property
    def collecting(self) -> bool:
        """Whether it holds part of a response that the client cannot have yet."""
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

    @property
    def _progress(self) -> Progress:
        return Progress(self._step, self._attempts)

    @property
    def _response(self) -> ProviderResponse | None:
        return self._attempt.response if self._attempt is not None else None

    @property
    def _shown_response(self) -> ProviderResponse:
        """The response of the attempt under way, whose head is in."""
        response = self._response
        assert response is not None
        return response

    def _try(self, now: float) -> None:
        planned = self._steps[self._step]
        policy = planned.policy
        self._tries += 1
        self._attempts += 1
        # If retries were asked for, the last attempt of the last step waits without limit for its first byte.
        last = policy.attempts > 1 and self._tries >= policy.attempts and self._step == len(self._steps) - 1
        self._attempt = Attempt(
            self._services,
            self._source,
            self,
            planned.call,
            policy,
            log_id=self.log_id,
            step=self._step,
            number=self._attempts,
            last_resort=last,
            paused=self._paused,
            now=now,
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
            self._outlet.post(self, messages, now)  # all that one read held at once
        else:
            fault = Fault(FaultKind.PROVIDER_ERROR, Side.PROVIDER, failed.message)
            self._fail_stream(fault, Side.PROVIDER, messages, now)

    def _collect_until_commit(self, response: ProviderResponse, chunks: list[Chunk], now: float) -> None:
        """The client sees nothing before the first chunk with content."""
        for index, received in enumerate(chunks):
            chunk = response.redacted(received)
            events = response.read(chunk)
            weight = classify(events)
            if weight is ERROR:
                self._first_content_error(chunk, events, now)
                return
            messages = self._encoder.chunk(response, chunk, events)
            self._uncommitted += messages
            self._uncommitted_bytes += sum(map(len, messages))
            self._chunks += 1
            if weight is CONTENT or self._uncommitted_bytes > self._services.config.limits.held_bytes:
                self._commit(now)
                if index + 1 < len(chunks):
                    self.attempt_read(response, chunks[index + 1 :], now)
                return
        self._account()

    def _commit(self, now: float) -> None:
        """From here on the client sees this response and no other."""
        self._machine.fire(ExchangeInput.COMMIT)
        response = self._shown_response
        response.read_depth = ReadDepth.ALL if self._encoder.reads_everything else ReadDepth.MARKERS
        self._status = response.status
        uncommitted, self._uncommitted, self._uncommitted_bytes = self._uncommitted, [], 0
        self._outlet.post(self, [*self._encoder.begin(response, self._progress), *uncommitted], now)
        self._account()

    def _first_content_error(self, chunk: Chunk, events: list[ProviderEvent], now: float) -> None:
        """A stream that begins with an error is a failed attempt."""
        assert self._attempt is not None
        content_type = self._shown_response.content_type
        self._last_response = FinalResponse(self._step, 502, content_type, chunk.data, None)
        said = next((event.message for event in events if type(event) is ResponseFailed), "")
        fault = Fault(FaultKind.PROVIDER_ERROR, Side.PROVIDER, said, retryable=True)
        self._attempt.finish(fault, now)
        self.attempt_failed(fault, now)

    # -- the end of a response ----------------------------------------------------------------------------------

    def attempt_finished(self, chunks: list[Chunk], now: float) -> None:
        attempt = self._attempt
        assert attempt is not None
        response = self._shown_response
        if not response.is_stream:
            self._finish_whole(response, chunks[0].data if chunks else b"", now)
            return
        if chunks:
            self.attempt_read(response, chunks, now)
            if self.ended or self._attempt is not attempt:
                return
        if self._machine.state is not ExchangeState.STREAMING:
            self._commit(now)
        messages = self._encoder.events(response.read_end())
        usage = response.meter.total(complete=True)
        messages += self._encoder.finished(response, self._progress, usage)
        self._end("done", Side.PROVIDER, None, messages, now, usage)

    def _finish_whole(self, response: ProviderResponse, body: bytes, now: float) -> None:
        assert self._attempt is not None
        body = response.redact(body)
        final = FinalResponse(self._step, response.status, response.content_type, body, response.charset)
        events = response.read_whole(body)
        if response.status >= 300:
            self._last_response = final
            detail = f"the provider answered with status {response.status}"
            fault = Fault(FaultKind.PROVIDER_STATUS, Side.PROVIDER, detail, retryable=is_retried(response.status))
            self._attempt.finish(fault, now)
            self.attempt_failed(fault, now)
            return
        messages = self._encoder.events(events)
        self._show(final, None, messages, now, usage=response.meter.total(complete=True))

    # -- failure ------------------------------------------------------------------------------------------------

    def attempt_failed(self, fault: Fault, now: float) -> None:
        response = self._response
        if self._machine.state is ExchangeState.STREAMING:
            by = Side.GATEWAY if fault.side is Side.GATEWAY else Side.PROVIDER
            self._fail_stream(fault, by, [], now)
            return
        self._clear_attempt()
        policy = self._steps[self._step].policy
        if self._tries < policy.attempts and fault.retryable:
            delay = policy.delay_before(self._tries + 1)
            if response is not None and response.status >= 300:
                delay = max(delay, retry_after_s(response.headers, self._services.unix_time(now)))
            self._machine.fire(ExchangeInput.RETRY_LATER)
            self._account()
            if delay > 0:
                self._backoff_timer.arm(now + delay)
            else:
                self._on_backoff_over(now)
        elif self._step + 1 < len(self._steps):
            self._step += 1
            self._tries = 0
            self._machine.fire(ExchangeInput.TRY_NEXT)
            self._account()
            self._try(now)
        elif self._last_response is not None:
            self._show(self._last_response, fault, [], now, usage=None)
        else:
            self._refuse(fault, Side.PROVIDER, now)

    def _on_backoff_over(self, now: float) -> None:
        self._machine.fire(ExchangeInput.TRY_NEXT)
        self._try(now)

    def _on_total_timeout(self, now: float) -> None:
        detail = f"the exchange was not over after {self._steps[0].policy.total_s:g} s"
        self.fail(Fault(FaultKind.TOTAL_TIMEOUT, Side.PROVIDER, detail, retryable=True), now)

    # -- ends ---------------------------------------------------------------------------------------------------

    def _show(
        self,
        final: FinalResponse,
        fault: Fault | None,
        messages: list[bytes],
        now: float,
        *,
        usage: UsageReported | None,
    ) -> None:
        """End with a whole response. ``fault``: why it is none that the client wants."""
        self._status = final.status
        messages = [*messages, *self._encoder.whole(final, self._progress, usage)]
        self._end("created", Side.PROVIDER, fault, messages, now, usage)

    def _refuse(self, fault: Fault, by: Side, now: float) -> None:
        """End without a response to show."""
        self._status = HTTP_STATUS[fault.kind]
        self._end("created", by, fault, self._encoder.refused(fault, self._progress), now)

    def _fail_stream(self, fault: Fault, by: Side, messages: list[bytes], now: float) -> None:
        """End in the middle of a stream, behind ``messages``."""
        self._end(
            "error", by, fault, [*messages, *self._encoder.failed(self._shown_response, fault, self._progress)], now
        )

    def _clear_attempt(self) -> None:
        """Nothing is kept of an attempt that is over, but how much came."""
        if self._attempt is not None:
            self._bytes_received += self._attempt.bytes_received
            self._attempt = None
        self._uncommitted, self._uncommitted_bytes = [], 0

    def _end(
        self,
        how: Ending,
        by: Side,
        fault: Fault | None,
        messages: list[bytes],
        now: float,
        usage: UsageReported | None = None,
    ) -> None:
        """The one end. ``messages`` tell the client, if it can be told; the last of them ends the exchange."""
        self._machine.fire(ExchangeInput.END)
        self._backoff_timer.close()
        self._total_timer.close()
        response = self._response
        if self._attempt is not None:
            self._attempt.finish(fault, now)
        if usage is None and response is not None:
            usage = response.meter.total(complete=False)
        self._clear_attempt()
        if messages:
            self._outlet.post(self, messages, now)
        self._account()
        self._services.emit(
            ExchangeEnded(
                session=self._owner.session_id,
                event_id=self.event_id,
                log_id=self.log_id,
                how=how,
                by=by,
                status=self._status,
                step=self._step,
                attempts=self._attempts,
                fault=fault,
                usage=usage,
                duration_s=now - self._started,
                chunks=self._chunks,
                bytes_received=self._bytes_received,
            )
        )
        self._steps = ()  # the request is not kept for as long as its last messages wait
        self._owner.exchange_ended(self, now)

    def _account(self) -> None:
        """Tell the outlet what is held for this exchange, if that has changed."""
        held = self._uncommitted_bytes + (self._attempt.buffered if self._attempt is not None else 0)
        delta = held - self._accounted
        if delta:
            self._accounted = held
            self._outlet.account(delta)
