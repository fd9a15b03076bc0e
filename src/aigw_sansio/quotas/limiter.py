"""The quotas of one process.

Decides: whether a request may go to its provider now: by the counts of this process, or by those of the host, if
several processes share them. Must not know: sources, sessions and relays.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from ..effects import Answer
from ..engine.services import Services
from ..events import UsageReported
from ..faults import Denial, FaultKind, Side
from ..ids import AskId
from ..quota_rules import Count, Counted, Counter
from .claim import DOLLAR, Claim, StepQuota
from .counters import Counters
from .window import MOST_COUNTED

#: Counts that the host could not be told, and that it is told with the next question.
MOST_UNTOLD: Final = 1000


class Limiter:
    """Keeps what is counted, and who runs. Implements ``Keeper``."""

    __slots__ = ("_counters", "_running", "_services", "_untold")

    def __init__(self, services: Services) -> None:
        self._services = services
        self._counters = Counters()
        self._running: dict[str, int] = {}  # by gateway, if it has a limit of these
        self._untold: dict[tuple[str, str, str], Counter] = {}

    def take(self, quota: StepQuota, told: Callable[[Denial | None, float], None], now: float) -> Denial | AskId | None:
        """Take what ``quota`` needs. ``None``: it has it, and ``quota.finish`` must be called once. A denial says why
        not. An id: ``told`` is called once with one of these, unless the question is withdrawn; finish it all the same.
        """
        claim = quota.claim
        if claim.keeper is None:
            denial = self._take_place(claim)
            if denial is not None:
                return denial
        missing = quota.missing()
        if not missing:
            return None
        if claim.shared:
            # No function inside of this one: compiled, it would be part of a cycle.
            asked = _Asked(self, quota, missing, told)
            if untold := self._take_untold(claim.gateway):
                self._tell(untold, now)
            return self._services.ask(Count(missing), asked.answered, now, within_s=self._store_s)
        counted = self._counters.count(missing, now, self._services.unix_time(now))
        return self._decide(claim, missing, counted)

    def finish(self, quota: StepQuota, usage: UsageReported | None, cost: float | None, now: float) -> None:
        """See :meth:`.Keeper.finish`."""
        claim = quota.claim
        self._free_place(claim)
        if not quota.charges:
            return
        tokens = 0 if usage is None else (usage.input_tokens or 0) + (usage.output_tokens or 0)
        # Safety: clients and providers say these, so they may be anything.
        spent = 0 if cost is None else round(min(cost, MOST_COUNTED) * DOLLAR)
        used = {"tokens": min(tokens, MOST_COUNTED), "cost": min(spent, MOST_COUNTED)}
        charged = [
            msgspec.structs.replace(charge.counter, amount=used[charge.measure], limit=None)
            for charge in quota.charges
            if used[charge.measure]
        ]
        if not charged:
            return
        if claim.shared:
            self._tell(tuple(charged), now)
        else:
            self._counters.count(charged, now, self._services.unix_time(now))

    @property
    def running(self) -> dict[str, int]:
        """How many run, of the gateways that limit it."""
        return dict(self._running)

    def _take_place(self, claim: Claim) -> Denial | None:
        """It is one more that runs."""
        most = claim.concurrency
        if most is not None:
            running = self._running.get(claim.gateway, 0)
            if running >= most:
                detail = f"as many requests of this gateway run as may at once ({most}, concurrency)"
                return Denial(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, detail, retryable=True, status=429, code=2010)
            self._running[claim.gateway] = running + 1
        claim.keeper = self
        return None

    def _free_place(self, claim: Claim) -> None:
        if claim.concurrency is not None:
            left = self._running[claim.gateway] - 1
            if left:
                self._running[claim.gateway] = left
            else:
                del self._running[claim.gateway]

    def _decide(self, claim: Claim, asked: tuple[Counter, ...], answer: Answer) -> Denial | None:
        """Whether a request may go on, by the ``answer`` about the counters that it asked for."""
        if not isinstance(answer, Counted):
            if claim.fail_open:
                return None
            detail = "the quotas of this gateway cannot be looked up at present"
            return Denial(FaultKind.OVERLOADED, Side.GATEWAY, detail, retryable=True, status=503, code=2010)
        refused = answer.refused
        if refused is None or not 0 <= refused < len(asked):
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

    def _tell(self, charged: tuple[Counter, ...], now: float) -> None:
        """Have the host count what was used. If it cannot, it is told with the next question."""
        told = _Told(self, charged)
        self._services.ask(Count(charged), told.answered, now, within_s=self._store_s)

    @property
    def _store_s(self) -> float:
        return self._services.config.timeouts.store_s

    def _keep_untold(self, charged: tuple[Counter, ...]) -> None:
        for counter in charged:
            name = counter.gateway, counter.rule, counter.value
            known = self._untold.get(name)
            if known is not None:
                counter = msgspec.structs.replace(counter, amount=min(counter.amount + known.amount, MOST_COUNTED))
            elif len(self._untold) >= MOST_UNTOLD:
                continue
            self._untold[name] = counter

    def _take_untold(self, gateway: str) -> tuple[Counter, ...]:
        names = [name for name in self._untold if name[0] == gateway] if self._untold else []
        return tuple(self._untold.pop(name) for name in names)


class _Asked:
    """A question whether there is room."""

    __slots__ = ("_asked", "_limiter", "_quota", "_told")

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

    def answered(self, answer: Answer, now: float) -> None:
        self._told(self._limiter._decide(self._quota.claim, self._asked, answer), now)


class _Told:
    """Counts that the host was told."""

    __slots__ = ("_charged", "_limiter")

    def __init__(self, limiter: Limiter, charged: tuple[Counter, ...]) -> None:
        self._limiter = limiter
        self._charged = charged

    def answered(self, answer: Answer, now: float) -> None:
        if not isinstance(answer, Counted):
            self._limiter._keep_untold(self._charged)


def _seconds(wait_s: float) -> str:
    return f"{wait_s:.0f} s" if wait_s >= 1 else "less than 1 s"
