"""Anthropic's Messages format: shapes that no recording shows, and the awkward recordings."""

import json
from typing import Any

import pytest
from tests.reading.answers import assemble
from tests.reading.formats import read_all, read_chunk, read_whole, sse, without_frame
from tests.reading.recordings import needs_recordings, recorded_answer

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


def start(**usage: int) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "msg", "model": "claude", "content": [], "usage": usage}}


def block(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def delta(index: int, kind: str, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **content}}


def end(reason: str | None, **usage: int) -> list[dict[str, Any]]:
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage},
        {"type": "message_stop"},
    ]


def test_an_error_in_mid_stream() -> None:
    """Status 200, then ``event: error``, and no ``message_stop``."""
    chunks = sse(
        start(input_tokens=5, output_tokens=1),
        delta(0, "text_delta", text="Hel"),
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        events=True,
    )
    assert read_all("anthropic-messages", chunks) == [
        e.ResponseStarted("msg", "claude"),
        e.UsageReported(5, 1, quality="partial"),
        e.TextDelta("Hel"),
        response_failed("Overloaded", "overloaded_error"),
    ]
    bare = [Chunk(chunk.data) for chunk in chunks]  # dispatched by its type where no ``event:`` came
    assert read_all("anthropic-messages", bare) == read_all("anthropic-messages", chunks)


def test_usage_replaces_and_never_adds() -> None:
    chunks = sse(
        start(input_tokens=10, output_tokens=4, cache_read_input_tokens=100, cache_creation_input_tokens=20),
        *end("end_turn", output_tokens=50),
    )
    assert assemble(read_all("anthropic-messages", chunks)).usages == [
        e.UsageReported(130, 4, 100, 20, quality="partial"),
        e.UsageReported(130, 50, 100, 20),
    ]


def test_usage_may_be_corrected_at_the_end() -> None:
    chunks = sse(start(input_tokens=43, output_tokens=1), *end("end_turn", input_tokens=61, output_tokens=2))
    assert assemble(read_all("anthropic-messages", chunks)).usage == e.UsageReported(61, 2)


def test_a_call_without_arguments() -> None:
    chunks = sse(
        start(),
        block(0, type="tool_use", id="t", name="now", input={}),
        delta(0, "input_json_delta", partial_json=""),
        {"type": "content_block_stop", "index": 0},
        *end("tool_use"),
    )
    assert read_all("anthropic-messages", chunks) == [
        e.ResponseStarted("msg", "claude"),
        e.ToolCallStarted(0, "t", "now"),
        e.ResponseFinished("tool_calls", "tool_use"),
    ]


def test_blocks_that_come_whole() -> None:
    chunks = sse(
        block(0, type="redacted_thinking", data="sealed"),
        block(1, type="server_tool_use", id="s", name="web_search", input={}),
        delta(1, "input_json_delta", partial_json='{"query":"q"}'),
        block(2, type="web_search_tool_result", tool_use_id="s", content=[{"type": "web_search_result"}]),
        block(3, type="text", text="So "),
        delta(3, "citations_delta", citation={"url": "https://a", "title": "A", "cited_text": "a"}),
        block(4, type="hologram"),
        delta(4, "hologram_delta"),
    )
    assert read_all("anthropic-messages", chunks) == [
        e.ReasoningDelta("", 0, "sealed", True),
        e.ToolCallStarted(0, "s", "web_search", 0, "provider"),
        e.ToolCallDelta(0, '{"query":"q"}'),
        e.TextDelta("So "),
        e.Citation("https://a", "A", "a"),
        e.Unrecognised("content block hologram"),
        e.Unrecognised("delta hologram_delta"),
    ]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "pause"),
        ("refusal", "content_filter"),
        ("brand_new", "unknown"),
    ],
)
def test_stop_reasons(raw: str, reason: str) -> None:
    finishes = assemble(read_all("anthropic-messages", sse(start(), *end(raw)))).finishes
    assert [(finish.reason, finish.raw_reason) for finish in finishes] == [(reason, raw)]


def test_the_end_of_a_stream_without_a_stop_reason_is_unknown() -> None:
    assert read_all("anthropic-messages", sse(start()))[-1] == e.ResponseFinished("unknown")


def test_fragments_after_a_restart_do_not_go_to_a_void_call() -> None:
    chunks = sse(
        start(),
        block(1, type="tool_use", id="t", name="f", input={}),
        delta(1, "input_json_delta", partial_json='{"x'),
        start(),
        delta(1, "input_json_delta", partial_json="{}"),
    )
    answer = assemble(read_all("anthropic-messages", chunks))
    assert [(call.id, call.arguments) for call in answer.calls.values()] == [("t", '{"x'), (None, "{}")]


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    (
        "anthropic-messages",
        {"type": "content_block_start", "content_block": {"type": "compaction", "content": "so far"}},
        [e.ReasoningDelta("so far")],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events


RARE_WHOLE: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    (
        "anthropic-messages",
        {"type": "completion", "completion": " Hi", "stop_reason": "stop_sequence"},
        [e.TextDelta(" Hi")],
    ),
    ("anthropic-messages", {"input_tokens": 5}, [e.UsageReported(5)]),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_WHOLE, ids=lambda value: str(value)[:50])
def test_a_rare_whole_answer(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One whole answer as the provider may send it and seldom does."""
    assert without_frame(read_whole(format, value)) == events


@needs_recordings
def test_a_message_that_begins_anew() -> None:
    answer = recorded_answer("anthropic-messages/vercel-spliced-message-start.sse")
    assert [begun.restarted for begun in answer.starts] == [False, True]
    assert [(call.id, call.void) for call in answer.calls.values()] == [("toolu_first", True), ("toolu_second", False)]
    assert answer.calls[1].arguments == '{"value":"Sparkle Day"}'
    assert len(answer.finishes) == 1
    assert recorded_answer("anthropic-messages/vercel-duplicate-message-start.sse").text == {0: "Hello, World!"}


def started(chunks: list[Chunk]) -> list[e.ProviderEvent]:
    return [event for event in read_all("anthropic-messages", chunks) if not isinstance(event, e.ResponseStarted)]


def test_an_input_in_the_start_of_a_call_is_told_once() -> None:
    """Compatible servers put all of it there; a server may send it as fragments as well."""
    call = block(0, type="tool_use", id="t", name="f", input={"x": 1})
    pieces = [delta(0, "input_json_delta", partial_json='{"x"'), delta(0, "input_json_delta", partial_json=":1}")]
    stop = {"type": "content_block_stop", "index": 0}
    for after in ([stop, *end("tool_use")], end("tool_use"), [*pieces, stop, *end("tool_use")], [stop], []):
        calls = assemble(read_all("anthropic-messages", sse(start(), call, *after))).calls
        assert [call.arguments for call in calls.values()] == ['{"x":1}']


def test_inputs_that_wait_are_bounded() -> None:
    calls = [block(n, type="tool_use", id=f"t{n}", name="f", input={"n": n}) for n in range(40)]
    events = read_all("anthropic-messages", sse(start(), *calls))
    assert len(assemble(events).calls) == 40
    assert all(call.arguments for call in assemble(events).calls.values())
    long = block(0, type="tool_use", id="t", name="f", input={"x": "y" * 100_000})
    assert len(assemble(read_all("anthropic-messages", sse(start(), long))).calls[0].arguments) > 100_000


def test_counts_never_fall() -> None:
    chunks = sse(
        start(input_tokens=15, output_tokens=1, cache_read_input_tokens=4),
        *end("end_turn", input_tokens=0, output_tokens=9, cache_read_input_tokens=0),
    )
    assert assemble(read_all("anthropic-messages", chunks)).usage == e.UsageReported(19, 9, 4)


def test_zeros_at_the_start_are_no_last_word() -> None:
    chunks = sse(start(input_tokens=0, output_tokens=0), *end("end_turn", input_tokens=15, output_tokens=9))
    assert assemble(read_all("anthropic-messages", chunks)).usage == e.UsageReported(15, 9)


def test_a_name_in_the_framing_stands_in_for_the_type() -> None:
    values = [start(input_tokens=3), delta(0, "text_delta", text="Hi"), *end("end_turn", output_tokens=1)]
    named = [Chunk(json.dumps({**value, "type": ""}).encode(), value["type"]) for value in values]
    assert read_all("anthropic-messages", named) == read_all("anthropic-messages", sse(*values))
    reader = make_reader("anthropic-messages")
    for chunk in named:
        reader.read(chunk)
    assert reader.markers == (b"",)  # every chunk has to be read
    assert read_all("anthropic-messages", [Chunk(b"{}", "ping"), Chunk(b'{"type":"ping"}')]) == []


def test_a_delta_without_a_type_is_told_by_its_member() -> None:
    pieces: list[tuple[dict[str, Any], e.ProviderEvent]] = [
        ({"text": "Hi"}, e.TextDelta("Hi")),
        ({"thinking": "hm"}, e.ReasoningDelta("hm")),
        ({"signature": "s"}, e.ReasoningDelta("", signature="s")),
    ]
    for piece, event in pieces:
        value = {"type": "content_block_delta", "index": 0, "delta": piece}
        assert read_chunk("anthropic-messages", value) == [event]


def test_message_stop_is_the_end() -> None:
    reader = make_reader("anthropic-messages")
    for chunk in sse(start(), *end("end_turn"))[:-1]:
        reader.read(chunk)
        assert not reader.terminated
    reader.read(sse({"type": "message_stop"})[0])
    assert reader.terminated


def test_a_stream_that_stops_behind_its_start_has_no_known_end() -> None:
    events = started(sse(start(input_tokens=15, output_tokens=1)))
    assert events == [e.UsageReported(15, 1, quality="partial"), e.ResponseFinished("unknown")]


def test_the_older_text_completions_and_counts() -> None:
    whole = {"type": "completion", "id": "c", "model": "m", "completion": " Hi", "stop_reason": "stop_sequence"}
    assert without_frame(read_whole("anthropic-messages", whole)) == [e.TextDelta(" Hi")]
    assert without_frame(read_whole("anthropic-messages", {**whole, "completion": ""})) == []
    assert read_whole("anthropic-messages", {"input_tokens": 7})[0] == e.UsageReported(7)
    unknown = without_frame(read_whole("anthropic-messages", {"type": "hologram"}))
    assert unknown == [e.Unrecognised("type hologram")]
