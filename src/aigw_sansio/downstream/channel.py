"""A message channel: whole messages to and from one client, whatever carries them.

Decides: what a session may ask of its channel, and what it is told. Must not know: frames, pipes, and what a message
says. :class:`.websocket.WebSocketChannel` is one over bytes.

An abstract class, not a ``Protocol``: :meth:`MessageChannel.send_texts` is called for every read of a stream.
"""

from abc import ABC, abstractmethod
from typing import Protocol

from ..faults import Side


class ChannelOwner(Protocol):
    """Who gets what a channel receives."""

    def message_received(self, data: bytes, now: float, *, text: bool) -> None:
        """A whole message; text is valid UTF-8."""

    def room_made(self, now: float) -> None:
        """The channel holds less than the high-water mark again, or less than before while it is under it."""

    def channel_ended(self, by: Side, code: int, reason: str, now: float) -> None:
        """No message comes or goes any more. Called once, also after the owner's own ``close``."""


class MessageChannel(ABC):
    """One open channel. Its counts are those of whole messages, and of their payload."""

    __slots__ = ()

    ended: bool  #: no message comes or goes any more
    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int

    @property
    @abstractmethod
    def outstanding(self) -> int:
        """Bytes sent that the transport has not taken."""

    @abstractmethod
    def send_text(self, payload: bytes, now: float) -> None:
        """Send one text message. Nothing happens after the end."""

    @abstractmethod
    def send_texts(self, payloads: list[bytes], limit: int, now: float) -> list[bytes]:
        """Send text messages, joined, as long as less than ``limit`` bytes are outstanding. Returns those that it had
        no room for. Not to be called after the end."""

    @abstractmethod
    def send_control_text(self, payload: bytes, now: float) -> None:
        """Send one text message that answers the client directly. A client that does not take these is paused."""

    @abstractmethod
    def pause(self) -> None:
        """Do not read the client until ``resume``."""

    @abstractmethod
    def resume(self, now: float) -> None:
        """Read the client again."""

    @abstractmethod
    def close(self, code: int, reason: str, now: float, *, by: Side = Side.GATEWAY) -> None:
        """Start the closing handshake (RFC 6455 section 7.1.2). The owner gets ``channel_ended`` at once."""
