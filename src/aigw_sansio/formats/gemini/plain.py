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
    append = contents.append
    for item in plain.items:
        if type(item) is Answered:
            if last is Answered:
                raise NotPlain
            last = Answered
            parts = [{"text": item.text}] if item.text else []
            append({"role": "model", "parts": parts})
            if not item.calls:
                continue
            called: list[str] = []
            for call in item.calls:
                function = call.function
                name, given = sent[function.name], arguments_of(function)
                called.append(name)
                written = {"name": name, "args": given} if vertex else {"id": call.id, "name": name, "args": given}
                parts.append({"functionCall": written})
            if model.is_three:
                parts[-len(called)]["thoughtSignature"] = NO_SIGNATURE
            tools = iter(called)
        elif type(item) is Asked:
            if last is Asked:
                parts.append({"text": item.text})
                continue
            last = Asked
            parts = [{"text": item.text}]
            append({"role": "user", "parts": parts})
        else:
            named: JsonObject = {"name": next(tools)} if vertex else {"id": item.id, "name": next(tools)}
            named["response"] = output_of(item.text)
            if last is Result:
                parts.append({"functionResponse": named})
                continue
            last = Result
            parts = [{"functionResponse": named}]
            append({"role": "user", "parts": parts})


def output_of(text: str) -> JsonObject:
    """What a tool gave in one text, as the object that Gemini wants: an object stays."""
    if text.lstrip()[:1] == "{":
        value = parse_text(text)
        if type(value) is dict:
            return value
    return {"output": text}
