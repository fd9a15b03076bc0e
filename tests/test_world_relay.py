"""The laws in a world of realtime sessions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.world import Move, run
from tests.world_relay import RelayWorld, relay_moves

byte = st.integers(0, 255)
OPEN: list[Move] = [("new_relay", 0, 0)]


@given(st.lists(st.tuples(byte, byte, byte), max_size=80))
def test_laws_hold(moves: list[Move]) -> None:
    run(OPEN + moves, kind=RelayWorld)


@pytest.mark.parametrize("seed", range(20))
def test_seeds(seed: int) -> None:
    run(relay_moves(seed), kind=RelayWorld)
