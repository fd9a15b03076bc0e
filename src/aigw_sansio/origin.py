"""Where a request goes: the identity by which upstream connections are shared.

Decides: which requests may share a connection. Must not know: any connection.
"""

from typing import Literal

import msgspec


class Origin(msgspec.Struct, frozen=True):
    """A server as we reach it (RFC 9110 section 4.3.1, with what decides about trust and protocol beside it)."""

    scheme: Literal["http", "https"]
    host: str  #: a name in its ASCII form, or an address without brackets
    port: int
    ca_file: str | None = None
    http2: Literal["auto", "on", "off"] = "auto"

    @property
    def authority(self) -> str:
        """The ``Host`` field: with the port where it is not the scheme's own, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"
