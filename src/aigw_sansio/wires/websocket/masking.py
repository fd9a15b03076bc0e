"""WebSocket masking (RFC 6455 section 5.3): one function, in the fastest available form.

Decides: how ``data`` and a four-byte key become masked or unmasked data. Must not know: frames, roles and the source of
keys. With the extra ``fast`` it is the C function of ``websockets``. Without it, one big integer is fastest up to a few
KiB, and four translations above that. The choice is made once, at import.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

#: Up to this many bytes one big exclusive or is faster than four translations (measured on CPython 3.11).
_BIG_INT_UP_TO: Final = 4096


@cache
def _translation(key: int) -> bytes:
    """The table of one byte of a key."""
    return bytes([value ^ key for value in range(256)])


def mask_by_integer(data: bytes | memoryview, key: bytes) -> bytes:
    """Mask with one exclusive or of two big integers. Faster for short data."""
    size = len(data)
    repeated = key * (size // 4) + key[: size % 4]
    return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(size, "little")


def mask_by_translation(data: bytes | memoryview, key: bytes) -> bytes:
    """Mask with four table look-ups, each over every fourth byte. Faster for long data."""
    masked = bytearray(data)
    for phase in range(4):
        masked[phase::4] = masked[phase::4].translate(_translation(key[phase]))
    return bytes(masked)


def _mask(data: bytes | memoryview, key: bytes) -> bytes:
    if len(data) <= _BIG_INT_UP_TO:
        return mask_by_integer(data, key)
    return mask_by_translation(data, key)


def _choose() -> Callable[[bytes | memoryview, bytes], bytes]:
    try:
        from websockets.speedups import apply_mask as by_c
    except ImportError:  # the extra "fast" is not installed
        return _mask
    mask: Callable[[bytes | memoryview, bytes], bytes] = by_c  # untyped if a type checker does not find the library
    return mask


#: ``apply_mask(data, key) -> bytes``: ``data`` masked, or unmasked, with the four bytes of ``key``.
apply_mask: Final[Callable[[bytes | memoryview, bytes], bytes]] = _choose()
