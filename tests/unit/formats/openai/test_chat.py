"""OpenAI's chat format and its dialects: shapes that no recording shows, and the awkward recordings."""

import json
from typing import Any

import msgspec
import pytest
from tests.reading.answers import Answer, Call, assemble
from tests.reading.formats import (
    b64,
    read_all,
    read_chunk,
    read_whole,
    sse,
    without_frame,
)
from tests.reading.recordings import (
    needs_recordings,
    recorded_answer,
)

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


def chat(*deltas: dict[str, Any], **more: Any) -> Answer:
    return assemble(
        read_all("openai-chat", sse(*({"choices": [{"index": 0, "delta": delta}]} for delta in deltas), more))
    )


def calls(*fragments: dict[str, Any]) -> list[tuple[str | None, str | None, str]]:
    answer = chat(*({"tool_calls": [fragment]} for fragment in fragments), choices=[])
    return [(call.id, call.name, call.arguments) for call in answer.calls.values()]


def function(name: str | None = None, arguments: object = None) -> dict[str, object]:
    return {"function": {"name": name, "arguments": arguments}}


# -- tool calls: one rule fits all dialects ----------------------------------------------------------------------------


def test_fragments_with_an_index_continue_its_call() -> None:
    assert calls(
        {"index": 0, "id": "a", **function("f", "")},
        {"index": 1, "id": "b", **function("g", "")},
        {"index": 0, **function(None, '{"x"')},
        {"index": 1, "id": "", **function(None, "{}")},
        {"index": 0, **function(None, ":1}")},
    ) == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


def test_another_id_at_the_same_index_is_another_call() -> None:
    """OpenRouter passes on whole calls that all claim index 0."""
    assert calls(*({"index": 0, "id": f"c{n}", **function("f", "{}")} for n in range(13))) == [
        (f"c{n}", "f", "{}") for n in range(13)
    ]


def test_the_same_id_on_each_fragment_is_one_call() -> None:
    """TGI repeats ``id: "0"``, the name only once."""
    assert calls({"index": 0, "id": "0", **function("f", "{")}, {"index": 0, "id": "0", **function(None, "}")}) == [
        ("0", "f", "{}")
    ]


def test_without_an_index_an_id_or_a_name_begins_a_call() -> None:
    """Older Mistral, Ollama, Gemini's compatible path with its empty ids."""
    assert calls({"id": "a", **function("f", "{}")}, {"id": "b", **function("f", "{}")}) == [
        ("a", "f", "{}"),
        ("b", "f", "{}"),
    ]
    assert calls({"id": "", **function("f", "{}")}, {"id": "", **function("f", "[]")}) == [
        (None, "f", "{}"),
        (None, "f", "[]"),
    ]


def test_a_fragment_without_index_id_and_name_continues_the_last_call() -> None:
    assert calls({"id": "a", **function("f", "{")}, function(None, "}")) == [("a", "f", "{}")]


def test_an_index_without_any_id() -> None:
    """Cerebras; the first index need not be 0."""
    assert calls({"index": 1, **function("f", "{")}, {"index": 1, **function(None, "}")}) == [(None, "f", "{}")]


def test_arguments_as_an_object_are_written_once() -> None:
    assert calls({"index": 0, "id": "a", **function("f", {"x": [1, None]})}) == [("a", "f", '{"x":[1,null]}')]


def test_no_arguments_at_all() -> None:
    assert calls({"index": 0, "id": "a", **function("f", "")}) == [("a", "f", "")]


def test_the_older_function_call() -> None:
    answer = chat({"function_call": {"name": "f", "arguments": "{"}}, {"function_call": {"arguments": "}"}}, choices=[])
    assert list(answer.calls.values()) == [Call(None, "f", "function", 0, "{}")]


def test_calls_of_parallel_choices_stay_apart() -> None:
    def piece(choice: int, **fragment: Any) -> dict[str, Any]:
        return {"choices": [{"index": choice, "delta": {"tool_calls": [{"index": 0, **fragment}]}}]}

    answer = assemble(
        read_all(
            "openai-chat",
            sse(
                piece(0, id="a", **function("f", "[")),
                piece(1, id="a", **function("f", "{")),
                piece(0, **function(None, "]")),
                piece(1, **function(None, "}")),
            ),
        )
    )
    assert [(call.choice, call.arguments) for call in answer.calls.values()] == [(0, "[]"), (1, "{}")]


# -- deltas ------------------------------------------------------------------------------------------------------------


def test_mistral_thinks_in_lists() -> None:
    answer = chat(
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
        {"content": [{"type": "text", "text": "a"}, {"type": "reference", "reference_ids": [1]}]},
        {"content": "b"},
    )
    assert (answer.reasoning, answer.text, len(answer.citations)) == ({0: "hm"}, {0: "ab"}, 1)


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_has_two_names(name: str) -> None:
    assert chat({name: "hm", "content": None}).reasoning == {0: "hm"}


def test_reasoning_sent_twice_counts_once_and_keeps_its_signature() -> None:
    detail = {"type": "reasoning.text", "text": "hm", "signature": "sig"}
    answer = chat({"reasoning": "hm", "reasoning_details": [detail]}, {"reasoning_details": [detail]})
    assert (answer.reasoning, answer.signatures) == ({0: "hm"}, ["sig", "sig"])


def test_reasoning_that_comes_again_in_details_alone_counts_once() -> None:
    """Whichever form a choice uses first has its text."""
    detail = {"type": "reasoning.text", "text": "The", "index": 0}
    assert chat({"content": "", "reasoning": "The"}, {"content": "", "reasoning_details": [detail]}).reasoning == {
        0: "The"
    }
    assert chat({"reasoning_details": [detail]}, {"reasoning": "The"}, {"reasoning_details": [detail]}).reasoning == {
        0: "TheThe"
    }
    mirrored = {"reasoning": "a", "reasoning_content": "a", "thinking_blocks": [{"thinking": "a", "signature": "s"}]}
    answer = chat(mirrored)
    assert (answer.reasoning, answer.signatures) == ({0: "a"}, ["s"])


def test_a_signature_alone_does_not_tell_which_form_has_the_text() -> None:
    hidden = {"thinking_blocks": [{"type": "redacted_thinking", "data": "xyz"}]}
    answer = chat(hidden, {"reasoning_content": "hm"})
    assert (answer.reasoning, answer.signatures) == ({0: "hm"}, ["xyz"])


def test_an_empty_custom_tool_beside_a_function_is_none() -> None:
    call = {
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "custom": {"name": "", "input": ""},
    }
    (found,) = chat({"tool_calls": [call]}).calls.values()
    assert (found.name, found.kind, found.arguments) == ("f", "function", "{}")


def test_sealed_reasoning() -> None:
    delta = {"reasoning_details": [{"type": "reasoning.encrypted", "data": "xyz"}]}
    assert read_all("openai-chat", sse({"choices": [{"delta": delta}]}))[1] == e.ReasoningDelta("", 0, "xyz", True)


def test_refusal_audio_images_and_sources() -> None:
    cited = {"type": "url_citation", "url_citation": {"url": "https://a", "title": "A"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + b64(b"12345")}}
    delta = {
        "refusal": "no",
        "audio": {"data": b64(b"1234"), "transcript": "hi"},
        "annotations": [cited],
        "images": [image],
    }
    assert read_all("openai-chat", sse({"choices": [{"delta": delta}]}))[1:-1] == [
        e.RefusalDelta("no"),
        e.AudioDelta(4, "hi"),
        e.Citation("https://a", "A"),
        e.ImageDelta(5, "image/png"),
    ]


def test_a_delta_with_an_unknown_field_is_named() -> None:
    events = read_all("openai-chat", sse({"choices": [{"delta": {"hologram": "x"}}]}))
    assert e.Unrecognised("delta with hologram") in events


def test_perplexity_repeats_its_message_and_its_sources() -> None:
    def piece(delta: str, whole: str) -> dict[str, Any]:
        return {
            "object": "chat.completion",
            "citations": ["https://a", "https://b"],
            "usage": {"prompt_tokens": 1, "completion_tokens": len(whole)},
            "choices": [{"index": 0, "delta": {"content": delta}, "message": {"content": whole}}],
        }

    answer = assemble(read_all("openai-chat", sse(piece("a", "a"), piece("b", "ab"))))
    assert answer.text == {0: "ab"}
    assert [source.url for source in answer.citations] == ["https://a", "https://b"]
    assert answer.usage == e.UsageReported(1, 2, quality="partial")


def test_a_whole_response_with_an_empty_delta_beside_its_message() -> None:
    """Perplexity, whole or as the only chunk of a stream; in a stream the last message repeats what came."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "stop"}
    body = {"object": "chat.completion", "choices": [{**choice, "message": {"role": "assistant", "content": "all"}}]}
    assert assemble(read_whole("openai-chat", body)).text == {0: "all"}
    assert assemble(read_all("openai-chat", sse(body))).text == {0: "all"}
    assert assemble(read_all("openai-chat", sse(one_delta(content="all"), body))).text == {0: "all"}


@pytest.mark.parametrize("failed", [False, True])
def test_a_whole_response_as_a_chunk(failed: bool) -> None:
    message = {
        "content": "OK",
        "reasoning_content": "hm",
        "tool_calls": [{"id": "a", "type": "function", **function("f", '{"x":1}')}],
    }
    body = {
        "id": "c1",
        "model": "m",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 1},
    }
    reader = make_reader("openai-chat")
    answer = assemble([*reader.read(Chunk(json.dumps(body).encode(), "", failed)), *reader.finish()])
    assert (answer.text, answer.reasoning) == ({0: "OK"}, {0: "hm"})
    assert [(call.name, call.arguments) for call in answer.calls.values()] == [("f", '{"x":1}')]
    assert answer.finishes == [e.ResponseFinished("tool_calls", "tool_calls")]
    assert answer.usages == [e.UsageReported(7, 1)]


def test_a_choice_index_out_of_range() -> None:
    assert make_reader("openai-chat").read(sse({"choices": [{"index": 128, "delta": {"content": "x"}}]})[0])[1:] == [
        e.Unrecognised("choice index out of range")
    ]


# -- what is said under other names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delta", "reasoning", "signatures"),
    [
        ({"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]}, "hm", []),
        ({"content": [{"type": "thinking", "thinking": "hm", "signature": "s"}]}, "hm", ["s"]),
        ({"content": [{"type": "redacted_thinking", "data": "s"}]}, "", ["s"]),
        ({"reasoning_content": {"text": "hm", "signature": "s"}}, "hm", ["s"]),
        ({"reasoning_content": {"reasoningText": {"text": "hm", "signature": "s"}}}, "hm", ["s"]),
        ({"reasoning_content": {"redactedContent": "s"}}, "", ["s"]),
        ({"reasoning_text": "hm", "reasoning_opaque": "s"}, "hm", ["s"]),
        ({"reasoning": "hm", "reasoning_signature": "s"}, "hm", ["s"]),
        ({"thinking": "hm"}, "hm", []),
        ({"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]}, "hm", ["s"]),
        ({"content": "hm", "extra_content": {"google": {"thought": True}}}, "hm", []),
        ({"content": "", "extra_content": {"google": {"thought_signature": "s"}}}, "", ["s"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_reasoning_in_all_its_shapes(delta: dict[str, Any], reasoning: str, signatures: list[str]) -> None:
    answer = chat({"role": "assistant"}, {"content": "x"}, delta, choices=[])
    assert (answer.reasoning.get(0, ""), answer.signatures) == (reasoning, signatures)
    assert answer.text == {0: "x"}
    assert answer.unrecognised == []


@pytest.mark.parametrize(
    "content", [["a", "b"], {"type": "text", "text": "ab"}, [{"text": "a"}, {"type": "text", "text": "b"}]]
)
def test_content_that_is_no_string(content: object) -> None:
    assert chat({"content": content}).text == {0: "ab"}


def test_the_signature_of_a_call() -> None:
    """Gemini's compatible path refuses the next request without it."""
    call = {"id": "f1", "extra_content": {"google": {"thought_signature": "SIG"}}, **function("f", "{}")}
    events = read_chunk("openai-chat", one_delta(tool_calls=[call]))
    assert events[1] == e.ToolCallStarted(0, "f1", "f", signature="SIG")


def test_empty_members_beside_a_call_are_no_calls() -> None:
    """Snowflake."""
    call = {"index": 0, "id": "a", "type": "function", "custom": {}, **function("f", '{"x":1}')}
    assert calls(call) == [("a", "f", '{"x":1}')]
    for empty in ({}, {"name": "", "arguments": ""}, {"name": None, "arguments": None}):
        assert chat({"content": "x", "function_call": empty}).calls == {}
        assert list(chat({"tool_calls": [call], "function_call": empty}).calls.values()) == [
            Call("a", "f", "function", 0, '{"x":1}')
        ]


@pytest.mark.parametrize("whole", [False, True])
def test_a_reason_of_nothing_beside_calls(whole: bool) -> None:
    """Snowflake tells no reason."""
    message = {"tool_calls": [{"id": "a", **function("f", '{"x":1}')}]}
    if whole:
        events = read_whole("openai-chat", {"choices": [{"message": message, "finish_reason": ""}]})
    else:
        events = read_all("openai-chat", sse({"choices": [{"delta": message, "finish_reason": ""}]}, b"[DONE]"))
    assert assemble(events).finishes == [e.ResponseFinished("tool_calls")]


def test_the_start_waits_for_an_id() -> None:
    chunks = sse(one_delta(role="assistant"), {"id": "c", "model": "m", **one_delta(content="x")})
    assert read_all("openai-chat", chunks)[:2] == [e.ResponseStarted("c", "m"), e.TextDelta("x")]
    assert read_all("openai-chat", sse(one_delta(content="x")))[:2] == [e.ResponseStarted(), e.TextDelta("x")]


# -- ends, usage, errors -----------------------------------------------------------------------------------------------


def test_an_end_waits_for_the_usage_behind_it() -> None:
    reader = make_reader("openai-chat")
    end, usage = sse(
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}},
    )
    assert reader.read(end) == [e.ResponseStarted()]
    assert reader.read(usage) == [e.UsageReported(5, 7)]
    assert reader.finish() == [e.ResponseFinished("stop", "stop")]
    assert reader.finish() == []


def test_a_choice_without_a_finish_ends_as_unknown() -> None:
    def piece(choice: int, reason: str | None = None, **delta: Any) -> dict[str, Any]:
        return {"choices": [{"index": choice, "delta": delta, "finish_reason": reason}]}

    chunks = sse(piece(0, content="A"), piece(1, "stop", content="B"), piece(1, "stop"), b"[DONE]")
    assert assemble(read_all("openai-chat", chunks)).finishes == [
        e.ResponseFinished("unknown"),
        e.ResponseFinished("stop", "stop", 1),
    ]


def test_the_end_of_the_format() -> None:
    reader = make_reader("openai-chat")
    for chunk in sse(one_delta(content="x"), {"choices": [{"index": 1, "delta": {"content": "y"}}]}):
        reader.read(chunk)
    for choice, seen in ((0, False), (1, True)):
        reader.read(sse({"choices": [{"index": choice, "delta": {}, "finish_reason": "stop"}]})[0])
        assert reader.finish_seen is seen
    reader.read(sse(one_delta(content="on"))[0])
    assert not reader.complete
    reader.read(sse(b"[DONE]")[0])
    assert reader.terminated
    assert reader.complete


def test_a_stream_without_anything_ends_as_unknown() -> None:
    assert read_all("openai-chat", []) == [e.ResponseFinished("unknown")]
    assert read_whole("openai-chat", {"object": "list", "data": []}) == []


def test_running_totals_are_partial_until_the_finish() -> None:
    def piece(count: int, reason: str | None = None) -> dict[str, Any]:
        usage = {"prompt_tokens": 7, "completion_tokens": count}
        return {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": reason}], "usage": usage}

    zero = {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}
    assert assemble(read_all("openai-chat", sse(piece(1), piece(2), piece(2, "stop"), zero))).usages == [
        e.UsageReported(7, 1, quality="partial"),
        e.UsageReported(7, 2, quality="partial"),
        e.UsageReported(7, 2),
    ]


@pytest.mark.parametrize(
    "error",
    [
        {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
        {"choices": [{"delta": {"content": ""}, "error": {"message": "m", "code": 502}}]},
    ],
)
def test_errors_that_have_places_of_their_own(error: dict[str, Any]) -> None:
    for events in (read_whole("openai-chat", error), read_all("openai-chat", sse(one_delta(content="x"), error))):
        answer = assemble(events)
        assert len(answer.failures) == 1
        assert answer.finishes == []
    fine = {"choices": [{"message": {"content": "x"}}], "base_resp": {"status_code": 0, "status_msg": "success"}}
    assert assemble(read_whole("openai-chat", fine)).failures == []


def test_a_repeated_finish_reason_is_one_end() -> None:
    answer = assemble(read_all("openai-chat", sse(*[{"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}] * 16)))
    assert answer.finishes == [e.ResponseFinished("tool_calls", "tool_calls")]


@pytest.mark.parametrize("reason", [None, ""])
def test_no_reason_is_no_end(reason: str | None) -> None:
    answer = assemble(read_all("openai-chat", sse({"choices": [{"delta": {"content": "x"}, "finish_reason": reason}]})))
    assert answer.finishes == [e.ResponseFinished("unknown")]


def test_an_empty_usage_does_not_replace_a_usage() -> None:
    chunks = sse({"choices": [], "usage": {"prompt_tokens": 5}}, {"choices": [], "usage": None}, {"choices": []})
    assert assemble(read_all("openai-chat", chunks)).usages == [e.UsageReported(5)]


@pytest.mark.parametrize(
    ("chunk", "usage"),
    [
        ({"x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}}, e.UsageReported(1, 2)),
        ({"choices": [{"usage": {"prompt_tokens": 1, "cached_tokens": 1}}]}, e.UsageReported(1, None, 1)),
        ({"usage": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}}, e.UsageReported(9, None, 4)),
        (
            {
                "usage": {
                    "prompt_tokens": 9,
                    "completion_tokens": 2,
                    "total_tokens": 41,
                    "completion_tokens_details": {"reasoning_tokens": 30},
                }
            },
            e.UsageReported(9, 32, reasoning_output_tokens=30),
        ),
        (
            {
                "usage": {
                    "prompt_tokens": 9,
                    "completion_tokens": 32,
                    "total_tokens": 41,
                    "prompt_tokens_details": {"audio_tokens": 3, "cached_tokens": 50, "cache_write_tokens": 1},
                    "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 1},
                }
            },
            e.UsageReported(60, 32, 50, 1, 30, 3, 1),
        ),
        ({"usage": {"prompt_tokens": 9.0, "completion_tokens": True}}, e.UsageReported(9)),
        ({"usage": {"prompt_tokens": 10**30, "completion_tokens": -1}}, e.UsageReported()),
    ],
    ids=["groq", "moonshot", "deepseek", "xai", "parts beside the whole", "odd numbers", "impossible numbers"],
)
def test_usage(chunk: dict[str, Any], usage: e.UsageReported) -> None:
    events = make_reader("openai-chat").read(sse({"choices": [], **chunk})[0])
    assert [
        msgspec.structs.replace(event, quality="final") for event in events if isinstance(event, e.UsageReported)
    ] == [usage]


def test_after_a_failure_there_is_no_end() -> None:
    """OpenRouter: an end with ``length``, then an error beside choices and usage."""
    chunks = sse(
        {"choices": [{"delta": {"content": "x"}, "finish_reason": "length"}]},
        {
            "choices": [{"delta": {"content": ""}}],
            "error": {"code": 400, "message": "m"},
            "usage": {"prompt_tokens": 1},
        },
    )
    answer = assemble(read_all("openai-chat", chunks))
    assert (answer.failures, answer.finishes) == ([response_failed("m", None, "400")], [])
    assert answer.usage == e.UsageReported(1)


# -- rare shapes -------------------------------------------------------------------------------------------------------


def one_delta(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    (
        "openai-chat",
        one_delta(tool_calls=[{"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": "raw"}}]),
        [e.ToolCallStarted(0, "a", "f", 0, "custom"), e.ToolCallDelta(0, "raw")],
    ),
    ("openai-chat", one_delta(content=[{"type": "image_url", "image_url": "https://a"}]), [e.ImageDelta(0)]),
    ("openai-chat", one_delta(content=[{"type": "refusal", "refusal": "no"}]), [e.RefusalDelta("no")]),
    ("openai-chat", one_delta(content=[{"type": "hologram"}]), [e.Unrecognised("content part hologram")]),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events


RARE_WHOLE: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    (
        "openai-chat",
        {"object": "list", "data": [{"embedding": [0.1]}], "usage": {"prompt_tokens": 3, "total_tokens": 3}},
        [e.UsageReported(3)],
    ),
    ("openai-chat", {"object": "list", "data": []}, []),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_WHOLE, ids=lambda value: str(value)[:50])
def test_a_rare_whole_answer(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One whole answer as the provider may send it and seldom does."""
    assert without_frame(read_whole(format, value)) == events


# -- recordings --------------------------------------------------------------------------------------------------------


@needs_recordings
def test_awkward_recordings() -> None:
    answer = recorded_answer("openrouter/google-gemini-2-5-flash-lite-object-streaming.sse")
    assert len(answer.calls) == 15
    assert len({call.id for call in answer.calls.values()}) == 15
    answer = recorded_answer("groq/tool-use-failed-error-streaming-with-text.sse")
    assert answer.failures[0].code == "tool_use_failed"
    assert answer.text
    assert not answer.finishes
    answer = recorded_answer("openai-compatible/anthropic-fallback-tool-call.sse")
    assert [json.loads(call.arguments or "{}") for call in answer.calls.values()]
    answer = recorded_answer(
        "gemini-openai-compat/openai-chat-model-gemini-acomplete-return-1-2-3-4-5-output-types2-list.sse"
    )
    assert [(call.id, json.loads(call.arguments)) for call in answer.calls.values()] == [
        (None, {"value": [1, 2, 3, 4, 5]})
    ]
    answer = recorded_answer("openai-chat/chat-completion-multiple-choices-streaming.sse")
    assert set(answer.text) == {0, 1}
    assert [end.choice for end in answer.finishes] == [0, 1]
