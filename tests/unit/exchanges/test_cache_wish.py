"""Whether a step uses the cache: headers of the step, of the handshake, the gateway's settings."""

import pytest

from aigw_sansio.config import CACHE_TTL_S, GatewaySettings
from aigw_sansio.exchanges.cache_wish import CacheWish, cache_wish
from aigw_sansio.faults import Fault, FaultKind

ON, OFF = GatewaySettings(cache_ttl=90), GatewaySettings()


def wish(
    *step: tuple[str, str], handshake: dict[str, str] | None = None, gateway: GatewaySettings = ON, path: str = "/v1/x"
) -> CacheWish | Fault | None:
    return cache_wish(step, handshake or {}, gateway, method=b"POST", path=path)


def test_settings_then_handshake_then_step() -> None:
    assert wish(gateway=OFF) is None
    assert wish() == CacheWish(90)
    assert wish(handshake={"cf-aig-cache-ttl": "100"}) == CacheWish(100)
    assert wish(("cf-aig-cache-ttl", "200"), handshake={"cf-aig-cache-ttl": "100"}) == CacheWish(200)
    assert wish(("cf-cache-ttl", "200"), handshake={"cf-aig-cache-ttl": "100"}) == CacheWish(200)
    assert wish(("cf-aig-skip-cache", "false"), handshake={"cf-aig-skip-cache": "true"}) == CacheWish(90)
    assert wish(("cf-aig-cache-ttl", "0")) is None


def test_numbers_out_of_range_are_cut_to_it() -> None:
    low, high = CACHE_TTL_S
    assert wish(("cf-aig-cache-ttl", "59")) == CacheWish(low)
    assert wish(("cf-aig-cache-ttl", " 61 ")) == CacheWish(61)
    assert wish(("cf-aig-cache-ttl", "9" * 15)) == CacheWish(high)


@pytest.mark.parametrize(("name", "value"), [
    ("cf-aig-cache-ttl", "1_000"), ("cf-aig-cache-ttl", "9" * 16), ("cf-aig-skip-cache", "1"), ("cf-aig-cache-key", ""),
])  # fmt: skip
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    fault = wish((name, value), gateway=OFF)
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.INVALID_REQUEST
    assert name in fault.detail


def test_a_key_alone_turns_it_on_for_five_minutes() -> None:
    assert wish(("cf-aig-cache-key", "mine"), gateway=OFF) == CacheWish(300, "mine")
    assert wish(("cf-aig-cache-key", "mine")) == CacheWish(90, "mine")


@pytest.mark.parametrize("path", [
    "/v1/files", "/v1/batches/b", "/v1/threads/t/messages", "/v1/responses/r/cancel", "/v1beta/models/m:batchGenerateContent",
    "/v1/models/m:predictLongRunning", "/v1/realtime/client_secrets", "/v1/messages/batches", "/v1beta/cachedContents",
])  # fmt: skip
def test_what_does_something_is_made_each_time(path: str) -> None:
    assert wish(("cf-aig-cache-ttl", "600"), path=path) is None


@pytest.mark.parametrize("path", [
    "/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/v1/images/generations",
    "/v1beta/models/m:streamGenerateContent", "/v1/audio/speech", "/v1beta/models/m:batchEmbedContents",
])  # fmt: skip
def test_what_only_answers_may_be_kept(path: str) -> None:
    assert wish(path=path) == CacheWish(90)


def test_other_methods_never_use_it() -> None:
    assert cache_wish((), {}, ON, method=b"GET", path="/v1/models") is None
