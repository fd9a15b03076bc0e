"""The open sessions of one gateway, but for realtime ones.

Decides: how an admitted client gets its session, over bytes or in messages, and what all of them do when the gateway
goes away. Must not know: any dialect, and what a session does.
"""

from collections.abc import Callable, Iterator
from typing import Protocol, cast

from ..dialects.base import Dialect, LanedDialect
from ..downstream.admission import AdmittedClient
from ..downstream.channel import MessageChannel
from ..downstream.client_way import ClientWay
from ..downstream.memory_use import ClientCensus, MemoryUser
from ..downstream.ports import Responder
from ..downstream.resume_tokens import path_and_keys, read_wish
from ..engine.client import Requester
from ..engine.services import Services
from ..exchanges.ports import Cancellable, MessageT
from ..exchanges.source import Source
from ..faults import Fault, FaultKind, Side
from ..parts.parts import Parts
from .client_limits import ClientLimits
from .clients import Clients
from .planner import ClientInfo, client_info
from .resumption import ResumableSessions, bound_to
from .session import Session


class ClosableChannel(Protocol):
    """A channel, as one who may close it sees it."""

    def close(self, code: int, reason: str, now: float) -> None:
        """See :meth:`~aigw_sansio.downstream.channel.MessageChannel.close`."""


class AnySession(MemoryUser, Protocol):
    """A session of any dialect."""

    @property
    def session_id(self) -> int:
        """Its id in events."""

    @property
    def running(self) -> int:
        """How many exchanges have not ended."""

    @property
    def channel(self) -> ClosableChannel:
        """What carries its messages."""

    def start(self, now: float) -> None:
        """See :meth:`.session.Session.start`."""

    def cancel_waiting(self, log_id: str, now: float) -> bool:
        """See :meth:`.session.Session.cancel_waiting`."""

    def drain(self, deadline: float, now: float) -> None:
        """See :meth:`.session.Session.drain`."""

    def end_drain(self, now: float) -> None:
        """See :meth:`.session.Session.end_drain`."""


class OpenSessions:
    """Begins sessions, and knows those that have not ended."""

    __slots__ = (
        "_census",
        "_clients",
        "_dialect",
        "_on_ended",
        "_parts",
        "_resumable",
        "_running",
        "_services",
        "_sessions",
        "_source_of",
    )

    def __init__(
        self,
        services: Services,
        dialect: Dialect[bytes],
        *,
        source_of: Callable[[Requester], Source],
        clients: Clients,
        census: ClientCensus,
        parts: Parts,
        on_ended: Callable[[float], None],
    ) -> None:
        """``dialect``: that of admitted clients. ``source_of`` gives the source of one who asks. ``parts``: the host's
        own. ``on_ended`` is called after each end of a session."""
        self._services = services
        self._dialect = dialect
        self._source_of = source_of
        self._clients = clients
        self._census = census
        self._parts = parts
        self._on_ended = on_ended
        self._resumable = ResumableSessions(services, clients, census)
        self._sessions: dict[int, AnySession] = {}
        self._running: dict[str, Cancellable] = {}  # the exchanges of all of them, by their log ids

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[AnySession]:
        """All that are open now; they may end meanwhile."""
        return iter(list(self._sessions.values()))

    def drain(self, deadline: float, now: float) -> None:
        """The gateway goes away: all of them finish until ``deadline`` (monotonic seconds)."""
        self._resumable.drain(now)
        for session in self:
            session.drain(deadline, now)

    def end_drain(self, now: float) -> None:
        """The deadline has passed."""
        for session in self:
            session.end_drain(now)

    def reconfigured(self, now: float) -> None:
        """The settings have changed."""
        self._resumable.reconfigured(now)

    def cancel(self, log_id: str, now: float) -> bool:
        """The host cancels an exchange, or a request that waits for the host. Returns whether there was one."""
        exchange = self._running.get(log_id)
        if exchange is None:
            return any(session.cancel_waiting(log_id, now) for session in self)
        fault = Fault(FaultKind.CANCELLED, Side.GATEWAY, "cancelled by the host of the gateway")
        exchange.cancel("cancelled", Side.GATEWAY, fault, now)
        return True

    def close(self, number: int, code: int, reason: str, now: float) -> bool:
        """The host closes a session. Returns whether it was open."""
        session = self._sessions.get(number)
        if session is not None:
            session.channel.close(code, reason, now)
        return session is not None

    def open(
        self, admitted: AdmittedClient, responder: Responder, now: float, dialect: Dialect[bytes] | None = None
    ) -> Fault | None:
        """A client was admitted: begin its session, or let it resume one, and accept it. The fault says why not.
        ``dialect``: if it is not the usual one. Then the session is bound to what this was made of: path and keys."""
        made_of = "" if dialect is None else path_and_keys(admitted)
        dialect = self._dialect if dialect is None else dialect
        wish = read_wish(admitted)
        if isinstance(wish, Fault):
            return wish
        request = admitted.request
        selected = admitted.offer.select()
        client = client_info(admitted, admitted.offer.shown(selected))
        limits = self._clients.of(request.conn, request.peer)
        way = ClientWay(self._services, admitted, responder, selected, now)
        # A session begins before ``accept``, which may hand over early messages.
        if wish is None or (wish.token is None and not self._services.config.timeouts.resume_s):
            session = self._begin(dialect, client, limits, way.open, now)
            self._census.joined(way.pipe, session)
            way.accept(now)
        elif wish.token is None:
            resumable = self._resumable.begin(bound_to(dialect.mode, client, made_of), client, way)
            session = self._begin(dialect, client, limits, resumable.open, now)
            self._census.joined(way.pipe, session)
            way.accept(now)
            resumable.accepted(now)
        else:
            found = self._resumable.find(wish.token, bound_to(dialect.mode, client, made_of))
            if isinstance(found, Fault):
                return found
            link = found.arrive(wish.token, way, client, limits, now)
            way.accept(now)
            link.greet(now)
        return None

    def begin(
        self,
        dialect: Dialect[MessageT],
        client: ClientInfo,
        limits: ClientLimits,
        open_channel: Callable[[Session[MessageT]], MessageChannel[MessageT]],
        on_ended: Callable[[Session[MessageT], float], None],
        now: float,
    ) -> Session[MessageT]:
        """A session of ``client`` that is not started. ``on_ended`` is called when it ends, and calls :meth:`ended`.
        Call :meth:`start` next."""
        make: Callable[..., Session[MessageT]] = Session
        if isinstance(dialect, LanedDialect):
            from .laned_session import LanedSession  # few gateways speak such a dialect

            make = cast("type[Session[MessageT]]", LanedSession)  # its messages are bytes, and so are this dialect's
        return make(
            self._services,
            self._source_of,
            dialect,
            client=client,
            limits=limits,
            session_id=self._services.issue_session(),
            open_channel=open_channel,
            on_ended=on_ended,
            now=now,
            parts=self._parts,
            running=self._running,
        )

    def start(self, session: AnySession, now: float) -> None:
        """The ``session`` of :meth:`begin` is open from now on."""
        self._sessions[session.session_id] = session
        session.start(now)

    def ended(self, session: AnySession, now: float) -> None:
        """``session`` has ended."""
        del self._sessions[session.session_id]
        self._census.left(session)
        self._on_ended(now)

    def _begin(
        self,
        dialect: Dialect[bytes],
        client: ClientInfo,
        limits: ClientLimits,
        open_channel: Callable[[Session[bytes]], MessageChannel[bytes]],
        now: float,
    ) -> Session[bytes]:
        session = self.begin(dialect, client, limits, open_channel, self.ended, now)
        self.start(session, now)
        return session
