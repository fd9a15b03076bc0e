"""Numbers that only grow, by name: in the memory of one process, or in a file that outlives it.

Decides: where each number is, and that no worker that is killed takes what it counted along. Must not know: what is
counted.

Theory of operation. Workers of one server have a file together, which has no name and is gone with the last of them. It
has a region for each worker, which only that one writes, through memory that it shares with the file. So an addition is
an addition, the kernel keeps it however the worker ends, its successor goes on from there, and any other may read all
regions at any time without asking. A record of a region is a name and its numbers, and is never moved or removed; the
region says at its start how far the records go, so one that was not written to its end is none. Names are few, so a
region has room for them; if it has none, what would be counted there is told once and left out.
"""

import json
import logging
import os
import tempfile
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from mmap import mmap
from struct import Struct
from typing import Final, TypeAlias

logger = logging.getLogger("aigw.serve")

Name: TypeAlias = tuple[str, ...]
#: Numbers by name.
Told: TypeAlias = Mapping[Name, Sequence[float]]
#: A name, the place of its first number, and how many it has.
_Record: TypeAlias = tuple[Name, int, int]

#: Bytes between two regions. Only what is written takes memory, but a limit of the size of files counts all of it.
_REGION: Final = 1 << 24
#: The last bytes of a region. Numbers for which there is no room are added there, and nobody reads them.
_SPILL: Final = 1 << 16
#: The first bytes of a region that are mapped. It is mapped anew, twice as long, when they are full.
_FIRST: Final = 1 << 16
#: Of a region: how many of its bytes are used.
_USED: Final = Struct("<Q")
#: Of a record: the bytes of its name, and how many numbers it has.
_HEAD: Final = Struct("<II")
_NUMBER: Final = 8


class Figures:
    """Numbers of this process. Ask :meth:`place` for a place in :attr:`numbers`, and add there."""

    #: Whether other processes have some, too.
    shared = False

    def __init__(self) -> None:
        #: All of them. A place stays; the sequence may be another one after each call of :meth:`place`.
        self.numbers: list[float] | memoryview[float] = []
        self._places: dict[Name, tuple[int, int]] = {}  # the first number, and how many

    def place(self, name: Name, count: int = 1) -> int:
        """The place of the first of the ``count`` numbers of ``name``. They are 0 until somebody adds."""
        found = self._places.get(name)
        if found is None:
            found = self._places[name] = self._room(name, count), count
        return found[0]

    def add(self, name: Name, amount: float = 1) -> None:
        """Add to the number of ``name``."""
        at = self.place(name)
        self.numbers[at] += amount

    def names(self) -> Iterable[Name]:
        """All that there are, also those of an earlier process in this one's place."""
        return self._places.keys()

    def each(self) -> list[Told]:
        """What each process has counted, this one among them."""
        return [{name: self.numbers[at : at + count] for name, (at, count) in self._places.items()}]

    def _room(self, name: Name, count: int) -> int:
        assert isinstance(self.numbers, list)
        self.numbers += [0.0] * count
        return len(self.numbers) - count


class FiguresFile:
    """Regions for the figures of ``count`` workers. Make it before they begin."""

    def __init__(self, count: int) -> None:
        """Raises ``OSError`` if there is no room for a file."""
        self.count = count
        self._known: list[list[_Record]] = [[] for _ in range(count)]  # records never move: each is read once
        self._known_to = [_USED.size] * count
        self._file = _file_without_name()
        os.ftruncate(self._file, count * _REGION)

    def region(self, number: int) -> "FiguresInFile":
        """The figures of worker ``number``, which alone may write them."""
        return FiguresInFile(self, number)

    def close(self) -> None:
        """Nothing is read any more; regions in use stay."""
        os.close(self._file)

    def mapped(self, number: int, size: int) -> mmap:
        """The first ``size`` bytes of a region."""
        return mmap(self._file, size, offset=number * _REGION)

    def read(self, number: int) -> dict[Name, Sequence[float]]:
        """What a region says now."""
        start = number * _REGION
        (used,) = _USED.unpack(os.pread(self._file, _USED.size, start))
        data = os.pread(self._file, used, start)
        known = self._known[number]
        for record in _records(data, self._known_to[number], used):
            known.append(record)
            self._known_to[number] = (record[1] + record[2]) * _NUMBER
        numbers = memoryview(data).cast("d")
        return {name: numbers[at : at + count] for name, at, count in known}


class FiguresInFile(Figures):
    """Numbers of a worker, in its region. It goes on from those of the worker before it."""

    shared = True

    def __init__(self, file: FiguresFile, number: int) -> None:
        super().__init__()
        self._file, self._number = file, number
        self._full = False
        self._map(_FIRST)
        self._used = max(_USED.size, _USED.unpack_from(self._bytes)[0])
        while len(self._bytes) < self._used:
            self._map(2 * len(self._bytes))
        for name, at, count in _records(self._bytes, _USED.size, self._used):
            self._places[name] = at, count

    def each(self) -> list[Told]:
        """See :meth:`Figures.each`."""
        return [self._file.read(number) for number in range(self._file.count)]

    def _map(self, size: int) -> None:
        self._bytes = self._file.mapped(self._number, size)
        self.numbers = memoryview(self._bytes).cast("d")

    def _room(self, name: Name, count: int) -> int:
        written = json.dumps(name).encode()
        first = _padded(self._used + _HEAD.size + len(written))
        end = first + count * _NUMBER
        if end > _REGION - _SPILL:
            return self._spill(count)
        while len(self._bytes) < end:
            self._map(2 * len(self._bytes))
        self._bytes[self._used + _HEAD.size : end] = written.ljust(end - self._used - _HEAD.size, b"\0")
        _HEAD.pack_into(self._bytes, self._used, len(written), count)
        self._used = end
        _USED.pack_into(self._bytes, 0, end)  # last: from now on others read it, and a successor goes on from here
        return first // _NUMBER

    def _spill(self, count: int) -> int:
        if count * _NUMBER > _SPILL:
            raise ValueError(f"{count} numbers have no room; allowed are {_SPILL // _NUMBER}")
        if not self._full:
            self._full = True
            logger.error(
                "worker %d has no room for more figures: metrics and the page leave new ones out", self._number
            )
        if len(self._bytes) < _REGION:
            self._map(_REGION)
        return (_REGION - _SPILL) // _NUMBER


def total(figures: Iterable[Told], families: Container[str]) -> dict[Name, list[float]]:
    """The sums of what each process has counted under names that begin with one of ``families``."""
    found: dict[Name, list[float]] = {}
    for told in figures:
        for name, numbers in told.items():
            if name[0] in families:
                before = found.get(name)
                found[name] = [*numbers] if before is None else [a + b for a, b in zip(before, numbers, strict=True)]
    return found


def _records(data: bytes | mmap, at: int, used: int) -> Iterator[_Record]:
    """The records from the byte ``at`` to the byte ``used``, as far as they are seen: a processor may show how far they
    go before it shows the last one."""
    while at < used:
        length, count = _HEAD.unpack_from(data, at)
        if not length:
            return
        at += _HEAD.size
        name = tuple(json.loads(data[at : at + length]))
        at = _padded(at + length)
        yield name, at // _NUMBER, count
        at += count * _NUMBER


def _padded(at: int) -> int:
    return -(-at // _NUMBER) * _NUMBER


def _file_without_name() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("aigw figures")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
