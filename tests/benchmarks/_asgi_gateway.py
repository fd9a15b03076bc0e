"""The gateway inside uvicorn: ``python -m tests.benchmarks._asgi_gateway PORT PROVIDER_URL WEBSOCKETS LOOP``.

``WEBSOCKETS`` and ``LOOP`` are uvicorn's ``--ws`` and ``--loop``.
"""

import socket
import sys
from typing import Any

import uvicorn
from tests.benchmarks._gateway import config_for

from aigw_drivers.asgi import GatewayApp


class Server(uvicorn.Server):
    """Says when it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print("ready", flush=True)


if __name__ == "__main__":
    port, provider_url, ws, loop = sys.argv[1:]
    named: dict[str, Any] = {"ws": ws, "loop": loop}
    app = GatewayApp(config_for(provider_url))
    Server(uvicorn.Config(app, port=int(port), log_level="critical", ws_per_message_deflate=False, **named)).run()
