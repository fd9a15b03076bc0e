"""Whether anything grows with what is open: CPU of a chunk, a request and a message, and memory, by sockets and exchanges.

``python -m tests.benchmarks.growth`` measures the core alone, in turns: microseconds of one thread for a streamed chunk,
a short request and a ping of one client, beside so many idle sockets, and with so many exchanges on its socket; and the
bytes that Python hands out for an idle universal socket, and for an exchange whose stream goes on, with its connection to
the provider. ``--sockets`` measures the gateway over sockets, for each loop: CPU of its process for the same
chunk and request, and resident memory. ``--quick`` takes fewer rounds.
"""

import asyncio
import gc
import tracemalloc
from collections.abc import Callable
from statistics import median
from time import thread_time

from tests.benchmarks._processes import Child, Client, arguments, child, create, leave_core
from tests.benchmarks.main_job import stream_all
from tests.rigs.core_request import Requests
from tests.rigs.core_stream import Rig, chunk
from tests.rigs.idle_sockets import flush, open_sockets

from aigw_sansio.wires.websocket.frames import encode_frame

SOCKETS = (1, 100, 1000, 10_000)
EXCHANGES = (1, 50, 500)
#: So many are counted for the memory of one.
COUNTED = 400
LOOPS = ("asyncio", "uvloop", "trio")
_PING = encode_frame(0x81, b'{"type":"universal.ping"}', b"mask")


def seconds(action: Callable[[], object], times: int) -> float:
    """Of one thread, for each of the ``times``."""
    began = thread_time()
    for _ in range(times):
        action()
    return (thread_time() - began) / times


def core_times(rounds: int) -> None:
    """Print the microseconds of the core."""
    read = chunk()
    streams = {f"{number} exchanges": Rig(number) for number in EXCHANGES}
    requests = {f"{number} sockets": Requests() for number in SOCKETS}
    beside = {f"{number} sockets": Rig(1) for number in SOCKETS}
    for number, rig, asking in zip(SOCKETS, beside.values(), requests.values(), strict=True):
        open_sockets(rig.gateway, number - 1)
        open_sockets(asking.gateway, number - 1)
    gc.freeze()  # what is open is old, as in a gateway that has run for a while
    actions: dict[str, tuple[Callable[[], object], int]] = {}
    for name, rig in (beside | streams).items():
        actions[f"chunk, {name}"] = (lambda rig=rig: rig.run(read, 1)), 1000
    for name, asking in requests.items():
        actions[f"request, {name}"] = asking.request, 100
    for name, rig in beside.items():
        actions[f"ping, {name}"] = (lambda rig=rig: ping(rig)), 500
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(rounds + 1):
        for name, (action, times) in actions.items():
            one = seconds(action, times)
            if turn:
                taken[name].append(one * 1e6)
    print("core alone, us of one thread; median, and beside the first of its kind")
    first: dict[str, float] = {}
    for name, samples in taken.items():
        base = first.setdefault(name.partition(",")[0], median(samples))
        print(f"  {name:24} {median(samples):7.2f}  {median(samples) / base:5.2f}")


def ping(rig: Rig) -> None:
    """A message of the client that the gateway answers."""
    rig.gateway.receive_data(rig.client, _PING, 0.0)
    flush(rig.gateway, rig.client)


def core_memory() -> None:
    """Print what one socket and one exchange hold."""
    rig = Rig(1)
    open_sockets(rig.gateway, COUNTED)
    socket = handed_out(lambda: open_sockets(rig.gateway, COUNTED))
    made: list[Rig] = [Rig(COUNTED)]
    exchange = handed_out(lambda: made.append(Rig(COUNTED)))
    print(f"an idle universal socket holds {socket / COUNTED / 1024:.1f} KiB of Python's memory")
    print(f"a running exchange with its connection holds {exchange / COUNTED / 1024:.1f} KiB")


def handed_out(action: Callable[[], object]) -> int:
    """The bytes that are left of what ``action`` takes."""
    gc.collect()
    tracemalloc.start()
    try:
        action()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


async def over_sockets(gateway: Child, rounds: int) -> None:
    """Print CPU and memory of one gateway."""
    client = await Client.connect(gateway.port)
    await stream_all(client, 50, chunks=20)
    idle: list[Client] = []
    for number in SOCKETS:
        before = gateway.rss_bytes()
        opened = number - 1 - len(idle)
        while len(idle) < number - 1:
            some = min(200, number - 1 - len(idle))
            idle += await asyncio.gather(*(Client.connect(gateway.port) for _ in range(some)))
        await asyncio.sleep(0.5)
        grown = (gateway.rss_bytes() - before) / 1024 / opened if opened else 0.0
        # As fast as it goes: of paced chunks most is waking, and 10,000 idle sockets are pinged meanwhile.
        chunks = [await cpu(gateway, client, 20, chunks=400, batch=1) for _ in range(rounds)]
        requests = [await cpu(gateway, client, 50, chunks=1, batch=1) for _ in range(rounds)]
        line = f"    {number:6} sockets: chunk {median(chunks):6.1f} us, request {median(requests):6.1f} us"
        print(line + (f", {grown:5.1f} KiB for each" if opened else ""), flush=True)
    for one in idle:
        one.transport.abort()
    await asyncio.sleep(1)
    for number in EXCHANGES:
        chunks = [await cpu(gateway, client, number, chunks=max(20, 2000 // number), batch=1) for _ in range(rounds)]
        print(f"    {number:6} exchanges: chunk {median(chunks):6.1f} us", flush=True)
    client.transport.abort()


async def cpu(gateway: Child, client: Client, streams: int, **query: object) -> float:
    """Microseconds of the gateway's CPU for each chunk of ``streams`` streams at once."""
    before = gateway.cpu_s()
    count = await stream_all(client, streams, **query)
    return (gateway.cpu_s() - before) / count * 1e6


async def exchange_kib(gateway: Child) -> float:
    """Resident KiB for each of :data:`COUNTED` streams that have begun and wait. As many before them take what the
    process has to spare."""
    client = await Client.connect(gateway.port)
    sizes = []
    for begun in range(2):
        for number in range(COUNTED):
            client.send(create(f"w{begun}-{number}", chunks=2, interval_s=600))
        for _ in range(COUNTED):
            while b"universal.stream" not in (await client.next())[:30]:
                pass
        sizes.append(gateway.rss_bytes())
    client.transport.abort()
    return (sizes[1] - sizes[0]) / COUNTED / 1024


async def sockets(rounds: int) -> None:
    """Print what the gateways over sockets take."""
    for loop in LOOPS:
        print(f"  on {loop}")
        for module, name in (("tests.benchmarks._provider", ""), ("tests.benchmarks._provider_h2", "h2c")):
            with child(module, core=1) as provider:
                options = [f"http://127.0.0.1:{provider.port}", loop, *([name] if name else [])]
                with child("tests.benchmarks._gateway", *options, core=0) as gateway:
                    if not name:
                        await over_sockets(gateway, rounds)
                with child("tests.benchmarks._gateway", *options, core=0) as gateway:
                    kib = await exchange_kib(gateway)
                    print(f"    a running exchange, {name or 'HTTP/1.1'}: {kib:.1f} KiB", flush=True)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sockets", action="store_true", help="over sockets, not the core alone")
    asked = parser.parse_args()
    rounds = 3 if asked.quick else 7
    if asked.sockets:
        leave_core(0)
        asyncio.run(sockets(rounds))
        return
    core_times(rounds)
    core_memory()


if __name__ == "__main__":
    main()
