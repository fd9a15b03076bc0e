"""What the sessions of one client connection may have together (client protocol, section 3.4).

Decides: which request is one too many. Must not know: what a session does with its requests, and how clients are told.

The provider of a cancelled exchange may still be working on it. So for ``cancelled_s`` after a cancel it is counted:
running and cancelled ones together may be twice as many as may run. Otherwise a client that creates and
cancels in a row could send any number of requests to providers, with never more than one running.
"""

from bisect import bisect_right
from typing import Protocol

from ..effects import Allowance
from ..engine.client import Client
from ..engine.services import Services
from ..faults import Fault, FaultKind, Side
from .response_budget import ResponseBudget


class LimitedSession(Protocol):
    """A session, as its limits see it."""

    @property
    def busy(self) -> int:
        """Its exchanges whose end the client has not been told, those that wait for a check included."""

    @property
    def request_bytes(self) -> int:
        """The memory that their requests take."""

    @property
    def fetches(self) -> int:
        """How many media the host is asked for."""


class ClientLimits:
    """The limits of one client connection."""

    __slots__ = ("_cancelled", "_services", "_sessions", "client", "responses")

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sessions: dict[LimitedSession, None] = {}
        self._cancelled: list[float] = []  # when each of them counts no more, in order; few, since they are limited
        #: Stands for the connection in shares.
        self.client = Client()
        #: The responses held for it.
        self.responses = ResponseBudget(services)

    def joined(self, session: LimitedSession) -> None:
        """A session began."""
        self._sessions[session] = None

    def left(self, session: LimitedSession) -> None:
        """A session ended."""
        self._sessions.pop(session, None)

    def take_over(self, session: LimitedSession, old: "ClientLimits") -> None:
        """A session of the connection with ``old`` is of this one now. Each cancel counts once, here: else a client
        could have any number of them by coming back."""
        old.left(session)
        self.joined(session)
        cancelled, old._cancelled = old._cancelled, []
        self._cancelled = sorted([*self._cancelled, *cancelled])

    def cancelled(self, now: float) -> None:
        """An exchange was cancelled."""
        self._cancelled.append(now + self._services.config.timeouts.cancelled_s)

    def refuse(self, size: int, now: float) -> Fault | None:
        """Why a request of ``size`` bytes may not begin now."""
        limits = self._services.config.limits
        cancelled = self._cancelled
        del cancelled[: bisect_right(cancelled, now)]
        most = limits.exchanges_per_connection
        busy = 0
        for session in self._sessions:
            busy += session.busy
        if busy >= most or busy + len(cancelled) >= 2 * most:
            detail = (
                f"{busy} exchanges are under way on this connection; {most} are allowed (exchanges_per_connection)"
                if busy >= most
                else f"{busy} exchanges are under way on this connection, {len(cancelled)} were cancelled within "
                f"{self._services.config.timeouts.cancelled_s:g} s; {2 * most} are allowed (twice "
                f"exchanges_per_connection)"
            )
            return Fault(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, detail, retryable=True)
        return self.overfull(size)

    def overfull(self, size: int = 0) -> Fault | None:
        """Why ``size`` bytes more of requests may not be held."""
        most = self._services.config.limits.request_bytes_per_connection
        held = 0
        for session in self._sessions:
            held += session.request_bytes
        if held + size <= most:
            return None
        detail = (
            f"the requests under way on this connection hold {held} bytes, this one {size} more; "
            f"{most} are allowed (request_bytes_per_connection)"
        )
        return Fault(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, detail, retryable=True)

    def refuse_fetches(self, count: int) -> Fault | None:
        """Why the host may not be asked for ``count`` media now."""
        most = self._services.config.limits.fetches_at_once_per_client
        under_way = sum(session.fetches for session in self._sessions)
        if under_way + count <= most:
            return None
        detail = (
            f"{under_way} media are being fetched for this connection, this request needs {count} more; "
            f"{most} are allowed (fetches_at_once_per_client)"
        )
        return Fault(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, detail, retryable=count <= most)


def over_allowance(allowance: Allowance, busy: int) -> Fault | None:
    """Why a client with this ``allowance`` may not begin another exchange; ``busy`` are under way."""
    most = allowance.exchanges
    if most is None or busy < most:
        return None
    detail = f"{busy} exchanges are under way; {most} are allowed to this client"
    return Fault(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, detail, retryable=True)
