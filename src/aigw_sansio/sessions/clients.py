"""The clients by connection, with their limits.

Decides: which sessions count together: all of one TCP connection; of a trusted proxy, which carries many clients, each
session by itself (client protocol, section 3.4). Must not know: what is limited.
"""

from collections.abc import Container

from ..downstream.addresses import ClientAddresses
from ..engine.services import Services
from ..ids import ConnId
from .client_limits import ClientLimits


class Clients:
    """The clients of one process."""

    __slots__ = ("_addresses", "_by_connection", "_open", "_services")

    def __init__(self, services: Services, addresses: ClientAddresses, open_connections: Container[ConnId]) -> None:
        """``open_connections``: those of which :meth:`closed` is still to be told."""
        self._services = services
        self._addresses = addresses
        self._open = open_connections
        self._by_connection: dict[ConnId, ClientLimits] = {}

    def of(self, conn: ConnId, peer: str) -> ClientLimits:
        """The limits of a new session on ``conn``, whose other end is ``peer``. A request may still be in hand when its
        connection has been closed: nothing is kept for that one."""
        found = self._by_connection.get(conn)
        if found is None:
            found = ClientLimits(self._services)
            if conn in self._open and not self._addresses.is_trusted(peer):
                self._by_connection[conn] = found
        return found

    def is_proxy(self, peer: str) -> bool:
        """Whether ``peer`` is a trusted proxy."""
        return self._addresses.is_trusted(peer)

    def closed(self, conn: ConnId) -> None:
        """The connection is closed."""
        self._by_connection.pop(conn, None)
