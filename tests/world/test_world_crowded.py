"""The laws in a small world in which memory, connections and look-ups are scarce."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.world.crowded import MEMORY, run
from tests.world.world import Move, random_moves

byte = st.integers(0, 255)


#: What the host itself does: it ends what holds much, and memory does not become short.
BY_HOST = {"_host_cancels", "_host_closes", "_new_settings", "_drain"}


def moves_of_peers(seed: int) -> list[Move]:
    """Many moves, none of them the host's."""
    chance = random.Random(seed)
    names = [name[1:] for move in run([]).moves if (name := getattr(move, "__name__", "")) not in BY_HOST]
    return [(chance.choice(names), chance.randrange(256), chance.randrange(256)) for _ in range(200)]


@given(st.lists(st.tuples(byte, byte, byte), max_size=80))
def test_laws_hold(moves: list[Move]) -> None:
    run(moves)


@pytest.mark.parametrize("seed", range(20))
def test_seeds(seed: int) -> None:
    run(random_moves(seed))


def test_memory_runs_short_and_sockets_are_closed_for_it() -> None:
    worlds = [run(moves_of_peers(seed)) for seed in range(16, 40)]
    assert max(world.most_held for world in worlds) > MEMORY
    assert sum(world.closed_for_memory for world in worlds) > 0
