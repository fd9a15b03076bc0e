"""The HTTP/2 client wire: many requests on one upstream connection (RFC 9113).

Decides: how a request becomes a stream, which responses are well formed, and which failures prove that the peer did not
act on a request. Must not know: pools, retries and what a body means. :mod:`.connection` handles frames, windows and
floods.
"""

from typing import Final

from h2.events import InformationalResponseReceived, RequestReceived, TrailersReceived

from ...errors import LocalProtocolError
from ...faults import Fault, FaultKind, Side
from ..head_memo import HeaderSection
from ..http import BodyData, ConnectionFailed, Request, ResponseEnd, ResponseHead, StreamFailed, WireEvent
from . import frames as wire
from . import repairs
from .connection import Http2Connection
from .fields import content_length, outgoing, read_response, read_trailers
from .repairs import close_quietly
from .role import HeadReceived
from .streams import Stream

#: Streams opened before the peer's SETTINGS tell its limit. RFC 9113 sets no limit, but peers do.
_BEFORE_SETTINGS: Final = 8
#: Methods for which even an empty body gets a content-length (RFC 9110 section 8.6).
_WITH_BODY: Final = frozenset((b"POST", b"PUT", b"PATCH"))
#: Statuses without a body, whatever the content-length (RFC 9110 section 6.4.1).
_BODILESS: Final = frozenset((204, 304))

#: Frames that only a response brings.
_OF_RESPONSES: Final = frozenset((wire.DATA, wire.HEADERS, wire.RST_STREAM, wire.CONTINUATION))
#: The most bytes that are framed at a time: until then a body is held once, however large the peer's windows are.
_PIECE: Final = 256 * 1024
#: The number of a stream that is not known yet.
_ANY: Final = 1 << 62


class Http2Client(Http2Connection[WireEvent]):
    """One connection to a provider. :class:`aigw_sansio.wires.http.HttpClientWire` describes its methods.

    ``data_to_send()`` has the preface and our settings from the start.
    """

    multiplexed = True
    _blame = Side.PROVIDER
    _data_event = BodyData

    def __init__(
        self,
        *,
        max_streams: int = 100,
        head_bytes: int = 32 * 1024,
        head_fields: int = 128,
        stream_window: int = 256 * 1024,
        connection_window: int = 1 << 24,
        portion: int = 1 << 30,
    ) -> None:
        """``max_streams``: the most streams at once, if the peer allows as many. ``head_bytes``: the largest header
        section of a response. ``head_fields``: the most fields of one, and of a trailer section. ``stream_window`` and
        ``connection_window``: bytes that the peer may send before we give more credit, on one stream and on all; at
        least 65,535. ``portion``: the most frames that one call reads; see ``unread``."""
        self._field_limit = head_fields
        self._unsent: dict[int, None] = {}
        self._written: list[int] = []
        self._pings = 0
        self._last = 0
        self._covered = 0  # the last stream that a GOAWAY of the peer covers
        self._wants_http1 = False  # that GOAWAY says so
        self._max_streams = max_streams
        super().__init__(
            client=True,
            settings={},
            head_limit=head_bytes,
            stream_window=stream_window,
            window=connection_window,
        )
        self._portion = portion
        self._limit = min(max_streams, _BEFORE_SETTINGS)  # of streams at once

    # -- for the owner --------------- ---------------------------------------------------------------------------

    @property
    def capacity(self) -> int:
        """How many more streams may be opened right now."""
        if not self.reusable:
            return 0
        return max(0, self._limit - len(self._streams))

    @property
    def reusable(self) -> bool:
        """Whether new streams are possible at all: no GOAWAY, no failure, ids left."""
        return not self._failed and not self._draining and self._last < wire.MAX_STREAM_ID

    def send_request(self, request: Request) -> int:
        """Open a stream with the whole ``request`` and return its id. The body is sent as the peer's windows allow."""
        if not self.capacity:
            raise LocalProtocolError("send_request needs capacity")
        memo, body = request.own_memo, request.body
        section = None if memo is None else memo.http2
        if section is None:
            section = _section(request)
            if memo is not None:
                memo.http2 = section
        length = b"%d" % len(body) if body or request.method in _WITH_BODY else None
        number = self._h2.get_next_available_stream_id()
        repairs.send_request(self._h2, number, section, length, end_stream=not body)
        self._writer.collect()
        self._last = number
        stream = self._start(number)
        stream.bodiless = request.method == b"HEAD"
        self._unsent[number] = None
        if len(self._unsent) > 2 * self._max_streams:
            del self._unsent[next(old for old in self._unsent if old not in self._streams)]
        if body:
            self._writer.queue(stream, body, end=True)
        else:
            self._written.append(number)
        return number

    def request_sent(self, stream: int) -> bool:
        """Whether the whole request of ``stream`` has left through ``data_to_send()``. Works for streams that have
        ended too."""
        self._check(stream)
        return stream not in self._unsent

    def response_read(self, stream: int) -> bool:
        """Whether the response of ``stream`` has been read to its end, or has failed."""
        self._check(stream)
        return stream not in self._streams

    def cancel(self, stream: int) -> bool:
        """Cancel ``stream`` with RST_STREAM(CANCEL). Always True: the connection lives on."""
        self._check(stream)
        state = self._streams.get(stream)
        if state is not None:
            self._reset(state, wire.CANCEL)
            self._forget(state)
        return True

    def receive_eof(self) -> list[WireEvent]:
        """The peer ended the connection cleanly. Streams without a response head fail with ``CONNECTION_LOST``, streams
        with one with ``INCOMPLETE_BODY``."""
        return self._peer_gone("the provider closed the connection", FaultKind.INCOMPLETE_BODY)

    def connection_lost(self, reason: str) -> list[WireEvent]:
        """The connection broke."""
        return self._peer_gone(f"the connection to the provider broke: {reason}", FaultKind.CONNECTION_LOST)

    def ping(self) -> None:
        """Send PING. The peer's answer is a sign of life, as is any byte from it."""
        if not self._failed:
            self._pings += 1
            self._writer.put(wire.ping(b"ping" + self._pings.to_bytes(4, "big")))

    def data_to_send(self) -> bytes:
        """Take the next bytes that the wire wants to send; empty if there are none."""
        writer = self._writer
        if not writer.out and not writer.ready:
            return b""
        data = writer.take(_PIECE)
        if self._written and not writer.out:
            for number in self._written:
                self._unsent.pop(number, None)
            self._written.clear()
        return data

    # -- for the connection -------------------------------------------------------------------------------------

    def _check(self, stream: int) -> None:
        if stream > self._last or not stream & 1 or stream < 1:
            raise LocalProtocolError(f"stream {stream} was never issued")

    def _peer_gone(self, detail: str, begun: FaultKind) -> list[WireEvent]:
        if not self._failed:
            self._note_cut()
            for stream in list(self._receiving.values()):
                self._fault(stream, Fault(begun, Side.PROVIDER, detail, retryable=True))
            self._end_connection(Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, detail, retryable=True))
        return self._take_events()

    def _note_cut(self) -> None:
        """The connection ended inside of a frame or of a header block. That may have been the beginning of a response,
        of any stream if the frame's own header is not whole."""
        number, tail = self._block, self._tail
        if tail and not number:
            kind = tail[3] if len(tail) > 3 else wire.HEADERS
            if kind not in _OF_RESPONSES:
                return
            number = wire.HEADER.unpack_from(tail)[2] & wire.MAX_STREAM_ID if len(tail) >= 9 else _ANY
        for stream in self._streams.values():
            stream.answered = stream.answered or number in (stream.number, _ANY)

    def _on_head(self, event: HeadReceived) -> None:
        if isinstance(event, RequestReceived):
            self._fail(wire.PROTOCOL_ERROR, "the server opened a stream")
            return
        stream = self._streams.get(event.stream_id)
        if stream is None:
            return
        fields = len(event.headers)
        if fields > self._field_limit:
            self._malformed(stream, f"a header section of {fields} fields; head_fields allows {self._field_limit}")
            return
        if isinstance(event, TrailersReceived):
            wrong = read_trailers(event.headers)
            if wrong is not None:
                self._malformed(stream, wrong)
            return
        interim = isinstance(event, InformationalResponseReceived)
        if interim:
            stream.answered = True
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
        # A response may end before the request is sent (RFC 9113 section 8.1): then the rest of the request is useless.
        self._reset(stream, wire.CANCEL)
        self._remove(stream)
        self._events.append(ResponseEnd(stream.number))

    def _on_reset(self, stream: Stream, code: int) -> None:
        refused = code == wire.REFUSED_STREAM
        kind = FaultKind.STREAM_REFUSED if refused else FaultKind.STREAM_RESET
        fault = Fault(kind, Side.PROVIDER, f"the provider reset the stream with code {code}", retryable=True)
        http1 = code == wire.HTTP_1_1_REQUIRED
        self._events.append(StreamFailed(stream.number, fault, unprocessed=refused, needs_http1=http1))

    def _on_fault(self, stream: Stream, fault: Fault, *, unprocessed: bool = False) -> None:
        processed = not unprocessed and (stream.number <= self._covered or stream.answered)
        self._events.append(
            StreamFailed(
                stream.number,
                fault,
                unprocessed=unprocessed,
                processed=processed,
                needs_http1=self._wants_http1,
            )
        )

    def _on_failure(self, fault: Fault) -> None:
        self._events.append(ConnectionFailed(fault))

    def _on_goaway(self, last_stream: int, code: int) -> None:
        self._covered = last_stream
        self._wants_http1 = code == wire.HTTP_1_1_REQUIRED
        fault = Fault(FaultKind.STREAM_REFUSED, Side.PROVIDER, "the provider is going away (GOAWAY)", retryable=True)
        for stream in list(self._streams.values()):
            if stream.number > last_stream:
                # No RST_STREAM: for the provider the stream may never have been open.
                close_quietly(self._h2, stream.number)
                self._fault(stream, fault, unprocessed=True)

    def _settings_changed(self) -> None:
        super()._settings_changed()
        self._limit = min(self._max_streams, self._h2.remote_settings.max_concurrent_streams)

    def _on_sent(self, stream: Stream) -> None:
        self._written.append(stream.number)


def _section(request: Request) -> HeaderSection:
    """The header section of ``request`` without the length of its body. ``LocalProtocolError`` if HTTP/2 cannot express
    it."""
    pseudo = [
        (b":method", request.method),
        (b":scheme", request.scheme),
        (b":authority", request.authority),
        (b":path", request.target),
    ]
    fields = outgoing(pseudo, request.headers)
    if isinstance(fields, str):
        raise LocalProtocolError(fields)
    return HeaderSection(fields)
