"""CPU per streamed chunk of a gateway inside uvicorn, beside the same gateway on its own sockets.

``python -m tests.benchmarks.asgi [--quick]``, in an environment with the extra ``frameworks``. Same provider, same
client, in one run; 50 streams of 200-byte chunks on one WebSocket. CPU is that of the gateway's process alone.
"""

import asyncio
from statistics import median

from tests.benchmarks._processes import child, is_quick, leave_core
from tests.benchmarks.main_job import STREAMS, cpu_per_chunk

CANDIDATES = {
    "own sockets, uvloop": ("tests.benchmarks._gateway", "uvloop"),
    "uvicorn, wsproto, uvloop": ("tests.benchmarks._asgi_gateway", "wsproto", "uvloop"),
    "uvicorn, websockets-sansio, uvloop": ("tests.benchmarks._asgi_gateway", "websockets-sansio", "uvloop"),
    "own sockets, asyncio": ("tests.benchmarks._gateway", "asyncio"),
    "uvicorn, wsproto, asyncio": ("tests.benchmarks._asgi_gateway", "wsproto", "asyncio"),
    "uvicorn, websockets-sansio, asyncio": ("tests.benchmarks._asgi_gateway", "websockets-sansio", "asyncio"),
}


async def main(quick: bool) -> None:
    """Measure and print."""
    rounds = 3 if quick else 5
    paced: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    full: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    with child("tests.benchmarks._provider", core=1) as provider:
        url = f"http://127.0.0.1:{provider.port}"
        for _ in range(rounds):
            for name, (module, *options) in CANDIDATES.items():
                with child(module, url, *options, core=0) as gateway:
                    paced[name].append(await cpu_per_chunk(gateway, 50 if quick else 100, 0.02))
                    full[name].append(await cpu_per_chunk(gateway, 400, 0))
    base = next(iter(CANDIDATES))
    print(f"{STREAMS} streams of 200-byte chunks on one socket; medians of {rounds}; x: times the first line\n")
    columns = {"paced 20 ms: CPU us": paced, "saturated: CPU us": full}
    print(" " * 36 + "".join(f"{title:>22}{'x':>7}" for title in columns))
    for name in CANDIDATES:
        cells = [(median(table[name]), median(table[base])) for table in columns.values()]
        print(f"{name:36}" + "".join(f"{cell:22.2f}{cell / own:7.2f}" for cell, own in cells))


if __name__ == "__main__":
    quick = is_quick(__doc__)
    leave_core(0)
    asyncio.run(main(quick))
