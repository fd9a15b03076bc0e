"""The field ``body`` of a step: bytes that go to the provider as they are (client protocol, section 3.1).

Decides: its two forms, and what may not stand beside it. Must not know: the other fields of a step.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64

import msgspec

from ...faults import Fault
from ...secret import without_content
from ..step_rules import invalid, misplaced_body

_ALLOWED = 'allowed is {"text": STRING} or {"base64": STRING}'


class _Body(msgspec.Struct):
    text: str | None = None
    base64: str | None = None

    __repr__ = without_content


_decode = msgspec.json.Decoder(_Body).decode


def read_body(raw: bytes, *, has_query: bool, method: str, where: str) -> bytes | Fault | None:
    """The bytes that ``raw``, the JSON of a ``body``, stands for; ``None`` if there is none. ``where`` is the path of
    its step."""
    if raw in (b"", b"null"):
        return None
    if (misplaced := misplaced_body(where, has_query=has_query, method=method)) is not None:
        return misplaced
    try:
        body = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _refuse(f"{where}.body", f"has the wrong form; {_ALLOWED}")
    if (body.text is None) == (body.base64 is None):
        return _refuse(f"{where}.body", f"has {'neither' if body.text is None else 'both'}; {_ALLOWED}")
    if body.text is not None:
        return body.text.encode()
    try:
        return a2b_base64((body.base64 or "").encode("ascii"), strict_mode=True)
    except (Base64Error, UnicodeEncodeError):
        return _refuse(f"{where}.body.base64", "is no base64; allowed is that of RFC 4648 section 4, with its padding")


def _refuse(field: str, why: str) -> Fault:
    return invalid(f"{field} {why}")
