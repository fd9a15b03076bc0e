"""The laws in a small world whose clients have several WebSockets on one HTTP/2 connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.world import Move, random_moves, run
from tests.world_h2 import Http2World

byte = st.integers(0, 255)


@given(st.lists(st.tuples(byte, byte, byte), max_size=80))
def test_laws_hold(moves: list[Move]) -> None:
    run(moves, kind=Http2World)


@pytest.mark.parametrize("seed", range(20))
def test_seeds(seed: int) -> None:
    run(random_moves(seed), kind=Http2World)


def test_its_sockets_get_what_they_asked_for() -> None:
    world = run([move for seed in range(20, 24) for move in random_moves(seed)], kind=Http2World)
    assert len(world.ended) > 10
