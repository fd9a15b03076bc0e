"""CPU per streamed chunk of both drivers beside nginx, and with 1, 50 and 500 exchanges on one socket.

``python -m tests.benchmarks.beside_nginx [--quick]``. The same provider, 50 streams of 200-byte chunks: paced (20 ms
apart) and as fast as it goes. The gateway turns them into messages on one WebSocket; nginx passes each on its own
connection (``proxy_pass``, ``proxy_buffering off``, one process). CPU is that of the process under test alone, which has
core 0 to itself as far as this program goes; medians, ratios in one run. With an HTTP/2 upstream all streams share one
connection; nginx, which speaks none to it, stays the same. Needs Debian's package ``nginx``.
"""

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.benchmarks._processes import Child, Client, child, free_port, is_quick, leave_core
from tests.benchmarks.main_job import STREAMS, cpu_per_chunk, stream_all

DRIVERS = [
    ("anyio", "asyncio"),
    ("anyio", "uvloop"),
    ("anyio", "trio"),
    ("protocol", "asyncio"),
    ("protocol", "uvloop"),
]
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


async def plain_stream(port: int, query: dict[str, object]) -> None:
    """One stream over HTTP/1.1, read to its end."""
    for _ in range(50):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            break
        except OSError:
            await asyncio.sleep(0.05)  # it is starting
    body = json.dumps(query).encode()
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    await reader.readuntil(b"\r\n\r\n")
    tail = b""
    while not tail.endswith(b"0\r\n\r\n"):
        tail = (tail + await reader.read(1 << 18))[-5:]
    writer.close()


async def nginx_cpu_per_chunk(gateway: Child, chunks: int, interval_s: float) -> float:
    """Microseconds of nginx's CPU for each chunk."""
    await plain_stream(gateway.port, {"chunks": 20})
    before = gateway.cpu_s()
    query: dict[str, object] = {"chunks": chunks, "interval_s": interval_s}
    await asyncio.gather(*(plain_stream(gateway.port, query) for _ in range(STREAMS)))
    return (gateway.cpu_s() - before) / (chunks * STREAMS) * 1e6


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


async def main(quick: bool) -> None:
    """Measure and print."""
    if shutil.which("nginx") is None:
        raise SystemExit("nginx is not installed")
    rounds = 3 if quick else 5
    plain = "plain (websockets + httpx)"
    upstreams = {"": (), ", h2": ("h2c",)}
    own = {
        f"{driver} on {loop}{name}": (driver, loop, *options)
        for name, options in upstreams.items()
        for driver, loop in DRIVERS
    }
    names = ["nginx", plain, *own]
    requests: dict[str, list[float]] = {name: [] for name in names}
    paced: dict[str, list[float]] = {name: [] for name in names}
    full: dict[str, list[float]] = {name: [] for name in names}
    with (
        child("tests.benchmarks._provider", core=1) as provider,
        child("tests.benchmarks._provider_h2", core=1) as provider_h2,
    ):
        url_h2 = f"http://127.0.0.1:{provider_h2.port}"
        url = f"http://127.0.0.1:{provider.port}"
        for _ in range(rounds):
            with nginx(provider) as gateway:
                paced["nginx"].append(await nginx_cpu_per_chunk(gateway, 100, 0.02))
                full["nginx"].append(await nginx_cpu_per_chunk(gateway, 400, 0))
                requests["nginx"].append(await nginx_cpu_per_request(gateway, 40))
            with child("tests.benchmarks.plain_gateway", url, core=0) as gateway:
                paced[plain].append(await cpu_per_chunk(gateway, 100, 0.02))
                full[plain].append(await cpu_per_chunk(gateway, 400, 0))
                requests[plain].append(await cpu_per_request(gateway, 40))
            for name, options in own.items():
                upstream = url_h2 if options[2:] else url
                with child("tests.benchmarks._gateway", upstream, *options, core=0) as gateway:
                    paced[name].append(await cpu_per_chunk(gateway, 100, 0.02))
                    full[name].append(await cpu_per_chunk(gateway, 400, 0))
                    requests[name].append(await cpu_per_request(gateway, 40))
        print(f"CPU us per 200-byte chunk, {STREAMS} streams; medians of {rounds}; x: nginx = 1\n")
        print(f"{'':28}{'paced 20 ms':>14}{'x':>7}{'saturated':>14}{'x':>7}{'per request':>14}{'x':>7}")
        for name in names:
            cells = [(median(table[name]), median(table["nginx"])) for table in (paced, full, requests)]
            print(f"{name:28}" + "".join(f"{cell:14.2f}{cell / base:7.2f}" for cell, base in cells))
        print("\nCPU us per chunk with so many exchanges on one socket (saturated)")
        for driver, loop in (("anyio", "uvloop"), ("protocol", "uvloop")):
            with child("tests.benchmarks._gateway", url, driver, loop, core=0) as gateway:
                row = [
                    median([await scaling(gateway, count, 400_000) for _ in range(rounds)]) for count in (1, 50, 500)
                ]
            told = "  ".join(f"{count}: {cell:.2f}" for count, cell in zip((1, 50, 500), row))
            print(f"  {driver} on {loop:8} {told}   500 against 1: {row[2] / row[0]:.2f}x")


if __name__ == "__main__":
    quick = is_quick(__doc__)
    leave_core(0)
    asyncio.run(main(quick))
