"""The inputs and the output of clients in the process of the gateway: the native dialect.

Decides: nothing but the order of the calls. Must not know: what a command does, and how events are held
(:mod:`.sessions.local_sessions`).
"""

from .dialects.commands import Create
from .dialects.native.encoder import NativeItem
from .dialects.native.events import NativeEvent
from .downstream.local import LocalConnection
from .engine.turns import TURN_BYTES
from .ids import ConnId
from .inputs import Inputs
from .sessions.local_sessions import LocalSessions


class LocalInputs(Inputs):
    """The part of :class:`.gateway.Gateway` that :class:`.engine_api.LocalEngine` adds. ``_local`` is set by its
    subclass."""

    __slots__ = ("_local",)

    _local: LocalSessions

    def open_local(self, gateway: str, principal: str | None, now: float) -> ConnId:
        """A client in this process, without a socket. See :meth:`.LocalEngine.open_local`."""
        settings = self._local.settings_of(gateway)  # may raise: until then nothing has changed
        self._advance(now)
        client: LocalConnection[NativeItem] = LocalConnection(self._services, self._services.issue_conn())
        self._register(client)
        self._local.open(client, gateway, settings, principal, now, draining=self.draining)
        self._services.run_deferred(now)
        return client.conn

    def create(self, conn: ConnId, create: Create, now: float) -> None:
        """A client of :meth:`open_local` begins an exchange. See :meth:`.LocalEngine.create`."""
        connection = self._look(conn, now)
        self._turns.left = TURN_BYTES
        if connection is not None:
            self._local.create(connection, create, now)  # may raise: until then nothing has changed
            self._services.run_deferred(now)
        self._now = now

    def cancel(self, conn: ConnId, event_id: str, now: float) -> None:
        """A client of :meth:`open_local` cancels an exchange. See :meth:`.LocalEngine.cancel`."""
        connection = self._look(conn, now)
        self._turns.left = TURN_BYTES
        if connection is not None:
            self._local.cancel(connection, event_id, now)  # may raise: until then nothing has changed
            self._services.run_deferred(now)
        self._now = now

    def take_events(self, conn: ConnId, limit: int, now: float) -> list[NativeEvent]:
        """What waits for a client of :meth:`open_local`. See :meth:`.LocalEngine.take_events`."""
        connection = self._look(conn, now)
        self._turns.left = TURN_BYTES
        events = [] if connection is None else self._local.take_events(connection, limit, now)  # may raise
        self._services.run_deferred(now)
        self._now = now
        return events
