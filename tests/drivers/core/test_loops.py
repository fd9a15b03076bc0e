"""Event loops that anyio did not start: callbacks know their library, and whatever dials works."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

from aigw_drivers.client import connect
from aigw_drivers.core.loops import asyncio_told
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import Settings

sniffio = pytest.importorskip("sniffio")
Run = Callable[[Coroutine[Any, Any, None]], None]


def in_uvloop(work: Coroutine[Any, Any, None]) -> None:
    pytest.importorskip("uvloop").run(work)


RUNS = pytest.mark.parametrize("run", [asyncio.run, in_uvloop])


async def in_callback() -> str | None:
    """What sniffio says in a callback of the loop."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str | None] = loop.create_future()

    def ask() -> None:
        try:
            told.set_result(sniffio.current_async_library())
        except sniffio.AsyncLibraryNotFoundError:
            told.set_result(None)

    loop.call_soon(ask)
    return await told


@RUNS
def test_callbacks_know_their_library_during_the_block(run: Run) -> None:
    async def work() -> None:
        assert await in_callback() is None
        with asyncio_told():
            assert await in_callback() == "asyncio"
        assert await in_callback() is None

    run(work())


def test_nothing_is_told_where_asyncio_does_not_run() -> None:
    with asyncio_told(), pytest.raises(sniffio.AsyncLibraryNotFoundError):
        sniffio.current_async_library()

    async def work() -> None:
        with asyncio_told():
            assert sniffio.current_async_library() == "trio"

    anyio.run(work, backend="trio")


@RUNS
def test_what_dials_works(run: Run) -> None:
    async def work() -> None:
        async with running(Settings(), loopback=True) as gateway:
            async with connect(f"{gateway.url}/v1/local/default") as client:
                query = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
                step = {"provider": "loopback", "endpoint": "chat/completions", "query": query}
                await client.send(json.dumps({"type": "universal.create", "request": step}))
                with anyio.fail_after(60):
                    created = json.loads(await client.receive())
                assert created["metadata"]["status"] == 200
            async with connect(f"{gateway.url}/v1/local/default/loopback/realtime?model=m") as client:
                with anyio.fail_after(60):
                    assert json.loads(await client.receive())["type"] == "session.created"

    run(work())
