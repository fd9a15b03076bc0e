"""The inputs of clients in the process of the gateway, and what they take.

Decides: nothing but the order of the calls. Must not know: any dialect, what a command does (:mod:`.session`), and
which command is misuse (:mod:`.local_sessions`).
"""

from typing import Generic

from ..dialects.commands import Create
from ..downstream.channel import MessageT
from ..downstream.host_inputs import HostInputs
from ..downstream.local import LocalConnection
from ..engine.turns import TURN_BYTES
from ..ids import ConnId
from .local_sessions import LocalSessions


class LocalInputs(HostInputs, Generic[MessageT]):
    """The part of :class:`aigw_sansio.Gateway` that is for these clients. ``_local`` is set by the gateway."""

    __slots__ = ("_local",)

    _local: LocalSessions[MessageT]

    def open_local(self, gateway: str, principal: str | None, now: float) -> ConnId:
        """A client in this process, without a socket. See :meth:`aigw_sansio.LocalEngine.open_local`."""
        settings = self._local.settings_of(gateway)  # may raise: until then nothing has changed
        self._advance(now)
        client: LocalConnection[MessageT] = LocalConnection(self._services, self._services.issue_conn())
        self._register(client)
        self._local.open(client, gateway, settings, principal, now, draining=self.draining)
        self._services.run_deferred(now)
        return client.conn

    def create(self, conn: ConnId, create: Create, now: float) -> None:
        """A client of :meth:`open_local` begins an exchange. See :meth:`aigw_sansio.LocalEngine.create`."""
        connection = self._look(conn, now)
        self._turns.left = TURN_BYTES
        if connection is not None:
            self._local.create(connection, create, now)  # may raise: until then nothing has changed
            self._services.run_deferred(now)
        self._now = now

    def cancel(self, conn: ConnId, event_id: str, now: float) -> None:
        """A client of :meth:`open_local` cancels an exchange. See :meth:`aigw_sansio.LocalEngine.cancel`."""
        connection = self._look(conn, now)
        self._turns.left = TURN_BYTES
        if connection is not None:
            self._local.cancel(connection, event_id, now)  # may raise: until then nothing has changed
            self._services.run_deferred(now)
        self._now = now

    def _take(self, conn: ConnId, limit: int, now: float) -> list[MessageT]:
        """What waits for a client of :meth:`open_local`: at most ``limit``."""
        connection = self._look(conn, now)
        self._turns.left = TURN_BYTES
        taken = [] if connection is None else self._local.take(connection, limit, now)  # may raise
        if self._services.deferred:
            self._services.run_deferred(now)
        self._now = now
        return taken
