"""One WebSocket to a provider: what its user is told, what the provider is sent, and that it ends once."""

import pytest
from tests.rigs.response_sockets import UPGRADE, Sockets, key_of

from aigw_sansio.config import Config, Limits, Timeouts
from aigw_sansio.effects import Close
from aigw_sansio.engine.turns import TURN_BYTES
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.ids import Lineage
from aigw_sansio.upstream.response_socket import ResponseSocket


class User:
    """Notes what it is told, and asks ``ask`` when the socket is open."""

    def __init__(self, ask: str = "{}") -> None:
        self.told: list[object] = []
        self.socket: ResponseSocket | None = None
        self.ask = ask

    def dial_begun(self, now: float) -> None:
        self.told.append("begun")

    def socket_open(self, now: float) -> None:
        self.told.append("open")
        assert self.socket is not None
        self.socket.send(self.ask.encode(), now)

    def request_sent(self, now: float) -> None:
        self.told.append("sent")

    def messages_received(self, messages: list[bytes], now: float) -> None:
        self.told += messages

    def socket_failed(self, fault: Fault, now: float) -> None:
        self.told.append(fault.kind)


def dialled(config: Config | None = None) -> tuple[Sockets, ResponseSocket, User]:
    rig, user = Sockets(config), User()
    socket = user.socket = rig.sockets.dial(key_of(), UPGRADE, Lineage("a"), rig.client, 0.0)
    assert socket.dial(user, 0.0)
    return rig, socket, user


def opened(config: Config | None = None) -> tuple[Sockets, ResponseSocket, User]:
    rig, socket, user = dialled(config)
    rig.connect()
    assert rig.heard() == ["{}"]
    assert user.told == ["open", "sent"]
    user.told.clear()
    return rig, socket, user


def test_it_is_opened_and_carries_messages_both_ways() -> None:
    rig, socket, user = dialled()
    assert not socket.idle
    rig.now = 2.0
    rig.connect()
    assert socket.handshake_s == 2.0
    assert rig.heard() == ["{}"]
    rig.say("one", "two")
    rig.say("binary 7b7d")
    assert user.told == ["open", "sent", b"one", b"two", b"{}"]
    socket.free(rig.now)
    assert socket.idle


@pytest.mark.parametrize("status", [200, 404, 426, 503])
def test_a_refusal_is_told_once(status: int) -> None:
    rig, socket, user = dialled()
    rig.connect(status=status)
    assert user.told == [FaultKind.CONNECT_FAILED]
    assert socket.over
    assert [effect.abort for effect in rig.effects() if isinstance(effect, Close)] == [True]


def test_a_dial_that_fails_and_one_that_takes_too_long() -> None:
    rig, _, user = dialled()
    rig.pipes[0].connect_failed("refused", 0.0)
    assert user.told == [FaultKind.CONNECT_FAILED]
    rig, socket, user = dialled()
    assert socket.late_outcome(5.0, 5.0).kind is FaultKind.CONNECT_TIMEOUT
    assert user.told == []
    rig, socket, user = dialled()
    rig.pipes[0].connected("http/1.1", 0.0)
    assert socket.late_outcome(5.0, 5.0).kind is FaultKind.FIRST_BYTE_TIMEOUT


@pytest.mark.parametrize(
    ("bytes_of", "kind", "closed_with"),
    [
        (b"\xff\x00", FaultKind.MALFORMED_RESPONSE, "close 1002"),
        (b"\x81\x02\xff\xfe", FaultKind.MALFORMED_RESPONSE, "close 1007"),
        (b"\x81\x7e\x04\x01", FaultKind.BODY_TOO_LARGE, "close 1009"),
        (b"\x88\x02\x03\xf3", FaultKind.CONNECTION_LOST, "close 1000"),
    ],
)
def test_what_ends_it(bytes_of: bytes, kind: FaultKind, closed_with: str) -> None:
    rig, socket, user = opened(Config(limits=Limits(chunk_bytes=1024)))
    rig.receive(b"\x81\x03one" + bytes_of)
    assert user.told == [b"one", kind]
    assert socket.over
    assert rig.heard() == [closed_with]
    rig.receive(b"\x81\x03two")
    assert user.told == [b"one", kind]


def test_the_connection_ends_or_is_lost() -> None:
    rig, _, user = opened()
    rig.pipes[0].receive_eof(0.0)
    assert user.told == [FaultKind.CONNECTION_LOST]
    rig, _, user = opened()
    rig.pipes[0].connection_lost("reset", 0.0)
    assert user.told == [FaultKind.CONNECTION_LOST]


def test_nobody_asked_for_what_comes_to_an_idle_one() -> None:
    rig, socket, user = opened()
    socket.free(0.0)
    rig.say("ping a")
    assert rig.heard() == ["pong a"]
    assert socket.idle
    rig.say("hello")
    assert socket.over
    assert rig.heard() == ["close 1000"]
    assert user.told == []


def test_a_provider_that_speaks_first_is_not_asked() -> None:
    rig, socket, user = dialled()
    rig.pipes[0].connected("http/1.1", 0.0)
    rig.heard()
    rig.receive(rig.providers[0].switch(101, []) + b"\x81\x02hi")
    assert user.told == [FaultKind.CONNECTION_LOST]
    assert socket.over


def test_pings_keep_it_alive_and_their_lack_of_an_answer_ends_it() -> None:
    rig, socket, user = opened(Config(timeouts=Timeouts(ping_after_s=10.0, pong_s=5.0)))
    rig.say("ping x")
    assert user.told == []
    assert rig.heard() == ["pong x"]
    rig.wait(11.0)
    assert rig.heard() == ["ping"]
    rig.say("pong")
    rig.wait(5.0)
    assert not socket.over
    rig.wait(11.0)
    assert rig.heard() == ["ping"]
    rig.wait(5.0)
    assert socket.over
    assert user.told == [FaultKind.CONNECTION_LOST]


def test_a_paused_provider_is_not_pinged() -> None:
    rig, socket, _ = opened(Config(timeouts=Timeouts(ping_after_s=10.0, pong_s=5.0)))
    socket.pause()
    rig.wait(30.0)
    assert rig.heard() == []
    socket.resume(rig.now)
    rig.wait(11.0)
    assert rig.heard() == ["ping"]


def test_many_small_messages_are_read_in_portions_and_the_end_waits_for_them() -> None:
    rig, socket, user = opened()
    rig.services.turns.left = 0
    receiver = rig.pipes[0].receiver
    assert receiver is not None
    receiver.receive_data(b"\x81\x01x" * 3000, 0.0)
    receiver.connection_lost("reset", 0.0)
    assert user.told == []
    for _ in range(100):
        if socket.over:
            break
        rig.services.turns.proceed(0.0)
    assert user.told == [b"x"] * 3000 + [FaultKind.CONNECTION_LOST]


def test_who_leaves_is_told_nothing() -> None:
    rig, socket, user = opened()
    socket.abort(0.0)
    rig.pipes[0].closed(0.0)
    assert socket.over
    assert user.told == []
    socket.close(0.0)
    assert [effect.abort for effect in rig.effects() if isinstance(effect, Close)] == [True]


@pytest.mark.parametrize("by", ["user", "turn", "memory"])
def test_a_pong_that_cannot_be_read_is_not_awaited(by: str) -> None:
    rig, socket, user = opened(Config(timeouts=Timeouts(ping_after_s=10.0, pong_s=5.0)))
    rig.wait(10.0)
    assert rig.heard() == ["ping"]
    assert socket.awaiting
    if by == "user":
        socket.pause()
    elif by == "turn":
        socket.hold_peer()
    else:
        rig.pipes[0].squeeze(rig.now, on=True)
    rig.wait(6.0)
    assert not socket.over
    assert not socket.awaiting
    if by == "user":
        socket.resume(rig.now)
    elif by == "turn":
        socket.resume_peer(rig.now)
    else:
        rig.pipes[0].squeeze(rig.now, on=False)
    rig.wait(10.0)
    assert rig.heard() == ["ping"]
    rig.wait(5.0)
    assert user.told == [FaultKind.CONNECTION_LOST]


def test_a_pong_that_was_not_read_in_time_may_have_come() -> None:
    rig, socket, _ = opened(Config(timeouts=Timeouts(ping_after_s=10.0, pong_s=5.0)))
    for begin, end in ((socket.pause, socket.resume), (socket.hold_peer, socket.resume_peer)):
        rig.wait(10.0)
        assert rig.heard() == ["ping"]
        rig.wait(4.0)
        begin()
        end(rig.now)
        rig.wait(1.0)
        assert not socket.over
        rig.say("pong")


def test_what_our_own_kernel_takes_is_no_sign_of_life() -> None:
    rig, socket, user = opened(Config(timeouts=Timeouts(ping_after_s=10.0, pong_s=5.0)))
    rig.wait(10.0)
    assert rig.heard() == ["ping"]
    rig.wait(4.0)
    socket.send(b"[]", rig.now)
    assert rig.heard() == ["[]"]
    assert socket.awaiting
    rig.wait(1.0)
    assert user.told == ["sent", FaultKind.CONNECTION_LOST]


@pytest.mark.parametrize("turn", [0, TURN_BYTES])
@pytest.mark.parametrize("said", [b"\x81\x02hi", b"\x81\x02h", b"\x81"])
def test_a_provider_that_speaks_first_is_not_asked_whatever_is_left_of_the_turn(said: bytes, turn: int) -> None:
    rig, socket, user = dialled()
    rig.pipes[0].connected("http/1.1", 0.0)
    rig.heard()
    rig.services.turns.left = turn
    rig.pipes[0].receive_data(rig.providers[0].switch(101, []) + said, 0.0)
    assert user.told == [FaultKind.CONNECTION_LOST]
    assert socket.over
