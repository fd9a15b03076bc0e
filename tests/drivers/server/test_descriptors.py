"""The limits that follow from the number of descriptors."""

import pytest

from aigw_drivers.server import descriptors
from aigw_drivers.server.descriptors import connections_for, handshakes_for, with_descriptors
from aigw_sansio import Config, Limits


@pytest.mark.parametrize(("most", "connections"), [(1024, 857), (128, 51), (64, 16), (20_000, 17_936)])
def test_connections(most: int, connections: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connections_for(most) == connections
    monkeypatch.setattr(descriptors, "most_descriptors", lambda: most)
    config = with_descriptors(Config())
    assert config.limits.connections == connections
    assert config.descriptors is not None
    assert config.descriptors < most
    assert with_descriptors(Config(limits=Limits(connections=5))).limits.connections == 5
    handshakes = handshakes_for(connections)
    assert handshakes is not None
    assert handshakes >= 8


def test_without_a_limit_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "most_descriptors", lambda: None)
    assert with_descriptors(Config()) == Config()
    assert handshakes_for(None) is None
