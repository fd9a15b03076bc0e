"""The items of requests and responses, as far as a connection must know them: their texts, and which answers which.

Decides: which items are calls and which answer one, and what of a response can be said again. Must not know: any other
item, and what becomes of them.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from ...formats.values import JsonObject, arr, obj, parse, text


class _Item(msgspec.Struct):
    type: str = ""
    call_id: str | None = None
    encrypted_content: str | None = None
    content: msgspec.Raw = msgspec.Raw()


_decode: Final = msgspec.json.Decoder(list[_Item]).decode
_split: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_EMPTY: Final = (b"", b"null", b"[]", b'""')


class Items(NamedTuple):
    """Some items: their texts with commas between them, and the calls and answers among them, in order: the id, and
    whether it is an answer. ``listed``: how many of an array they are; ``None`` if they are none of an array."""

    text: bytes
    calls: Sequence[tuple[str, bool]] = ()
    listed: int | None = None


def input_items(raw: msgspec.Raw) -> Items:
    """The ``input`` of a create, which is an array, a string or ``null``."""
    written = bytes(raw)
    if written[:1] == b"[":
        items = _read(written)
        return Items(_inside(written), _calls(items), len(items))
    if written[:1] == b'"':
        return Items(b'{"type":"message","role":"user","content":%b}' % written)
    return Items(b"")


def output_items(output: bytes, *, stored: bool) -> Items:
    """The items of a response's ``output``, a JSON array, as a later request repeats them. Reasoning that only its
    provider could look up is left out, unless that has it ``stored``: it would refuse the request."""
    items = _read(output)
    lost = set() if stored else {at for at, item in enumerate(items) if _is_lost(item)}
    if not lost:
        return Items(_inside(output), _calls(items))
    kept = [bytes(item) for at, item in enumerate(_split(output)) if at not in lost]
    return Items(b",".join(kept), _calls(items))


def count_items(texts: Iterable[bytes]) -> int:
    """How many items stand in ``texts``, each some of them with commas between."""
    return len(_split(b"[%b]" % b",".join(texts)))


def calls_of(items: Items) -> set[str]:
    """The ids of the calls among ``items``."""
    return {call for call, is_answer in items.calls if not is_answer}


def unknown_call(items: Items, known: Iterable[str]) -> str | None:
    """The call that one of ``items`` answers, and that is neither before it nor among the ``known`` ones."""
    calls = set(known)
    for call, is_answer in items.calls:
        if is_answer and call not in calls:
            return call
        calls.add(call)
    return None


def _read(array: bytes) -> list[_Item]:
    try:
        return _decode(array)
    except (msgspec.MsgspecError, UnicodeDecodeError):  # some are no items, or strange ones
        return [_lenient(obj(item)) for item in arr(parse(array))]


def _lenient(item: JsonObject) -> _Item:
    content = msgspec.Raw(b"[]" if not item.get("content") else b"1")
    return _Item(
        type=text(item.get("type")),
        call_id=text(item.get("call_id")) or None,
        encrypted_content=text(item.get("encrypted_content")) or None,
        content=content,
    )


def _calls(items: Sequence[_Item]) -> list[tuple[str, bool]]:
    return [(item.call_id, item.type.endswith("_output")) for item in items if item.call_id is not None]


def _is_lost(item: _Item) -> bool:
    return item.type == "reasoning" and not item.encrypted_content and bytes(item.content) in _EMPTY


def _inside(array: bytes) -> bytes:
    return array.strip()[1:-1].strip()
