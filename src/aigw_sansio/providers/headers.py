"""Which header fields of a client go upstream.

Decides: which fields are valid (RFC 9110 section 5), which are not forwarded (client protocol, section 3.1, "Headers
upstream"; section 4 for realtime), and how text becomes bytes. Must not know: credentials.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ..faults import Fault, FaultKind, Side

#: A token (RFC 9110 section 5.6.2): the form of field names, methods and subprotocols.
TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

#: Hop-by-hop fields (RFC 9110 section 7.6.1), and fields that the upstream wire sets itself.
NEVER_FORWARDED: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "host",
        "content-length",
        "expect",
        "accept-encoding",
    }
)
_REALTIME_TOO: Final = frozenset({"origin", "cookie", "forwarded"})
_REALTIME_PREFIXES: Final = ("cf-aig-", "sec-websocket-", "x-forwarded-", ":")


def refuse(field: str, why: str) -> Fault:
    """The fault of a step that cannot be used. ``field`` names its wrong part; ``why`` says what is wrong and what is
    allowed."""
    return Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, f"{field} {why}")


def forwarded(headers: Sequence[tuple[str, str]]) -> dict[str, str] | Fault:
    """The fields of a step that go upstream, by lower-case name. If a name is repeated, the last field counts."""
    fields: dict[str, str] = {}
    stopped = set(NEVER_FORWARDED)
    for index, (name, value) in enumerate(headers):
        if not TOKEN.match(name):
            return refuse(
                "request.headers",
                f"has a bad name at position {index}; allowed are letters, digits and !#$%&'*+-.^_`|~",
            )
        if _FORBIDDEN.search(value):
            return refuse(
                f"request.headers.{name[:64]}", "holds a control character; allowed is text without CR, LF, NUL"
            )
        name = name.lower()
        fields[name] = value.strip(" \t")
        if name == "connection":
            stopped.update(item.strip().lower() for item in value.split(","))
    return {name: value for name, value in fields.items() if name not in stopped and not name.startswith("cf-aig-")}


def forwarded_upgrade(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """The fields of a client's upgrade that go upstream, by lower-case name, values read as latin-1.

    Several fields of one name become one list, as RFC 9110 section 5.3 allows.
    """
    named = {
        item.strip().decode("latin-1").lower()
        for name, value in headers
        if name.lower() == b"connection"
        for item in value.split(b",")
    }
    stopped = NEVER_FORWARDED | _REALTIME_TOO | named
    fields: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip(" \t")
        if name in stopped or name.startswith(_REALTIME_PREFIXES) or not TOKEN.match(name) or _FORBIDDEN.search(value):
            continue
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def encode_fields(fields: Mapping[str, str]) -> list[tuple[bytes, bytes]] | Fault:
    """Fields as bytes: in latin-1 if possible, else in UTF-8."""
    encoded: list[tuple[bytes, bytes]] = []
    for name, value in fields.items():
        try:
            encoded.append((name.encode("ascii"), value.encode("latin-1")))
        except UnicodeEncodeError:
            try:
                encoded.append((name.encode("ascii"), value.encode()))
            except UnicodeEncodeError:
                return refuse(f"request.headers.{name[:64]}", "holds a lone surrogate; allowed is Unicode text")
    return encoded
