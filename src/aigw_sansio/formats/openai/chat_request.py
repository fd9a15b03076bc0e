"""OpenAI Chat Completions: requests, read from a client and written for OpenAI.

Decides: what each member of a request means. Must not know: messages, tools and parts, which have modules of their own;
where the request goes.

Source: OpenAI API reference, Chat Completions. Read too are the members of look-alikes that mean what a prompt can say
(``top_k``, ``min_p``, ``repetition_penalty``, ``reasoning``, ``thinking``), because clients of a gateway write them.
"""

from collections.abc import Sequence
from typing import Final, TypedDict

from ...prompt import NO_MEMBERS, CacheMark, JsonObject, OutputFormat, Prompt, ReasoningSettings, Text, Turn
from ..client_values import (
    as_number,
    as_text,
    get_array,
    get_flag,
    get_integer,
    get_number,
    get_object,
    get_text,
)
from ..plain.conversation import Plain
from ..plain.messages import ChatText
from ..plain.reading import PlainReader
from ..refusing import RequestRefused, refusal
from ..request_tools import dropped
from ..translation import Note, Refused, WireRequest
from .chat_messages import MessageReader
from .chat_plain import plain_of_messages, read_plain
from .chat_tools import read_choice, read_tools
from .chat_write import write_like
from .quirks import OPENAI
from .reasoning_settings import read_settings

_READ: Final = frozenset(
    {
        "messages", "model", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
        "max_completion_tokens", "max_tokens", "metadata", "modalities", "n", "parallel_tool_calls",
        "presence_penalty", "prompt_cache_key", "prompt_cache_options", "reasoning_effort", "response_format", "seed",
        "service_tier", "stop", "store", "stream", "stream_options", "temperature", "tool_choice", "tools",
        "top_logprobs", "top_p", "user", "safety_identifier", "verbosity", "top_k", "min_p", "repetition_penalty",
        "reasoning", "thinking",
    }
)  # fmt: skip


def read_request(body: JsonObject, notes: list[Note]) -> Prompt | Refused:
    """The prompt in a client's request. Members that are not known here are in its ``extra``.

    A member of the wrong type refuses the request; fields of refusals and notes are named as the client wrote them
    (``messages[2].content``). Write the result with the ``write_request`` of the target's format.
    """
    try:
        return _read(body, notes, None)
    except RequestRefused as failure:
        return failure.refused


def write_request(prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
    """The request for OpenAI's Chat Completions."""
    return write_like(prompt, notes, plain, quirks=OPENAI)


def _read(body: JsonObject, notes: list[Note], plain: Plain | None) -> Prompt:
    """``plain``: a conversation that is read already."""
    extra: JsonObject = {name: value for name, value in body.items() if name not in _READ and value is not None}
    turns: tuple[Turn, ...] = ()
    instructions: Sequence[Text] = ()
    if plain is not None:
        instructions = plain.instructions
    else:
        reader = MessageReader(notes)
        messages = get_array(body, "messages")
        if body.get("messages") is None:
            raise refusal("messages", "It must be an array.", "missing")
        reader.read_all(messages)
        turns, instructions = reader.finish(), reader.instructions
    seldom = {} if _SELDOM.isdisjoint(body) else _read_seldom(body, notes, extra)
    return Prompt(
        model=get_text(body, "model") or "",
        turns=turns,
        instructions=tuple(instructions),
        tools=read_tools(body, notes),
        tool_choice=read_choice(body),
        parallel_tool_calls=get_flag(body, "parallel_tool_calls"),
        max_tokens=_read_limit(body, notes),
        temperature=get_number(body, "temperature"),
        top_p=get_number(body, "top_p"),
        stop_sequences=_read_stop(body),
        end_user=_read_user(body, extra),
        stream=get_flag(body, "stream") or False,
        include_usage=_read_stream_options(body, extra),
        maker="openai",
        extra=extra or NO_MEMBERS,
        **seldom,
    )


#: Reads requests with a plain conversation.
PLAIN: Final = PlainReader(ChatText, "messages", of_value=read_plain, of_messages=plain_of_messages, read=_read)


#: Members that few requests have. They are read only if one is there.
_SELDOM: Final = frozenset(
    {
        "frequency_penalty", "logit_bias", "logprobs", "metadata", "modalities", "n", "presence_penalty",
        "prompt_cache_key", "prompt_cache_options", "reasoning_effort", "response_format", "seed", "service_tier",
        "store", "top_logprobs", "verbosity", "top_k", "min_p", "repetition_penalty", "reasoning", "thinking",
    }
)  # fmt: skip


class _Seldom(TypedDict, total=False):
    """The fields that these members are."""

    output: OutputFormat | None
    modalities: tuple[str, ...]
    top_k: int | None
    min_p: float | None
    seed: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    repetition_penalty: float | None
    logit_bias: dict[str, float] | None
    logprobs: int | None
    choice_count: int | None
    verbosity: str | None
    reasoning: ReasoningSettings | None
    cache: CacheMark | None
    cache_key: str | None
    metadata: dict[str, str]
    service_tier: str | None
    store: bool | None


def _read_seldom(body: JsonObject, notes: list[Note], extra: JsonObject) -> _Seldom:
    return _Seldom(
        output=_read_output(body, extra),
        modalities=_texts(get_array(body, "modalities"), "modalities"),
        top_k=get_integer(body, "top_k"),
        min_p=get_number(body, "min_p"),
        seed=get_integer(body, "seed"),
        presence_penalty=get_number(body, "presence_penalty"),
        frequency_penalty=get_number(body, "frequency_penalty"),
        repetition_penalty=get_number(body, "repetition_penalty"),
        logit_bias=_read_bias(body),
        logprobs=_read_logprobs(body, notes),
        choice_count=get_integer(body, "n", least=1),
        verbosity=get_text(body, "verbosity"),
        reasoning=read_settings(body, notes, extra),
        cache=_read_cache(body, extra),
        cache_key=get_text(body, "prompt_cache_key"),
        metadata=_read_metadata(body),
        service_tier=get_text(body, "service_tier"),
        store=get_flag(body, "store"),
    )


_STR: Final[set[type]] = {str}


def _texts(values: list[object], field: str) -> tuple[str, ...]:
    if {*map(type, values)} <= _STR:
        return tuple(values)  # type: ignore[arg-type]  # just seen
    return tuple(as_text(value, f"{field}[{number}]") for number, value in enumerate(values))


def _read_limit(body: JsonObject, notes: list[Note]) -> int | None:
    older, limit = get_integer(body, "max_tokens", least=0), get_integer(body, "max_completion_tokens", least=0)
    if older is not None and limit is not None and older != limit:
        dropped(notes, "max_tokens", "max_completion_tokens says another number.")
    return older if limit is None else limit


def _read_stop(body: JsonObject) -> tuple[str, ...]:
    told = body.get("stop")
    if told is None:
        return ()
    stops = (told,) if type(told) is str else _texts(get_array(body, "stop"), "stop")
    return stops if all(stops) else tuple(stop for stop in stops if stop)


def _read_bias(body: JsonObject) -> dict[str, float] | None:
    told = get_object(body, "logit_bias")
    if not told:
        return None
    return {token: as_number(value, f"logit_bias.{token[:60]}") for token, value in told.items()}


def _read_logprobs(body: JsonObject, notes: list[Note]) -> int | None:
    most = get_integer(body, "top_logprobs", least=0)
    if get_flag(body, "logprobs"):
        return most or 0
    if most:
        dropped(notes, "top_logprobs", "It says nothing without logprobs.")
    return None


def _read_output(body: JsonObject, extra: JsonObject) -> OutputFormat | None:
    told = get_object(body, "response_format")
    if told is None:
        return None
    kind = get_text(told, "type", "response_format.")
    if kind == "text":
        return None
    if kind == "json_object":
        return OutputFormat("json_object")
    if kind != "json_schema":  # a grammar, for a server that knows it
        extra["response_format"] = told
        return None
    at = "response_format.json_schema."
    form = get_object(told, "json_schema", "response_format.")
    if form is None:
        raise refusal(at[:-1], "It must be an object.", "missing")
    return OutputFormat(
        "json_schema",
        name=get_text(form, "name", at),
        schema=get_object(form, "schema", at),
        strict=get_flag(form, "strict", at),
        description=get_text(form, "description", at),
    )


def _read_cache(body: JsonObject, extra: JsonObject) -> CacheMark | None:
    told = get_object(body, "prompt_cache_options")
    if told is None:
        return None
    if told.get("mode") not in (None, "implicit") or not told.keys() <= {"mode", "ttl"}:
        extra["prompt_cache_options"] = told
        return None
    return CacheMark(get_text(told, "ttl", "prompt_cache_options."))


def _read_metadata(body: JsonObject) -> dict[str, str]:
    told = get_object(body, "metadata") or {}
    return {name: as_text(value, f"metadata.{name[:60]}") for name, value in told.items()}


def _read_user(body: JsonObject, extra: JsonObject) -> str | None:
    """The end user. ``safety_identifier`` is the newer name; if both are given, it goes on beside it."""
    user, newer = get_text(body, "user") or None, get_text(body, "safety_identifier") or None
    if user is not None and newer is not None and user != newer:
        extra["safety_identifier"] = newer
    return user or newer


def _read_stream_options(body: JsonObject, extra: JsonObject) -> bool:
    told = get_object(body, "stream_options")
    if not told:
        return False
    rest = {name: value for name, value in told.items() if name != "include_usage" and value is not None}
    if rest:
        extra["stream_options"] = rest
    return get_flag(told, "include_usage", "stream_options.") or False
