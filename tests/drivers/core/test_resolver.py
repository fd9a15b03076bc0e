"""Look-ups: a share of the threads is for known names, dials to one host share a look-up, what nobody wants takes none."""

import socket
import threading
from collections.abc import Callable, Iterator

import anyio
import pytest

from aigw_drivers.core import resolver
from aigw_drivers.core.resolver import THREADS, Resolver

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Names:
    """A name server that is silent about some names until it is told to speak."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.silent = threading.Event()

    def __call__(self, host: str, port: int, **more: object) -> list[tuple[object, ...]]:
        if more.get("flags") == socket.AI_NUMERICHOST:
            if host.startswith("192."):
                return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port))]
            raise socket.gaierror(socket.EAI_NONAME, "no number")
        self.asked.append(host)
        if host.startswith("slow"):
            self.silent.wait(60)
        if host.startswith("none"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    found = Names()
    monkeypatch.setattr(resolver.socket, "getaddrinfo", found)
    yield found
    found.silent.set()


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(60):
        while not true():  # noqa: ASYNC110
            await anyio.sleep(0.001)


async def test_slow_names_leave_threads_to_names_that_are_known(names: Names) -> None:
    async with anyio.create_task_group() as tasks:
        found = Resolver(tasks, {"api.test"})
        assert await found.look_up("seen.test", 1)
        for number in range(60):
            tasks.start_soon(found.look_up, f"slow{number}.test", 443)
        await until(lambda: len(names.asked) == 1 + THREADS)
        with anyio.fail_after(60):
            assert await found.look_up("api.test", 443), "one of the settings"
            assert await found.look_up("seen.test", 443), "one that was found before"
            assert await found.look_up("192.0.2.1", 443), "an address"
        assert len(names.asked) == 3 + THREADS
        names.silent.set()
        with anyio.fail_after(60):
            assert await found.look_up("new.test", 443)
        # All are waited for: a thread that is given up asks late, and then asks the names of another test.


async def test_dials_to_one_host_share_a_look_up(names: Names) -> None:
    results = []

    async def dial() -> None:
        results.append(await found.look_up("slow.test", 443))

    async with anyio.create_task_group() as tasks:
        found = Resolver(tasks)
        async with anyio.create_task_group() as dials:
            for _ in range(5):
                dials.start_soon(dial)
            await until(lambda: bool(names.asked))
            names.silent.set()
    assert names.asked == ["slow.test"]
    assert len(results) == 5


async def test_what_nobody_wants_any_more_takes_no_thread_later(names: Names) -> None:
    async with anyio.create_task_group() as tasks:
        found = Resolver(tasks)
        async with anyio.create_task_group() as dials:
            for number in range(THREADS + 20):
                dials.start_soon(found.look_up, f"slow{number}.test", 443)
            await until(lambda: len(names.asked) == THREADS)
            dials.cancel_scope.cancel()
        names.silent.set()
        assert await found.look_up("late.test", 443)
        assert len(names.asked) == THREADS + 1
    assert not found._running


async def test_each_dial_is_told_why_there_is_no_address(names: Names) -> None:
    async with anyio.create_task_group() as tasks:
        found = Resolver(tasks)
        for _ in range(2):
            with pytest.raises(socket.gaierror, match="unknown"):
                await found.look_up("none.test", 443)
    assert names.asked == ["none.test"] * 2


async def test_what_is_no_name_is_an_os_error() -> None:
    async with anyio.create_task_group() as tasks:
        with pytest.raises(OSError, match="not a host name"):
            await Resolver(tasks).look_up("a" * 64 + ".invalid", 1)


def no_threads(self: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


async def test_without_a_thread_the_dial_fails_and_later_ones_go_on(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*arguments: object, **options: object) -> None:
        no_threads(threading.current_thread())

    async with anyio.create_task_group() as tasks:
        found = Resolver(tasks)
        with monkeypatch.context() as none:
            none.setattr(resolver.to_thread, "run_sync", refused)
            for _ in range(THREADS + 1):
                with pytest.raises(OSError, match="no thread is left"):
                    await found.look_up("one.test", 443)
        assert await found.look_up("one.test", 443)


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_a_system_that_gives_no_thread(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """trio keeps threads of earlier loops, so only asyncio needs a new one for sure."""
    async with anyio.create_task_group() as tasks:
        monkeypatch.setattr(threading.Thread, "start", no_threads)
        with pytest.raises(OSError, match="no thread is left"):
            await Resolver(tasks).look_up("one.test", 443)


async def test_another_bug_is_no_os_error(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(resolver.to_thread, "run_sync", broken)
    with pytest.raises(ExceptionGroup) as failed:
        async with anyio.create_task_group() as tasks:
            await Resolver(tasks).look_up("one.test", 443)
    assert failed.group_contains(RuntimeError, match="a bug")


async def test_who_gives_up_is_told_the_end_of_a_look_up_that_goes_on(names: Names) -> None:
    told: list[str] = []
    async with anyio.create_task_group() as tasks:
        found = Resolver(tasks)
        assert not found.tell_end("slow.test", 443, lambda: told.append("never begun"))
        async with anyio.create_task_group() as dials:
            dials.start_soon(found.look_up, "slow.test", 443)
            await until(lambda: bool(names.asked))
            assert found.tell_end("slow.test", 443, lambda: told.append("ended"))
            assert not found.tell_end("slow.test", 80, lambda: told.append("another port"))
            dials.cancel_scope.cancel()
        assert told == []
        names.silent.set()
        await until(lambda: bool(told))
        assert told == ["ended"]
        assert not found.tell_end("slow.test", 443, lambda: told.append("too late"))
