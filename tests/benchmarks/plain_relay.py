"""The relay that one writes in an hour, on ``websockets``. For comparison only: no limits, no timers, no close codes.

``python -m tests.benchmarks.plain_relay PORT PROVIDER_URL``.
"""

import asyncio
import logging
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


class PlainRelay:
    """One process, one provider."""

    def __init__(self, provider_url: str) -> None:
        self._provider_url = provider_url

    async def handle(self, client: ServerConnection) -> None:
        """One client, and its connection to the provider."""
        async with connect(self._provider_url, compression=None, max_size=None, proxy=None) as provider:
            pumps = [
                asyncio.create_task(self._pump(client, provider)),
                asyncio.create_task(self._pump(provider, client)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()

    async def _pump(
        self, source: ServerConnection | ClientConnection, target: ServerConnection | ClientConnection
    ) -> None:
        try:
            async for message in source:
                await target.send(message)
        except ConnectionClosed:
            pass


async def main(port: int, provider_url: str) -> None:
    """Serve until killed."""
    logging.disable(logging.CRITICAL)
    relay = PlainRelay(provider_url)
    async with serve(relay.handle, "127.0.0.1", port, compression=None, max_size=None, backlog=2048):
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
