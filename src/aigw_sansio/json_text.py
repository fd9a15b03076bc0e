"""JSON as text: whether it is valid, and where its parts begin and end.

Decides: whether bytes are one JSON document (RFC 8259) that may be copied into a message of ours. Must not know: what
any document means.

``msgspec.Raw`` does not look at the UTF-8 inside strings, and msgspec refuses lone surrogate escapes, which
``JSON.stringify`` emits. This module makes up for both.
"""

import json
import re
from collections.abc import Iterator
from itertools import accumulate
from operator import add
from typing import Final, NoReturn

import msgspec

_RAW = msgspec.json.Decoder(msgspec.Raw)
BOM = b"\xef\xbb\xbf"

#: Levels of nested arrays and objects. msgspec's own limit depends on the stack at the call; this one is lower.
MAX_DEPTH: Final = 400
#: Opening brackets become ``1``, closing ones ``0``.
_BITS = bytes.maketrans(b"[{]}", b"1100")
_NO_SHAPE = bytes(byte for byte in range(256) if byte not in b'[]{}"')
#: Strings are cut out in blocks of this size, so that their pieces take little memory.
_BLOCK: Final = 64 * 1024
#: For eight brackets as the bits of a byte: by how much the depth has grown behind them, and at its highest.
_GROWTH: Final = [2 * byte.bit_count() - 8 for byte in range(256)]
_PEAK: Final = [
    max(accumulate((1 if byte >> bit & 1 else -1 for bit in range(7, -1, -1)), initial=0)) for byte in range(256)
]

_BLANKS = re.compile(r"[ \t\r\n]*")


def is_utf8(data: bytes) -> bool:
    """Whether ``data`` is valid UTF-8."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_too_deep(data: bytes) -> bool:
    """Whether a JSON text is nested deeper than :data:`MAX_DEPTH`. For text that is not JSON the result may be
    either."""
    if len(data) <= MAX_DEPTH or data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    bits = _outside_strings(data)
    bits += b"0" * (-len(bits) % 8)
    if not bits:
        return False
    brackets = int(bits, 2).to_bytes(len(bits) // 8)
    depths = accumulate(map(_GROWTH.__getitem__, brackets), initial=0)
    deepest: int = max(map(add, depths, map(_PEAK.__getitem__, brackets)))
    return deepest > MAX_DEPTH


def _outside_strings(data: bytes) -> bytes:
    """The brackets of a JSON text that stand outside its strings, as ``1`` and ``0``."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Without the text between them two neighbours are one string, or an empty one.
    data = data.translate(_BITS, _NO_SHAPE).replace(b'""', b"")
    if b'"' not in data:
        return data
    shape = bytearray()
    inside = 0
    for at in range(0, len(data), _BLOCK):
        pieces = data[at : at + _BLOCK].split(b'"')
        shape += b"".join(pieces[inside::2])
        inside ^= len(pieces) - 1 & 1
    return bytes(shape)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_LENIENT = json.JSONDecoder(parse_constant=_refuse_constant)


def valid_json(data: bytes) -> bytes | None:
    """``data`` without a byte order mark and surrounding blanks, if it is one JSON document in valid UTF-8; otherwise
    ``None``. Documents nested deeper than :data:`MAX_DEPTH` count as invalid."""
    if len(data) > MAX_DEPTH and is_too_deep(data):
        return None
    try:
        text = bytes(_RAW.decode(data))
        return text if text.isascii() or is_utf8(text) else None
    except msgspec.DecodeError:
        pass
    except RecursionError:
        return None
    if data.startswith(BOM):
        rest = data[3:]
        return None if rest.startswith(BOM) else valid_json(rest)
    if b"\\u" not in data:
        return None
    try:
        _LENIENT.decode(data.decode())
    except (ValueError, RecursionError):
        return None
    return data.strip(b" \t\r\n")


def members(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """The members of the object at ``start``: name, start and end of the value.

    For texts that msgspec refuses and the standard library reads. ``ValueError`` if it is not a JSON object.
    """
    at = _skip(text, start)
    if text[at : at + 1] != "{":
        raise ValueError("not an object")
    at = _skip(text, at + 1)
    while text[at : at + 1] == '"':
        name, at = _LENIENT.raw_decode(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise ValueError("a member has no value")
        begin = _skip(text, at + 1)
        _, end = _LENIENT.raw_decode(text, begin)
        yield name, begin, end
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)


def elements(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Start and end of each element of the array at ``start``. ``ValueError`` if it is not a JSON array."""
    at = _skip(text, start)
    if text[at : at + 1] != "[":
        raise ValueError("not an array")
    at = _skip(text, at + 1)
    while at < len(text) and text[at] != "]":
        _, end = _LENIENT.raw_decode(text, at)
        yield at, end
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at
