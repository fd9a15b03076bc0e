"""The cache of responses in a store: what is written there, and a store that is away."""

import anyio
import pytest

from aigw_drivers.server.response_cache import ResponseCache, with_cache
from aigw_drivers.stores import StoreError
from aigw_drivers.stores.memory import MemoryStore
from aigw_sansio import Answer, Hit, Keep, KeptResponse, LookUp, Metrics, Miss, Question, ReadMetrics, Unavailable

KEPT = KeptResponse(((b"content-type", b"text/plain"), (b"x-request-id", b"\xff")), b"\x00 canary")
ASKED = LookUp("a", "g", "name")


class Away(MemoryStore):
    """A store that fails."""

    async def get(self, name: str) -> bytes | None:
        raise StoreError("the store did not answer within 1 s")

    async def set(self, name: str, value: bytes, ttl_s: float | None = None) -> None:
        raise StoreError("the store did not answer within 1 s")


def test_what_was_kept_is_found_under_its_name_in_its_gateway() -> None:
    async def run() -> None:
        cache = ResponseCache(MemoryStore())
        assert await cache.look_up(ASKED) == Miss()
        await cache.keep(Keep("a", "g", "name", 60, KEPT))
        assert await cache.look_up(ASKED) == Hit(KEPT)
        assert await cache.look_up(LookUp("a", "h", "name")) == Miss()
        assert await cache.look_up(LookUp("a", "g", "other")) == Miss()

    anyio.run(run)


def test_what_somebody_else_wrote_is_a_miss() -> None:
    async def run() -> None:
        store = MemoryStore()
        await store.set("cache:a/g:name", b"\xc1 no response", 60.0)
        assert await ResponseCache(store).look_up(ASKED) == Miss()

    anyio.run(run)


def test_a_store_that_is_away_is_a_miss_and_is_told_of_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0

    async def run() -> None:
        nonlocal now
        cache = ResponseCache(Away(), clock=lambda: now)
        for _ in range(3):
            assert await cache.look_up(ASKED) == Unavailable()
            await cache.keep(Keep("a", "g", "name", 60, KEPT))
        assert len(caplog.records) == 1
        now = 61.0
        await cache.keep(Keep("a", "g", "name", 60, KEPT))
        assert len(caplog.records) == 2

    anyio.run(run)
    assert "did not answer" in caplog.text
    assert "canary" not in caplog.text


def test_everything_else_is_asked_of_the_host() -> None:
    async def host(question: Question) -> Answer:
        assert isinstance(question, ReadMetrics)
        return Metrics(b"up 1")

    async def run() -> None:
        cache = ResponseCache(MemoryStore())
        assert await with_cache(cache, host)(ASKED) == Miss()
        assert await with_cache(cache, host)(ReadMetrics()) == Metrics(b"up 1")
        assert await with_cache(cache)(ReadMetrics()) == Unavailable()

    anyio.run(run)
