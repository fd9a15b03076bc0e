"""A relay as the guard of the process's memory sees it.

Decides: what a relay holds, and what becomes of its sides if the memory is used up. Must not know: the limit, and how a
session ends.
"""

from collections.abc import Callable
from typing import Protocol

from .side import RelaySide


class EndsForMemory(Protocol):
    """The relay."""

    def end_for_memory(self, reason: str, now: float) -> None:
        """End the session, if it has not ended."""


class RelayMemory:
    """Implements ``MemoryHolder``."""

    __slots__ = ("_relay", "_sides")

    def __init__(self, relay: EndsForMemory, sides: Callable[[], tuple[RelaySide, ...]]) -> None:
        """``sides``: none before the session begins."""
        self._relay = relay
        self._sides = sides

    @property
    def kept(self) -> int:
        """Bytes that the relay holds beside those of its connections."""
        return sum(side.wire.held for side in self._sides())

    @property
    def held(self) -> int:
        return sum(side.wire.held + side.pipe.outstanding for side in self._sides())

    def squeeze(self, now: float, *, on: bool) -> None:
        for side in self._sides():
            side.squeeze(now, on=on)

    def close_for_memory(self, reason: str, now: float) -> None:
        self._relay.end_for_memory(reason, now)
        for side in self._sides():
            side.cut_short(now)
