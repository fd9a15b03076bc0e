"""Slows the guessing of tokens (client protocol, section 2, "Wrong tokens").

Decides: how long the refusal of a wrong token waits, by the number of refusals of its address in the last minute. Must
not know: tokens, and how a refusal is written.

A right token never waits: only refusals come here. Few wait at once, because each holds a connection; what is over that
number is answered at once, and its client may then try again as fast as it can connect.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from ..engine.services import Services
from .ports import PendingRequest

WINDOW_S: Final = 60.0
FREE_REFUSALS: Final = 9  #: so many in a minute do not wait
STEP_S: Final = 0.2
MOST_S: Final = 2.0
WAITING_OF_ADDRESS: Final = 16
WAITING: Final = 256
ADDRESSES: Final = 4096

#: From this number on the wait is the longest; no more of them are remembered.
_REMEMBERED: Final = FREE_REFUSALS + round(MOST_S / STEP_S)


class TokenGuard:
    """The refusals of all addresses."""

    __slots__ = ("_refusals", "_services", "_waiting", "_waiting_of")

    def __init__(self, services: Services) -> None:
        self._services = services
        self._refusals: dict[str, deque[float]] = {}  # the address that was refused last comes last
        self._waiting = 0
        self._waiting_of: dict[str, int] = {}

    def refuse(self, address: str, refuse: Callable[[float], object], now: float) -> PendingRequest | None:
        """A token of ``address`` is wrong. ``refuse(now)`` is called at once, or after a wait: then the pending request
        is returned, to be told if the client leaves."""
        wait = self._count(address, now)
        if not wait or self._waiting >= WAITING or self._waiting_of.get(address, 0) >= WAITING_OF_ADDRESS:
            refuse(now)
            return None
        self._waiting += 1
        self._waiting_of[address] = self._waiting_of.get(address, 0) + 1
        return _Wait(self, address, refuse, self._services, now + wait)

    def _count(self, address: str, now: float) -> float:
        """Count a refusal. Returns its wait."""
        times = self._refusals.pop(address, None)
        if times is None:
            times = deque(maxlen=_REMEMBERED)
            if len(self._refusals) >= ADDRESSES:
                del self._refusals[next(iter(self._refusals))]
        while times and times[0] <= now - WINDOW_S:
            times.popleft()
        times.append(now)
        self._refusals[address] = times
        return min(max(0, len(times) - FREE_REFUSALS) * STEP_S, MOST_S)

    def _done(self, address: str) -> None:
        self._waiting -= 1
        left = self._waiting_of.pop(address) - 1
        if left:
            self._waiting_of[address] = left


class _Wait:
    """One refusal that waits. Implements ``PendingRequest``."""

    __slots__ = ("_address", "_guard", "_refuse", "_timer")

    def __init__(
        self, guard: TokenGuard, address: str, refuse: Callable[[float], object], services: Services, due: float
    ) -> None:
        self._guard = guard
        self._address = address
        self._refuse = refuse
        self._timer = services.timers.timer(self._on_due)
        self._timer.arm(due)

    def client_gone(self, now: float) -> None:
        self._timer.close()
        self._guard._done(self._address)

    def _on_due(self, now: float) -> None:
        self._timer.close()
        self._guard._done(self._address)
        self._refuse(now)
