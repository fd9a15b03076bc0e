"""What every store does, in the same words for all of them."""

import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec
import pytest
from tests.rigs.stores import missing, store_cluster, store_server

from aigw_drivers.stores import Store, StoreError, open_store
from aigw_drivers.stores import redis as redis_module
from aigw_drivers.stores import sqlite as sqlite_module
from aigw_drivers.stores.memory import MemoryStore
from aigw_sansio import Counted, Counter, Places
from aigw_sansio.quotas.counters import Counters

pytestmark = pytest.mark.anyio
ONE = Counter(gateway="a/g", rule="r", value="", amount=1, limit=2, interval_s=3600, sliding=True)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    if (why := missing("redis-server")) is not None:
        pytest.skip(why)
    with store_server(tmp_path_factory.mktemp("redis"), "--requirepass", "pass-word") as port:
        yield port


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    for program in ("redis-server", "redis-cli"):
        if (why := missing(program)) is not None:
            pytest.skip(why)
    with store_cluster(tmp_path_factory.mktemp("cluster")) as ports:
        yield ports


#: coredis leaves streams of anyio unclosed, of a cluster always and else if it cannot connect.
UNCLOSED = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(params=["memory", "sqlite", "redis", "valkey", pytest.param("cluster", marks=UNCLOSED)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """``cluster``: of three nodes, each with a third of all names."""
    kind = str(request.param)
    if kind == "cluster":
        pytest.importorskip("coredis")
        yield f"redis://127.0.0.1:{request.getfixturevalue('cluster')[0]}?cluster=true"
        gc.collect()  # so what is unclosed is found here
    elif kind in ("redis", "valkey"):
        pytest.importorskip("coredis")
        database = 1 + ["redis", "valkey"].index(kind)
        yield f"{kind}://:pass-word@127.0.0.1:{request.getfixturevalue('port')}/{database}"
    else:
        yield f"sqlite:{tmp_path / 'store.db'}" if kind == "sqlite" else "memory:"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """An empty one."""
    async with open_store(url, within_s=30.0) as store:
        for name in await store.names(""):
            await store.delete(name)
        yield store


def like(**changes: object) -> Counter:
    return msgspec.structs.replace(ONE, **changes)


async def test_a_value_is_what_it_was(url: str) -> None:
    async with opened(url) as store:
        assert await store.get("cache:a") is None
        await store.set("cache:a", b"\x00\xff\r\n")
        await store.set("cache:b", b"", 60)
        assert await store.get("cache:a") == b"\x00\xff\r\n"
        assert await store.get("cache:b") == b""
        await store.set("cache:a", b"2" * 100_000, 60)
        assert await store.get("cache:a") == b"2" * 100_000
        await store.delete("cache:a")
        await store.delete("cache:a")
        assert await store.get("cache:a") is None


async def test_a_value_has_an_end(url: str) -> None:
    async with opened(url) as store:
        await store.set("cache:a", b"1", 0.001)
        while await store.get("cache:a") is not None:
            pass
        assert await store.names("") == []


async def test_names_are_those_that_begin_so(url: str) -> None:
    async with opened(url) as store:
        for name in ("key:b", "key:a", "cache:key:x", "key*:z", "key_:y"):
            await store.set(name, b"1", 60 if name == "key:a" else None)
        assert await store.names("key:") == ["key:a", "key:b"]
        assert await store.names("key*") == ["key*:z"]
        assert await store.names("key_") == ["key_:y"]
        assert await store.names("nothing") == []


@pytest.mark.parametrize("sliding", [False, True])
async def test_counters_are_judged_together(url: str, *, sliding: bool, anyio_backend_name: str) -> None:
    first = like(sliding=sliding, gateway=f"{anyio_backend_name}/{sliding}")
    second = msgspec.structs.replace(first, rule="s", value="x", limit=1, amount=0, interval_s=7200)
    async with opened(url) as store:
        assert await store.count([first, second]) == Counted()
        assert await store.count([msgspec.structs.replace(second, limit=None, amount=5)]) == Counted()
        refused = await store.count([first, second])
        assert refused.refused == 1
        assert 0 < refused.retry_after_s <= 7200
        assert await store.count([first]) == Counted()
        full = await store.count([first, second])  # both are: the one with the longer wait is told
        assert full.refused in ((0, 1) if not sliding else (1,))
        assert (await store.count([first])).refused == 0


@pytest.mark.parametrize("sliding", [False, True])
async def test_large_amounts_are_counted_exactly(url: str, *, sliding: bool, anyio_backend_name: str) -> None:
    limit = 5_000_000_000_000_000  # five million dollars in billionths
    charge = like(gateway=f"{anyio_backend_name}/{sliding}l", limit=None, amount=limit - 1, sliding=sliding)
    async with opened(url) as store:
        await store.count([charge])
        ask = msgspec.structs.replace(charge, limit=limit, amount=0)
        assert await store.count([ask]) == Counted()
        await store.count([msgspec.structs.replace(charge, amount=1)])
        assert (await store.count([ask])).refused == 0


async def test_many_additions_are_all_counted(url: str, anyio_backend_name: str) -> None:
    async with opened(url) as store:
        each = like(gateway=f"{anyio_backend_name}/many", limit=700)
        assert [(await store.count([each])).refused for _ in range(701)] == [None] * 700 + [0]


async def test_a_count_has_an_end(url: str, anyio_backend_name: str) -> None:
    async with opened(url) as store:
        for sliding in (True, False):
            short = like(gateway=f"{anyio_backend_name}/{sliding}e", limit=1, interval_s=1, sliding=sliding)
            assert await store.count([short]) == Counted()
            while (refused := await store.count([short])).refused is not None:
                assert 0 <= refused.retry_after_s <= 1


def holding(
    gateway: str, holder: str, running: int, number: int, limit: int | None = 3, lease_s: float = 60.0
) -> Places:
    return Places(gateway=gateway, holder=holder, running=running, number=number, limit=limit, lease_s=lease_s)


async def test_processes_together_run_no_more_than_the_limit(url: str, anyio_backend_name: str) -> None:
    name = f"{anyio_backend_name}/places"
    rate = like(gateway=name, limit=2)
    async with opened(url) as store:
        assert await store.count([rate], holding(name, "p", 2, 1)) == Counted()
        assert await store.count([], holding(name, "q", 1, 1)) == Counted()
        assert (await store.count([rate], holding(name, "q", 2, 2))).refused == 1, "nothing is counted then"
        assert (await store.count([], holding(name, "p", 3, 2))).refused == 0
        assert await store.count([rate], holding(name, "p", 1, 3, None)) == Counted()
        assert (await store.count([rate], holding(name, "q", 2, 4))).refused == 0, "the rate is used up"
        assert await store.count([], holding(name, "q", 2, 3)) == Counted()
        await store.count([], holding(name, "p", 0, 2, None))  # it is late, and says nothing new
        assert (await store.count([], holding(name, "q", 3, 5))).refused == 0
        await store.count([], holding(name, "p", 0, 4, None))
        assert await store.count([], holding(name, "q", 3, 6)) == Counted()
        assert await store.count([], holding(f"{name}2", "q", 3, 7)) == Counted()
        assert await store.count([]) == Counted()


async def test_a_process_that_tells_nothing_more_gives_its_places_back(url: str, anyio_backend_name: str) -> None:
    name = f"{anyio_backend_name}/gone"
    async with opened(url) as store:
        assert await store.count([], holding(name, "gone", 3, 1, lease_s=0.05)) == Counted()
        with anyio.fail_after(60):
            while (await store.count([], holding(name, "p", 1, 1))).refused is not None:
                pass
        assert await store.count([], holding(name, "p", 3, 2)) == Counted()


@pytest.mark.parametrize("sliding", [False, True])
async def test_values_for_which_there_is_no_room_share_one(
    url: str, monkeypatch: pytest.MonkeyPatch, *, sliding: bool, anyio_backend_name: str
) -> None:
    for module in (redis_module, sqlite_module):
        monkeypatch.setattr(module, "MOST_VALUES", 3)
    name = f"{anyio_backend_name}/values{sliding}"
    async with opened(url) as store:
        if isinstance(store, MemoryStore):
            store._counters = Counters(3)

        async def ask(value: str, gateway: str = name) -> bool:
            one = like(gateway=gateway, value=value, limit=2, sliding=sliding)
            return (await store.count([one])).refused is None

        assert [await ask(value) for value in "aabc"] == [True] * 4
        assert [await ask(f"made up {number}") for number in range(9)] == [True, True] + [False] * 7
        assert [await ask(value) for value in "abbcc"] == [False, True, False, True, False], "those keep their own"
        assert await ask("a", f"{name}2"), "another gateway has room of its own"
        two = [like(gateway=name, rule=rule, value="other", limit=None, sliding=sliding) for rule in ("r", "s")]
        assert await store.count(two) == Counted()


async def test_room_is_free_again_when_a_value_is_over(
    url: str, monkeypatch: pytest.MonkeyPatch, anyio_backend_name: str
) -> None:
    monkeypatch.setattr(redis_module, "MOST_VALUES", 1)
    monkeypatch.setattr(sqlite_module, "MOST_VALUES", 1)
    monkeypatch.setattr(sqlite_module, "_FULL_S", 0.0)
    name = f"{anyio_backend_name}/over"
    async with opened(url) as store:
        if isinstance(store, MemoryStore):
            return  # tests/unit/quotas/test_counters.py
        first = like(gateway=name, value="u", limit=1, interval_s=1)
        assert await store.count([first]) == Counted()
        await store.count([msgspec.structs.replace(first, value="v", interval_s=3600)])  # of all others
        full = msgspec.structs.replace(first, value="w", interval_s=3600)
        assert (await store.count([full])).refused == 0
        with anyio.fail_after(60):
            while (await store.count([full])).refused is not None:
                pass


@pytest.mark.parametrize("url", ["postgres://user:hunter2@h", "sqlite:", "redis:h", "", "memory:x"])
async def test_a_url_that_names_no_store_is_an_error(url: str) -> None:
    with pytest.raises(ValueError, match=r"^there is no such store; allowed are memory:, sqlite:PATH") as caught:
        async with open_store(url) as store:
            await store.get("a")
    assert "hunter2" not in str(caught.value)


@UNCLOSED
@pytest.mark.parametrize("url", ["redis://:hunter2@127.0.0.1:1/0", "sqlite:/no/such/folder/store.db"])
async def test_a_store_that_is_not_there_fails_when_it_is_used(url: str) -> None:
    pytest.importorskip("coredis")
    async with open_store(url) as store:
        with pytest.raises(StoreError, match=r"^the store (failed|gave no answer|cannot be reached)") as caught:
            await store.get("a")
        with pytest.raises(StoreError):
            await store.count([ONE])
        assert "hunter2" not in str(caught.value)
    gc.collect()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_memory_forgets_what_is_over_and_what_was_used_least() -> None:
    clock = Clock()
    store = MemoryStore(most_bytes=3 * 1256, clock=clock, wall=clock)
    for name in "abc":
        await store.set(name, b"x" * 1000, 60)
    await store.set("key", b"k" * 9999)
    assert await store.get("a") is not None
    await store.set("d", b"x" * 1000, 30)
    assert [await store.get(name) is not None for name in "abcd"] == [True, False, True, True]
    await store.set("e", b"x" * 5000, 30)  # alone more than may be
    assert [await store.get(name) is not None for name in "acde"] == [True, True, True, False]
    clock.now += 30
    assert [await store.get(name) is not None for name in "acd"] == [True, True, False]
    assert await store.names("") == ["a", "c", "key"]
    clock.now += 30
    assert await store.names("") == ["key"]
    await store.set("f", b"x" * 3000, 1)
    assert await store.get("f") is not None
