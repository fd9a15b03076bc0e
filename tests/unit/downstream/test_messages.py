"""A client without bytes: how it is let in, what it is told, when it is paused, and how it ends."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.peers.single_client import OneClient
from tests.rigs.living import living_objects
from tests.rigs.message_client import BACKPRESSURE, ENDS, HOST, MessageClient

from aigw_sansio import (
    Accept,
    Ask,
    Authenticated,
    Close,
    CloseMessages,
    Config,
    Connect,
    Gateway,
    GatewaySettings,
    Limits,
    LocalProtocolError,
    Message,
    ProviderSettings,
    Recorder,
    Secret,
    SessionEnded,
    SessionOpened,
    Side,
    Timeouts,
    replay,
)
from aigw_sansio.downstream.messages import DirectChannel, MessagesConnection
from aigw_sansio.engine.send_buffer import MessageBuffer

PROVIDERS = {"custom-x": ProviderSettings(base_url="http://127.0.0.1:9/v1")}
OPEN = Config(gateways={"local/default": GatewaySettings()}, providers=PROVIDERS)
SHUT = Config(
    gateways={"local/default": GatewaySettings(authentication=True, tokens=(Secret("right"),))}, providers=PROVIDERS
)
SSE_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
STEP: dict[str, Any] = {"endpoint": "chat", "headers": {}, "query": {}}
COOKIE_PAGE = (b"origin", b"https://evil.test")


def limited(**limits: int) -> Config:
    return Config(gateways={"local/default": GatewaySettings()}, providers=PROVIDERS, limits=Limits(**limits))


# -- asking ---------------------------------------------------------------------------------------------------------


def test_it_is_accepted_before_anything_is_sent() -> None:
    client = MessageClient(OPEN, subprotocols=["x.y", "plain"], principal="alice")
    assert isinstance(client.effects[0], Accept)
    (opened,) = [event for event in client.events if isinstance(event, SessionOpened)]
    assert (opened.conn, opened.principal, opened.mode) == (client.conn, "alice", "universal")
    client.say(type="universal.ping")
    assert [message["type"] for message in client.messages()] == ["universal.pong"]


def test_the_effects_do_not_print_a_subprotocol() -> None:
    client = MessageClient(SHUT, subprotocols=["cf-aig-authorization.right"])
    assert client.effects == [Accept(client.conn, "cf-aig-authorization.right")]
    assert "right" not in repr(client.effects)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"target": b"/nowhere"}, 404),
        ({"target": b"/v1/local/other"}, 400),
        ({"target": b"/v1/local/default/nobody?model=m"}, 400),
        ({"target": b"/healthz"}, 200),
        ({"target": b"/v1/local/\ndefault"}, 400),
        ({"target": b""}, 400),
        ({"headers": [HOST, (b"a b", b"c")]}, 400),
        ({"headers": [HOST, (b"a", b"b\r\nc: d")]}, 400),
        ({"headers": []}, 400),
        ({"headers": [HOST, HOST]}, 400),
        ({"headers": [HOST, *[(b"a", b"b")] * 200]}, 431),
        ({"headers": [HOST, (b"a", b"b" * 70_000)]}, 431),
        ({"subprotocols": ["a b"]}, 400),
        ({"subprotocols": ["\u20ac"]}, 400),
        ({"subprotocols": ["a", "a"]}, 400),
        ({"headers": [HOST, COOKIE_PAGE]}, 403),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], status: int) -> None:
    client = MessageClient(OPEN, **arguments)
    refused = client.refused
    assert refused.status == status
    assert refused.headers[0] == (b"content-type", b"application/json")
    assert json.loads(refused.body)["success"] is (status == 200)
    client.send("late")  # ignored
    client.gateway.closed(client.conn, client.now)
    assert client.gateway.snapshot()["connections"] == 0


@pytest.mark.parametrize(
    ("principal", "token", "status"), [(None, None, 401), (None, "wrong", 401), (None, "right", 0), ("alice", None, 0)]
)
def test_a_principal_needs_no_token(principal: str | None, token: str | None, status: int) -> None:
    headers = [HOST] + ([(b"CF-AIG-Authorization", f" Bearer {token}".encode())] if token else [])
    client = MessageClient(SHUT, headers=headers, principal=principal)
    if not client.accepted and (asks := client.of(Ask)):
        assert isinstance(asks[0], Ask)
        client.gateway.answer(asks[0].id, Authenticated(allowed=False), client.now)
        client.collect()
    assert client.accepted is (not status)
    if status:
        assert client.refused.status == status


@pytest.mark.parametrize("config", [OPEN, SHUT], ids=["open", "shut"])
@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (b"https://evil.test", False),
        (b"null", False),
        (b"https://gw.test", True),
        (b"http://gw.test", True),
        (b"https://gw.test:444", False),
    ],
)
def test_a_page_of_another_site_does_not_use_the_cookie_of_a_principal(
    config: Config, origin: bytes, allowed: bool
) -> None:
    client = MessageClient(config, headers=[HOST, (b"origin", origin)], principal="alice")
    assert client.accepted is allowed
    if not allowed:
        assert client.refused.status == 403


def test_who_goes_before_the_answer_is_forgotten() -> None:
    client = MessageClient(SHUT, headers=[HOST, (b"cf-aig-authorization", b"unknown")])
    (ask,) = client.of(Ask)
    assert isinstance(ask, Ask)
    client.close(1006)
    assert not any(client.gateway.snapshot().values())
    client.gateway.answer(ask.id, Authenticated(allowed=True), client.now)
    client.collect()
    assert not client.effects


def test_one_client_too_many() -> None:
    config = limited(connections_per_address=1)
    first = MessageClient(config)
    second = MessageClient(config, gateway=first.gateway, peer="192.0.2.1:5001")
    assert first.accepted
    assert second.refused.status == 503


# -- misuse ---------------------------------------------------------------------------------------------------------


def test_bytes_are_not_messages() -> None:
    client = MessageClient(OPEN)
    gateway, conn, later = client.gateway, client.conn, client.now + 1
    other = gateway.open_downstream("192.0.2.1:1", None, client.now)
    calls = [
        lambda: gateway.receive_data(conn, b"x", later),
        lambda: gateway.receive_eof(conn, later),
        lambda: gateway.connected(conn, None, later),
        lambda: gateway.data_to_send(conn),
        lambda: gateway.receive_message(other, b"x", later, text=True),
        lambda: gateway.receive_close(other, 1000, "", later),
        lambda: gateway.messages_to_send(other),
        lambda: gateway.data_sent(conn, 1, later),
    ]
    for call in calls:
        with pytest.raises(LocalProtocolError):
            call()
    client.say(type="universal.ping")  # at the time before: nothing has changed
    assert client.messages()


def test_a_message_before_accept_is_misuse() -> None:
    client = MessageClient(SHUT, headers=[HOST, (b"cf-aig-authorization", b"unknown")])
    with pytest.raises(LocalProtocolError, match="not accepted yet"):
        client.send("{}")


# -- messages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text", "code"),
    [(b"\xff", True, 1007), (b"x" * 101, True, 1009), (b"x" * 101, False, 1009), (b"\xff", False, 0), (b"", True, 0)],
)
def test_messages_that_close(data: bytes, text: bool, code: int) -> None:
    client = MessageClient(limited(message_bytes=100))
    client.gateway.receive_message(client.conn, data, client.now, text=text)
    client.collect()
    ends = client.of(CloseMessages)
    assert [effect.code for effect in ends if isinstance(effect, CloseMessages)] == ([code] if code else [])
    if code:
        (ended,) = [event for event in client.events if isinstance(event, SessionEnded)]
        assert (ended.by, ended.code) == (Side.CLIENT, code)


#: What a client and its provider may do.
ACTIONS: dict[str, dict[str, Any]] = {
    "ping": {"type": "universal.ping"},
    "nonsense": {"type": "nonsense"},
    "no type": {"eventId": "a"},
    "create a": {"type": "universal.create", "request": [{"eventId": "a", "provider": "custom-x", **STEP}]},
    "create b": {"type": "universal.create", "request": [{"eventId": "b", "provider": "custom-x", **STEP}]},
    "create nobody": {"type": "universal.create", "request": {"eventId": "c", "provider": "nobody", **STEP}},
    "cancel a": {"type": "universal.cancel", "eventId": "a"},
    "cancel b": {"type": "universal.cancel", "eventId": "b"},
}
HEARD = ["head", "chunk", "chunk", "end", "drain"]


def of_one(actions: list[str], *, in_messages: bool) -> list[str]:
    """What a client is told, in messages or over bytes, if this happens."""
    client: Any = MessageClient(OPEN) if in_messages else OneClient(OPEN)
    gateway, found, up = client.gateway, [], []
    for action in actions:
        if action in ACTIONS:
            (client.say if in_messages else client.send)(**ACTIONS[action])
        elif action == "drain" and in_messages:
            gateway.drain(client.now)
            client.collect()
        elif action == "drain":
            client.driver.drain()
        elif up:
            data = {"head": SSE_HEAD, "chunk": b'data: {"n":1}\n\n', "end": b"data: [DONE]\n\n"}[action]
            if in_messages:
                client.provider_says(up[-1], data)
            elif up[-1] in client.driver.links:
                client.driver.send(client.up(up[-1]), data)
        dials = [one for one in client.effects if isinstance(one, Connect)] if in_messages else client.dialled()
        if dials:
            up.append(client.dialled() if in_messages else client.connects[-1].conn)
            if not in_messages:
                client.accept(up[-1])
        for message in client.messages():
            for name in ("logId", "cf-aig-log-id", "durationMs", "metadata"):
                message.pop(name, None)
            found.append(json.dumps(message, sort_keys=True))
        if gateway.idle:  # the socket is closed
            break
    return found


@given(st.lists(st.sampled_from([*ACTIONS, *HEARD]), max_size=12))
@example(["ping", "nonsense", "create a", "head", "chunk", "create a", "create b", "chunk", "cancel a", "drain", "end"])
def test_the_same_happens_in_messages_and_over_bytes(actions: list[str]) -> None:
    assert of_one(actions, in_messages=True) == of_one(actions, in_messages=False)


def test_a_whole_session_is_compared() -> None:
    told = of_one(["ping", "create a", "head", "chunk", "chunk", "end"], in_messages=True)
    assert [json.loads(message)["type"] for message in told][:4] == [
        "universal.pong",
        "universal.created",
        "universal.stream",
        "universal.stream",
    ]


def test_what_the_host_does_not_take_holds_the_provider_back() -> None:
    client = MessageClient(limited(send_high_water_bytes=4096))
    client.create("a")
    conn = client.dialled()
    client.provider_says(conn, SSE_HEAD)
    event = b'data: {"n":"' + b"x" * 1000 + b'"}\n\n'
    for _ in range(20):
        client.provider_says(conn, event)
    assert [type(effect).__name__ for effect in client.of(*BACKPRESSURE)] == ["PauseReading"]
    assert client.gateway.snapshot()["send_buffer_bytes"] < 4096 + 2 * 1200
    got = client.messages()
    assert [message["type"] for message in got].count("universal.stream") == 20
    assert [type(effect).__name__ for effect in client.of(*BACKPRESSURE)] == ["ResumeReading"]


def test_a_client_that_takes_no_replies_is_paused() -> None:
    client = MessageClient(limited(send_high_water_bytes=2048))
    for _ in range(40):
        client.say(type="universal.ping")
    paused = client.of(*BACKPRESSURE)
    assert [type(effect).__name__ for effect in paused] == ["PauseReading"]
    assert len(client.messages()) == 40
    assert [type(effect).__name__ for effect in client.of(*BACKPRESSURE)] == ["ResumeReading"]


@given(st.lists(st.integers(0, 9)), st.integers(1, 12))
def test_whole_messages_come_in_order_and_within_the_limit(sizes: list[int], limit: int) -> None:
    buffer = MessageBuffer()
    put = [Message(bytes([number % 251]) * size, bool(number % 2)) for number, size in enumerate(sizes)]
    flushes = [buffer.put(message) for message in put]
    assert flushes == [index == 0 for index in range(len(put))]
    assert buffer.size == sum(sizes)
    got: list[Message] = []
    while taken := buffer.take(limit):
        size = sum(len(message.data) for message in taken)
        assert size <= limit or len(taken) == 1
        buffer.confirm(size)
        got += taken
    assert got == put
    assert buffer.size == buffer.held == 0


# -- ends -----------------------------------------------------------------------------------------------------------


def ended(client: MessageClient) -> SessionEnded:
    (event,) = [event for event in client.events if isinstance(event, SessionEnded)]
    return event


def test_the_client_closes() -> None:
    client = MessageClient(OPEN)
    client.create("a")
    client.dialled()
    client.close(4001, "done")
    assert (ended(client).by, ended(client).code, ended(client).reason) == (Side.CLIENT, 4001, "done")
    assert not client.of(CloseMessages)
    assert client.gateway.snapshot()["exchanges"] == client.gateway.snapshot()["sessions"] == 0


def test_the_client_is_lost() -> None:
    client = MessageClient(OPEN)
    client.gateway.connection_lost(client.conn, "reset", client.now)
    client.gateway.closed(client.conn, client.now)
    client.collect()
    assert (ended(client).by, ended(client).code) == (Side.CLIENT, 1006)
    assert not any(client.gateway.snapshot().values())


def test_closed_alone_ends_it_too() -> None:
    client = MessageClient(OPEN)
    client.gateway.closed(client.conn, client.now)
    client.collect()
    assert ended(client).code == 1006


def test_we_close_behind_what_is_queued() -> None:
    client = MessageClient(OPEN)
    client.gateway.drain(client.now)
    client.collect()
    (close,) = client.of(CloseMessages)
    assert isinstance(close, CloseMessages)
    assert (close.conn, close.code) == (client.conn, 1001)
    assert [message["type"] for message in client.messages()] == ["universal.going_away"]
    client.send("late")
    client.gateway.closed(client.conn, client.now)
    assert client.gateway.idle
    assert not any(client.gateway.snapshot().values())


def test_a_host_that_does_not_close_is_told_to_abort() -> None:
    client = MessageClient(OPEN)
    client.gateway.drain(client.now)
    client.collect()
    client.of(CloseMessages)
    client.pass_time(10)
    assert client.of(*ENDS) == [Close(client.conn, abort=True)]


def test_a_host_that_takes_nothing_is_given_up() -> None:
    config = Config(
        gateways={"local/default": GatewaySettings()}, providers=PROVIDERS, timeouts=Timeouts(write_stall_s=5)
    )
    client = MessageClient(config)
    client.say(type="universal.ping")
    client.pass_time(6)
    assert client.of(*ENDS) == [Close(client.conn, abort=True)]
    assert (ended(client).by, ended(client).code) == (Side.CLIENT, 1006)


def test_a_long_reason_fits_a_close_frame() -> None:
    client = MessageClient(OPEN)
    (session,) = client.gateway._sessions
    session.channel.close(1008, "\u20ac" * 100, client.now)
    client.collect()
    (close,) = client.of(CloseMessages)
    assert isinstance(close, CloseMessages)
    assert close.reason == "\u20ac" * 41


@pytest.mark.parametrize("end", ["close", "lost", "closed"])
def test_nothing_is_left_of_a_client(end: str) -> None:
    gateway = Gateway(OPEN, b"a seed for one client", 0.0)
    with living_objects() as living:
        client = MessageClient(OPEN, gateway=gateway)
        client.create("a")
        client.say(type="universal.ping")
        if end == "lost":
            gateway.connection_lost(client.conn, "reset", client.now)
        elif end == "close":
            gateway.receive_close(client.conn, 1000, "", client.now)
        gateway.closed(client.conn, client.now)
        client.collect()
        (close,) = client.of(Close)
        assert isinstance(close, Close)
        gateway.closed(close.conn, client.now)
        client.pass_time(3600)
        del client, close
        left = living()
    assert not left
    assert not any(gateway.snapshot().values())


def test_the_memory_of_the_process_is_held_for_them_too() -> None:
    client = MessageClient(OPEN)
    census = client.gateway._census
    for number in range(50):
        client.say(type="universal.ping", number=number)
    held: dict[Any, int] = {}
    size, _ = census.count(client.conn, held, 0)
    assert held[client.conn, 0] > 50 * 20
    assert size > held[client.conn, 0]
    census.squeeze((client.conn, 0), client.now, on=True)
    census.squeeze((client.conn, 0), client.now, on=False)
    client.collect()
    assert [type(effect).__name__ for effect in client.of(*BACKPRESSURE)] == ["PauseReading", "ResumeReading"]
    assert census.close_largest((client.conn, 0), 1, "why", client.now)
    client.collect()
    (close,) = client.of(CloseMessages)
    assert isinstance(close, CloseMessages)
    assert close.code == 1013


def test_a_recorded_session_in_messages_replays() -> None:
    lines: list[bytes] = []
    recorder = Recorder(OPEN, b"a seed for one client", 0.0, lines.append)
    client = MessageClient(OPEN, gateway=recorder)  # type: ignore[arg-type]
    client.create("a")
    conn = client.dialled()
    client.provider_says(conn, SSE_HEAD + b'data: {"n":1}\n\n')
    assert client.messages()
    client.close(1001, "bye")
    assert replay(lines, OPEN).snapshot() == recorder.snapshot()


def test_after_its_end_a_channel_sends_nothing() -> None:
    client = MessageClient(OPEN, principal="alice")
    connection = client.gateway._connections[client.conn]
    assert isinstance(connection, MessagesConnection)
    channel = connection._receiver
    assert isinstance(channel, DirectChannel)
    channel.close(1000, "enough", client.now)
    for send in (channel.send_text, channel.send_control_text):
        send(b"{}", client.now)
    channel.close(1001, "again", client.now)
    connection.send(Message(b"{}", text=True), client.now)
    client.collect()
    assert channel.messages_sent == channel.outstanding == 0
    assert [effect.code for effect in client.of(CloseMessages) if isinstance(effect, CloseMessages)] == [1000]
