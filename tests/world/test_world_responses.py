"""The laws in a small world of clients of Responses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.world.responses import Move, random_moves, run

byte = st.integers(0, 255)


@given(st.lists(st.tuples(byte, byte, byte), max_size=60), st.booleans())
def test_laws_hold(moves: list[Move], native: bool) -> None:
    run(moves, native=native)


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_seeds(seed: int, native: bool) -> None:
    run(random_moves(seed), native=native)


def test_everything_happens() -> None:
    worlds = [run(random_moves(seed)) for seed in range(20, 40)]
    assert {how for world in worlds for how in world.done} >= {"done", "created", "error", "gone", "cancelled"}
    assert sum(world.asked for world in worlds) > sum(world.begun for world in worlds) > 200
    assert max(len(client.known) for world in worlds for client in world.left) > 3
    assert any(world.signs for world in worlds)


def test_everything_happens_with_sockets_on_both_sides() -> None:
    worlds = [run(random_moves(seed), native=True) for seed in range(20, 40)]
    assert {how for world in worlds for how in world.done} >= {"done", "created", "error", "gone", "cancelled"}
    assert sum(world.begun for world in worlds) > 200
    assert sum(world.remembered for world in worlds) > 10
    assert sum(world.reused for world in worlds) > 20


@given(st.lists(st.tuples(byte, byte, byte), max_size=60))
def test_laws_hold_while_the_host_is_asked(moves: list[Move]) -> None:
    run(moves, asked=True)


def test_everything_happens_while_the_host_is_asked() -> None:
    worlds = [run(random_moves(seed, 250), asked=True) for seed in range(20, 50)]
    assert sum(world.waited for world in worlds) > 100
    assert sum(world.denied for world in worlds) > 20
    assert sum(world.called_off for world in worlds) > 10
    assert sum(world.signs for world in worlds) > 20
