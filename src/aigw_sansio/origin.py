"""Origins: requests to the same origin may share an upstream connection.

Data only. One value, compared by all its fields. Must not know: any connection.
"""

from typing import Literal

import msgspec

from .secret import Secret


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
