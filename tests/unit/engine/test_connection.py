"""A connection's close, abort, stall and loss: each effect at most once, and an end that comes for certain."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.core_rig import short

from aigw_sansio.config import Config, Timeouts
from aigw_sansio.engine.connection import Connection
from aigw_sansio.engine.services import Services
from aigw_sansio.errors import LocalProtocolError


class Box:
    def __init__(self) -> None:
        self.services = Services(Config(timeouts=Timeouts(close_s=5, write_stall_s=60)), b"seed", 0.0)
        self.conn = Connection(self.services, self.services.issue_conn())

    def effects(self) -> list[str]:
        return [short(effect).partition(" ")[0] for effect in self.services.take_effects()]

    def send(self, n: int, now: float) -> None:
        self.conn.data_sent(len(self.conn.buffer.pull(n)), now)


def test_one_flush_until_it_is_pulled() -> None:
    box = Box()
    box.conn.write(b"ab", 0)
    box.conn.write(b"cd", 0)
    box.conn.write(b"", 0)
    assert box.effects() == ["flush"]
    assert box.conn.buffer.pull(3) == b"abc"
    box.conn.write(b"e", 0)
    assert box.effects() == []
    assert box.conn.buffer.pull(9) == b"de"
    box.conn.write(b"f", 0)
    assert box.effects() == ["flush"]


def test_a_close_that_is_not_answered_becomes_an_abort() -> None:
    box = Box()
    box.conn.write(b"last words", 0)
    box.conn.close(1)
    box.conn.close(2)
    assert box.effects() == ["flush", "close"]
    assert box.conn.buffer.pull(99) == b"last words"
    assert box.services.timers.next_deadline() == 6
    box.services.timers.fire(6)
    assert box.effects() == ["abort"]
    box.conn.close(7)
    box.conn.close(7, abort=True)
    box.services.timers.fire(1000)
    assert box.effects() == []
    box.conn.closed(8)
    assert box.services.timers.next_deadline() is None


def test_a_close_that_is_answered_is_all() -> None:
    box = Box()
    box.conn.close(0)
    box.conn.closed(1)
    box.services.timers.fire(1000)
    assert box.effects() == ["close"]


def test_an_abort_hastens_a_close_and_drops_what_waits() -> None:
    box = Box()
    box.conn.write(b"abcdef", 0)
    assert box.conn.buffer.pull(2) == b"ab"
    box.conn.close(0)
    box.conn.close(0, abort=True)
    assert box.effects() == ["flush", "close", "abort"]
    assert box.conn.buffer.pull(99) == b""
    box.conn.data_sent(2, 1)
    assert box.conn.buffer.size == 0
    assert box.services.timers.next_deadline() is None


def test_nothing_is_written_pauses_or_resumes_after_a_close() -> None:
    for end in ("close", "abort", "mark_lost", "closed"):
        box = Box()
        if end == "close":
            box.conn.close(0)
        elif end == "abort":
            box.conn.close(0, abort=True)
        elif end == "mark_lost":
            box.conn.mark_lost()
        else:
            box.conn.closed(0)
        box.effects()
        box.conn.write(b"x", 0)
        box.conn.pause_reading()
        box.conn.resume_reading()
        assert box.effects() == [], end
        assert box.conn.buffer.pull(9) == b""


def test_a_peer_that_takes_nothing_is_aborted() -> None:
    box = Box()
    box.conn.write(b"a" * 100, 0)
    assert len(box.conn.buffer.pull(100)) == 100
    box.services.timers.fire(59.9)
    assert box.effects() == ["flush"]
    box.services.timers.fire(60)
    assert box.effects() == ["abort"]
    assert box.conn.ended


def test_a_peer_that_takes_a_little_lives_on() -> None:
    box = Box()
    box.conn.write(b"a" * 100, 0)
    for second in range(50, 500, 50):
        box.send(10, second)
        box.services.timers.fire(second)
    assert box.effects() == ["flush"]
    box.send(10, 500)
    assert box.services.timers.next_deadline() is None, "all is sent: there is nothing to stall"
    box.conn.write(b"b", 1000)
    box.services.timers.fire(1059)
    assert box.effects() == ["flush"]


def test_more_to_write_does_not_put_the_stall_off() -> None:
    box = Box()
    for second in range(0, 60, 10):
        box.conn.write(b"a", second)
    box.services.timers.fire(60)
    assert box.effects() == ["flush", "abort"]


def test_pause_and_resume_alternate() -> None:
    box = Box()
    box.conn.resume_reading()
    box.conn.pause_reading()
    box.conn.pause_reading()
    box.conn.resume_reading()
    box.conn.resume_reading()
    assert box.effects() == ["pause", "resume"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_it_is_resumed_when_no_reason_to_pause_is_left(order: tuple[int, ...]) -> None:
    box = Box()
    conn = box.conn
    pauses = [conn.pause_reading, conn.hold_peer, lambda: conn.squeeze(0.0, on=True)]
    resumes = [conn.resume_reading, lambda: conn.resume_peer(0.0), lambda: conn.squeeze(0.0, on=False)]
    for pause in pauses:
        pause()
        assert not conn.reading
    assert box.effects() == ["pause"]
    for index in order[:2]:
        resumes[index]()
        resumes[index]()
        assert (conn.reading, box.effects()) == (False, [])
    resumes[order[2]]()
    assert (conn.reading, box.effects()) == (True, ["resume"])


def test_a_loss_closes_nothing_and_leaves_no_clock() -> None:
    box = Box()
    box.conn.write(b"abcdef", 0)
    assert box.conn.buffer.pull(4) == b"abcd"
    box.conn.connection_lost("reset", 0)
    box.conn.close(0)
    box.conn.close(0, abort=True)
    assert box.effects() == ["flush"]
    box.conn.data_sent(2, 1)  # a confirmation under way
    assert box.services.timers.next_deadline() is None
    box.conn.closed(1)


def test_eof_closes_after_what_is_queued() -> None:
    box = Box()
    box.conn.write(b"abc", 0)
    box.conn.receive_eof(0)
    assert box.effects() == ["flush", "close"]
    assert box.conn.buffer.pull(9) == b"abc"


def test_confirming_too_much_is_misuse() -> None:
    box = Box()
    box.conn.write(b"abc", 0)
    assert box.conn.buffer.pull(2) == b"ab"
    for n in (3, -1):
        with pytest.raises(LocalProtocolError):
            box.conn.data_sent(n, 0)
    box.conn.data_sent(2, 0)


MOVES = st.lists(st.sampled_from(["write", "pull", "sent", "close", "abort", "eof", "lost", "pause", "resume", "time", "closed"]),
                 max_size=25)  # fmt: skip


@given(MOVES)
def test_each_effect_at_most_once_in_any_order(moves: list[str]) -> None:
    box = Box()
    now, ended, effects = 0.0, False, []
    for move in moves:
        if move == "write":
            box.conn.write(b"abcd", now)
        elif move == "pull":
            box.conn.buffer.pull(3)
        elif move == "sent":
            box.conn.data_sent(min(box.conn.buffer.pulled, 2), now)
        elif move == "close":
            box.conn.close(now)
        elif move == "abort":
            box.conn.close(now, abort=True)
        elif move == "pause":
            box.conn.pause_reading()
        elif move == "resume":
            box.conn.resume_reading()
        elif move == "time":
            now += 30
            box.services.timers.fire(now)
            assert box.services.timers.next_deadline() is None or box.services.timers.next_deadline() > now  # type: ignore[operator]
        elif not ended and move == "eof":
            box.conn.receive_eof(now)
        elif not ended and move in ("lost", "closed"):
            ended = True
            if move == "lost":
                box.conn.connection_lost("reset", now)
            box.conn.closed(now)
        effects += box.effects()
    assert effects.count("close") <= 1
    assert effects.count("abort") <= 1
    ends = [index for index, effect in enumerate(effects) if effect in ("close", "abort")]
    assert all(effect in ("abort",) for effect in effects[ends[0] + 1 :]) if ends else True
    reading = [effect for effect in effects if effect in ("pause", "resume")]
    assert all(a != b for a, b in itertools.pairwise(reading))
    box.conn.closed(now)
    assert box.services.timers.next_deadline() is None
    assert box.conn.buffer.pull(9) == b""
