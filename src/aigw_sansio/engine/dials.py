"""Dials that need a look-up of a name, and how many of them a client may have at once (client protocol, section 3.4).

Decides: which ``Connect`` is held back, and when it goes out. Must not know: why somebody dials, and what the
connection carries.

Drivers look names up in threads, of which there are few: without a limit the slow names of one client would keep all
others waiting. The core cannot see the end of a look-up, so a dial counts until its end. Addresses need no look-up and
do not count.
"""

from ipaddress import ip_address

from ..effects import Connect, Effect
from ..ids import ConnId
from .client import Client


class Dials:
    """The dials of one gateway."""

    __slots__ = ("_held", "_limit", "_running", "_waiting")

    def __init__(self, limit: int) -> None:
        """``limit``: of one client."""
        self._limit = limit
        self._running: dict[ConnId, Client] = {}
        self._held: dict[ConnId, Client] = {}
        self._waiting: dict[Client, dict[ConnId, Connect]] = {}  # oldest first; none of them is empty

    def begin(self, effect: Connect, client: Client | None) -> bool:
        """Whether ``effect`` may go out now; otherwise it is held back. ``client``: for whom it is."""
        if client is None or _is_address(effect.host):
            return True
        if client.looking_up >= self._limit:
            self._held[effect.conn] = client
            self._waiting.setdefault(client, {})[effect.conn] = effect
            return False
        client.looking_up += 1
        self._running[effect.conn] = client
        return True

    @property
    def held(self) -> int:
        """How many are held back."""
        return len(self._held)

    def holds(self, conn: ConnId) -> bool:
        """Whether the effect of ``conn`` is held back."""
        return conn in self._held

    def withdraw(self, conn: ConnId) -> Connect | None:
        """``conn`` is to be closed. The effect that was held back for it must go out first: a driver reports the end
        of those connections only that it knows."""
        client = self._held.pop(conn, None)
        return None if client is None else self._take(client, conn)

    def ended(self, conn: ConnId, effects: list[Effect]) -> None:
        """The dial of ``conn`` has ended, in any way. Called for every connection, perhaps more than once. The next
        effect that waited for this is added to ``effects``."""
        client = self._running.pop(conn, None)
        if client is None:
            return
        client.looking_up -= 1
        waiting = self._waiting.get(client)
        if waiting:
            following = next(iter(waiting))
            del self._held[following]
            client.looking_up += 1
            self._running[following] = client
            effects.append(self._take(client, following))

    def _take(self, client: Client, conn: ConnId) -> Connect:
        waiting = self._waiting[client]
        effect = waiting.pop(conn)
        if not waiting:
            del self._waiting[client]
        return effect


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True
