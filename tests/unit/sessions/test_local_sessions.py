"""Sessions of clients in the process of the gateway: which settings they have, and what is misuse."""

import pytest
from tests.rigs.message_client import MessageClient
from tests.rigs.native_client import OPEN, SSE_HEAD, NativeClient, said

from aigw_sansio import (
    Config,
    Create,
    GatewaySettings,
    Limits,
    LocalProtocolError,
    NativeCancelled,
    NativeFailed,
    NativeResponse,
    Secret,
    SessionEnded,
    SessionOpened,
    Step,
)

TOKENS = Config(
    providers=OPEN.providers,
    gateways={"a/shut": GatewaySettings(authentication=True, tokens=(Secret("right"),)), "a/open": GatewaySettings()},
)


def test_its_host_is_trusted_and_names_the_gateway() -> None:
    client = NativeClient(TOKENS, name="a/shut", principal="alice")
    (opened,) = client.events
    assert isinstance(opened, SessionOpened)
    assert (opened.account, opened.gateway, opened.mode) == ("a", "shut", "native")
    assert (opened.principal, opened.peer, opened.conn) == ("alice", "local", client.conn)
    with pytest.raises(LocalProtocolError, match="there is no gateway 'a/b'; there are 'a/shut', 'a/open'"):
        NativeClient(TOKENS, name="a/b")


def test_names_of_running_exchanges_are_not_used_twice() -> None:
    client = NativeClient()
    client.ask("a")
    before = client.gateway.snapshot()
    for create in (Create("a", [Step("openai", "x")]), Create("a", [])):
        with pytest.raises(LocalProtocolError, match="still running"):
            client.gateway.create(client.conn, create, client.now)
    assert client.gateway.snapshot() == before
    client.cancel("a")
    client.ask("a")  # it has ended


def test_the_gateway_names_what_has_no_name() -> None:
    client = NativeClient()
    client.create(Step("nobody", "x"), event_id=None)
    (failed,) = client.take()
    assert isinstance(failed, NativeFailed)
    assert failed.event_id == failed.metadata.log_id


def test_a_bad_request_ends_as_over_a_socket() -> None:
    client = NativeClient()
    client.create(event_id="a")
    (failed,) = client.take()
    assert isinstance(failed, NativeFailed)
    assert (failed.event_id, failed.fault.detail) == ("a", "request has no step")


def test_limits_are_those_of_every_client() -> None:
    client = NativeClient(Config(providers=OPEN.providers, limits=Limits(exchanges_per_connection=1)))
    client.ask("a")
    client.create(Step("openai", "x", query=b"{}"), event_id="b")
    (failed,) = client.take()
    assert isinstance(failed, NativeFailed)
    assert "exchanges_per_connection" in failed.fault.detail


def test_a_step_with_a_token_is_checked_by_the_host() -> None:
    client = NativeClient(TOKENS, name="a/shut")
    client.create(Step("openai", "x", headers=[("cf-aig-authorization", "Bearer other")], query=b"{}"))
    assert client.gateway.snapshot()["asks"] == 1
    client.cancel()
    (cancelled,) = client.take()
    assert isinstance(cancelled, NativeCancelled)


def test_the_gateway_itself_answers_with_the_models() -> None:
    client = NativeClient()
    client.create(Step("compat", "models", "GET"))
    (answered,) = client.take()
    assert isinstance(answered, NativeResponse)


def test_others_have_no_commands() -> None:
    client = NativeClient()
    other = MessageClient(OPEN, gateway=client.gateway, now=client.now)
    for wrong in (
        lambda: client.gateway.create(other.conn, Create(None, []), client.now),
        lambda: client.gateway.cancel(other.conn, "a", client.now),
        lambda: client.gateway.take_events(other.conn, 1, client.now),
    ):
        with pytest.raises(LocalProtocolError, match="no client of open_local"):
            wrong()


def test_after_the_end_commands_are_ignored() -> None:
    client = NativeClient()
    client.gateway.drain(client.now)
    client.collect()
    assert any(isinstance(event, SessionEnded) for event in client.events)
    client.create(Step("openai", "x"))
    client.cancel()
    client.leave()
    client.create(Step("openai", "x"))
    client.cancel()
    assert [type(event).__name__ for event in client.take()] == []


def test_cancelling_what_has_ended_does_nothing() -> None:
    client = NativeClient()
    client.cancel("nothing")
    assert client.take() == []


def test_exchanges_of_one_session_are_given_in_turn() -> None:
    client = NativeClient(Config(providers=OPEN.providers, limits=Limits(send_high_water_bytes=4096)))
    first, second = client.ask("a", "raw"), client.ask("b", "raw", "custom-x")
    client.provider_says(first, SSE_HEAD + said(*("x" for _ in range(100))))
    client.provider_says(second, SSE_HEAD + said(*("y" for _ in range(100))))
    names = [event.event_id for _ in range(300) for event in client.take(1)]  # type: ignore[union-attr]
    assert len(names) == 202
    began = names.index("b")
    assert began < 40  # before the first has given all that it holds
    assert {names[began + 2 * n] for n in range(40)} == {"b"}
    assert {names[began + 2 * n + 1] for n in range(40)} == {"a"}
