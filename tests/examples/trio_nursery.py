"""A gateway in a nursery of trio, beside other tasks.

``python -m tests.examples.trio_nursery`` asks it for a response, then drains it.
"""

import os
import time

import trio

from aigw_drivers import AnyioDriver, LoopbackProvider, listen
from aigw_drivers.client import Client
from aigw_sansio import Config, Gateway, ProviderSettings

QUERY = {"model": "loopback-1", "messages": [{"role": "user", "content": "Hello"}]}


async def main() -> None:
    async with LoopbackProvider.start() as provider, trio.open_nursery() as nursery:
        config = Config(providers={"custom-llm": ProviderSettings(base_url=f"{provider.base_url}/v1")})
        gateway = Gateway(config, os.urandom(32), wall_offset=time.time() - time.monotonic())
        driver = AnyioDriver(gateway)
        (listener,) = listen("127.0.0.1", 0)
        nursery.start_soon(trio.sleep_forever)  # any other task of the program
        async with trio.open_nursery() as serving:
            await serving.start(lambda task_status: driver.serve([listener], task_status=task_status))
            async with Client(f"ws://{listener.address}/v1/local/default") as client:
                print((await client.create("custom-llm", "chat/completions", QUERY)).text)
            await driver.drain()  # and leaving the block waits for the last connection
        print("drained:", not any(gateway.snapshot().values()))
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
