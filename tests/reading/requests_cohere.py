"""Requests of Cohere's Chat, version 2."""

from typing import Any

from aigw_sansio.formats.request_tools import read_data_url
from aigw_sansio.prompt import (
    File,
    FunctionTool,
    Image,
    OutputFormat,
    Part,
    PlainText,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Text,
    ToolCall,
    ToolCallResponse,
    ToolChoice,
    Turn,
    Uri,
)


def read_cohere(body: dict[str, Any]) -> Prompt:
    """What ``body`` asks. The documents are files of the last message of the user."""
    instructions: list[Text] = []
    turns: list[Turn] = []
    for message in body["messages"]:
        parts = _parts(message.get("content") or [])
        role = message["role"]
        if role == "system" and not turns:
            instructions += [part for part in parts if isinstance(part, Text)]
        elif role == "tool":
            turns.append(Turn("tool", (ToolCallResponse(message["tool_call_id"], tuple(parts)),)))  # type: ignore[arg-type]
        else:
            calls = [
                ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
                for call in message.get("tool_calls", [])
            ]
            plan = [Text(message["tool_plan"])] if message.get("tool_plan") else []
            turns.append(Turn(role, (*parts, *plan, *calls)))
    files = tuple(_file(document) for document in body.get("documents", []))
    if files:
        last = max(at for at, turn in enumerate(turns) if turn.role == "user")
        turns[last] = Turn("user", (*turns[last].parts, *files))
    form = body.get("response_format")
    schema = form and form.get("json_schema")
    choice = {"REQUIRED": ToolChoice("required"), "NONE": ToolChoice("none"), None: None}[body.get("tool_choice")]
    strict = body.get("strict_tools")
    return Prompt(
        model=body["model"],
        instructions=tuple(instructions),
        turns=tuple(turns),
        tools=tuple(
            FunctionTool(
                tool["function"]["name"],
                tool["function"].get("description", ""),
                tool["function"].get("parameters"),
                strict,
            )
            for tool in body.get("tools", [])
        ),
        tool_choice=choice,
        output=OutputFormat("json_schema" if schema else "json_object", schema=schema) if form else None,
        max_tokens=body.get("max_tokens"),
        temperature=body.get("temperature"),
        top_p=body.get("p"),
        top_k=body.get("k"),
        stop_sequences=tuple(body.get("stop_sequences", ())),
        seed=body.get("seed"),
        presence_penalty=body.get("presence_penalty"),
        frequency_penalty=body.get("frequency_penalty"),
        logprobs=0 if body.get("logprobs") else None,
        reasoning=_reasoning(body.get("thinking")),
        stream=body.get("stream", False),
    )


def _parts(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [Text(content)] if content else []
    parts: list[Part] = []
    for part in content:
        if part["type"] == "text":
            parts.append(Text(part["text"]))
        elif part["type"] == "thinking":
            parts.append(Reasoning(part["thinking"]))
        elif part["type"] == "document":
            parts.append(_file(part["document"]))
        else:
            image = part["image_url"]
            parts.append(Image(read_data_url(image["url"]) or Uri(image["url"]), image.get("detail")))
    return parts


def _file(document: dict[str, Any]) -> File:
    data = document["data"]
    return File(PlainText(data["text"]), data.get("title"), data.get("context"))


def _reasoning(thinking: dict[str, Any] | None) -> ReasoningSettings | None:
    if thinking is None:
        return None
    if thinking["type"] == "disabled":
        return ReasoningSettings(effort="none")
    budget = thinking.get("token_budget")
    return ReasoningSettings(budget_tokens=budget, adaptive=budget is None)
