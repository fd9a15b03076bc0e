"""Responses over WebSocket on sockets: a provider that does not speak it, and a client that goes."""

import json
import ssl
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
import trustme
from anyio.abc import ByteStream, SocketAttribute
from tests.rigs.client_gateway import KEY, TOKEN, world
from tests.rigs.responses_client import TERMINAL, check_two_turns, two_turns_in_two_lanes

from aigw_drivers import LoopbackProvider
from aigw_drivers.client import HandshakeRefused, connect
from aigw_drivers.core.tls import server_context
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.events import ExchangeEnded

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(("path", "model"), [("compat", "loopback/m"), ("loopback/v1", "m")])
async def test_two_turns_in_two_lanes(path: str, model: str) -> None:
    async with world() as w:
        check_two_turns(await two_turns_in_two_lanes(f"{w.url}/{path}/responses", model))
        ended = [event for event in w.events if isinstance(event, ExchangeEnded)]
        assert [(event.how, event.provider, event.status) for event in ended] == [("done", "loopback", 200)] * 4


async def test_the_key_of_an_sdk_is_the_token() -> None:
    async with world(authentication=True) as w:
        url = f"{w.url}/compat/responses"
        async with connect(url, headers=[("authorization", f"Bearer {TOKEN}")]) as client:
            await client.send(json.dumps({"type": "response.create", "model": "loopback/m", "input": "Hi"}))
            assert json.loads(await client.receive())["type"] == "response.created"
        with pytest.raises(HandshakeRefused) as refused:
            async with connect(url, headers=[("authorization", f"Bearer {KEY}")]):
                pass
        assert refused.value.status == 401


async def test_another_socket_goes_on_from_what_is_stored() -> None:
    async with LoopbackProvider.start() as provider:
        config = Config(
            gateways={"local/default": GatewaySettings(store_ttl=60)},
            providers={"loopback": ProviderSettings(base_url=f"{provider.base_url}/v1")},
        )
        settings = Settings(config=config, server=ServerSettings(port=0))
        with anyio.fail_after(60):
            async with running(settings) as up:
                parent = None
                for text in ("Hi", "Go on."):
                    async with connect(f"{up.url}/v1/local/default/loopback/responses") as client:
                        create = {"type": "response.create", "model": "m", "input": text}
                        await client.send(json.dumps({**create, "previous_response_id": parent}))
                        while (message := json.loads(await client.receive()))["type"] not in TERMINAL:
                            pass
                    assert message["type"] == "response.completed"
                    assert message["response"]["store"] is True
                    parent = message["response"]["id"]


async def served_natively(
    query: str = "", *, folder: Path | None = None
) -> list[tuple[str, str, int, str | None, int | None]]:
    """Two turns in two lanes, with a provider that may be asked over WebSockets, under TLS if there is a ``folder`` for
    its certificate. Returns what it saw of each request: method and path, messages, how it ended, and the code of our
    close frame."""
    ca_file: str | None = None
    context: ssl.SSLContext | None = None
    if folder is not None:
        authority, pem = trustme.CA(), folder / "server.pem"
        ca_file = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(ca_file)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
        context = server_context(pem, pem)
    async with LoopbackProvider.start(ssl_context=context) as provider:
        own = ProviderSettings(base_url=f"{provider.base_url}/v1{query}", native=True, ca_file=ca_file)
        settings = Settings(config=Config(providers={"openai": own}), server=ServerSettings(port=0))
        with anyio.fail_after(60):
            async with running(settings) as up:
                url = f"{up.url}/v1/local/default/openai/responses"
                check_two_turns(await two_turns_in_two_lanes(url, "m"))
                await provider.until(lambda: all(one.how is not None for one in provider.seen))
        return sorted((one.method, one.path, one.messages_received, one.how, one.close_code) for one in provider.seen)


async def test_sockets_on_both_sides() -> None:
    assert await served_natively() == [("GET", "/v1/responses", 2, "closed", 1000)] * 2


async def test_sockets_under_tls(tmp_path: Path) -> None:
    assert await served_natively(folder=tmp_path) == [("GET", "/v1/responses", 2, "closed", 1000)] * 2


OVER_HTTP = [("POST", "/v1/responses", 0, "complete", None)] * 4


async def test_a_provider_that_refuses_the_upgrade_is_asked_over_http() -> None:
    *sockets, a, b, c, d = await served_natively("?loopback_refuse=404")
    assert [a, b, c, d] == OVER_HTTP
    assert set(sockets) == {("GET", "/v1/responses", 0, "refused", None)}
    assert len(sockets) <= 2  # one for each lane, if both were dialled at once


async def test_sockets_that_break_are_followed_by_requests_over_http() -> None:
    sockets = [("GET", "/v1/responses", 1, "reset", None)] * 4
    assert await served_natively("?loopback_break=reset&loopback_after=1") == [*sockets, *OVER_HTTP]


async def test_a_client_cancels_by_going() -> None:
    """Its provider says nothing, and sees its connection end."""
    asked, gone = anyio.Event(), anyio.Event()

    async def silent(stream: ByteStream) -> None:
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while True:
                    await stream.receive()
                    asked.set()
        gone.set()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, silent)
        port = listener.extra(SocketAttribute.local_port)
        config = Config(providers={"openai": ProviderSettings(base_url=f"http://127.0.0.1:{port}/v1")})
        settings = Settings(config=config, server=ServerSettings(port=0))
        with anyio.fail_after(60):
            async with running(settings) as up:
                async with connect(f"{up.url}/v1/local/default/openai/responses") as client:
                    await client.send(json.dumps({"type": "response.create", "model": "m", "input": "Hi"}))
                    await asked.wait()
                    assert not gone.is_set()
                await gone.wait()
        tasks.cancel_scope.cancel()
