"""All counters of one process.

Decides: that several counters are judged together, and what becomes of a value for which there is no room. Must not
know: rules, and who asks.

There are at most ``MOST`` counters. If none of them has run out, the values of a rule that come then share one counter:
so a client that makes up values gets no more than one of them has, and takes nothing from those that have theirs.
"""

from collections.abc import Sequence
from typing import Final

from ..quota_rules import Counted, Counter
from .window import Window

#: Counters that are kept.
MOST: Final = 10_000


class Counters:
    """Counters, by what they count."""

    __slots__ = ("_most", "_sweep_at", "_windows")

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._windows: dict[tuple[str, str, str], Window] = {}
        self._sweep_at = 0.0  # no counter has run out before

    def __len__(self) -> int:
        return len(self._windows)

    def count(self, counters: Sequence[Counter], now: float, unix_time: float) -> Counted:
        """Add to all ``counters`` if all have room, else to none. ``now``: seconds that do not go back."""
        if len(self._windows) + len(counters) > self._most:
            self._sweep(now, unix_time)
        windows = [self._window(counter, now, unix_time) for counter in counters]
        return judge(counters, windows, now, unix_time)

    def _window(self, counter: Counter, now: float, unix_time: float) -> Window:
        name = counter.gateway, counter.rule, counter.value
        window = self._windows.get(name)
        if window is None and len(self._windows) >= self._most and counter.value:
            name = counter.gateway, counter.rule, "*"  # of all that come now
            window = self._windows.get(name)
        if window is None:
            window = self._windows[name] = Window(counter.interval_s, sliding=counter.sliding)
        elif not window.is_for(counter.interval_s, sliding=counter.sliding):
            # New settings: what was counted counts on, as if it were of now.
            window.roll(now, unix_time)
            before, window = window, Window(counter.interval_s, sliding=counter.sliding)
            window.roll(now, unix_time)
            if before.used:
                window.add(before.used, now)
            self._windows[name] = window
        return window

    def _sweep(self, now: float, unix_time: float) -> None:
        """Forget those that have run out. It is not tried again before the next one can have."""
        if now < self._sweep_at:
            return
        kept: dict[tuple[str, str, str], Window] = {}
        soonest = 1.0
        for name, window in self._windows.items():
            window.roll(now, unix_time)
            if window.used:
                kept[name] = window
                soonest = min(soonest, window.ends_in(now))
        self._windows = kept
        self._sweep_at = now + max(soonest, 0.1)


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
