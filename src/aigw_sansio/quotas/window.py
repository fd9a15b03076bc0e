"""One counter: how much was let through in the current time.

Decides: when what was counted counts no more. Must not know: what is counted, and any limit.

A *fixed* window ends when the clock on the wall says so, but that is looked up when it begins: from then on monotonic
time decides. So a wall clock that is set neither empties a window nor prolongs it, and the next one is aligned again.

A *sliding* window is a list of what was added, each with its time. Above ``EXACT`` entries those that came close
together are one, as old as the youngest of them: so it never counts less than there was in any such time, and at most
1/256 of the time longer.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

#: So many additions are remembered each by itself.
EXACT: Final = 256

#: More is not counted, so that a count fits into 64 bits wherever it is kept.
MOST_COUNTED: Final = 1 << 62


class Window:
    """What was counted in the last ``interval_s``, or since the last time that divides by it. Call :meth:`roll` before
    anything else."""

    __slots__ = ("_entries", "_interval_s", "_until", "used")

    def __init__(self, interval_s: float, *, sliding: bool) -> None:
        self._interval_s = interval_s
        #: Of a sliding window: when an entry began, when it was added to last, and how much it is.
        self._entries: deque[tuple[float, float, int]] | None = deque() if sliding else None
        #: Of a fixed window: its end.
        self._until = 0.0
        #: What has been counted.
        self.used = 0

    def is_for(self, interval_s: float, *, sliding: bool) -> bool:
        """Whether it is of this kind."""
        return self._interval_s == interval_s and (self._entries is not None) is sliding

    def roll(self, now: float, unix_time: float) -> None:
        """It is ``now``, in seconds that do not go back, and ``unix_time`` on the wall."""
        entries = self._entries
        if entries is None:
            if now >= self._until:
                self.used = 0
                self._until = now + self._interval_s - unix_time % self._interval_s
            return
        gone = now - self._interval_s
        while entries and entries[0][1] <= gone:
            self.used -= entries.popleft()[2]

    def add(self, amount: int, now: float) -> None:
        """Count ``amount``; all together at most ``MOST_COUNTED``."""
        amount = min(amount, MOST_COUNTED - self.used)
        self.used += amount
        entries = self._entries
        if entries is None:
            return
        if len(entries) >= EXACT and now - entries[-1][0] < self._interval_s / EXACT:
            began, _, before = entries.pop()
            entries.append((began, now, before + amount))
        else:
            entries.append((now, now, amount))

    def room_in(self, needed: int, limit: int, now: float) -> float:
        """Seconds until ``needed`` is within ``limit``; 0 if it is, or never would be."""
        over = self.used + needed - limit
        if over <= 0:
            return 0.0
        if self._entries is None:
            return max(0.0, self._until - now)
        for _, last, amount in self._entries:
            over -= amount
            if over <= 0:
                return last + self._interval_s - now
        return self._interval_s

    def state(self) -> list[tuple[float, float, int]]:
        """What is to be remembered: a fixed window's end, twice, and what was used; a sliding one's entries."""
        return [(self._until, self._until, self.used)] if self._entries is None else list(self._entries)

    def restore(self, state: Sequence[tuple[float, float, int]], now: float) -> bool:
        """Remember ``state``. If it is of a time after ``now``, because the clock was set back, it counts as if it were
        of now; then the result is true: remember the new :meth:`state` instead, or it is never over."""
        if self._entries is None:
            latest = now - now % self._interval_s + self._interval_s
            for until, _, used in state[:1]:
                self._until, self.used = min(until, latest), used
                return self._until != until
            return False
        self._entries.extend((min(began, now), min(last, now), amount) for began, last, amount in state)
        self.used = sum(amount for _, _, amount in state)
        return bool(state) and state[-1][1] > now

    def ends_in(self, now: float) -> float:
        """Seconds until nothing of it counts any more."""
        if self._entries is None:
            return self._until - now
        return self._entries[-1][1] + self._interval_s - now if self._entries else 0.0
