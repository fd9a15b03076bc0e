"""The interface of the HTTP client wires: requests in, parts of responses out.

Data only. Values and one protocol that HTTP/1.1 (:mod:`.http1.client`) and HTTP/2 (:mod:`.http2.client`) share, so the
sender of a request does not see which of them carries it. Must not know: connections, pools and what a body means.
"""

from typing import Protocol, TypeAlias

import msgspec

from ..faults import Fault
from .head_memo import HeadMemo

#: Header fields in order: names in lower case, values without surrounding blanks, both as received.
Headers: TypeAlias = list[tuple[bytes, bytes]]


class Request(msgspec.Struct, frozen=True):
    """A request to a provider, ready to be sent.

    ``target`` is the origin form (path and query, RFC 9112 section 3.2.1); ``authority`` is the host, with its port if
    it is not the scheme's default. ``headers`` must not name ``host``, ``content-length``, ``transfer-encoding``,
    ``connection`` or any other hop-by-hop field: the wire sets what its version needs.
    """

    method: bytes
    scheme: bytes
    authority: bytes
    target: bytes
    headers: Headers
    body: bytes
    memo: HeadMemo | None = None  #: for wires, if others have the same head

    @property
    def own_memo(self) -> HeadMemo | None:
        """``memo``, if it is of this very head."""
        memo = self.memo
        if memo is None or not memo.is_of(self.method, self.scheme, self.authority, self.target, self.headers):
            return None
        return memo

    def __repr__(self) -> str:
        """Without fields, query and body, because they may hold keys."""
        path = self.target.partition(b"?")[0]
        return f"Request({self.method!r}, {self.authority!r}, {path!r}, {len(self.body)} bytes)"


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """A final response head (not 1xx) of ``stream``."""

    stream: int
    status: int
    headers: Headers


class BodyData(msgspec.Struct, frozen=True, gc=False):
    """More body of ``stream``, transfer coding removed, never empty. One read gives at most one such event for a
    stream.

    Call ``consume(stream, flow)`` once the data is passed on: it returns that much flow-control credit (HTTP/2, padding
    included). ``flow`` is 0 on HTTP/1.1.
    """

    stream: int
    data: bytes
    flow: int = 0


class ResponseEnd(msgspec.Struct, frozen=True, gc=False):
    """The response of ``stream`` is complete: its body ended cleanly."""

    stream: int


class StreamFailed(msgspec.Struct, frozen=True, gc=False):
    """``stream`` gets no more events. ``unprocessed``: the peer certainly did not act on the request, so it may be sent
    again elsewhere (REFUSED_STREAM, an id above GOAWAY's last; RFC 9113 sections 5.1.1, 6.8, 8.7). ``processed``: it
    may have (an id that GOAWAY covers, or a part of a response). ``needs_http1``: it wants the request over HTTP/1.1
    (HTTP_1_1_REQUIRED)."""

    stream: int
    fault: Fault
    unprocessed: bool = False
    processed: bool = False
    needs_http1: bool = False


class ConnectionFailed(msgspec.Struct, frozen=True, gc=False):
    """The connection failed: close it. Every open stream got its own :class:`StreamFailed` before."""

    fault: Fault


WireEvent: TypeAlias = ResponseHead | BodyData | ResponseEnd | StreamFailed | ConnectionFailed


class HttpClientWire(Protocol):
    """One upstream connection's protocol. After every call take ``data_to_send()`` until it is empty.

    The methods that take a peer's bytes never raise. ``LocalProtocolError`` is for calls out of order.
    """

    @property
    def multiplexed(self) -> bool:
        """Whether streams share the connection (HTTP/2). If they do, do not pause reading to hold one of them back."""

    @property
    def capacity(self) -> int:
        """How many more streams may be opened now; 0 while busy, draining or closed."""

    @property
    def settings_received(self) -> bool:
        """Whether the peer has told its limit of streams; before that ``capacity`` is a guess."""

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry a new stream, now or after a running one has ended."""

    @property
    def settings_version(self) -> int:
        """A counter. It grows when the peer changes its limit of streams or takes no more (HTTP/2: SETTINGS, GOAWAY).
        Then ``capacity``, ``settings_received`` and ``reusable`` may have changed although no event came."""

    @property
    def unread(self) -> bool:
        """Whether bytes are left that were received and not read, because one call reads only a portion: then call
        :meth:`receive_data` with no bytes."""

    def send_request(self, request: Request) -> int:
        """Open a stream with the whole ``request`` and return its id. Needs ``capacity``."""

    def request_sent(self, stream: int) -> bool:
        """Whether the last byte of the request of ``stream`` has left through ``data_to_send()``."""

    def response_read(self, stream: int) -> bool:
        """Whether the response of ``stream`` has been read to its end: the event of that has been returned."""

    def cancel(self, stream: int) -> bool:
        """Cancel ``stream``: it gets no more events. Returns False if only closing the connection stops the peer
        (HTTP/1.1); True if the connection lives on (RST_STREAM CANCEL)."""

    def consume(self, stream: int, flow: int) -> None:
        """Data that counted ``flow`` was passed on: give the peer that much credit for ``stream``."""

    def receive_data(self, data: bytes) -> list[WireEvent]:
        """Bytes from the peer; none to go on with what is ``unread``."""

    def receive_eof(self) -> list[WireEvent]:
        """The peer ended its direction cleanly. The last call."""

    def connection_lost(self, reason: str) -> list[WireEvent]:
        """The connection broke. The last call."""

    def close(self) -> None:
        """The connection is released: all that is held is dropped. The last call."""

    def ping(self) -> None:
        """Ask the peer for a sign of life, if the protocol can (HTTP/2 PING); otherwise do nothing."""

    def data_to_send(self) -> bytes:
        """Take the next bytes that the wire wants to send; empty if there are none. What is left may wait."""
