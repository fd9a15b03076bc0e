"""The objects of the core that are alive: what has ended must be gone without the cycle collector."""

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from aigw_sansio.config import Config
from aigw_sansio.gateway import Gateway

#: Caches of the process that one use fills.
_CACHED = {"Redactor"}


@contextmanager
def living_objects() -> Iterator[Callable[[], Counter[str]]]:
    """Turns the collector off. What it gives counts the objects of the core, by class, that were made since and are
    alive. Values (records, tuples) are not counted: they refer to nothing that could refer to them."""
    was_on = gc.isenabled()
    gc.disable()
    gc.freeze()  # what is there already is not listed
    try:
        yield _count
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()


def _count() -> Counter[str]:
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        kind = type(one)
        if kind.__module__.startswith("aigw_sansio.") and not isinstance(one, msgspec.Struct | tuple | type):
            found[kind.__name__] += 1
    return found - Counter(dict.fromkeys(_CACHED, 1))


def of_a_fresh_gateway(config: Config) -> Counter[str]:
    """What a gateway is made of that has seen nobody."""
    with living_objects() as living:
        gateway = Gateway(config, b"a seed of a fresh one", 0.0)
        found = living()
        del gateway
    return found
