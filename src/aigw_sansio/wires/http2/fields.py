"""Header sections of HTTP/2 messages: which are well formed, and the values of their pseudo-fields.

Decides: the rules of RFC 9113 sections 8.2 and 8.3 and RFC 8441 section 4. Must not know: streams, and how a malformed
message is handled: every function returns an error as text, which quotes nothing that the peer sent.

h2 ends the connection for a malformed message; here only its stream ends (section 8.1.1), so h2's own check is off.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from ..http import Headers

_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE: Final = re.compile(rb"(?:[^\0\r\n \t](?:[^\0\r\n]*[^\0\r\n \t])?)?")
_STATUS: Final = re.compile(rb"[2-5][0-9][0-9]")
_INTERIM: Final = re.compile(rb"1[0-9][0-9]")

#: Fields that describe one HTTP/1.1 connection (section 8.2.2).
_CONNECTION: Final = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"))
#: Fields that the wire sets itself.
_OURS: Final = _CONNECTION | {b"host", b"content-length", b"te"}
#: Fields whose values are secrets: never put into a compression table (RFC 7541 section 7.1.3).
_SECRET: Final = frozenset(
    (b"authorization", b"proxy-authorization", b"cookie", b"x-api-key", b"api-key", b"x-goog-api-key")
)


class RequestFields(msgspec.Struct, frozen=True):
    """A well-formed request's pseudo-fields and its other fields. ``protocol`` is ``None`` except for extended CONNECT;
    ``scheme`` and ``path`` are empty for plain CONNECT."""

    method: bytes
    protocol: bytes | None
    scheme: bytes
    authority: bytes
    path: bytes
    headers: Headers


def _field_fault(name: bytes, value: bytes) -> str | None:
    if not _NAME.fullmatch(name):
        return f"a field name of {len(name)} bytes is not a lower-case token"
    if not _VALUE.fullmatch(value):
        return f"the value of a field, {len(value)} bytes, has a control character or a blank at an end"
    if name in _CONNECTION or (name == b"te" and value.lower() != b"trailers"):
        return f"the field {name.decode('ascii')} is not allowed in HTTP/2"
    return None


def _split(fields: Iterable[tuple[bytes, bytes]]) -> tuple[dict[bytes, bytes], Headers] | str:
    """Pseudo-fields and the others, each field checked on its own."""
    pseudo: dict[bytes, bytes] = {}
    headers: Headers = []
    for name, value in fields:
        if name[:1] == b":":
            if headers:
                return "a pseudo-field stands behind other fields"
            if name in pseudo:
                return "a pseudo-field stands there twice"
            if not _VALUE.fullmatch(value):
                return f"the value of a pseudo-field, {len(value)} bytes, has a control character or a blank at an end"
            pseudo[name] = value
        else:
            wrong = _field_fault(name, value)
            if wrong is not None:
                return wrong
            headers.append((name, value))
    return pseudo, headers


def read_response(fields: Iterable[tuple[bytes, bytes]], *, interim: bool = False) -> tuple[int, Headers] | str:
    """Status and fields of a response head, or what is wrong with it. ``interim``: it must be a 1xx."""
    split = _split(fields)
    if isinstance(split, str):
        return split
    pseudo, headers = split
    status = pseudo.get(b":status")
    if status is None or len(pseudo) != 1:
        return "a response has exactly one pseudo-field, :status"
    if not (_INTERIM if interim else _STATUS).fullmatch(status) or status == b"101":
        return f"a :status of {len(status)} bytes is not an HTTP/2 status"
    return int(status), headers


def read_trailers(fields: Iterable[tuple[bytes, bytes]]) -> str | None:
    """What is wrong with a trailer section, or ``None``."""
    split = _split(fields)
    if isinstance(split, str):
        return split
    return "a trailer section has no pseudo-fields" if split[0] else None


def read_request(fields: Iterable[tuple[bytes, bytes]]) -> RequestFields | str:
    """The parts of a request head, or what is wrong with it."""
    split = _split(fields)
    if isinstance(split, str):
        return split
    pseudo, headers = split
    method = pseudo.pop(b":method", None)
    protocol = pseudo.pop(b":protocol", None)
    scheme = pseudo.pop(b":scheme", b"")
    path = pseudo.pop(b":path", b"")
    authority = pseudo.pop(b":authority", b"")
    if pseudo:
        return "a request has a pseudo-field that does not belong into one"
    if not method or not re.fullmatch(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", method):
        return "a request needs :method, a token"
    if method == b"CONNECT" and protocol is None:
        if scheme or path:
            return "CONNECT without :protocol has neither :scheme nor :path"
    elif protocol is not None and (method != b"CONNECT" or not protocol):
        return ":protocol belongs to CONNECT alone and is not empty"
    elif not scheme or not path:
        return "a request needs :scheme and :path"
    elif path[:1] != b"/" and not (path == b"*" and method == b"OPTIONS"):
        return "a path starts with a slash"
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (hosts and authority and hosts[0] != authority):
        return "the host field contradicts :authority or itself"
    authority = authority or (hosts[0] if hosts else b"")
    if not authority:
        return "a request needs :authority or a host field"
    return RequestFields(
        method=method, protocol=protocol, scheme=scheme, authority=authority, path=path, headers=headers
    )


def content_length(headers: Headers) -> int | None:
    """The declared length of the body. h2 has refused values that are not a number or contradict each other."""
    for name, value in headers:
        if name == b"content-length":
            return int(value)
    return None


def outgoing(pseudo: Headers, headers: Headers) -> list[tuple[bytes, bytes]] | str:
    """A header section ready for HPACK, or what is wrong with it."""
    fields: list[tuple[bytes, bytes]] = [HeaderTuple(*pair) for pair in pseudo]
    for name, value in headers:
        if name in _OURS:
            return f"the wire sets {name!r} itself, or HTTP/2 has no such field"
        wrong = _field_fault(name, value)
        if wrong is not None:
            return wrong
        fields.append((NeverIndexedHeaderTuple if name in _SECRET else HeaderTuple)(name, value))
    return fields
