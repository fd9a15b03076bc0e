"""A realtime relay over real sockets, beside nginx, HAProxy and a relay on ``websockets``.

``python -m tests.benchmarks.relay [--quick] [--beside PYTHON]``. The same provider (:mod:`._echo`) and the same client, medians of rounds
taken in turn. The process under test has a core of its own; its CPU is all that is counted of CPU. A message is one that
passed, so an echo is two. Rows whose program is not installed are left out.
"""

import asyncio
import gc
import resource
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from statistics import median, quantiles
from typing import Final, Self, cast

import uvloop
from tests.benchmarks._processes import Child, add_beside, arguments, child, leave_core
from tests.benchmarks._proxies import installed, proxy

from aigw_sansio.wires.websocket.frames import FIN, Opcode, encode_frame
from aigw_sansio.wires.websocket.handshake import request

LOOPS: Final = ("uvloop", "asyncio", "trio")
PLAIN: Final = "plain (websockets)"
CONNECTIONS: Final = 100
IDLE: Final = 1000
_TARGET: Final = b"/v1/local/default/custom-bench/realtime"


class Load(asyncio.Protocol):
    """One client that always has the same number of messages of one size on the way. A task waits for :attr:`done`."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._open: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self._head = b""
        self._size = 1
        self._frame = b""
        self._left = 0
        self._to_send = 0
        self._to_come = 0
        self._sent_at = 0.0
        #: Seconds of each round trip, where one message is on the way.
        self.taken: list[float] | None = None
        self.transport: asyncio.Transport

    @classmethod
    async def connect(cls, port: int) -> Self:
        """A client with its handshake done."""
        _, protocol = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        await protocol._open
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self.transport.write(request(b"127.0.0.1", _TARGET, [], (), bytes(16)))

    def run(self, size: int, count: int, in_flight: int, opcode: Opcode = Opcode.BINARY) -> "asyncio.Future[None]":
        """Send ``count`` messages of ``size`` bytes, ``in_flight`` at a time."""
        self._frame = encode_frame(FIN | opcode, bytes(size), bytes(4))
        self._size = len(self._frame) - 4
        self._to_come = count
        self._to_send = count - in_flight
        self.done = self._loop.create_future()
        self._sent_at = time.perf_counter()
        self.transport.write(self._frame * in_flight)
        return self.done

    def data_received(self, data: bytes) -> None:
        if not self._open.done():
            self._head += data
            if b"\r\n\r\n" in self._head:
                assert b" 101 " in self._head, self._head
                self._open.set_result(None)
            return
        count, self._left = divmod(self._left + len(data), self._size)
        if not count:
            return
        if self.taken is not None:
            now = time.perf_counter()
            self.taken.append(now - self._sent_at)
            self._sent_at = now
        self._to_come -= count
        more = min(count, self._to_send)
        if more:
            self._to_send -= more
            self.transport.write(self._frame * more)
        elif not self._to_come:
            self.done.set_result(None)


async def clients(port: int, count: int) -> list[Load]:
    """So many clients, a few at a time."""
    made: list[Load] = []
    while len(made) < count:
        made += await asyncio.gather(*(Load.connect(port) for _ in range(min(50, count - len(made)))))
    return made


async def close(loads: list[Load]) -> None:
    """End them, and give the process under test the time to see it."""
    for load in loads:
        load.transport.abort()
    await asyncio.sleep(0.1)


async def latency(port: int, size: int, count: int) -> tuple[float, float]:
    """Median and 99th percentile of a round trip on one connection, in microseconds."""
    load = await Load.connect(port)
    await load.run(size, 500, 1)
    load.taken = []
    await load.run(size, count, 1)
    taken = load.taken
    await close([load])
    return median(taken) * 1e6, quantiles(taken, n=100)[98] * 1e6


async def throughput(
    under_test: Child, size: int, echoes: int, in_flight: int, opcode: Opcode = Opcode.BINARY
) -> tuple[float, float]:
    """CPU microseconds per message, and messages a second, over :data:`CONNECTIONS` connections."""
    loads = await clients(under_test.port, CONNECTIONS)
    await asyncio.gather(*(load.run(size, in_flight * 5, in_flight, opcode) for load in loads))
    each = echoes // CONNECTIONS
    cpu, began = under_test.cpu_s(), time.perf_counter()
    await asyncio.gather(*(load.run(size, each, in_flight, opcode) for load in loads))
    messages = 2 * each * CONNECTIONS
    result = (under_test.cpu_s() - cpu) / messages * 1e6, messages / (time.perf_counter() - began)
    await close(loads)
    return result


async def idle_kib(under_test: Child) -> float:
    """Resident KiB for each of :data:`IDLE` sessions that have carried one message and are silent."""
    warm = await clients(under_test.port, 20)
    await asyncio.gather(*(load.run(200, 1, 1) for load in warm))
    await close(warm)
    before = under_test.rss_bytes()
    loads = await clients(under_test.port, IDLE)
    await asyncio.gather(*(load.run(200, 1, 1) for load in loads))
    grown = under_test.rss_bytes() - before
    await close(loads)
    return grown / IDLE / 1024


def rows(provider: Child, beside: str | None) -> Iterator[tuple[str, AbstractContextManager[Child]]]:
    """Everything under test, not yet started."""
    for name in ("nginx", "haproxy"):
        if installed(name):
            yield name, proxy(name, provider.port, core=0)
    url = f"http://127.0.0.1:{provider.port}"
    for loop in LOOPS:
        yield f"aigw on {loop}", child("tests.benchmarks._gateway", url, loop, core=0)
        if beside is not None and loop == "uvloop":
            yield "aigw on uvloop, beside", child("tests.benchmarks._gateway", url, loop, core=0, python=beside)
    yield PLAIN, child("tests.benchmarks.plain_relay", url.replace("http", "ws"), core=0)


def taps(provider: Child) -> Iterator[tuple[str, AbstractContextManager[Child]]]:
    """The gateway without and with a host that listens to what the provider says."""
    url = f"http://127.0.0.1:{provider.port}"
    for name, options in (("tap off", ()), ("tap on", ("tap",))):
        yield name, child("tests.benchmarks._gateway", url, "uvloop", *options, core=0)


def table(title: str, results: dict[str, list[tuple[float, ...]]], heads: list[str], base: str | None) -> None:
    """Print medians; of the first column also the ratio to ``base``."""
    middle = {name: [median(column) for column in zip(*taken)] for name, taken in results.items()}
    print(f"\n{title}\n{'':36}" + "".join(f"{head:>14}" for head in heads) + (f"{base + ' = 1':>14}" if base else ""))
    for name, cells in middle.items():
        ratio = f"{cells[0] / middle[base][0]:14.2f}" if base else ""
        print(f"{name:36}" + "".join(f"{cell:14,.1f}" for cell in cells) + ratio)


async def main(quick: bool, beside: str | None) -> None:
    """Measure and print."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 16384), most))
    rounds, trips, echoes = (3, 1500, 20_000) if quick else (5, 4000, 50_000)
    base = "nginx" if installed("nginx") else None
    gc.disable()
    with child("tests.benchmarks._echo", core=1) as provider:
        for size in (200, 4096):
            added: dict[str, list[tuple[float, ...]]] = {}
            costs: dict[int, dict[str, list[tuple[float, ...]]]] = {1: {}, 16: {}}
            for _ in range(rounds):
                direct = await latency(provider.port, size, trips)
                for name, starting in rows(provider, beside):
                    with starting as under_test:
                        p50, p99 = await latency(under_test.port, size, trips)
                        added.setdefault(name, []).append((p50 - direct[0], p99 - direct[1]))
                        for in_flight, results in costs.items():
                            many = echoes * (3 if in_flight > 1 else 1)
                            results.setdefault(name, []).append(await throughput(under_test, size, many, in_flight))
            table(f"{size} bytes: added round-trip time, one connection, us", added, ["p50", "p99"], base)
            for in_flight, results in costs.items():
                title = f"{size} bytes: {CONNECTIONS} connections, {in_flight} on the way on each"
                table(title, results, ["CPU us/message", "messages/s"], base)
        for in_flight in (1, 16):
            tapped: dict[str, list[tuple[float, ...]]] = {}
            for _ in range(rounds):
                for name, starting in taps(provider):
                    with starting as under_test:
                        result = await throughput(under_test, 200, echoes, in_flight, Opcode.TEXT)
                        tapped.setdefault(name, []).append(result)
            title = f"200 bytes of JSON: {CONNECTIONS} connections, {in_flight} on the way on each"
            table(title, tapped, ["CPU us/message", "messages/s"], "tap off")
        memory: dict[str, list[tuple[float, ...]]] = {}
        for name, starting in rows(provider, beside):
            with starting as under_test:
                memory[name] = [(await idle_kib(under_test),)]
        table(f"resident memory for each of {IDLE} idle sessions", memory, ["KiB"], base)


if __name__ == "__main__":
    parser = arguments(__doc__)
    add_beside(parser)
    chosen = parser.parse_args()
    leave_core(0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(chosen.quick, chosen.beside))
