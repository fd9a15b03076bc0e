"""Writes a Chat Completions request from a prompt, for OpenAI or one of its look-alikes.

Decides: the members of the body, and what becomes of those that the target lacks. Must not know: which provider has
which quirk.

Source: OpenAI API reference, Chat Completions. A member that is not set is never written as null: look-alikes refuse
it.
"""

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Final
from urllib.parse import quote

import msgspec

from ...prompt import CacheMark, JsonObject, OutputFormat, Prompt, Text
from ..client_values import json_text
from ..plain.conversation import Plain
from ..refusing import RequestRefused, refusal
from ..request_tools import (
    NameMap,
    clamp,
    clamp_list,
    clamped,
    drop_unsupported,
    dropped,
    mapped,
    other_fields,
    own_tier,
)
from ..translation import Note, Refused, WireRequest
from ..usual import look_at
from .chat_history import HistoryWriter
from .chat_tools import write_tools
from .like import RESPONSES_MEMBERS, Quirks
from .models import takes_cache_marks

_ALL: Final = frozenset(Prompt.__struct_fields__)
#: Fields that are written under their own name, as they are.
_PLAIN: Final = ("top_k", "min_p", "logit_bias", "verbosity", "store")
_plain: Final = attrgetter(*_PLAIN)
_NONE_PLAIN: Final = (None,) * len(_PLAIN)
_CACHE_TTLS: Final = frozenset({"30m", "12h"})
_MOST_LOGPROBS: Final = 20
_ANY_OBJECT: Final[JsonObject] = {"type": "object"}


def write_like(
    prompt: Prompt, notes: list[Note], plain: Plain | None = None, *, quirks: Quirks
) -> WireRequest | Refused:
    """The request for the provider that ``quirks`` describe; a ``WriteRequest`` once it is bound to them."""
    try:
        return _write(prompt, notes, plain, quirks)
    except RequestRefused as failure:
        return failure.refused


def _write(prompt: Prompt, notes: list[Note], plain: Plain | None, quirks: Quirks) -> WireRequest | Refused:
    looked = look_at(prompt.turns)
    refused = drop_unsupported(prompt, looked, notes, _all_but(quirks.lacks), quirks.name)
    if refused is not None:
        return refused
    reasoning = quirks.write_reasoning(prompt, notes)
    lacks = quirks.lacks
    if quirks.model_lacks is not None:
        own = quirks.model_lacks(prompt, reasoning)
        if own:
            refused = drop_unsupported(prompt, looked, notes, _all_but(own), "The model")
            if refused is not None:
                return refused
            lacks |= own
    prompt = _without(prompt, lacks)
    prompt, form = _output(prompt, notes, quirks)
    names = NameMap(quirks.names, notes)
    history = HistoryWriter(prompt, looked, quirks, names, notes, _marks(prompt, notes, quirks))
    tool_mark = history.parts.mark if quirks.cache_marks == "cache_control" else _NoMark(notes, quirks.name).mark
    tools = write_tools(prompt, quirks, names, notes, tool_mark)
    body: JsonObject = {"model": prompt.model} if prompt.model else {}
    body["messages"] = messages = history.write(plain)
    body.update(tools)
    if prompt.parallel_tool_calls is not None:
        if tools:
            body["parallel_tool_calls"] = prompt.parallel_tool_calls
        else:
            dropped(notes, "parallel_tool_calls", "There are no tools.")
    body.update(form)
    _put_sampling(prompt, notes, quirks, body)
    body.update(reasoning)
    _put_service(prompt, notes, quirks, body)
    _put_extra(prompt, notes, quirks, body)
    path = quirks.path
    if quirks.prefix_path is not None and messages and "prefix" in messages[-1]:
        path = quirks.prefix_path
    if "{model}" in path:
        if any(part in ("", ".", "..") for part in prompt.model.split("/")):
            raise refusal("model", f"{quirks.name} has it in its path, and this is no name for one.")
        path = path.replace("{model}", quote(prompt.model, safe="/:@", errors="replace"))
    return WireRequest("POST", path, headers=(), body=body)


@lru_cache(64)  # there is one set for each target, and few for its models
def _all_but(lacks: frozenset[str]) -> frozenset[str]:
    return _ALL - lacks


def _without(prompt: Prompt, lacks: frozenset[str]) -> Prompt:
    """``prompt`` without the fields that the target lacks. They are noted already."""
    names, values, unset = other_fields(_all_but(lacks))
    if values(prompt) == unset:
        return prompt
    return msgspec.structs.replace(prompt, **{name: getattr(_EMPTY, name) for name in names})


_EMPTY: Final = Prompt()


# -- cache marks ------------------------------------------------------------------------------------------------------


def _marks(prompt: Prompt, notes: list[Note], quirks: Quirks) -> Callable[[CacheMark], JsonObject] | None:
    """What writes a mark, if the target takes any for this model."""
    if quirks.cache_marks == "cache_control":
        return _cache_control
    if quirks.cache_marks == "breakpoint" and takes_cache_marks(prompt.model):
        return _Breakpoints(notes).mark
    return None


def _cache_control(cache: CacheMark) -> JsonObject:
    mark: JsonObject = {"type": "ephemeral"}
    if cache.ttl is not None:
        mark["ttl"] = cache.ttl
    return {"cache_control": mark}


class _Breakpoints:
    """Writes OpenAI's marks, of which it takes four."""

    __slots__ = ("_notes", "_written")

    def __init__(self, notes: list[Note]) -> None:
        self._notes = notes
        self._written = 0

    def mark(self, cache: CacheMark) -> JsonObject:
        """The member for one mark."""
        self._written += 1
        if self._written > 4:
            clamped(self._notes, "cache", "OpenAI takes four marks; the first ones are sent.")
            return {}
        ttl = _ttl(cache, self._notes)
        mark: JsonObject = {"mode": "explicit"}
        if ttl is not None:
            mark["ttl"] = ttl
        return {"prompt_cache_breakpoint": mark}


def _ttl(cache: CacheMark, notes: list[Note]) -> str | None:
    if cache.ttl is None or cache.ttl in _CACHE_TTLS:
        return cache.ttl
    clamped(notes, "cache.ttl", "OpenAI takes 30m and 12h.")
    return "30m"


class _NoMark:
    """Notes the marks of tools, for which OpenAI has none."""

    __slots__ = ("_name", "_notes")

    def __init__(self, notes: list[Note], name: str) -> None:
        self._notes = notes
        self._name = name

    def mark(self, field: str, cache: CacheMark | None) -> JsonObject:
        """No member."""
        if cache is not None:
            dropped(self._notes, field + ".cache", f"{self._name} has no mark at a tool.")
        return {}


# -- members ----------------------------------------------------------------------------------------------------------


def _output(prompt: Prompt, notes: list[Note], quirks: Quirks) -> tuple[Prompt, JsonObject]:
    """``response_format``; the prompt has one more instruction if the target cannot be given the schema itself."""
    output, name = prompt.output, quirks.name
    if output is None:
        return prompt, {}
    if output.type == "json_object":
        if quirks.json_object:
            return prompt, {"response_format": {"type": "json_object"}}
        mapped(notes, "output", f"{name} takes a schema only; it gets one that fits any object.")
        output = OutputFormat("json_schema", schema=_ANY_OBJECT)
    schema = output.schema if output.schema is not None else _ANY_OBJECT
    if not quirks.json_schema:
        mapped(notes, "output.schema", f"{name} is not held to a schema; it is asked for in an instruction.")
        text = "Answer with one JSON object that fits this JSON Schema:\n" + json_text(schema, "output.schema")
        prompt = msgspec.structs.replace(prompt, instructions=(*prompt.instructions, Text(text)))
        return prompt, {"response_format": {"type": "json_object"}}
    told: JsonObject = {"name": _schema_name(output, notes, quirks), "schema": schema}
    if output.description is not None:
        told["description"] = output.description
    if output.strict is not None:
        told["strict"] = output.strict
    return prompt, {"response_format": {"type": "json_schema", "json_schema": told}}


def _schema_name(output: OutputFormat, notes: list[Note], quirks: Quirks) -> str:
    if not output.name:
        mapped(notes, "output.name", f"{quirks.name} needs a name; it gets a general one.")
        return "response"
    names = NameMap(quirks.names, notes)
    return names.fit(output.name, "output")


def _put_sampling(prompt: Prompt, notes: list[Note], quirks: Quirks, body: JsonObject) -> None:
    if prompt.max_tokens is not None:
        body[quirks.limit] = prompt.max_tokens
    plain = _plain(prompt)
    if plain != _NONE_PLAIN:
        body.update((name, value) for name, value in zip(_PLAIN, plain, strict=True) if value is not None)
    for name, value, low, high in (
        ("temperature", prompt.temperature, 0.0, quirks.hottest),
        ("top_p", prompt.top_p, 0.0, 1.0),
        ("presence_penalty", prompt.presence_penalty, -2.0, 2.0),
        ("frequency_penalty", prompt.frequency_penalty, -2.0, 2.0),
    ):
        if value is not None:
            body[name] = clamp(notes, name, value, low, high, quirks.name)
    if prompt.repetition_penalty is not None:
        body[quirks.repetition_penalty] = prompt.repetition_penalty
    if prompt.seed is not None:
        body[quirks.seed] = prompt.seed
    if prompt.stop_sequences:
        stop = prompt.stop_sequences
        if quirks.most_stops is not None:
            stop = clamp_list(notes, "stop_sequences", stop, quirks.most_stops, quirks.name)
        body["stop"] = list(stop)
    if prompt.logprobs is not None:
        most = clamp(notes, "logprobs", prompt.logprobs, 0, _MOST_LOGPROBS, quirks.name) or 0
        body["logprobs"] = True
        if most:
            body["top_logprobs"] = int(most)
    if prompt.choice_count is not None:
        body["n"] = prompt.choice_count
    if prompt.modalities:
        body["modalities"] = list(prompt.modalities)


def _put_service(prompt: Prompt, notes: list[Note], quirks: Quirks, body: JsonObject) -> None:
    if prompt.cache is not None:
        if takes_cache_marks(prompt.model):
            options: JsonObject = {"mode": "implicit"}
            ttl = _ttl(prompt.cache, notes)
            body["prompt_cache_options"] = {**options, "ttl": ttl} if ttl is not None else options
        else:
            dropped(notes, "cache", "The model decides by itself what is cached.")
    if prompt.cache_key is not None:
        body["prompt_cache_key"] = prompt.cache_key
    if prompt.metadata:
        if quirks.metadata_needs_store and not prompt.store:
            dropped(notes, "metadata", f"{quirks.name} takes it for stored responses only.")
        else:
            body["metadata"] = prompt.metadata
    if prompt.end_user is not None:
        body["user"] = prompt.end_user
    tier = _tier(prompt, notes, quirks)
    if tier is not None:
        body["service_tier"] = tier
    if prompt.stream:
        body["stream"] = True
        if prompt.include_usage and quirks.usage_on_request:
            body["stream_options"] = {"include_usage": True}


def _tier(prompt: Prompt, notes: list[Note], quirks: Quirks) -> str | None:
    if quirks.tiers is None or prompt.service_tier is None:
        return own_tier(prompt, notes, quirks.maker, quirks.name)
    # a client of Chat Completions writes the words of the server that it means
    if prompt.maker == "openai" and prompt.service_tier in quirks.tiers:
        return prompt.service_tier
    dropped(notes, "service_tier", f"{quirks.name} has no such tier.")
    return None


def _put_extra(prompt: Prompt, notes: list[Note], quirks: Quirks, body: JsonObject) -> None:
    """The members that only a client of Chat Completions writes. Those of a look-alike are not known by name: what is
    not OpenAI's alone goes through, if the target takes what it does not know."""
    for name, value in prompt.extra.items():
        field = f"extra.{name[:60]}"
        if prompt.maker not in ("openai", quirks.maker) or not _takes(name, quirks):
            dropped(notes, field, f"{quirks.name} does not define it.")
        elif name == "stream_options" and type(value) is dict:
            told = body.get("stream_options")
            if prompt.stream:
                body["stream_options"] = {**value, **told} if type(told) is dict else value
            else:
                dropped(notes, field, "The response is no stream.")
        elif name not in body:
            body[name] = value
        elif name != "chat_template_kwargs":  # which is merged already
            dropped(notes, field, "Another field says it already.")


def _takes(name: str, quirks: Quirks) -> bool:
    if quirks.only_members is not None:
        return name in quirks.only_members
    return name not in quirks.unknown_members and name not in RESPONSES_MEMBERS
