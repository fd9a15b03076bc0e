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
                count = min(len(self._waiting), _BATCH)
                self._write([self._make(self._waiting.popleft()) for _ in range(count)])
            self._tell_lost()
            if self._stopped:
                self._wake.set()
        for sink in self._sinks:
            sink.close()
        self._tell_at = 0.0
        self._tell_lost()

    def _write(self, rows: list[Row]) -> None:
        lost = False
        for sink in self._sinks:
            try:
                sink.write(rows)
            except OSError as error:
                lost = True
                self._complain(sink, error)
            except Exception:  # a bug: it is told, and the other places still get their rows
                lost = True
                logger.exception("records cannot be written to %s", sink.name)
        if lost:
            self.failed += len(rows)
        else:
            self.written += len(rows)

    def _complain(self, sink: Sink, error: Exception) -> None:
        if time.monotonic() >= self._tell_at:
            logger.warning("records cannot be written to %s: %s", sink.name, error)

    def _tell_lost(self) -> None:
        now, lost = time.monotonic(), self.lost
        if lost > self._told_lost and now >= self._tell_at:
            self._tell_at = now + _TELL_AGAIN_S
            reason = f"more than {self._most} waited, or they could not be written"
            logger.warning("%d records are lost: %s", lost - self._told_lost, reason)
            self._told_lost = lost
