"""What an operator would regret is said, and what is fine is not."""

import sys

import pytest

from aigw_drivers.server import concerns
from aigw_drivers.server.concerns import errors, is_local, warnings
from aigw_drivers.server.settings import Settings, read_settings

FINE = """
[server]
host = "0.0.0.0"
tls_certificate = "cert.pem"
[gateways."a/b"]
tokens = ["env:TOKEN"]
[providers.openai]
api_key = "env:KEY"
"""
ENVIRON = {"TOKEN": "a-token-of-20-letters", "KEY": "sk-canary-long-enough", "SHORT": "canary"}


def read(text: str) -> Settings:
    return read_settings(text.encode(), file="aigw.toml", environ=ENVIRON, is_file=lambda path: True)


def test_what_is_fine() -> None:
    assert errors(read(FINE)) == warnings(read(FINE), file_mode=0o100644) == []
    assert errors(Settings()) == warnings(Settings()) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_local_addresses(host: str) -> None:
    assert is_local(host)
    assert errors(read(f"[server]\nhost = '{host}'\n[gateways.'a/b']")) == []


def test_a_public_address_needs_tokens_for_what_is_the_operators() -> None:
    for what in ("metrics", "page"):
        (line,) = errors(read(FINE.replace("[server]", f"[server]\n{what} = true")))
        assert f"server.{what}_token" in line
        assert errors(read(FINE.replace("[server]", f"[server]\n{what} = true\n{what}_token = 'env:TOKEN'"))) == []
        (line,) = warnings(read(FINE.replace("[server]", f"[server]\n{what}_token = 'env:SHORT'")))
        assert f"server.{what}_token has fewer than 16 characters" in line
        assert "canary" not in line


def test_metrics_need_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concerns, "find_spec", lambda name: None)
    (line,) = errors(read("[server]\nmetrics = true"))
    assert "pip install 'aigw[metrics]'" in line


def test_traces_need_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the packages that it is in need be there."""
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    (line,) = errors(read("[otel]\nendpoint = 'http://127.0.0.1:4318'"))
    assert "pip install 'aigw[otel]'" in line


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gw.test", "localhost.evil.test"])
@pytest.mark.parametrize(("gateway", "name"), [("[gateways.'a/b']", "a/b"), ("", "local/default")])
def test_a_public_address_needs_a_word_about_each_gateway(host: str, gateway: str, name: str) -> None:
    (line,) = errors(read(f"[server]\nhost = '{host}'\n{gateway}"))
    assert f'[gateways."{name}"]' in line
    assert "authentication = false" in line
    for word in ("authentication = false", "authentication = true", "tokens = ['env:TOKEN']"):
        assert errors(read(f"[server]\nhost = '{host}'\n[gateways.'{name}']\n{word}")) == []


@pytest.mark.parametrize(("text", "place"), [
    ("[server]\nhost = '0.0.0.0'\n[gateways.'a/b']\ntokens = ['env:TOKEN']", "server.tls_certificate"),
    (FINE.replace("tokens = [\"env:TOKEN\"]", "authentication = false\nbyok_only = true"), 'gateways."a/b".authentication is off, and'),
    (FINE.replace('"0.0.0.0"', '"127.0.0.1"').replace("tokens = [\"env:TOKEN\"]", "authentication = false"), "stored keys of openai"),
    ("[gateways.'a/b']\n[providers.openai]\nbase_url = 'https://h/v1?key=canary-long-enough'", "stored keys of openai"),
    (FINE.replace("env:TOKEN", "env:SHORT"), 'gateways."a/b".tokens[0]'),
    (FINE.replace("env:KEY", "env:SHORT"), "providers.openai.api_key"),
    (FINE.replace('"env:KEY"', '["env:KEY", "env:SHORT"]'), "providers.openai.api_key[1]"),
    (FINE + "headers = {x-secret = 'env:SHORT'}", "providers.openai.headers.x-secret"),
    (FINE + "base_url = 'https://h/v1?key=canary'", "providers.openai.base_url"),
    (FINE + "[gateways.'a/b'.providers.openai]\napi_key = 'env:SHORT'", 'gateways."a/b".providers.openai.api_key'),
    (FINE.replace("[gateways", "page = false\ntrusted_proxies = ['0.0.0.0/0']\n[gateways"), "server.trusted_proxies"),
    ("[server]\nhosts = ['gw.test']", "server.hosts tells of a front, and server.page is on without a token"),
    (FINE.replace("[gateways", "trusted_proxies = ['10.0.0.1']\n[gateways"), "if it is on this machine and does not say"),
    ("[server]\ntrusted_proxies = ['127.0.0.1']\npage = true", "see the page. Write server.page_token"),
    ("[server]\npage = false\nmetrics = true\nhosts = ['gw.test']", "server.metrics is on without a token"),
    ("[server]\nworkers = 2\n[timeouts]\nresume_s = 30", "a session is resumed only by the worker that has it"),
    ("[gateways.'a/b']\norigins = ['*']", 'gateways."a/b".origins'),
    ("[gateways.'a/b']\nask = ['admit']", 'gateways."a/b".ask names admit, which is for a program'),
    ("[gateways.'a/b'.spend_limits]\nrules = [{ limitType = 'cost', limit = 1, window = 9 }]", 'gateways."a/b".custom_cost is on'),
    ("[gateways.'a/b']\nask = ['find_key']", "ask names find_key: everybody who reaches it uses the keys of the store"),
    ("[server]\nworkers = 2\n[gateways.'a/b']\nconcurrency = 5", "each worker counts the quotas of a/b"),
    ("[server]\nworkers = 2\n[gateways.'a/b']\nstore_ttl = 60", "the responses that it stored itself (store_ttl of a/b)"),
])  # fmt: skip
def test_each_warning(text: str, place: str) -> None:
    (line,) = warnings(read(text))
    assert place in line
    assert "canary" not in line


@pytest.mark.parametrize(
    "text",
    [
        "page = false",
        "page_token = 'env:TOKEN'",
        "page_token = 'env:TOKEN'\nmetrics = true\nmetrics_token = 'env:TOKEN'",
        "page_token = 'env:TOKEN'\nworkers = 2\nmetrics = true\nmetrics_token = 'env:TOKEN'",
    ],
)
def test_a_front_whose_clients_do_not_see_what_is_the_operators(text: str) -> None:
    assert warnings(read(f"[server]\nhosts = ['gw.test']\n{text}")) == []


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o600, False), (0o640, True), (0o644, True), (0o660, True), (0o666, True)]
)
def test_a_file_with_secrets_is_for_its_owner_alone(mode: int, warned: bool) -> None:
    written = read(FINE.replace("env:KEY", "sk-canary-in-the-file"))
    assert bool(warnings(written, file_mode=0o100000 | mode)) is warned
    assert bool(warnings(read(FINE), file_mode=0o100000 | mode)) is bool(mode & 0o022)


@pytest.mark.parametrize(("line", "warned"), [
    ("headers = {x-api-key = 'sk-canary-in-the-file'}", True),
    ("headers = {x-api-key = 'env:KEY'}", False),
    ("headers = {x-tenant = 'somebody'}", False),
    ("base_url = 'https://h/v1?api_key=sk-canary-in-the-file'", True),
    ("base_url = 'https://h/v1?api-version=1'", False),
])  # fmt: skip
def test_keys_in_headers_and_urls_are_secrets_of_the_file_too(line: str, warned: bool) -> None:
    assert bool(warnings(read(FINE + line), file_mode=0o100644)) is warned


def test_a_store_needs_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = read("[store]\nurl = 'redis://h'\n" + FINE)
    assert errors(shared) == []
    monkeypatch.setattr(concerns, "find_spec", lambda name: None)
    assert errors(shared) == ["store.url needs coredis: pip install aigw[redis]"]
    assert errors(read(FINE)) == []
