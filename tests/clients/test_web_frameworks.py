"""A gateway inside the web frameworks and servers that others wrote: each server with each framework.

Run with ``pip install -e '.[frameworks]'`` and ``AIGW_FRAMEWORKS=1 python -m pytest tests/clients/test_web_frameworks.py``.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import anyio
import pytest
from tests.peers.processes import reachable, start
from tests.peers.third_party_servers import free_port

from aigw_drivers import LoopbackProvider, WebSocketClosed
from aigw_drivers.client import HandshakeRefused, WebSocketClient, connect

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        os.environ.get("AIGW_FRAMEWORKS") != "1", reason="AIGW_FRAMEWORKS=1 and the extra `frameworks` ask for it"
    ),
]


class Server(NamedTuple):
    """How a server is started, without its port. ``close_code``: what it makes of a client's close with 1000."""

    command: tuple[str, ...]
    port: str
    loop: str = "asyncio"
    close_code: int = 1000


APP = "tests.rigs.web_application:app"
HYPERCORN = ("hypercorn", "--graceful-timeout", "1", "--websocket-ping-interval", "5")
SERVERS = {
    "uvicorn-websockets": Server(("uvicorn", "--ws", "websockets", APP), "--port={}"),
    "uvicorn-websockets-sansio": Server(("uvicorn", "--ws", "websockets-sansio", APP), "--port={}"),
    "uvicorn-wsproto": Server(("uvicorn", "--ws", "wsproto", "--loop", "asyncio", APP), "--port={}"),
    "hypercorn-asyncio": Server((*HYPERCORN, "-k", "asyncio", APP), "--bind=127.0.0.1:{}", close_code=1001),
    "hypercorn-trio": Server((*HYPERCORN, "-k", "trio", APP), "--bind=127.0.0.1:{}", loop="trio", close_code=1001),
    "granian": Server(("granian", "--interface", "asgi", APP), "--port={}"),
}
FRAMEWORKS = ("bare", "starlette", "fastapi", "litestar", "quart")
ALICE = [("cookie", "session=of-alice")]
MIB = 1 << 20


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def needs(*modules: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")


class World(NamedTuple):
    """A running server: ``url`` is that of the mounted application."""

    url: str
    provider: LoopbackProvider
    process: "subprocess.Popen[Any]"

    async def nobody_is_left(self) -> None:
        """Every request that the provider has seen has ended there."""
        await self.provider.until(lambda: all(one.how is not None for one in self.provider.seen))


@asynccontextmanager
async def world(server: Server, framework: str) -> AsyncIterator[World]:
    needs(server.command[0], *(() if framework == "bare" else (framework,)))
    if framework == "quart" and server.loop == "trio":
        needs("quart_trio")
    async with LoopbackProvider.start() as provider:
        port = free_port()
        named = {"FRAMEWORK": framework, "LOOP": server.loop, "PROVIDER": provider.base_url}
        env = {**os.environ, **{f"AIGW_TEST_{name}": value for name, value in named.items()}}
        process = start([sys.executable, "-m", *server.command, server.port.format(port)], env=env)
        try:
            with anyio.fail_after(120):
                await reachable(port, process)
                prefix = "" if framework == "bare" else "/llm"
                yield World(f"ws://127.0.0.1:{port}{prefix}/v1/local/default", provider, process)
        finally:
            process.kill()
            process.wait()


async def told_end(client: WebSocketClient) -> WebSocketClosed:
    with pytest.raises(WebSocketClosed) as closed:
        while True:
            await client.receive()
    return closed.value


async def status_of(url: str, headers: list[tuple[str, str]]) -> tuple[int, bytes]:
    with pytest.raises(HandshakeRefused) as refused:
        async with connect(url, headers=headers):
            pass
    return refused.value.status, refused.value.body


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("server", SERVERS)
async def test_a_gateway_inside(server: str, framework: str) -> None:
    kind = SERVERS[server]
    async with world(kind, framework) as w:
        await exchange(w)
        await refusals(w)
        await relay(w, kind)
        await back_pressure(w)
        await end(w)


@pytest.mark.parametrize("server", SERVERS)
async def test_a_route_with_a_dependency(server: str) -> None:
    async with world(SERVERS[server], "fastapi") as w:
        own = w._replace(url=w.url.replace("/llm/", "/own/"))
        await exchange(own)
        await relay(own, SERVERS[server])
        assert (await status_of(own.url, []))[0] == 402


async def exchange(w: World) -> None:
    query = {"model": "loopback", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    step = {"eventId": "a", "provider": "loopback", "endpoint": "chat/completions", "headers": {}, "query": query}
    async with connect(w.url, headers=ALICE) as client:
        await client.send(json.dumps({"type": "universal.create", "request": step}))
        said: list[str] = []
        while "universal.done" not in said:
            said.append(json.loads(await client.receive())["type"])
    assert said[0] == "universal.created"
    assert said.count("universal.stream") > 1


async def refusals(w: World) -> None:
    assert (await status_of(w.url, []))[0] == 401
    assert (await status_of(f"{w.url}/nobody?model=m", ALICE))[0] == 400
    status, body = await status_of(f"{w.url}/loopback/echo?loopback_refuse=429", ALICE)
    assert status == 429
    assert b"asked to refuse with 429" in body


async def relay(w: World, kind: Server) -> None:
    url = f"{w.url}/loopback/echo?a=b%20c"
    async with connect(url, headers=ALICE) as client:
        for message in ("grüße", b"\x00\xff", "", b"", "x" * 200_000, bytes(200_000)):
            await client.send(message)
            assert await client.receive() == message
    await w.nobody_is_left()
    seen = w.provider.seen[-1]
    assert (seen.query, seen.close_code) == ("a=b%20c", kind.close_code)
    assert "cookie" not in {name.lower() for name, _ in seen.headers}
    async with connect(
        f"{url}&loopback_close=4001&loopback_close_reason=quota&loopback_after=1", headers=ALICE
    ) as client:
        await client.send("one")
        assert await client.receive() == "one"
        closed = await told_end(client)
    assert (closed.code, closed.reason) == (4001, "quota")
    offered = ["openai-insecure-api-key.sk-canary", "realtime"]
    async with connect(f"{w.url}/loopback/realtime?model=m", headers=ALICE, subprotocols=offered) as client:
        assert client.subprotocol == "realtime"
        assert json.loads(await client.receive())["type"] == "session.created"
    await w.nobody_is_left()


async def back_pressure(w: World) -> None:
    """A client that does not read holds its provider, whose bytes then wait in the sockets' buffers only."""
    flood = 64 * MIB
    async with connect(f"{w.url}/loopback/echo?loopback_flood_bytes={flood}", headers=ALICE) as client:
        got = len(await client.receive())
        sent = -1
        while sent != w.provider.seen[-1].bytes_sent:
            sent = w.provider.seen[-1].bytes_sent
            await anyio.sleep(0.5)
        assert sent < flood // 2
        while got < flood:
            got += len(await client.receive())
    async with connect(f"{w.url}/loopback/echo?loopback_flood_bytes={flood}", headers=ALICE) as client:
        await client.receive()  # it leaves in the middle
    await w.nobody_is_left()


async def end(w: World) -> None:
    """The server goes away: its clients are told, and so are their providers."""
    async with connect(f"{w.url}/loopback/echo", headers=ALICE) as client:
        await client.send("still here")
        assert await client.receive() == "still here"
        w.process.send_signal(signal.SIGTERM)
        await told_end(client)  # the code is the server's
    await w.nobody_is_left()
    while w.process.poll() is None:  # noqa: ASYNC110 - a process has no event
        await anyio.sleep(0.1)
