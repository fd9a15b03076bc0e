"""Messages of an Anthropic request, as turns."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import mutate

from aigw_sansio.formats.anthropic_request import read_request
from aigw_sansio.formats.foreign_reasoning import pack
from aigw_sansio.formats.translation import Note, Refused
from aigw_sansio.prompt import (
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
    PlainText,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Text,
    ToolCall,
    ToolCallResponse,
    ToolChoice,
    Turn,
    UploadedFile,
    Uri,
)


def read(**body: Any) -> Prompt:
    notes: list[Note] = []
    prompt = read_request({"model": "m", "messages": [], **body}, notes)
    assert isinstance(prompt, Prompt), prompt
    assert notes == []
    return prompt


def turns(*messages: dict[str, Any]) -> tuple[Turn, ...]:
    return read(messages=list(messages)).turns


def parts(role: str, *blocks: Any) -> tuple[Any, ...]:
    (turn,) = turns({"role": role, "content": list(blocks)})
    return turn.parts


def refused(**body: Any) -> str:
    found = read_request({"model": "m", "messages": [], **body}, [])
    assert isinstance(found, Refused), found
    return found.field


EVERYTHING: dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                {"type": "text", "text": "See.", "citations": None},
                {
                    "type": "tool_use",
                    "id": "t1",
                    "name": "f",
                    "input": {"a": 1},
                    "cache_control": {"type": "ephemeral"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "12", "is_error": True},
                {"type": "text", "text": "And?"},
            ],
        },
    ],
    "tools": [
        {"name": "f", "description": "F.", "input_schema": {"type": "object"}, "strict": True, "input_examples": [{}]},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "temperature": 1,
    "top_p": 0.5,
    "top_k": 3,
    "stop_sequences": ["x"],
    "metadata": {"user_id": "u", "more": 1},
    "service_tier": "auto",
    "cache_control": {"type": "ephemeral"},
    "stream": True,
    "container": "c1",
}


def test_everything() -> None:
    assert read_request(EVERYTHING, []) == Prompt(
        model="claude-sonnet-4-5",
        instructions=(Text("Be brief.", CacheMark("1h")),),
        turns=(
            Turn("user", (Text("Hi"),)),
            Turn(
                "assistant",
                (
                    Reasoning("Hm.", Opaque("anthropic", "c2ln")),
                    Reasoning("", Opaque("anthropic", "ZGF0YQ=="), redacted=True),
                    Text("See."),
                    ToolCall("t1", "f", '{"a":1}', cache=CacheMark()),
                ),
            ),
            Turn("tool", (ToolCallResponse("t1", (Text("12"),), "f", is_error=True),)),
            Turn("user", (Text("And?"),)),
        ),
        tools=(
            FunctionTool("f", "F.", {"type": "object"}, True, extra={"input_examples": [{}]}),
            NativeTool("anthropic", {"type": "web_search_20250305", "name": "web_search"}),
        ),
        tool_choice=ToolChoice("auto"),
        parallel_tool_calls=False,
        output=OutputFormat("json_schema", schema={"type": "object"}),
        max_tokens=100,
        temperature=1.0,
        top_p=0.5,
        top_k=3,
        stop_sequences=("x",),
        reasoning=ReasoningSettings("high", 2000),
        cache=CacheMark(),
        end_user="u",
        service_tier="auto",
        stream=True,
        include_usage=True,
        maker="anthropic",
        extra={"metadata": {"more": 1}, "container": "c1"},
    )


def test_text_and_its_citations() -> None:
    cited = [{"type": "web_search_result_location", "encrypted_index": "x"}]
    assert parts("assistant", {"type": "text", "text": "A", "citations": cited}) == (
        Text("A", extra={"citations": cited}),
    )
    assert turns({"role": "user", "content": ""}, {"role": "user", "content": [{"type": "text", "text": ""}]}) == ()


def test_images() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/PNG", "data": "aGk="}}
    assert parts("user", image) == (Image(Blob("aGk=", "image/png")),)
    assert parts("user", {"type": "image", "source": {"type": "url", "url": "https://a.test/b"}}) == (
        Image(Uri("https://a.test/b")),
    )
    assert parts("user", {"type": "image", "source": {"type": "file", "file_id": "f1"}}) == (
        Image(UploadedFile("f1", "anthropic")),
    )
    strange = {"type": "image", "source": {"type": "hologram"}}
    assert parts("user", strange) == (Native("anthropic", strange),)


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ({"type": "base64", "media_type": "application/pdf", "data": "aGk="}, Blob("aGk=", "application/pdf")),
        ({"type": "text", "media_type": "text/plain", "data": "Once."}, PlainText("Once.")),
        ({"type": "url", "url": "https://a.test/b.pdf"}, Uri("https://a.test/b.pdf", "application/pdf")),
        ({"type": "file", "file_id": "f1"}, UploadedFile("f1", "anthropic")),
    ],
)
def test_documents(source: dict[str, Any], read: Any) -> None:
    block = {"type": "document", "source": source, "title": "T", "context": "C", "citations": {"enabled": True}}
    assert parts("user", block) == (File(read, "T", "C", citations=True),)


def test_documents_in_blocks() -> None:
    given = {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    assert parts("user", {"type": "document", "source": given}) == (File(PlainText("a\nb"), extra={"source": given}),)
    mixed = {"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": {}}]}}
    assert parts("user", mixed) == (Native("anthropic", mixed),)


def test_what_only_anthropic_defines_stays_as_it_came() -> None:
    blocks = [
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
        {"type": "compaction", "content": "..."},
    ]
    assert parts("assistant", *blocks) == tuple(Native("anthropic", block) for block in blocks)


def test_an_instruction_in_the_middle() -> None:
    found = turns({"role": "user", "content": "a"}, {"role": "system", "content": "b", "clear_at": 3})
    assert found == (Turn("user", (Text("a"),)), Turn("system", (Text("b"),), extra={"clear_at": 3}))


def test_responses_of_tools() -> None:
    calls = [{"type": "tool_use", "id": name, "name": "f", "input": {}} for name in "ab"]
    found = turns(
        {"role": "assistant", "content": calls},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a"},
                {
                    "type": "tool_result",
                    "tool_use_id": "b",
                    "content": [
                        {"type": "text", "text": "x"},
                        {"type": "image", "source": {"type": "url", "url": "https://a.test"}},
                        {"type": "tool_reference", "tool_name": "g"},
                    ],
                },
            ],
        },
    )
    inner = (Text("x"), Image(Uri("https://a.test")), Native("anthropic", {"type": "tool_reference", "tool_name": "g"}))
    assert found[1] == Turn("tool", (ToolCallResponse("a", (), "f"), ToolCallResponse("b", inner, "f")))


@pytest.mark.parametrize(
    ("thinking", "config", "reasoning", "left"),
    [
        ({"type": "disabled"}, None, ReasoningSettings("none"), {}),
        ({"type": "adaptive"}, {"effort": "low"}, ReasoningSettings("low", adaptive=True), {}),
        ({"type": "adaptive", "display": "omitted"}, None, ReasoningSettings(adaptive=True, visible=False), {}),
        (None, {"effort": "max"}, ReasoningSettings("max"), {}),
        ({"type": "disabled"}, {"effort": "low"}, ReasoningSettings("none"), {"output_config": {"effort": "low"}}),
        ({"type": "between_tools"}, None, None, {"thinking": {"type": "between_tools"}}),
        (
            {"type": "adaptive", "display": "updates"},
            None,
            None,
            {"thinking": {"type": "adaptive", "display": "updates"}},
        ),
        (None, {"task_budget": {"total": 1}}, None, {"output_config": {"task_budget": {"total": 1}}}),
    ],
)
def test_thinking(thinking: Any, config: Any, reasoning: Any, left: dict[str, Any]) -> None:
    prompt = read(thinking=thinking, output_config=config)
    assert prompt.reasoning == reasoning
    assert prompt.extra == left


def test_the_older_form_of_structured_output() -> None:
    prompt = read(output_format={"type": "json_schema", "schema": {"type": "object"}})
    assert prompt.output == OutputFormat("json_schema", schema={"type": "object"})
    assert prompt.extra == {}


@pytest.mark.parametrize(
    ("choice", "read_as", "parallel"),
    [
        ({"type": "any"}, ToolChoice("required"), None),
        ({"type": "none"}, ToolChoice("none"), None),
        ({"type": "tool", "name": "f", "disable_parallel_tool_use": False}, ToolChoice("required", ("f",)), True),
    ],
)
def test_choices(choice: dict[str, Any], read_as: ToolChoice, parallel: bool | None) -> None:
    prompt = read(tool_choice=choice)
    assert (prompt.tool_choice, prompt.parallel_tool_calls) == (read_as, parallel)


def test_a_body_for_bedrock_or_vertex() -> None:
    prompt = read_request({"anthropic_version": "bedrock-2023-05-31", "anthropic_beta": ["b"], "messages": []}, [])
    assert isinstance(prompt, Prompt)
    assert (prompt.model, prompt.extra) == ("", {"anthropic_beta": ["b"]})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": None}, "messages"),
        ({"messages": [5]}, "messages[0]"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": "x"}]}]},
            "messages[0].content[0].source",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}]},
            "messages[0].content[0]",
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": 5}]}
                ]
            },
            "messages[0].content[0].input",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "a"}]}]},
            "messages[0].content[0]",
        ),
        ({"system": [{"type": "image"}]}, "system[0].type"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"name": "f", "input_schema": []}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"temperature": True}, "temperature"),
        ({"stop_sequences": ["a", 5]}, "stop_sequences[1]"),
        ({"stream": 1}, "stream"),
        ({"metadata": {"user_id": 5}}, "metadata.user_id"),
        ({"cache_control": "x"}, "cache_control"),
        ({"model": 5}, "model"),
    ],
)
def test_a_wrong_type_is_refused_by_name(body: dict[str, Any], field: str) -> None:
    assert refused(**body) == field


def test_input_that_is_nested_too_deeply_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    block = {"type": "tool_use", "id": "a", "name": "f", "input": deep}
    assert refused(messages=[{"role": "assistant", "content": [block]}]) == "messages[0].content[0].input"
    while deep:  # a deep value is let go level by level: freeing it at once would overflow the stack
        deep = deep.pop("a")


def test_a_large_number_in_an_input_is_kept() -> None:
    block = {"type": "tool_use", "id": "a", "name": "f", "input": {"n": 2**70}}
    assert parts("assistant", block)[0].arguments == f'{{"n":{2**70}}}'


@given(st.data())
def test_no_body_raises(data: st.DataObject) -> None:
    body = mutate(EVERYTHING, data.draw)
    if isinstance(body, dict):
        notes: list[Note] = []
        assert isinstance(read_request(body, notes), Prompt | Refused)


def test_nothing_of_the_body_is_changed() -> None:
    before = repr(EVERYTHING)
    read_request(EVERYTHING, [])
    assert repr(EVERYTHING) == before


def test_a_custom_tool_of_anthropic_is_a_function() -> None:
    (tool,) = read(tools=[{"type": "custom", "name": "f", "input_schema": {"type": "object"}}]).tools
    assert tool == FunctionTool("f", parameters={"type": "object"})
    assert not isinstance(tool, CustomTool)


def test_reasoning_of_other_vendors_is_theirs_again() -> None:
    content = [
        {"type": "thinking", "thinking": "x", "signature": pack("google", "signature", "s1")},
        {"type": "redacted_thinking", "data": pack("openai", "redacted", "s2")},
        {"type": "redacted_thinking", "data": pack("google", "tool_call", "s3")},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
        {"type": "tool_use", "id": "b", "name": "f", "input": {}},
    ]
    (turn,) = read(messages=[{"role": "assistant", "content": content}]).turns
    assert turn.parts == (
        Reasoning("x", Opaque("google", "s1")),
        Reasoning("", Opaque("openai", "s2"), redacted=True),
        ToolCall("a", "f", "{}", opaque=Opaque("google", "s3")),
        ToolCall("b", "f", "{}"),
    )
