"""Responses over WebSocket on sockets, with each driver: a provider that does not speak it, and a client that goes."""

import json
from contextlib import suppress

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute
from tests.rigs.client_gateway import DRIVERS, KEY, TOKEN, world
from tests.rigs.responses_client import TERMINAL, check_two_turns, two_turns_in_two_lanes

from aigw_drivers import LoopbackProvider
from aigw_drivers.client import HandshakeRefused, connect
from aigw_drivers.server.serve import DriverName, running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.events import ExchangeEnded

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("driver", DRIVERS)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(("path", "model"), [("compat", "loopback/m"), ("loopback/v1", "m")])
async def test_two_turns_in_two_lanes(driver: DriverName, path: str, model: str) -> None:
    async with world(driver) as w:
        check_two_turns(await two_turns_in_two_lanes(f"{w.url}/{path}/responses", model))
        ended = [event for event in w.events if isinstance(event, ExchangeEnded)]
        assert [(event.how, event.provider, event.status) for event in ended] == [("done", "loopback", 200)] * 4


async def test_the_key_of_an_sdk_is_the_token(driver: DriverName) -> None:
    async with world(driver, authentication=True) as w:
        url = f"{w.url}/compat/responses"
        async with connect(url, headers=[("authorization", f"Bearer {TOKEN}")]) as client:
            await client.send(json.dumps({"type": "response.create", "model": "loopback/m", "input": "Hi"}))
            assert json.loads(await client.receive())["type"] == "response.created"
        with pytest.raises(HandshakeRefused) as refused:
            async with connect(url, headers=[("authorization", f"Bearer {KEY}")]):
                pass
        assert refused.value.status == 401


async def test_another_socket_goes_on_from_what_is_stored(driver: DriverName) -> None:
    async with LoopbackProvider.start() as provider:
        config = Config(
            gateways={"local/default": GatewaySettings(store_ttl=60)},
            providers={"loopback": ProviderSettings(base_url=f"{provider.base_url}/v1")},
        )
        settings = Settings(config=config, server=ServerSettings(port=0))
        with anyio.fail_after(60):
            async with running(settings, driver=driver) as up:
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


async def test_a_client_cancels_by_going(driver: DriverName) -> None:
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
            async with running(settings, driver=driver) as up:
                async with connect(f"{up.url}/v1/local/default/openai/responses") as client:
                    await client.send(json.dumps({"type": "response.create", "model": "m", "input": "Hi"}))
                    await asked.wait()
                    assert not gone.is_set()
                await gone.wait()
        tasks.cancel_scope.cancel()
