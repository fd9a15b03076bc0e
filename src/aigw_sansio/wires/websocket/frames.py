"""WebSocket frames (RFC 6455 section 5.2): the rules of a header, and frames written in one piece.

Decides: the start and the length of a frame's payload, which headers break the protocol, which close codes may be sent.
Must not know: messages, limits, or what was sent and received before.
"""

from enum import IntEnum
from typing import Final, TypeAlias

from ...errors import LocalProtocolError
from .masking import apply_mask

FIN: Final = 0x80
RSV1: Final = 0x40
#: The bit of the second byte for a masked payload.
MASKED: Final = 0x80

#: The longest header, in bytes.
LONGEST_HEADER: Final = 14
#: A close frame without a code: how it is told, never how it is sent (section 7.1.5).
NO_CODE: Final = 1005
#: Registered for gateways; endpoints receive it and do not send it.
BAD_GATEWAY: Final = 1014
#: The longest reason of a close frame, in bytes (section 5.5: 125 with the code).
LONGEST_REASON: Final = 123


class Opcode(IntEnum):
    """The type of a frame (section 11.8)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class Role(IntEnum):
    """Our end of the connection. A client masks its frames, a server does not (section 5.1)."""

    SERVER = 0
    CLIENT = 1


#: ``(start, size)``: offset and length of the payload, if the header is complete. An ``int``: how many bytes of the
#: frame must have come before another try. A ``str``: why the header breaks the protocol.
Header: TypeAlias = tuple[int, int] | int | str

_OPCODES: Final = frozenset(Opcode)


def parse_header(data: bytes, at: int, mask_bit: int, rsv: int = 0) -> Header:
    """Read the header of the frame that starts at ``data[at]``. At least two bytes of it must have come.

    ``mask_bit`` is :data:`MASKED` if frames must be masked and 0 if they must not be; ``rsv`` has the reserved bits
    that a negotiated extension uses. Whether a header is refused depends on its bytes alone.
    """
    first = data[at]
    size = data[at + 1] ^ mask_bit
    opcode = first & 0x0F
    if opcode not in _OPCODES:
        return f"a frame has the reserved opcode {opcode:#x}"
    if first & 0x70 & ~rsv:
        return "a frame has a reserved bit set that no extension uses"
    if size & MASKED:
        return "a frame is not masked" if mask_bit else "a frame is masked"
    if opcode & 0x8:
        if not first & FIN:
            return "a control frame is fragmented"
        if size > 125:
            return "a control frame is longer than 125 bytes"
        if first & 0x70:
            return "a control frame has a reserved bit set"
    elif not opcode and first & 0x70:
        return "a continuation has a reserved bit set"
    key = 4 if mask_bit else 0
    if size < 126:
        head = 2 + key
    elif size == 126:
        if len(data) < at + 4:
            return 4
        head = 4 + key
        size = int.from_bytes(data[at + 2 : at + 4])
        if size < 126:
            return "a frame's length takes two bytes where one is enough"
    else:
        if len(data) < at + 10:
            return 10
        head = 10 + key
        size = int.from_bytes(data[at + 2 : at + 10])
        if size < 65536:
            return "a frame's length takes eight bytes where two are enough"
        if size >> 63:
            return "a frame's length has its highest bit set"
    if len(data) < at + head:
        return head
    return at + head, size


def encode_header(first: int, size: int, mask_bit: int) -> bytes:
    """A header without its masking key. ``first`` is FIN, reserved bits and opcode; ``mask_bit`` is as for
    :func:`parse_header`."""
    if size < 126:
        return bytes((first, size | mask_bit))
    if size < 65536:
        return bytes((first, 126 | mask_bit)) + size.to_bytes(2)
    return bytes((first, 127 | mask_bit)) + size.to_bytes(8)


def encode_frame(first: int, payload: bytes, key: bytes | None = None) -> bytes:
    """One whole frame, masked if there is a ``key``."""
    if key is None:
        return encode_header(first, len(payload), 0) + payload
    size = len(payload)
    header = encode_header(first, size, MASKED) if size > 125 else bytes((first, size | MASKED))
    return header + key + apply_mask(payload, key)


def may_send_close(code: int) -> bool:
    """Whether our close frame may have ``code``: the codes that RFC 6455 section 7.4 and the IANA registry define for
    endpoints, without 1014 (some stacks treat it as an error), and the private ranges."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1013 or 3000 <= code <= 4999


def may_receive_close(code: int) -> bool:
    """Whether a peer's close frame may have ``code``: what we may send, and 1014, which the registry has too."""
    return may_send_close(code) or code == BAD_GATEWAY


def read_close(payload: bytes) -> tuple[int, str] | str:
    """Code and reason of a received close frame, 1005 if it has none; a ``str``: why it breaks the protocol.

    A reason that is not UTF-8 does not change what its code says, so it is repaired: a character that was cut off at
    its end is dropped (peers cut long reasons at 123 bytes), and other bytes become U+FFFD.
    """
    if not payload:
        return NO_CODE, ""
    if len(payload) == 1:
        return "a close frame has half a code"
    if not may_receive_close(int.from_bytes(payload[:2])):
        return "a close frame has a code that no endpoint may send"
    return int.from_bytes(payload[:2]), _repaired(payload[2:])


def _repaired(reason: bytes) -> str:
    try:
        return reason.decode()
    except UnicodeDecodeError as error:
        if error.end == len(reason) and error.reason == "unexpected end of data":
            reason = reason[: error.start]
        return reason.decode("utf-8", "replace")


def cut_reason(reason: str) -> bytes:
    """``reason`` in UTF-8, at most :data:`LONGEST_REASON` bytes, cut at a character boundary."""
    encoded = reason.encode("utf-8", "replace")
    if len(encoded) <= LONGEST_REASON:
        return encoded
    return encoded[:LONGEST_REASON].decode("utf-8", "ignore").encode()


def close_payload(code: int | None, reason: str) -> bytes:
    """The payload of a close frame. ``LocalProtocolError`` for a code that may not be sent, or a reason without a
    code."""
    if code is None:
        if reason:
            raise LocalProtocolError("a close reason needs a close code")
        return b""
    if not may_send_close(code):
        raise LocalProtocolError(f"close code {code} may not be sent")
    return code.to_bytes(2) + cut_reason(reason)
