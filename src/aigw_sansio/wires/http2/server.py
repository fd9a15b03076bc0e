"""The HTTP/2 server wire: WebSockets over extended CONNECT and plain requests (RFC 9113, RFC 8441).

Decides: which requests are well formed, how responses are sent, and how much useless work a client may cause. Must not
know: WebSocket, routes and permissions. :mod:`.connection` handles frames, windows and floods.
"""

from typing import Final, TypeAlias

from h2.events import RequestReceived as H2RequestReceived
from h2.settings import SettingCodes

from ...errors import LocalProtocolError
from ...faults import Fault, FaultKind, Side
from ..http import ConnectionFailed, Headers
from . import frames as wire
from .connection import Http2Connection
from .events import RequestReceived, StreamAborted, StreamData, StreamEof
from .fields import content_length, outgoing, read_request, read_trailers
from .role import HeadReceived
from .streams import Stream

#: How many more streams may end before we answer than we have answered: more are a rapid reset
#: (CVE-2023-44487; CVE-2025-8671 if the client makes us reset them).
_RAPID: Final = 100
#: A stream that is reset after its answer, before it has carried so many bytes, counts as so many requests: it was
#: opened to make us work.
_SHORT_BYTES: Final = 64
_SHORT_COSTS: Final = 10
_WITHOUT_LENGTH: Final = frozenset((204, 304))


ServerEvent: TypeAlias = RequestReceived | StreamData | StreamEof | StreamAborted | ConnectionFailed


class Http2Server(Http2Connection[ServerEvent]):
    """One client's connection. After every call take ``data_to_send()`` while ``pending``.

    The methods that take the client's bytes never raise. ``LocalProtocolError`` is for calls out of order. Calls for a
    stream that has ended have no effect, because its end may have crossed them.
    """

    _blame = Side.CLIENT
    _data_event = StreamData

    def __init__(
        self,
        *,
        max_streams: int = 100,
        max_requests: int | None = None,
        head_bytes: int = 32 * 1024,
        head_fields: int = 128,
        stream_window: int = 256 * 1024,
        connection_window: int = 1 << 24,
        portion: int = 1 << 30,
    ) -> None:
        """``max_streams``: the most streams at once, as told to the client. ``max_requests``: how many there may be in
        all; a :meth:`shutdown` follows the last one. ``head_bytes``: the largest header section of a request.
        ``head_fields``: the most fields of a trailer section; the owner counts those of a head. ``stream_window`` and
        ``connection_window``: bytes that the client may send before we give more credit, on one stream and on all; at
        least 65,535. ``portion``: the most frames that one call reads; see ``unread``."""
        self._max_streams = max_streams
        self._field_limit = head_fields
        self._rapid = 0
        self._requests_left = max_requests
        self._last = 0
        settings = {SettingCodes.MAX_CONCURRENT_STREAMS: max_streams, SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
        super().__init__(
            client=False,
            settings=settings,
            head_limit=head_bytes,
            stream_window=stream_window,
            window=connection_window,
        )
        self._portion = portion

    # -- for the owner --------------- ---------------------------------------------------------------------------

    @property
    def open_streams(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    @property
    def shutting_down(self) -> bool:
        """Whether no new streams are accepted."""
        return self._draining

    @property
    def pending(self) -> bool:
        """Whether ``data_to_send()`` may have something."""
        writer = self._writer
        return bool(writer.out or writer.ready) and writer.pending

    @property
    def framed(self) -> int:
        """Bytes in frames that have not been taken."""
        return self._writer.size

    def is_open(self, stream: int) -> bool:
        """Whether ``stream`` has not ended."""
        return stream in self._streams

    def respond(self, stream: int, status: int, headers: Headers, body: bytes = b"", *, end: bool = True) -> None:
        """Answer with a head and ``body``. ``end``: the response is complete, and the rest of the request is not
        wanted; otherwise call ``send`` and ``end`` next. ``headers`` must not name ``content-length`` or a hop-by-hop
        field."""
        state = self._state(stream)
        if state is None:
            return
        if state.answered:
            raise LocalProtocolError(f"stream {stream} is answered already")
        if not 200 <= status <= 599:
            raise LocalProtocolError(f"{status} is no final status")
        fields = outgoing([(b":status", b"%d" % status)], headers)
        if isinstance(fields, str):
            raise LocalProtocolError(fields)
        if end and status not in _WITHOUT_LENGTH:
            fields.append((b"content-length", b"%d" % len(body)))
        if state.bodiless:
            body = b""
        state.answered = True
        self._rapid = max(0, self._rapid - 1)
        only = end and not body
        self._h2.send_headers(stream, fields, end_stream=only)
        self._writer.collect()
        state.closing = end
        if only:
            self._on_sent(state)
        else:
            self._writer.queue(state, body, end=end)

    def accept(self, stream: int, headers: Headers) -> None:
        """Answer an extended CONNECT with 200 (RFC 8441 section 5): from now on both directions carry data."""
        self.respond(stream, 200, headers, end=False)

    def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Queue ``data`` on ``stream``. ``end``: as if ``end(stream)`` were called next."""
        state = self._streams.get(stream)
        if state is None:
            self._check(stream)
        elif not state.answered or state.end or state.sent:
            raise LocalProtocolError(f"stream {stream} is not answered yet, or ended")
        else:
            self._writer.queue(state, data, end=end)

    def queued(self, stream: int) -> int:
        """Bytes of ``stream`` that wait for the client's windows or for their turn."""
        state = self._streams.get(stream)
        if state is None:
            self._check(stream)
            return 0
        return state.queued

    def end(self, stream: int) -> None:
        """End our direction of ``stream`` after the queued data. The stream ends when the client ends its direction."""
        self.send(stream, b"", end=True)

    def reset(self, stream: int, h2_error_code: int) -> None:
        """Abort ``stream`` with RST_STREAM. It gets no more events, and queued data is dropped."""
        state = self._state(stream)
        if state is not None:
            self._reset(state, h2_error_code)
            self._forget(state)

    def shutdown(self) -> None:
        """Accept no new streams: send GOAWAY(NO_ERROR). Open streams go on (RFC 9113 section 6.8)."""
        if not self._failed and not self._draining:
            self._draining = True
            self._writer.put(wire.goaway(self._last, wire.NO_ERROR))

    def receive_eof(self) -> list[ServerEvent]:
        """The client ended the connection cleanly. After it only ``data_to_send`` may be called."""
        return self._peer_gone("the client closed the connection")

    def connection_lost(self, reason: str) -> list[ServerEvent]:
        """The connection broke. The last call."""
        return self._peer_gone(f"the connection to the client broke: {reason}")

    def data_to_send(self, limit: int = 65536) -> bytes:
        """Take up to ``limit`` bytes; empty if nothing may be sent now."""
        writer = self._writer
        return writer.take(limit) if writer.out or writer.ready else b""

    # -- for the connection -------------------------------------------------------------------------------------

    def _check(self, stream: int) -> None:
        if stream > self._last or not stream & 1 or stream < 1:
            raise LocalProtocolError(f"stream {stream} was never opened")

    def _state(self, stream: int) -> Stream | None:
        state = self._streams.get(stream)
        if state is None:
            self._check(stream)
        return state

    def _peer_gone(self, detail: str) -> list[ServerEvent]:
        if not self._failed:
            self._end_connection(Fault(FaultKind.CLIENT_GONE, Side.CLIENT, detail))
        return self._take_events()

    def _on_head(self, event: HeadReceived) -> None:
        number = event.stream_id
        if not isinstance(event, H2RequestReceived):
            stream = self._streams.get(number)
            if stream is not None:
                wrong = read_trailers(event.headers) if len(event.headers) <= self._field_limit else "too many trailers"
                if stream.tunnel:
                    wrong = "CONNECT has no trailers"
                if wrong is not None:
                    self._malformed(stream, wrong)
            return
        if self._draining or len(self._streams) >= self._max_streams:
            self._refuse(number, wire.REFUSED_STREAM)
            return
        request = read_request(event.headers)
        if isinstance(request, str):
            self._refuse(number, wire.PROTOCOL_ERROR)
            return
        self._last = number
        stream = self._start(number)
        stream.tunnel = request.method == b"CONNECT"
        stream.bodiless = request.method == b"HEAD"
        self._expect(stream, None if stream.tunnel else content_length(request.headers))
        self._events.append(
            RequestReceived(
                stream=number,
                method=request.method,
                protocol=request.protocol,
                scheme=request.scheme,
                authority=request.authority,
                path=request.path,
                headers=request.headers,
            )
        )
        self._count_requests(1)

    def _count_requests(self, n: int) -> None:
        if self._requests_left is not None:
            self._requests_left -= n
            if self._requests_left <= 0:
                self.shutdown()

    def _refuse(self, number: int, code: int) -> None:
        """Reset a stream before the owner has seen it."""
        self._h2.reset_stream(number, code)
        self._writer.collect()
        self._ignore(number)
        self._count_rapid()

    def _count_rapid(self) -> None:
        self._rapid += 1
        if self._rapid > max(_RAPID, self._max_streams) and not self._failed:
            self._fail(wire.ENHANCE_YOUR_CALM, "too many streams that end before they are answered")

    def _on_end(self, stream: Stream) -> None:
        self._events.append(StreamEof(stream.number))
        if stream.sent:
            self._remove(stream)

    def _on_sent(self, stream: Stream) -> None:
        stream.sent = True
        if stream.ended:
            self._remove(stream)
        elif stream.closing:
            self._reset(stream, wire.NO_ERROR)
            self._forget(stream)

    def _on_reset(self, stream: Stream, code: int) -> None:
        gone = code in (wire.CANCEL, wire.NO_ERROR)
        kind = FaultKind.CLIENT_GONE if gone else FaultKind.STREAM_RESET
        self._on_fault(stream, Fault(kind, Side.CLIENT, f"the client reset the stream with code {code}"))

    def _on_fault(self, stream: Stream, fault: Fault, *, unprocessed: bool = False) -> None:
        self._events.append(StreamAborted(stream.number, fault))
        if not stream.answered:
            self._count_rapid()
        elif stream.seen < _SHORT_BYTES:
            self._count_requests(_SHORT_COSTS - 1)

    def _on_failure(self, fault: Fault) -> None:
        self._events.append(ConnectionFailed(fault))

    def _on_goaway(self, last_stream: int, code: int) -> None:
        """The client opens no more streams. Open streams go on."""
