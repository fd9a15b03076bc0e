"""Reads JSON of any form without ever failing.

Decides: how a provider's bytes become Python values (the fast decoder first, the lenient one if it refuses, ``BROKEN``
if both do), and that a value of the wrong type counts as missing. Must not know: any provider.

Every reader takes values apart with these short functions. Each returns its argument if it has the expected type, and
an empty value of that type otherwise, so no value that a provider sends can raise: :func:`obj` an object, :func:`arr`
an array, :func:`text` a string, :func:`word` a name or id (``None`` if there is none), :func:`count` a count of tokens
(``None`` if there is none).
"""

import base64
import binascii
import re
from typing import Final, TypeAlias

import msgspec

from ..bodies.terminator import is_done
from ..json_text import UNREADABLE

JsonObject: TypeAlias = dict[str, object]


class Broken:
    """The type of :data:`BROKEN`."""


BROKEN: Final = Broken()

_decode = msgspec.json.Decoder().decode
_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_MOST_MENDED: Final = 100_000
#: Half of a surrogate pair: a high one without a low one behind it, or a low one without a high one before it.
_HALF: Final = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F][0-9a-fA-F]{2})"
)
_EMPTY: Final[JsonObject] = {}
_NONE: Final[list[object]] = []
_LARGEST: Final = 2**63 - 1


def parse(data: bytes) -> object:
    """The JSON value in ``data``; :data:`BROKEN` if there is none. Never raises.

    RFC 8259, with deviations that providers send: a byte order mark, lone surrogate escapes (read as ``?``), control
    characters in strings and bytes that are no UTF-8 (read as U+FFFD) are accepted; NaN and the infinities are read as
    null. A value that is nested too deeply is :data:`BROKEN`.
    """
    try:
        value: object = _decode(data)
        return value
    except UNREADABLE:
        data = bytes(data)  # a member of an object may be a ``msgspec.Raw``, which is none
        if is_done(data):  # each stream of many formats ends with it: it is none of what is mended here
            return BROKEN
        mended = _without_halves(data)
    if mended is not None:
        try:
            return _decode(mended)
        except UNREADABLE:
            pass
    return _parse_leniently(data)


def parse_strictly(data: bytes) -> object:
    """The JSON value in ``data``; :data:`BROKEN` if it is not written as RFC 8259 wants it, or if an object names a
    member twice: of these only the last could be seen. Never raises."""
    import json

    try:
        value: object = json.loads(data, object_pairs_hook=_each_once, parse_constant=_refused)
        return value
    except (ValueError, RecursionError, OverflowError):
        return BROKEN


def _each_once(pairs: list[tuple[str, object]]) -> JsonObject:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a member stands twice")
    return value


def _refused(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def raw_members(data: bytes) -> dict[str, msgspec.Raw] | None:
    """The members of the JSON object in ``data``, each as its text; ``None`` if it is none. Never raises. Text that the
    fast decoder refuses is mended as :func:`parse` does it."""
    try:
        return _decode_members(data)
    except UNREADABLE:
        value = parse(data)
    if type(value) is not dict:
        return None
    return {name: msgspec.Raw(msgspec.json.encode(member)) for name, member in value.items()}


def parse_text(data: str) -> object:
    """Likewise, for a text; lone surrogates are read as ``?``."""
    try:
        value: object = _decode(data)
        return value
    except UNREADABLE:
        return parse(data.encode("utf-8", "replace"))


def _without_halves(data: bytes) -> bytes | None:
    """``data`` with ``?`` for lone surrogate escapes, at C speed; ``None`` if there are none, or so many that the
    lenient decoder is as fast."""
    if b"\\u" not in data:
        return None
    if not 0 < data.count(b"\\ud") + data.count(b"\\uD") <= _MOST_MENDED or b"\0" in data:
        return None
    # Escaped backslashes are put aside: what then follows a backslash is an escape.
    return _HALF.sub(b"?", data.replace(b"\\\\", b"\0\0")).replace(b"\0\0", b"\\\\")


def _parse_leniently(data: bytes) -> object:
    import json

    try:
        value: object = json.loads(data.decode("utf-8-sig", "replace"), parse_constant=lambda _: None, strict=False)
        # a lone surrogate could not be encoded again, so it is replaced here
        again: object = _decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        return again
    except UNREADABLE:
        return BROKEN


def obj(value: object) -> JsonObject:
    """``value`` if it is an object, else an empty one. Do not change the result."""
    return value if type(value) is dict else _EMPTY


def arr(value: object) -> list[object]:
    """``value`` if it is an array, else an empty one. Do not change the result."""
    return value if type(value) is list else _NONE


def text(value: object) -> str:
    """``value`` if it is a string, else an empty one."""
    return value if type(value) is str else ""


def word(value: object) -> str | None:
    """A name or id: ``value`` if it is a string that is not empty, an integer as its digits, else ``None``."""
    if type(value) is str:
        return value or None
    if type(value) is int:
        return str(value) if -_LARGEST <= value <= _LARGEST else None
    return None


def count(value: object) -> int | None:
    """``value`` if it can be a count: a whole number (also ``12.0``) from 0 to 2**63 - 1. Else ``None``."""
    if type(value) is float and value == value // 1:
        value = int(value) if value <= _LARGEST else None
    if type(value) is int and 0 <= value <= _LARGEST:
        return value
    return None


def arguments(value: object) -> str:
    """A tool call's arguments as JSON text: a string unchanged, an object or array serialised, else an empty string."""
    if type(value) is str:
        return value
    if type(value) is dict or type(value) is list:
        try:
            return msgspec.json.encode(value).decode()
        except UNREADABLE:
            return ""
    return ""


def base64_size(value: object) -> int:
    """How many bytes a base64 string decodes to, from its length alone. 0 for anything else."""
    if type(value) is not str:
        return 0
    size = len(value)
    return max(0, size * 3 // 4 - (value.endswith("==") + value.endswith("=") if size % 4 == 0 else 0))


def unbase64(value: object) -> bytes | None:
    """The bytes of a base64 string; ``None`` for anything else."""
    if type(value) is not str:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def describe(value: object) -> str:
    """A brief description of ``value`` without its content, for :class:`Unrecognised`."""
    if type(value) is dict:
        kind = value.get("type")
        if type(kind) is str and kind:
            return f"type {kind[:60]}"
        keys = ", ".join(key[:40] for key in list(value)[:8])
        return f"object with {keys}" if keys else "empty object"
    if value is BROKEN:
        return "not JSON"
    return "array" if type(value) is list else "null" if value is None else type(value).__name__
