"""Deadlines: one heap for a whole gateway, lazy about deadlines that move later.

Decides: which timers are due and when the next one is. Must not know: clocks (time is passed in) and what a
timer is for.

A timer that is armed later than before costs one attribute write: its old heap entry stays and is moved when it
comes up. So an idle timer may be armed anew for every chunk.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final

#: A heap is looked through for what will never fire when it is this large, and twice as large as the last time.
_WORTH_A_LOOK: Final = 128


class Timer:
    """One named deadline. Made by :meth:`Timers.timer`; armed and disarmed by its owner."""

    __slots__ = ("_callback", "_queued", "_timers", "deadline")

    def __init__(self, timers: "Timers", callback: Callable[[float], None]) -> None:
        self._timers = timers
        self._callback = callback
        self._queued: float | None = None
        #: When it fires, or ``None``.
        self.deadline: float | None = None

    def arm(self, deadline: float) -> None:
        """Fire at ``deadline`` (monotonic seconds), and at no earlier time set before."""
        self.deadline = deadline
        if self._queued is None or deadline < self._queued:
            self._timers._push(deadline, self)

    def cancel(self) -> None:
        """Do not fire."""
        self.deadline = None

    def close(self) -> None:
        """Never fire again: the heap keeps no hold on the owner, however far away the deadline was."""
        self.deadline = None
        self._callback = _nothing


def _nothing(now: float) -> None:
    """What a retired timer does."""


class Timers:
    """All timers of one gateway."""

    __slots__ = ("_heap", "_look_at", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._look_at = _WORTH_A_LOOK  # the size of the heap at which it is cleared of what will never fire
        self._sequence = 0

    def timer(self, callback: Callable[[float], None]) -> Timer:
        """A new, disarmed timer. ``callback(now)`` is called when it fires; it may arm it again."""
        return Timer(self, callback)

    def _push(self, deadline: float, timer: Timer) -> None:
        timer._queued = deadline
        self._sequence += 1
        heappush(self._heap, (deadline, self._sequence, timer))
        if len(self._heap) > self._look_at:
            self._clear_out()

    def _clear_out(self) -> None:
        """Drop entries that will never fire: they may stand far behind one that will."""
        kept: list[tuple[float, int, Timer]] = []
        for entry in self._heap:
            queued, _, timer = entry
            if timer._queued != queued:
                continue
            if timer.deadline is None:
                timer._queued = None
            else:
                kept.append(entry)
        heapify(kept)
        self._heap = kept
        self._look_at = max(_WORTH_A_LOOK, 2 * len(kept))

    def next_deadline(self) -> float | None:
        """The earliest deadline, or ``None``."""
        heap = self._heap
        while heap:
            queued, sequence, timer = heap[0]
            if timer._queued != queued:  # a later entry of the same timer replaced this one
                heappop(heap)
            elif timer.deadline is None:
                timer._queued = None
                heappop(heap)
            elif timer.deadline > queued:
                timer._queued = timer.deadline
                heapreplace(heap, (timer.deadline, sequence, timer))
            else:
                return timer.deadline
        return None

    def fire(self, now: float) -> None:
        """Call what is due at ``now``, in order of deadline. What that arms at or before ``now`` fires too."""
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            timer = heappop(self._heap)[2]
            timer._queued = timer.deadline = None
            timer._callback(now)

    @property
    def armed(self) -> int:
        """How many timers will fire."""
        return len({id(timer) for _, _, timer in self._heap if timer.deadline is not None})
