"""Compression on real sockets: the library ``websockets`` over HTTP/1.1, wsproto over HTTP/2, on asyncio and trio."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
import trustme
from tests.peers.http2_socket_client import h2_client
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from aigw_drivers.loopback import LoopbackProvider
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Compression, Config, GatewaySettings, Limits, ProviderSettings

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])
CHUNKS = 200
MIB = 1 << 20


def create(event_id: str, *, stream: bool) -> str:
    message = {"role": "user", "content": "hi" * 1000}
    query = {"model": "m", "stream": stream, "messages": [message], "loopback": {"chunks": CHUNKS}}
    step = {"eventId": event_id, "provider": "custom-loop", "endpoint": "chat/completions", "query": query}
    return json.dumps({"type": "universal.create", "request": step})


@asynccontextmanager
async def gateway(compression: Compression, certificate: str | None = None) -> AsyncIterator[str]:
    """Its URL up to the path."""
    async with LoopbackProvider.start() as provider:
        config = Config(
            gateways={"local/default": GatewaySettings(compression=compression)},
            providers={"custom-loop": ProviderSettings(base_url=f"{provider.base_url}/v1")},
            limits=Limits(message_bytes=MIB),
        )
        settings = Settings(config=config, server=ServerSettings(port=0, tls_certificate=certificate))
        with anyio.fail_after(120):
            async with running(settings) as server:
                yield server.url


def run(backend: str, compression: Compression, client: Callable[[str], None]) -> None:
    """``client`` runs in a thread and gets the gateway's URL."""

    async def main() -> None:
        async with gateway(compression) as url:
            await anyio.to_thread.run_sync(client, url)

    anyio.run(main, backend=backend)


@BACKENDS
@pytest.mark.parametrize("compression", ["off", "messages", "stream"])
def test_websockets_with_its_own_compression(backend: str, compression: Compression) -> None:
    def converse(url: str) -> None:
        with connect(f"{url}/v1/local/default", compression="deflate", proxy=None) as client:
            assert client.response is not None
            agreed = client.response.headers.get("Sec-WebSocket-Extensions", "")
            assert agreed.split(";")[0] == ("" if compression == "off" else "permessage-deflate")
            assert ("server_no_context_takeover" in agreed) is (compression == "messages")
            for number in range(3):
                client.send(create(f"s{number}", stream=True))
                client.send(create(f"w{number}", stream=False))
            client.send(['{"type":', '"universal.ping"}'])  # in fragments
            ponged = client.ping()
            texts: dict[str, int] = {}
            kinds = []
            while len(kinds) < 10:  # a pong, three wholes, three begins and three ends of streams
                message = json.loads(client.recv(120))
                if message["type"] == "universal.stream":
                    event_id = message["metadata"]["eventId"]
                    texts[event_id] = texts.get(event_id, 0) + 1
                    continue
                kinds.append(message["type"])
                if "response" in message:
                    texts[message["metadata"]["eventId"]] = len(message["response"]["choices"])
            assert ponged.wait(120)  # not before: with 16 messages unread, the library reads no more
            assert kinds.count("universal.pong") == 1
            assert all(texts[f"s{number}"] >= CHUNKS for number in range(3))
            assert all(texts[f"w{number}"] == 1 for number in range(3))

    run(backend, compression, converse)


@BACKENDS
def test_a_bomb(backend: str) -> None:
    def throw(url: str) -> None:
        with connect(f"{url}/v1/local/default", compression="deflate", proxy=None) as client:
            client.send(json.dumps({"type": "universal.ping", "x": " " * (MIB - 100)}))
            assert json.loads(client.recv(120)) == {"type": "universal.pong"}
            client.send(" " * 50 * MIB)
            with pytest.raises(ConnectionClosedError) as ended:
                client.recv(120)
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 1009
            assert "limit of 1048576 bytes" in ended.value.rcvd.reason

    run(backend, "messages", throw)


def converse_over_http2(port: int, ca_file: str) -> None:
    with h2_client(port, ca_file) as client:
        plain, packed = client.open(), client.open("permessage-deflate; client_max_window_bits")
        assert "sec-websocket-extensions" not in client.heads[plain]
        agreed = "permessage-deflate; client_no_context_takeover"
        assert client.heads[packed]["sec-websocket-extensions"] == agreed
        crossed = {plain: 0, packed: 0}
        take = client._take

        def count(stream: int, data: bytes) -> None:
            crossed[stream] += len(data)
            take(stream, data)

        client._take = count  # type: ignore[method-assign]
        for stream in (plain, packed):
            client.send(stream, create("a", stream=True))
        texts = client.texts

        def done() -> bool:
            return all(texts[one] and texts[one][-1]["type"] == "universal.done" for one in (plain, packed))

        client.until(done)
        assert [text["type"] for text in texts[plain]] == [text["type"] for text in texts[packed]]
        assert crossed[packed] < crossed[plain] / 5


@BACKENDS
def test_over_http2(backend: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file, certificate = str(tmp_path / "ca.pem"), str(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(ca_file)
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(certificate)

    async def main() -> None:
        async with gateway("stream", certificate) as url:
            await anyio.to_thread.run_sync(converse_over_http2, int(url.rpartition(":")[2]), ca_file)

    anyio.run(main, backend=backend)
