"""What the host of a running server does to it: new settings, and the end of an exchange or a session."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import pytest
import trustme
from tests.rigs.live_gateway import chat

from aigw_drivers import AnyioDriver, LoopbackProvider, ProtocolDriver
from aigw_drivers.client import Client, ConnectionLost, GatewayError, HandshakeRefused, NotConnected
from aigw_drivers.core.tls import server_context
from aigw_drivers.server.serve import DriverName, Running, running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio import (
    Config,
    ConfigError,
    Event,
    GatewaySettings,
    Limits,
    ProviderSettings,
    RequestAdmitted,
    Secret,
    SessionOpened,
)

pytestmark = pytest.mark.anyio
PATH = "/v1/local/default"
TOKENS = {"local/default": GatewaySettings(tokens=(Secret("canary"),))}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def settings(**config: Any) -> Settings:
    return Settings(config=Config(**config), server=ServerSettings(port=0))


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[Running]:
    with anyio.fail_after(120):
        async with running(settings(), loopback=True, **options) as gateway:
            yield gateway


async def is_open(gateway: Running) -> bool:
    try:
        async with Client(gateway.url + PATH) as client:
            await client.create("loopback", "chat/completions", chat(stream=False))
    except (GatewayError, HandshakeRefused, NotConnected):
        return False
    return True


async def test_clients_that_come_find_the_new_settings_and_the_provider_of_the_server() -> None:
    async with served() as gateway:
        assert await is_open(gateway)
        gateway.reconfigure(settings(gateways=TOKENS))
        assert gateway.settings.config.gateways == TOKENS
        assert not await is_open(gateway)
        await anyio.to_thread.run_sync(gateway.reconfigure_from_thread, settings())
        assert await is_open(gateway)


async def test_a_stream_that_runs_is_not_cut() -> None:
    async with served() as gateway, Client(gateway.url + PATH) as client:
        async with client.stream("loopback", "chat/completions", chat(chunks=40, chunk_delay_ms=5)) as stream:
            async for _ in stream:
                gateway.reconfigure(settings(gateways={"other/one": GatewaySettings()}))
        assert stream.metadata.finish_reason == "stop"
        with pytest.raises(GatewayError, match="there is no gateway 'local/default' any more"):
            await client.create("loopback", "chat/completions", chat(stream=False))


async def test_what_is_wrong_changes_nothing() -> None:
    async with served() as gateway:
        before = gateway.settings
        wrong = settings(gateways={"local/default": GatewaySettings(providers=("nonsense",), tokens=("canary",))})
        with pytest.raises(ConfigError, match="is not a known provider"):
            gateway.reconfigure(wrong)
        with pytest.raises(ConfigError, match=r"server\.host cannot change .*\nserver\.port cannot change"):
            gateway.reconfigure(Settings(server=ServerSettings(host="127.0.0.2", port=9)))
        assert gateway.settings is before
        assert await is_open(gateway)


async def test_the_address_of_sockets_of_the_host_does_not_count() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        async with served(sockets=[listening]) as gateway:
            gateway.reconfigure(Settings(server=ServerSettings(host="127.0.0.2", port=9)))
            assert await is_open(gateway)


@pytest.mark.parametrize("driver", ["anyio", "protocol"])
async def test_both_names_of_the_driver_mean_the_same(driver: DriverName) -> None:
    async with served(driver=driver) as gateway:
        assert type(gateway.driver) is AnyioDriver is ProtocolDriver
        assert await is_open(gateway)


async def test_the_driver_learns_what_is_its_part() -> None:
    async with served() as gateway:
        own = {"custom-new": ProviderSettings(base_url="https://new.test/v1")}
        gateway.reconfigure(settings(providers=own, limits=Limits(connections=20)))
        few, resolver = gateway.driver._handshakes.most, gateway.driver._resolver
        assert resolver is not None
        assert "new.test" in resolver._known
        gateway.reconfigure(settings(limits=Limits(connections=10)))
        assert "new.test" not in resolver._known
        assert gateway.driver._handshakes.most >= few


async def test_the_certificates_of_a_provider_are_read_anew(tmp_path: Path) -> None:
    right, wrong = trustme.CA(), trustme.CA()
    trusted = tmp_path / "ca.pem"
    wrong.cert_pem.write_to_path(trusted)
    right.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    context = server_context(tmp_path / "server.pem", tmp_path / "server.pem")
    async with LoopbackProvider.start(ssl_context=context) as provider:
        own = ProviderSettings(base_url=f"https://localhost:{provider.port}/v1", ca_file=str(trusted))
        with_own = settings(providers={"custom-tls": own})
        with anyio.fail_after(120):
            async with running(with_own) as gateway, Client(gateway.url + PATH) as client:
                with pytest.raises(GatewayError, match="certificate"):
                    await client.create("custom-tls", "chat/completions", chat(stream=False))
                right.cert_pem.write_to_path(trusted)
                gateway.reconfigure(msgspec.structs.replace(with_own))
                answer = await client.create("custom-tls", "chat/completions", chat(stream=False))
                assert answer.metadata.status == 200


async def test_a_server_that_has_stopped_takes_no_settings() -> None:
    async with served() as gateway:
        await gateway.drain()
        with pytest.raises(RuntimeError, match="does not serve"):
            gateway.reconfigure(settings())


async def test_the_host_ends_an_exchange_and_a_session() -> None:
    events: list[Event] = []
    async with served(on_event=events.append) as gateway, Client(gateway.url + PATH) as client:
        async with client.stream("loopback", "chat/completions", chat(chunks=1000, chunk_delay_ms=50)) as stream:
            await anext(stream)
            (begun,) = [event for event in events if isinstance(event, RequestAdmitted)]
            assert gateway.cancel_exchange(begun.log_id)
            with pytest.raises(GatewayError, match="cancelled by the gateway"):
                async for _ in stream:
                    pass
        assert not gateway.cancel_exchange(begun.log_id)
        async with client.stream("loopback", "chat/completions", chat(chunks=1000, chunk_delay_ms=50)) as stream:
            await anext(stream)
            assert gateway.close_session(begun.session, 4001, "enough")
            with pytest.raises(ConnectionLost, match="4001"):
                async for _ in stream:
                    pass
        assert not gateway.close_session(begun.session, 4001, "enough")


async def test_a_client_of_the_running_gateway_has_no_socket_to_it() -> None:
    events: list[Event] = []
    async with served(on_event=events.append) as gateway:
        client = gateway.client(principal="alice")
        with pytest.raises(RuntimeError, match="enter the client first"):
            await client.create("loopback", "chat/completions", chat(stream=False))
        async with client:
            answer = await client.create("loopback", "chat/completions", chat(stream=False))
            assert answer.metadata.status == 200
            async with client.stream("loopback", "chat/completions", chat(chunks=1000, chunk_delay_ms=50)) as stream:
                await anext(stream)
                await client.__aexit__(None, None, None)
                with pytest.raises(ConnectionLost):
                    async for _ in stream:
                        pass
        (mode, principal) = {(one.mode, one.principal) for one in events if isinstance(one, SessionOpened)}.pop()
        assert (mode, principal) == ("native", "alice")
        assert await is_open(gateway), "the gateway goes on"
        with pytest.raises(ValueError, match="gateway is 'a/b'; it must be one of the settings: local/default"):
            gateway.client("a/b")
        gateway.reconfigure(settings(gateways={"a/b": GatewaySettings(), "c/d": GatewaySettings()}))
        with pytest.raises(ValueError, match="gateway is None; it must be one of the settings: a/b, c/d"):
            gateway.client()
        last = gateway.client("c/d")
        await gateway.drain()
        async with last:
            with pytest.raises(NotConnected, match="does not run"):
                await last.create("loopback", "chat/completions", chat(stream=False))
