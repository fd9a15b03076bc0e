"""The laws in a small world whose moves Hypothesis chooses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.world.world import Move, random_moves, run

byte = st.integers(0, 255)


@given(st.lists(st.tuples(byte, byte, byte), max_size=80))
def test_laws_hold(moves: list[Move]) -> None:
    run(moves)


@pytest.mark.parametrize("seed", range(20))
def test_seeds(seed: int) -> None:
    run(random_moves(seed))


#: What worlds found, as short as it could be made.
FOUND: dict[str, list[Move]] = {
    "a stalled client is cut off while its exchange waits for room": [
        ("new_client_with_stream", 82, 224),
        ("full_client", 169, 194),
        ("wait", 222, 109),
    ],
    "pings before a bad frame": [
        ("new_client_with_stream", 144, 122),
        ("send_odd", 221, 74),
        ("send_odd", 243, 44),
    ],
    "a stream refused after it was answered": [
        ("new_client_with_stream", 242, 164),
        ("provider_odd", 134, 44),
    ],
    "a stream under both holds": [
        ("new_client_with_stream", 72, 75),
        ("flood", 0, 135),
        ("deliver_all", 0, 83),
    ],
    "GOAWAY behind a chunk": [
        ("new_client_with_stream", 170, 85),
        ("chunk", 125, 5),
        ("provider_odd", 21, 46),
        ("deliver_all", 116, 158),
        ("send_create", 203, 134),
    ],
    "an id used again while its last messages wait": [
        ("new_client_with_stream", 204, 20),
        ("full_client", 141, 213),
        ("finish", 228, 137),
        ("send_odd", 110, 238),
        ("flow_all", 129, 4),
        ("deliver_all", 148, 1),
        ("send_cancel", 8, 184),
        ("deliver_all", 96, 46),
    ],
}


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str) -> None:
    run(FOUND[name])
