"""What workers bring and cost: ``python -m tests.benchmarks.workers`` runs ``aigw serve`` by itself, with one worker and
with two, in turn, before a cheap provider on loopback.

It prints short streamed requests a second (32 clients, 4 requests of each at once), the CPU time of all processes of the
gateway for each, their memory, and the time from SIGHUP until all have the new settings, with 200 sockets open. Clients
and provider take CPU too, so two workers on two cores bring less than twice as much. Linux.
"""

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.benchmarks._processes import Client, child, create, free_port, is_quick

WAYS: Final = ((), ("--workers", "1"), ("--workers", "2"))
CLIENTS: Final = 32
AT_ONCE: Final = 4
SOCKETS: Final = 200
RELOADS: Final = 10


class Server:
    """A running ``aigw serve``, alone on ``port``, which tells ``manager`` of its state."""

    def __init__(self, pid: int, port: int, manager: socket.socket) -> None:
        self.pid, self.port, self._manager = pid, port, manager

    @property
    def processes(self) -> list[int]:
        """The started process, and its workers."""
        return [self.pid, *map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split())]

    def cpu_s(self) -> float:
        """CPU seconds of all of them."""
        ticks = 0
        for pid in self.processes:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> list[tuple[float, float]]:
        """Proportional and own memory of each process, in MiB."""
        found = []
        for pid in self.processes:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
            found.append((kib["Pss"] / 1024, (kib["Private_Clean"] + kib["Private_Dirty"]) / 1024))
        return found

    def until_ready(self) -> None:
        """Wait until the server says that it is."""
        while self._manager.recv(1000) != b"READY=1":
            pass

    def reload_s(self) -> float:
        """Seconds from SIGHUP until all have the new settings."""
        begun = time.perf_counter()
        os.kill(self.pid, signal.SIGHUP)
        self.until_ready()
        return time.perf_counter() - begun


@contextmanager
def serving(way: tuple[str, ...], upstream: int) -> Iterator[Server]:
    """``aigw serve`` with these options, until the block is left."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        file = Path(folder, "aigw.toml")
        file.write_text(
            f"[server]\nport = {port}\n[gateways.'local/default']\nauthentication = false\n"
            f"[providers.custom-bench]\nbase_url = 'http://127.0.0.1:{upstream}/v1'\n"
        )
        file.chmod(0o600)
        manager.bind(f"{folder}/notify")
        program = "from aigw_drivers.cli.main import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", program, "serve", "--config", str(file), *way],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "NOTIFY_SOCKET": f"{folder}/notify"},
        )
        try:
            server = Server(process.pid, port, manager)
            server.until_ready()
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


class Asker(Client):
    """A client that asks again for each stream that has ended, and reads no more than that: it must cost little."""

    def begin(self) -> None:
        """Ask ``AT_ONCE`` times."""
        self.done = 0
        request = json.dumps(create("same", stream=True, chunks=1, batch=1, size=200)).replace('"same"', '"%d"')
        self._frames = [self._wire.text((request % number).encode()) for number in range(AT_ONCE)]
        self.data_received = self._count  # type: ignore[method-assign]
        self.transport.write(b"".join(self._frames))

    def _count(self, data: bytes) -> None:
        at = data.find(b"universal.done")
        while at >= 0:
            self.done += 1
            name = data.index(b'"eventId":"', at) + 11
            self.transport.write(self._frames[int(data[name : data.index(b'"', name)])])
            at = data.find(b"universal.done", at + 1)


async def load(server: Server, seconds: float) -> tuple[float, float]:
    """Requests a second, and the gateway's CPU time for each in us."""
    clients = [await Asker.connect(server.port) for _ in range(CLIENTS)]
    for client in clients:
        client.begin()
    await asyncio.sleep(seconds / 4)
    before, begun, at_first = server.cpu_s(), time.monotonic(), sum(client.done for client in clients)
    await asyncio.sleep(seconds)
    count = sum(client.done for client in clients) - at_first
    took, cpu = time.monotonic() - begun, server.cpu_s() - before
    for client in clients:
        client.transport.abort()
    return count / took, cpu / count * 1e6


async def reloads(server: Server) -> list[float]:
    """Seconds of reloads, with sockets open, of which none is lost."""
    clients = [await Client.connect(server.port) for _ in range(SOCKETS)]
    found = [await asyncio.to_thread(server.reload_s) for _ in range(RELOADS)]
    assert not any(client.transport.is_closing() for client in clients)
    for client in clients:
        client.transport.abort()
    return found


def main() -> None:
    """Measure all ways, in turn."""
    rounds, seconds = (1, 2.0) if is_quick(__doc__) else (5, 4.0)
    rates: dict[tuple[str, ...], list[tuple[float, float]]] = {way: [] for way in WAYS}
    took: dict[tuple[str, ...], list[float]] = {way: [] for way in WAYS}
    memory: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    with child("tests.benchmarks._provider") as provider:
        for _ in range(rounds):
            for way in WAYS:
                with serving(way, provider.port) as server:
                    rates[way].append(asyncio.run(load(server, seconds)))
                    memory[way] = server.memory()
                    took[way] += asyncio.run(reloads(server))
    for way in WAYS:
        rate = statistics.median(one for one, _ in rates[way])
        cpu = statistics.median(one for _, one in rates[way])
        pieces = "; ".join(f"{shared:.1f} ({own:.1f})" for shared, own in memory[way])
        print(
            f"{' '.join(way) or 'by itself':12} {rate:7.0f} requests/s, {cpu:6.0f} us each; reload "
            f"{statistics.median(took[way]) * 1e3:5.1f} ms, at most {max(took[way]) * 1e3:5.1f}; MiB {pieces}"
        )


if __name__ == "__main__":
    main()
