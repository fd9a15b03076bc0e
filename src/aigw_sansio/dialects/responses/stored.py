"""A response in the host's store: what a create of another connection goes on from.

Decides: what is written there. Must not know: where the store is, and who may read it.
"""

from typing import Final

import msgspec

from ...secret import without_content
from .items import calls_of, input_items
from .memory import Conversation, Remembered


class _Stored(msgspec.Struct):
    model: str
    items: list[msgspec.Raw]

    __repr__ = without_content


_FORM: Final = b'{"model":%b,"items":[%b]}'
_decode_stored: Final = msgspec.json.Decoder(_Stored).decode


def stored_size(conversation: Conversation, model: msgspec.Raw) -> int:
    """The bytes of :func:`as_stored` for a response without output. With one they are at most those of its JSON array
    more."""
    items = conversation.items
    return len(_FORM % (b"", b"")) + len(memoryview(model)) + sum(map(len, items)) + len(items)


def as_stored(remembered: Remembered) -> bytes | None:
    """The text of a response for a store; ``None`` if not all of its conversation is known here."""
    conversation = remembered.conversation
    if conversation.base is not None:
        return None
    return _FORM % (bytes(remembered.model), b",".join(conversation.items))


def from_stored(id: str, content: bytes) -> Remembered | None:
    """The response ``id`` that :func:`as_stored` wrote; ``None`` if somebody else wrote ``content``."""
    try:
        stored = _decode_stored(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    items = input_items(msgspec.Raw(b"[%b]" % b",".join(map(bytes, stored.items))))
    model = msgspec.Raw(msgspec.json.encode(stored.model))
    return Remembered(id, Conversation().with_items(items.text, calls_of(items)), model)
