"""The gateway: the one class that a driver holds.

Decides: who owns which connection, and how a gateway goes away. Must not know: any protocol. The contract between
core and driver is the sum of the docstrings here and in :mod:`.effects`.

A driver has nine duties:

1. One thread or loop for each gateway; no two gateways share anything.
2. ``now`` is monotonic seconds and never goes back.
3. After every call take ``effects()`` and execute them in order. Inputs may be called while effects run; the
   outermost loop drains what they add.
4. One writer for each connection: pull ``data_to_send`` until it gives fewer than asked for, then wait for ``Flush``.
5. Report ``data_sent`` after the transport took the bytes, and pull no more until then. One report may confirm
   part of a pull, or several pulls.
6. Read at most 64 KiB at a time. After ``PauseReading`` one read already under way may still be delivered.
7. Report each end once: ``receive_eof``, ``connection_lost`` or ``connect_failed``; and ``closed`` once and last.
8. ``Close`` is: finish sending, then close. ``Close(abort)`` is: now. Both cancel a dial.
9. Call ``handle_timeout`` at or after ``next_timeout()``.
"""

from functools import partial
from typing import Final

from .config import Config
from .dialects.universal.dialect import UniversalDialect
from .downstream.admission import Admission, Admitted
from .downstream.http1 import Http1DownstreamConnection
from .downstream.http2 import Http2DownstreamConnection
from .downstream.ports import PendingRequest, Responder
from .downstream.routes import RealtimeResource
from .downstream.websocket import WebSocketChannel, WebSocketOpening
from .effects import Answer, Effect
from .engine.connection import Connection
from .engine.services import Services
from .errors import LocalProtocolError
from .faults import Fault
from .ids import AskId, ConnId
from .providers.realtime import build_realtime_call
from .realtime.relay import Relay, refuse_upgrade
from .realtime.upstream import RelayUpstreamConnection
from .sessions.planner import ClientInfo
from .sessions.session import Session
from .upstream.access_tokens import AuthorizingSource
from .upstream.connection import UpstreamConnection
from .upstream.pool import Pool
from .wires.websocket.handshake import Offers

_UNIVERSAL: Final = UniversalDialect()


class Gateway:
    """An AI gateway without I/O: bytes, ends and time in; effects, bytes and a deadline out.

    ``seed`` are at least 16 bytes of the host's entropy, or fixed ones for a run that is to be replayed.
    ``wall_offset`` is Unix time minus the monotonic time passed as ``now``, in seconds.
    """

    __slots__ = (
        "_admission",
        "_connections",
        "_drain_timer",
        "_next_session",
        "_now",
        "_pool",
        "_relays",
        "_services",
        "_sessions",
        "_source",
        "draining",
    )

    def __init__(self, config: Config, seed: bytes, wall_offset: float) -> None:
        self._services = Services(config, seed, wall_offset)
        self._connections: dict[ConnId, Connection] = {}
        self._pool = Pool(self._services, self._register)
        self._source = AuthorizingSource(self._services, self._pool)
        self._admission = Admission(self._services, self)
        self._sessions: dict[int, Session[WebSocketChannel]] = {}
        self._relays: dict[int, Relay] = {}
        self._next_session = 1
        self._now = float("-inf")
        #: Going away: no new sessions, no new exchanges.
        self.draining = False
        self._drain_timer = self._services.timers.timer(self._on_drain_timeout)

    # -- inputs -------------------------------------------------------------------------------------------------

    def open_downstream(self, peer: str, alpn: str | None, now: float) -> ConnId:
        """A client connected. ``peer`` is its address for events; ``alpn`` what TLS chose: ``h2`` is HTTP/2, anything
        else and nothing is HTTP/1.1."""
        self._advance(now)
        conn = self._services.issue_conn()
        connection: Connection
        if alpn == "h2":
            connection = Http2DownstreamConnection(
                self._services, conn, peer, self._admission, now, draining=self.draining
            )
        else:
            connection = Http1DownstreamConnection(self._services, conn, peer, self._admission, now)
        self._connections[conn] = connection
        return conn

    def connected(self, conn: ConnId, alpn: str | None, now: float) -> None:
        """The dial of ``Connect`` succeeded, TLS included; ``alpn`` is what TLS chose."""
        connection = self._look(conn, now)
        if connection is not None and not isinstance(connection, UpstreamConnection | RelayUpstreamConnection):
            raise LocalProtocolError(f"connected({conn}): this connection was not dialled")
        self._now = now
        if connection is not None:
            connection.connected(alpn, now)
            self._services.run_deferred(now)

    def connect_failed(self, conn: ConnId, reason: str, now: float) -> None:
        """The dial of ``Connect`` failed. ``closed`` must follow."""
        connection = self._look(conn, now)
        if connection is not None and not isinstance(connection, UpstreamConnection | RelayUpstreamConnection):
            raise LocalProtocolError(f"connect_failed({conn}): this connection was not dialled")
        self._now = now
        if connection is not None:
            connection.connect_failed(reason, now)
            self._services.run_deferred(now)

    def receive_data(self, conn: ConnId, data: bytes, now: float) -> None:
        """Bytes of the peer, at most 64 KiB. Empty data is nothing, never an end."""
        connection = self._connections.get(conn)
        if connection is None or now < self._now:
            connection = self._find(conn, now)
        self._now = now
        if connection is not None and data and not connection.ended:
            if type(data) is not bytes:
                data = bytes(memoryview(data))  # a host may have read into a bytearray; behind here it is bytes
            (connection.receiver or connection).receive_data(data, now)
            if self._services.deferred:
                self._services.run_deferred(now)

    def receive_eof(self, conn: ConnId, now: float) -> None:
        """The peer ended its direction cleanly; at most once."""
        connection = self._find(conn, now)
        if connection is not None and not connection.ended:
            connection.receive_eof(now)
            self._services.run_deferred(now)

    def connection_lost(self, conn: ConnId, reason: str, now: float) -> None:
        """The connection broke: a reset, a failed write, TLS that ended without ``close_notify``."""
        connection = self._find(conn, now)
        if connection is not None and not connection.ended:
            connection.connection_lost(reason, now)
            self._services.run_deferred(now)

    def data_sent(self, conn: ConnId, n: int, now: float) -> None:
        """The transport took ``n`` of the bytes that were pulled. ``LocalProtocolError`` for more than that. None at
        all is nothing, and no sign of life."""
        connection = self._connections.get(conn)
        if connection is None or now < self._now:
            connection = self._look(conn, now)
        if connection is not None and n:
            connection.data_sent(n, now)
            if self._services.deferred:
                self._services.run_deferred(now)
        self._now = now

    def closed(self, conn: ConnId, now: float) -> None:
        """The connection is released: exactly once and last, whoever ended it, also after a failed dial."""
        connection = self._find(conn, now)
        if connection is not None:
            del self._connections[conn]
            connection.closed(now)
            self._services.run_deferred(now)

    def answer(self, ask_id: AskId, value: Answer, now: float) -> None:
        """The answer to an ``Ask``. Late and second answers are ignored; ``LocalProtocolError`` for a question that
        was never asked and for an answer of the wrong class."""
        self._check(now)
        self._services.answer(ask_id, value, now)
        self._services.run_deferred(now)
        self._now = now

    def handle_timeout(self, now: float) -> None:
        """``next_timeout()`` has come. Calling it early does no harm."""
        self._advance(now)
        while True:
            self._services.timers.fire(now)
            self._services.run_deferred(now)
            due = self._services.timers.next_deadline()
            if due is None or due > now:
                break

    def set_wall(self, wall_offset: float, now: float) -> None:
        """The host's wall clock was set: Unix time is now ``wall_offset + now``."""
        self._advance(now)
        self._services.wall_offset = wall_offset

    def drain(self, now: float) -> None:
        """Go away (client protocol, section 6): refuse what is new, let what runs finish within the configured time,
        then close. It is over when ``idle`` is true."""
        self._advance(now)
        if self.draining:
            return
        self.draining = True
        deadline = now + self._services.config.timeouts.drain_s
        self._drain_timer.arm(deadline)
        for session in list(self._sessions.values()):
            session.drain(deadline, now)
        for relay in list(self._relays.values()):
            relay.drain(now)
        for connection in list(self._connections.values()):
            if isinstance(connection, Http2DownstreamConnection):
                connection.drain(now)
        self._finish_drain(now)
        self._services.run_deferred(now)

    # -- outputs ------------------------------------------------------------------------------------------------

    def effects(self) -> list[Effect]:
        """What is to be done, in order; each effect is handed out once."""
        return self._services.take_effects()

    def data_to_send(self, conn: ConnId, limit: int = 65536) -> bytes:
        """Up to ``limit`` bytes for the peer, fewer only where these are all. Report them with ``data_sent``."""
        connection = self._connections.get(conn)
        if connection is not None:
            return connection.pull(limit)
        if not self._services.was_issued(conn):
            raise LocalProtocolError(f"data_to_send({conn}): no such connection was ever issued")
        return b""

    def next_timeout(self) -> float | None:
        """When to call ``handle_timeout`` at the latest; ``None``: no deadline is set."""
        return self._services.timers.next_deadline()

    @property
    def idle(self) -> bool:
        """Whether no session is open: after ``drain``, the time to leave."""
        return not self._sessions and not self._relays

    def snapshot(self) -> dict[str, int]:
        """Counts of what is alive, for tests and metrics."""
        return {
            "connections": len(self._connections),
            "sessions": len(self._sessions) + len(self._relays),
            "exchanges": sum(session.running for session in self._sessions.values()),
            "waiting_calls": self._pool.waiting,
            "timers": self._services.timers.armed,
            "asks": self._services.unanswered,
            "send_buffer_bytes": sum(connection.outstanding for connection in self._connections.values()),
        }

    # -- for the parts ------------------------------------------------------------------------------------------

    def open_universal(self, admitted: Admitted, responder: Responder, now: float) -> None:
        """A universal client was admitted."""
        request = admitted.request
        assert isinstance(request.websocket, Offers)
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in request.headers
            if name.startswith(b"cf-aig-") and name != b"cf-aig-authorization"
        }
        selected = admitted.offer.select()
        client = ClientInfo(
            conn=request.conn,
            peer=request.peer,
            account=admitted.resource.account,
            gateway=admitted.resource.gateway,
            settings=admitted.settings,
            headers=headers,
            principal=admitted.principal,
            subprotocol=admitted.offer.shown(selected),
            token=admitted.token,
        )
        opening = WebSocketOpening(
            self._services, responder.pipe, admitted.settings.compression, request.websocket.extensions, now
        )
        session = Session(
            self._services,
            self._source,
            _UNIVERSAL,
            client,
            self._issue_session(),
            open_channel=opening.open,
            on_ended=self._session_ended,
            now=now,
        )
        self._sessions[session.session_id] = session
        session.start(now)
        responder.accept(selected, session.channel, now, extension=opening.extension)

    def open_realtime(self, admitted: Admitted, responder: Responder, now: float) -> PendingRequest | None:
        """A realtime client was admitted. ``None`` if it is answered already."""
        request, resource = admitted.request, admitted.resource
        assert isinstance(resource, RealtimeResource)
        call = build_realtime_call(
            path=f"{resource.path}?{admitted.query}" if admitted.query else resource.path,
            headers=request.headers,
            subprotocols=[item.text for item in admitted.offer.items],
            settings=self._services.config.providers,
            own_tokens=partial(admitted.is_own_token, self._services.own_tokens),
            unix_time=self._services.unix_time(now),
        )
        if isinstance(call, Fault):
            refuse_upgrade(self._services, request, responder, call, now)
            return None
        relay = Relay(
            self._services,
            admitted,
            call,
            responder,
            self._issue_session(),
            tokens=self._source.tokens,
            register=self._register,
            on_ended=self._relay_ended,
        )
        self._relays[relay.session_id] = relay
        relay.start(now)
        return relay

    # -- inside -------------------------------------------------------------------------------------------------

    def _check(self, now: float) -> None:
        if now < self._now:
            raise LocalProtocolError(f"time runs backwards: now is {now}, the last input was at {self._now}")

    def _advance(self, now: float) -> None:
        self._check(now)
        self._now = now

    def _look(self, conn: ConnId, now: float) -> Connection | None:
        """The connection of an input that may be misuse yet: time stands still."""
        if not self._services.was_issued(conn):
            raise LocalProtocolError(f"no connection {conn} was ever issued")
        self._check(now)
        return self._connections.get(conn)

    def _find(self, conn: ConnId, now: float) -> Connection | None:
        connection = self._look(conn, now)
        self._now = now
        return connection

    def _issue_session(self) -> int:
        session_id = self._next_session
        self._next_session += 1
        return session_id

    def _register(self, connection: Connection) -> None:
        self._connections[connection.conn] = connection

    def _relay_ended(self, relay: Relay, now: float) -> None:
        del self._relays[relay.session_id]
        self._finish_drain(now)

    def _session_ended(self, session: Session[WebSocketChannel], now: float) -> None:
        del self._sessions[session.session_id]
        self._finish_drain(now)

    def _finish_drain(self, now: float) -> None:
        if self.draining and self.idle:
            self._drain_timer.cancel()
            self._pool.close_all(now)

    def _on_drain_timeout(self, now: float) -> None:
        for session in list(self._sessions.values()):
            session.abort(now)
        for relay in list(self._relays.values()):
            relay.abort(now)
        self._pool.close_all(now)
