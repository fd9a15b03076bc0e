"""The shares of gateways and clients in the connections to one origin (client protocol, section 3.4).

Decides: how many free connections are kept from a request, so that others find one. Must not know: connections, and
which request is next.

Theory of operation. As long as connections are free, anybody may have many; but the last ones are kept, one for each
other gateway that has none (at most half of the limit), and behind these one for each other client connection of the
same gateway that has none (at most a quarter). For whom they are kept, that one may take them: a gateway without a
connection need not leave any to others, nor a client without one to other clients of its gateway. So no connection
stays unused because several wait for the same last one.
"""

from ..engine.client import Client, Requester, Requesters


class OriginShares:
    """Who has connections to one origin."""

    __slots__ = ("_held", "_requesters", "gateways")

    def __init__(self, gateways: int, requesters: Requesters) -> None:
        #: How many are configured.
        self.gateways = gateways
        self._requesters = requesters
        self._held: dict[str, dict[Client, int]] = {}  # how many requests of each client have or dial a connection

    def take(self, requester: Requester) -> None:
        """A request of ``requester`` has a connection, or dials one."""
        clients = self._held.setdefault(requester.gateway, {})
        clients[requester.client] = clients.get(requester.client, 0) + 1

    def give_back(self, requester: Requester) -> None:
        """A request of ``requester`` needs its connection no more."""
        clients = self._held[requester.gateway]
        clients[requester.client] -= 1
        if not clients[requester.client]:
            del clients[requester.client]
            if not clients:
                del self._held[requester.gateway]

    def kept_from(self, requester: Requester, limit: int) -> int:
        """How many connections must be free behind the one that ``requester`` gets, if ``limit`` is the most there can
        be."""
        clients = self._held.get(requester.gateway)
        kept = 0
        if clients is None:
            clients = {}
        else:
            kept = min(max(0, self.gateways - len(self._held)), limit // 2)
        if requester.client not in clients:
            return kept
        others = self._requesters.clients_of(requester.gateway) - len(clients)
        return kept + min(max(0, others), limit // 4)
