"""Requests for Bedrock's Converse, whatever the vendor of the model.

Decides: how the settings of a prompt are said to Converse, and which go to the model past it. Must not know: where the
request goes beyond its path, and how the response is read.

Source: Amazon Bedrock API reference, Converse and ConverseStream; user guide, "Inference parameters". Tools must be
defined as soon as a message holds a call; calls can be forbidden only by leaving the tools out.
"""

import re
from typing import Final

import msgspec

from ...prompt import CacheMark, FunctionTool, JsonObject, NativeTool, Part, Prompt, Tool
from ..alternating import check_pairs
from ..anthropic_blocks import Marks, Platform
from ..anthropic_request import blocks_thinking, fitting_stops
from ..anthropic_thinking import Thinking, fit_sampling, fit_tokens, plan_thinking
from ..anthropic_tools import Tools, plan_tools
from ..client_values import json_text
from ..plain.conversation import Plain
from ..refusing import RequestRefused, refusal
from ..request_tools import (
    OPENAI_NAMES,
    NameMap,
    clamped,
    drop_unsupported,
    dropped,
    effort_of,
    mapped,
    own_tier,
    put_extra,
)
from ..translation import Note, Refused, WireRequest
from ..usual import Looked, look_at
from ..values import obj, text
from .converse_blocks import NAME, ConverseWriter, calls_and_responses, with_cache_points
from .models import BedrockModel, bedrock_model
from .paths import model_path

_HOST: Final = Platform(NAME, media_by_url=False)
_SUPPORTED: Final = frozenset(
    {
        "tools", "tool_choice", "parallel_tool_calls", "output", "max_tokens", "temperature", "top_p", "top_k",
        "stop_sequences", "reasoning", "metadata", "end_user", "service_tier",
    }
)  # fmt: skip
#: What a request names if its messages hold calls but it has no tools, because then there must be some.
_NO_TOOL: Final[JsonObject] = {
    "name": "no_tool",
    "description": "There are no tools. Do not call this.",
    "input_schema": {"type": "object", "properties": {}},
}
_NO_CALLS: Final = "Do not call any tool now."
_METADATA_WORD: Final = r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}"
_MOST_METADATA: Final = 16
#: What Claude models take on Anthropic's own API only.
_ANTHROPIC_ONLY: Final = frozenset(
    {"container", "mcp_servers", "inference_geo", "speed", "fallbacks", "user_profile_id", "workspace_id", "metadata"}
)
_EFFORTS: Final = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}


def write_request(prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
    """The request for Converse, or ConverseStream if the prompt asks for a stream.

    If ``output_tool(body)`` of :mod:`~aigw_sansio.formats.anthropic_tools` names a tool, its call is the output.
    """
    looked = look_at(prompt.turns)
    refused = drop_unsupported(prompt, looked, notes, _SUPPORTED, NAME)
    if refused is not None:
        return refused
    try:
        body = _write_body(prompt, looked, notes, plain)
    except RequestRefused as failure:
        return failure.refused
    verb = "converse-stream" if prompt.stream else "converse"
    return WireRequest(method="POST", path=model_path(prompt.model, verb), headers=(), body=body)


def _write_body(prompt: Prompt, looked: Looked, notes: list[Note], plain: Plain | None) -> JsonObject:
    model = bedrock_model(prompt.model)
    names = NameMap(OPENAI_NAMES, notes)
    marks = Marks(notes, 0)
    native = [tool for tool in prompt.tools if isinstance(tool, NativeTool) and tool.maker == "amazon"]
    functions = tuple(tool for tool in prompt.tools if not isinstance(tool, NativeTool) or tool.maker != "amazon")
    if any(isinstance(tool, NativeTool) for tool in functions):
        raise refusal("tools", f"{NAME} cannot run a tool of another vendor.")
    _note_marks(prompt, looked, notes, model)
    if not model.caches:
        functions = tuple(_without_mark(tool) for tool in functions)
    tools = plan_tools(msgspec.structs.replace(prompt, tools=functions), notes, model.rules, _HOST, names, marks)
    writer = ConverseWriter(prompt, looked, notes, model, marks, names)
    system = writer.system()
    messages = writer.messages(plain)
    if plain is None:
        check_pairs(messages, calls_and_responses)
    marks.finish()
    config, additional, forbidden = _tool_config(tools, native, prompt, notes, model, has_calls=writer.has_tools)
    for instruction in (tools.instruction, forbidden):
        if instruction is not None:
            system.append({"text": instruction})
    if system and not model.system:
        system = _as_user(system, messages, notes)
    for message in messages if looked.unusual else ():  # no usual turn has a mark
        message["content"] = with_cache_points(_blocks(message), ttl=model.ttl)
    body: JsonObject = {"messages": messages}
    if system:
        body["system"] = with_cache_points(system, ttl=model.ttl)
    thinking = _reasoning(prompt, notes, model, messages, additional, forced=tools.forced)
    _put_inference(body, additional, prompt, notes, model, thinking)
    if config:
        body["toolConfig"] = config
    if tools.format is not None:
        body["outputConfig"] = {"textFormat": _text_format(tools.format, prompt)}
    _put_others(body, additional, prompt, notes, model)
    if additional:
        body["additionalModelRequestFields"] = additional
    return body


def _note_marks(prompt: Prompt, looked: Looked, notes: list[Note], model: BedrockModel) -> None:
    """Tell which marks for the cache this model does not take: of tools if it has no cache (for those of texts see
    :mod:`.converse_blocks`), and long-lived ones if it keeps all for the same time."""
    for at, tool in enumerate(prompt.tools):
        if not model.caches and isinstance(tool, FunctionTool) and tool.cache is not None:
            dropped(notes, f"tools[{at}].cache", "This model has no cache that could be marked.")
    if not model.caches or model.ttl:
        return
    marked: list[tuple[str, Part | Tool]] = [(f"tools[{at}]", tool) for at, tool in enumerate(prompt.tools)]
    marked += [(f"instructions[{at}]", part) for at, part in enumerate(prompt.instructions)]
    for at, turn in looked.unusual:
        marked += [(f"turns[{at}].parts[{number}]", part) for number, part in enumerate(turn.parts)]
    for field, one in marked:
        mark: CacheMark | None = getattr(one, "cache", None)
        if mark is not None and mark.ttl not in (None, "5m"):
            clamped(notes, f"{field}.cache", "This model keeps a prefix for 5m.")


def _without_mark(tool: Tool) -> Tool:
    return msgspec.structs.replace(tool, cache=None) if isinstance(tool, FunctionTool) else tool


# -- tools and output --------------------------------------------------------------------------------------------------


def _tool_config(
    tools: Tools, native: list[NativeTool], prompt: Prompt, notes: list[Note], model: BedrockModel, *, has_calls: bool
) -> tuple[JsonObject, JsonObject, str | None]:
    """The member ``toolConfig``, what the model is told past Converse, and an instruction that forbids calls."""
    specs = [_tool_spec(tool) for tool in tools.tools]
    choice = dict(tools.choice or {})
    additional: JsonObject = {}
    forbidden: str | None = None
    specs += [{**tool.value} for tool in native]
    if choice.get("type") == "none":
        choice = {}
        if has_calls:
            forbidden = _NO_CALLS
            mapped(notes, "tool_choice", f"{NAME} cannot forbid calls here; the model is told not to call a tool.")
        else:
            specs = []
            mapped(notes, "tool_choice", f"{NAME} cannot forbid calls; the tools are not sent.")
    if not specs and has_calls:
        specs = [_tool_spec(_NO_TOOL)]
        forbidden = _NO_CALLS
        mapped(notes, "tools", f"{NAME} needs a tool if a message holds a call, so one was put there.")
    if not specs:
        return {}, additional, forbidden
    config: JsonObject = {"tools": with_cache_points(specs, ttl=model.ttl)}
    if choice.get("disable_parallel_tool_use"):
        if model.maker == "anthropic":  # Converse refuses a choice in both places
            return config, {"tool_choice": choice}, forbidden
        if prompt.parallel_tool_calls is False:
            dropped(notes, "parallel_tool_calls", "This model cannot be told to call one tool at a time.")
    kind = choice.get("type")
    if kind == "tool":
        config["toolChoice"] = {"tool": {"name": choice["name"]}}
    elif kind is not None:
        config["toolChoice"] = {text(kind): {}}
    return config, additional, forbidden


def _tool_spec(tool: JsonObject) -> JsonObject:
    """A tool as Anthropic writes it, as Converse does. Its mark for the cache stays with it for now."""
    spec: JsonObject = {"name": tool["name"]}
    for name in ("description", "strict"):
        if name in tool:
            spec[name] = tool[name]
    spec["inputSchema"] = {"json": tool["input_schema"]}
    block: JsonObject = {"toolSpec": spec}
    if "cache_control" in tool:
        block["cache_control"] = tool["cache_control"]
    return block


def _text_format(form: JsonObject, prompt: Prompt) -> JsonObject:
    """The form of the output. Its schema is JSON text."""
    wanted: JsonObject = {"schema": json_text(form["schema"], "output.schema")}
    if prompt.output is not None and prompt.output.name:
        wanted["name"] = prompt.output.name
    if prompt.output is not None and prompt.output.description:
        wanted["description"] = prompt.output.description
    return {"type": "json_schema", "structure": {"jsonSchema": wanted}}


# -- settings ----------------------------------------------------------------------------------------------------------


def _reasoning(
    prompt: Prompt,
    notes: list[Note],
    model: BedrockModel,
    messages: list[JsonObject],
    additional: JsonObject,
    *,
    forced: bool,
) -> Thinking:
    """Put what the model is told of thinking into ``additional``; the result is for Claude's other settings."""
    settings = prompt.reasoning
    if settings is None:
        return Thinking()
    if model.reasoning == "claude":
        blocked = blocks_thinking(_as_anthropic(messages), forced=forced)
        return plan_thinking(prompt, notes, model.rules, blocked=blocked)
    if model.reasoning == "never":
        dropped(notes, "reasoning", "This model cannot be told how to think.")
        return Thinking()
    off = settings.effort == "none" or settings.budget_tokens == 0
    effort = settings.effort
    if effort is None and settings.budget_tokens is not None:
        effort = effort_of(settings.budget_tokens)
        mapped(notes, "reasoning.budget_tokens", "This model takes an effort in place of a budget.")
    if off and model.reasoning == "nova":
        additional["reasoningConfig"] = {"type": "disabled"}
        return Thinking()
    word = _EFFORTS.get(effort or "medium", "low")
    if effort is not None and word != effort:
        clamped(notes, "reasoning.effort", "This model takes low, medium and high.")
    if model.reasoning == "nova":
        additional["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": word}
    else:
        additional["reasoning_effort"] = word
    return Thinking(None, word)


def _put_inference(
    body: JsonObject,
    additional: JsonObject,
    prompt: Prompt,
    notes: list[Note],
    model: BedrockModel,
    thinking: Thinking,
) -> None:
    """Put limits and sampling into the body, and what Converse does not define into ``additional``."""
    limit: int | None
    limit, thinking = fit_tokens(prompt, notes, model.rules, thinking, required=False)
    temperature, top_p, top_k = fit_sampling(prompt, notes, model.rules, thinking)
    stops = list(prompt.stop_sequences)
    if model.reasoning == "claude":
        stops = fitting_stops(prompt, notes)
    if model.reasoning == "claude":
        if thinking.config is not None:
            additional["thinking"] = thinking.config
        if thinking.effort is not None:
            additional["output_config"] = {"effort": thinking.effort}
    given: JsonObject = {"temperature": temperature, "top_p": top_p, "top_k": top_k, "stop_sequences": stops or None}
    taken = model.sampling
    if model.reasoning == "nova" and thinking.effort == "high":
        taken = frozenset({"stop_sequences"})
        if limit is not None:
            dropped(notes, "max_tokens", "This model takes no limit at its highest effort.")
            limit = None
    for name, value in given.items():
        if value is not None and name not in taken:
            dropped(notes, name, "This model does not take it.")
            given[name] = None
    inference: JsonObject = {
        "maxTokens": limit,
        "temperature": given["temperature"],
        "topP": given["top_p"],
        "stopSequences": given["stop_sequences"],
    }
    body["inferenceConfig"] = {name: value for name, value in inference.items() if value is not None}
    if given["top_k"] is not None and model.maker == "anthropic":
        additional["top_k"] = given["top_k"]
    elif given["top_k"] is not None:
        additional["inferenceConfig"] = {"topK": given["top_k"]}


def _put_others(
    body: JsonObject, additional: JsonObject, prompt: Prompt, notes: list[Note], model: BedrockModel
) -> None:
    """Put metadata, the tier and extra members into the body."""
    tier = own_tier(prompt, notes, "amazon", NAME)
    if tier is not None:
        body["serviceTier"] = {"type": tier}
    metadata = dict(prompt.metadata)
    if prompt.end_user is not None:
        metadata.setdefault("user", prompt.end_user)
        mapped(notes, "end_user", f"It is a member of the metadata of {NAME}.")
    kept: JsonObject = {}
    for name, value in metadata.items():
        if (
            len(kept) < _MOST_METADATA
            and re.fullmatch(_METADATA_WORD, name)
            and re.fullmatch(_METADATA_WORD, value or ".")
        ):
            kept[name] = value
        else:
            dropped(notes, f"metadata.{name[:60]}", f"{NAME} takes {_MOST_METADATA} short texts of plain characters.")
    if kept:
        body["requestMetadata"] = kept
    if prompt.maker != "anthropic" or model.maker != "anthropic":
        put_extra(prompt, notes, body, "amazon", NAME)
        return
    for name, member in prompt.extra.items():
        if name in _ANTHROPIC_ONLY:
            dropped(notes, f"extra.{name}", f"Claude models on {NAME} do not have it.")
        elif name == "output_config":
            additional[name] = {**obj(member), **obj(additional.get(name))}
        else:
            additional.setdefault(name, member)


# -- messages ----------------------------------------------------------------------------------------------------------


def _blocks(message: JsonObject) -> list[JsonObject]:
    content = message["content"]
    return content if type(content) is list else []


def _as_user(system: list[JsonObject], messages: list[JsonObject], notes: list[Note]) -> list[JsonObject]:
    """Put the instructions in front of the first message, for a model that takes none."""
    mapped(notes, "instructions", "This model takes no instructions; they are sent as the user's first words.")
    first = _blocks(messages[0])
    messages[0] = {"role": "user", "content": [*system, *first]}
    return []


def _as_anthropic(messages: list[JsonObject]) -> list[JsonObject]:
    """As much of the last messages as decides whether a Claude model can think: roles and types of blocks."""
    kinds = {"toolResult": "tool_result", "toolUse": "tool_use", "reasoningContent": "thinking"}
    return [
        {
            "role": message["role"],
            "content": [{"type": kinds.get(next(iter(block)), "text")} for block in _blocks(message)],
        }
        for message in messages[-2:]
    ]
