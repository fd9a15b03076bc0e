"""The response object of OpenAI Responses: what it repeats of the request, and the members that it always has.

Decides: the value of every member that does not depend on the answer. Must not know: events.

Source: Open Responses specification, ``ResponseResource``: every member is there, ``null`` if there is nothing to say.
Numbers that the client did not give have OpenAI's defaults. ``store`` is true only if the client asked for it.
"""

from ...prompt import CustomTool, FunctionTool, JsonObject, Prompt, Tool, ToolChoice
from ..values import count
from .base import AnswerContext


def response_object(context: AnswerContext) -> JsonObject:
    """The response before anything is known of the answer: ``id`` and ``output`` are to be set."""
    prompt = context.prompt
    own = prompt.extra if prompt.maker == "openai" else {}
    tier = prompt.service_tier if prompt.maker == "openai" else None
    truncation = own.get("truncation")
    return {
        "id": "",
        "object": "response",
        "created_at": context.created,
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": "\n\n".join(part.text for part in prompt.instructions) or None,
        "max_output_tokens": prompt.max_tokens,
        "max_tool_calls": count(own.get("max_tool_calls")),
        "model": context.model,
        "output": [],
        "parallel_tool_calls": prompt.parallel_tool_calls is not False,
        "previous_response_id": prompt.previous_response_id,
        "prompt_cache_key": prompt.cache_key,
        "reasoning": _reasoning(prompt),
        "safety_identifier": None,
        "service_tier": tier or "default",
        "store": prompt.store is True,
        "temperature": 1.0 if prompt.temperature is None else prompt.temperature,
        "text": _text(prompt),
        "tool_choice": _choice(prompt.tool_choice, prompt.tools),
        "tools": [tool for one in prompt.tools if (tool := _tool(one)) is not None],
        "top_logprobs": prompt.logprobs or 0,
        "top_p": 1.0 if prompt.top_p is None else prompt.top_p,
        "presence_penalty": prompt.presence_penalty or 0.0,
        "frequency_penalty": prompt.frequency_penalty or 0.0,
        "truncation": truncation if truncation == "auto" else "disabled",
        "usage": None,
        "user": prompt.end_user,
        "metadata": prompt.metadata,
    }


def _reasoning(prompt: Prompt) -> JsonObject:
    told = prompt.reasoning
    return {"effort": told.effort if told else None, "summary": told.summary if told else None}


def _text(prompt: Prompt) -> JsonObject:
    output = prompt.output
    format: JsonObject = {"type": "text" if output is None else output.type}
    if output is not None and output.type == "json_schema":
        format.update(
            name=output.name or "response",
            description=output.description,
            schema=output.schema,
            strict=output.strict is True,
        )
    return {"format": format, "verbosity": prompt.verbosity} if prompt.verbosity else {"format": format}


def _tool(tool: Tool) -> JsonObject | None:
    """A tool as Responses writes it. Another vendor's own has no form there."""
    if isinstance(tool, FunctionTool):
        return {
            "type": "function",
            "name": tool.name,
            "description": tool.description or None,
            "parameters": tool.parameters,
            "strict": tool.strict is True,
        }
    if isinstance(tool, CustomTool):
        format = tool.format or {"type": "text"}
        return {"type": "custom", "name": tool.name, "description": tool.description or None, "format": format}
    return tool.value if tool.maker == "openai" else None


def _choice(choice: ToolChoice | None, tools: tuple[Tool, ...]) -> object:
    if choice is None:
        return "auto"
    if not choice.names:
        return choice.mode
    custom = {tool.name for tool in tools if isinstance(tool, CustomTool)}
    named: list[JsonObject] = [
        {"type": "custom" if name in custom else "function", "name": name} for name in choice.names
    ]
    if choice.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": named}
