"""The laws in a small world whose clients have several WebSockets on one HTTP/2 connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.http2_client import PATIENCE, Http2ClientPeer, StreamClient
from tests.peers.http2_frames import frame, goaway, settings
from tests.rigs.compiled import needs_sources
from tests.world.h2 import run
from tests.world.world import Move, random_moves

byte = st.integers(0, 255)
pytestmark = needs_sources


@given(st.lists(st.tuples(byte, byte, byte), max_size=80))
def test_laws_hold(moves: list[Move]) -> None:
    run(moves)


@pytest.mark.parametrize("seed", [*range(20), 101, 3023, 20039])
def test_seeds(seed: int) -> None:
    run(random_moves(seed))


def test_its_sockets_get_what_they_asked_for() -> None:
    assert sum(len(run(random_moves(seed)).ended) for seed in range(20)) > 50


def test_what_a_client_says_is_not_lost_with_a_goaway_in_the_same_read() -> None:
    peer = Http2ClientPeer()
    peer.take()
    assert peer.receive(settings() + frame(6, 0, 0, b"question") + goaway(0)) == []
    assert peer.take() == settings(ack=True) + frame(6, 1, 0, b"question")


def test_only_a_client_that_floods_without_reading_may_be_told_to_calm_down() -> None:
    peer = Http2ClientPeer()
    StreamClient(peer, "client").open("/", [])
    peer.receive(settings())
    peer.flood(PATIENCE)
    peer.receive(frame(6, 1, 0, bytes(8)) * PATIENCE + frame(6, 0, 0, b"question"))
    peer.flood(PATIENCE)
    with pytest.raises(AssertionError, match="GOAWAY with 11"):
        peer.receive(goaway(1, 11))
    peer.flood(1)
    assert [(seen.who, seen.line) for seen in peer.receive(goaway(1, 11))] == [("client", "aborted")]
