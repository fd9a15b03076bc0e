"""The whole gateway behind a proxy that wants credentials: requests and realtime sessions reach a provider under TLS."""

import json
import socket
import ssl
from pathlib import Path

import anyio
import pytest
import trustme
from tests.peers.http_providers import Http2Provider
from tests.peers.sockets import PATIENCE_S

from aigw_drivers.client import Client, connect
from aigw_drivers.client.errors import GatewayError
from aigw_drivers.conformance.connect_proxy import connect_proxy
from aigw_drivers.conformance.sockets import server
from aigw_drivers.core.tls import server_context
from aigw_drivers.loopback import LoopbackProvider
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, ProviderSettings
from aigw_sansio.secret import Secret

QUERY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def certificate(folder: Path) -> tuple[str, str]:
    """A throw-away authority, and a certificate of ``provider.test``, as files."""
    authority = trustme.CA()
    ca_file, pem = str(folder / "ca.pem"), str(folder / "server.pem")
    authority.cert_pem.write_to_path(ca_file)
    authority.issue_cert("provider.test").private_key_and_cert_chain_pem.write_to_path(pem)
    return ca_file, pem


@BACKENDS
def test_a_gateway_behind_a_proxy(backend: str, tmp_path: Path) -> None:
    ca_file, pem = certificate(tmp_path)
    targets: dict[str, int] = {}

    async def main(proxy_port: int) -> None:
        async with LoopbackProvider.start(ssl_context=server_context(pem, pem)) as provider:
            targets["provider.test:443"] = provider.port

            def own(credentials: str) -> ProviderSettings:
                return ProviderSettings(
                    base_url="https://provider.test/v1",
                    realtime_url="wss://provider.test",
                    ca_file=ca_file,
                    proxy=Secret(f"http://{credentials}@127.0.0.1:{proxy_port}"),
                )

            config = Config(providers={"openai": own("user:canary-1"), "custom-wrong": own("user:canary-2")})
            settings = Settings(config=config, server=ServerSettings(port=0))
            async with running(settings) as gateway:
                url = gateway.url + "/v1/local/default"
                async with Client(url) as client:
                    await client.create("openai", "chat/completions", QUERY)
                    with pytest.raises(GatewayError) as refused:
                        await client.create("custom-wrong", "chat/completions", QUERY)
                assert "the proxy answered 407" in str(refused.value)
                assert "canary" not in str(refused.value)
                async with connect(f"{url}/openai/v1/realtime?model=mine") as session:
                    assert json.loads(await session.receive())["type"] == "session.created"
            shown = [name for seen in provider.seen for name, _ in seen.headers]
            assert len(provider.seen) == 2
            assert not [name for name in shown if "proxy" in str(name).lower()]

    with connect_proxy(targets, credentials="user:canary-1", patience_s=PATIENCE_S) as proxy:

        async def bounded() -> None:
            with anyio.fail_after(120):
                await main(proxy.port)

        anyio.run(bounded, backend=backend)
    assert set(proxy.asked) == {"provider.test:443"}
    assert len(proxy.heads) == 3


class PairedProvider:
    """Answers two requests of one connection over HTTP/2, when both are there."""

    def __init__(self) -> None:
        self.chosen: list[str | None] = []  #: by ALPN, for each connection
        self.asked: list[str] = []

    def serve(self, sock: socket.socket) -> None:
        assert isinstance(sock, ssl.SSLSocket)
        self.chosen.append(sock.selected_alpn_protocol())
        provider = Http2Provider()
        sock.sendall(provider.take())
        waiting: list[int] = []
        while data := sock.recv(65536):
            for seen in provider.receive(data):
                self.asked.append(seen.line)
                waiting.append(seen.stream)
            while len(waiting) >= 2:
                for stream in (waiting.pop(), waiting.pop()):
                    provider.send_head(stream, 200, [("content-type", "application/json")])
                    provider.send_body(stream, [b'{"object":"chat.completion","choices":[]}', None])
            sock.sendall(provider.take())


@BACKENDS
def test_http2_in_a_tunnel(backend: str, tmp_path: Path) -> None:
    """Two requests share one tunnel: the provider behind it chose HTTP/2 by ALPN, whatever the proxy speaks."""
    ca_file, pem = certificate(tmp_path)
    provider = PairedProvider()

    async def main(proxy_port: int) -> None:
        proxy = Secret(f"http://127.0.0.1:{proxy_port}")
        own = ProviderSettings(base_url="https://provider.test/v1", ca_file=ca_file, proxy=proxy)
        settings = Settings(config=Config(providers={"openai": own}), server=ServerSettings(port=0))
        with anyio.fail_after(120):
            async with (
                running(settings) as gateway,
                Client(gateway.url + "/v1/local/default") as client,
                anyio.create_task_group() as tasks,
            ):
                for _ in range(2):
                    tasks.start_soon(client.create, "openai", "chat/completions", QUERY)

    with (
        server(provider.serve, tls=server_context(pem, pem, ("h2", "http/1.1")), patience_s=PATIENCE_S) as port,
        connect_proxy({"provider.test:443": port}, patience_s=PATIENCE_S) as proxy,
    ):
        anyio.run(main, proxy.port, backend=backend)
    assert provider.asked == ["POST /v1/chat/completions"] * 2
    assert provider.chosen == ["h2"]
    assert proxy.asked == ["provider.test:443"]
