"""A gateway beside a Quart application, on hypercorn with asyncio: users have a token, which the gateway does not see.

``python -m tests.examples.quart_app [PORT]`` serves until it is interrupted, with the built-in provider. Clients come
with the application's own token::

    Client("ws://127.0.0.1:8000/llm/v1/local/default", headers=[("authorization", "Bearer of-alice")])
"""

import asyncio
import sys
from collections.abc import MutableMapping

from hypercorn import Config as ServerConfig
from hypercorn.asyncio import serve
from hypercorn.middleware import DispatcherMiddleware
from quart import Quart, request

from aigw_drivers import LoopbackProvider
from aigw_drivers.asgi import GatewayApp
from aigw_sansio import Config, ProviderSettings

TOKENS = {"Bearer of-alice": "alice"}


async def user_of(scope: MutableMapping[str, object]) -> str | None:
    """The host's own authentication. The gateway refuses ``None``."""
    fields = scope["headers"]
    assert isinstance(fields, list)
    named = [value.decode("latin-1") for name, value in fields if name == b"authorization"]
    return TOKENS.get(named[0]) if named else None


pages = Quart(__name__)


@pages.get("/")
async def page() -> tuple[str, int]:
    user = TOKENS.get(request.headers.get("authorization", ""))
    return (f"Hello, {user}.", 200) if user else ("Who is it?", 401)


def make_app(config: Config) -> DispatcherMiddleware:
    """The dispatcher starts and ends both applications."""
    llm = GatewayApp(config, authenticate=user_of, own_headers=["authorization"])
    return DispatcherMiddleware({"/llm": llm, "": pages})


async def main(port: int) -> None:
    async with LoopbackProvider.start() as provider:
        http = provider.base_url
        own = ProviderSettings(base_url=f"{http}/v1", realtime_url=http.replace("http", "ws", 1))
        app = make_app(Config(providers={"loopback": own}))
        serving = serve(app, ServerConfig.from_mapping(bind=f"127.0.0.1:{port}"))
        await asyncio.create_task(serving)  # when told to end, hypercorn cancels the task in which it runs


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000))
