"""All counters of one process.

Decides: that several counters are judged together, what becomes of a value for which there is no room, and when a
counter is forgotten. Must not know: rules, and who asks.

There are at most ``MOST`` counters of a gateway. If none of them has run out, the values of a rule that come then share
one counter: so a client that makes up values gets no more than one of them has, and takes nothing from those that have
theirs, nor from other gateways.
"""

from collections.abc import Collection, Sequence
from typing import Final

from ..quota_rules import Counted, Counter
from .window import Window

#: Counters that are kept of one gateway.
MOST: Final = 10_000


_Name = tuple[str, str]  # the rule, and the value


class Counters:
    """Counters, by what they count. There are as many gateways as settings name, see :meth:`forget`."""

    __slots__ = ("_by_gateway", "_most", "_sweep_at")

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._by_gateway: dict[str, dict[_Name, Window]] = {}
        self._sweep_at: dict[str, float] = {}  # no counter of a gateway has run out before

    def __len__(self) -> int:
        return sum(map(len, self._by_gateway.values()))

    def count(self, counters: Sequence[Counter], now: float, unix_time: float) -> Counted:
        """Add to all ``counters``, of one gateway, if all have room, else to none. ``now``: seconds that do not go
        back."""
        if not counters:
            return Counted()
        gateway = counters[0].gateway
        known = self._by_gateway.setdefault(gateway, {})
        if len(known) + len(counters) > self._most:
            known = self._sweep(gateway, now, unix_time)
        windows = [self._window(known, counter, now, unix_time) for counter in counters]
        return judge(counters, windows, now, unix_time)

    def forget(self, gateways: Collection[str], now: float, unix_time: float) -> None:
        """The settings name other ``gateways`` than before: forget the counters of all others that have run out. One
        that comes back before that finds what it had used."""
        for gateway in [name for name in self._by_gateway if name not in gateways]:
            self._sweep_at.pop(gateway, None)
            if not self._sweep(gateway, now, unix_time):
                del self._by_gateway[gateway], self._sweep_at[gateway]

    def _window(self, known: dict[_Name, Window], counter: Counter, now: float, unix_time: float) -> Window:
        name = counter.rule, counter.value
        window = known.get(name)
        if window is None and len(known) >= self._most and counter.value:
            name = counter.rule, "*"  # of all that come now
            window = known.get(name)
        if window is None:
            window = known[name] = Window(counter.interval_s, sliding=counter.sliding)
        elif not window.is_for(counter.interval_s, sliding=counter.sliding):
            # New settings: what was counted counts on, as if it were of now.
            window.roll(now, unix_time)
            before, window = window, Window(counter.interval_s, sliding=counter.sliding)
            window.roll(now, unix_time)
            if before.used:
                window.add(before.used, now)
            known[name] = window
        return window

    def _sweep(self, gateway: str, now: float, unix_time: float) -> dict[_Name, Window]:
        """Forget those that have run out. It is not tried again before the next one can have."""
        known = self._by_gateway[gateway]
        if now < self._sweep_at.get(gateway, 0.0):
            return known
        kept: dict[_Name, Window] = {}
        soonest = 1.0
        for name, window in known.items():
            window.roll(now, unix_time)
            if window.used:
                kept[name] = window
                soonest = min(soonest, window.ends_in(now))
        self._by_gateway[gateway] = kept
        self._sweep_at[gateway] = now + max(soonest, 0.1)
        return kept


def judge(counters: Sequence[Counter], windows: Sequence[Window], now: float, unix_time: float) -> Counted:
    """Add to all ``windows``, those of ``counters`` in the same order, if all have room, else to none."""
    refused, longest = None, 0.0
    for index, (counter, window) in enumerate(zip(counters, windows, strict=True)):
        window.roll(now, unix_time)
        limit = counter.limit
        if limit is not None and window.used + counter.room_needed > limit:
            wait = window.room_in(counter.room_needed, limit, now)
            if refused is None or wait > longest:
                refused, longest = index, wait
    if refused is not None:
        return Counted(refused, longest)
    for counter, window in zip(counters, windows, strict=True):
        if counter.amount:
            window.add(counter.amount, now)
    return Counted()
