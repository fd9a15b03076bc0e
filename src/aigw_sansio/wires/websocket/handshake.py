"""The opening handshake of WebSocket over HTTP/1.1 (RFC 6455 sections 4 and 9.1), both roles.

Decides: whether a request is a valid WebSocket upgrade, whether a response accepts it, and how both are written. Must
not know: permissions, which subprotocol is chosen, what an extension means.

Header values stay bytes as received, because browsers and providers may send any bytes. No fault quotes one, because
subprotocols may carry keys.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Final, TypeAlias

import h11
import msgspec
from wsproto.utilities import generate_accept_token

from ...errors import LocalProtocolError
from ...faults import Fault, FaultKind, Side
from ..heads import (
    HeadGate,
    RequestHead,
    StatusHead,
    count_fields,
    header_tokens,
    header_values,
    let_go,
    parse_status_head,
    response_parser,
)
from ..http import Headers
from ..spelling import spelled

#: The version of RFC 6455, which a 426 has to name (section 4.4).
VERSION: Final = b"13"
#: The most bytes of a refusal's body that are kept.
REFUSAL_BODY_BYTES: Final = 65536
#: Informational responses that may come before the final one.
MAX_INFORMATIONAL: Final = 16

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HOST: Final = rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%!$&'()*+,;=]+)(?::[0-9]*)?"
_KEY: Final = rb"[A-Za-z0-9+/]{22}=="
_PARAMETER: Final = re.compile(
    rb"""[ \t]*;[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)"""
    rb"""(?:[ \t]*=[ \t]*(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)|"((?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*)"))?"""
)
_BLANKS: Final = re.compile(rb"[ \t]*")
_FORBIDDEN: Final = re.compile(rb"[\r\n\x00]")


class Extension(msgspec.Struct, frozen=True):
    """One extension, offered or accepted. A parameter without a value has ``None``."""

    name: bytes
    parameters: tuple[tuple[bytes, bytes | None], ...]


class Offers(msgspec.Struct, frozen=True):
    """Subprotocols and extensions that a client offers, in its order of preference."""

    subprotocols: tuple[bytes, ...]
    extensions: tuple[Extension, ...]

    def __repr__(self) -> str:  # a subprotocol may be a key
        return f"Offers({len(self.subprotocols)} subprotocols, extensions={self.extensions!r})"


class Upgrade(msgspec.Struct, frozen=True):
    """A valid request for a WebSocket; answer it with :func:`accept` or :func:`response`."""

    key: bytes
    host: bytes
    offers: Offers


class NotUpgrade(msgspec.Struct, frozen=True):
    """A request that does not ask for a WebSocket."""


class WrongVersion(msgspec.Struct, frozen=True):
    """A request for another version of the protocol: 426 with ``sec-websocket-version: 13``."""


# -- server ---------------------------------------------------------------------------------------------------------


def check_upgrade(head: RequestHead) -> Upgrade | NotUpgrade | WrongVersion | Fault:
    """Check a request by RFC 6455 section 4.2.1."""
    headers = head.headers
    if b"websocket" not in (item.lower() for item in header_tokens(headers, b"upgrade")):
        return NotUpgrade()
    if head.method != b"GET":
        return _bad("a WebSocket is asked for with GET")
    if head.http_version != b"1.1":
        return _bad("a WebSocket needs HTTP/1.1")
    if b"upgrade" not in (item.lower() for item in header_tokens(headers, b"connection")):
        return _bad("the header connection does not name upgrade")
    if header_values(headers, b"transfer-encoding") or any(
        value != b"0" for value in header_values(headers, b"content-length")
    ):
        return _bad("a request for a WebSocket has no body")
    hosts = header_values(headers, b"host")
    if len(hosts) != 1 or re.fullmatch(_HOST, hosts[0]) is None:
        return _bad("there must be one valid host")
    keys = header_values(headers, b"sec-websocket-key")
    if len(keys) != 1 or re.fullmatch(_KEY, keys[0]) is None:
        return _bad("there must be one sec-websocket-key of 16 bytes in base64")
    offers = read_offers(headers)
    if not isinstance(offers, Offers):
        return offers
    return Upgrade(keys[0], hosts[0], offers)


def read_offers(headers: Headers) -> Offers | WrongVersion | Fault:
    """Read version, subprotocols and extensions. Also used for a handshake by extended CONNECT (RFC 8441 section 5)."""
    versions = header_values(headers, b"sec-websocket-version")
    if len(versions) != 1:
        return _bad("there must be one sec-websocket-version")
    if versions[0] != VERSION:
        return WrongVersion()
    subprotocols = header_tokens(headers, b"sec-websocket-protocol")
    if not all(map(_TOKEN.fullmatch, subprotocols)):
        return _bad("an item of sec-websocket-protocol is not a token")
    if len(set(subprotocols)) != len(subprotocols):
        return _bad("an item of sec-websocket-protocol is there twice")
    extensions = parse_extensions(headers)
    if extensions is None:
        return _bad("sec-websocket-extensions is malformed")
    return Offers(tuple(subprotocols), extensions)


def parse_extensions(headers: Headers) -> tuple[Extension, ...] | None:
    """All items of ``sec-websocket-extensions`` (RFC 6455 section 9.1), or ``None`` if it is malformed. A quoted value
    must be a token after unquoting."""
    extensions = []
    for value in header_values(headers, b"sec-websocket-extensions"):
        at, end = 0, len(value)
        while True:
            at = _skip_blanks(value, at)
            if at == end:
                break
            if value[at : at + 1] == b",":  # an empty element (RFC 9110 section 5.6.1.2)
                at += 1
                continue
            name = _TOKEN.match(value, at)
            if name is None:
                return None
            at = name.end()
            parameters: list[tuple[bytes, bytes | None]] = []
            while (parameter := _PARAMETER.match(value, at)) is not None:
                at = parameter.end()
                key, plain, quoted = parameter.groups()
                if quoted is not None:
                    plain = re.sub(rb"\\(.)", rb"\1", quoted)
                    if _TOKEN.fullmatch(plain) is None:
                        return None
                parameters.append((key, plain))
            extensions.append(Extension(name.group(), tuple(parameters)))
            at = _skip_blanks(value, at)
            if at < end and value[at : at + 1] != b",":
                return None
    return tuple(extensions)


def accept(
    upgrade: Upgrade, subprotocol: bytes | None = None, extension: bytes | None = None, headers: Headers | None = None
) -> bytes:
    """The 101 that accepts ``upgrade``. ``subprotocol`` must be an offered one; ``extension`` is the value of
    ``sec-websocket-extensions``, from :func:`.deflate.choose`."""
    fields = [
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-accept", generate_accept_token(upgrade.key)),
    ]
    if subprotocol is not None:
        if subprotocol not in upgrade.offers.subprotocols:
            raise LocalProtocolError("the chosen subprotocol was not offered")
        fields.append((b"sec-websocket-protocol", subprotocol))
    if extension is not None:
        fields.append((b"sec-websocket-extensions", extension))
    return _write_head(b"HTTP/1.1 101 Switching Protocols", fields + (headers or []))


def response(status: int, headers: Headers, body: bytes) -> bytes:
    """A plain HTTP response, the last one of its connection. ``headers`` must not name ``content-length`` or
    ``connection``."""
    fields = [*headers, (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    return _write_head(b"HTTP/1.1 %d %b" % (status, reason_phrase(status)), fields) + body


def unending_response(headers: Headers) -> bytes:
    """The head of a plain response with status 200 that ends with its connection (RFC 9112 section 6.3, point 8)."""
    return _write_head(b"HTTP/1.1 200 OK", [*headers, (b"connection", b"close")])


def reason_phrase(status: int) -> bytes:
    """The registered phrase of ``status``, or empty."""
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


# -- client ---------------------------------------------------------------------------------------------------------


def request(
    authority: bytes,
    target: bytes,
    headers: Headers,
    subprotocols: Sequence[bytes],
    nonce: bytes,
    extension: bytes | None = None,
) -> bytes:
    """The request for a WebSocket. ``nonce``: 16 random bytes, the same as for :class:`ClientHandshake`; ``headers``
    must not name the fields that the handshake sets; ``extension`` is the value of
    ``sec-websocket-extensions``."""
    if len(nonce) != 16:
        raise LocalProtocolError(f"the nonce has 16 bytes, not {len(nonce)}")
    fields = [
        (b"host", authority),
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-key", b64encode(nonce)),
        (b"sec-websocket-version", VERSION),
    ]
    if subprotocols:
        fields.append((b"sec-websocket-protocol", b", ".join(subprotocols)))
    if extension is not None:
        fields.append((b"sec-websocket-extensions", extension))
    if not target.startswith(b"/") or re.search(rb"[^!-~\x80-\xff]", target) is not None:
        raise LocalProtocolError("the target is not a path with an optional query")
    return _write_head(b"GET %b HTTP/1.1" % target, fields + headers)


class Accepted(msgspec.Struct, frozen=True):
    """The WebSocket is open. ``rest``: its first bytes; give them to ``WebSocketWire.receive_data`` unless empty."""

    subprotocol: bytes | None
    extensions: tuple[Extension, ...]
    headers: Headers
    rest: bytes


class Refused(msgspec.Struct, frozen=True):
    """Any other final response. ``complete`` is False if the body broke off, or was cut at
    :data:`REFUSAL_BODY_BYTES`."""

    status: int
    headers: Headers
    body: bytes
    complete: bool


Outcome: TypeAlias = Accepted | Refused | Fault


class ClientHandshake:
    """Reads the response to :func:`request`. After it returned an outcome, do not feed it again."""

    __slots__ = (
        "_accept",
        "_body",
        "_extension",
        "_field_limit",
        "_gate",
        "_informational",
        "_limit",
        "_refusal",
        "_status",
        "_subprotocols",
    )

    def __init__(
        self,
        limit: int,
        nonce: bytes,
        subprotocols: Sequence[bytes] = (),
        *,
        extension: bytes | None = None,
        field_limit: int = 128,
    ) -> None:
        """``limit``: the largest response head in bytes. ``field_limit``: the most fields of it. The other arguments
        are those of :func:`request`."""
        self._field_limit = field_limit
        self._informational = 0
        self._gate = HeadGate(limit)
        self._limit = limit
        self._accept = generate_accept_token(b64encode(nonce))
        self._subprotocols = frozenset(subprotocols)
        self._extension = extension
        self._status: StatusHead | None = None
        self._refusal: h11.Connection | None = None
        self._body = bytearray()

    def receive_data(self, data: bytes) -> Outcome | None:
        """Bytes from the peer. ``None`` while the response is not complete."""
        while self._refusal is None:
            found = self._gate.feed(data)
            if found is None:
                return None
            if isinstance(found, int):
                return _broken(f"the response head is over the limit of {self._limit} bytes")
            head, data = found
            fields = count_fields(head)
            if fields > self._field_limit:
                return _broken(f"the response head has {fields} header fields; head_fields allows {self._field_limit}")
            status = parse_status_head(head)
            if isinstance(status, Fault):
                return status
            if status.status == 101:
                return self._check(status, data)
            if status.status >= 200:
                self._status = status
                self._refusal = response_parser(self._limit)
                data = head + data
            self._informational += 1
            if self._informational > MAX_INFORMATIONAL and self._refusal is None:
                return _broken(f"more than {MAX_INFORMATIONAL} informational responses")
        return self._read_refusal(data)

    def receive_eof(self) -> Refused | Fault:
        """The peer ended the connection, or it was lost, before there was an outcome."""
        if self._status is None:
            detail = "the connection ended before the handshake was answered"
            return Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, detail, retryable=True)
        # For h11 an empty read is the end of the stream: it completes a close-delimited body.
        return self._read_refusal(b"") or self._refused(complete=False)

    def _check(self, head: StatusHead, rest: bytes) -> Accepted | Fault:
        headers = head.headers
        if head.http_version != b"1.1":
            return _broken("the 101 is not HTTP/1.1")
        if [item.lower() for item in header_tokens(headers, b"upgrade")] != [b"websocket"]:
            return _broken("the 101 does not upgrade to websocket")
        if b"upgrade" not in (item.lower() for item in header_tokens(headers, b"connection")):
            return _broken("the 101's header connection does not name upgrade")
        if header_values(headers, b"sec-websocket-accept") != [self._accept]:
            return _broken("the 101's sec-websocket-accept does not fit the key")
        subprotocols = header_values(headers, b"sec-websocket-protocol")
        if len(subprotocols) > 1 or not self._subprotocols.issuperset(subprotocols):
            return _broken("the 101 selects a subprotocol that was not offered")
        extensions = parse_extensions(headers)
        if extensions is None or (extensions and self._extension is None):
            return _broken("the 101 selects an extension that was not offered")
        return Accepted(
            subprotocol=subprotocols[0] if subprotocols else None, extensions=extensions, headers=headers, rest=rest
        )

    def _read_refusal(self, data: bytes) -> Refused | None:
        connection = self._refusal
        assert connection is not None
        try:
            connection.receive_data(data)
            while True:
                event = connection.next_event()
                if isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) > REFUSAL_BODY_BYTES:
                        return self._refused(complete=False)
                elif isinstance(event, h11.EndOfMessage):
                    return self._refused(complete=True)
                elif not isinstance(event, h11.Response):
                    return None
        except h11.RemoteProtocolError as error:
            let_go(error)
            return self._refused(complete=False)

    def _refused(self, *, complete: bool) -> Refused:
        assert self._status is not None
        body = bytes(self._body[:REFUSAL_BODY_BYTES])
        return Refused(self._status.status, self._status.headers, body, complete=complete)


# -- both -----------------------------------------------------------------------------------------------------------


def _write_head(first_line: bytes, headers: Headers) -> bytes:
    lines = [first_line]
    for name, value in headers:
        if _TOKEN.fullmatch(name) is None or _FORBIDDEN.search(value) is not None:
            raise LocalProtocolError(f"the header {name!r} cannot be written")
        lines.append(spelled(name) + b": " + value)
    return b"\r\n".join((*lines, b"", b""))


def _skip_blanks(value: bytes, at: int) -> int:
    blanks = _BLANKS.match(value, at)
    return blanks.end() if blanks is not None else at


def _bad(detail: str) -> Fault:
    return Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, detail)


def _broken(detail: str) -> Fault:
    return Fault(FaultKind.MALFORMED_RESPONSE, Side.PROVIDER, detail)
