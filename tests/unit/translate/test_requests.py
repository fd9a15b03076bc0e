"""Requests from one format to another: the order of the steps, and what a caller may get wrong."""

from typing import Any

import msgspec
import pytest
from tests.rigs.asked import request

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.formats.registry import FORMATS
from aigw_sansio.prompt import Prompt, Text, Turn
from aigw_sansio.translate import (
    CLIENT_FORMATS,
    REQUEST_FORMATS,
    Refused,
    Translated,
    read_request,
    translate_request,
    write_request,
)
from aigw_sansio.translate.registry import find_format

BODY: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hello"}], "top_k": 3, "n": 1}


def test_the_formats() -> None:
    assert {
        "openai-chat", "openai-responses", "anthropic-messages", "gemini", "vertex-gemini", "bedrock-converse",
        "vertex-anthropic", "bedrock-anthropic", "cohere-v2", "mistral", "ollama-chat", "workers-ai", "groq", "deepseek",
        "xai", "perplexity", "cerebras", "openrouter", "fireworks", "huggingface", "azure-openai", "baseten", "vllm",
        "llamacpp",
    } <= {*REQUEST_FORMATS}  # fmt: skip
    assert CLIENT_FORMATS == ("openai-chat", "openai-responses", "anthropic-messages")
    assert {*CLIENT_FORMATS} <= {*REQUEST_FORMATS}


@pytest.mark.parametrize("target", REQUEST_FORMATS)
def test_every_format_says_hello(target: str) -> None:
    result = translate_request(BODY, source="openai-chat", target=target)
    assert isinstance(result, Translated), result
    assert result.request.method == "POST"
    assert "Hello" in str(result.request.body)
    assert find_format(target).answers in FORMATS


def test_notes_of_reading_and_writing_come_together() -> None:
    body = {**BODY, "max_tokens": 5, "max_completion_tokens": 6, "seed": 1}
    result = translate_request(body, source="openai-chat", target="anthropic-messages")
    assert isinstance(result, Translated)
    assert {note.field for note in result.notes} == {"max_tokens", "seed"}


def test_model_and_stream_replace_what_the_client_said() -> None:
    result = translate_request(BODY, source="openai-chat", target="mistral", model="m-2", stream=True)
    assert isinstance(result, Translated)
    assert (result.request.body["model"], result.request.body["stream"]) == ("m-2", True)
    assert (result.prompt.model, result.prompt.stream) == ("m-2", True)
    assert BODY["model"] == "gpt-4.1"


@pytest.mark.parametrize("source", CLIENT_FORMATS)
@pytest.mark.parametrize("more", [{}, {"nobody_knows": 1}])
def test_json_is_read_as_its_value_is(source: str, more: dict[str, object]) -> None:
    body = {**request(source, 4096), **more}
    text = msgspec.json.encode(body)
    for target in REQUEST_FORMATS:
        of_text = translate_request(text, source=source, target=target, model="m")
        of_value = translate_request(body, source=source, target=target, model="m")
        if isinstance(of_text, Refused):  # Perplexity takes no tools
            assert of_text == of_value
            continue
        assert isinstance(of_value, Translated)
        assert (of_text.request, of_text.notes) == (of_value.request, of_value.notes)
        assert (of_text.prompt, of_text.settings) == (of_value.prompt, of_value.settings)
        assert of_text.prompt.turns
        assert msgspec.structs.replace(of_text.settings, turns=of_text.prompt.turns) == of_text.prompt
    assert read_request(text, source) == read_request(body, source)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("openai-chat", b'{"messages":[{"role":"user","content":"a","content":"b"}]}'),
        ("openai-chat", b'{"messages":[{"role":"user","role":"assistant","content":"a"}]}'),
        ("openai-chat", b'{"messages":[{"role":"assistant","content":"a","role":"user"}]}'),
        ("openai-chat", b'{"messages":[{"role":"user","content":"a"}],"messages":[{"role":"user","content":"b"}]}'),
        ("openai-responses", b'{"input":[{"type":"message","role":"user","role":"assistant","content":"a"}]}'),
        ("anthropic-messages", b'{"messages":[{"role":"user","content":[{"type":"image","type":"text","text":"a"}]}]}'),
        ("anthropic-messages", b'{"messages":[{"role":"user","content":[{"type":"text","text":"a","type":"image"}]}]}'),
    ],
)
def test_of_a_member_that_stands_twice_the_last_one_counts(source: str, text: bytes) -> None:
    assert read_request(text, source) == read_request(msgspec.json.decode(text), source)


@pytest.mark.parametrize("source", CLIENT_FORMATS)
@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 5000, b'{"messages":[]', b"[]", b'"x"', b"1"])
def test_what_is_no_json_object_is_refused(source: str, text: bytes) -> None:
    result = translate_request(text, source=source, target="gemini")
    assert isinstance(result, Refused)
    assert result.field == "body"


def test_a_setting_that_cannot_be_read_refuses_a_plain_conversation() -> None:
    for source in CLIENT_FORMATS:
        body = {**request(source, 1024), "temperature": "hot"}
        refused = Refused("temperature", "It must be a number.", "type")
        assert translate_request(body, source=source, target="gemini") == refused
        assert translate_request(msgspec.json.encode(body), source=source, target="gemini") == refused


def test_a_refusal_is_a_value() -> None:
    result = translate_request({**BODY, "n": 2}, source="openai-chat", target="cohere-v2")
    assert isinstance(result, Refused)
    assert result.field == "choice_count"


@pytest.mark.parametrize("body", [None, [], "x", 7, True, {}, {"messages": 7}])
def test_what_is_no_request_is_refused(body: object) -> None:
    assert isinstance(read_request(body, "openai-chat"), Refused)


def test_the_halves() -> None:
    read = read_request(BODY, "openai-chat")
    assert not isinstance(read, Refused)
    prompt, notes = read
    assert (prompt.top_k, notes) == (3, ())
    written = write_request(prompt, "cohere-v2")
    assert not isinstance(written, Refused)
    assert written[0].body["k"] == 3
    assert written[1] == ()


def test_unknown_names_are_mistakes_of_the_caller() -> None:
    prompt = Prompt(model="m", turns=(Turn("user", (Text("a"),)),))
    with pytest.raises(LocalProtocolError, match="'nope' is no format here; allowed are openai-chat, "):
        write_request(prompt, "nope")
    with pytest.raises(LocalProtocolError, match=r"allowed are openai-chat, openai-responses, anthropic-messages$"):
        read_request(BODY, "cohere-v2")
    with pytest.raises(LocalProtocolError):
        translate_request(BODY, source="openai-chat", target="nope")


@pytest.mark.parametrize(
    ("member", "field"),
    [
        ({"conversation": "conv_1"}, "extra.conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "extra.prompt"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "turns[0].parts[0]"),
        ({"input": [{"id": "msg_1"}]}, "turns[0].parts[0]"),
    ],
)
@pytest.mark.parametrize("target", sorted({*REQUEST_FORMATS} - {"openai-responses"}))
def test_what_openai_keeps_is_refused_by_all_others(target: str, member: dict[str, Any], field: str) -> None:
    body = {"model": "m", "input": "Hello", **member}
    result = translate_request(body, source="openai-responses", target=target)
    assert isinstance(result, Refused)
    assert result.field == field
    assert isinstance(translate_request(body, source="openai-responses", target="openai-responses"), Translated)


@pytest.mark.parametrize(
    ("target", "model"),
    [
        ("gemini", "gemini-2.5-flash"), ("vertex-gemini", "gemini-2.5-pro"), ("bedrock-converse", "mystery"),
        ("bedrock-converse", "deepseek.r1-v1:0"), ("cohere-v2", "command-a"), ("anthropic-messages", "claude-sonnet-4-5"),
    ],
)  # fmt: skip
def test_an_effort_that_is_no_longer_one_is_told(target: str, model: str) -> None:
    body = {**BODY, "model": model, "reasoning_effort": "high"}
    result = translate_request(body, source="openai-chat", target=target)
    assert isinstance(result, Translated)
    assert {note.field for note in result.notes} & {"reasoning", "reasoning.effort"}


def test_a_model_that_may_always_think_is_not_told_to_stop() -> None:
    body = {**BODY, "reasoning_effort": "none"}
    result = translate_request(body, source="openai-chat", target="bedrock-converse", model="deepseek.r1-v1:0")
    assert isinstance(result, Translated)
    assert ("dropped", "reasoning") in {(note.kind, note.field) for note in result.notes}


@pytest.mark.parametrize(
    ("source", "member", "said"),
    [
        ("openai-chat", "messages", []),
        ("openai-chat", "messages", [{"role": "user", "content": ""}]),
        ("openai-chat", "messages", [{"role": "user", "content": [{"type": "text"}]}]),
        ("openai-responses", "input", []),
        ("anthropic-messages", "messages", []),
    ],
)
def test_a_request_without_any_words_is_refused(source: str, member: str, said: object) -> None:
    body = {"model": "m", "max_tokens": 9, member: said}
    for target in REQUEST_FORMATS:
        assert translate_request(body, source=source, target=target) == Refused(
            member, "It holds nothing to respond to.", "missing" if said is None else "value"
        )
    left_out = translate_request({"model": "m", "max_tokens": 9}, source=source, target="gemini")
    assert isinstance(left_out, Refused)
    assert left_out.field == member
    rules = {"openai-responses": "instructions", "anthropic-messages": "system"}
    if source in rules:
        assert isinstance(translate_request({**body, rules[source]: "x"}, source=source, target="gemini"), Translated)


@pytest.mark.parametrize("target", sorted({*REQUEST_FORMATS} - {"perplexity"}))
def test_notes_of_tools_tell_their_places_in_the_request(target: str) -> None:
    """Even if a choice leaves some of them out."""
    names = ("left-out", "a-name-" * 20, "kept")
    tools = [{"type": "function", "function": {"name": name, "strict": name == "kept"}} for name in names]
    some = [{"type": "function", "function": {"name": name}} for name in names[1:]]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": some}}
    body = {**BODY, "tools": tools, "tool_choice": choice}
    result = translate_request(body, source="openai-chat", target=target)
    assert isinstance(result, Translated), result
    fields = {note.field for note in result.notes if note.field.startswith("tools[")}
    assert fields <= {"tools[1].name", "tools[2].strict", "tools[2].parameters", "tools[2]"}


@pytest.mark.parametrize("target", sorted({*REQUEST_FORMATS} - {"perplexity"}))
def test_what_a_tool_does_not_say_is_no_loss(target: str) -> None:
    body = {
        "model": "m",
        "input": "Hello",
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
    }
    result = translate_request(body, source="openai-responses", target=target)
    assert isinstance(result, Translated)
    assert not [note for note in result.notes if "strict" in note.field]


#: A part that no format knows yet, in the words of each client.
NEW: dict[str, dict[str, Any]] = {
    "openai-chat": {"type": "new_thing", "it": "marked"},
    "openai-responses": {"type": "input_new_thing", "it": "marked"},
    "anthropic-messages": {"type": "new_thing", "it": "marked"},
}
TEXTS = {"openai-chat": "text", "openai-responses": "input_text", "anthropic-messages": "text"}


@pytest.mark.parametrize("target", REQUEST_FORMATS)
@pytest.mark.parametrize("source", CLIENT_FORMATS)
def test_a_part_that_nobody_knows_yet_stays_in_its_place_or_is_told(source: str, target: str) -> None:
    content = [{"type": TEXTS[source], "text": "Look:"}, NEW[source]]
    messages = [{"role": "user", "content": content}]
    body = {"model": "m", "max_tokens": 9, "input" if source == "openai-responses" else "messages": messages}
    result = translate_request(body, source=source, target=target)
    assert isinstance(result, Translated), result
    if "marked" not in str(result.request.body):
        assert [note.kind for note in result.notes if note.field == "turns[0].parts[1]"] == ["dropped"]
        return
    again = read_request(result.request.body, source)  # it was sent, so the target has the client's own form
    assert not isinstance(again, Refused)
    assert again[0].turns == result.prompt.turns
