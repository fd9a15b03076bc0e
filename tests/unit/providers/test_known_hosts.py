"""Which hosts no client chooses."""

import json

import pytest

from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.providers.known_hosts import known_hosts
from aigw_sansio.providers.registry import REGISTRY
from aigw_sansio.providers.row import Provider, RealtimeRoute, Route
from aigw_sansio.secret import Secret


def test_those_of_the_rows_and_of_all_settings() -> None:
    own = ProviderSettings(base_url="https://own.test:8443/v1", realtime_url="wss://live.own.test/x?y=1")
    gateway = GatewaySettings(provider_settings={"openai": ProviderSettings(base_url="http://one.test")})
    hosts = known_hosts(Config(providers={"custom-x": own}, gateways={"a/b": gateway}))
    assert {"own.test", "live.own.test", "one.test", "api.openai.com", "users-ws.rime.ai", "coda.api.rime.ai"} <= hosts


def test_those_that_a_client_may_name_because_they_are_the_providers_own() -> None:
    named = {host for row in REGISTRY.values() for host in row.known_hosts}
    assert "queue.fal.run" in named
    assert named <= known_hosts(Config())


def test_the_one_that_gives_access_tokens() -> None:
    assert "oauth2.googleapis.com" in known_hosts(Config())


def test_all_of_a_variable_that_has_few_values() -> None:
    assert {"aiplatform.us.rep.googleapis.com", "aiplatform.eu.rep.googleapis.com"} <= known_hosts(Config())


def test_none_that_a_client_fills_in() -> None:
    hosts = known_hosts(Config())
    assert not [host for host in hosts if "{" in host or host.endswith(("openai.azure.com", "amazonaws.com"))]


ACCOUNT = {"client_email": "a@b.test", "private_key": "PEM"}
AWS = {"accessKeyId": "AKIA", "secretAccessKey": "s"}


@pytest.mark.parametrize(
    ("slug", "key", "expected"),
    [
        ("azure-openai", {"resource": "ours", "apiKey": "k"}, {"ours.openai.azure.com"}),
        ("aws-bedrock", {**AWS, "region": "eu-west-1"}, {"bedrock-runtime.eu-west-1.amazonaws.com"}),
        (
            "google-vertex-ai",
            {**ACCOUNT, "region": "us-central1", "token_uri": "https://sts.googleapis.com/v1/token"},
            {"us-central1-aiplatform.googleapis.com", "sts.googleapis.com"},
        ),
    ],
)
def test_those_that_a_stored_key_names(slug: str, key: dict[str, str], expected: set[str]) -> None:
    own = {slug: ProviderSettings(api_key=Secret(json.dumps(key)))}
    assert not expected & known_hosts(Config())
    assert expected <= known_hosts(Config(providers=own))
    assert expected <= known_hosts(Config(gateways={"a/b": GatewaySettings(provider_settings=own)}))


@pytest.mark.parametrize("text", ["sk-plain", "{", '{"resource": "not a name", "apiKey": "k"}', "\u00e9"])
def test_a_stored_key_that_names_none(text: str) -> None:
    own = {slug: ProviderSettings(api_key=Secret(text)) for slug in ("azure-openai", "custom-x", "openai")}
    assert known_hosts(Config(providers=own)) == known_hosts(Config())


def test_those_of_the_host_s_own_rows() -> None:
    route = Route(url="https://{region}.acme.test", prefix="{region}", sigv4="acme")
    realtime = RealtimeRoute(url="wss://live.acme.test", path="live")
    rows = {"acme": Provider(slug="acme", routes=(route,), realtime=realtime)}
    stored = ProviderSettings(api_key=Secret(json.dumps({**AWS, "region": "eu-west-1"})))
    found = known_hosts(Config(providers={"acme": stored}), rows) - known_hosts(Config())
    assert found == {"live.acme.test", "eu-west-1.acme.test"}


def test_proxies() -> None:
    own = ProviderSettings(proxy=Secret("http://user:pass@one.test:1"))
    config = Config(providers={"openai": own, "grok": ProviderSettings(proxy=Secret("none"))})
    assert "one.test" in known_hosts(config)
    assert "all.test" in known_hosts(Config(proxy=Secret("http://all.test")))
