"""How many requests of one gateway run, in all processes that share a store.

Decides: whether one more may, and until when what a process has told holds. Must not know: where it is remembered.

Each process tells how many it runs, not how many more or less: so what is lost, late or told twice is put right by what
it tells next, and a process that ends in any way is forgotten after its lease.
"""

from collections.abc import Sequence
from math import inf

from ..quota_rules import Places

#: Of one process: its name, how many it runs, the number of what it told, and until when that holds.
Lease = tuple[str, int, int, float]


class Leases:
    """The processes of one gateway that run something, or have lately: as many as were alive within one lease."""

    __slots__ = ("_held",)

    def __init__(self, state: Sequence[Lease] = (), now: float = 0.0, lease_s: float = inf) -> None:
        """``state``: what was remembered; what is over at ``now`` is left out. ``lease_s``: no lease is longer, also
        if the clock was set back."""
        longest = now + lease_s
        self._held = {
            holder: (running, number, min(until, longest)) for holder, running, number, until in state if until > now
        }

    def may(self, places: Places, now: float) -> bool:
        """Whether ``places`` is within its limit."""
        if places.limit is None:
            return True
        others = sum(
            running for holder, (running, _, until) in self._held.items() if holder != places.holder and until > now
        )
        return others + places.running <= places.limit

    def tell(self, places: Places, now: float) -> None:
        """Remember ``places``, unless it is older than what is known."""
        known = self._held.get(places.holder)
        if known is None:
            self._held = {holder: one for holder, one in self._held.items() if one[2] > now}
        elif known[1] >= places.number and known[2] > now:
            return
        self._held[places.holder] = places.running, places.number, now + places.lease_s

    @property
    def ends(self) -> float:
        """When nothing of it holds any more; 0 if nothing does."""
        return max((until for _, _, until in self._held.values()), default=0.0)

    def state(self) -> list[Lease]:
        """What is to be remembered."""
        return [(holder, *one) for holder, one in self._held.items()]
