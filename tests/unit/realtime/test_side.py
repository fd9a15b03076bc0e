"""One side of a relay, with pipes of paper: what is written, who is held back, how long anything is waited for."""

import pytest
from tests.peers.websocket_frames import Item, read_by_wsproto

from aigw_sansio.config import Config, Limits, Timeouts
from aigw_sansio.engine.services import Services
from aigw_sansio.faults import Side
from aigw_sansio.realtime.close_codes import CloseCause, CloseFrame
from aigw_sansio.realtime.side import Direction, RelaySide
from aigw_sansio.wires.websocket.frames import FIN, Opcode, Role, encode_frame
from aigw_sansio.wires.websocket.relay import FrameRelay

KEY = bytes(4)


class Pipe:
    """Collects what is written; takes nothing until it is told."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.outstanding = 0
        self.calls: list[str] = []

    def write(self, data: bytes, now: float) -> int:
        self.writes.append(data)
        self.outstanding += len(data)
        return self.outstanding

    def close(self, now: float) -> None:
        self.calls.append("end")

    def abort(self, now: float) -> None:
        self.calls.append("abort")

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


class Pair:
    """Both sides, and the relay that they tell of their ends."""

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        limits = Limits(send_high_water_bytes=1000, message_bytes=5000)
        self.services = Services(Config(limits=limits, timeouts=timeouts or Timeouts()), b"seed", 0.0)
        self.ends: list[tuple[str, int, str, CloseCause]] = []
        self.finished: list[str] = []
        self.pipes = {"client": Pipe(), "provider": Pipe()}
        from_client = FrameRelay(Role.SERVER, message_limit=5000)
        from_provider = FrameRelay(Role.CLIENT, message_limit=5000, mask_key=lambda: KEY)
        up = Direction(self.pipes["client"], self.pipes["provider"], high_water=1000, now=0.0)
        down = Direction(self.pipes["provider"], self.pipes["client"], high_water=1000, now=0.0)
        self.client = RelaySide(
            self.services, Side.CLIENT, from_client, owner=self, inbound=up, outbound=down, observer=None, now=0.0
        )
        self.provider = RelaySide(
            self.services, Side.PROVIDER, from_provider, owner=self, inbound=down, outbound=up, observer=None, now=0.0
        )

    def side_ended(self, side: RelaySide, now: float, *, code: int, reason: str, cause: CloseCause) -> None:
        self.ends.append((side.peer, code, reason, cause))
        side.close(None if cause is CloseCause.LOST else CloseFrame(1000, ""), now, peer_closed=True)

    def side_finished(self, side: RelaySide, now: float) -> None:
        self.finished.append(side.peer)

    def side_drained(self, side: RelaySide, now: float) -> None:
        assert side.ended

    def take(self, place: str, now: float, n: int | None = None) -> None:
        pipe = self.pipes[place]
        n = pipe.outstanding if n is None else n
        pipe.outstanding -= n
        (self.client if place == "client" else self.provider).data_sent(pipe.outstanding, now)

    def to_client(self) -> list[Item]:
        return read_by_wsproto(Role.CLIENT, b"".join(self.pipes["client"].writes))

    def to_provider(self) -> list[Item]:
        return read_by_wsproto(Role.SERVER, b"".join(self.pipes["provider"].writes))

    def fire(self, now: float) -> None:
        self.services.timers.fire(now)


def masked(opcode: int, payload: bytes = b"") -> bytes:
    return encode_frame(FIN | opcode, payload, KEY)


def test_one_read_makes_one_write() -> None:
    pair = Pair()
    pair.client.receive_data(masked(Opcode.TEXT, b"a") * 5 + masked(Opcode.BINARY, b"b"), 3.0)
    assert len(pair.pipes["provider"].writes) == 1
    assert len(pair.to_provider()) == 6
    assert (pair.client.moved, pair.provider.moved) == (3.0, 0.0)


def test_pings_are_answered_and_are_no_messages() -> None:
    pair = Pair()
    pair.client.receive_data(masked(Opcode.PING, b"x") + masked(Opcode.PONG, b"y"), 3.0)
    pair.provider.receive_data(encode_frame(FIN | Opcode.PING, b"z"), 3.0)
    assert pair.to_client() == [("pong", b"x")]
    assert pair.to_provider() == [("pong", b"z")]
    assert (pair.client.moved, pair.provider.moved) == (0.0, 0.0)


def test_with_much_unsent_the_latest_ping_is_answered_later() -> None:
    pair = Pair()
    pair.provider.receive_data(encode_frame(FIN | Opcode.BINARY, bytes(998)), 0.0)  # 1002 bytes in all
    for payload in (b"1", b"2", b"3"):
        pair.client.receive_data(masked(Opcode.PING, payload), 1.0)
    assert len(pair.to_client()) == 1
    pair.take("client", 2.0, 2)  # 1000: still as much as may wait
    assert len(pair.to_client()) == 1
    pair.take("client", 2.0, 1)
    assert pair.to_client()[1:] == [("pong", b"3")]
    pair.take("client", 3.0)
    assert len(pair.to_client()) == 2


@pytest.mark.parametrize("place", ["client", "provider"])
def test_a_side_is_held_above_the_mark_and_let_go_at_a_quarter(place: str) -> None:
    pair = Pair()
    side = pair.client if place == "client" else pair.provider
    other = "provider" if place == "client" else "client"
    key = KEY if place == "client" else None
    calls = pair.pipes[place].calls
    head = 8 if place == "client" else 4
    side.receive_data(encode_frame(FIN | Opcode.BINARY, bytes(1000 - head), key), 0.0)
    assert calls == []  # exactly the mark
    side.receive_data(encode_frame(FIN | Opcode.BINARY, b"", key), 0.0)
    assert calls == ["pause"]
    side.receive_data(encode_frame(FIN | Opcode.BINARY, b"", key), 0.0)  # was under way
    rest = pair.pipes[other].outstanding
    pair.take(other, 1.0, rest - 251)
    assert calls == ["pause"]
    pair.take(other, 1.0, 1)
    assert calls == ["pause", "resume"]
    pair.take(other, 1.0)
    assert calls == ["pause", "resume"]
    assert pair.pipes[other].calls == []


def test_a_pong_that_waited_does_not_count_before_the_other_side_is_resumed() -> None:
    pair = Pair()
    pair.provider.receive_data(encode_frame(FIN | Opcode.BINARY, bytes(1200)), 0.0)
    assert pair.pipes["provider"].calls == ["pause"]
    pair.client.receive_data(masked(Opcode.PING, b"late"), 1.0)
    pair.take("client", 2.0, pair.pipes["client"].outstanding - 250)  # exactly a quarter is left
    assert pair.pipes["provider"].calls == ["pause", "resume"]
    assert pair.to_client()[-1] == ("pong", b"late")


def test_silence_is_asked_after_and_no_answer_is_the_end() -> None:
    pair = Pair()
    pair.client.receive_data(masked(Opcode.PONG), 10.0)
    pair.fire(39.9)
    assert pair.to_client() == []
    pair.fire(40.0)
    assert pair.to_client() == [("ping", b"")]
    pair.fire(59.0)  # not confirmed yet: the clock has not begun
    pair.take("client", 60.0)
    pair.fire(79.9)
    assert pair.ends == []
    pair.fire(80.0)
    assert pair.ends[0][:2] == ("client", 1006)
    assert "within 20 s of a ping" in pair.ends[0][2]
    assert pair.pipes["client"].calls[0] == "abort"


@pytest.mark.parametrize("pong_s", [10.0, 25.0, 60.0])
def test_no_further_ping_is_sent_while_one_waits_for_its_answer(pong_s: float) -> None:
    """Else each would put off the end, where pings come faster than an answer may take."""
    pair = Pair(Timeouts(ping_after_s=10.0, pong_s=pong_s))
    for now in range(1, int(10 + pong_s)):
        pair.fire(float(now))
        if pair.pipes["client"].outstanding:
            pair.take("client", float(now))
    assert pair.to_client() == [("ping", b"")]
    assert pair.ends == []
    pair.fire(10 + pong_s)
    assert pair.ends[0][:2] == ("client", 1006)


def test_any_byte_and_any_taken_byte_is_life() -> None:
    pair = Pair()
    pair.fire(30.0)
    pair.take("client", 30.0)
    pair.client.receive_data(masked(Opcode.BINARY, b"x")[:1], 49.0)  # not even a whole frame
    pair.fire(78.9)
    assert len(pair.to_client()) == 1
    pair.fire(79.0)
    assert len(pair.to_client()) == 2
    pair.take("client", 79.0)
    pair.pipes["client"].write(encode_frame(FIN | Opcode.TEXT, b"x"), 80.0)
    pair.take("client", 98.0)
    pair.provider.receive_data(b"\x8a\x00", 98.0)
    pair.fire(127.9)
    assert not [end for end in pair.ends if end[0] == "client"]
    assert len(pair.to_client()) == 3


def test_no_ping_while_bytes_wait_or_the_side_is_held() -> None:
    pair = Pair()
    pair.provider.receive_data(encode_frame(FIN | Opcode.BINARY, bytes(1001)), 0.0)
    pair.fire(30.0)
    pair.fire(60.0)
    assert len(pair.to_client()) == 1  # bytes wait
    assert pair.to_provider() == []  # it is held
    pair.take("client", 61.0)
    pair.take("provider", 61.0)
    pair.fire(90.9)
    assert pair.to_provider() == []
    pair.fire(91.0)
    assert pair.to_provider() == [("ping", b"")]


def test_a_side_held_after_its_ping_need_not_answer() -> None:
    pair = Pair()
    pair.fire(30.0)
    pair.take("provider", 30.0)
    pair.provider.receive_data(encode_frame(FIN | Opcode.BINARY, bytes(1001)), 31.0)
    pair.fire(100.0)
    assert not [end for end in pair.ends if end[0] == "provider"]


@pytest.mark.parametrize("reply", ["close", "violation", "eof", "lost", "nothing", "nothing taken"])
def test_a_close_is_waited_for_with_a_limit(reply: str) -> None:
    pair = Pair()
    pair.client.close(CloseFrame(4000, "why"), 10.0, peer_closed=False)
    assert pair.to_client() == [("close", 4000, "why")]
    pair.client.receive_data(masked(Opcode.TEXT, b"too late") + masked(Opcode.PING, b"x"), 11.0)
    assert pair.pipes["provider"].writes == []
    assert len(pair.pipes["client"].writes) == 1
    calls = pair.pipes["client"].calls
    if reply != "nothing taken":
        pair.take("client", 11.0)
    match reply:
        case "close":
            pair.client.receive_data(masked(Opcode.CLOSE, b"\x0f\xa0"), 12.0)
        case "violation":
            pair.client.receive_data(masked(0x3), 12.0)
        case "eof":
            pair.client.receive_eof(12.0)
        case "lost":
            pair.client.connection_lost("reset", 12.0)
        case _:
            due = 15.0 if reply == "nothing taken" else 16.0  # it counts from the last progress
            pair.fire(due - 0.1)
            assert calls == []
            pair.fire(due)
    assert pair.finished == ["client"]
    assert calls == (["abort", "end"] if reply == "nothing taken" else ["end"])
    assert pair.ends == []  # the relay knows already
    pair.client.receive_data(b"late", 16.0)
    pair.client.receive_eof(16.0)
    pair.fire(1000.0)
    assert pair.finished == ["client"]


def test_an_ended_side_is_not_asked_for_life() -> None:
    pair = Pair()
    pair.fire(30.0)
    pair.take("client", 46.0)  # a ping is under way, its answer due at 66
    pair.client.close(CloseFrame(1001, ""), 63.0, peer_closed=False)
    pair.take("client", 63.0)
    pair.fire(67.0)
    assert pair.pipes["client"].calls == []
    pair.fire(68.0)
    assert pair.pipes["client"].calls == ["end"]


def test_a_held_side_is_read_again_for_its_close() -> None:
    pair = Pair()
    pair.provider.receive_data(encode_frame(FIN | Opcode.BINARY, bytes(1001)), 0.0)
    pair.provider.close(CloseFrame(1001, ""), 1.0, peer_closed=False)
    assert pair.pipes["provider"].calls == ["pause", "resume"]


@pytest.mark.parametrize(
    ("read", "code", "how"),
    [
        (masked(Opcode.CLOSE, b"\x03\xe9why"), 1001, CloseCause.CLOSED),
        (masked(Opcode.CLOSE), 1005, CloseCause.CLOSED),
        (masked(0x3), 1002, CloseCause.BROKE),
        (masked(Opcode.BINARY, bytes(5001)), 1009, CloseCause.BROKE),
        (masked(Opcode.CLOSE, b"\x03\xe9\xff"), 1001, CloseCause.CLOSED),
        (masked(Opcode.CLOSE, b"\x03\xee"), 1002, CloseCause.BROKE),
    ],
)
def test_ends_are_told_with_their_code(read: bytes, code: int, how: CloseCause) -> None:
    pair = Pair()
    pair.client.receive_data(read + masked(Opcode.TEXT, b"behind"), 0.0)
    ((place, told, _, told_how),) = pair.ends
    assert (place, told, told_how) == ("client", code, how)
    assert pair.pipes["provider"].writes == []
    assert pair.pipes["client"].calls == ["end"]


def test_a_loss_says_what_happened() -> None:
    for place in ("client", "provider"):
        ended, lost = Pair(), Pair()
        (ended.client if place == "client" else ended.provider).receive_eof(0.0)
        (lost.client if place == "client" else lost.provider).connection_lost("reset", 0.0)
        cause = CloseCause.HALF_CLOSED if place == "client" else CloseCause.LOST
        assert ended.ends == [(place, 1006, f"the {place}'s connection ended without a close frame", cause)]
        assert lost.ends == [(place, 1006, f"the {place}'s connection was lost: reset", CloseCause.LOST)]
        assert lost.pipes[place].writes == []


@pytest.mark.parametrize("passing", [False, True])
def test_a_side_that_ends_while_memory_is_short_is_read_again(passing: bool) -> None:
    pair = Pair()
    calls = pair.pipes["provider"].calls
    pair.provider.squeeze(1.0, on=True)
    assert calls == ["pause"]
    pair.provider.close(CloseFrame(1000, ""), 1.0, peer_closed=False, passing=passing)
    pair.provider.squeeze(2.0, on=False)
    assert calls == ["pause", "resume"]


def test_a_side_that_passes_the_rest_is_read_again_when_the_other_takes_it() -> None:
    pair = Pair()
    calls = pair.pipes["provider"].calls
    pair.provider.receive_data(encode_frame(FIN | Opcode.BINARY, bytes(900)), 0.0)
    pair.provider.squeeze(1.0, on=True)
    pair.client.wait_for_rest()
    pair.provider.close(CloseFrame(1000, ""), 1.0, peer_closed=False, passing=True)
    assert calls == ["pause"]
    pair.take("client", 2.0)
    assert calls == ["pause", "resume"]


def test_no_pong_is_awaited_while_memory_is_short() -> None:
    pair = Pair()
    pair.fire(30.0)
    pair.take("client", 30.0)  # the ping
    pair.client.squeeze(31.0, on=True)
    pair.fire(60.0)
    assert (pair.ends, pair.pipes["client"].calls) == ([], ["pause"])
    pair.client.squeeze(61.0, on=False)
    pair.fire(91.0)
    pair.take("client", 91.0)
    pair.fire(111.0)
    assert pair.pipes["client"].calls[:3] == ["pause", "resume", "abort"], "read again, it must answer"
