"""What a kept connection saves: a TLS connection for every request, HTTP/1.1 connections kept, one HTTP/2 connection.

``python -m tests.benchmarks.connections`` runs a gateway of its own for each way, all beside one another, before
hypercorn over TLS on loopback, and takes rounds in turn. It prints the gateway's CPU time per request, requests a second
(hypercorn's Python is most of that) and the TLS handshakes of all rounds. Linux.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import anyio
from tests.benchmarks._processes import Child, Client, child, create
from tests.peers.third_party_servers import Certificates, Receive, Scope, Send, hypercorn

from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, ProviderSettings
from aigw_sansio.effects import Answer, Metrics, Question, ReadMetrics, Unavailable
from aigw_sansio.events import AttemptConnected, Event

WAYS: Final = ("a TLS connection each", "HTTP/1.1, kept", "HTTP/2, shared")
AT_ONCE: Final = 10
REQUESTS: Final = 300
ROUNDS: Final = 5


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once."""
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": message["type"] + ".complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    body = b'{"done":true}'
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def provider(port: int, certificate: str, requests_per_connection: int) -> None:
    """Serve until killed."""
    async with hypercorn(answer, certificate, port=port, requests_per_connection=requests_per_connection):
        print("ready", flush=True)
        await asyncio.sleep(86400)


async def gateway(port: int, upstream: str, ca_file: str, http2: str) -> None:
    """Serve until killed."""
    own = ProviderSettings(
        base_url=f"https://localhost:{upstream}/v1", ca_file=ca_file, http2="on" if http2 == "on" else "off"
    )
    settings = Settings(config=Config(providers={"custom-bench": own}), server=ServerSettings(port=port))
    dialled = 0

    def count(event: Event) -> None:
        nonlocal dialled
        dialled += isinstance(event, AttemptConnected) and event.reach == "dialled"

    async def tell(question: Question) -> Answer:
        return Metrics(str(dialled).encode()) if isinstance(question, ReadMetrics) else Unavailable()

    async with running(settings, on_event=count, answer=tell):
        print("ready", flush=True)
        await anyio.sleep_forever()


def handshakes(served: Child) -> int:
    """Connections to the provider that a gateway has opened and used."""
    with urllib.request.urlopen(f"http://127.0.0.1:{served.port}/metrics") as reply:
        return int(reply.read())


async def one_round(client: Client) -> float:
    """Seconds that the requests take, so many at once."""
    start = time.perf_counter()
    asked = answered = 0
    while answered < REQUESTS:
        while asked < REQUESTS and asked - answered < AT_ONCE:
            client.send(create(f"e{asked}", n=asked))
            asked += 1
        assert json.loads(await client.next())["response"] == {"done": True}
        answered += 1
    return time.perf_counter() - start


async def measure(gateways: dict[str, Child]) -> None:
    """Rounds in turn; then the table."""
    clients = {way: await Client.connect(served.port) for way, served in gateways.items()}
    cpu: dict[str, list[float]] = {way: [] for way in gateways}
    rates: dict[str, list[float]] = {way: [] for way in gateways}
    for number in range(ROUNDS + 1):
        for way, served in gateways.items():
            before = served.cpu_s()
            taken = await one_round(clients[way])
            if number:  # the first one warms up
                cpu[way].append((served.cpu_s() - before) / REQUESTS)
                rates[way].append(REQUESTS / taken)
    base = statistics.median(cpu[WAYS[2]])
    total = REQUESTS * (ROUNDS + 1)
    print(f"{total} requests each, {AT_ONCE} at once, medians of {ROUNDS} rounds\n")
    print(f"  {'':<22}  gateway CPU us/request            requests/s  handshakes   saved")
    for way, served in gateways.items():
        used = statistics.median(cpu[way])
        shakes = handshakes(served)
        print(
            f"  {way:<22}  {used * 1e6:>14,.0f}  {used / base:>6.2f}x  {statistics.median(rates[way]):>16,.0f}"
            f"  {shakes:>10,}  {1 - shakes / total:>6.1%}"
        )


def main() -> None:
    """Start everything, measure, end everything."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        certificates = Certificates(Path(folder))
        name = "tests.benchmarks.connections"
        gateways = {}
        for way, each, http2 in zip(WAYS, ("1", "1000000", "1000000"), ("off", "off", "on")):
            served = stack.enter_context(child(name, "provider", certificates.server, each))
            gateways[way] = stack.enter_context(child(name, "gateway", str(served.port), certificates.ca_file, http2))
        asyncio.run(measure(gateways))


if __name__ == "__main__":
    if sys.argv[2:3] == ["provider"]:
        asyncio.run(provider(int(sys.argv[1]), sys.argv[3], int(sys.argv[4])))
    elif sys.argv[2:3] != ["gateway"]:
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
        main()
    else:
        anyio.run(gateway, int(sys.argv[1]), sys.argv[3], sys.argv[4], sys.argv[5])
