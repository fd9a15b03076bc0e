"""The sessions of clients in the process of the gateway.

Decides: which gateway's settings such a session has, and which commands are misuse of the API. Must not know: any
dialect, what a session does with a command, and how events are held.
"""

from collections.abc import Callable
from typing import Generic, TypeAlias

from ..config import GatewaySettings, Limits
from ..dialects.base import Dialect
from ..dialects.commands import BadCreate, Cancel, Create
from ..downstream.channel import ChannelOwner, MessageT
from ..downstream.local import LOCAL_PEER, LocalChannel, LocalConnection
from ..downstream.memory_use import ClientCensus
from ..engine.connection import Connection
from ..engine.services import Services
from ..errors import LocalProtocolError
from ..ids import ConnId
from ..quoting import quoted
from .client_limits import ClientLimits
from .open_sessions import OpenSessions
from .planner import ClientInfo
from .session import Session

#: Judges a request of a program, which may hold anything.
Check: TypeAlias = Callable[[Create, Limits], Create | BadCreate]

#: The close codes of a session that cannot begin: RFC 6455 section 7.4.1, and IANA's registry for 1013.
_GOING_AWAY, _TRY_AGAIN_LATER = 1001, 1013


class LocalSessions(Generic[MessageT]):
    """Begins these sessions, and passes the commands of their clients on."""

    __slots__ = ("_census", "_check", "_dialect", "_open", "_services", "_sessions")

    def __init__(
        self,
        services: Services,
        sessions: OpenSessions,
        census: ClientCensus,
        dialect: Dialect[MessageT],
        check: Check,
    ) -> None:
        self._services = services
        self._dialect = dialect
        self._check = check
        self._sessions = sessions
        self._census = census
        self._open: dict[ConnId, tuple[Session[MessageT], LocalChannel[MessageT]]] = {}

    def settings_of(self, gateway: str) -> GatewaySettings:
        """The settings of ``gateway``. ``LocalProtocolError`` if there are none."""
        settings = self._services.config.gateways.get(gateway)
        if settings is None:
            allowed = ", ".join(map(quoted, self._services.config.gateways))
            raise LocalProtocolError(f"open_local: there is no gateway {quoted(gateway)}; there are {allowed}")
        return settings

    def open(
        self,
        connection: LocalConnection[MessageT],
        gateway: str,
        settings: GatewaySettings,
        principal: str | None,
        now: float,
        *,
        draining: bool,
    ) -> None:
        """Begin the session of ``connection``, or close it: the gateway goes away, or its memory is used up."""
        if draining:
            connection.close_session(_GOING_AWAY, "the gateway is going away")
            return
        if self._services.short_of_memory:
            connection.close_session(_TRY_AGAIN_LATER, "the gateway's memory is used up (memory_bytes)")
            return
        account, _, name = gateway.partition("/")
        client = ClientInfo(
            conn=connection.conn,
            peer=LOCAL_PEER,
            account=account,
            gateway=name,
            settings=settings,
            config=self._services.config,
            headers={},
            principal=principal,
            subprotocol=None,
            let_in_by="host",
        )
        opened: list[LocalChannel[MessageT]] = []

        def open_channel(owner: ChannelOwner) -> LocalChannel[MessageT]:
            opened.append(connection.open_channel(owner))
            return opened[0]

        conn = connection.conn
        limits = ClientLimits(self._services)
        session = self._sessions.begin(
            self._dialect, client, limits, open_channel, lambda session, at: self._ended(conn, session, at), now
        )
        self._open[conn] = session, opened[0]
        self._census.joined(connection, session)
        self._sessions.start(session, now)

    def create(self, connection: Connection, create: Create, now: float) -> None:
        """See :meth:`aigw_sansio.LocalEngine.create`."""
        _expect_local("create", connection)
        found = self._open.get(connection.conn)
        if found is None:
            return
        session, channel = found
        command = self._check(create, self._services.config.limits)
        event_id = command.event_id
        if event_id is not None and session.is_running(event_id):
            raise LocalProtocolError(f"create({connection.conn}): an exchange of this event_id is still running")
        size = (
            0 if isinstance(command, BadCreate) else sum(len(step.query or step.body or b"") for step in create.steps)
        )
        channel.count_command(size)
        session.execute(command, now)

    def cancel(self, connection: Connection, event_id: str, now: float) -> None:
        """See :meth:`aigw_sansio.LocalEngine.cancel`."""
        _expect_local("cancel", connection)
        found = self._open.get(connection.conn)
        if found is not None:
            session, channel = found
            channel.count_command(0)
            session.execute(Cancel(event_id), now)

    def take(self, connection: Connection, limit: int, now: float) -> list[MessageT]:
        """See :meth:`aigw_sansio.LocalEngine.take_events`."""
        local: LocalConnection[MessageT] = _expect_local("take_events", connection)
        if limit < 1:
            raise LocalProtocolError(f"take_events({connection.conn}): limit is {limit}; at least 1 is allowed")
        return local.take_events(limit, now)

    def _ended(self, conn: ConnId, session: Session[MessageT], now: float) -> None:
        self._open.pop(conn, None)
        self._sessions.ended(session, now)


def _expect_local(method: str, connection: Connection) -> LocalConnection[MessageT]:
    if not isinstance(connection, LocalConnection):
        raise LocalProtocolError(f"{method}({connection.conn}): this is no client of open_local")
    return connection
