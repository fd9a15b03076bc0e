"""The clients by connection, with their limits.

Decides: which sessions count together: all of one TCP connection; of a trusted proxy, which carries many clients, each
session by itself (client protocol, section 3.4). Must not know: what is limited.
"""

from ..downstream.addresses import ClientAddresses
from ..engine.services import Services
from ..ids import ConnId
from .client_limits import ClientLimits


class Clients:
    """The clients of one process."""

    __slots__ = ("_addresses", "_by_connection", "_services")

    def __init__(self, services: Services, addresses: ClientAddresses) -> None:
        self._services = services
        self._addresses = addresses
        self._by_connection: dict[ConnId, ClientLimits] = {}

    def of(self, conn: ConnId, peer: str) -> ClientLimits:
        """The limits of a new session on ``conn``, whose other end is ``peer``."""
        found = self._by_connection.get(conn)
        if found is None:
            found = ClientLimits(self._services)
            if not self._addresses.is_trusted(peer):
                self._by_connection[conn] = found
        return found

    def closed(self, conn: ConnId) -> None:
        """The connection is closed."""
        self._by_connection.pop(conn, None)
