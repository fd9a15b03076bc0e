"""Four workers and one Redis: what counts for all of them is counted once, and a worker that is killed loses none of it."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from tests.rigs.served import Server, begin, children_of, connected, serving
from tests.rigs.stores import missing, store_server

from aigw_drivers.client import WebSocketClosed
from aigw_drivers.loopback import LoopbackProvider

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(missing("redis-server") is not None, reason=str(missing("redis-server"))),
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are read from /proc"),
]
TOKEN = "a-token-of-this-test"
WORKERS = ["--workers", "4"]
LIMIT = 25


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def settings(provider: LoopbackProvider, store: int, own: str) -> str:
    return (
        f"[server]\nport = 0\n[store]\nurl = 'redis://127.0.0.1:{store}'\n[timeouts]\nstore_s = 60\nlook_up_s = 60\n"
        f"[gateways.'local/default']\ntokens = ['{TOKEN}']\n{own}\n"
        f"[providers.custom-loop]\nbase_url = '{provider.base_url}/v1'\n"
    )


async def ask(server: Server) -> tuple[int, str]:
    """The status of a request on a connection of its own, and where its response is from."""
    async with connected(server, TOKEN) as client:
        await begin(client, "a", chunks=1)
        with anyio.fail_after(120):
            while (message := json.loads(await client.receive()))["type"] not in (
                "universal.done",
                "universal.created",
            ):
                pass
            metadata = message["metadata"]
            if message["type"] == "universal.created" and "response" not in message:
                while json.loads(await client.receive())["type"] != "universal.done":
                    pass
    return metadata["status"], metadata["cacheStatus"]


async def ask_many(server: Server, count: int) -> list[tuple[int, str]]:
    """So many at once, spread over the workers by the kernel."""
    found: list[tuple[int, str]] = []

    async def one() -> None:
        found.append(await ask(server))

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(one)
    return found


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110
        await anyio.sleep(0.05)


@pytest.mark.parametrize("technique", ["fixed", "sliding"])
async def test_a_limit_holds_over_all_workers_and_a_kill_forgets_nothing(technique: str, tmp_path: Path) -> None:
    own = f"rate_limiting_limit = {LIMIT}\nrate_limiting_interval = 34560000\nrate_limiting_technique = '{technique}'"
    file = tmp_path / "aigw.toml"
    with store_server(tmp_path) as store:
        async with LoopbackProvider.start() as provider:
            file.write_text(settings(provider, store, own))
            file.chmod(0o600)
            with serving(file, WORKERS) as server:
                first = await ask_many(server, LIMIT - 5)
                os.kill(children_of(server.process.pid)[0], signal.SIGKILL)
                rest = await ask_many(server, LIMIT)
            sent = len(provider.seen)
    statuses = [status for status, _ in first + rest]
    assert sorted(statuses) == [200] * LIMIT + [429] * (LIMIT - 5)
    assert {status for status, _ in first} == {200}
    assert sent == LIMIT


async def test_what_one_worker_keeps_all_of_them_have(tmp_path: Path) -> None:
    file = tmp_path / "aigw.toml"
    with store_server(tmp_path) as store:
        async with LoopbackProvider.start() as provider:
            file.write_text(settings(provider, store, "cache_ttl = 600"))
            file.chmod(0o600)
            with serving(file, WORKERS) as server:
                assert await ask(server) == (200, "MISS")
                with anyio.fail_after(120):
                    while (await ask(server))[1] != "HIT":  # it is kept when the client has it
                        pass
                before = len(provider.seen)
                for victim in children_of(server.process.pid)[:2]:
                    os.kill(victim, signal.SIGKILL)
                assert await ask_many(server, 24) == [(200, "HIT")] * 24
                assert len(provider.seen) == before


async def test_what_runs_at_once_is_limited_over_all_workers_and_a_kill_gives_its_places_back(tmp_path: Path) -> None:
    most, asked = 6, 20
    file = tmp_path / "aigw.toml"
    states: dict[int, str] = {}

    async def hold(server: Server, number: int) -> None:
        """A request whose response stalls after its first chunk."""
        try:
            async with connected(server, TOKEN) as client:
                await begin(client, "a", chunks=9, stall_after_chunks=1)
                while (message := json.loads(await client.receive()))["type"] != "universal.stream":
                    if "response" in message:
                        states[number] = str(message["metadata"]["status"])
                        return
                states[number] = "runs"
                while True:
                    message = json.loads(await client.receive())
                    assert message["type"] == "universal.stream"
        except (WebSocketClosed, OSError):
            states[number] = "lost"

    def counted(state: str) -> int:
        return list(states.values()).count(state)

    with store_server(tmp_path) as store:
        async with LoopbackProvider.start() as provider:
            text = settings(provider, store, f"concurrency = {most}")
            file.write_text(text.replace("[timeouts]", "[timeouts]\nlease_s = 3"))
            file.chmod(0o600)
            with serving(file, WORKERS) as server, anyio.fail_after(240):
                async with anyio.create_task_group() as tasks:
                    for number in range(asked):
                        tasks.start_soon(hold, server, number)
                    await until(lambda: len(states) == asked)
                    assert (counted("runs"), counted("429")) == (most, asked - most)
                    await anyio.sleep(4)  # more than a lease: who runs goes on, and is told again
                    await hold(server, asked)
                    assert states[asked] == "429"
                    number = asked
                    for victim in children_of(server.process.pid):  # until one was hit that runs something
                        os.kill(victim, signal.SIGKILL)
                        with anyio.move_on_after(3):
                            await until(lambda: counted("lost") > 0)
                        if lost := counted("lost"):
                            break
                    while counted("runs") < most:  # as soon as its lease is over
                        number += 1
                        tasks.start_soon(hold, server, number)
                        await until(lambda number=number: number in states)
                    assert counted("lost") == lost, "the others go on"
                    assert counted("runs") == most
                    await hold(server, number + 1)
                    assert states[number + 1] == "429"
                    tasks.cancel_scope.cancel()
