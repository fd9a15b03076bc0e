"""The shared part of all drivers on sockets that only take notes: which reads come, when they are written, and in how many writes."""

import sys
from collections.abc import Callable
from math import inf

import pytest

from aigw_drivers.conformance import ToyEngine
from aigw_drivers.core.link import LARGE_READ_SIZE, Link
from aigw_drivers.core.transfer import Transfer
from aigw_drivers.core.turn import PATIENCE_S, READ_COST_BYTES, TURN_BYTES
from aigw_sansio.effects import Ask, Connect
from aigw_sansio.events import PartFailed
from aigw_sansio.ids import ConnId


class NotedSocket:
    """Gives what ``coming`` holds, takes as much as ``room`` allows, and writes down each write."""

    def __init__(self) -> None:
        self.coming: list[bytes] = []
        self.writes: list[bytes] = []
        self.room = inf
        self.closed = self.ended = False

    def fileno(self) -> int:
        return -1

    def recv(self, bufsize: int, /) -> bytes:
        return self.coming.pop(0)

    def send(self, data: bytes | memoryview, /) -> int:
        if not self.room:
            raise BlockingIOError
        taken = int(min(self.room, len(data)))
        self.room -= taken
        self.writes.append(bytes(data[:taken]))
        return taken

    def shutdown(self, how: int, /) -> None:
        self.ended = True

    def setsockopt(self, level: int, option: int, value: bytes, /) -> None: ...

    def close(self) -> None:
        self.closed = True


class ManualReadiness:
    """A readiness whose turns of the loop end when the test says so."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []

    async def serve_ready(self) -> None: ...
    def start_reading(self, link: Link) -> None: ...
    def stop_reading(self, link: Link) -> None: ...
    def start_writing(self, link: Link) -> None: ...
    def stop_writing(self, link: Link) -> None: ...
    def forget(self, link: Link) -> None: ...

    def at_turn_end(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def end(self) -> None:
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback()


class Gathering(ToyEngine):
    """Passes everything on to the first connection, except for words that it obeys."""

    def on_data(self, conn: ConnId, data: bytes) -> None:
        if data == b"close":
            self.close(ConnId(1))
        elif data == b"abort":
            self.close(ConnId(1), abort=True)
        else:
            self.send(ConnId(1), data)


class Rig(Transfer):
    """It, with ``count`` connections, a clock that the test moves, and an alarm that only notes."""

    def __init__(self, engine: ToyEngine, count: int) -> None:
        self.time = 0.0
        self.alarms: list[float] = []
        super().__init__(engine, None, lambda: self.time)
        self.turns = self._readiness = ManualReadiness()
        self.sockets = [NotedSocket() for _ in range(count)]
        self.all_links = [Link(engine.open_downstream("peer", None, 0.0), sock) for sock in self.sockets]
        self._links.update((link.conn, link) for link in self.all_links)

    def _connect(self, effect: Connect, link: Link) -> None:
        raise AssertionError("nothing is dialled here")

    def _ask(self, ask: Ask) -> None:
        raise AssertionError("nothing is asked here")

    def _set_alarm(self, due: float) -> None:
        self._alarm_at = due
        self.alarms.append(due)

    def _on_released(self, conn: ConnId) -> None: ...

    def _proceed_later(self) -> None:
        self.turns.callbacks.append(self._proceed)

    def see(self, *numbers: int) -> None:
        """A turn begins in which these connections will be read, in this order."""
        self._turn.begin([self.all_links[number - 1] for number in numbers])

    def end(self) -> None:
        """The turn ends."""
        self._turn.end()
        self.turns.end()

    def read(self, number: int, data: bytes) -> None:
        """``data`` is ready on the connection ``number``, counted from 1."""
        self.sockets[number - 1].coming.append(data)
        self._on_readable(self.all_links[number - 1])


def test_what_several_reads_of_a_turn_bring_is_one_write() -> None:
    engine = Gathering()
    rig = Rig(engine, 4)
    for number, data in ((2, b"two "), (3, b"three "), (4, b"four")):
        rig.read(number, data)
    assert rig.sockets[0].writes == []
    rig.turns.end()
    assert rig.sockets[0].writes == [b"two three four"]
    assert [call.value for call in engine.named("data_sent")] == [14]
    assert len(engine.named("receive_data")) == 3


def test_each_turn_writes_its_own() -> None:
    rig = Rig(Gathering(), 2)
    for data in (b"one", b"two"):
        rig.read(2, data)
        rig.turns.end()
    assert rig.sockets[0].writes == [b"one", b"two"]


def test_a_turn_that_read_much_writes_before_it_reads_on() -> None:
    rig = Rig(Gathering(), 3)
    rig.read(2, b"a" * (TURN_BYTES - 1000 - READ_COST_BYTES))
    assert rig.sockets[0].writes == []
    rig.read(3, b"b" * (1000 - READ_COST_BYTES))
    assert sum(map(len, rig.sockets[0].writes)) == TURN_BYTES - 2 * READ_COST_BYTES
    rig.read(2, b"later")
    assert len(rig.sockets[0].writes) == 1
    rig.turns.end()
    assert rig.sockets[0].writes[1:] == [b"later"]


def test_small_reads_fill_a_turn_too() -> None:
    rig = Rig(Gathering(), 2)
    count = 0
    while not rig.sockets[0].writes:
        rig.read(2, b"d")
        count += 1
    assert count == -(-TURN_BYTES // (READ_COST_BYTES + 1))


def test_a_large_read_is_passed_on_at_once_and_leaves_nothing_to_the_end_of_the_turn() -> None:
    rig = Rig(Gathering(), 2)
    rig.read(2, b"c" * 65536)
    assert b"".join(rig.sockets[0].writes) == b"c" * 65536
    assert rig.turns.callbacks == []


def test_a_read_that_brings_nothing_to_write_asks_for_no_end_of_turn() -> None:
    class Silent(ToyEngine):
        pass

    rig = Rig(Silent(), 1)
    rig.read(1, b"heard")
    assert rig.turns.callbacks == []


class Crossed(ToyEngine):
    """Passes on from 3 and 4 to 1, from 5 to 2, and answers 6. Says nothing to ``silence``."""

    def on_data(self, conn: ConnId, data: bytes) -> None:
        if data != b"silence":
            self.send({3: ConnId(1), 4: ConnId(1), 5: ConnId(2)}.get(conn, conn), data)


def crossed() -> tuple[Crossed, Rig]:
    """Everybody has said something, each in a turn of its own."""
    engine = Crossed()
    rig = Rig(engine, 6)
    for number in (3, 4, 5, 6):
        rig.read(number, b"?")
        rig.end()
    for sock in rig.sockets:
        sock.writes.clear()
    return engine, rig


def test_output_waits_for_a_few_short_reads_of_others_and_not_for_long_ones() -> None:
    _, rig = crossed()
    rig.see(3, 5, 6)
    rig.read(3, b"first")
    rig.time += PATIENCE_S / 2
    rig.read(5, b"second")
    assert rig.sockets[0].writes == rig.sockets[1].writes == []
    rig.time += PATIENCE_S
    rig.read(6, b"third")
    assert rig.sockets[0].writes == [b"first"]
    assert rig.sockets[1].writes == [b"second"]
    assert rig.sockets[5].writes == []
    rig.end()
    assert rig.sockets[5].writes == [b"third"]


def test_a_read_that_is_alone_in_its_turn_is_written_at_once_and_leaves_nothing_to_its_end() -> None:
    engine, rig = crossed()
    rig._turn.alone = True
    rig.read(3, b"first")
    assert rig.sockets[0].writes == [b"first"]
    assert rig.turns.callbacks == []
    rig.end()
    rig.read(3, b"second")
    assert rig.sockets[0].writes == [b"first"]
    rig.end()
    assert rig.sockets[0].writes == [b"first", b"second"]
    assert not engine.breaches


def test_it_teaches_to_whom_it_writes_as_every_read_does() -> None:
    rig = Rig(Crossed(), 6)
    for number in (3, 4):
        rig._turn.alone = True
        rig.read(number, b"?")
        rig.end()
    rig.see(3, 6, 4)
    rig.read(3, b"a")
    rig.time += 2 * PATIENCE_S
    rig.read(6, b"silence")
    assert rig.sockets[0].writes == [b"?", b"?"]
    rig.read(4, b"b")
    rig.end()
    assert rig.sockets[0].writes == [b"?", b"?", b"ab"]


def test_who_wrote_to_itself_is_not_awaited_with_those_who_write_to_it() -> None:
    rig = Rig(Crossed(), 6)  # the first answers itself, and others write to it
    for number in (1, 3):
        rig.read(number, b"?")
        rig.end()
    rig.see(3, 5, 1)
    assert not rig._turn.awaited
    rig.read(3, b"a")
    rig.time += 2 * PATIENCE_S
    rig.read(5, b"silence")
    assert rig.sockets[0].writes == [b"?", b"?", b"a"]


def test_who_ends_with_its_last_read_is_no_writer_any_more() -> None:
    class Last(Crossed):
        def on_data(self, conn: ConnId, data: bytes) -> None:
            if data == b"last":
                self.close(conn, abort=True)
                self.send(ConnId(1), data)
            else:
                super().on_data(conn, data)

    engine = Last()
    rig = Rig(engine, 6)
    for number, data in ((3, b"?"), (4, b"last")):
        rig.read(number, data)
        rig.end()
    assert rig.all_links[0].writers == 1
    rig.read(3, b"last")
    rig.end()
    assert rig.all_links[0].writers == 0
    assert not engine.breaches


def test_without_sight_of_the_turn_it_is_the_same() -> None:
    _, rig = crossed()
    rig.read(3, b"first")
    rig.time += 2 * PATIENCE_S
    rig.read(4, b"second")
    assert rig.sockets[0].writes == [b"first"]
    rig.end()
    assert rig.sockets[0].writes == [b"first", b"second"]


def test_output_waits_for_the_last_read_that_adds_to_it_however_long_that_takes() -> None:
    _, rig = crossed()
    rig.see(3, 5, 4, 6)
    rig.read(3, b"a")
    rig.time += 2 * PATIENCE_S
    rig.read(5, b"other")
    rig.time += 2 * PATIENCE_S
    rig.read(4, b"b")
    assert rig.sockets[0].writes == []
    assert rig.sockets[1].writes == [b"other"]
    rig.time += 2 * PATIENCE_S
    rig.read(6, b"")
    assert rig.sockets[0].writes == [b"ab"]


def test_a_read_that_adds_nothing_after_all_is_not_waited_for_any_longer() -> None:
    _, rig = crossed()
    rig.see(3, 4, 6)
    rig.read(3, b"a")
    rig.read(4, b"silence")
    rig.time += 2 * PATIENCE_S
    rig.read(6, b"silence")
    assert rig.sockets[0].writes == [b"a"]


def test_output_after_a_flush_that_left_nothing_waits_no_longer_than_the_first() -> None:
    _, rig = crossed()
    rig.see(5, 6, 3, 4)
    for data in (b"first", b"second"):
        rig.read(5, data)
        rig.time += 2 * PATIENCE_S
        rig.read(6, b"silence")
        assert rig.sockets[1].writes[-1:] == [data]
    rig.end()
    assert rig.sockets[1].writes == [b"first", b"second"]


def test_who_was_awaited_and_is_gone_holds_nothing_up_beyond_the_turn() -> None:
    engine, rig = crossed()
    rig.see(3, 4, 6)
    rig.read(3, b"a")
    rig._abort(rig.all_links[3])
    rig.time += 2 * PATIENCE_S
    rig.read(6, b"silence")
    assert rig.sockets[0].writes == []
    rig.end()
    assert rig.sockets[0].writes == [b"a"]
    rig.read(3, b"b")
    rig.time += 2 * PATIENCE_S
    rig.read(6, b"silence")
    assert rig.sockets[0].writes == [b"a", b"b"]
    assert not engine.breaches


def test_a_turn_that_read_much_writes_what_still_waits_for_others_too() -> None:
    _, rig = crossed()
    rig.see(3, 5, 4)
    rig.read(3, b"a")
    rig.time += 2 * PATIENCE_S
    rig.read(5, b"b" * (TURN_BYTES - 2 * READ_COST_BYTES - 1))
    assert rig.sockets[0].writes == [b"a"]
    assert len(b"".join(rig.sockets[1].writes)) == TURN_BYTES - 2 * READ_COST_BYTES - 1


def test_a_write_before_a_read_may_end_the_connection_that_was_read() -> None:
    class Fatal(Crossed):
        def on_sent(self, conn: ConnId) -> None:
            if conn == 1:
                self.close(ConnId(5), abort=True)

    engine = Fatal()
    rig = Rig(engine, 6)
    rig.read(3, b"a")
    rig.time += 2 * PATIENCE_S
    rig.read(5, b"never delivered")
    assert rig.sockets[0].writes == [b"a"]
    assert rig.sockets[4].closed
    assert engine.names(5)[-1] == "closed"
    rig.end()
    assert not engine.breaches


def test_closing_in_the_same_turn_sends_first() -> None:
    engine = Gathering()
    rig = Rig(engine, 2)
    rig.read(2, b"last words")
    rig.read(2, b"close")
    rig.turns.end()
    assert rig.sockets[0].writes == [b"last words"]
    assert rig.sockets[0].ended
    assert not rig.sockets[0].closed  # until the peer ends as well


def test_an_engine_whose_own_default_is_smaller_is_asked_for_all() -> None:
    class Small(Gathering):
        def data_to_send(self, conn: ConnId, limit: int = 1000) -> bytes:
            return super().data_to_send(conn, limit)

    rig = Rig(Small(), 2)
    rig.read(2, b"s" * 3000)
    rig.end()
    assert rig.sockets[0].writes == [b"s" * 3000]


def test_aborting_in_the_same_turn_sends_nothing() -> None:
    engine = Gathering()
    rig = Rig(engine, 2)
    rig.read(2, b"never sent")
    rig.read(2, b"abort")
    rig.turns.end()
    assert rig.sockets[0].writes == []
    assert rig.sockets[0].closed
    assert engine.names(1)[-1] == "closed"
    assert not engine.breaches


def test_what_the_socket_does_not_take_waits_for_it() -> None:
    engine = Gathering()
    rig = Rig(engine, 2)
    rig.sockets[0].room = 3
    rig.read(2, b"abcdef")
    rig.turns.end()
    rig.read(2, b"ghi")
    rig.turns.end()
    assert rig.sockets[0].writes == [b"abc"]
    rig.sockets[0].room = inf
    rig._on_writable(rig.all_links[0])
    assert b"".join(rig.sockets[0].writes) == b"abcdefghi"
    assert not engine.breaches


def test_the_alarm_is_set_behind_the_writes() -> None:
    class Impatient(Gathering):
        def on_sent(self, conn: ConnId) -> None:
            self.due = self.now + 1

    rig = Rig(Impatient(), 2)
    rig.read(2, b"x")
    rig.time = 5.0
    rig.turns.end()
    assert rig.alarms == [6.0]


@pytest.mark.parametrize(("where", "told"), [("acme.py:7 read", "acme.py:7 read"), ("", "its return")])
def test_a_bug_in_a_part_of_the_host_s_own_is_logged_whoever_listens(
    where: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Bug(Gathering):
        def on_data(self, conn: ConnId, data: bytes) -> None:
            self.emit(PartFailed(log_id="l", part="reader of acme", error="ValueError", where=where))

    Rig(Bug(), 1).read(1, b"anything")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("aigw.driver", "ERROR")
    assert record.message == f"the host's reader of acme failed: ValueError at {told}"


def test_who_has_sent_much_at_once_is_read_in_larger_pieces() -> None:
    sizes: list[int] = []

    class Measured(NotedSocket):
        def recv(self, bufsize: int, /) -> bytes:
            sizes.append(bufsize)
            return super().recv(bufsize)

    rig = Rig(Gathering(), 2)
    rig.all_links[1].socket = rig.sockets[1] = Measured()
    for data in (b"little", b"x" * 65536, b"little"):
        rig.read(2, data)
        rig.end()
    assert sizes == [65536, 65536, LARGE_READ_SIZE]
    assert sys.getsizeof(bytes(LARGE_READ_SIZE)) < 128 * 1024 - 64  # from which on glibc maps memory for each read
