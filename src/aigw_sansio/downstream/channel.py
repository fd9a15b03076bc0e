"""The seam between a session and its client: a channel of whole messages.

Decides: what a session may do with its channel, and what it is told. Must not know: frames, pipes, and what a message
says. :class:`.websocket.WebSocketChannel` is a channel over bytes.

An abstract class, not a ``Protocol``: :meth:`MessageChannel.send_texts` is called for every read of a stream.
"""

from abc import ABC, abstractmethod
from collections.abc import Sized
from typing import Final, Generic, Protocol, TypeVar

from ..faults import Side

#: One message, as it waits for the client: its ``len`` is what it counts. Text for a WebSocket, an event of the native
#: dialect for a client in this process.
MessageT = TypeVar("MessageT", bound=Sized)


class ChannelOwner(Protocol):
    """The session, as its channel sees it."""

    def message_received(self, data: bytes, now: float, *, text: bool) -> None:
        """A whole message. With ``text`` it is valid UTF-8."""

    def room_made(self, now: float) -> None:
        """The transport took bytes, and fewer than the high-water mark are outstanding: send more."""

    def channel_ended(self, by: Side, code: int, reason: str, now: float) -> None:
        """The channel has ended, with this close frame; 1006 without one. Called once, also after the owner's own
        ``close``."""


class NoOwner:
    """The owner of a channel that has ended: the session is over, and nothing refers to it any more. Implements
    ``ChannelOwner``."""

    __slots__ = ()

    def message_received(self, data: bytes, now: float, *, text: bool) -> None:
        pass

    def room_made(self, now: float) -> None:
        pass

    def channel_ended(self, by: Side, code: int, reason: str, now: float) -> None:
        pass


NO_OWNER: Final = NoOwner()


class MessageChannel(ABC, Generic[MessageT]):
    """One open channel. It counts whole messages, and the bytes of their payloads."""

    __slots__ = ()

    ended: bool  #: no message comes or goes any more
    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int

    @property
    @abstractmethod
    def outstanding(self) -> int:
        """Bytes sent that the transport has not confirmed."""

    @abstractmethod
    def send_text(self, payload: MessageT, now: float) -> None:
        """Send one text message. No effect after the end."""

    @abstractmethod
    def send_texts(self, payloads: list[MessageT], limit: int, now: float) -> list[MessageT]:
        """Send text messages, in one write, as long as fewer than ``limit`` bytes are outstanding. Returns the messages
        that were not sent. Not to be called after the end."""

    @abstractmethod
    def send_control_text(self, payload: MessageT, now: float) -> None:
        """Send one text message that replies to a message of the client. A client that does not take these is paused.
        No effect after the end."""

    @abstractmethod
    def pause(self) -> None:
        """Pause the client."""

    @abstractmethod
    def resume(self, now: float) -> None:
        """Resume the client."""

    @property
    def away(self) -> bool:
        """The client has no connection; what is sent is kept for it."""
        return False

    @property
    def resumable(self) -> bool:
        """Whether the client may come back on another connection."""
        return False

    @property
    def held(self) -> int:
        """Bytes of messages that are not complete."""
        return 0

    def discard_input(self, now: float) -> None:
        """Nothing more of the client is read, and what is kept of it is discarded. Call it after :meth:`close`."""

    @abstractmethod
    def close(self, code: int, reason: str, now: float, *, by: Side = Side.GATEWAY) -> None:
        """Start the closing handshake (RFC 6455 section 7.1.2). The owner gets ``channel_ended`` at once."""
