"""The objects of the core that are alive: what has ended must be gone without the cycle collector."""

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

import msgspec

#: Their objects are in bounded caches of the process, or, as counts, outlive what was counted.
_CACHED = {"aigw_sansio.quotas.window", "aigw_sansio.providers.redaction", "aigw_sansio.providers.spellings"}


@contextmanager
def living_objects(*packages: str) -> Iterator[Callable[[], Counter[str]]]:
    """Turns the collector off. What it gives counts the objects of ``packages`` (usually of the core), by class, that
    were made since and are alive. Values (records, tuples, names) are not counted: they refer to nothing that could refer to them."""
    was_on = gc.isenabled()
    gc.disable()
    gc.freeze()  # what is there already is not listed
    try:
        yield lambda: _count(packages or ("aigw_sansio",))
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()


def _count(packages: tuple[str, ...]) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        kind = type(one)
        wanted = kind.__module__.partition(".")[0] in packages and kind.__module__ not in _CACHED
        if wanted and not isinstance(one, msgspec.Struct | tuple | type | Enum):
            found[kind.__name__] += 1
    return found
