"""One side of a relay: the WebSocket to the client, or the one to the provider (RFC 6455 sections 5.5 and 7).

Decides: which frames of its peer go to the other side, and when the peer is paused; how pings are answered; how its
closing handshake runs. Must not know: what messages say, which close codes an end has, and what carries the bytes.

Theory of operation. A relay has two sides and two directions. A side forwards its peer's frames through its *inbound*
direction to the pipe of the other side, keeping borders, order and payload. The directions are independent: if a pipe
has more than the high-water mark outstanding, the direction into it pauses the pipe that it reads, and resumes it at a
quarter; nothing else waits for that.

Control frames are not forwarded. Pings are answered on each side; while much is unsent, only the latest one is. The
keepalive, shared with universal sockets, pings a peer after ``ping_after_s`` of silence, one ping at a time, and never
while bytes are outstanding, because a stalled peer has a timeout of its own (``write_stall_s``). Any byte, and any
progress in sending, is a sign of life. A paused peer is not dead: its silence counts from when it was resumed.

A side ends once: its peer closed, broke the protocol or was lost. It tells the relay, which maps that to a close frame
for each side and calls :meth:`RelaySide.close` on both. A side sends its close frame if the peer can still receive one.
If the peer has already closed, the side is finished; otherwise it waits for the peer's close frame, at most
``close_s``. What was queued before is sent first.
"""

from typing import Protocol

from ..downstream.keepalive import Keepalive
from ..engine.connection import BytePipe
from ..engine.services import Services
from ..faults import CLOSE_CODE, Side
from ..wires.websocket.events import CloseReceived, MessagePassed, PingReceived, Violation
from ..wires.websocket.relay import ControlEvent, FrameRelay
from .close_codes import ABNORMAL, CloseCause, CloseFrame
from .observer import RealtimeObserver


class Direction:
    """One direction of a relay: from the pipe that is read to the pipe that is written."""

    __slots__ = ("_low_water", "paused", "resumed_at", "source", "target")

    def __init__(self, source: BytePipe, target: BytePipe, *, high_water: int, now: float) -> None:
        self.source = source
        self.target = target
        self._low_water = high_water // 4
        #: ``source`` is paused, because ``target`` does not take its bytes.
        self.paused = False
        #: When ``source`` was last resumed, in monotonic seconds.
        self.resumed_at = now

    def pause(self) -> None:
        """Pause the source: too much is outstanding on the target."""
        if not self.paused:
            self.paused = True
            self.source.pause_reading()

    def resume_if_low(self, now: float) -> None:
        """The target took bytes: resume the source if little is outstanding."""
        if self.paused and self.target.outstanding <= self._low_water:
            self.resume(now)

    def resume(self, now: float) -> None:
        """Resume the source."""
        self.paused = False
        self.resumed_at = now
        self.source.resume_reading()


class RelaySideOwner(Protocol):
    """The relay, as its two sides see it."""

    def side_ended(self, side: "RelaySide", now: float, *, code: int, reason: str, cause: CloseCause) -> None:
        """The peer closed, broke the protocol or was lost. Called at most once; call :meth:`RelaySide.close` next, on
        both sides."""

    def side_finished(self, side: "RelaySide", now: float) -> None:
        """The side has finished: nothing comes or goes any more."""


class RelaySide:
    """One side. Implements ``PipeReceiver`` and ``KeepaliveOwner``."""

    __slots__ = (
        "_close_s",
        "_finish_timer",
        "_heard",
        "_high_water",
        "_inbound",
        "_keepalive",
        "_latest_ping",
        "_observer",
        "_outbound",
        "_owner",
        "_pong_s",
        "ended",
        "finished",
        "moved",
        "peer",
        "pipe",
        "wire",
    )

    def __init__(
        self,
        services: Services,
        peer: Side,
        wire: FrameRelay,
        *,
        owner: RelaySideOwner,
        inbound: Direction,
        outbound: Direction,
        observer: RealtimeObserver | None,
        now: float,
    ) -> None:
        """``peer``: the client or the provider. ``inbound`` is the direction from the peer, ``outbound`` the one to
        it."""
        timeouts = services.config.timeouts
        self.peer = peer
        self.wire = wire
        self.pipe = inbound.source
        self._owner = owner
        self._inbound = inbound
        self._outbound = outbound
        self._observer = observer
        self._high_water = services.config.limits.send_high_water_bytes
        self._pong_s = timeouts.pong_s
        self._close_s = timeouts.close_s
        #: No message comes or goes any more.
        self.ended = False
        #: No byte comes or goes any more.
        self.finished = False
        #: When the last bytes of a message of the peer were passed on, in monotonic seconds.
        self.moved = now
        self._heard = now
        self._latest_ping: bytes | None = None
        self._keepalive = Keepalive(services, self, now)
        self._finish_timer = services.timers.timer(self._on_unfinished)

    # -- from the pipe ------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Bytes of the peer."""
        if self.finished:
            return
        self._heard = now
        if self._keepalive.awaiting:
            self._keepalive.stop_waiting()
        for event in self.wire.receive_data(data):
            if not isinstance(event, bytes):
                self._handle_control(event, now)
            elif not self.ended:
                self.moved = now
                if self._inbound.target.write(event, now) > self._high_water:
                    self._inbound.pause()

    def receive_eof(self, now: float) -> None:
        """The peer ended its direction, with or without a closing handshake."""
        self._on_lost(f"the {self.peer}'s connection ended without a close frame", now)

    def connection_lost(self, reason: str, now: float) -> None:
        """The pipe was lost."""
        self._on_lost(f"the {self.peer}'s connection was lost: {reason}", now)

    def data_sent(self, n: int, now: float) -> None:
        """The transport took ``n`` bytes."""
        if self.ended:
            return
        self._heard = now
        if self._keepalive.awaiting:
            self._keepalive.stop_waiting()
        if self._outbound.paused or self._keepalive.ping_unsent or self._latest_ping is not None:
            self._use_room(now)

    # -- for the relay ------------------------------------------------------------------------------------------

    def close(self, frame: CloseFrame | None, now: float, *, peer_closed: bool) -> None:
        """Send the close frame; ``None`` if the peer cannot receive one. ``peer_closed``: the peer already sent its
        close frame, or is lost; otherwise wait for it, at most ``close_s``."""
        self.ended = True
        self._keepalive.close()
        if frame is not None:
            self.pipe.write(self.wire.close(frame.code, frame.reason), now)
        if frame is None or peer_closed:
            self._finish(now)
            return
        if self._inbound.paused:
            self._inbound.resume(now)  # the peer's close frame may come after bytes that are not read yet
        self._finish_timer.arm(now + self._close_s)

    # -- KeepaliveOwner -----------------------------------------------------------------------------------------

    def last_heard(self) -> float:
        return max(self._heard, self._inbound.resumed_at)

    def may_ping(self) -> bool:
        return not self._inbound.paused and not self.pipe.outstanding

    def send_ping(self, now: float) -> None:
        self.pipe.write(self.wire.ping(), now)

    def peer_dead(self, now: float) -> None:
        self.pipe.abort(now)  # before the end, which would close it in order
        self._on_lost(f"the {self.peer} gave no sign of life within {self._pong_s:g} s of a ping", now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _handle_control(self, event: ControlEvent, now: float) -> None:
        """Handle an event that is no bytes to pass on."""
        if isinstance(event, MessagePassed):
            if not self.ended and self._observer is not None:
                self._observer.message_passed(event)
        elif isinstance(event, PingReceived):
            self._answer_ping(event.payload, now)
        elif isinstance(event, CloseReceived):
            if self.ended:
                self._finish(now)
            else:
                self._owner.side_ended(self, now, code=event.code, reason=event.reason, cause=CloseCause.CLOSED)
        elif isinstance(event, Violation):
            if self.ended:
                self._finish(now)
            else:
                fault = event.fault
                self._owner.side_ended(
                    self, now, code=CLOSE_CODE[fault.kind], reason=fault.detail, cause=CloseCause.BROKE
                )

    def _use_room(self, now: float) -> None:
        """The peer took bytes, and a ping, a pong or the outbound direction waits for that."""
        outstanding = self.pipe.outstanding
        if outstanding < self._high_water:
            if self._latest_ping is not None:
                payload, self._latest_ping = self._latest_ping, None
                self._answer_ping(payload, now)
            self._outbound.resume_if_low(now)
        if self._keepalive.ping_unsent and not outstanding:
            self._keepalive.ping_sent(now, paused=self._inbound.paused)

    def _answer_ping(self, payload: bytes, now: float) -> None:
        """Answer a ping. While much is outstanding, only the latest one is answered, later (RFC 6455 section 5.5.3)."""
        if self.ended:
            return
        if self.pipe.outstanding < self._high_water:
            self.pipe.write(self.wire.pong(payload), now)
        else:
            self._latest_ping = payload

    def _on_unfinished(self, now: float) -> None:
        if self.pipe.outstanding:
            self.pipe.abort(now)
        self._finish(now)

    def _on_lost(self, reason: str, now: float) -> None:
        if self.ended:
            self._finish(now)
        else:
            self._owner.side_ended(self, now, code=ABNORMAL, reason=reason, cause=CloseCause.LOST)

    def _finish(self, now: float) -> None:
        """Close the pipe: what is queued is sent first. The peer is not read any more."""
        if self.finished:
            return
        self.finished = True
        self._finish_timer.close()
        self.pipe.close(now)  # before the owner, which may end the relay
        self._owner.side_finished(self, now)
