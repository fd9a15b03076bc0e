"""The laws in a small world whose clients have several WebSockets on one HTTP/2 connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.compiled import needs_sources
from tests.world.h2 import run
from tests.world.world import Move, random_moves

byte = st.integers(0, 255)
pytestmark = needs_sources


@given(st.lists(st.tuples(byte, byte, byte), max_size=80))
def test_laws_hold(moves: list[Move]) -> None:
    run(moves)


@pytest.mark.parametrize("seed", range(20))
def test_seeds(seed: int) -> None:
    run(random_moves(seed))


def test_its_sockets_get_what_they_asked_for() -> None:
    assert sum(len(run(random_moves(seed)).ended) for seed in range(20)) > 50
