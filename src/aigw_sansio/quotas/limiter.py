"""The quotas of one process.

Decides: whether a request may go to its provider now: by the counts of this process, or by those of the host, if
several processes share them. Must not know: sources, sessions and relays.
"""

from collections.abc import Callable, Sequence

import msgspec

from ..effects import Answer, Unavailable
from ..engine.services import Services
from ..faults import Denial, FaultKind, Side
from ..ids import AskId
from ..quota_rules import Count, Counted, Counter, Places
from .claim import Claim, Spent, StepQuota
from .counters import Counters
from .places import RunningClaims, no_place
from .untold import Untold, Used


class Limiter:
    """Keeps what is counted, and who runs. Implements ``Keeper``."""

    __slots__ = ("_claims", "_counters", "_owed", "_reloads", "_services", "_untold")

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reloads = services.reloads  # at the last look
        self._counters = Counters()
        self._claims = RunningClaims(services)
        self._untold = Untold()
        self._owed: dict[str, _Told] = {}  # by gateway: what was untold, and is being told

    def take(
        self, quota: StepQuota, told: Callable[[Denial | None, float], None], now: float
    ) -> "Denial | Waiting | None":
        """Take what ``quota`` needs. ``None``: it has it, and ``quota.finish`` must be called once. A denial says why
        not. Else ``told`` is called once with one of these, unless the wait is withdrawn; finish it all the same.
        """
        claim = quota.claim
        if self._reloads != self._services.reloads:
            self._reconfigured(now)
        if claim.keeper is None:
            denial = self._claims.take(claim)
            if denial is not None:
                return denial
            claim.keeper = self
        missing = quota.missing()
        if claim.shared and (missing or not claim.placed):
            # No function inside of this one: compiled, it would be part of a cycle.
            waiting = Waiting(self, quota, missing, told)
            owed = self._tell_untold(claim.gateway, now)
            if owed is None:
                waiting.ask(now)
            else:
                waiting.wait_for(owed)
            return waiting
        if not missing:
            return None
        counted = self._counters.count(missing, now, self._services.unix_time(now))
        return self._decide(claim, missing, None, counted, now)

    def finish(self, quota: StepQuota, spent: Spent, now: float) -> None:
        """See :meth:`.Keeper.finish`."""
        self._charge(quota, spent, self._claims.free(quota.claim), now)

    def charge(self, quota: StepQuota, spent: Spent, now: float) -> None:
        """See :meth:`.Keeper.charge`."""
        self._charge(quota, spent, None, now)

    @property
    def running(self) -> dict[str, int]:
        """How many run, of the gateways that limit it."""
        return self._claims.running

    def _reconfigured(self, now: float) -> None:
        """There are new settings: forget the gateways that left them, as far as nothing of them counts any more."""
        self._reloads = self._services.reloads
        config = self._services.config
        self._counters.forget(config.gateways, now, self._services.unix_time(now))
        self._untold.forget(config.gateways, now)

    def _charge(self, quota: StepQuota, spent: Spent, places: Places | None, now: float) -> None:
        """Count what was ``spent``, and tell of ``places``."""
        claim = quota.claim
        used = {"tokens": spent.tokens, "cost": spent.cost}
        charged = [
            msgspec.structs.replace(charge.counter, amount=used[charge.measure], limit=None)
            for charge in quota.charges
            if used[charge.measure]
        ]
        if charged and claim.shared:
            owed = [Used(one, now + one.interval_s) for one in charged]
            _Told(self, gateway=claim.gateway, used=owed, places=places, local=claim.fail_open).tell(now)
            return
        if places is not None:
            self._claims.tell(places, now)
        if charged:
            self._counters.count(charged, now, self._services.unix_time(now))

    def _decide(
        self, claim: Claim, asked: tuple[Counter, ...], places: Places | None, answer: Answer, now: float
    ) -> Denial | None:
        """Whether a request may go on, by the ``answer`` about the counters, and the places, that it asked for."""
        if isinstance(answer, Counted) and answer.refused is not None:
            if places is not None and answer.refused == len(asked):
                claim.keeper = None
                less = self._claims.free(claim)
                if less is not None:
                    self._claims.tell(less, now)
                return no_place(claim)
            if answer.refused >= len(asked):
                answer = Unavailable()  # it is about counters that were not asked for: nothing was counted
        if not isinstance(answer, Counted) and claim.fail_open and (not asked or self._untold.reserve(asked, now)):
            # So one process still limits itself, and the host hears of it later.
            answer = self._counters.count(asked, now, self._services.unix_time(now))
            if answer.refused is None:
                self._untold.keep(
                    [
                        Used(msgspec.structs.replace(counter, limit=None), now + counter.interval_s)
                        for counter in asked
                        if counter.amount
                    ],
                    now,
                )
        if not isinstance(answer, Counted):
            detail = "the quotas of this gateway cannot be looked up at present"
            return Denial(FaultKind.OVERLOADED, Side.GATEWAY, detail, retryable=True, status=503, code=2010)
        refused = answer.refused
        if refused is None:
            self._claims.begins(claim)
            claim.placed = True
            claim.taken.update((counter.rule, counter.value) for counter in asked)
            return None
        full = asked[refused]
        kind = "rate limit" if full.amount else "budget"
        detail = f"the {kind} {full.rule} is used up: {_seconds(answer.retry_after_s)} until there is room"
        return Denial(
            FaultKind.RATE_LIMITED,
            Side.CLIENT,
            detail,
            retryable=True,
            status=429,
            code=2003,
            retry_after_s=answer.retry_after_s,
        )

    @property
    def _store_s(self) -> float:
        return self._services.config.timeouts.store_s

    def _tell_untold(self, gateway: str, now: float) -> "_Told | None":
        """Have the host count what it could not be told before. What is being told; ``None``: nothing."""
        owed = self._owed.get(gateway)
        if owed is None and self._untold:
            used = self._untold.take(gateway, now)
            if used:
                owed = self._owed[gateway] = _Told(self, gateway=gateway, used=used, places=None, local=False)
                owed.tell(now)
        return owed


class Waiting:
    """Somebody who waits until the host says whether there is room."""

    __slots__ = ("_ask_id", "_asked", "_limiter", "_owed", "_places", "_quota", "_told")

    def __init__(
        self,
        limiter: Limiter,
        quota: StepQuota,
        asked: tuple[Counter, ...],
        told: Callable[[Denial | None, float], None],
    ) -> None:
        self._limiter = limiter
        self._quota = quota
        self._asked = asked
        self._told = told
        self._places: Places | None = None
        self._ask_id: AskId | None = None
        self._owed: _Told | None = None

    def withdraw(self) -> None:
        """The client left: nobody is told."""
        if self._ask_id is not None:
            self._limiter._services.withdraw(self._ask_id)
        if self._owed is not None:
            del self._owed.waiting[self]
            self._owed = None

    def wait_for(self, owed: "_Told") -> None:
        """Ask when the host has counted what it is owed: the answer depends on it."""
        self._owed = owed
        owed.waiting[self] = None

    def ask(self, now: float) -> None:
        """Ask."""
        limiter, self._owed = self._limiter, None
        self._places = limiter._claims.asked(self._quota.claim, now)
        count = Count(self._asked, self._places)
        self._ask_id = limiter._services.ask(count, self.answered, now, within_s=limiter._store_s)

    def answered(self, answer: Answer, now: float) -> None:
        """The host's answer."""
        self._ask_id = self._owed = None
        self._told(self._limiter._decide(self._quota.claim, self._asked, self._places, answer, now), now)


class _Told:
    """Counts of a gateway that the host is told. If it cannot count, it is told before the next question."""

    __slots__ = ("_gateway", "_limiter", "_local", "_places", "_used", "waiting")

    def __init__(
        self, limiter: Limiter, *, gateway: str, used: Sequence[Used], places: Places | None, local: bool
    ) -> None:
        """``local``: without the host, this process counts."""
        self._limiter = limiter
        self._gateway = gateway
        self._used = used
        self._places = places
        self._local = local
        #: Who waits for it.
        self.waiting: dict[Waiting, None] = {}

    def tell(self, now: float) -> None:
        limiter = self._limiter
        count = Count(tuple([one.counter for one in self._used]), self._places)
        limiter._services.ask(count, self.answered, now, within_s=limiter._store_s)

    def answered(self, answer: Answer, now: float) -> None:
        limiter, counted = self._limiter, isinstance(answer, Counted)
        if not counted:
            limiter._untold.keep(self._used, now)
            if self._local:
                counters = [one.counter for one in self._used]
                limiter._counters.count(counters, now, limiter._services.unix_time(now))
        if self._places is not None:
            more = limiter._claims.told(self._gateway)
            if more is not None:
                limiter._claims.tell(more, now)
        if limiter._owed.get(self._gateway) is self:
            self._used = limiter._untold.take(self._gateway, now) if counted and self.waiting else ()
            if self._used:  # there is more
                self.tell(now)
                return
            del limiter._owed[self._gateway]
        while self.waiting:  # one that is told may have another withdrawn
            waiting = next(iter(self.waiting))
            del self.waiting[waiting]
            if counted:
                waiting.ask(now)
            else:
                waiting.answered(answer, now)


def _seconds(wait_s: float) -> str:
    return f"{wait_s:.0f} s" if wait_s >= 1 else "less than 1 s"
