"""The gateway: the one class that a driver drives.

Decides: which object owns each connection, and how a gateway goes away. Must not know: any protocol. The ten duties of
a driver are in the docstring of the package :mod:`aigw_sansio`.
"""

from collections.abc import Sequence

from .config import Config
from .dialects.events import NativeEvent
from .dialects.native.dialect import NativeDialect
from .dialects.native.encoder import NativeItem
from .dialects.native.requests import checked
from .dialects.responses.opening import open_dialect
from .dialects.universal.dialect import UniversalDialect
from .downstream.addresses import ClientAddresses, client_at
from .downstream.admission import Admission, AdmittedClient
from .downstream.client_connection import client_connection
from .downstream.connection_limits import ConnectionLimits, TurnAway
from .downstream.http2 import Http2DownstreamConnection
from .downstream.memory_use import ClientCensus
from .downstream.messages import MessagesConnection
from .downstream.ports import PendingRequest, RequestHandler, Responder
from .effects import Answer, Effect, Message
from .engine.memory import MemoryGuard
from .engine.seeded_random import checked_seed
from .engine.send_buffer import PER_PIECE
from .engine.services import Services, checked_wall
from .engine.turns import TURN_BYTES
from .errors import LocalProtocolError
from .events import ConnectionRefused
from .faults import Fault
from .ids import AskId, ConnId
from .parts.parts import NO_PARTS, Parts
from .providers.known_hosts import known_hosts
from .providers.setting_checks import check_config
from .quotas.limiter import Limiter
from .realtime.open_relays import OpenRelays
from .sessions.clients import Clients
from .sessions.local_inputs import LocalInputs
from .sessions.local_sessions import LocalSessions
from .sessions.open_sessions import OpenSessions
from .sessions.opening import open_session
from .upstream.access_tokens import AuthorizingSource
from .upstream.cache import CachingSource
from .upstream.cut_order import put_calls_last
from .upstream.gate import Gate
from .upstream.pool import Pool
from .upstream.socket_source import SocketSource


class Gateway(LocalInputs[NativeItem]):
    """An AI gateway without I/O: bytes, ends and time in; effects, bytes and a deadline out.

    ``now`` is monotonic time in seconds, and may not go back: every input raises ``LocalProtocolError`` for an earlier
    ``now``, and for a connection that was never issued. An error changes nothing. An input for a connection that has
    ended is ignored.

    After every input drain :meth:`effects`, carry them out in order, and read :meth:`next_timeout` again.
    """

    __slots__ = (
        "_addresses", "_admission", "_census", "_clients", "_dialect", "_drain_timer", "_limits", "_memory", "_pool",
        "_relays", "_rows", "_sessions", "_source",
    )  # fmt: skip

    def __init__(self, config: Config, seed: bytes, wall_offset: float, parts: Parts = NO_PARTS) -> None:
        """``seed``: at least 16 bytes of the host's entropy, or fixed bytes for a run that is to be replayed.
        ``wall_offset``: Unix time minus ``now``. ``parts``: the host's own. ``ValueError`` if wrong. Call
        :meth:`open_downstream` next."""
        check_config(config, parts.rows)
        super().__init__(Services(config, checked_seed(seed), wall_offset, known_hosts(config, parts.rows)))
        self._pool = Pool(self._services, self._register)
        self._source = AuthorizingSource(self._services, self._pool)
        self._rows = parts.rows
        self._dialect = UniversalDialect(config.limits)
        addresses = self._addresses = ClientAddresses(config.trusted_proxies)
        limiter = Limiter(self._services)
        self._limits = ConnectionLimits(config.limits, addresses)
        self._clients = Clients(self._services, addresses, self._connections)
        self._admission = Admission(self._services, self, addresses, parts.rows)
        self._census = ClientCensus(self._connections)
        sockets = SocketSource(self._services, self._source.of, self._register, self._open_connections)
        self._sessions = OpenSessions(
            self._services,
            self._dialect,
            source_of=CachingSource(self._services, Gate(self._services, limiter, sockets.of).of).of,
            clients=self._clients,
            census=self._census,
            parts=parts,
            on_ended=self._session_ended,
        )
        self._local = LocalSessions(self._services, self._sessions, self._census, NativeDialect(), checked)
        self._relays = OpenRelays(
            self._services,
            client_of=lambda conn, peer: self._clients.of(conn, peer).client,
            tokens=self._source.tokens,
            census=self._census,
            taken=self._open_connections,
            register=self._register,
            on_ended=self._finish_drain,
            limiter=limiter,
            parts=parts,
        )
        self._cancel, self._close = self._sessions.cancel, (self._sessions.close, self._relays.close)
        self._memory = MemoryGuard(self._services, self._census)
        self._memory.watch()
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
        connection = client_connection(
            self._services,
            conn,
            alpn,
            peer=peer,
            handler=self._handler(refused, peer),
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

    def open_messages(
        self,
        target: bytes,
        peer: str,
        headers: Sequence[tuple[bytes, bytes]],
        subprotocols: Sequence[str],
        principal: str | None,
        now: float,
        *,
        local: str | None = None,
    ) -> ConnId:
        """A client asks for a WebSocket that its host owns: it speaks in whole messages. Returns the id of the client.

        ``target``: path and query of its request. ``headers``: its header fields, ``host`` among them.
        ``subprotocols``: those that it offers, best first. ``principal``: the client's name, if the host has
        authenticated it; then the gateway wants no token. ``peer`` and ``local`` as for :meth:`open_downstream`.
        Drain :meth:`effects` next: ``Accept`` or ``Refuse`` comes, now or later.
        """
        self._advance(now)
        conn = self._services.issue_conn()
        client = MessagesConnection(self._services, conn, peer=peer)
        self._register(client)
        handler = self._handler(self._limits.opened(conn, peer), peer)
        client.ask(handler, target, headers, subprotocols, principal, now, local=local)
        self._services.run_deferred(now)
        return conn

    def receive_message(self, conn: ConnId, data: bytes, now: float, *, text: bool) -> None:
        """A whole message of a client of :meth:`open_messages`; ``data`` of a ``text`` is UTF-8.

        Drain :meth:`effects` next. After ``PauseReading`` pass no more; one that is under way may follow.
        ``LocalProtocolError`` before ``Accept``.
        """
        connection = self._look(conn, now)
        self._turns.left = TURN_BYTES
        if connection is not None:
            connection.receive_message(data, now, text=text)  # may raise: until then nothing has changed
            self._services.grow(len(data) + PER_PIECE)
            self._services.run_deferred(now)
        self._now = now

    def receive_close(self, conn: ConnId, code: int, reason: str, now: float) -> None:
        """A client of :meth:`open_messages` closed, with the ``code`` and ``reason`` of its close frame; 1005 if it has
        none, 1006 if none came. Drain :meth:`effects` next; :meth:`closed` must follow."""
        connection = self._look(conn, now)
        self._turns.left = TURN_BYTES
        if connection is not None and not connection.ended:
            connection.receive_close(code, reason, now)  # may raise: until then nothing has changed
            self._services.run_deferred(now)
        self._now = now

    def connected(self, conn: ConnId, alpn: str | None, now: float) -> None:
        """The dial of ``Connect`` succeeded, TLS included. ``alpn``: the protocol that TLS chose, or ``None``.

        Drain :meth:`effects` next, then read the connection. ``LocalProtocolError`` if it was not dialled.
        """
        connection = self._look(conn, now)
        self._turns.left = TURN_BYTES
        if connection is not None:
            connection.connected(alpn, now)  # may raise: until then nothing has changed
            self._services.dials.connected(conn, now)
            self._services.run_deferred(now)
        self._now = now

    def connect_failed(self, conn: ConnId, reason: str, now: float) -> None:
        """The dial of ``Connect`` failed. ``reason``: short text for a person, without secrets.

        Drain :meth:`effects` next; :meth:`closed` must follow. ``LocalProtocolError`` if it was not dialled.
        """
        connection = self._look(conn, now)
        self._turns.left = TURN_BYTES
        if connection is not None:
            connection.connect_failed(reason, now)  # may raise: until then nothing has changed
            self._services.dials.ended(conn, now)
            self._services.run_deferred(now)
        self._now = now

    def receive_data(self, conn: ConnId, data: bytes, now: float) -> None:
        """Bytes of the peer, at most 128 KiB. Empty data has no effect; it is never an end.

        Drain :meth:`effects` next. After ``PauseReading`` stop reading; one read that is already running may follow.
        """
        connection = self._connections.get(conn)
        if connection is None or not now >= self._now:
            connection = self._find(conn, now)
            if connection is None:
                return
        self._turns.left = TURN_BYTES
        if data and not connection.ended:
            if data.__class__ is not bytes:
                data = bytes(memoryview(data))  # a driver may have read into a bytearray; from here on it is bytes
            (connection.receiver or connection).receive_data(data, now)  # may raise: then nothing has changed
            services = self._services
            services.unweighed = unweighed = services.unweighed - len(data) - 64  # PER_PIECE: it may be kept
            if unweighed < 0:
                services.grow(0)
            if services.deferred:
                services.run_deferred(now)
        self._now = now

    def receive_eof(self, conn: ConnId, now: float) -> None:
        """The peer ended its direction in order. Call it at most once, and no :meth:`receive_data` afterwards.

        Drain :meth:`effects` next. Bytes may still be sent; :meth:`closed` must follow, after ``Close``.
        """
        connection = self._look(conn, now)
        self._turns.left = TURN_BYTES
        if connection is not None and not connection.ended:
            connection.receive_eof(now)  # may raise: until then nothing has changed
            self._services.run_deferred(now)
        self._now = now

    def connection_lost(self, conn: ConnId, reason: str, now: float) -> None:
        """The connection was lost: a reset, a failed write, TLS that ended without ``close_notify``. ``reason``: short
        text for a person, without secrets. Drain :meth:`effects` next; no ``Close`` comes. :meth:`closed` must follow.
        """
        connection = self._find(conn, now)
        if connection is not None and not connection.ended:
            connection.connection_lost(reason, now)
            self._services.run_deferred(now)

    def data_sent(self, conn: ConnId, n: int, now: float) -> None:
        """The transport took ``n`` of the bytes that were pulled. 0 has no effect; it is no sign of life. For a client
        without bytes 0 means that an empty message was taken.

        Drain :meth:`effects` next, then pull more with :meth:`data_to_send` if the last pull was full.
        ``LocalProtocolError`` if fewer bytes were pulled and not yet confirmed.
        """
        connection = self._connections.get(conn)
        if connection is None or not now >= self._now:
            connection = self._look(conn, now)
        if connection is not None and (n or isinstance(connection, MessagesConnection)):
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
        """The deadline of :meth:`next_timeout` has come. An early call does no harm. Drain :meth:`effects` next.
        Afterwards :meth:`next_timeout` is later than ``now``, or ``None``."""
        self._advance(now)
        self._services.fire_timers(now)

    def proceed(self, now: float) -> None:
        """Do more of the work that ``Continue`` told of. Drain :meth:`effects` next: there may be another one."""
        self._advance(now)
        self._turns.proceed(now)
        self._services.run_deferred(now)

    def set_wall(self, wall_offset: float, now: float) -> None:
        """The host's wall clock was set: Unix time is ``wall_offset + now``, in seconds. There are no effects."""
        offset = checked_wall(wall_offset)
        self._advance(now)
        self._services.wall_offset = offset

    def reconfigure(self, config: Config, now: float) -> None:
        """Take new settings. Sessions and exchanges that begin from now on have them, on open sessions too; what runs
        ends under the old ones (client protocol, section 7). No connection is closed, not even to a provider, but those
        to which the page's events go, if who may see it changed. ``ConfigError`` as when a gateway is made; then all is
        as it was. Drain :meth:`effects` next. The host's own parts stay."""
        self._check(now)
        check_config(config, self._rows)  # may raise: until then nothing has changed
        self._advance(now)
        self._services.reconfigure(config, known_hosts(config, self._rows), now)
        self._addresses.trust(config.trusted_proxies)
        self._limits.reconfigure(config.limits)
        self._admission.reconfigured(now)
        self._dialect.limits = config.limits
        self._sessions.reconfigured(now)
        self._pool.reconfigured(now)
        self._memory.reconfigured(now)
        self._services.run_deferred(now)

    def drain(self, now: float) -> None:
        """Go away (client protocol, section 6): refuse new sessions and exchanges, let running ones finish within
        ``drain_s``, then close. A second call has no effect. Drain :meth:`effects` next, and go on driving until
        :attr:`idle` is true."""
        self._advance(now)
        if self.draining:
            return
        self.draining = True  # before the sessions, which may end at once and complete the drain
        self._drain_timer.arm(deadline := now + self._services.config.timeouts.drain_s)
        self._sessions.drain(deadline, now)
        self._relays.drain(now)
        for connection in list(self._connections.values()):
            if isinstance(connection, Http2DownstreamConnection):
                connection.drain(now)
        self._finish_drain(now)
        self._services.run_deferred(now)

    # -- outputs ------------------------------------------------------------------------------------------------

    def effects(self) -> list[Effect]:
        """The effects since the last call, in order, each once. Call it after every input and carry them out."""
        services = self._services  # ``take_effects``, written out: it is called several times for each message
        effects = services.effects
        if effects:
            services.effects = []
        return effects

    def data_to_send(self, conn: ConnId, limit: int = 131072) -> bytes:
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

    def messages_to_send(self, conn: ConnId, limit: int = 131072) -> list[Message]:
        """Messages for a client of :meth:`open_messages`, of at most ``limit`` bytes together, but at least one if
        there is one. Call it after ``Flush``.

        Send them, and call :meth:`data_sent` with the length of their ``data`` when the transport has taken them. No
        message: wait for the next ``Flush``.
        """
        connection = self._look(conn, self._now)
        return [] if connection is None else connection.buffer.take(limit)

    def take_events(self, conn: ConnId, limit: int, now: float) -> list[NativeEvent]:
        """Take at most ``limit`` events for a client of :meth:`open_local`. See :meth:`.LocalEngine.take_events`."""
        return [item.event for item in self._take(conn, limit, now)]

    def next_timeout(self) -> float | None:
        """The deadline for :meth:`handle_timeout`, in monotonic seconds, or ``None``. Read it after every input."""
        return self._services.timers.next_deadline()

    @property
    def idle(self) -> bool:
        """Whether no session is open. After :meth:`drain` the driver may stop then."""
        return not self._sessions and not self._relays

    def snapshot(self, *, weigh: bool = False) -> dict[str, int]:
        """Numbers of live objects, for tests and metrics. ``weigh``: and all memory, which takes 10 us a socket."""
        return {
            "connections": self._open_connections(),
            "sessions": len(self._sessions) + len(self._relays),
            "exchanges": sum(session.running for session in self._sessions),
            **self._pool.counts(),
            "timers": self._services.timers.armed,
            "postponed": self._turns.waiting,
            "asks": self._services.unanswered,
            "send_buffer_bytes": sum(connection.outstanding for connection in self._connections.values()),
            **({"held_bytes": self._census.total()} if weigh else {}),
        }

    # -- SessionHost --------------------------------------------------------------------------------------------

    def open_session(self, admitted: AdmittedClient, responder: Responder, now: float) -> Fault | None:
        """A client of a dialect was admitted: begin its session, or resume one. The fault says why not."""
        return open_session(self._sessions, self._services, admitted, responder, now, self._rows, open_dialect)

    def open_realtime(self, admitted: AdmittedClient, responder: Responder, now: float) -> PendingRequest | None:
        """A realtime client was admitted: dial its provider. ``None`` if the request has its response already."""
        return self._relays.open(admitted, responder, now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _handler(self, refused: Fault | None, peer: str) -> RequestHandler:
        """Decides about the requests of a client. ``refused``: why it is one too many."""
        return self._admission if refused is None else TurnAway(self._services, refused, client_at(peer))

    def _open_connections(self) -> int:
        return len(self._connections) - self._services.dials.held

    def _session_ended(self, now: float) -> None:
        self._services.defer(self._pool.serve_all)  # less is kept from the others
        self._finish_drain(now)

    def _finish_drain(self, now: float) -> None:
        if self.draining and self.idle:
            self._drain_timer.cancel()
            self._pool.close_all(now)

    def _on_drain_timeout(self, now: float) -> None:
        effects, made = self._services.effects, len(self._services.effects)
        self._sessions.end_drain(now)
        self._relays.end_drain(now)
        self._pool.close_all(now)
        put_calls_last(effects, made, self._connections)
