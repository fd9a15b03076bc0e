"""Who runs at once: the requests and realtime sessions of each gateway that has a limit of these.

Decides: whether one more may run here, and when a host that counts for several processes is told how many do. Must not
know: counters, and who runs.

A process alone knows who runs. If several share the limit, the host is told how many run here: with each question
whether one more may, when fewer run, and again in time, so that the host can forget a process that does not come back
(``lease_s``). It is always told all that run; so nothing has to be told twice, and one message at a time is enough. Who
has not been asked for yet takes part here, but is not told: else the first of those who wait is refused for the others.
"""

from ..effects import Answer
from ..engine.services import Services
from ..faults import Denial, FaultKind, Side
from ..quota_rules import Count, Places
from .claim import Claim

#: So often within its lease it is told how many run.
_TOLD_IN_LEASE = 3


class _Gateway:
    """Those of one gateway. ``unasked`` of those that are ``running`` have not been asked for. ``told``: what the host
    heard last; ``telling``: it is being told."""

    __slots__ = ("running", "shared", "telling", "told", "unasked")

    def __init__(self) -> None:
        self.running = self.told = self.unasked = 0
        self.shared = self.telling = False

    @property
    def shown(self) -> int:
        """How many the host is to know of."""
        return self.running - self.unasked


class RunningClaims:
    """How many run, by gateway."""

    __slots__ = ("_gateways", "_holder", "_number", "_services", "_timer")

    def __init__(self, services: Services) -> None:
        self._services = services
        self._gateways: dict[str, _Gateway] = {}
        self._holder = ""
        self._number = 0
        self._timer = services.timers.timer(self._tell_again)

    @property
    def running(self) -> dict[str, int]:
        """How many run here."""
        return {name: one.running for name, one in self._gateways.items() if one.running}

    def take(self, claim: Claim) -> Denial | None:
        """It is one more that runs here, if there is room."""
        most = claim.concurrency
        if most is None:
            return None
        here = self._gateways.get(claim.gateway)
        if here is None:
            here = self._gateways[claim.gateway] = _Gateway()
        if here.running >= most:
            return no_place(claim)
        here.running += 1
        if claim.shared:
            claim.unasked = True
            here.unasked += 1
        return None

    def begins(self, claim: Claim) -> None:
        """It is asked for, or goes on without: from now on the host is told of it."""
        if claim.unasked:
            claim.unasked = False
            self._gateways[claim.gateway].unasked -= 1

    def asked(self, claim: Claim, now: float) -> Places | None:
        """What the host must be asked for ``claim`` to run; ``None``: nothing, or it runs already."""
        if claim.concurrency is None or claim.placed:
            return None
        self.begins(claim)
        here = self._gateways[claim.gateway]
        if not here.shared:
            here.shared = True
            if self._timer.deadline is None:
                self._timer.arm(now + self._again_s)
        return self._places(claim.gateway, here, claim.concurrency)

    def free(self, claim: Claim) -> Places | None:
        """It does not run any more. What the host is to be told of it, if anything is; then call :meth:`told`."""
        if claim.concurrency is None:
            return None
        self.begins(claim)
        here = self._gateways[claim.gateway]
        here.running -= 1
        return self._less(claim.gateway, here)

    def told(self, gateway: str) -> Places | None:
        """The host was told how many run, or could not be. What it is to be told next; ``None``: nothing."""
        here = self._gateways.get(gateway)
        if here is None:
            return None
        here.telling = False
        return self._less(gateway, here)

    def tell(self, places: Places, now: float) -> None:
        """Tell the host, and go on with what :meth:`told` says then."""
        services = self._services
        services.ask(
            Count((), places), _Told(self, places.gateway).answered, now, within_s=services.config.timeouts.store_s
        )

    def _less(self, gateway: str, here: _Gateway) -> Places | None:
        if here.telling:
            return None
        if here.shared and here.told > here.shown:
            here.telling = True
            return self._places(gateway, here, None)
        if not here.running:
            del self._gateways[gateway]
        return None

    def _places(self, gateway: str, here: _Gateway, limit: int | None) -> Places:
        if not self._holder:  # not before it is needed, so that nobody else's random bytes change
            self._holder = self._services.random.bytes(12).hex()
        self._number += 1
        here.told = here.shown
        return Places(
            gateway=gateway,
            holder=self._holder,
            running=here.shown,
            number=self._number,
            limit=limit,
            lease_s=self._services.config.timeouts.lease_s,
        )

    @property
    def _again_s(self) -> float:
        return self._services.config.timeouts.lease_s / _TOLD_IN_LEASE

    def _tell_again(self, now: float) -> None:
        """Those that run still do."""
        shared = [(name, here) for name, here in self._gateways.items() if here.shared]
        for name, here in shared:
            if here.running and not here.telling:
                here.telling = True
                self.tell(self._places(name, here, None), now)
        if shared:
            self._timer.arm(now + self._again_s)


class _Told:
    """Goes on when the host was told."""

    __slots__ = ("_gateway", "_running")

    def __init__(self, running: RunningClaims, gateway: str) -> None:
        self._running = running
        self._gateway = gateway

    def answered(self, answer: Answer, now: float) -> None:
        more = self._running.told(self._gateway)
        if more is not None:
            self._running.tell(more, now)


def no_place(claim: Claim) -> Denial:
    """As many run as may."""
    detail = f"as many requests of this gateway run as may at once ({claim.concurrency}, concurrency)"
    return Denial(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, detail, retryable=True, status=429, code=2010)
