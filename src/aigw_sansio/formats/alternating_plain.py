"""Plain conversations for targets in which the user and the assistant alternate: Anthropic, Bedrock Converse.

Decides: which items are one message. Must not know: how a block is written, and conversations that hold anything else
(:mod:`.alternating`).
"""

from ..prompt import JsonObject
from .alternating import OPENING, Blocks, finish_ends
from .plain.conversation import Answered, NotPlain, Plain, Result, arguments_of
from .request_tools import Alphabet, NameMap
from .translation import Note


def write_plain(plain: Plain, blocks: Blocks, ids: Alphabet, names: NameMap, notes: list[Note]) -> list[JsonObject]:
    """The messages, in order. Raises :class:`NotPlain`."""
    plain.need_ids(ids)
    sent = plain.names_in(names)
    block_of, call_of, response_of = blocks.text, blocks.call, blocks.response
    messages: list[JsonObject] = []
    open_to_user: list[JsonObject] | None = None
    said = False  # whether the last message is the assistant's
    for item in plain.items:
        if type(item) is Answered:
            text = item.text or ""
            if said or (text and text.isspace()):
                raise NotPlain
            content = [block_of(text)] if text else []
            for call in item.calls or ():
                function = call.function
                content.append(call_of(call.id, sent[function.name], arguments_of(function)))
            messages.append({"role": "assistant", "content": content})
            said, open_to_user = True, None
            continue
        text = item.text or ""
        if text.isspace():
            raise NotPlain
        block = response_of(item.id, text) if type(item) is Result else block_of(text)
        if open_to_user is None:
            open_to_user = [block]
            messages.append({"role": "user", "content": open_to_user})
            said = False
        else:
            open_to_user.append(block)
    finish_ends(messages, notes, block_of(OPENING))
    return messages
