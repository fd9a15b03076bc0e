"""The main job over real sockets: CPU per streamed chunk, time to the first chunk, cancels, a client that reads not.

``python -m tests.benchmarks.main_job [--quick]``: this gateway (on asyncio, uvloop and trio) beside
:mod:`tests.benchmarks.plain_gateway`, same provider, same client, in one run. Gateway and provider are processes of
their own; CPU is the gateway's alone.
"""

import asyncio
import json
import time
from statistics import median

from tests.benchmarks._processes import Child, Client, child, create, is_quick, leave_core

STREAMS = 50
CANDIDATES = {
    "plain (websockets + httpx)": ("tests.benchmarks.plain_gateway",),
    "aigw on asyncio": ("tests.benchmarks._gateway", "asyncio"),
    "aigw on uvloop": ("tests.benchmarks._gateway", "uvloop"),
    "aigw on trio": ("tests.benchmarks._gateway", "trio"),
}
PHASES = {
    "before the head": "no_head",
    "before the first byte": "head_only",
    "mid-stream": "streaming",
    "after the last byte": "no_end",
}


async def stream_all(client: Client, streams: int, **query: object) -> int:
    """Run ``streams`` streams at once and count their chunks."""
    for number in range(streams):
        client.send(create(f"s{number}", **query))
    done = chunks = 0
    while done < streams:
        message = await client.next()
        if b"universal.stream" in message[:30]:
            chunks += 1
        elif b"universal.done" in message[:30]:
            done += 1
    return chunks


async def cpu_per_chunk(gateway: Child, chunks: int, interval_s: float) -> float:
    """Microseconds of the gateway's CPU for each chunk."""
    client = await Client.connect(gateway.port)
    await stream_all(client, STREAMS, chunks=20)
    before = gateway.cpu_s()
    count = await stream_all(client, STREAMS, chunks=chunks, interval_s=interval_s)
    used = gateway.cpu_s() - before
    client.transport.close()
    return used / count * 1e6


async def first_chunk_ms(gateway: Child, rounds: int) -> float:
    """Median milliseconds from a request to its first chunk."""
    client = await Client.connect(gateway.port)
    taken = []
    for number in range(rounds):
        began = client.send(create(f"f{number}", chunks=1, batch=1))
        while b"universal.stream" not in (await client.next())[:30]:
            pass
        taken.append(time.monotonic() - began)
        while b"universal.done" not in (await client.next())[:30]:
            pass
    client.transport.close()
    return median(taken[rounds // 10 :]) * 1e3


async def crowd_ms(gateway: Child, rounds: int) -> float:
    """Median milliseconds from a request to its first chunk, for ``STREAMS`` clients that begin together, each on its own
    socket, with streams of 10 chunks, 20 ms apart, one after the other.

    A client that waits for its own answer alone, as in :func:`first_chunk_ms`, does not see that output waits for the
    work of others: there are none. Here streams that stay in step hold each other up."""

    async def run(number: int) -> list[float]:
        taken = []
        for _ in range(rounds):
            began = clients[number].send(create(f"b{number}", chunks=10, interval_s=0.02))
            while b"universal.stream" not in (await clients[number].next())[:30]:
                pass
            taken.append(time.monotonic() - began)
            while b"universal.done" not in (await clients[number].next())[:30]:
                pass
        return taken[rounds // 3 :]

    clients = [await Client.connect(gateway.port) for _ in range(STREAMS)]
    taken = await asyncio.gather(*(run(number) for number in range(STREAMS)))
    for client in clients:
        client.transport.close()
    return median(one for own in taken for one in own) * 1e3


async def direct_first_chunk_ms(provider: Child, rounds: int) -> float:
    """The same without a gateway, on one kept connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
    body = json.dumps({"chunks": 1, "batch": 1}).encode()
    taken = []
    for _ in range(rounds):
        began = time.monotonic()
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await reader.readuntil(b"\n\n")
        taken.append(time.monotonic() - began)
        await reader.readuntil(b"0\r\n\r\n")
    writer.close()
    return median(taken[rounds // 10 :]) * 1e3


async def provider_log(provider: Child) -> list[dict[str, float]]:
    """What the provider saw end since it was last asked."""
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
    writer.write(b"GET /log HTTP/1.1\r\nhost: x\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    writer.close()
    return list(json.loads(body))


async def provider_saw_end(provider: Child, since: float) -> float:
    """When the provider first saw a connection end at or after ``since``."""
    while True:
        ends = [end["at"] for end in await provider_log(provider) if end["at"] >= since]
        if ends:
            return min(ends)
        await asyncio.sleep(0.002)


async def cancel_ms(gateway: Child, provider: Child, phase: str, leave: bool, rounds: int) -> list[float]:
    """Milliseconds from a cancel, or from the client's leaving, to the provider's seeing it."""
    taken = []
    for _ in range(rounds):
        client = await Client.connect(gateway.port)
        await provider_log(provider)
        options: dict[str, object] = {"phase": phase, "chunks": 1 if phase == "no_end" else 100_000, "batch": 1}
        if phase == "streaming":
            options["interval_s"] = 0.001
        client.send(create("c", **options))
        if phase in ("streaming", "no_end"):
            while b"universal.stream" not in (await client.next())[:30]:
                pass
        else:
            await asyncio.sleep(0.03)
        if leave:
            at = time.monotonic()
            client.transport.abort()
        else:
            at = client.send({"type": "universal.cancel", "eventId": "c"})
        taken.append((await provider_saw_end(provider, at) - at) * 1e3)
        client.transport.abort()
    return taken


async def memory_growth(gateway: Child, provider: Child, megabytes: int) -> tuple[float, float]:
    """Growth of resident memory in MB, and MB the provider could send, with a client that does not read."""
    warm = await Client.connect(gateway.port)
    await stream_all(warm, 2, chunks=2000, batch=20)
    client = await Client.connect(gateway.port)
    client.transport.pause_reading()
    before = gateway.rss_bytes()
    client.send(create("m", chunks=megabytes * 5000, size=200, batch=50))
    peak = before
    ends = time.monotonic() + 4
    while time.monotonic() < ends:
        await asyncio.sleep(0.05)
        peak = max(peak, gateway.rss_bytes())
    await provider_log(provider)
    client.transport.abort()
    await asyncio.sleep(0.2)
    written = max((end["written"] for end in await provider_log(provider)), default=0.0)
    warm.transport.abort()
    return (peak - before) / 1e6, written / 1e6


async def main(quick: bool) -> None:
    """Measure and print."""
    rounds = 3 if quick else 5
    with child("tests.benchmarks._provider", core=1) as provider:
        url = f"http://127.0.0.1:{provider.port}"
        direct = await direct_first_chunk_ms(provider, 200)
        paced: dict[str, list[float]] = {name: [] for name in CANDIDATES}
        full: dict[str, list[float]] = {name: [] for name in CANDIDATES}
        first: dict[str, list[float]] = {name: [] for name in CANDIDATES}
        crowd: dict[str, list[float]] = {name: [] for name in CANDIDATES}
        for _ in range(rounds):
            for name, (module, *options) in CANDIDATES.items():
                with child(module, url, *options, core=0) as gateway:
                    paced[name].append(await cpu_per_chunk(gateway, 50 if quick else 100, 0.02))
                    full[name].append(await cpu_per_chunk(gateway, 400, 0))
                    first[name].append(await first_chunk_ms(gateway, 200) - direct)
                    crowd[name].append(await crowd_ms(gateway, 15))
        base = next(iter(CANDIDATES))
        print(f"{STREAMS} streams of 200-byte chunks on one socket; medians of {rounds}; x: times less than plain\n")
        columns = {"paced 20 ms: CPU us": paced, "saturated: CPU us": full, "first chunk: added ms": first}
        columns[f"first chunk of {STREAMS}: ms"] = crowd
        print(" " * 28 + "".join(f"{title:>22}{'x':>7}" for title in columns))
        for name in CANDIDATES:
            cells = [(median(table[name]), median(table[base])) for table in columns.values()]
            print(f"{name:28}" + "".join(f"{cell:22.2f}{plain / cell:7.1f}" for cell, plain in cells))
        print("\nfrom cancel, or from the client's leaving, to the provider's seeing it, ms")
        with child("tests.benchmarks._gateway", url, "uvloop", core=0) as gateway:
            for leave in (False, True):
                for label, phase in PHASES.items():
                    taken = sorted(await cancel_ms(gateway, provider, phase, leave, 20 if quick else 100))
                    p99 = taken[round(len(taken) * 0.99) - 1]
                    what = f"{'leaving' if leave else 'cancel'} {label}"
                    print(f"  {what:30} p50 {median(taken):6.2f}  p99 {p99:6.2f}  max {taken[-1]:6.2f}")
        print("\na client that does not read, 100 MB offered to it")
        for options in (("anyio", "uvloop"), ("anyio", "trio")):
            with child("tests.benchmarks._gateway", url, *options, core=0) as gateway:
                grown, written = await memory_growth(gateway, provider, 100)
                print(f"  {' on '.join(options):16} memory +{grown:.2f} MB, {written:.2f} MB left the provider")


if __name__ == "__main__":
    quick = is_quick(__doc__)
    leave_core(0)
    asyncio.run(main(quick))
