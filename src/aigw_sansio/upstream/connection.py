"""One connection to a provider: dialled, then carrying calls over HTTP/1.1 or HTTP/2, then closed.

Decides: which wire a connection speaks (ALPN, RFC 7301), when it is idle, how long it is kept, and whether a lost call
may be sent again (RFC 9110 section 9.2.2, RFC 9113 section 8.7). Must not know: clients, and what requests mean.

Theory of operation. A connection is dialled, open, perhaps draining, closed. ALPN or the settings choose its wire; from
there on HTTP/1.1 and HTTP/2 differ only in their capacity (1 or many) and in how a call is paused: HTTP/2 withholds the
stream's credit, HTTP/1.1 stops reading the connection.

A call is registered before its request is written and removed before its handler is told of its end, because the
handler may start the next request at once, on this very connection. To cancel a call means RST_STREAM on HTTP/2; on
HTTP/1.1 the connection is aborted.

A lost call is placed again, not more than three times, if the provider cannot have begun it (:mod:`.resend`): HTTP/2
says so (REFUSED_STREAM, GOAWAY, HTTP_1_1_REQUIRED), the transport had not taken all of its bytes, or the connection had
been kept idle and ended within its own handshake time after the last byte was taken (its close crossed the request).

The exchange of a call may end before its response does. The connection then reads on for a while, so that it is kept.

A connection without calls is kept for ``pool_idle_s``, and takes no new call after ``pool_age_s``. On HTTP/1.1 any byte
that arrives while it is idle closes it. A silent HTTP/2 connection with calls is pinged.
"""

from collections.abc import Callable

from ..effects import Connect, Tls
from ..engine.backlog import Backlog
from ..engine.client import Client
from ..engine.connection import Connection
from ..engine.fsm import Machine
from ..engine.services import Services
from ..engine.timers import NO_TIMER
from ..engine.turns import PORTION_FRAMES
from ..faults import Fault, FaultKind, Side
from ..origin import Origin, read_proxy
from ..wires.http import BodyData, ConnectionFailed, HttpClientWire, ResponseEnd, ResponseHead, StreamFailed, WireEvent
from ..wires.http1.client import Http1Client
from ..wires.http2.client import Http2Client
from .call import UpstreamCall
from .ports import UpstreamOwner
from .remainder import Remainder
from .resend import cannot_have_begun
from .states import UPSTREAM_TABLE, UpstreamInput, UpstreamState
from .unsent import UnsentRequests

_MAX_REPLACEMENTS = 3
#: An HTTP/2 provider that has not taken this many bytes is paused: it makes us reply, and takes no replies.
_UNSENT_LIMIT = 256 * 1024


class UpstreamConnection(Connection):
    """A connection of the pool. Implements ``BacklogOwner``."""

    __slots__ = (
        "_backlog",
        "_calls",
        "_idle_timer",
        "_machine",
        "_peer_done",
        "_ping_timer",
        "_pinged",
        "_pool",
        "_settings_version",
        "_stalled",
        "_unsent",
        "dialed_at",
        "handshake_s",
        "last_used",
        "origin",
        "ready_order",
        "served",
        "wire",
    )

    def __init__(self, services: Services, pool: UpstreamOwner["UpstreamConnection"], origin: Origin) -> None:
        super().__init__(services, services.issue_conn())
        self._pool = pool
        self.origin = origin
        self._machine = Machine(UPSTREAM_TABLE, UpstreamState.DIALING)
        self.wire: HttpClientWire | None = None
        self._backlog = Backlog(services.turns, self)
        self._calls: dict[int, UpstreamCall] = {}
        self._unsent = UnsentRequests()
        self.dialed_at = self.last_used = 0.0
        #: How long the dial took, in seconds.
        self.handshake_s = 0.0
        #: How many calls it has carried.
        self.served = 0
        #: Its number among the connections that became ready, counted by the pool.
        self.ready_order = 0
        self._pinged = self._peer_done = False
        self._stalled = False  # the provider takes no bytes: neither would it on another connection
        self._settings_version = 0
        self._idle_timer = services.timers.timer(self._on_idle)
        self._ping_timer = NO_TIMER

    # -- for the pool -------------------------------------------------------------------------------------------

    def dial(self, client: Client | None, begun: Callable[[float], None], now: float) -> None:
        """Ask the driver for the connection. ``client``: for whom it is. ``begun``: see :meth:`.Dials.begin`."""
        self.dialed_at = self.last_used = now
        origin, secure = self.origin, self.origin.scheme == "https"
        tls = Tls(origin.host, origin.ca_file) if secure else None
        alpn = {"auto": ("h2", "http/1.1"), "on": ("h2",), "off": ("http/1.1",)}[origin.http2] if secure else ()
        proxy = None if origin.proxy is None else read_proxy(origin.proxy)  # the pool has put that of all into it
        effect = Connect(self.conn, host=origin.host, port=origin.port, tls=tls, alpn=alpn, proxy=proxy)
        self.services.connect(effect, client, begun, now)

    def keep_dialing(self, now: float) -> None:
        """No call waits for this dial any more. It may still succeed, within ``connect_s`` from now."""
        self._idle_timer.arm(now + self.services.config.timeouts.connect_s)

    @property
    def ready(self) -> bool:
        """Whether the dial has ended."""
        return self._machine.state is not UpstreamState.DIALING

    @property
    def multiplexed(self) -> bool:
        """Whether it speaks HTTP/2."""
        return self.wire is not None and self.wire.multiplexed

    @property
    def awaiting_settings(self) -> bool:
        """Whether it is open, and the provider has not said yet how many calls it takes (HTTP/2 SETTINGS)."""
        return self.wire is not None and not self.wire.settings_received and self._machine.state is UpstreamState.OPEN

    @property
    def capacity(self) -> int:
        """How many more calls it takes now."""
        wire = self.wire
        if wire is None or self._machine.state is not UpstreamState.OPEN or self.closing:
            return 0
        if self.buffer.size and not wire.multiplexed:
            return 0  # the last request is not sent yet
        return wire.capacity

    @property
    def idle(self) -> bool:
        """Whether it carries no call."""
        return not self._calls

    @property
    def exhausted(self) -> bool:
        """Whether it carries no call and takes none: the pool is about to be told of its end."""
        return self.ready and not self._calls and not self.capacity

    def assign(self, call: UpstreamCall, now: float) -> None:
        """Send the request of ``call``. ``capacity`` must be more than 0."""
        assert self.wire is not None
        call.reach = "dialled" if not self.served else "shared" if self._calls else "reused"
        self.served += 1
        self.last_used = now
        call.connection = self
        call.sent = call.response_started = call.paused = False
        call.withheld_credit = 0
        call.stream = self.wire.send_request(call.request)
        self._calls[call.stream] = call
        self._unsent.add(call)
        self._idle_timer.cancel()
        if self.wire.multiplexed:
            self._ping_timer.arm(now + self.services.config.timeouts.upstream_ping_s)
        self._pump(now)

    # -- for calls -----------------------------------------------------------------------------------------------

    def pause(self, call: UpstreamCall) -> None:
        """Pause the provider for ``call``: on HTTP/2 its credit is withheld, on HTTP/1.1 reading is paused."""
        if not self.multiplexed:
            self.pause_reading()

    def resume(self, call: UpstreamCall, now: float) -> None:
        """Resume the provider for ``call``."""
        if not self.multiplexed:
            self.resume_reading()
        elif call.withheld_credit and self.wire is not None:
            credit, call.withheld_credit = call.withheld_credit, 0
            self.wire.consume(call.stream, credit)
            self._pump(now)

    def cancel(self, call: UpstreamCall, now: float) -> None:
        """Cancel ``call``: RST_STREAM on HTTP/2, the end of the connection on HTTP/1.1."""
        assert self.wire is not None
        if self.wire.cancel(call.stream):  # true if the wire can end the call alone
            self._remove(call)
            self._pump(now)
            self._call_ended(now)
        else:
            call.unplaced()  # first: the end serves those who wait for its share
            self._end(now, abort=True)  # before the removal, which would resume reading
            self._remove(call)

    def read_on(self, call: UpstreamCall, now: float) -> None:
        """Nobody needs the rest of the response of ``call``: read on for a while, to keep the connection."""
        ended = self.wire is not None and self.wire.response_read(call.stream)
        call.handler = Remainder(self.services, call.cancel, now, waits=not ended)

    # -- inputs -------------------------------------------------------------------------------------------------

    def connected(self, alpn: str | None, now: float) -> None:
        """The dial succeeded; ``alpn`` is the protocol that TLS chose."""
        if self._machine.state is not UpstreamState.DIALING:
            return
        self._machine.fire(UpstreamInput.CONNECTED)
        self.handshake_s = now - self.dialed_at
        limits = self.services.config.limits
        size, fields = limits.head_bytes, limits.head_fields
        if alpn == "h2" or (self.origin.http2 == "on" and self.origin.scheme == "http"):
            self.wire = Http2Client(
                max_streams=limits.streams_per_connection, head_bytes=size, head_fields=fields, portion=PORTION_FRAMES
            )
            self._ping_timer = self.services.timers.timer(self._on_silence)
        else:
            self.wire = Http1Client(size, fields)
        self._pump(now)
        self._idle_timer.arm(now + self.services.config.timeouts.pool_idle_s)
        self._pool.connection_ready(self, now)

    def connect_failed(self, reason: str, now: float) -> None:
        """The dial failed."""
        self.ended = True
        self._idle_timer.cancel()
        if self._machine.state is UpstreamState.DIALING:
            self._machine.fire(UpstreamInput.END)
            detail = f"cannot connect to the provider: {reason}"  # its address is not the client's business
            fault = Fault(FaultKind.CONNECT_FAILED, Side.PROVIDER, detail, retryable=True)
            self._pool.connection_failed(self, fault, now)

    def receive_data(self, data: bytes, now: float) -> None:
        wire = self.wire
        if wire is None or (self.closing and not (self.ended and self._backlog.holds)):
            return
        events = wire.receive_data(data)
        if wire.multiplexed:
            self._pinged = False
            self._ping_timer.arm(now + self.services.config.timeouts.upstream_ping_s)
        elif not events or type(events[0]) is StreamFailed:
            for call in self._calls.values():  # bytes of a head that is not complete: the response has started
                call.response_started = True
                call.handler.response_activity(now)
            if not events:
                return
        self._dispatch(events, now)
        if wire.unread:
            self._backlog.portion_read(self.services.turns.left, now)

    def receive_eof(self, now: float) -> None:
        if self._machine.state is UpstreamState.DIALING:
            self.connect_failed("the connection ended", now)
            return
        if self._backlog.waits:
            self._backlog.end_later(self.receive_eof)
            return
        if self.wire is not None and not self.closing:
            # Before the events: a call that fails now closes the connection in order, otherwise it would abort it.
            self._peer_done = True
            events = [event for event in self.wire.receive_eof() if type(event) is not ConnectionFailed]
            self._dispatch(events, now)
        self._end(now)

    def connection_lost(self, reason: str, now: float) -> None:
        if self._machine.state is UpstreamState.DIALING:
            self.connect_failed(reason, now)
            return
        wire = None if self.closing else self.wire
        self.mark_lost()  # before the events: no ``Close`` may be emitted for a lost connection
        if self._backlog.waits and wire is not None:
            self._backlog.end_later(lambda at: self._end_lost(wire, reason, at))
        else:
            self._end_lost(wire, reason, now)

    def _end_lost(self, wire: HttpClientWire | None, reason: str, now: float) -> None:
        self._dispatch(wire.connection_lost(reason) if wire is not None else [], now)
        self._end(now, abort=True)

    def data_sent(self, n: int, now: float) -> None:
        super().data_sent(n, now)
        if self._paused and self.multiplexed and self.buffer.size <= _UNSENT_LIMIT // 4:
            self.resume_reading()
            self._pump(now)
        self._unsent.taken(n, now)
        if not self._calls and not self.buffer.size:
            self._pool.capacity_changed(self, now)

    def closed(self, now: float) -> None:
        if self._machine.state is not UpstreamState.CLOSED and not self.ended:
            self.connection_lost("the connection was given up", now)
        super().closed(now)
        if self._backlog.waits:
            self._backlog.end_later(self._let_go)
        else:
            self._let_go(now)

    def _let_go(self, now: float) -> None:
        gone = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "the connection was closed")
        for call in list(self._calls.values()):  # a drain closes connections that read on
            self._remove(call)
            call.handler.response_failed(gone, now)
        self._idle_timer.close()
        self._ping_timer.close()
        self._backlog.close()
        if self.wire is not None:
            self.wire.close()

    # -- inside -------------------------------------------------------------------------------------------------

    def _pump(self, now: float) -> None:
        wire = self.wire
        while wire is not None and (data := wire.data_to_send()):
            self.write(data, now)
            self._unsent.written(len(data), wire.request_sent)
            if wire.multiplexed and self.buffer.size > _UNSENT_LIMIT:
                self.pause_reading()
                return  # the rest is framed when these are taken

    def _dispatch(self, events: list[WireEvent], now: float) -> None:
        only_data = True
        for event in events:
            if type(event) is BodyData:
                call = self._calls.get(event.stream)
                if call is None:
                    continue
                call.response_started = True
                call.handler.response_body(event.data, now)
                # After the handler, which may have paused or cancelled the call.
                if event.flow and self.wire is not None:
                    if call.paused:
                        call.withheld_credit += event.flow
                    elif call.connection is self:
                        self.wire.consume(event.stream, event.flow)
                continue
            only_data = False
            if isinstance(event, ResponseHead):
                call = self._calls.get(event.stream)
                if call is not None:
                    call.response_started = True
                    call.handler.response_activity(now)
                    call.handler.response_head(event.status, event.headers, now)
            elif isinstance(event, ResponseEnd):
                call = self._calls.get(event.stream)
                if call is not None:
                    self._remove(call)  # before the handler, which may start the next request on this connection
                    self._call_ended(now)
                    call.handler.response_end(now)
            elif isinstance(event, StreamFailed):
                call = self._calls.get(event.stream)
                if call is not None:
                    self._remove(call)
                    self._call_failed(call, event, now)
            elif isinstance(event, ConnectionFailed):
                self._end(now, abort=True)
        wire = self.wire
        if wire is None or self.closing or (only_data and not wire.multiplexed):
            return
        self._pump(now)
        # SETTINGS and GOAWAY come without an event.
        told = wire.settings_version == self._settings_version  # the pool is: of ends, when they came
        if not only_data or not told:
            self._settings_version = wire.settings_version
            if not wire.reusable and self._machine.state is UpstreamState.OPEN:
                self._machine.fire(UpstreamInput.DRAIN)
                told = False
            if not told:
                self._pool.capacity_changed(self, now)

    def _call_failed(self, call: UpstreamCall, event: StreamFailed, now: float) -> None:
        again = call.replacements < _MAX_REPLACEMENTS and cannot_have_begun(
            event,
            answered=call.response_started,
            sent_since_s=now - call.sent_at if call.sent else None,
            kept=call.reach == "reused",
            handshake_s=self.handshake_s,
            stalled=self._stalled,
        )
        # Before the replacement: a broken connection must leave the pool first.
        self._call_ended(now, broken=not self.multiplexed and not self._peer_done)
        if again:
            call.replacements += 1
            self._pool.replace(call, now, http1=event.needs_http1)
        else:
            call.handler.response_failed(event.fault, now)

    def _remove(self, call: UpstreamCall) -> None:
        self._calls.pop(call.stream, None)
        call.unplaced()
        self._unsent.remove(call)
        if call.paused and not self.multiplexed:
            self.resume_reading()
        elif call.withheld_credit and self.wire is not None:
            self.wire.consume(call.stream, call.withheld_credit)
            call.withheld_credit = 0
        call.paused = False

    def _call_ended(self, now: float, *, broken: bool = False) -> None:
        """A call ended. ``broken``: the connection cannot be used again."""
        if self.closing or self.wire is None:
            return
        self.last_used = now
        if not self._calls:
            self._ping_timer.cancel()
            # The response came before the whole request was sent: the rest of it must not reach the next call.
            unread = not self.wire.multiplexed and self.buffer.waiting > 0
            if broken or unread or not self.wire.reusable:
                self._end(now, abort=broken or unread)
                return
            self._idle_timer.arm(now + self.services.config.timeouts.pool_idle_s)
        self._pool.capacity_changed(self, now)

    def _on_idle(self, now: float) -> None:
        if not self.ready:
            self.close(now, abort=True)
            fault = Fault(FaultKind.CONNECT_TIMEOUT, Side.PROVIDER, "no connection to the provider", retryable=True)
            self._pool.connection_failed(self, fault, now)
        elif not self._calls:
            self._end(now)

    def _on_silence(self, now: float) -> None:
        if self.wire is None or self.closing or not self._calls:
            return
        if not self._pinged:
            self._pinged = True
            self.wire.ping()
            self._pump(now)
            self._ping_timer.arm(now + self.services.config.timeouts.pong_s)
        else:
            self._stalled = self.buffer.size > 0
            self._dispatch(self.wire.connection_lost("no answer to a ping"), now)
            self._end(now, abort=True)

    def close(self, now: float, *, abort: bool = False) -> None:
        if self.wire is not None and not abort and not self.closing:
            self._pump(now)  # the last bytes of the wire (GOAWAY) are sent before the close
        self._idle_timer.cancel()
        self._ping_timer.cancel()
        if self._machine.state is not UpstreamState.CLOSED:
            self._machine.fire(UpstreamInput.END)
        super().close(now, abort=abort)

    def _on_stall(self, now: float) -> None:
        """The provider took no bytes in time, or did not close in time."""
        self._stalled = True
        if self.wire is not None and not self.closing:
            self._dispatch(self.wire.connection_lost("the provider takes no more bytes"), now)
        self.ended = True
        self._end(now, abort=True)

    def _end(self, now: float, *, abort: bool = False) -> None:
        self.close(now, abort=abort)
        self._pool.connection_ended(self, now)
