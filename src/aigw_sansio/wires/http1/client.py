"""The HTTP/1.1 client wire: one connection to a provider, one request at a time (RFC 9112).

Decides: how a request is written, the end of a response's head and body (sections 6.3 and 7), and whether the
connection can carry another request (section 9.3). Must not know: pools, retries and what a body means. A gate collects
whole heads and h11 reads them if they are not as usual, so limits do not depend on how the bytes were cut. Bodies are
read here because every token passes this code.
"""

import re
from enum import IntEnum
from typing import Final

import h11

from ...engine.fsm import Machine
from ...errors import LocalProtocolError
from ...faults import Fault, FaultKind, Side
from ..heads import HeadGate, blame, count_fields, header_tokens, read_usual_head
from ..http import BodyData, ConnectionFailed, Headers, Request, ResponseEnd, ResponseHead, StreamFailed, WireEvent
from ..spelling import spelled
from .chunked import ChunkedReader

#: Informational responses that may come before the final one.
MAX_INFORMATIONAL: Final = 16

_TOKEN = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+")
_VISIBLE = re.compile(rb"[\x21-\x7e]+")
_FORBIDDEN = re.compile(rb"[\0\r\n]")
#: Fields that the wire sets itself or that concern one hop only (RFC 9110 section 7.6.1).
_OWN_FIELDS = frozenset(
    (
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"upgrade",
    )
)
_METHODS_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))
_OPENING = b"HTTP/"
#: A stand-in for the request: it only brings h11's state machine to the state in which it accepts an informational one.
_ASKED = h11.Request(method=b"GET", target=b"/", headers=[(b"host", b"-")])


class Http1State(IntEnum):
    """The state of the connection."""

    IDLE = 0  #: no request is running
    HEAD = 1  #: a request is running; its final response head is not complete
    BODY = 2  #: the response's body is coming
    SPENT = 3  #: the response is complete and was the connection's last
    CLOSED = 4  #: failed, cancelled or ended


class Http1Input(IntEnum):
    """The inputs that change the state."""

    REQUEST = 0
    HEAD_READ = 1
    END_REUSABLE = 2
    END_LAST = 3
    STOP = 4


HTTP1_CLIENT_TABLE: Final[dict[tuple[Http1State, Http1Input], Http1State]] = {
    (Http1State.IDLE, Http1Input.REQUEST): Http1State.HEAD,
    (Http1State.IDLE, Http1Input.STOP): Http1State.CLOSED,
    (Http1State.HEAD, Http1Input.HEAD_READ): Http1State.BODY,
    (Http1State.HEAD, Http1Input.STOP): Http1State.CLOSED,
    (Http1State.BODY, Http1Input.END_REUSABLE): Http1State.IDLE,
    (Http1State.BODY, Http1Input.END_LAST): Http1State.SPENT,
    (Http1State.BODY, Http1Input.STOP): Http1State.CLOSED,
    (Http1State.SPENT, Http1Input.STOP): Http1State.CLOSED,
    (Http1State.CLOSED, Http1Input.STOP): Http1State.CLOSED,
}


#: A body of so many bytes is sent as it is; a smaller one is copied behind the head.
_WORTH_ITS_PIECE: Final = 64 * 1024


def encode_request(request: Request) -> list[bytes]:
    """The pieces of ``request``: a large body is one of them, not a copy. ``LocalProtocolError`` if they would not be
    exactly one valid request."""
    memo, body = request.own_memo, request.body
    head = None if memo is None else memo.http1
    if head is None:
        head = _encode_head(request)
        if memo is not None:
            memo.http1 = head
    if not body:
        return [head + (b"Content-Length: 0\r\n\r\n" if request.method in _METHODS_WITH_BODY else b"\r\n")]
    if len(body) >= _WORTH_ITS_PIECE:
        return [b"%bContent-Length: %d\r\n\r\n" % (head, len(body)), body]
    return [b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)]


def _encode_head(request: Request) -> bytes:
    """The lines of the head before the length of the body."""
    if not (
        _TOKEN.fullmatch(request.method)
        and _VISIBLE.fullmatch(request.target)
        and _VISIBLE.fullmatch(request.authority)
        and request.method != b"CONNECT"
    ):
        raise LocalProtocolError("the request's method, target or authority is not allowed in HTTP/1.1")
    parts = [request.method, b" ", request.target, b" HTTP/1.1\r\nHost: ", request.authority, b"\r\n"]
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name) or name in _OWN_FIELDS or _FORBIDDEN.search(value):
            raise LocalProtocolError(f"the request's header field {name!r} or its value is not allowed")
        parts += (spelled(name), b": ", value, b"\r\n")
    return b"".join(parts)


class Http1Client:
    """An :class:`aigw_sansio.wires.http.HttpClientWire` over HTTP/1.1. Streams are numbered 1, 2, 3, ...

    When a stream has ended and ``reusable`` is false, or ``cancel`` returned false, close the connection; bytes that
    come until then are ignored.
    """

    multiplexed = False
    settings_received = True  #: one stream at a time
    settings_version = 0
    unread = False  #: one call reads everything

    __slots__ = (
        "_chunked",
        "_field_limit",
        "_gate",
        "_head",
        "_head_limit",
        "_informational",
        "_keep",
        "_left",
        "_machine",
        "_method",
        "_opened",
        "_out",
        "_stream",
    )

    def __init__(self, head_limit: int, field_limit: int = 128) -> None:
        """``head_limit``: the largest response head in bytes. ``field_limit``: the most fields of a head, and of a
        trailer section."""
        self._head_limit = head_limit
        self._field_limit = field_limit
        self._machine: Machine[Http1State, Http1Input] = Machine(HTTP1_CLIENT_TABLE, Http1State.IDLE)
        self._stream = 0
        self._out: list[bytes] = []  # pieces of the request that were not taken
        self._keep = True
        self._method = b""
        self._gate = HeadGate(head_limit)
        self._head: h11.Connection | None = None
        self._opened = 0  # bytes of "HTTP/" that have come
        self._informational = 0
        self._chunked: ChunkedReader | None = None  # set only while a chunked body is coming
        self._left: int | None = None  # bytes left by content-length; None: the body ends with the connection

    # -- sending ------------------------------------------------------------------------------------------------

    @property
    def capacity(self) -> int:
        """1 while the connection is idle, else 0."""
        return 1 if self._machine.state is Http1State.IDLE else 0

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another request: now or, as far as is known, after the running one."""
        return self._keep and self._machine.state <= Http1State.BODY

    def send_request(self, request: Request) -> int:
        """Open the next stream. ``LocalProtocolError`` while another is running, after the end of the connection, or
        for a request that HTTP/1.1 cannot express."""
        if not self._machine.allows(Http1Input.REQUEST):
            raise LocalProtocolError("send_request needs capacity: the connection is busy or over")
        self._out = encode_request(request)
        self._machine.fire(Http1Input.REQUEST)
        self._stream += 1
        self._method = request.method
        self._informational = 0
        return self._stream

    def request_sent(self, stream: int) -> bool:
        """Whether the request of ``stream`` has left through :meth:`data_to_send`."""
        self._check(stream)
        return stream < self._stream or not self._out

    def data_to_send(self) -> bytes:
        """Take the next piece of the request; empty after the last."""
        return self._out.pop(0) if self._out else b""

    def response_read(self, stream: int) -> bool:
        """Whether the response of ``stream`` has been read to its end."""
        self._check(stream)
        state = self._machine.state
        return stream < self._stream or state is Http1State.IDLE or state is Http1State.SPENT

    def cancel(self, stream: int) -> bool:
        """Cancel ``stream``. Returns False if it was running: HTTP/1.1 can only close the connection. True if it had
        ended."""
        if self.response_read(stream):
            return True
        self._stop()
        return False

    def consume(self, stream: int, flow: int) -> None:
        """Does nothing: HTTP/1.1 has no flow control of its own."""

    def close(self) -> None:
        """The connection is released: all that is held is dropped. The last call."""
        self._stop()

    def ping(self) -> None:
        """Does nothing: HTTP/1.1 has no ping."""

    def _check(self, stream: int) -> None:
        if not 0 < stream <= self._stream:
            raise LocalProtocolError(f"stream {stream} was never opened")

    # -- receiving ----------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes) -> list[WireEvent]:
        """Bytes from the provider. All body bytes in them come as one :class:`BodyData`."""
        chunked = self._chunked
        if chunked is not None:
            body = chunked.feed(data)
            events: list[WireEvent] = [BodyData(self._stream, body)] if body else []
            if chunked.ended:
                self._end_chunked(chunked, events)
            return events
        events = []
        if data:
            state = self._machine.state
            if state is Http1State.BODY:
                self._read_plain(data, events)
            elif state is Http1State.HEAD:
                self._read_head(data, events)
            elif state is Http1State.IDLE:
                self._unasked(events)
        return events

    def receive_eof(self) -> list[WireEvent]:
        """The provider closed its direction. This ends a close-delimited body; for any other response it is a
        failure."""
        events: list[WireEvent] = []
        state = self._machine.state
        if state is Http1State.IDLE:
            self._fail(FaultKind.CONNECTION_LOST, "the provider closed the idle connection", events)
        elif state is Http1State.HEAD:
            where = "inside the response head" if self._opened else "before it answered"
            self._fail(FaultKind.CONNECTION_LOST, f"the provider closed the connection {where}", events)
        elif state is Http1State.BODY:
            if self._chunked is not None:
                self._fail(FaultKind.INCOMPLETE_BODY, "the connection ended inside a chunked body", events)
            elif self._left is not None:
                self._fail(FaultKind.INCOMPLETE_BODY, f"the connection ended {self._left} bytes early", events)
            else:
                self._end(b"", events)
        self._stop()
        return events

    def connection_lost(self, reason: str) -> list[WireEvent]:
        """The connection broke. Even a close-delimited body is incomplete then."""
        events: list[WireEvent] = []
        if self._machine.state <= Http1State.BODY:
            self._fail(FaultKind.CONNECTION_LOST, f"the connection to the provider broke: {reason}", events)
        return events

    def _read_head(self, data: bytes, events: list[WireEvent]) -> None:
        """Read informational heads, the final head and the bytes after it."""
        while data:
            if self._opened < len(_OPENING):
                # Bytes that do not begin like a response are refused now, not when a size or time limit is reached.
                opening = data[: len(_OPENING) - self._opened]
                if not _OPENING.startswith(opening, self._opened):
                    self._malformed("the provider's answer is not HTTP/1.1", events)
                    return
                self._opened += len(opening)
            fed = self._gate.feed(data)
            if fed is None:
                return
            if isinstance(fed, int):
                self._malformed(f"the response head is larger than the {self._head_limit} bytes of head_bytes", events)
                return
            head, data = fed
            fields = count_fields(head)
            if fields > self._field_limit:
                detail = f"the response head has {fields} header fields; head_fields allows {self._field_limit}"
                self._malformed(detail, events)
                return
            self._opened = 0
            usual = read_usual_head(head)
            if usual is not None:
                status, headers = usual
                self._begin_body(status, headers, data, events, may_keep=True)
                return
            response = self._parse(head, events)
            if response is None:
                return
            if isinstance(response, h11.Response):
                headers = [(name.lower(), value) for name, value in response.headers.raw_items()]
                may_keep = response.http_version >= b"1.1"
                self._begin_body(response.status_code, headers, data, events, may_keep=may_keep)
                return
            self._informational += 1
            if self._informational > MAX_INFORMATIONAL:
                self._malformed(f"more than {MAX_INFORMATIONAL} informational responses", events)
                return

    def _parse(self, head: bytes, events: list[WireEvent]) -> h11.Response | h11.InformationalResponse | None:
        h11_head = self._head
        if h11_head is None:
            h11_head = self._head = h11.Connection(h11.CLIENT, max_incomplete_event_size=self._head_limit + 1)
        if head[9:10] == b"1" and h11_head.our_state is h11.IDLE:
            h11_head.send(_ASKED)  # a final response needs no request, and to send one costs as much as to read a head
        try:
            h11_head.receive_data(head)
            event = h11_head.next_event()
        except h11.RemoteProtocolError as error:
            reason = blame(error)
            if head[9:12] == b"101":  # h11 refuses it, too: we never ask for an upgrade
                reason = "a switch of protocols that was not asked for"
            self._malformed(f"the response head is malformed: {reason}", events)
            return None
        assert isinstance(event, h11.Response | h11.InformationalResponse)  # whole heads, and nothing after them
        if event.status_code > 599:
            self._malformed(f"the response status {event.status_code} is outside 200 to 599", events)
            return None
        return event

    def _begin_body(
        self, status: int, headers: Headers, data: bytes, events: list[WireEvent], *, may_keep: bool
    ) -> None:
        """Choose the framing (RFC 9112 section 6.3) and read the bytes that came after the head. ``may_keep``: the
        version keeps connections.

        Who read the head has refused differing lengths and every transfer coding except a single ``chunked``.
        """
        fields = dict(headers)
        length = fields.get(b"content-length")
        chunked = b"transfer-encoding" in fields
        if chunked and length is not None:
            # Section 6.3 item 3: two framings allow response smuggling.
            self._malformed("the response has both content-length and transfer-encoding", events)
            return
        self._machine.fire(Http1Input.HEAD_READ)
        self._head = None
        self._keep = may_keep and not (
            b"connection" in fields
            and any(token.lower() == b"close" for token in header_tokens(headers, b"connection"))
        )
        events.append(ResponseHead(self._stream, status, headers))
        if self._method == b"HEAD" or status in (204, 304):
            self._left = 0
        elif chunked:
            self._chunked = reader = ChunkedReader(self._field_limit)
            if data:
                body = reader.feed(data)
                if body:
                    events.append(BodyData(self._stream, body))
                if reader.ended:
                    self._end_chunked(reader, events)
            return
        else:
            self._left = int(length) if length is not None else None
            if self._left is None:
                self._keep = False
        if self._left == 0:
            self._end(data, events)
        elif data:
            self._read_plain(data, events)

    def _read_plain(self, data: bytes, events: list[WireEvent]) -> None:
        """Read a body with content-length, or one that ends with the connection."""
        left = self._left
        if left is None:
            events.append(BodyData(self._stream, data))
        elif len(data) < left:
            self._left = left - len(data)
            events.append(BodyData(self._stream, data))
        else:
            events.append(BodyData(self._stream, data[:left]))
            self._end(data[left:], events)

    def _end_chunked(self, reader: ChunkedReader, events: list[WireEvent]) -> None:
        self._chunked = None
        if reader.fault is not None:
            self._malformed(f"the chunked body is malformed: {reader.fault}", events)
        else:
            self._end(reader.rest, events)

    def _end(self, rest: bytes, events: list[WireEvent]) -> None:
        """The response is complete; ``rest`` are the bytes after it."""
        # A response may end before its request has been sent, but then the connection cannot be reused.
        keep = self._keep and not self._out
        self._machine.fire(Http1Input.END_REUSABLE if keep else Http1Input.END_LAST)
        self._out = []
        events.append(ResponseEnd(self._stream))
        if keep and rest:
            self._unasked(events)

    def _unasked(self, events: list[WireEvent]) -> None:
        # Section 9.2: bytes that come without a request must not be taken as the response to the next one.
        self._fail(FaultKind.MALFORMED_RESPONSE, "the provider sent bytes that no request had asked for", events)

    def _malformed(self, detail: str, events: list[WireEvent]) -> None:
        self._fail(FaultKind.MALFORMED_RESPONSE, detail, events)

    def _fail(self, kind: FaultKind, detail: str, events: list[WireEvent]) -> None:
        """Fail the running stream, if there is one, then the connection."""
        fault = Fault(kind, Side.PROVIDER, detail, retryable=True)
        if self._machine.state is not Http1State.IDLE:
            events.append(StreamFailed(self._stream, fault, unprocessed=bool(self._out)))
        events.append(ConnectionFailed(fault))
        self._stop()

    def _stop(self) -> None:
        self._machine.fire(Http1Input.STOP)
        self._chunked = None
        self._head = None
        self._gate = HeadGate(self._head_limit)
        self._out = []
