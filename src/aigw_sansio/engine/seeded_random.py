"""Seeded random bytes: the core has no other source of randomness.

Decides: how random bytes are made from a seed, and how a log id is built (UUIDv7, RFC 9562 section 5.7). Must not know:
clocks, the operating system's entropy, and the use of the bytes.
"""

from hashlib import blake2b
from typing import Final

#: The fewest bytes of a gateway's seed.
_SHORTEST: Final = 16


def checked_seed(seed: bytes) -> bytes:
    """``seed``, if it is long enough for a gateway. Raises ``ValueError``."""
    if len(seed) < _SHORTEST:
        raise ValueError(f"seed has {len(seed)} bytes; allowed are {_SHORTEST} or more")
    return seed


class SeededRandom:
    """Random bytes from a seed: a keyed BLAKE2b over a counter.

    Two gateways with the same seed and the same inputs draw the same bytes, so a recorded run replays exactly.
    For unpredictable masks and keys the seed must be at least 16 bytes of the host's entropy.
    """

    __slots__ = ("_counter", "_key", "_pool")

    def __init__(self, seed: bytes) -> None:
        """``seed``: any length; it is hashed to a key."""
        self._key = blake2b(seed, digest_size=32, person=b"aigw chance").digest()
        self._counter = 0
        self._pool = b""

    def bytes(self, n: int) -> bytes:
        """The next ``n`` random bytes."""
        pool = self._pool
        while len(pool) < n:
            pool += blake2b(self._counter.to_bytes(8, "big"), key=self._key).digest()
            self._counter += 1
        self._pool = pool[n:]
        return pool[:n]

    def uuid7(self, unix_seconds: float) -> str:
        """A UUIDv7 in its usual form: 48 bits of ``unix_seconds`` in milliseconds, then random bits."""
        random = int.from_bytes(self.bytes(10), "big")
        value = (int(unix_seconds * 1000) & ((1 << 48) - 1)) << 80
        value |= 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | (random & ((1 << 62) - 1))
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
