"""The laws in small worlds of clients without sockets."""

from collections import Counter

import pytest
from tests.rigs.living import living_objects
from tests.world import native
from tests.world.native import NativeWorld, run


@pytest.mark.parametrize("seed", range(40))
def test_seeds(seed: int) -> None:
    run(seed)


@pytest.mark.parametrize("seed", range(3))
def test_a_world_that_has_ended_holds_nothing(seed: int) -> None:
    run(seed)  # fills caches
    with living_objects() as living:
        world = NativeWorld(seed)
        before = living()
        for _ in range(150):
            world.step()
        world.finish()
        world.gateway.next_timeout()  # lets go of timers that were closed
        grown = living() - before
    assert not grown


def test_the_worlds_reach_every_end() -> None:
    """Else they prove little."""
    ends: Counter[str] = Counter()
    for seed in range(20):
        world = run(seed)
        for client in world.left:
            ends.update(client.ended.values())
    assert min(ends[one.__name__] for one in native.LAST) >= 3, ends
