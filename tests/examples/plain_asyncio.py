"""A gateway in a program of one's own, under ``asyncio.run``: settings, engine, sockets and driver made by hand.

``python -m tests.examples.plain_asyncio`` asks it for a streamed response. The provider is the built-in one, so no
network is needed; with a real one ``base_url`` and the block around it go away.
"""

import asyncio
import os
import time

from aigw_drivers import AnyioDriver, LoopbackProvider, listen
from aigw_drivers.client import Client
from aigw_sansio import Config, Event, ExchangeEnded, Gateway, GatewaySettings, ProviderSettings, Secret, TextDelta

QUERY = {"model": "loopback-1", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}


def note(event: Event) -> None:
    """Called with all that happens in the gateway."""
    if isinstance(event, ExchangeEnded):
        print(f"{event.how} with status {event.status}")


async def main() -> None:
    async with LoopbackProvider.start() as provider:
        config = Config(
            gateways={"acme/prod": GatewaySettings(tokens=(Secret("a-token"),))},
            providers={"openai": ProviderSettings(base_url=f"{provider.base_url}/v1", api_key=Secret("a-key"))},
        )
        gateway = Gateway(config, os.urandom(32), wall_offset=time.time() - time.monotonic())
        driver = AnyioDriver(gateway, on_event=note)
        (listener,) = listen("127.0.0.1", 0)
        serving = asyncio.create_task(driver.serve([listener]))
        url = f"ws://{listener.address}/v1/acme/prod"
        async with Client(url, token="a-token") as client, client.stream("openai", "chat/completions", QUERY) as stream:
            print("".join([event.text async for event in stream if isinstance(event, TextDelta)]))
        await driver.drain()
        await serving


if __name__ == "__main__":
    asyncio.run(main())
