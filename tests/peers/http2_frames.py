"""HTTP/2 frames written by hand and read back, and a plain h2 connection as the peer. For tests of the HTTP/2 wires.

Must not know: how our wires are built inside.
"""

import struct
from collections.abc import Iterable
from itertools import pairwise

from h2.config import H2Configuration
from h2.connection import H2Connection
from hpack import Encoder, NeverIndexedHeaderTuple

END_STREAM, END_HEADERS, PADDED = 1, 4, 8
Fields = list[tuple[bytes, bytes]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


def block(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A header block that leaves the table as it is, so blocks can be reordered."""
    return Encoder().encode([NeverIndexedHeaderTuple(*field) for field in fields])


def headers(stream: int, fields: Iterable[tuple[bytes, bytes]], flags: int = END_HEADERS) -> bytes:
    return frame(1, flags, stream, block(fields))


def data(stream: int, payload: bytes, *, end: bool = False, pad: int | None = None) -> bytes:
    flags = END_STREAM if end else 0
    if pad is not None:
        return frame(0, flags | PADDED, stream, bytes([pad]) + payload + bytes(pad))
    return frame(0, flags, stream, payload)


def settings(values: dict[int, int] | None = None, *, ack: bool = False) -> bytes:
    body = b"".join(struct.pack(">HI", key, value) for key, value in (values or {}).items())
    return frame(4, int(ack), 0, body)


def update(stream: int, increment: int) -> bytes:
    return frame(8, 0, stream, struct.pack(">I", increment))


def rst(stream: int, code: int) -> bytes:
    return frame(3, 0, stream, struct.pack(">I", code))


def goaway(last: int, code: int = 0) -> bytes:
    return frame(7, 0, 0, struct.pack(">II", last, code))


def frames(raw: bytes) -> list[tuple[int, int, int, bytes]]:
    """``(type, flags, stream, payload)`` of every whole frame; a client's preface is skipped."""
    raw = raw.removeprefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    found = []
    while len(raw) >= 9:
        word, flags, stream = struct.unpack_from(">IBI", raw)
        found.append((word & 0xFF, flags, stream, raw[9 : 9 + (word >> 8)]))
        raw = raw[9 + (word >> 8) :]
    return found


def cuttings(raw: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in cuts)})
    return [raw[start:end] for start, end in pairwise(edges)]


def peer(*, client: bool) -> H2Connection:
    """A plain h2 connection, its preface written."""
    conn = H2Connection(H2Configuration(client_side=client, header_encoding=None))
    conn.initiate_connection()
    return conn
