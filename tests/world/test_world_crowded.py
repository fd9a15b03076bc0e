"""The laws in a small world in which memory, connections and look-ups are scarce."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.world.crowded import MEMORY, run
from tests.world.world import Move, random_moves

byte = st.integers(0, 255)


@given(st.lists(st.tuples(byte, byte, byte), max_size=80))
def test_laws_hold(moves: list[Move]) -> None:
    run(moves)


@pytest.mark.parametrize("seed", range(20))
def test_seeds(seed: int) -> None:
    run(random_moves(seed))


def test_memory_runs_short_and_sockets_are_closed_for_it() -> None:
    worlds = [run(random_moves(seed)) for seed in range(16, 32)]
    assert max(world.most_held for world in worlds) > MEMORY
    assert sum(world.closed_for_memory for world in worlds) > 0
