"""The close frames of a relay: one end, told to both sides (RFC 6455 section 7.4; client protocol, section 4).

Decides: which close frame each side gets when one of them closed, broke the protocol or was lost, or when the gateway
ends the session; one pure function. Must not know: connections, and how a closing handshake runs.
"""

from enum import IntEnum
from typing import Final

import msgspec

from ..faults import Side
from ..wires.websocket.frames import BAD_GATEWAY, NO_CODE, cut_reason, may_send_close

#: An end without a close frame.
ABNORMAL: Final = 1006
#: The gateway has no memory for the session, or nobody reviews it.
TRY_AGAIN_LATER: Final = 1013
#: A review stopped it.
_POLICY_VIOLATION: Final = 1008
_PROTOCOL_ERROR: Final = 1002
_GOING_AWAY: Final = 1001
_INTERNAL_ERROR: Final = 1011
_BREACHES: Final = (1002, 1007, 1009)


class CloseCause(IntEnum):
    """Why a session ended."""

    CLOSED = 0  #: a close frame came
    BROKE = 1  #: a side broke the protocol
    LOST = 2  #: a connection ended, or was aborted, without a close frame
    HALF_CLOSED = 4  #: a connection ended in one direction, without a close frame; its peer may still read
    ENDED = 3  #: the gateway ended it: a timeout, or going away
    HOST = 5  #: the host of the gateway ended it, and says how


class CloseFrame(msgspec.Struct, frozen=True):
    """The content of a close frame. ``code`` is ``None`` for a frame without one; ``reason`` has at most 123 bytes in
    UTF-8."""

    code: int | None
    reason: str


class ClosePair(msgspec.Struct, frozen=True):
    """The close frame for each side; ``None`` if that side cannot receive one."""

    client: CloseFrame | None
    provider: CloseFrame | None


def close_frames(code: int, reason: str, *, by: Side, cause: CloseCause) -> ClosePair:
    """As :func:`map_close`. But if the gateway itself ends it with 1013, because it holds too much or nobody reviews
    it, or with 1008, because a review stopped it, the client gets that code. What the ``HOST`` says is for the client
    alone."""
    if cause is CloseCause.HOST:
        client = CloseFrame(code, cut_reason(reason).decode())
        return ClosePair(client, CloseFrame(_GOING_AWAY, "the gateway ended the session"))
    pair = map_close(code, reason, by=by, cause=cause)
    if by is Side.GATEWAY and code in (TRY_AGAIN_LATER, _POLICY_VIOLATION):
        return ClosePair(CloseFrame(code, cut_reason(reason).decode()), pair.provider)
    return pair


def map_close(code: int, reason: str, *, by: Side, cause: CloseCause) -> ClosePair:
    """The close frames for an end with ``code`` and ``reason``, caused ``by`` this side.

    ``CLOSED``: ``code`` is the received one, 1005 for a frame without a code. ``BROKE``: ``code`` is 1002, 1007 or
    1009; any other counts as 1002. ``LOST``, ``HALF_CLOSED``: the end that 1006 and 1015 stand for; ``code`` is not
    used, and the side itself gets no close frame. ``ENDED``, or ``by`` is the gateway: both sides get 1001; ``code`` is
    not used.
    """
    text = cut_reason(reason).decode()
    if cause is CloseCause.ENDED or by is Side.GATEWAY:
        frame = CloseFrame(_GOING_AWAY, text)
        return ClosePair(frame, frame)
    if cause is CloseCause.CLOSED:
        if code == NO_CODE:
            return ClosePair(CloseFrame(None, ""), CloseFrame(None, ""))
        if code == BAD_GATEWAY:
            code = _INTERNAL_ERROR
        if may_send_close(code):
            return ClosePair(CloseFrame(code, text), CloseFrame(code, text))
        # The other codes stand for a missing close frame, or are not defined: sending one breaks the protocol.
    if cause in (CloseCause.LOST, CloseCause.HALF_CLOSED):
        reply = None
        onward = text
    else:
        reply = CloseFrame(code if code in _BREACHES else _PROTOCOL_ERROR, text)
        told = f"the {by} broke the protocol: {reason}" if reason else f"the {by} broke the protocol"
        onward = cut_reason(told).decode()
    if by is Side.CLIENT:
        return ClosePair(reply, CloseFrame(_GOING_AWAY, onward))
    return ClosePair(CloseFrame(_INTERNAL_ERROR, onward), reply)
