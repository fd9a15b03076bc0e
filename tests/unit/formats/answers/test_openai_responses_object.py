"""The response object repeats the request, and has every member."""

import pytest

from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.answers.openai_responses_object import response_object
from aigw_sansio.prompt import (
    CustomTool,
    FunctionTool,
    JsonObject,
    NativeTool,
    OutputFormat,
    Prompt,
    ReasoningSettings,
    Text,
    ToolChoice,
)

#: Open Responses, ``ResponseResource``: all that is required.
REQUIRED = {
    "id", "object", "created_at", "completed_at", "status", "incomplete_details", "model", "previous_response_id",
    "instructions", "output", "error", "tools", "tool_choice", "truncation", "parallel_tool_calls", "text", "top_p",
    "presence_penalty", "frequency_penalty", "top_logprobs", "temperature", "reasoning", "user", "usage",
    "max_output_tokens", "max_tool_calls", "store", "background", "service_tier", "metadata", "safety_identifier",
    "prompt_cache_key",
}  # fmt: skip


def made(prompt: Prompt) -> JsonObject:
    return response_object(AnswerContext("1", 7, "asked", prompt=prompt))


def test_every_member_is_there_and_defaults_are_openais() -> None:
    response = made(Prompt())
    assert response.keys() == REQUIRED
    assert response["top_p"] == response["temperature"] == 1.0
    assert (response["truncation"], response["service_tier"], response["tool_choice"]) == (
        "disabled",
        "default",
        "auto",
    )
    assert response["parallel_tool_calls"] is True
    assert response["store"] is False
    assert response["reasoning"] == {"effort": None, "summary": None}
    assert response["text"] == {"format": {"type": "text"}}


def test_the_request_is_repeated() -> None:
    schema: JsonObject = {"type": "object"}
    prompt = Prompt(
        instructions=(Text("a"), Text("b")),
        tools=(
            FunctionTool("f", "does", schema, strict=True),
            CustomTool("g"),
            NativeTool("openai", {"type": "web_search"}),
            NativeTool("anthropic", {"type": "bash_20250124"}),
        ),
        output=OutputFormat("json_schema", "out", schema, strict=True),
        verbosity="low",
        reasoning=ReasoningSettings(effort="low", summary="auto"),
        temperature=0.0,
        parallel_tool_calls=False,
        max_tokens=50,
        metadata={"k": "v"},
        store=True,
        previous_response_id="resp_0",
        maker="openai",
        service_tier="flex",
        extra={"truncation": "auto", "max_tool_calls": 3},
    )
    response = made(prompt)
    assert response["instructions"] == "a\n\nb"
    assert response["tools"] == [
        {"type": "function", "name": "f", "description": "does", "parameters": schema, "strict": True},
        {"type": "custom", "name": "g", "description": None, "format": {"type": "text"}},
        {"type": "web_search"},
    ]
    assert response["text"] == {
        "format": {"type": "json_schema", "name": "out", "description": None, "schema": schema, "strict": True},
        "verbosity": "low",
    }
    assert response["reasoning"] == {"effort": "low", "summary": "auto"}
    told = ("temperature", "parallel_tool_calls", "max_output_tokens", "metadata", "store", "previous_response_id",
            "service_tier", "truncation", "max_tool_calls")  # fmt: skip
    assert [response[name] for name in told] == [0.0, False, 50, {"k": "v"}, True, "resp_0", "flex", "auto", 3]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("required", ("f",)), {"type": "function", "name": "f"}),
        (ToolChoice("required", ("g",)), {"type": "custom", "name": "g"}),
        (
            ToolChoice("auto", ("f", "g")),
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}],
            },
        ),
    ],
)
def test_the_choice_of_tools(choice: ToolChoice, expected: object) -> None:
    assert made(Prompt(tools=(FunctionTool("f"), CustomTool("g")), tool_choice=choice))["tool_choice"] == expected


def test_words_of_another_vendor_are_not_repeated() -> None:
    response = made(Prompt(maker="anthropic", service_tier="standard_only", extra={"truncation": "auto"}))
    assert (response["service_tier"], response["truncation"]) == ("default", "disabled")
