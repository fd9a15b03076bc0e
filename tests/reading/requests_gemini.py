"""Requests of Gemini's generateContent, of AI Studio and Vertex AI."""

import json
import re
from collections import defaultdict, deque
from typing import Any

from aigw_sansio.prompt import (
    Audio,
    Blob,
    File,
    FunctionTool,
    Image,
    Native,
    NativeTool,
    Opaque,
    OutputFormat,
    Part,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Text,
    Tool,
    ToolCall,
    ToolCallResponse,
    ToolChoice,
    Turn,
    UploadedFile,
    Uri,
    Video,
)

_MODES: dict[str, Any] = {"AUTO": "auto", "VALIDATED": "auto", "NONE": "none", "ANY": "required"}
#: What stands for a signature that there is not: any Gemini model takes it.
STAND_INS = ("skip_thought_signature_validator", "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=")
#: Members in which clients wrap the text of a tool's response.
WRAPPERS = ("result", "output", "content", "return_value", "error")


def read_gemini(body: dict[str, Any]) -> Prompt:
    """What ``body`` asks. The model and whether it streams are in the path."""
    reader = _Reader()
    turns = [turn for content in body["contents"] for turn in reader.turns(content)]
    config = body.get("generationConfig", {})
    calling = body.get("toolConfig", {}).get("functionCallingConfig")
    schema = config.get("responseJsonSchema") or _in_lower_case(config.get("responseSchema"))
    form = "json_schema" if schema else "json_object" if config.get("responseMimeType") == "application/json" else None
    return Prompt(
        instructions=tuple(Text(part["text"]) for part in body.get("systemInstruction", {}).get("parts", [])),
        turns=tuple(turns),
        tools=tuple(tool for group in body.get("tools", []) for tool in _tools(group)),
        tool_choice=ToolChoice(_MODES[calling["mode"].upper()], tuple(calling.get("allowedFunctionNames", ())))
        if calling
        else None,
        output=OutputFormat(form, schema=schema) if form else None,  # type: ignore[arg-type]
        modalities=tuple(modality.lower() for modality in config.get("responseModalities", ())),
        max_tokens=config.get("maxOutputTokens"),
        temperature=config.get("temperature"),
        top_p=config.get("topP"),
        top_k=config.get("topK"),
        stop_sequences=tuple(config.get("stopSequences", ())),
        seed=config.get("seed"),
        presence_penalty=config.get("presencePenalty"),
        frequency_penalty=config.get("frequencyPenalty"),
        logprobs=config.get("logprobs", 0) if config.get("responseLogprobs") else None,
        choice_count=config.get("candidateCount"),
        reasoning=_reasoning(config.get("thinkingConfig")),
        extra={
            name: body[name] for name in ("safetySettings", "cachedContent", "labels", "serviceTier") if name in body
        },
    )


class _Reader:
    """Gives calls without an id one, and their responses the same: they come in the order of the calls."""

    def __init__(self) -> None:
        self.open: dict[str, deque[str]] = defaultdict(deque)
        self.made = 0

    def turns(self, content: dict[str, Any]) -> list[Turn]:
        assistant = content.get("role") == "model"
        turns: list[Turn] = []
        parts: list[Any] = [_in_camels(part) for part in content["parts"]]
        waiting: dict[str, Any] | None = None  # a thought whose signature stands at a part that follows
        for part in parts:
            if part.get("thought"):
                waiting = None if "thoughtSignature" in part else part
            elif waiting is not None and "thoughtSignature" in part:
                waiting["thoughtSignature"] = part.pop("thoughtSignature")
                waiting = None
        for part in parts:
            if "functionResponse" in part:
                turns.append(Turn("tool", (self.response(part["functionResponse"]),)))
            else:
                turns.append(Turn("assistant" if assistant else "user", (self.part(part),)))
        return turns

    def part(self, part: dict[str, Any]) -> Part:
        signature = part.get("thoughtSignature")
        opaque = Opaque("google", signature) if signature not in (None, *STAND_INS) else None
        if part.get("thought"):
            return Reasoning(part.get("text", ""), opaque)
        if "text" in part:
            return Text(part["text"], opaque=opaque)
        if "functionCall" in part:
            call = part["functionCall"]
            self.made += 1
            call_id = call.get("id") or f"made-{self.made}"
            self.open[call["name"]].append(call_id)
            return ToolCall(call_id, call["name"], json.dumps(call.get("args", {})), opaque=opaque)
        return media(part)

    def response(self, response: dict[str, Any]) -> ToolCallResponse:
        name = response["name"]
        waiting = self.open[name]
        call_id = response.get("id") or (waiting[0] if waiting else "?")
        if call_id in waiting:
            waiting.remove(call_id)
        value = response["response"]
        parts: list[Any] = []
        content = value.get("content")
        if {*value} == {"name", "content"} and isinstance(content, list):
            parts += [Text(one["text"]) for one in content if "text" in one]
        elif len(value) == 1 and next(iter(value)) in WRAPPERS:
            inner = next(iter(value.values()))
            parts += [Text(inner if isinstance(inner, str) else json.dumps(inner))] if inner != "" else []
        elif value or "parts" not in response:
            parts.append(Text(json.dumps(value)))
        parts += [media(_in_camels(part)) for part in response.get("parts", [])]
        return ToolCallResponse(call_id, tuple(parts), name, is_error="error" in value)


def _in_camels(value: Any) -> Any:
    """An object with the other spelling of its members, which Google takes too."""
    if not isinstance(value, dict):
        return value
    return {re.sub("_(.)", lambda found: found[1].upper(), name): member for name, member in value.items()}


def media(part: dict[str, Any]) -> Any:
    """A part of ``inlineData`` or ``fileData``."""
    inline, place = (_in_camels(part.get(name)) for name in ("inlineData", "fileData"))
    if inline is None and place is None:
        return Native("google", part)
    if inline:
        source: Any = Blob(inline["data"].replace("-", "+").replace("_", "/"), inline["mimeType"])
    elif "://" in place["fileUri"]:
        source = Uri(place["fileUri"], place.get("mimeType"))
    else:
        source = UploadedFile(place["fileUri"], "google", place.get("mimeType"))
    kind = (source.mime_type or "").partition("/")[0]
    return {"image": Image, "audio": Audio, "video": Video}.get(kind, File)(source)


def _tools(group: dict[str, Any]) -> list[Tool]:
    group = _in_camels(group)
    if "functionDeclarations" not in group:
        return [NativeTool("google", group)]
    tools: list[Tool] = []
    for one in map(_in_camels, group["functionDeclarations"]):
        schema = one.get("parametersJsonSchema") or _in_lower_case(one.get("parameters"))
        tools.append(FunctionTool(one["name"], one.get("description", ""), schema))
    return tools


def _in_lower_case(schema: Any) -> Any:
    """A schema in Google's own form with the types as JSON Schema writes them."""
    if isinstance(schema, list):
        return [_in_lower_case(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: member.lower() if name == "type" and isinstance(member, str) else _in_lower_case(member)
        for name, member in schema.items()
    }


def _reasoning(config: dict[str, Any] | None) -> ReasoningSettings | None:
    if config is None:
        return None
    level, budget = config.get("thinkingLevel"), config.get("thinkingBudget")
    return ReasoningSettings(
        effort=level.lower() if level else None,  # type: ignore[arg-type]
        budget_tokens=None if budget == -1 else budget,
        adaptive=budget == -1,
        visible=config.get("includeThoughts"),
    )
