"""OpenAI's formats and those who speak them with an accent: what no recording shows, and the awkward recordings."""

import json
from typing import Any

import pytest
from tests.recorded.recordings import RECORDINGS, Answer, Call, assemble, b64, needs_recordings, read_all, sse

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.events import (
    AudioDelta,
    Citation,
    ImageDelta,
    ReasoningDelta,
    RefusalDelta,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Unrecognised,
    UsageReported,
)
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


def recorded(file: str) -> Answer:
    return assemble(next(recording for recording in RECORDINGS if recording.file == file).events())


# -- tool calls: the one rule that fits all ---------------------------------------------------------------------


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


def test_what_has_neither_continues_the_last_call() -> None:
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


# -- deltas -----------------------------------------------------------------------------------------------------


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


def test_reasoning_said_twice_counts_once_and_keeps_its_signature() -> None:
    detail = {"type": "reasoning.text", "text": "hm", "signature": "sig"}
    answer = chat({"reasoning": "hm", "reasoning_details": [detail]}, {"reasoning_details": [detail]})
    assert (answer.reasoning, answer.signatures) == ({0: "hmhm"}, ["sig", "sig"])


def test_sealed_reasoning() -> None:
    delta = {"reasoning_details": [{"type": "reasoning.encrypted", "data": "xyz"}]}
    assert read_all("openai-chat", sse({"choices": [{"delta": delta}]}))[1] == ReasoningDelta("", 0, "xyz", True)


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
        RefusalDelta("no"),
        AudioDelta(4, "hi"),
        Citation("https://a", "A"),
        ImageDelta(5, "image/png"),
    ]


def test_a_delta_with_something_new_commits() -> None:
    events = read_all("openai-chat", sse({"choices": [{"delta": {"hologram": "x"}}]}))
    assert Unrecognised("delta with hologram") in events


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
    assert answer.usage == UsageReported(1, 2)


def test_a_choice_beyond_all_reason() -> None:
    assert make_reader("openai-chat").read(sse({"choices": [{"index": 128, "delta": {"content": "x"}}]})[0])[1:] == [
        Unrecognised("choice index out of range")
    ]


# -- ends, usage, errors ----------------------------------------------------------------------------------------


def test_an_end_waits_for_the_usage_behind_it() -> None:
    reader = make_reader("openai-chat")
    end, usage = sse(
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}},
    )
    assert reader.read(end) == [ResponseStarted()]
    assert reader.read(usage) == [UsageReported(5, 7)]
    assert reader.finish() == [ResponseFinished("stop", "stop")]
    assert reader.finish() == []


def test_an_end_said_sixteen_times_is_one_end() -> None:
    answer = assemble(read_all("openai-chat", sse(*[{"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}] * 16)))
    assert answer.finishes == [ResponseFinished("tool_calls", "tool_calls")]


@pytest.mark.parametrize("reason", [None, ""])
def test_no_reason_is_no_end(reason: str | None) -> None:
    answer = assemble(read_all("openai-chat", sse({"choices": [{"delta": {"content": "x"}, "finish_reason": reason}]})))
    assert answer.finishes == [ResponseFinished("unknown")]


def test_no_usage_behind_usage() -> None:
    chunks = sse({"choices": [], "usage": {"prompt_tokens": 5}}, {"choices": [], "usage": None}, {"choices": []})
    assert assemble(read_all("openai-chat", chunks)).usages == [UsageReported(5)]


@pytest.mark.parametrize(
    ("chunk", "usage"),
    [
        ({"x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}}, UsageReported(1, 2)),
        ({"choices": [{"usage": {"prompt_tokens": 1, "cached_tokens": 1}}]}, UsageReported(1, None, 1)),
        ({"usage": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}}, UsageReported(9, None, 4)),
        (
            {
                "usage": {
                    "prompt_tokens": 9,
                    "completion_tokens": 2,
                    "total_tokens": 41,
                    "completion_tokens_details": {"reasoning_tokens": 30},
                }
            },
            UsageReported(9, 32, reasoning_output_tokens=30),
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
            UsageReported(9, 32, 9, 0, 30, 3, 1),
        ),
        ({"usage": {"prompt_tokens": 9.0, "completion_tokens": True}}, UsageReported(9)),
        ({"usage": {"prompt_tokens": 10**30, "completion_tokens": -1}}, UsageReported()),
    ],
    ids=["groq", "moonshot", "deepseek", "xai", "parts never exceed the whole", "odd numbers", "impossible numbers"],
)
def test_usage(chunk: dict[str, Any], usage: UsageReported) -> None:
    events = make_reader("openai-chat").read(sse({"choices": [], **chunk})[0])
    assert [event for event in events if isinstance(event, UsageReported)] == [usage]


@pytest.mark.parametrize(
    ("value", "failure"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c"}}, ResponseFailed("m", "t", "c")),
        ({"error": {"message": "m", "code": 429, "metadata": {}}, "choices": []}, ResponseFailed("m", None, "429")),
        ({"error": "m", "code": "c"}, ResponseFailed("m", None, "c")),
        ({"error": "m", "error_type": "overloaded"}, ResponseFailed("m", "overloaded")),
        ({"error": ["m", "n"]}, ResponseFailed("m; n")),
        ({"error": {"message": "m", "http_status_code": 422}}, ResponseFailed("m", None, "422")),
        ({"error": {}, "message": "m"}, ResponseFailed("m")),
        ({"error": {"message": "m", "code": 10**30}}, ResponseFailed("m")),
        ({"error": {"type": "overloaded_error"}}, ResponseFailed("overloaded_error", "overloaded_error")),
        ({"detail": "m"}, ResponseFailed("m")),
        ({"detail": [{"loc": ["body"], "msg": "m"}]}, ResponseFailed("m")),
        ({"detail": {"status": "quota", "message": "m"}}, ResponseFailed("m", "quota")),
        ({"object": "error", "message": "m", "type": "t", "code": 3}, ResponseFailed("m", "t", "3")),
        ({"statusCode": 429, "message": "m"}, ResponseFailed("m", None, "429")),
        ({"Message": "m"}, ResponseFailed("m")),
        ({"success": False, "errors": [{"code": 7003, "message": "m"}]}, ResponseFailed("m", None, "7003")),
        ({"err_code": "E", "err_msg": "m"}, ResponseFailed("m", "E", "E")),
        ({"title": "Bad", "message": "m", "error_code": "x"}, ResponseFailed("m", None, "x")),
        ([{"error": {"message": "m", "status": "S", "code": 400}}], ResponseFailed("m", "S", "400")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_errors_come_in_many_shapes(value: object, failure: ResponseFailed) -> None:
    body = json.dumps(value).encode()
    assert make_reader("openai-chat").read_whole(body) == [failure]
    assert make_reader("openai-chat").read(Chunk(body, "", True)) == [failure]


def test_bodies_that_are_no_json_are_errors() -> None:
    page = b"<!DOCTYPE html>\n<html><head><title>404 Not\nFound</title></head>"
    assert make_reader("openai-chat").read_whole(page) == [ResponseFailed("404 Not Found", "not_json")]
    assert make_reader("openai-chat").read_whole(b"Not Found") == [ResponseFailed("Not Found", "not_json")]
    assert make_reader("openai-chat").read_whole(b" \n ") == []
    binary = [ResponseFailed("6 bytes that are no JSON", "not_json")]
    assert make_reader("openai-chat").read_whole(b"\x89PNG\0\xff") == binary


def test_an_endless_message_is_cut() -> None:
    (event,) = make_reader("openai-chat").read_whole(json.dumps({"error": "x" * 10_000}).encode())
    assert isinstance(event, ResponseFailed)
    assert len(event.message) == 2000


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
    assert (answer.failures, answer.finishes) == ([ResponseFailed("m", None, "400")], [])
    assert answer.usage == UsageReported(1)


def test_an_error_event_with_raw_text() -> None:
    assert make_reader("openai-chat").read(Chunk(b"went wrong", "error")) == [ResponseFailed("went wrong", "error")]


@needs_recordings
def test_awkward_recordings() -> None:
    answer = recorded("openrouter/google-gemini-2-5-flash-lite-object-streaming.sse")
    assert len(answer.calls) == 15
    assert len({call.id for call in answer.calls.values()}) == 15
    answer = recorded("groq/tool-use-failed-error-streaming-with-text.sse")
    assert answer.failures[0].code == "tool_use_failed"
    assert answer.text
    assert not answer.finishes
    answer = recorded("openai-compatible/anthropic-fallback-tool-call.sse")
    assert [json.loads(call.arguments or "{}") for call in answer.calls.values()]
    answer = recorded("gemini-openai-compat/openai-chat-model-gemini-acomplete-return-1-2-3-4-5-output-types2-list.sse")
    assert [(call.id, json.loads(call.arguments)) for call in answer.calls.values()] == [
        (None, {"value": [1, 2, 3, 4, 5]})
    ]
    answer = recorded("openai-chat/chat-completion-multiple-choices-streaming.sse")
    assert set(answer.text) == {0, 1}
    assert [end.choice for end in answer.finishes] == [0, 1]


# -- Responses --------------------------------------------------------------------------------------------------


def responses(*events: dict[str, Any]) -> Answer:
    return assemble(read_all("openai-responses", sse(*events)))


def test_the_kinds_of_calls() -> None:
    def item(index: int, **fields: Any) -> list[dict[str, Any]]:
        added = {"type": "response.output_item.added", "output_index": index, "item": {**fields, "action": None}}
        return [added, {"type": "response.output_item.done", "output_index": index, "item": fields}]

    answer = responses(
        *item(0, type="function_call", call_id="c", id="i", name="f", arguments='{"a":1}'),
        *item(1, type="custom_tool_call", call_id="d", name="grep", input="any text"),
        *item(2, type="web_search_call", id="w", action={"type": "search", "query": "q"}),
        *item(3, type="code_interpreter_call", id="x", code="1+1"),
        *item(4, type="mcp_call", id="m", name="tool", arguments="{}"),
        *item(5, type="web_search_call", id="w2"),
        {"type": "response.completed", "response": {"status": "completed"}},
    )
    assert list(answer.calls.values()) == [
        Call("c", "f", "function", 0, '{"a":1}'),
        Call("d", "grep", "custom", 0, "any text"),
        Call("w", "web_search", "provider", 0, '{"type":"search","query":"q"}'),
        Call("x", "code_interpreter", "provider", 0, '{"code":"1+1"}'),
        Call("m", "tool", "provider", 0, "{}"),
        Call("w2", "web_search", "provider", 0, ""),
    ]
    assert answer.finishes == [ResponseFinished("tool_calls", "completed")]


def test_arguments_said_by_deltas_done_and_item_count_once() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    answer = responses(
        {"type": "response.output_item.added", "output_index": 3, "item": item},
        {"type": "response.function_call_arguments.delta", "output_index": 3, "delta": '{"a"'},
        {"type": "response.function_call_arguments.delta", "output_index": 3, "delta": ":1}"},
        {"type": "response.function_call_arguments.done", "output_index": 3, "arguments": '{"a":1}'},
        {"type": "response.output_item.done", "output_index": 3, "item": {**item, "arguments": '{"a":1}'}},
    )
    assert [call.arguments for call in answer.calls.values()] == ['{"a":1}']


@pytest.mark.parametrize(
    ("response", "end"),
    [
        ({"status": "completed"}, ResponseFinished("stop", "completed")),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
         ResponseFinished("length", "max_output_tokens")),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
         ResponseFinished("content_filter", "content_filter")),
        ({"status": "cancelled"}, ResponseFinished("error", "cancelled")),
    ],
)  # fmt: skip
def test_ends_of_responses(response: dict[str, Any], end: ResponseFinished) -> None:
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3},
        "output_tokens": 4,
    }
    events = make_reader("openai-responses").read(
        sse({"type": "response." + response["status"], "response": {**response, "usage": usage}})[0]
    )
    assert events == [UsageReported(9, 4, 2, 3), end]


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "sequence_number": 2, "error": {"type": "t", "code": "c", "message": "m"}},
        {"type": "error", "code": "c", "message": "m", "param": None},
    ],
)
@pytest.mark.parametrize("event", ["error", ""])
def test_errors_nested_and_flat_and_then_failed(error: dict[str, Any], event: str) -> None:
    failed = {
        "type": "response.failed",
        "response": {"error": {"code": "c", "message": "m"}, "usage": {"input_tokens": 1}},
    }
    reader = make_reader("openai-responses")
    (first,) = reader.read(Chunk(json.dumps(error).encode(), event))
    assert isinstance(first, ResponseFailed)
    assert (first.message, first.code) == ("m", "c")
    assert reader.read(sse(failed)[0]) == [UsageReported(1)]
    assert reader.finish() == []
    assert make_reader("openai-responses").read(sse(failed)[0])[-1] == ResponseFailed("m", None, "c")


def test_sealed_reasoning_of_responses() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "xyz"}
    chunk = sse({"type": "response.output_item.done", "output_index": 0, "item": item})[0]
    assert make_reader("openai-responses").read(chunk) == [ReasoningDelta("", 0, "xyz", True)]


def test_a_background_response_has_not_ended() -> None:
    body = json.dumps({"object": "response", "id": "r", "status": "queued", "output": []}).encode()
    assert make_reader("openai-responses").read_whole(body) == [ResponseStarted("r")]


@needs_recordings
def test_ids_that_rotate_do_not_tear_calls_apart() -> None:
    answer = recorded("openai-responses/vercel-github-copilot-id-rotation-1.sse")
    assert len(answer.starts) == 1
    assert answer.text or answer.calls


# -- smaller formats --------------------------------------------------------------------------------------------


def test_speech_as_events() -> None:
    chunks = sse(
        {"type": "speech.audio.delta", "audio": b64(b"123456")},
        {"type": "speech.audio.done", "usage": {"input_tokens": 3, "output_tokens": 5}},
    )
    assert read_all("openai-audio", chunks) == [
        ResponseStarted(),
        AudioDelta(6),
        UsageReported(3, 5),
        ResponseFinished("stop"),
    ]


def test_speech_as_bytes_and_a_transcript_as_text() -> None:
    reader = make_reader("openai-audio")
    assert reader.read(Chunk(b"\xff\xfb\x90" * 5)) == [AudioDelta(15)]
    assert make_reader("openai-audio").read_whole(b"\xff\xfb\x90") == [AudioDelta(3), ResponseFinished("stop")]
    assert make_reader("openai-audio").read_whole(b"Hello.\n") == [TextDelta("Hello.\n"), ResponseFinished("stop")]


def test_an_assistants_run() -> None:
    run = {"object": "thread.run", "id": "run", "model": "gpt"}
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    step = {"object": "thread.run.step.delta", "delta": {"step_details": {"tool_calls": [call]}}}
    usage = {"prompt_tokens": 2, "completion_tokens": 3}
    chunks = sse({**run, "status": "queued"}, step, {**run, "status": "requires_action", "usage": usage})
    assert read_all("openai-assistants", [*chunks, Chunk(b"[DONE]", "done")]) == [
        ResponseStarted("run", "gpt"),
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, "{}"),
        UsageReported(2, 3),
        ResponseFinished("tool_calls", "requires_action"),
    ]
    failed = {**run, "status": "failed", "last_error": {"code": "rate_limit", "message": "m"}}
    assert read_all("openai-assistants", sse(failed))[1:] == [ResponseFailed("m", None, "rate_limit")]


def test_workers_ai_native_stream() -> None:
    chunks = sse(
        {"response": "4", "p": "abcdef"},
        {"response": 2, "p": "ab"},
        {"response": "", "tool_calls": [{"name": "f", "arguments": {"x": 1}}], "p": "abc"},
        {"response": "", "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}},
        b"[DONE]",
    )
    assert read_all("workers-ai", chunks) == [
        ResponseStarted(),
        TextDelta("4"),
        TextDelta("2"),
        ToolCallStarted(0, None, "f"),
        ToolCallDelta(0, '{"x":1}'),
        UsageReported(7, 3),
        ResponseFinished("tool_calls"),
    ]


@pytest.mark.parametrize(
    ("body", "events"),
    [
        ({"result": {"response": "Hi", "usage": {"prompt_tokens": 1}}, "success": True, "errors": []},
         [ResponseStarted(), TextDelta("Hi"), UsageReported(1), ResponseFinished("stop")]),
        ({"result": {"text": "heard", "word_count": 1}, "success": True}, [TextDelta("heard")]),
        ({"result": {"image": b64(b"12345")}, "success": True}, [ImageDelta(5)]),
        ({"result": None, "success": False, "errors": [{"code": 5007, "message": "No such model"}]},
         [ResponseFailed("No such model", None, "5007")]),
        ({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], "object": "chat.completion"},
         [ResponseStarted(), TextDelta("Hi"), ResponseFinished("stop", "stop")]),
        ({"result": {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}, "success": True},
         [ResponseStarted(), TextDelta("Hi"), ResponseFinished("stop", "stop")]),
    ],
)  # fmt: skip
def test_workers_ai_whole(body: dict[str, Any], events: list[object]) -> None:
    assert make_reader("workers-ai").read_whole(json.dumps(body).encode()) == events
