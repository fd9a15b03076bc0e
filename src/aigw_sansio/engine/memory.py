"""The memory that all peers together make the process hold, and its limit (client protocol, section 3.4).

Decides: when the limit is exceeded, which clients are read no more, and whose sockets are closed. Must not know:
sockets and protocols.

Theory of operation. Counting every change of every buffer would cost each message something. So only the bytes that
come in are added up, and those that grow inside (inflated, quoted); if they could have brought the process to its
limit, all that is held is counted anew. With much room left that is rare; near the limit it happens for each 1/64 of
it. While it runs nobody else is served, so a count is divided: each call counts a portion, the others follow in later
turns. Bytes that come meanwhile drive it, too: each 64 KiB of them count one more portion. Whatever is counted stands
for at least 8 KiB, so a count is over before another 1/32 of the limit has come.

Above the limit new upgrades are refused. A client connection is judged by all that it holds, with all its sockets.
Those that hold ``_SMALL`` or more, and at least as much as these do on average, are not read: they hold most of it. The
more it is above the limit, the less a client may hold; from 1/8 on it is ``_SMALL``. Below that nobody is stopped or
closed: if many hold little each, refusing more of them is what helps, and closing the few that work would help whoever
opened the many. All that is decided anew every ``_LOOK_AGAIN_S``, until enough has become free. If nothing has become
free within ``memory_wait_s``, sockets of those that hold most are closed, one after the other, until what is left is
within the limit; then the wait begins again.
"""

from collections.abc import Callable
from heapq import nlargest
from typing import Final, Protocol, TypeAlias

from ..ids import ConnId
from .services import NEVER, Services
from .turns import EVENT_BYTES, PORTION_EVENTS

#: Memory of objects, rounded up: of a connection with its session, TLS and the driver's part; of a stream with its
#: session; and of an exchange.
PER_CONNECTION: Final = 32 * 1024
PER_STREAM: Final = 8 * 1024
PER_EXCHANGE: Final = 8 * 1024

_LOOK_AGAIN_S: Final = 0.25
#: A client that holds less goes on.
_SMALL: Final = 32 * 1024
#: Growth that is not counted, as a part of the limit.
_GRAIN: Final = 64
#: While a count runs, so many bytes that come drive it by one portion.
_STEP_BYTES: Final = 64 * 1024
#: The most clients of which sockets are closed at a time.
_CLOSED_AT_ONCE: Final = 64
#: What it costs to close sockets of one client, and to stop or resume one, in events.
_CLOSE_EVENTS: Final = 10
_SQUEEZE_EVENTS: Final = 4

#: A client: its connection, and its stream if that alone is the client's; otherwise 0.
ClientId: TypeAlias = tuple[ConnId, int]


class Census(Protocol):
    """All connections, and what is held for them. It gives out no objects, only names of clients: what has ended may
    still be named."""

    def connections(self) -> list[ConnId]:
        """All connections now."""

    def count(self, conn: ConnId, held: dict[ClientId, int], least: int) -> tuple[int, int]:
        """How many bytes of memory ``conn`` and its sessions take, and how many events' work it was to count them; no
        bytes if it has ended. Its clients that hold at least ``least`` bytes are noted in ``held``."""

    def squeeze(self, client: ClientId, now: float, *, on: bool) -> None:
        """``on``: read nothing for ``client``; called for each decision. Otherwise read again."""

    def close_largest(self, client: ClientId, excess: int, why: str, now: float) -> int:
        """Close sockets of ``client`` with 1013, those first that hold most, until ``excess`` bytes are to become free.
        Nothing more of them is read, and what was read of them is discarded. ``why``: the reason for the peer; what is
        held is added. Returns how many bytes are to become free."""


class MemoryGuard:
    """Watches over one process's memory. Call :meth:`watch` next; :meth:`weigh` is called when ``services.unweighed``
    is used up. Implements ``Worker``."""

    __slots__ = (
        "_census",
        "_closing",
        "_excess",
        "_held",
        "_least_held",
        "_left",
        "_limit",
        "_look_timer",
        "_over_since",
        "_releasing",
        "_running",
        "_services",
        "_squeezed",
        "_squeezing",
        "_total",
    )

    def __init__(self, services: Services, census: Census) -> None:
        self._services = services
        self._census = census
        self._limit = services.config.limits.memory_bytes
        self._squeezed: dict[ClientId, None] = {}
        self._over_since = 0.0  # or when some was freed last
        self._least_held = 0  # since then
        self._look_timer = services.timers.timer(self.weigh)
        # The count that is under way: what is not counted yet, and what was found.
        self._running = False
        self._left: list[ConnId] = []
        self._total = 0
        self._held: dict[ClientId, int] = {}
        # Its consequences that are not carried out yet.
        self._closing: list[ClientId] = []
        self._excess = 0
        self._releasing: list[ClientId] = []
        self._squeezing: list[ClientId] = []

    def watch(self) -> None:
        """Begin. From here on the services keep it; without a limit it has nothing to do."""
        if self._limit is not None:
            self._services.watch_memory(self.weigh, self._limit // 2)

    def reconfigured(self, now: float) -> None:
        """The settings have changed. With a new limit all is counted anew; without one everybody is read again."""
        limit = self._services.config.limits.memory_bytes
        if limit == self._limit:
            return
        self._limit = limit
        if limit is not None:
            self._services.defer(self.weigh)
            return
        services = self._services
        services.unweighed = NEVER
        services.short_of_memory = False
        self._look_timer.cancel()
        self._running = False
        self._left, self._held = [], {}
        self._closing.clear()
        self._squeeze_only({})
        self._go_on(now)

    def weigh(self, now: float) -> None:
        """Count all that is held, and do what follows from it: a portion now, the rest in later turns."""
        if self._limit is None:
            return
        if not self._running:
            self._running = True
            self._left = self._census.connections()
            self._total = self._services.recorded_bytes
        self._services.watch_memory(self.weigh, _STEP_BYTES)
        self._go_on(now)

    def proceed(self, now: float) -> None:
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        """A portion of the count, or of its consequences."""
        events = self._carry_out(0, now)  # what was decided before, first
        events = self._count(events)
        if events < PORTION_EVENTS and self._running:
            self._running = False
            self._decide(now)
            events = self._carry_out(events, now)
        turns = self._services.turns
        turns.left -= events * EVENT_BYTES
        if self._running or self._next_step() is not None:
            turns.postpone(self)
        else:
            turns.withdraw(self)

    def _carry_out(self, events: int, now: float) -> int:
        """Consequences, until ``events`` make a portion. Returns how many they are then."""
        while events < PORTION_EVENTS and (step := self._next_step()) is not None:
            events += step(now)
        return events

    def _count(self, events: int) -> int:
        """Count connections, until ``events`` make a portion. Returns how many they are then."""
        while self._left and events < PORTION_EVENTS:
            size, cost = self._census.count(self._left.pop(), self._held, _SMALL)
            self._total += size
            events += cost
        return events

    def _decide(self, now: float) -> None:
        """All is counted: what follows from it?"""
        limit = self._limit
        assert limit is not None
        services = self._services
        total, grain = self._total, max(1, limit // _GRAIN)
        held, self._held = self._held, {}
        services.watch_memory(self.weigh, max((limit - total) // 2, grain))
        self._closing.clear()
        if total <= limit:
            if services.short_of_memory:
                services.short_of_memory = False
                self._look_timer.cancel()
            self._squeeze_only({})
            return
        if not services.short_of_memory:
            services.short_of_memory = True
            self._over_since, self._least_held = now, total
        elif total <= self._least_held - grain:
            self._over_since, self._least_held = now, total
        elif now >= self._over_since + services.config.timeouts.memory_wait_s:
            self._over_since, self._least_held = now, total
            self._excess = total - limit
            self._closing = self._largest(held, self._excess)
        average = sum(held.values()) / max(1, len(held))
        most = average * (1 - 8 * (total - limit) / limit)
        self._squeeze_only({client: None for client, size in held.items() if size >= most})
        self._look_timer.arm(now + _LOOK_AGAIN_S)

    def _largest(self, held: dict[ClientId, int], excess: int) -> list[ClientId]:
        """Those that hold most, and ``excess`` together: taken out of ``held``, the largest last."""
        found: list[ClientId] = []
        for client in nlargest(_CLOSED_AT_ONCE, held, key=held.__getitem__):
            if excess <= 0:
                break
            excess -= held.pop(client)
            found.append(client)
        found.reverse()
        return found

    def _squeeze_only(self, wanted: dict[ClientId, None]) -> None:
        """Read nothing for those, and read the others again. Of those that are to be closed nothing changes."""
        closing = {client: None for client in self._closing if client in self._squeezed}
        before = [*self._releasing, *self._squeezed]
        self._releasing = [client for client in before if client not in wanted and client not in closing]
        self._squeezing = list(wanted)
        self._squeezed = {**wanted, **closing}

    # -- the consequences, one client at a time; each returns how many events' work it was ----------------------------

    def _next_step(self) -> Callable[[float], int] | None:
        if self._closing:
            return self._close_one
        if self._releasing:
            return self._release_one
        return self._squeeze_one if self._squeezing else None

    def _close_one(self, now: float) -> int:
        client = self._closing.pop()
        if self._excess > 0:
            why = f"the gateway's memory is used up (memory_bytes, {self._limit})"
            self._excess -= self._census.close_largest(client, self._excess, why, now)
        return _CLOSE_EVENTS

    def _release_one(self, now: float) -> int:
        self._census.squeeze(self._releasing.pop(), now, on=False)
        return _SQUEEZE_EVENTS

    def _squeeze_one(self, now: float) -> int:
        self._census.squeeze(self._squeezing.pop(), now, on=True)
        return _SQUEEZE_EVENTS
