"""The store in a file: other processes, a kill, a clock that is set, a file that is busy."""

import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

import anyio
import msgspec
import pytest
from tests.peers import processes

from aigw_drivers.stores import StoreError
from aigw_drivers.stores import sqlite as sqlite_module
from aigw_drivers.stores.sqlite import SqliteStore, open_sqlite
from aigw_sansio import Counted, Counter, Places

pytestmark = pytest.mark.anyio
ONE = Counter(gateway="a/g", rule="r", value="", amount=1, limit=3, interval_s=60, sliding=True)

WRITER = """
import sys, anyio
from aigw_drivers.stores import open_store
from aigw_sansio import Counter

async def main():
    async with open_store("sqlite:" + sys.argv[1], within_s=30.0) as store:
        number = 0
        while True:
            number += 1
            counter = Counter(gateway="a/g", rule="r", value="", amount=1, limit=None, interval_s=3600, sliding=False)
            await store.count([counter])
            await store.set(f"key:{number % 10}", b"x" * 10000 + str(number).encode())
            print(number, flush=True)

anyio.run(main)
"""


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Ticks:
    """A monotonic clock: what is left is ``rest`` from the ``at``-th look on, if the deadline is that of 60 seconds."""

    def __init__(self, at: int, rest: float) -> None:
        self.at, self.rest, self.looks = at, rest, 0

    def __call__(self) -> float:
        self.looks += 1
        return 0.0 if self.looks < self.at else 60.0 - self.rest


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_a_killed_process_wrote_is_there(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    writer = processes.start([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    told = 0
    while told < 50:
        told = int(writer.stdout.readline())
    writer.kill()  # in the middle of whatever it does
    told = int((writer.stdout.read().split() or [told])[-1])
    writer.wait()
    writer.stdout.close()
    async with open_sqlite(str(path), 5.0) as store:
        value = await store.get(f"key:{told % 10}")
        assert value in (b"x" * 10000 + str(number).encode() for number in (told, told + 10))
        counter = msgspec.structs.replace(ONE, sliding=False, interval_s=3600.0, amount=0)
        assert (await store.count([msgspec.structs.replace(counter, limit=told)])).refused == 0
        assert await store.count([msgspec.structs.replace(counter, limit=told + 2)]) == Counted()
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


async def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    async with open_sqlite(str(tmp_path / "store.db"), 5.0) as store:
        await store.set("key:a", b"secret")
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("sliding", [False, True])
async def test_a_clock_that_goes_back_neither_empties_nor_prolongs_a_count(tmp_path: Path, *, sliding: bool) -> None:
    clock = Clock()
    clock.now -= clock.now % 60
    store = SqliteStore(str(tmp_path / "store.db"), 5.0, clock)
    one = msgspec.structs.replace(ONE, limit=1, sliding=sliding)
    assert await store.count([one]) == Counted()
    clock.now -= 86400
    refused = await store.count([one])
    assert (refused.refused, refused.retry_after_s) == (0, 60.0)
    clock.now += 60
    assert await store.count([one]) == Counted()
    store.close()
    store.close()


async def test_what_is_over_is_taken_out(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "store.db"
    store = SqliteStore(str(path), 5.0, clock)
    await store.set("a", b"1", 5)
    await store.set("b", b"1")
    await store.count([ONE])
    clock.now += 100
    assert await store.get("a") is None
    await store.set("c", b"1", 5)
    store.close()
    look = sqlite3.connect(path)
    assert look.execute("SELECT name FROM kept ORDER BY name").fetchall() == [("b",), ("c",)]
    assert look.execute("SELECT count(*) FROM counted").fetchone() == (0,)
    look.close()


async def test_values_that_end_first_go_if_there_are_too_many_bytes(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "store.db"
    store = SqliteStore(str(path), 5.0, clock, most_bytes=3 * 1256)
    for name, ttl_s in (("a", 300), ("b", 60), ("c", 600)):
        await store.set(name, b"x" * 1000, ttl_s)
    await store.set("key", b"k" * 9999)  # without a time: it is no part of this
    await store.set("c", b"y" * 1000, 600)  # in its own place
    assert await store.names("") == ["a", "b", "c", "key"]
    await store.set("d", b"x" * 1000, 30)  # it takes the place of what ends first, and not its own
    assert await store.names("") == ["a", "c", "d", "key"]
    await store.set("e", b"x" * 1000, 30)
    assert await store.names("") == ["a", "c", "e", "key"]
    await store.set("e", b"x" * 5000, 30)  # alone more than may be
    assert await store.names("") == ["a", "c", "key"]
    await store.delete("a")
    for name in "fg":
        await store.set(name, b"x" * 1000, 60)
    assert await store.names("") == ["c", "f", "g", "key"]
    clock.now += 100
    await store.set("h", b"", 60)
    assert await store.names("") == ["c", "h", "key"]
    store.close()
    look = sqlite3.connect(path)
    assert look.execute("SELECT bytes FROM held").fetchone() == (1256 + 256,)
    look.close()


async def test_the_bytes_are_known_of_an_older_file_and_by_all_processes(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "store.db"
    first = SqliteStore(str(path), 5.0, clock)
    for number in range(8):
        await first.set(f"a{number}", b"x" * 1000, 60 + number)
    old = sqlite3.connect(path)
    old.execute("DROP TABLE held")  # as versions had it that did not count
    old.commit()
    old.close()
    stores = [SqliteStore(str(path), 5.0, clock, most_bytes=10 * 1256) for _ in range(2)]
    for number in range(40):
        await stores[number % 2].set(f"b{number}", b"x" * 1000, 600)
        assert len(await stores[0].names("")) <= 10
    assert len(await stores[0].names("")) == 10
    for store in (first, *stores):
        store.close()
    assert path.stat().st_size < 200_000, "what is free is used again"


async def test_more_than_one_sweep_takes_is_taken_out_with_the_next_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aigw_drivers.stores.sqlite._SWEPT", 10)
    clock, path = Clock(), tmp_path / "store.db"
    store = SqliteStore(str(path), 5.0, clock)
    for number in range(35):
        await store.set(f"a{number}", b"1", 5)
    clock.now += 100
    for _ in range(4):
        await store.set("b", b"1")
    store.close()
    look = sqlite3.connect(path)
    assert look.execute("SELECT name FROM kept").fetchall() == [("b",)]
    look.close()


async def test_a_commit_that_fails_is_no_end_of_the_store(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path / "store.db"), 5.0)
    await store.set("a", b"1")
    assert store._connection is not None
    real = store._connection

    class Once:
        """Its first commit fails."""

        failed = False

        def execute(self, text: str, *values: object) -> object:
            if text == "COMMIT" and not self.failed:
                self.failed = True
                raise sqlite3.OperationalError("database is locked")
            return real.execute(text, *values)

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    store._connection = cast(sqlite3.Connection, Once())
    with pytest.raises(StoreError):
        await store.set("a", b"2")
    await store.set("a", b"3")
    assert await store.get("a") == b"3"
    store.close()


async def test_a_busy_file_blocks_nobody_longer_than_the_deadline(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with open_sqlite(str(path), 60.0) as patient:
        await patient.set("a", b"1")
    async with open_sqlite(str(path), 0.2) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with anyio.fail_after(20), pytest.raises(StoreError):
            await store.set("a", b"2")
        with anyio.fail_after(20), pytest.raises(StoreError):
            await store.count([ONE])
        other.execute("ROLLBACK")
        other.close()
        with anyio.fail_after(20):
            while True:
                try:
                    await store.set("a", b"3")
                    break
                except StoreError:
                    pass
    async with open_sqlite(str(path), 60.0) as patient:
        assert await patient.get("a") == b"3"


async def test_a_file_that_is_none_fails(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    async with open_sqlite(str(path), 5.0) as store:
        with pytest.raises(StoreError, match=r"^the store failed: DatabaseError$"):
            await store.get("a")


@pytest.mark.parametrize("at", [2, 3, 4])
async def test_what_is_late_is_not_done(tmp_path: Path, at: int) -> None:
    ticks = Ticks(at, 0.0)
    store = SqliteStore(str(tmp_path / "store.db"), 60.0, clock=ticks)
    with pytest.raises(StoreError, match=r"^the store gave no answer within 60 s$"):
        await store.set("a", b"1")
    assert ticks.looks == at, "nothing was done after it was late"
    ticks.at = sys.maxsize
    assert await store.get("a") is None
    await store.set("a", b"2")
    assert await store.get("a") == b"2"
    store.close()


async def test_a_wait_for_another_process_is_part_of_the_deadline(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    ticks = Ticks(sys.maxsize, 0.01)
    store = SqliteStore(str(path), 60.0, clock=ticks)
    await store.set("a", b"1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ticks.at = ticks.looks + 2
    with pytest.raises(StoreError, match=r"^the store failed: OperationalError$"):  # its own wait has an end
        await store.set("a", b"2")
    other.close()
    store.close()


@pytest.mark.parametrize("exc", [RuntimeError("word"), ValueError("word"), EOFError("word"), MemoryError("word")])
async def test_whatever_goes_wrong_is_an_error_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exc: Exception
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise exc

    store = SqliteStore(str(tmp_path / "store.db"), 5.0)
    monkeypatch.setattr(sqlite3, "connect", fail)
    with pytest.raises(StoreError, match=f"^the store failed: {type(exc).__name__}$"):
        await store.count([ONE])
    monkeypatch.setattr(threading, "Thread", fail)
    with pytest.raises(StoreError, match=f"^the store failed: {type(exc).__name__}$"):
        await SqliteStore(str(tmp_path / "other.db"), 5.0).get("a")


async def test_a_count_in_the_file_that_is_none_fails(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(str(path), 5.0)
    await store.count([ONE])
    other = sqlite3.connect(path)
    for state in (b"[]x", b'[[1,2,"3"]]', None):
        other.execute("UPDATE counted SET state = ?", (5 if state is None else state,))
        other.commit()
        with pytest.raises(StoreError, match=r"^the store failed: \w+$"):
            await store.count([ONE])
    other.close()
    store.close()


async def test_the_room_for_values_is_free_again_when_their_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "MOST_VALUES", 2)
    wall, clock = Clock(), Clock()
    store = SqliteStore(str(tmp_path / "store.db"), 60.0, wall, clock)
    for value in ("u", "v", "w"):
        await store.count([msgspec.structs.replace(ONE, value=value)])
    assert (await store.count([msgspec.structs.replace(ONE, value="x", limit=1)])).refused == 0, "that of w is its own"
    wall.now += 60.0
    assert (await store.count([msgspec.structs.replace(ONE, value="x", limit=1)])) == Counted()
    assert (await store.count([msgspec.structs.replace(ONE, value="y", limit=1)])).refused == 0, "looked at too early"
    clock.now += 1.0
    assert (await store.count([msgspec.structs.replace(ONE, value="y", limit=1)])) == Counted()
    store.close()


async def test_who_runs_is_taken_out_when_it_is_over(tmp_path: Path) -> None:
    path, wall = tmp_path / "store.db", Clock()
    store = SqliteStore(str(path), 60.0, wall)
    await store.count([], Places(gateway="a/g", holder="p", running=1, number=1, limit=1, lease_s=15.0))
    wall.now += 15.1
    await store.set("a", b"1")
    other = sqlite3.connect(path)
    assert other.execute("SELECT COUNT(*) FROM running").fetchone() == (0,)
    other.close()
    store.close()
