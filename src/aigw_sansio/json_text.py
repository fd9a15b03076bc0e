"""JSON as text: whether it is valid, and what an array begins with.

Decides: whether bytes are one JSON document (RFC 8259) that may be copied into a message of ours. Must not know: what
any document means.

``msgspec.Raw`` does not look at the UTF-8 inside strings, and msgspec refuses lone surrogate escapes, which
``JSON.stringify`` emits. This module makes up for both. A text is looked at in passes at C speed, and no object is made
for any part of it: a peer may send many megabytes of the smallest parts.
"""

from itertools import accumulate
from operator import add
from typing import Any, Final

import msgspec

#: What may be raised by reading JSON, and by writing what was read.
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
NOT_WRITABLE: Final = (*UNREADABLE, TypeError)

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

#: Characters that a JSON string writes with six, and those with two (RFC 8259 section 7).
_SIX: Final = bytes(byte for byte in range(32) if byte not in b"\b\t\n\f\r")
_TWO: Final = b'"\\\b\t\n\f\r'
#: By the number of elements: reads so many of an array, and the others over.
_ARRAYS: Final[dict[int, msgspec.json.Decoder[Any]]] = {}


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


def valid_json(data: bytes) -> bytes | None:
    """``data`` without a byte order mark and surrounding blanks, if it is one JSON document in valid UTF-8; otherwise
    ``None``. Documents nested deeper than :data:`MAX_DEPTH` count as invalid."""
    long = len(data) > MAX_DEPTH
    if long and is_too_deep(data):
        return None
    try:
        raw = _RAW.decode(data)
        text = data if long and len(memoryview(raw)) == len(data) else bytes(raw)  # a copy of a long one is dear
        return text if text.isascii() or is_utf8(text) else None
    except msgspec.DecodeError:
        pass
    except RecursionError:
        return None
    if data.startswith(BOM):
        rest = data[3:]
        return None if rest.startswith(BOM) else valid_json(rest)
    if b"\\ud" not in data and b"\\uD" not in data:
        return None
    try:
        # The same text with other characters in place of surrogates. An escaped backslash stays one.
        _RAW.decode(data.replace(b"\\ud", b"\\ue").replace(b"\\uD", b"\\uE"))
    except (msgspec.DecodeError, RecursionError):
        return None
    return data.strip(b" \t\r\n") if is_utf8(data) else None


def string_size(data: bytes, charset: str | None) -> int:
    """How many bytes a text takes as a JSON string, or at most takes if ``charset`` is none of Unicode's: a control
    character takes six. Bytes that are no text count as base64."""
    charset = charset or "utf-8"
    try:
        if charset.startswith(("utf-16", "utf-32")):
            data = data.decode(charset).encode()
        elif charset in ("utf-8", "utf8") and not is_utf8(data):
            return base64_string_size(len(data))
    except (UnicodeError, LookupError):
        return base64_string_size(len(data))
    others = 0 if data.isascii() or charset.startswith("utf") else 2 * len(data)
    six, two = len(data.translate(None, _SIX)), len(data.translate(None, _TWO))
    return len(data) + 5 * (len(data) - six) + len(data) - two + others + 2


def base64_string_size(size: int) -> int:
    """How many bytes ``size`` bytes take as a JSON string of base64."""
    return (size + 2) // 3 * 4 + 2


def first_elements(text: bytes | msgspec.Raw, count: int) -> list[msgspec.Raw]:
    """The first ``count`` elements of a JSON array. The others are read over. ``msgspec.DecodeError`` if it is no
    array, or not JSON."""
    decoder = _ARRAYS.get(count)
    if decoder is None:
        names = [(f"element{number}", msgspec.Raw, msgspec.Raw()) for number in range(count)]
        decoder = _ARRAYS[count] = msgspec.json.Decoder(msgspec.defstruct("Array", names, array_like=True))
    return [element for element in msgspec.structs.astuple(decoder.decode(text)) if len(memoryview(element))]
