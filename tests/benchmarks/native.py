"""A streamed chunk for a client in the process of the gateway, beside the same chunk over a socket.

``python -m tests.benchmarks.native`` prints ratios. First of the core alone, 200-byte chunks: bytes of the provider in,
events or frames out. Then of the whole way on asyncio, in one thread: from the provider's socket, which another thread
serves, to the ``async for`` of a program, with :class:`aigw_drivers.LocalClient`, and with
:class:`aigw_drivers.client.Client` over a loopback socket to a gateway in the same loop. Both ways are measured in turns.
"""

from collections.abc import Callable
from functools import partial
from statistics import median
from time import thread_time

import anyio
from tests.rigs.core_stream import Rig, chunk
from tests.rigs.live_gateway import PATH, chat
from tests.rigs.local_clients import LocalWorld, local_world_in_a_thread
from tests.rigs.native_client import SSE_HEAD, NativeClient

from aigw_drivers import LocalClient, ServerSettings, Settings, running
from aigw_drivers.client import Client
from aigw_drivers.client.caller import Caller
from aigw_sansio.exchanges.policy import ResponseMode

MODES: tuple[ResponseMode, ...] = ("events", "raw", "both")
TURNS = 60
CHUNKS = 4000


class NativeStream:
    """A gateway with one running stream of one client in its process."""

    def __init__(self, mode: ResponseMode) -> None:
        self.client = NativeClient()
        self.provider = self.client.ask(mode=mode)
        self.client.provider_says(self.provider, SSE_HEAD + chunk())
        self.client.take()

    def run(self, read: bytes, rounds: int) -> float:
        """Seconds for ``rounds`` reads; after each one all events are taken."""
        gateway, conn, provider = self.client.gateway, self.client.conn, self.provider
        now = self.client.now
        began = thread_time()
        for _ in range(rounds):
            gateway.receive_data(provider, read, now)
            gateway.effects()
            gateway.take_events(conn, 64, now)
            gateway.effects()
        return thread_time() - began


def ratio(first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float, float]:
    """The middle of both times, and that of their ratios turn by turn."""
    turns = [(first(), second()) for _ in range(TURNS)]
    firsts, seconds = zip(*turns, strict=True)
    return median(firsts), median(seconds), median(one / other for one, other in turns)


def core() -> None:
    """Print the table of the core."""
    print("core, one 200-byte chunk: native / socket, microseconds and ratio (median of turns)")
    for mode in MODES:
        step = {"provider": "openai", "endpoint": "chat/completions", "query": {}, "config": {"response": mode}}
        for per_read in (1, 20):
            read, rounds = chunk() * per_read, 400 // per_read
            native, socket = NativeStream(mode), Rig(1, step=step)
            first, second = partial(native.run, read, rounds), partial(socket.run, read, rounds)
            ratio(first, second)
            mine, theirs, middle = ratio(first, second)
            count = rounds * per_read / 1e6
            print(f"  {mode:6} {per_read:>2} a read: {mine / count:6.2f} / {theirs / count:6.2f} = {middle:.2f}")


async def whole_way(world: LocalWorld) -> None:
    """Print the table of the whole way."""
    print("provider's socket to async for, one thread, one chunk: native / socket, microseconds and ratio")
    settings = Settings(config=world.config, server=ServerSettings(port=0))
    async with (
        LocalClient(world.config) as local,
        running(settings) as gateway,
        Client(gateway.url + PATH) as client,
    ):

        async def measure(caller: Caller[object], mode: ResponseMode) -> float:
            began = thread_time()
            query = chat(chunks=CHUNKS, chunk_bytes=20)
            async with caller._stream("loopback", "chat/completions", query, mode, {}, gives_body=False) as stream:
                async for _ in stream:
                    pass
            return (thread_time() - began) / CHUNKS * 1e6

        for mode in MODES:
            turns = []
            for _ in range(9):
                turns.append((await measure(local, mode), await measure(client, mode)))  # type: ignore[arg-type]
            native, socket = (median(one) for one in zip(*turns, strict=True))
            print(f"  {mode:6}: {native:6.2f} / {socket:6.2f} = {median(a / b for a, b in turns):.2f}")


def main() -> None:
    """Print both tables."""
    core()
    with local_world_in_a_thread() as world:
        anyio.run(whole_way, world)


if __name__ == "__main__":
    main()
