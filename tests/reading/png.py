"""Reads a PNG of eight bits a channel, as browsers make them (W3C PNG specification, sections 5, 7 and 9)."""

import zlib
from collections import Counter
from typing import NamedTuple, TypeAlias

Colour: TypeAlias = tuple[int, int, int]


class Picture(NamedTuple):
    """Rows of pixels, each ``channels`` bytes."""

    width: int
    height: int
    channels: int
    rows: list[bytearray]

    def at(self, x: int, y: int) -> Colour:
        """The colour of a pixel."""
        red, green, blue = self.rows[y][x * self.channels : x * self.channels + 3]
        return red, green, blue

    def colours(self, x: int, y: int, width: int, height: int) -> Counter[Colour]:
        """How many pixels of a rectangle have each colour."""
        found: Counter[Colour] = Counter()
        for row in self.rows[y : y + height]:
            reds, greens, blues = (
                row[x * self.channels + one : (x + width) * self.channels : self.channels] for one in range(3)
            )
            found.update(zip(reds, greens, blues, strict=True))
        return found


def read_png(data: bytes) -> Picture:
    """The picture of a PNG without interlacing and palette."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, packed, width, height, channels = 8, b"", 0, 0, 0
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
            assert (body[8], body[12]) == (8, 0)
            channels = {2: 3, 6: 4}[body[9]]
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    raw, size, rows = zlib.decompress(packed), width * channels, [bytearray(width * channels)]
    for start in range(0, len(raw), size + 1):
        rows.append(_unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + size]), rows[-1], channels))
    return Picture(width, height, channels, rows[1:])


def _unfiltered(kind: int, line: bytearray, above: bytearray, step: int) -> bytearray:
    if kind == 2:
        return bytearray(one + up & 255 for one, up in zip(line, above, strict=True))
    if kind:
        for at in range(len(line)):
            left = line[at - step] if at >= step else 0
            up, corner = above[at], above[at - step] if at >= step else 0
            line[at] = line[at] + (left, 0, (left + up) // 2, _paeth(left, up, corner))[kind - 1] & 255
    return line


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda one: abs(guess - one))
