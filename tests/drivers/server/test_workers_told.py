"""Two workers of ``aigw serve``: ``/metrics`` and the page tell of both, whichever answers, and no kill takes anything
back that was counted."""

import json
import os
import re
import signal
import urllib.request
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.rigs.live_gateway import PATH
from tests.rigs.served import Server, begin, children_of, connected, serving, settings, until_type

from aigw_drivers.loopback import LoopbackProvider

pytest.importorskip("prometheus_client")
pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are read from /proc")
TOKEN = "a-token-of-this-test"
DONE = 'aigw_exchanges_total{end="done",error="",gateway="local/default",model="loopback-1",provider="custom-loop"}'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def get(server: Server, path: str) -> "urllib.response.addinfourl":  # type: ignore[name-defined]
    """A request on a connection of its own, for any of the workers."""
    url = server.url.removesuffix(PATH).replace("ws", "http", 1) + path
    return urllib.request.urlopen(url, timeout=120)


async def scrape(server: Server) -> dict[str, float]:
    """All series of one answer."""

    def read() -> dict[str, float]:
        with get(server, "/metrics") as response:
            lines = response.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    return await anyio.to_thread.run_sync(read)


async def page(server: Server) -> dict[str, Any]:
    """The first event of the page, from one of the workers."""

    def read() -> dict[str, Any]:
        with get(server, "/page/events") as response:
            found: dict[str, Any] = json.loads(response.readline().removeprefix(b"data: "))
            return found

    return await anyio.to_thread.run_sync(read)


def counters(series: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in series.items() if re.search(r"_(total|count|sum|bucket)\b", name)}


def none_fell(before: dict[str, float], now: dict[str, float]) -> bool:
    return all(now.get(name, -1.0) >= value for name, value in counters(before).items())


async def until_idle(server: Server) -> dict[str, float]:
    """All series when the last client has gone."""
    while (series := await scrape(server))["aigw_sessions_open"] or series["aigw_exchanges_running"]:
        pass
    return series


@pytest.mark.anyio
async def test_both_tell_of_all_workers_and_a_kill_takes_nothing_back(tmp_path: Path) -> None:
    async with LoopbackProvider.start() as provider:
        file = tmp_path / "aigw.toml"
        records = f"[records]\nto = ['file:{tmp_path / 'records.jsonl'}']\n"
        file.write_text(settings(provider, TOKEN, server="metrics = true") + records)
        file.chmod(0o600)
        with serving(file, ["--workers", "2"]) as server, anyio.fail_after(240):
            workers = children_of(server.process.pid)
            assert len(workers) == 2
            for _ in range(12):  # so many connections come to both
                async with connected(server, TOKEN) as client:
                    await begin(client, "a", chunks=1)
                    await until_type(client, "universal.done")
            async with connected(server, TOKEN) as client, connected(server, TOKEN) as other:
                for one in (client, other):
                    await begin(one, "a", chunks=9, stall_after_chunks=1)
                    await until_type(one, "universal.stream")
                found = [await scrape(server) for _ in range(8)]
                for series in found:
                    assert series[DONE] == 12
                    assert (series["aigw_sessions_open"], series["aigw_exchanges_running"]) == (2, 2)
                    assert not [name for name in series if "worker=" in name]
                assert none_fell(found[0], found[-1])
                # The second that runs is not drawn, and each keeps what it showed for half a second.
                await anyio.sleep(1.6)
                for _ in range(4):  # not more readers at once
                    state = await page(server)
                    assert (state["totals"]["exchanges"], state["open"]["sessions"]) == (12, 2)
                    assert sum(one for one, _ in state["curve"]) == 12
                    assert {row["provider"] for row in state["exchanges"]} == {"custom-loop"}
                    assert (len(state["exchanges"]), len(state["sessions"])) == (2, 2)
                    assert state["providers"][0]["attempts"] == 12
                    assert len({row["id"] for row in state["sessions"]}) == 2
            before = await until_idle(server)
            for victim in workers:
                os.kill(victim, signal.SIGKILL)
                while victim in children_of(server.process.pid) or len(children_of(server.process.pid)) < 2:
                    series = await scrape(server)  # it may be answered while there is one worker
                    assert none_fell(before, series)
                    before = series
            assert not set(children_of(server.process.pid)) & set(workers)
            async with connected(server, TOKEN) as client:
                await begin(client, "a", chunks=1)
                await until_type(client, "universal.done")
            for _ in range(4):
                series = await until_idle(server)
                assert none_fell(before, series)
                assert series[DONE] == 13
                before = series
            assert (await page(server))["totals"]["exchanges"] == 15  # with those whose clients went


def test_without_both_workers_share_nothing(tmp_path: Path) -> None:
    file = tmp_path / "aigw.toml"
    file.write_text("[server]\nport = 0\npage = false\n")
    with serving(file, ["--workers", "2"]) as server:
        for worker in children_of(server.process.pid):
            open_files = [os.readlink(link) for link in Path(f"/proc/{worker}/fd").iterdir()]
            assert not [name for name in open_files if "aigw figures" in name]
