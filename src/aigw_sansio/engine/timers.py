"""Deadlines: one heap for a whole gateway.

Decides: which timers are due, and the next deadline. Must not know: clocks (time is passed in), and the use of a
timer.

Arming a timer again for a later deadline costs one attribute write: its old heap entry stays, and moves when it comes
to the front. So an idle timer may be armed again for every chunk.

A closed timer drops its owner at once. Its heap entry goes with others like it: the heap is cleared out when most of
its entries are closed, so each costs constant time on average.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace
from math import inf
from typing import Final

#: A heap of this size is searched for entries that will never fire; then again when it is twice as large as after that.
_SEARCH_SIZE: Final = 128
#: As many entries of closed timers may stay in the heap, however few others there are.
_CLOSED_ENTRIES: Final = 16
#: Stands for the entry of a closed timer. No deadline is earlier, so it is never pushed again.
_CLOSED: Final = -inf


class Timer:
    """One deadline. Made by :meth:`Timers.timer`; its owner arms and cancels it."""

    __slots__ = ("_callback", "_queued", "_timers", "deadline")

    def __init__(self, timers: "Timers", callback: Callable[[float], None]) -> None:
        self._timers = timers
        self._callback = callback
        self._queued: float | None = None
        #: When it fires, or ``None``.
        self.deadline: float | None = None

    def arm(self, deadline: float) -> None:
        """Fire at ``deadline`` (monotonic seconds). This replaces an earlier or later deadline."""
        self.deadline = deadline
        if self._queued is None or deadline < self._queued:
            self._timers._push(deadline, self)

    def cancel(self) -> None:
        """Do not fire. The timer may be armed again."""
        self.deadline = None

    def close(self) -> None:
        """Never fire again, and let the owner go, even if the deadline was far away. Arming it again has no effect."""
        self.deadline = None
        queued = self._queued
        if queued == _CLOSED:
            return
        self._callback = _nothing
        self._queued = _CLOSED
        if queued is not None:
            self._timers._left_entry()


def _nothing(now: float) -> None:
    """The callback of a closed timer."""


def _closed() -> Timer:
    timer = Timer(Timers(), _nothing)
    timer.close()
    return timer


class Timers:
    """All timers of one gateway."""

    __slots__ = ("_closed", "_heap", "_search_at", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._closed = 0  # entries of timers that were closed since the heap was last cleared out
        self._search_at = _SEARCH_SIZE  # at this size the heap is searched again
        self._sequence = 0

    def timer(self, callback: Callable[[float], None]) -> Timer:
        """A new timer, not armed. It calls ``callback(now)`` when it fires; the callback may arm it again."""
        return Timer(self, callback)

    def arm(self, timer: Timer, callback: Callable[[float], None], deadline: float) -> Timer:
        """Arm ``timer`` and return it; in place of :data:`NO_TIMER` a new one, with ``callback``."""
        if timer is NO_TIMER:
            timer = Timer(self, callback)
        timer.arm(deadline)
        return timer

    def _push(self, deadline: float, timer: Timer) -> None:
        timer._queued = deadline
        self._sequence += 1
        heappush(self._heap, (deadline, self._sequence, timer))
        if len(self._heap) > self._search_at:
            self._clear_out()

    def _left_entry(self) -> None:
        """A timer was closed, and its entry is still in the heap."""
        self._closed += 1
        if self._closed > _CLOSED_ENTRIES and 2 * self._closed > len(self._heap):
            self._clear_out()

    def _clear_out(self) -> None:
        """Remove entries that will never fire: they may be far behind one that will."""
        self._closed = 0
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
        self._search_at = max(_SEARCH_SIZE, 2 * len(kept))

    def next_deadline(self) -> float | None:
        """The earliest deadline, or ``None``."""
        heap = self._heap
        while heap:
            queued, sequence, timer = heap[0]
            if timer._queued != queued:  # a later entry of the same timer replaced this one
                heappop(heap)
                continue
            deadline = timer.deadline
            if deadline is None:
                timer._queued = None
                heappop(heap)
            elif deadline > queued:
                timer._queued = deadline
                heapreplace(heap, (deadline, sequence, timer))
            else:
                return deadline
        return None

    def fire(self, now: float) -> None:
        """Fire all timers due at ``now``, in order of deadline; also those that a callback arms for ``now`` or
        earlier."""
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            timer = heappop(self._heap)[2]
            timer._queued = timer.deadline = None  # before the callback, which may arm it again
            timer._callback(now)

    @property
    def armed(self) -> int:
        """How many timers will fire."""
        waiting = (timer for queued, _, timer in self._heap if timer._queued == queued)
        return len({id(timer) for timer in waiting if timer.deadline is not None})


#: In place of a timer that may never be needed. Cancelling and closing it have no effect; arm it with
#: :meth:`Timers.arm`.
NO_TIMER: Final = _closed()
