"""WebSocket masking (RFC 6455 section 5.3): one function, the fastest form that is at hand.

Decides: how ``data`` and a four-byte key become masked or unmasked data. Must not know: frames, roles and where keys
come from. With the extra ``fast`` it is the C function of ``websockets``; without it the big integer is the fastest
up to a few KiB and the strided translation above. Chosen once, when the module is imported.
"""

from collections.abc import Callable
from typing import Final

#: Up to here one big exclusive or is faster than four translations, in bytes (measured on CPython 3.11).
_BIG_INT_UP_TO: Final = 4096

_TRANSLATIONS: Final[list[bytes]] = [bytes(value ^ key for value in range(256)) for key in range(256)]


def mask_by_integer(data: bytes | memoryview, key: bytes) -> bytes:
    """Mask with one exclusive or of two big integers."""
    size = len(data)
    repeated = key * (size // 4) + key[: size % 4]
    return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(size, "little")


def mask_by_translation(data: bytes | memoryview, key: bytes) -> bytes:
    """Mask with four table look-ups over every fourth byte."""
    masked = bytearray(data)
    for phase in range(4):
        masked[phase::4] = masked[phase::4].translate(_TRANSLATIONS[key[phase]])
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
