"""Settings of providers that are made in Python: checked when a gateway is made, with the place of each error."""

from typing import Any

import pytest

from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.errors import ConfigError
from aigw_sansio.gateway import Gateway
from aigw_sansio.secret import Secret

SEED = b"a seed of sixteen"
URL = "allowed is https://HOST[:PORT][/PATH], or http on loopback"


def refused(config: Config) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Gateway(config, SEED, 0.0)
    assert "canary" not in str(caught.value)
    return str(caught.value).split("\n")


def test_what_is_right_makes_a_gateway() -> None:
    own = ProviderSettings(
        base_url="http://[::1]:9/v1",
        realtime_url="wss://live.test/x?y=1",
        api_key=Secret("k"),
        headers=(("OpenAI-Project", "p"), ("x-empty", "")),
        key_in="subprotocol:m",
    )
    named = GatewaySettings(providers=("openai", "custom-x"), provider_settings={"custom-x": own, "groq": own})
    Gateway(Config(gateways={"a/b": named}, providers={"openai": own, "custom-x": own}), SEED, 0.0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"base_url": "nonsense"}, f"base_url has the wrong scheme; {URL}"),
        ({"base_url": "https://u:canary@h"}, f"base_url must not hold a user name or password; {URL}"),
        ({"base_url": "http://127.0.0.1.evil.test"}, f"base_url is not encrypted; {URL}"),
        ({"realtime_url": "https://h"}, f"realtime_url has the wrong scheme; {URL.replace('http', 'ws')}"),
        ({"realtime_url": "ws://h"}, f"realtime_url is not encrypted; {URL.replace('http', 'ws')}"),
        ({"api_key": Secret("canary x")}, "api_key is not usable; allowed is printable ASCII without blanks"),
        ({"api_key": Secret('{"canary": 1}')}, "api_key is JSON, which this provider has no form for; allowed is a plain key"),
        ({"api_key": Secret("a/b"), "key_in": "subprotocol:m"}, "api_key cannot stand in a subprotocol; allowed are letters, digits and !#$%&'*+-.^_`|~"),
        ({"key_in": "header:Host"}, "key_in names a header that is never sent to a provider"),
        ({"key_in": "header:CF-AIG-x"}, "key_in names a header that is never sent to a provider"),
        ({"headers": {"a b": "canary"}}, "headers.\"a b\" is no header name; allowed are letters, digits and !#$%&'*+-.^_`|~"),
        ({"headers": {"Host": "canary"}}, "headers.Host is never sent to a provider"),
        ({"headers": {"cf-aig-x": "canary"}}, "headers.cf-aig-x is never sent to a provider"),
        ({"headers": {"a": "x", "A": "y"}}, "headers.A is given twice: header names do not tell upper from lower case"),
        ({"headers": {"a": "canary\n"}}, "headers.a is not usable; allowed is latin-1 text without control characters or blanks around it"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_provider(values: dict[str, Any], said: str) -> None:
    own = ProviderSettings(**values)
    assert refused(Config(providers={"openai": own})) == [f"config.providers.openai.{said}"]
    gateways = {"a/b": GatewaySettings(provider_settings={"openai": own})}
    assert refused(Config(gateways=gateways)) == [f'config.gateways."a/b".provider_settings.openai.{said}']


def test_names_of_providers() -> None:
    (line,) = refused(Config(providers={"opnai": ProviderSettings()}))
    assert line.startswith("config.providers.opnai is not a known provider (did you mean openai?); allowed are ")
    assert line.endswith(", custom-NAME (a-z, 0-9, - and _)")
    (line,) = refused(Config(gateways={"a/b": GatewaySettings(providers=("openai", "custom-"))}))
    assert line.startswith('config.gateways."a/b".providers[1] is not a known provider')
    alias = "config.providers.google is another name; allowed is google-ai-studio"
    assert refused(Config(providers={"google": ProviderSettings()})) == [alias]
    (line,) = refused(Config(providers={"custom-x": ProviderSettings()}))
    assert line == f"config.providers.custom-x.base_url is required; {URL}"
    Gateway(Config(providers={"custom-x": ProviderSettings(realtime_url="wss://h")}), SEED, 0.0)
    (line,) = refused(Config(providers={"sk-canary-0123": ProviderSettings()}))
    assert line.startswith("config.providers.*** is not a known provider")


def test_a_seed_that_is_too_short() -> None:
    with pytest.raises(ValueError, match=r"seed has 15 bytes; allowed are 16 or more$"):
        Gateway(Config(), b"fifteen bytes..", 0.0)


def test_only_those_who_have_such_sockets_can_be_native() -> None:
    own = ProviderSettings(native=True)
    good = dict.fromkeys(("openai", "azure-openai", "grok"), own)
    Gateway(Config(providers=good), SEED, 0.0)
    why = "is only for openai, azure-openai and grok, which have such WebSockets"
    assert refused(Config(providers={"groq": own})) == [f"config.providers.groq.native {why}"]
