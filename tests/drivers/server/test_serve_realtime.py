"""Realtime sessions on real sockets: the client of this package, the gateway, and a ``websockets`` server as provider.

Every case runs on asyncio; the provider's library knows no other loop. What is decided in the core has its transcript.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from aigw_drivers.client import HandshakeRefused, WebSocketClosed, connect
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, ProviderSettings, Timeouts
from aigw_sansio.events import Event, SessionEnded

pytestmark = pytest.mark.anyio
Handler = Callable[[ServerConnection], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def gateway(url: str, events: list[Event]) -> AsyncIterator[str]:
    """A gateway whose openai is at ``url``; the address of its realtime path."""
    config = Config(
        providers={"openai": ProviderSettings(realtime_url=url)}, timeouts=Timeouts(drain_s=1, realtime_open_s=60)
    )
    with anyio.fail_after(120):
        async with running(Settings(config=config, server=ServerSettings(port=0)), on_event=events.append) as up:
            yield f"{up.url}/v1/local/default/openai?model=m"


@asynccontextmanager
async def session(handler: Handler, events: list[Event] | None = None) -> AsyncIterator[str]:
    """A provider that does ``handler`` behind a gateway."""
    async with serve(handler, "127.0.0.1", 0, compression="deflate", max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with gateway(f"ws://127.0.0.1:{port}", [] if events is None else events) as url:
            yield url


async def echo(provider: ServerConnection) -> None:
    async for message in provider:
        await provider.send(message)


async def test_messages_of_every_size_come_back_as_they_were() -> None:
    async with session(echo) as url, connect(url) as client:
        for size in (0, 1, 125, 126, 65535, 65536, 1_000_000):
            for message in ("x" * size, bytes(size)):
                await client.send(message)
                assert await client.receive() == message


async def test_a_close_of_the_provider_reaches_the_client_with_its_code() -> None:
    async def says_goodbye(provider: ServerConnection) -> None:
        await provider.send("last words")
        await provider.close(4000, "quota")

    events: list[Event] = []
    async with session(says_goodbye, events) as url:
        async with connect(url) as client:
            assert await client.receive() == "last words"
            with pytest.raises(WebSocketClosed) as closed:
                await client.receive()
        assert (closed.value.code, closed.value.reason) == (4000, "quota")
    ended = [event for event in events if isinstance(event, SessionEnded)]
    assert [(event.by, event.code, event.messages_sent) for event in ended] == [("provider", 4000, 1)]


async def test_a_client_that_leaves_ends_the_provider() -> None:
    codes: list[int | None] = []
    told = anyio.Event()

    async def listens(provider: ServerConnection) -> None:
        try:
            await provider.recv()
        except ConnectionClosed:
            codes.append(provider.close_code)
            told.set()

    async with session(listens) as url:
        async with connect(url):
            pass
        with anyio.fail_after(120):
            await told.wait()
    assert codes in ([1000], [1001])


async def test_a_provider_that_vanishes_is_1011() -> None:
    async def vanishes(provider: ServerConnection) -> None:
        provider.transport.abort()

    async with session(vanishes) as url, connect(url) as client:
        with pytest.raises(WebSocketClosed) as closed:
            await client.receive()
    assert closed.value.code == 1011


async def test_who_cannot_be_reached_is_502() -> None:
    async with gateway("ws://127.0.0.1:1", []) as url:
        with pytest.raises(HandshakeRefused) as refused:
            async with connect(url):
                pass
    assert refused.value.status == 502
    assert b'"code":2005' in refused.value.body


async def test_a_slow_client_holds_the_provider_and_loses_nothing() -> None:
    count, size = 100, 100_000

    async def floods(provider: ServerConnection) -> None:
        for number in range(count):
            await provider.send(number.to_bytes(4) + bytes(size))
        await provider.close(1000)

    async with session(floods) as url, connect(url) as client:
        for number in range(count):
            message = await client.receive()
            assert isinstance(message, bytes)
            assert message[:4] == number.to_bytes(4)
            assert len(message) == 4 + size
