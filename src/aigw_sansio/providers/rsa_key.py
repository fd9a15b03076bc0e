"""The size of an RSA private key, read from its PEM text (RFC 7468, RFC 5208 PKCS #8, RFC 8017 appendix A.1.2).

Decides: how many bits its modulus has. Must not know: RSA; the key is never computed with here. Checking a key that a
stranger made costs time that grows with the cube of its size, so the size is asked first.
"""

from binascii import Error, a2b_base64
from typing import Final

_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_OCTETS: Final = 0x04


def rsa_bits(pem: str) -> int | None:
    """The size of the key in bits; ``None`` if ``pem`` is no private RSA key that can be read without a password."""
    inner = pem.partition("-----BEGIN ")[2]
    label, _, inner = inner.partition("-----")
    text = inner.partition("-----END")[0]
    try:
        der = a2b_base64(text.encode("ascii", "replace"))
    except (Error, ValueError):
        return None
    key = _inside(der, 0, _SEQUENCE)
    if key is None:
        return None
    at = _behind(der, key, _INTEGER)  # the version
    if label == "PRIVATE KEY":
        at = _behind(der, at, _SEQUENCE)  # the algorithm
        octets = _inside(der, at, _OCTETS)
        key = None if octets is None else _inside(der, octets, _SEQUENCE)
        at = None if key is None else _behind(der, key, _INTEGER)
    modulus = _element(der, at, _INTEGER)
    if modulus is None:
        return None
    start, stop = modulus
    return int.from_bytes(der[start:stop]).bit_length()


def _element(der: bytes, at: int | None, tag: int) -> tuple[int, int] | None:
    """Where the content of the element at ``at`` begins and ends; ``None`` if there is none of this ``tag``."""
    if at is None or at + 2 > len(der) or der[at] != tag:
        return None
    size, start = der[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        size, start = int.from_bytes(der[start : start + count]), start + count
        if not 0 < count <= 4:
            return None
    return (start, start + size) if start + size <= len(der) else None


def _inside(der: bytes, at: int | None, tag: int) -> int | None:
    found = _element(der, at, tag)
    return None if found is None else found[0]


def _behind(der: bytes, at: int | None, tag: int) -> int | None:
    found = _element(der, at, tag)
    return None if found is None else found[1]
