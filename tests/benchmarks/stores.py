"""What quotas and stores cost, and how exact a shared window is.

``python -m tests.benchmarks.stores`` prints its tables. First of the core alone: a request with its whole response,
and a streamed chunk, without quotas and with some. Then an operation of each store, from one task. Last the error of a
sliding window that four processes share: how many of their requests pass in any such time, beside the limit; and of a
limit of what runs at once in all of them. Needs
``redis-server`` and ``coredis`` for Redis.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

import anyio
from tests.benchmarks._timing import compare, print_table
from tests.peers import processes
from tests.rigs.core_stream import Rig, chunk
from tests.rigs.stores import missing, store_server

from aigw_drivers.stores import Store, open_store
from aigw_sansio import Counter, GatewaySettings, Places, QuotaRule, Selector

EACH = Selector(mode="partition")
RATE = QuotaRule(limit=1 << 39, window_s=60, technique="sliding", id="rate")
TOKENS = QuotaRule(limit=1 << 39, window_s=3600, measure="tokens", token=EACH, metadata={"user": EACH}, id="tokens")
SETTINGS = {
    "no quotas": GatewaySettings(),
    "a rate": GatewaySettings(rate_limit=RATE),
    "a rate, a budget for each user, concurrency": GatewaySettings(rate_limit=RATE, rules=(TOKENS,), concurrency=100),
}
OPERATIONS = 2000
LIMIT, WINDOW_S, RUN_S, WORKERS = 400, 2.0, 12.0, 4

WORKER = """
import json, sys, time, anyio
from aigw_drivers.stores import open_store
from aigw_sansio import Counter

async def main():
    url, limit, window_s, run_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    one = Counter(gateway="a/g", rule="r", value="", amount=1, limit=limit, interval_s=window_s, sliding=True)
    passed, refused = [], 0
    async with open_store(url, within_s=30.0) as store:
        ends = time.time() + run_s
        while time.time() < ends:
            began = time.time()
            if (await store.count([one])).refused is None:
                passed.append((began, time.time()))
            else:
                refused += 1
                await anyio.sleep(0.001)
    print(json.dumps([passed, refused]))

anyio.run(main)
"""

#: Like that, for what runs at once: each of the tasks runs something for a while, if it may.
RUNNER = """
import json, os, sys, time, anyio
from aigw_drivers.stores import open_store
from aigw_sansio import Places

async def main():
    url, limit, hold_s, run_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    holder, ran, refused, running, number = os.urandom(12).hex(), [], 0, 0, 0

    def places(limit):
        nonlocal number
        number += 1
        return Places(gateway="a/g", holder=holder, running=running, number=number, limit=limit, lease_s=15.0)

    async def task():
        nonlocal running, refused
        while time.time() < ends:
            running += 1
            if (await store.count([], places(limit))).refused is None:
                began = time.time()
                await anyio.sleep(hold_s)
                ran.append((began, time.time()))
                running -= 1
                await store.count([], places(None))
            else:
                refused += 1
                running -= 1
                await anyio.sleep(0.001)

    async with open_store(url, within_s=30.0) as store:
        ends = time.time() + run_s
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(task)
    print(json.dumps([ran, refused]))

anyio.run(main)
"""
PLACES, HOLD_S = 10, 0.02


def core() -> None:
    """Print what the core does."""
    requests = {name: partial(Rig(0, gateway=settings).whole, 20) for name, settings in SETTINGS.items()}
    print_table("a request and its whole response, core alone", compare(requests, per_call=20))
    chunks = {}
    for name, settings in SETTINGS.items():
        rig = Rig(1, gateway=settings)
        chunks[name] = partial(rig.run, chunk(), 50)
    print_table("a streamed chunk, core alone", compare(chunks, per_call=50))


@contextmanager
def urls() -> Iterator[dict[str, str]]:
    """Stores of each kind, empty."""
    with tempfile.TemporaryDirectory() as folder:
        found = {"memory": "memory:", "SQLite": f"sqlite:{folder}/store.db"}
        if (why := missing("redis-server")) is not None:
            print(f"no Redis: {why}")
            yield found
            return
        with store_server(Path(folder)) as port:
            yield {**found, "Redis": f"redis://127.0.0.1:{port}"}


async def operations(url: str) -> dict[str, float]:
    """The middle microseconds of each operation."""
    one = Counter(gateway="a/g", rule="r", value="", amount=1, limit=1 << 40, interval_s=60, sliding=False)
    slide = Counter(gateway="a/g", rule="s", value="", amount=1, limit=1 << 40, interval_s=60, sliding=True)
    value = Counter(gateway="a/g", rule="v", value="u", amount=1, limit=1 << 40, interval_s=60, sliding=False)
    numbers = count(1)
    body = b"x" * 4096

    def places() -> Places:
        return Places(gateway="a/g", holder="p", running=1, number=next(numbers), limit=9, lease_s=15.0)

    def ways(store: Store) -> dict[str, Callable[[], Awaitable[object]]]:
        return {
            "get, nothing there": lambda: store.get("cache:none"),
            "get, 4 KiB": lambda: store.get("cache:a"),
            "set, 4 KiB": lambda: store.set("cache:a", body, 60),
            "count, fixed": lambda: store.count([one]),
            "count, fixed and sliding": lambda: store.count([one, slide]),
            "count, fixed, of a value": lambda: store.count([value]),
            "count, and who runs": lambda: store.count([one], places()),
        }

    found: dict[str, float] = {}
    async with open_store(url, within_s=30.0) as store:
        await store.set("cache:a", body, 60)
        for name, way in ways(store).items():
            samples = []
            for _ in range(OPERATIONS):
                began = time.perf_counter()
                await way()
                samples.append(time.perf_counter() - began)
            found[name] = median(samples) * 1e6
    return found


def stores() -> None:
    """Print what operations take."""
    with urls() as found:
        tables = {kind: anyio.run(operations, url) for kind, url in found.items()}
    print("an operation of a store, one after the other, microseconds (median)")
    for name in tables["memory"]:
        print(f"  {name:<26}" + "".join(f"{kind} {table[name]:>8.1f}   " for kind, table in tables.items()))
    print()


def most_in_a_window(passed: list[tuple[float, float]]) -> int:
    """The most requests that have certainly passed within one window: each between two times, its beginning and its end,
    sorted by the first."""
    return max(
        sum(began <= other[0] and other[1] < began + WINDOW_S for other in passed[index : index + 2 * LIMIT])
        for index, (began, _) in enumerate(passed)
    )


def shared() -> None:
    """Print the error of a window that processes share."""
    print(f"{WORKERS} processes, a sliding window of {LIMIT} in {WINDOW_S:g} s, {RUN_S:g} s")
    with urls() as found:
        for kind, url in found.items():
            if kind == "memory":
                continue
            command = [sys.executable, "-c", WORKER, url, str(LIMIT), str(WINDOW_S), str(RUN_S)]
            workers = [processes.start(command, stdout=subprocess.PIPE, text=True) for _ in range(WORKERS)]
            results = [json.loads(worker.communicate(timeout=120)[0]) for worker in workers]
            passed = sorted((began, ended) for times, _ in results for began, ended in times)
            spread = max(ended - began for times, _ in results for began, ended in times)
            refused = sum(number for _, number in results)
            span = passed[-1][1] - passed[0][0]
            ideal = LIMIT * (1 + int(span / WINDOW_S))
            most = most_in_a_window(passed)
            print(
                f"  {kind:<7} passed {len(passed)} of {len(passed) + refused}, of {ideal} that might have "
                f"({len(passed) / ideal - 1:+.2%}); most in any window {most} ({most / LIMIT - 1:+.2%}); "
                f"an answer took at most {spread * 1000:.1f} ms"
            )


def most_at_once(ran: list[tuple[float, float]]) -> int:
    """The most that certainly ran at one time."""
    moves = sorted([(began, 1) for began, _ in ran] + [(ended, -1) for _, ended in ran])
    now = most = 0
    for _, move in moves:
        now += move
        most = max(most, now)
    return most


def running() -> None:
    """Print the error of a limit of what runs at once in all processes."""
    print(f"{WORKERS} processes of 8 tasks, {PLACES} places, each held for {HOLD_S * 1000:g} ms, {RUN_S:g} s")
    with urls() as found:
        for kind, url in found.items():
            if kind == "memory":
                continue
            command = [sys.executable, "-c", RUNNER, url, str(PLACES), str(HOLD_S), str(RUN_S)]
            workers = [processes.start(command, stdout=subprocess.PIPE, text=True) for _ in range(WORKERS)]
            results = [json.loads(worker.communicate(timeout=120)[0]) for worker in workers]
            ran = [(began, ended) for times, _ in results for began, ended in times]
            span = max(ended for _, ended in ran) - min(began for began, _ in ran)
            used = sum(ended - began for began, ended in ran) / span / PLACES
            refused = sum(number for _, number in results)
            print(
                f"  {kind:<7} {len(ran)} ran, {refused} were refused; at most {most_at_once(ran)} at once; the places "
                f"were in use for {used:.0%} of the time"
            )


def main() -> None:
    """Print the tables that were asked for; all of them, if none was."""
    tables = {"core": core, "stores": stores, "shared": shared, "running": running}
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tables", nargs="*", choices=[*tables, []])
    for name in parser.parse_args().tables or tables:
        tables[name]()


if __name__ == "__main__":
    main()
