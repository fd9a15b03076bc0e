"""Plain conversations, written as the contents of a Gemini request.

Decides: which contents they are. Must not know: the settings of the request, and conversations that hold anything else
(:mod:`.contents`).
"""

from collections.abc import Iterator
from typing import Final

from ...prompt import JsonObject
from ..plain.conversation import Answered, Asked, NotPlain, Plain, Result, arguments_of
from ..request_tools import NameMap
from ..values import parse_text
from .models import GeminiModel

#: What Google takes in place of a signature that is not there ("Thought signatures", FAQ).
NO_SIGNATURE: Final = "skip_thought_signature_validator"


def write_plain(plain: Plain, names: NameMap, model: GeminiModel, contents: list[JsonObject], *, vertex: bool) -> None:
    """Append the contents to ``contents``. Raises :class:`NotPlain`."""
    if plain.ids and model.gemma:
        raise NotPlain
    sent = plain.names_in(names)
    last: type[object] = object  # that of the item before
    parts: list[JsonObject] = []
    tools: Iterator[str] = iter(())
    for item in plain.items:
        kind = type(item)
        if type(item) is Result:
            named: JsonObject = {"name": next(tools)} if vertex else {"id": item.id, "name": next(tools)}
            named["response"] = output_of(item.text)
            if last is Result:
                parts.append({"functionResponse": named})
            else:
                parts = [{"functionResponse": named}]
                contents.append({"role": "user", "parts": parts})
        elif type(item) is Asked:
            if last is Asked:
                parts.append({"text": item.text})
            else:
                parts = [{"text": item.text}]
                contents.append({"role": "user", "parts": parts})
        elif type(item) is Answered:
            if last is Answered:
                raise NotPlain
            parts = [{"text": item.text}] if item.text else []
            if item.calls:
                parts += _calls(item, sent, vertex=vertex, signed=model.is_three)
                tools = iter([sent[call.function.name] for call in item.calls])
            contents.append({"role": "model", "parts": parts})
        last = kind


def _calls(item: Answered, sent: dict[str, str], *, vertex: bool, signed: bool) -> list[JsonObject]:
    written: list[JsonObject] = []
    for call in item.calls or ():
        name, given = sent[call.function.name], arguments_of(call.function)
        function: JsonObject = {"name": name, "args": given} if vertex else {"id": call.id, "name": name, "args": given}
        written.append({"functionCall": function})
    if signed:
        written[0]["thoughtSignature"] = NO_SIGNATURE
    return written


def output_of(text: str) -> JsonObject:
    """What a tool gave in one text, as the object that Gemini wants: an object stays."""
    if text.lstrip()[:1] == "{":
        value = parse_text(text)
        if type(value) is dict:
            return value
    return {"output": text}
