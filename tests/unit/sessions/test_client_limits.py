"""What the sessions of one client connection may have together."""

from tests.peers.single_client import OneClient

from aigw_sansio import Allowance, Authenticated, GatewaySettings, SessionEnded
from aigw_sansio.config import Config, Limits, Timeouts
from aigw_sansio.engine.services import Services
from aigw_sansio.faults import FaultKind
from aigw_sansio.sessions.client_limits import ClientLimits


class Busy:
    """A session with so many exchanges and bytes."""

    def __init__(self, busy: int = 0, request_bytes: int = 0, fetches: int = 0) -> None:
        self.busy = busy
        self.request_bytes = request_bytes
        self.fetches = fetches


def limits(**changes: int) -> ClientLimits:
    config = Config(limits=Limits(**changes), timeouts=Timeouts(cancelled_s=1.0))
    return ClientLimits(Services(config, b"a seed of sixteen", 0.0))


def refusal(found: ClientLimits, size: int = 0, now: float = 0.0) -> str:
    fault = found.refuse(size, now)
    if fault is None:
        return ""
    assert fault.kind is FaultKind.LIMIT_EXCEEDED
    assert fault.retryable
    return fault.detail


def test_exchanges_of_all_sessions_count() -> None:
    found = limits(exchanges_per_connection=3)
    one, two = Busy(1), Busy(1)
    found.joined(one)
    found.joined(two)
    assert not refusal(found)
    two.busy = 2
    assert refusal(found) == ("3 exchanges are under way on this connection; 3 are allowed (exchanges_per_connection)")
    found.left(two)
    assert not refusal(found)


def test_bytes_of_all_sessions_count() -> None:
    found = limits(request_bytes_per_connection=100)
    found.joined(Busy(1, 40))
    found.joined(Busy(1, 40))
    assert not refusal(found, 20)
    assert "hold 80 bytes, this one 21 more; 100 are allowed" in refusal(found, 21)


def test_cancels_count_for_a_while_beside_what_runs() -> None:
    found = limits(exchanges_per_connection=2)
    found.joined(Busy(1))
    found.cancelled(0.0)
    found.cancelled(0.0)
    assert not refusal(found, now=0.0), "a place is free at once"
    found.cancelled(0.5)
    assert refusal(found, now=0.9) == (
        "1 exchanges are under way on this connection, 3 were cancelled within 1 s; 4 are allowed (twice "
        "exchanges_per_connection)"
    )
    assert not refusal(found, now=1.0)
    found.cancelled(1.0)
    found.cancelled(1.0)
    assert refusal(found, now=1.2)
    assert not refusal(found, now=1.5)


def test_cancels_go_with_a_session_to_its_next_connection() -> None:
    old, new = limits(exchanges_per_connection=2), limits(exchanges_per_connection=2)
    session = Busy(1)
    old.joined(session)
    new.cancelled(0.2)
    for _ in range(2):
        old.cancelled(0.5)
    new.take_over(session, old)
    assert "3 were cancelled" in refusal(new, now=0.6)
    old.joined(Busy(1))
    assert not refusal(old, now=0.6), "they count once"
    new.take_over(session, new)
    assert "3 were cancelled" in refusal(new, now=0.6)
    assert not refusal(new, now=1.2), "each is over in its time"


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


def test_media_that_the_host_fetches_for_all_sessions_count() -> None:
    found = limits(fetches_at_once_per_client=3)
    found.joined(Busy(fetches=1))
    found.joined(Busy(fetches=1))
    assert found.refuse_fetches(1) is None
    for count, later in ((2, True), (4, False)):  # four never fit
        fault = found.refuse_fetches(count)
        assert fault is not None
        assert (fault.kind, fault.retryable) == (FaultKind.LIMIT_EXCEEDED, later)
        assert f"2 media are being fetched for this connection, this request needs {count} more" in fault.detail
