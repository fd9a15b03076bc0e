"""The connection of a client in the process of the gateway: no socket, no bytes, and no messages.

Decides: that what waits for such a client is held until it is taken, for as long as it likes, and how its session is
closed. Must not know: which commands there are, and what an event says.

There is nobody at the other end who might be dead: its host runs this very code. So nothing is given up because it is
not taken; it holds its providers back, as with any client.
"""

from collections import deque
from typing import Generic

from ..effects import CloseMessages, Message
from ..engine.connection import PipeConnection
from ..engine.send_buffer import PER_PIECE, SendBuffer
from ..engine.services import Services
from ..errors import LocalProtocolError
from ..faults import Side
from ..ids import ConnId
from ..wires.websocket.frames import cut_reason
from .channel import NO_OWNER, ChannelOwner, MessageChannel, MessageT

#: The address of such a client, as events have it.
LOCAL_PEER = "local"


class EventBuffer(SendBuffer, Generic[MessageT]):
    """What waits to be taken. ``size`` is the sum of what its events count."""

    __slots__ = ("_events",)

    def __init__(self) -> None:
        super().__init__()
        self._events: deque[MessageT] = deque()

    def put(self, event: MessageT) -> bool:
        """Queue ``event``. True if nothing waited: emit a ``Flush``."""
        first = not self._events
        self._events.append(event)
        self.size += len(event)
        return first

    def take_events(self, limit: int) -> list[MessageT]:
        """At most ``limit`` events, oldest first."""
        events = self._events
        if len(events) <= limit:
            taken = list(events)
            events.clear()
            self.size = 0
        else:
            taken = [events.popleft() for _ in range(limit)]
            self.size -= sum(map(len, taken))
        return taken

    @property
    def held(self) -> int:
        return self.size + PER_PIECE * len(self._events)

    def pull(self, limit: int) -> bytes:
        """There are no bytes: a driver that wants some has mistaken the connection."""
        raise LocalProtocolError("data_to_send: this client has events; call take_events")

    def take(self, limit: int) -> list[Message]:
        """There are no messages."""
        raise LocalProtocolError("messages_to_send: this client has events; call take_events")

    def clear(self) -> None:
        self._events.clear()
        super().clear()


class LocalConnection(PipeConnection, Generic[MessageT]):
    """A client in this process. Call :meth:`open_channel` or :meth:`close_session` next, once."""

    __slots__ = ("_channel", "_events")

    def __init__(self, services: Services, conn: ConnId) -> None:
        super().__init__(services, conn)
        self._events: EventBuffer[MessageT] = EventBuffer()
        self.buffer = self._events
        self._channel: LocalChannel[MessageT] | None = None

    # -- inputs -------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        raise LocalProtocolError(f"receive_data({self.conn}): this client has commands; call create")

    def receive_message(self, data: bytes, now: float, *, text: bool) -> None:
        raise LocalProtocolError(f"receive_message({self.conn}): this client has commands; call create")

    def receive_eof(self, now: float) -> None:
        raise LocalProtocolError(f"receive_eof({self.conn}): this client has commands; call closed")

    def receive_close(self, code: int, reason: str, now: float) -> None:
        raise LocalProtocolError(f"receive_close({self.conn}): this client has commands; call closed")

    def connection_lost(self, reason: str, now: float) -> None:
        self.mark_lost()
        self._end(1006, f"the client was lost: {reason}", now)

    def closed(self, now: float) -> None:
        self._end(1000, "the client left", now)
        super().closed(now)

    def take_events(self, limit: int, now: float) -> list[MessageT]:
        """At most ``limit`` of what waits, also after the session was closed. More may be queued at once."""
        taken = self._events.take_events(limit)
        if taken and self._channel is not None:
            self._channel.taken(now)
        return taken

    # -- for the session ----------------------------------------------------------------------------------------

    def open_channel(self, owner: ChannelOwner) -> "LocalChannel[MessageT]":
        """The channel of ``owner``, the client's session."""
        self._channel = LocalChannel(self.services, self, owner=owner)
        return self._channel

    def send(self, event: MessageT) -> None:
        """Queue ``event``. Nothing is queued after the end or after :meth:`close_session`."""
        if not self.closing and self._events.put(event):
            self.services.effects.append(self._flush)

    def close_session(self, code: int, reason: str) -> None:
        """Close: what is queued can still be taken."""
        if not self.closing:
            self.closing = True
            self._channel = None
            self.services.effects.append(CloseMessages(self.conn, code, cut_reason(reason).decode()))

    def squeeze(self, now: float, *, on: bool) -> None:
        """Nothing: a client in this process is not read. Its session pauses its providers."""

    # -- inside -------------------------------------------------------------------------------------------------

    def _end(self, code: int, reason: str, now: float) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.end(Side.CLIENT, code, reason, now)


class LocalChannel(MessageChannel[MessageT], Generic[MessageT]):
    """The channel of a client in this process. Its counts of bytes are what commands and events count."""

    __slots__ = (
        "_client",
        "_high_water",
        "_owner",
        "bytes_received",
        "bytes_sent",
        "ended",
        "messages_received",
        "messages_sent",
    )

    def __init__(self, services: Services, client: LocalConnection[MessageT], *, owner: ChannelOwner) -> None:
        self._client = client
        self._owner: ChannelOwner = owner
        self._high_water = services.config.limits.send_high_water_bytes
        self.ended = False
        self.messages_received = self.messages_sent = 0
        self.bytes_received = self.bytes_sent = 0

    # -- from the client ----------------------------------------------------------------------------------------

    def count_command(self, size: int) -> None:
        """The client gave a command of ``size`` bytes."""
        self.messages_received += 1
        self.bytes_received += size

    def taken(self, now: float) -> None:
        """Events were taken."""
        if self._client.outstanding < self._high_water:
            self._owner.room_made(now)

    def end(self, by: Side, code: int, reason: str, now: float) -> None:
        """No event comes any more: tell the owner. Called once."""
        self.ended = True  # before the owner is told: what it sends from here on has no effect
        owner, self._owner = self._owner, NO_OWNER  # the session and its channel refer to each other until here
        owner.channel_ended(by, code, reason, now)

    # -- MessageChannel -----------------------------------------------------------------------------------------

    @property
    def outstanding(self) -> int:
        return self._client.outstanding

    def send_text(self, payload: MessageT, now: float) -> None:
        if self.ended:
            return
        self.messages_sent += 1
        self.bytes_sent += len(payload)
        self._client.send(payload)

    def send_texts(self, payloads: list[MessageT], limit: int, now: float) -> list[MessageT]:
        client = self._client
        for count, payload in enumerate(payloads):
            if client.outstanding >= limit:
                return payloads[count:]
            self.send_text(payload, now)
        return []

    def send_control_text(self, payload: MessageT, now: float) -> None:
        self.send_text(payload, now)

    def pause(self) -> None:
        """Nothing: see :meth:`LocalConnection.squeeze`."""

    def resume(self, now: float) -> None:
        """Nothing: see :meth:`LocalConnection.squeeze`."""

    def close(self, code: int, reason: str, now: float, *, by: Side = Side.GATEWAY) -> None:
        if self.ended:
            return
        self._client.close_session(code, reason)
        self.end(by, code, reason, now)
