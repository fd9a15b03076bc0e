"""One connection to a provider: dialled, then carrying calls over HTTP/1.1 or HTTP/2, then closed.

Decides: which wire a connection speaks (ALPN, RFC 7301), when it is idle, how long it is kept, and whether a call
that lost it may be sent again (RFC 9110 section 9.2.2, RFC 9113 section 8.7). Must not know: clients, and what
requests mean.
"""

from enum import IntEnum
from typing import Protocol

from ..effects import Tls
from ..engine.connection import Connection
from ..engine.services import Services
from ..faults import Fault, FaultKind, Side
from ..fsm import Machine
from ..origin import Origin
from ..wires.http import (
    BodyData,
    ConnectionFailed,
    HttpClientWire,
    ResponseEnd,
    ResponseHead,
    StreamFailed,
    WireEvent,
)
from ..wires.http1.client import Http1Client
from ..wires.http2.client import Http2Client
from .call import UpstreamCall

_MAX_REPLACEMENTS = 3
#: Above this many bytes that an HTTP/2 provider has not taken, nothing more is read from it.
_ANSWERS_HELD = 256 * 1024


class UpstreamState(IntEnum):
    """Where an upstream connection stands."""

    DIALING = 0
    OPEN = 1
    DRAINING = 2
    CLOSED = 3


class UpstreamInput(IntEnum):
    """What moves an upstream connection."""

    CONNECTED = 0
    DRAIN = 1
    END = 2


UPSTREAM_TABLE: dict[tuple[UpstreamState, UpstreamInput], UpstreamState] = {
    (UpstreamState.DIALING, UpstreamInput.CONNECTED): UpstreamState.OPEN,
    (UpstreamState.DIALING, UpstreamInput.END): UpstreamState.CLOSED,
    (UpstreamState.OPEN, UpstreamInput.DRAIN): UpstreamState.DRAINING,
    (UpstreamState.OPEN, UpstreamInput.END): UpstreamState.CLOSED,
    (UpstreamState.DRAINING, UpstreamInput.END): UpstreamState.CLOSED,
}


class UpstreamOwner(Protocol):
    """The pool, as its connections see it."""

    def connection_ready(self, upstream: "UpstreamConnection", now: float) -> None:
        """A dial succeeded."""

    def connection_failed(self, upstream: "UpstreamConnection", fault: Fault, now: float) -> None:
        """A dial failed."""

    def capacity_changed(self, upstream: "UpstreamConnection", now: float) -> None:
        """A connection got free, full, or unfit for more."""

    def connection_ended(self, upstream: "UpstreamConnection", now: float) -> None:
        """A connection takes nothing any more."""

    def replace(self, call: UpstreamCall, now: float) -> None:
        """The connection of ``call`` ended and the provider did not act on the request."""


class UpstreamConnection(Connection):
    """A connection of the pool."""

    __slots__ = (
        "_calls",
        "_idle_timer",
        "_machine",
        "_peer_done",
        "_ping_timer",
        "_pinged",
        "_pool",
        "_settings_version",
        "_unsent",
        "dialed_at",
        "handshake_s",
        "last_used",
        "origin",
        "ready_order",
        "served",
        "wire",
    )

    def __init__(self, services: Services, pool: UpstreamOwner, origin: Origin, now: float) -> None:
        super().__init__(services, services.issue_conn())
        self._pool = pool
        self.origin = origin
        self._machine = Machine(UPSTREAM_TABLE, UpstreamState.DIALING)
        self.wire: HttpClientWire | None = None
        self._calls: dict[int, UpstreamCall] = {}
        self._unsent: list[UpstreamCall] = []
        self.dialed_at = self.last_used = now
        #: What the way from dial to readiness took, in seconds.
        self.handshake_s = 0.0
        #: Legs it has carried.
        self.served = 0
        #: When it got ready, in the pool's order of such events.
        self.ready_order = 0
        self._pinged = False
        self._peer_done = False
        self._settings_version = 0
        self._idle_timer = services.timers.timer(self._on_idle)
        self._ping_timer = services.timers.timer(self._on_silence)

    # -- for the pool -------------------------------------------------------------------------------------------

    def dial(self) -> None:
        """Ask the driver for the connection."""
        origin = self.origin
        if origin.scheme == "https":
            alpn = {"auto": ("h2", "http/1.1"), "on": ("h2",), "off": ("http/1.1",)}[origin.http2]
            self.services.connect(self.conn, origin.host, origin.port, Tls(origin.host, origin.ca_file), alpn)
        else:
            self.services.connect(self.conn, origin.host, origin.port, None, ())

    def keep_dialing(self, now: float) -> None:
        """Nobody waits for this dial any more: it may still succeed, but not take for ever."""
        self._idle_timer.arm(now + self.services.config.timeouts.connect_s)

    @property
    def ready(self) -> bool:
        """Dialled."""
        return self._machine.state is not UpstreamState.DIALING

    @property
    def multiplexed(self) -> bool:
        """Speaks HTTP/2."""
        return self.wire is not None and self.wire.multiplexed

    @property
    def awaiting_settings(self) -> bool:
        """Open, and the provider has not said yet how many calls it takes."""
        return self.wire is not None and not self.wire.settings_received and self._machine.state is UpstreamState.OPEN

    @property
    def capacity(self) -> int:
        """How many more calls it takes now."""
        wire = self.wire
        if wire is None or self._machine.state is not UpstreamState.OPEN:
            return 0
        if self.buffer.size and not wire.multiplexed:
            return 0  # the last request has not left yet
        return wire.capacity

    @property
    def idle(self) -> bool:
        """Carries nothing."""
        return not self._calls

    @property
    def exhausted(self) -> bool:
        """Carries nothing and never will again: its end is about to be told."""
        return self.ready and not self._calls and not self.capacity

    def assign(self, call: UpstreamCall, now: float) -> None:
        """Send the request of ``call``. Needs ``capacity``."""
        assert self.wire is not None
        call.reach = "dialled" if not self.served else "shared" if self._calls else "reused"
        self.served += 1
        self.last_used = now
        call.connection = self
        call.sent = call.response_started = call.paused = False
        call.withheld_credit = 0
        call.stream = self.wire.send_request(call.request)
        self._calls[call.stream] = call
        self._unsent.append(call)
        self._idle_timer.cancel()
        if self.wire.multiplexed:
            self._ping_timer.arm(now + self.services.config.timeouts.upstream_ping_s)
        self._pump(now)

    # -- for calls -----------------------------------------------------------------------------------------------

    def pause(self, call: UpstreamCall) -> None:
        """Keep ``call``'s provider from sending more: its credit on HTTP/2, the connection's reading otherwise."""
        if not self.multiplexed:
            self.pause_reading()

    def resume(self, call: UpstreamCall, now: float) -> None:
        """Let it go on."""
        if not self.multiplexed:
            self.resume_reading()
        elif call.withheld_credit and self.wire is not None:
            credit, call.withheld_credit = call.withheld_credit, 0
            self.wire.consume(call.stream, credit)
            self._pump(now)

    def cancel(self, call: UpstreamCall, now: float) -> None:
        """Give up ``call``, so that its provider notices at once."""
        assert self.wire is not None
        if self.wire.cancel(call.stream):
            self._remove(call)
            self._pump(now)
            self._call_ended(now)
        else:
            self._end(now, abort=True)
            self._remove(call)

    # -- inputs -------------------------------------------------------------------------------------------------

    def connected(self, alpn: str | None, now: float) -> None:
        """The dial succeeded; ``alpn`` is the protocol that TLS chose."""
        if self._machine.state is not UpstreamState.DIALING:
            return
        self._machine.fire(UpstreamInput.CONNECTED)
        self.handshake_s = now - self.dialed_at
        limits = self.services.config.limits
        plain_h2 = self.origin.http2 == "on" and self.origin.scheme == "http"
        if alpn == "h2" or plain_h2:
            self.wire = Http2Client(max_streams=limits.streams_per_connection, head_bytes=limits.head_bytes)
        else:
            self.wire = Http1Client(limits.head_bytes)
        self._pump(now)
        self._arm_idle(now)
        self._pool.connection_ready(self, now)

    def connect_failed(self, reason: str, now: float) -> None:
        """The dial failed."""
        self.ended = True
        self._idle_timer.cancel()
        if self._machine.state is UpstreamState.DIALING:
            self._machine.fire(UpstreamInput.END)
            detail = f"cannot connect to {self.origin.authority}: {reason}"
            self._pool.connection_failed(self, Fault(FaultKind.CONNECT_FAILED, Side.PROVIDER, detail, True), now)

    def receive_data(self, data: bytes, now: float) -> None:
        wire = self.wire
        if wire is None or self.closing:
            return
        events = wire.receive_data(data)
        if wire.multiplexed:
            self._pinged = False
            self._ping_timer.arm(now + self.services.config.timeouts.upstream_ping_s)
        elif not events:
            for call in self._calls.values():
                call.response_started = True
                call.handler.response_activity(now)
            return
        self._dispatch(events, now)

    def receive_eof(self, now: float) -> None:
        if self._machine.state is UpstreamState.DIALING:
            self.connect_failed("the connection ended", now)
            return
        if self.wire is not None and not self.closing:
            self._peer_done = True
            events = [event for event in self.wire.receive_eof() if type(event) is not ConnectionFailed]
            self._dispatch(events, now)
        self._end(now)

    def connection_lost(self, reason: str, now: float) -> None:
        if self._machine.state is UpstreamState.DIALING:
            self.connect_failed(reason, now)
            return
        events = self.wire.connection_lost(reason) if self.wire is not None and not self.closing else []
        self.mark_lost()
        self._dispatch(events, now)
        self._end(now, abort=True)

    def data_sent(self, n: int, now: float) -> None:
        super().data_sent(n, now)
        if self.multiplexed and self.buffer.size <= _ANSWERS_HELD // 4:
            self.resume_reading()
        if self._unsent and not self.buffer.size and self.wire is not None:
            waiting = []
            for call in self._unsent:
                if self.wire.request_sent(call.stream):
                    call.sent = True
                    call.handler.request_sent(now)
                else:
                    waiting.append(call)
            self._unsent = [call for call in waiting if call.connection is self]
        if not self._calls and not self.buffer.size:
            self._pool.capacity_changed(self, now)

    def closed(self, now: float) -> None:
        if self._machine.state is UpstreamState.DIALING:
            self.connect_failed("the connection was given up", now)
        elif self._machine.state is not UpstreamState.CLOSED:
            self.connection_lost("the connection was given up", now)
        super().closed(now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _pump(self, now: float) -> None:
        assert self.wire is not None
        data = self.wire.data_to_send()
        if data:
            self.write(data, now)
            if self.wire.multiplexed and self.buffer.size > _ANSWERS_HELD:
                self.pause_reading()  # a provider that makes us answer and takes no answers

    def _dispatch(self, events: list[WireEvent], now: float) -> None:
        only_data = True
        for event in events:
            if type(event) is BodyData:
                call = self._calls.get(event.stream)
                if call is None:
                    continue
                call.response_started = True
                call.handler.response_body(event.data, now)
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
                    self._remove(call)
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
        if (
            not only_data or wire.settings_version != self._settings_version
        ):  # SETTINGS and GOAWAY come without an event
            self._settings_version = wire.settings_version
            if not wire.reusable and self._machine.state is UpstreamState.OPEN:
                self._machine.fire(UpstreamInput.DRAIN)
            self._pool.capacity_changed(self, now)

    def _call_failed(self, call: UpstreamCall, event: StreamFailed, now: float) -> None:
        lost = call.reach != "dialled" and event.fault.kind is FaultKind.CONNECTION_LOST
        again = (event.unprocessed or lost) and not call.response_started and call.replacements < _MAX_REPLACEMENTS
        self._call_ended(now, broken=not self.multiplexed and not self._peer_done)
        if again:
            call.replacements += 1
            self._pool.replace(call, now)
        else:
            call.handler.response_failed(event.fault, now)

    def _remove(self, call: UpstreamCall) -> None:
        self._calls.pop(call.stream, None)
        call.connection = None
        if call in self._unsent:
            self._unsent.remove(call)
        if call.paused and not self.multiplexed:
            self.resume_reading()
        elif call.withheld_credit and self.wire is not None:
            self.wire.consume(call.stream, call.withheld_credit)
            call.withheld_credit = 0
        call.paused = False

    def _call_ended(self, now: float, *, broken: bool = False) -> None:
        """A call ended: idle, close, or go on. ``broken``: the connection is of no more use."""
        if self.closing or self.wire is None:
            return
        self.last_used = now
        if not self._calls:
            self._ping_timer.cancel()
            unread = not self.wire.multiplexed and self.buffer.waiting > 0  # answered before it took the request
            if broken or unread or not self.wire.reusable:
                self._end(now, abort=broken or unread)
                return
            self._arm_idle(now)
        self._pool.capacity_changed(self, now)

    def _arm_idle(self, now: float) -> None:
        self._idle_timer.arm(now + self.services.config.timeouts.pool_idle_s)

    def _on_idle(self, now: float) -> None:
        if not self.ready:
            self.close(now, abort=True)
            fault = Fault(FaultKind.CONNECT_TIMEOUT, Side.PROVIDER, f"no connection to {self.origin.authority}", True)
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
            self._dispatch(self.wire.connection_lost("no answer to a ping"), now)
            self._end(now, abort=True)

    def close(self, now: float, *, abort: bool = False) -> None:
        if self.wire is not None and not abort and not self.closing:
            self._pump(now)  # what the wire has to say still leaves
        self._idle_timer.cancel()
        self._ping_timer.cancel()
        if self._machine.state is not UpstreamState.CLOSED:
            self._machine.fire(UpstreamInput.END)
        super().close(now, abort=abort)

    def _on_stall(self, now: float) -> None:
        """The provider takes nothing, or does not let go."""
        if self.wire is not None and not self.closing:
            self._dispatch(self.wire.connection_lost("the provider takes no more bytes"), now)
        self.ended = True
        self._end(now, abort=True)

    def _end(self, now: float, *, abort: bool = False) -> None:
        self.close(now, abort=abort)
        self._pool.connection_ended(self, now)
