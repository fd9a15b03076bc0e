"""What the host may end: an exchange, a session of every kind. What has ended is left alone, what never was is misuse."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.peers.single_client import OneClient
from tests.peers.websocket_provider import WsProvider
from tests.rigs.message_client import MessageClient
from tests.rigs.native_client import SSE_HEAD, NativeClient, said

from aigw_sansio import (
    Admitted,
    Ask,
    CloseMessages,
    Config,
    Connect,
    Create,
    ExchangeEnded,
    FaultKind,
    Gateway,
    GatewaySettings,
    LocalProtocolError,
    NativeCancelled,
    ProviderSettings,
    Recorder,
    RequestAdmitted,
    SessionEnded,
    SessionOpened,
    Side,
    Step,
    UpgradeRefused,
    replay,
)

NAME = "local/default"
STEP: dict[str, Any] = {"provider": "openai", "endpoint": "chat/completions"}
CONFIG = Config(providers={"openai": ProviderSettings(base_url="http://127.0.0.1:9/v1", api_key="sk-canary")})
ASKS = Config(gateways={NAME: GatewaySettings(ask=("admit",))}, providers=CONFIG.providers)
NEVER = "01890a5d-ac96-774b-bcce-b302099a8057"
REALTIME = b"/v1/local/default/openai?model=m"


def log_id_of(scene: OneClient, event_id: str) -> str:
    found = [one for one in scene.driver.events if isinstance(one, RequestAdmitted) and one.event_id == event_id]
    return found[-1].log_id


def ended(scene: Any) -> list[ExchangeEnded]:
    return [event for event in scene.events if isinstance(event, ExchangeEnded)]


# -- exchanges --------------------------------------------------------------------------------------------------------


def test_an_exchange_ends_with_its_call_and_its_client_is_told() -> None:
    scene = OneClient(CONFIG)
    scene.create("a", STEP)
    scene.accept(2)
    scene.driver.send(scene.up(2), SSE_HEAD + said("x"))
    assert [one["type"] for one in scene.messages()] == ["universal.created", "universal.stream"]
    log_id = log_id_of(scene, "a")
    assert scene.driver.cancel_exchange(log_id)
    (message,) = scene.messages()
    assert (message["type"], message["metadata"]["eventId"]) == ("universal.cancelled", "a")
    assert scene.up(2).aborted
    (event,) = ended(scene.driver)
    assert (event.how, event.by, event.log_id) == ("cancelled", Side.GATEWAY, log_id)
    assert event.fault is not None
    assert (event.fault.kind, event.fault.side) == (FaultKind.CANCELLED, Side.GATEWAY)
    assert not scene.driver.cancel_exchange(log_id), "it has ended"
    assert not scene.driver.cancel_exchange(NEVER), "nobody can tell that it never was"
    scene.create("b", STEP)
    scene.accept(3)
    scene.respond(3, b"{}")
    assert scene.messages()[0]["metadata"]["status"] == 200
    scene.finish()


def test_the_host_cancels_any_number() -> None:
    """Only what clients cancel counts against them."""
    scene = OneClient(CONFIG)
    for number in range(2 * CONFIG.limits.exchanges_per_connection + 1):
        scene.create(f"e{number}", STEP)
        assert scene.driver.cancel_exchange(log_id_of(scene, f"e{number}"))
    assert {one["type"] for one in scene.messages()} == {"universal.cancelled"}


def test_a_request_that_waits_for_the_host_can_be_cancelled_too() -> None:
    client = MessageClient(ASKS)
    for event_id in ("a", "b"):
        client.create(event_id, "openai")
    asks = client.of(Ask)
    first, second = (ask.question.log_id for ask in asks)
    assert client.gateway.cancel_exchange(second, client.now)
    assert [(one["type"], one["metadata"]["logId"]) for one in client.messages()] == [("universal.cancelled", second)]
    for ask, dials in zip(reversed(asks), (0, 1), strict=True):
        client.gateway.answer(ask.id, Admitted(), client.now)
        client.collect()
        assert len(client.of(Connect)) == dials
    assert client.gateway.cancel_exchange(first, client.now)


def test_a_native_exchange() -> None:
    client = NativeClient(CONFIG)
    client.gateway.create(client.conn, Create("a", [Step("openai", "chat/completions", "POST", [], b"{}")]), client.now)
    client.collect()
    (admitted,) = [event for event in client.events if isinstance(event, RequestAdmitted)]
    assert client.gateway.cancel_exchange(admitted.log_id, client.now)
    client.collect()
    (event,) = client.gateway.take_events(client.conn, 9, client.now)
    assert isinstance(event, NativeCancelled)
    assert ended(client)[0].by is Side.GATEWAY


# -- sessions ---------------------------------------------------------------------------------------------------------


def test_a_universal_session_closes_behind_what_is_queued() -> None:
    scene = OneClient(CONFIG)
    scene.create("a", STEP)
    scene.accept(2)
    assert scene.driver.close_session(1, 4001, "come back tomorrow")
    lines = [seen.line for seen in scene.take("client")]
    assert lines == ["close 4001 come back tomorrow", "eof"]
    (event,) = ended(scene.driver)
    assert (event.how, event.by) == ("gone", Side.GATEWAY)
    (session,) = [event for event in scene.driver.events if isinstance(event, SessionEnded)]
    assert (session.session, session.by, session.code, session.reason) == (1, Side.GATEWAY, 4001, "come back tomorrow")
    assert not scene.driver.close_session(1, 4001, "")
    scene.finish()


def hosted() -> MessageClient:
    return MessageClient(CONFIG)


def native() -> NativeClient:
    return NativeClient(CONFIG)


def realtime() -> MessageClient:
    client = MessageClient(CONFIG, REALTIME)
    provider = WsProvider()
    up = client.dialled(request=provider.receive)
    client.provider_says(up, provider.switch(101, []))
    return client


@pytest.mark.parametrize("open_client", [hosted, native, realtime])
def test_a_session_without_a_socket(open_client: Callable[[], Any]) -> None:
    client = open_client()
    client.of(CloseMessages)
    (opened,) = [event for event in client.events if isinstance(event, SessionOpened)]
    assert client.gateway.close_session(opened.session, 1008, "not you", client.now)
    client.collect()
    assert client.of(CloseMessages) == [CloseMessages(client.conn, 1008, "not you")]
    client.gateway.closed(client.conn, client.now)
    client.pass_time(60.0)
    (event,) = [event for event in client.events if isinstance(event, SessionEnded)]
    assert (event.by, event.code, event.reason) == (Side.GATEWAY, 1008, "not you")
    assert not client.gateway.close_session(opened.session, 1008, "not you", client.now)


def test_the_provider_of_a_realtime_session_is_not_told_why() -> None:
    client = MessageClient(CONFIG, REALTIME)
    provider = WsProvider()
    up = client.dialled(request=provider.receive)
    client.provider_says(up, provider.switch(101, []))
    client.gateway.close_session(1, 4001, "your account is closed", client.now)
    heard = [seen.line for seen in provider.receive(client.gateway.data_to_send(up))]
    assert heard == ["close 1001 the gateway ended the session"]


def test_a_realtime_client_that_waits_for_its_provider_is_refused() -> None:
    client = MessageClient(CONFIG, REALTIME)
    assert client.gateway.close_session(1, 4001, "not now", client.now)
    client.collect()
    assert client.refused.status == 403
    (event,) = [event for event in client.events if isinstance(event, UpgradeRefused)]
    assert event.reason == "the host of the gateway ended it: not now"
    assert not client.gateway.close_session(1, 4001, "not now", client.now)


# -- misuse -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("cancel_exchange", ("nonsense",), "cancel_exchange: this is no log id; allowed is the log_id of an event"),
        ("close_session", (2, 1000, ""), "close_session: no session 2 was ever opened"),
        ("close_session", (0, 1000, ""), "close_session: no session 0 was ever opened"),
        ("close_session", (1, 1005, ""), "close_session: code 1005 may not be sent; allowed are 1000 to 1003, 1007 to"),
        ("close_session", (1, 1000, "ä" * 62), "close_session: the reason is too long; allowed are 123 bytes in UTF-8"),
    ],
)
def test_misuse_changes_nothing(name: str, arguments: tuple[object, ...], says: str) -> None:
    client = MessageClient(CONFIG)
    before = client.gateway.snapshot()
    with pytest.raises(LocalProtocolError, match=re.escape(says)):
        getattr(client.gateway, name)(*arguments, client.now)
    assert client.gateway.snapshot() == before
    with pytest.raises(LocalProtocolError, match="time runs backwards"):
        client.gateway.close_session(1, 1000, "", client.now - 1)


def test_what_the_host_does_is_recorded() -> None:
    lines: list[bytes] = []
    recorder = Recorder(CONFIG, b"a seed of sixteen", 0.0, lines.append)
    client = NativeClient(gateway=recorder)  # type: ignore[arg-type]
    recorder.create(client.conn, Create("a", [Step("openai", "chat/completions", "POST", [], b"{}")]), client.now)
    client.collect()
    (admitted,) = [event for event in client.events if isinstance(event, RequestAdmitted)]
    assert recorder.cancel_exchange(admitted.log_id, client.now)
    assert not recorder.cancel_exchange(admitted.log_id, client.now)
    assert recorder.close_session(1, 1000, "enough", client.now)
    assert not recorder.close_session(1, 1000, "enough", client.now)
    client.collect()
    gateway = replay(lines, CONFIG)
    assert isinstance(gateway, Gateway)
    assert gateway.snapshot() == recorder.snapshot()
