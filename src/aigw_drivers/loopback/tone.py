"""The loopback provider's voice: one short tone for each word, as 16-bit PCM.

Decides: the sound of a word. Must not know: the protocol that carries it. The same word always has the same sound.
"""

from array import array
from base64 import b64encode
from functools import lru_cache
from math import pi, sin
from sys import byteorder
from typing import Final
from zlib import crc32

#: Samples per second.
RATE: Final = 24_000
#: Milliseconds of one word, its pause included.
WORD_MS: Final = 120

_SAMPLES: Final = RATE * WORD_MS // 1000
_PITCHES_HZ: Final = (196, 220, 247, 262, 294, 330, 349, 392)
_LOUDEST: Final = 12_000
_FADE: Final = _SAMPLES // 6
_SOUNDING: Final = _SAMPLES - _FADE


def speak(word: str) -> str:
    """``word`` as base64 of :data:`WORD_MS` of little-endian mono PCM at :data:`RATE`."""
    return _tone(_PITCHES_HZ[crc32(word.encode()) % len(_PITCHES_HZ)])


@lru_cache(maxsize=len(_PITCHES_HZ))
def _tone(pitch_hz: int) -> str:
    samples = array("h", bytes(2 * _SAMPLES))
    for at in range(_SOUNDING):
        swell = min(1.0, at / _FADE, (_SOUNDING - at) / _FADE)
        samples[at] = round(_LOUDEST * swell * sin(2 * pi * pitch_hz * at / RATE))
    if byteorder == "big":
        samples.byteswap()
    return b64encode(samples.tobytes()).decode()
