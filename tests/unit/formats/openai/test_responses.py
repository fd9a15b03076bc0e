"""OpenAI's Responses format: shapes that no recording shows, and the awkward recordings."""

import json
from typing import Any

import pytest
from tests.reading.answers import Answer, Call, assemble
from tests.reading.formats import (
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
from aigw_sansio.formats.classify import marker_search
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


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
    assert answer.finishes == [e.ResponseFinished("tool_calls", "completed")]


def test_arguments_sent_three_times_count_once() -> None:
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
        ({"status": "completed"}, e.ResponseFinished("stop", "completed")),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
         e.ResponseFinished("length", "max_output_tokens")),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
         e.ResponseFinished("content_filter", "content_filter")),
        ({"status": "cancelled"}, e.ResponseFinished("error", "cancelled")),
    ],
)  # fmt: skip
def test_ends_of_responses(response: dict[str, Any], end: e.ResponseFinished) -> None:
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3},
        "output_tokens": 4,
    }
    events = make_reader("openai-responses").read(
        sse({"type": "response." + response["status"], "response": {**response, "usage": usage}})[0]
    )
    assert events == [e.UsageReported(9, 4, 2, 3), end]


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "sequence_number": 2, "error": {"type": "t", "code": "c", "message": "m"}},
        {"type": "error", "code": "c", "message": "m", "param": None},
    ],
)
@pytest.mark.parametrize("event", ["error", ""])
def test_an_error_nested_or_flat_counts_once_before_failed(error: dict[str, Any], event: str) -> None:
    failed = {
        "type": "response.failed",
        "response": {"error": {"code": "c", "message": "m"}, "usage": {"input_tokens": 1}},
    }
    reader = make_reader("openai-responses")
    (first,) = reader.read(Chunk(json.dumps(error).encode(), event))
    assert isinstance(first, e.ResponseFailed)
    assert (first.message, first.code) == ("m", "c")
    assert reader.read(sse(failed)[0]) == [e.UsageReported(1)]
    assert reader.finish() == []
    assert make_reader("openai-responses").read(sse(failed)[0])[-1] == response_failed("m", None, "c")


ITEM = {"type": "message", "role": "assistant"}
CITED = {"type": "url_citation", "url": "u", "title": "t"}
TEXT = {"type": "output_text", "text": "Hello", "annotations": [CITED]}
CALL = {"type": "function_call", "id": "i", "call_id": "c", "name": "f", "arguments": '{"a":1}'}
THOUGHT = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "s"}
DELTA = {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "Hello"}
HM = {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hm"}


def completed(*output: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"status": "completed", "output": list(output)}}


def done(index: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


MESSAGE = {**ITEM, "content": [TEXT]}


@pytest.mark.parametrize(
    "events",
    [
        [HM, DELTA, done(0, THOUGHT), done(1, MESSAGE), completed(THOUGHT, MESSAGE)],
        [HM, DELTA, completed(THOUGHT, MESSAGE)],
        [done(0, THOUGHT), done(1, MESSAGE), completed(THOUGHT, MESSAGE)],
        [completed(THOUGHT, MESSAGE)],
        [
            {"type": "response.reasoning_summary_text.done", "output_index": 0, "text": "hm"},
            {"type": "response.output_text.done", "output_index": 1, "text": "Hello"},
            done(0, THOUGHT), done(1, MESSAGE), completed(THOUGHT, MESSAGE),
        ],
        [
            {"type": "response.output_text.delta", "delta": "Hello"},  # without an index
            {"type": "response.reasoning_text.delta", "delta": "hm"},
            {"type": "response.output_text.done", "output_index": 1, "text": "Hello"},
            done(0, THOUGHT), done(1, MESSAGE), completed(THOUGHT, MESSAGE),
        ],
    ],
    ids=["deltas", "no items", "items", "completed alone", "pieces whole", "no index"],
)  # fmt: skip
def test_text_and_reasoning_come_once_wherever_they_stand(events: list[dict[str, Any]]) -> None:
    answer = responses(*events)
    assert (answer.text, answer.reasoning) == ({0: "Hello"}, {0: "hm"})
    assert answer.finishes == [e.ResponseFinished("stop", "completed")]


def test_a_refusal_comes_once() -> None:
    part = {**ITEM, "content": [{"type": "refusal", "refusal": "no"}]}
    delta = {"type": "response.refusal.delta", "output_index": 0, "delta": "no"}
    whole = {"type": "response.refusal.done", "output_index": 0, "refusal": "no"}
    for events in ([delta, whole], [whole], [delta], []):
        assert responses(*events, done(0, part), completed(part)).refusal == "no"
    assert responses(completed(part)).refusal == "no"


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"a":1}'}, done(0, CALL)],
        [{"type": "response.function_call_arguments.delta", "item_id": "i", "delta": '{"a":1}'},
         {"type": "response.output_item.done", "item": CALL}],
        [{"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a":1}'}, done(0, CALL)],
        [{"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call", "id": "i"}},
         {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"a":1}'}, done(0, CALL)],
        [done(0, CALL)],
        [],
    ],
    ids=["no start", "no index", "arguments whole", "a start without a name", "the item alone", "completed alone"],
)  # fmt: skip
def test_a_call_has_its_name_whenever_that_comes(events: list[dict[str, Any]]) -> None:
    answer = responses(*events, completed(CALL))
    assert list(answer.calls.values()) == [Call("c", "f", "function", 0, '{"a":1}')]
    assert answer.finishes == [e.ResponseFinished("tool_calls", "completed")]


def test_calls_without_indexes_are_told_apart_by_their_ids() -> None:
    second = {**CALL, "id": "j", "call_id": "d", "name": "g", "arguments": "{}"}
    answer = responses(*({"type": "response.output_item.done", "item": item} for item in (CALL, second)))
    assert [(call.name, call.arguments) for call in answer.calls.values()] == [("f", '{"a":1}'), ("g", "{}")]


def test_who_runs_a_tool() -> None:
    def kinds(**item: Any) -> tuple[str, str]:
        answer = responses(done(0, item), completed())
        return answer.calls[0].kind, answer.finishes[0].reason

    assert kinds(type="tool_search_call", execution="server") == ("provider", "stop")
    assert kinds(type="tool_search_call", execution="client") == ("function", "tool_calls")
    assert kinds(type="shell_call", environment={"type": "container_auto"}) == ("provider", "stop")
    assert kinds(type="shell_call", environment={"type": "local"}) == ("function", "tool_calls")
    assert kinds(type="mcp_approval_request", id="m", name="f", arguments="{}") == ("approval", "tool_calls")


def test_the_users_words_in_a_compaction_are_no_text() -> None:
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "mine"}]}
    body = {"object": "response.compaction", "output": [said, {"type": "compaction", "encrypted_content": "x"}]}
    assert assemble(read_whole("openai-responses", body)).text == {}


def test_a_bare_start_does_not_hide_the_id() -> None:
    created = {"type": "response.created", "response": {"id": "r", "model": "m"}}
    assert responses({"type": "response.in_progress"}, created).starts == [e.ResponseStarted("r", "m")]


@pytest.mark.parametrize("kind", ["keepalive", "ping", "response.keepalive", "response.heartbeat"])
def test_keep_alives_say_nothing(kind: str) -> None:
    assert read_chunk("openai-responses", {"type": kind, "sequence_number": 1}) == []


def test_the_type_may_stand_in_the_name_of_the_event() -> None:
    reader = make_reader("openai-responses")
    markers = reader.markers
    assert reader.read(Chunk(b'{"delta":"Hi"}', "response.output_text.delta")) == [e.TextDelta("Hi")]
    assert marker_search(reader.markers)(b"anything")
    assert not marker_search(markers)(b"anything")


@pytest.mark.parametrize("kind", ["completed", "incomplete", "failed", "cancelled", "done"])
def test_the_end_of_the_format(kind: str) -> None:
    reader = make_reader("openai-responses")
    reader.read(sse(DELTA)[0])
    assert not reader.complete
    chunk = sse({"type": f"response.{kind}", "response": {}})[0]
    assert marker_search(reader.markers)(chunk.data)
    reader.read(chunk)
    assert reader.terminated


def test_sealed_reasoning_of_responses() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "xyz"}
    chunk = sse({"type": "response.output_item.done", "output_index": 0, "item": item})[0]
    assert make_reader("openai-responses").read(chunk) == [e.ReasoningDelta("", 0, "xyz", True)]


def test_reasoning_that_is_only_sealed_comes_once() -> None:
    sealed = {"type": "reasoning", "summary": [], "encrypted_content": "xyz"}
    answer = responses(
        {"type": "response.output_item.done", "output_index": 0, "item": sealed},
        {"type": "response.completed", "response": {"status": "completed", "output": [sealed]}},
    )
    assert answer.signatures == ["xyz"]


def test_a_background_response_has_not_ended() -> None:
    body = json.dumps({"object": "response", "id": "r", "status": "queued", "output": []}).encode()
    assert make_reader("openai-responses").read_whole(body) == [e.ResponseStarted("r")]


def item(**fields: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": 0, "item": fields}


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("openai-responses", {"type": "response.refusal.delta", "delta": "no"}, [e.RefusalDelta("no")]),
    (
        "openai-responses",
        {
            "type": "response.output_text.annotation.added",
            "annotation": {"type": "url_citation", "url": "u", "title": "t"},
        },
        [e.Citation("u", "t")],
    ),
    (
        "openai-responses",
        {"type": "response.custom_tool_call_input.done", "output_index": 0, "input": "raw"},
        [],  # its name has not come
    ),
    ("openai-responses", {"type": "response.brand_new", "x": 1}, [e.Unrecognised("type response.brand_new")]),
    (
        "openai-responses",
        {"type": "response.output_item.added", "item": {"type": "hologram"}},
        [e.Unrecognised("item hologram")],
    ),
    (
        "openai-responses",
        item(type="file_search_call", queries=["q"]),
        [e.ToolCallStarted(0, None, "file_search", kind="provider"), e.ToolCallDelta(0, '{"queries":["q"]}')],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events


RARE_WHOLE: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("openai-responses", {"input_tokens": 5, "object": "response.input_tokens"}, [e.UsageReported(5)]),
    (
        "openai-responses",
        {
            "object": "response",
            "status": "completed",
            "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}],
        },
        [e.RefusalDelta("no")],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_WHOLE, ids=lambda value: str(value)[:50])
def test_a_rare_whole_answer(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One whole answer as the provider may send it and seldom does."""
    assert without_frame(read_whole(format, value)) == events


@needs_recordings
def test_changing_ids_do_not_split_a_call() -> None:
    answer = recorded_answer("openai-responses/vercel-github-copilot-id-rotation-1.sse")
    assert len(answer.starts) == 1
    assert answer.text or answer.calls
