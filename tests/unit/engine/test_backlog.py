"""A backlog: the rest of a read, and the ends behind it."""

from aigw_sansio.engine.backlog import Backlog
from aigw_sansio.engine.turns import EVENT_BYTES, PORTION_EVENTS, TURN_BYTES, TURN_EVENTS, Turns


class Reader:
    """Reads one event for each byte, in portions."""

    def __init__(self) -> None:
        self.turns = Turns(lambda: self.log.append("continue"))
        self.backlog = Backlog(self.turns, self)
        self.kept = b""
        self.read = 0
        self.log: list[str] = []

    def call(self, data: bytes) -> None:
        self.turns.left = TURN_BYTES
        self.receive_data(data, 0.0)

    def receive_data(self, data: bytes, now: float) -> None:
        self.kept += data
        left = self.turns.left
        if left <= 0:
            self.backlog.postpone()
            return
        self.read += len(self.kept[:PORTION_EVENTS])
        self.turns.left -= len(self.kept[:PORTION_EVENTS]) * EVENT_BYTES
        self.kept = self.kept[PORTION_EVENTS:]
        if self.kept:
            self.backlog.portion_read(left, now)

    def hold_peer(self) -> None:
        self.log.append("hold")

    def resume_peer(self, now: float) -> None:
        self.log.append("resume")

    def end(self, now: float) -> None:
        self.log.append(f"end behind {self.read}")


def test_what_fits_into_a_turn_is_read_at_once() -> None:
    reader = Reader()
    reader.call(bytes(TURN_EVENTS - PORTION_EVENTS))
    assert (reader.read, reader.log, reader.backlog.waits) == (TURN_EVENTS - PORTION_EVENTS, [], False)


def test_the_rest_follows_and_the_peer_is_paused_until_then() -> None:
    reader = Reader()
    reader.call(bytes(3 * TURN_EVENTS))
    assert TURN_EVENTS <= reader.read <= TURN_EVENTS + PORTION_EVENTS
    assert reader.backlog.waits
    assert sorted(reader.log) == ["continue", "hold"]
    while reader.turns.waiting:
        reader.turns.proceed(0.0)
    assert reader.read == 3 * TURN_EVENTS
    assert reader.log.count("hold") == reader.log.count("resume") == 1
    assert not reader.backlog.holds


def test_ends_come_behind_all_of_it_and_in_order() -> None:
    reader = Reader()
    reader.call(bytes(2 * TURN_EVENTS))
    reader.backlog.end_later(reader.end)
    reader.backlog.end_later(lambda now: reader.log.append("lost"))
    while reader.turns.waiting:
        reader.turns.proceed(0.0)
    assert reader.log[-3:] == ["resume", f"end behind {2 * TURN_EVENTS}", "lost"]


def test_one_more_read_is_kept_behind_it() -> None:
    reader = Reader()
    reader.call(bytes(2 * TURN_EVENTS))
    reader.call(bytes(10))
    while reader.turns.waiting:
        reader.turns.proceed(0.0)
    assert reader.read == 2 * TURN_EVENTS + 10
    assert reader.log.count("resume") == 1


def test_closed_it_lets_nothing_wait() -> None:
    reader = Reader()
    reader.call(bytes(2 * TURN_EVENTS))
    reader.backlog.end_later(reader.end)
    reader.backlog.close()
    reader.call(bytes(10))
    assert (reader.backlog.waits, reader.backlog.holds, reader.turns.waiting) == (False, False, 0)
    assert "end" not in "".join(reader.log)
