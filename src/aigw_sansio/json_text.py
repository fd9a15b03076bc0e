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
from typing import Final, NoReturn

import msgspec

_RAW = msgspec.json.Decoder(msgspec.Raw)
BOM = b"\xef\xbb\xbf"

#: Levels of nested arrays and objects. msgspec's own limit depends on the stack at the call; this one is lower.
MAX_DEPTH: Final = 400
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}

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
    brackets = _STRING.sub(b"", data).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > MAX_DEPTH


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
