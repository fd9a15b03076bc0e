"""The lanes of one session: creates of one lane run one after another, lanes run side by side.

Decides: whose turn it is. Must not know: what a create asks, and how it ends.
"""

from collections import deque

from ..dialects.commands import Turn


class Lanes:
    """The creates of one session that have come and are not over."""

    __slots__ = ("_free", "_most", "_running", "_waiting", "size", "waiting")

    def __init__(self, most: int) -> None:
        """``most``: so many run at a time."""
        self._most = most
        self._waiting: dict[str, deque[Turn]] = {}  # by lane; none is empty
        self._free: deque[str] = deque()  # lanes in which nothing runs and something waits, in the order of arrival
        self._running: dict[str, str] = {}  # lanes by event id
        #: How many wait.
        self.waiting = 0
        #: The bytes that they hold.
        self.size = 0

    def add(self, turn: Turn) -> None:
        """A create has come."""
        lane = turn.lane
        waiting = self._waiting.get(lane)
        if waiting is None:
            waiting = self._waiting[lane] = deque()
            if lane not in self._running.values():
                self._free.append(lane)
        waiting.append(turn)
        self.waiting += 1
        self.size += turn.size

    def next(self) -> Turn | None:
        """The next one, if one may begin now: it runs from here on."""
        if not self._free or len(self._running) >= self._most:
            return None
        lane = self._free.popleft()
        waiting = self._waiting[lane]
        turn = waiting.popleft()
        if not waiting:
            del self._waiting[lane]
        self._running[turn.event_id] = lane
        self.waiting -= 1
        self.size -= turn.size
        return turn

    def over(self, event_id: str) -> bool:
        """One that ran is over. Returns whether it ran."""
        lane = self._running.pop(event_id, None)
        if lane is not None and lane in self._waiting:
            self._free.append(lane)
        return lane is not None

    def waiting_ids(self) -> list[str]:
        """The event ids of those that wait, lane by lane."""
        return [turn.event_id for waiting in self._waiting.values() for turn in waiting]

    def close(self) -> None:
        """The session has ended: nothing runs and nothing waits."""
        self._waiting.clear()
        self._free.clear()
        self._running.clear()
        self.waiting = self.size = 0
