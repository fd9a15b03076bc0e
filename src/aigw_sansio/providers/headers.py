"""Which header fields of a client go upstream.

Decides: which fields are valid (RFC 9110 section 5), which are not forwarded (client protocol, sections 3.1 and 4: one
list for both), which the settings add, and how text becomes bytes. Must not know: credentials.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ..faults import Fault, FaultKind, Side

#: A token (RFC 9110 section 5.6.2): the form of field names, methods and subprotocols.
TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
#: The value of the setting ``origin`` that lets the client's pass.
PASS_ORIGIN: Final = "pass"
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
#: Fields about the client and its way to us. Proxies and clouds set them; they tell a provider about our users, and
#: some providers' fronts refuse requests that have been through another one.
_ABOUT_THE_CLIENT: Final = frozenset(
    {
        "origin",
        "cookie",
        "forwarded",
        "via",
        "x-real-ip",
        "true-client-ip",
        "x-client-ip",
        "fastly-client-ip",
        "x-azure-clientip",
        "x-original-forwarded-for",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "cdn-loop",
        "x-amzn-trace-id",
        "x-cloud-trace-context",
        "x-request-start",
    }
)
_STOPPED: Final = NEVER_FORWARDED | _ABOUT_THE_CLIENT
_STOPPED_PREFIXES: Final = (
    ":",
    "cf-",
    "sec-websocket-",
    "x-forwarded-",
    "fly-",
    "x-vercel-",
    "x-envoy-",
)


def is_forwarded(name: str) -> bool:
    """Whether a client's field ``name`` (lower case) may go upstream: the one list for steps and upgrades."""
    return name not in _STOPPED and not name.startswith(_STOPPED_PREFIXES)


def refuse(field: str, why: str) -> Fault:
    """The fault of a step that cannot be used. ``field`` names its wrong part; ``why`` says what is wrong and what is
    allowed."""
    return Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, f"{field} {why}")


def forwarded(headers: Sequence[tuple[str, str]], *, pass_origin: bool = False) -> dict[str, str] | Fault:
    """The fields of a step that go upstream, by lower-case name. If a name is repeated, the last field counts."""
    fields: dict[str, str] = {}
    named: set[str] = set()
    for index, (name, value) in enumerate(headers):
        if not TOKEN.match(name):
            return refuse(
                "request.headers",
                f"has a bad name at position {index}; allowed are letters, digits and !#$%&'*+-.^_`|~",
            )
        if _FORBIDDEN.search(value):
            return refuse(
                "request.headers",
                f"has a control character in the value at position {index}; allowed is text without CR, LF, NUL",
            )
        name = name.lower()
        fields[name] = value.strip(" \t")
        if name == "connection":
            named.update(item.strip().lower() for item in value.split(","))
    return {
        name: value
        for name, value in fields.items()
        if (is_forwarded(name) or (pass_origin and name == "origin")) and name not in named
    }


def forwarded_upgrade(headers: Sequence[tuple[bytes, bytes]], *, pass_origin: bool = False) -> dict[str, str]:
    """The fields of a client's upgrade that go upstream, by lower-case name, values read as latin-1.

    Several fields of one name become one list, as RFC 9110 section 5.3 allows.
    """
    named = {
        item.strip().decode("latin-1").lower()
        for name, value in headers
        if name.lower() == b"connection"
        for item in value.split(b",")
    }
    fields: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip(" \t")
        if not (is_forwarded(name) or (pass_origin and name == "origin")) or name in named:
            continue
        if TOKEN.match(name) and not _FORBIDDEN.search(value):
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def put_operators_fields(
    fields: dict[str, str], headers: Sequence[tuple[str, str]], origin: str | None, *, client_has_key: bool
) -> None:
    """Add the fields that the settings name; they replace the client's of the same name. If the client shows a key of
    its own, none goes but ``origin``."""
    for name, value in headers:
        if not client_has_key or name.lower() == "origin":
            fields[name.lower()] = value
    if origin is not None and origin != PASS_ORIGIN:
        fields["origin"] = origin


def encode_fields(fields: Mapping[str, str]) -> list[tuple[bytes, bytes]] | Fault:
    """Fields as bytes: in latin-1 if possible, else in UTF-8."""
    encoded: list[tuple[bytes, bytes]] = []
    for name, value in fields.items():
        if _FORBIDDEN.search(value):  # the client's were looked at before: this one is from the settings
            detail = f"the header {name[:64]} from the settings holds a control character"
            return Fault(FaultKind.NOT_CONFIGURED, Side.GATEWAY, detail)
        try:
            encoded.append((name.encode("ascii"), value.encode("latin-1")))
        except UnicodeEncodeError:
            try:
                encoded.append((name.encode("ascii"), value.encode()))
            except UnicodeEncodeError:
                return refuse("request.headers", "has a lone surrogate in a value; allowed is Unicode text")
    return encoded
