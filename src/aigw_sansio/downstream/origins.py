"""The rules of ``Host`` and ``Origin``: a foreign web page in a browser gets nothing (client protocol, section 2).

Decides: the host that a request names, whether it is one of this gateway, and which origins may use a gateway. Must not
know: tokens, connections, and what a request gets.

Two attacks are met here. *Cross-site WebSockets*: a page of any site may open a WebSocket to any address, and the
browser only adds the page's ``Origin``. *DNS rebinding*: a page whose own name resolves to a loopback address is its
own origin there; only the name in ``Host`` tells.
"""

import re
from ipaddress import ip_address
from typing import Final, NamedTuple

from ..config import GatewaySettings
from ..faults import Fault, FaultKind, Side
from ..wires.heads import header_values
from ..wires.http import Headers
from .ports import ClientRequest
from .routes import target_authority

_NAME: Final = r"(?:\[[0-9A-Fa-f:.]+\]|[!$&'()*+;=~%_.0-9A-Za-z-]+)"
_HOST: Final = rf"({_NAME})(?::([0-9]{{1,5}})?)?"
_ORIGIN: Final = rf"([A-Za-z][A-Za-z0-9+.-]*)://({_NAME})(?::([0-9]{{1,5}}))?"
#: ``null``, and origins of schemes without hosts, as some browsers spell them.
_OPAQUE: Final = r"(?i)null|(?!(?:https?|wss?):)[A-Za-z][A-Za-z0-9+.-]*:[!-~]*"
_IPV4: Final = r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})"
_DEFAULT_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_ANY: Final = "*"


class Host(NamedTuple):
    """The host and port that a request names. ``name`` is in lower case, an IPv6 address in brackets."""

    name: str
    port: int | None

    @property
    def is_loopback(self) -> bool:
        """Whether it names this machine: ``localhost``, 127.0.0.0/8 in four decimal parts, or ``[::1]``."""
        if self.name in ("localhost", "[::1]"):
            return True
        parts = re.fullmatch(_IPV4, self.name)
        return parts is not None and parts[1] == "127" and all(int(part) < 256 for part in parts.groups())

    @property
    def is_address(self) -> bool:
        """Whether it is an address, so that no name server had a say in it."""
        return self.name.startswith("[") or re.fullmatch(_IPV4, self.name) is not None


class WebOrigin(NamedTuple):
    """A well-formed ``Origin``: ``text`` as it was sent. ``name`` is empty if it is ``null`` or opaque."""

    text: str
    scheme: str
    name: str
    port: int | None


def read_host(request: ClientRequest) -> Host | Fault:
    """The host of a request: the authority of its target, else ``:authority``, else ``Host``."""
    authority = target_authority(request.target)
    if authority is None and request.authority is not None:
        authority = request.authority.decode("latin-1")
    if authority is None:
        hosts = header_values(request.headers, b"host")
        if len(hosts) != 1:
            return Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, "a request needs exactly one host")
        authority = hosts[0].decode("latin-1")
    found = re.fullmatch(_HOST, authority)
    if found is None:
        return Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, "the host of the request is not HOST[:PORT]")
    return Host(found[1].lower(), int(found[2]) if found[2] else None)


def read_origin(headers: Headers) -> WebOrigin | Fault | None:
    """The origin of the page that asks; ``None`` if no page does. A doubled or malformed one is a fault."""
    values = header_values(headers, b"origin")
    if not values:
        return None
    text = values[0].decode("latin-1")
    found = re.fullmatch(_ORIGIN, text)
    if len(values) == 1 and found is not None:
        port = int(found[3]) if found[3] else None
        return WebOrigin(text=text, scheme=found[1].lower(), name=found[2].lower(), port=port)
    if len(values) == 1 and re.fullmatch(_OPAQUE, text):
        return WebOrigin(text=text, scheme="", name="", port=None)
    why = "there is more than one origin" if len(values) > 1 else "the origin is not scheme://host[:port]"
    return Fault(FaultKind.ORIGIN_NOT_ALLOWED, Side.CLIENT, why)


def refuse_host(host: Host, local: str | None, hosts: frozenset[str]) -> Fault | None:
    """Why what is open to everybody is not served under this name, on the address ``local`` that the client reached.

    ``hosts``: the names of this server (``[server] hosts``), in lower case.
    """
    if local is None or not is_loopback(local) or host.is_loopback or host.name in hosts:
        return None
    detail = "this host is not a name of this server; list it in hosts of the table [server] in the settings"
    return Fault(FaultKind.NOT_ALLOWED, Side.CLIENT, detail)


def is_own_origin(origin: WebOrigin, host: Host, local: str | None, hosts: frozenset[str]) -> bool:
    """Whether the page came from the address at which it asks. Whether we speak TLS does not matter: fronts end it."""
    if (local is None or not is_loopback(local)) and not host.is_address and host.name not in hosts:
        return False
    return _is_same(origin, host)


def _is_same(origin: WebOrigin, host: Host) -> bool:
    """Whether the page came from ``host``, as its name says."""
    if not origin.name or origin.name != host.name:
        return False
    default = _DEFAULT_PORTS.get(origin.scheme)
    port = default if origin.port is None else origin.port
    return port is not None and (port == host.port or (host.port is None and port == default))


def refuse_origin(
    origin: WebOrigin | None, settings: GatewaySettings, host: Host, local: str | None, hosts: frozenset[str]
) -> Fault | None:
    """Why a page of ``origin`` may not use the gateway with ``settings``."""
    if origin is None or _ANY in settings.origins or origin.text in settings.origins:
        return None
    if is_own_origin(origin, host, local, hosts) or (origin.name and settings.authentication and not settings.origins):
        return None
    return _foreign_origin()


def refuse_foreign_page(origin: WebOrigin | None, settings: GatewaySettings, host: Host) -> Fault | None:
    """Why a page of ``origin`` may not use the gateway with ``settings``, if the host has authenticated the client.

    The host may have done so by a cookie, which a browser sends for the pages of other sites too. So the gateway's own
    authentication allows none of them. A page whose name only resolves to this machine gets no cookie.
    """
    if origin is None or _ANY in settings.origins or origin.text in settings.origins or _is_same(origin, host):
        return None
    return _foreign_origin()


def _foreign_origin() -> Fault:
    detail = "this origin is not among those that the gateway allows; list it in the gateway's setting origins"
    return Fault(FaultKind.ORIGIN_NOT_ALLOWED, Side.CLIENT, detail)


def is_loopback(address: str) -> bool:
    """Whether ``address`` (an IP address, with or without a port) is one of this machine alone."""
    host = address.rpartition(":")[0] if address.startswith("[") or address.count(":") == 1 else address
    try:
        found = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
