"""What one client may have, if the host says that it is less than the settings allow."""

from tests.peers.single_client import OneClient

from aigw_sansio import Allowance, Authenticated, Config, GatewaySettings, Limits, SessionEnded, Timeouts

STEP = {"provider": "openai", "endpoint": "chat/completions"}


def let_in(allowance: Allowance, session_s: float | None = None) -> OneClient:
    config = Config(
        gateways={"local/default": GatewaySettings(authentication=True)},
        limits=Limits(exchanges_per_connection=5),
        timeouts=Timeouts(session_s=session_s, connect_s=1000.0),
    )
    client = OneClient(config)
    client.answer(1, Authenticated(True, "alice", allowance))
    client.driver.output.clear()
    return client


def test_fewer_exchanges_at_a_time() -> None:
    client = let_in(Allowance(exchanges=2))
    for event_id in "abc":
        client.create(event_id, STEP)
    (refused,) = client.messages()
    assert (refused["metadata"]["eventId"], refused["metadata"]["status"]) == ("c", 429)
    assert refused["response"]["error"][0]["code"] == 2010
    assert "2 are allowed to this client" in refused["response"]["error"][0]["message"]
    client.send(type="universal.cancel", eventId="a")
    client.create("d", STEP)
    assert [message["type"] for message in client.messages()] == ["universal.cancelled"]
    client.finish()


def test_not_more_than_the_settings_allow() -> None:
    client = let_in(Allowance(exchanges=50))
    for event_id in "abcdef":
        client.create(event_id, STEP)
    (refused,) = client.messages()
    assert "exchanges_per_connection" in refused["response"]["error"][0]["message"]
    client.finish()


def _ends_after(allowance: Allowance, session_s: float | None) -> float:
    client = let_in(allowance, session_s)
    client.driver.advance(60.0)
    (ended,) = [event for event in client.driver.events if isinstance(event, SessionEnded)]
    assert ended.code == 1001
    return ended.duration_s


def test_a_shorter_life() -> None:
    assert _ends_after(Allowance(session_s=20.0), None) == 20.0
    assert _ends_after(Allowance(session_s=20.0), 50.0) == 20.0
    assert _ends_after(Allowance(session_s=50.0), 20.0) == 20.0
