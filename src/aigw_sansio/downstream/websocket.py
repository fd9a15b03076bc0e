"""A WebSocket to a client, over a byte pipe: messages in and out, keepalive, closing.

Decides: how pings are answered, how the closing handshake runs (RFC 6455 sections 5.5 and 7), when a client that takes
no replies is paused, and which compression is agreed on (RFC 7692). Must not know: what a message says, and whether the
pipe is a TCP connection or a stream of HTTP/2.

Compression is used if the gateway's settings ask for it. The client's direction never keeps its context; the server may
demand that (RFC 7692 section 7.1.1.2). Clients send few messages, and a window of 32 KiB for each socket is much
memory. Our direction keeps its context only if the settings say ``stream``: then all exchanges of a socket share one
context, and an attacker who can inject text into one of them and observe message sizes can infer the others' content
(as with CRIME). With ``messages`` the sizes tell only about the content of each single message.
"""

from typing import Final

from ..config import Compression
from ..engine.backlog import Backlog
from ..engine.connection import BytePipe
from ..engine.keepalive import Keepalive
from ..engine.send_buffer import PER_PIECE
from ..engine.services import Services
from ..engine.turns import FRAME_COST, PORTION_COST, PORTION_FRAMES
from ..faults import CLOSE_CODE, Side
from ..wires.websocket.deflate import DeflateSettings, PerMessageDeflate, choose
from ..wires.websocket.frames import Role
from ..wires.websocket.handshake import Extension
from ..wires.websocket.messages import (
    BinaryMessage,
    CloseReceived,
    PingReceived,
    PongReceived,
    TextMessage,
    Violation,
    WebSocketEvent,
    WebSocketWire,
)
from .channel import NO_OWNER, ChannelOwner, MessageChannel

_PAUSED_BY_CONTROL, _PAUSED_BY_OWNER, _PAUSED_BY_TURN = 1, 2, 4

_DEFLATE: Final[dict[Compression, DeflateSettings]] = {
    "messages": DeflateSettings(),
    "stream": DeflateSettings(send_takeover=True),
}
#: Bytes of a compressing client that are read at once. They can inflate to a thousand times as much, and all messages
#: of one read are held in memory together.
PORTION_BYTES: Final = 1024


class WebSocketChannel(MessageChannel[bytes]):
    """One open WebSocket, server role. Implements ``PipeReceiver``, ``KeepaliveOwner`` and ``BacklogOwner``."""

    __slots__ = (
        "_backlog",
        "_control",
        "_control_bytes",
        "_finish_timer",
        "_heard",
        "_high_water",
        "_keepalive",
        "_latest_ping",
        "_owner",
        "_paused",
        "_pipe",
        "_services",
        "_turns",
        "_unhandled",
        "_written",
        "bytes_received",
        "bytes_sent",
        "ended",
        "messages_received",
        "messages_sent",
        "wire",
    )

    def __init__(
        self, services: Services, pipe: BytePipe, wire: WebSocketWire, *, owner: ChannelOwner, now: float
    ) -> None:
        self._services = services
        self._turns = services.turns
        self._pipe = pipe
        self._owner: ChannelOwner = owner
        self.wire = wire
        self._backlog = Backlog(services.turns, self)
        self._unhandled: list[WebSocketEvent] = []  # before what the wire keeps: their first message needs its own turn
        self.ended = False
        self.messages_received = self.messages_sent = 0
        self.bytes_received = self.bytes_sent = 0
        self._paused = 0  # the reasons, as bits
        self._written = 0  # all bytes ever given to the pipe
        self._control: list[tuple[int, int]] = []  # replies: (end, counted in ``_written``, size)
        self._control_bytes = 0
        self._latest_ping: bytes | None = None
        self._high_water = services.config.limits.send_high_water_bytes
        self._heard = now
        self._keepalive = Keepalive(services, self, now)
        self._finish_timer = services.timers.timer(self._on_unfinished)

    # -- from the pipe ------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Bytes of the peer."""
        if not self.ended:
            self._hear(now)
        turns = self._turns
        left = turns.left
        if left <= 0:
            self.wire.keep(data)
            self._backlog.postpone()
            return
        events = self._take_unhandled(data) if self._unhandled else self.wire.receive_data(data, PORTION_FRAMES)
        for event in events:
            turns.left -= FRAME_COST
            kind = type(event)
            if kind is TextMessage or kind is BinaryMessage:
                if not self.ended:
                    assert isinstance(event, (TextMessage, BinaryMessage))
                    size = len(event.data)
                    if size > turns.left and self._postpone_message(event, events, left):
                        return
                    turns.left -= size
                    self.messages_received += 1
                    self.bytes_received += size
                    self._owner.message_received(event.data, now, text=kind is TextMessage)
            elif isinstance(event, PingReceived):
                self._reply_to_ping(event.payload, now)
            elif isinstance(event, PongReceived):
                pass
            elif isinstance(event, CloseReceived):
                self._close_received(event, now)
            elif isinstance(event, Violation):
                self._start_close(Side.CLIENT, CLOSE_CODE[event.fault.kind], event.fault.detail, now)
                self._pipe.close(now)
                self._finish()
        if self.wire.unread:
            self._backlog.portion_read(left, now)

    # -- BacklogOwner -------------------------------------------------------------------------------------------

    def hold_peer(self) -> None:
        self._pause(_PAUSED_BY_TURN)

    def resume_peer(self, now: float) -> None:
        self._resume(_PAUSED_BY_TURN, now)

    def _postpone_message(self, event: WebSocketEvent, events: list[WebSocketEvent], left: int) -> bool:
        """Whether ``event`` is left for a later turn: this one does not suffice for it, and something was done in it.
        ``left``: what was left of the turn before ``events``."""
        turns = self._turns
        assert isinstance(event, (TextMessage, BinaryMessage))
        position = next(index for index, other in enumerate(events) if other is event)
        if not position and turns.is_untouched(left):
            return False
        turns.left += FRAME_COST  # which its caller has counted
        self._unhandled = events[position:]
        self._backlog.postpone(alone=len(event.data) > PORTION_COST // 2)
        return True

    def _take_unhandled(self, data: bytes) -> list[WebSocketEvent]:
        """What was left, before ``data``."""
        if data:
            self.wire.keep(data)
        events, self._unhandled = self._unhandled, []
        return events

    # -- ends ---------------------------------------------------------------------------------------------------

    def receive_eof(self, now: float) -> None:
        """The peer ended its direction, with or without a closing handshake."""
        if self._backlog.waits:
            self._backlog.end_later(self.receive_eof)
            return
        self._end(Side.CLIENT, 1006, "the connection ended without a close frame", now)
        self._pipe.close(now)
        self._finish()

    def connection_lost(self, reason: str, now: float) -> None:
        """The pipe was lost. What is left of its last read is dropped: nobody would hear of it."""
        self._end(Side.CLIENT, 1006, f"the connection was lost: {reason}", now)
        self._finish()

    def data_sent(self, outstanding: int, now: float) -> None:
        """The transport took bytes; ``outstanding`` are left."""
        if not self.ended:
            self._hear(now)
        elif self._finish_timer.deadline is not None:
            self._finish_timer.arm(now + self._services.config.timeouts.close_s)  # counts from the last progress
        control = self._control
        if control:
            confirmed = self._written - outstanding
            taken = 0
            for end, size in control:
                if end > confirmed:
                    break
                self._control_bytes -= size
                taken += 1
            del control[:taken]
            self._resume_after_replies(now)
        if self.ended:
            return
        if self._keepalive.ping_unsent and not outstanding:
            self._keepalive.ping_sent(now, paused=bool(self._paused))
        if outstanding < self._high_water:
            self._owner.room_made(now)

    # -- MessageChannel -----------------------------------------------------------------------------------------

    @property
    def outstanding(self) -> int:
        return self._pipe.outstanding

    def send_text(self, payload: bytes, now: float) -> None:
        if self.ended:
            return
        self.messages_sent += 1
        self.bytes_sent += len(payload)
        for piece in self.wire.texts([payload], 1)[0]:
            self._write(piece, now)

    def send_texts(self, payloads: list[bytes], limit: int, now: float) -> list[bytes]:
        pieces, count, size = self.wire.texts(payloads, limit - self._pipe.outstanding)
        self.messages_sent += count
        self.bytes_sent += size
        for piece in pieces:
            self._written += len(piece)
            self._pipe.write(piece, now)
        return payloads[count:]

    def send_control_text(self, payload: bytes, now: float) -> None:
        if self.ended:
            return
        self.messages_sent += 1
        self.bytes_sent += len(payload)
        self._write_control(self.wire.text(payload), now)

    def pause(self) -> None:
        self._pause(_PAUSED_BY_OWNER)

    def resume(self, now: float) -> None:
        self._resume(_PAUSED_BY_OWNER, now)

    def close(self, code: int, reason: str, now: float, *, by: Side = Side.GATEWAY) -> None:
        self._start_close(by, code, reason, now)

    @property
    def held(self) -> int:
        held = self.wire.held + PER_PIECE * len(self._control)
        waiting = self._unhandled
        if waiting:
            held += sum(len(e.data) for e in waiting if isinstance(e, (TextMessage, BinaryMessage)))
        return held

    def discard_input(self, now: float) -> None:
        self.wire.stop_reading()
        self._pipe.close(now)
        self._finish()

    # -- KeepaliveOwner -----------------------------------------------------------------------------------------

    def last_heard(self) -> float:
        return self._heard

    def may_ping(self) -> bool:
        return not self._paused and not self._pipe.outstanding

    def send_ping(self, now: float) -> None:
        self._write(self.wire.ping(b""), now)

    def peer_dead(self, now: float) -> None:
        self._end(Side.CLIENT, 1006, "no sign of life after a ping", now)
        self._pipe.abort(now)
        self._finish()

    # -- inside -------------------------------------------------------------------------------------------------

    def _hear(self, now: float) -> None:
        self._heard = now
        if self._keepalive.awaiting:
            self._keepalive.stop_waiting()

    def _write(self, frame: bytes, now: float) -> None:
        self._written += len(frame)
        self._pipe.write(frame, now)

    def _write_control(self, frame: bytes, now: float) -> None:
        self._write(frame, now)
        size = max(len(frame), PER_PIECE)  # an object is kept for each
        self._control.append((self._written, size))
        self._control_bytes += size
        if self._control_bytes > self._high_water:
            self._pause(_PAUSED_BY_CONTROL)

    def _reply_to_ping(self, payload: bytes, now: float) -> None:
        if self.ended:
            return
        if self._paused & _PAUSED_BY_CONTROL:
            self._latest_ping = payload
        else:
            self._write_control(self.wire.pong(payload), now)

    def _resume_after_replies(self, now: float) -> None:
        if self._paused & _PAUSED_BY_CONTROL and self._control_bytes <= self._high_water // 4:
            self._resume(_PAUSED_BY_CONTROL, now)
            if self._latest_ping is not None:
                payload, self._latest_ping = self._latest_ping, None
                self._reply_to_ping(payload, now)

    def _pause(self, reason: int) -> None:
        if not self._paused:
            self._pipe.pause_reading()
            self._keepalive.stop_waiting()
        self._paused |= reason

    def _resume(self, reason: int, now: float) -> None:
        if self._paused & reason:
            self._paused &= ~reason
            if not self._paused:
                self._pipe.resume_reading()
                self._hear(now)

    def _close_received(self, event: CloseReceived, now: float) -> None:
        if not self.ended:
            echo = None if event.code == 1005 else event.code if event.code != 1014 else 1011
            self._write(self.wire.close(echo, event.reason), now)  # before the end: nothing is written after it
            self._end(Side.CLIENT, event.code, event.reason, now)
        self._pipe.close(now)
        self._finish()

    def _start_close(self, by: Side, code: int, reason: str, now: float) -> None:
        if self.ended:
            return
        self._write(self.wire.close(code, reason), now)  # before the end: nothing is written after it
        self._end(by, code, reason, now)
        self.wire.drop_messages()
        if self._paused & ~_PAUSED_BY_TURN:
            self._paused &= _PAUSED_BY_TURN
            if not self._paused:
                self._pipe.resume_reading()  # the peer's close frame may come after bytes that are not read yet
        self._finish_timer.arm(now + self._services.config.timeouts.close_s)

    def _on_unfinished(self, now: float) -> None:
        self._pipe.close(now)
        self._finish()

    def _end(self, by: Side, code: int, reason: str, now: float) -> None:
        if self.ended:
            return
        self.ended = True  # before the owner is told: what it sends from here on has no effect
        self._keepalive.close()
        owner, self._owner = self._owner, NO_OWNER  # the session and its channel refer to each other until here
        owner.channel_ended(by, code, reason, now)

    def _finish(self) -> None:
        """Nothing is read any more: no timer fires, and an unfinished message is dropped."""
        self._keepalive.close()
        self._finish_timer.close()
        self._unhandled = []
        self.wire.stop_reading()
        self._backlog.close()


class DeflatedChannel(WebSocketChannel):
    """A WebSocket whose client may compress: its bytes are read in portions of ``PORTION_BYTES``."""

    __slots__ = ("_deflated",)

    def __init__(
        self, services: Services, pipe: BytePipe, wire: WebSocketWire, *, owner: ChannelOwner, now: float
    ) -> None:
        super().__init__(services, pipe, wire, owner=owner, now=now)
        self._deflated = b""  # what the wire has not got

    @property
    def held(self) -> int:
        return super().held + len(self._deflated)

    def _finish(self) -> None:
        self._deflated = b""
        super()._finish()

    def receive_data(self, data: bytes, now: float) -> None:
        self._deflated += data
        turns, backlog = self._turns, self._backlog
        while turns.left > 0 and not backlog.waits:
            portion = b""
            if not self._unhandled:
                portion, self._deflated = self._deflated[:PORTION_BYTES], self._deflated[PORTION_BYTES:]
            inflated = self.wire.inflated
            super().receive_data(portion, now)
            inflated = self.wire.inflated - inflated
            turns.left -= inflated
            self._services.grow(inflated)
            if not self._deflated:
                return
        backlog.postpone()


class WebSocketOpening:
    """What the handshake of a universal client agrees on. Call :meth:`open` when its session exists."""

    __slots__ = ("_agreed", "_now", "_pipe", "_services", "channel", "extension")

    def __init__(
        self,
        services: Services,
        pipe: BytePipe,
        *,
        compression: Compression,
        offers: tuple[Extension, ...],
        now: float,
    ) -> None:
        """``compression``: the gateway's setting. ``offers``: the extensions that the client offers."""
        settings = _DEFLATE.get(compression)
        agreed = None if settings is None else choose(offers, settings)
        self._services = services
        self._pipe = pipe
        self._now = now
        self._agreed = None if agreed is None else agreed[0]
        #: The value of ``sec-websocket-extensions`` in the response; ``None``: no such field.
        self.extension = None if agreed is None else agreed[1]

    def open(self, owner: ChannelOwner) -> WebSocketChannel:
        """The channel of ``owner``, which is ``channel`` from now on."""
        #: What takes the bytes of the WebSocket.
        self.channel = self._open(owner)
        return self.channel

    def _open(self, owner: ChannelOwner) -> WebSocketChannel:
        services = self._services
        limit = services.config.limits.message_bytes
        if self._agreed is None:
            wire = WebSocketWire(Role.SERVER, message_limit=limit)
            return WebSocketChannel(services, self._pipe, wire, owner=owner, now=self._now)
        extension = PerMessageDeflate(Role.SERVER, self._agreed, message_limit=limit)
        wire = WebSocketWire(Role.SERVER, message_limit=limit, extension=extension)
        return DeflatedChannel(services, self._pipe, wire, owner=owner, now=self._now)
