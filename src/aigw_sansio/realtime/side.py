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
If the peer has already closed, the side is finished; otherwise it waits for the peer's close frame. What was queued
before is sent first, as long as the peer takes bytes: ``close_s`` counts from its last progress. A side is settled when
it is finished and its pipe has taken everything, or is lost.

A client that only ends its direction (a FIN behind its last message) still reads. So its side waits for the rest: the
messages of the provider go on until the provider's close frame.
"""

from typing import Final, Protocol

from ..engine.backlog import Backlog
from ..engine.keepalive import Keepalive
from ..engine.services import Services
from ..engine.turns import EVENT_BYTES, PORTION_EVENTS
from ..faults import CLOSE_CODE, Fault, Side
from ..wires.websocket.events import CloseReceived, MessagePassed, PingReceived, Violation
from ..wires.websocket.relay import ControlEvent, FrameRelay
from .close_codes import ABNORMAL, CloseCause, CloseFrame
from .direction import Direction
from .observer import RealtimeObserver


class RelaySideOwner(Protocol):
    """The relay, as its two sides see it."""

    def side_ended(self, side: "RelaySide", now: float, *, code: int, reason: str, cause: CloseCause) -> None:
        """The peer closed, broke the protocol or was lost. Called at most once; call :meth:`RelaySide.close` next, on
        both sides."""

    def side_finished(self, side: "RelaySide", now: float) -> None:
        """The side has finished: its peer is not read any more, and nothing more is queued for it."""

    def side_drained(self, side: "RelaySide", now: float) -> None:
        """After the end: the pipe of the side has taken everything, or is lost. May be called again."""

    def review_stopped(self, fault: Fault, now: float) -> None:
        """A review stopped what the provider says. Call :meth:`RelaySide.close` next, on both sides, unless the session
        has ended."""


class _NoRelay:
    """The relay of a side that is released: nothing refers to it any more. Implements ``RelaySideOwner``."""

    __slots__ = ()

    def side_ended(self, side: "RelaySide", now: float, *, code: int, reason: str, cause: CloseCause) -> None:
        pass

    def side_finished(self, side: "RelaySide", now: float) -> None:
        pass

    def side_drained(self, side: "RelaySide", now: float) -> None:
        pass

    def review_stopped(self, fault: Fault, now: float) -> None:
        pass


_NO_RELAY: Final = _NoRelay()


class RelaySide:
    """One side. Implements ``PipeReceiver``, ``KeepaliveOwner`` and ``BacklogOwner``."""

    __slots__ = (
        "_backlog",
        "_close_s",
        "_finish_timer",
        "_heard",
        "_high_water",
        "_hurried",
        "_inbound",
        "_keepalive",
        "_latest_ping",
        "_lost",
        "_observer",
        "_outbound",
        "_owner",
        "_passed",
        "_passing",
        "_pong_s",
        "_turns",
        "ended",
        "finished",
        "moved",
        "peer",
        "pipe",
        "waits_for_rest",
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
        self._turns = services.turns
        self._backlog = Backlog(services.turns, self)
        self.peer = peer
        self.wire = wire
        self.pipe = inbound.source
        self._owner: RelaySideOwner = owner
        self._inbound = inbound
        self._outbound = outbound
        self._observer = observer
        self._high_water = services.config.limits.send_high_water_bytes
        self._pong_s = timeouts.pong_s
        self._close_s = timeouts.close_s
        #: The session has ended: only what is on its way comes or goes.
        self.ended = False
        #: The peer is not read any more, and nothing more is queued for it.
        self.finished = False
        #: The peer ended its direction alone, and may still read.
        self.waits_for_rest = False
        #: When the last bytes of a message of the peer were passed on, in monotonic seconds.
        self.moved = now
        self._passing = True  # the peer's messages are passed on
        self._passed = 0, 0  # messages and bytes passed on, once that is over
        self._lost = False  # the pipe takes nothing any more
        self._hurried = False  # ``close_s`` is the limit, whatever the peer takes
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
        left = self._turns.left
        if left <= 0:
            self.wire.keep(data)
            self._backlog.postpone()
            return
        inbound = self._inbound
        for event in self.wire.receive_data(data, PORTION_EVENTS):
            if not isinstance(event, bytes):
                self._handle_control(event, now)
            elif self._passing:
                self.moved = now
                inbound.unconfirmed.append(event)
                if inbound.target.write(event, now) > self._high_water:
                    inbound.pause()
        if self.wire.unread:
            self._backlog.portion_read(left, now)

    def receive_eof(self, now: float) -> None:
        """The peer ended its direction, with or without a closing handshake."""
        if self._backlog.waits:
            self._backlog.end_later(self.receive_eof)
            return
        reason = f"the {self.peer}'s connection ended without a close frame"
        if self.peer is Side.CLIENT and not self.ended:
            self._owner.side_ended(self, now, code=ABNORMAL, reason=reason, cause=CloseCause.HALF_CLOSED)
        else:
            self._on_lost(reason, now)

    def connection_lost(self, reason: str, now: float) -> None:
        """The pipe was lost."""
        if self._backlog.waits:
            self._backlog.end_later(lambda at: self.connection_lost(reason, at))
            return
        self._lost = True
        self._on_lost(f"the {self.peer}'s connection was lost: {reason}", now)
        self._owner.side_drained(self, now)

    def data_sent(self, outstanding: int, now: float) -> None:
        """The transport took bytes; ``outstanding`` are left."""
        if self.ended:
            self._drain(outstanding, now)
            return
        self._heard = now
        if self._keepalive.awaiting:
            self._keepalive.stop_waiting()
        outbound = self._outbound
        if outstanding or outbound.waits:
            self._use_room(outstanding, now)
        else:
            outbound.unconfirmed.clear()

    # -- for the relay ------------------------------------------------------------------------------------------

    @property
    def held(self) -> int:
        """Bytes that are held of the peer's messages."""
        return self.wire.held

    @property
    def settled(self) -> bool:
        """Whether nothing comes or goes any more."""
        return self.finished and (self._lost or not self.pipe.outstanding)

    @property
    def delivery_is_final(self) -> bool:
        """Whether nothing more of the peer's is passed on, and the peer's transport has taken all messages for it that
        it ever will."""
        return not self._passing and (self._lost or not self.pipe.outstanding or self._outbound.undelivered() == (0, 0))

    def delivered(self) -> tuple[int, int]:
        """How many of the peer's messages, and bytes of them, the other side's transport took."""
        messages, size = self._passed
        lost_messages, lost_size = self._inbound.undelivered()
        return messages - lost_messages, size - lost_size

    def close(self, frame: CloseFrame | None, now: float, *, peer_closed: bool, passing: bool = False) -> None:
        """Send the close frame; ``None`` if the peer cannot receive one. ``peer_closed``: the peer already sent its
        close frame, or is lost; otherwise wait for it. ``passing``: its messages go on until then."""
        self._end(passing=passing)
        if frame is not None:
            self._outbound.send(self.wire.close(frame.code, frame.reason), now)
        if frame is None or peer_closed:
            self.finish(now)
            return
        if self._inbound.paused and not passing:
            self._inbound.resume(now)  # the peer's close frame may come after bytes that are not read yet
        self._finish_timer.arm(now + self._close_s)

    def wait_for_rest(self) -> None:
        """The peer ended its direction alone: it is sent what comes for it, until :meth:`finish`."""
        self._end(passing=False)
        self.waits_for_rest = True

    def stop_passing(self, now: float) -> None:
        """The other side takes nothing any more: messages of the peer are dropped."""
        if self._passing:
            self._end(passing=False)
            if self._inbound.paused:
                self._inbound.resume(now)

    def finish(self, now: float) -> None:
        """Close the pipe: what is queued is sent first. The peer is not read any more."""
        if self.finished:
            return
        self._end(passing=False)
        self.finished = True
        self.waits_for_rest = False
        self.wire.stop_reading()
        if not self._hurried:
            self._finish_timer.cancel()
        self.pipe.close(now)  # before the owner, which may end the relay
        self._owner.side_finished(self, now)

    def hurry(self, now: float) -> None:
        """The session has ended and has ``close_s`` left, whatever its peers take."""
        if not self._hurried and not self.settled:
            self._hurried = True
            self._finish_timer.arm(now + self._close_s)

    def squeeze(self, now: float, *, on: bool) -> None:
        """``on``: do not read the peer. Otherwise read it again."""
        if not on:
            self._inbound.squeeze(now, on=False)
        elif not self.ended:
            self._inbound.squeeze(now, on=True)
            self._keepalive.stop_waiting()  # its pong cannot be read

    def cut_short(self, now: float) -> None:
        """The session has ended: what is queued has ``close_s`` left, and nothing more of the peer is read."""
        self.wire.stop_reading()
        self.hurry(now)
        self.finish(now)

    def release(self) -> None:
        """Both sides are settled: no timer fires any more, and the relay is let go."""
        self._finish_timer.close()
        self._backlog.close()
        self._owner = _NO_RELAY

    # -- BacklogOwner -------------------------------------------------------------------------------------------

    def hold_peer(self) -> None:
        self._inbound.hold()

    def resume_peer(self, now: float) -> None:
        self._inbound.release(now)

    # -- KeepaliveOwner -----------------------------------------------------------------------------------------

    def last_heard(self) -> float:
        return max(self._heard, self._inbound.resumed_at)

    def may_ping(self) -> bool:
        return not self._inbound.paused and not self.pipe.outstanding

    def send_ping(self, now: float) -> None:
        self._outbound.send(self.wire.ping(), now)
        self._outbound.waits = True

    def peer_dead(self, now: float) -> None:
        self._abort(now)  # before the end, which would close it in order
        self._on_lost(f"the {self.peer} gave no sign of life within {self._pong_s:g} s of a ping", now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _handle_control(self, event: ControlEvent, now: float) -> None:
        """Handle an event that is no bytes to pass on."""
        self._turns.left -= EVENT_BYTES
        if isinstance(event, MessagePassed):
            if self._passing and self._observer is not None:
                self._observer.message_passed(event, now)
        elif isinstance(event, PingReceived):
            self._answer_ping(event.payload, now)
        elif isinstance(event, CloseReceived):
            if self.ended:
                self.finish(now)
            else:
                self._owner.side_ended(self, now, code=event.code, reason=event.reason, cause=CloseCause.CLOSED)
        elif isinstance(event, Violation):
            if self.ended:
                self.finish(now)
            else:
                fault = event.fault
                self._owner.side_ended(
                    self, now, code=CLOSE_CODE[fault.kind], reason=fault.detail, cause=CloseCause.BROKE
                )

    def _use_room(self, outstanding: int, now: float) -> None:
        """The peer took bytes, and not all; or a ping, a pong or the outbound direction waits for that."""
        outbound = self._outbound
        outbound.confirm(outstanding)
        if self._keepalive.ping_unsent and not outstanding:
            self._keepalive.ping_sent(now, paused=self._inbound.paused)
        outbound.resume_if_low(now)  # before the pong, which would count as bytes that the peer did not take
        if outstanding < self._high_water and self._latest_ping is not None:
            payload, self._latest_ping = self._latest_ping, None
            self._answer_ping(payload, now)
        outbound.waits = (
            outstanding > 0 or outbound.paused or self._keepalive.ping_unsent or self._latest_ping is not None
        )

    def _answer_ping(self, payload: bytes, now: float) -> None:
        """Answer a ping. While much is outstanding, only the latest one is answered, later (RFC 6455 section 5.5.3)."""
        if self.ended:
            return
        if self._outbound.weight < self._high_water:
            self._outbound.send(self.wire.pong(payload), now)
        else:
            self._latest_ping = payload
            self._outbound.waits = True

    def _drain(self, outstanding: int, now: float) -> None:
        """The session has ended, and the peer took bytes."""
        self._outbound.confirm(outstanding)
        self._outbound.resume_if_low(now)
        if self._finish_timer.deadline is not None and not self._hurried:
            self._finish_timer.arm(now + self._close_s)
        if not outstanding:
            self._owner.side_drained(self, now)

    def _on_unfinished(self, now: float) -> None:
        if self._passing and self._inbound.paused and not self._hurried:
            self._finish_timer.arm(now + self._close_s)  # held back by us: its close frame cannot be read yet
            return
        if self.pipe.outstanding:
            self._abort(now)
        self.finish(now)
        self._owner.side_drained(self, now)

    def _on_lost(self, reason: str, now: float) -> None:
        if self.ended:
            self.finish(now)
        else:
            self._owner.side_ended(self, now, code=ABNORMAL, reason=reason, cause=CloseCause.LOST)

    def _abort(self, now: float) -> None:
        self._lost = True
        self.pipe.abort(now)

    def _end(self, *, passing: bool) -> None:
        """Note what was passed on, unless that goes on."""
        self.ended = True
        self._inbound.squeezed = False
        self._keepalive.close()
        if self._passing and not passing:
            self._passing = False
            self._passed = self._passed_on()

    def _passed_on(self) -> tuple[int, int]:
        """The messages of the peer, and bytes of them, that were passed on."""
        return self.wire.messages_passed, self.wire.bytes_passed
