"""Settings that are made in Python: what is taken for what, and the exact words for what is wrong."""

import inspect
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from aigw_sansio.config import Config, GatewaySettings, Limits, ProviderSettings, Retry, Timeouts
from aigw_sansio.errors import ConfigError
from aigw_sansio.quoting import key_text, place_text, suggestion
from aigw_sansio.secret import Secret

CANARY = "sk-canary-90ab"


def refused(make: Callable[..., object], **values: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        make(**values)
    assert "canary" not in str(caught.value)
    lines = str(caught.value).split("\n")
    assert lines == [f"{caught.value.owner}.{place_text(e.place)} {e.why}" for e in caught.value.errors]
    return lines


def test_texts_become_secrets() -> None:
    provider = ProviderSettings(api_key=CANARY)  # type: ignore[arg-type]
    gateway = GatewaySettings(tokens=[CANARY, Secret("b")])  # type: ignore[arg-type, list-item]
    assert provider.api_key == Secret(CANARY)
    assert gateway.tokens == (Secret(CANARY), Secret("b"))
    assert CANARY not in repr(provider) + repr(gateway)


def test_tokens_turn_authentication_on() -> None:
    assert GatewaySettings(tokens=(Secret("x"),)).authentication is True
    assert GatewaySettings().authentication is False
    assert GatewaySettings(authentication=True).authentication is True
    alone = "gateway.tokens has no use without authentication; allowed is authentication = true, or none"
    assert refused(GatewaySettings, authentication=False, tokens=("x",)) == [alone]


def test_what_is_replaced_is_checked_too() -> None:
    open_to_all = GatewaySettings()
    with pytest.raises(ConfigError, match="has no use without authentication"):
        msgspec.structs.replace(open_to_all, tokens=("x",))
    shut = msgspec.structs.replace(open_to_all, authentication=None, tokens=("x",))
    assert (shut.authentication, shut.tokens) == (True, (Secret("x"),))


def test_tables_and_lists_are_taken_and_no_longer_shared() -> None:
    headers, gateways = {"A": "b", "c": ""}, {"a/b": GatewaySettings()}
    assert ProviderSettings(headers=headers).headers == (("A", "b"), ("c", ""))  # type: ignore[arg-type]
    assert ProviderSettings(headers=[["A", "b"]]).headers == (("A", "b"),)  # type: ignore[arg-type]
    config = Config(gateways=gateways, hosts=["gw.test"])  # type: ignore[arg-type]
    gateways["c/d"] = GatewaySettings()
    assert (list(config.gateways), config.hosts) == (["a/b"], ("gw.test",))
    assert type(Timeouts(pong_s=3).pong_s) is float


@pytest.mark.parametrize(
    ("make", "values", "said"),
    [
        (GatewaySettings, {"tokens": "x"}, "gateway.tokens is of type str; allowed is a tuple or a list"),
        (GatewaySettings, {"tokens": (1,)}, "gateway.tokens[0] is of type int; allowed is a Secret or a str"),
        (GatewaySettings, {"tokens": ("a", "")}, "gateway.tokens[1] is empty; allowed is a string with at least one character"),
        (GatewaySettings, {"tokens": ("a", f"{CANARY} x")}, "gateway.tokens[1] is not usable; allowed is printable ASCII without blanks"),
        (GatewaySettings, {"authentication": 1}, "gateway.authentication is of type int; allowed are True and False"),
        (GatewaySettings, {"authentication": "no"}, "gateway.authentication is of type str; allowed are True and False"),
        (GatewaySettings, {"compression": "gzip"}, "gateway.compression has a bad value; allowed are 'off', 'messages' and 'stream'"),
        (GatewaySettings, {"compression": []}, "gateway.compression has a bad value; allowed are 'off', 'messages' and 'stream'"),
        (GatewaySettings, {"origins": ("app.test",)}, "gateway.origins[0] is no origin; allowed is scheme://host[:port], 'null', or '*' for any"),
        (GatewaySettings, {"methods": ("get",)}, "gateway.methods[0] is no method; allowed are GET, HEAD, POST, PUT, PATCH, DELETE"),
        (GatewaySettings, {"retry": {}}, "gateway.retry is of type dict; allowed is Retry"),
        (GatewaySettings, {"provider_settings": {"openai": {}}}, "gateway.provider_settings.openai is of type dict; allowed is ProviderSettings"),
        (GatewaySettings, {"provider_settings": {5: ProviderSettings()}}, "gateway.provider_settings has a name that is of type int; allowed is a str"),
        (GatewaySettings, {"provider_settings": ()}, "gateway.provider_settings is of type tuple; allowed is a dict"),
        (ProviderSettings, {"api_key": b"x"}, "provider.api_key is of type bytes; allowed is a Secret or a str"),
        (ProviderSettings, {"base_url": 5}, "provider.base_url is of type int; allowed is a str"),
        (ProviderSettings, {"base_url": ""}, "provider.base_url is empty; allowed is a string with at least one character"),
        (ProviderSettings, {"headers": "x"}, "provider.headers is of type str; allowed is a dict, or pairs"),
        (ProviderSettings, {"headers": ("ab",)}, "provider.headers[0] is of type str; allowed is a pair of str"),
        (ProviderSettings, {"headers": {"a": 1}}, "provider.headers[0] has a part of type int; allowed is a pair of str"),
        (ProviderSettings, {"headers": {"a": None}}, "provider.headers[0] has a part None; allowed is a pair of str"),
        (ProviderSettings, {"http2": True}, "provider.http2 has a bad value; allowed are 'auto', 'on' and 'off'"),
        (ProviderSettings, {"origin": "app.test"}, "provider.origin is no origin; allowed are 'pass' and scheme://host[:port]"),
        (ProviderSettings, {"key_in": "Bearer"}, "provider.key_in has a bad value; allowed are bearer, basic, token, header:NAME, query:NAME and subprotocol:MARKER"),
        (ProviderSettings, {"subprotocols": ("a", "b c")}, "provider.subprotocols[1] is no subprotocol; allowed are letters, digits and !#$%&'*+-.^_`|~"),
        (Retry, {"backoff": "linaer"}, "retry.backoff has a bad value; allowed are 'constant', 'linear' and 'exponential'"),
        (Retry, {"max_attempts": 1.0}, "retry.max_attempts is of type float; allowed is a whole number"),
        (Timeouts, {"pong_s": "5"}, "timeouts.pong_s is of type str; allowed is a number"),
        (Timeouts, {"pong_s": None}, "timeouts.pong_s is None; allowed is a number"),
        (Timeouts, {"pong_s": True}, "timeouts.pong_s is of type bool; allowed is a number"),
        (Timeouts, {"pong_s": 10**30}, f"timeouts.pong_s is {10**30}; allowed is 0.001 to 31536000.0"),
        (Limits, {"connections": 0}, "limits.connections is 0; allowed is 1 to 1099511627776"),
        (Config, {"gateways": {"default": GatewaySettings()}}, "config.gateways.default has a bad name; allowed is ACCOUNT/GATEWAY, each 1 to 64 letters, digits, - and _"),
        (Config, {"gateways": {CANARY: GatewaySettings()}}, "config.gateways.*** has a bad name; allowed is ACCOUNT/GATEWAY, each 1 to 64 letters, digits, - and _"),
        (Config, {"limits": None}, "config.limits is None; allowed is Limits"),
        (Config, {"hosts": ("a", "b:80")}, "config.hosts[1] is no host; allowed is a name or an address, without a port"),
        (Config, {"trusted_proxies": ("a",)}, "config.trusted_proxies[0] is no address; allowed is an IP address, or a network as ADDRESS/BITS"),
        (Config, {"ceilings": ("pong_s",)}, "config.ceilings[0] is no clock of a request; allowed are connect_s, first_byte_s, idle_s, total_s"),
        (Config, {"descriptors": 0}, "config.descriptors is 0; allowed is 1 to 1099511627776"),
        (Config, {"emit_provider_events": "yes"}, "config.emit_provider_events is of type str; allowed are True and False"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(make: Callable[..., object], values: dict[str, Any], said: str) -> None:
    assert refused(make, **values) == [said]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert len(refused(GatewaySettings, tokens=("a b", 5), compression="x", retry=None, query_token=2)) == 4
    assert len(refused(Limits, message_bytes=0, head_bytes=1, held_bytes="x")) == 3


def test_places_are_written_as_in_the_file() -> None:
    assert place_text(("gateways", "a/b", "tokens", 0)) == 'gateways."a/b".tokens[0]'
    assert place_text(("providers", "openai", "key_in")) == "providers.openai.key_in"
    assert key_text('a"b\x00') == '"a\\"b\\x00"'
    for secret in (CANARY, "key_live_1", "abcdefgh0123456789canary", "AIzaSy"):
        assert key_text(secret) == "***"
    assert suggestion("opnai", ["openai", "groq"]) == " (did you mean openai?)"
    assert suggestion("zzz", ["openai"]) == ""


def test_an_unknown_name_is_an_error_that_says_what_is_allowed() -> None:
    wrong = "retry.max_attempt is not known (did you mean max_attempts?); allowed are max_attempts, delay_ms, backoff"
    assert refused(Retry, max_attempt=1, backoff="linaer") == [wrong]
    assert refused(Config, gatewys={}, xyz=1)[1].startswith("config.xyz is not known; allowed are gateways, providers")
    assert list(inspect.signature(Retry).parameters) == ["max_attempts", "delay_ms", "backoff"]
