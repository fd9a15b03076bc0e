"""Plain conversations in Anthropic Messages, read.

Decides: which items the messages are. Must not know: the rest of the request, and messages that hold anything else
(:mod:`.anthropic_read`).
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from ..json_text import NOT_WRITABLE, UNREADABLE
from .plain.conversation import Answered, Asked, Call, Item, Parsed, Plain, Result, plain_of
from .plain.messages import AnthropicBody, FromAssistant, FromUser, ResultBlock, TextBlock, UseBlock

_encode: Final = msgspec.json.Encoder().encode


def read_plain(messages: object) -> Plain | None:
    """The conversation in ``messages``, if it is plain."""
    try:
        return plain_of_messages(msgspec.convert({"messages": messages}, AnthropicBody).messages)
    except UNREADABLE:
        return None


def plain_of_messages(messages: Sequence[FromUser | FromAssistant]) -> Plain | None:
    """The same, for messages that are read as values."""
    try:
        items = _items(messages)
    except NOT_WRITABLE:  # arguments that cannot be written
        return None
    return None if items is None else plain_of(items)


def _items(messages: Sequence[FromUser | FromAssistant]) -> list[Item] | None:
    items: list[Item] = []
    called = 0  # the calls of the last message
    for message in messages:
        content = message.content
        if type(message) is FromUser:
            if type(content) is str:
                items.append(Asked(content))
            elif type(first := content[0]) is TextBlock and len(content) == 1:
                items.append(Asked(first.text))
            elif len(content) != called or not _put_results(content, items):
                return None
            called = 0
        elif type(content) is str:
            items.append(Answered(content))
            called = 0
        elif type(first := content[0]) is TextBlock and len(content) == 1:
            items.append(Answered(first.text))
            called = 0
        else:
            answered = _answered(content)
            if answered is None:
                return None
            items.append(answered)
            called = len(answered.calls or ())
    return items


def _put_results(content: Sequence[object], items: list[Item]) -> bool:
    """Append the results that ``content`` is; returns whether it is nothing else."""
    for block in content:
        if type(block) is not ResultBlock or block.is_error:
            return False
        told = block.content
        items.append(Result(block.tool_use_id, told if isinstance(told, str) else told[0].text))
    return True


def _answered(content: Sequence[object]) -> Answered | None:
    """A text and calls behind it."""
    text: str | None = None
    calls: list[Call] = []
    for block in content:
        if type(block) is UseBlock:
            calls.append(Call(block.id, Parsed(block.name, _encode(block.input).decode(), block.input)))
        elif type(block) is not TextBlock or text is not None or calls:
            return None
        else:
            text = block.text
    return Answered(text, calls)
