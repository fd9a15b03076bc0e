"""RSA keys of any size, as text; nothing can be computed with them."""

from base64 import b64encode


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(value: int) -> bytes:
    return der(2, value.to_bytes(value.bit_length() // 8 + 1))


def pem(label: str, content: bytes) -> str:
    return f"-----BEGIN {label}-----\n{b64encode(content).decode()}\n-----END {label}-----\n"


def pkcs1(bits: int) -> bytes:
    return der(0x30, integer(0) + integer((1 << bits) - 1) + integer(65537))


def pkcs8(bits: int) -> bytes:
    algorithm = der(0x30, der(6, b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01") + der(5, b""))
    return der(0x30, integer(0) + algorithm + der(4, pkcs1(bits)))
