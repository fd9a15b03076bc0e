"""The laws in a small world whose moves Hypothesis chooses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.world import Move, random_moves, run

byte = st.integers(0, 255)


@given(st.lists(st.tuples(byte, byte, byte), max_size=80))
def test_laws_hold(moves: list[Move]) -> None:
    run(moves)


@pytest.mark.parametrize("seed", range(20))
def test_seeds(seed: int) -> None:
    run(random_moves(seed))
