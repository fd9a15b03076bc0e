"""Rows are written beside the traffic; what is lost is counted and told."""

import logging
import threading
from collections.abc import Sequence

import pytest
from tests.rigs.ended_events import exchange_ended

from aigw_drivers.server.observe.records import Ended, row_of
from aigw_drivers.server.observe.rows import Row
from aigw_drivers.server.observe.sinks import Sink
from aigw_drivers.server.observe.writer import RecordWriter


class Place:
    """Keeps rows. ``gate``: a write waits for it. ``error``: raised in place of keeping them."""

    name = "place"

    def __init__(self, gate: threading.Event | None = None, error: Exception | None = None) -> None:
        self.rows: list[Row] = []
        self.closed = False
        self.writing = threading.Event()
        self._gate = gate
        self.error = error

    def write(self, rows: Sequence[Row]) -> None:
        self.writing.set()
        if self._gate is not None:
            assert self._gate.wait(30)
        if self.error is not None:
            raise self.error
        self.rows += rows

    def close(self) -> None:
        self.closed = True


def ended(number: int) -> Ended:
    return exchange_ended(number), []


def writer(sinks: Sequence[Sink], most: int = 100) -> RecordWriter[Ended]:
    made = RecordWriter(sinks, most, row_of)
    made.start()
    return made


def test_all_rows_are_in_every_place_in_order() -> None:
    places = [Place(), Place()]
    own = writer(places, most=10_000)
    for number in range(2500):
        own.add(ended(number))
    own.close(30)
    for place in places:
        assert [row.event_id for row in place.rows] == [f"e{number}" for number in range(2500)]
        assert place.closed
    assert (own.written, own.lost, own.waiting) == (2500, 0, 0)


def test_who_adds_never_waits_and_what_finds_no_room_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()
    place = Place(gate)
    own = writer([place], most=10)
    own.add(ended(0))
    assert place.writing.wait(30)
    for number in range(1, 31):
        own.add(ended(number))
    assert (own.waiting, own.dropped) == (10, 20)
    gate.set()
    with caplog.at_level(logging.WARNING, "aigw.records"):
        own.close(30)
    assert [row.event_id for row in place.rows] == [f"e{number}" for number in range(11)]
    assert "20 records are lost: more than 10 waited" in caplog.text


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), TypeError("a bug")])
def test_one_place_that_fails_takes_nothing_from_the_others(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    bad, good = Place(error=error), Place()
    with caplog.at_level(logging.WARNING, "aigw.records"):
        own = writer([bad, good])
        own.add(ended(0))
        own.close(30)
    assert [row.event_id for row in good.rows] == ["e0"]
    assert (own.written, own.failed) == (0, 1)
    assert "cannot be written to place" in caplog.text
    assert "1 records are lost" in caplog.text


def test_a_place_that_hangs_does_not_keep_the_server(caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()
    own = writer([Place(gate)])
    own.add(ended(0))
    with caplog.at_level(logging.WARNING, "aigw.records"):
        own.close(0.01)
    assert "not written in time" in caplog.text
    gate.set()


def test_a_row_that_cannot_be_made_does_not_end_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    place = Place()

    def make(raw: Ended) -> Row:
        if (raw[0].log_id or "").endswith("1"):
            raise KeyError("a bug")
        return row_of(raw)

    own = RecordWriter([place], 100, make)
    with caplog.at_level(logging.WARNING, "aigw.records"):
        own.start()
        for number in range(4):
            own.add(ended(number))
        own.close(30)
    assert [row.event_id for row in place.rows] == ["e0", "e2", "e3"]
    assert place.closed
    assert (own.written, own.failed) == (3, 1)
    assert "records cannot be made" in caplog.text
    assert "1 records are lost" in caplog.text


class Picky(Place):
    """Cannot keep one of the rows, and so none that comes with it."""

    def write(self, rows: Sequence[Row]) -> None:
        if any(row.event_id == "e1" for row in rows):
            raise OverflowError("int too large")
        super().write(rows)


def test_a_row_that_cannot_be_kept_takes_nothing_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()
    picky, good = Picky(), Place(gate)
    own = writer([good, picky])
    own.add(ended(9))
    assert good.writing.wait(30)
    for number in range(4):  # they are written together
        own.add(ended(number))
    gate.set()
    with caplog.at_level(logging.WARNING, "aigw.records"):
        own.close(30)
    assert [row.event_id for row in picky.rows] == ["e9", "e0", "e2", "e3"]
    assert len(good.rows) == 5
    assert (own.written, own.failed) == (4, 1)
    assert [record.message for record in caplog.records].count("records cannot be written to place: int too large") == 1


def test_a_place_that_cannot_be_closed_leaves_the_others_closed(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(Place):
        def close(self) -> None:
            raise OSError("no")

    last = Place()
    own = writer([Stuck(), last])
    own.close(30)
    assert last.closed
    assert "place cannot be closed" in caplog.text
