"""Which hosts no client chooses."""

from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.providers.known_hosts import known_hosts


def test_those_of_the_rows_and_of_all_settings() -> None:
    own = ProviderSettings(base_url="https://own.test:8443/v1", realtime_url="wss://live.own.test/x?y=1")
    gateway = GatewaySettings(provider_settings={"openai": ProviderSettings(base_url="http://one.test")})
    hosts = known_hosts(Config(providers={"custom-x": own}, gateways={"a/b": gateway}))
    assert {"own.test", "live.own.test", "one.test", "api.openai.com", "users-ws.rime.ai", "coda.api.rime.ai"} <= hosts


def test_none_that_a_client_fills_in() -> None:
    assert not [host for host in known_hosts(Config()) if "{" in host or host.endswith("openai.azure.com")]
