"""Origins, and the proxies through which they are reached. Requests to the same origin may share a connection.

Decides: what makes two origins different, and the form of the settings ``proxy`` and ``no_proxy``. Must not know:
connections, and which of several settings counts.
"""

import re
from base64 import b64encode
from ipaddress import ip_address, ip_network
from typing import Final, Literal
from urllib.parse import unquote_to_bytes

import msgspec

from .secret import Secret

#: In place of the URL of a proxy: there is none.
NONE: Final = "none"
ALLOWED: Final = "http://[USER:PASSWORD@]HOST[:PORT], or none"
_USUAL_PORT: Final = 3128
_URL: Final = (
    r"(?i)http://(?:(?P<user>[!-.0->A-~]*)@)?(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[0-9A-Za-z._-]+))"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)
_ITEM: Final = r"\*|\[?[0-9A-Za-z:.*_-]+\]?(?::[0-9]{1,5})?(?:/[0-9]{1,3})?"


class Origin(msgspec.Struct, frozen=True):
    """A server and how to reach it: the origin of RFC 9110 section 4.3.1, with the settings for trust and protocol."""

    scheme: Literal["http", "https"]
    host: str  #: a name in its ASCII form, or an address without brackets
    port: int
    ca_file: str | None = None
    http2: Literal["auto", "on", "off"] = "auto"
    proxy: Secret | None = None  #: the provider's own setting

    @property
    def authority(self) -> str:
        """The ``Host`` field: with the port if it is not the scheme's default; an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


class Proxy(msgspec.Struct, frozen=True):
    """An HTTP proxy that opens tunnels (RFC 9110 section 9.3.6). ``authorization`` is the value of
    ``Proxy-Authorization``."""

    host: str
    port: int
    authorization: Secret | None = None

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


def read_proxy(url: Secret) -> Proxy | None:
    """The proxy that a setting names; ``None`` if it says that there is none.

    User and password are percent-decoded (RFC 7617). ``ValueError`` for anything else; its text quotes nothing.
    """
    text = url.reveal()
    if text == NONE:
        return None
    found = re.fullmatch(_URL, text)
    port = int(found["port"] or _USUAL_PORT) if found else 0
    if not found or not 0 < port < 65536:
        raise ValueError(f"is no proxy; allowed are {ALLOWED}")
    user = found["user"]
    authorization = None if user is None else Secret("Basic " + b64encode(unquote_to_bytes(user)).decode())
    return Proxy((found["address"] or found["name"]).lower(), port, authorization)


def check_no_proxy(item: str) -> None:
    """``ValueError`` if ``item`` cannot stand in ``no_proxy``."""
    if not re.fullmatch(_ITEM, item):
        raise ValueError("is no host; allowed are NAME, .DOMAIN and ADDRESS, with or without :PORT, ADDRESS/BITS and *")


def goes_direct(host: str, port: int, no_proxy: tuple[str, ...]) -> bool:
    """Whether ``host`` is reached without the proxy of all: it is on this machine, or ``no_proxy`` names it.

    A name stands for itself and all below it, with or without a dot in front.
    """
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is not None and address.is_loopback:
        return True
    return any(_names(item, host, port) or (address is not None and _holds(item, host)) for item in no_proxy)


def _names(item: str, host: str, port: int) -> bool:
    if item == "*":
        return True
    name, colon, digits = item.rpartition(":")
    if colon and digits.isdigit() and (":" not in name or name.endswith("]")):
        if int(digits) != port:
            return False
        item = name
    name = item.strip("[]").removeprefix("*").removeprefix(".").lower().rstrip(".")
    return host == name or host.endswith("." + name)


def _holds(item: str, host: str) -> bool:
    """Whether ``item`` is a network with the address ``host``, or this address in another form."""
    try:
        return ip_address(host) in ip_network(item.strip("[]"), strict=False)
    except ValueError:
        return False
