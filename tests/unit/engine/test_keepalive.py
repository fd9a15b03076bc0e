"""Whether a peer is still there: pings after silence, and who is declared dead when."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.core_rig import Rig

from aigw_sansio.config import Timeouts
from aigw_sansio.engine.keepalive import Keepalive

PING_AFTER_S, PONG_S = 30.0, 20.0


class Socket(Rig):
    """A WebSocket as its keepalive sees it, whose transport takes bytes when it is told to. ``said`` is all that the
    keepalive did, with its time."""

    def __init__(self, ping_after_s: float = PING_AFTER_S) -> None:
        super().__init__(timeouts=Timeouts(ping_after_s=ping_after_s, pong_s=PONG_S))
        self.said: list[tuple[float, str]] = []
        self.heard_at = 0.0
        self.taking = True
        self.paused = False
        self.unsent = False
        self.keepalive = Keepalive(self.services, self, 0.0)

    # -- KeepaliveOwner

    def last_heard(self) -> float:
        return self.heard_at

    def may_ping(self) -> bool:
        return not self.paused and not self.unsent

    def send_ping(self, now: float) -> None:
        self.said.append((now, "ping"))
        self.unsent = True
        if self.taking:
            self.take_all()

    def peer_dead(self, now: float) -> None:
        self.said.append((now, "dead"))
        self.keepalive.close()

    # -- what happens to it

    def at(self, time: float, *actions: Callable[[], None]) -> None:
        """Let the clock run to ``time``, then do ``actions``."""
        self.pass_time(time - self.now)
        for action in actions:
            action()

    def hear(self) -> None:
        self.heard_at = self.now
        if self.keepalive.awaiting:
            self.keepalive.stop_waiting()

    def take_all(self) -> None:
        """The transport takes what was written."""
        self.unsent = False
        if self.keepalive.ping_unsent:
            self.keepalive.ping_sent(self.now, paused=self.paused)

    def stop_taking(self) -> None:
        self.taking = False

    def write(self) -> None:
        """Something else waits for the transport."""
        self.unsent = True

    def pause(self) -> None:
        self.paused = True
        self.keepalive.stop_waiting()

    def resume(self) -> None:
        self.paused = False
        self.hear()

    def close(self) -> None:
        self.keepalive.close()

    def waits(self) -> tuple[bool, bool]:
        """For an answer, and for a ping to leave."""
        return self.keepalive.awaiting, self.keepalive.ping_unsent


def test_silence_then_a_ping_then_the_end() -> None:
    socket = Socket()
    socket.at(1000.0)
    assert socket.said == [(30.0, "ping"), (50.0, "dead")]


def test_an_answer_is_anything_that_is_heard() -> None:
    socket = Socket()
    socket.at(49.9, socket.hear)
    assert not socket.keepalive.awaiting
    socket.at(79.8)
    assert socket.said == [(30.0, "ping")]
    socket.at(120.0)  # the next silence is counted from what was heard last
    assert socket.said == [(30.0, "ping"), (79.9, "ping"), (99.9, "dead")]


def test_a_peer_that_is_heard_in_time_gets_no_ping() -> None:
    socket = Socket()
    for time in range(29, 290, 29):
        socket.at(float(time), socket.hear)
    assert socket.said == []
    socket.at(1000.0)  # it was heard at 261 for the last time
    assert socket.said == [(291.0, "ping"), (311.0, "dead")]


def test_the_clock_for_the_answer_begins_when_the_ping_has_left() -> None:
    socket = Socket()
    socket.stop_taking()
    socket.at(45.0)
    assert socket.waits() == (False, True)
    assert socket.services.timers.next_deadline() == 60.0  # that of the next silence
    socket.take_all()
    assert socket.waits() == (True, False)
    socket.at(1000.0)
    assert socket.said == [(30.0, "ping"), (65.0, "dead")]


def test_a_ping_that_never_leaves_kills_nobody_and_is_not_repeated() -> None:
    """A transport that takes nothing is the business of the connection."""
    socket = Socket()
    socket.stop_taking()
    socket.at(1000.0)
    assert socket.said == [(30.0, "ping")]


def test_one_ping_at_a_time() -> None:
    """The answer may take longer than the next silence: it is not asked for twice."""
    socket = Socket(ping_after_s=5.0)
    socket.at(1000.0)
    assert socket.said == [(5.0, "ping"), (25.0, "dead")]


def test_no_ping_while_something_waits_to_be_sent() -> None:
    """The peer may be silent because it is busy reading."""
    socket = Socket()
    socket.at(10.0, socket.write)
    socket.at(59.0, socket.take_all)
    assert socket.said == []
    socket.at(1000.0)
    assert socket.said == [(60.0, "ping"), (80.0, "dead")]


def test_a_paused_peer_is_neither_asked_nor_declared_dead() -> None:
    socket = Socket()
    socket.at(10.0, socket.pause)
    socket.at(500.0)
    assert socket.said == []
    socket.at(505.0, socket.resume)
    socket.at(534.9)
    assert socket.said == []
    socket.at(1000.0)
    assert socket.said == [(535.0, "ping"), (555.0, "dead")]


def test_a_pause_while_the_answer_is_awaited_stops_the_clock() -> None:
    socket = Socket()
    socket.at(40.0, socket.pause)
    assert not socket.keepalive.awaiting
    socket.at(500.0, socket.resume)
    socket.at(529.9)
    assert socket.said == [(30.0, "ping")]
    socket.at(1000.0)
    assert socket.said == [(30.0, "ping"), (530.0, "ping"), (550.0, "dead")]


def test_a_ping_that_leaves_during_a_pause_has_no_time_limit() -> None:
    socket = Socket()
    socket.stop_taking()
    socket.at(35.0, socket.pause)
    socket.at(40.0, socket.take_all)
    assert not socket.keepalive.awaiting
    socket.at(500.0)
    assert socket.said == [(30.0, "ping")]


@pytest.mark.parametrize("time", [10.0, 40.0])
def test_after_the_end_no_timer_fires(time: float) -> None:
    socket = Socket()
    socket.at(time, socket.close)
    said = list(socket.said)
    assert socket.services.timers.next_deadline() is None
    assert not socket.keepalive.awaiting
    socket.at(1000.0)
    assert socket.said == said


MOVES = ("hear", "take_all", "stop_taking", "write", "pause", "resume")


@given(moves=st.lists(st.tuples(st.sampled_from([0.0, 0.5, 7.0, 19.9, 20.0, 30.0, 41.0]), st.sampled_from(MOVES))))
def test_only_a_silent_peer_is_declared_dead(moves: list[tuple[float, str]]) -> None:
    """Whatever happens: the peer is declared dead exactly if it was read and silent for ``pong_s`` after a ping left;
    a ping is written after ``ping_after_s`` of silence, while the peer is read; no deadline lies in the past."""
    socket = Socket()
    heard: list[float] = [0.0]  # when it was heard, paused or resumed
    left: list[float] = []  # when a ping left
    take = socket.take_all

    def noted_take() -> None:
        if socket.keepalive.ping_unsent and not socket.paused:
            left.append(socket.now)
        take()

    socket.take_all = noted_take  # type: ignore[method-assign]
    for pause, move in moves:
        socket.at(socket.now + pause)
        dead = [time for time, what in socket.said if what == "dead"]
        if dead:
            break
        getattr(socket, move)()
        if move in ("hear", "pause", "resume"):
            heard.append(socket.now)
        due = socket.services.timers.next_deadline()
        assert due is not None
        assert due > socket.now - 1e-9
        assert not (socket.keepalive.awaiting and (socket.paused or socket.keepalive.ping_unsent))
    said = socket.said
    pings = [time for time, what in said if what == "ping"]
    deaths = [time for time, what in said if what == "dead"]
    for ping in pings:
        assert not [time for time in heard if ping - PING_AFTER_S < time < ping]
    assert len(deaths) <= 1
    for death in deaths:
        assert left
        assert death == left[-1] + PONG_S
        assert not [time for time in heard if left[-1] <= time < death and time != left[-1]]
    silent = not deaths and not socket.paused and not socket.unsent and socket.taking
    if silent:  # and a peer that stays silent is found out
        socket.at(socket.now + 2 * PING_AFTER_S + PONG_S)
        assert socket.said[-1][1] == "dead"
