"""A web application that others wrote, with a gateway mounted below ``/llm``, for a server process to import.

Decides: what a user of each framework would write. ``AIGW_TEST_FRAMEWORK`` names the framework, ``AIGW_TEST_PROVIDER``
the loopback provider's address.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aigw_drivers.asgi import GatewayApp, Scope
from aigw_sansio import Config, ProviderSettings


async def who_is_it(scope: Scope) -> str | None:
    """The user of the host's own session cookie."""
    headers: Any = scope["headers"]
    cookies = [bytes(value) for name, value in headers if bytes(name).lower() == b"cookie"]
    return "alice" if b"session=of-alice" in cookies else None


def make_gateway() -> GatewayApp:
    url = os.environ["AIGW_TEST_PROVIDER"]
    provider = ProviderSettings(base_url=f"{url}/v1", realtime_url=url.replace("http", "ws", 1))
    return GatewayApp(Config(providers={"loopback": provider}), authenticate=who_is_it)


def lifespan_of(llm: GatewayApp) -> Any:
    """What is mounted gets no lifespan of its own."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        async with llm.running():
            yield

    return lifespan


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    llm = make_gateway()

    return Starlette(routes=[Mount("/llm", llm)], lifespan=lifespan_of(llm))


def fastapi() -> Any:
    """Its routes can have dependencies, too, as at ``/own``."""
    from fastapi import Depends, FastAPI, HTTPException, WebSocket

    llm = make_gateway()

    app = FastAPI(lifespan=lifespan_of(llm))
    app.mount("/llm", llm)

    async def current_user(socket: WebSocket) -> str:
        user = await who_is_it(socket.scope)
        if user is None:
            raise HTTPException(402)
        return user

    @app.websocket("/own/{path:path}")
    async def own(socket: WebSocket, user: str = Depends(current_user)) -> None:
        await llm.serve(socket.scope, socket.receive, socket.send, principal=user, root_path="/own")

    return app


def litestar() -> Any:
    from litestar import Litestar, asgi

    llm = make_gateway()
    return Litestar([asgi("/llm", is_mount=True, copy_scope=True)(llm)], lifespan=[lambda app: llm.running()])


def quart() -> Any:
    if os.environ["AIGW_TEST_LOOP"] == "trio":
        from quart_trio import QuartTrio as Quart
    else:
        from quart import Quart

    app = Quart(__name__)
    llm, pages = make_gateway(), app.asgi_app

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan" and scope["path"].startswith("/llm/"):
            await llm({**scope, "root_path": f"{scope.get('root_path', '')}/llm"}, receive, send)
        else:
            await pages(scope, receive, send)

    @app.while_serving
    async def lifespan() -> AsyncIterator[None]:
        async with llm.running():
            yield

    app.asgi_app = mounted
    return app


def bare() -> Any:
    """Without a framework, and so with the server's lifespan."""
    return make_gateway()


app = {"starlette": starlette, "fastapi": fastapi, "litestar": litestar, "quart": quart, "bare": bare}[
    os.environ["AIGW_TEST_FRAMEWORK"]
]()
