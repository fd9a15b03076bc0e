"""Settings of an OpenAI Responses request that have members of their own: reasoning, text, cache, log probabilities.

Decides: which members are read into a field of the prompt, which are kept as ``extra``, and how the fields are written.
Must not know: items and tools.

Source: OpenAI's API reference, "Create a model response".
"""

from typing import Final

from ...prompt import CacheMark, Effort, JsonObject, OutputFormat, Prompt, ReasoningSettings
from ..client_values import as_text, get_array, get_flag, get_integer, get_object, get_text, need_effort
from ..refusing import refusal
from ..request_tools import clamp, clamped, dropped, mapped
from ..translation import Note
from .models import efforts_of, reasons, refuses_effort, takes_cache_marks, takes_sampling
from .reasoning_settings import word_for
from .responses_write import cache_ttl

LOGPROBS: Final = "message.output_text.logprobs"
ENCRYPTED: Final = "reasoning.encrypted_content"
#: The API wants a name for a schema. This one stands for none.
_NAME: Final = "response"
_MOST_METADATA: Final = 16
_TARGET: Final = "OpenAI Responses"


def _rest(value: JsonObject, known: tuple[str, ...]) -> JsonObject:
    return {name: one for name, one in value.items() if name not in known and one is not None}


# -- reasoning --------------------------------------------------------------------------------------------------------


def read_reasoning(body: JsonObject, extra: JsonObject) -> ReasoningSettings | None:
    """The member ``reasoning``. What only OpenAI defines in it goes to ``extra``."""
    value = get_object(body, "reasoning")
    if value is None:
        return None
    if rest := _rest(value, ("effort", "summary")):
        extra["reasoning"] = rest
    word = get_text(value, "effort", "reasoning.") or None
    effort = None if word is None else need_effort(word, "reasoning.effort")
    summary = get_text(value, "summary", "reasoning.") or None
    return ReasoningSettings(effort, summary=summary) if effort or summary else None


def effort_for(prompt: Prompt, notes: list[Note]) -> Effort | None:
    """How much the model is to think, in OpenAI's words."""
    settings = prompt.reasoning
    if settings is None or refuses_effort(prompt.model):
        return None
    if settings.effort is not None and settings.budget_tokens is not None:
        dropped(notes, "reasoning.budget_tokens", "The effort is sent, and OpenAI takes no budget beside it.")
    return word_for(settings, efforts_of(prompt.model), notes, "OpenAI", shows=True)


def write_reasoning(prompt: Prompt, notes: list[Note], effort: Effort | None) -> JsonObject | None:
    """The member ``reasoning``, ``None`` to leave it out."""
    settings = prompt.reasoning
    if settings is None:
        return None
    if refuses_effort(prompt.model):
        if settings.effort != "none":
            dropped(notes, "reasoning", "This model does not reason.")
        return None
    written: JsonObject = {}
    if effort is not None:
        written["effort"] = effort
    if settings.adaptive and effort is None:
        mapped(notes, "reasoning.adaptive", "The model decides by itself if no effort is told.")
    elif settings.adaptive:
        mapped(notes, "reasoning.adaptive", "OpenAI takes an effort only.")
    if settings.visible is False:
        mapped(notes, "reasoning.visible", "No summary is asked for.")
    elif settings.summary is not None:
        written["summary"] = settings.summary
        if settings.visible:
            mapped(notes, "reasoning.visible", "A summary is asked for.")
    elif settings.visible:
        mapped(notes, "reasoning.visible", "A summary is asked for; OpenAI does not send the reasoning itself.")
        written["summary"] = "auto"
    return written or None


# -- text -------------------------------------------------------------------------------------------------------------


def read_text(body: JsonObject, extra: JsonObject) -> tuple[OutputFormat | None, str | None]:
    """The member ``text``: the form of the output, and its verbosity. The rest of it goes to ``extra``."""
    value = get_object(body, "text")
    if value is None:
        return None, None
    if rest := _rest(value, ("format", "verbosity")):
        extra["text"] = rest
    verbosity = get_text(value, "verbosity", "text.") or None
    format = get_object(value, "format", "text.")
    kind = None if format is None else get_text(format, "type", "text.format.")
    if format is None or kind == "text":
        return None, verbosity
    if kind == "json_object":
        return OutputFormat("json_object"), verbosity
    if kind != "json_schema":
        raise refusal("text.format.type", "It must be text, json_object or json_schema.")
    name = get_text(format, "name", "text.format.")
    return (
        OutputFormat(
            "json_schema",
            name=None if name == _NAME else name or None,
            schema=get_object(format, "schema", "text.format."),
            strict=get_flag(format, "strict", "text.format."),
            description=get_text(format, "description", "text.format.") or None,
        ),
        verbosity,
    )


def write_text(prompt: Prompt) -> JsonObject | None:
    """The member ``text``, ``None`` to leave it out."""
    written: JsonObject = {}
    output = prompt.output
    if output is not None and output.type == "json_object":
        written["format"] = {"type": "json_object"}
    elif output is not None:
        format: JsonObject = {"type": "json_schema", "name": output.name or _NAME, "schema": output.schema or {}}
        if output.strict is not None:
            format["strict"] = output.strict
        if output.description:
            format["description"] = output.description
        written["format"] = format
    if prompt.verbosity is not None:
        written["verbosity"] = prompt.verbosity
    return written or None


# -- the cache --------------------------------------------------------------------------------------------------------


def read_cache(body: JsonObject, extra: JsonObject) -> CacheMark | None:
    """The member ``prompt_cache_options``. What the prompt cannot say is kept whole in ``extra``."""
    options = get_object(body, "prompt_cache_options")
    if not options:
        return None
    mode = get_text(options, "mode", "prompt_cache_options.")
    ttl = get_text(options, "ttl", "prompt_cache_options.") or None
    if mode == "implicit" and not _rest(options, ("mode", "ttl")):
        return CacheMark(ttl)
    extra["prompt_cache_options"] = options
    return None


def write_cache(prompt: Prompt, notes: list[Note]) -> JsonObject | None:
    """The member ``prompt_cache_options``, ``None`` to leave it out."""
    if prompt.cache is None:
        return None
    if not takes_cache_marks(prompt.model):
        dropped(notes, "cache", "This model caches by itself and takes no options.")
        return None
    return {"mode": "implicit", **cache_ttl(prompt.cache, notes, "cache")}


# -- sampling, log probabilities, metadata ----------------------------------------------------------------------------


def read_include(body: JsonObject, *, implied: bool, extra: JsonObject) -> int | None:
    """The member ``include`` with ``top_logprobs``: how many alternatives to tell with each token. ``implied``: the
    writer asks for encrypted reasoning by itself."""
    wanted = [as_text(one, f"include[{at}]") for at, one in enumerate(get_array(body, "include"))]
    rest = [one for one in wanted if one != LOGPROBS and not (implied and one == ENCRYPTED)]
    if rest:
        extra["include"] = rest
    top = get_integer(body, "top_logprobs", least=0)
    return top or 0 if LOGPROBS in wanted else top or None


def write_sampling(prompt: Prompt, notes: list[Note], effort: Effort | None, body: JsonObject) -> list[str]:
    """Put sampling into ``body``; return what ``include`` must have."""
    include: list[str] = []
    takes = takes_sampling(prompt.model, effort)
    for name, value, high in (("temperature", prompt.temperature, 2), ("top_p", prompt.top_p, 1)):
        if value is None:
            continue
        if takes:
            body[name] = clamp(notes, name, value, 0, high, _TARGET)
        else:
            dropped(notes, name, "This model takes no sampling settings while it reasons.")
    if prompt.logprobs is not None:
        if not takes:
            raise refusal("logprobs", "This model tells no log probabilities while it reasons.")
        include.append(LOGPROBS)
        if prompt.logprobs:
            body["top_logprobs"] = clamp(notes, "logprobs", prompt.logprobs, 0, 20, _TARGET)
    if prompt.max_tokens is not None:
        body["max_output_tokens"] = max(prompt.max_tokens, 16)
        if prompt.max_tokens < 16:
            clamped(notes, "max_tokens", "OpenAI Responses takes 16 or more.")
    return include


def read_metadata(body: JsonObject) -> dict[str, str]:
    """The member ``metadata``: texts by name."""
    value = get_object(body, "metadata") or {}
    return {name: as_text(one, f"metadata.{name[:60]}") for name, one in value.items() if one is not None}


def write_metadata(prompt: Prompt, notes: list[Note]) -> dict[str, str]:
    """As much of ``metadata`` as OpenAI takes: 16 pairs, names of 64 characters, values of 512."""
    written: dict[str, str] = {}
    for name, value in prompt.metadata.items():
        if len(written) < _MOST_METADATA and len(name) <= 64 and len(value) <= 512:
            written[name] = value
        else:
            dropped(notes, f"metadata.{name[:60]}", "OpenAI takes 16 pairs; names of 64, values of 512 characters.")
    return written


def asks_for_encrypted(model: str, *, store: bool | None) -> bool:
    """Whether the writer asks for encrypted reasoning: if OpenAI keeps nothing, the client has to."""
    return not store and reasons(model)
