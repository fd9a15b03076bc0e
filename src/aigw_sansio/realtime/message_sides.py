"""The two sides of a relay whose client has no bytes: its host owns the WebSocket, and passes whole messages.

Decides: how the client's messages become frames for the provider, which messages of the provider the host gets, and how
the client is told the end. Must not know: close codes, timeouts, and how the host closes.

The sides are those of any relay (:mod:`.side`), with the same limits, marks and turns. A client's message becomes the
frame that a client with bytes would have sent, masked with a key of ours, and takes the same way. A provider's frames
become messages (:mod:`~aigw_sansio.wires.websocket.assembling`), because nobody behind us reads frames. Pings and the
closing handshake with the client are the host's.
"""

from collections.abc import Callable
from typing import Final

from ..downstream.messages import MessagesConnection
from ..effects import Message
from ..engine.connection import BytePipe
from ..engine.services import Services
from ..engine.turns import EVENT_BYTES
from ..faults import CLOSE_CODE, Fault, Side
from ..wires.websocket.frames import FIN, Opcode, encode_frame
from ..wires.websocket.relay import ControlEvent, FrameRelay
from .close_codes import ABNORMAL, CloseCause, CloseFrame
from .direction import Direction
from .observer import RealtimeObserver
from .side import RelaySide, RelaySideOwner

#: TLS failed (RFC 6455 section 7.4.1): no close frame came.
_NO_TLS: Final = 1015
#: What a host is told if the provider's close frame has no code: frameworks send none without one.
_NORMAL: Final = 1000


class MessageDirection(Direction):
    """The direction to the client. Nothing is written to it as frames."""

    __slots__ = ("_client", "_dropped", "_dropped_bytes")

    def __init__(self, source: BytePipe, client: MessagesConnection, *, high_water: int, now: float) -> None:
        super().__init__(source, client, high_water=high_water, now=now)
        self._client = client
        self._dropped = self._dropped_bytes = 0  # messages for a client that had gone

    def pass_message(self, message: Message, now: float) -> int:
        """Queue ``message``. Returns the weight of what is outstanding."""
        client = self._client
        if client.closing:
            self._dropped += 1
            self._dropped_bytes += len(message.data)
        client.send(message, now)
        return client.weight

    def confirm(self, outstanding: int) -> None:
        """Nothing: the client's connection counts."""

    def undelivered(self) -> tuple[int, int]:
        messages, payload = self._client.undelivered
        return messages + self._dropped, payload + self._dropped_bytes


class MessageClientSide(RelaySide):
    """The side of the client. Implements ``MessageReceiver``, too."""

    __slots__ = ("_client", "_mask_key")

    def __init__(
        self,
        services: Services,
        client: MessagesConnection,
        wire: FrameRelay,
        *,
        mask_key: Callable[[], bytes],
        owner: RelaySideOwner,
        inbound: Direction,
        outbound: Direction,
        now: float,
    ) -> None:
        super().__init__(
            services, Side.CLIENT, wire, owner=owner, inbound=inbound, outbound=outbound, observer=None, now=now
        )
        self._client = client
        self._mask_key = mask_key
        self._keepalive.close()  # the host pings its client
        client.open_relay(self)

    # -- MessageReceiver ----------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float, *, text: bool) -> None:
        """A whole message."""
        first = FIN | (Opcode.TEXT if text else Opcode.BINARY)
        self.receive_data(encode_frame(first, data, self._mask_key()), now)

    def taken(self, now: float) -> None:
        """The host took messages."""
        self.data_sent(self.pipe.outstanding, now)

    def fail(self, fault: Fault, now: float) -> None:
        """The client broke a rule of messages."""
        if self._backlog.waits:
            self._backlog.end_later(lambda at: self.fail(fault, at))
        elif not self.ended:
            self._owner.side_ended(self, now, code=CLOSE_CODE[fault.kind], reason=fault.detail, cause=CloseCause.BROKE)

    def client_closed(self, code: int, reason: str, now: float) -> None:
        """The client closed, and takes nothing any more."""
        if self._backlog.waits:
            self._backlog.end_later(lambda at: self.client_closed(code, reason, at))
            return
        self._lost = True
        if code in (ABNORMAL, _NO_TLS):
            self._on_lost(reason or "the client's connection ended without a close frame", now)
        elif self.ended:
            self.finish(now)
        else:
            self._owner.side_ended(self, now, code=code, reason=reason, cause=CloseCause.CLOSED)
        self._owner.side_drained(self, now)

    def client_lost(self, reason: str, now: float) -> None:
        """The client was lost."""
        self.connection_lost(reason, now)

    # -- for the relay ------------------------------------------------------------------------------------------

    def close(self, frame: CloseFrame | None, now: float, *, peer_closed: bool, passing: bool = False) -> None:
        """Have the host close, unless the client has gone. The side is finished: nothing that the client still says is
        of use, and the host reports when it has closed."""
        self._end(passing=False)
        if frame is not None:
            self._client.close_messages(_NORMAL if frame.code is None else frame.code, frame.reason, now)
        self.finish(now)


class MessageProviderSide(RelaySide):
    """The side of the provider, whose messages go to a client without bytes."""

    __slots__ = ("_to_client",)

    def __init__(
        self,
        services: Services,
        wire: FrameRelay,
        *,
        owner: RelaySideOwner,
        inbound: MessageDirection,
        outbound: Direction,
        observer: RealtimeObserver | None,
        now: float,
    ) -> None:
        super().__init__(
            services, Side.PROVIDER, wire, owner=owner, inbound=inbound, outbound=outbound, observer=observer, now=now
        )
        self._to_client = inbound

    def _handle_control(self, event: ControlEvent, now: float) -> None:
        if not isinstance(event, Message):
            super()._handle_control(event, now)
            return
        self._turns.left -= EVENT_BYTES
        if self._passing:
            self.moved = now
            if self._to_client.pass_message(event, now) > self._high_water:
                self._to_client.pause()
