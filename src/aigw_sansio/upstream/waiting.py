"""The requests that wait for a connection to one origin, and whose turn it is.

Decides: the order: in turn by gateway, then by client connection, then the oldest (client protocol, section 3.4). Must
not know: connections, and which request may have one.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from ..engine.client import Client, Requester
from .call import UpstreamCall

_Calls: TypeAlias = dict[UpstreamCall, None]


class _Line:
    """The requests of one client, the oldest first."""

    __slots__ = ("calls", "undialed")

    def __init__(self) -> None:
        self.calls: _Calls = {}
        self.undialed: _Calls = {}  # those of them that have no dial of their own


class WaitingCalls:
    """The waiting requests of one origin."""

    __slots__ = ("_gateways", "_size", "undialed")

    def __init__(self) -> None:
        self._gateways: dict[str, dict[Client | None, _Line]] = {}  # in turn; none of them is empty
        self._size = 0
        #: How many have no dial of their own.
        self.undialed = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[UpstreamCall]:
        """All of them, each client's together."""
        for clients in self._gateways.values():
            for line in clients.values():
                yield from line.calls

    def add(self, call: UpstreamCall) -> None:
        """``call`` waits, behind the others of its client, and has no dial."""
        gateway, client = _of(call)
        line = self._gateways.setdefault(gateway, {}).setdefault(client, _Line())
        if call not in line.calls:
            line.calls[call] = line.undialed[call] = None
            self._size += 1
            self.undialed += 1

    def dialed(self, call: UpstreamCall) -> None:
        """``call`` has a dial of its own from now on, as long as it waits."""
        line = self._line(call)
        if line is not None and call in line.undialed:
            del line.undialed[call]
            self.undialed -= 1

    def remove(self, call: UpstreamCall) -> bool:
        """``call`` waits no more. False if it did not wait."""
        line = self._line(call)
        if line is None or call not in line.calls:
            return False
        self.dialed(call)
        del line.calls[call]
        self._size -= 1
        if not line.calls:
            gateway, client = _of(call)
            clients = self._gateways[gateway]
            del clients[client]
            if not clients:
                del self._gateways[gateway]
        return True

    def in_turn(self) -> Iterator[tuple[Requester | None, Iterable[UpstreamCall], Iterable[UpstreamCall]]]:
        """Each client with its requests, and those of them that have no dial, in the order of their turns. Do not
        change anything while it runs."""
        for gateway, clients in self._gateways.items():
            for client, line in clients.items():
                yield None if client is None else Requester(gateway, client), line.calls, line.undialed

    def served(self, call: UpstreamCall) -> None:
        """``call`` is served next: its client and its gateway go to the end of the line. Call it while it waits."""
        gateway, client = _of(call)
        clients = self._gateways.pop(gateway)
        clients[client] = clients.pop(client)
        self._gateways[gateway] = clients

    def _line(self, call: UpstreamCall) -> _Line | None:
        gateway, client = _of(call)
        clients = self._gateways.get(gateway)
        return None if clients is None else clients.get(client)


def _of(call: UpstreamCall) -> tuple[str, Client | None]:
    requester = call.requester
    return ("", None) if requester is None else (requester.gateway, requester.client)
