"""The laws in a world of realtime sessions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.compiled import needs_sources
from tests.world.relay import RelayWorld, relay_moves
from tests.world.world import Move, run

from aigw_sansio.config import Config
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId

byte = st.integers(0, 255)
OPEN: list[Move] = [("new_relay", 0, 0)]


@given(st.lists(st.tuples(byte, byte, byte), max_size=80))
def test_laws_hold(moves: list[Move]) -> None:
    run(OPEN + moves, kind=RelayWorld)


@pytest.mark.parametrize("seed", range(20))
def test_seeds(seed: int) -> None:
    run(relay_moves(seed), kind=RelayWorld)


class _IntoBytearrays(Gateway):
    """As a host hands over what it read into a buffer of its own."""

    def receive_data(self, conn: ConnId, data: bytes, now: float) -> None:
        super().receive_data(conn, bytearray(data), now)


@needs_sources
@pytest.mark.parametrize("seed", range(5))
def test_what_a_host_reads_into_a_bytearray_is_passed_on_too(seed: int) -> None:
    def make(config: Config) -> Gateway:
        return _IntoBytearrays(config, b"a seed for worlds", 1_700_000_000.0)

    run(relay_moves(seed), make, RelayWorld)
