"""The store ``memory:``: in this process, and gone with it.

Decides: which values are forgotten if there are too many. Must not know: what they are.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from aigw_sansio import Counted, Counter, Places
from aigw_sansio.quotas.counters import Counters
from aigw_sansio.quotas.leases import Leases

#: All values together, and what each takes beside its bytes.
MOST_BYTES: Final = 64 * 1024 * 1024
_PER_VALUE: Final = 256


class MemoryStore:
    """Values and counters of one process. Implements :class:`.Store`; no operation waits.

    ``most_bytes``: if the values would take more, those that were used least lately are forgotten, but none without an
    end. ``clock`` and ``wall``: monotonic and Unix time, in seconds.
    """

    def __init__(
        self,
        *,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._most = most_bytes
        self._clock, self._wall = clock, wall
        self._kept: dict[str, bytes] = {}
        self._expiring: dict[str, tuple[bytes, float]] = {}  # the value used last is the last one
        self._held = 0
        self._counters = Counters()
        self._leases: dict[str, Leases] = {}  # by gateway, of which there are as many as in the settings

    async def get(self, name: str) -> bytes | None:
        """See :meth:`.Store.get`."""
        if (kept := self._kept.get(name)) is not None:
            return kept
        found = self._expiring.pop(name, None)
        if found is None:
            return None
        value, until = found
        if until <= self._clock():
            self._held -= len(value) + _PER_VALUE
            return None
        self._expiring[name] = found
        return value

    async def set(self, name: str, value: bytes, ttl_s: float | None = None) -> None:
        """See :meth:`.Store.set`."""
        await self.delete(name)
        if ttl_s is None:
            self._kept[name] = value
            return
        size = len(value) + _PER_VALUE
        if size > self._most:
            return
        self._held += size
        while self._held > self._most:
            oldest, _ = self._expiring.pop(next(iter(self._expiring)))
            self._held -= len(oldest) + _PER_VALUE
        self._expiring[name] = value, self._clock() + ttl_s

    async def delete(self, name: str) -> None:
        """See :meth:`.Store.delete`."""
        self._kept.pop(name, None)
        if (gone := self._expiring.pop(name, None)) is not None:
            self._held -= len(gone[0]) + _PER_VALUE

    async def names(self, prefix: str) -> list[str]:
        """See :meth:`.Store.names`."""
        now = self._clock()
        alive = [name for name, (_, until) in self._expiring.items() if until > now]
        return sorted(name for name in (*self._kept, *alive) if name.startswith(prefix))

    async def count(self, counters: Sequence[Counter], places: Places | None = None) -> Counted:
        """See :meth:`.Store.count`."""
        now, wall = self._clock(), self._wall()
        if places is None:
            return self._counters.count(counters, now, wall)
        leases = self._leases.setdefault(places.gateway, Leases())
        if not leases.may(places, now):
            return Counted(len(counters))
        answer = self._counters.count(counters, now, wall)
        if answer.refused is None:
            leases.tell(places, now)
        return answer
