"""HTTP/1.1 heads: collected up to a limit, then parsed by h11 in one piece.

Decides: the end of a head, how large it may be, how many fields it has, whether it is well formed (RFC 9112 sections 2
to 5). Must not know: what a request asks for or what a response means. h11 gets only whole heads, so its limits do not
depend on how the bytes were cut; those of usual responses are read here.
"""

import re

import h11
import msgspec

from ..faults import Fault, FaultKind, Side
from ..quoting import without_quotes
from ..secret import without_content
from .http import Headers

_BARE_LF = re.compile(rb"(?<!\r)\n")
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_USUAL_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9]) [ -~]*+\r\n"
    rb"((?:[-!#$%&'*+.^_`|~0-9a-zA-Z]++: ?(?:[!-~]++(?:[ \t]++[!-~]++)*+)?+\r\n)*+)\r\n"
)
_USUAL_FIELDS = re.compile(rb"([^:]++): ?([^\r]*+)\r\n")
#: The longest length that is read here; h11 takes two digits more.
_DIGITS = 18
#: The content type of a TLS handshake (RFC 8446 section 5.1), which no method begins with.
_TLS_HANDSHAKE = b"\x16"
_OPENING_BYTES = 32
#: The beginning of a request line, as far as it has come: method, target, version.
_OPENING = re.compile(
    rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
    rb"(?: (?:[!-~\x80-\xff]+(?: (?:H(?:T(?:T(?:P(?:/[0-9.]*(?:\r?(?:\n.*)?)?)?)?)?)?)?)?)?)?",
    re.DOTALL,
)


def read_usual_head(head: bytes) -> tuple[int, Headers] | None:
    """The status and the fields, with names in lower case, of a complete final ``head`` of HTTP/1.1 in its usual form;
    ``None`` if it is not so plain that h11 could say nothing else of it: then h11 reads it.

    h11 takes a tenth to a fifth of what a short request costs the core. Usual: each line ends with CRLF, each field is
    a name, a colon, at most one space and printable ASCII without blanks around it, and the fields that frame the body
    are there once at most, in their simplest form.
    """
    found = _USUAL_HEAD.fullmatch(head)
    if found is None:
        return None
    headers: Headers = [(name.lower(), value) for name, value in _USUAL_FIELDS.findall(found[2])]
    lengths = codings = 0
    for name, value in headers:
        if name == b"content-length":
            if not value.isdigit() or len(value) > _DIGITS:
                return None
            lengths += 1
        elif name == b"transfer-encoding":
            if value != b"chunked":
                return None
            codings += 1
    return None if lengths > 1 or codings > 1 else (int(found[1]), headers)


def count_fields(head: bytes) -> int:
    """How many header fields a complete head has, before an object is made for any. Each line of a folded field counts
    (RFC 9112 section 5.2)."""
    return head.count(b"\n") - 2


class HeadGate:
    """Collects bytes until the blank line that ends a head."""

    __slots__ = ("_buffer", "_limit", "_scanned")

    def __init__(self, limit: int) -> None:
        """``limit``: the largest head in bytes, blank line included."""
        self._buffer: bytearray | None = None
        self._limit = limit
        self._scanned = 0

    @property
    def started(self) -> bool:
        """Whether any byte of a head has come."""
        return self._buffer is not None

    @property
    def held(self) -> int:
        """Bytes of a head that is not complete."""
        return len(self._buffer or b"")

    def feed(self, data: bytes) -> tuple[bytes, bytes] | int | None:
        """More bytes. Returns ``(head, rest)`` once the head is complete; ``None`` while it is not; the number of bytes
        seen if it is larger than the limit: then do not feed the gate again.

        Empty lines before a request or response are skipped (RFC 9112 section 2.2).
        """
        buffer = self._buffer
        if buffer is None:
            data = data.lstrip(b"\r\n")
            if not data:
                return None
            found = _END_OF_HEAD.search(data)
            if found is not None and found.end() <= self._limit:  # in one read, as nearly all: nothing need be kept
                return data[: found.end()], data[found.end() :]
            self._buffer = buffer = bytearray()
        buffer += data
        found = _END_OF_HEAD.search(buffer, max(0, self._scanned - 3))
        end = found.end() if found else len(buffer)
        if end > self._limit:
            return end
        if found is None:
            self._scanned = end
            return None
        head, rest = bytes(buffer[:end]), bytes(buffer[end:])
        self._buffer = None
        self._scanned = 0
        return head, rest


class OpeningCheck:
    """Looks at the first bytes of a connection: whether an HTTP/1.1 request can begin so. They are judged byte by byte,
    so that the verdict does not depend on how they were cut, and not by a limit of size or time."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen = b""

    def refuse(self, data: bytes) -> str | None:
        """Why these bytes, after those before, begin no request; ``None`` if they may."""
        seen = self._seen
        if len(seen) == _OPENING_BYTES:
            return None
        if not seen:
            data = data.lstrip(b"\r\n")
        self._seen = seen = seen + data[: _OPENING_BYTES - len(seen)]
        if seen[:1] == _TLS_HANDSHAKE:
            return "the connection begins with TLS, but this port speaks plain HTTP"
        return None if not seen or _OPENING.fullmatch(seen) else "the connection does not begin with an HTTP request"


class RequestHead(msgspec.Struct, frozen=True):
    """A request head. Header names are in lower case; values are bytes as received."""

    method: bytes
    target: bytes
    http_version: bytes
    headers: Headers

    __repr__ = without_content


class StatusHead(msgspec.Struct, frozen=True):
    """A response head, informational or final."""

    status: int
    http_version: bytes
    headers: Headers


def parse_request_head(head: bytes) -> RequestHead | Fault:
    """Parse one complete request head. A line that ends without CR is refused: a proxy in front may see other lines in
    it (RFC 9112 section 2.2 allows both)."""
    if _BARE_LF.search(head):
        detail = "the request head is not HTTP/1.1: a line ends without CR"
        return Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, detail)
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=len(head) + 1)
    try:
        connection.receive_data(head)
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        return Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, f"the request head is not HTTP/1.1: {blame(error)}")
    if not isinstance(event, h11.Request) or not event.http_version.startswith(b"1."):
        return Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, "the request head is not HTTP/1.1")
    return RequestHead(
        method=event.method, target=event.target, http_version=event.http_version, headers=list(event.headers)
    )


def response_parser(head_limit: int) -> h11.Connection:
    """An h11 client that has sent an upgrade request. Feed it the response, whatever its status."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=head_limit + 1)
    headers = [("host", "-"), ("upgrade", "websocket"), ("connection", "upgrade")]
    connection.send(h11.Request(method="GET", target="/", headers=headers))
    connection.send(h11.EndOfMessage())
    return connection


def parse_status_head(head: bytes) -> StatusHead | Fault:
    """Parse one complete response head."""
    connection = response_parser(len(head))
    try:
        connection.receive_data(head)
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        detail = f"the response head is not HTTP/1.1: {blame(error)}"
        return Fault(FaultKind.MALFORMED_RESPONSE, Side.PROVIDER, detail)
    if not isinstance(event, h11.InformationalResponse | h11.Response) or not event.http_version.startswith(b"1."):
        return Fault(FaultKind.MALFORMED_RESPONSE, Side.PROVIDER, "the response head is not HTTP/1.1")
    return StatusHead(event.status_code, event.http_version, list(event.headers))


def blame(error: h11.RemoteProtocolError) -> str:
    """h11's error text without the bytes that it quotes: they may hold a secret."""
    let_go(error)
    return without_quotes(error)


def let_go(error: h11.RemoteProtocolError) -> None:
    """Call it when an error of h11 was caught. Its traceback has a frame that refers to it, and so keeps everything
    that its callers know, until the cycle collector comes."""
    error.__traceback__ = None


def header_values(headers: Headers, name: bytes) -> list[bytes]:
    """All values of ``name`` (lower case), in order."""
    return [value for key, value in headers if key == name]


def header_tokens(headers: Headers, name: bytes) -> list[bytes]:
    """The comma-separated items of all ``name`` fields, stripped, empty ones dropped (RFC 9110 section 5.6.1)."""
    return [item for value in header_values(headers, name) for part in value.split(b",") if (item := part.strip())]
