"""Plain conversations in OpenAI Responses, read and written.

Decides: which items of ``input`` they are. Must not know: the rest of the request, and items that hold anything else
(:mod:`.responses_read`, :mod:`.responses_write`).
"""

from collections.abc import Sequence

import msgspec

from ...json_text import UNREADABLE
from ...prompt import JsonObject
from ..plain.conversation import Answered, Asked, Call, Function, Item, NotPlain, Plain, Result, plain_of
from ..plain.messages import InputItem, OneText, ResponsesBody
from ..request_tools import RESPONSES_IDS, NameMap


def read_plain(given: object) -> Plain | None:
    """The conversation in ``input``, if it is plain."""
    try:
        return plain_of_items(msgspec.convert({"input": given}, ResponsesBody).input)
    except UNREADABLE:
        return None


def plain_of_items(given: Sequence[InputItem]) -> Plain | None:
    """The same, for items that are read as values."""
    items = _items(given)
    return None if items is None else plain_of(items)


def _items(given: Sequence[InputItem]) -> list[Item] | None:
    """A text of the assistant and the calls behind it are one item here."""
    items: list[Item] = []
    text: str | None = None  # what the assistant said, and is not in ``items`` yet
    calls: list[Call] = []
    for one in given:
        kind, call_id, name, arguments, output = one.type, one.call_id, one.name, one.arguments, one.output
        if kind == "function_call":
            if one.role is not None or one.content is not None or output is not None:
                return None
            if call_id is None or name is None or arguments is None:
                return None
            calls.append(Call(call_id, Function(name, arguments)))
            continue
        if name is not None or arguments is not None:
            return None
        if kind == "message":
            if call_id is not None or output is not None or one.content is None:
                return None
            if one.role == "assistant":
                if text is not None or calls:
                    return None
                text = _text(one.content)
                continue
            if one.role is None:
                return None
            item: Item = Asked(_text(one.content))
        else:
            if call_id is None or output is None or one.role is not None or one.content is not None:
                return None
            item = Result(call_id, _text(output))
        if calls or text is not None:
            items.append(Answered(text, calls))
            text, calls = None, []
        items.append(item)
    if calls or text is not None:
        items.append(Answered(text, calls))
    return items


def _text(content: str | list[OneText]) -> str:
    return content if isinstance(content, str) else content[0].text


def write_plain(plain: Plain, names: NameMap, written: list[JsonObject]) -> None:
    """Append the items of ``input`` to ``written``. Raises :class:`NotPlain`."""
    plain.need_ids(RESPONSES_IDS)
    sent = plain.names_in(names)
    append = written.append
    for item in plain.items:
        if type(item) is Asked:
            append({"type": "message", "role": "user", "content": item.text})
        elif type(item) is Result:
            append({"type": "function_call_output", "call_id": item.id, "output": item.text})
        else:
            if item.text:
                append({"type": "message", "role": "assistant", "content": item.text})
            for call in item.calls or ():
                function = call.function
                name, arguments = sent[function.name], function.arguments
                if not arguments or arguments.isspace():
                    raise NotPlain
                append({"type": "function_call", "call_id": call.id, "name": name, "arguments": arguments})
