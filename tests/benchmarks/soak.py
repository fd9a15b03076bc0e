"""Hours in minutes: clients and providers at random, with all their faults, and a gateway that must hold nothing of it.

``python -m tests.benchmarks.soak --minutes 30`` runs a gateway (one without TLS, one with TLS and HTTP/2, in one
process) and 200 sockets at a time: streams, slow readers, half messages, broken frames, floods of pings and cancels,
lies, stalls, losses, no TLS. After the first minute and at the end all clients leave, the gateway has time to come to
rest, and what it holds is compared. Descriptors, tasks, timers, connections and sessions must be equal; resident memory
and objects may grow by the stated slack. Exit status 1 if they do not. Linux.
"""

import argparse
import asyncio
import json
import logging
import random
import ssl
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Final

from h2.exceptions import ProtocolError
from tests.benchmarks._processes import Child, child, free_port
from tests.benchmarks._soak_peers import one_client
from tests.peers.third_party_servers import Certificates

SOCKETS: Final = 200
#: All clocks of the gateway, and the slowest of its peers, are over by then.
REST_S: Final = 15.0
#: How much more may be held at the end, as a share and in all: resident bytes and objects.
SLACK: Final = {"resident": (0.05, 4 << 20), "objects": (0.02, 500)}


class Load:
    """Clients that come and go, so many at a time."""

    def __init__(self, ports: tuple[int, int], trusted: ssl.SSLContext, seed: int) -> None:
        self._ports = ports
        self._trusted = trusted
        self._chance = random.Random(seed)
        self.clients = 0
        self.failed: dict[str, int] = {}

    async def run(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as tasks:
            for _ in range(SOCKETS):
                tasks.create_task(self._one_after_another(until))

    async def _one_after_another(self, until: float) -> None:
        while time.monotonic() < until:
            self.clients += 1
            try:
                await one_client(self._ports, self._trusted, random.Random(self._chance.random()))
            except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, ProtocolError) as error:
                name = type(error).__name__  # the gateway ended it, which is what most of them are for
                self.failed[name] = self.failed.get(name, 0) + 1
            await asyncio.sleep(0)


async def asked(gateway: Child, what: str) -> dict[str, int]:
    """What the gateway holds now (``held``), or how many events of each kind there were (``seen``)."""
    url = f"http://127.0.0.1:{gateway.port}/metrics"
    for _ in range(9):  # on a busy machine the request may be one of those that are too slow
        with suppress(OSError), await asyncio.to_thread(urllib.request.urlopen, url) as reply:
            return dict(json.loads(reply.read())[what])
    with await asyncio.to_thread(urllib.request.urlopen, url) as reply:
        return dict(json.loads(reply.read())[what])


async def after(gateway: Child, load: Load, minutes: float) -> dict[str, int]:
    """What the gateway holds at rest after so much load."""
    began = time.monotonic()
    running = asyncio.create_task(load.run(minutes * 60))
    while not running.done():
        await asyncio.wait([running], timeout=55.0)
        told("busy" if not running.done() else "all have left", await asked(gateway, "held"))
    await running
    await asyncio.sleep(REST_S)
    counts = await asked(gateway, "held")
    told(f"rest, {(time.monotonic() - began) / 60:.1f} min", counts)
    return counts


def told(when: str, counts: dict[str, int]) -> None:
    shown = {**counts, "resident": f"{counts['resident'] / (1 << 20):.1f} MiB"}
    print(f"  {when:<18}" + "  ".join(f"{name} {value}" for name, value in shown.items()), flush=True)


def grown(first: dict[str, int], last: dict[str, int]) -> list[str]:
    """What is not as it was."""
    found = []
    for name, before in first.items():
        share, more = SLACK.get(name, (0.0, 0))
        allowed = before + max(int(before * share), more)
        if last[name] > allowed or (name not in SLACK and last[name] != before):
            found.append(f"{name}: {before} after the first minute, {last[name]} at the end, {allowed} allowed")
    return found


async def soak(minutes: float, seed: int) -> int:
    logging.disable()  # of the peers, which break off in the middle of anything
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    with tempfile.TemporaryDirectory() as folder:
        certificates = Certificates(Path(folder))
        trusted = ssl.create_default_context(cafile=certificates.ca_file)
        tls_port, liar, h2c = free_port(), free_port(), free_port()
        with child("tests.benchmarks._soak_providers", str(liar), str(h2c)) as providers:
            ports = [str(port) for port in (providers.port, liar, h2c)]
            with child("tests.benchmarks._soak_gateway", str(tls_port), certificates.server, *ports) as gateway:
                load = Load((gateway.port, tls_port), trusted, seed)
                told("fresh", await asked(gateway, "held"))
                first = await after(gateway, load, 1.0)
                last = await after(gateway, load, minutes - 1.0)
                seen = await asked(gateway, "seen")
                used = gateway.cpu_s()
            wrong = grown(first, last)
            if not providers.running:
                wrong.append("the providers ended early, so most of the time there was nobody to answer")
    print(f"{load.clients} clients, {load.failed} ended by the gateway; {used:.0f} s of the gateway's CPU")
    print("events: " + ", ".join(f"{count} {name}" for name, count in sorted(seen.items())))
    print("\n".join(["FAIL", *wrong]) if wrong else "PASS: at the end as after the first minute")
    return bool(wrong)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="at least 2")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        return asyncio.run(soak(max(options.minutes, 2.0), options.seed))
    return 1


if __name__ == "__main__":
    sys.exit(main())
