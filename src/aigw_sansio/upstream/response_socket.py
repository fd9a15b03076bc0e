"""A WebSocket to a provider that carries responses, one at a time.

Decides: how its frames are read and its pings answered, when a silent provider is dead (RFC 6455 section 5.5), and that
what comes while nothing was asked for ends it. Must not know: what a message says, and which request is sent.

Theory of operation. It is dialled for one user, and belongs to a user from :meth:`ResponseSocket.take` to
:meth:`ResponseSocket.free`. It ends once: closed or aborted by its owner, or because the provider closed, broke the
protocol, was lost or gave no sign of life. Then its owner forgets it, and a user that it has is told. Messages that
came before the end in the same read are handed over before it.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, Protocol

from ..engine.backlog import Backlog
from ..engine.client import Client
from ..engine.keepalive import Keepalive
from ..engine.services import Services
from ..engine.turns import EVENT_BYTES, PORTION_EVENTS
from ..faults import CLOSE_CODE, Fault, FaultKind, Side
from ..ids import ConnId
from ..origin import Origin
from ..providers.realtime import RealtimeCall
from ..wires.websocket.events import BinaryMessage, CloseReceived, PingReceived, TextMessage, Violation
from ..wires.websocket.handshake import Accepted, Outcome, Refused
from ..wires.websocket.messages import Role, WebSocketEvent, WebSocketWire
from .websocket import UpstreamWebSocket

_NORMAL: Final = 1000


class SocketKey(NamedTuple):
    """What a socket was opened with: requests with the same can use it. ``headers``: those of its upgrade. Its ``repr``
    shows none."""

    origin: Origin
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]

    def __repr__(self) -> str:
        return f"SocketKey({self.origin.host!r})"


class SocketUser(Protocol):
    """The one whose request a socket carries. ``socket_failed`` is the last call."""

    def dial_begun(self, now: float) -> None:
        """The dial was held back, and begins."""

    def socket_open(self, now: float) -> None:
        """The provider has accepted the upgrade: send the request."""

    def request_sent(self, now: float) -> None:
        """The transport took all of the request."""

    def messages_received(self, messages: list[bytes], now: float) -> None:
        """Messages of the provider, at least one."""

    def socket_failed(self, fault: Fault, now: float) -> None:
        """The socket has ended, or could not be opened."""


class ResponseSocket:
    """Implements ``Opener``, ``PipeReceiver``, ``BacklogOwner`` and ``KeepaliveOwner``. Call :meth:`dial` next."""

    __slots__ = (
        "_backlog", "_forget", "_heard", "_keepalive", "_pipe", "_resumed", "_services", "_unsent", "_user", "_wire",
        "dialled_at", "freed_at", "handshake_s", "has_spoken", "key", "lane", "latest", "over",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        key: SocketKey,
        upgrade: RealtimeCall,
        *,
        client: Client,
        register: Callable[[UpstreamWebSocket], None],
        forget: Callable[["ResponseSocket"], None],
    ) -> None:
        """``client``: for whom it is dialled. ``register`` is told of its connection, before that is dialled, and
        ``forget`` of its end."""
        self._services = services
        self.key = key
        self._forget = forget
        self._pipe = UpstreamWebSocket(services, upgrade, self, client)
        register(self._pipe)
        self._backlog = Backlog(services.turns, self)
        self._keepalive: Keepalive | None = None
        self._wire: WebSocketWire | None = None  # once it is open
        self._user: SocketUser | None = None
        self._unsent = False  # a part of the request is
        self._heard = self._resumed = 0.0
        #: When it was dialled, in monotonic seconds; and how long that took, with the upgrade.
        self.dialled_at = 0.0
        self.handshake_s = 0.0
        #: When its latest response was over, in monotonic seconds.
        self.freed_at = 0.0
        #: Its provider has sent a message.
        self.has_spoken = False
        #: It has ended: nothing comes or goes any more.
        self.over = False
        #: The lane whose request it carried last, and the response that its provider remembers; empty: none.
        self.lane = ""
        self.latest = ""

    # -- for its owner ------------------------------------------------------------------------------------------

    @property
    def conn(self) -> ConnId:
        """The id of its connection."""
        return self._pipe.conn

    @property
    def idle(self) -> bool:
        """Whether it is open and nobody uses it."""
        return self._user is None and self._wire is not None and not self.over

    @property
    def has_more(self) -> bool:
        """Whether more of the provider's has come than was handed over."""
        wire = self._wire
        return wire is not None and (self._backlog.waits or wire.unread or wire.held > 0)

    @property
    def awaiting(self) -> bool:
        """Whether it was pinged and its provider gave no sign of life since: it may be dead."""
        return self._keepalive is not None and self._keepalive.awaiting

    @property
    def held(self) -> int:
        """Bytes of memory that are held for it, beside those of its connection."""
        return 0 if self._wire is None else self._wire.held

    @property
    def outstanding(self) -> int:
        """Bytes that wait on its connection."""
        return self._pipe.outstanding

    def dial(self, user: SocketUser, now: float) -> bool:
        """Dial it for ``user``. False if the dial is held back, because its client looks up too many names."""
        self._user = user
        self.dialled_at = now
        return self._pipe.dial(self._begun, now)

    def late_outcome(self, within_s: float, now: float) -> Fault:
        """It was not open within ``within_s`` seconds: abort it. Returns why; its user is not told."""
        fault = _why_not(self._pipe.response_so_far(within_s))
        self.abort(now)
        return fault

    def take(self, user: SocketUser) -> None:
        """``user`` has it from now on. It must be idle."""
        assert self._user is None
        self._user = user

    def send(self, message: bytes, now: float) -> None:
        """Send a request. The socket is open."""
        assert self._wire is not None
        self._unsent = True
        self._pipe.write(self._wire.text(message), now)

    def pause(self) -> None:
        """Pause the provider."""
        self._pipe.pause_reading()
        self._await_no_more()

    def resume(self, now: float) -> None:
        """Resume the provider."""
        self._resumed = now
        self._pipe.resume_reading()

    def free(self, now: float) -> None:
        """Its user needs it no more: the response is over."""
        self._user = None
        self.freed_at = now
        self.resume(now)

    def abort(self, now: float) -> None:
        """End it now. Its user is not told."""
        self._user = None
        self._end(None, now, abort=True)

    def close(self, now: float) -> None:
        """End it in order. Its user is not told."""
        self._user = None
        self._end(None, now, code=_NORMAL)

    # -- Opener -------------------------------------------------------------------------------------------------

    def provider_connected(self, now: float) -> None:
        pass

    def provider_responded(self, outcome: Outcome, now: float) -> None:
        user = self._user
        assert user is not None, "who leaves during the handshake aborts it"
        if not isinstance(outcome, Accepted):
            self._end(_why_not(outcome), now, abort=True)
            return
        services = self._services
        self._wire = WebSocketWire(
            Role.CLIENT,
            message_limit=services.config.limits.chunk_bytes,
            mask_key=partial(services.random.bytes, 4),
        )
        self._heard = now
        self._keepalive = Keepalive(services, self, now)
        self.handshake_s = now - self.dialled_at
        self._pipe.receiver = self
        if outcome.rest:  # nothing was asked for yet
            self._user = None
            self.receive_data(outcome.rest, now)
            if self.over or self.has_more:
                self._end(None, now, code=_NORMAL)
                user.socket_failed(_lost("the provider spoke before it was asked"), now)
                return
            self._user = user
        user.socket_open(now)

    # -- PipeReceiver -------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        wire, turns = self._wire, self._services.turns
        if self.over or wire is None:
            return
        self._heard = now
        self._await_no_more()
        left = turns.left
        if left <= 0:
            wire.keep(data)
            self._backlog.postpone()
            return
        messages: list[bytes] = []
        last: WebSocketEvent | None = None
        for event in wire.receive_data(data, PORTION_EVENTS):
            if isinstance(event, TextMessage | BinaryMessage):
                messages.append(event.data)
            elif isinstance(event, PingReceived):
                turns.left -= EVENT_BYTES
                self._answer_ping(event.payload, now)
            else:
                last = event
        if messages:
            turns.left -= len(messages) * EVENT_BYTES  # beside what its user counts: each is looked at here, too
            self._hand_over(messages, now)
        if isinstance(last, CloseReceived):
            self._end(_lost(f"the provider closed its WebSocket with {last.code}"), now, code=_NORMAL)
        elif isinstance(last, Violation):
            self._end(_broken(last.fault), now, code=CLOSE_CODE[last.fault.kind])
        elif wire.unread and not self.over:
            self._backlog.portion_read(left, now)

    def receive_eof(self, now: float) -> None:
        if self._backlog.waits:
            self._backlog.end_later(self.receive_eof)
        else:
            self._end(_lost("the provider ended the connection of its WebSocket"), now)

    def connection_lost(self, reason: str, now: float) -> None:
        if self._backlog.waits:
            self._backlog.end_later(partial(self._on_lost, reason))
        else:
            self._on_lost(reason, now)

    def data_sent(self, outstanding: int, now: float) -> None:
        # No sign of life: it is our own kernel that took them.
        if outstanding or self.over:
            return
        if self._keepalive is not None and self._keepalive.ping_unsent:
            self._keepalive.ping_sent(now, paused=not self._pipe.reading)
        if self._unsent:
            self._unsent = False
            if self._user is not None:
                self._user.request_sent(now)

    # -- BacklogOwner -------------------------------------------------------------------------------------------

    def hold_peer(self) -> None:
        self._pipe.hold_peer()
        self._await_no_more()

    def resume_peer(self, now: float) -> None:
        self._resumed = now
        self._pipe.resume_peer(now)

    # -- KeepaliveOwner -----------------------------------------------------------------------------------------

    def last_heard(self) -> float:
        return max(self._heard, self._resumed)

    def may_ping(self) -> bool:
        return self._pipe.reading and not self._pipe.outstanding

    def send_ping(self, now: float) -> None:
        assert self._wire is not None
        self._pipe.write(self._wire.ping(), now)

    def peer_dead(self, now: float) -> None:
        if not self._pipe.reading:  # memory is short: the pong cannot be read
            return
        within_s = self._services.config.timeouts.pong_s
        self._end(_lost(f"the provider gave no sign of life within {within_s:g} s of a ping"), now, abort=True)

    # -- inside -------------------------------------------------------------------------------------------------

    def _begun(self, now: float) -> None:
        self.dialled_at = now
        if self._user is not None:
            self._user.dial_begun(now)

    def _await_no_more(self) -> None:
        """The provider gave a sign of life, or is paused and cannot give one."""
        if self._keepalive is not None and self._keepalive.awaiting:
            self._keepalive.stop_waiting()

    def _answer_ping(self, payload: bytes, now: float) -> None:
        """Answer a ping; not while much is unsent, which is a sign of life as good (RFC 6455 section 5.5.3)."""
        assert self._wire is not None
        if self._pipe.outstanding < self._services.config.limits.send_high_water_bytes:
            self._pipe.write(self._wire.pong(payload), now)

    def _hand_over(self, messages: list[bytes], now: float) -> None:
        if self._user is not None:
            self._user.messages_received(messages, now)
        else:
            self._end(None, now, code=_NORMAL)

    def _on_lost(self, reason: str, now: float) -> None:
        self._end(_lost(f"the connection to the provider was lost: {reason}"), now)

    def _end(self, fault: Fault | None, now: float, *, code: int | None = None, abort: bool = False) -> None:
        """The one end. ``fault``: what a user is told. ``code``: of our close frame, if the provider may get one."""
        if self.over:
            return
        self.over = True
        user, self._user = self._user, None
        self._backlog.close()
        if self._keepalive is not None:
            self._keepalive.close()
        if self._wire is not None:
            if code is not None:
                self._pipe.write(self._wire.close(code), now)
            self._wire.stop_reading()
        self._pipe.close(now, abort=abort or self._wire is None)
        self._forget(self)
        if user is not None:
            assert fault is not None
            user.socket_failed(fault, now)


def _why_not(outcome: Outcome) -> Fault:
    """Why there is no WebSocket."""
    if isinstance(outcome, Fault):
        return outcome
    status = outcome.status if isinstance(outcome, Refused) else 101
    detail = f"the provider answered the upgrade to a WebSocket with {status}"
    return Fault(FaultKind.CONNECT_FAILED, Side.PROVIDER, detail, retryable=True)


def _broken(fault: Fault) -> Fault:
    """What a violation of the provider's is, if it is no WebSocket that anybody knows of."""
    too_big = fault.kind is FaultKind.MESSAGE_TOO_BIG
    kind = FaultKind.BODY_TOO_LARGE if too_big else FaultKind.MALFORMED_RESPONSE
    return Fault(kind, Side.PROVIDER, fault.detail, retryable=not too_big)


def _lost(detail: str) -> Fault:
    return Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, detail, retryable=True)
