"""Plain conversations in Chat Completions, read and written.

Decides: which messages they are. Must not know: the rest of the request, and messages that hold anything else
(:mod:`.chat_messages`, :mod:`.chat_history`).
"""

from collections.abc import Iterator, Sequence

import msgspec

from ...json_text import UNREADABLE
from ...prompt import JsonObject, Text
from ..plain.conversation import Answered, Asked, NotPlain, Plain, plain_of
from ..plain.messages import ChatBody, Developer, System
from ..request_tools import NameMap
from .chat_messages import SIGNED
from .like import Quirks


def read_plain(messages: object) -> Plain | None:
    """The conversation in ``messages``, with the instructions in front, if it is plain."""
    try:
        return plain_of_messages(msgspec.convert({"messages": messages}, ChatBody).messages)
    except UNREADABLE:
        return None


def plain_of_messages(items: Sequence[object]) -> Plain | None:
    """The same, for messages that are read as values."""
    instructions: list[Text] = []
    for item in items:
        if type(item) is not System and type(item) is not Developer:
            break
        instructions.append(Text(item.content))
    plain = plain_of(items[len(instructions) :] if instructions else items, instructions)
    return None if plain is None or SIGNED in "".join(plain.ids) else plain


def write_plain(plain: Plain, quirks: Quirks, names: NameMap, written: list[JsonObject]) -> None:
    """Append the messages to ``written``. Raises :class:`NotPlain`."""
    if quirks.alternates:
        raise NotPlain
    if quirks.ids is not None:
        plain.need_ids(quirks.ids)
    sent = plain.names_in(names)
    empty = "" if quirks.maker == "openai" else "{}"
    silent, tells_names = quirks.content_of_calls, quirks.result_names
    tools: Iterator[str] = iter(())
    append = written.append
    for item in plain.items:
        if type(item) is Answered:
            if not item.calls:
                append({"role": "assistant", "content": item.text})
                continue
            calls: list[JsonObject] = []
            for call in item.calls:
                function = call.function
                named = {"name": sent[function.name], "arguments": function.arguments or empty}
                calls.append({"id": call.id, "type": "function", "function": named})
            message: JsonObject = {"role": "assistant"}
            if item.text:
                message["content"] = item.text
            elif silent is not None:
                message["content"] = silent
            message["tool_calls"] = calls
            if tells_names:
                tools = iter([sent[call.function.name] for call in item.calls])
            append(message)
        elif type(item) is Asked:
            append({"role": "user", "content": item.text})
        else:
            message = {"role": "tool", "tool_call_id": item.id, "content": item.text}
            if tells_names:
                message["name"] = next(tools)
            append(message)
