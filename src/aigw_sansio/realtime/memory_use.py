"""A relay as the count of the process's memory sees it.

Decides: what a relay holds, and what becomes of its sides if the memory is used up. Must not know: the limit, and how a
session ends.
"""

from typing import Protocol

from ..faults import Side
from .side import RelaySide


class EndsForMemory(Protocol):
    """The relay."""

    @property
    def sides(self) -> tuple[RelaySide, ...]:
        """Both sides; none before the session begins."""

    def end_for_memory(self, reason: str, now: float) -> None:
        """End the session, if it has not ended."""


class RelayMemory:
    """Implements ``MemoryUser``. Two of one relay are equal: the relay keeps none, which would be a cycle."""

    __slots__ = ("relay",)

    def __init__(self, relay: EndsForMemory) -> None:
        self.relay = relay

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RelayMemory) and other.relay is self.relay

    def __hash__(self) -> int:
        return id(self.relay)

    @property
    def kept(self) -> int:
        return sum(side.held for side in self.relay.sides)

    @property
    def held(self) -> int:
        return self.kept + sum(side.pipe.outstanding for side in self.relay.sides if side.peer is Side.PROVIDER)

    def squeeze(self, now: float, *, on: bool) -> None:
        for side in self.relay.sides:
            side.squeeze(now, on=on)

    def close_for_memory(self, reason: str, now: float) -> None:
        self.relay.end_for_memory(reason, now)
        for side in self.relay.sides:
            side.cut_short(now)
