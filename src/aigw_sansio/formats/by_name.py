"""Remembers what is told from the name of a model, because the same names come with every request.

Decides: how much is remembered. Must not know: what is told.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

#: Names that are longer are looked up each time, which bounds the memory that clients can fill.
LONGEST: Final = 100
_MOST: Final = 256
_Found = TypeVar("_Found")


def by_name(find: Callable[[str], _Found]) -> Callable[[str], _Found]:
    """``find``, which is pure and never raises, with what it found for the last names."""
    known = lru_cache(_MOST)(find)

    def look_up(name: str) -> _Found:
        return known(name) if len(name) <= LONGEST else find(name)

    look_up.__doc__ = find.__doc__
    return look_up
