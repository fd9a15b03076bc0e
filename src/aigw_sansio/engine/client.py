"""Who asks for something: a gateway, and one of its client connections, as limits and shares count them.

Decides: how many client connections each gateway has now. Must not know: what they ask for, who gets it, and what is
kept for a session.
"""

from typing import NamedTuple, Protocol


class Client:
    """One client connection: a TCP connection, or one stream of a trusted proxy's HTTP/2 connection. Two are equal if
    they are the same object."""

    __slots__ = ("abandoned", "looking_up")

    def __init__(self) -> None:
        #: Dials to hosts that are names, which run now or count as if they did.
        self.looking_up = 0
        #: Until when those of them count that were aborted; ``looking_up`` includes them.
        self.abandoned: list[float] = []


class Kept(Protocol):
    """What is kept for one session on its way to providers."""

    @property
    def held(self) -> int:
        """Bytes of memory, beside those of connections."""

    @property
    def outstanding(self) -> int:
        """Bytes that wait on connections to providers that are the session's alone."""

    def close(self, now: float) -> None:
        """The session has ended."""


class Keeper:
    """Keeps something for one session, from one request to the next."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        #: ``None``: nothing yet.
        self.kept: Kept | None = None

    @property
    def held(self) -> int:
        """Bytes of memory, beside those of connections."""
        return 0 if self.kept is None else self.kept.held

    @property
    def outstanding(self) -> int:
        """Bytes that wait on connections to providers that are the session's alone."""
        return 0 if self.kept is None else self.kept.outstanding

    def close(self, now: float) -> None:
        """The session has ended: nothing is kept any more."""
        kept, self.kept = self.kept, None
        if kept is not None:
            kept.close(now)


class Requester(NamedTuple):
    """On whose behalf something is done. ``gateway``: "account/gateway". ``keeper``: of its session, if something may
    be kept for that."""

    gateway: str
    client: Client
    keeper: Keeper | None = None


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
