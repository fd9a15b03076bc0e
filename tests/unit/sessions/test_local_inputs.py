"""The inputs of clients in the process of the gateway keep its rules: ids, time, one list of effects."""

import pytest
from tests.rigs.native_client import NativeClient

from aigw_sansio import ConnId, Create, LocalProtocolError, Step


def test_an_id_that_was_never_issued() -> None:
    client = NativeClient()
    never = ConnId(99)
    for wrong in (
        lambda: client.gateway.create(never, Create(None, []), client.now),
        lambda: client.gateway.cancel(never, "a", client.now),
        lambda: client.gateway.take_events(never, 1, client.now),
    ):
        with pytest.raises(LocalProtocolError, match="no connection 99"):
            wrong()


def test_time_does_not_go_back() -> None:
    client = NativeClient()
    for wrong in (
        lambda: client.gateway.open_local("local/default", None, 1.0),
        lambda: client.gateway.create(client.conn, Create(None, []), 1.0),
        lambda: client.gateway.cancel(client.conn, "a", 1.0),
        lambda: client.gateway.take_events(client.conn, 1, 1.0),
    ):
        with pytest.raises(LocalProtocolError, match="runs backwards"):
            wrong()


def test_misuse_changes_nothing() -> None:
    client = NativeClient()
    client.ask("a")
    before = client.gateway.snapshot()
    later = client.now + 50
    with pytest.raises(LocalProtocolError):
        client.gateway.create(client.conn, Create("a", [Step("openai", "x")]), later)
    with pytest.raises(LocalProtocolError):
        client.gateway.take_events(client.conn, 0, later)
    with pytest.raises(LocalProtocolError):
        client.gateway.open_local("no/where", None, later)
    client.gateway.take_events(client.conn, 1, client.now)  # the time has not moved
    assert client.gateway.effects() == []
    assert client.gateway.snapshot() == before
