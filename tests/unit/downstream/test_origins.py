"""Which pages may use a gateway, and under which names it answers."""

import pytest

from aigw_sansio.config import GatewaySettings
from aigw_sansio.downstream.origins import (
    Host,
    is_loopback,
    is_own_origin,
    read_host,
    read_origin,
    refuse_host,
    refuse_origin,
)
from aigw_sansio.downstream.ports import ClientRequest
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.ids import ConnId
from aigw_sansio.wires.websocket.handshake import NotUpgrade

NONE: frozenset[str] = frozenset()


def host_of(target: str = "/", *hosts: str, authority: bytes | None = None) -> Host | Fault:
    headers = [(b"host", host.encode("latin-1")) for host in hosts]
    return read_host(ClientRequest(ConnId(1), "p", b"GET", target.encode(), headers, NotUpgrade(), authority=authority))


def host(text: str) -> Host:
    found = host_of("/", text)
    assert isinstance(found, Host)
    return found


@pytest.mark.parametrize(("text", "name", "port"), [
    ("Gw.Test", "gw.test", None), ("gw.test:", "gw.test", None), ("gw.test:80", "gw.test", 80), ("[::1]:1", "[::1]", 1),
    ("127.0.0.1:8787", "127.0.0.1", 8787),
])  # fmt: skip
def test_the_host_of_a_request(text: str, name: str, port: int | None) -> None:
    assert host_of("/", text) == (name, port)
    assert host_of("/", "other", authority=text.encode()) == (name, port)
    assert host_of(f"http://{text}/v1", "other", authority=b"another") == (name, port)


@pytest.mark.parametrize("hosts", [
    (), ("a", "b"), ("a", "a"), ("",), ("a b",), ("a,b",), ("u@a",), ("a:x",), ("a/b",), ("::1",), ("a:1:2",), ("[::1",), ("\xe4",),
])  # fmt: skip
def test_no_host_or_no_single_one_is_400(hosts: tuple[str, ...]) -> None:
    found = host_of("/", *hosts)
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.BAD_HANDSHAKE


@pytest.mark.parametrize("text", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.255.0.9:80", "[::1]", "[::1]:8787"])
def test_names_of_this_machine(text: str) -> None:
    assert host(text).is_loopback
    assert refuse_host(host(text), "127.0.0.1:1", NONE) is None


@pytest.mark.parametrize("text", [
    "localhost.", "localhost.evil.test", "127.1", "127.0.0.1.evil.test", "127.0.0.256", "0x7f.0.0.1", "2130706433", "0.0.0.0",
    "[::ffff:127.0.0.1]", "evil.test", "128.0.0.1",
])  # fmt: skip
def test_other_names_are_refused_on_loopback_alone(text: str) -> None:
    for local in ("127.0.0.1:8787", "[::1]:8787"):
        fault = refuse_host(host(text), local, NONE)
        assert fault is not None
        assert fault.kind is FaultKind.NOT_ALLOWED
        assert "hosts" in fault.detail
    for local in (None, "192.0.2.1:80", "unix"):
        assert refuse_host(host(text), local, NONE) is None
    assert refuse_host(host(text), "127.0.0.1:1", frozenset({text})) is None


@pytest.mark.parametrize("text", [
    "", "https://", "https://a/", "https://a/b", "https://u@a", "https://a b", "https://a, https://b", "https://a:x", "a.test", "//a",
    "https://a?b", "https://a#b", " https://a", "https://a\x00",
])  # fmt: skip
def test_malformed_origins(text: str) -> None:
    found = read_origin([(b"origin", text.encode("latin-1"))])
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.ORIGIN_NOT_ALLOWED


def test_origins_of_pages_without_a_host_and_of_none() -> None:
    assert read_origin([]) is None
    for text in (b"null", b"file://", b"data:text"):
        found = read_origin([(b"origin", text)])
        assert not isinstance(found, Fault)
        assert found is not None
        assert refuse_origin(found, GatewaySettings(), host("a"), None, NONE) is not None
        assert refuse_origin(found, GatewaySettings(authentication=True), host("a"), None, NONE) is not None
        assert refuse_origin(found, GatewaySettings(origins=("*",)), host("a"), None, NONE) is None
    null = read_origin([(b"origin", b"null")])
    assert null is not None
    assert not isinstance(null, Fault)
    assert refuse_origin(null, GatewaySettings(origins=("null",)), host("a"), None, NONE) is None
    assert isinstance(read_origin([(b"origin", b"https://a"), (b"origin", b"https://a")]), Fault)


@pytest.mark.parametrize(("origin", "of_host", "own"), [
    ("http://127.0.0.1:8787", "127.0.0.1:8787", True),
    ("https://127.0.0.1", "127.0.0.1", True),
    ("https://127.0.0.1:443", "127.0.0.1", True),
    ("https://127.0.0.1", "127.0.0.1:443", True),
    ("http://127.0.0.1", "127.0.0.1:80", True),
    ("HTTP://LOCALHOST:1", "localhost:1", True),
    ("http://[::1]:1", "[::1]:1", True),
    ("https://127.0.0.1", "127.0.0.1:80", False),
    ("http://127.0.0.1:8787", "127.0.0.1", False),
    ("http://127.0.0.1:1", "127.0.0.1:2", False),
    ("http://localhost:1", "127.0.0.1:1", False),
    ("chrome-extension://127.0.0.1", "127.0.0.1", False),
])  # fmt: skip
def test_the_own_origin(origin: str, of_host: str, own: bool) -> None:
    found = read_origin([(b"origin", origin.encode())])
    assert found is not None
    assert not isinstance(found, Fault)
    assert is_own_origin(found, host(of_host), "127.0.0.1:8787", NONE) is own
    assert (refuse_origin(found, GatewaySettings(), host(of_host), "127.0.0.1:8787", NONE) is None) is own


def test_off_loopback_a_name_is_own_only_if_it_is_listed() -> None:
    found = read_origin([(b"origin", b"http://gw.test:8787")])
    assert found is not None
    assert not isinstance(found, Fault)
    named = host("gw.test:8787")
    assert not is_own_origin(found, named, None, NONE)
    assert not is_own_origin(found, named, "192.0.2.1:8787", NONE)
    assert is_own_origin(found, named, "192.0.2.1:8787", frozenset({"gw.test"}))
    by_address = read_origin([(b"origin", b"http://192.0.2.1:8787")])
    assert by_address is not None
    assert not isinstance(by_address, Fault)
    assert is_own_origin(by_address, host("192.0.2.1:8787"), None, NONE)


def test_a_list_is_compared_as_written() -> None:
    listed = GatewaySettings(authentication=True, origins=("https://App.test",))
    for text, admitted in ((b"https://App.test", True), (b"https://app.test", False), (b"https://App.test:443", False)):
        found = read_origin([(b"origin", text)])
        assert found is not None
        assert not isinstance(found, Fault)
        assert (refuse_origin(found, listed, host("gw"), None, NONE) is None) is admitted


@pytest.mark.parametrize(("text", "loopback"), [
    ("127.0.0.1:80", True), ("127.9.9.9", True), ("[::1]:80", True), ("::1", True), ("[::ffff:127.0.0.1]:80", True),
    ("10.0.0.1:80", False), ("[fe80::1%eth0]:80", False), ("unix", False), ("localhost:80", False), ("", False),
])  # fmt: skip
def test_loopback_addresses(text: str, loopback: bool) -> None:
    assert is_loopback(text) is loopback
