"""How many clients may be connected at once (client protocol, section 3.4).

Decides: which connection is one too many, in all or of one address, and whether it still gets an answer. Must not know:
how the answer is written, and what the connections are used for.

A connection over a limit is still read until its request is complete, so that its client learns the reason. Those who
wait for that hold descriptors too, so there are few of them; what comes above is closed at once.
"""

from typing import Final

from ..config import Limits
from ..effects import Allowance
from ..engine.services import Services
from ..faults import Fault, FaultKind, Side
from ..ids import ConnId
from .addresses import ClientAddresses, client_at
from .ports import ClientRequest, PendingRequest, Responder
from .refusal import refuse_request

#: Connections over a limit that wait for their answer.
TURNED_AWAY: Final = 16
#: Descriptors that realtime clients leave for others.
KEPT_FROM_REALTIME: Final = 32


class ConnectionLimits:
    """The connections of all clients."""

    __slots__ = ("_addresses", "_limits", "_of_address", "_open", "_turned_away")

    def __init__(self, limits: Limits, addresses: ClientAddresses) -> None:
        self._limits = limits
        self._addresses = addresses
        self._open: dict[ConnId, str] = {}  # and the address that it counts for; empty: for none
        self._of_address: dict[str, int] = {}
        self._turned_away: set[ConnId] = set()

    def reconfigure(self, limits: Limits) -> None:
        """``limits`` hold for those that connect from now on. Who is not counted for its address stays uncounted."""
        self._limits = limits

    def opened(self, conn: ConnId, peer: str) -> Fault | None:
        """A client connected. The fault says why it must go again."""
        limits = self._limits
        fault = None
        address = ""
        if limits.connections is not None and len(self._open) >= limits.connections:
            fault = _over("connections", limits.connections)
        elif limits.connections_per_address is not None and not self._addresses.is_trusted(peer):
            address = client_at(peer)
            if self._of_address.get(address, 0) >= limits.connections_per_address:
                fault = _over("connections_per_address", limits.connections_per_address)
        if fault is not None:
            return fault
        self._open[conn] = address
        if address:
            self._of_address[address] = self._of_address.get(address, 0) + 1
        return None

    def may_wait(self, conn: ConnId) -> bool:
        """Whether a connection that must go again may wait for its answer."""
        if len(self._turned_away) >= TURNED_AWAY:
            return False
        self._turned_away.add(conn)
        return True

    def closed(self, conn: ConnId) -> None:
        """A connection is closed. It may be one that never entered."""
        self._turned_away.discard(conn)
        address = self._open.pop(conn, "")
        if address:
            left = self._of_address.pop(address) - 1
            if left:
                self._of_address[address] = left


class TurnAway:
    """Refuses every request of a connection that is one too many. Implements ``RequestHandler``."""

    __slots__ = ("_address", "_fault", "_services")

    def __init__(self, services: Services, fault: Fault, address: str) -> None:
        self._services = services
        self._fault = fault
        self._address = address

    def request_arrived(self, request: ClientRequest, responder: Responder, now: float) -> PendingRequest | None:
        refuse_request(self._services, request, responder, self._fault, now, address=self._address)
        return None


def refuse_dial(descriptors: int | None, taken: int) -> Fault | None:
    """Why a realtime client gets no connection to its provider: too few of the process's ``descriptors`` would be left.
    ``taken``: those that connections have."""
    if descriptors is None or descriptors - taken - 1 >= KEPT_FROM_REALTIME:
        return None
    detail = "the gateway has no connection left for another realtime session; try again later"
    return Fault(FaultKind.OVERLOADED, Side.GATEWAY, detail, retryable=True)


def _over(name: str, limit: int) -> Fault:
    detail = f"the gateway has as many clients as it may have ({name}, {limit}); try again later"
    return Fault(FaultKind.OVERLOADED, Side.GATEWAY, detail, retryable=True)


def longest_life(session_s: float | None, allowance: Allowance) -> float | None:
    """The longest life of a WebSocket in seconds: the shorter one of ``session_s`` and the client's ``allowance``."""
    lives = [life for life in (session_s, allowance.session_s) if life is not None]
    return min(lives, default=None)
