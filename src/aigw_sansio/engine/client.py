"""Who asks for something: a gateway, and one of its client connections, as limits and shares count them.

Decides: how many client connections each gateway has now. Must not know: what they ask for, and who gets it.
"""

from typing import NamedTuple


class Client:
    """One client connection: a TCP connection, or one stream of a trusted proxy's HTTP/2 connection. Two are equal if
    they are the same object."""

    __slots__ = ("abandoned", "looking_up")

    def __init__(self) -> None:
        #: Dials to hosts that are names, which run now or count as if they did.
        self.looking_up = 0
        #: Until when those of them count that were aborted; ``looking_up`` includes them.
        self.abandoned: list[float] = []


class Requester(NamedTuple):
    """On whose behalf something is done. ``gateway``: "account/gateway"."""

    gateway: str
    client: Client


class Requesters:
    """The client connections with an open session, by gateway."""

    __slots__ = ("_clients",)

    def __init__(self) -> None:
        self._clients: dict[str, dict[Client, int]] = {}  # and how many sessions of the gateway each has

    def entered(self, requester: Requester) -> None:
        """A session began."""
        clients = self._clients.setdefault(requester.gateway, {})
        clients[requester.client] = clients.get(requester.client, 0) + 1

    def left(self, requester: Requester) -> None:
        """A session ended."""
        clients = self._clients[requester.gateway]
        clients[requester.client] -= 1
        if not clients[requester.client]:
            del clients[requester.client]
            if not clients:
                del self._clients[requester.gateway]

    def clients_of(self, gateway: str) -> int:
        """How many client connections ``gateway`` has."""
        return len(self._clients.get(gateway, ()))
