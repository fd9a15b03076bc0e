"""The memory that all peers together make the process hold, and its limit (client protocol, section 3.4).

Decides: when the limit is exceeded, whose sockets are read no more, and which are closed. Must not know: sockets and
protocols.

Theory of operation. Counting every change of every buffer would cost each message something. So only the bytes that
come in are added up, and those that grow inside (inflated, quoted); if they could have brought the process to its
limit, all that is held is counted anew. With much room left that is rare; near the limit it happens for each 1/64 of
it.

Above the limit new upgrades are refused. Those sockets that hold ``_SMALL`` or more, and at least as much as these do
on average, are not read: they hold most of it. The more it is above the limit, the less a socket may hold; from 1/8 on
it is ``_SMALL``. Below that nobody is stopped or closed: if many sockets hold little each, refusing more of them is
what helps, and closing the few that work would help whoever opened the many. All that is decided anew every
``_LOOK_AGAIN_S``, until enough has become free. If nothing has become free within ``memory_wait_s``, the sockets that
hold most are closed, one after the other, until what is left is within the limit; then the wait begins again.
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from .services import Services

#: Memory of objects, rounded up: of a connection with its session, TLS and the driver's part, and of an exchange.
PER_CONNECTION: Final = 32 * 1024
PER_EXCHANGE: Final = 8 * 1024

_LOOK_AGAIN_S: Final = 0.25
#: A socket that holds less goes on.
_SMALL: Final = 32 * 1024
#: Growth that is not counted, as a part of the limit.
_GRAIN: Final = 64


class MemoryHolder(Protocol):
    """One socket of a client, with all that is held for it."""

    @property
    def held(self) -> int:
        """Bytes."""

    def squeeze(self, now: float, *, on: bool) -> None:
        """``on``: read nothing for this socket. Otherwise read again."""

    def close_for_memory(self, reason: str, now: float) -> None:
        """Close it with 1013. Nothing more of it is read, and what was read of it is discarded."""


#: Counts all: the bytes, and the sockets that hold them.
Measure = Callable[[], tuple[int, Iterable[MemoryHolder]]]


class MemoryGuard:
    """Watches over one process's memory. Call :meth:`weigh` when ``services.weigh_after`` bytes have come in."""

    __slots__ = ("_least_held", "_limit", "_look_timer", "_measure", "_over_since", "_services", "_squeezed")

    def __init__(self, services: Services, measure: Measure) -> None:
        self._services = services
        self._measure = measure
        self._limit = services.config.limits.memory_bytes
        self._squeezed: dict[MemoryHolder, None] = {}
        self._over_since = 0.0  # or when some was freed last
        self._least_held = 0  # since then
        self._look_timer = services.timers.timer(self.weigh)
        if self._limit is not None:
            services.watch_memory(self.weigh, self._limit // 2)

    def weigh_now(self, now: float) -> int:
        """Call :meth:`weigh`. Returns after how many bytes it is to be called again."""
        self.weigh(now)
        return self._services.weigh_after

    def weigh(self, now: float) -> None:
        """Count all that is held, and do what follows from it."""
        limit = self._limit
        if limit is None:
            return
        total, found = self._measure()
        services = self._services
        grain = max(1, limit // _GRAIN)
        services.watch_memory(self.weigh, max((limit - total) // 2, grain))
        if total <= limit:
            if services.short_of_memory:
                services.short_of_memory = False
                self._look_timer.cancel()
                self._squeeze_only({}, now)
            return
        holders = [holder for holder in found if holder.held >= _SMALL]
        if not services.short_of_memory:
            services.short_of_memory = True
            self._over_since, self._least_held = now, total
        elif total <= self._least_held - grain:
            self._over_since, self._least_held = now, total
        elif now >= self._over_since + services.config.timeouts.memory_wait_s:
            self._over_since, self._least_held = now, total
            holders = self._close_largest(holders, total - limit, now)
        average = sum(holder.held for holder in holders) / max(1, len(holders))
        most = average * (1 - 8 * (total - limit) / limit)
        self._squeeze_only({holder: None for holder in holders if holder.held >= most}, now)
        self._look_timer.arm(now + _LOOK_AGAIN_S)

    def _close_largest(self, holders: list[MemoryHolder], excess: int, now: float) -> list[MemoryHolder]:
        """Close those that hold most, until ``excess`` bytes are to become free. Returns the others."""
        holders.sort(key=lambda holder: holder.held)
        while holders and excess > 0:
            holder = holders.pop()
            held = holder.held
            excess -= held
            self._squeezed.pop(holder, None)
            holder.close_for_memory(
                f"the gateway's memory is used up (memory_bytes, {self._limit}), and this socket holds {held} of it",
                now,
            )
        return holders

    def _squeeze_only(self, wanted: dict[MemoryHolder, None], now: float) -> None:
        before, self._squeezed = self._squeezed, wanted
        for holder in before:
            if holder not in wanted:
                holder.squeeze(now, on=False)
        for holder in wanted:
            if holder not in before:
                holder.squeeze(now, on=True)
