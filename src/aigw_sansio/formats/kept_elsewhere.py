"""What a client leaves out of its request because OpenAI keeps it.

Decides: which members and items stand for a part of the conversation that is not in the request. Must not know: any
format.
"""

from typing import Final

from ..prompt import JsonObject, Native, Prompt
from .translation import Refused
from .usual import Looked

_WHY: Final = "It refers to what OpenAI keeps, and only OpenAI Responses can look it up."


def kept_elsewhere(prompt: Prompt, looked: Looked) -> Refused | None:
    """A refusal if a part of the conversation is not in the request: without it another conversation would be answered.
    ``None`` if all of it is there. ``looked``: its turns.

    Source: OpenAI's reference of Responses: ``conversation``, ``prompt``, and items of the type ``item_reference``,
    which is the type of an item that names none. For ``previous_response_id`` :class:`~aigw_sansio.prompt.Prompt` has a
    field.
    """
    if prompt.maker != "openai":
        return None
    for name in ("conversation", "prompt"):
        if prompt.extra.get(name) is not None:
            return Refused(f"extra.{name}", _WHY)
    for at, turn in looked.unusual:
        for part in turn.parts:
            if type(part) is Native and part.maker == "openai" and _refers(part.value):
                return Refused(f"turns[{at}].parts[{turn.parts.index(part)}]", _WHY)
    return None


def _refers(item: JsonObject) -> bool:
    return (item.get("type") or "item_reference") == "item_reference"
