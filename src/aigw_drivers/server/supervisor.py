"""The supervisor: a process that starts workers, watches over them, and does nothing else.

Decides: when a worker is started again or killed, and what a signal means. Must not know: what a worker serves, and
how.

Theory of operation. A worker is a fork of the supervisor, which has neither threads nor an event loop. So it starts in
milliseconds, shares the memory of the loaded program, gets settings and sockets as they are, and runs with the settings
that are in force even if the file was spoilt meanwhile. ``multiprocessing`` would add a process of its own (its
resource tracker), and a fresh interpreter for each worker would read the program and the settings again.

A worker has one link to the supervisor, a pair of sockets. It writes single bytes: that it is ready, that it is alive.
It reads the end of the stream if the supervisor is gone, however that ended. The supervisor's end is open in no other
process, so a worker closes those that it inherited.

A worker that ends is started again: at once if it had lived for a while, else after a pause that doubles. If one ends
before all were ready for the first time, something is wrong with all of them, and the supervisor gives up.

News go to all workers, and each says whether it takes them. They are in force for workers that are started later when
all have said so, unless none takes them. A worker that is started meanwhile is told them too.
"""

import gc
import logging
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NamedTuple, NoReturn

from ..core.threads import no_thread_is_an_os_error
from .service_manager import ServiceManager
from .slots import Slots

logger = logging.getLogger("aigw.serve")

#: What a worker says: it accepts clients; it is alive; it has taken what it was told, or has not.
READY: Final = b"r"
ALIVE: Final = b"a"
TAKEN: Final = b"t"
KEPT: Final = b"k"

#: A worker that lived for so many seconds may be started again at once.
_QUICK_S: Final = 1.0
#: The shortest and the longest pause before another start, in seconds.
_PAUSES_S: Final = (0.5, 30.0)
#: A worker that was told twice to end has so many seconds for it: more than it may take to write records and to tell a
#: collector (5 s).
_KILL_S: Final = 10.0
#: Seconds within which a worker must make room for news.
_TELL_S: Final = 5.0


class Place(NamedTuple):
    """What a worker is given."""

    number: int
    #: Listening sockets. They are the worker's to close.
    sockets: list[socket.socket]
    #: To the supervisor. The worker sends :data:`READY` once, and :data:`TAKEN` or :data:`KEPT` for each news that it
    #: reads (:class:`News`). The end of the stream means that the supervisor is gone.
    link: socket.socket
    #: It sends :data:`ALIVE` more often than every so many seconds; ``None``: never.
    alive_s: float | None


class News:
    """What the supervisor sends to its workers: byte strings, each behind its length in 4 bytes."""

    def __init__(self) -> None:
        self._data = bytearray()

    @staticmethod
    def packed(news: bytes) -> bytes:
        """``news`` as it is sent."""
        return len(news).to_bytes(4, "big") + news

    def feed(self, data: bytes) -> list[bytes]:
        """What is complete with ``data``."""
        self._data += data
        found = []
        while len(self._data) >= 4 and len(self._data) >= (end := 4 + int.from_bytes(self._data[:4], "big")):
            found.append(bytes(self._data[4:end]))
            del self._data[:end]
        return found


class _Worker:
    def __init__(self, number: int, pid: int, link: socket.socket, now: float) -> None:
        self.number, self.pid, self.link = number, pid, link
        self.started = self.heard = now
        self.ready = False


class _Round:
    """News that workers were told, until each of those that were ``asked`` has said whether it takes them."""

    def __init__(self, news: bytes) -> None:
        self.news = news
        self.asked: set[int] = set()
        self.taken = False
        self.kept: list[int] = []  # workers that do not take them


class Supervisor:
    """Runs ``work`` in processes of their own, one for each of ``slots``. Call :meth:`run` next, in a process that has
    no threads, in its main thread."""

    def __init__(
        self,
        work: Callable[[Place], int],
        count: int,
        slots: Slots,
        *,
        manager: ServiceManager,
        on_ready: Callable[[], None],
        on_reload: Callable[[], bytes | None] | None = None,
        on_taken: Callable[[bytes], object] = lambda news: None,
        on_ended: Callable[[int], object] | None = None,
    ) -> None:
        """``work`` returns the exit status of its process; SIGTERM tells it to drain, and again to stop at once.
        ``on_ready`` is called once, when all ``count`` workers have been ready. ``on_reload`` is called at SIGHUP; what
        it returns is sent to all workers, which say whether they take it. Without it, SIGHUP ends the process.
        ``on_taken`` is called with what workers took, when all have said so: those that are started later must begin
        with it. ``on_ended`` is called with the number of each worker that has ended."""
        self._work, self._count, self._slots = work, count, slots
        self._manager = manager
        self._on_ready = on_ready
        self._on_reload = on_reload
        self._on_taken = on_taken
        self._on_worker_ended = on_ended
        # Here, because a system that cannot fork may not know them all, and imports this module too.
        self._signals = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, *([signal.SIGHUP] if on_reload else []))
        self._rounds: list[_Round] = []  # those that have not ended, the oldest first
        self._workers: dict[int, _Worker] = {}  # by number
        self._again: dict[int, float] = {}  # when a worker is to be started again
        self._pauses: dict[int, float] = {}  # how long each of them had to wait last
        self._selector = selectors.DefaultSelector()
        self._signals_in, self._signals_out = socket.socketpair()
        self._all_ready = False
        self._leaving = 0  # how often it was told to
        self._kill_at: float | None = None
        self._alive_at = 0.0
        self._failed = False

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT; then the workers drain, and after a second signal they stop at once.
        Returns the exit status: 0, or 1 if a worker failed that was not started again."""
        gc.collect()
        gc.freeze()  # what is loaded now stays shared with the workers
        with _signals_into(self._signals_in, self._signals):
            self._signals_out.setblocking(False)
            self._selector.register(self._signals_out, selectors.EVENT_READ)
            for number in range(self._count):
                self._start(number)
            try:
                while self._workers or not self._leaving:
                    for key, _ in self._selector.select(self._patience()):
                        if key.data is None:
                            self._on_signals()
                        else:
                            self._on_said(key.data)
                    self._on_time()
            finally:  # after a bug there are workers left: they notice that they are alone, and drain
                self._slots.close()
        return 1 if self._failed else 0

    # -- starting -----------------------------------------------------------------------------------------------

    def _start(self, number: int) -> None:
        try:
            sockets = self._slots[number]
            ours, theirs = socket.socketpair()
        except OSError as error:
            logger.error("worker %d cannot be started: %s", number, error)
            self._pause(number)
            return
        sys.stdout.flush()
        sys.stderr.flush()
        # Blocked until the worker has its own handlers: a signal between the two would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)
        try:
            with no_thread_is_an_os_error():
                pid = os.fork()
            if pid == 0:
                self._become_worker(number, sockets, ours, theirs)
        except OSError as error:
            logger.error("worker %d cannot be started: %s", number, error)
            ours.close()
            self._pause(number)
            return
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._signals)
            theirs.close()
        ours.setblocking(False)
        self._workers[number] = worker = _Worker(number, pid, ours, time.monotonic())
        self._selector.register(ours, selectors.EVENT_READ, worker)
        if self._rounds:  # it has begun with what was in force
            self._tell(worker, self._rounds[-1])

    def _become_worker(
        self, number: int, sockets: list[socket.socket], ours: socket.socket, theirs: socket.socket
    ) -> NoReturn:
        """The rest of the life of a worker's process: nothing of the supervisor's goes on in it."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for told in self._signals:
                signal.signal(told, signal.SIG_DFL)
            for ignored in (signal.SIGINT, signal.SIGHUP):  # a terminal sends them to all; the supervisor decides
                signal.signal(ignored, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._signals)
            ours.close()
            for worker in self._workers.values():
                worker.link.close()
            self._selector.close()
            self._signals_in.close()
            self._signals_out.close()
            self._slots.keep_only(number)
            watched = self._manager.watchdog_s
            alive_s = None if watched is None else watched / 4
            status = self._work(Place(number=number, sockets=sockets, link=theirs, alive_s=alive_s))
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _pause(self, number: int) -> None:
        """Start this worker again, but not at once."""
        first, longest = _PAUSES_S
        self._pauses[number] = pause = min(longest, 2 * self._pauses.get(number, first / 2))
        if pause > first:  # its clients can wait no longer
            self._slots.give_up(number)
        self._again[number] = time.monotonic() + pause
        logger.info("worker %d is started again in %g s", number, pause)

    # -- what happens -------------------------------------------------------------------------------------------

    def _on_signals(self) -> None:
        for number in self._signals_out.recv(4096):
            if number == signal.SIGCHLD:
                for worker in list(self._workers.values()):
                    pid, status = os.waitpid(worker.pid, os.WNOHANG)
                    if pid:
                        self._on_ended(worker, os.waitstatus_to_exitcode(status))
            elif number == signal.SIGHUP:
                self._reload()
            else:
                self._leave()

    def _reload(self) -> None:
        """Tell all workers what is new."""
        if self._on_reload is None or self._leaving:
            return
        self._manager.reloading()
        news = self._on_reload()
        if news is not None:
            told = _Round(news)
            self._rounds.append(told)
            for worker in self._workers.values():
                self._tell(worker, told)
        self._end_rounds()

    def _tell(self, worker: _Worker, told: _Round) -> None:
        worker.link.settimeout(_TELL_S)  # a worker that hangs must not stop the others for long
        try:
            worker.link.sendall(News.packed(told.news))
            told.asked.add(worker.number)
        except OSError as error:
            logger.error("worker %d (process %d) cannot be told: %s", worker.number, worker.pid, error)
            self._kill(worker, "does not listen")
        finally:
            worker.link.setblocking(False)

    def _on_answers(self, worker: _Worker, said: bytes) -> None:
        for taken in (letter == TAKEN[0] for letter in said if letter in TAKEN + KEPT):
            told = next((told for told in self._rounds if worker.number in told.asked), None)
            if told is not None:
                told.asked.discard(worker.number)
                if taken:
                    told.taken = True
                else:
                    told.kept.append(worker.number)
        self._end_rounds()

    def _end_rounds(self) -> None:
        """End those in which nobody has still to answer, and tell the service manager if none is left."""
        while self._rounds and not self._rounds[0].asked:
            told = self._rounds.pop(0)
            kept = ", ".join(map(str, sorted(told.kept)))
            if told.taken or not kept:  # or nobody was there, or has lived to say it: the next ones begin with it
                self._on_taken(told.news)
            if kept:
                new = "; the others have the new, and so has each that is started later"
                more = new if told.taken else " and by each that is started later"
                logger.error("the settings of before are kept by workers %s%s", kept, more)
        if not self._rounds and self._all_ready and not self._leaving:
            self._manager.ready()

    def _leave(self) -> None:
        """Have the workers drain, or stop at once if they drain already."""
        self._leaving += 1
        if self._leaving == 1:
            logger.info("draining")
            self._manager.stopping()
            self._again.clear()
            self._rounds.clear()
            self._slots.close()  # each worker closes its own when it has drained
        elif self._leaving == 2:
            self._kill_at = time.monotonic() + _KILL_S
        for worker in self._workers.values():
            os.kill(worker.pid, signal.SIGTERM)

    def _on_said(self, worker: _Worker) -> None:
        if self._workers.get(worker.number) is not worker:
            return  # a signal told of its end in the same turn
        try:
            said = worker.link.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:  # it ends: SIGCHLD follows
            self._selector.unregister(worker.link)
            return
        worker.heard = time.monotonic()
        worker.ready |= READY in said
        if TAKEN in said or KEPT in said:
            self._on_answers(worker, said)
        if not self._all_ready and len(self._workers) == self._count and all(w.ready for w in self._workers.values()):
            self._all_ready = True
            self._manager.ready()
            self._on_ready()

    def _on_ended(self, worker: _Worker, status: int) -> None:
        del self._workers[worker.number]
        if self._on_worker_ended is not None:
            self._on_worker_ended(worker.number)
        if self._rounds:
            for told in self._rounds:
                told.asked.discard(worker.number)
            self._end_rounds()
        with suppress(KeyError):
            self._selector.unregister(worker.link)
        worker.link.close()
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        if self._leaving:
            if status not in {0, -signal.SIGTERM}:  # that came before it listened, or when it had ended its work
                logger.error("worker %d (process %d) %s", worker.number, worker.pid, how)
                self._failed = True
            return
        logger.error("worker %d (process %d) %s; its connections are lost", worker.number, worker.pid, how)
        if not self._all_ready:
            logger.error("not all workers have started: giving up")
            self._failed = True
            self._leave()
        elif worker.ready and time.monotonic() - worker.started >= _QUICK_S:
            self._pauses.pop(worker.number, None)
            self._start(worker.number)
        else:
            self._pause(worker.number)

    # -- time ---------------------------------------------------------------------------------------------------

    def _patience(self) -> float | None:
        """Seconds until something is due."""
        due = list(self._again.values())
        if self._kill_at is not None:
            due.append(self._kill_at)
        if self._manager.watchdog_s is not None:
            due.append(self._alive_at)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _on_time(self) -> None:
        now = time.monotonic()
        for number in [number for number, at in self._again.items() if at <= now]:
            del self._again[number]
            self._start(number)
        if self._kill_at is not None and self._kill_at <= now:
            self._kill_at = None
            for worker in self._workers.values():
                self._kill(worker, "does not stop")
        watched = self._manager.watchdog_s
        if watched is not None and self._alive_at <= now:
            self._alive_at = now + watched / 4
            self._manager.alive()
            for worker in self._workers.values():
                if worker.ready and now - worker.heard > watched:
                    worker.heard = now  # once
                    self._kill(worker, f"has not been heard of for {watched:g} s")

    @staticmethod
    def _kill(worker: _Worker, why: str) -> None:
        logger.error("worker %d (process %d) %s: it is killed", worker.number, worker.pid, why)
        os.kill(worker.pid, signal.SIGKILL)


@contextmanager
def _signals_into(sock: socket.socket, signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Write the number of each of ``signals`` that comes into ``sock``."""

    def ignore(number: int, frame: FrameType | None) -> None:
        """Without a handler there is no wake-up."""

    sock.setblocking(False)
    before = {number: signal.signal(number, ignore) for number in signals}
    wakeup = signal.set_wakeup_fd(sock.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
