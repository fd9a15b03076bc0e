"""Messages of an AWS event stream, written after the specification."""

import zlib


def message(payload: bytes, *headers: tuple[str, str], raw_headers: bytes = b"") -> bytes:
    """One message, encoded after the specification."""
    encoded = raw_headers + b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + len(value.encode()).to_bytes(2, "big") + value.encode()
        for name, value in headers
    )
    prelude = (len(encoded) + len(payload) + 16).to_bytes(4, "big") + len(encoded).to_bytes(4, "big")
    body = prelude + zlib.crc32(prelude).to_bytes(4, "big") + encoded + payload
    return body + zlib.crc32(body).to_bytes(4, "big")
