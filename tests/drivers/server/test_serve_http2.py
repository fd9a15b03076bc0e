"""WebSockets over HTTP/2 on a real TLS port: ALPN decides, and HTTP/1.1 clients are served beside them."""

import json
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
import trustme
from tests.peers.http2_socket_client import PATH, h2_client

from aigw_drivers.client import connect
from aigw_drivers.core.tls import client_context
from aigw_drivers.loopback import LoopbackProvider
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, ProviderSettings


def create(event_id: str) -> str:
    query = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}], "loopback": {"chunks": 5}}
    step = {"eventId": event_id, "provider": "custom-loop", "endpoint": "chat/completions", "query": query}
    return json.dumps({"type": "universal.create", "request": step})


def converse(port: int, ca_file: str) -> None:
    with h2_client(port, ca_file) as client:
        one, two = client.open(), client.open()
        assert client.extended, "ENABLE_CONNECT_PROTOCOL stands in the first SETTINGS"
        client.send(one, create("a"))
        client.send(two, create("b"))

        def done() -> bool:
            return all(
                texts and texts[-1]["type"] == "universal.done" for texts in (client.texts[one], client.texts[two])
            )

        client.until(done)
        assert {text["metadata"]["eventId"] for text in client.texts[one]} == {"a"}
        assert {text["metadata"]["eventId"] for text in client.texts[two]} == {"b"}
        health = client.ask((":method", "GET"), (":path", "/healthz"), end=True)
        client.until(lambda: health in client.ended)
        assert client.heads[health][":status"] == "200"
        assert json.loads(client.plain[health])["success"] is True
        refused = client.ask((":method", "GET"), (":path", PATH), end=True)
        client.until(lambda: refused in client.ended)
        assert client.heads[refused][":status"] == "426"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_two_websockets_on_one_connection_and_http1_beside_it(backend: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file = str(tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(ca_file)
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))

    async def main() -> None:
        async with LoopbackProvider.start() as provider:
            own = ProviderSettings(base_url=f"{provider.base_url}/v1")
            server = ServerSettings(port=0, tls_certificate=str(tmp_path / "server.pem"))
            settings = Settings(config=Config(providers={"custom-loop": own}), server=server)
            with anyio.fail_after(120):
                async with running(settings) as gateway:
                    port = int(gateway.url.rpartition(":")[2])
                    await anyio.to_thread.run_sync(converse, port, ca_file)
                    url = f"wss://localhost:{port}{PATH}"
                    async with connect(url, ssl_context=client_context(ca_file, ("http/1.1",))) as client:
                        await client.send(create("c"))
                        while json.loads(await client.receive())["type"] != "universal.done":
                            pass

    anyio.run(main, backend=backend)
