"""A gateway mounted in a Litestar application, on hypercorn with trio: Litestar's middleware knows the users.

``python -m tests.examples.litestar_app [PORT]`` serves until it is interrupted, with the built-in provider. Clients come
with a cookie of the application's own::

    Client("ws://127.0.0.1:8000/llm/v1/local/default", headers=[("cookie", "session=of-alice")])
"""

import signal
import sys
from collections.abc import MutableMapping

import trio
from hypercorn import Config as ServerConfig
from hypercorn.trio import serve
from litestar import Litestar, Request, asgi, get
from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from aigw_drivers import LoopbackProvider
from aigw_drivers.asgi import GatewayApp
from aigw_sansio import Config, ProviderSettings

SESSIONS = {"of-alice": "alice"}


class Sessions(AbstractAuthenticationMiddleware):
    """Sets the user of each request and of each WebSocket."""

    async def authenticate_request(self, connection: ASGIConnection) -> AuthenticationResult:
        return AuthenticationResult(user=SESSIONS.get(connection.cookies.get("session", "")), auth=None)


async def user_of(scope: MutableMapping[str, object]) -> str | None:
    """Who Litestar says it is. The gateway refuses ``None``."""
    user = scope["user"]
    return user if isinstance(user, str) else None


@get("/")
async def page(request: Request) -> str:
    return f"Hello, {request.user}."


def make_app(config: Config) -> Litestar:
    llm = GatewayApp(config, authenticate=user_of)
    mounted = asgi("/llm", is_mount=True, copy_scope=True)(llm)
    return Litestar([page, mounted], middleware=[Sessions], lifespan=[lambda _: llm.running()])


async def interrupted() -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        await anext(signals)


async def main(port: int) -> None:
    async with LoopbackProvider.start() as provider:
        http = provider.base_url
        own = ProviderSettings(base_url=f"{http}/v1", realtime_url=http.replace("http", "ws", 1))
        app = make_app(Config(providers={"loopback": own}))
        server = ServerConfig.from_mapping(bind=f"127.0.0.1:{port}")
        await serve(app, server, shutdown_trigger=interrupted)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
