"""A client's connection over HTTP/2: many WebSockets by extended CONNECT, and plain requests beside them.

Decides: how requests become streams that look like an HTTP/1.1 connection to whoever answers them, which bytes of a
stream the transport has taken, and when an unused connection ends (RFC 8441, RFC 9113). Must not know: who may
connect and what a WebSocket carries.

The end of a stream stands for the end of a TCP connection (RFC 8441 section 5): END_STREAM is a clean end, RST_STREAM
a reset of that pipe alone, and holding one back withholds that stream's credit only. Where DATA frames are cut depends
on how reads were: what does not are the bytes of each stream.
"""

from collections import deque

from ..engine.connection import Connection
from ..engine.services import Services
from ..events import UpgradeRefused
from ..faults import ENVELOPE_CODE, HTTP_STATUS, Fault, FaultKind, Side
from ..ids import ConnId
from ..wires.http import ConnectionFailed, Headers
from ..wires.http2.events import RequestReceived, StreamAborted, StreamData
from ..wires.http2.frames import CANCEL
from ..wires.http2.server import Http2Server, ServerEvent
from ..wires.websocket.handshake import NotUpgrade, Offers, WrongVersion, read_offers
from .http2_stream import StreamPipe, StreamState
from .ports import ClientRequest, RequestHandler


class Http2DownstreamConnection(Connection):
    """A client's connection. ``peer`` is its address for events."""

    __slots__ = (
        "_awake",
        "_confirmed",
        "_draining",
        "_finishing",
        "_handler",
        "_idle_timer",
        "_marks",
        "_no_request_yet",
        "_pipes",
        "_sending",
        "_taken",
        "_wire",
        "peer",
    )

    def __init__(
        self,
        services: Services,
        conn: ConnId,
        peer: str,
        handler: RequestHandler,
        now: float,
        *,
        draining: bool = False,
    ) -> None:
        """``leaving``: the gateway is draining, so the connection ends with its first stream."""
        super().__init__(services, conn)
        self.peer = peer
        self._handler = handler
        limits = services.config.limits
        self._wire = Http2Server(max_streams=limits.streams_per_connection, head_bytes=limits.head_bytes)
        self._pipes: dict[int, StreamPipe] = {}
        self._sending: dict[int, StreamPipe] = {}  # with bytes in no frame yet
        self._finishing: dict[int, StreamPipe] = {}  # we are through with them, the wire is not
        # What was moved out of the wire: (where it ends in all that was, stream, bytes of it).
        self._marks: deque[tuple[int, StreamPipe, int]] = deque()
        self._taken = 0
        self._confirmed = 0
        self._awake = False
        self._draining = draining
        self._no_request_yet = True  # no request came yet
        self._idle_timer = services.timers.timer(self._on_idle)
        self._idle_timer.arm(now + services.config.timeouts.handshake_s)
        self._pump(now)

    # -- inputs -------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        if not self.closing:
            self._dispatch(self._wire.receive_data(data), now)
            self._wake()

    def receive_eof(self, now: float) -> None:
        if not self.closing:
            self._dispatch(self._wire.receive_eof(), now)

    def connection_lost(self, reason: str, now: float) -> None:
        self.mark_lost()
        self._idle_timer.cancel()
        self._streams_lost(reason, now)

    def data_sent(self, n: int, now: float) -> None:
        super().data_sent(n, now)
        self._confirmed += n
        marks = self._marks
        while marks and marks[0][0] <= self._confirmed:
            _, pipe, size = marks.popleft()
            pipe.sent(size, now)
        if self._sending or self._wire.pending:
            self._wake()

    def closed(self, now: float) -> None:
        if not self.ended:
            self.connection_lost("the connection was given up", now)
        super().closed(now)

    @property
    def outstanding(self) -> int:
        return self.buffer.size + self._wire.framed + sum(pipe.queued for pipe in self._sending.values())

    def drain(self, now: float) -> None:
        """The gateway goes away: no new streams; the connection ends with the last one that is open."""
        if not self.closing:
            self._draining = True
            self._no_request_yet = False
            self._wire.shutdown()
            self._pump(now)

    # -- for the streams ----------------------------------------------------------------------------------------

    def accept(self, pipe: StreamPipe, headers: Headers) -> None:
        """Grant a WebSocket."""
        self._wire.accept(pipe.number, headers)
        self._wake()

    def respond(self, pipe: StreamPipe, status: int, headers: Headers, body: bytes) -> None:
        """Answer plainly."""
        self._wire.respond(pipe.number, status, headers, body)
        self._finishing[pipe.number] = pipe
        self._queued(pipe)

    def send(self, pipe: StreamPipe, data: bytes) -> None:
        """Queue ``data`` of ``pipe``, which has counted it."""
        self._wire.send(pipe.number, data)
        self._queued(pipe)

    def end_stream(self, pipe: StreamPipe, credit: int) -> None:
        """End our direction of ``pipe``, and let the client end its own."""
        self._wire.end(pipe.number)
        self.consume(pipe, credit)
        self._finishing[pipe.number] = pipe
        self._wake()

    def reset(self, pipe: StreamPipe) -> None:
        """End ``pipe`` at once, in both directions."""
        self._wire.reset(pipe.number, CANCEL)
        self._remove(pipe)
        self._wake()

    def consume(self, pipe: StreamPipe, flow: int) -> None:
        """``flow`` bytes of ``pipe`` were passed on."""
        if flow:
            self._wire.consume(pipe.number, flow)
            self._wake()

    # -- inside -------------------------------------------------------------------------------------------------

    def _dispatch(self, events: list[ServerEvent], now: float) -> None:
        for event in events:
            if type(event) is StreamData:
                pipe = self._pipes.get(event.stream)
                if pipe is not None:
                    pipe.receive_data(event.data, event.flow, now)
            elif isinstance(event, RequestReceived):
                self._open(event, now)
            elif isinstance(event, ConnectionFailed):
                if not self._wire.began:
                    kind = FaultKind.BAD_HANDSHAKE
                    self.services.emit(
                        UpgradeRefused(self.conn, HTTP_STATUS[kind], ENVELOPE_CODE[kind], event.fault.detail)
                    )
                self._flush_all(now)
                self.close(now)
            elif isinstance(event, StreamAborted):
                pipe = self._pipes.get(event.stream)
                if pipe is not None:
                    self._remove(pipe)
                    pipe.stream_lost(event.fault.detail, now)
            else:
                pipe = self._pipes.get(event.stream)
                if pipe is not None:
                    pipe.receive_eof(now)

    def _open(self, event: RequestReceived, now: float) -> None:
        self._idle_timer.cancel()
        self._no_request_yet = False
        pipe = self._pipes[event.stream] = StreamPipe(self, event.stream, tunnel=event.method == b"CONNECT")
        target = event.path or event.authority
        request = ClientRequest(self.conn, self.peer, event.method, target, _joined(event.headers), _offers(event))
        pending = self._handler.request_arrived(request, pipe, now)
        if pipe.state is StreamState.DECIDING:
            pipe.pending = pending

    def _queued(self, pipe: StreamPipe) -> None:
        if pipe.queued:
            self._sending[pipe.number] = pipe
        self._wake()

    def _wake(self) -> None:
        """Move out what the wire has, at the end of this input."""
        if not self._awake:
            self._awake = True
            self.services.defer(self._pump)

    def _pump(self, now: float) -> None:
        self._awake = False
        high = self.services.config.limits.send_high_water_bytes
        while self.buffer.size < high and self._move(now):
            pass
        if self._finishing:
            for pipe in list(self._finishing.values()):
                if not self._wire.is_open(pipe.number):
                    pipe.finish()
                    self._remove(pipe)
        if not self._pipes and not self._wire.open_streams and not self.closing:
            self._on_unused(now)

    def _move(self, now: float) -> bool:
        """One pull of the wire. Every stream's share of it is noted, so that its confirmation is that of the share."""
        data = self._wire.data_to_send()
        if not data:
            return False
        self._taken += len(data)
        if self._sending:
            end = self._taken + self._wire.framed
            for number, pipe in list(self._sending.items()):
                left = self._wire.queued(number)
                if left < pipe.queued:
                    self._marks.append((end, pipe, pipe.queued - left))
                    pipe.queued = left
                if not left:
                    del self._sending[number]
        self.write(data, now)
        return True

    def _flush_all(self, now: float) -> None:
        while self._move(now):
            pass

    def _remove(self, pipe: StreamPipe) -> None:
        self._pipes.pop(pipe.number, None)
        self._sending.pop(pipe.number, None)
        self._finishing.pop(pipe.number, None)

    def _streams_lost(self, reason: str, now: float) -> None:
        """Nothing comes or goes any more."""
        self._wire.connection_lost(reason)
        for pipe in list(self._pipes.values()):
            self._remove(pipe)
            pipe.stream_lost(reason, now)

    def _on_unused(self, now: float) -> None:
        """No stream is open."""
        if self._draining and not self._no_request_yet:
            self._close_with_goaway(now)
        elif self._idle_timer.deadline is None:
            self._idle_timer.arm(now + self.services.config.timeouts.connection_idle_s)

    def _close_with_goaway(self, now: float) -> None:
        """Say goodbye, with GOAWAY."""
        self._wire.shutdown()
        self._flush_all(now)
        self.close(now)

    def _on_idle(self, now: float) -> None:
        self._close_with_goaway(now)

    def close(self, now: float, *, abort: bool = False) -> None:
        self._idle_timer.cancel()
        super().close(now, abort=abort)

    def _on_stall(self, now: float) -> None:
        """The client takes nothing, or does not let go."""
        self.ended = True
        self._streams_lost("the client takes no more bytes", now)
        super()._on_stall(now)


def _offers(event: RequestReceived) -> Offers | NotUpgrade | WrongVersion | Fault:
    if event.protocol is None:
        return NotUpgrade()
    if event.protocol != b"websocket":
        return Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, "the only :protocol here is websocket")
    return read_offers(event.headers)


def _joined(headers: Headers) -> Headers:
    """Fields as other versions of HTTP have them: the pieces of ``cookie`` are one (RFC 9113 section 8.2.3)."""
    crumbs = [value for name, value in headers if name == b"cookie"]
    if len(crumbs) < 2:
        return headers
    return [*(field for field in headers if field[0] != b"cookie"), (b"cookie", b"; ".join(crumbs))]
