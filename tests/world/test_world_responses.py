"""The laws in a small world of clients of Responses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.world.responses import Move, random_moves, run

byte = st.integers(0, 255)


@given(st.lists(st.tuples(byte, byte, byte), max_size=60))
def test_laws_hold(moves: list[Move]) -> None:
    run(moves)


@pytest.mark.parametrize("seed", range(20))
def test_seeds(seed: int) -> None:
    run(random_moves(seed))


def test_everything_happens() -> None:
    worlds = [run(random_moves(seed)) for seed in range(20, 40)]
    assert {how for world in worlds for how in world.done} >= {"done", "created", "error", "gone", "cancelled"}
    assert sum(world.asked for world in worlds) > sum(world.begun for world in worlds) > 200
    assert max(len(client.known) for world in worlds for client in world.left) > 3
    assert any(world.signs for world in worlds)
