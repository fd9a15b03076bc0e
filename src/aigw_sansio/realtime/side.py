"""One side of a relay: the WebSocket to the client, or the one to the provider (RFC 6455 sections 5.5 and 7).

Decides: what of its peer goes on to the other side, and when the peer is paused for it; who answers pings; how its
closing handshake runs. Must not know: what messages say, which codes an end is told with, and what carries the bytes.

Theory of operation. A relay has two sides and two directions. A side reads the frames of its peer and answers what is
meant for the hop itself (pings, close frames); everything else goes on, untouched, through its *inbound* direction to
the pipe of the other side. The directions are independent: if a pipe has more than the high-water mark outstanding,
the direction into it pauses the pipe it comes from, and resumes it at a quarter; nothing else waits for that. A paused
peer is not dead: its silence counts from when it was resumed.

An end comes once. The side whose peer closed, broke the protocol or was lost tells the relay, which decides the close
frame for each side and calls :meth:`RelaySide.close` on both. The side that ended it is answered and done; the other
one waits for its peer's close frame, at most ``close_s``.
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
    """One way through a relay: from the pipe that is read to the pipe that is written."""

    __slots__ = ("_low_water", "paused", "resumed_at", "source", "target")

    def __init__(self, source: BytePipe, target: BytePipe, high_water: int, now: float) -> None:
        self.source = source
        self.target = target
        self._low_water = high_water // 4
        #: ``source`` is not read, because ``target`` does not take its bytes.
        self.paused = False
        #: When ``source`` was last read again.
        self.resumed_at = now

    def pause(self) -> None:
        """The target holds too much: read no more."""
        if not self.paused:
            self.paused = True
            self.source.pause_reading()

    def resume_if_low(self, now: float) -> None:
        """The target took bytes: read again if it holds little."""
        if self.paused and self.target.outstanding <= self._low_water:
            self.resume(now)

    def resume(self, now: float) -> None:
        """Read again."""
        self.paused = False
        self.resumed_at = now
        self.source.resume_reading()


class RelaySideOwner(Protocol):
    """The relay, as its two sides see it."""

    def side_ended(self, side: "RelaySide", code: int, reason: str, cause: CloseCause, now: float) -> None:
        """The peer closed, broke the protocol or is lost. Called once at most; answer with :meth:`RelaySide.close`."""

    def side_finished(self, side: "RelaySide", now: float) -> None:
        """Nothing of this side is left."""


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
        owner: RelaySideOwner,
        *,
        inbound: Direction,
        outbound: Direction,
        observer: RealtimeObserver | None,
        now: float,
    ) -> None:
        """``peer``: whose WebSocket this is. ``inbound`` takes what the peer sends to the other side, ``outbound``
        brings what the peer gets."""
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
        #: No byte does.
        self.finished = False
        #: When something of the peer's last message went on.
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
        """The peer ended without a closing handshake, or after it."""
        self._on_lost(f"the {self.peer}'s connection ended without a close frame", now)

    def connection_lost(self, reason: str, now: float) -> None:
        """The pipe broke."""
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
        """Send the close frame, if the peer can still receive one. ``answered``: the peer already sent its close
        frame, or is gone; otherwise wait for it, at most ``close_s``."""
        self.ended = True
        self._keepalive.close()
        if frame is not None:
            self.pipe.write(self.wire.close(frame.code, frame.reason), now)
        if frame is None or peer_closed:
            self._finish(now)
            return
        if self._inbound.paused:
            self._inbound.resume(now)  # the peer's close frame may stand behind bytes that were not read
        self._finish_timer.arm(now + self._close_s)

    # -- KeepaliveOwner -----------------------------------------------------------------------------------------

    def last_heard(self) -> float:
        return max(self._heard, self._inbound.resumed_at)

    def may_ping(self) -> bool:
        return not self._inbound.paused and not self.pipe.outstanding

    def send_ping(self, now: float) -> None:
        self.pipe.write(self.wire.ping(), now)

    def peer_dead(self, now: float) -> None:
        self.pipe.abort(now)
        self._on_lost(f"the {self.peer} gave no sign of life within {self._pong_s:g} s of a ping", now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _handle_control(self, event: ControlEvent, now: float) -> None:
        """What the peer's frames say beside what is passed on."""
        if isinstance(event, MessagePassed):
            if not self.ended and self._observer is not None:
                self._observer.message_passed(event)
        elif isinstance(event, PingReceived):
            self._answer_ping(event.payload, now)
        elif isinstance(event, CloseReceived):
            if self.ended:
                self._finish(now)
            else:
                self._owner.side_ended(self, event.code, event.reason, CloseCause.CLOSED, now)
        elif isinstance(event, Violation):
            if self.ended:
                self._finish(now)
            else:
                fault = event.fault
                self._owner.side_ended(self, CLOSE_CODE[fault.kind], fault.detail, CloseCause.BROKE, now)

    def _use_room(self, now: float) -> None:
        """Something waits for the peer to take bytes, and it took some."""
        outstanding = self.pipe.outstanding
        if outstanding < self._high_water:
            if self._latest_ping is not None:
                payload, self._latest_ping = self._latest_ping, None
                self._answer_ping(payload, now)
            self._outbound.resume_if_low(now)
        if self._keepalive.ping_unsent and not outstanding:
            self._keepalive.ping_sent(now, paused=self._inbound.paused)

    def _answer_ping(self, payload: bytes, now: float) -> None:
        """With much unsent only the latest ping is answered, later (RFC 6455 section 5.5.3)."""
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
            self._owner.side_ended(self, ABNORMAL, reason, CloseCause.LOST, now)

    def _finish(self, now: float) -> None:
        """End the pipe behind what is queued. Nothing is heard any more."""
        if self.finished:
            return
        self.finished = True
        self._finish_timer.close()
        self.pipe.close(now)
        self._owner.side_finished(self, now)
