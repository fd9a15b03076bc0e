"""How the end of a relayed WebSocket is told to its two sides (RFC 6455 section 7.4; client protocol, section 4).

Decides: which close frame each side gets when one of them closed, broke the protocol or was lost, or when the gateway
ends the session; one pure function over (code, reason, who, cause). Must not know: connections, and who waits for what.
"""

from enum import IntEnum
from typing import Final

import msgspec

from ..faults import Side
from ..wires.websocket.frames import cut_reason, may_send_close

#: A close frame without a code: how it is received, never how it is sent (RFC 6455 section 7.1.5).
NO_CODE: Final = 1005
#: An end without a close frame.
ABNORMAL: Final = 1006
_BAD_GATEWAY: Final = 1014
_PROTOCOL_ERROR: Final = 1002
_GOING_AWAY: Final = 1001
_INTERNAL_ERROR: Final = 1011
_BREACHES: Final = (1002, 1007, 1009)


class CloseCause(IntEnum):
    """CloseCause a session ended."""

    CLOSED = 0  #: a close frame came
    BROKE = 1  #: somebody broke the protocol
    LOST = 2  #: a connection ended, or was given up, without a close frame
    ENDED = 3  #: the gateway ended it: a limit of time, or going away


class CloseFrame(msgspec.Struct, frozen=True):
    """What a close frame says. ``None`` is a frame without a code; ``reason`` has at most 123 bytes in UTF-8."""

    code: int | None
    reason: str


class ClosePair(msgspec.Struct, frozen=True):
    """The close frame for each side; ``None`` where that side cannot hear one."""

    client: CloseFrame | None
    provider: CloseFrame | None


def map_close(code: int, reason: str, by: Side, cause: CloseCause) -> ClosePair:
    """The close frames for an end with ``code`` and ``reason`` that is ``who``'s doing.

    ``CLOSED``: ``code`` is the one received, 1005 for a frame without one. ``BROKE``: 1002, 1007 or 1009; any other is
    1002. ``LOST`` is what 1006 and 1015 stand for. ``ENDED``, or ``who`` is the gateway: 1001 goes both ways. The last
    two do not look at ``code``.
    """
    text = cut_reason(reason).decode()
    if cause is CloseCause.ENDED or by is Side.GATEWAY:
        words = CloseFrame(_GOING_AWAY, text)
        return ClosePair(words, words)
    if cause is CloseCause.CLOSED:
        if code == NO_CODE:
            return ClosePair(CloseFrame(None, ""), CloseFrame(None, ""))
        if code == _BAD_GATEWAY:
            code = _INTERNAL_ERROR
        if may_send_close(code):
            return ClosePair(CloseFrame(code, text), CloseFrame(code, text))
        # Codes that mean that there was no close frame, or that nobody defined: whoever sends one breaks the protocol.
    if cause is CloseCause.LOST:
        answer = None
        onward = text
    else:
        answer = CloseFrame(code if code in _BREACHES else _PROTOCOL_ERROR, text)
        told = f"the {by} broke the protocol: {reason}" if reason else f"the {by} broke the protocol"
        onward = cut_reason(told).decode()
    if by is Side.CLIENT:
        return ClosePair(answer, CloseFrame(_GOING_AWAY, onward))
    return ClosePair(CloseFrame(_INTERNAL_ERROR, onward), answer)
