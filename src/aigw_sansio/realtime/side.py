"""One side of a relay: the WebSocket to the client, or the one to the provider (RFC 6455 sections 5.5 and 7).

Decides: what of its peer goes on to the other side and when the peer is held back for it; who answers pings; when a
silent peer is dead; how its closing handshake runs. Must not know: what messages say, which codes an end is told
with, and what carries the bytes.

Both directions are independent: a side that does not take its bytes stops what is read from the other side, and
nothing else.
"""

from typing import Literal, Protocol

from ..engine.connection import BytePipe
from ..engine.engine import Engine
from ..faults import CLOSE_CODE
from ..wires.websocket.events import CloseReceived, MessagePassed, PingReceived, Violation
from ..wires.websocket.relay import ControlEvent, FrameRelay
from .close_codes import ABNORMAL, CloseCause, CloseFrame
from .observer import RealtimeObserver

Place = Literal["client", "provider"]


class RelaySideOwner(Protocol):
    """The relay, as its two sides see it."""

    def side_ended(self, side: "RelaySide", code: int, reason: str, how: CloseCause, now: float) -> None:
        """The peer closed, broke the protocol or is lost. Called once at most; answer with :meth:`RelaySide.close`."""

    def side_finished(self, side: "RelaySide", now: float) -> None:
        """Nothing of this side is left."""


class RelaySide:
    """Implements ``PipeReceiver``. Set ``other`` before it receives anything."""

    __slots__ = (
        "_close_s",
        "_finish_timer",
        "_heard",
        "_held",
        "_high",
        "_latest_ping",
        "_owner",
        "_ping_after_s",
        "_ping_under_way",
        "_pong_s",
        "_pong_timer",
        "_silence_timer",
        "_tap",
        "ended",
        "finished",
        "moved",
        "other",
        "pipe",
        "place",
        "wire",
    )

    other: "RelaySide"

    def __init__(
        self,
        engine: Engine,
        place: Place,
        wire: FrameRelay,
        pipe: BytePipe,
        owner: RelaySideOwner,
        tap: RealtimeObserver | None,
        now: float,
    ) -> None:
        timeouts = engine.config.timeouts
        self.place: Place = place
        self.wire = wire
        self.pipe = pipe
        self._owner = owner
        self._tap = tap
        self._high = engine.config.limits.send_high_water_bytes
        self._ping_after_s = timeouts.ping_after_s
        self._pong_s = timeouts.pong_s
        self._close_s = timeouts.close_s
        #: No message comes or goes any more.
        self.ended = False
        #: No byte does.
        self.finished = False
        #: When something of the peer's last message went on.
        self.moved = now
        self._held = False
        self._heard = now  # a sign of life of the peer, or that it was let go on
        self._latest_ping: bytes | None = None
        self._ping_under_way = False
        self._silence_timer = engine.timers.timer(self._on_silence)
        self._pong_timer = engine.timers.timer(self._on_no_pong)
        self._finish_timer = engine.timers.timer(self._on_unfinished)
        self._silence_timer.arm(now + self._ping_after_s)

    # -- from the pipe ------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Bytes of the peer."""
        if self.finished:
            return
        self._heard = now
        if self._pong_timer.deadline is not None:
            self._pong_timer.cancel()
        for event in self.wire.receive_data(data):
            if not isinstance(event, bytes):
                self._handle_control(event, now)
            elif not self.ended:
                self.moved = now
                if self.other.pipe.write(event, now) > self._high:
                    self._hold()

    def receive_eof(self, now: float) -> None:
        """The peer ended without a closing handshake, or after it."""
        self._lose(f"the {self.place}'s connection ended without a close frame", now)

    def connection_lost(self, reason: str, now: float) -> None:
        """The pipe broke."""
        self._lose(f"the {self.place}'s connection was lost: {reason}", now)

    def data_sent(self, n: int, now: float) -> None:
        """The transport took ``n`` bytes."""
        if self.ended:
            return
        self._heard = now
        if self._pong_timer.deadline is not None:
            self._pong_timer.cancel()
        if self.other._held or self._ping_under_way or self._latest_ping is not None:
            self._make_use_of_room(now)

    # -- for the relay ------------------------------------------------------------------------------------------

    def close(self, words: CloseFrame | None, now: float, *, answered: bool) -> None:
        """Say ``words``, the last of this side, where they can still be heard. ``answered``: the peer has said its own
        last word, or is not heard any more; otherwise its close frame is waited for, with a limit."""
        self.ended = True
        self._silence_timer.close()
        self._pong_timer.close()
        if words is not None:
            self.pipe.write(self.wire.close(words.code, words.reason), now)
        if words is None or answered:
            self._leave(now)
            return
        if self._held:
            self.pipe.resume_reading()  # the peer's close frame may stand behind what was held back
        self._finish_timer.arm(now + self._close_s)

    # -- inside -------------------------------------------------------------------------------------------------

    def _handle_control(self, notice: ControlEvent, now: float) -> None:
        """What the peer's frames say beside what is passed on."""
        if isinstance(notice, MessagePassed):
            if not self.ended and self._tap is not None:
                self._tap.message_passed(notice)
        elif isinstance(notice, PingReceived):
            self._answer_ping(notice.payload, now)
        elif isinstance(notice, CloseReceived):
            if self.ended:
                self._leave(now)
            else:
                self._owner.side_ended(self, notice.code, notice.reason, CloseCause.CLOSED, now)
        elif isinstance(notice, Violation):
            if self.ended:
                self._leave(now)
            else:
                fault = notice.fault
                self._owner.side_ended(self, CLOSE_CODE[fault.kind], fault.detail, CloseCause.BROKE, now)

    def _make_use_of_room(self, now: float) -> None:
        """Something waits for the peer to take bytes, and it took some."""
        outstanding = self.pipe.outstanding
        if outstanding < self._high:
            if self._latest_ping is not None:
                payload, self._latest_ping = self._latest_ping, None
                self._answer_ping(payload, now)
            if self.other._held and outstanding <= self._high // 4:
                self.other._release_hold(now)
        if self._ping_under_way and not outstanding:
            self._ping_under_way = False
            if not self._held:
                self._pong_timer.arm(now + self._pong_s)

    def _hold(self) -> None:
        if not self._held:
            self._held = True
            self.pipe.pause_reading()

    def _release_hold(self, now: float) -> None:
        self._held = False
        if not self.ended:
            self.pipe.resume_reading()
            self._heard = now

    def _answer_ping(self, payload: bytes, now: float) -> None:
        """With much unsent only the latest ping is answered, later (RFC 6455 section 5.5.3)."""
        if self.ended:
            return
        if self.pipe.outstanding < self._high:
            self.pipe.write(self.wire.pong(payload), now)
        else:
            self._latest_ping = payload

    def _on_silence(self, now: float) -> None:
        due = self._heard + self._ping_after_s
        if due > now:
            self._silence_timer.arm(due)  # moved here, not for every byte that is heard
            return
        self._silence_timer.arm(now + self._ping_after_s)
        if self._pong_timer.deadline is not None:
            return  # one ping at a time: that another was taken is no answer to the first
        if not self._held and not self.pipe.outstanding:
            self._ping_under_way = True
            self.pipe.write(self.wire.ping(), now)

    def _on_no_pong(self, now: float) -> None:
        self.pipe.abort(now)
        self._lose(f"the {self.place} gave no sign of life within {self._pong_s:g} s of a ping", now)

    def _on_unfinished(self, now: float) -> None:
        if self.pipe.outstanding:
            self.pipe.abort(now)
        self._leave(now)

    def _lose(self, reason: str, now: float) -> None:
        if self.ended:
            self._leave(now)
        else:
            self._owner.side_ended(self, ABNORMAL, reason, CloseCause.LOST, now)

    def _leave(self, now: float) -> None:
        """End the pipe behind what is queued. Nothing is heard any more."""
        if self.finished:
            return
        self.finished = True
        self._finish_timer.close()
        self.pipe.end(now)
        self._owner.side_finished(self, now)
