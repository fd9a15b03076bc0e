"""One realtime client and its provider: a WebSocket on each side, and the messages between them (client protocol,
section 4).

Decides: when the client gets its 101 or a refusal; which timeouts end a session; that both sides end when one does, and
that the end is reported once. Must not know: sockets, the frames of a side (:mod:`.side`), and close codes
(:mod:`.close_codes`).
"""

from collections.abc import Callable

import msgspec

from ..downstream.addresses import client_at
from ..downstream.admission import AdmittedClient
from ..downstream.connection_limits import longest_life
from ..downstream.ports import Responder
from ..downstream.refusal import emit_refusal, refuse_request, send_refusal
from ..engine.client import Requester
from ..engine.fsm import Machine
from ..engine.key_rings import TELLING
from ..engine.services import Services
from ..events import SessionEnded, SessionOpened, UpgradeRefused
from ..faults import CLOSE_CODE, ENVELOPE_CODE, HTTP_STATUS, Fault, FaultKind, Side
from ..formats.reader import RealtimeReaderMaker
from ..providers.realtime import RealtimeCall
from ..providers.redaction import Redactor, redactor
from ..quotas.claim import StepQuota, spent_of
from ..quotas.costs import cost_of
from ..secret import Secret
from ..upstream.websocket import UpstreamWebSocket
from ..wires.websocket.handshake import Accepted, Outcome, Refused
from .close_codes import TRY_AGAIN_LATER, CloseCause, close_frames
from .observer import RealtimeObserver
from .pairs import open_sides
from .record import SessionRecord
from .refusal import readable_refusal, request_ids
from .session_review import review_of
from .side import RelaySide
from .states import RELAY_TABLE, RelayInput, RelayState
from .tokens import TokenSource


class Relay:
    """Runs from an admitted upgrade to the end of both connections. Implements ``PendingRequest``."""

    __slots__ = (
        "_account", "_admitted", "_asked", "_call", "_config", "_connected", "_dialled", "_draining", "_ended",
        "_idle_s", "_idle_timer", "_life_timer", "_machine", "_observer", "_on_ended", "_open_timer", "_reader",
        "_record", "_register", "_requester", "_responder", "_services", "_sides", "_tokens", "_upstream", "session_id",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        admitted: AdmittedClient,
        call: RealtimeCall,
        *,
        responder: Responder,
        requester: Requester,
        session_id: int,
        tokens: TokenSource,
        reader: RealtimeReaderMaker | None,
        register: Callable[[UpstreamWebSocket], None],
        on_ended: Callable[["Relay", float], None],
    ) -> None:
        """``reader`` makes the host's own reader of the provider's messages. ``register`` is told of the connection to
        the provider. ``on_ended`` is called once: if no session begins, or when both sides have finished. Call
        :meth:`start` next."""
        self._services = services
        # The call was built from the client's head, which is not kept: a client may hold many sessions open.
        self._record = SessionRecord(admitted)
        request = msgspec.structs.replace(admitted.request, headers=[], target=b"")
        self._admitted = msgspec.structs.replace(admitted, request=request, query="")
        self._config = admitted.config  # to the end of the session
        self._call = call
        self._responder = responder
        self._requester = requester
        self.session_id = session_id
        self._on_ended = on_ended
        self._machine = Machine(RELAY_TABLE, RelayState.DIALING)
        self._draining = False
        self._observer: RealtimeObserver | None = None
        self._ended: SessionEnded | None = None  # once it has ended, without its counts
        self._sides: tuple[RelaySide, RelaySide] | None = None  # client and provider, once both are open
        self._idle_s = self._config.timeouts.realtime_idle_s
        self._open_timer = services.timers.timer(self._on_open_timeout)
        self._idle_timer = services.timers.timer(self._on_idle)
        self._life_timer = services.timers.timer(self._on_session_timeout)
        self._tokens = tokens
        self._reader = reader
        self._account = call.account
        self._register = register
        self._upstream: UpstreamWebSocket | None = None  # once it is dialled

    def start(self, now: float) -> None:
        """Dial the provider, or first get the access token that its upgrade needs."""
        self._record.asked_at = now
        self._open_timer.arm(now + self._config.timeouts.realtime_open_s)
        account = self._account
        if account is None:
            self._dial(self._call, now)
        elif (token := self._tokens.fresh(account, now)) is not None:
            self._dial(self._call.with_token(token), now)
        else:
            fault = self._tokens.request(
                account, self._on_token, now, requester=self._requester, stored=self._call.key == "stored"
            )
            if fault is not None:
                self._fail(fault, now)

    def _on_token(self, token: Secret | Fault, now: float) -> None:
        if isinstance(token, Fault):
            self._fail_token(token, now)
        else:
            self._dial(self._call.with_token(token), now)

    def _fail_token(self, fault: Fault, now: float) -> None:
        """Without its token a stored key cannot be used, and it is never sent as it is."""
        if self._call.key == "stored":
            detail = f"the key stored for {self._call.provider} cannot be used: {fault.detail}"
            fault = Fault(FaultKind.NOT_CONFIGURED, Side.GATEWAY, detail, retryable=fault.retryable)
        self._fail(fault, now)

    def _dial(self, call: RealtimeCall, now: float) -> None:
        self._call = call
        self._record.dialled_at = now
        upstream = self._upstream = UpstreamWebSocket(self._services, call, self, self._requester.client)
        self._register(upstream)
        if not upstream.dial(self._dial_begun, now):
            self._open_timer.arm(now + self._config.timeouts.pool_wait_s)

    def _dial_begun(self, now: float) -> None:
        """The dial was held back, and begins: its time counts from now."""
        self._record.dialled_at = now
        self._open_timer.arm(now + self._config.timeouts.realtime_open_s)

    @property
    def quota(self) -> StepQuota | None:
        """What it has of the quotas of its gateway."""
        return self._call.quota

    @property
    def state(self) -> RelayState:
        """The state of its machine."""
        return self._machine.state

    # -- before the 101 -----------------------------------------------------------------------------------------

    def client_gone(self, now: float) -> None:
        """The client left before the session began: the connection to the provider is aborted."""
        fault = Fault(FaultKind.CLIENT_GONE, Side.CLIENT, "the client left before the provider had answered")
        request = self._admitted.request
        emit_refusal(self._services, request, fault, address=client_at(request.peer))
        self._abort_opening(now)

    def provider_connected(self, now: float) -> None:
        """The dial succeeded; the upgrade is being sent."""
        self._record.connected_at = now
        self._machine.fire(RelayInput.CONNECTED)

    def provider_responded(self, outcome: Outcome, now: float) -> None:
        """The response to the upgrade, or why there is none."""
        if isinstance(outcome, Accepted):
            self._begin(outcome, now)
        elif isinstance(outcome, Refused) and 400 <= outcome.status < 600:
            headers, body, problem = readable_refusal(outcome, self._redactor)
            detail = f"{self._call.provider} refused the upgrade"
            if problem is not None:
                detail = f"{detail}; {problem}"
            fault = Fault(FaultKind.PROVIDER_STATUS, Side.PROVIDER, detail)
            self._emit_provider_refusal(outcome, status=outcome.status, fault=fault)
            if outcome.status in TELLING and self._call.lent is not None:
                self._services.key_rings.refused(self._call.lent, outcome.status, 0.0, now)
            if outcome.status == 401 and self._account is not None:
                self._tokens.discard(self._account)
            self._responder.refuse(outcome.status, headers, body, now)
            self._abort_opening(now)
        elif isinstance(outcome, Refused):
            detail = f"{self._call.provider} answered the upgrade with {outcome.status}, neither a 101 nor an error"
            fault = Fault(FaultKind.PROVIDER_STATUS, Side.PROVIDER, detail)
            self._emit_provider_refusal(outcome, status=HTTP_STATUS[fault.kind], fault=fault)
            send_refusal(self._responder, fault, now)
            self._abort_opening(now)
        else:
            self._fail(outcome, now)

    @property
    def _redactor(self) -> Redactor:
        """Hides all keys of the call: a stored one is the operator's, and the client's own belong in no record."""
        return redactor(key.encode() for key in self._call.keys)

    def _emit_provider_refusal(self, refused: Refused, *, status: int, fault: Fault) -> None:
        self._services.emit(
            UpgradeRefused(
                conn=self._admitted.request.conn,
                status=status,
                code=ENVELOPE_CODE[fault.kind],
                reason=fault.detail,
                request_ids=request_ids(refused.headers, self._redactor),
            )
        )

    def _on_open_timeout(self, now: float) -> None:
        if self._upstream is None:
            limit = self._config.timeouts.realtime_open_s
            detail = f"no access token came within {limit:g} s"
            self._fail_token(Fault(FaultKind.FIRST_BYTE_TIMEOUT, Side.PROVIDER, detail, retryable=True), now)
        else:
            self.provider_responded(self._upstream.response_so_far(self._config.timeouts.realtime_open_s), now)

    def _fail(self, fault: Fault, now: float) -> None:
        request = self._admitted.request
        refuse_request(self._services, request, self._responder, fault, now, address=client_at(request.peer))
        self._abort_opening(now)

    def _abort_opening(self, now: float) -> None:
        """No session begins: abort the connection to the provider."""
        self._machine.fire(RelayInput.FAIL)
        self._close_timers()
        if self._upstream is not None:
            self._upstream.close(now, abort=True)
        elif self._account is not None:
            self._tokens.withdraw(self._account, self._on_token, now)
        self._on_ended(self, now)

    # -- the session --------------------------------------------------------------------------------------------

    def _begin(self, accepted: Accepted, now: float) -> None:
        """Begin the session: both sides speak WebSocket from here on."""
        self._machine.fire(RelayInput.ACCEPTED)
        self._open_timer.close()
        target = self._redactor.hide_whole(self._call.target).decode("ascii")
        self._call = msgspec.structs.replace(self._call, headers=[], target=b"")  # they are sent
        services = self._services
        admitted = self._admitted
        upstream = self._upstream
        assert upstream is not None
        request = admitted.request
        selected = admitted.offer.select(accepted.subprotocol)
        log_id = services.random.uuid7(services.unix_time(now))
        services.emit(
            SessionOpened(
                session=self.session_id,
                conn=request.conn,
                mode="realtime",
                account=admitted.resource.account,
                gateway=admitted.resource.gateway,
                peer=request.peer,
                principal=admitted.principal,
                subprotocol=admitted.offer.shown(selected),
                provider=self._call.provider,
                log_id=log_id,
                key=self._call.key,
                request_ids=request_ids(accepted.headers, self._redactor),
            )
        )
        self._record.open(admitted, self.session_id, self._call, target, log_id, services.unix_time(now), now)
        if (life_s := longest_life(self._config.timeouts.session_s, admitted.limits)) is not None:
            self._life_timer.arm(now + life_s)
        if self._idle_s is not None:
            self._idle_timer.arm(now + self._idle_s)
        config, charged = self._config, self.quota is not None and self.quota.charges
        if config.emit_provider_events or config.read_realtime or config.tell_turns or charged:
            tells = config.emit_provider_events
            self._observer = RealtimeObserver(services, self._call.format, log_id, tells=tells, own=self._reader)
        client, provider = self._sides = open_sides(
            services,
            self._responder,
            upstream,
            owner=self,
            observer=self._observer,
            now=now,
            review=review_of(admitted, self._call.provider, self._call.format, log_id, self._reader),
        )
        # The heads have done their work. Sessions are long, and a head takes far more memory than its bytes on HTTP/2.
        self._admitted = msgspec.structs.replace(admitted, request=msgspec.structs.replace(request, headers=[]))
        self._call = upstream.call = msgspec.structs.replace(self._call, headers=[])
        # Both receivers before any byte is passed on: either may end the session, and the end needs both sides.
        upstream.receiver = provider
        self._responder.accept(selected, client, now)
        if accepted.rest:
            provider.receive_data(accepted.rest, now)

    @property
    def _open_sides(self) -> tuple[RelaySide, RelaySide]:
        assert self._sides is not None
        return self._sides

    def side_ended(self, side: RelaySide, now: float, *, code: int, reason: str, cause: CloseCause) -> None:
        """One side closed, broke the protocol or was lost: the other side ends too."""
        shown = self._redactor.hide(reason.encode("utf-8", "replace")).decode("utf-8", "replace")
        self._end(side.peer, now, code=code, reason=shown, cause=cause)

    def review_stopped(self, fault: Fault, now: float) -> None:
        if self._machine.allows(RelayInput.END):
            code = CLOSE_CODE[fault.kind]
            self._end(Side.GATEWAY, now, code=code, reason=fault.detail, cause=CloseCause.ENDED)

    def side_finished(self, side: RelaySide, now: float) -> None:
        """One side has finished: what still comes from the other side has nowhere to go, and nothing comes any more for
        a client that waits for the rest."""
        client, provider = self._open_sides
        other = provider if side is client else client
        other.stop_passing(now)
        if other.waits_for_rest:
            other.finish(now)
        self.side_drained(side, now)

    def side_drained(self, side: RelaySide, now: float) -> None:
        """One side may have been the last that something was under way to. The relay ends with the second one."""
        self._write_record(now)
        client, provider = self._open_sides
        if client.settled and provider.settled and self._machine.allows(RelayInput.FINISH):
            self._machine.fire(RelayInput.FINISH)
            self._close_timers()
            client.release()
            provider.release()
            self._on_ended(self, now)

    def _close_timers(self) -> None:
        self._open_timer.close()
        self._idle_timer.close()
        self._life_timer.close()

    def _write_record(self, now: float) -> None:
        """Emit the record of the session, once, as soon as its counts cannot change any more."""
        record = self._ended
        client, provider = self._open_sides
        if record is None or not (client.delivery_is_final and provider.delivery_is_final):
            return
        self._ended = None
        observer = self._observer
        messages_received, bytes_received = client.delivered()
        messages_sent, bytes_sent = provider.delivered()
        usage = None if observer is None else observer.usage()
        price = self._call.price
        cost = None if price is None else cost_of(price, usage)
        self._services.emit(
            msgspec.structs.replace(
                record,
                messages_received=messages_received,
                messages_sent=messages_sent,
                bytes_received=bytes_received,
                bytes_sent=bytes_sent,
                usage=usage,
                cost=cost,
                first_content_s=self._record.since_opened(None if observer is None else observer.first_content_at),
            )
        )
        if self.quota is not None:
            self.quota.finish(spent_of(usage, cost), now)

    def _end(self, by: Side, now: float, *, code: int, reason: str, cause: CloseCause) -> None:
        """The one end of the session; the closing handshakes follow."""
        self._machine.fire(RelayInput.END)  # first: a second end raises
        self._idle_timer.close()
        self._life_timer.close()
        client, provider = self._open_sides
        ended = self._record.ended(by, code, reason, "draining" if self._draining else "open", now)
        frames = close_frames(code, reason, by=by, cause=cause)
        ends = [(client, frames.client), (provider, frames.provider)]
        if by is Side.PROVIDER:
            ends.reverse()  # the side that ended it gets its close frame first
        half_closed = cause is CloseCause.HALF_CLOSED
        for side, frame in ends:
            if side.peer is by and half_closed:
                side.wait_for_rest()
            else:
                side.close(frame, now, peer_closed=side.peer is by, passing=half_closed)
        self._ended = ended  # not before both sides have ended
        self.side_drained(client, now)

    # -- clocks and going away ----------------------------------------------------------------------------------

    def _on_idle(self, now: float) -> None:
        limit = self._idle_s
        assert limit is not None
        client, provider = self._open_sides
        due = max(client.moved, provider.moved) + limit
        if due > now:
            self._idle_timer.arm(due)  # moved here, not for every message
        elif client.pipe.outstanding or provider.pipe.outstanding:
            self._idle_timer.arm(now + limit)  # a side still takes bytes; a stall has a timeout of its own
        else:
            reason = f"no message within the gateway's idle limit of {limit:g} s"
            self._end(Side.GATEWAY, now, code=1001, reason=reason, cause=CloseCause.ENDED)

    def _on_session_timeout(self, now: float) -> None:
        limit = longest_life(self._config.timeouts.session_s, self._admitted.limits)
        reason = f"the gateway's session limit of {limit:g} s is over"
        self._end(Side.GATEWAY, now, code=1001, reason=reason, cause=CloseCause.ENDED)

    @property
    def sides(self) -> tuple[RelaySide, ...]:
        """Both sides; none before the session begins."""
        return self._sides or ()

    def end_for_memory(self, reason: str, now: float) -> None:
        """The process's memory is used up, and this relay holds much of it."""
        if self._machine.allows(RelayInput.END):
            self._end(Side.GATEWAY, now, code=TRY_AGAIN_LATER, reason=reason, cause=CloseCause.ENDED)
        elif self._machine.allows(RelayInput.FAIL):
            self._fail(Fault(FaultKind.OVERLOADED, Side.GATEWAY, reason, retryable=True), now)

    def end_by_host(self, code: int, reason: str, now: float) -> bool:
        """The host ends it. Returns whether it was still to be ended."""
        if self._machine.allows(RelayInput.END):
            self._end(Side.GATEWAY, now, code=code, reason=reason, cause=CloseCause.HOST)
        elif self._machine.allows(RelayInput.FAIL):
            self._fail(Fault(FaultKind.NOT_ALLOWED, Side.GATEWAY, f"the host of the gateway ended it: {reason}"), now)
        else:
            return False
        return True

    def drain(self, now: float) -> None:
        """The gateway goes away: an open session may go on until :meth:`end_drain`; another one is refused."""
        self._draining = True
        if self._machine.allows(RelayInput.FAIL):
            self._fail(
                Fault(FaultKind.GOING_AWAY, Side.GATEWAY, "the gateway is going away; connect again", retryable=True),
                now,
            )

    def end_drain(self, now: float) -> None:
        """The drain's deadline has passed: the session is closed. What is on its way has ``close_s`` in all."""
        if self._machine.allows(RelayInput.END):
            self._end(Side.GATEWAY, now, code=1001, reason="the gateway is going away", cause=CloseCause.ENDED)
        if self._machine.allows(RelayInput.FINISH):
            for side in self._open_sides:
                side.hurry(now)
