"""HTTP/2 frames in bytes: the nine-byte header and the few frames that this package writes itself.

Decides: the bytes of those frames (RFC 9113 sections 4.1 and 6). Must not know: connections, streams and whether a
frame may be sent now.
"""

import struct
from typing import Final

DATA: Final = 0x0
HEADERS: Final = 0x1
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
CONTINUATION: Final = 0x9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8

NO_ERROR: Final = 0x0
PROTOCOL_ERROR: Final = 0x1
FLOW_CONTROL_ERROR: Final = 0x3
FRAME_SIZE_ERROR: Final = 0x6
REFUSED_STREAM: Final = 0x7
CANCEL: Final = 0x8
HTTP_1_1_REQUIRED: Final = 0xD
ENHANCE_YOUR_CALM: Final = 0xB

#: The largest payload that we accept, as in our SETTINGS (the initial value of SETTINGS_MAX_FRAME_SIZE).
MAX_FRAME: Final = 16_384
#: The connection's window before any WINDOW_UPDATE (section 6.9.2); SETTINGS cannot change it.
INITIAL_WINDOW: Final = 65_535
MAX_STREAM_ID: Final = 2**31 - 1
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

#: Length and type in one word (``length << 8 | type``), flags, stream with its reserved bit.
HEADER: Final = struct.Struct(">IBI")
_UPDATE: Final = struct.Struct(">IBII")
_GOAWAY: Final = struct.Struct(">IBIII")
_SETTING: Final = struct.Struct(">HI")

#: The settings that we read: RFC 9113 section 6.5.2 and RFC 8441 section 3.
_KNOWN_SETTINGS: Final = frozenset((1, 2, 3, 4, 5, 6, 8))


def data_header(stream: int, length: int, *, end: bool = False) -> bytes:
    """The header of an unpadded DATA frame."""
    return HEADER.pack(length << 8, int(end), stream)


def window_update(stream: int, increment: int) -> bytes:
    """A WINDOW_UPDATE; ``stream`` 0 is the connection."""
    return _UPDATE.pack(4 << 8 | 0x8, 0, stream, increment)


def ping(payload: bytes) -> bytes:
    """A PING with the eight bytes ``payload``."""
    return HEADER.pack(8 << 8 | PING, 0, 0) + payload


def goaway(last_stream: int, code: int) -> bytes:
    """A GOAWAY without debug data."""
    return _GOAWAY.pack(8 << 8 | GOAWAY, 0, 0, last_stream, code)


def known_settings(frame: bytes) -> bytes:
    """A SETTINGS frame without the settings that we do not read; h2 would keep them as long as the connection lives. A
    frame of a wrong length is returned unchanged, so h2 refuses it."""
    payload = frame[9:]
    if len(payload) % 6:
        return frame
    pairs = list(_SETTING.iter_unpack(payload))
    kept = [pair for pair in pairs if pair[0] in _KNOWN_SETTINGS]
    if len(kept) == len(pairs):
        return frame
    _, flags, stream = HEADER.unpack_from(frame)
    body = b"".join(_SETTING.pack(*pair) for pair in kept)
    return HEADER.pack(len(body) << 8 | SETTINGS, flags, stream) + body
