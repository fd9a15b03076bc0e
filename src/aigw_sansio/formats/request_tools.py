"""What the writers of requests share: notes, ids and names that fit, arguments, data URLs.

Decides: how a loss is told, and how a value that a target does not take is made to fit, so that all targets do it in
one way. Must not know: any provider's format; a writer gives its rules.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from ..prompt import (
    Blob,
    CustomTool,
    Effort,
    File,
    FunctionTool,
    JsonObject,
    NativeTool,
    Opaque,
    Part,
    PlainText,
    Prompt,
    Tool,
    ToolCall,
)
from .kept_elsewhere import kept_elsewhere
from .translation import Note, Refused
from .usual import Looked
from .values import parse_text, unbase64

# -- notes ----------------------------------------------------------------------------------------------------------


def dropped(notes: list[Note], field: str, why: str) -> None:
    """Note that ``field`` is not sent. ``why`` is one plain sentence without content."""
    notes.append(Note("dropped", field, why))


def mapped(notes: list[Note], field: str, why: str) -> None:
    """Note that ``field`` is sent in another way that means nearly the same."""
    notes.append(Note("mapped", field, why))


def clamped(notes: list[Note], field: str, why: str) -> None:
    """Note that ``field`` was out of the target's range and is sent as the nearest value in it."""
    notes.append(Note("clamped", field, why))


def clamp(notes: list[Note], field: str, value: float | None, low: float, high: float, target: str) -> float | None:
    """``value`` within ``low`` and ``high``, noted if it was outside. ``None`` stays ``None``."""
    if value is None or low <= value <= high:
        return value
    clamped(notes, field, f"{target} takes {low:g} to {high:g}.")
    return low if value < low else high


def clamp_list(notes: list[Note], field: str, values: tuple[str, ...], most: int, target: str) -> tuple[str, ...]:
    """The first ``most`` of ``values``, noted if there were more."""
    if len(values) <= most:
        return values
    clamped(notes, field, f"{target} takes at most {most}.")
    return values[:most]


# -- fields of the prompt ---------------------------------------------------------------------------------------------

#: Fields that every writer handles itself: they have a meaning for every target.
_EVERYWHERE: Final = frozenset({"model", "instructions", "turns", "stream", "include_usage", "maker", "extra"})
#: Without these the response would be another than the one asked for, and nobody could see it.
_NOT_WITHOUT: Final = {
    "tools": "takes no tools",
    "output": "cannot be held to a form of its response",
    "logprobs": "tells no log probabilities",
    "choice_count": "gives one choice only",
    "modalities": "answers with text only",
    "previous_response_id": "keeps no earlier responses",
}
#: Values that ask for what happens anyway.
_NEUTRAL: Final[dict[str, object]] = {
    "choice_count": 1,
    "modalities": ("text",),
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "repetition_penalty": 1,
    "min_p": 0,
    "store": False,
}
_FIELDS: Final = tuple(name for name in Prompt.__struct_fields__ if name not in _EVERYWHERE)


@lru_cache(64)  # there is one set for each target, and few for its models
def other_fields(supported: frozenset[str]) -> tuple[tuple[str, ...], Callable[[Prompt], tuple[object, ...]], object]:
    """The fields that are not in ``supported``, what gives their values, and these if none is set."""
    names = tuple(name for name in _FIELDS if name not in supported)
    values: Callable[[Prompt], tuple[object, ...]] = attrgetter(*names) if len(names) > 1 else _one_by_one(names)
    return names, values, values(Prompt())


def _one_by_one(names: tuple[str, ...]) -> Callable[[Prompt], tuple[object, ...]]:
    return lambda prompt: tuple(getattr(prompt, name) for name in names)


def drop_unsupported(
    prompt: Prompt, looked: Looked, notes: list[Note], supported: frozenset[str], target: str
) -> Refused | None:
    """Note each field of ``prompt`` that is set and not in ``supported``; the caller then leaves it out.

    Returns a refusal, which the caller must return, if without the field the response would be another than the one
    asked for (several choices, log probabilities, a form), or if the request refers to what OpenAI keeps. A field that
    a target takes in part is in ``supported``, and its writer decides. Values that ask for what happens anyway are no
    loss. ``looked``: the turns. ``target`` is a name for people: ``Cohere``.
    """
    if "previous_response_id" not in supported:
        refused = kept_elsewhere(prompt, looked)
        if refused is not None:
            return refused
    names, values, unset = other_fields(supported)
    told = values(prompt)
    if told == unset:
        return None
    for name, value in zip(names, told, strict=True):
        if value is None or value == () or value == {}:
            continue
        if name in _NEUTRAL and value == _NEUTRAL[name]:
            continue
        if name in _NOT_WITHOUT:
            return Refused(name, f"{target} {_NOT_WITHOUT[name]}.")
        dropped(notes, name, f"{target} has no such setting.")
    return None


def put_extra(prompt: Prompt, notes: list[Note], body: JsonObject, maker: str, target: str) -> None:
    """Put the members of ``prompt.extra`` into ``body`` if they are ``maker``'s, else note each as dropped. A member
    that ``body`` has already is not replaced."""
    own = prompt.maker == maker
    for name, value in prompt.extra.items():
        if not own:
            dropped(notes, f"extra.{shortened(name)}", f"{target} does not define it.")
        elif name in body:
            dropped(notes, f"extra.{shortened(name)}", "Another field says it already.")
        else:
            body[name] = value


def own_tier(prompt: Prompt, notes: list[Note], maker: str, target: str) -> str | None:
    """``prompt.service_tier`` if it is a word of ``maker``, else ``None`` with a note: vendors mean different things by
    the same word."""
    if prompt.service_tier is None or prompt.maker == maker:
        return prompt.service_tier
    dropped(notes, "service_tier", f"It is a word of another vendor than {target}.")
    return None


def own_data(opaque: Opaque | None, maker: str) -> str | None:
    """The data of ``opaque`` if ``maker`` made it, and so can read it."""
    return opaque.data if opaque is not None and opaque.maker == maker else None


def shortened(name: str) -> str:
    """A name that a client made up, for notes."""
    return name if len(name) <= 60 else name[:60] + "..."


# -- turns ------------------------------------------------------------------------------------------------------------


def place_of(turn: int, part: int) -> str:
    """The name of the place of a part, for notes: ``turns[3].parts[0]``."""
    return f"turns[{turn}].parts[{part}]"


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A part and the name of its place (:func:`place_of`), for notes."""

    field: str
    part: Part


def drop_names(looked: Looked, notes: list[Note], target: str) -> None:
    """Note each name of a participant as dropped."""
    for at, turn in looked.unusual:
        if turn.name is not None:
            dropped(notes, f"turns[{at}].name", f"{target} does not tell participants apart by name.")


def file_as_text(file: File) -> str | None:
    """The content of a file of text: one given as text, or as base64 of a ``text/*`` type in UTF-8. Else ``None``."""
    source = file.source
    if isinstance(source, PlainText):
        return source.text
    if isinstance(source, Blob) and source.mime_type.startswith("text/"):
        content = unbase64(source.content)
        try:
            return content.decode() if content is not None else None
        except ValueError:
            return None
    return None


# -- tools ------------------------------------------------------------------------------------------------------------


class Alphabet(msgspec.Struct, frozen=True):
    """What a target takes as an id or a name: ``pattern`` for the whole of it, and at most ``size`` characters. Without
    a pattern it takes any, but at least one. ``prefix`` is what an id made here begins with."""

    pattern: str
    size: int
    prefix: str = ""


#: Rules of the providers for the ids of tool calls (their errors and SDKs; Mistral takes 9 letters or digits exactly).
CHAT_IDS: Final = Alphabet("", 40, "call_")
RESPONSES_IDS: Final = Alphabet("", 64, "call_")
ANTHROPIC_IDS: Final = Alphabet(r"[a-zA-Z0-9_-]+", 64, "toolu_")
BEDROCK_IDS: Final = Alphabet(r"[a-zA-Z0-9_.:-]{1,64}", 64, "tooluse_")
MISTRAL_IDS: Final = Alphabet(r"[a-zA-Z0-9]{9}", 9)
#: Rules of the providers for the names of tools.
OPENAI_NAMES: Final = Alphabet(r"[a-zA-Z0-9_-]{1,64}", 64)
ANTHROPIC_NAMES: Final = Alphabet(r"[a-zA-Z0-9_-]{1,128}", 128)
GEMINI_NAMES: Final = Alphabet(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}", 64)

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NO_WORD: Final = r"[^a-zA-Z0-9_]"


@lru_cache(64)  # there are few alphabets
def _fits(alphabet: Alphabet) -> Callable[[str], object]:
    if alphabet.pattern:
        return re.compile(alphabet.pattern).fullmatch
    size = alphabet.size
    return lambda text: 0 < len(text) <= size


class IdMap:
    """Makes the ids of tool calls fit a target. One object for each request; call :meth:`fit` for calls and responses
    alike, and they stay pairs: an id that does not fit becomes a hash of it. Cutting would make equal ones of ids with
    a common beginning."""

    __slots__ = ("_alphabet", "_fits", "_notes", "sent")

    def __init__(self, alphabet: Alphabet, notes: list[Note]) -> None:
        self._alphabet = alphabet
        self._fits = _fits(alphabet)
        self._notes = notes
        #: What is sent, by what the client wrote: all that was asked for so far.
        self.sent: dict[str, str] = {}

    def keeps(self, call_id: str) -> bool:
        """Whether :meth:`fit` gives ``call_id`` itself, and so notes nothing: its place need not be known."""
        known = self.sent.get(call_id)
        if known is None and self._fits(call_id):
            known = self.sent[call_id] = call_id
        return known == call_id

    def fit(self, call_id: str, field: str) -> str:
        """``call_id``, or what stands for it; noted once for each id, with the first ``field`` that has it."""
        if self.keeps(call_id):
            return call_id
        known = self.sent.get(call_id)
        if known is None:
            known = self._alphabet.prefix
            known += _hash(call_id, self._alphabet.size - len(known))
            mapped(self._notes, f"{field}.id", "The target takes no such id; another one stands for it.")
            self.sent[call_id] = known
        return known


class NameMap:
    """Makes the names of tools fit a target. One object for each request; call :meth:`fit` for definitions, calls,
    responses and choices. Afterwards :attr:`originals` tells what each new name stands for, to name the tool in the
    response as the client does."""

    __slots__ = ("_alphabet", "_fits", "_notes", "originals", "sent")

    def __init__(self, alphabet: Alphabet, notes: list[Note]) -> None:
        self._alphabet = alphabet
        self._fits = _fits(alphabet)
        self._notes = notes
        #: What is sent, by what the client wrote: all that was asked for so far.
        self.sent: dict[str, str] = {}
        #: By the name that is sent: the client's own, if it is another.
        self.originals: dict[str, str] = {}

    def keeps(self, name: str) -> bool:
        """Whether :meth:`fit` gives ``name`` itself, and so notes nothing: its place need not be known."""
        known = self.sent.get(name)
        if known is None and self._fits(name):
            known = self.sent[name] = name
        return known == name

    def fit(self, name: str, field: str) -> str:
        """``name``, or one made of it; noted once for each name, with the first ``field`` that has it."""
        if self.keeps(name):
            return name
        known = self.sent.get(name)
        if known is None:
            known = fitting_name(name, self._alphabet)
            self.originals[known] = name
            mapped(self._notes, f"{field}.name", "The target takes no such name; another one stands for it.")
            self.sent[name] = known
        return known


def fitting_name(name: str, alphabet: Alphabet) -> str:
    """A name that ``alphabet`` takes and that differs for every ``name``: its word characters, cut, and a hash."""
    word = re.sub(_NO_WORD, "_", name[: alphabet.size])
    if not word[:1].isalpha():
        word = "t" + word
    return f"{word[: alphabet.size - 9]}_{_hash(name, 8)}"


def original_names(tools: tuple[Tool, ...], alphabet: Alphabet) -> dict[str, str]:
    """By the name that is sent: the client's own, for each of ``tools`` whose name ``alphabet`` does not take."""
    names = NameMap(alphabet, [])
    for tool in tools:
        if not isinstance(tool, NativeTool):
            names.fit(tool.name, "")
    return names.originals


def _hash(text: str, size: int) -> str:
    """The first ``size`` of the 43 letters and digits that are the SHA-256 of ``text``."""
    size = min(size, 43)
    number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest(), "big") % 62**size
    digits = []
    for _ in range(size):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(digits)


def chosen_tools(prompt: Prompt, notes: list[Note]) -> tuple[Tool, ...] | Refused:
    """The tools that the choice allows, for a target that cannot be told a choice of some: the others are left out,
    with a note. Refused if the choice names a tool that there is not."""
    choice = prompt.tool_choice
    if choice is None or not choice.names:
        return prompt.tools
    names = set(choice.names)
    chosen = tuple(tool for tool in prompt.tools if not isinstance(tool, NativeTool) and tool.name in names)
    if len({tool.name for tool in chosen if not isinstance(tool, NativeTool)}) < len(names):
        return Refused("tool_choice", "It names a tool that is not in the request.")
    if len(chosen) < len(prompt.tools):
        mapped(notes, "tool_choice", "Only the tools that may be called are sent.")
        for at, tool in enumerate(prompt.tools):
            if isinstance(tool, CustomTool) and tool.name not in names:
                mapped(notes, f"tools[{at}]", "Earlier calls of it are sent as those of a function with one text.")
    return chosen


def as_function(tool: CustomTool, notes: list[Note], field: str) -> FunctionTool:
    """A function with one text ``input``, for a target without tools of free input. Its calls are written likewise
    (:func:`arguments_object`)."""
    mapped(notes, field, "The target has no tool of free input; it is sent as a function with one text.")
    schema: JsonObject = {
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
        "additionalProperties": False,
    }
    return FunctionTool(tool.name, tool.description, schema)


def input_arguments(text: str) -> str:
    """Free input as the arguments of the function that stands for its tool, in JSON."""
    return msgspec.json.encode({"input": text.encode("utf-8", "replace").decode()}).decode()


def arguments_object(call: ToolCall, notes: list[Note], field: str) -> JsonObject:
    """The arguments of a call as an object, for a target that takes no text. Empty text is ``{}``; free input, and text
    that is no JSON object, is ``{"input": text}``, with a note in the latter case."""
    if call.custom:
        return {"input": call.arguments}
    if not call.arguments.strip():
        return {}
    value = parse_text(call.arguments)
    if type(value) is dict:
        return value
    mapped(notes, f"{field}.arguments", "They are no JSON object; the text is sent as its member input.")
    return {"input": call.arguments}


# -- reasoning --------------------------------------------------------------------------------------------------------

#: Tokens of thinking for each effort, for targets that take a budget only.
EFFORT_TOKENS: Final[dict[Effort, int]] = {
    "none": 0, "minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384,
}  # fmt: skip


def effort_of(budget_tokens: int) -> Effort:
    """The effort whose budget is the nearest that is not below ``budget_tokens``, for targets that take words only."""
    if budget_tokens <= 0:
        return "none"
    for effort in ("low", "medium", "high", "xhigh"):
        if budget_tokens <= EFFORT_TOKENS[effort]:
            return effort
    return "max"


# -- data URLs --------------------------------------------------------------------------------------------------------

_DATA_URL: Final = r"(?i)data:([^,]*?)(;\s*base64)?,"


def read_data_url(url: str) -> Blob | None:
    """The media in a ``data:`` URL (RFC 2397), or ``None`` if it is another URL. The content is not looked at. Media
    that are written without base64 come in base64 too."""
    if url[:5].lower() != "data:":
        return None
    head = re.match(_DATA_URL, url)
    if head is None:
        return None
    content = url[head.end() :]
    if head[2] is None:
        content = base64.b64encode(unquote_to_bytes(content)).decode()
    return Blob(content, head[1] or "text/plain")


def data_url(blob: Blob) -> str:
    """``blob`` as a ``data:`` URL (RFC 2397)."""
    return f"data:{blob.mime_type};base64,{blob.content}"
