"""Providers behind servers that others wrote, over TLS, on HTTP/1.1 and HTTP/2: many at once, given up, not read."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from tests.peers.third_party_servers import PROXIES, Certificates, SseProvider, hypercorn, proxy, why_not

from aigw_drivers.client import WebSocketClient, connect
from aigw_drivers.loopback import LoopbackProvider
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, Limits, ProviderSettings
from aigw_sansio.events import AttemptEnded, Event

Version = Literal["h1", "h2"]
VERSIONS: list[Version] = ["h1", "h2"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@asynccontextmanager
async def gateway(
    port: int, version: Version, certificates: Certificates, on_event: Callable[[Event], None] | None = None
) -> AsyncIterator[str]:
    """A gateway whose provider ``custom-peer`` is at ``port``; the URL of its universal endpoint."""
    peer = ProviderSettings(
        base_url=f"https://localhost:{port}/v1",
        ca_file=certificates.ca_file,
        http2="on" if version == "h2" else "off",
    )
    config = Config(providers={"custom-peer": peer}, limits=Limits(upstream_connections_per_origin=64))
    async with running(Settings(config=config, server=ServerSettings(port=0)), on_event=on_event) as run:
        yield f"{run.url}/v1/local/default"


async def ask(client: WebSocketClient, event_id: str, **query: object) -> None:
    step = {"eventId": event_id, "provider": "custom-peer", "endpoint": "chat/completions", "query": query}
    await client.send(json.dumps({"type": "universal.create", "request": step}))


async def read_until(client: WebSocketClient, done: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Messages up to the first that is ``done``."""
    messages = []
    while True:
        messages.append(json.loads(await client.receive()))
        if done(messages[-1]):
            return messages


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        with anyio.fail_after(60):
            await main()

    anyio.run(limited)


# -- hypercorn --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_many_exchanges_at_once(version: Version, certificates: Certificates) -> None:
    async def main() -> None:
        provider = SseProvider()
        async with (
            hypercorn(provider, certificates.server) as port,
            gateway(port, version, certificates) as url,
            connect(url) as client,
        ):
            names = [f"e{number}" for number in range(40)]
            for name in names:
                await ask(client, name, id=name, chunks=20, size=500)
            chunks: dict[str, list[int]] = {name: [] for name in names}
            ended: list[str] = []
            while len(ended) < len(names):
                message = json.loads(await client.receive())
                kind, name = message["type"], message["metadata"]["eventId"]
                if kind == "universal.stream" and "n" in message["response"]:
                    assert message["response"]["id"] == name
                    chunks[name].append(message["response"]["n"])
                elif kind == "universal.done":
                    ended.append(name)
                else:
                    assert kind in ("universal.created", "universal.stream"), message
            assert sorted(ended) == sorted(names)
            assert all(numbers == list(range(20)) for numbers in chunks.values())
        assert provider.versions == {"2" if version == "h2" else "1.1"}
        assert sum(provider.callers.values()) == 40
        if version == "h2":
            assert len(provider.callers) <= 4  # ten streams each, before a connection's SETTINGS have come

    run(main)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cancelled_exchange_stops_the_provider_and_no_other(version: Version, certificates: Certificates) -> None:
    async def main() -> None:
        provider = SseProvider()
        async with hypercorn(provider, certificates.server) as port, gateway(port, version, certificates) as url:
            async with connect(url) as client:
                await ask(client, "endless", id="endless", endless=True)
                await ask(client, "other", id="other", endless=True)
                seen: set[str] = set()
                while seen != {"endless", "other"}:
                    message = json.loads(await client.receive())
                    if message["type"] == "universal.stream":
                        seen.add(message["metadata"]["eventId"])
                await client.send('{"type":"universal.cancel","eventId":"endless"}')
                await read_until(client, lambda message: message["type"] == "universal.cancelled")
                await provider.until_gone("endless")
                before = provider.sent["other"]
                await read_until(
                    client,
                    lambda message: message["type"] == "universal.stream" and message["response"]["n"] > before,
                )
                assert "other" not in provider.gone
                await ask(client, "after", id="after")
                await read_until(
                    client,
                    lambda m: m["type"] == "universal.done" and m["metadata"]["eventId"] == "after",
                )
            await provider.until_gone("other")  # the client has left
        if version == "h2":
            assert len(provider.callers) == 1, "RST_STREAM ends the stream, not the connection"

    run(main)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_that_does_not_read_holds_its_own_provider_back(version: Version, certificates: Certificates) -> None:
    chunks, size = 96, 512 * 1024

    async def main() -> None:
        provider = SseProvider()
        events: list[Event] = []
        async with (
            hypercorn(provider, certificates.server) as port,
            gateway(port, version, certificates, events.append) as url,
            connect(url) as slow,
            connect(url) as quick,
        ):
            await ask(slow, "slow", id="slow", chunks=chunks, size=size)
            first = await read_until(slow, lambda message: message["type"] == "universal.stream")
            for number in range(20):  # on the same connection where there is one
                await ask(quick, f"q{number}", id=f"q{number}", chunks=100, size=1000)
                await read_until(quick, lambda message: message["type"] == "universal.done")
            log_id = first[0]["metadata"]["logId"]
            ended = {event.log_id for event in events if isinstance(event, AttemptEnded)}
            assert len(ended) == 20
            assert log_id not in ended
            if version == "h1":  # over HTTP/2 hypercorn takes all from its application while the window is shut
                assert provider.sent["slow"] < chunks
            messages = await read_until(slow, lambda message: message["type"] == "universal.done")
            numbers = [m["response"]["n"] for m in messages[:-1] if "n" in m["response"]]
            assert numbers == list(range(1, chunks))
        assert provider.sent["slow"] == chunks

    run(main)


# -- proxies in front of the loopback provider ------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", PROXIES)
def test_streams_through_a_proxy(name: str, version: Version, certificates: Certificates, tmp_path: Path) -> None:
    reason = why_not(name)
    if reason is not None:
        pytest.skip(reason)

    async def main() -> None:
        async with LoopbackProvider.start() as provider:
            backend = int(provider.base_url.rpartition(":")[2])
            with proxy(name, backend, certificates, tmp_path) as port:
                async with gateway(port, version, certificates) as url, connect(url) as client:
                    await converse(client, provider)

    run(main)


async def converse(client: WebSocketClient, provider: LoopbackProvider) -> None:
    """Twenty streams at once, then one that is given up, then one more."""

    async def say(event_id: str, **options: object) -> None:
        words = [{"role": "user", "content": "hi"}]
        await ask(client, event_id, model="m", stream=True, messages=words, loopback=options)

    names = [f"e{number}" for number in range(20)]
    for name in names:
        await say(name, chunks=30, chunk_bytes=200)
    left, streamed = set(names), dict.fromkeys(names, 0)
    while left:
        message = json.loads(await client.receive())
        kind, name = message["type"], message["metadata"]["eventId"]
        assert kind in ("universal.created", "universal.stream", "universal.done"), message
        if kind == "universal.stream":
            streamed[name] += 1
        elif kind == "universal.done":
            left.remove(name)
    assert min(streamed.values()) == max(streamed.values()) >= 30
    await say("given up", chunks=1000, chunk_delay_ms=20)
    await read_until(client, lambda message: message["type"] == "universal.stream")
    await client.send('{"type":"universal.cancel","eventId":"given up"}')
    await read_until(client, lambda message: message["type"] == "universal.cancelled")
    await provider.until(lambda: any(seen.how == "cancelled" for seen in provider.seen))
    await say("after", chunks=3)
    await read_until(client, lambda message: message["type"] == "universal.done")
