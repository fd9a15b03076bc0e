"""Responses from a provider's format to a client's: what the writer is told, whole responses, and streams."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.config import Limits
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.events import Citation, RefusalDelta, TextDelta
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


# -- the places of citations -----------------------------------------------------------------------------------------


def told(body: object, source: str, target: str) -> tuple[Any, list[str]]:
    context = answer_context(Prompt(model="m"), source, id="1", created=1)
    answer = translate_answer(json.dumps(body).encode(), target=target, context=context)
    return json.loads(answer.body), [note.why for note in answer.notes]


URL = {"type": "url_citation", "url": "https://x.test", "title": "X"}
#: Two messages of Responses; the place is one in the second.
CITED = {
    "object": "response",
    "status": "completed",
    "output": [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Well."}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "So "},
                {"type": "output_text", "text": "it is", "annotations": [{**URL, "start_index": 0, "end_index": 2}]},
            ],
        },
    ],
}


def test_a_place_in_one_of_several_texts_is_one_in_all_of_it() -> None:
    body, notes = told(CITED, "openai-responses", "openai-chat")
    message = body["choices"][0]["message"]
    cited = message["annotations"][0]["url_citation"]
    assert message["content"][cited["start_index"] : cited["end_index"]] == "it"
    assert not [why for why in notes if "place" in why]
    again, _ = told(CITED, "openai-responses", "openai-responses")
    last = again["output"][-1]["content"][0]  # the two parts of one message are one
    (annotation,) = last["annotations"]
    assert last["text"][annotation["start_index"] : annotation["end_index"]] == "it"


def test_a_streamed_place_counts_the_texts_that_ended_before() -> None:
    place = {"item_id": "msg_2", "output_index": 1, "content_index": 0}
    events = [
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Well."},
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Well."},
        {"type": "response.output_text.delta", **place, "delta": "So"},
        {
            "type": "response.output_text.annotation.added",
            **place,
            "annotation": {**URL, "start_index": 0, "end_index": 2},
        },
        {"type": "response.output_text.done", **place, "text": "So"},
        {"type": "response.completed", "response": {"status": "completed", "output": []}},
    ]
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    context = answer_context(Prompt(model="m"), "openai-responses", id="1", created=1)
    translator = AnswerTranslator(target="openai-chat", context=context, provider="openai-responses")
    out = translator.feed(stream) + translator.finish()
    assert b'"url_citation":{"url":"https://x.test","title":"X","start_index":5,"end_index":7}' in out


def test_places_that_cohere_tells() -> None:
    cited = {"start": 3, "end": 5, "text": "is", "sources": [{"document": {"url": "https://x.test"}}]}
    hidden = {**cited, "type": "THINKING_CONTENT"}
    message = {"role": "assistant", "content": [{"type": "text", "text": "It is."}], "citations": [cited, hidden]}
    body, _ = told({"message": message, "finish_reason": "COMPLETE"}, "cohere-v2", "openai-responses")
    places = [(one["start_index"], one["end_index"]) for one in body["output"][0]["content"][0]["annotations"]]
    assert places == [(3, 5), (0, 0)]


@pytest.mark.parametrize(
    ("member", "kind", "start", "end"),
    [
        ("documentChar", "char_location", "start_char_index", "end_char_index"),
        ("documentPage", "page_location", "start_page_number", "end_page_number"),
        ("documentChunk", "content_block_location", "start_block_index", "end_block_index"),
    ],
)
def test_a_place_in_a_document_is_told_where_there_is_a_place_for_it(
    member: str, kind: str, start: str, end: str
) -> None:
    location = {member: {"documentIndex": 1, "start": 2, "end": 4}}
    content = {
        "content": [{"text": "It is."}],
        "citations": [{"title": "D", "sourceContent": [{"text": "q"}], "location": location}],
    }
    message = {"role": "assistant", "content": [{"citationsContent": content}]}
    converse = {"output": {"message": message}, "stopReason": "end_turn", "usage": {}}
    body, notes = told(converse, "bedrock-converse", "anthropic-messages")
    (citation,) = body["content"][0]["citations"]
    assert citation == {
        "type": kind, "cited_text": "q", "document_title": "D", "document_index": 1, start: 2, end: 4
    }  # fmt: skip
    assert notes == []
    _, notes = told(converse, "bedrock-converse", "openai-chat")
    assert any("places in documents" in why for why in notes)
    again, _ = told({**body, "type": "message"}, "anthropic-messages", "anthropic-messages")
    assert again["content"][0]["citations"] == [citation]
    del body["content"][0]["citations"][0]["document_index"]
    _, notes = told({**body, "type": "message"}, "anthropic-messages", "anthropic-messages")
    assert any("not known" in why for why in notes)


def test_places_without_a_place_are_told() -> None:
    _, notes = told(CITED, "openai-responses", "anthropic-messages")
    assert any("block of text" in why for why in notes)
    web = {"groundingChunks": [{"web": {"uri": "https://x.test"}}]}
    candidate = {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP", "groundingMetadata": web}
    _, notes = told({"candidates": [candidate]}, "gemini", "openai-chat")
    assert any("bytes" in why for why in notes)


def test_a_place_in_an_earlier_part_is_told_not_to_be_known() -> None:
    writer = make_writer("openai-responses", AnswerContext("1", 1, "m"))
    writer.write([TextDelta("It is."), RefusalDelta("No."), TextDelta("So.")])
    writer.write([Citation("https://x.test", start=0, end=2), Citation(title="D", start=6, end=9)])
    assert [note.field for note in writer.notes] == ["citation"]
