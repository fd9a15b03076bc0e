"""A whole gateway keeps responses in its store, for clients over sockets and for those in its process."""

from pathlib import Path

import anyio
import pytest

from aigw_drivers import LocalClient, ServerSettings, Settings, running
from aigw_drivers.client import Client, ProviderError
from aigw_drivers.loopback import LoopbackProvider
from aigw_sansio import Config, GatewaySettings, ProviderSettings, Secret, Timeouts

#: A busy machine may keep an answer back for long.
PATIENT = Timeouts(look_up_s=60.0, store_s=60.0)
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True}


async def asked(client: Client | LocalClient, **more: object) -> tuple[str | None, int | None, list[bytes]]:
    """What a request has shown: where it is from, how many calls it needed, its chunks."""
    made = await client.create("loopback", "chat/completions", {**CHAT, **more}, mode="raw")
    return made.metadata.cache_status, made.metadata.attempts, [chunk.raw for chunk in made.chunks]


def test_over_sockets() -> None:
    gateways = {"local/default": GatewaySettings(cache_ttl=60), "local/off": GatewaySettings()}

    async def run() -> None:
        settings = Settings(config=Config(gateways=gateways, timeouts=PATIENT), server=ServerSettings(port=0))
        async with running(settings, loopback=True) as gateway:
            async with (
                Client(f"{gateway.url}/v1/local/default") as one,
                Client(f"{gateway.url}/v1/local/default") as two,
            ):
                first = await asked(one)
                await anyio.wait_all_tasks_blocked()
                again = await asked(two)
                assert (first[:2], again[:2]) == (("MISS", 1), ("HIT", 0))
                assert first[2] == again[2]
                assert (await asked(one, n=1))[0] == "MISS"
            async with Client(f"{gateway.url}/v1/local/off") as other:
                assert (await asked(other))[0] == "MISS"

    anyio.run(run)


def test_failures_are_not_kept() -> None:
    async def run() -> None:
        config = Config(gateways={"local/default": GatewaySettings(cache_ttl=60)})
        settings = Settings(config=config, server=ServerSettings(port=0))
        async with running(settings, loopback=True) as gateway, Client(f"{gateway.url}/v1/local/default") as client:
            for _ in range(2):
                with pytest.raises(ProviderError) as caught:
                    await client.create("loopback", "chat/completions", {**CHAT, "loopback": {"status": 503}})
                assert caught.value.metadata is not None
                assert caught.value.metadata.attempts == 1

    anyio.run(run)


def test_in_the_process() -> None:
    async def run() -> None:
        async with LoopbackProvider.start() as provider:
            config = Config(
                gateways={"local/default": GatewaySettings(cache_ttl=60)},
                providers={"loopback": ProviderSettings(base_url=f"{provider.base_url}/v1")},
                timeouts=PATIENT,
            )
            async with LocalClient(config) as client:
                first = await asked(client)
                await anyio.wait_all_tasks_blocked()
                again = await asked(client)
                assert (first[:2], again[:2]) == (("MISS", 1), ("HIT", 0))
                assert first[2] == again[2]

    anyio.run(run)


def test_gateways_with_one_store_share_responses(tmp_path: Path) -> None:
    async def run() -> None:
        async with LoopbackProvider.start() as provider:
            config = Config(
                gateways={"local/default": GatewaySettings(cache_ttl=60)},
                providers={"loopback": ProviderSettings(base_url=f"{provider.base_url}/v1")},
                timeouts=PATIENT,
            )
            store = Secret(f"sqlite:{tmp_path}/store")
            settings = Settings(config=config, server=ServerSettings(port=0), store=store)
            async with (
                running(settings) as one,
                running(settings) as two,
                Client(f"{one.url}/v1/local/default") as first,
                Client(f"{two.url}/v1/local/default") as second,
            ):
                assert (await asked(first))[0] == "MISS"
                with anyio.fail_after(20):
                    while (await asked(first))[0] == "MISS":
                        pass  # it is on its way to the store
                assert (await asked(second))[0] == "HIT"

    anyio.run(run)


def test_a_store_that_is_away_is_a_miss(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        config = Config(gateways={"local/default": GatewaySettings(cache_ttl=60)})
        store = Secret(f"sqlite:{tmp_path}/no/such/folder/store")
        settings = Settings(config=config, server=ServerSettings(port=0), store=store)
        async with running(settings, loopback=True) as gateway, Client(f"{gateway.url}/v1/local/default") as client:
            assert [(await asked(client))[0] for _ in range(2)] == ["MISS", "MISS"]

    anyio.run(run)
    assert "responses are neither kept nor found" in caplog.text
