"""Requests of Cohere's Chat, version 2."""

from typing import Any

import pytest

from aigw_sansio.formats.cohere_request import write_request
from aigw_sansio.formats.translation import Note, Refused, WireRequest
from aigw_sansio.prompt import (
    Audio,
    Blob,
    CacheMark,
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
    UploadedFile,
    Uri,
)

SCHEMA: dict[str, object] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = FunctionTool("get_weather", "The weather.", SCHEMA)
PNG = Blob("aGk=", "image/png")


def write(**fields: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The body, and the notes as kind and field."""
    notes: list[Note] = []
    written = write_request(Prompt(model="command-a", **fields), notes)
    assert isinstance(written, WireRequest), written
    assert (written.method, written.path, written.headers) == ("POST", "v2/chat", ())
    return written.body, [(note.kind, note.field) for note in notes]


def message(role: Role, *parts: Part) -> tuple[list[Any], list[tuple[str, str]]]:
    body, notes = write(turns=(Turn(role, parts),))
    return body["messages"], notes


def refused(**fields: Any) -> str:
    found = write_request(Prompt(model="command-a", **fields), [])
    assert isinstance(found, Refused)
    return found.field


def test_a_conversation_with_a_tool_loses_nothing() -> None:
    body, notes = write(
        instructions=(Text("Be brief."),),
        turns=(
            Turn("user", (Text("Weather in Paris?"),)),
            Turn("assistant", (ToolCall("c1", "get_weather", '{"city":"Paris"}'), ToolCall("c2", "get_weather"))),
            Turn("tool", (ToolCallResponse("c1", (Text("Sunny"),)), ToolCallResponse("c2"))),
            Turn("assistant", (Text("It is sunny."),)),
        ),
        tools=(WEATHER, FunctionTool("now")),
        stream=True,
    )
    assert notes == []
    assert body == {
        "model": "command-a",
        "stream": True,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather in Paris?"},
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                    },
                    {"id": "c2", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "Sunny"},
            {"role": "tool", "tool_call_id": "c2", "content": ""},
            {"role": "assistant", "content": "It is sunny."},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "get_weather", "description": "The weather.", "parameters": SCHEMA},
            },
            {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}},
        ],
    }


def test_several_texts_stay_several() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    body, notes = write(instructions=(Text("a"), Text("b")), turns=(Turn("user", (Text("a"), Text("b"), Text(""))),))
    assert [one["content"] for one in body["messages"]] == [parts, parts]
    assert notes == []


@pytest.mark.parametrize(
    ("source", "url"), [(PNG, "data:image/png;base64,aGk="), (Uri("https://a.test/b.png"), "https://a.test/b.png")]
)
def test_images(source: Blob | Uri, url: str) -> None:
    messages, notes = message("user", Text("What?"), Image(source, "low"))
    assert messages[0]["content"][1] == {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
    assert notes == []


def test_files_stand_beside_the_messages() -> None:
    files = (File(PlainText("Once."), "tale.txt", "a tale"), File(Blob("VHdpY2Uu", "text/plain")))
    body, notes = write(turns=(Turn("user", (Text("Quote."), *files)),))
    assert body["documents"] == [
        {"data": {"text": "Once.", "title": "tale.txt", "context": "a tale"}},
        {"data": {"text": "Twice."}},
    ]
    assert notes == [("mapped", "turns[0].parts[1]"), ("mapped", "turns[0].parts[2]")]


@pytest.mark.parametrize(
    "part",
    [
        Image(UploadedFile("f", "openai")),
        Audio(Blob("aGk=", "audio/wav")),
        File(Blob("aGk=", "application/pdf")),
        File(Blob("_", "text/plain")),
        File(Blob("/w==", "text/plain")),
        ToolCall("c", "f"),
    ],
)
def test_what_cohere_cannot_take_is_refused(part: Part) -> None:
    assert refused(turns=(Turn("user", (Text("a"), part)),)) == "turns[0].parts[1]"


def test_media_of_the_assistant_are_refused() -> None:
    assert refused(turns=(Turn("assistant", (Image(PNG),)),)) == "turns[0].parts[0]"


def test_text_beside_calls_is_the_plan() -> None:
    messages, notes = message("assistant", Reasoning("Hm."), Text("I will look."), ToolCall("c", "f"))
    assert messages[0]["tool_plan"] == "I will look."
    assert messages[0]["content"] == [{"type": "thinking", "thinking": "Hm."}]
    assert notes == [("mapped", "turns[0].parts[1]")]


def test_the_history_of_others() -> None:
    messages, notes = message(
        "assistant",
        Reasoning("Hm.", Opaque("anthropic", "sig")),
        Reasoning(opaque=Opaque("openai", "x")),
        Native("openai", {"type": "web_search_call"}),
        Refusal("No."),
    )
    assert messages[0]["content"] == [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "No."}]
    assert notes == [
        ("dropped", "turns[0].parts[0].opaque"),
        ("dropped", "turns[0].parts[1].opaque"),
        ("dropped", "turns[0].parts[2]"),
        ("mapped", "turns[0].parts[3]"),
    ]


def test_responses_of_tools() -> None:
    messages, notes = message(
        "tool",
        ToolCallResponse("1", (Text("a"), File(PlainText("b"), "b.txt"), Image(PNG)), is_error=True),
        ToolCallResponse("2", (Text("c"),)),
    )
    assert [one["role"] for one in messages] == ["tool", "tool", "user"]
    assert messages[0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "document", "document": {"data": {"text": "b", "title": "b.txt"}}},
    ]
    assert messages[1]["content"] == "c"
    assert messages[2]["content"][0]["type"] == "image_url"
    assert notes == [("mapped", "turns[0].parts[0].response[2]"), ("dropped", "turns[0].parts[0].is_error")]


def test_marks_and_names_are_noted() -> None:
    _, notes = write(
        instructions=(Text("a", CacheMark()),),
        turns=(
            Turn("user", (Text("b", CacheMark("1h")),), "Bo"),
            Turn("tool", (ToolCallResponse("1", (Text("c", CacheMark()),)),)),
        ),
        tools=(FunctionTool("f", cache=CacheMark(), extra={"defer": True}),),
    )
    assert {field for kind, field in notes if kind == "dropped"} == {
        "instructions[0].cache", "turns[0].parts[0].cache", "turns[1].parts[0].response[0].cache", "tools[0].cache",
        "tools[0].extra.defer", "turns[0].name",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "word", "names"),
    [
        (None, None, ["get_weather", "now"]),
        (ToolChoice("auto"), None, ["get_weather", "now"]),
        (ToolChoice("none"), "NONE", ["get_weather", "now"]),
        (ToolChoice("required"), "REQUIRED", ["get_weather", "now"]),
        (ToolChoice("required", ("now",)), "REQUIRED", ["now"]),
        (ToolChoice("auto", ("now",)), None, ["now"]),
    ],
)
def test_tool_choice(choice: ToolChoice | None, word: str | None, names: list[str]) -> None:
    body, notes = write(tools=(WEATHER, FunctionTool("now")), tool_choice=choice)
    assert body.get("tool_choice") == word
    assert [tool["function"]["name"] for tool in body["tools"]] == names
    assert notes == ([("mapped", "tool_choice")] if len(names) == 1 else [])


def test_what_no_tool_can_do_is_refused() -> None:
    assert refused(tool_choice=ToolChoice("required")) == "tool_choice"
    assert refused(tools=(WEATHER,), tool_choice=ToolChoice("required", ("zzz",))) == "tool_choice"
    assert refused(tools=(NativeTool("openai", {"type": "web_search"}),)) == "tools[0]"


def test_strict_is_for_all_tools() -> None:
    body, notes = write(tools=(FunctionTool("a", parameters=SCHEMA, strict=True),))
    assert body["strict_tools"] is True
    assert notes == []
    body, notes = write(tools=(FunctionTool("a", parameters=SCHEMA, strict=True), FunctionTool("b")))
    assert "strict_tools" not in body
    assert notes == [("dropped", "tools[0].strict")]


def test_a_tool_of_free_input() -> None:
    body, notes = write(
        turns=(Turn("assistant", (ToolCall("1", "sh", 'say "hi"', custom=True),)),), tools=(CustomTool("sh"),)
    )
    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == '{"input":"say \\"hi\\""}'
    assert body["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert notes == [("mapped", "tools[0]")]


def test_settings() -> None:
    body, notes = write(
        max_tokens=9, temperature=0.5, top_p=0.5, top_k=3, stop_sequences=("x",), seed=7, presence_penalty=0.1,
        frequency_penalty=0.2, logprobs=0,
    )  # fmt: skip
    assert {name: body[name] for name in body if name not in ("model", "messages", "stream")} == {
        "max_tokens": 9, "temperature": 0.5, "p": 0.5, "k": 3, "stop_sequences": ["x"], "seed": 7,
        "presence_penalty": 0.1, "frequency_penalty": 0.2, "logprobs": True,
    }  # fmt: skip
    assert notes == []


def test_settings_out_of_range() -> None:
    body, notes = write(temperature=1.7, top_p=1.0, top_k=900, stop_sequences=tuple("abcdef"), logprobs=5)
    assert (body["temperature"], body["p"], body["k"], body["stop_sequences"]) == (1, 0.99, 500, [*"abcde"])
    assert {kind for kind, _ in notes} == {"clamped"}
    assert {field for _, field in notes} == {"temperature", "top_p", "top_k", "stop_sequences", "logprobs"}


def test_settings_without_a_place() -> None:
    _, notes = write(min_p=0.1, logit_bias={"7": 1.0}, metadata={"a": "b"}, end_user="u", service_tier="flex")
    assert {field for _, field in notes} == {"min_p", "logit_bias", "metadata", "end_user", "service_tier"}
    assert refused(choice_count=2) == "choice_count"


@pytest.mark.parametrize(
    ("output", "form", "noted"),
    [
        (OutputFormat("json_object"), {"type": "json_object"}, []),
        (
            OutputFormat("json_schema", "city", SCHEMA, True, "A city."),
            {"type": "json_object", "json_schema": SCHEMA},
            [("dropped", "output.name"), ("dropped", "output.description")],
        ),
    ],
)
def test_output(output: OutputFormat, form: dict[str, object], noted: list[tuple[str, str]]) -> None:
    body, notes = write(output=output)
    assert body["response_format"] == form
    assert notes == noted


@pytest.mark.parametrize(
    ("settings", "thinking", "fields"),
    [
        (ReasoningSettings(effort="none"), {"type": "disabled"}, []),
        (ReasoningSettings(budget_tokens=0), {"type": "disabled"}, []),
        (ReasoningSettings(adaptive=True), {"type": "enabled"}, []),
        (ReasoningSettings(budget_tokens=500), {"type": "enabled", "token_budget": 500}, []),
        (ReasoningSettings(effort="high"), {"type": "enabled", "token_budget": 4096}, ["reasoning.effort"]),
        (
            ReasoningSettings(summary="auto", visible=False),
            None,
            ["reasoning.summary", "reasoning.visible"],
        ),
    ],
)
def test_reasoning(settings: ReasoningSettings, thinking: dict[str, object] | None, fields: list[str]) -> None:
    body, notes = write(reasoning=settings)
    assert body.get("thinking") == thinking
    assert [field for _, field in notes] == fields


def test_members_of_its_own() -> None:
    body, notes = write(maker="cohere", extra={"safety_mode": "OFF"})
    assert body["safety_mode"] == "OFF"
    assert notes == []
    body, notes = write(maker="openai", extra={"safety_mode": "OFF"})
    assert "safety_mode" not in body
    assert notes == [("dropped", "extra.safety_mode")]
