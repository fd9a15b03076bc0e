"""The quotas of one process.

Decides: whether a request may go to its provider now: by the counts of this process, or by those of the host, if
several processes share them. Must not know: sources, sessions and relays.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from ..effects import Answer, Unavailable
from ..engine.services import Services
from ..faults import Denial, FaultKind, Side
from ..ids import AskId
from ..quota_rules import Count, Counted, Counter
from .claim import Claim, Spent, StepQuota
from .counters import Counters
from .window import MOST_COUNTED

#: Names of counts that the host could not be told. Values that come when they are taken share one of their rule.
MOST_UNTOLD: Final = 1000


class _Used(NamedTuple):
    """What was used. It counts ``until`` then, whether the host has heard of it or not."""

    counter: Counter
    until: float


class Limiter:
    """Keeps what is counted, and who runs. Implements ``Keeper``."""

    __slots__ = ("_counters", "_owed", "_running", "_services", "_untold")

    def __init__(self, services: Services) -> None:
        self._services = services
        self._counters = Counters()
        self._running: dict[str, int] = {}  # by gateway, if it has a limit of these
        self._untold: dict[tuple[str, str, str], _Used] = {}
        self._owed: dict[str, _Told] = {}  # by gateway: what was untold, and is being told

    def take(
        self, quota: StepQuota, told: Callable[[Denial | None, float], None], now: float
    ) -> "Denial | Waiting | None":
        """Take what ``quota`` needs. ``None``: it has it, and ``quota.finish`` must be called once. A denial says why
        not. Else ``told`` is called once with one of these, unless the wait is withdrawn; finish it all the same.
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
            waiting = Waiting(self, quota, missing, told)
            owed = self._tell_untold(claim.gateway, now)
            if owed is None:
                waiting.ask(now)
            else:
                waiting.wait_for(owed)
            return waiting
        counted = self._counters.count(missing, now, self._services.unix_time(now))
        return self._decide(claim, missing, counted, now)

    def finish(self, quota: StepQuota, spent: Spent, now: float) -> None:
        """See :meth:`.Keeper.finish`."""
        self._free_place(quota.claim)
        self.charge(quota, spent, now)

    def charge(self, quota: StepQuota, spent: Spent, now: float) -> None:
        """See :meth:`.Keeper.charge`."""
        claim = quota.claim
        used = {"tokens": spent.tokens, "cost": spent.cost}
        charged = [
            msgspec.structs.replace(charge.counter, amount=used[charge.measure], limit=None)
            for charge in quota.charges
            if used[charge.measure]
        ]
        if not charged:
            return
        if claim.shared:
            told = _Told(self, [_Used(one, now + one.interval_s) for one in charged], local=claim.fail_open)
            told.tell(now)
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

    def _decide(self, claim: Claim, asked: tuple[Counter, ...], answer: Answer, now: float) -> Denial | None:
        """Whether a request may go on, by the ``answer`` about the counters that it asked for."""
        if isinstance(answer, Counted) and answer.refused is not None and answer.refused >= len(asked):
            answer = Unavailable()  # it is about counters that were not asked for: nothing was counted
        if not isinstance(answer, Counted) and claim.fail_open:
            # So one process still limits itself, and the host hears of it later.
            answer = self._counters.count(asked, now, self._services.unix_time(now))
            if answer.refused is None:
                self._keep_untold(
                    [
                        _Used(msgspec.structs.replace(counter, limit=None), now + counter.interval_s)
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
            names = [name for name in self._untold if name[0] == gateway]
            used = [one for name in names if (one := self._untold.pop(name)).until > now]
            if used:
                owed = self._owed[gateway] = _Told(self, used, local=False)
                owed.tell(now)
        return owed

    def _keep_untold(self, used: Sequence[_Used], now: float) -> None:
        for counter, until in used:
            if until <= now:
                continue
            name = counter.gateway, counter.rule, counter.value
            known = self._untold.get(name)
            if known is None and counter.value and len(self._untold) >= MOST_UNTOLD:
                self._untold = {other: one for other, one in self._untold.items() if one.until > now}
                if len(self._untold) >= MOST_UNTOLD:
                    name = counter.gateway, counter.rule, "*"  # of all that come now, as in a process
                    counter = msgspec.structs.replace(counter, value="*")
                    known = self._untold.get(name)
            if known is not None and known.until > now:
                amount = min(counter.amount + known.counter.amount, MOST_COUNTED)
                counter = msgspec.structs.replace(counter, amount=amount)
                until = min(until, known.until)
            self._untold[name] = _Used(counter, until)


class Waiting:
    """Somebody who waits until the host says whether there is room."""

    __slots__ = ("_ask_id", "_asked", "_limiter", "_owed", "_quota", "_told")

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
        self._ask_id = limiter._services.ask(Count(self._asked), self.answered, now, within_s=limiter._store_s)

    def answered(self, answer: Answer, now: float) -> None:
        """The host's answer."""
        self._ask_id = self._owed = None
        self._told(self._limiter._decide(self._quota.claim, self._asked, answer, now), now)


class _Told:
    """Counts that the host is told. If it cannot count, it is told before the next question."""

    __slots__ = ("_limiter", "_local", "_used", "waiting")

    def __init__(self, limiter: Limiter, used: Sequence[_Used], *, local: bool) -> None:
        """``local``: without the host, this process counts."""
        self._limiter = limiter
        self._used = used
        self._local = local
        #: Who waits for it.
        self.waiting: dict[Waiting, None] = {}

    def tell(self, now: float) -> None:
        limiter = self._limiter
        count = Count(tuple([one.counter for one in self._used]))
        limiter._services.ask(count, self.answered, now, within_s=limiter._store_s)

    def answered(self, answer: Answer, now: float) -> None:
        limiter, gateway = self._limiter, self._used[0].counter.gateway
        if limiter._owed.get(gateway) is self:
            del limiter._owed[gateway]
        counted = isinstance(answer, Counted)
        if not counted:
            limiter._keep_untold(self._used, now)
            if self._local:
                counters = [one.counter for one in self._used]
                limiter._counters.count(counters, now, limiter._services.unix_time(now))
        while self.waiting:  # one that is told may have another withdrawn
            waiting = next(iter(self.waiting))
            del self.waiting[waiting]
            if counted:
                waiting.ask(now)
            else:
                waiting.answered(answer, now)


def _seconds(wait_s: float) -> str:
    return f"{wait_s:.0f} s" if wait_s >= 1 else "less than 1 s"
