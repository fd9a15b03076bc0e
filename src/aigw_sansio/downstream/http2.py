"""A client's connection over HTTP/2: many WebSockets by extended CONNECT, and plain requests beside them.

Decides: how requests become streams that their handlers use like HTTP/1.1 connections, which bytes of a stream the
transport has taken, and when an unused connection is closed (RFC 8441, RFC 9113). Must not know: which clients may
connect, and what a WebSocket carries.

The end of a stream stands for the end of a TCP connection (RFC 8441 section 5): END_STREAM is a clean end, RST_STREAM
resets that pipe alone, and pausing a stream withholds the credit of that stream only. The bytes of each stream do not
depend on how reads were cut; the sizes of DATA frames do.
"""

from collections import deque

from ..engine.backlog import Backlog
from ..engine.connection import Connection
from ..engine.memory import PER_STREAM
from ..engine.send_buffer import PER_PIECE
from ..engine.services import Services
from ..engine.turns import PORTION_FRAMES
from ..events import ConnectionRefused, UpgradeRefused
from ..faults import ENVELOPE_CODE, HTTP_STATUS, Fault, FaultKind, Side
from ..ids import ConnId
from ..wires.http import ConnectionFailed, Headers
from ..wires.http2.events import RequestReceived, StreamAborted, StreamData
from ..wires.http2.frames import CANCEL
from ..wires.http2.server import Http2Server, ServerEvent
from ..wires.websocket.handshake import NotUpgrade, Offers, WrongVersion, read_offers
from .addresses import client_at
from .http2_stream import StreamPipe, StreamState
from .ports import ClientRequest, RequestHandler
from .refusal import refuse_head, too_many_fields


class Http2DownstreamConnection(Connection):
    """A client's connection. Implements ``StreamOwner`` and ``BacklogOwner``."""

    __slots__ = (
        "_awake",
        "_backlog",
        "_confirmed",
        "_draining",
        "_finishing",
        "_handler",
        "_idle_timer",
        "_local",
        "_marks",
        "_no_request_yet",
        "_pipes",
        "_sending",
        "_taken",
        "_wire",
        "peer",
        "proxied",
    )

    def __init__(
        self,
        services: Services,
        conn: ConnId,
        *,
        peer: str,
        handler: RequestHandler,
        now: float,
        local: str | None = None,
        draining: bool = False,
        proxied: bool = False,
    ) -> None:
        """``peer``: the client's address. ``local``: the address that it reached. ``handler`` decides about requests.
        ``draining``: the connection is closed after its first stream. ``proxied``: the peer is a trusted proxy."""
        super().__init__(services, conn)
        self.peer = peer
        #: Each stream is a client of its own.
        self.proxied = proxied
        self._local = local
        self._handler = handler
        limits = services.config.limits
        self._wire = Http2Server(
            max_streams=limits.streams_per_connection,
            max_requests=limits.requests_per_connection,
            head_bytes=limits.head_bytes,
            head_fields=limits.head_fields,
            portion=PORTION_FRAMES,
        )
        self._backlog = Backlog(services.turns, self)
        self._pipes: dict[int, StreamPipe] = {}
        self._sending: dict[int, StreamPipe] = {}  # with bytes that are in no frame yet
        self._finishing: dict[int, StreamPipe] = {}  # closed by us, but still open on the wire
        # The parts of the wire's output: (its end, counted in all bytes of the connection; stream; bytes of the stream,
        # and pieces that are complete with them).
        self._marks: deque[tuple[int, StreamPipe, int, int]] = deque()
        self._taken = 0
        self._confirmed = 0
        self._awake = False
        self._draining = draining
        self._no_request_yet = True
        self._idle_timer = services.timers.timer(self._on_idle)
        self._idle_timer.arm(now + services.config.timeouts.handshake_s)
        self._pump(now)

    # -- inputs -------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        if not self.closing:
            self._dispatch(self._wire.receive_data(data), now)
            if self._wire.unread:
                self._backlog.portion_read(self.services.turns.left, now)
            self._wake()

    def receive_eof(self, now: float) -> None:
        if self._backlog.waits:
            self._backlog.end_later(self.receive_eof)
        elif not self.closing:
            self._dispatch(self._wire.receive_eof(), now)

    def connection_lost(self, reason: str, now: float) -> None:
        self.mark_lost()
        self._idle_timer.cancel()
        self._backlog.close()  # a client that has gone needs no more work: a flood would outlive its connection
        self._streams_lost(reason, now)

    def data_sent(self, n: int, now: float) -> None:
        super().data_sent(n, now)
        self._confirmed += n
        marks = self._marks
        while marks and marks[0][0] <= self._confirmed:
            _, pipe, size, pieces = marks.popleft()
            pipe.pieces -= pieces
            pipe.sent(size, now)
        if self._sending or self._wire.pending:
            self._wake()

    def closed(self, now: float) -> None:
        if not self.ended:
            self.connection_lost("the connection was given up", now)
        super().closed(now)
        self._idle_timer.close()
        self._backlog.close()
        self._wire.close()

    @property
    def outstanding(self) -> int:
        return self.buffer.size + self._wire.framed + sum(pipe.queued for pipe in self._sending.values())

    @property
    def held(self) -> int:
        return self.outstanding + PER_PIECE * sum(pipe.pieces for pipe in self._pipes.values()) + self.undelivered

    @property
    def undelivered(self) -> int:
        """Memory of the bytes that were received and not passed on: frames not read yet, and those of all streams."""
        return self._wire.held + sum(pipe.undelivered for pipe in self._pipes.values())

    @property
    def pipes(self) -> list[StreamPipe]:
        """Its streams that have not ended."""
        return list(self._pipes.values())

    def drain(self, now: float) -> None:
        """The gateway goes away: no new streams; the connection is closed after its last one."""
        if not self.closing:
            self._draining = True
            self._no_request_yet = False
            self._wire.shutdown()
            self._pump(now)

    # -- for the streams ----------------------------------------------------------------------------------------

    def accept(self, pipe: StreamPipe, headers: Headers) -> None:
        """Accept the WebSocket of ``pipe``."""
        self._wire.accept(pipe.number, headers)
        self._wake()

    def respond(self, pipe: StreamPipe, *, status: int, headers: Headers, body: bytes) -> None:
        """Send a plain response."""
        self._wire.respond(pipe.number, status, headers, body)
        self._finishing[pipe.number] = pipe
        self._queued(pipe)

    def send(self, pipe: StreamPipe, data: bytes) -> None:
        """Queue ``data``, which ``pipe`` has counted."""
        self._wire.send(pipe.number, data)
        self._queued(pipe)

    def end_stream(self, pipe: StreamPipe, credit: int) -> None:
        """Close our direction of ``pipe`` (END_STREAM). The client gets ``credit``, so that it can end its own."""
        self._wire.end(pipe.number)
        self.consume(pipe, credit)
        self._finishing[pipe.number] = pipe
        self._wake()

    def reset(self, pipe: StreamPipe) -> None:
        """Abort ``pipe``, in both directions (RST_STREAM)."""
        self._wire.reset(pipe.number, CANCEL)
        self._remove(pipe)
        self._wake()

    def consume(self, pipe: StreamPipe, flow: int) -> None:
        """``flow`` bytes of ``pipe`` were passed on: give the client that much credit."""
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
                self._tell(event.fault)
                self._flush_all(now)  # before the close: GOAWAY names the error
                self.close(now)
            elif isinstance(event, StreamAborted):
                pipe = self._pipes.get(event.stream)
                if pipe is not None:
                    self._remove(pipe)  # before its user is told: nothing of it may be sent any more
                    pipe.stream_lost(event.fault.detail, now)
            else:
                pipe = self._pipes.get(event.stream)
                if pipe is not None:
                    pipe.receive_eof(now)

    def _tell(self, fault: Fault) -> None:
        """The host hears of what is no HTTP/2, of a breach of it and of a flood; of a client that leaves by its streams
        alone."""
        address = client_at(self.peer)
        if not self._wire.began:
            kind = FaultKind.BAD_HANDSHAKE
            status, code = HTTP_STATUS[kind], ENVELOPE_CODE[kind]
            refused = UpgradeRefused(conn=self.conn, status=status, code=code, reason=fault.detail, address=address)
            self.services.emit(refused)
        elif fault.kind is FaultKind.PROTOCOL_ERROR:
            self.services.emit(ConnectionRefused(self.conn, fault.detail, address))

    def _open(self, event: RequestReceived, now: float) -> None:
        self._idle_timer.cancel()
        self._no_request_yet = False
        pipe = self._pipes[event.stream] = StreamPipe(self, event.stream, tunnel=event.method == b"CONNECT")
        self.services.grow(PER_STREAM)
        if len(event.headers) > self.services.config.limits.head_fields:
            fault = too_many_fields(len(event.headers), self.services.config.limits.head_fields)
            refuse_head(self.services, self.conn, pipe, fault, now, status=431, address=client_at(self.peer))
            return
        target = event.path or event.authority
        request = ClientRequest(
            conn=self.conn,
            peer=self.peer,
            method=event.method,
            target=target,
            headers=_joined(event.headers),
            websocket=_offers(event),
            local=self._local,
            authority=event.authority,
        )
        pending = self._handler.request_arrived(request, pipe, now)
        if pipe.state is StreamState.DECIDING:  # the handler may have decided before it returned
            pipe.pending = pending

    def _queued(self, pipe: StreamPipe) -> None:
        if pipe.queued:
            self._sending[pipe.number] = pipe
        self._wake()

    def _wake(self) -> None:
        """Move the wire's output to the send buffer, at the end of this input."""
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
        """Move one piece of the wire's output. Each stream's part is marked: it is confirmed with the bytes of the
        piece."""
        data = self._wire.data_to_send()
        if not data:
            return False
        self._taken += len(data)  # before the marks, which count from the start of the connection
        if self._sending:
            end = self._taken + self._wire.framed
            for number, pipe in list(self._sending.items()):
                left = self._wire.queued(number)
                if left < pipe.queued:
                    pieces = 0 if left else pipe.queued_pieces
                    self._marks.append((end, pipe, pipe.queued - left, pieces))
                    pipe.queued = left
                    pipe.queued_pieces -= pieces
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
        """All streams end with the connection; their users are told."""
        self._wire.connection_lost(reason)
        for pipe in list(self._pipes.values()):
            self._remove(pipe)  # before its user is told: nothing of it may be sent any more
            pipe.stream_lost(reason, now)
        unconfirmed, self._marks = self._marks, deque()
        for _, pipe, _, _ in unconfirmed:  # of streams that had ended in order
            if pipe.outstanding:
                pipe.stream_lost(reason, now)

    def _on_unused(self, now: float) -> None:
        """No stream is open: close the connection, or wait for a request."""
        if (self._draining or self._wire.shutting_down) and not self._no_request_yet:
            self._close_with_goaway(now)
        elif self._idle_timer.deadline is None:
            self._idle_timer.arm(now + self.services.config.timeouts.connection_idle_s)

    def _close_with_goaway(self, now: float) -> None:
        """Close, with GOAWAY."""
        self._wire.shutdown()
        self._flush_all(now)
        self.close(now)

    def _on_idle(self, now: float) -> None:
        self._close_with_goaway(now)

    def close(self, now: float, *, abort: bool = False) -> None:
        self._idle_timer.cancel()
        if not self.ended:
            self._backlog.close()
        super().close(now, abort=abort)

    def _on_stall(self, now: float) -> None:
        """The client took no bytes in time, or did not close in time."""
        self._backlog.close()
        self.ended = self.closing = True
        self._streams_lost("the client takes no more bytes", now)
        super()._on_stall(now)


def _offers(event: RequestReceived) -> Offers | NotUpgrade | WrongVersion | Fault:
    if event.protocol is None:
        return NotUpgrade()
    if event.protocol != b"websocket":
        return Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, "the only :protocol here is websocket")
    return read_offers(event.headers)


def _joined(headers: Headers) -> Headers:
    """The fields with the pieces of ``cookie`` joined into one (RFC 9113 section 8.2.3)."""
    crumbs = [value for name, value in headers if name == b"cookie"]
    if len(crumbs) < 2:
        return headers
    return [*(field for field in headers if field[0] != b"cookie"), (b"cookie", b"; ".join(crumbs))]
