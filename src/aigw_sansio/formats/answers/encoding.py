"""JSON and ids of answers.

Decides: how a value becomes bytes whatever characters it holds, and how ids are made. Must not know: any format.
"""

import hashlib
from typing import Final

import msgspec

_encode: Final = msgspec.json.Encoder().encode


def encode(value: object) -> bytes:
    """``value`` as JSON. Lone surrogates, which no UTF-8 can hold, become ``?``."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        import json

        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def own_id(prefix: str, id_: str) -> str:
    """The id of a response, which begins with ``prefix`` in the format that is written."""
    return id_ if id_.startswith(prefix) else prefix + id_


def make_id(prefix: str, *parts: object, length: int = 24) -> str:
    """An id that is always the same for the same ``parts``: ``prefix`` and ``length`` hexadecimal digits."""
    seed = "\0".join(map(str, parts)).encode("utf-8", "replace")
    return prefix + hashlib.sha256(seed).hexdigest()[:length]
