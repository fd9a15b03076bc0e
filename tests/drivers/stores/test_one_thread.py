"""One thread for what blocks: its order, who leaves, and its end."""

import threading

import anyio
import pytest

from aigw_drivers.stores import StoreError
from aigw_drivers.stores import one_thread as one_thread_module
from aigw_drivers.stores.one_thread import OneThread

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_all_is_done_in_one_thread_in_the_order_in_which_it_was_asked_for() -> None:
    ended = threading.Event()
    thread = OneThread("one", ended.set)
    seen: list[int] = []
    threads: set[int] = set()

    def work(number: int) -> int:
        seen.append(number)
        threads.add(threading.get_ident())
        return number * 2

    results: dict[int, int] = {}

    async def ask(number: int) -> None:
        results[number] = await thread.run(lambda: work(number))

    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(ask, number)
    assert results == {number: number * 2 for number in range(100)}
    assert len(seen) == 100
    assert len(threads) == 1
    assert threads != {threading.get_ident()}
    thread.close(30.0)
    assert ended.is_set()
    with pytest.raises(StoreError, match=r"^the store is closed$"):
        await thread.run(lambda: 1)


async def test_what_it_raises_is_raised_where_it_is_waited_for() -> None:
    thread = OneThread("one", lambda: None)

    def fail() -> None:
        raise ValueError("this one")

    with pytest.raises(ValueError, match=r"^this one$"):
        await thread.run(fail)
    assert await thread.run(lambda: "goes on") == "goes on"
    thread.close(30.0)


async def test_nothing_is_begun_for_one_who_has_left_and_so_much_waits_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(one_thread_module, "MOST_WAITING", 2)
    thread = OneThread("one", lambda: None)
    begun, goes_on = threading.Event(), threading.Event()
    done: list[str] = []

    def block() -> None:
        begun.set()
        goes_on.wait(60)
        done.append("block")

    with anyio.move_on_after(60) as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(thread.run, block)
            await anyio.to_thread.run_sync(begun.wait, 60)
            tasks.start_soon(thread.run, lambda: done.append("never"))
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(thread.run, lambda: done.append("neither"))
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(StoreError, match=r"^the store is busy$"):
                await thread.run(lambda: done.append("too much"))
            tasks.cancel_scope.cancel()
    assert not scope.cancelled_caught
    goes_on.set()
    monkeypatch.setattr(one_thread_module, "MOST_WAITING", 9)
    await thread.run(lambda: done.append("last"))
    assert done == ["block", "last"]
    thread.close(30.0)


async def test_an_end_without_a_thread_is_one() -> None:
    OneThread("one", lambda: None).close(0.0)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_loop_that_has_ended_is_nothing_to_the_thread() -> None:
    thread = OneThread("one", lambda: None)
    goes_on = threading.Event()

    async def leave(backend: str) -> None:
        with anyio.move_on_after(0.01):
            await thread.run(lambda: goes_on.wait(60))

    for backend in ("asyncio", "trio"):
        await anyio.to_thread.run_sync(lambda backend=backend: anyio.run(leave, backend, backend=backend))
    goes_on.set()
    assert await thread.run(lambda: 1) == 1
    thread.close(30.0)
