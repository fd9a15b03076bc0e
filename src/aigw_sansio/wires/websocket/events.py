"""What a WebSocket's peer said, as values.

Decides: the shape of messages, control frames and violations. Must not know: how they are read, and what is answered.
"""

import msgspec

from ...faults import Fault


class TextMessage(msgspec.Struct, frozen=True, gc=False):
    """A text message. ``data`` is valid UTF-8."""

    data: bytes


class BinaryMessage(msgspec.Struct, frozen=True, gc=False):
    """A binary message."""

    data: bytes


class PingReceived(msgspec.Struct, frozen=True, gc=False):
    """A ping; the owner answers with ``pong(payload)``."""

    payload: bytes


class PongReceived(msgspec.Struct, frozen=True, gc=False):
    """A pong, asked for or not."""

    payload: bytes


class CloseReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer's close frame, its last word; the owner answers with ``close(...)`` unless it has sent one already.
    ``code`` is 1005 where the frame had none."""

    code: int
    reason: str


class Violation(msgspec.Struct, frozen=True, gc=False):
    """The peer broke the protocol (PROTOCOL_ERROR, INVALID_PAYLOAD or MESSAGE_TOO_BIG). What it sends from now on is
    dropped; the owner closes with the fault's close code."""

    fault: Fault


class MessagePassed(msgspec.Struct, frozen=True, gc=False):
    """A message's last frame was forwarded. ``data`` is what it said, unmasked; ``None`` where it was larger than
    what the observer wanted. Text is not checked."""

    is_text: bool
    size: int
    data: bytes | None
