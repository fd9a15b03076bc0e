"""A realtime client without bytes: its messages on the provider's wire, the provider's at its host, and their ends."""

from typing import Any

import pytest
from tests.peers.peer import Headers
from tests.peers.websocket_frames import raw_frame
from tests.peers.websocket_provider import WsProvider
from tests.rigs.compiled import needs_sources
from tests.rigs.message_client import BACKPRESSURE, MessageClient
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from aigw_sansio import (
    Accept,
    Close,
    CloseMessages,
    Config,
    ConnId,
    Gateway,
    Limits,
    LocalProtocolError,
    Message,
    PauseReading,
    ProviderEventRead,
    Recorder,
    Refuse,
    ResumeReading,
    SessionEnded,
    SessionOpened,
    Side,
    Timeouts,
    UpgradeRefused,
    replay,
)
from aigw_sansio.realtime import side

TARGET = b"/v1/local/default/openai?model=m"
MIB = 1 << 20


class Session:
    """An open session: its client, and its provider."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        subprotocols: tuple[str, ...] = (),
        answer: Headers | None = None,
        gateway: Gateway | None = None,
    ) -> None:
        self.client = MessageClient(config or Config(), TARGET, subprotocols=subprotocols, gateway=gateway)
        self.gateway = self.client.gateway
        self.up = self.client.dialled(request=(provider := WsProvider()).receive)
        self.provider = provider
        self.say(provider.switch(101, answer or []))

    def say(self, data: bytes) -> None:
        self.client.provider_says(self.up, data)

    def wire(self, limit: int | None = None) -> bytes:
        """What has come for the provider, not confirmed beyond ``limit``."""
        data = b""
        while limit is None or len(data) < limit:
            piece = self.gateway.data_to_send(self.up)
            if not piece:
                break
            self.gateway.data_sent(self.up, len(piece), self.client.now)
            self.client.collect()
            data += piece
        return data

    def heard(self) -> list[str]:
        """What has come for the provider, as it reads it."""
        data = self.wire()
        return [seen.line for seen in self.provider.receive(data)] if data else []

    def messages(self) -> list[Message]:
        found: list[Message] = []
        while taken := self.client.pull():
            found += taken
            self.client.confirm(taken)
        return found

    @property
    def ended(self) -> SessionEnded:
        (event,) = [event for event in self.client.events if isinstance(event, SessionEnded)]
        return event

    @property
    def told(self) -> tuple[int, str]:
        (effect,) = self.client.of(CloseMessages)
        assert isinstance(effect, CloseMessages)
        return effect.code, effect.reason


def limited(**limits: int) -> Config:
    return Config(limits=Limits(**limits))


# -- the beginning ----------------------------------------------------------------------------------------------------


def test_it_is_accepted_when_its_provider_has_accepted() -> None:
    session = Session(
        subprotocols=("realtime", "openai-insecure-api-key.sk-canary"), answer=[("sec-websocket-protocol", "realtime")]
    )
    assert session.client.of(Accept) == [Accept(session.client.conn, "realtime")]
    (opened,) = [event for event in session.client.events if isinstance(event, SessionOpened)]
    assert (opened.mode, opened.provider, opened.conn) == ("realtime", "openai", session.client.conn)


def test_before_that_no_message_may_come_and_no_session_is_left() -> None:
    client = MessageClient(Config(), TARGET)
    with pytest.raises(LocalProtocolError, match="not accepted yet"):
        client.send("early")
    client.close(1006)
    (refused,) = [event for event in client.events if isinstance(event, UpgradeRefused)]
    assert refused.status == 499
    assert client.gateway.snapshot()["sessions"] == 0


def test_a_refusal_of_the_provider_is_the_clients() -> None:
    client = MessageClient(Config(), TARGET)
    up = client.dialled()
    client.provider_says(up, b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nslow")
    (refused,) = client.of(Refuse)
    assert isinstance(refused, Refuse)
    assert (refused.status, refused.body) == (429, b"slow")
    assert (b"retry-after", b"7") in refused.headers


def test_a_page_of_another_origin_is_refused_whomever_its_cookie_names() -> None:
    headers = [(b"host", b"gw.test"), (b"origin", b"https://evil.test")]
    client = MessageClient(Config(), TARGET, headers=headers, principal="alice")
    assert client.refused.status == 403


def test_messages_right_behind_the_101_are_passed_on() -> None:
    client = MessageClient(Config(), TARGET)
    provider = WsProvider()
    up = client.dialled(request=provider.receive)
    client.provider_says(up, provider.switch(101, []) + provider.event(TextMessage(data="hello")))
    assert client.accepted
    assert client.pull() == [Message(b"hello", True)]


# -- messages ---------------------------------------------------------------------------------------------------------


def test_both_directions() -> None:
    session = Session()
    for message in ("grüße", b"\x00\xff", "", b"", "x" * 70_000):
        session.client.send(message)
    assert session.heard() == ["grüße", "binary 00ff", "", "binary ", "x" * 70_000]
    session.say(session.provider.event(TextMessage(data="gr", message_finished=False)))
    session.say(session.provider.event(TextMessage(data="üße")))
    session.say(session.provider.event(BytesMessage(data=b"\x00\xff")))
    session.say(session.provider.event(TextMessage(data="")))
    session.say(session.provider.event(BytesMessage(data=bytes(70_000))))
    assert session.messages() == [
        ("grüße".encode(), True),
        (b"\x00\xff", False),
        (b"", True),
        (bytes(70_000), False),
    ]
    session.client.close(1000, "bye")
    assert session.heard() == ["close 1000 bye"]
    ended = session.ended
    assert (ended.by, ended.code, ended.messages_received, ended.messages_sent) == (Side.CLIENT, 1000, 5, 4)
    assert (ended.bytes_received, ended.bytes_sent) == (70_009, 70_009)


def test_the_frames_of_a_client_have_keys_that_are_new() -> None:
    """RFC 6455 section 10.3: whatever the client says, nobody chooses what stands on the wire."""
    session = Session()
    for _ in range(20):
        session.client.send("0000")
    wire = session.wire()
    frames = [wire[at : at + 10] for at in range(0, len(wire), 10)]
    assert {frame[:2] for frame in frames} == {b"\x81\x84"}
    assert len({frame[2:6] for frame in frames}) == len({frame[6:] for frame in frames}) == 20


def test_what_a_provider_says_is_told_to_a_host_that_listens() -> None:
    session = Session(Config(emit_provider_events=True))
    session.say(session.provider.event(TextMessage(data='{"type":"response.created","response":{"id":"r"}}')))
    assert any(isinstance(event, ProviderEventRead) for event in session.client.events)
    assert len(session.messages()) == 1


def test_pings_stay_on_their_own_leg() -> None:
    session = Session(Config(timeouts=Timeouts(ping_after_s=10, pong_s=5)))
    session.say(raw_frame(0x89, b"!", masked=False))
    assert session.wire()[:2] == b"\x8a\x81"  # the pong
    session.client.pass_time(10)
    assert session.wire()[:2] == b"\x89\x80"  # a ping of ours
    assert session.messages() == []
    session.client.pass_time(5)
    assert session.ended.by is Side.PROVIDER
    assert session.told[0] == 1011


# -- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "code"),
    [("x" * 1001, 1009), (b"x" * 1001, 1009), (b"", 0), ("x" * 1000, 0)],
    ids=["text", "binary", "empty", "fits"],
)
def test_a_message_that_is_too_big(message: str | bytes, code: int) -> None:
    session = Session(limited(message_bytes=1000))
    session.client.send(message)
    if not code:
        assert len(session.heard()) == 1
        return
    (line,) = session.heard()
    assert line == "close 1001 the client broke the protocol: a message of 1001 bytes; 1000 are allowed"
    assert session.told == (code, "a message of 1001 bytes; 1000 are allowed")
    assert (session.ended.by, session.ended.messages_received) == (Side.CLIENT, 0)
    session.client.send("late")
    assert session.heard() == []


def test_a_text_that_is_none() -> None:
    session = Session()
    session.gateway.receive_message(session.client.conn, b"\xff", session.client.now, text=True)
    session.client.collect()
    assert session.told[0] == 1007
    assert session.heard()[0].startswith("close 1001 the client broke the protocol: a text message is not UTF-8")


@pytest.mark.parametrize(
    ("frames", "provider", "client"),
    [
        (raw_frame(0x81, b"\xff", masked=False), 1007, 1011),
        (raw_frame(0x81, b"x" * 1001, masked=False), 1009, 1011),
        (raw_frame(0x83, b"", masked=False), 1002, 1011),
        (raw_frame(0x81, b"", masked=True), 1002, 1011),
    ],
)
def test_a_provider_that_breaks_the_protocol(frames: bytes, provider: int, client: int) -> None:
    session = Session(limited(message_bytes=1000))
    session.say(raw_frame(0x81, b"fine", masked=False) + frames)
    assert session.told[0] == client
    assert session.heard()[0].startswith(f"close {provider}")
    assert session.messages() == [(b"fine", True)]
    session.gateway.closed(session.client.conn, session.client.now)
    session.client.collect()
    assert (session.ended.by, session.ended.messages_sent) == (Side.PROVIDER, 1)


# -- ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "heard"),
    [
        (1000, "close 1000 why"),
        (4001, "close 4001 why"),
        (1005, "close 1005"),
        (1014, "close 1011 why"),
        (1006, "close 1001 why"),
        (1015, "close 1001 why"),
        (999, "close 1001 the client broke the protocol: why"),
    ],
)
def test_a_close_of_the_client(code: int, heard: str) -> None:
    session = Session()
    session.client.close(code, "why")
    assert session.heard() == [heard]
    assert session.client.of(CloseMessages, Close) == []  # it has gone


def test_a_client_that_is_lost_without_a_word() -> None:
    session = Session()
    session.client.close(1006)
    assert session.heard() == ["close 1001 the client's connection ended without a close frame"]
    other = Session()
    other.gateway.connection_lost(other.client.conn, "reset", other.client.now)
    other.client.collect()
    assert other.heard() == ["close 1001 the client's connection was lost: reset"]
    given_up = Session()
    given_up.gateway.closed(given_up.client.conn, given_up.client.now)
    given_up.client.collect()
    assert given_up.heard() == ["close 1001 the client's connection was lost: the connection was given up"]


@pytest.mark.parametrize(("code", "told"), [(4001, (4001, "why")), (1005, (1000, "")), (1000, (1000, "why"))])
def test_a_close_of_the_provider_comes_behind_its_messages(code: int, told: tuple[int, str]) -> None:
    session = Session()
    session.say(session.provider.event(TextMessage(data="last")))
    session.say(session.provider.event(CloseConnection(code=code, reason=None if code == 1005 else "why")))
    assert session.told == told
    assert not any(isinstance(event, SessionEnded) for event in session.client.events)  # it is not counted yet
    assert session.messages() == [(b"last", True)]
    assert (session.ended.by, session.ended.messages_sent) == (Side.PROVIDER, 1)
    session.client.send("late")
    session.gateway.receive_close(session.client.conn, 1000, "", session.client.now)
    session.gateway.closed(session.client.conn, session.client.now)
    session.gateway.closed(session.up, session.client.now)
    assert session.gateway.snapshot()["sessions"] == session.gateway.snapshot()["timers"] == 0


def test_a_client_that_goes_while_its_last_messages_are_sent() -> None:
    session = Session()
    session.say(session.provider.event(TextMessage(data="last")))
    session.say(session.provider.event(CloseConnection(code=1000)))
    assert session.client.pull() == [(b"last", True)]
    session.heard()
    session.gateway.closed(session.up, session.client.now)
    session.client.collect()
    assert session.gateway.snapshot()["sessions"] == 1
    session.gateway.receive_close(session.client.conn, 1006, "", session.client.now)
    session.client.collect()
    assert session.gateway.snapshot()["sessions"] == 0
    assert session.ended.messages_sent == 0


def test_what_the_host_has_not_taken_is_not_counted() -> None:
    session = Session()
    for text in ("one", "", "three", "four", "five"):
        session.say(session.provider.event(TextMessage(data=text)))
    taken = session.client.pull(8)
    assert [message.data for message in taken] == [b"one", b"", b"three"]
    session.gateway.data_sent(session.client.conn, 5, session.client.now)
    session.client.close(1000)
    assert (session.ended.messages_sent, session.ended.bytes_sent) == (2, 3)


def test_a_host_that_takes_nothing_is_given_up() -> None:
    session = Session(Config(timeouts=Timeouts(write_stall_s=30)))
    session.say(session.provider.event(TextMessage(data="x")))
    session.client.pass_time(30)
    assert session.client.of(Close) == [Close(session.client.conn, abort=True)]
    assert session.heard() == ["close 1001 the client's connection was lost: the client takes no more messages"]
    assert (session.ended.by, session.ended.messages_sent) == (Side.CLIENT, 0)


def test_a_host_that_does_not_close_is_given_up() -> None:
    session = Session(Config(timeouts=Timeouts(close_s=5)))
    session.say(session.provider.event(TextMessage(data="x")))
    session.say(session.provider.event(CloseConnection(code=1000)))
    session.client.pass_time(5)
    assert Close(session.client.conn, abort=True) in session.client.of(Close)
    session.gateway.closed(session.client.conn, session.client.now)
    session.client.collect()
    assert session.ended.messages_sent == 0


@pytest.mark.parametrize("end", ["drain", "idle", "life"])
def test_an_end_by_the_gateway(end: str) -> None:
    timeouts = Timeouts(
        drain_s=50,
        ping_after_s=1000,
        realtime_idle_s=50 if end == "idle" else None,
        session_s=50 if end == "life" else None,
    )
    session = Session(Config(timeouts=timeouts))
    if end == "drain":
        session.gateway.drain(session.client.now)
    session.client.pass_time(50)
    assert session.told[0] == 1001
    assert session.heard()[0].startswith("close 1001")
    assert session.ended.by is Side.GATEWAY


# -- back-pressure ----------------------------------------------------------------------------------------------------


def test_a_host_that_takes_nothing_holds_the_provider_back() -> None:
    session = Session(limited(send_high_water_bytes=10_000))
    for _ in range(11):
        session.say(session.provider.event(BytesMessage(data=bytes(1000))))
    assert session.client.of(*BACKPRESSURE) == [PauseReading(session.up)]
    while (session.gateway.snapshot()["send_buffer_bytes"]) > 2500:
        assert session.client.of(*BACKPRESSURE) == []
        session.client.confirm(session.client.pull(1000))
    assert session.client.of(*BACKPRESSURE) == [ResumeReading(session.up)]


def test_very_many_empty_messages_hold_the_provider_back_too() -> None:
    session = Session(limited(send_high_water_bytes=10_000))
    session.say(raw_frame(0x81, b"", masked=False) * 5000)
    paused = session.client.of(*BACKPRESSURE)
    for _ in range(10):
        session.gateway.proceed(session.client.now)
        session.client.collect()
        paused += session.client.of(*BACKPRESSURE)
    assert paused[-1] == PauseReading(session.up)
    assert [message.data for message in session.messages()] == [b""] * 5000
    assert session.client.of(*BACKPRESSURE) == [ResumeReading(session.up)]


def test_a_provider_that_takes_nothing_holds_the_client_back() -> None:
    session = Session(limited(send_high_water_bytes=10_000))
    for _ in range(10):
        session.client.send(bytes(1000))
    assert session.client.of(*BACKPRESSURE) == [PauseReading(session.client.conn)]
    session.client.send(b"under way")
    assert len(session.heard()) == 11
    assert session.client.of(*BACKPRESSURE) == [ResumeReading(session.client.conn)]


@pytest.fixture
def big(monkeypatch: pytest.MonkeyPatch) -> Session:
    """The client has said so much at once that one turn does not suffice; as if a turn were eight frames."""
    monkeypatch.setattr(side, "PORTION_EVENTS", 1)
    session = Session()
    session.client.send(bytes(2 * MIB))
    session.wire()
    assert session.client.of(*BACKPRESSURE)[0] == PauseReading(session.client.conn)
    return session


def rest(session: Session) -> bytes:
    """All that is said to the provider while work is left."""
    data = b""
    for _ in range(30):
        session.gateway.proceed(session.client.now)
        session.client.collect()
        data += session.wire()
    return data


CLOSE = b"\x88"


@needs_sources
def test_an_end_comes_behind_what_was_said_before(big: Session) -> None:
    big.gateway.receive_close(big.client.conn, 4001, "done", big.client.now)
    big.client.collect()
    big.say(big.provider.event(TextMessage(data="nobody")))
    said = rest(big)
    assert len(said) > MIB
    assert said[-12:-10] == CLOSE + b"\x86"
    assert (big.ended.code, big.ended.messages_received) == (4001, 1)
    assert (big.ended.messages_sent, big.ended.bytes_sent) == (0, 0)


@needs_sources
@pytest.mark.parametrize("how", ["lost", "too big"])
def test_so_do_a_loss_and_a_fault(big: Session, how: str) -> None:
    if how == "lost":
        big.gateway.connection_lost(big.client.conn, "reset", big.client.now)
    else:
        big.client.send(bytes(17 * MIB))
    assert len(rest(big)) > MIB
    assert (big.ended.by, big.ended.code) == (Side.CLIENT, 1006 if how == "lost" else 1009)
    assert big.ended.messages_received == 1


def test_a_silent_client_is_the_business_of_its_host() -> None:
    session = Session(Config(timeouts=Timeouts(ping_after_s=10, pong_s=5, write_stall_s=20)))
    for _ in range(20):
        session.client.pass_time(10)
        assert session.heard() == []  # a ping, which the provider answers
        session.say(session.provider.take())
    assert session.client.pull() == []
    assert not any(isinstance(event, SessionEnded) for event in session.client.events)


# -- the rest ---------------------------------------------------------------------------------------------------------


def test_a_record_replays() -> None:
    lines: list[bytes] = []
    made = Recorder(Config(), b"a seed for one client", 1_700_000_000.0, lines.append)
    gateway: Any = made
    session = Session(gateway=gateway)
    session.client.send("up")
    session.say(session.provider.event(TextMessage(data="down")))
    assert session.messages() == [(b"down", True)]
    session.client.close(4000, "bye")
    assert session.heard() == ["up", "close 4000 bye"]
    again = replay(lines, Config())
    assert again.snapshot() == gateway.snapshot()


def test_connections_of_both_kinds_have_their_own_inputs() -> None:
    session = Session()
    conn: ConnId = session.client.conn
    for call in (session.gateway.receive_data, session.gateway.data_to_send):
        arguments: tuple[Any, ...] = (conn, b"x", session.client.now) if call.__name__ == "receive_data" else (conn,)
        with pytest.raises(LocalProtocolError, match="this client has messages"):
            call(*arguments)
