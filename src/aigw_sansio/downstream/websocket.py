"""A WebSocket to a client, above the byte pipe that carries it: messages in and out, liveness, closing.

Decides: who answers pings, when a silent peer is dead, how a close handshake runs (RFC 6455 sections 5.5 and 7), and
when a peer that makes us answer too much is held back. Must not know: what a message says, and whether the pipe is
a TCP connection or a stream of HTTP/2.
"""

from collections import deque
from typing import Literal, Protocol

from ..engine.connection import BytePipe
from ..engine.engine import Engine
from ..faults import CLOSE_CODE
from ..wires.websocket.messages import (
    BinaryMessage,
    CloseReceived,
    PingReceived,
    PongReceived,
    TextMessage,
    Violation,
    WebSocketWire,
)

Ender = Literal["client", "provider", "gateway"]


class ChannelOwner(Protocol):
    """Who gets what a channel receives."""

    def message_received(self, data: bytes, now: float, *, text: bool) -> None:
        """A whole message; text is valid UTF-8."""

    def room_made(self, now: float) -> None:
        """The pipe holds less than the high-water mark again, or less than before while it is under it."""

    def channel_ended(self, by: Ender, code: int, reason: str, now: float) -> None:
        """No message comes or goes any more. Called once, also after the owner's own ``close``."""


_CONTROL, _OWNER = 1, 2  # reasons to hold the peer back


class WebSocketChannel:
    """One open WebSocket, server role."""

    __slots__ = (
        "_control",
        "_control_bytes",
        "_engine",
        "_held",
        "_high_water",
        "_latest_ping",
        "_owner",
        "_ping_after_s",
        "_ping_under_way",
        "_pipe",
        "_pong_timer",
        "_written",
        "bytes_received",
        "bytes_sent",
        "ended",
        "finish_timer",
        "messages_received",
        "messages_sent",
        "silence_timer",
        "wire",
    )

    def __init__(self, engine: Engine, pipe: BytePipe, wire: WebSocketWire, owner: ChannelOwner, now: float) -> None:
        self._engine = engine
        self._pipe = pipe
        self._owner = owner
        self.wire = wire
        #: No message comes or goes any more.
        self.ended = False
        self.messages_received = self.messages_sent = 0
        self.bytes_received = self.bytes_sent = 0
        self._held = 0
        self._written = 0  # bytes given to the pipe, ever
        self._control: deque[tuple[int, int]] = deque()  # (where it ends in all that was written, its size)
        self._control_bytes = 0
        self._latest_ping: bytes | None = None
        self._ping_under_way = False
        self.silence_timer = engine.timers.timer(self._on_silence)
        self._pong_timer = engine.timers.timer(self._on_no_pong)
        self.finish_timer = engine.timers.timer(self._on_unfinished)
        self._high_water = engine.config.limits.send_high_water_bytes
        self._ping_after_s = engine.config.timeouts.ping_after_s
        self.silence_timer.arm(now + self._ping_after_s)

    # -- from the pipe ------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Bytes of the peer."""
        if not self.ended:
            self._show_life(now)
        for event in self.wire.receive_data(data):
            kind = type(event)
            if kind is TextMessage or kind is BinaryMessage:
                if not self.ended:
                    assert isinstance(event, (TextMessage, BinaryMessage))
                    self.messages_received += 1
                    self.bytes_received += len(event.data)
                    self._owner.message_received(event.data, now, text=kind is TextMessage)
            elif isinstance(event, PingReceived):
                self._answer_ping(event.payload, now)
            elif isinstance(event, PongReceived):
                pass
            elif isinstance(event, CloseReceived):
                self._close_received(event, now)
            elif isinstance(event, Violation):
                code = CLOSE_CODE[event.fault.kind]
                self._fail("client", code, event.fault.detail, now)
                self._pipe.end(now)
                self.release()

    def receive_eof(self, now: float) -> None:
        """The peer ended without a closing handshake, or after it."""
        self._end("client", 1006, "the connection ended without a close frame", now)
        self._pipe.end(now)
        self.release()

    def connection_lost(self, reason: str, now: float) -> None:
        """The pipe broke."""
        self._end("client", 1006, f"the connection was lost: {reason}", now)
        self.release()

    def data_sent(self, n: int, now: float) -> None:
        """The transport took ``n`` bytes."""
        if self.finish_timer.deadline is None and not self.ended:
            self._show_life(now)
        control = self._control
        outstanding = self._pipe.outstanding
        if control:
            confirmed = self._written - outstanding
            while control and control[0][0] <= confirmed:
                self._control_bytes -= control.popleft()[1]
            self._relieve_control(now)
        if self._ping_under_way and not outstanding:
            self._ping_under_way = False
            if not self._held and not self.ended:
                self._pong_timer.arm(now + self._engine.config.timeouts.pong_s)
        if not self.ended and outstanding < self._high_water:
            self._owner.room_made(now)

    # -- for the owner ------------------------------------------------------------------------------------------

    @property
    def outstanding(self) -> int:
        """Bytes sent that the transport has not taken."""
        return self._pipe.outstanding

    def send_text(self, payload: bytes, now: float) -> None:
        """Send one text message."""
        if self.ended:
            return
        self.messages_sent += 1
        self.bytes_sent += len(payload)
        self._write(self.wire.text(payload), now)

    def send_texts(self, payloads: list[bytes], limit: int, now: float) -> list[bytes]:
        """Send text messages, joined, as long as the pipe holds less than ``limit`` bytes; the ones it has no room
        for are returned."""
        room = limit - self._pipe.outstanding
        text = self.wire.text
        frames: list[bytes] = []
        size = count = 0
        for payload in payloads:
            if size >= room:
                break
            frames.append(text(payload))
            size += len(payload)
            count += 1
        if count:
            self.messages_sent += count
            self.bytes_sent += size
            frame = b"".join(frames) if count > 1 else frames[0]
            self._written += len(frame)
            self._pipe.write(frame, now)
        return payloads[count:]

    def send_control_text(self, payload: bytes, now: float) -> None:
        """Send one text message that answers the client directly: a client that does not take these is held back."""
        if self.ended:
            return
        self.messages_sent += 1
        self.bytes_sent += len(payload)
        self._write_control(self.wire.text(payload), now)

    def hold(self) -> None:
        """Do not read the peer until ``release_hold``."""
        self._hold(_OWNER)

    def release_hold(self, now: float) -> None:
        """Read the peer again."""
        self._release_hold(_OWNER, now)

    def close(self, code: int, reason: str, now: float, *, by: Ender = "gateway") -> None:
        """Start the closing handshake. The owner gets ``channel_ended`` at once."""
        self._fail(by, code, reason, now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _write(self, frame: bytes, now: float) -> None:
        self._written += len(frame)
        self._pipe.write(frame, now)

    def _write_control(self, frame: bytes, now: float) -> None:
        self._write(frame, now)
        self._control.append((self._written, len(frame)))
        self._control_bytes += len(frame)
        if self._control_bytes > self._high_water:
            self._hold(_CONTROL)

    def _answer_ping(self, payload: bytes, now: float) -> None:
        if self.ended:
            return
        if self._held & _CONTROL:
            self._latest_ping = payload
        else:
            self._write_control(self.wire.pong(payload), now)

    def _relieve_control(self, now: float) -> None:
        if self._held & _CONTROL and self._control_bytes <= self._high_water // 4:
            self._release_hold(_CONTROL, now)
            if self._latest_ping is not None:
                payload, self._latest_ping = self._latest_ping, None
                self._answer_ping(payload, now)

    def _hold(self, reason: int) -> None:
        if not self._held:
            self._pipe.pause_reading()
            self._pong_timer.cancel()
        self._held |= reason

    def _release_hold(self, reason: int, now: float) -> None:
        if self._held & reason:
            self._held &= ~reason
            if not self._held:
                self._pipe.resume_reading()
                self._show_life(now)

    def _show_life(self, now: float) -> None:
        if self._pong_timer.deadline is not None:
            self._pong_timer.cancel()
        self.silence_timer.arm(now + self._ping_after_s)

    def _on_silence(self, now: float) -> None:
        if self.ended:
            return
        self.silence_timer.arm(now + self._ping_after_s)
        if self._pong_timer.deadline is not None:
            return  # one ping at a time: that another was taken is no answer to the first
        if not self._held and not self._pipe.outstanding:
            self._ping_under_way = True
            self._write(self.wire.ping(b""), now)

    def _on_no_pong(self, now: float) -> None:
        self._end("client", 1006, "no sign of life after a ping", now)
        self._pipe.abort(now)
        self.release()

    def _close_received(self, event: CloseReceived, now: float) -> None:
        if not self.ended:
            echo = None if event.code == 1005 else event.code if event.code != 1014 else 1011
            self._write(self.wire.close(echo, event.reason), now)
            self._end("client", event.code, event.reason, now)
        self._pipe.end(now)
        self.release()

    def _fail(self, by: Ender, code: int, reason: str, now: float) -> None:
        if self.ended:
            return
        self._write(self.wire.close(code, reason), now)
        self._end(by, code, reason, now)
        if self._held:
            self._held = 0
            self._pipe.resume_reading()  # the peer's close frame may stand behind what was held back
        self.finish_timer.arm(now + self._engine.config.timeouts.close_s)

    def _on_unfinished(self, now: float) -> None:
        self._pipe.end(now)

    def _end(self, by: Ender, code: int, reason: str, now: float) -> None:
        if self.ended:
            return
        self.ended = True
        self.silence_timer.cancel()
        self._pong_timer.cancel()
        self._owner.channel_ended(by, code, reason, now)

    def release(self) -> None:
        """No timer of this channel fires any more."""
        self.silence_timer.cancel()
        self._pong_timer.cancel()
        self.finish_timer.cancel()
