"""What clients hold, counted connection by connection, and what becomes of those that hold too much.

Decides: what counts for which client: all sockets of one connection; of a trusted proxy, which carries many clients,
each stream by itself (client protocol, section 3.4). Must not know: how much memory there is, what else happens on a
connection, and how a session ends.

A client of many streams that is not to be read is held back on each of them, by its credit. Its connection is paused
only if much has come that is not passed on: as long as it is read, its WINDOW_UPDATEs make what waits for it go out.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from ..engine.connection import BytePipe, Connection
from ..engine.memory import PER_CONNECTION, PER_STREAM, ClientId
from ..engine.services import NEVER
from ..ids import ConnId
from .http1 import Http1DownstreamConnection
from .http2 import Http2DownstreamConnection
from .http2_stream import StreamPipe
from .local import LocalConnection
from .messages import MessagesConnection

#: Input of an HTTP/2 connection that is not passed on, from which on a client that is held back is not read at all.
_MUCH_INPUT = 32 * 1024
#: Connections that one session has to itself.
_OF_ONE_SESSION: Final = (Http1DownstreamConnection, MessagesConnection, LocalConnection)


class MemoryUser(Protocol):
    """A session or a relay."""

    @property
    def kept(self) -> int:
        """Bytes that it holds beside those of connections, objects included."""

    @property
    def held(self) -> int:
        """The same, and what waits on a connection to a provider that is its alone."""

    def squeeze(self, now: float, *, on: bool) -> None:
        """``on``: read nothing for it. It may be called again, and after its end. Otherwise read again."""

    def close_for_memory(self, reason: str, now: float) -> None:
        """Close it with 1013. Nothing more of it is read, and what was read of it is discarded."""


class ClientCensus:
    """Implements ``Census``. It keeps the sessions and relays from :meth:`joined` to :meth:`left`. A session without a
    connection is a client of its own: its place of a connection has a number below 0."""

    __slots__ = ("_connections", "_detached", "_pipes", "_squeezed", "_users")

    def __init__(self, connections: Mapping[ConnId, Connection]) -> None:
        """``connections``: all that are open."""
        self._connections = connections
        self._users: dict[BytePipe, MemoryUser] = {}
        self._pipes: dict[MemoryUser, BytePipe] = {}
        self._detached: dict[ConnId, MemoryUser] = {}
        self._squeezed: set[ClientId] = set()

    def joined(self, pipe: BytePipe, user: MemoryUser) -> None:
        """``user`` has the client's ``pipe`` from now on."""
        self._users[pipe] = user
        self._pipes[user] = pipe

    def left(self, user: MemoryUser) -> None:
        """``user`` has ended, or has no connection any more. Nothing happens if it never joined."""
        pipe = self._pipes.pop(user, None)
        if pipe is not None:
            del self._users[pipe]

    def detached(self, session: int, user: MemoryUser) -> None:
        """``user``, the session of this number, has no connection, until :meth:`attached`."""
        self.left(user)
        self._detached[ConnId(-session)] = user

    def attached(self, session: int) -> None:
        """The session of this number has a connection, or has ended."""
        self._detached.pop(ConnId(-session), None)
        self._squeezed.discard((ConnId(-session), 0))

    # -- Census -------------------------------------------------------------------------------------------------

    def connections(self) -> list[ConnId]:
        return [*self._connections, *self._detached]

    def total(self) -> int:
        """All bytes of memory that are held now. It counts every connection."""
        return sum(self.count(conn, {}, NEVER)[0] for conn in self.connections())

    def count(self, conn: ConnId, held: dict[ClientId, int], least: int) -> tuple[int, int]:
        connection = self._connections.get(conn)
        if connection is None:
            return self._count_detached(conn, held, least), 1
        mine = connection.held
        if isinstance(connection, Http2DownstreamConnection):
            return self._count_streams(connection, mine, held, least)
        size = mine + PER_CONNECTION
        if isinstance(connection, _OF_ONE_SESSION):
            user = self._users.get(connection)
            if user is not None:
                size += user.kept
                mine += user.held
            if mine >= least:
                held[conn, 0] = mine
        return size, 1

    def squeeze(self, client: ClientId, now: float, *, on: bool) -> None:
        conn, stream = client
        connection = self._connections.get(conn)
        if not on and client not in self._squeezed:
            return
        self._squeezed.discard(client)
        if on and connection is not None:
            self._squeezed.add(client)
        pipes: list[BytePipe] = []
        if (alone := self._detached.get(conn)) is not None:
            if on:
                self._squeezed.add(client)
            alone.squeeze(now, on=on)
        elif isinstance(connection, _OF_ONE_SESSION):
            connection.squeeze(now, on=on)
            pipes.append(connection)
        elif isinstance(connection, Http2DownstreamConnection):
            if not stream:
                connection.squeeze(now, on=on and connection.undelivered >= _MUCH_INPUT)
            pipes += [pipe for pipe in connection.pipes if stream in (0, pipe.number)]
        for pipe in pipes:
            user = self._users.get(pipe)
            if user is not None:
                user.squeeze(now, on=on)

    def close_largest(self, client: ClientId, excess: int, why: str, now: float) -> int:
        conn, stream = client
        connection = self._connections.get(conn)
        if (alone := self._detached.get(conn)) is not None:
            held = alone.held
            alone.close_for_memory(_reason(why, held), now)
            return held
        if isinstance(connection, _OF_ONE_SESSION):
            held, user = connection.held, self._users.get(connection)
            if user is None:
                connection.close(now, abort=True)
                return held
            held += user.held
            user.close_for_memory(_reason(why, held), now)
            return held
        if not isinstance(connection, Http2DownstreamConnection):
            return 0
        sizes = [(self._held_by(pipe), pipe) for pipe in connection.pipes if stream in (0, pipe.number)]
        if not sizes and not stream:
            freed = connection.held
            connection.close(now, abort=True)
            return freed
        sizes.sort(key=lambda one: one[0])
        freed = 0
        while sizes and freed < excess:
            held, pipe = sizes.pop()
            freed += held + PER_STREAM
            user = self._users.get(pipe)
            if user is None:
                pipe.fail("the gateway's memory is used up", now)
            else:
                user.close_for_memory(_reason(why, held), now)
        return freed

    # -- inside -------------------------------------------------------------------------------------------------

    def _count_detached(self, conn: ConnId, held: dict[ClientId, int], least: int) -> int:
        user = self._detached.get(conn)
        if user is None:
            return 0
        if user.held >= least:
            held[conn, 0] = user.held
        return user.kept + PER_STREAM

    def _count_streams(
        self, connection: Http2DownstreamConnection, mine: int, held: dict[ClientId, int], least: int
    ) -> tuple[int, int]:
        pipes = connection.pipes
        objects = PER_STREAM * len(pipes)
        size = mine + PER_CONNECTION + objects
        mine += objects
        users = self._users
        for pipe in pipes:
            user = users.get(pipe)
            if user is not None:
                size += user.kept
                mine += user.held
            if connection.proxied and (one := self._held_by(pipe)) >= least:
                held[connection.conn, pipe.number] = one
        if not connection.proxied and mine >= least:
            held[connection.conn, 0] = mine
        return size, 1 + len(pipes)

    def _held_by(self, pipe: StreamPipe) -> int:
        """What is held for one stream and its user."""
        user = self._users.get(pipe)
        return pipe.held + (0 if user is None else user.held)


def _reason(why: str, held: int) -> str:
    return f"{why}, and this socket holds {held} of it"
