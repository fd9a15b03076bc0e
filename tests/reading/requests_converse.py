"""Requests of Bedrock's Converse."""

import json
from typing import Any

import msgspec

from aigw_sansio.prompt import (
    Audio,
    Blob,
    CacheMark,
    File,
    FunctionTool,
    Image,
    Native,
    NativeTool,
    Opaque,
    OutputFormat,
    PlainText,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Text,
    Tool,
    ToolCall,
    ToolCallResponse,
    ToolChoice,
    Turn,
    Uri,
    Video,
)

_DOCUMENTS = {
    "pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv", "html": "text/html",
}  # fmt: skip
#: Fields beside those of Converse that have a meaning of their own here.
_KNOWN = {"tool_choice", "top_k", "thinking", "reasoning_config", "output_config", "reasoning_effort"}


def read_converse(body: dict[str, Any]) -> Prompt:
    """What ``body`` asks. The model and whether it streams are in the path."""
    turns = [turn for message in body["messages"] for turn in _turns(message)]
    limits = body.get("inferenceConfig", {})
    more = dict(body.get("additionalModelRequestFields", {}))
    tools = body.get("toolConfig", {})
    parallel = more.get("tool_choice", {}).get("disable_parallel_tool_use")
    return Prompt(
        instructions=tuple(_parts(body.get("system", []))),
        turns=tuple(turns),
        tools=tuple(_tools(tools.get("tools", []))),
        tool_choice=_choice(tools.get("toolChoice")),
        parallel_tool_calls=None if parallel is None else not parallel,
        output=_output(body.get("outputConfig", {}).get("textFormat")),
        max_tokens=limits.get("maxTokens"),
        temperature=limits.get("temperature"),
        top_p=limits.get("topP"),
        top_k=more.get("top_k"),
        stop_sequences=tuple(limits.get("stopSequences", ())),
        reasoning=_reasoning(more, body.get("outputConfig", {})),
        metadata=body.get("requestMetadata", {}),
        extra={name: value for name, value in more.items() if name not in _KNOWN},
    )


def _turns(message: dict[str, Any]) -> list[Turn]:
    """Each part is a turn of its own; how turns are divided does not matter."""
    role = message["role"]
    return [
        Turn("tool" if isinstance(part, ToolCallResponse) else role, (part,)) for part in _parts(message["content"])
    ]


def _parts(blocks: list[dict[str, Any]]) -> list[Any]:
    parts: list[Any] = []
    for block in blocks:
        if "cachePoint" in block:
            parts[-1] = msgspec.structs.replace(parts[-1], cache=CacheMark(block["cachePoint"].get("ttl")))
        else:
            parts.append(_part(block))
    return parts


def _part(block: dict[str, Any]) -> Any:
    kind, value = next(iter(block.items()))
    if kind == "text":
        return Text(value)
    if kind in ("image", "audio", "video", "document"):
        return _media(kind, value)
    if kind == "toolUse":
        return ToolCall(value["toolUseId"], value["name"], json.dumps(value["input"]))
    if kind == "toolResult":
        inner = tuple(_response(one) for one in value["content"])
        return ToolCallResponse(value["toolUseId"], inner, is_error=value.get("status") == "error")
    if kind == "reasoningContent":
        text = value.get("reasoningText")
        if text is None:
            return Reasoning(opaque=Opaque("anthropic", value["redactedContent"]), redacted=True)
        signature = text.get("signature")
        return Reasoning(text["text"], Opaque("anthropic", signature) if signature else None)
    return Native("amazon", block)


def _response(block: dict[str, Any]) -> Any:
    return Text(json.dumps(block["json"])) if "json" in block else _part(block)


def _media(kind: str, value: dict[str, Any]) -> Any:
    source, format = value["source"], value["format"]
    mime_type = _DOCUMENTS.get(format, format) if kind == "document" else f"{kind}/{format}"
    if "bytes" in source:
        place: Any = Blob(source["bytes"], mime_type)
    elif "s3Location" in source:
        place = Uri(source["s3Location"]["uri"], mime_type)
    else:
        place = PlainText(source["text"])
    if kind == "document":
        return File(place, value["name"], value.get("context"), bool(value.get("citations", {}).get("enabled")))
    return {"image": Image, "audio": Audio, "video": Video}[kind](place)


def _tools(blocks: list[dict[str, Any]]) -> list[Tool]:
    tools: list[Any] = []
    for block in blocks:
        if "cachePoint" in block:
            tools[-1] = msgspec.structs.replace(tools[-1], cache=CacheMark(block["cachePoint"].get("ttl")))
        elif "toolSpec" in block:
            spec = block["toolSpec"]
            schema = spec["inputSchema"]["json"]
            tools.append(FunctionTool(spec["name"], spec.get("description", ""), schema, spec.get("strict")))
        else:
            tools.append(NativeTool("amazon", block))
    return tools


def _choice(choice: dict[str, Any] | None) -> ToolChoice | None:
    if choice is None:
        return None
    if "tool" in choice:
        return ToolChoice("required", (choice["tool"]["name"],))
    return ToolChoice("required" if "any" in choice else "auto")


def _output(form: dict[str, Any] | None) -> OutputFormat | None:
    if form is None:
        return None
    schema = form["structure"]["jsonSchema"]
    return OutputFormat(
        "json_schema", schema.get("name"), json.loads(schema["schema"]), description=schema.get("description")
    )


def _reasoning(more: dict[str, Any], output: dict[str, Any]) -> ReasoningSettings | None:
    thinking = more.get("thinking") or more.get("reasoning_config")
    effort = more.get("output_config", {}).get("effort") or output.get("effort") or more.get("reasoning_effort")
    if thinking is None:
        return ReasoningSettings(effort=effort) if effort else None
    if thinking["type"] == "disabled":
        return ReasoningSettings(effort="none")
    return ReasoningSettings(
        effort=effort, budget_tokens=thinking.get("budget_tokens"), adaptive=thinking["type"] == "adaptive"
    )
