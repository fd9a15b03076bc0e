"""CPU per streamed chunk on each loop beside nginx, and with 1, 50 and 500 exchanges on one socket.

``python -m tests.benchmarks.beside_nginx [--quick] [--beside PYTHON]``. The same provider, 50 streams of 200-byte chunks:
paced (20 ms apart), begun together or one after the other, so that their chunks come in step or apart, and as fast as it
goes. The gateway turns them into messages on one WebSocket; nginx passes each on its own connection (``proxy_pass``,
``proxy_buffering off``, one process). What a stream costs to begin and to end is in the column of short requests alone.
CPU is that of the process under test alone, which has core 0 to itself as far as this program goes; medians, ratios in
one run. With an HTTP/2 upstream all streams share one connection; nginx, which speaks none to it, stays the same. Needs
Debian's package ``nginx``.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.benchmarks._processes import Child, Client, add_beside, arguments, child, create, free_port, leave_core
from tests.benchmarks.main_job import STREAMS, stream_all

INTERVAL_S = 0.02

LOOPS = ["asyncio", "uvloop", "trio"]
HEADS = ["paced, in step", "paced, apart", "saturated", "per request"]
CONFIG = """
daemon off; master_process off; worker_processes 1; pid %(folder)s/pid; error_log %(folder)s/error;
events { worker_connections 2048; }
http {
    access_log off; client_body_temp_path %(folder)s/b; proxy_temp_path %(folder)s/p;
    fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
    upstream provider { server 127.0.0.1:%(provider)d; keepalive 100; }
    server {
        listen 127.0.0.1:%(port)d;
        location / {
            proxy_pass http://provider; proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection "";
        }
    }
}
"""


@contextmanager
def nginx(provider: Child) -> Iterator[Child]:
    """A running nginx in front of ``provider``."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nginx.conf"
        file.write_text(CONFIG % {"folder": folder, "provider": provider.port, "port": port})
        command = ["taskset", "-c", "0", "nginx", "-c", str(file), "-p", folder, "-e", f"{folder}/error"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                yield Child(process, port)
            finally:
                process.kill()


class Meter:
    """CPU of a process for each of the chunks in the middle of a run."""

    def __init__(self, process: Child, total: int) -> None:
        self._process = process
        self._marks = [total * 35 // 100, total * 65 // 100]
        self._count = 0
        self._readings: list[tuple[float, int]] = []

    def count(self, chunks: int) -> None:
        """So many chunks more."""
        self._count += chunks
        if self._marks and self._count >= self._marks[0]:
            del self._marks[0]
            self._readings.append((self._process.cpu_s(), self._count))

    @property
    def us_per_chunk(self) -> float:
        """What it found."""
        (cpu, count), (cpu_after, count_after) = self._readings
        return (cpu_after - cpu) / (count_after - count) * 1e6


class PlainStream(asyncio.Protocol):
    """One stream over HTTP/1.1, read to its end."""

    def __init__(self, query: dict[str, object], meter: Meter | None) -> None:
        self._body = json.dumps(query).encode()
        self._meter = meter
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(self._body)
        transport.write(head + self._body)

    def data_received(self, data: bytes) -> None:
        if self._meter is not None:
            self._meter.count(data.count(b"data: {"))
        if data.endswith(b"0\r\n\r\n"):
            self.done.set_result(None)
            self._transport.close()


async def plain_stream(port: int, query: dict[str, object], meter: Meter | None = None) -> "asyncio.Future[None]":
    """Begin a stream through nginx."""
    loop = asyncio.get_running_loop()
    for _ in range(50):
        try:
            _, stream = await loop.create_connection(lambda: PlainStream(query, meter), "127.0.0.1", port)
            return stream.done
        except OSError:
            await asyncio.sleep(0.05)  # it is starting
    raise RuntimeError("nginx did not start")


async def nginx_cpu_per_chunk(gateway: Child, chunks: int, interval_s: float, *, apart: bool = False) -> float:
    """Microseconds of nginx's CPU for each chunk."""
    await (await plain_stream(gateway.port, {"chunks": 20}))
    meter = Meter(gateway, chunks * STREAMS)
    query: dict[str, object] = {"chunks": chunks, "interval_s": interval_s}
    streams = []
    for _ in range(STREAMS):
        streams.append(await plain_stream(gateway.port, query, meter))
        if apart:
            await asyncio.sleep(interval_s * 0.37)
    await asyncio.gather(*streams)
    return meter.us_per_chunk


async def cpu_per_chunk(gateway: Child, chunks: int, interval_s: float, *, apart: bool = False) -> float:
    """Microseconds of the gateway's CPU for each chunk."""
    client = await Client.connect(gateway.port)
    await stream_all(client, STREAMS, chunks=20)
    meter = Meter(gateway, chunks * STREAMS)

    async def begin() -> None:
        for number in range(STREAMS):
            client.send(create(f"s{number}", chunks=chunks, interval_s=interval_s))
            if apart:
                await asyncio.sleep(interval_s * 0.37)

    beginning = asyncio.ensure_future(begin())
    ended = 0
    while ended < STREAMS:
        message = await client.next()
        if b"universal.stream" in message[:30]:
            meter.count(1)
        elif b"universal.done" in message[:30]:
            ended += 1
    await beginning
    client.transport.close()
    return meter.us_per_chunk


async def cpu_per_request(gateway: Child, batches: int) -> float:
    """Microseconds of the gateway's CPU for each short request (one chunk), ``STREAMS`` at once on one socket."""
    client = await Client.connect(gateway.port)
    await stream_all(client, STREAMS, chunks=1, batch=1)
    before = gateway.cpu_s()
    for _ in range(batches):
        await stream_all(client, STREAMS, chunks=1, batch=1)
    used = gateway.cpu_s() - before
    client.transport.close()
    return used / (batches * STREAMS) * 1e6


async def plain_requests(port: int, count: int) -> None:
    """Short requests one after the other on one kept connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"chunks": 1, "batch": 1}).encode()
    for _ in range(count):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await reader.readuntil(b"0\r\n\r\n")
    writer.close()


async def nginx_cpu_per_request(gateway: Child, batches: int) -> float:
    """Microseconds of nginx's CPU for each short request."""
    await asyncio.gather(*(plain_requests(gateway.port, 1) for _ in range(STREAMS)))
    before = gateway.cpu_s()
    await asyncio.gather(*(plain_requests(gateway.port, batches) for _ in range(STREAMS)))
    return (gateway.cpu_s() - before) / (batches * STREAMS) * 1e6


async def scaling(gateway: Child, exchanges: int, total: int) -> float:
    """Microseconds of CPU for each chunk with so many exchanges on one socket, each 20 chunks a read. What the
    exchanges cost to begin and to end, measured with a tenth of the chunks, is not in it."""
    client = await Client.connect(gateway.port)
    await stream_all(client, exchanges, chunks=20)
    used: list[float] = []
    counts: list[int] = []
    for chunks in (total // 10, total):
        before = gateway.cpu_s()
        counts.append(await stream_all(client, exchanges, chunks=chunks // exchanges))
        used.append(gateway.cpu_s() - before)
    client.transport.close()
    return (used[1] - used[0]) / (counts[1] - counts[0]) * 1e6


async def main(quick: bool, beside: str | None) -> None:
    """Measure and print."""
    if shutil.which("nginx") is None:
        raise SystemExit("nginx is not installed")
    rounds = 3 if quick else 5
    plain = "plain (websockets + httpx)"
    upstreams = {"": (), ", h2": ("h2c",)}
    own = {
        f"aigw on {loop}{name}": (sys.executable, loop, *options)
        for name, options in upstreams.items()
        for loop in LOOPS
    }
    if beside is not None:
        own |= {f"{name}, beside": (beside, *options) for name, (_, *options) in own.items() if "uvloop" in name}
    table: dict[str, list[list[float]]] = {}
    with (
        child("tests.benchmarks._provider", core=1) as provider,
        child("tests.benchmarks._provider_h2", core=1) as provider_h2,
    ):
        url_h2 = f"http://127.0.0.1:{provider_h2.port}"
        url = f"http://127.0.0.1:{provider.port}"
        for _ in range(rounds):
            with nginx(provider) as gateway:
                table.setdefault("nginx", []).append(
                    [
                        await nginx_cpu_per_chunk(gateway, 150, INTERVAL_S),
                        await nginx_cpu_per_chunk(gateway, 150, INTERVAL_S, apart=True),
                        await nginx_cpu_per_chunk(gateway, 600, 0),
                        await nginx_cpu_per_request(gateway, 40),
                    ]
                )
            with child("tests.benchmarks.plain_gateway", url, core=0) as gateway:
                table.setdefault(plain, []).append(await costs(gateway))
            for name, (python, *options) in own.items():
                upstream = url_h2 if options[1:] else url
                with child("tests.benchmarks._gateway", upstream, *options, core=0, python=python) as gateway:
                    table.setdefault(name, []).append(await costs(gateway))
        print(f"CPU us per 200-byte chunk, {STREAMS} streams; medians of {rounds}; x: nginx = 1\n")
        print(f"{'':30}" + "".join(f"{head:>14}{'x':>7}" for head in HEADS))
        middle = {name: [median(column) for column in zip(*taken)] for name, taken in table.items()}
        for name, cells in middle.items():
            print(
                f"{name:30}" + "".join(f"{cell:14.2f}{cell / base:7.2f}" for cell, base in zip(cells, middle["nginx"]))
            )
        print("\nCPU us per chunk with so many exchanges on one socket (saturated)")
        with child("tests.benchmarks._gateway", url, "uvloop", core=0) as gateway:
            row = [median([await scaling(gateway, count, 400_000) for _ in range(rounds)]) for count in (1, 50, 500)]
        told = "  ".join(f"{count}: {cell:.2f}" for count, cell in zip((1, 50, 500), row))
        print(f"  aigw on uvloop {told}   500 against 1: {row[2] / row[0]:.2f}x")


async def costs(gateway: Child) -> list[float]:
    """The row of a gateway."""
    return [
        await cpu_per_chunk(gateway, 150, INTERVAL_S),
        await cpu_per_chunk(gateway, 150, INTERVAL_S, apart=True),
        await cpu_per_chunk(gateway, 600, 0),
        await cpu_per_request(gateway, 40),
    ]


if __name__ == "__main__":
    parser = arguments(__doc__)
    add_beside(parser)
    chosen = parser.parse_args()
    leave_core(0)
    asyncio.run(main(chosen.quick, chosen.beside))
