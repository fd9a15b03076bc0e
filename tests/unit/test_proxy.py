"""Proxies in the settings: their URLs, and the hosts that are reached without one."""

import pytest

from aigw_sansio.proxy import Proxy, check_no_proxy, goes_direct, read_proxy
from aigw_sansio.secret import Secret


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("none", None),
        ("http://proxy.test", Proxy("proxy.test", 3128)),
        ("HTTP://Proxy.Test:8080/", Proxy("proxy.test", 8080)),
        ("http://10.0.0.1:80", Proxy("10.0.0.1", 80)),
        ("http://[2001:db8::1]:80", Proxy("2001:db8::1", 80)),
        ("http://user:pass@proxy.test:1", Proxy("proxy.test", 1, Secret("Basic dXNlcjpwYXNz"))),
        ("http://us%40er:p%3Aa:ss@proxy.test", Proxy("proxy.test", 3128, Secret("Basic dXNAZXI6cDphOnNz"))),
        ("http://u:p#1[]@proxy.test", Proxy("proxy.test", 3128, Secret("Basic dTpwIzFbXQ=="))),
        ("http://user@proxy.test", Proxy("proxy.test", 3128, Secret("Basic dXNlcg=="))),
    ],
)
def test_a_proxy(url: str, proxy: Proxy | None) -> None:
    assert read_proxy(Secret(url)) == proxy


@pytest.mark.parametrize(
    "url",
    [
        "", "canary", "https://canary.test", "socks5://canary.test", "http://", "http://canary:0", "http://canary:99999",
        "http://canary.test/path", "http://canary.test?x=1", "http://a b@canary.test", "http://a\r\nx@canary.test",
        "http://can\u00e4ry.test", "http://a@b@canary.test", "http://[canary]:1", "NONE",
    ],
)  # fmt: skip
def test_no_proxy_at_all(url: str) -> None:
    with pytest.raises(ValueError, match="is no proxy; allowed are http://") as caught:
        read_proxy(Secret(url))
    assert "canary" not in str(caught.value)


def test_credentials_are_not_shown() -> None:
    assert "canary" not in repr(read_proxy(Secret("http://user:canary@proxy.test")))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_reached_without_it(host: str) -> None:
    assert goes_direct(host, 443, ())


@pytest.mark.parametrize(
    ("host", "item", "direct"),
    [
        ("api.test", "api.test", True),
        ("API.test.", "Api.Test", True),
        ("eu.api.test", "api.test", True),
        ("eu.api.test", ".api.test", True),
        ("eu.api.test", "*.api.test", True),
        ("api.test", ".api.test", True),
        ("notapi.test", "api.test", False),
        ("api.test.evil", "api.test", False),
        ("api.test", "*", True),
        ("api.test", "api.test:443", True),
        ("api.test", "api.test:80", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3:443", True),
        ("10.1.2.3", "10.1.2.3:80", False),
        ("2001:db8::1", "2001:db8:0::1", True),
        ("2001:db8::1", "[2001:db8::1]:443", True),
        ("2001:db8::1", "[2001:db8::1]:80", False),
        ("2001:db8::1", "2001:db8::/32", True),
        ("2001:db9::1", "2001:db8::/32", False),
        ("api.test", "10.0.0.0/8", False),
    ],
)
def test_no_proxy(host: str, item: str, direct: bool) -> None:
    check_no_proxy(item)
    assert goes_direct(host, 443, (item,)) is direct
    assert goes_direct(host, 443, ("other.test", item)) is direct
    assert not goes_direct(host, 443, ())


@pytest.mark.parametrize("item", ["", "a b", "a,b", "http://a", "a/b", "user@a", "a\n"])
def test_what_cannot_stand_in_no_proxy(item: str) -> None:
    with pytest.raises(ValueError, match="is no host; allowed are"):
        check_no_proxy(item)
