"""Which proxy a connection goes through, and that every kind of connection asks."""

import json

import pytest
from tests.peers.reference_driver import PerfectDriver
from tests.peers.single_client import OneClient
from tests.peers.websocket_client import WsClient, upgrade_request

from aigw_sansio import Config, Gateway, GatewaySettings, ProviderSettings, Proxy, Secret, Signed
from aigw_sansio.engine.proxies import Proxies
from aigw_sansio.origin import Origin

ALL = Config(proxy=Secret("http://of-all.test:8080"), no_proxy=("direct.test",))
OF_ALL = Proxy("of-all.test", 8080)


@pytest.mark.parametrize(
    ("host", "own", "proxy"),
    [
        ("api.test", None, OF_ALL),
        ("direct.test", None, None),
        ("127.0.0.1", None, None),
        ("api.test", "http://own.test", Proxy("own.test", 3128)),
        ("direct.test", "http://own.test", Proxy("own.test", 3128)),
        ("api.test", "none", None),
    ],
)
def test_a_providers_own_counts_before_that_of_all(host: str, own: str | None, proxy: Proxy | None) -> None:
    origin = Origin("https", host, 443, proxy=None if own is None else Secret(own))
    assert Proxies(ALL).of(origin) == proxy


def test_without_a_setting_there_is_none() -> None:
    assert Proxies(Config()).of(Origin("https", "api.test", 443)) is None
    assert Proxies(Config(proxy=Secret("none"))).of(Origin("https", "api.test", 443)) is None


def test_a_bad_setting_is_an_error_that_quotes_nothing() -> None:
    for make in (
        lambda: Config(proxy=Secret("https://canary")),
        lambda: ProviderSettings(proxy=Secret("https://canary")),
        lambda: Config(no_proxy=("a b",)),
    ):
        with pytest.raises(ValueError, match="allowed are") as caught:
            make()
        assert "canary" not in str(caught.value)


def test_requests_of_gateways_with_different_proxies_share_no_connection() -> None:
    own = ProviderSettings(proxy=Secret("http://user:canary@own.test:1"))
    config = Config(
        proxy=Secret("http://of-all.test:8080"),
        providers={"openai": own},
        gateways={"local/default": GatewaySettings()},
    )
    client = OneClient(config)
    client.create("a", {"provider": "openai", "endpoint": "chat/completions"})
    client.create("b", {"provider": "anthropic", "endpoint": "v1/messages"})
    first, second = client.connects
    assert (first.host, first.proxy) == ("api.openai.com", Proxy("own.test", 1, Secret("Basic dXNlcjpjYW5hcnk=")))
    assert (second.host, second.proxy) == ("api.anthropic.com", OF_ALL)
    assert "canary" not in repr(first)
    request = client.accept(first.conn)
    assert not [name for name, _ in request.headers or [] if name.startswith("proxy")]
    client.finish()


def test_a_failure_of_the_proxy_is_one_to_connect() -> None:
    client = OneClient(ALL)
    client.create("a", {"provider": "openai", "endpoint": "chat/completions"})
    client.driver.refused(client.up(2), "the proxy answered 407")
    (message,) = client.messages()
    assert message["metadata"]["status"] == 502
    assert "cannot connect to the provider: the proxy answered 407" in message["response"]["error"][0]["message"]
    client.finish()


def test_the_names_of_a_client_are_looked_up_by_the_proxy_and_do_not_count() -> None:
    client = OneClient(ALL)
    for number in range(8):
        endpoint = f"resource-{number}/deployment/chat/completions?api-version=1"
        step = {"provider": "azure-openai", "endpoint": endpoint, "headers": {"api-key": "k"}}
        client.create(f"e{number}", step)
    assert len(client.connects) == 8
    client.finish()


def test_a_realtime_session_goes_through_it() -> None:
    gateway = Gateway(ALL, b"a seed of sixteen", 0.0)
    driver = PerfectDriver(gateway, "whole", 1)
    client = WsClient()
    link = driver.open_client(client)
    driver.send(link, client.request(upgrade_request("/v1/local/default/openai?model=m", [])))
    assert [seen.seen.line for seen in driver.output if seen.source == "connect"] == [
        "#2 https://api.openai.com via of-all.test:8080"
    ]


def test_an_access_token_is_fetched_through_the_proxy_of_its_provider() -> None:
    account = {"client_email": "a@p.iam.gserviceaccount.com", "private_key": "PEM canary"}
    own = ProviderSettings(api_key=Secret(json.dumps(account)), proxy=Secret("http://own.test"))
    client = OneClient(Config(providers={"google-vertex-ai": own}))
    endpoint = "v1/projects/p/locations/us-east5/publishers/google/models/g:generateContent"
    client.create("a", {"provider": "google-vertex-ai", "endpoint": endpoint})
    client.answer(1, Signed(b"signature"))
    (dial,) = client.connects
    assert (dial.host, dial.proxy) == ("oauth2.googleapis.com", Proxy("own.test", 3128))
