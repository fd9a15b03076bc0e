"""Events of a WebSocket.

Data only. Messages, control frames and violations of the peer. Must not know: how they are read, and what the answer
is.
"""

import msgspec

from ...faults import Fault
from ...secret import without_content


class TextMessage(msgspec.Struct, frozen=True, gc=False):
    """A text message. ``data`` is valid UTF-8."""

    data: bytes

    __repr__ = without_content


class BinaryMessage(msgspec.Struct, frozen=True, gc=False):
    """A binary message."""

    data: bytes

    __repr__ = without_content


class PingReceived(msgspec.Struct, frozen=True, gc=False):
    """A ping. The owner answers with ``pong(payload)``."""

    payload: bytes


class PongReceived(msgspec.Struct, frozen=True, gc=False):
    """A pong, solicited or not."""

    payload: bytes


class CloseReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer's close frame. Nothing comes after it. The owner answers with ``close(...)``, unless it has sent one
    already. ``code`` is 1005 if the frame had none."""

    code: int
    reason: str


class Violation(msgspec.Struct, frozen=True, gc=False):
    """The peer broke the protocol (PROTOCOL_ERROR, INVALID_PAYLOAD or MESSAGE_TOO_BIG). Its further bytes are dropped;
    the owner closes with the fault's close code."""

    fault: Fault


class MessagePassed(msgspec.Struct, frozen=True, gc=False):
    """The last frame of a message was forwarded. ``data`` is the message's payload, unmasked; ``None`` if it was larger
    than the observer's limit. Text is not checked."""

    is_text: bool
    size: int
    data: bytes | None
