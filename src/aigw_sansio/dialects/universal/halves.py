"""A client's message with halves of surrogate pairs, which ``JSON.stringify`` writes and msgspec refuses (RFC 8259
section 8.2).

Decides: that a step's ``query`` may hold them, and how the queries are taken out of the message. Must not know: what
the other fields mean.

The message is read with other escapes, which do not occur in it, in place of those of surrogates. Of the texts found,
each escape is put back. So the cost is that of a few passes at C speed, however the message looks.
"""

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final, TypeAlias

import msgspec

from ...json_text import first_elements

_NOTHING: Final = msgspec.Raw(b"")
#: What may follow ``\\u`` in place of the D of a surrogate. Some writers use small letters, others capitals.
_STAND_INS: Final = b"eEfFaAbBcC123456789"
#: The characters that :func:`mended` puts in place of surrogates.
_MENDED: Final = re.compile(r"[\ue000-\uefff]")

_Restore: TypeAlias = Callable[[bytes | msgspec.Raw], bytes]


class _Message(msgspec.Struct, rename="camel"):
    type: msgspec.Raw = _NOTHING
    event_id: msgspec.Raw = _NOTHING
    request: msgspec.Raw = _NOTHING


class _Step(msgspec.Struct, rename="camel"):
    provider: msgspec.Raw = _NOTHING
    endpoint: msgspec.Raw = _NOTHING
    headers: msgspec.Raw = _NOTHING
    authorization: msgspec.Raw = _NOTHING
    body: msgspec.Raw = _NOTHING
    config: msgspec.Raw = _NOTHING
    method: msgspec.Raw = _NOTHING
    event_id: msgspec.Raw = _NOTHING
    query: msgspec.Raw = _NOTHING


_decode_message = msgspec.json.Decoder(_Message).decode
_decode_step = msgspec.json.Decoder(_Step).decode


def take_queries(data: bytes, most: int) -> tuple[bytes, list[bytes | None]] | None:
    """For a text that msgspec refuses: the message without what nobody reads and without the ``query`` of its steps,
    and the queries as the client's bytes. It has ``most`` steps and one more, if there are as many. ``None`` if the
    text is not JSON for another reason."""
    if b"\\ud" not in data and b"\\uD" not in data:
        return None
    found = list(islice((b"\\u%c" % digit for digit in _STAND_INS if b"\\u%c" % digit not in data), 2))
    if len(found) < 2:
        return None
    small, capital = found

    def restore(text: bytes | msgspec.Raw) -> bytes:
        return bytes(text).replace(small, b"\\ud").replace(capital, b"\\uD")

    queries: list[bytes | None] = []
    try:
        message = _decode_message(data.replace(b"\\ud", small).replace(b"\\uD", capital))
        request = message.request
        if bytes(memoryview(request)[:1]) == b"[":
            steps = [_without_query(step, restore, queries) for step in first_elements(request, most + 1)]
            shown = b"[%b]" % b",".join(steps)
        else:
            shown = _without_query(request, restore, queries)
    except msgspec.MsgspecError:
        return None
    parts = ((b"type", restore(message.type)), (b"eventId", restore(message.event_id)), (b"request", shown))
    return _object(parts), queries


def _without_query(step: msgspec.Raw, restore: _Restore, queries: list[bytes | None]) -> bytes:
    if bytes(memoryview(step)[:1]) != b"{":
        queries.append(None)
        return restore(step)
    found = _decode_step(step)
    queries.append(restore(found.query) or None)
    names = (b"provider", b"endpoint", b"headers", b"authorization", b"body", b"config", b"method", b"eventId")
    return _object((name, restore(value)) for name, value in zip(names, msgspec.structs.astuple(found), strict=False))


def _object(members: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"{%b}" % b",".join(b'"%b":%b' % member for member in members if member[1])


def mended(data: bytes) -> bytes:
    """``data`` with other characters in place of all surrogates."""
    return data.replace(b"\\ud", b"\\ue").replace(b"\\uD", b"\\uE")


def is_mended(text: str) -> bool:
    """Whether ``text``, of a message that was :func:`mended`, may have been another one before."""
    return _MENDED.search(text) is not None or "\\u" in text


def marked(text: str) -> str:
    """``text``, of a message that was :func:`mended`, with U+FFFD for what is not known any more."""
    return _MENDED.sub("\ufffd", text)
