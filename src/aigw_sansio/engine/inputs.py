"""What every input of a gateway begins with: the time, and the connection that it names.

Decides: which calls are misuse whatever they say: time that goes back, an id that was never issued. Must not know:
which inputs there are.
"""

from ..errors import LocalProtocolError
from ..ids import ConnId
from .connection import Connection
from .memory import PER_CONNECTION
from .services import Services
from .turns import TURN_BYTES, Turns


class Inputs:
    """The connections by id, and the checks of inputs. The base of :class:`aigw_sansio.Gateway`."""

    __slots__ = ("_connections", "_now", "_services", "_turns", "draining")

    def __init__(self, services: Services) -> None:
        self._services: Services = services
        self._turns: Turns = services.turns
        self._connections: dict[ConnId, Connection] = {}
        self._now = float("-inf")
        #: The gateway is going away: no new sessions, no new exchanges.
        self.draining = False

    def _register(self, connection: Connection) -> None:
        self._connections[connection.conn] = connection
        self._services.grow(PER_CONNECTION)

    def _check(self, now: float) -> None:
        if not now >= self._now:  # nor is NaN later than anything
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
