"""The requests that wait for a connection to one origin, and whose turn it is.

Decides: the order: in turn by gateway, then by client connection, then the oldest (client protocol, section 3.4). Must
not know: connections, and which request may have one.
"""

from collections.abc import Iterator

from ..engine.client import Client, Requester
from .call import UpstreamCall

_Calls = dict[UpstreamCall, None]


class WaitingCalls:
    """The waiting requests of one origin."""

    __slots__ = ("_gateways", "_size")

    def __init__(self) -> None:
        self._gateways: dict[str, dict[Client | None, _Calls]] = {}  # in turn; none of them is empty
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[UpstreamCall]:
        """All of them, each client's together."""
        for clients in self._gateways.values():
            for calls in clients.values():
                yield from calls

    def add(self, call: UpstreamCall) -> None:
        """``call`` waits, behind the others of its client."""
        gateway, client = _of(call)
        calls = self._gateways.setdefault(gateway, {}).setdefault(client, {})
        if call not in calls:
            calls[call] = None
            self._size += 1

    def remove(self, call: UpstreamCall) -> bool:
        """``call`` waits no more. False if it did not wait."""
        gateway, client = _of(call)
        clients = self._gateways.get(gateway)
        calls = None if clients is None else clients.get(client)
        if clients is None or calls is None or call not in calls:
            return False
        del calls[call]
        self._size -= 1
        if not calls:
            del clients[client]
            if not clients:
                del self._gateways[gateway]
        return True

    def in_turn(self) -> Iterator[tuple[Requester | None, Iterator[UpstreamCall]]]:
        """Each client with its requests, in the order of their turns. Do not change anything while it runs."""
        for gateway, clients in self._gateways.items():
            for client, calls in clients.items():
                yield None if client is None else Requester(gateway, client), iter(calls)

    def served(self, call: UpstreamCall) -> None:
        """``call`` is served next: its client and its gateway go to the end of the line. Call it while it waits."""
        gateway, client = _of(call)
        clients = self._gateways.pop(gateway)
        clients[client] = clients.pop(client)
        self._gateways[gateway] = clients


def _of(call: UpstreamCall) -> tuple[str, Client | None]:
    requester = call.requester
    return ("", None) if requester is None else (requester.gateway, requester.client)
