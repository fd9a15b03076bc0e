"""The process under soak: two gateways, one behind TLS; ``/metrics`` says what the process holds.

``python -m tests.benchmarks._soak_gateway PORT TLS_PORT FOLDER LOOPBACK LIAR H2C``. All timeouts are short, so
that each of them passes often. The port of a provider that speaks no TLS is also dialled with TLS.
"""

import asyncio
import ctypes
import gc
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import anyio

from aigw_drivers.server.serve import Running, running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, GatewaySettings, ProviderSettings, Timeouts
from aigw_sansio.effects import Answer, Authenticate, Authenticated, Metrics, Question, ReadMetrics, Unavailable
from aigw_sansio.events import Event, ExchangeEnded

TIMEOUTS = Timeouts(
    handshake_s=2, connection_idle_s=2, close_s=1, write_stall_s=3, ping_after_s=2, pong_s=1, client_idle_s=10,
    session_s=30, realtime_open_s=2, realtime_idle_s=5, connect_s=1, pool_wait_s=1, first_byte_s=2, idle_s=2, total_s=10,
    end_grace_s=1, read_on_s=1, pool_idle_s=2, upstream_ping_s=1, ask_s=10,
)  # fmt: skip


def providers(loopback: str, liar: str, h2c: str) -> dict[str, ProviderSettings]:
    """Good ones, liars, and those that cannot be reached."""
    return {
        "custom-good": ProviderSettings(base_url=f"http://127.0.0.1:{loopback}/v1"),
        "custom-liar": ProviderSettings(base_url=f"http://127.0.0.1:{liar}/v1"),
        "custom-h2": ProviderSettings(base_url=f"http://127.0.0.1:{h2c}/v1", http2="on"),
        "custom-h2liar": ProviderSettings(base_url=f"http://127.0.0.1:{liar}/v1", http2="on"),
        "custom-tls": ProviderSettings(base_url=f"https://127.0.0.1:{loopback}/v1"),
        "custom-gone": ProviderSettings(base_url="http://127.0.0.1:1/v1"),
        "openai": ProviderSettings(realtime_url=f"ws://127.0.0.1:{loopback}/v1/realtime"),
        "xai": ProviderSettings(realtime_url=f"ws://127.0.0.1:{liar}/v1/realtime"),
    }


def held(gateways: list[Running]) -> dict[str, int]:
    """What the process holds now. Memory that the allocator keeps for later is given back first."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    counts = {
        "resident": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
        "objects": len(gc.get_objects()),
    }
    for run in gateways:
        for name, count in run.gateway.snapshot().items():
            counts[name] = counts.get(name, 0) + count
        counts["heap"] = counts.get("heap", 0) + len(run.gateway._services.timers._heap)
    return counts


async def main(ports: tuple[int, int], certificate: str, provider_ports: tuple[str, str, str]) -> None:
    """Serve until killed."""
    gateways: list[Running] = []
    seen: Counter[str] = Counter()

    def count(event: Event) -> None:
        how = event.how if isinstance(event, ExchangeEnded) else ""
        seen[f"{type(event).__name__} {how}".strip()] += 1

    async def answer(question: Question) -> Answer:
        if isinstance(question, ReadMetrics):
            return Metrics(json.dumps({"held": held(gateways), "seen": seen}).encode())
        if isinstance(question, Authenticate):
            await asyncio.sleep(0.05)
            return Authenticated(allowed=question.token is not None)
        return Unavailable()

    config = Config(
        gateways={
            "a/open": GatewaySettings(),
            "a/asks": GatewaySettings(authentication=True),
            "a/squeezes": GatewaySettings(compression="stream"),
        },
        providers=providers(*provider_ports),
        timeouts=TIMEOUTS,
        emit_provider_events=True,
    )
    settings = [
        Settings(config=config, server=ServerSettings(port=ports[0])),
        Settings(config=config, server=ServerSettings(port=ports[1], tls_certificate=certificate)),
    ]
    async with (
        running(settings[0], answer=answer, on_event=count) as plain,
        running(settings[1], answer=answer, on_event=count) as secure,
    ):
        gateways += [plain, secure]
        print("ready", flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # each refusal is one
    logging.getLogger("aigw.driver").disabled = False
    run: Callable[..., None] = anyio.run
    run(main, (int(sys.argv[1]), int(sys.argv[2])), sys.argv[3], tuple(sys.argv[4:7]))
