"""Where rows go as lines of JSON: a file, or standard output. And what all such places have in common.

Decides: that a line is whole or not there, and that a file which was moved or removed is opened anew, as programs that
rotate logs expect. Must not know: who writes rows, and when.
"""

import os
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Final, Protocol

import msgspec

from .rows import Row

#: Records may tell what people asked: they are for their owner and his group.
MODE: Final = 0o640
#: So many bytes are written to a pipe in one piece; POSIX grants 512 at least.
PIPE_BUF: Final[int] = getattr(select, "PIPE_BUF", 512)
#: Locks of a process do not hold between its threads.
_IN_PROCESS: Final = Lock()


class Sink(Protocol):
    """A place for rows. It is used by one thread, which may block."""

    @property
    def name(self) -> str:
        """What it is called in a message."""

    def write(self, rows: Sequence[Row]) -> None:
        """Keep ``rows``. Raises ``OSError`` if it cannot; they are lost then. Another exception is about a row, not
        about the place: then it has kept none of ``rows``, and may be given them one by one."""

    def close(self) -> None:
        """Nothing more comes."""


class FileSink:
    """A file with one row a line. It grows until somebody moves it away."""

    def __init__(self, path: str) -> None:
        """Opens the file, which need not exist. Raises ``OSError`` if that is not possible."""
        self.name = path
        self._path = path
        self._encode = msgspec.json.Encoder().encode_lines
        self._file, self._opened = _open(path)
        self._torn = False  # it ends inside of a line

    def write(self, rows: Sequence[Row]) -> None:
        """See :meth:`Sink.write`. All rows of a call are written together: other processes may write to the file."""
        if not self._is_in_place():
            file, opened = _open(self._path)
            os.close(self._file)
            self._file, self._opened, self._torn = file, opened, False
        data = self._encode(rows)
        _write_all(self._file, b"\n" + data if self._torn else data, self._tear)
        self._torn = False

    def close(self) -> None:
        """See :meth:`Sink.close`."""
        os.close(self._file)

    def _tear(self) -> None:
        self._torn = True

    def _is_in_place(self) -> bool:
        with suppress(OSError):
            found = os.stat(self._path)
            return (found.st_dev, found.st_ino) == self._opened
        return False


class StdoutSink:
    """Standard output, one row a line. Workers share it: only one of them writes at a time.

    A pipe takes up to ``PIPE_BUF`` bytes (4 KiB on Linux) in one piece, so shorter lines stay whole even if the writer
    is killed, or if the system has no locks for pipes.
    """

    name = "stdout"

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode_lines
        self._torn = False  # it ends inside of a line

    def write(self, rows: Sequence[Row]) -> None:
        """See :meth:`Sink.write`. It waits for the reader, also if standard output does not block."""
        sys.stdout.flush()
        file, data = sys.stdout.fileno(), self._encode(rows)
        with _one_writer(file):
            for piece in _pieces(b"\n" + data if self._torn else data):
                _write_all(file, piece, self._tear)
                self._torn = False

    def close(self) -> None:
        """See :meth:`Sink.close`."""

    def _tear(self) -> None:
        self._torn = True


@contextmanager
def _one_writer(file: int) -> Iterator[None]:
    """Nobody else writes to ``file`` during the block. The lock is the process's, not the descriptor's, which workers
    inherit; the system gives it back if the process is killed."""
    with _IN_PROCESS:
        locked = _lock(file, held=True)
        try:
            yield
        finally:
            if locked:
                _lock(file, held=False)


def _lock(file: int, *, held: bool) -> bool:
    """Take or give back the lock of the process. Returns whether there is such a lock."""
    if sys.platform == "win32":  # nor are there workers
        return False
    import fcntl

    try:
        fcntl.lockf(file, fcntl.LOCK_EX if held else fcntl.LOCK_UN)
    except OSError:  # this kind of file, or this system, has none
        return False
    return True


def _pieces(lines: bytes) -> Iterator[memoryview]:
    """``lines`` in pieces of whole lines, each of at most ``PIPE_BUF`` bytes if its lines are."""
    view, start = memoryview(lines), 0
    while start < len(lines):
        end = len(lines) if len(lines) - start <= PIPE_BUF else lines.rfind(b"\n", start, start + PIPE_BUF) + 1
        if end <= start:  # one line is longer
            end = lines.index(b"\n", start) + 1
        yield view[start:end]
        start = end


def _open(path: str) -> tuple[int, tuple[int, int]]:
    """A descriptor, and which file it is. What is there already stays."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), MODE)
    found = os.fstat(file)
    return file, (found.st_dev, found.st_ino)


def _write_all(file: int, data: bytes | memoryview, torn: Callable[[], None]) -> None:
    view = memoryview(data)
    while view:
        try:
            written = os.write(file, view)
        except BlockingIOError:
            select.select([], [file], [])
            continue
        view = view[written:]
        if view:
            torn()
