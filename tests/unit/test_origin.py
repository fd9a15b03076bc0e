"""Origins: the identity by which requests share a connection, and the ``Host`` field."""

import msgspec
import pytest

from aigw_sansio.origin import Origin, Proxy, check_no_proxy, goes_direct, read_proxy
from aigw_sansio.secret import Secret

ORIGIN = Origin("https", "api.example", 443)


@pytest.mark.parametrize(
    ("origin", "authority"),
    [
        (Origin("https", "api.example", 443), "api.example"),
        (Origin("http", "api.example", 80), "api.example"),
        (Origin("https", "api.example", 80), "api.example:80"),
        (Origin("http", "api.example", 443), "api.example:443"),
        (Origin("https", "::1", 443), "[::1]"),
        (Origin("http", "2001:db8::1", 8080), "[2001:db8::1]:8080"),
        (Origin("http", "127.0.0.1", 11434), "127.0.0.1:11434"),
    ],
)
def test_authority(origin: Origin, authority: str) -> None:
    assert origin.authority == authority


def test_equal_origins_are_one_key() -> None:
    assert {ORIGIN: 1}[Origin("https", "api.example", 443, None, "auto")] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"scheme": "http"},
        {"host": "b"},
        {"port": 444},
        {"ca_file": "ca.pem"},
        {"http2": "off"},
        {"proxy": Secret("http://a")},
    ],
    ids=str,
)
def test_origins_that_differ_in_anything_do_not_share_a_connection(change: dict[str, object]) -> None:
    """Trust and protocol count: a connection checked against one CA must not carry the requests of another."""
    other = msgspec.structs.replace(ORIGIN, **change)
    assert other != ORIGIN
    assert other not in {ORIGIN: 1}
    assert set(change) <= set(Origin.__struct_fields__)


def test_every_field_of_an_origin_is_part_of_its_identity() -> None:
    assert set(Origin.__struct_fields__) == {"scheme", "host", "port", "ca_file", "http2", "proxy"}


def test_an_origin_does_not_change() -> None:
    with pytest.raises(AttributeError):
        ORIGIN.port = 1  # type: ignore[misc]


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
