"""Requests in Anthropic's format: Messages, as sent to Anthropic, and to Claude models on Vertex AI and Bedrock.

Decides: what the settings of a request mean, and how those of a prompt are said. Messages are read by
:mod:`~aigw_sansio.formats.anthropic_read` and written by :mod:`~aigw_sansio.formats.anthropic_blocks`. Must not know:
where the request goes beyond its path, and how the response is read.

Source: Anthropic API reference, Messages; "Claude on Vertex AI"; "Claude on Amazon Bedrock". The betas of a request are
in ``Prompt.extra["anthropic_beta"]``, a list of names, wherever they were written: a caller that has the header
``anthropic-beta`` of a client puts them there.
"""

from typing import Final
from urllib.parse import quote

import msgspec

from ..prompt import (
    NO_MEMBERS,
    FunctionTool,
    JsonObject,
    NativeTool,
    OutputFormat,
    Prompt,
    ReasoningSettings,
    Tool,
    ToolChoice,
)
from .alternating import check_pairs
from .anthropic_betas import needed_betas
from .anthropic_blocks import Marks, MessageWriter, Platform, cache_control, fitting_names
from .anthropic_plain import plain_of_messages, read_plain
from .anthropic_read import read_cache, read_system, read_turns
from .anthropic_thinking import fit_sampling, fit_tokens, plan_thinking
from .anthropic_tools import plan_tools
from .bedrock.paths import model_path
from .claude_models import MAKER, claude_model
from .client_values import (
    as_effort,
    as_object,
    as_text,
    get_array,
    get_flag,
    get_integer,
    get_number,
    get_object,
    get_text,
    members,
    without,
)
from .plain.conversation import Plain
from .plain.messages import AnthropicText
from .plain.reading import PlainReader
from .refusing import RequestRefused, refusal
from .request_tools import drop_unsupported, dropped, own_tier, put_extra
from .translation import Note, Refused, WireRequest
from .usual import Looked, look_at
from .values import arr, obj, text

VERSION: Final = "2023-06-01"
_VERTEX_VERSION: Final = "vertex-2023-10-16"
_BEDROCK_VERSION: Final = "bedrock-2023-05-31"
_BETAS: Final = "anthropic_beta"
_ANTHROPIC: Final = Platform("Anthropic")
#: What Anthropic runs itself, beside the model.
_SERVICES: Final = frozenset(
    {
        "container", "mcp_servers", "service_tier", "inference_geo", "speed", "fallbacks", "user_profile_id",
        "workspace_id", "cache_control",
    }
)  # fmt: skip
#: Members of the body that are fields of a prompt, for notes.
_FIELDS: Final = {"service_tier": "service_tier", "cache_control": "cache"}
_VERTEX: Final = Platform("Claude on Vertex AI", media_by_url=False, holds_to_schemas=False, lacks=_SERVICES)
_BEDROCK: Final = Platform("Claude on Bedrock", media_by_url=False, lacks=_SERVICES)
_SUPPORTED: Final = frozenset(
    {
        "tools", "tool_choice", "parallel_tool_calls", "output", "max_tokens", "temperature", "top_p", "top_k",
        "stop_sequences", "reasoning", "cache", "end_user", "service_tier",
    }
)  # fmt: skip
_USUAL_MEMBERS: Final = frozenset({"name", "description", "input_schema"})
#: The members that say something of the form of the output, and of thinking.
_OUTPUT: Final = frozenset({"output_config", "output_format"})
_THINKING: Final = frozenset({"output_config", "thinking"})
#: Members of the body that are fields of a prompt as they are.
_READ: Final = frozenset(
    {
        "model", "system", "messages", "tools", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences",
        "service_tier", "stream",
    }
)  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------------
# Reading


def read_request(body: JsonObject, notes: list[Note]) -> Prompt | Refused:
    """The prompt that a Messages request is. It loses nothing: what only Anthropic defines is in ``extra``.

    The body may be one for Vertex AI or Bedrock, whose model is in the path: set ``model`` then. A refusal names the
    member of the body that is wrong: ``messages[0].content[1].source``.
    """
    try:
        return _read(body, notes, None)
    except RequestRefused as failure:
        return failure.refused


def _read(body: JsonObject, notes: list[Note], plain: Plain | None) -> Prompt:
    """``plain``: a conversation that is read already."""
    member = members(body, "body")
    member.pop("anthropic_version", None)  # it says how to read the body, and so it was read
    output = None if _OUTPUT.isdisjoint(member) else _read_output(member)
    reasoning = None if _THINKING.isdisjoint(member) else _read_reasoning(member)
    parallel, choice = _read_choice(member)
    end_user = _read_user(member) if "metadata" in member else None
    return Prompt(
        model=get_text(member, "model") or "",
        instructions=read_system(member.get("system")),
        turns=() if plain is not None else read_turns(member.get("messages")),
        tools=tuple(
            read_usual_tool(tool) or _read_tool(tool, f"tools[{at}]")
            for at, tool in enumerate(get_array(member, "tools"))
        ),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        output=output,
        max_tokens=get_integer(member, "max_tokens"),
        temperature=get_number(member, "temperature"),
        top_p=get_number(member, "top_p"),
        top_k=get_integer(member, "top_k"),
        stop_sequences=tuple(
            as_text(stop, f"stop_sequences[{at}]") for at, stop in enumerate(get_array(member, "stop_sequences"))
        ),
        reasoning=reasoning,
        cache=read_cache(member),
        end_user=end_user,
        service_tier=get_text(member, "service_tier") or None,
        stream=get_flag(member, "stream") is True,
        include_usage=True,
        maker=MAKER,
        extra={name: value for name, value in member.items() if name not in _READ} or NO_MEMBERS,
    )


#: Reads requests with a plain conversation.
PLAIN: Final = PlainReader(AnthropicText, "messages", of_value=read_plain, of_messages=plain_of_messages, read=_read)


def _read_user(member: JsonObject) -> str | None:
    """Take the end user out of ``metadata``, of which the rest stays."""
    metadata = members(member.pop("metadata"), "metadata")
    if metadata.keys() - {"user_id"}:
        member["metadata"] = without(metadata, "user_id")
    return get_text(metadata, "user_id", "metadata.") or None


def read_usual_tool(value: object) -> Tool | None:
    """The function that ``value`` is, if it has a name, and at most a description and a schema. It is what
    :func:`_read_tool` makes of it."""
    if type(value) is not dict or not value.keys() <= _USUAL_MEMBERS:
        return None
    name, description, schema = value.get("name"), value.get("description", ""), value.get("input_schema")
    if type(name) is not str or type(description) is not str or not (schema is None or type(schema) is dict):
        return None
    return FunctionTool(name, description, schema)


def _read_tool(value: object, field: str) -> Tool:
    member = members(value, field)
    if member.get("type", "custom") != "custom":
        return NativeTool(MAKER, obj(value))
    return FunctionTool(
        as_text(member.get("name"), f"{field}.name"),
        get_text(member, "description", f"{field}.") or "",
        get_object(member, "input_schema", f"{field}."),
        strict=get_flag(member, "strict", f"{field}."),
        cache=read_cache(member, f"{field}.cache_control"),
        extra=without(member, "type", "name", "description", "input_schema", "strict"),
    )


def _read_choice(member: JsonObject) -> tuple[bool | None, ToolChoice | None]:
    """Whether calls may be parallel, and the choice of tools."""
    if "tool_choice" not in member:
        return None, None
    choice = members(member.pop("tool_choice"), "tool_choice")
    kind = as_text(choice.get("type"), "tool_choice.type")
    single = get_flag(choice, "disable_parallel_tool_use", "tool_choice.")
    parallel = None if single is None else not single
    if kind == "tool":
        return parallel, ToolChoice("required", (as_text(choice.get("name"), "tool_choice.name"),))
    if kind == "auto":
        return parallel, ToolChoice("auto")
    if kind == "any":
        return parallel, ToolChoice("required")
    if kind == "none":
        return parallel, ToolChoice("none")
    raise refusal("tool_choice.type", "It must be auto, any, tool or none.")


def _read_output(member: JsonObject) -> OutputFormat | None:
    """Take the form of the output from its two places: the second is that of an older beta."""
    config = members(member.pop("output_config", {}), "output_config")
    wanted, field = config.get("format"), "output_config.format"
    if wanted is None and "output_format" in member:
        wanted, field = member.pop("output_format"), "output_format"
    output: OutputFormat | None = None
    if wanted is not None:
        form = members(wanted, field)
        if form.get("type") == "json_schema":
            config.pop("format", None)
            output = OutputFormat("json_schema", schema=as_object(form.get("schema"), f"{field}.schema"))
        elif form.get("type") == "text":
            config.pop("format", None)
    if config:
        member["output_config"] = config
    return output


def _read_reasoning(member: JsonObject) -> ReasoningSettings | None:
    """Take what is said of thinking. What the settings of a prompt cannot say stays in ``member``."""
    config = members(member.get("output_config", {}), "output_config")
    effort = as_effort(config.get("effort"))
    thinking = members(member.get("thinking", {}), "thinking")
    kind = thinking.pop("type", None)
    shown = thinking.pop("display", None)
    visible = {"summarized": True, "omitted": False}.get(shown) if type(shown) is str else None
    known = not thinking and (shown is None) is (visible is None)
    budget = thinking.pop("budget_tokens", None)
    if kind == "disabled" and known and shown is None and budget is None:
        del member["thinking"]  # an effort beside it is that of writing
        return ReasoningSettings("none")
    if (
        kind == "enabled"
        and not thinking
        and type(budget) is int
        and budget > 0
        and (shown is None) is (visible is None)
    ):
        del member["thinking"]
        settings = ReasoningSettings(effort, budget, visible=visible)
    elif kind == "adaptive" and known and budget is None:
        del member["thinking"]
        settings = ReasoningSettings(effort, adaptive=True, visible=visible)
    elif effort is not None and "thinking" not in member:
        settings = ReasoningSettings(effort)
    else:
        return None
    if effort is not None:
        config.pop("effort")
        if config:
            member["output_config"] = config
        else:
            del member["output_config"]
    return settings


# ----------------------------------------------------------------------------------------------------------------------
# Writing


def write_request(prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
    """The request for Anthropic's API: ``POST /v1/messages``.

    If ``output_tool(body)`` of :mod:`~aigw_sansio.formats.anthropic_tools` names a tool, its call is the output.
    """
    written = _write(prompt, notes, plain, _ANTHROPIC)
    if isinstance(written, Refused):
        return written
    body, betas = written
    body = {"model": prompt.model, **body}
    if prompt.stream:
        body["stream"] = True
    headers = (("anthropic-version", VERSION), *_beta_header(betas))
    return WireRequest(method="POST", path="v1/messages", headers=headers, body=body)


def write_vertex_request(prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
    """The request for a Claude model on Vertex AI. The path is relative to a location of a project
    (``/v1/projects/PROJECT/locations/LOCATION``)."""
    written = _write(prompt, notes, plain, _VERTEX)
    if isinstance(written, Refused):
        return written
    body, betas = written
    body = {"anthropic_version": _VERTEX_VERSION, **body}
    if prompt.stream:
        body["stream"] = True
    model = prompt.model.removeprefix("anthropic/")
    verb = "streamRawPredict" if prompt.stream else "rawPredict"
    path = f"publishers/anthropic/models/{quote(model, safe='@')}:{verb}"
    return WireRequest(method="POST", path=path, headers=tuple(_beta_header(betas)), body=body)


def write_bedrock_request(prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
    """The request for a Claude model on Bedrock's InvokeModel, which takes betas in the body."""
    written = _write(prompt, notes, plain, _BEDROCK)
    if isinstance(written, Refused):
        return written
    body, betas = written
    body = {"anthropic_version": _BEDROCK_VERSION, **body}
    if betas:
        body[_BETAS] = betas
    verb = "invoke-with-response-stream" if prompt.stream else "invoke"
    return WireRequest(method="POST", path=model_path(prompt.model, verb), headers=(), body=body)


def _beta_header(betas: list[str]) -> list[tuple[str, str]]:
    return [("anthropic-beta", ",".join(betas))] if betas else []


def _write(
    prompt: Prompt, notes: list[Note], plain: Plain | None, host: Platform
) -> tuple[JsonObject, list[str]] | Refused:
    """The body without what differs between hosts, and its betas."""
    looked = look_at(prompt.turns)
    refused = drop_unsupported(prompt, looked, notes, _SUPPORTED, host.name)
    if refused is not None:
        return refused
    try:
        return _write_body(prompt, looked, notes, plain, host)
    except RequestRefused as failure:
        return failure.refused


def _write_body(
    prompt: Prompt, looked: Looked, notes: list[Note], plain: Plain | None, host: Platform
) -> tuple[JsonObject, list[str]]:
    model = claude_model(prompt.model)
    if not host.holds_to_schemas and model.forced_tools and prompt.maker != MAKER:
        model = msgspec.structs.replace(model, structured=False)  # a tool for the output works there, too
    names = fitting_names(notes)
    marks = Marks(notes, 0 if prompt.cache is None else 1)
    tools = plan_tools(prompt, notes, model, host, names, marks)
    writer = MessageWriter(prompt, looked, notes, host, marks, names, system_turns=model.system_turns)
    system = writer.system()
    if tools.instruction is not None:
        system.append({"type": "text", "text": tools.instruction})
    messages = writer.messages(plain)
    if plain is None:
        check_pairs(messages, _calls_and_responses)
    marks.finish()
    thinking = plan_thinking(prompt, notes, model, blocked=blocks_thinking(messages, forced=tools.forced))
    limit, thinking = fit_tokens(prompt, notes, model, thinking, required=True)
    temperature, top_p, top_k = fit_sampling(prompt, notes, model, thinking)
    body: JsonObject = {"max_tokens": limit}
    if system:
        body["system"] = system
    body["messages"] = messages
    if tools.tools:
        body["tools"] = tools.tools
    if tools.choice:
        body["tool_choice"] = tools.choice
    if thinking.config is not None:
        body["thinking"] = thinking.config
    for name, value in (("temperature", temperature), ("top_p", top_p), ("top_k", top_k)):
        if value is not None:
            body[name] = value
    stops = fitting_stops(prompt, notes)
    if stops:
        body["stop_sequences"] = stops
    if prompt.end_user is not None:
        body["metadata"] = {"user_id": prompt.end_user}
    if prompt.cache is not None:
        body["cache_control"] = cache_control(prompt.cache, notes, "cache")
    tier = own_tier(prompt, notes, MAKER, host.name)
    if tier is not None:
        body["service_tier"] = tier
    _put_output_config(body, prompt, thinking.effort, tools.format)
    _put_own_extra(body, prompt, notes, host)
    return body, _betas(body, prompt, host, writer)


def _put_output_config(body: JsonObject, prompt: Prompt, effort: str | None, form: JsonObject | None) -> None:
    """Put the effort and the form of the output into the body, beside what Anthropic's own clients put there."""
    own = prompt.extra.get("output_config") if prompt.maker == MAKER else None
    config: JsonObject = dict(obj(own))
    if effort is not None:
        config["effort"] = effort
    if form is not None:
        config["format"] = form
    if config:
        body["output_config"] = config


def _put_own_extra(body: JsonObject, prompt: Prompt, notes: list[Note], host: Platform) -> None:
    """Put the other members of the prompt's ``extra`` into the body, and take out what the host lacks."""
    joined = {_BETAS, "output_config", "metadata"} if prompt.maker == MAKER else set()
    if "metadata" in joined and prompt.extra.get("metadata"):
        body["metadata"] = {**obj(prompt.extra["metadata"]), **obj(body.get("metadata"))}
    others = {name: value for name, value in prompt.extra.items() if name not in joined}
    if others:
        put_extra(Prompt(maker=prompt.maker, extra=others), notes, body, MAKER, host.name)
    for name in sorted(host.lacks & body.keys()):
        del body[name]
        dropped(notes, _FIELDS.get(name, f"extra.{name}"), f"{host.name} does not have it.")


def _betas(body: JsonObject, prompt: Prompt, host: Platform, writer: MessageWriter) -> list[str]:
    """The betas that the client named, and on Anthropic's own API those that the body needs."""
    named = arr(prompt.extra.get(_BETAS)) if prompt.maker == MAKER else []
    betas = [beta for beta in named if type(beta) is str and beta]
    if host is _ANTHROPIC:
        betas += needed_betas(body, files=writer.needs_files, system_turns=writer.has_system_turns)
    return list(dict.fromkeys(betas))


def fitting_stops(prompt: Prompt, notes: list[Note]) -> list[str]:
    """The stop sequences without blank ones, which Claude models refuse."""
    stops = [stop for stop in prompt.stop_sequences if stop.strip()]
    if len(stops) < len(prompt.stop_sequences):
        dropped(notes, "stop_sequences", "Claude models do not stop at white space.")
    return stops


def _calls_and_responses(blocks: list[JsonObject]) -> tuple[list[str], list[str]]:
    called: list[str] = []
    answered: list[str] = []
    for block in blocks:
        kind = block.get("type")
        if kind == "tool_use":
            called.append(text(block.get("id")))
        elif kind == "tool_result":
            answered.append(text(block.get("tool_use_id")))
    return called, answered


def blocks_thinking(messages: list[JsonObject], *, forced: bool) -> str:
    """Why a model that thinks by a budget cannot do so here, in one sentence; empty if it can."""
    if forced:
        return "A model that thinks by a budget cannot be made to call a tool."
    last = messages[-1]
    if last["role"] == "assistant":
        return "A model that thinks by a budget cannot continue a message."
    if len(messages) < 2 or not any(obj(block).get("type") == "tool_result" for block in arr(last["content"])):
        return ""
    first = obj(arr(messages[-2]["content"])[0])
    if first.get("type") in ("thinking", "redacted_thinking"):
        return ""
    return "The calls of tools before it came without thoughts that this model can read."
