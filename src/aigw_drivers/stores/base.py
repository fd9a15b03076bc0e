"""What a store does, for everything that a gateway keeps in one.

Decides: the operations, and the one exception. Must not know: what is kept, and what happens without an answer: who
asks knows whether it may go on (``fail_open``) or must not.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from aigw_sansio import Counted, Counter, Places

#: Counters of one gateway that are of some client, model or other value; else whoever makes values up fills the store.
MOST_VALUES: Final = 10_000
#: The value that stands for all those for which there is no room.
OTHERS: Final = "*"


class StoreError(Exception):
    """The store gave no answer in time, or an answer that it should not. The words hold no key, value or password."""


class Store(Protocol):
    """Values with a name, and counters. Every operation is atomic, also beside other processes, and ends within the
    deadline that the store was opened with: :class:`StoreError` is raised if it does not, or if the store fails. Then
    nobody knows whether it was carried out.

    A name is printable ASCII without blanks, of at most 512 characters; names of different uses begin differently
    (``cache:``, ``key:``).
    """

    async def get(self, name: str) -> bytes | None:
        """The value of ``name``; ``None`` if there is none, or if its time is over."""

    async def set(self, name: str, value: bytes, ttl_s: float | None = None) -> None:
        """Keep ``value`` for ``ttl_s`` seconds; ``None``: until it is deleted. A store that is full may forget a value
        that has a time."""

    async def delete(self, name: str) -> None:
        """Forget the value of ``name``, if there is one."""

    async def names(self, prefix: str) -> list[str]:
        """The names of all values that begin with ``prefix``, sorted. It may take long: for people."""

    async def count(self, counters: Sequence[Counter], places: Places | None = None) -> Counted:
        """Add to all ``counters``, and remember ``places``, all of one gateway, if all have room, else do nothing. The
        store's own clock decides about their times. A gateway has at most :data:`MOST_VALUES` counters of values:
        values of a rule that come then share one."""
