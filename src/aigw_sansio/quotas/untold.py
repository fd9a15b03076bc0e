"""What was used while the host could not be told: kept until it would count no more.

Decides: how much of it is kept. Must not know: who tells the host.

Nothing of it is ever given to somebody else, and nothing is lost: a gateway has room for so many counts, and whoever
needs another one waits until the host counts again.
"""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from ..quota_rules import Counter
from .counters import MOST
from .window import MOST_COUNTED

#: Counts that the host is told at once.
TOLD_AT_ONCE: Final = 1000

_Name = tuple[str, str]


class Used(NamedTuple):
    """What was used. It counts ``until`` then, whether the host has heard of it or not."""

    counter: Counter
    until: float


class Untold:
    """By gateway: what the host is owed."""

    __slots__ = ("_by_gateway", "_most", "_sweep_at")

    def __init__(self, most: int = MOST) -> None:
        """``most``: counts of one gateway for whose requests there is room; what was used is kept in any case."""
        self._most = most
        self._by_gateway: dict[str, dict[_Name, Used]] = {}
        self._sweep_at: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._by_gateway)

    def reserve(self, counters: Sequence[Counter], now: float) -> bool:
        """Whether what a request may use of ``counters``, of one gateway, can be kept: those that are added to when it
        is over have their room from now on."""
        gateway = counters[0].gateway
        known = self._by_gateway.setdefault(gateway, {})
        new = [one for one in counters if (one.rule, one.value) not in known]
        if len(known) + len(new) > self._most:
            known = self._sweep(gateway, now)
            if len(known) + len(new) > self._most:
                return False
        for one in new:
            known[one.rule, one.value] = Used(msgspec.structs.replace(one, amount=0, limit=None), now + one.interval_s)
        return True

    def keep(self, used: Sequence[Used], now: float) -> None:
        """Keep what was ``used``."""
        for counter, until in used:
            if until <= now:
                continue
            known = self._by_gateway.setdefault(counter.gateway, {})
            name = counter.rule, counter.value
            before = known.get(name)
            if before is not None and before.until > now:
                amount = min(counter.amount + before.counter.amount, MOST_COUNTED)
                until = min(until, before.until) if before.counter.amount else until
                counter = msgspec.structs.replace(counter, amount=amount)
            known[name] = Used(counter, until)

    def take(self, gateway: str, now: float) -> list[Used]:
        """The next part of what is owed for ``gateway``; nothing if all was taken."""
        known = self._by_gateway.get(gateway)
        if known is None:
            return []
        found: list[Used] = []
        while known and not found:
            for name in list(islice(known, TOLD_AT_ONCE)):
                used = known.pop(name)
                if used.counter.amount and used.until > now:
                    found.append(used)
        if not known:
            del self._by_gateway[gateway]
            self._sweep_at.pop(gateway, None)
        return found

    def forget(self, gateways: Collection[str], now: float) -> None:
        """The settings name other ``gateways`` than before: nobody takes what is kept of all others. Forget those of
        which nothing counts any more."""
        for gateway in [name for name in self._by_gateway if name not in gateways]:
            self._sweep_at.pop(gateway, None)
            if not self._sweep(gateway, now):
                del self._by_gateway[gateway], self._sweep_at[gateway]

    def _sweep(self, gateway: str, now: float) -> dict[_Name, Used]:
        """Forget what counts no more. It is not tried again before the next one can have run out."""
        known = self._by_gateway[gateway]
        if now >= self._sweep_at.get(gateway, 0.0):
            known = self._by_gateway[gateway] = {name: one for name, one in known.items() if one.until > now}
            soonest = min((one.until for one in known.values()), default=now)
            self._sweep_at[gateway] = max(soonest, now + 0.1)
        return known
