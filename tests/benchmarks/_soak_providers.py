"""The providers of the soak: ``python -m tests.benchmarks._soak_providers PORT LIAR_PORT H2C_PORT``.

One does what a request asks for, faults included; one only lies; one speaks HTTP/2.
"""

import asyncio
import logging
import sys

from tests.benchmarks._provider_h2 import Provider as Http2Provider
from tests.benchmarks._soak_peers import lie

from aigw_drivers.loopback import LoopbackProvider


async def main(good: int, liar: int, h2c: int) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: None)  # the gateway breaks off in the middle of anything
    await asyncio.start_server(lie, "127.0.0.1", liar)
    await loop.create_server(Http2Provider, "127.0.0.1", h2c)
    async with LoopbackProvider.start(port=good, keep=1):
        print("ready", flush=True)
        await asyncio.sleep(86400 * 365)


if __name__ == "__main__":
    logging.disable()
    asyncio.run(main(*map(int, sys.argv[1:4])))
