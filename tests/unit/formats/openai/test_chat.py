"""OpenAI's chat format and its dialects: shapes that no recording shows, and the awkward recordings."""

import json
from typing import Any

import pytest
from tests.recorded.recordings import (
    needs_recordings,
    recorded_answer,
)
from tests.unit.formats.answers import Answer, Call, assemble
from tests.unit.formats.reading import (
    b64,
    read_all,
    read_chunk,
    read_whole,
    sse,
    without_frame,
)

from aigw_sansio import events as e
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
    assert (answer.reasoning, answer.signatures) == ({0: "hmhm"}, ["sig", "sig"])


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


def test_a_delta_with_an_unknown_field_commits() -> None:
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
    assert answer.usage == e.UsageReported(1, 2)


def test_a_choice_index_out_of_range() -> None:
    assert make_reader("openai-chat").read(sse({"choices": [{"index": 128, "delta": {"content": "x"}}]})[0])[1:] == [
        e.Unrecognised("choice index out of range")
    ]


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
            e.UsageReported(9, 32, 9, 0, 30, 3, 1),
        ),
        ({"usage": {"prompt_tokens": 9.0, "completion_tokens": True}}, e.UsageReported(9)),
        ({"usage": {"prompt_tokens": 10**30, "completion_tokens": -1}}, e.UsageReported()),
    ],
    ids=["groq", "moonshot", "deepseek", "xai", "parts never exceed the whole", "odd numbers", "impossible numbers"],
)
def test_usage(chunk: dict[str, Any], usage: e.UsageReported) -> None:
    events = make_reader("openai-chat").read(sse({"choices": [], **chunk})[0])
    assert [event for event in events if isinstance(event, e.UsageReported)] == [usage]


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
    assert (answer.failures, answer.finishes) == ([e.ResponseFailed("m", None, "400")], [])
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
