"""Addresses of clients, as limits count them (client protocol, sections 2 and 3.4).

Decides: which addresses are one client, and whose word about an address is believed. Must not know: what is counted.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from ..wires.heads import header_values
from ..wires.http import Headers


class ClientAddresses:
    """Names clients. ``trusted_proxies``: addresses and networks whose ``X-Forwarded-For`` is believed."""

    __slots__ = ("_trusted",)

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self.trust(trusted_proxies)

    def trust(self, trusted_proxies: Sequence[str]) -> None:
        """Believe these from now on, and no others."""
        self._trusted = [ip_network(text, strict=False) for text in trusted_proxies]

    def is_trusted(self, peer: str) -> bool:
        """Whether ``peer``, an address with or without a port, is a trusted proxy."""
        address = _read(peer)
        return address is not None and self._trusts(address)

    def of_request(self, peer: str, headers: Headers) -> str:
        """The client of a request. If its peer is a trusted proxy: the last address of ``X-Forwarded-For`` that is
        none."""
        address = _read(peer)
        if not self._trusted or address is None or not self._trusts(address):
            return client_at(peer)
        fields = header_values(headers, b"x-forwarded-for")
        for text in reversed(b",".join(fields).decode("latin-1").split(",")):
            found = _read(text.strip())
            if found is None:
                break  # nothing before it can be believed: a trusted proxy does not write this
            address = found
            if not self._trusts(found):
                break
        return _name(address)

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


def client_at(peer: str) -> str:
    """The client at ``peer``, an address with or without a port: an IPv4 address, or the /64 of an IPv6 address."""
    address = _read(peer)
    return peer if address is None else _name(address)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """An address with or without a port; an IPv6 address may have brackets."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _name(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address), 64), strict=False))
