"""Which clients are one, and whose word is believed."""

import pytest

from aigw_sansio.downstream.addresses import ClientAddresses, client_at


@pytest.mark.parametrize(("peer", "client"), [
    ("192.0.2.7:50000", "192.0.2.7"), ("192.0.2.7", "192.0.2.7"), ("[::ffff:192.0.2.7]:1", "192.0.2.7"),
    ("[2001:db8:0:1:a::1]:1", "2001:db8:0:1::/64"), ("2001:db8:0:1:b::1", "2001:db8:0:1::/64"), ("[fe80::1%eth0]:1", "fe80::/64"),
    ("unix", "unix"), ("", ""),
])  # fmt: skip
def test_clients(peer: str, client: str) -> None:
    assert client_at(peer) == client


@pytest.mark.parametrize(("peer", "forwarded", "client"), [
    ("10.0.0.1:1", [b"198.51.100.1"], "198.51.100.1"),
    ("10.0.0.1:1", [b"203.0.113.9, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
    ("10.0.0.1:1", [b"203.0.113.9", b"198.51.100.1:4711"], "198.51.100.1"),
    ("10.0.0.1:1", [b"[2001:db8::1]:4711"], "2001:db8::/64"),
    ("10.0.0.1:1", [b"203.0.113.9, nonsense"], "10.0.0.1"),
    ("10.0.0.1:1", [b"203.0.113.9, nonsense, 10.1.1.1"], "10.1.1.1"),
    ("10.0.0.1:1", [], "10.0.0.1"),
    ("192.0.2.7:1", [b"198.51.100.1"], "192.0.2.7"),
    ("unix", [b"198.51.100.1"], "unix"),
])  # fmt: skip
def test_only_trusted_proxies_are_believed(peer: str, forwarded: list[bytes], client: str) -> None:
    addresses = ClientAddresses(("10.0.0.0/8",))
    assert addresses.of_request(peer, [(b"x-forwarded-for", value) for value in forwarded]) == client
    assert addresses.is_trusted(peer) is peer.startswith("10.")
    assert ClientAddresses(()).of_request(peer, [(b"x-forwarded-for", b"1.2.3.4")]) == client_at(peer)
