"""Responses from a provider's format to a client's: what the writer is told, whole responses, and streams."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.config import Limits
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.prompt import CustomTool, FunctionTool, OutputFormat, Prompt
from aigw_sansio.testing import cuts
from aigw_sansio.translate import (
    CLIENT_FORMATS,
    REQUEST_FORMATS,
    AnswerContext,
    AnswerTranslator,
    Translated,
    answer_context,
    make_writer,
    translate_answer,
    translate_request,
    write_request,
)

CLAUDE = [
    '{"type":"message_start","message":{"id":"msg_1","model":"claude-x","usage":{"input_tokens":3}}}',
    '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi h\\u00e9"}}',
    '{"type":"content_block_stop","index":0}',
    '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}',
    '{"type":"message_stop"}',
]
CLAUDE_STREAM = "".join(f"event: x\ndata: {data}\n\n" for data in CLAUDE).encode()
CHAT_STREAM = (
    b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
    b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


def context(source: str, **fields: Any) -> AnswerContext:
    return answer_context(Prompt(model="m", **fields), source, id="1", created=1_700_000_000)


def payloads(stream: bytes) -> list[Any]:
    found = [line[6:] for line in stream.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(one) if one != "[DONE]" else one for one in found]


def test_a_stream_for_a_client_of_chat_completions() -> None:
    translator = AnswerTranslator(
        target="openai-chat", context=context("anthropic-messages", include_usage=True), provider="anthropic-messages"
    )
    out = payloads(translator.feed(CLAUDE_STREAM) + translator.finish())
    assert out[-1] == "[DONE]"
    assert out[-2]["usage"]["total_tokens"] == 5
    assert "".join(one["choices"][0]["delta"].get("content") or "" for one in out[:-2]) == "Hi h\u00e9"
    assert [one["choices"][0]["finish_reason"] for one in out[:-2] if one["choices"][0]["finish_reason"]] == ["stop"]
    assert translator.notes == ()


@pytest.mark.parametrize("target", ["anthropic-messages", "openai-responses"])
def test_events_have_the_names_of_their_types(target: str) -> None:
    translator = AnswerTranslator(target=target, context=context("openai-chat"), provider="openai-chat")
    stream = (translator.feed(CHAT_STREAM) + translator.finish()).decode()
    blocks = [block.split("\n") for block in stream.strip().split("\n\n")]
    assert all(one[0] == f"event: {json.loads(one[1][6:])['type']}" for one in blocks)
    assert (
        blocks[-1][0]
        == {
            "anthropic-messages": "event: message_stop",
            "openai-responses": "event: response.completed",
        }[target]
    )


@given(cuts(CLAUDE_STREAM))
def test_it_does_not_matter_how_a_stream_is_cut(pieces: list[bytes]) -> None:
    whole, cut = (
        AnswerTranslator(target="openai-chat", context=context("anthropic-messages"), provider="anthropic-messages")
        for _ in range(2)
    )
    assert b"".join(cut.feed(piece) for piece in pieces) + cut.finish() == whole.feed(CLAUDE_STREAM) + whole.finish()


def test_a_stream_that_breaks_its_framing_ends_with_one_error() -> None:
    for provider in ("bedrock-converse", "bedrock-anthropic"):
        translator = AnswerTranslator(target="openai-chat", context=context(provider), provider=provider)
        out = payloads(translator.feed(b"no event stream of Amazon, whatever it is") + translator.feed(b"more"))
        assert [*out[-1]] == ["error"]
        assert translator.finish() == b""


def test_a_stream_without_an_end_is_no_success() -> None:
    translator = AnswerTranslator(
        target="openai-chat", context=context("anthropic-messages"), provider="anthropic-messages"
    )
    translator.feed(CLAUDE_STREAM[:200])
    assert "error" in payloads(translator.finish())[-1]
    assert translator.feed(CLAUDE_STREAM) == b""
    assert translator.finish() == b""


def test_a_whole_response() -> None:
    body = b'{"message":{"content":[{"type":"text","text":"Hi"}]},"finish_reason":"COMPLETE"}'
    answer = translate_answer(body, target="openai-chat", context=context("cohere-v2"))
    assert answer.status == 200
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "Hi"
    assert answer.notes == ()


@pytest.mark.parametrize("target", CLIENT_FORMATS)
def test_an_error_is_one_in_the_client_s_format(target: str) -> None:
    body = b'{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}'
    answer = translate_answer(body, target=target, context=context("gemini"), status=429)
    assert answer.status == 429
    assert json.loads(answer.body)["error"]["message"] == "slow down"


@given(st.binary(max_size=60) | st.sampled_from((b"{}", b"[]", b'{"error":{}}', b"null")))
@pytest.mark.parametrize("source", REQUEST_FORMATS)
def test_no_body_raises(source: str, body: bytes) -> None:
    for target in CLIENT_FORMATS:
        translate_answer(body, target=target, context=context(source))
        translate_answer(body, target=target, context=context(source), status=500)
        translator = AnswerTranslator(target=target, context=context(source), provider=source)
        translator.feed(body)
        translator.finish()


def test_what_the_writer_must_know_of_tools() -> None:
    tools = (FunctionTool("mcp.server/tool"), CustomTool("shell.run"), FunctionTool("plain"))
    told = answer_context(Prompt(model="m", tools=tools), "gemini", id="1", created=0)
    assert {*told.tool_names.values()} == {"mcp.server/tool"}
    assert told.custom_tools == {"shell.run"}
    assert (told.source, told.maker, told.output_tool) == ("gemini", "google", None)
    told = answer_context(Prompt(model="m", tools=tools), "mistral", id="1", created=0)
    assert {*told.tool_names.values()} == {"mcp.server/tool", "shell.run"}
    assert {told.tool_names[name] for name in told.custom_tools} == {"shell.run"}
    told = answer_context(Prompt(model="m", tools=tools), "openai-responses", id="1", created=0)
    assert told.custom_tools == frozenset()


def test_a_tool_that_stands_for_the_output_is_known() -> None:
    prompt = Prompt(model="claude-3-haiku", output=OutputFormat("json_schema", "a", {"type": "object"}), max_tokens=9)
    written = write_request(prompt, "vertex-anthropic")
    assert isinstance(written, tuple)
    told = answer_context(prompt, "vertex-anthropic", id="1", created=0, request=written[0])
    assert told.output_tool == "json"


@pytest.mark.parametrize(
    ("model", "maker"), [("us.anthropic.claude-sonnet-4-5", "anthropic"), ("amazon.nova-pro", "amazon")]
)
def test_the_model_tells_its_maker_on_bedrock(model: str, maker: str) -> None:
    assert answer_context(Prompt(model=model), "bedrock-converse", id="1", created=0).maker == maker


def test_a_conversation_through_both_ways() -> None:
    body = {"model": "x", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    result = translate_request(body, source="openai-chat", target="anthropic-messages", model="claude-x")
    assert isinstance(result, Translated)
    told = answer_context(result.prompt, "anthropic-messages", id="7", created=5, model="x", request=result.request)
    translator = AnswerTranslator(target="openai-chat", context=told, provider="anthropic-messages")
    first = payloads(translator.feed(CLAUDE_STREAM))[0]
    assert (first["id"], first["created"], first["model"]) == ("chatcmpl-7", 5, "claude-x")


def test_only_formats_of_clients_are_written() -> None:
    with pytest.raises(LocalProtocolError, match="'gemini' is no format here; allowed are openai-chat, "):
        make_writer("gemini", context("gemini"))


def test_a_finish_of_error_is_no_success() -> None:
    body = b'{"candidates":[{"content":{"parts":[]},"finishReason":"MALFORMED_FUNCTION_CALL"}]}'
    answer = translate_answer(body, target="openai-chat", context=answer_context(Prompt(), "gemini", id="1", created=1))
    assert answer.status >= 500
    assert b'"error"' in answer.body


def test_a_stream_of_which_too_much_would_be_kept_fails() -> None:
    context = answer_context(Prompt(), "anthropic-messages", id="1", created=1)
    translator = AnswerTranslator(
        target="openai-responses",
        context=context,
        provider="anthropic-messages",
        limits=Limits(response_body_bytes=50_000),
    )
    shown = translator.feed("".join(f"data: {line}\n\n" for line in CLAUDE[:2]).encode())
    delta = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}\n\n' % (
        b"x" * 1000
    )
    count = 0
    while b"response.failed" not in shown:
        shown = translator.feed(delta)
        count += 1
        assert count < 100
    assert count > 40
    assert translator.feed(delta) == translator.finish() == b""


@pytest.mark.parametrize("target", ["openai-chat", "openai-responses"])
def test_log_probabilities_that_were_asked_for_are_translated(target: str) -> None:
    context = answer_context(Prompt(model="m", logprobs=0), "gemini", id="1", created=1)
    chosen = {"chosenCandidates": [{"token": "Hi", "logProbability": -0.5}]}
    candidate = {"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP", "logprobsResult": chosen}
    body = json.dumps({"candidates": [candidate]}).encode()
    whole = translate_answer(body, target=target, context=context)
    translator = AnswerTranslator(target=target, context=context, provider="gemini")
    stream = translator.feed(b"data: " + body + b"\n\n") + translator.finish()
    for told in (whole.body, stream):
        assert b'{"token":"Hi","logprob":-0.5,"bytes":[72,105],"top_logprobs":[]}' in told
    assert whole.notes == translator.notes == ()
