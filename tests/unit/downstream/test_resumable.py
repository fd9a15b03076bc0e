"""The channel of a session that outlives its connections, by itself: pace, acknowledgements, memory, ends."""

from collections.abc import Callable

import pytest
from tests.rigs.compiled import needs_sources

from aigw_sansio.config import Config, GatewaySettings, Limits, Timeouts
from aigw_sansio.downstream.channel import ChannelOwner, MessageChannel
from aigw_sansio.downstream.resumable import ResumableChannel
from aigw_sansio.engine.services import Services
from aigw_sansio.faults import Fault, Side
from aigw_sansio.secret import Secret

pytestmark = needs_sources  # a class of its own stands for a compiled one
TOKEN = Secret("a-token")
MESSAGE = b'{"x":"' + b"x" * 1000 + b'"}'
HIGH, MOST = 4096, 64 * 1024


class Connection(MessageChannel[bytes]):
    """A channel of which the test says what is taken."""

    def __init__(self, owner: ChannelOwner) -> None:
        self.owner = owner
        self.sent: list[bytes] = []
        self.ended = False
        self.messages_received = self.messages_sent = self.bytes_received = self.bytes_sent = 0
        self.waiting = 0
        self.paused = self.discarded = False
        self.closed: tuple[int, str] | None = None

    @property
    def outstanding(self) -> int:
        return self.waiting

    def send_text(self, payload: bytes, now: float) -> None:
        if not self.ended:
            self.sent.append(payload)
            self.waiting += len(payload)
            self.messages_sent += 1
            self.bytes_sent += len(payload)

    def send_texts(self, payloads: list[bytes], limit: int, now: float) -> list[bytes]:
        for payload in payloads:
            self.send_text(payload, now)
        return []

    def send_control_text(self, payload: bytes, now: float) -> None:
        self.send_text(payload, now)

    def pause(self) -> None:
        self.paused = True

    def resume(self, now: float) -> None:
        self.paused = False

    @property
    def held(self) -> int:
        return 7

    def discard_input(self, now: float) -> None:
        self.discarded = True

    def close(self, code: int, reason: str, now: float, *, by: Side = Side.GATEWAY) -> None:
        if not self.ended:
            self.closed = code, reason
            self.end(code, reason, now, by)

    def end(self, code: int = 1006, reason: str = "lost", now: float = 0.0, by: Side = Side.CLIENT) -> None:
        self.ended = True
        self.owner.channel_ended(by, code, reason, now)

    def take(self, now: float = 0.0) -> None:
        """The transport takes all."""
        self.waiting = 0
        self.owner.room_made(now)

    def says(self, text: str, now: float = 0.0) -> None:
        self.messages_received += 1
        self.bytes_received += len(text)
        self.owner.message_received(text.encode(), now, text=True)

    @property
    def numbers(self) -> list[int]:
        return [int(message.rpartition(b":")[2][:-1]) for message in self.sent if b'"n":' in message]


class Session:
    """The owner of the channel, and its keeper."""

    def __init__(self, *, keeps: bool = True) -> None:
        config = Config(
            gateways={"local/default": GatewaySettings()},
            limits=Limits(resume_bytes=MOST, send_high_water_bytes=HIGH),
            timeouts=Timeouts(resume_s=30.0, write_stall_s=60.0),
        )
        self.services = Services(config, b"seed", 0.0)
        self.keeps = keeps
        self.log: list[object] = []
        self.connections: list[Connection] = []
        self.on_room: Callable[[], None] = lambda: None
        self.channel = ResumableChannel(self.services, self)
        self.link = self.channel.attach(self, self.open, TOKEN)
        self.link.greet(0.0)
        self.first.waiting = 0

    def open(self, owner: ChannelOwner) -> Connection:
        self.connections.append(Connection(owner))
        return self.connections[-1]

    @property
    def first(self) -> Connection:
        return self.connections[0]

    def attach_next(self, now: float = 0.0) -> Connection:
        self.channel.attach_next(self.open, TOKEN, now).greet(now)
        return self.connections[-1]

    def resume(self, n: int, now: float = 0.0) -> Connection:
        connection = self.attach_next(now)
        connection.says(f'{{"type":"universal.resume","n":{n}}}', now)
        return connection

    # -- SessionOwner ---------------------------------------------------------------------------------------------

    def message_received(self, data: bytes, now: float, *, text: bool) -> None:
        self.log.append(("received", data))

    def room_made(self, now: float) -> None:
        self.on_room()

    def channel_ended(self, by: Side, code: int, reason: str, now: float) -> None:
        self.log.append(("ended", by, code, reason))

    def message_unusable(self, fault: Fault, now: float) -> None:
        self.log.append(("unusable", fault.detail))

    # -- SessionKeeper --------------------------------------------------------------------------------------------

    def may_keep(self) -> bool:
        return self.keeps

    def detached(self, reason: str, kept: int, now: float) -> None:
        self.log.append(("detached", reason, kept))

    def resumed(self, again: int, now: float) -> None:
        self.log.append(("resumed", again))

    def left(self) -> None:
        self.log.append("left")

    def ended(self) -> None:
        self.log.append("over")


def test_messages_are_sent_and_kept_until_they_are_acknowledged() -> None:
    session = Session()
    channel = session.channel
    assert channel.send_texts([MESSAGE] * 10, HIGH, 0.0) == [MESSAGE] * 5  # the fifth one exceeds the mark
    assert session.first.numbers == [1, 2, 3, 4, 5]
    assert channel.outstanding > HIGH
    held = channel.held
    session.first.says('{"type":"universal.ack","n":4}')
    assert 7 < channel.held < held / 4
    assert session.log == []
    channel.send_text(MESSAGE, 0.0)
    assert session.first.numbers[-1] == 6


def test_half_of_what_may_be_kept_holds_the_session_back_until_the_client_acknowledges() -> None:
    session = Session()
    channel = session.channel
    sent = 0
    while not channel.send_texts([MESSAGE], HIGH, 0.0):
        session.first.waiting = 0
        sent += 1
    assert MOST // 2 - 2 * len(MESSAGE) < sent * len(MESSAGE) <= MOST // 2
    assert channel.outstanding == HIGH
    room: list[int] = []
    session.on_room = lambda: room.append(channel.outstanding)
    session.first.take()
    assert room == []
    session.first.says('{"type":"universal.ack","n":3}')
    assert room == [0]
    assert channel.send_texts([MESSAGE], HIGH, 0.0) == []


def test_a_client_that_acknowledges_nothing_is_closed() -> None:
    session = Session()
    while not session.channel.send_texts([MESSAGE], HIGH, 0.0):
        session.first.waiting = 0
    session.services.fire_timers(59.0)
    session.first.says('{"type":"universal.ack","n":1}', 59.0)
    session.services.fire_timers(61.0)
    assert session.first.closed is None
    while not session.channel.send_texts([MESSAGE], HIGH, 61.0):
        session.first.waiting = 0
    session.services.fire_timers(118.0)
    assert session.first.closed is None
    session.services.fire_timers(122.0)
    assert session.first.closed is not None
    assert session.first.closed[0] == 1008
    assert session.first.closed[1].endswith("messages are not acknowledged (universal.ack)")
    assert session.log[-1] == "over"


def test_who_is_not_read_need_not_acknowledge() -> None:
    session = Session()
    while not session.channel.send_texts([MESSAGE], HIGH, 0.0):
        session.first.waiting = 0
    session.channel.pause()
    session.services.fire_timers(61.0)
    assert session.first.closed is None
    session.services.fire_timers(122.0)
    assert session.first.closed is None
    session.channel.resume(122.0)
    session.services.fire_timers(182.0)
    assert session.first.closed is not None


def test_replies_that_nobody_acknowledges_end_the_session() -> None:
    session = Session()
    for _ in range(70):
        session.channel.send_control_text(MESSAGE, 0.0)
    session.services.run_deferred(0.0)
    assert session.first.closed is not None
    assert session.first.closed[0] == 1008
    assert session.first.closed[1].endswith(f"are not acknowledged; {MOST} are allowed")


def test_replies_that_are_acknowledged_do_not() -> None:
    session = Session()
    for number in range(1, 140):
        session.channel.send_control_text(MESSAGE, 0.0)
        session.first.says(f'{{"type":"universal.ack","n":{number}}}')
        session.services.run_deferred(0.0)
    assert session.first.closed is None


def test_a_client_that_is_held_back_for_memory_may_acknowledge() -> None:
    session = Session()
    session.channel.send_text(MESSAGE, 0.0)
    session.channel.pause()
    session.first.says('{"type":"universal.ack","n":1}')
    assert not session.first.paused
    assert session.channel.held == 7
    session.first.says('{"type":"x"}')
    assert session.first.paused
    assert session.log == [("received", b'{"type":"x"}')]
    session.channel.resume(0.0)
    assert not session.first.paused


def test_what_waits_is_sent_again_at_the_pace_of_the_new_connection_and_in_order() -> None:
    session = Session()
    for _ in range(3):
        session.channel.send_text(MESSAGE, 0.0)
    session.first.end()
    assert session.channel.away
    assert session.channel.outstanding == 0
    assert session.channel.send_texts([MESSAGE] * 9, HIGH, 0.0) == []
    session.channel.send_control_text(MESSAGE, 0.0)
    second = session.resume(2)
    assert not session.channel.away
    assert second.numbers == [3, 4, 5, 6]
    assert session.channel.outstanding >= HIGH
    assert session.channel.send_texts([MESSAGE], HIGH, 0.0) == [MESSAGE]
    session.channel.send_control_text(MESSAGE, 0.0)  # a reply waits for its turn
    assert second.numbers == [3, 4, 5, 6]
    room: list[int] = []
    session.on_room = lambda: room.append(1)
    second.take()
    assert (second.numbers, room) == ([*range(3, 12)], [])
    second.take()
    second.take()
    assert (second.numbers, room) == ([*range(3, 15)], [1, 1])
    assert session.log[-1] == ("resumed", 11)


def test_one_who_knows_less_than_was_sent_gets_it_after_a_second_drop() -> None:
    session = Session()
    session.channel.send_text(MESSAGE, 0.0)
    session.first.end()
    second = session.resume(0)
    second.end()
    third = session.resume(2)
    assert third.closed == (1008, "universal.resume: n must be from 0 to 1")
    assert session.resume(0).numbers == [1]


def test_a_close_sends_what_waits_first() -> None:
    session = Session()
    session.first.end()
    session.channel.send_texts([MESSAGE] * 20, HIGH, 0.0)
    second = session.resume(0)
    assert len(second.numbers) < 20
    session.channel.close(1001, "bye", 0.0)
    assert second.numbers == [*range(1, 21)]
    assert second.closed == (1001, "bye")
    assert session.log[-2:] == [("ended", Side.GATEWAY, 1001, "bye"), "over"]
    session.channel.discard_input(0.0)
    session.channel.discard_input(0.0)
    assert second.discarded
    before = list(session.log)
    session.channel.close(1000, "again", 0.0)
    session.channel.send_text(MESSAGE, 0.0)
    session.channel.send_control_text(MESSAGE, 0.0)
    assert session.log == before


def test_numbers_of_all_connections_count_together() -> None:
    session = Session()
    session.first.says("one")
    session.channel.send_text(MESSAGE, 0.0)
    session.first.end()
    second = session.resume(0)
    session.channel.close(1000, "", 0.0)
    sent = [*session.first.sent, *second.sent]
    channel = session.channel
    assert (channel.messages_sent, channel.bytes_sent) == (len(sent), sum(map(len, sent)))
    assert channel.messages_received == 2


def test_a_session_that_may_not_be_kept_ends_with_its_connection() -> None:
    session = Session(keeps=False)
    session.first.end(1006, "lost")
    assert session.log == [("ended", Side.CLIENT, 1006, "lost"), "over"]


@pytest.mark.parametrize("by", [Side.GATEWAY, Side.CLIENT])
def test_an_end_that_is_no_drop_is_the_sessions(by: Side) -> None:
    session = Session()
    session.first.end(1013 if by is Side.GATEWAY else 1002, "wrong", by=by)
    assert session.log[0][:2] == ("ended", by)  # type: ignore[index]


def test_one_who_waits_is_closed_with_its_session() -> None:
    session = Session()
    second = session.attach_next()
    session.first.end(1000, "bye")
    assert second.closed == (1008, "the session has ended")
    assert session.log == ["left", ("ended", Side.CLIENT, 1000, "bye"), "over"]
    for late in (session.first, second):  # they have let their session go
        late.owner.message_received(b"x", 0.0, text=True)
        late.owner.room_made(0.0)
        late.owner.channel_ended(Side.CLIENT, 1006, "", 0.0)
    assert len(session.log) == 3


def test_one_who_waits_may_be_closed_for_memory() -> None:
    session = Session()
    link = session.channel.attach_next(session.open, TOKEN, 0.0)
    second = session.connections[-1]
    assert link.kept == link.held == 7
    link.squeeze(0.0, on=True)
    assert not second.paused
    link.close_for_memory("too much", 0.0)
    assert second.closed == (1013, "too much")
    assert second.discarded
    assert session.log == ["left"]


def test_the_first_message_comes_before_the_reply_to_an_early_one() -> None:
    session = Session()
    session.first.end()
    link = session.channel.attach_next(session.open, TOKEN, 0.0)
    second = session.connections[-1]
    second.says('{"type":"universal.resume","n":0}')
    link.greet(0.0)
    assert [message[:26] for message in second.sent] == [b'{"type":"universal.session', b'{"type":"universal.resumed']


def test_too_much_for_one_who_is_away_ends_the_session_after_the_input() -> None:
    session = Session()
    session.first.end()
    session.channel.send_texts([MESSAGE] * 70, HIGH, 0.0)
    assert not session.channel.ended  # an exchange may be in the middle of its end
    session.services.run_deferred(0.0)
    assert session.channel.ended
    assert session.channel.held == 0


def test_one_who_comes_back_in_the_same_input_has_nothing_to_fear() -> None:
    session = Session()
    session.first.end()
    session.channel.send_texts([MESSAGE] * 70, HIGH, 0.0)
    session.resume(0)
    session.services.run_deferred(0.0)
    assert not session.channel.ended


def test_a_session_that_has_ended_in_the_same_input_ends_once() -> None:
    session = Session()
    session.first.end()
    session.channel.send_texts([MESSAGE] * 70, HIGH, 0.0)
    session.channel.close(4000, "by the host", 0.0)
    session.services.run_deferred(0.0)
    assert [entry for entry in session.log if isinstance(entry, tuple) and entry[0] == "ended"] == [
        ("ended", Side.GATEWAY, 4000, "by the host")
    ]
