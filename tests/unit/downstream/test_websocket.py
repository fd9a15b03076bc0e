"""A client's WebSocket above its pipe: pongs that wait, liveness, the closing handshake, one end."""

import pytest
from tests.rigs.channel_owner import Owner
from tests.rigs.core_rig import Rig
from wsproto.connection import Connection as WsConnection
from wsproto.connection import ConnectionType
from wsproto.events import CloseConnection, Event, Message, Ping, Pong, TextMessage

from aigw_sansio.config import Limits, Timeouts
from aigw_sansio.downstream.websocket import WebSocketChannel
from aigw_sansio.engine.connection import PipeConnection
from aigw_sansio.engine.turns import TURN_BYTES
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.messages import WebSocketWire

KIB = 1024


class Open(Rig):
    """An open channel, and wsproto as its client."""

    def __init__(self, limits: Limits | None = None, timeouts: Timeouts | None = None) -> None:
        super().__init__(limits, timeouts)
        self.pipe = PipeConnection(self.services, self.services.issue_conn())
        self.owner = Owner()
        wire = WebSocketWire(Role.SERVER, message_limit=self.services.config.limits.message_bytes)
        self.channel = WebSocketChannel(self.services, self.pipe, wire, owner=self.owner, now=self.now)
        self.client = WsConnection(ConnectionType.CLIENT)

    def say(self, *events: Event) -> None:
        """The client sends ``events`` in one piece."""
        turns = self.services.turns
        turns.left = TURN_BYTES
        self.channel.receive_data(b"".join(map(self.client.send, events)), self.now)
        while turns.waiting:
            turns.proceed(self.now)

    def carry(self, size: int = 1 << 20) -> int:
        """The transport takes up to ``size`` bytes; how many it took."""
        data = self.pipe.buffer.pull(size)
        if not data:
            return 0
        self.client.receive_data(data)
        self.pipe.data_sent(len(data), self.now)
        self.channel.data_sent(self.pipe.outstanding, self.now)
        return len(data)

    def reads(self) -> bool:
        """Whether the client is read, not held back."""
        return self.pipe.reading

    def heard(self) -> list[Event]:
        """What the client receives of all that is written."""
        while self.carry():
            pass
        return list(self.client.events())


PING = b"p" * 125
PONG_BYTES = 127


def flood(link: Open) -> int:
    """Pings until the client is held back; how many it took."""
    count = 0
    while link.reads():
        link.say(Ping(PING))
        count += 1
        assert count < 2000
    return count


# -- who makes us answer too much -----------------------------------------------------------------------------------


def test_a_ping_is_answered_with_its_payload() -> None:
    link = Open()
    link.say(Ping(b"one"), Ping(b"two"))
    assert link.heard() == [Pong(b"one"), Pong(b"two")]
    assert link.reads()


def test_pongs_above_the_high_water_mark_hold_the_client_back() -> None:
    link = Open()
    count = flood(link)
    assert (count - 1) * PONG_BYTES <= 64 * KIB < count * PONG_BYTES
    assert link.short() == ["flush 1", "pause 1"]


def test_while_it_is_held_only_the_latest_ping_is_answered_and_later() -> None:
    link = Open()
    count = flood(link)
    before = link.pipe.outstanding
    for number in range(100):  # the read that was under way
        link.say(Ping(b"late %d" % number))
    assert link.pipe.outstanding == before
    pongs = link.heard()
    assert pongs == [Pong(PING)] * count + [Pong(b"late 99")]
    assert link.reads()


def test_it_reads_on_at_a_quarter_and_not_before() -> None:
    link = Open()
    flood(link)
    link.short()
    while link.pipe.outstanding - PONG_BYTES > 16 * KIB:
        link.carry(PONG_BYTES)
    assert link.short() == []
    link.carry(PONG_BYTES)
    assert link.short() == ["resume 1"]


def test_confirming_part_of_a_pong_confirms_none() -> None:
    link = Open()
    count = flood(link)
    rest = count * PONG_BYTES - 16 * KIB
    whole = -(-rest // PONG_BYTES) * PONG_BYTES  # the last of them brings it to a quarter
    link.carry(whole - 1)
    assert not link.reads()
    link.carry(1)
    assert link.reads()


def test_refusals_count_as_control_bytes_and_messages_do_not() -> None:
    link = Open()
    link.channel.send_text(b"x" * 100 * KIB, link.now)
    link.say(Ping(b""))
    assert link.reads(), "what was asked for is no answer to count"
    link.channel.send_control_text(b"r" * 40 * KIB, link.now)
    assert link.reads()
    link.channel.send_control_text(b"r" * 40 * KIB, link.now)
    assert not link.reads()
    assert link.channel.messages_sent == 3
    link.heard()
    assert link.reads()


def test_the_owners_hold_and_ours_are_apart() -> None:
    link = Open()
    flood(link)
    link.channel.pause()
    link.heard()
    assert not link.reads(), "the owner still holds it"
    link.channel.resume(link.now)
    assert link.reads()
    assert link.short() == ["flush 1", "pause 1", "resume 1"]


# -- messages -------------------------------------------------------------------------------------------------------


def test_messages_reach_the_owner_and_are_counted() -> None:
    link = Open()
    link.say(TextMessage("a€"), Message(b"\x00"))
    assert link.owner.messages == [("a€".encode(), True), (b"\x00", False)]
    assert (link.channel.messages_received, link.channel.bytes_received) == (2, 5)


def test_texts_are_sent_joined_as_long_as_there_is_room() -> None:
    link = Open()
    assert link.channel.send_texts([b"a" * 6, b"b" * 6, b"c" * 6], 10, link.now) == [b"c" * 6]
    assert link.channel.send_texts([b"d"], 10, link.now) == [b"d"]
    assert link.heard() == [TextMessage("a" * 6), TextMessage("b" * 6)]
    assert (link.channel.messages_sent, link.channel.bytes_sent) == (2, 12)


@pytest.mark.parametrize("size", [16 * KIB - 1, 16 * KIB, 65535, 65536, 300 * KIB])
@pytest.mark.parametrize("alone", [True, False])
def test_long_texts_are_sent_in_order_and_counted_like_short_ones(size: int, alone: bool) -> None:
    link = Open()
    long = b"l" * size
    if alone:
        link.channel.send_text(long, link.now)
        texts = [long]
    else:
        texts = [b"before", long, b"behind"]
        assert link.channel.send_texts(texts, size + 100, link.now) == []
    kept = any(piece is long for piece in link.pipe.buffer._pieces)
    assert kept is (size >= 16 * KIB), "a long one is not copied"
    assert [event.data for event in link.heard() if isinstance(event, TextMessage)] == [t.decode() for t in texts]
    assert (link.channel.messages_sent, link.channel.bytes_sent) == (len(texts), sum(map(len, texts)))


def test_room_is_told_under_the_high_water_mark_only() -> None:
    link = Open()
    link.channel.send_text(b"x" * 100 * KIB, link.now)
    link.carry(30 * KIB)
    assert link.owner.room == 0
    link.carry(10 * KIB)
    assert link.owner.room == 1


# -- liveness -------------------------------------------------------------------------------------------------------


def test_silence_is_pinged_once_and_then_it_is_dead() -> None:
    link = Open()
    link.pass_time(29.9)
    assert link.pipe.outstanding == 0
    link.pass_time(0.2)
    assert link.heard() == [Ping(b"")]
    link.pass_time(19.8)
    assert link.owner.ends == []
    link.pass_time(0.3)
    assert link.owner.ends == [("client", 1006, "no sign of life after a ping")]
    assert link.short()[-1] == "abort 1"
    assert link.services.timers.next_deadline() is None


@pytest.mark.parametrize("pong_s", [10.0, 25.0, 60.0])
def test_no_further_ping_is_sent_while_one_waits_for_its_answer(pong_s: float) -> None:
    """Else each would put off the end, where pings come faster than an answer may take."""
    link = Open(timeouts=Timeouts(ping_after_s=10.0, pong_s=pong_s))
    pings = 0
    for _ in range(int(9 + pong_s)):
        link.pass_time(1)
        link.carry()
        pings += link.heard().count(Ping(b""))
    assert (pings, link.owner.ends) == (1, [])
    link.pass_time(2)
    assert len(link.owner.ends) == 1


def test_the_time_for_a_pong_runs_from_the_pings_last_byte() -> None:
    link = Open()
    link.pass_time(30.1)
    link.carry(1)
    link.pass_time(25)
    assert link.owner.ends == []
    link.carry(1)
    link.pass_time(19.9)
    assert link.owner.ends == []
    link.pass_time(0.2)
    assert len(link.owner.ends) == 1


@pytest.mark.parametrize("life", [b"\x89", None], ids=["half a header", "bytes taken"])
def test_any_byte_and_bytes_taken_are_life(life: bytes | None) -> None:
    link = Open()
    if life is None:
        link.channel.send_text(b"x" * 10, link.now)
        link.carry(4)
    link.pass_time(25)
    if life is None:
        link.carry()
    else:
        link.channel.receive_data(life, link.now)
    link.pass_time(29)
    assert link.pipe.outstanding == 0
    link.pass_time(2)
    assert link.pipe.outstanding == 2, "the ping"


def test_a_byte_after_the_ping_is_a_sign_of_life() -> None:
    link = Open()
    link.pass_time(30.1)
    link.heard()
    link.pass_time(10)
    link.channel.receive_data(b"\x81", link.now)
    link.pass_time(29)
    assert link.owner.ends == []


def test_no_ping_while_bytes_wait() -> None:
    link = Open()
    link.channel.send_text(b"x", link.now)
    link.pass_time(55)
    assert link.heard() == [TextMessage("x")]
    link.pass_time(31)
    assert link.heard() == [Ping(b"")]


def test_liveness_stands_still_while_the_client_is_held_back() -> None:
    link = Open()
    link.channel.pause()
    link.pass_time(1000)
    assert link.pipe.outstanding == 0
    link.channel.resume(link.now)
    link.pass_time(29.9)
    assert link.pipe.outstanding == 0
    link.pass_time(0.2)
    assert link.heard() == [Ping(b"")]


@pytest.mark.parametrize("confirmed_before", [True, False])
def test_a_ping_under_way_when_it_is_held_kills_nobody(confirmed_before: bool) -> None:
    link = Open()
    link.pass_time(30.1)
    if confirmed_before:
        link.carry()
    link.channel.pause()
    link.carry()
    link.pass_time(1000)
    assert link.owner.ends == []
    link.channel.resume(link.now)
    link.pass_time(10)
    assert link.owner.ends == []


def test_a_ping_confirmed_after_the_end_sets_no_clock() -> None:
    link = Open()
    link.pass_time(30.1)
    link.say(CloseConnection(1000))
    link.heard()
    link.pipe.closed(link.now)
    assert link.services.timers.next_deadline() is None


# -- closing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "echo"), [(1000, 1000), (1001, 1001), (1011, 1011), (1014, 1011), (3000, 3000), (4999, 4999), (None, 1005)]
)
def test_the_clients_close_is_answered_and_ends_it(code: int | None, echo: int) -> None:
    link = Open()
    # By hand: what stands in a close frame is no matter of wsproto's own choice here.
    payload = b"" if code is None else code.to_bytes(2) + b"why"
    link.channel.receive_data(bytes((0x88, 0x80 | len(payload))) + bytes(4) + payload, link.now)
    assert link.owner.ends == [("client", 1005 if code is None else code, "" if code is None else "why")]
    link.client.send(CloseConnection(1000))
    (answer,) = link.heard()
    assert isinstance(answer, CloseConnection)
    assert (answer.code, answer.reason or "") == (echo, "" if code is None else "why")
    assert link.short() == ["flush 1", "close 1"]


@pytest.mark.parametrize("answered", [True, False])
def test_our_close_waits_for_its_answer_for_a_time(answered: bool) -> None:
    link = Open()
    link.channel.close(1001, "enough", link.now)
    assert link.owner.ends == [("gateway", 1001, "enough")], "the owner is told at once"
    (close,) = link.heard()
    assert close == CloseConnection(1001, "enough")
    assert link.short() == ["flush 1"], "the pipe stays for the answer"
    if answered:
        link.say(close.response())
        assert link.short() == ["close 1"]
    else:
        link.pass_time(4.9)
        assert link.short() == []
        link.pass_time(0.2)
        assert link.short() == ["close 1"]
    link.pipe.closed(link.now)
    assert len(link.owner.ends) == 1
    assert link.services.timers.next_deadline() is None


def test_our_close_reads_a_client_that_was_held_back() -> None:
    link = Open()
    link.channel.pause()
    link.channel.close(1001, "", link.now)
    assert link.short() == ["pause 1", "flush 1", "resume 1"]


def test_after_our_close_no_message_is_kept() -> None:
    link = Open()
    begun = b"\x81\xff" + (1 << 20).to_bytes(8) + bytes(4) + bytes(40_000)
    link.channel.receive_data(begun, link.now)
    assert link.channel.held > 40_000
    link.channel.close(1000, "", link.now)
    for _ in range(5):
        assert link.channel.held == 0
        link.channel.receive_data(bytes(40_000), link.now)


def test_a_message_that_waits_for_its_turn_is_held() -> None:
    link = Open(Limits(message_bytes=4 << 20))
    message = link.client.send(TextMessage("x" * (2 << 20)))
    link.services.turns.left = TURN_BYTES
    link.channel.receive_data(link.client.send(Pong()) + message, link.now)
    assert link.services.turns.waiting == 1
    assert link.owner.messages == []
    assert 2 << 20 <= link.channel.held <= (2 << 20) + 14
    link.services.turns.proceed(link.now)
    assert len(link.owner.messages) == 1
    assert link.channel.held == 0


def test_after_our_close_nothing_is_told_or_sent() -> None:
    link = Open()
    link.channel.close(1000, "", link.now)
    link.say(TextMessage("late"), Ping(b"late"))
    link.heard()
    link.channel.send_text(b"x", link.now)
    link.channel.send_control_text(b"x", link.now)
    link.channel.close(1011, "again", link.now)
    assert link.pipe.outstanding == 0
    assert link.owner.messages == []
    assert link.owner.ends == [("gateway", 1000, "")]
    assert link.channel.messages_sent == 0


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x01x", 1002),  # not masked
        (b"\xc1\x80\0\0\0\0", 1002),  # a reserved bit
        (b"\x81\x81\0\0\0\0\xff", 1007),
        (b"\x81\xff" + (1001).to_bytes(8), 1002),  # a length that should be shorter
        (b"\x81\xfe" + (1001).to_bytes(2), 1009),
        (b"\x88\x82\0\0\0\0" + (1005).to_bytes(2), 1002),
    ],
)
def test_a_violation_is_closed_with_its_code_and_ends(frame: bytes, code: int) -> None:
    link = Open(Limits(message_bytes=1000))
    link.say(TextMessage("before"))
    link.channel.receive_data(frame, link.now)
    link.channel.receive_data(b"\x81\x80\0\0\0\0", link.now)
    assert link.owner.messages == [(b"before", True)]
    ((by, told, reason),) = link.owner.ends
    assert (by, told) == ("client", code)
    (close,) = link.heard()
    assert close == CloseConnection(code, reason)
    assert reason
    assert link.short() == ["flush 1", "close 1"]


def test_a_message_as_long_as_the_limit_passes() -> None:
    link = Open(Limits(message_bytes=1000))
    link.say(TextMessage("x" * 1000))
    assert link.owner.ends == []
    assert len(link.owner.messages) == 1


# -- ends without a close frame -------------------------------------------------------------------------------------


def test_eof_and_loss_end_it_once() -> None:
    link = Open()
    link.channel.receive_eof(link.now)
    link.channel.connection_lost("reset", link.now)
    link.channel.receive_data(b"\x81\x80\0\0\0\0", link.now)
    assert link.owner.ends == [("client", 1006, "the connection ended without a close frame")]
    assert link.owner.messages == []
    assert link.short() == ["close 1"]


def test_a_loss_is_told_with_its_reason_and_closes_nothing() -> None:
    link = Open()
    link.pipe.connection_lost("reset by peer", link.now)
    link.channel.connection_lost("reset by peer", link.now)
    link.channel.receive_eof(link.now)
    assert link.owner.ends == [("client", 1006, "the connection was lost: reset by peer")]
    assert link.short() == []
    assert link.services.timers.next_deadline() is None


def test_a_loss_after_the_handshake_is_not_told_again() -> None:
    link = Open()
    link.say(CloseConnection(1000, "bye"))
    link.heard()
    link.channel.receive_eof(link.now)
    assert link.owner.ends == [("client", 1000, "bye")]
    link.pipe.closed(link.now)
    assert link.services.timers.next_deadline() is None
