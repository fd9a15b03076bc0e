"""The store ``sqlite:PATH``: a file that the processes of one machine share, and that outlives them.

Decides: how values and counters are laid out in the file, and which values go if there are too many. Must not know:
what is kept, and who asks.

Write-ahead log, one writer at a time: here it is one thread, for all that uses the store, and other processes wait.
Each operation is one transaction, so a process that is killed leaves the file as it was before or after it. What the
last second wrote may be lost with the machine's power, not with the process. The clock on the wall decides about times,
because it is the only one that processes and restarts share: one that goes back prolongs no count by more than its
time. What is late is not begun, and not kept: nobody waits for it any more.
"""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from os import chmod
from os.path import exists
from typing import Final, TypeVar

import anyio
import msgspec

from aigw_sansio import Counted, Counter, Places
from aigw_sansio.quotas.counters import judge
from aigw_sansio.quotas.leases import Lease, Leases
from aigw_sansio.quotas.window import Window

from .base import MOST_VALUES, OTHERS, StoreError
from .one_thread import OneThread

Result = TypeVar("Result")

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS kept(name TEXT PRIMARY KEY, value BLOB NOT NULL, ends REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_ends ON kept(ends) WHERE ends IS NOT NULL;
CREATE TABLE IF NOT EXISTS counted(name TEXT PRIMARY KEY, state BLOB NOT NULL, ends REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS counted_ends ON counted(ends);
CREATE TABLE IF NOT EXISTS running(name TEXT PRIMARY KEY, state BLOB NOT NULL, ends REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held(one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL);
"""
#: What a value takes beside its bytes, and all values with a time together; of a file that an older version made, too.
_PER_VALUE: Final = 256
_SUM: Final = f"""
INSERT INTO held SELECT 1, coalesce((SELECT sum(length(value) + {_PER_VALUE}) FROM kept WHERE ends IS NOT NULL), 0)
WHERE NOT EXISTS (SELECT 1 FROM held)
"""
#: They take at most so many bytes.
MOST_BYTES: Final = 1 << 30
#: Seconds between two times at which what is over is taken out of the file, and how much of it at once.
_SWEEP_S: Final = 10.0
_SWEPT: Final = 1000
#: A gateway that had no room for another value is not looked at again before.
_FULL_S: Final = 1.0

_decode: Final = msgspec.json.Decoder(list[tuple[float, float, int]]).decode
_decode_leases: Final = msgspec.json.Decoder(list[Lease]).decode


class SqliteStore:
    """Values and counters in a file. Implements :class:`.Store`. ``within_s``: the deadline of each operation;
    ``wall``: Unix time; ``clock``: monotonic time. ``most_bytes``: if values with a time would take more, those go
    whose time is over first; free room in the file is used again. Call :meth:`close` at the end."""

    def __init__(
        self,
        path: str,
        within_s: float,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._path = path
        self._most = most_bytes
        self._within_s = within_s
        self._wall = wall
        self._clock = clock
        self._thread = OneThread("aigw-store", self._close)
        # Only that thread uses these.
        self._connection: sqlite3.Connection | None = None
        self._swept_at = 0.0
        self._full_until: dict[str, float] = {}  # by gateway, of which there are as many as in the settings

    async def get(self, name: str) -> bytes | None:
        """See :meth:`.Store.get`."""

        def read(connection: sqlite3.Connection) -> bytes | None:
            found = connection.execute(
                "SELECT value FROM kept WHERE name = ? AND (ends IS NULL OR ends > ?)", (name, self._wall())
            ).fetchone()
            return None if found is None else bytes(found[0])

        return await self._run(read)

    async def set(self, name: str, value: bytes, ttl_s: float | None = None) -> None:
        """See :meth:`.Store.set`."""
        ends = None if ttl_s is None else self._wall() + ttl_s

        def write(connection: sqlite3.Connection) -> None:
            _forget(connection, [name])
            size = len(value) + _PER_VALUE
            if ends is None or size <= self._most:
                connection.execute("INSERT INTO kept VALUES (?, ?, ?)", (name, value, ends))
            if ends is not None and size <= self._most:
                connection.execute("UPDATE held SET bytes = bytes + ?", (size,))
                self._make_room(connection, name)

        await self._write(write)

    async def delete(self, name: str) -> None:
        """See :meth:`.Store.delete`."""

        def write(connection: sqlite3.Connection) -> None:
            _forget(connection, [name])

        await self._write(write)

    async def names(self, prefix: str) -> list[str]:
        """See :meth:`.Store.names`."""

        def read(connection: sqlite3.Connection) -> list[str]:
            found = connection.execute(
                "SELECT name FROM kept WHERE substr(name, 1, ?) = ? AND (ends IS NULL OR ends > ?) ORDER BY name",
                (len(prefix), prefix, self._wall()),
            )
            return [str(name) for (name,) in found]

        return await self._run(read)

    async def count(self, counters: Sequence[Counter], places: Places | None = None) -> Counted:
        """See :meth:`.Store.count`."""

        def write(connection: sqlite3.Connection) -> Counted:
            now = self._wall()
            leases = Leases() if places is None else _leases(connection, places, now)
            if places is not None and not leases.may(places, now):
                return Counted(len(counters))
            names: list[str] = []
            windows: list[Window] = []
            changed: list[bool] = []
            for one in counters:
                name, found = self._counted(connection, one, now)
                window = Window(one.interval_s, sliding=one.sliding)
                changed.append(found is not None and window.restore(_decode(found), now))
                windows.append(window)
                names.append(name)
            answer = judge(counters, windows, now, now)
            if places is not None and answer.refused is None:
                leases.tell(places, now)
                row = places.gateway, msgspec.json.encode(leases.state()), leases.ends
                connection.execute("INSERT OR REPLACE INTO running VALUES (?, ?, ?)", row)
            rows = [
                (name, msgspec.json.encode(window.state()), now + window.ends_in(now))
                for name, one, window, late in zip(names, counters, windows, changed, strict=True)
                if late or (one.amount and answer.refused is None)
            ]
            connection.executemany("INSERT OR REPLACE INTO counted VALUES (?, ?, ?)", rows)
            return answer

        return await self._write(write)

    def _counted(self, connection: sqlite3.Connection, one: Counter, now: float) -> tuple[str, bytes | None]:
        """The name of a counter, and what is known of it. Values for which there is no room have one together."""
        all_of_them = f"{one.gateway}:"
        rule = f"{all_of_them}{one.rule}:{int(one.sliding)}:"
        found = _state(connection, rule + one.value)
        if found is not None or not one.value:
            return rule + one.value, found
        if self._clock() >= self._full_until.get(one.gateway, 0.0):
            like = all_of_them, f"{one.gateway};", now, MOST_VALUES  # ";" follows ":"
            (count,) = connection.execute(
                "SELECT COUNT(*) FROM (SELECT 1 FROM counted WHERE name > ? AND name < ? AND ends > ?"
                " AND substr(name, -1) NOT IN (':', '*') LIMIT ?)",
                like,
            ).fetchone()
            if count < MOST_VALUES:
                return rule + one.value, None
            self._full_until[one.gateway] = self._clock() + _FULL_S
        return rule + OTHERS, _state(connection, rule + OTHERS)

    async def _write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """``work`` in a transaction of its own."""

        until = self._clock() + self._within_s

        def transaction(connection: sqlite3.Connection) -> Result:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                self._sweep(connection)
                self._left(until)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # also if the commit failed: else none could begin any more
                    connection.execute("ROLLBACK")
                raise
            return result

        return await self._run(transaction, until)

    async def _run(self, work: Callable[[sqlite3.Connection], Result], until: float | None = None) -> Result:
        """``work`` in the store's thread, before ``until`` (``None``: within the deadline from now)."""
        end = self._clock() + self._within_s if until is None else until

        def run() -> Result:
            connection = self._open(self._left(end))
            # Waiting for another process counts too. 0 would be no wait at all, which is no different.
            connection.execute(f"PRAGMA busy_timeout = {int(self._left(end) * 1000)}")
            return work(connection)

        try:
            with anyio.fail_after(self._within_s):
                return await self._thread.run(run)
        except StoreError:
            raise
        except TimeoutError:
            raise self._late() from None
        except Exception as exc:
            # A file may hold anything, and a system may refuse anything: who asks knows what to do without an answer.
            raise StoreError(f"the store failed: {type(exc).__name__}") from None

    def _left(self, until: float) -> float:
        """The seconds before ``until``. :class:`.StoreError` if there are none."""
        left = until - self._clock()
        if left <= 0:
            raise self._late()
        return left

    def _late(self) -> StoreError:
        return StoreError(f"the store gave no answer within {self._within_s:g} s")

    def _open(self, within_s: float) -> sqlite3.Connection:
        if self._connection is None:
            fresh = not exists(self._path)
            connection = sqlite3.connect(self._path, timeout=within_s, isolation_level=None, check_same_thread=False)
            try:
                if fresh:
                    chmod(self._path, 0o600)  # safety: keys may be kept in it
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
                if mode != "wal":  # a network file system, for example: processes would keep each other out
                    raise StoreError(f"the store's file system has no write-ahead log: journal_mode is {mode}")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(_TABLES)
                connection.execute(_SUM)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _sweep(self, connection: sqlite3.Connection) -> None:
        """Take out what is over, now and then."""
        now = self._wall()
        if abs(now - self._swept_at) < _SWEEP_S:
            return
        self._swept_at = now
        over = connection.execute("SELECT name FROM kept WHERE ends < ? LIMIT ?", (now, _SWEPT)).fetchall()
        _forget(connection, [name for (name,) in over])
        counts = [len(over)]
        for table in ("counted", "running"):
            swept = connection.execute(
                f"DELETE FROM {table} WHERE name IN (SELECT name FROM {table} WHERE ends < ? LIMIT ?)", (now, _SWEPT)
            )
            counts.append(swept.rowcount)
        if max(counts) >= _SWEPT:  # there is more: the next write goes on
            self._swept_at = now - _SWEEP_S

    def _make_room(self, connection: sqlite3.Connection, new: str) -> None:
        """Take out the values whose time is over first, but not the ``new`` one: so values of short times give way to
        their like. If they are very many, the next writes go on."""
        (held,) = connection.execute("SELECT bytes FROM held").fetchone()
        over = held - self._most
        if over <= 0:
            return
        gone = []
        found = connection.execute(
            "SELECT name, length(value) FROM kept WHERE ends IS NOT NULL ORDER BY ends LIMIT ?", (_SWEPT,)
        )
        for name, size in found:
            if over <= 0:
                break
            if name != new:
                gone.append(name)
                over -= size + _PER_VALUE
        _forget(connection, gone)

    def close(self) -> None:
        """Close the file. What still runs is waited for, as long as an operation may take."""
        self._thread.close(self._within_s)

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _forget(connection: sqlite3.Connection, names: Sequence[str]) -> None:
    """Take out the values of ``names``, as far as they are there."""
    for name in names:
        gone = connection.execute("SELECT length(value), ends FROM kept WHERE name = ?", (name,)).fetchone()
        if gone is not None and gone[1] is not None:
            connection.execute("UPDATE held SET bytes = max(0, bytes - ?)", (gone[0] + _PER_VALUE,))
        connection.execute("DELETE FROM kept WHERE name = ?", (name,))


def _state(connection: sqlite3.Connection, name: str) -> bytes | None:
    found = connection.execute("SELECT state FROM counted WHERE name = ?", (name,)).fetchone()
    return None if found is None else found[0]


def _leases(connection: sqlite3.Connection, places: Places, now: float) -> Leases:
    found = connection.execute("SELECT state FROM running WHERE name = ?", (places.gateway,)).fetchone()
    return Leases(() if found is None else _decode_leases(found[0]), now, places.lease_s)


@asynccontextmanager
async def open_sqlite(path: str, within_s: float, most_bytes: int | None = None) -> AsyncIterator[SqliteStore]:
    """The file at ``path`` during the block. It is made when it is used first."""
    store = SqliteStore(path, within_s, most_bytes=most_bytes or MOST_BYTES)
    try:
        yield store
    finally:
        store.close()
