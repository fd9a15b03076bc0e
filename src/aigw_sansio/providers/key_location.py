"""Where a provider takes its key, and how a key is written there.

Decides: the places that there are (a header field, the query, a WebSocket subprotocol), and the meaning of the setting
``key_in``. Must not know: any provider, and whose key it is.
"""

from base64 import b64encode
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from ..faults import Fault, FaultKind, Side


class KeyLocation(msgspec.Struct, frozen=True):
    """The one place of a key: ``header: {scheme}KEY``, or the parameter ``query=KEY``, or in the offered subprotocols
    ``marker, KEY`` (``markerKEY``, if the marker ends with a dot). ``header`` is in lower case, and ``scheme`` ends
    with its blank."""

    header: str = ""
    scheme: str = ""
    query: str = ""
    marker: str = ""


BEARER: Final = KeyLocation("authorization", "Bearer ")
BASIC: Final = KeyLocation("authorization", "Basic ")
TOKEN_SCHEME: Final = KeyLocation("authorization", "Token ")

_SCHEMES: Final = {"bearer": BEARER, "basic": BASIC, "token": TOKEN_SCHEME}


def key_location(key_in: str | None) -> KeyLocation | None:
    """The location that the setting ``key_in`` names; ``None`` if there is no such setting."""
    if key_in is None:
        return None
    kind, _, name = key_in.partition(":")
    if kind == "header":
        return KeyLocation(name.lower())
    if kind == "query":
        return KeyLocation(query=name)
    return KeyLocation(marker=name) if kind == "subprotocol" else _SCHEMES[kind]


def key_text(location: KeyLocation, key: str) -> str:
    """``key`` as it stands in a header field. ``USER:PASSWORD`` is put into base64 for Basic (RFC 7617); what has no
    colon is in base64 already."""
    if location.scheme == BASIC.scheme and ":" in key:
        key = b64encode(key.encode()).decode()
    return location.scheme + key


def put_key(fields: dict[str, str], location: KeyLocation, key: str) -> None:
    """Put ``key`` into the field that ``location`` names."""
    fields[location.header] = key_text(location, key)


def query_with_key(query: str, name: str, key: str) -> str:
    """``query`` with ``key`` as the parameter ``name``. Parameters of that name, which are empty, are replaced."""
    kept = [item for item in query.split("&") if item and unquote(item.partition("=")[0]) != name]
    return "&".join([*kept, f"{name}={quote(key, safe='')}"])


def subprotocols_with_key(offered: Iterable[bytes], marker: str, key: str) -> tuple[bytes, ...]:
    """The ``offered`` items with ``key`` among them. The key comes first, right behind its marker."""
    first = [marker + key] if marker.endswith(".") else [marker, key]
    added = [item.encode("latin-1") for item in first]
    return (*added, *(item for item in offered if item not in added))


def not_sendable(where: str) -> Fault:
    """The refusal to send a stored key that its place cannot hold. ``where`` names the setting."""
    return Fault(
        FaultKind.NOT_CONFIGURED,
        Side.GATEWAY,
        f"{where} cannot be sent to this provider; allowed is printable ASCII without blanks, in its form",
    )
