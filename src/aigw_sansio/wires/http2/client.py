"""The HTTP/2 client wire: many requests on one upstream connection (RFC 9113).

Decides: how a request becomes a stream, which answers are well formed, and which failures prove that the peer did
not act on a request. Must not know: pools, retries and what a body means. Frames, windows and floods are
:mod:`.h2_link`'s.
"""

from typing import Final

from h2.events import InformationalResponseReceived, RequestReceived, TrailersReceived

from ...errors import LocalProtocolError
from ...faults import Fault, FaultKind, Side
from ..http import BodyData, ConnectionFailed, Request, ResponseEnd, ResponseHead, StreamFailed, WireEvent
from . import frames as wire
from .connection import Http2Connection
from .fields import content_length, outgoing, read_response, read_trailers
from .repairs import close_quietly
from .role import HeadReceived
from .streams import Stream

#: Streams opened before the peer's SETTINGS say how many it takes: RFC 9113 sets no limit, peers do.
_BEFORE_SETTINGS: Final = 8
#: Methods whose empty body is declared all the same (RFC 9110 section 8.6).
_WITH_BODY: Final = frozenset((b"POST", b"PUT", b"PATCH"))
#: Statuses without a body, whatever content-length says (RFC 9110 section 6.4.1).
_BODILESS: Final = frozenset((204, 304))

_ALL: Final = 1 << 62


class Http2Client(Http2Connection[WireEvent]):
    """One connection to a provider. See :class:`.http.HttpClientWire` for what each method promises.

    The preface and our settings wait in ``data_to_send()`` from the start.
    """

    multiplexed = True
    _blame = Side.PROVIDER
    _data_event = BodyData

    def __init__(
        self,
        *,
        max_streams: int = 100,
        head_bytes: int = 32 * 1024,
        stream_window: int = 256 * 1024,
        connection_window: int = 1 << 24,
    ) -> None:
        """``max_streams``: open at once, if the peer allows as many. ``head_bytes``: a response's header section.
        ``stream_window`` and ``connection_window``: bytes the peer may have under way, for one stream and for all;
        at least 65,535."""
        self._unsent: dict[int, None] = {}
        self._written: list[int] = []
        self._pings = 0
        self._last = 0
        self._max_streams = max_streams
        super().__init__(
            client=True, settings={}, head_limit=head_bytes, stream_window=stream_window, window=connection_window
        )

    # -- what the owner asks and does ---------------------------------------------------------------------------

    @property
    def capacity(self) -> int:
        """How many more streams may be opened right now."""
        if not self.reusable:
            return 0
        limit = self._h2.remote_settings.max_concurrent_streams if self.settings_received else _BEFORE_SETTINGS
        return max(0, min(self._max_streams, limit) - len(self._streams))

    @property
    def reusable(self) -> bool:
        """Whether new streams are possible at all: no GOAWAY, no failure, ids left."""
        return not self._failed and not self._draining and self._last < wire.MAX_STREAM_ID

    def send_request(self, request: Request) -> int:
        """Open a stream with the whole ``request``; returns its id. The body follows as the peer's windows allow."""
        if not self.capacity:
            raise LocalProtocolError("send_request needs capacity")
        pseudo = [
            (b":method", request.method),
            (b":scheme", request.scheme),
            (b":authority", request.authority),
            (b":path", request.target),
        ]
        fields = outgoing(pseudo, request.headers)
        if isinstance(fields, str):
            raise LocalProtocolError(fields)
        body = request.body
        if body or request.method in _WITH_BODY:
            fields.append((b"content-length", b"%d" % len(body)))
        number = self._h2.get_next_available_stream_id()
        self._h2.send_headers(number, fields, end_stream=not body)
        self._outlet.collect()
        self._last = number
        stream = self._start(number)
        stream.bodiless = request.method == b"HEAD"
        self._unsent[number] = None
        if len(self._unsent) > 2 * self._max_streams:
            del self._unsent[next(old for old in self._unsent if old not in self._streams)]
        if body:
            self._outlet.queue(stream, body, end=True)
        else:
            self._written.append(number)
        return number

    def request_sent(self, stream: int) -> bool:
        """Whether the whole request of ``stream`` has left through ``data_to_send()``. Also tells it of a stream
        that is over."""
        self._check(stream)
        return stream not in self._unsent

    def cancel(self, stream: int) -> bool:
        """Give up ``stream`` with RST_STREAM(CANCEL). Always True: the connection lives on."""
        self._check(stream)
        state = self._streams.get(stream)
        if state is not None:
            self._reset(state, wire.CANCEL)
            self._forget(state)
        return True

    def receive_eof(self) -> list[WireEvent]:
        """The peer ended cleanly: streams without a head are lost, those with one are incomplete."""
        return self._over("the provider closed the connection", FaultKind.INCOMPLETE_BODY)

    def connection_lost(self, reason: str) -> list[WireEvent]:
        """The connection broke."""
        return self._over(f"the connection to the provider broke: {reason}", FaultKind.CONNECTION_LOST)

    def ping(self) -> None:
        """Send PING. Any byte of the peer is a sign of life, its answer is one."""
        if not self._failed:
            self._pings += 1
            self._outlet.put(wire.ping(b"ping" + self._pings.to_bytes(4, "big")))

    def data_to_send(self) -> bytes:
        """All bytes the wire wants sent, moved out."""
        outlet = self._outlet
        if not outlet.out and not outlet.ready:
            return b""
        data = outlet.take(_ALL)
        if self._written:
            for number in self._written:
                self._unsent.pop(number, None)
            self._written.clear()
        return data

    # -- what the link found ------------------------------------------------------------------------------------

    def _check(self, stream: int) -> None:
        if stream > self._last or not stream & 1 or stream < 1:
            raise LocalProtocolError(f"stream {stream} was never issued")

    def _over(self, detail: str, begun: FaultKind) -> list[WireEvent]:
        if not self._failed:
            for stream in list(self._receiving.values()):
                self._fault(stream, Fault(begun, Side.PROVIDER, detail, True))
            self._lose(Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, detail, True))
        return self._taken()

    def _on_head(self, event: HeadReceived) -> None:
        if isinstance(event, RequestReceived):
            self._fail(wire.PROTOCOL_ERROR, "the server opened a stream")
            return
        stream = self._streams.get(event.stream_id)
        if stream is None:
            return
        if isinstance(event, TrailersReceived):
            wrong = read_trailers(event.headers)
            if wrong is not None:
                self._malformed(stream, wrong)
            return
        interim = isinstance(event, InformationalResponseReceived)
        if interim:
            self._charge()
            if self._failed:
                return
        head = read_response(event.headers, interim=interim)
        if isinstance(head, str):
            self._malformed(stream, head)
        elif not interim:
            status, headers = head
            if status in _BODILESS or stream.bodiless:
                length: int | None = 0
            else:
                length = content_length(headers)
            self._expect(stream, length)
            self._events.append(ResponseHead(stream.number, status, headers))

    def _on_end(self, stream: Stream) -> None:
        # An answer may come before the request is through (RFC 9113 section 8.1): the rest is of no use.
        self._reset(stream, wire.CANCEL)
        self._drop(stream)
        self._events.append(ResponseEnd(stream.number))

    def _on_reset(self, stream: Stream, code: int) -> None:
        refused = code == wire.REFUSED_STREAM
        kind = FaultKind.STREAM_REFUSED if refused else FaultKind.STREAM_RESET
        fault = Fault(kind, Side.PROVIDER, f"the provider reset the stream with code {code}", True)
        self._on_fault(stream, fault, unprocessed=refused)

    def _on_fault(self, stream: Stream, fault: Fault, *, unprocessed: bool = False) -> None:
        self._events.append(StreamFailed(stream.number, fault, unprocessed))

    def _on_failure(self, fault: Fault) -> None:
        self._events.append(ConnectionFailed(fault))

    def _on_goaway(self, last_stream: int) -> None:
        fault = Fault(FaultKind.STREAM_REFUSED, Side.PROVIDER, "the provider is going away (GOAWAY)", True)
        for stream in list(self._streams.values()):
            if stream.number > last_stream:
                # Without RST_STREAM: to the provider the stream may never have been open.
                close_quietly(self._h2, stream.number)
                self._fault(stream, fault, unprocessed=True)

    def _on_sent(self, stream: Stream) -> None:
        self._written.append(stream.number)
