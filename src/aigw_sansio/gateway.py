"""The gateway: the one class that a driver drives.

Decides: which object owns each connection, and how a gateway goes away. Must not know: any protocol. The ten duties of
a driver are in the docstring of the package :mod:`aigw_sansio`.
"""

from .config import Config
from .dialects.universal.dialect import UniversalDialect
from .downstream.addresses import ClientAddresses, client_at
from .downstream.admission import Admission, Admitted
from .downstream.client_connection import client_connection
from .downstream.connection_limits import ConnectionLimits, TurnAway, refuse_dial
from .downstream.http2 import Http2DownstreamConnection
from .downstream.memory_use import ClientCensus
from .downstream.ports import PendingRequest, RequestHandler, Responder
from .downstream.refusal import refuse_request
from .downstream.websocket import WebSocketChannel, WebSocketOpening
from .effects import Answer, Effect
from .engine.client import Requester
from .engine.connection import Connection
from .engine.memory import PER_CONNECTION, MemoryGuard
from .engine.services import Services
from .engine.turns import TURN_BYTES
from .errors import LocalProtocolError
from .events import ConnectionRefused
from .faults import Fault
from .ids import AskId, ConnId
from .providers.known_hosts import known_hosts
from .realtime.memory_use import RelayMemory
from .realtime.plan import plan
from .realtime.relay import Relay
from .realtime.upstream import RelayUpstreamConnection
from .sessions.clients import Clients
from .sessions.planner import client_info
from .sessions.session import Session
from .upstream.access_tokens import AuthorizingSource
from .upstream.connection import UpstreamConnection
from .upstream.pool import Pool
from .wires.websocket.handshake import Offers


class Gateway:
    """An AI gateway without I/O: bytes, ends and time in; effects, bytes and a deadline out.

    ``now`` is monotonic time in seconds, and may not go back: every input raises ``LocalProtocolError`` for an earlier
    ``now``, and for a connection that was never issued. An error changes nothing. An input for a connection that has
    ended is ignored.

    After every input drain :meth:`effects`, carry them out in order, and read :meth:`next_timeout` again.
    """

    __slots__ = (
        "_admission",
        "_census",
        "_clients",
        "_connections",
        "_drain_timer",
        "_limits",
        "_next_session",
        "_now",
        "_pool",
        "_relays",
        "_services",
        "_sessions",
        "_source",
        "_turns",
        "_universal",
        "draining",
    )

    def __init__(self, config: Config, seed: bytes, wall_offset: float) -> None:
        """``seed``: at least 16 bytes of the host's entropy, or fixed bytes for a run that is to be replayed.
        ``wall_offset``: Unix time minus ``now``, in seconds. Call :meth:`open_downstream` for each client."""
        self._services = Services(config, seed, wall_offset, known_hosts(config))
        self._turns = self._services.turns
        self._connections: dict[ConnId, Connection] = {}
        self._pool = Pool(self._services, self._register)
        self._source = AuthorizingSource(self._services, self._pool)
        addresses = ClientAddresses(config.trusted_proxies)
        self._limits = ConnectionLimits(config.limits, addresses)
        self._clients = Clients(self._services, addresses, self._connections)
        self._admission = Admission(self._services, self, addresses)
        self._universal = UniversalDialect(config.limits)
        self._sessions: dict[int, Session[WebSocketChannel]] = {}
        self._relays: dict[int, Relay] = {}
        self._census = ClientCensus(self._connections)
        MemoryGuard(self._services, self._census).watch()
        self._next_session = 1
        self._now = float("-inf")
        #: The gateway is going away: no new sessions, no new exchanges.
        self.draining = False
        self._drain_timer = self._services.timers.timer(self._on_drain_timeout)

    # -- inputs -------------------------------------------------------------------------------------------------

    def open_downstream(self, peer: str, alpn: str | None, now: float, *, local: str | None = None) -> ConnId:
        """A client connected, TLS included. Returns the id of its connection.

        ``peer``: its address. ``alpn``: the protocol that TLS chose; ``h2`` is HTTP/2, anything else and ``None`` is
        HTTP/1.1. ``local``: the address that the client reached; ``None``: not a loopback address. Drain
        :meth:`effects` next, then read the connection and call :meth:`receive_data`.
        """
        self._advance(now)
        conn = self._services.issue_conn()
        refused = self._limits.opened(conn, peer)
        handler: RequestHandler = self._admission
        handler = handler if refused is None else TurnAway(self._services, refused, client_at(peer))
        connection = client_connection(
            self._services,
            conn,
            alpn,
            peer=peer,
            handler=handler,
            now=now,
            local=local,
            draining=self.draining or refused is not None,
            proxied=self._clients.is_proxy(peer),
        )
        self._register(connection)
        if refused is not None and not self._limits.may_wait(conn):
            self._services.emit(ConnectionRefused(conn, refused.detail, client_at(peer)))
            connection.close(now, abort=True)
        return conn

    def connected(self, conn: ConnId, alpn: str | None, now: float) -> None:
        """The dial of ``Connect`` succeeded, TLS included. ``alpn``: the protocol that TLS chose, or ``None``.

        Drain :meth:`effects` next, then read the connection. ``LocalProtocolError`` if it was not dialled.
        """
        connection = self._look(conn, now)
        if connection is not None and not isinstance(connection, UpstreamConnection | RelayUpstreamConnection):
            raise LocalProtocolError(f"connected({conn}): this connection was not dialled")
        self._now = now
        self._turns.left = TURN_BYTES
        if connection is not None:
            connection.connected(alpn, now)
            self._services.dials.connected(conn, now)
            self._services.run_deferred(now)

    def connect_failed(self, conn: ConnId, reason: str, now: float) -> None:
        """The dial of ``Connect`` failed. ``reason``: short text for a person, without secrets.

        Drain :meth:`effects` next; :meth:`closed` must follow. ``LocalProtocolError`` if it was not dialled.
        """
        connection = self._look(conn, now)
        if connection is not None and not isinstance(connection, UpstreamConnection | RelayUpstreamConnection):
            raise LocalProtocolError(f"connect_failed({conn}): this connection was not dialled")
        self._now = now
        self._turns.left = TURN_BYTES
        if connection is not None:
            connection.connect_failed(reason, now)
            self._services.dials.ended(conn, now)
            self._services.run_deferred(now)

    def receive_data(self, conn: ConnId, data: bytes, now: float) -> None:
        """Bytes of the peer, at most 64 KiB. Empty data has no effect; it is never an end.

        Drain :meth:`effects` next. After ``PauseReading`` stop reading; one read that is already running may follow.
        """
        connection = self._connections.get(conn)
        if connection is None or now < self._now:
            connection = self._find(conn, now)
            if connection is None:
                return
        self._now = now
        self._turns.left = TURN_BYTES
        if data and not connection.ended:
            if data.__class__ is not bytes:
                data = bytes(memoryview(data))  # a driver may have read into a bytearray; from here on it is bytes
            (connection.receiver or connection).receive_data(data, now)
            services = self._services
            services.unweighed = unweighed = services.unweighed - len(data) - 64  # PER_PIECE: it may be kept
            if unweighed < 0:
                services.grow(0)
            if services.deferred:
                services.run_deferred(now)

    def receive_eof(self, conn: ConnId, now: float) -> None:
        """The peer ended its direction in order. Call it at most once for a connection, and no :meth:`receive_data`
        afterwards.

        Drain :meth:`effects` next. Bytes may still be sent; :meth:`closed` must follow, after ``Close``.
        """
        connection = self._find(conn, now)
        if connection is not None and not connection.ended:
            connection.receive_eof(now)
            self._services.run_deferred(now)

    def connection_lost(self, conn: ConnId, reason: str, now: float) -> None:
        """The connection was lost: a reset, a failed write, TLS that ended without ``close_notify``. ``reason``: short
        text for a person, without secrets.

        Drain :meth:`effects` next; no ``Close`` comes for it. :meth:`closed` must follow.
        """
        connection = self._find(conn, now)
        if connection is not None and not connection.ended:
            connection.connection_lost(reason, now)
            self._services.run_deferred(now)

    def data_sent(self, conn: ConnId, n: int, now: float) -> None:
        """The transport took ``n`` of the bytes that were pulled. 0 has no effect; it is no sign of life.

        Drain :meth:`effects` next, then pull more with :meth:`data_to_send` if the last pull was full.
        ``LocalProtocolError`` if fewer bytes were pulled and not yet confirmed.
        """
        connection = self._connections.get(conn)
        if connection is None or now < self._now:
            connection = self._look(conn, now)
        if connection is not None and n:
            connection.data_sent(n, now)
            if self._services.deferred:
                self._turns.left = TURN_BYTES
                self._services.run_deferred(now)
        self._now = now

    def closed(self, conn: ConnId, now: float) -> None:
        """The connection is released. Call it exactly once for each connection, as its last input, whichever side ended
        it; also after :meth:`connect_failed`, and after our own ``Close``.

        Drain :meth:`effects` next. Effects for this connection that are still to come may be ignored.
        """
        connection = self._find(conn, now)
        if connection is not None:
            del self._connections[conn]
            self._limits.closed(conn)
            self._clients.closed(conn)
            self._services.dials.closed(conn, now)
            connection.closed(now)
            self._services.run_deferred(now)

    def answer(self, ask_id: AskId, value: Answer, now: float) -> None:
        """The host's answer to an ``Ask``: of the class that its question names, or ``Unavailable``.

        Drain :meth:`effects` next. Late and second answers are ignored. ``LocalProtocolError`` for a question that was
        never asked, and for an answer of the wrong class.
        """
        self._check(now)
        self._turns.left = TURN_BYTES
        self._services.answer(ask_id, value, now)  # may raise: until then nothing has changed
        self._services.run_deferred(now)
        self._now = now

    def handle_timeout(self, now: float) -> None:
        """The deadline of :meth:`next_timeout` has come. An early call does no harm.

        Drain :meth:`effects` next. Afterwards :meth:`next_timeout` is later than ``now``, or ``None``.
        """
        self._advance(now)
        while True:
            self._services.timers.fire(now)
            self._services.run_deferred(now)
            due = self._services.timers.next_deadline()
            if due is None or due > now:
                break

    def proceed(self, now: float) -> None:
        """Do more of the work that ``Continue`` told of. Drain :meth:`effects` next: there may be another one."""
        self._advance(now)
        self._turns.proceed(now)
        self._services.run_deferred(now)

    def set_wall(self, wall_offset: float, now: float) -> None:
        """The host's wall clock was set: Unix time is ``wall_offset + now``, in seconds. There are no effects."""
        self._advance(now)
        self._services.wall_offset = wall_offset

    def drain(self, now: float) -> None:
        """Go away (client protocol, section 6): refuse new sessions and exchanges, let running ones finish within
        ``drain_s``, then close. A second call has no effect.

        Drain :meth:`effects` next, and go on driving until :attr:`idle` is true.
        """
        self._advance(now)
        if self.draining:
            return
        self.draining = True  # before the sessions, which may end at once and complete the drain
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
        """The effects since the last call, in order. Call it after every input and carry them out: each is returned
        once."""
        services = self._services  # ``take_effects``, written out: it is called several times for each message
        effects = services.effects
        if effects:
            services.effects = []
        return effects

    def data_to_send(self, conn: ConnId, limit: int = 65536) -> bytes:
        """Up to ``limit`` bytes for the peer; fewer only if there are no more. Call it after ``Flush``.

        Send them, and call :meth:`data_sent` when the transport has taken them. Empty bytes: wait for the next
        ``Flush``. ``LocalProtocolError`` for a connection that was never issued.
        """
        connection = self._connections.get(conn)
        if connection is not None:
            return connection.buffer.pull(limit)
        if not self._services.was_issued(conn):
            raise LocalProtocolError(f"data_to_send({conn}): no such connection was ever issued")
        return b""

    def next_timeout(self) -> float | None:
        """The deadline for :meth:`handle_timeout`, in monotonic seconds; ``None`` if there is none. Read it again after
        every input."""
        return self._services.timers.next_deadline()

    @property
    def idle(self) -> bool:
        """Whether no session is open. After :meth:`drain` the driver may stop then."""
        return not self._sessions and not self._relays

    def snapshot(self) -> dict[str, int]:
        """Numbers of live objects, for tests and metrics."""
        return {
            "connections": len(self._connections) - self._services.dials.held,
            "sessions": len(self._sessions) + len(self._relays),
            "exchanges": sum(session.running for session in self._sessions.values()),
            "waiting_calls": self._pool.waiting,
            "timers": self._services.timers.armed,
            "postponed": self._turns.waiting,
            "asks": self._services.unanswered,
            "send_buffer_bytes": sum(connection.outstanding for connection in self._connections.values()),
        }

    # -- SessionHost --------------------------------------------------------------------------------------------

    def open_universal(self, admitted: Admitted, responder: Responder, now: float) -> None:
        """A universal client was admitted: begin its session."""
        request = admitted.request
        assert isinstance(request.websocket, Offers)
        selected = admitted.offer.select()
        client = client_info(admitted, admitted.offer.shown(selected))
        opening = WebSocketOpening(
            self._services,
            responder.pipe,
            compression=admitted.settings.compression,
            offers=request.websocket.extensions,
            now=now,
        )
        limits = self._clients.of(request.conn, request.peer)
        session = Session(
            self._services,
            self._source.of(Requester(client.name, limits.client)),
            self._universal,
            client=client,
            limits=limits,
            session_id=self._issue_session(),
            open_channel=opening.open,
            on_ended=self._session_ended,
            now=now,
        )
        self._sessions[session.session_id] = session
        session.start(now)  # before ``accept``, which may hand over early messages
        self._census.joined(responder.pipe, session)
        responder.accept(selected, session.channel, now, extension=opening.extension)

    def open_realtime(self, admitted: Admitted, responder: Responder, now: float) -> PendingRequest | None:
        """A realtime client was admitted: dial its provider. ``None`` if the request has its response already."""
        request, resource = admitted.request, admitted.resource
        taken = len(self._connections) - self._services.dials.held
        call = refuse_dial(self._services.config.descriptors, taken) or plan(self._services, admitted, now)
        if isinstance(call, Fault):
            refuse_request(self._services, request, responder, call, now, address=client_at(request.peer))
            return None
        relay = Relay(
            self._services,
            admitted,
            call,
            responder=responder,
            requester=Requester(
                f"{resource.account}/{resource.gateway}", self._clients.of(request.conn, request.peer).client
            ),
            session_id=self._issue_session(),
            tokens=self._source.tokens,
            register=self._register,
            on_ended=self._relay_ended,
        )
        self._relays[relay.session_id] = relay
        self._census.joined(responder.pipe, RelayMemory(relay))
        relay.start(now)
        return relay

    # -- inside -------------------------------------------------------------------------------------------------

    def _check(self, now: float) -> None:
        if now < self._now:
            raise LocalProtocolError(f"time runs backwards: now is {now}, the last input was at {self._now}")

    def _advance(self, now: float) -> None:
        self._check(now)
        self._now = now
        self._turns.left = TURN_BYTES

    def _look(self, conn: ConnId, now: float) -> Connection | None:
        """The connection of an input that may still prove to be misuse, so ``_now`` is not moved yet."""
        if not self._services.was_issued(conn):
            raise LocalProtocolError(f"no connection {conn} was ever issued")
        self._check(now)
        return self._connections.get(conn)

    def _find(self, conn: ConnId, now: float) -> Connection | None:
        connection = self._look(conn, now)
        self._now = now
        self._turns.left = TURN_BYTES
        return connection

    def _issue_session(self) -> int:
        session_id = self._next_session
        self._next_session += 1
        return session_id

    def _register(self, connection: Connection) -> None:
        self._connections[connection.conn] = connection
        self._services.grow(PER_CONNECTION)

    def _relay_ended(self, relay: Relay, now: float) -> None:
        del self._relays[relay.session_id]
        self._census.left(RelayMemory(relay))
        self._finish_drain(now)

    def _session_ended(self, session: Session[WebSocketChannel], now: float) -> None:
        del self._sessions[session.session_id]
        self._census.left(session)
        self._services.defer(self._pool.serve_all)  # less is kept from the others
        self._finish_drain(now)

    def _finish_drain(self, now: float) -> None:
        if self.draining and self.idle:
            self._drain_timer.cancel()
            self._pool.close_all(now)

    def _on_drain_timeout(self, now: float) -> None:
        for session in list(self._sessions.values()):
            session.end_drain(now)
        for relay in list(self._relays.values()):
            relay.end_drain(now)
        self._pool.close_all(now)
