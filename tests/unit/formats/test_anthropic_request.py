"""Whole requests in Anthropic's format."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.claude_rules import check_messages_request
from tests.reading.turn_soups import turn_soups

from aigw_sansio.formats.anthropic_request import (
    read_request,
    write_bedrock_request,
    write_request,
    write_vertex_request,
)
from aigw_sansio.formats.anthropic_tools import output_tool
from aigw_sansio.formats.translation import Note, Refused, WireRequest
from aigw_sansio.prompt import (
    CacheMark,
    File,
    NativeTool,
    Opaque,
    OutputFormat,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
    UploadedFile,
    Uri,
)

HELLO = Turn("user", (Text("Hello"),))


def write(prompt: Prompt, how: Any = write_request) -> tuple[WireRequest, list[tuple[str, str]]]:
    notes: list[Note] = []
    request = how(prompt, notes)
    assert isinstance(request, WireRequest), request
    return request, [(note.kind, note.field) for note in notes]


def prompt(**fields: Any) -> Prompt:
    return Prompt(**{"model": "claude-sonnet-4-5", "turns": (HELLO,), "max_tokens": 100, **fields})


def test_a_small_request() -> None:
    request, notes = write(prompt(stream=True))
    assert request == WireRequest(
        "POST",
        "v1/messages",
        (("anthropic-version", "2023-06-01"),),
        {
            "model": "claude-sonnet-4-5",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
            "stream": True,
        },
    )
    assert notes == []


def test_settings() -> None:
    request, notes = write(
        prompt(
            temperature=0.5,
            stop_sequences=("a", "\n"),
            end_user="u",
            cache=CacheMark("5m"),
            reasoning=ReasoningSettings("none"),
            extra={"speed": "fast", "output_config": {"task_budget": {}}, "metadata": {"more": 1}},
            service_tier="auto",
            maker="anthropic",
        )
    )
    body = request.body
    assert body["stop_sequences"] == ["a"]
    assert body["metadata"] == {"user_id": "u", "more": 1}
    assert body["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert body["thinking"] == {"type": "disabled"}
    assert body["output_config"] == {"task_budget": {}}
    assert (body["temperature"], body["speed"], body["service_tier"]) == (0.5, "fast", "auto")
    assert notes == [("dropped", "stop_sequences")]


def test_what_has_no_place_is_told() -> None:
    request, notes = write(
        prompt(
            seed=1, presence_penalty=0.5, logit_bias={"1": 2.0}, verbosity="low", cache_key="k", store=True,
            metadata={"a": "b"}, service_tier="flex", extra={"moderation": {}}, maker="openai",
        )
    )  # fmt: skip
    assert set(request.body) == {"model", "max_tokens", "messages"}
    assert {field for _, field in notes} == {
        "seed", "presence_penalty", "logit_bias", "verbosity", "cache_key", "store", "metadata", "service_tier",
        "extra.moderation",
    }  # fmt: skip
    assert {kind for kind, _ in notes} == {"dropped"}


@pytest.mark.parametrize(
    "fields", [{"choice_count": 2}, {"logprobs": 1}, {"modalities": ("audio",)}, {"previous_response_id": "r"}]
)
@pytest.mark.parametrize("how", [write_request, write_vertex_request, write_bedrock_request])
def test_what_would_make_the_response_lie_is_refused(fields: dict[str, Any], how: Any) -> None:
    found = how(prompt(**fields), [])
    assert isinstance(found, Refused)
    assert [found.field] == list(fields)


def test_vertex() -> None:
    request, _ = write(prompt(model="claude-3-7-sonnet@20250219", stream=True), write_vertex_request)
    assert request.path == "publishers/anthropic/models/claude-3-7-sonnet@20250219:streamRawPredict"
    assert request.body["anthropic_version"] == "vertex-2023-10-16"
    assert request.body["stream"] is True
    assert "model" not in request.body
    request, _ = write(prompt(model="anthropic/claude-opus-4-8"), write_vertex_request)
    assert request.path == "publishers/anthropic/models/claude-opus-4-8:rawPredict"
    assert "stream" not in request.body


def test_vertex_is_asked_for_output_by_a_tool() -> None:
    output = OutputFormat("json_schema", schema={"type": "object", "additionalProperties": False})
    request, notes = write(prompt(output=output), write_vertex_request)
    assert output_tool(request.body) == "json"
    assert notes == [("mapped", "output")]
    for fields in ({"maker": "anthropic"}, {"model": "claude-opus-5-5"}):
        request, _ = write(prompt(output=output, **fields), write_vertex_request)
        assert "output_config" in request.body


def test_bedrock() -> None:
    name = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    betas = {"anthropic_beta": ["b1", 5, "b1"]}
    request, notes = write(prompt(model=name, stream=True, maker="anthropic", extra=betas), write_bedrock_request)
    assert request.path == "model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream"
    assert request.headers == ()
    assert request.body["anthropic_version"] == "bedrock-2023-05-31"
    assert request.body["anthropic_beta"] == ["b1"]
    assert not {"model", "stream"} & set(request.body)
    assert notes == []
    request, _ = write(prompt(model="arn:aws:bedrock:eu-west-1:1:inference-profile/x"), write_bedrock_request)
    assert request.path == "model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Fx/invoke"
    assert "anthropic_beta" not in request.body


@pytest.mark.parametrize("how", [write_vertex_request, write_bedrock_request])
def test_clouds_lack_what_anthropic_runs_itself(how: Any) -> None:
    request, notes = write(
        prompt(
            maker="anthropic",
            service_tier="auto",
            cache=CacheMark(),
            extra={"container": "c", "context_management": {"edits": []}},
        ),
        how,
    )
    assert "context_management" in request.body
    assert not {"container", "service_tier", "cache_control"} & set(request.body)
    assert sorted(notes) == [("dropped", "cache"), ("dropped", "extra.container"), ("dropped", "service_tier")]


def test_betas() -> None:
    turns = (Turn("user", (File(UploadedFile("f", "anthropic")),)), Turn("system", (Text("s"),)))
    request, _ = write(
        prompt(
            model="claude-opus-4-8",
            turns=turns,
            tools=(NativeTool("anthropic", {"type": "memory_20250818", "name": "memory"}),),
            extra={"anthropic_beta": ["own-1"]},
            maker="anthropic",
        )
    )
    betas = "own-1,context-management-2025-06-27,files-api-2025-04-14,mid-conversation-system-2026-04-07"
    assert request.headers[1:] == (("anthropic-beta", betas),)
    assert "anthropic_beta" not in request.body


def test_thinking_needs_the_thoughts_before_the_calls() -> None:
    def turns(*thoughts: Reasoning) -> tuple[Turn, ...]:
        return (
            HELLO,
            Turn("assistant", (*thoughts, ToolCall("a", "f"))),
            Turn("tool", (ToolCallResponse("a", (Text("1"),)),)),
        )

    wanted = {"reasoning": ReasoningSettings(None, 2000), "max_tokens": 3000}
    assert "thinking" not in write(prompt(turns=turns(), **wanted))[0].body
    signed = Reasoning("t", Opaque("anthropic", "c2ln"))
    assert "thinking" in write(prompt(turns=turns(signed), **wanted))[0].body
    assert "thinking" in write(prompt(turns=(*turns(), Turn("assistant", (Text("x"),)), HELLO), **wanted))[0].body
    assert "thinking" not in write(prompt(turns=(HELLO, Turn("assistant", (Text("x"),))), **wanted))[0].body
    adaptive = write(prompt(turns=turns(), model="claude-opus-4-8", **wanted))[0].body
    assert adaptive["thinking"]["type"] == "adaptive"


def test_what_was_read_is_written_as_it_came() -> None:
    body = {
        "model": "claude-opus-4-8",
        "max_tokens": 50,
        "system": [{"type": "text", "text": "s"}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "d"}]}},
                    {"type": "text", "text": "q"},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "a", "citations": [{"type": "char_location", "cited_text": "d"}]},
                    {"type": "text", "text": " "},
                    {"type": "tool_use", "id": "t", "name": "f", "input": {"x": [1]}, "caller": {"type": "direct"}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]},
            {"role": "system", "content": [{"type": "text", "text": "m"}], "clear_at": "t"},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "defer_loading": True}],
        "tool_choice": {"type": "none"},
        "thinking": {"type": "adaptive", "display": "omitted"},
        "output_config": {"effort": "max", "task_budget": {"total": 9}},
        "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    }
    found = read_request(body, [])
    assert isinstance(found, Prompt)
    request, notes = write(found)
    assert request.body == body
    assert notes == []


def test_a_repr_tells_no_content() -> None:
    request, _ = write(prompt(turns=(Turn("user", (Text("secret"), File(Uri("https://a.test/secret.pdf")))),)))
    assert "secret" not in repr(request)


MODELS = ("claude-3-5-haiku-latest", "claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-4-8", "claude-opus-5-5", "x")


@given(turn_soups(MODELS), st.sampled_from((write_request, write_vertex_request, write_bedrock_request)))
def test_whatever_is_written_keeps_the_rules(soup: Prompt, how: Any) -> None:
    before = msgspec.json.encode(soup)
    request = how(soup, [])
    assert msgspec.json.encode(soup) == before
    if isinstance(request, WireRequest):
        check_messages_request({"model": soup.model, **request.body})


@given(turn_soups(MODELS))
def test_a_second_translation_changes_nothing(soup: Prompt) -> None:
    request = write_request(soup, [])
    if isinstance(request, WireRequest):
        found = read_request(request.body, [])
        assert isinstance(found, Prompt)
        again, notes = write(found)
        assert again.body == request.body
        assert notes == []
