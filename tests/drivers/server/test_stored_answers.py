"""Quotas in a store: gateways that name the same one count together."""

import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.rigs.stores import missing, store_server

from aigw_drivers import ServerSettings, Settings, running
from aigw_drivers.client import Client, GatewayError
from aigw_drivers.server.stored_answers import counted_elsewhere, with_store
from aigw_drivers.stores.memory import MemoryStore
from aigw_drivers.stores.sqlite import SqliteStore
from aigw_sansio import (
    Admit,
    Admitted,
    Answer,
    Config,
    Count,
    Counted,
    Counter,
    GatewaySettings,
    Question,
    QuotaRule,
    ReadMetrics,
    Secret,
    Timeouts,
    Unavailable,
)

pytestmark = pytest.mark.anyio
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
ONE = Counter(gateway="a/g", rule="r", value="", amount=1, limit=1, interval_s=60, sliding=True)
RATE = QuotaRule(limit=3, window_s=3600, technique="sliding", id="rate")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path / 'store.db'}"
        return
    pytest.importorskip("coredis")
    if (why := missing("redis-server")) is not None:
        pytest.skip(why)
    with store_server(tmp_path) as port:
        yield f"redis://127.0.0.1:{port}"


def test_only_gateways_with_quotas_are_counted_elsewhere() -> None:
    own = GatewaySettings(rate_limit=RATE, ask=("count", "admit"))
    config = Config(
        gateways={"a/a": GatewaySettings(), "a/b": GatewaySettings(concurrency=1, ask=("admit",)), "a/c": own}
    )
    asked = {name: gateway.ask for name, gateway in counted_elsewhere(config).gateways.items()}
    assert asked == {"a/a": (), "a/b": ("admit", "count"), "a/c": ("count", "admit")}


async def test_the_store_counts_and_the_host_answers_the_rest() -> None:
    async def host(question: Question) -> Answer:
        return Admitted()

    answer = with_store(MemoryStore(), host)
    assert await answer(Count((ONE,))) == Counted()
    refused = await answer(Count((ONE,)))
    assert isinstance(refused, Counted)
    assert refused.refused == 0
    assert await answer(Admit(None, "a", "g", "openai", "x", None, 0, {})) == Admitted()
    assert await with_store(MemoryStore())(ReadMetrics()) == Unavailable()


async def test_a_store_that_fails_is_no_answer_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "aigw.store")
    answer = with_store(SqliteStore(str(tmp_path / "no" / "store.db"), 1.0))
    assert [await answer(Count((ONE,))) for _ in range(3)] == [Unavailable()] * 3
    told = [record.getMessage() for record in caplog.records if record.name == "aigw.store"]
    assert told == ["the store failed: OperationalError"]


async def test_gateways_with_one_store_count_together(url: str) -> None:
    config = Config(gateways={"local/default": GatewaySettings(rate_limit=RATE)}, timeouts=Timeouts(store_s=60.0))
    settings = Settings(config=config, server=ServerSettings(port=0), store=Secret(url))
    said: list[str] = []
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(2):
            gateway = await stack.enter_async_context(running(settings, loopback=True))
            clients.append(await stack.enter_async_context(Client(f"{gateway.url}/v1/local/default")))
        for number in range(6):
            try:
                await clients[number % 2].create("loopback", "chat/completions", CHAT)
                said.append("yes")
            except GatewayError as exc:
                said.append(str(exc.status))
    assert said == ["yes"] * 3 + ["429"] * 3
