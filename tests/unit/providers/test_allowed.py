"""What the clients of a gateway may ask of providers, and with whose key."""

from typing import Literal

import pytest

from aigw_sansio.config import GatewaySettings, ProviderSettings
from aigw_sansio.faults import FaultKind
from aigw_sansio.providers.allowed import refuse_call, settings_of
from aigw_sansio.secret import Secret


def verdict(
    gateway: GatewaySettings,
    *,
    provider: str = "openai",
    endpoint: str = "chat/completions",
    method: str | None = "POST",
    key: Literal["client", "stored", "none"] = "client",
    own: ProviderSettings | None = None,
) -> FaultKind | None:
    fault = refuse_call(
        gateway, provider=provider, endpoint=endpoint, method=method, key=key, own=own or ProviderSettings()
    )
    return None if fault is None else fault.kind


def test_without_lists_all_is_allowed_but_methods_that_change_things_with_a_stored_key() -> None:
    gateway = GatewaySettings()
    assert verdict(gateway, method="DELETE") is None
    for method in ("GET", "HEAD", "POST"):
        assert verdict(gateway, method=method, key="stored") is None
    for method in ("DELETE", "PUT", "PATCH", "PRI"):
        assert verdict(gateway, method=method, key="stored") is FaultKind.NOT_ALLOWED
    assert verdict(gateway, method="DELETE", key="stored", own=ProviderSettings(methods=("DELETE",))) is None


def test_lists() -> None:
    gateway = GatewaySettings(
        providers=("openai",), endpoints=("chat/completions", "files/*"), methods=("POST", "DELETE")
    )
    assert verdict(gateway) is None
    assert verdict(gateway, provider="anthropic") is FaultKind.NOT_ALLOWED
    assert verdict(gateway, endpoint="embeddings") is FaultKind.NOT_ALLOWED
    assert verdict(gateway, method="GET") is FaultKind.NOT_ALLOWED
    assert verdict(gateway, method="DELETE", key="stored") is FaultKind.NOT_ALLOWED, "a list lends nothing"
    assert verdict(gateway, method=None) is None, "an upgrade has no method of its own"
    assert verdict(GatewaySettings(providers=())) is FaultKind.NOT_ALLOWED


@pytest.mark.parametrize(("endpoint", "item", "matches"), [
    ("chat/completions", "chat/completions", True),
    ("/chat/completions?x=1", "chat/completions", True),
    ("v1/chat/completions", "chat/completions", True),
    ("chat/completions", "/v1/chat/completions", True),
    ("v2/chat", "v1/chat", False),
    ("v1/chat", "v1/chat", True),
    ("chat/completions/x", "chat/completions", False),
    ("chat", "chat/completions", False),
    ("models/g:generateContent", "models/*", True),
    ("v1beta/models/g:generateContent", "models/*", True),
    ("v1beta1/models/x", "models/*", True),
    ("v1x/models/x", "models/*", False),
    ("v1.x/models/x", "models/*", False),
    ("models", "models/*", False),
    ("models/..%2fadmin", "models/*", False),
    ("models/%252e%252e/admin", "models/*", False),
    ("%63hat/completions", "chat/completions", False),
    ("anything", "*", True),
])  # fmt: skip
def test_endpoints(endpoint: str, item: str, matches: bool) -> None:
    assert (verdict(GatewaySettings(endpoints=(item,)), endpoint=endpoint) is None) is matches


@pytest.mark.parametrize("key", ["stored", "none"])
def test_without_a_key_of_its_own_byok_only_refuses(key: Literal["stored", "none"]) -> None:
    fault = refuse_call(GatewaySettings(byok_only=True), provider="openai", endpoint="chat/completions", key=key)
    assert fault is not None
    assert fault.kind is FaultKind.INVALID_REQUEST
    assert "byok_only" in fault.detail
    assert verdict(GatewaySettings(byok_only=True)) is None


def test_settings_of_a_gateway_replace_those_of_the_process() -> None:
    common = {"openai": ProviderSettings(api_key=Secret("common")), "groq": ProviderSettings(api_key=Secret("g"))}
    assert settings_of(GatewaySettings(), common) is common
    own = GatewaySettings(provider_settings={"openai": ProviderSettings(api_key=Secret("own"))})
    found = settings_of(own, common)
    assert found["openai"].api_key == Secret("own")
    assert found["groq"].api_key == Secret("g")
    lent = settings_of(GatewaySettings(byok_only=True, provider_settings=own.provider_settings), common)
    assert {of.api_key for of in lent.values()} == {None}


def test_a_key_in_the_url_of_the_settings_is_a_stored_one() -> None:
    """``byok_only`` takes it out, and the address is left as it was."""
    url = "https://h.test/v1?api-version=2024-10-21&API%5FKEY=canary-of-the-operator"
    live = "wss://h.test/live?token=canary-of-the-operator"
    own = {"openai": ProviderSettings(base_url=url, realtime_url=live)}
    assert settings_of(GatewaySettings(), own) is own
    found = settings_of(GatewaySettings(byok_only=True), own)["openai"]
    assert (found.base_url, found.realtime_url) == ("https://h.test/v1?api-version=2024-10-21", "wss://h.test/live")
