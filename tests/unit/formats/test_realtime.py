"""The tap on realtime connections: recorded sessions, and messages no recording shows."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorded.recordings import FOLDER, b64, needs_recordings
from tests.unit.formats.test_registry import JSON, mutate

from aigw_sansio.events import (
    AudioDelta,
    ProviderEvent,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Unrecognised,
    UsageReported,
)
from aigw_sansio.formats.realtime import REALTIME_FORMATS, RealtimeReader, make_realtime_reader
from aigw_sansio.formats.usage import UsageMeter

SESSIONS = sorted(Path(FOLDER).glob("ws-*/*.jsonl")) if FOLDER else []


def format_of(session: Path) -> str:
    if "gemini" in session.parent.name or "google" in session.name:
        return "gemini-live"
    return "deepgram" if "deepgram" in session.parent.name else "openai-realtime"


def messages(session: Path) -> list[tuple[bool, bytes, bool]]:
    """(text, data, from the provider) of each message of a recorded session."""
    found = []
    for line in session.read_text().splitlines():
        message = json.loads(line)
        if message["opcode"] != "close":
            data = json.dumps(message["json"]) if "json" in message else message["data"]
            found.append((message["opcode"] == "text", data.encode(), message["dir"] == "server"))
    return found


def read(reader: RealtimeReader, *values: dict[str, Any], text: bool = True) -> list[ProviderEvent]:
    return [event for value in values for event in reader.read_message(json.dumps(value).encode(), is_text=text)]


@needs_recordings
def test_recorded_sessions_are_understood() -> None:
    assert len(SESSIONS) > 30
    for session in SESSIONS:
        reader = make_realtime_reader(format_of(session))
        meter = UsageMeter()
        ends = turns = 0
        text = ""
        for is_text, data, from_provider in messages(session):
            if not from_provider:
                continue
            events = reader.read_message(data, is_text=is_text)
            meter.read(events, reader.answer)
            assert not [event for event in events if isinstance(event, Unrecognised | ResponseFailed)], session
            for event in events:
                turns += isinstance(event, ResponseStarted)
                ends += isinstance(event, ResponseFinished)
                text += event.text if isinstance(event, TextDelta) else ""
                text += event.transcript or "" if isinstance(event, AudioDelta) else ""
        assert text or "speak" in session.name, session
        if "translation" not in session.name and "deepgram" not in session.parent.name:
            assert turns == ends > 0, session
            usage = meter.total(complete=True)
            assert usage is not None, session
            assert usage.input_tokens, session


@needs_recordings
def test_usage_of_a_session_is_the_sum_of_its_responses() -> None:
    for session in SESSIONS:
        if format_of(session) != "openai-realtime":
            continue
        reader, meter, expected = make_realtime_reader("openai-realtime"), UsageMeter(), 0
        for is_text, data, from_provider in messages(session):
            if not from_provider:
                continue
            value = json.loads(data)
            if value["type"] == "response.done":
                usage = value["response"].get("usage") or value.get("usage")
                expected += usage["output_tokens"]
                meter.read(reader.read_message(data, is_text=is_text), reader.answer)  # reported twice
            meter.read(reader.read_message(data, is_text=is_text), reader.answer)
        total = meter.total(complete=True)
        assert (total.output_tokens if total else 0) == expected, session


def test_openai_calls_and_ends() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    done = {"id": "r", "status": "completed", "output": [item], "usage": {"input_tokens": 3, "output_tokens": 4}}
    reader = make_realtime_reader("openai-realtime")
    assert read(
        reader,
        {"type": "session.created", "session": {}},
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"},
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{}"},
        {"type": "response.done", "response": done},
    ) == [
        ResponseStarted("r"),
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, "{}"),
        UsageReported(3, 4),
        ResponseFinished("tool_calls", "completed"),
    ]
    assert reader.answer == "r"


@pytest.mark.parametrize(
    ("names"), [("response.text.delta", "response.audio.delta", "response.audio_transcript.delta"),
                ("response.output_text.delta", "response.output_audio.delta", "response.output_audio_transcript.delta")]
)  # fmt: skip
def test_openai_beta_and_ga(names: tuple[str, str, str]) -> None:
    deltas = ["Hi", b64(b"123456"), "Hello"]
    values = [{"type": name, "delta": delta} for name, delta in zip(names, deltas)]
    assert read(make_realtime_reader("openai-realtime"), *values) == [
        TextDelta("Hi"),
        AudioDelta(6),
        AudioDelta(0, "Hello"),
    ]


@pytest.mark.parametrize(
    ("response", "end"),
    [
        ({"status": "cancelled", "status_details": {"reason": "turn_detected"}},
         ResponseFinished("stop", "turn_detected")),
        ({"status": "incomplete", "status_details": {"reason": "max_output_tokens"}},
         ResponseFinished("length", "max_output_tokens")),
        ({"status": "failed", "status_details": {"error": {"type": "t", "code": "c", "message": "m"}}},
         ResponseFailed("m", "t", "c")),
        ({"status": "completed", "status_details": "unimplemented"}, ResponseFinished("stop", "completed")),
    ],
)  # fmt: skip
def test_openai_ends(response: dict[str, Any], end: ProviderEvent) -> None:
    assert read(make_realtime_reader("openai-realtime"), {"type": "response.done", "response": response}) == [end]


def test_openai_errors_leave_the_session_alive() -> None:
    reader = make_realtime_reader("openai-realtime")
    error = {"type": "invalid_request_error", "code": "c", "message": "m", "event_id": "e"}
    assert read(reader, {"type": "error", "error": error}) == [ResponseFailed("m", "invalid_request_error", "c")]
    assert read(reader, {"type": "response.created", "response": {"id": "r"}}) == [ResponseStarted("r")]


def test_gemini_turns_begin_with_their_content() -> None:
    reader = make_realtime_reader("gemini-live")
    usage = {"promptTokenCount": 5, "responseTokenCount": 2}
    audio = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": b64(b"1234")}}
    turn: list[dict[str, Any]] = [
        {"setupComplete": {}},
        {"serverContent": {"inputTranscription": {"text": "Hello"}}},
        {"toolCall": {"functionCalls": [{"id": "c", "name": "f", "args": {}}]}},
        {"serverContent": {"modelTurn": {"parts": [audio]}}},
        {"serverContent": {"outputTranscription": {"text": "Hi"}}},
        {"serverContent": {"interrupted": True}},
        {"serverContent": {"turnComplete": True}, "usageMetadata": usage},
        {"goAway": {"timeLeft": "60s"}},
    ]
    expected: list[ProviderEvent] = [
        ResponseStarted(),
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, "{}"),
        AudioDelta(4),
        AudioDelta(0, "Hi"),
        ResponseFinished("stop", "interrupted"),
        UsageReported(5, 2),
    ]
    assert read(reader, *turn, text=False) == expected
    assert reader.answer == "turn-1"
    second = read(reader, *turn, text=False)
    assert [type(event) for event in second] == [type(event) for event in expected]
    assert reader.answer == "turn-2"


def test_xai_says_usage_at_the_top_and_pings() -> None:
    done = {
        "response": {"id": "r", "status": "completed", "usage": {}},
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    assert read(
        make_realtime_reader("openai-realtime"),
        {"type": "ping"},
        {"type": "conversation.created", "conversation": {}},
        {"type": "response.created", "response": {"id": "r", "usage": {}}},
        {"type": "response.done", **done},
    ) == [ResponseStarted("r"), UsageReported(3, 4), ResponseFinished("stop", "completed")]


def test_what_was_heard_costs_too() -> None:
    reader, meter = make_realtime_reader("openai-realtime"), UsageMeter()
    done = {"type": "response.done", "response": {"id": "r", "status": "completed", "usage": {"input_tokens": 5}}}
    heard = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": "Hi"}
    heard["usage"] = {"type": "tokens", "input_tokens": 3, "output_tokens": 1}
    created = {"type": "response.created", "response": {"id": "r"}}
    for value in (heard, created, heard, done, heard, done):
        meter.read(read(reader, value), reader.answer)
    total = meter.total(complete=True)
    assert total is not None
    assert (total.input_tokens, total.output_tokens) == (8, 1)


def test_responses_over_a_websocket_may_overlap() -> None:
    reader, meter = make_realtime_reader("openai-realtime"), UsageMeter()
    events: list[ProviderEvent] = []
    for value in (
        {"type": "response.created", "response": {"id": "a"}},
        {"type": "response.created", "response": {"id": "b"}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"},
        {"type": "response.completed", "response": {"id": "a", "status": "completed", "usage": {"output_tokens": 2}}},
        {"type": "response.completed", "response": {"id": "b", "status": "completed", "usage": {"output_tokens": 2}}},
        {"type": "error", "status": 400, "error": {"type": "t", "code": "previous_response_not_found", "message": "m"}},
    ):
        meter.read(new := read(reader, value), reader.answer)
        events += new
    assert [type(event) for event in events] == [
        *(ResponseStarted, ResponseStarted, TextDelta),
        *(UsageReported, ResponseFinished) * 2,
        ResponseFailed,
    ]
    total = meter.total(complete=True)
    assert total is not None
    assert total.output_tokens == 4


def test_deepgram_flux_and_speak() -> None:
    reader = make_realtime_reader("deepgram")
    turn = {"type": "TurnInfo", "turn_index": 0, "transcript": "Hi there"}
    assert read(
        reader,
        {"type": "Connected"},
        {**turn, "event": "Update"},
        {**turn, "event": "EndOfTurn"},
        {"type": "ConfigureSuccess"},
        {"type": "ConfigureFailure", "code": "C", "description": "no"},
        {"type": "SpeechStarted"},
        {"type": "Flushed"},
        {"type": "SpeechMetadata", "billable_character_count": 3},
        {"type": "SpeechInterrupted"},
        {"type": "SessionMetadata"},
    ) == [
        TextDelta("Hi there"),
        ResponseFinished("stop", "EndOfTurn"),
        ResponseFailed("no", None, "C"),
        ResponseFinished("stop", "SpeechInterrupted"),
    ]
    assert reader.read_message(bytes(3840), is_text=False) == [AudioDelta(3840)]


def test_deepgram() -> None:
    reader = make_realtime_reader("deepgram")
    result = {"type": "Results", "channel": {"alternatives": [{"transcript": "Hi"}]}}
    call = {"id": "c", "name": "f", "arguments": "{}", "client_side": True}
    assert read(
        reader,
        {**result, "is_final": False},
        {**result, "is_final": True},
        {"type": "FunctionCallRequest", "functions": [call]},
        {"type": "ConversationText", "role": "user", "content": "no"},
        {"type": "ConversationText", "role": "assistant", "content": "yes"},
        {"type": "AgentAudioDone"},
        {"type": "Error", "code": "NET-0001", "description": "no audio"},
    ) == [
        TextDelta("Hi"),
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, "{}"),
        TextDelta("yes"),
        ResponseFinished("stop", "AgentAudioDone"),
        ResponseFailed("no audio", None, "NET-0001"),
    ]
    assert reader.read_message(b"\0\1\2", is_text=False) == [AudioDelta(3)]


def test_elevenlabs_speech_and_agents() -> None:
    reader = make_realtime_reader("elevenlabs")
    call = {"tool_name": "f", "tool_call_id": "c", "parameters": {"x": 1}}
    assert read(
        reader,
        {"audio": b64(b"123456"), "isFinal": None, "alignment": {"chars": ["H", "i"]}},
        {"audio": None, "isFinal": True},
        {"error": "input_timeout_exceeded", "message": "no text", "code": 1008},
        {"type": "ping", "ping_event": {"event_id": 1}},
        {"type": "audio", "audio_event": {"audio_base_64": b64(b"123"), "event_id": 1}},
        {"type": "agent_response", "agent_response_event": {"agent_response": "Hello"}},
        {"type": "client_tool_call", "client_tool_call": call},
        {"type": "interruption", "interruption_event": {"event_id": 1}},
    ) == [
        ResponseStarted(),
        AudioDelta(6, "Hi"),
        ResponseFinished("stop"),
        ResponseFailed("no text", None, "1008"),
        ResponseStarted(),
        AudioDelta(3),
        AudioDelta(0, "Hello"),
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, '{"x":1}'),
        ResponseFinished("stop", "interruption"),
    ]


def test_cartesia_contexts() -> None:
    reader = make_realtime_reader("cartesia")
    chunk = {"type": "chunk", "context_id": "a", "data": b64(b"123"), "step_time": 1.0}
    assert read(reader, chunk) == [ResponseStarted(), AudioDelta(3)]
    assert reader.answer == "a"
    assert read(reader, {"type": "done", "context_id": "b"}) == [ResponseFinished("stop")]
    assert reader.answer == "b"
    error = {"type": "error", "context_id": "a", "status_code": 400, "title": "Bad", "message": "m"}
    assert read(reader, error) == [ResponseFailed("m", None, "400")]


def test_fal_and_the_unknown() -> None:
    reader = make_realtime_reader("fal")
    assert reader.read_message(b"\x81\xa1a\x01", is_text=False) == []
    assert read(reader, {"images": []}) == []
    assert read(reader, {"status": "error", "error": "Unauthorized"}) == [ResponseFailed("Unauthorized")]
    unknown = make_realtime_reader("no such")
    assert (read(unknown, {"a": 1}), unknown.answer) == ([], "")


@pytest.mark.parametrize("format", [format for format in REALTIME_FORMATS if format != "fal"])
def test_a_message_never_seen_is_named(format: str) -> None:
    assert read(make_realtime_reader(format), {"type": "brand.new"}) == [Unrecognised("type brand.new")]


@needs_recordings
@given(data=st.data())
def test_no_message_raises(data: st.DataObject) -> None:
    session = data.draw(st.sampled_from(SESSIONS))
    reader = make_realtime_reader(data.draw(st.sampled_from([format_of(session), *REALTIME_FORMATS])))
    for is_text, body, _ in messages(session)[:40]:
        if data.draw(st.integers(0, 5)) == 0:
            body = json.dumps(mutate(json.loads(body), data.draw)).encode()
        for event in reader.read_message(body, is_text=is_text):
            msgspec.json.encode(event)
    for event in reader.read_message(data.draw(st.binary(max_size=20)), is_text=data.draw(st.booleans())):
        msgspec.json.encode(event)
    for event in read(reader, {"type": data.draw(JSON), "response": data.draw(JSON)}):
        msgspec.json.encode(event)
