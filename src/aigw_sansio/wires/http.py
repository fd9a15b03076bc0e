"""What the HTTP client wires have in common: requests in, parts of responses out.

Decides: the vocabulary that HTTP/1.1 (:mod:`.http1`) and HTTP/2 (:mod:`.http2`) share, so that whoever sends a
request does not see which of them carries it. Must not know: connections, pools and what a body means.
"""

from typing import Protocol, TypeAlias

import msgspec

from ..faults import Fault

#: Header fields in order: names in lower case, values without surrounding blanks, both as received.
Headers: TypeAlias = list[tuple[bytes, bytes]]


class Request(msgspec.Struct, frozen=True):
    """A request to a provider, ready to be sent.

    ``target`` is the origin form (path and query, RFC 9112 section 3.2.1); ``authority`` is the host with its port
    where it is not the scheme's own. ``headers`` must not name ``host``, ``content-length``,
    ``transfer-encoding``, ``connection`` or any other hop-by-hop field: the wire sets what its version needs.
    """

    method: bytes
    scheme: bytes
    authority: bytes
    target: bytes
    headers: Headers
    body: bytes

    def __repr__(self) -> str:
        """Without fields, query and body: keys stand there."""
        path = self.target.partition(b"?")[0]
        return f"Request({self.method!r}, {self.authority!r}, {path!r}, {len(self.body)} bytes)"


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """A final response head (not 1xx) of ``stream``."""

    stream: int
    status: int
    headers: Headers


class BodyData(msgspec.Struct, frozen=True, gc=False):
    """More body of ``stream``, transfer-decoded, never empty. All that one read held comes as one.

    ``flow`` is what the receiver must give back with ``consume(stream, flow)`` once it has passed the data on
    (HTTP/2 flow control, padding included); 0 on HTTP/1.1.
    """

    stream: int
    data: bytes
    flow: int = 0


class ResponseEnd(msgspec.Struct, frozen=True, gc=False):
    """The response of ``stream`` is complete, by a clean end of its body."""

    stream: int


class StreamFailed(msgspec.Struct, frozen=True, gc=False):
    """``stream`` will get nothing more. ``unprocessed``: the peer certainly did not act on the request, so it may
    be sent again elsewhere (REFUSED_STREAM, an id above GOAWAY's last; RFC 9113 sections 5.1.1, 6.8, 8.7)."""

    stream: int
    fault: Fault
    unprocessed: bool = False


class ConnectionFailed(msgspec.Struct, frozen=True, gc=False):
    """The connection can carry nothing more, and must be closed. Every open stream got its own
    :class:`StreamFailed` before."""

    fault: Fault


WireEvent: TypeAlias = ResponseHead | BodyData | ResponseEnd | StreamFailed | ConnectionFailed


class HttpClientWire(Protocol):
    """One upstream connection's protocol. After every call take ``data_to_send()``.

    None of the methods that take a peer's bytes raises. ``LocalProtocolError`` is for calls out of order.
    """

    @property
    def multiplexed(self) -> bool:
        """Whether streams share the connection: holding one back must not pause reading (HTTP/2)."""

    @property
    def capacity(self) -> int:
        """How many more streams may be opened right now; 0 while busy, draining or closed."""

    @property
    def settings_received(self) -> bool:
        """Whether the peer has said how many streams it takes; before that ``capacity`` is a guess."""

    @property
    def reusable(self) -> bool:
        """Whether the connection can still carry a new stream, now or when a running one has ended."""

    @property
    def settings_version(self) -> int:
        """Moves whenever the peer says how many streams it takes, or that it takes no more (HTTP/2: SETTINGS, GOAWAY).
        ``capacity``, ``settings_received`` and ``reusable`` may have changed then although no event came."""

    def send_request(self, request: Request) -> int:
        """Open a stream with the whole ``request`` and return its id. Needs ``capacity``."""

    def request_sent(self, stream: int) -> bool:
        """Whether the last byte of the request of ``stream`` has left through ``data_to_send()``."""

    def cancel(self, stream: int) -> bool:
        """Give up ``stream``: no more events of it. False where only closing the connection stops the peer
        (HTTP/1.1); True where the connection lives on (RST_STREAM CANCEL)."""

    def consume(self, stream: int, flow: int) -> None:
        """The receiver passed on data that counted ``flow``: give the peer that much credit for ``stream``."""

    def receive_data(self, data: bytes) -> list[WireEvent]:
        """Bytes of the peer, non-empty."""

    def receive_eof(self) -> list[WireEvent]:
        """The peer ended its direction cleanly. The last call."""

    def connection_lost(self, reason: str) -> list[WireEvent]:
        """The connection broke. The last call."""

    def ping(self) -> None:
        """Ask for a sign of life, where the protocol can (HTTP/2 PING); otherwise nothing."""

    def data_to_send(self) -> bytes:
        """All bytes the wire wants sent, moved out."""
