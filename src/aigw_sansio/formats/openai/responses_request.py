"""OpenAI Responses requests, as a client writes them and as OpenAI takes them.

Decides: which member of the body is which field of the prompt. Must not know: what items, tools and settings of several
members look like (the other ``responses_`` modules).

Source: OpenAI's API reference, "Create a model response", and its guides of conversation state and of reasoning. Unlike
Chat Completions, this API stores responses unless it is told not to. So a client of this format that says nothing of it
wants them stored; for a prompt of another format ``store`` is sent as false, and reasoning is asked for in encrypted
form, for the client to send back.
"""

from collections.abc import Sequence
from typing import Final, TypedDict

import msgspec

from ...prompt import NO_MEMBERS, CacheMark, JsonObject, OutputFormat, Prompt, ReasoningSettings, Text, Turn
from ..client_values import get_flag, get_integer, get_number, get_text
from ..plain.conversation import Plain
from ..plain.messages import ResponsesText
from ..plain.reading import PlainReader
from ..refusing import RequestRefused
from ..request_tools import drop_unsupported, dropped, mapped, own_tier
from ..translation import Note, Refused, WireRequest
from ..usual import Looked, look_at
from .models import takes_cache_marks
from .responses_plain import plain_of_items, read_plain
from .responses_read import read_input
from .responses_settings import (
    ENCRYPTED,
    asks_for_encrypted,
    effort_for,
    read_cache,
    read_include,
    read_metadata,
    read_reasoning,
    read_text,
    write_cache,
    write_metadata,
    write_reasoning,
    write_sampling,
    write_text,
)
from .responses_tools import name_map, read_choice, read_tools, write_choice, write_tools
from .responses_write import ItemWriter

_TARGET: Final = "OpenAI Responses"
#: Members that are read into fields of the prompt.
_KNOWN: Final = frozenset(
    {
        "include", "input", "instructions", "max_output_tokens", "metadata", "model", "parallel_tool_calls",
        "previous_response_id", "prompt_cache_key", "prompt_cache_options", "reasoning", "service_tier", "store",
        "stream", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "user",
    }
)  # fmt: skip
#: Values of other members that ask for what happens anyway.
_USUAL: Final[dict[str, object]] = {"truncation": "disabled", "background": False}
#: Fields of the prompt that are written, here or in part.
_SUPPORTED: Final = frozenset(
    {
        "tools", "tool_choice", "parallel_tool_calls", "output", "max_tokens", "temperature", "top_p", "logprobs",
        "verbosity", "reasoning", "cache", "cache_key", "metadata", "end_user", "service_tier", "store",
        "previous_response_id",
    }
)  # fmt: skip
#: Members of Chat Completions that no field of the prompt holds. They have the same maker, and mean nothing here.
_CHAT_ONLY: Final = frozenset({"audio", "function_call", "functions", "prediction", "web_search_options"})


def read_request(body: JsonObject, notes: list[Note]) -> Prompt | Refused:
    """The prompt in the body of ``POST /v1/responses``. Members that the prompt has no field for are its ``extra``.

    Refused, with the member's place in the body: a value of the wrong type, and a part of content that OpenAI does not
    define. Next, change the prompt if need be, and write it with the ``write_request`` of a provider's format.
    """
    try:
        return _read(body, notes, None)
    except RequestRefused as failure:
        return failure.refused


def _read(body: JsonObject, notes: list[Note], plain: Plain | None) -> Prompt:
    """``plain``: a conversation that is read already."""
    extra: JsonObject = {
        name: value
        for name, value in body.items()
        if name not in _KNOWN and value is not None and value != _USUAL.get(name)
    }
    model = get_text(body, "model") or ""
    store = get_flag(body, "store")
    store = True if store is None else store
    previous = get_text(body, "previous_response_id") or None
    turns = () if plain is not None else read_input(body.get("input"))
    instructions: list[Text] = []
    if told := get_text(body, "instructions"):
        instructions.append(Text(told))
    if previous is None:
        # behind an earlier response they would be in the middle of the conversation
        turns = _take_instructions(turns, instructions)
    stream = get_flag(body, "stream") or False
    choice, kept = read_choice(body)
    extra |= kept
    seldom = {} if _SELDOM.isdisjoint(body) else _read_seldom(body, extra, model, store=store)
    return Prompt(
        model=model,
        instructions=tuple(instructions),
        turns=turns,
        tools=read_tools(body),
        tool_choice=choice,
        parallel_tool_calls=get_flag(body, "parallel_tool_calls"),
        max_tokens=get_integer(body, "max_output_tokens", least=1),
        temperature=get_number(body, "temperature"),
        top_p=get_number(body, "top_p"),
        stream=stream,
        include_usage=stream,
        store=store,
        previous_response_id=previous,
        maker="openai",
        extra=extra or NO_MEMBERS,
        **seldom,
    )


#: Reads requests with a plain conversation.
PLAIN: Final = PlainReader(ResponsesText, "input", of_value=read_plain, of_messages=plain_of_items, read=_read)


#: Members that few requests have. They are read only if one is there.
_SELDOM: Final = frozenset(
    {
        "include", "metadata", "prompt_cache_key", "prompt_cache_options", "reasoning", "safety_identifier",
        "service_tier", "text", "top_logprobs", "user",
    }
)  # fmt: skip


class _Seldom(TypedDict, total=False):
    """The fields that these members are."""

    output: OutputFormat | None
    verbosity: str | None
    logprobs: int | None
    reasoning: ReasoningSettings | None
    cache: CacheMark | None
    cache_key: str | None
    metadata: dict[str, str]
    end_user: str | None
    service_tier: str | None


def _read_seldom(body: JsonObject, extra: JsonObject, model: str, *, store: bool) -> _Seldom:
    output, verbosity = read_text(body, extra)
    return _Seldom(
        output=output,
        verbosity=verbosity,
        logprobs=read_include(body, implied=asks_for_encrypted(model, store=store), extra=extra),
        reasoning=read_reasoning(body, extra),
        cache=read_cache(body, extra),
        cache_key=get_text(body, "prompt_cache_key") or None,
        metadata=read_metadata(body),
        end_user=get_text(body, "user") or get_text(body, "safety_identifier") or None,
        service_tier=get_text(body, "service_tier") or None,
    )


def _take_instructions(turns: tuple[Turn, ...], instructions: list[Text]) -> tuple[Turn, ...]:
    """Add the instructions in front of all other ``turns``; return the turns behind them.

    Their first texts are marked with the role: as messages, unlike the member ``instructions``, they are kept for
    responses that continue this one. A first message of several texts is what the writer makes, and needs no mark.
    """
    for at, turn in enumerate(turns):
        texts = [part for part in turn.parts if type(part) is Text]
        if turn.role != "system" or len(texts) < len(turn.parts):
            return turns[at:]
        first = texts[0]
        if instructions or _is_one_text(texts):
            texts[0] = msgspec.structs.replace(first, item={"role": "system", **first.item})
        instructions += texts
    return ()


def _is_one_text(texts: Sequence[Text]) -> bool:
    """Whether the member ``instructions`` could hold ``texts``."""
    return len(texts) == 1 and texts[0].cache is None and not texts[0].extra


def write_request(prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
    """The request to ``POST /v1/responses``; its path is ``responses``, below the root ``/v1``.

    Refused: audio output, several choices, tools of other vendors, media that OpenAI does not fetch or take, and log
    probabilities of a model that reasons.
    """
    looked = look_at(prompt.turns)
    refused = drop_unsupported(prompt, looked, notes, _SUPPORTED, _TARGET)
    if refused is not None:
        return refused
    try:
        return WireRequest(method="POST", path="responses", headers=(), body=_write(prompt, looked, notes, plain))
    except RequestRefused as failure:
        return failure.refused


def _write(prompt: Prompt, looked: Looked, notes: list[Note], plain: Plain | None) -> JsonObject:
    names = name_map(notes)
    body: JsonObject = {"model": prompt.model}
    first = _write_instructions(prompt, notes, body)
    # Tools come first: notes then name the definition of a tool, and not a call of it.
    tools = write_tools(prompt, notes, names)
    body["input"] = ItemWriter(prompt, looked, notes, names).write(first, plain)
    if tools:
        body["tools"] = tools
    choice = write_choice(prompt, notes, names)
    if choice is not None:
        body["tool_choice"] = choice
    if prompt.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = prompt.parallel_tool_calls
    effort = effort_for(prompt, notes)
    include = write_sampling(prompt, notes, effort, body)
    if asks_for_encrypted(prompt.model, store=prompt.store):
        include.append(ENCRYPTED)
    if include:
        body["include"] = include
    members: tuple[tuple[str, object], ...] = (
        ("text", write_text(prompt)),
        ("reasoning", write_reasoning(prompt, notes, effort)),
        ("prompt_cache_options", write_cache(prompt, notes)),
        ("prompt_cache_key", prompt.cache_key),
        ("metadata", write_metadata(prompt, notes) or None),
        ("service_tier", own_tier(prompt, notes, "openai", _TARGET)),
        ("previous_response_id", prompt.previous_response_id),
        ("stream", True if prompt.stream else None),
    )
    body |= {name: value for name, value in members if value is not None}
    if prompt.end_user is not None and prompt.extra.get("safety_identifier") != prompt.end_user:
        body["user"] = prompt.end_user
    body["store"] = bool(prompt.store)
    _put_extra(prompt, notes, body)
    return body


def _write_instructions(prompt: Prompt, notes: list[Note], body: JsonObject) -> dict[int, Text]:
    """Put ``instructions`` into ``body``, which hold one plain text. Return those that must be messages, by their
    position."""
    texts = {at: text for at, text in enumerate(prompt.instructions) if text.text}
    marks = [at for at, text in texts.items() if text.item and prompt.maker == "openai"]
    alone = [at for at in texts if not marks or at < marks[0]]
    if len(alone) == 1:
        (at,) = alone
        if texts[at].cache is not None and not takes_cache_marks(prompt.model):
            dropped(notes, f"instructions[{at}].cache", "This model takes no marks of the cache.")
            texts[at] = msgspec.structs.replace(texts[at], cache=None)
        if _is_one_text([texts[at]]):
            body["instructions"] = texts.pop(at).text
            return texts
    if texts and prompt.previous_response_id is not None:
        # A message would stand in the middle of the conversation, and would be kept in it.
        body["instructions"] = "\n\n".join(text.text for text in texts.values())
        mapped(notes, "instructions", "They are sent as one text.")
        return {}
    return texts


def _put_extra(prompt: Prompt, notes: list[Note], body: JsonObject) -> None:
    """Put the members that only OpenAI defines into ``body``; those of a member that is there already are added to
    it."""
    for name, value in prompt.extra.items():
        there = body.get(name)
        if prompt.maker != "openai" or name in _CHAT_ONLY:
            dropped(notes, f"extra.{name[:60]}", f"{_TARGET} does not define it.")
        elif there is None:
            body[name] = value
        elif type(there) is dict and type(value) is dict:
            body[name] = {**value, **there}
        elif type(there) is list and type(value) is list:
            body[name] = [*there, *(one for one in value if one not in there)]
        else:
            dropped(notes, f"extra.{name[:60]}", "Another field says it already.")
