"""Any bytes, any cuts: no exception, the same messages and fault as read whole, never more held than the limit.

``python -m fuzz.fuzz_aws_eventstream --seconds 60``. The first byte of an input chooses the cuts. Every input is read
twice, as it is and with the lengths and checksums of one message put around it, or nearly all would fail the first
checksum.
"""

import zlib

from fuzz._bodies import hold
from fuzz._fuzz import cut, main, seeded

from aigw_sansio.bodies.aws_eventstream import AwsEventStreamDecoder

LIMIT = 512


def framed(headers: bytes, payload: bytes) -> bytes:
    """One message with right lengths and checksums."""
    lengths = (len(headers) + len(payload) + 16).to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    body = lengths + zlib.crc32(lengths).to_bytes(4, "big") + headers + payload
    return body + zlib.crc32(body).to_bytes(4, "big")


def _header(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + b"\x07" + len(value).to_bytes(2, "big") + value


_CHUNK = _header(b":event-type", b"chunk"), b'{"bytes":"eyJhIjoxfQ==","p":"abc"}'
_EVENT = _header(b":event-type", b"messageStart") + _header(b":message-type", b"event"), b'{"role":"assistant"}'
_ERROR = _header(b":message-type", b"exception") + _header(b":exception-type", b"x"), b'{"message":"no"}'

# The second byte of an input says how much of the rest is headers, for the reading with a frame put around it.
SEEDS: list[bytes] = seeded(
    *(bytes([len(headers)]) + headers + payload for headers, payload in (_CHUNK, _EVENT, _ERROR)),
    b"\x06\x01a\x09" + bytes(16),
    framed(*_EVENT) + framed(*_CHUNK),
    framed(*_ERROR)[:-1],
)


def target(data: bytes) -> None:
    """One fuzz input."""
    hold(lambda: AwsEventStreamDecoder(LIMIT), data, LIMIT)
    body, _ = cut(data)
    if body:
        headers, payload = body[1 : 1 + body[0]], body[1 + body[0] :]
        hold(lambda: AwsEventStreamDecoder(LIMIT), data[:1] + framed(headers, payload) * 2, LIMIT)


if __name__ == "__main__":
    main(target, SEEDS)
