"""The laws in worlds whose clients have no bytes: their host owns each WebSocket, universal and realtime."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.world.hosted import HostedRelayWorld, hosted
from tests.world.relay import relay_moves
from tests.world.world import Move, random_moves, run

byte = st.integers(0, 255)
OPEN: list[Move] = [("new_relay", 0, 0)]


@given(st.lists(st.tuples(byte, byte, byte), max_size=80))
def test_laws_hold(moves: list[Move]) -> None:
    run(moves, hosted)


@given(st.lists(st.tuples(byte, byte, byte), max_size=80))
def test_laws_of_realtime_sessions_hold(moves: list[Move]) -> None:
    run(OPEN + moves, hosted, HostedRelayWorld)


@pytest.mark.parametrize("seed", range(20))
def test_seeds(seed: int) -> None:
    run(random_moves(seed), hosted)


@pytest.mark.parametrize("seed", range(20))
def test_seeds_of_realtime_sessions(seed: int) -> None:
    run(relay_moves(seed), hosted, HostedRelayWorld)
