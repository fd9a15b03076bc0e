"""Requests of Ollama's own chat."""

from typing import Any

import pytest

from aigw_sansio.formats.ollama_request import write_request
from aigw_sansio.formats.translation import Note, Refused, WireRequest
from aigw_sansio.prompt import (
    Audio,
    Blob,
    CustomTool,
    File,
    FunctionTool,
    Image,
    Native,
    NativeTool,
    Opaque,
    OutputFormat,
    Part,
    PlainText,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolCallResponse,
    ToolChoice,
    Turn,
    Uri,
)

SCHEMA: dict[str, object] = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = FunctionTool("get_weather", "The weather.", SCHEMA)
PNG = Blob("aGk=", "image/png")


def write(model: str = "qwen3", **fields: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The body, and the notes as kind and field."""
    notes: list[Note] = []
    written = write_request(Prompt(model=model, **fields), notes)
    assert isinstance(written, WireRequest), written
    assert (written.method, written.path, written.headers) == ("POST", "api/chat", ())
    return written.body, [(note.kind, note.field) for note in notes]


def message(role: Role, *parts: Part) -> tuple[list[Any], list[tuple[str, str]]]:
    body, notes = write(turns=(Turn(role, parts),))
    return body["messages"], notes


def refused(**fields: Any) -> str:
    found = write_request(Prompt(model="qwen3", **fields), [])
    assert isinstance(found, Refused)
    return found.field


def test_a_conversation_with_a_tool_loses_nothing() -> None:
    body, notes = write(
        instructions=(Text("Be brief."), Text("Be kind.")),
        turns=(
            Turn("user", (Image(PNG), Text("Weather here?"))),
            Turn("assistant", (Reasoning("Hm."), ToolCall("c1", "get_weather", '{"city":"Paris"}'))),
            Turn("tool", (ToolCallResponse("c1", (Text("Sunny"),), "get_weather"), ToolCallResponse("c2"))),
            Turn("assistant", (Text("It is sunny."),)),
            Turn("user", ()),
        ),
        tools=(WEATHER, FunctionTool("now")),
    )
    assert notes == []
    assert body == {
        "model": "qwen3",
        "stream": False,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Weather here?", "images": ["aGk="]},
            {
                "role": "assistant",
                "content": "",
                "thinking": "Hm.",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": {"city": "Paris"}},
                    },
                ],
            },
            {"role": "tool", "content": "Sunny", "tool_call_id": "c1", "tool_name": "get_weather"},
            {"role": "tool", "content": "", "tool_call_id": "c2"},
            {"role": "assistant", "content": "It is sunny."},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "get_weather", "description": "The weather.", "parameters": SCHEMA},
            },
            {
                "type": "function",
                "function": {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}},
            },
        ],
    }


def test_texts_of_a_message_are_joined() -> None:
    messages, notes = message("user", Text("a"), Text("b"))
    assert messages == [{"role": "user", "content": "a\nb"}]
    assert notes == [("mapped", "turns[0]")]


@pytest.mark.parametrize(
    "part",
    [Image(Uri("https://a.test/b.png")), Audio(PNG), File(PlainText("x")), ToolCallResponse("1"), Reasoning("x")],
)
def test_what_ollama_cannot_take_is_refused(part: Part) -> None:
    assert refused(turns=(Turn("user", (Text("a"), part)),)) == "turns[0].parts[1]"


def test_a_turn_of_tools_holds_responses() -> None:
    assert refused(turns=(Turn("tool", (Text("a"),)),)) == "turns[0].parts[0]"


def test_the_history_of_others() -> None:
    messages, notes = message(
        "assistant", Reasoning("Hm.", Opaque("anthropic", "sig")), Native("openai", {}), Refusal("No.")
    )
    assert messages == [{"role": "assistant", "content": "No.", "thinking": "Hm."}]
    assert notes == [
        ("dropped", "turns[0].parts[0].opaque"), ("dropped", "turns[0].parts[1]"), ("mapped", "turns[0].parts[2]"),
    ]  # fmt: skip


def test_responses_of_tools() -> None:
    messages, notes = message("tool", ToolCallResponse("1", (Text("a"), Image(PNG, "low")), is_error=True))
    assert messages == [{"role": "tool", "content": "a", "tool_call_id": "1", "images": ["aGk="]}]
    assert notes == [
        ("dropped", "turns[0].parts[0].response[1].detail"), ("dropped", "turns[0].parts[0].is_error"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "names", "noted"),
    [
        (ToolChoice("auto"), ["get_weather", "now"], []),
        (ToolChoice("none"), [], [("mapped", "tool_choice")]),
        (ToolChoice("required"), ["get_weather", "now"], [("dropped", "tool_choice.mode")]),
        (ToolChoice("required", ("now",)), ["now"], [("mapped", "tool_choice"), ("dropped", "tool_choice.mode")]),
    ],
)
def test_tool_choice(choice: ToolChoice, names: list[str], noted: list[tuple[str, str]]) -> None:
    body, notes = write(tools=(WEATHER, FunctionTool("now")), tool_choice=choice)
    assert [tool["function"]["name"] for tool in body.get("tools", [])] == names
    assert notes == noted


def test_tools_of_others() -> None:
    body, notes = write(tools=(CustomTool("sh"), FunctionTool("f", strict=True)))
    assert body["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert notes == [("mapped", "tools[0]"), ("dropped", "tools[1].strict")]
    assert refused(tools=(NativeTool("openai", {}),)) == "tools[0]"
    assert refused(tools=(WEATHER,), tool_choice=ToolChoice("auto", ("zzz",))) == "tool_choice"


def test_settings() -> None:
    body, notes = write(
        max_tokens=9, temperature=1.5, top_p=0.5, top_k=3, min_p=0.1, stop_sequences=("x",), seed=7,
        presence_penalty=0.1, frequency_penalty=0.2, repetition_penalty=1.1, logprobs=2, stream=True,
    )  # fmt: skip
    assert body["options"] == {
        "num_predict": 9, "temperature": 1.5, "top_p": 0.5, "top_k": 3, "min_p": 0.1, "stop": ["x"], "seed": 7,
        "presence_penalty": 0.1, "frequency_penalty": 0.2, "repeat_penalty": 1.1,
    }  # fmt: skip
    assert (body["stream"], body["logprobs"], body["top_logprobs"]) == (True, True, 2)
    assert notes == []


def test_settings_without_a_place() -> None:
    _, notes = write(logit_bias={"7": 1.0}, metadata={"a": "b"}, parallel_tool_calls=False)
    assert {field for _, field in notes} == {"logit_bias", "metadata", "parallel_tool_calls"}
    assert refused(previous_response_id="r") == "previous_response_id"


def test_output() -> None:
    assert write(output=OutputFormat("json_object"))[0]["format"] == "json"
    body, notes = write(output=OutputFormat("json_schema", "city", SCHEMA, True, "A city."))
    assert body["format"] == SCHEMA
    assert notes == [("dropped", "output.name"), ("dropped", "output.description")]


@pytest.mark.parametrize(
    ("model", "settings", "think", "noted"),
    [
        ("qwen3", ReasoningSettings(effort="none"), False, []),
        ("qwen3", ReasoningSettings(budget_tokens=0), False, []),
        ("qwen3", ReasoningSettings(adaptive=True), True, []),
        ("qwen3", ReasoningSettings(effort="high"), True, [("mapped", "reasoning.effort")]),
        ("gpt-oss:20b", ReasoningSettings(effort="high"), "high", []),
        ("gpt-oss:20b", ReasoningSettings(effort="max"), "high", [("mapped", "reasoning.effort")]),
        ("gpt-oss:20b", ReasoningSettings(budget_tokens=1500), "medium", [("mapped", "reasoning.budget_tokens")]),
        (
            "gpt-oss:20b",
            ReasoningSettings(effort="low", budget_tokens=9),
            "low",
            [("dropped", "reasoning.budget_tokens")],
        ),
        (
            "qwen3",
            ReasoningSettings(summary="auto", visible=False),
            None,
            [("dropped", "reasoning.summary"), ("dropped", "reasoning.visible")],
        ),
    ],
)
def test_reasoning(model: str, settings: ReasoningSettings, think: object, noted: list[tuple[str, str]]) -> None:
    body, notes = write(model, reasoning=settings)
    assert body.get("think") == think
    assert notes == noted


def test_members_of_its_own() -> None:
    body, notes = write(maker="ollama", extra={"keep_alive": "5m"})
    assert body["keep_alive"] == "5m"
    assert notes == []
