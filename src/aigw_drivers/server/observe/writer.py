"""Writes rows to their places, beside the traffic: a request never waits for a disk.

Decides: how many rows may wait, that those which find no room are counted and told, and what becomes of an error. Must
not know: what a row tells, and where it goes.

One thread writes. It takes all that waits at once, so that a busy server writes large pieces, and lets rows gather
for a moment before it looks again. Whoever adds a row only appends it to a queue.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from ...core.threads import no_thread_is_an_os_error
from .rows import Row
from .sinks import Sink

logger = logging.getLogger("aigw.records")

#: Rows gather so long.
_GATHER_S: Final = 0.05
#: Rows that are made and written together.
_BATCH: Final = 1000
#: One line about lost rows in this time.
_TELL_AGAIN_S: Final = 60.0

_Raw = TypeVar("_Raw")


class RecordWriter(Generic[_Raw]):
    """Makes rows of what is added, and writes them. Call :meth:`start`, and at the end :meth:`close`."""

    def __init__(self, sinks: Sequence[Sink], most: int, make: Callable[[_Raw], Row]) -> None:
        """``most``: so many rows may wait. ``make`` makes a row, in the writer's thread."""
        self._sinks = tuple(sinks)
        self._most = most
        self._make = make
        self._waiting: deque[_Raw] = deque()
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        #: Rows that every place has; those that found no room; those that a place did not take.
        self.written = self.dropped = self.failed = 0
        self._told_lost = 0
        self._tell_at = 0.0
        self._complained: set[str] = set()  # since lost rows were told

    def start(self) -> None:
        """Start the thread. Raises ``OSError`` if there is none."""
        with no_thread_is_an_os_error():
            self._thread = threading.Thread(target=self._run, name="aigw-records", daemon=True)
            self._thread.start()

    @property
    def lost(self) -> int:
        """How many rows are not in every place."""
        return self.dropped + self.failed

    @property
    def waiting(self) -> int:
        """How many rows wait."""
        return len(self._waiting)

    def add(self, raw: _Raw) -> None:
        """Have a row made of ``raw`` and written. It is lost, and counted, if too many wait."""
        if len(self._waiting) >= self._most:
            self.dropped += 1
            return
        self._waiting.append(raw)
        if not self._wake.is_set():
            self._wake.set()

    def close(self, within_s: float) -> None:
        """Write what waits, and end. What is not written ``within_s`` is lost. It blocks; call it once."""
        self._stopped = True
        self._wake.set()
        assert self._thread is not None
        self._thread.join(within_s)
        if self._thread.is_alive():
            logger.warning("%d records were not written in time and are lost", len(self._waiting))

    # -- in the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not (self._stopped and not self._waiting):
            self._wake.wait()
            if not self._stopped:
                time.sleep(_GATHER_S)
            self._wake.clear()  # before the rows are taken: one that comes meanwhile sets it again
            while self._waiting:
                self._write(self._next_rows())
            self._tell_lost()
            if self._stopped:
                self._wake.set()
        for sink in self._sinks:
            try:
                sink.close()
            except Exception:  # the other places are closed too
                logger.exception("%s cannot be closed", sink.name)
        self._tell_at = 0.0
        self._tell_lost()

    def _next_rows(self) -> list[Row]:
        rows: list[Row] = []
        bug = None
        for _ in range(min(len(self._waiting), _BATCH)):
            try:
                rows.append(self._make(self._waiting.popleft()))
            except Exception as error:  # it costs one row, not the thread
                bug = error
                self.failed += 1
        if bug is not None:
            self._complain("records cannot be made", bug)
        return rows

    def _write(self, rows: list[Row]) -> None:
        lost: set[int] = set()
        for sink in self._sinks:
            lost |= self._write_to(sink, rows)
        self.failed += len(lost)
        self.written += len(rows) - len(lost)

    def _write_to(self, sink: Sink, rows: list[Row]) -> set[int]:
        """Write ``rows`` to one place. Returns which of them it did not take, by their places in ``rows``."""
        what = f"records cannot be written to {sink.name}"
        try:
            if rows:
                sink.write(rows)
        except OSError as error:
            self._complain(what, error)
            return {*range(len(rows))}
        except Exception as error:
            self._complain(what, error)
            if len(rows) > 1:  # one of them cannot be kept, and takes nothing from the others
                return {number for number, row in enumerate(rows) if self._write_to(sink, [row])}
            return {0}
        return set()

    def _complain(self, what: str, error: Exception) -> None:
        """Tell the first of its kind; the number of lost rows tells of the others."""
        if time.monotonic() < self._tell_at or what in self._complained:
            return
        self._complained.add(what)
        bug = None if isinstance(error, OSError) else error
        logger.log(logging.WARNING if bug is None else logging.ERROR, "%s: %s", what, error, exc_info=bug)

    def _tell_lost(self) -> None:
        now, lost = time.monotonic(), self.lost
        if lost > self._told_lost and now >= self._tell_at:
            self._tell_at = now + _TELL_AGAIN_S
            reason = f"more than {self._most} waited, or they could not be written"
            logger.warning("%d records are lost: %s", lost - self._told_lost, reason)
            self._told_lost = lost
        self._complained.clear()
