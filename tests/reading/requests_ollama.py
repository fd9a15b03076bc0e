"""Requests of Ollama's own chat."""

import json
from typing import Any

from aigw_sansio.prompt import (
    Blob,
    FunctionTool,
    Image,
    OutputFormat,
    Part,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
)


def read_ollama(body: dict[str, Any]) -> Prompt:
    """What ``body`` asks. An image does not tell its type, so all are PNG."""
    instructions: list[Text] = []
    turns: list[Turn] = []
    for message in body["messages"]:
        texts = [Text(message["content"])] if message["content"] else []
        images = [Image(Blob(image, "image/png")) for image in message.get("images", [])]
        role = message["role"]
        if role == "system" and not turns:
            instructions += texts
        elif role == "tool":
            response = ToolCallResponse(message.get("tool_call_id", ""), (*texts, *images), message.get("tool_name"))
            turns.append(Turn("tool", (response,)))
        else:
            thoughts = [Reasoning(message["thinking"])] if message.get("thinking") else []
            calls = [
                ToolCall(call.get("id", ""), call["function"]["name"], json.dumps(call["function"]["arguments"]))
                for call in message.get("tool_calls", [])
            ]
            parts: list[Part] = [*thoughts, *images, *texts, *calls]
            turns.append(Turn(role, tuple(parts)))
    options = body.get("options", {})
    form = body.get("format")
    schema = form if isinstance(form, dict) else None
    think = body.get("think")
    return Prompt(
        model=body["model"],
        instructions=tuple(instructions),
        turns=tuple(turns),
        tools=tuple(
            FunctionTool(tool["function"]["name"], tool["function"]["description"], tool["function"]["parameters"])
            for tool in body.get("tools", [])
        ),
        output=OutputFormat("json_schema" if schema else "json_object", schema=schema) if form else None,
        max_tokens=options.get("num_predict"),
        temperature=options.get("temperature"),
        top_p=options.get("top_p"),
        top_k=options.get("top_k"),
        min_p=options.get("min_p"),
        stop_sequences=tuple(options.get("stop", ())),
        seed=options.get("seed"),
        presence_penalty=options.get("presence_penalty"),
        frequency_penalty=options.get("frequency_penalty"),
        repetition_penalty=options.get("repeat_penalty"),
        logprobs=body.get("top_logprobs", 0) if body.get("logprobs") else None,
        reasoning=None
        if think is None
        else ReasoningSettings(effort="none")
        if think is False
        else ReasoningSettings(adaptive=True)
        if think is True
        else ReasoningSettings(effort=think),
        stream=body.get("stream", True),
    )
