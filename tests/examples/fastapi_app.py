"""A gateway inside a FastAPI application on uvicorn: one dependency knows the users of its pages and of the gateway.

``python -m tests.examples.fastapi_app [PORT]`` serves until it is interrupted, with the built-in provider. Clients come
with a cookie of the application's own::

    Client("ws://127.0.0.1:8000/llm/v1/local/default", headers=[("cookie", "session=of-alice")])
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, WebSocket
from fastapi.requests import HTTPConnection

from aigw_drivers import LoopbackProvider
from aigw_drivers.asgi import GatewayApp
from aigw_sansio import Config, ProviderSettings

SESSIONS = {"of-alice": "alice"}


def current_user(connection: HTTPConnection) -> str:
    """The dependency. A connection is a request or a WebSocket."""
    user = SESSIONS.get(connection.cookies.get("session", ""))
    if user is None:
        raise HTTPException(401)
    return user


def make_app(config: Config) -> FastAPI:
    llm = GatewayApp(config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with llm.running():
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    def page(user: Annotated[str, Depends(current_user)]) -> str:
        return f"Hello, {user}."

    # app.mount("/llm", llm) would do as well, but what is mounted has no dependencies
    @app.websocket("/llm/{path:path}")
    async def gateway(socket: WebSocket, user: Annotated[str, Depends(current_user)]) -> None:
        await llm.serve(socket.scope, socket.receive, socket.send, principal=user, root_path="/llm")

    return app


async def main(port: int) -> None:
    async with LoopbackProvider.start() as provider:
        http = provider.base_url
        own = ProviderSettings(base_url=f"{http}/v1", realtime_url=http.replace("http", "ws", 1))
        app = make_app(Config(providers={"loopback": own}))
        await uvicorn.Server(uvicorn.Config(app, port=port)).serve()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000))
