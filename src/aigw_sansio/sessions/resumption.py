"""The sessions that outlive their connections (client protocol, section 8).

Decides: which client may resume which session, which tokens are good, how many sessions are kept without a connection,
and what their clients and the host are told. Must not know: any dialect, what a session does, and how messages are kept
and sent again.

A token is used up when the client has shown that it has the next one: by the message ``universal.resume`` on the
connection that told it, or by showing it. Until then the old one is good, since the response of an upgrade may be lost
like anything else; who shows it again replaces the connection that waits. So of several that show one token exactly one
gets the session.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from ..downstream.addresses import client_at
from ..downstream.client_way import ClientWay
from ..downstream.memory_use import ClientCensus, MemoryUser
from ..downstream.resumable import Link, ResumableChannel
from ..downstream.resume_ports import SessionOwner
from ..downstream.resume_tokens import ResumeTokens
from ..engine.services import Services
from ..events import SessionDetached, SessionMode, SessionResumed
from ..faults import Fault, FaultKind, Side
from ..ids import ConnId
from ..secret import Secret
from .client_limits import ClientLimits
from .clients import Clients
from .planner import ClientInfo

_POLICY_VIOLATION: Final = 1008
_NOT_GOOD: Final = "the resume token is unknown, used up, or not of this client; connect without it for a new session"
_OF_ANOTHER: Final = (
    "the resume token is of another process: the gateway was started anew, or another worker has the session, "
    "and a session is resumed only in the process that has it (workers = 1, or a front that keeps each client at one). "
    "Connect without the token for a new session"
)


class KeptSession(SessionOwner, MemoryUser, Protocol):
    """A session that can be resumed."""

    @property
    def session_id(self) -> int:
        """Its id in events."""

    def barred(self) -> Fault | None:
        """Why the settings let it begin nothing."""

    def moved(self, conn: ConnId, peer: str, limits: ClientLimits, now: float) -> None:
        """Its client has another connection."""


class Bound(NamedTuple):
    """To whom the tokens of a session are bound. Secrets are compared in constant time."""

    mode: SessionMode
    gateway: str
    principal: str | None
    token: Secret | None
    made_of: Secret


def bound_to(mode: SessionMode, client: ClientInfo, made_of: str = "") -> Bound:
    """To whom the tokens of a session of ``client`` are bound. ``made_of``: what else its session was made of."""
    return Bound(
        mode=mode, gateway=client.name, principal=client.principal, token=client.token, made_of=Secret(made_of)
    )


class _Arrival(NamedTuple):
    """A connection that wants to resume a session. ``token``: the one that it is told."""

    way: ClientWay
    link: Link
    conn: ConnId
    peer: str
    limits: ClientLimits
    token: Secret


class ResumableSession:
    """One session and its tokens. Implements ``SessionKeeper``. Call :meth:`open` next."""

    __slots__ = (
        "_all", "_arrival", "_away_since", "_client", "_conn", "_next_token", "_session", "_token", "_way", "bound",
        "channel", "link", "peer",
    )  # fmt: skip

    def __init__(self, sessions: "ResumableSessions", bound: Bound, client: ClientInfo, way: ClientWay) -> None:
        self._all = sessions
        self._way: ClientWay | None = way
        self._conn = client.conn
        self._session: KeptSession | None = None
        self._token = self._next_token = Secret("")
        self._arrival: _Arrival | None = None
        self._away_since: float | None = None
        #: To whom its tokens are bound.
        self.bound = bound
        #: The address of its client, as it connected last.
        self.peer = client.peer
        #: Its channel, for its whole life.
        self.channel = ResumableChannel(sessions.services, self)
        #: Its first connection, until that is accepted.
        self.link: Link | None = None

    def open(self, session: KeptSession) -> ResumableChannel:
        """The channel of ``session``, which is kept from now on."""
        way, self._way = self._way, None
        assert way is not None
        self._session = session
        self._token = self._all.tokens.make(session.session_id)
        self._all.begun(session.session_id, self)
        self.link = self.channel.attach(session, way.open, self._token)
        return self.channel

    def accepted(self, now: float) -> None:
        """The client is accepted: it gets its first message."""
        link, self.link = self.link, None
        if link is not None:
            link.greet(now)

    def barred(self) -> Fault | None:
        """Why the settings let the session begin nothing."""
        return None if self._session is None else self._session.barred()

    def has(self, token: Secret) -> bool:
        """Whether ``token`` is good. Both are compared, so that the time does not tell which one it is."""
        shown = token.reveal()
        return self._token.matches(shown) | self._next_token.matches(shown)

    def arrive(self, token: Secret, way: ClientWay, client: ClientInfo, limits: ClientLimits, now: float) -> Link:
        """``client`` shows ``token``, which is good, on another connection."""
        session = self._session
        assert session is not None
        if not self._token.matches(token.reveal()):
            self._token = self._next_token  # it has read the message with it
        self._next_token = self._all.tokens.make(session.session_id)
        link = self.channel.attach_next(way.open, self._next_token, now)
        self._arrival = _Arrival(
            way=way, link=link, conn=client.conn, peer=client.peer, limits=limits, token=self._next_token
        )
        self._all.census.joined(way.pipe, link)
        return link

    # -- SessionKeeper ------------------------------------------------------------------------------------------

    def may_keep(self) -> bool:
        return self.barred() is None and self._all.has_room(self.peer)

    def detached(self, reason: str, kept: int, now: float) -> None:
        session = self._session
        assert session is not None
        self._away_since = now
        self._all.went_away(session.session_id, self)
        self._all.census.detached(session.session_id, session)
        session.squeeze(now, on=False)  # decided anew, for it alone
        self._all.services.emit(
            SessionDetached(session=session.session_id, conn=self._conn, reason=reason, unacknowledged=kept)
        )

    def resumed(self, again: int, now: float) -> None:
        arrival, self._arrival = self._arrival, None
        session = self._session
        assert arrival is not None
        assert session is not None
        self._token, self._next_token = arrival.token, arrival.token
        since, self._away_since = self._away_since, None
        self._all.came_back(session.session_id)
        self._conn, self.peer = arrival.conn, arrival.peer
        census = self._all.census
        census.left(arrival.link)
        census.attached(session.session_id)
        census.left(session)
        census.joined(arrival.way.pipe, session)
        session.squeeze(now, on=False)
        session.moved(arrival.conn, arrival.peer, arrival.limits, now)
        self._all.services.emit(
            SessionResumed(
                session=session.session_id,
                conn=arrival.conn,
                peer=arrival.peer,
                away_s=0.0 if since is None else now - since,
                again=again,
            )
        )

    def left(self) -> None:
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            self._all.census.left(arrival.link)

    def ended(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._all.census.attached(session.session_id)
            self._all.ended(session.session_id)


class ResumableSessions:
    """The sessions of one process that can be resumed."""

    __slots__ = ("_away", "_clients", "_of_address", "_sessions", "census", "draining", "services", "tokens")

    def __init__(self, services: Services, clients: Clients, census: ClientCensus) -> None:
        self.services = services
        self.census = census
        self._clients = clients
        #: Makes their tokens.
        self.tokens = ResumeTokens(services.random)
        #: The gateway goes away: nobody can come back.
        self.draining = False
        self._sessions: dict[int, ResumableSession] = {}
        self._away: dict[int, str] = {}  # those without a connection, and the address for which they count
        self._of_address: dict[str, int] = {}

    def begin(self, bound: Bound, client: ClientInfo, way: ClientWay) -> ResumableSession:
        """A session of ``client``, which comes by ``way``; its tokens are bound as ``bound`` says."""
        return ResumableSession(self, bound, client, way)

    def find(self, token: Secret, bound: Bound) -> ResumableSession | Fault:
        """The session of ``token``, if it is of the client who shows it."""
        number = self.tokens.session_of(token)
        if number is None and self.tokens.is_of_another(token):
            return Fault(FaultKind.UNAUTHORIZED, Side.CLIENT, _OF_ANOTHER)
        found = None if number is None else self._sessions.get(number)
        # Safety: the token is compared also if it is somebody else's, and the text does not tell them apart.
        if found is None or not (found.has(token) & (found.bound == bound)):
            return Fault(FaultKind.UNAUTHORIZED, Side.CLIENT, _NOT_GOOD)
        return found

    def drain(self, now: float) -> None:
        """The gateway goes away: those without a connection end."""
        self.draining = True
        self._close_away(_why_going_away, 1001, now)

    def reconfigured(self, now: float) -> None:
        """The settings have changed: those without a connection end, if their clients could do nothing any more."""
        self._close_away(_why_barred, _POLICY_VIOLATION, now)

    def _close_away(self, why: Callable[[ResumableSession], str | None], code: int, now: float) -> None:
        for number in list(self._away):
            session = self._sessions.get(number)
            if session is not None and (reason := why(session)) is not None:
                session.channel.close(code, reason, now)

    # -- for the sessions ---------------------------------------------------------------------------------------

    def begun(self, number: int, session: ResumableSession) -> None:
        """The session ``number`` began."""
        self._sessions[number] = session

    def has_room(self, peer: str) -> bool:
        """Whether a session of a client at ``peer`` may be kept without a connection."""
        limits = self.services.config.limits
        if self.draining or len(self._away) >= limits.detached_sessions:
            return False
        most = limits.connections_per_address
        return most is None or self._of_address.get(self._address(peer), 0) < most

    def went_away(self, number: int, session: ResumableSession) -> None:
        """The session ``number`` has no connection."""
        address = self._away[number] = self._address(session.peer)
        if address:
            self._of_address[address] = self._of_address.get(address, 0) + 1

    def came_back(self, number: int) -> None:
        """The session ``number`` has a connection again, or had one all the time."""
        address = self._away.pop(number, "")
        if address:
            left = self._of_address.pop(address) - 1
            if left:
                self._of_address[address] = left

    def ended(self, number: int) -> None:
        """The session ``number`` has ended."""
        self._sessions.pop(number, None)
        self.came_back(number)

    def _address(self, peer: str) -> str:
        """The address that counts for ``peer``; a trusted proxy has none."""
        return "" if self._clients.is_proxy(peer) else client_at(peer)


def _why_going_away(session: ResumableSession) -> str | None:
    return "the gateway is going away"


def _why_barred(session: ResumableSession) -> str | None:
    fault = session.barred()
    return None if fault is None else fault.detail
