"""Where rows go as lines of JSON: a file, or standard output. And what all such places have in common.

Decides: that a line is whole or not there, and that a file which was moved or removed is opened anew, as programs that
rotate logs expect. Must not know: who writes rows, and when.
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import msgspec

from .rows import Row

#: Records may tell what people asked: they are for their owner and his group.
MODE: Final = 0o640


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
    """Standard output, one row a line."""

    name = "stdout"

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode_lines

    def write(self, rows: Sequence[Row]) -> None:
        """See :meth:`Sink.write`."""
        sys.stdout.flush()
        _write_all(sys.stdout.fileno(), self._encode(rows), lambda: None)

    def close(self) -> None:
        """See :meth:`Sink.close`."""


def _open(path: str) -> tuple[int, tuple[int, int]]:
    """A descriptor, and which file it is. What is there already stays."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), MODE)
    found = os.fstat(file)
    return file, (found.st_dev, found.st_ino)


def _write_all(file: int, data: bytes, torn: Callable[[], None]) -> None:
    view = memoryview(data)
    while view:
        written = os.write(file, view)
        view = view[written:]
        if view:
            torn()
