"""The connections to one origin that can take a call, in the orders that placing a call asks for.

Decides: which few of them matter for a decision. Must not know: requests, and the decision
(:func:`.placement.choose_connection`).

There may be hundreds of them, and a request comes for each exchange. So they are kept sorted, and each question costs
the same however many there are. Only a request that is placed again looks at all.
"""

from bisect import bisect_left, insort
from typing import Protocol, TypeAlias

from ..ids import ConnId
from .placement import ConnectionFacts

_Key: TypeAlias = tuple[float, int, ConnId]


class Carrier(Protocol):
    """A connection. Times are monotonic seconds."""

    @property
    def conn(self) -> ConnId:
        """Its id."""

    @property
    def last_used(self) -> float:
        """When a call on it last began or ended."""

    @property
    def dialed_at(self) -> float:
        """When it was dialled."""

    @property
    def ready_order(self) -> int:
        """Its number among the connections that became ready."""

    @property
    def idle(self) -> bool:
        """Whether it carries no call."""

    @property
    def capacity(self) -> int:
        """How many more calls it takes now."""


class _Entry:
    """One connection, with its facts as they were when it was sorted in."""

    __slots__ = ("age", "idle", "old", "order", "ready", "upstream", "use")

    def __init__(self, upstream: Carrier, order: int) -> None:
        conn = upstream.conn
        self.upstream = upstream
        self.order = order
        self.idle = upstream.idle
        self.old = False  # it is in no order any more
        # The last one used comes last; of several the one that has been here longest.
        self.use: _Key = upstream.last_used, -order, conn
        self.age: _Key = upstream.dialed_at, order, conn
        self.ready: _Key = upstream.ready_order, order, conn

    def holds(self, upstream: Carrier) -> bool:
        """Whether the facts of its connection are still these."""
        return (
            self.idle is upstream.idle
            and self.use[0] == upstream.last_used
            and self.ready[0] == upstream.ready_order
            and self.age[0] == upstream.dialed_at
        )


class _Orders:
    """Connections by their last use, and by when they became ready."""

    __slots__ = ("ready", "use")

    def __init__(self) -> None:
        self.use: list[_Key] = []
        self.ready: list[_Key] = []


class AvailableConnections:
    """Call :meth:`put` after each change of a connection that can take a call, and :meth:`remove` when it cannot."""

    __slots__ = ("_age", "_busy", "_entries", "_idle", "_next_order", "_old_idle", "idle")

    def __init__(self) -> None:
        self._entries: dict[ConnId, _Entry] = {}
        self._next_order = 0
        self._idle = _Orders()
        self._busy = _Orders()
        self._age: list[_Key] = []
        self._old_idle: dict[ConnId, None] = {}
        #: How many carry no call.
        self.idle = 0

    def put(self, upstream: Carrier) -> None:
        """``upstream`` can take a call, and may have changed."""
        conn = upstream.conn
        before = self._entries.get(conn)
        order = self._next_order
        if before is None:
            self._next_order += 1
        elif before.holds(upstream):
            return
        else:
            order = before.order
            self._sort_out(before)
        entry = self._entries[conn] = _Entry(upstream, order)  # a known one keeps its place
        self.idle += entry.idle
        orders = self._idle if entry.idle else self._busy
        insort(orders.use, entry.use)
        insort(orders.ready, entry.ready)
        insort(self._age, entry.age)

    def remove(self, conn: ConnId) -> None:
        """The connection takes no call now. Nothing happens if that is known."""
        entry = self._entries.pop(conn, None)
        if entry is not None:
            self._sort_out(entry)

    def facts(self, now: float, max_age_s: float, *, idle: bool, every: bool) -> list[ConnectionFacts]:
        """Those that matter for a decision: idle ones that are too old, and the one used last of the idle and of the
        busy ones. ``idle``: idle ones may be used, otherwise they do not matter. ``every``: all matter."""
        self._age_out(now, max_age_s)
        if every:
            found = [entry for entry in self._entries.values() if idle or not entry.idle]
        else:
            busy = self._last(self._busy.use)
            found = [] if busy is None else [busy]
            if idle:
                last = self._last(self._idle.use)
                if last is not None and not found and not self._old_idle:
                    return [_facts(last)]  # the usual case
                found += [self._entries[conn] for conn in self._old_idle]
                if last is not None:
                    found.append(last)
                found.sort(key=_order)
        return [_facts(entry) for entry in found if entry.upstream.capacity > 0]

    def newest(self, now: float, max_age_s: float, *, busy: bool) -> int:
        """The greatest ``ready_order`` of those that are not too old; ``busy``: of those that carry calls. -1: there is
        none."""
        self._age_out(now, max_age_s)
        found = [self._last(self._busy.ready), None if busy else self._last(self._idle.ready)]
        return max((entry.upstream.ready_order for entry in found if entry is not None), default=-1)

    # -- inside -------------------------------------------------------------------------------------------------

    def _last(self, keys: list[_Key]) -> _Entry | None:
        """The last one that can take a call."""
        for _, _, conn in reversed(keys):
            entry = self._entries[conn]
            if entry.upstream.capacity > 0:  # its change may not have been told yet
                return entry
        return None

    def _age_out(self, now: float, max_age_s: float) -> None:
        """Those that are too old take no call any more: they are in no order, until they change."""
        while self._age and now - self._age[0][0] >= max_age_s:
            entry = self._entries[self._age[0][2]]
            self._take_out(entry)
            entry.old = True
            if entry.idle:
                self._old_idle[entry.upstream.conn] = None

    def _sort_out(self, entry: _Entry) -> None:
        self.idle -= entry.idle
        if entry.old:
            self._old_idle.pop(entry.upstream.conn, None)
        else:
            self._take_out(entry)

    def _take_out(self, entry: _Entry) -> None:
        orders = self._idle if entry.idle else self._busy
        del orders.use[bisect_left(orders.use, entry.use)]
        del orders.ready[bisect_left(orders.ready, entry.ready)]
        del self._age[bisect_left(self._age, entry.age)]


def _order(entry: _Entry) -> int:
    return entry.order


def _facts(entry: _Entry) -> ConnectionFacts:
    upstream = entry.upstream
    return ConnectionFacts(
        conn=upstream.conn,
        last_used=upstream.last_used,
        dialed_at=upstream.dialed_at,
        busy=not upstream.idle,
        ready_order=upstream.ready_order,
    )
