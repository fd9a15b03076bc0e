"""OpenAI Responses requests: members of the body, both ways, and laws over any JSON."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import JSON, mutate

from aigw_sansio.formats.openai.responses_request import read_request, write_request
from aigw_sansio.formats.translation import Note, Refused, WireRequest
from aigw_sansio.prompt import (
    CacheMark,
    FunctionTool,
    NativeTool,
    Opaque,
    OutputFormat,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Text,
    ToolCall,
    ToolCallResponse,
    ToolChoice,
    Turn,
)

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
#: A request in which every kind of member, item and part occurs.
FULL: dict[str, Any] = {
    "model": "gpt-5.6",
    "instructions": "Be brief.",
    "input": [
        {"role": "developer", "content": "In English."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"},
                {"type": "input_image", "image_url": "https://x.example/a.png"},
                {"type": "input_image", "file_id": "file_1"},
                {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
                {"type": "input_file", "file_url": "https://x.example/a.pdf"},
                {"type": "input_file", "file_id": "file_2"},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Need it."}],
            "encrypted_content": "gAAA",
        },
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "phase": "commentary",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Checking.", "annotations": [{"type": "url_citation"}]}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": '{"city": "Turku"}'},
        {"type": "custom_tool_call", "call_id": "c2", "name": "note", "input": "free"},
        {"type": "function_call_output", "call_id": "c1", "output": "cold"},
        {
            "type": "custom_tool_call_output",
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "a"}, {"type": "input_image", "file_id": "file_3"}],
        },
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"role": "system", "content": "Now slower."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"type": "mcp_approval_response", "approval_request_id": "m1", "approve": True},
        {"id": "msg_9"},
        {"role": "user", "content": "Go on"},
    ],
    "tools": [
        {"type": "function", "name": "weather", "description": "d", "parameters": SCHEMA, "strict": True},
        {"type": "function", "name": "loose", "parameters": None, "strict": False, "defer_loading": True},
        {"type": "custom", "name": "note", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        {"type": "web_search", "search_context_size": "low"},
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "weather"}, {"type": "custom", "name": "note"}],
    },
    "parallel_tool_calls": False,
    "text": {"format": {"type": "json_schema", "name": "city", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
    "reasoning": {"effort": "none", "summary": "auto", "context": "all_turns"},
    "max_output_tokens": 500,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_logprobs": 3,
    "include": ["message.output_text.logprobs", "reasoning.encrypted_content", "web_search_call.action.sources"],
    "metadata": {"a": "b"},
    "user": "u1",
    "safety_identifier": "s1",
    "service_tier": "flex",
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "implicit", "ttl": "12h"},
    "stream": True,
    "store": False,
    "truncation": "auto",
    "max_tool_calls": 3,
}


def read(body: dict[str, Any]) -> Prompt:
    prompt = read_request(body, [])
    assert isinstance(prompt, Prompt), prompt
    return prompt


def write(prompt: Prompt, notes: list[Note] | None = None) -> dict[str, Any]:
    request = write_request(prompt, [] if notes is None else notes)
    assert isinstance(request, WireRequest), request
    assert (request.method, request.path, request.headers) == ("POST", "responses", ())
    return request.body


def test_what_was_read_is_written_without_a_note() -> None:
    notes: list[Note] = []
    prompt = read(FULL)
    body = write(prompt, notes)
    assert notes == []
    assert read(body) == prompt
    for member in FULL.keys() - {"input", "include", "tools"}:
        assert body[member] == FULL[member], member
    assert sorted(body["include"]) == sorted(FULL["include"])
    assert len(body["input"]) == len(FULL["input"])


@given(st.data())
def test_any_request_is_read_or_refused_and_what_was_read_comes_back(data: st.DataObject) -> None:
    body: Any = mutate(FULL, data.draw)
    if not isinstance(body, dict):
        body = {"input": body}
    before = msgspec.json.encode(body)
    prompt = read_request(body, [])
    assert isinstance(prompt, Prompt | Refused)
    if isinstance(prompt, Prompt):
        notes: list[Note] = []
        request = write_request(prompt, notes)
        if isinstance(request, WireRequest):
            msgspec.json.encode(request.body)
            if not notes:
                assert read(request.body) == prompt
    assert msgspec.json.encode(body) == before


@given(st.dictionaries(st.sampled_from(sorted(FULL)), JSON, max_size=4))
def test_members_of_any_type(body: dict[str, Any]) -> None:
    assert isinstance(read_request(body, []), Prompt | Refused)


@pytest.mark.parametrize(
    ("member", "value", "field"),
    [
        ("input", 7, "input"),
        ("input", [7], "input[0]"),
        ("input", [{}], "input[0].type"),
        ("input", [{"role": "tool", "content": "x"}], "input[0].role"),
        ("input", [{"role": "user", "content": [{"type": "hologram"}]}], "input[0].content[0].type"),
        ("input", [{"role": "user", "content": [{"type": "input_image"}]}], "input[0].content[0].file_id"),
        ("input", [{"type": "function_call", "name": "f"}], "input[0].call_id"),
        ("temperature", "hot", "temperature"),
        ("temperature", float("inf"), "temperature"),
        ("max_output_tokens", 2**70, "max_output_tokens"),
        ("stream", 1, "stream"),
        ("tools", [{"type": "function"}], "tools[0].name"),
        ("tool_choice", "perhaps", "tool_choice"),
        ("text", {"format": {"type": "xml"}}, "text.format.type"),
        ("reasoning", {"effort": "huge"}, "reasoning.effort"),
        ("metadata", {"a": 1}, "metadata.a"),
        ("include", [1], "include[0]"),
    ],
)
def test_a_wrong_value_is_refused_by_name(member: str, value: object, field: str) -> None:
    refused = read_request({"model": "m", member: value}, [])
    assert isinstance(refused, Refused)
    assert refused.field == field
    assert refused.why.endswith(".")


# -- instructions -----------------------------------------------------------------------------------------------------


def test_messages_of_the_system_in_front_are_instructions_and_stay_messages() -> None:
    body = {
        "model": "m",
        "instructions": "a",
        "input": [
            {"role": "system", "content": "b"},
            {"role": "developer", "content": "c"},
            {"role": "user", "content": "d"},
            {"role": "system", "content": "e"},
        ],
    }
    prompt = read(body)
    assert [text.text for text in prompt.instructions] == ["a", "b", "c"]
    assert [turn.role for turn in prompt.turns] == ["user", "system"]
    written = write(prompt)
    assert written["instructions"] == "a"
    assert [(item["role"], item["content"]) for item in written["input"]] == [
        ("system", "b"), ("developer", "c"), ("user", "d"), ("system", "e"),
    ]  # fmt: skip


def test_behind_an_earlier_response_they_are_in_the_middle() -> None:
    body = {"model": "m", "previous_response_id": "r", "input": [{"role": "system", "content": "b"}]}
    prompt = read(body)
    assert prompt.instructions == ()
    assert prompt.turns == (Turn("system", (Text("b"),)),)
    assert write(prompt)["input"] == [{"type": "message", "role": "system", "content": "b"}]


def test_several_instructions_are_one_message_of_several_texts() -> None:
    prompt = Prompt(model="m", instructions=(Text("a"), Text("b")))
    body = write(prompt)
    assert "instructions" not in body
    assert [item["role"] for item in body["input"]] == ["system"]
    assert [part["text"] for part in body["input"][0]["content"]] == ["a", "b"]
    assert read(body).instructions == prompt.instructions


def test_with_an_earlier_response_they_are_one_text_and_not_kept() -> None:
    notes: list[Note] = []
    body = write(Prompt(model="m", instructions=(Text("a"), Text("b")), previous_response_id="r"), notes)
    assert (body["instructions"], body["input"]) == ("a\n\nb", [])
    assert [(note.kind, note.field) for note in notes] == [("mapped", "instructions")]


# -- storing ----------------------------------------------------------------------------------------------------------


def test_this_format_stores_unless_told_not_to_and_others_do_not() -> None:
    assert read({"model": "m", "input": "x"}).store is True
    assert write(read({"model": "m", "input": "x"}))["store"] is True
    assert write(Prompt(model="gpt-4o"))["store"] is False


@pytest.mark.parametrize(
    ("model", "store", "asked"),
    [
        ("gpt-5", None, True),
        ("o3", False, True),
        ("gpt-5", True, False),
        ("gpt-4o", None, False),
        ("my-azure", None, False),
    ],
)
def test_reasoning_is_asked_for_in_encrypted_form_if_the_client_has_to_keep_it(
    model: str, store: bool | None, asked: bool
) -> None:
    body = write(Prompt(model=model, store=store))
    assert body.get("include", []) == (["reasoning.encrypted_content"] if asked else [])
    assert read(body).extra == {}


# -- what has no home -------------------------------------------------------------------------------------------------


def test_settings_of_other_formats_are_told() -> None:
    notes: list[Note] = []
    prompt = Prompt(
        model="gpt-4o",
        stop_sequences=("x",),
        seed=1,
        presence_penalty=1.0,
        logit_bias={"1": 2.0},
        top_k=5,
        min_p=0.1,
        service_tier="standard_only",
        extra={"thinking": {}},
        maker="anthropic",
    )
    body = write(prompt, notes)
    assert body.keys() == {"model", "input", "store"}
    assert {note.field for note in notes} == {
        "stop_sequences", "seed", "presence_penalty", "logit_bias", "top_k", "min_p", "service_tier", "extra.thinking",
    }  # fmt: skip
    assert {note.kind for note in notes} == {"dropped"}


@pytest.mark.parametrize(
    "fields", [{"choice_count": 2}, {"modalities": ("text", "audio")}, {"tools": (NativeTool("google", {}),)}]
)
def test_what_would_change_the_response_is_refused(fields: dict[str, Any]) -> None:
    refused = write_request(Prompt(model="gpt-4o", **fields), [])
    assert isinstance(refused, Refused)
    assert refused.field.startswith(next(iter(fields)))


def test_members_of_chat_completions_are_not_sent() -> None:
    notes: list[Note] = []
    extra = {"prediction": {"type": "content"}, "truncation": "auto", "reasoning": {"mode": "pro"}}
    prompt = Prompt(model="gpt-5", maker="openai", reasoning=ReasoningSettings("low"), extra=extra)
    body = write(prompt, notes)
    assert [note.field for note in notes] == ["extra.prediction"]
    assert body["truncation"] == "auto"
    assert body["reasoning"] == {"effort": "low", "mode": "pro"}


def test_who_the_user_is() -> None:
    assert write(Prompt(model="m", end_user="u"))["user"] == "u"
    body = write(read({"model": "m", "safety_identifier": "s"}))
    assert body["safety_identifier"] == "s"
    assert "user" not in body
    assert read({"model": "m", "safety_identifier": "s"}).end_user == "s"


# -- a second round of tools ------------------------------------------------------------------------------------------


def test_a_second_round_of_tools_keeps_reasoning_in_front_of_its_call() -> None:
    turns = (
        Turn("user", (Text("Weather?"),)),
        Turn(
            "assistant",
            (Reasoning("Need it.", Opaque("openai", "gAAA"), summary=True), ToolCall("c1", "weather", "{}")),
        ),
        Turn("tool", (ToolCallResponse("c1", (Text("cold"),)),)),
    )
    notes: list[Note] = []
    prompt = Prompt(
        model="gpt-5", turns=turns, tools=(FunctionTool("weather", parameters=SCHEMA),), tool_choice=ToolChoice("auto")
    )
    body = write(prompt, notes)
    assert notes == []
    assert body["input"][1:] == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Need it."}], "encrypted_content": "gAAA"},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "cold"},
    ]
    assert body["tools"][0]["strict"] is False
    again = read(body)
    assert again.turns[:2] == turns[:2]
    assert again.turns[2].parts[0] == ToolCallResponse("c1", (Text("cold"),), "weather")


def test_cache_and_output_of_a_prompt() -> None:
    prompt = Prompt(
        model="gpt-5.6",
        cache=CacheMark("30m"),
        output=OutputFormat("json_schema", None, SCHEMA),
        verbosity="high",
        cache_key="k",
    )
    body = write(prompt)
    assert body["prompt_cache_options"] == {"mode": "implicit", "ttl": "30m"}
    assert body["text"] == {
        "format": {"type": "json_schema", "name": "response", "schema": SCHEMA},
        "verbosity": "high",
    }
    assert body["text"]["format"]["schema"] is SCHEMA
    again = read(body)
    assert (again.cache, again.output, again.cache_key) == (prompt.cache, prompt.output, "k")
