"""The tap as a whole: what holds for every format, on recorded traffic and on anything at all."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorded.reading_table import table
from tests.recorded.recordings import RECORDINGS, Answer, Recording, assemble, needs_recordings, sse

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.bodies.framing import Framing
from aigw_sansio.events import (
    AudioDelta,
    Citation,
    ImageDelta,
    ProviderEvent,
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
from aigw_sansio.formats.base import CHOICES, OPEN_CALLS, BaseReader
from aigw_sansio.formats.classify import (
    CONTENT,
    ERROR,
    LIFECYCLE,
    classify,
    is_content,
    marker_search,
    worth_reading,
)
from aigw_sansio.formats.detection import (
    detect_format,
)
from aigw_sansio.formats.realtime import REALTIME_FORMATS
from aigw_sansio.formats.registry import (
    FORMAT_ALIASES,
    FORMATS,
    make_reader,
)
from aigw_sansio.providers.registry import REGISTRY, format_of

REASONS = {"stop", "length", "tool_calls", "content_filter", "pause", "error", "unknown"}
STREAMS = [recording for recording in RECORDINGS if recording.framing is not Framing.WHOLE]

# -- recorded traffic ---------------------------------------------------------------------------------------------


@needs_recordings
def test_every_recording_is_understood() -> None:
    """Nothing recorded is strange to its format; only the two MCP streams belong to none."""
    strange = {
        recording.file: assemble(recording.events()).unrecognised
        for recording in RECORDINGS
        if recording.folder != "mcp-streamable-http"
    }
    assert len(strange) > 400
    assert {file: what for file, what in strange.items() if what} == {}


@needs_recordings
def test_the_folder_names_lead_to_the_same_events_as_the_content() -> None:
    """Where a folder's name and the content speak of different formats, it is because the folder is mixed."""
    mixed = {
        ("local-gateway", "anthropic-messages"),  # a gateway that passes on what each provider speaks
        ("local-gateway", "gemini"),
        ("openrouter", "openai-responses"),
        ("cohere", "cohere-v1"),
        ("bedrock-invoke", "bedrock-converse"),  # Nova's whole answers are Converse's
    }
    for recording in RECORDINGS:
        named = FORMAT_ALIASES[recording.folder]
        if (recording.folder, recording.format) not in mixed:
            assert recording.events(named) == recording.events(), recording.file


@needs_recordings
def test_what_holds_for_every_answer() -> None:
    """Streamed or whole, whatever the format: the same laws."""
    assert len(RECORDINGS) > 400
    for recording in RECORDINGS:
        answer = assemble(recording.events())
        check_answer(answer, recording.file)
        if recording.status >= 400:
            assert answer.failures, recording.file
            assert not answer.text, recording.file
        if answer.starts and not answer.failures and recording.file != PENDING:
            assert answer.finishes, recording.file


PENDING = "replicate/replicate-image-generation-legacy-2.json"  # a prediction that is still being made


def check_answer(answer: Answer, name: str) -> None:
    for call in answer.calls.values():
        if call.arguments and call.kind != "custom" and not call.void:
            json.loads(call.arguments)
    choices = [end.choice for end in answer.finishes]
    assert len(choices) == len(set(choices)), name
    assert {end.reason for end in answer.finishes} <= REASONS, name
    assert not (answer.failures and answer.finishes), name
    for usage in answer.usages:
        cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        assert usage.input_tokens is None or cached <= usage.input_tokens, name
        assert usage.output_tokens is None or (usage.reasoning_output_tokens or 0) <= usage.output_tokens, name
    for failure in answer.failures:
        assert failure.message, name
    for start in answer.starts[1:]:
        assert start.restarted, name


@needs_recordings
def test_the_text_is_the_one_that_stands_in_the_json() -> None:
    """Against a second extraction that knows only where text stands, and against what streams say twice."""
    compared = 0
    for recording in RECORDINGS:
        expected = reference_text(recording)
        if expected is not None:
            compared += 1
            assert assemble(recording.events()).text == expected, recording.file
    assert compared > 300


#: Whoever published these left out some of the deltas.
ABRIDGED = {
    "openai-responses/vercel-openai-phase-1.sse",
    "openai-responses/vercel-openai-shell-container-1.sse",
}


def reference_text(recording: Recording) -> dict[int, str] | None:
    if recording.status >= 300 or recording.format not in EXTRACTS or recording.file in ABRIDGED:
        return None
    if recording.framing is Framing.WHOLE:
        try:
            values = [json.loads(recording.body)]
        except ValueError:
            return None
    else:
        values = [json.loads(chunk.data) for chunk in recording.chunks() if not chunk.failed]
    texts: dict[int, str] = {}
    for value in values:
        for choice, text in EXTRACTS[recording.format](value):
            if text:
                texts[choice] = texts.get(choice, "") + text
    return texts


def chat_text(value: dict[str, Any]) -> Iterator[tuple[int, str | None]]:
    for choice in value.get("choices") or []:
        content = (choice.get("delta") or choice.get("message") or {}).get("content", choice.get("text"))
        if isinstance(content, list):  # Mistral
            content = "".join(part.get("text", "") for part in content if part["type"] == "text")
        yield choice.get("index", 0), content
    if set(value) == {"value"}:
        yield 0, value["value"]


def responses_text(value: dict[str, Any]) -> Iterator[tuple[int, str]]:
    done = value.get("response", value) if value.get("type") in ENDS or "output" in value else {}
    for item in done.get("output") or []:
        for part in item.get("content") or []:
            if part["type"] == "output_text":
                yield 0, part["text"]


ENDS = ("response.completed", "response.incomplete")


def anthropic_text(value: dict[str, Any]) -> Iterator[tuple[int, str]]:
    for block in [*value.get("content", []), value.get("content_block", {}), value.get("delta", {})]:
        if block.get("type") in ("text", "text_delta"):
            yield 0, block["text"]
    yield 0, value.get("completion", "")


def gemini_text(value: Any) -> Iterator[tuple[int, str]]:
    for item in value if isinstance(value, list) else [value]:
        for candidate in item.get("candidates", []):
            for part in candidate.get("content", {}).get("parts", []):
                if not part.get("thought"):
                    yield candidate.get("index", 0), part.get("text", "")


def converse_text(value: dict[str, Any]) -> Iterator[tuple[int, str]]:
    yield 0, value.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
    for block in value.get("output", {}).get("message", {}).get("content", []):
        yield 0, block.get("text", "")


def ollama_text(value: dict[str, Any]) -> Iterator[tuple[int, str]]:
    yield 0, value.get("message", {}).get("content", "") + value.get("response", "")


def cohere_text(value: dict[str, Any]) -> Iterator[tuple[int, str]]:
    if "event_type" not in value:
        yield from ((choice, one["text"]) for choice, one in enumerate(value.get("generations") or [value]))
    yield 0, value.get("response", {}).get("text", "")  # the last event repeats it all


EXTRACTS: dict[str, Callable[..., Iterator[tuple[int, str | None]]]] = {
    "openai-chat": chat_text,
    "openai-responses": responses_text,
    "anthropic-messages": anthropic_text,
    "gemini": gemini_text,
    "bedrock-converse": converse_text,
    "ollama": ollama_text,
    "cohere-v1": cohere_text,
}


@needs_recordings
@given(data=st.data())
def test_cuts_change_nothing(data: st.DataObject) -> None:
    recording = data.draw(st.sampled_from(STREAMS))
    cuts = data.draw(st.lists(st.integers(0, len(recording.body)), max_size=20))
    assert recording.events(cuts=cuts) == recording.events()


@needs_recordings
def test_chunks_without_markers_hide_no_error_no_usage_and_no_end() -> None:
    """What an unlistened tap makes of a stream after the commit is what a listened one does."""
    skipped = 0
    for recording in STREAMS:
        reader = make_reader(recording.format)
        search = marker_search(reader.markers)
        events: list[ProviderEvent] = []
        committed = False
        for chunk in recording.chunks():
            if committed and not worth_reading(chunk, search):
                skipped += 1
                continue
            read = reader.read(chunk)
            committed = committed or is_content(read)
            events += read
        events += reader.finish()
        tapped, whole = assemble(skip_orphans(events)), assemble(recording.events())
        assert tapped.usage == whole.usage, recording.file
        assert tapped.failures == whole.failures, recording.file
        assert tapped.finishes == whole.finishes, recording.file
    assert skipped > 4000


def skip_orphans(events: list[ProviderEvent]) -> Iterator[ProviderEvent]:
    """Fragments of calls whose start was not read say nothing here."""
    return (event for event in events if type(event) not in (ToolCallDelta, ToolCallStarted))


@needs_recordings
def test_the_table_of_what_is_read_has_no_hole() -> None:
    expected = {
        "openai-chat": "text reasoning tools audio citations usage finish error",
        "openai-responses": "text reasoning tools citations usage finish error",
        "anthropic-messages": "text reasoning tools citations usage finish error",
        "gemini": "text reasoning tools citations usage finish error",
        "gemini-interactions": "text reasoning tools usage finish",
        "bedrock-converse": "text reasoning tools usage finish error",
        "bedrock-invoke": "text usage finish",
        "bedrock-agent": "text citations finish",
        "cohere-v1": "text usage finish",
        "cohere-v2": "text reasoning tools citations usage finish error",
        "ollama": "text usage finish",
        "openai-assistants": "text tools usage finish",
        "openai-audio": "text usage finish",
        "replicate": "text finish",
        "tgi": "text usage finish error",
        "watsonx": "text usage finish",
        "workers-ai": "text tools finish",
        "alephalpha": "text usage finish",
        "deepgram": "text finish",
        "elevenlabs": "text finish",
        "cartesia": "text finish",
        "fal": "text finish",
    }
    rows = table()
    holes = {(format, cell) for format, cells in expected.items() for cell in cells.split() if not rows[format][cell]}
    assert holes == set()
    assert set(rows) - set(expected) <= {"unknown", "openai-completions", "azure-ai-inference"}


# -- anything at all ----------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def run(format: str, chunks: list[Chunk]) -> None:
    """Reading never raises, whatever stands in the chunks, and all that is read can be written."""
    reader = make_reader(format)
    for chunk in chunks:
        for event in reader.read(chunk):
            msgspec.json.encode(event)
    for event in reader.finish():
        msgspec.json.encode(event)
    for chunk in chunks[:1]:
        for event in make_reader(format).read_whole(chunk.data):
            msgspec.json.encode(event)


@given(format=st.sampled_from(FORMATS), data=st.binary(max_size=64), event=st.text(max_size=6), failed=st.booleans())
def test_no_bytes_raise(format: str, data: bytes, event: str, failed: bool) -> None:
    run(format, [Chunk(data, event, failed)])


def mutate(value: object, draw: Callable[..., object]) -> object:
    """``value`` with one node, somewhere in it, replaced by any JSON."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: mutate(value[key], draw)}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], mutate(value[at], draw), *value[at + 1 :]]
    return draw(JSON)


@needs_recordings
@given(data=st.data())
def test_no_shape_raises(data: st.DataObject) -> None:
    """Recorded answers with one value after another exchanged for something else."""
    recording = data.draw(st.sampled_from(RECORDINGS))
    chunks = [Chunk(recording.body)] if recording.framing is Framing.WHOLE else recording.chunks()
    for at in data.draw(st.lists(st.integers(0, len(chunks) - 1), min_size=1, max_size=4)):
        try:
            value = json.loads(chunks[at].data)
        except ValueError:
            continue
        changed = json.dumps(mutate(value, data.draw)).encode()
        chunks[at] = Chunk(changed, chunks[at].event, chunks[at].failed)
    run(data.draw(st.sampled_from([recording.format, FORMAT_ALIASES[recording.folder], *FORMATS])), chunks)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"[DONE]",
        b"null",
        b"[]",
        b"{}",
        b"0",
        b'"x"',
        b"\xef\xbb\xbf{}",
        b'{"choices":[{"delta":{"content":"\xff"}}]}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"error":' * 2_000 + b"1" + b"}" * 2_000,
        b'{"usage":{"prompt_tokens":' + b"9" * 5000 + b"}}",
        b'{"usage":{"prompt_tokens":1e400,"completion_tokens":NaN}}',
        b'{"choices":[{"index":-1,"delta":{"content":"x"}},{"index":1e9,"delta":{"content":"y"}}]}',
    ],
    ids=lambda data: repr(data[:20]),
)
def test_awkward_bytes(format: str, data: bytes) -> None:
    run(format, [Chunk(data), Chunk(data, "error"), Chunk(data, "message", True)])


def test_half_a_surrogate_pair_is_read_and_can_be_written() -> None:
    """``JSON.stringify`` emits lone surrogate escapes; msgspec refuses them."""
    events = make_reader("openai-chat").read(Chunk(b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}'))
    assert events[1:] == [TextDelta("a?")]
    assert b'"a?"' in msgspec.json.encode(events[1])


def test_a_byte_order_mark_is_no_hindrance() -> None:
    assert TextDelta("x") in make_reader("openai-chat").read(
        Chunk(b'\xef\xbb\xbf{"choices":[{"delta":{"content":"x"}}]}')
    )


def test_what_a_reader_keeps_is_bounded() -> None:
    """Neither choices nor open calls without end make a reader grow."""
    reader = make_reader("openai-chat")
    assert isinstance(reader, BaseReader)
    for number in range(2000):
        delta = {"tool_calls": [{"index": number, "id": f"id-{number}" * 100, "function": {"name": "f"}}]}
        for choice in (number, number % 2):
            for chunk in sse({"choices": [{"index": choice, "delta": delta, "finish_reason": "stop"}]}):
                reader.read(chunk)
    assert len(reader._ends) <= CHOICES
    assert len(reader.calls._open) <= OPEN_CALLS
    assert len(reader.calls._last) <= CHOICES
    assert all(len(key or "") <= 256 for key, _ in reader.calls._open.values())


# -- the commit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "weight"),
    [
        (ResponseStarted(), LIFECYCLE),
        (TextDelta("x"), CONTENT),
        (ReasoningDelta("", signature="s"), CONTENT),
        (ToolCallStarted(0, None, None), CONTENT),
        (ToolCallDelta(0, "{"), CONTENT),
        (AudioDelta(1), CONTENT),
        (ImageDelta(1), CONTENT),
        (RefusalDelta("no"), CONTENT),
        (Citation(), CONTENT),
        (UsageReported(), LIFECYCLE),
        (ResponseFinished("stop"), LIFECYCLE),
        (ResponseFailed("x"), ERROR),
        (Unrecognised("x"), CONTENT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_weights(event: ProviderEvent, weight: int) -> None:
    assert classify([event]) is weight
    assert is_content([event]) is (weight is CONTENT)
    assert classify([ResponseStarted(), event]) is weight


def test_the_weight_of_several() -> None:
    assert classify([]) is LIFECYCLE
    assert classify([UsageReported(), TextDelta("x")]) is CONTENT
    assert classify([TextDelta("x"), ResponseFailed("x")]) is ERROR


@pytest.mark.parametrize(
    ("format", "chunks"),
    [
        ("openai-chat", sse({"choices": [], "prompt_filter_results": [{}], "id": ""})),
        ("openai-chat", sse({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})),
        ("openai-chat", sse({"choices": [{"delta": {"content": None}, "finish_reason": "stop"}]})),
        ("openai-chat", sse(b"[DONE]")),
        ("anthropic-messages", sse({"type": "ping"}, events=True)),
        ("anthropic-messages", sse({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}})),
        ("anthropic-messages", sse({"type": "content_block_start", "content_block": {"type": "text", "text": ""}})),
        ("openai-responses", sse({"type": "response.created", "response": {"id": "r"}})),
        ("gemini", sse({"usageMetadata": {"promptTokenCount": 3}})),
        ("bedrock-converse", [Chunk(b'{"messageStart":{"role":"assistant"}}', "messageStart")]),
        ("workers-ai", sse({"response": ""})),
        ("ollama", sse({"message": {"content": ""}, "done": False})),
        ("cohere-v2", sse({"type": "message-start", "id": "x"})),
    ],
)
def test_what_begins_an_answer_does_not_commit_it(format: str, chunks: list[Chunk]) -> None:
    for chunk in chunks:
        assert classify(make_reader(format).read(chunk)) is LIFECYCLE


@pytest.mark.parametrize("format", [format for format in FORMATS if format not in ("unknown", "fal")])
def test_a_shape_never_seen_commits_and_is_named(format: str) -> None:
    events = make_reader(format).read(Chunk(b'{"brand_new":{"thing":1},"type":"brand.new"}'))
    assert events == [Unrecognised("type brand.new")]


def test_an_unknown_format_is_content_unless_it_is_an_error() -> None:
    reader = make_reader("no such format")
    assert is_content(reader.read(Chunk(b"\x00\x01")))
    assert is_content(reader.read(Chunk(b'{"x":1}')))
    assert is_content(reader.read(Chunk(b'{"said":"\\"error\\""}')))
    assert is_content(reader.read(Chunk(b'{"error":null}')))
    assert reader.read(Chunk(b'{"error":{"message":"no","code":7}}')) == [ResponseFailed("no", None, "7")]
    assert reader.read(Chunk(b"no", "error")) == [ResponseFailed("no", "error")]
    assert reader.read_whole(b"<html>") == []
    assert reader.finish() == []


def test_a_failing_frame_is_always_worth_reading() -> None:
    search = marker_search((b"y",))
    assert worth_reading(Chunk(b"x", "error"), search)
    assert worth_reading(Chunk(b"x", "", True), search)
    assert worth_reading(Chunk(b"xy"), search)
    assert not worth_reading(Chunk(b"x"), search)
    assert not worth_reading(Chunk(b"x"), marker_search(()))


# -- detection ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "start", "format"),
    [
        ("text/event-stream", b'data: {"choices":[{"delta"', "openai-chat"),
        ("text/event-stream", b'data: {"type":"response.created","resp', "openai-responses"),
        ("text/event-stream", b'event: message_start\ndata: {"type": "message_start"', "anthropic-messages"),
        ("application/json", b'[{\n  "candidates": [', "gemini"),
        ("application/x-ndjson", b'{"model":"gemma","created_at":"2025","message":{}', "ollama"),
        ("application/json", b'{"result":{"response":"Hi"},"success":true}', "workers-ai"),
        ("text/event-stream", b'data: {"response":"Hi","p":"ab"}', "workers-ai"),
        ("application/json", b'{"error":{"message":"no"}}', "unknown"),
        (None, b"", "unknown"),
        (None, b"\x00\xff", "unknown"),
    ],
)
def test_detection(content_type: str | None, start: bytes, format: str) -> None:
    assert detect_format(content_type, start) == format


def test_every_format_name_leads_to_a_family() -> None:
    assert set(FORMAT_ALIASES.values()) <= set(FORMATS)
    assert all(FORMAT_ALIASES[format] == format for format in FORMATS)


def test_every_reading_that_the_registry_names_exists() -> None:
    for row in REGISTRY.values():
        named = {row.format, *(format for _, format in row.readings)}
        named |= {format_of(row, path) for path in ("/v1/chat/completions", "/v1/messages", "/x:generateContent", "/x")}
        assert named <= set(FORMATS), row.slug
        if row.realtime is not None:
            assert row.realtime.format in {*REALTIME_FORMATS, "unknown"}, row.slug
