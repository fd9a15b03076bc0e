"""The hosts that no client has made up."""

from aigw_drivers.server.known_hosts import known_hosts
from aigw_sansio import Config, GatewaySettings, ProviderSettings


def test_those_of_the_registry_and_of_the_settings() -> None:
    own = {"custom-x": ProviderSettings(base_url="https://llm.example/v1", realtime_url="wss://rt.example/v1")}
    other = GatewaySettings(provider_settings={"custom-y": ProviderSettings(base_url="https://other.example:8443/v1")})
    found = known_hosts(Config(providers=own, gateways={"a/b": other}))
    assert {"api.openai.com", "api.anthropic.com", "api.deepgram.com"} <= found
    assert {"llm.example", "rt.example", "other.example"} <= found
    assert not any("{" in host or "/" in host or not host for host in found)
