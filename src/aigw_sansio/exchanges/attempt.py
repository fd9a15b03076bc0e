"""One attempt: one try of one step, from its place in the pool to the end of its answer.

Decides: which clock ends an attempt, and that its provider is held back while its answer cannot be taken (client
protocol, section 3.3). Must not know: what is tried next, and what the client is told.
"""

from typing import Protocol

from ..bodies.chunk import Chunk
from ..engine.engine import Engine
from ..events import AttemptConnected, AttemptEnded, AttemptFirstByte, AttemptStarted
from ..faults import Fault, FaultKind, Side
from ..providers.call import ProviderCall
from ..secret import Secret
from ..upstream.access_tokens import with_token
from ..upstream.call import UpstreamCall
from ..upstream.pool import Pool
from ..wires.http import Headers, Request
from .policy import Policy
from .response import Answer
from .states import ExchangeInput

#: Reasons to hold a provider back: the client does not take what there is; the session holds too much.
HOLD_QUEUE, HOLD_BUDGET = 1, 2


class AttemptOwner(Protocol):
    """The exchange, as its attempt sees it. After ``attempt_finished`` and ``attempt_failed`` nothing more comes."""

    def attempt_moved(self, event: ExchangeInput) -> None:
        """The attempt got a connection, sent its request, got a head, or is placed again."""

    def attempt_read(self, answer: Answer, chunks: list[Chunk], now: float) -> None:
        """Chunks of ``answer``, at least one."""

    def attempt_finished(self, chunks: list[Chunk], now: float) -> None:
        """The body ended cleanly; ``chunks`` are what was left of it."""

    def attempt_failed(self, fault: Fault, now: float) -> None:
        """There is no (more) answer. The provider has been let go."""

    def attempt_accounts(self, now: float) -> None:
        """``buffered`` has changed."""


class Attempt:
    """Runs from ``start`` to ``end``. Implements ``ResponseHandler``."""

    __slots__ = (
        "_broken",
        "_call",
        "_complete",
        "_engine",
        "_first_byte_s",
        "_first_byte_timer",
        "_hold",
        "_idle_s",
        "_idle_timer",
        "_leg",
        "_log_id",
        "_number",
        "_open",
        "_owner",
        "_policy",
        "_pool",
        "_sent",
        "_started",
        "_step",
        "answer",
        "buffered",
        "bytes_received",
    )

    def __init__(
        self,
        engine: Engine,
        pool: Pool,
        owner: AttemptOwner,
        call: ProviderCall,
        policy: Policy,
        *,
        log_id: str,
        step: int,
        number: int,
        last_resort: bool,
        hold: int,
        now: float,
    ) -> None:
        """``number`` counts the attempts of the exchange from 1. A ``last_resort`` waits for its first byte without
        limit. ``hold``: reasons that hold from the start. Call ``start`` next."""
        self._engine = engine
        self._pool = pool
        self._owner = owner
        self._call = call
        self._policy = policy
        self._log_id = log_id
        self._step = step
        self._number = number
        self._first_byte_s = None if last_resort else policy.first_byte_s
        self._idle_s = policy.idle_s
        self._hold = hold
        self._open = True
        self._sent = False
        self._complete = False  # the body ended well, though some of it may not be taken yet
        self._broken: Fault | None = None  # it broke off, likewise
        self._started = now
        self._leg: UpstreamCall | None = None
        self._first_byte_timer = engine.timers.timer(self._on_first_byte_timeout)
        self._idle_timer = engine.timers.timer(self._on_idle_timeout)
        #: The answer, once its head is in.
        self.answer: Answer | None = None
        self.bytes_received = 0
        #: Bytes held for it.
        self.buffered = 0

    def start(self, now: float) -> None:
        """Ask the pool for a connection; where the call needs an access token, get that first."""
        call = self._call
        target = call.request.target.partition(b"?")[0].decode("latin-1")
        host = call.origin.authority
        self._engine.emit(AttemptStarted(self._log_id, self._step, self._number, call.provider, host, target))
        if call.account is None:
            self._submit(call.request, now)
        elif (token := self._pool.tokens.fresh(call.account, now)) is not None:
            self._submit(with_token(call.request, token), now)
        else:
            self._pool.tokens.wait(call.account, self._on_token, now)

    def _on_token(self, token: Secret | Fault, now: float) -> None:
        if isinstance(token, Fault):
            self._fail(token, now)
        else:
            self._submit(with_token(self._call.request, token), now)

    def _submit(self, request: Request, now: float) -> None:
        self._leg = UpstreamCall(self._call.origin, request, self, self._policy.connect_s)
        self._pool.submit(self._leg, now)

    def end(self, fault: Fault | None, now: float) -> None:
        """It is over: the provider is let go, in whatever phase. ``fault`` is why; ``None``: its answer is shown."""
        if not self._open:
            return
        self._open = False
        self._first_byte_timer.close()
        self._idle_timer.close()
        status = self.answer.status if self.answer is not None else None
        after = now - self._started
        self._engine.emit(AttemptEnded(self._log_id, self._step, self._number, status, fault, after))
        account = self._call.account
        if account is not None:
            self._pool.tokens.leave(account, self._on_token, now)
            if status == 401:
                self._pool.tokens.forget(account)
        leg, self._leg = self._leg, None
        if leg is None:
            return
        if leg.upstream is not None:
            leg.upstream.cancel(leg, now)
        else:
            self._pool.withdraw(leg, now)

    # -- holding back -------------------------------------------------------------------------------------------

    def hold(self, reason: int) -> None:
        """Take nothing more from the provider for now. Its clocks stand still."""
        if not self._hold:
            self._first_byte_timer.cancel()
            self._idle_timer.cancel()
            if self._leg is not None:
                self._leg.hold()
        self._hold |= reason

    def release(self, reason: int, now: float) -> None:
        """Go on, unless something else speaks against it. May end the attempt."""
        if not self._hold & reason:
            return
        self._hold &= ~reason
        if not self._hold & HOLD_QUEUE:
            self._drain(now)  # also while the session has no room: taking what is here makes some
        if self._hold or self._leg is None or not self._open:
            return
        if self._sent or self.answer is not None:
            self._arm_idle(now)
        if self.answer is None:
            self._arm_first_byte(now)
        self._leg.release(now)

    # -- ResponseHandler ---------------------------------------------------------------------------------------------

    def call_placed(self, leg: UpstreamCall, now: float) -> None:
        assert leg.upstream is not None
        upstream = leg.upstream
        self._owner.attempt_moved(ExchangeInput.PLACED)
        self._engine.emit(AttemptConnected(self._log_id, self._number, leg.reach, upstream.conn, upstream.handshake_s))
        if self._hold:
            leg.hold()
        else:
            self._arm_first_byte(now)

    def call_replaced(self, now: float) -> None:
        self._first_byte_timer.cancel()
        self._idle_timer.cancel()
        self._sent = False
        self._owner.attempt_moved(ExchangeInput.REPLACED)

    def request_sent(self, now: float) -> None:
        self._sent = True
        if self.answer is None and not self._hold:
            self._arm_idle(now)
        self._owner.attempt_moved(ExchangeInput.SENT)

    def response_activity(self, now: float) -> None:
        if not self._hold:
            self._idle_timer.arm(now + self._idle_s)

    def response_head(self, status: int, headers: Headers, now: float) -> None:
        self._owner.attempt_moved(ExchangeInput.HEAD)
        self._first_byte_timer.cancel()
        self._engine.emit(AttemptFirstByte(self._log_id, self._number, status, now - self._started))
        call = self._call
        limits = self._engine.config.limits
        self.answer = Answer(
            status, headers, call.format, limits, array_stream=call.array_stream, keys=call.stored_keys
        )
        if self.answer.fault is not None:
            self._fail(self.answer.fault, now)

    def response_body(self, data: bytes, now: float) -> None:
        answer = self.answer
        assert answer is not None
        self.bytes_received += len(data)
        hold = self._hold
        if not hold:
            self._idle_timer.arm(now + self._idle_s)
        if hold & HOLD_QUEUE:
            answer.keep(data)
            self._note_buffered(answer, now)
        else:
            self._drain(now, data)

    def response_end(self, now: float) -> None:
        self._leg = None
        self._idle_timer.cancel()
        self._complete = True
        if not self._hold & HOLD_QUEUE:
            self._drain(now)

    def response_failed(self, fault: Fault, now: float) -> None:
        self._leg = None
        self._idle_timer.cancel()
        if self.answer is None:
            self._fail(fault, now)
            return
        self._broken = fault
        if not self._hold & HOLD_QUEUE:
            self._drain(now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _drain(self, now: float, data: bytes = b"") -> None:
        """Hand on what the answer has ready with ``data``, as long as the client has room for it."""
        answer = self.answer
        if answer is None:
            return
        while True:
            if chunks := answer.pull(data):
                self._owner.attempt_read(answer, chunks, now)
                if not self._open:
                    return
            if answer.fault is not None:
                break
            if self._hold & HOLD_QUEUE:
                self._note_buffered(answer, now)
                return
            if answer.dry:
                break
            data = b""
        if answer.fault is not None:
            self._fail(answer.fault, now)
        elif self._complete:
            rest = answer.finish()
            if isinstance(rest, Fault):
                self._fail(rest, now)
            else:
                self._owner.attempt_finished(rest, now)
        elif self._broken is not None:
            self._fail(self._broken, now)
        elif answer.buffered != self.buffered:
            self._note_buffered(answer, now)

    def _note_buffered(self, answer: Answer, now: float) -> None:
        self.buffered = answer.buffered
        self._owner.attempt_accounts(now)

    def _fail(self, fault: Fault, now: float) -> None:
        self.end(fault, now)
        self._owner.attempt_failed(fault, now)

    def _arm_idle(self, now: float) -> None:
        self._idle_timer.arm(now + self._idle_s)

    def _arm_first_byte(self, now: float) -> None:
        if self._first_byte_s is not None:
            self._first_byte_timer.arm(now + self._first_byte_s)

    def _on_first_byte_timeout(self, now: float) -> None:
        detail = f"no answer within {self._first_byte_s:g} s of the request"
        self._fail(Fault(FaultKind.FIRST_BYTE_TIMEOUT, Side.PROVIDER, detail, retryable=True), now)

    def _on_idle_timeout(self, now: float) -> None:
        detail = f"nothing came from the provider for {self._idle_s:g} s"
        self._fail(Fault(FaultKind.IDLE_TIMEOUT, Side.PROVIDER, detail, retryable=True), now)
