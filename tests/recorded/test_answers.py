"""Recorded answers of all providers: each is understood, and what the readers say agrees with the JSON."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.reading.answers import Answer, assemble
from tests.reading.recordings import (
    FOLDER,
    RECORDINGS,
    TRANSLATIONS,
    Recording,
    needs_recordings,
)
from tests.tables.reading_table import table

from aigw_sansio import events as e
from aigw_sansio.bodies.framing import Framing, decoder_for
from aigw_sansio.config import Limits
from aigw_sansio.formats.classify import (
    is_content,
    marker_search,
    worth_reading,
)
from aigw_sansio.formats.registry import FORMAT_ALIASES, make_reader

REASONS = {"stop", "length", "tool_calls", "content_filter", "pause", "error", "unknown"}


STREAMS = [recording for recording in RECORDINGS if recording.framing is not Framing.WHOLE]


@needs_recordings
def test_every_recording_is_understood() -> None:
    """No reader meets an unknown shape; only the two MCP streams belong to no format."""
    strange = {
        recording.file: assemble(recording.events()).unrecognised
        for recording in RECORDINGS
        if recording.folder != "mcp-streamable-http"
    }
    assert len(strange) > 400
    assert {file: what for file, what in strange.items() if what} == {}


@needs_recordings
def test_the_folder_names_lead_to_the_same_events_as_the_content() -> None:
    """If a folder's name and the content tell different formats, the folder is mixed."""
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
def test_the_answers_of_translated_conversations_keep_the_same_laws() -> None:
    """Each is understood, and the content never tells another format than that of the request's URL."""
    assert len(TRANSLATIONS) > 800
    for recording in TRANSLATIONS:
        named = recording.named_format
        answer = assemble(recording.events(named))
        check_answer(answer, recording.file)
        assert answer.unrecognised == [], recording.file
        assert answer.failures or recording.status < 400, recording.file
        assert answer.failures or bool(answer.starts) == bool(answer.finishes), recording.file
        assert {recording.format, named} in ALIKE or recording.format == named, recording.file


#: Formats whose readers agree on such answers: each is the other in an envelope, or a dialect of it.
ALIKE = [
    {"openai-chat", "azure-ai-inference"},
    {"openai-chat", "openai-completions"},
    {"anthropic-messages", "bedrock-invoke"},
]


PENDING = "replicate/replicate-image-generation-legacy-2.json"  # a prediction that is still being made


@needs_recordings
def test_the_laws_of_every_answer() -> None:
    """Streamed or whole, in any format: the same laws."""
    assert len(RECORDINGS) > 400
    for recording in RECORDINGS:
        answer = assemble(recording.events())
        check_answer(answer, recording.file)
        if recording.status >= 400:
            assert answer.failures, recording.file
            assert not answer.text, recording.file
        if answer.starts and not answer.failures and recording.file != PENDING:
            assert answer.finishes, recording.file


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
def test_the_streams_of_recorded_responses_sessions_are_understood() -> None:
    """Of several requests each: tool rounds, background, hosted tools."""
    read = 0
    for session in sorted((Path(FOLDER or "") / "responses-ws" / "sessions").glob("*.jsonl")):
        for line in session.read_text().splitlines():
            message = json.loads(line)
            if message["dir"] == "server" and "sse" in message:
                decoder, reader = decoder_for(Framing.SSE, Limits()), make_reader("openai-responses")
                chunks = [*decoder.feed(message["sse"].encode()), *decoder.finish()]
                answer = assemble([event for chunk in chunks for event in reader.read(chunk)] + reader.finish())
                assert decoder.fault is None, session
                check_answer(answer, session.name)
                assert answer.unrecognised == [], session
                assert answer.text or answer.calls, session
                read += 1
    assert read >= 4


# -- the text, against a second extraction -----------------------------------------------------------------------------


@needs_recordings
def test_the_text_is_that_of_the_json() -> None:
    """Compared with a second extraction, which knows only the places of text in the JSON."""
    compared = 0
    for recording in [*RECORDINGS, *TRANSLATIONS]:
        expected = reference_text(recording)
        if expected is not None:
            compared += 1
            assert assemble(recording.events()).text == expected, recording.file
    assert compared > 1000


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
        for choice in values[0].get("choices") or [] if isinstance(values[0], dict) else []:
            if choice.get("message"):
                choice.pop("delta", None)  # Perplexity writes an empty one beside it
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


ENDS = ("response.completed", "response.incomplete")


def responses_text(value: dict[str, Any]) -> Iterator[tuple[int, str]]:
    done = value.get("response", value) if value.get("type") in ENDS or "output" in value else {}
    for item in done.get("output") or []:
        for part in item.get("content") or []:
            if part["type"] == "output_text":
                yield 0, part["text"]


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
        for part in block.get("citationsContent", {}).get("content", []):
            yield 0, part["text"]


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


# -- cuts, markers, and the table --------------------------------------------------------------------------------------


@needs_recordings
@given(data=st.data())
def test_cuts_change_nothing(data: st.DataObject) -> None:
    recording = data.draw(st.sampled_from(STREAMS))
    cuts = data.draw(st.lists(st.integers(0, len(recording.body)), max_size=20))
    assert recording.events(cuts=cuts) == recording.events()


@needs_recordings
def test_chunks_without_markers_hide_no_error_no_usage_and_no_end() -> None:
    """A reader that skips such chunks after the commit finds the same usage, failures and ends."""
    skipped = 0
    for recording in STREAMS:
        reader = make_reader(recording.format)
        search = marker_search(reader.markers)
        events: list[e.ProviderEvent] = []
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
        if recording.format.startswith("openai"):
            assert reader.complete is told_its_end(recording), recording.file
        assert tapped.usage == whole.usage, recording.file
        assert tapped.failures == whole.failures, recording.file
        assert tapped.finishes == whole.finishes, recording.file
    assert skipped > 4000


def told_its_end(recording: Recording) -> bool:
    reader = make_reader(recording.format)
    for chunk in recording.chunks():
        reader.read(chunk)
    return reader.complete


@needs_recordings
def test_a_recorded_stream_of_openais_formats_that_says_why_it_finished_tells_its_end() -> None:
    """So it can end before its transport does."""
    told = 0
    for recording in STREAMS:
        if recording.format in ("openai-chat", "openai-responses", "openai-audio", "openai-assistants"):
            answer = assemble(recording.events())
            if answer.finishes and answer.finishes[0].reason != "unknown":
                assert told_its_end(recording), recording.file
                told += 1
    assert told > 100


def skip_orphans(events: list[e.ProviderEvent]) -> Iterator[e.ProviderEvent]:
    """Without tool calls: a skipped start leaves fragments that belong to no call."""
    return (event for event in events if type(event) not in (e.ToolCallDelta, e.ToolCallStarted))


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
