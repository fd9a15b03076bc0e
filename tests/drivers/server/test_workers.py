"""Whole gateways in worker processes, on every loop: what a kill costs, and what a drain does not."""

import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute
from tests.rigs.live_gateway import PATH, chat
from tests.rigs.supervised import Supervised, supervised

from aigw_drivers.client import HandshakeRefused, WebSocketClient, WebSocketClosed, connect

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are read from /proc"),
]
LOOPS = ["asyncio", "uvloop", "trio"]


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Talking:
    """A client with a stream that goes on until it is cancelled."""

    def __init__(self, client: WebSocketClient) -> None:
        self.client = client
        self.chunks = 0
        self.closed: WebSocketClosed | None = None
        self.types: list[str] = []

    @property
    def port(self) -> int:
        return int(self.client._stream.extra(SocketAttribute.local_port))

    async def talk(self, *, chunks: int) -> None:
        query = chat(chunks=chunks, chunk_delay_ms=20)
        step = {"eventId": "a", "provider": "loopback", "endpoint": "chat/completions", "query": query}
        await self.client.send(json.dumps({"type": "universal.create", "request": step}))
        try:
            while True:
                kind = json.loads(await self.client.receive())["type"]
                self.types.append(kind)
                self.chunks += kind == "universal.stream"
        except WebSocketClosed as closed:
            self.closed = closed


@asynccontextmanager
async def talking(supervisor: Supervised, count: int, *, chunks: int = 10_000) -> AsyncIterator[list[Talking]]:
    """So many clients whose streams have begun."""
    url = f"ws://127.0.0.1:{supervisor.port}{PATH}"
    async with AsyncExitStack() as stack, anyio.create_task_group() as tasks:
        clients = [Talking(await stack.enter_async_context(connect(url))) for _ in range(count)]
        for one in clients:
            tasks.start_soon(partial(one.talk, chunks=chunks))
        await until(lambda: all(one.chunks > 1 for one in clients))
        yield clients
        tasks.cancel_scope.cancel()


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(120):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.01)


def served_by(pid: int, port: int) -> set[int]:
    """The ports of the clients that process ``pid`` has, of a server on ``port``."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(os.readlink(link))
        except OSError:
            continue
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, *rest = line.split()
        if int(local.partition(":")[2], 16) == port and f"socket:[{rest[6]}]" in inodes:
            found.add(int(remote.partition(":")[2], 16))
    return found - {0}


@pytest.mark.parametrize("backend", LOOPS)
async def test_a_worker_that_is_killed_under_load_loses_only_its_own_sockets(backend: str) -> None:
    with supervised("gateway", backend, "4") as supervisor:
        async with talking(supervisor, 24) as clients:
            held = {pid: served_by(pid, supervisor.port) for pid in supervisor.workers}
            assert sum(map(len, held.values())) == 24
            victim = max(held, key=lambda pid: len(held[pid]))
            lost = [one for one in clients if one.port in held[victim]]
            kept = [one for one in clients if one not in lost]
            os.kill(victim, signal.SIGKILL)
            await until(lambda: all(one.closed is not None for one in lost))
            before = [one.chunks for one in kept]
            await until(lambda: all(one.chunks > chunks for one, chunks in zip(kept, before, strict=True)))
            assert [one.closed for one in kept] == [None] * len(kept)
            await anyio.to_thread.run_sync(lambda: supervisor.until(4, without=victim))
            async with talking(supervisor, 8) as others:
                assert all(one.closed is None for one in others)
            for one in kept:
                await one.client.send('{"type":"universal.cancel","eventId":"a"}')
            await until(lambda: all("universal.cancelled" in one.types for one in kept))
        assert supervisor.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("backend", LOOPS)
async def test_a_drain_of_all_workers(backend: str) -> None:
    """Running streams end as if nothing were, clients are told, and a health check is answered until the last."""
    with supervised("gateway", backend, "2") as supervisor:
        async with talking(supervisor, 8, chunks=60) as clients:
            supervisor.process.send_signal(signal.SIGTERM)
            await until(lambda: all("universal.going_away" in one.types for one in clients))
            with pytest.raises(HandshakeRefused) as refused:
                async with connect(f"ws://127.0.0.1:{supervisor.port}{PATH}"):
                    pass
            assert (refused.value.status, json.loads(refused.value.body)["error"][0]["code"]) == (503, 2011)
            assert [await status_of(supervisor.port, path) for path in ("/readyz", "/healthz")] == [503, 200]
            await until(lambda: all(one.closed is not None for one in clients))
        assert {one.closed.code for one in clients if one.closed is not None} == {1001}
        assert [one.types.count("universal.done") for one in clients] == [1] * 8
        assert [one.chunks for one in clients] == [clients[0].chunks] * 8
        assert await anyio.to_thread.run_sync(lambda: supervisor.process.wait(timeout=120)) == 0


async def test_workers_whose_supervisor_was_killed_drain() -> None:
    with supervised("gateway", "asyncio", "anyio", "2") as supervisor:
        async with talking(supervisor, 4, chunks=60) as clients:
            workers = supervisor.workers
            supervisor.process.kill()
            await until(lambda: all(one.closed is not None for one in clients))
        assert [one.types.count("universal.done") for one in clients] == [1] * 4
        await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


async def status_of(port: int, path: str) -> int:
    """The status of a plain request."""
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        return int((await stream.receive())[9:12])
