"""The whole gateway behind a proxy that wants credentials: requests and realtime sessions reach a provider under TLS."""

import json
from pathlib import Path

import anyio
import pytest
import trustme
from tests.peers.sockets import PATIENCE_S

from aigw_drivers.client import Client, connect
from aigw_drivers.client.errors import GatewayError
from aigw_drivers.conformance.connect_proxy import connect_proxy
from aigw_drivers.core.tls import server_context
from aigw_drivers.loopback import LoopbackProvider
from aigw_drivers.server.serve import DriverName, running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, ProviderSettings
from aigw_sansio.secret import Secret

QUERY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("backend", "driver"), [("asyncio", "anyio"), ("trio", "anyio"), ("asyncio", "protocol")], ids=str
)
def test_a_gateway_behind_a_proxy(backend: str, driver: DriverName, tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file, pem = str(tmp_path / "ca.pem"), str(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(ca_file)
    authority.issue_cert("provider.test").private_key_and_cert_chain_pem.write_to_path(pem)
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
            async with running(settings, driver=driver) as gateway:
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
