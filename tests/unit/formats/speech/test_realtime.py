"""Speech over WebSockets: Deepgram, ElevenLabs, Cartesia, fal."""

from typing import Any

import pytest
from tests.reading.formats import b64, read_message, read_messages, read_realtime, without_frame

from aigw_sansio import events as e
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.realtime import make_realtime_reader


def test_deepgram_flux_and_speak() -> None:
    reader = make_realtime_reader("deepgram")
    turn = {"type": "TurnInfo", "turn_index": 0, "transcript": "Hi there"}
    assert read_messages(
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
        e.TextDelta("Hi there"),
        e.ResponseFinished("stop", "EndOfTurn"),
        response_failed("no", None, "C"),
        e.UsageReported(input_characters=3, quality="partial"),
        e.ResponseFinished("stop", "SpeechInterrupted"),
        e.UsageReported(input_characters=3),
    ]
    assert read_message(reader, bytes(3840), is_text=False) == [e.AudioDelta(3840)]


def test_deepgram() -> None:
    reader = make_realtime_reader("deepgram")
    result = {"type": "Results", "channel": {"alternatives": [{"transcript": "Hi"}]}}
    call = {"id": "c", "name": "f", "arguments": "{}", "client_side": True}
    assert read_messages(
        reader,
        {**result, "is_final": False},
        {**result, "is_final": True},
        {"type": "FunctionCallRequest", "functions": [call]},
        {"type": "ConversationText", "role": "user", "content": "no"},
        {"type": "ConversationText", "role": "assistant", "content": "yes"},
        {"type": "AgentAudioDone"},
        {"type": "Error", "code": "NET-0001", "description": "no audio"},
    ) == [
        e.TextDelta("Hi"),
        e.ToolCallStarted(0, "c", "f"),
        e.ToolCallDelta(0, "{}"),
        e.TextDelta("yes"),
        e.ResponseFinished("stop", "AgentAudioDone"),
        response_failed("no audio", None, "NET-0001"),
    ]
    assert read_message(reader, b"\0\1\2", is_text=False) == [e.AudioDelta(3)]


def test_elevenlabs_speech_and_agents() -> None:
    reader = make_realtime_reader("elevenlabs")
    call = {"tool_name": "f", "tool_call_id": "c", "parameters": {"x": 1}}
    assert read_messages(
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
        e.ResponseStarted(),
        e.AudioDelta(6, "Hi"),
        e.ResponseFinished("stop"),
        response_failed("no text", None, "1008"),
        e.ResponseStarted(),
        e.AudioDelta(3),
        e.AudioDelta(0, "Hello"),
        e.ToolCallStarted(0, "c", "f"),
        e.ToolCallDelta(0, '{"x":1}'),
        e.ResponseFinished("stop", "interruption"),
    ]


def test_cartesia_contexts() -> None:
    reader = make_realtime_reader("cartesia")
    chunk = {"type": "chunk", "context_id": "a", "data": b64(b"123"), "step_time": 1.0}
    assert read_messages(reader, chunk) == [e.ResponseStarted(), e.AudioDelta(3)]
    assert reader.response_id == "a"
    assert read_messages(reader, {"type": "done", "context_id": "b"}) == [e.ResponseFinished("stop")]
    assert reader.response_id == "b"
    error = {"type": "error", "context_id": "a", "status_code": 400, "title": "Bad", "message": "m"}
    assert read_messages(reader, error) == [response_failed("m", None, "400")]


def test_fal() -> None:
    reader = make_realtime_reader("fal")
    assert read_message(reader, b"\x81\xa1a\x01", is_text=False) == []
    assert read_messages(reader, {"images": []}) == []
    assert read_messages(reader, {"status": "error", "error": "Unauthorized"}) == [response_failed("Unauthorized")]


def test_deepgram_counts_what_it_heard() -> None:
    best = {"channel": {"alternatives": [{"transcript": ""}]}}
    assert read_messages(
        make_realtime_reader("deepgram"),
        {"type": "Results", "is_final": False, "start": 0.0, "duration": 1.0, **best},
        {"type": "Results", "is_final": True, "start": 0.0, "duration": 2.0, **best},
        {"type": "Results", "is_final": True, "start": 2.0, "duration": 1.5, **best},
        {"type": "TurnInfo", "event": "Update", "audio_window_end": 9.0},
        {"type": "TurnInfo", "event": "StartOfTurn", "audio_window_end": 4.0},
        {"type": "Metadata", "duration": 5.25, "channels": 1},
        {"type": "Metadata", "request_id": "r", "model_name": "aura"},
    ) == [
        e.UsageReported(input_audio_s=2.0, quality="partial"),
        e.UsageReported(input_audio_s=3.5, quality="partial"),
        e.UsageReported(input_audio_s=4.0, quality="partial"),
        e.UsageReported(input_audio_s=5.25),
    ]


def test_deepgram_counts_what_it_spoke() -> None:
    piece = {"billable_character_count": 46, "audio_duration_ms": 500}
    assert read_messages(
        make_realtime_reader("deepgram"),
        {"type": "SpeechMetadata", **piece},
        {"type": "SpeechInterrupted", "text_spoken": "Sure,", "metadata": piece},
        {"type": "SessionMetadata", "total_billable_character_count": 95, "total_audio_duration_ms": 1500},
    ) == [
        e.UsageReported(input_characters=46, output_audio_s=0.5, quality="partial"),
        e.UsageReported(input_characters=92, output_audio_s=1.0, quality="partial"),
        e.ResponseFinished("stop", "SpeechInterrupted"),
        e.UsageReported(input_characters=95, output_audio_s=1.5),
    ]


def test_scribe_says_what_is_committed_once() -> None:
    reader = make_realtime_reader("elevenlabs")
    assert read_messages(
        reader,
        {"message_type": "session_started", "session_id": "s"},
        {"message_type": "partial_transcript", "text": "Hel"},
        {"message_type": "committed_transcript", "text": "Hello"},
        {"message_type": "committed_transcript_with_timestamps", "text": "Hello", "words": []},
        {"message_type": "committed_transcript", "text": "Hello"},
        {"message_type": "committed_transcript_with_timestamps", "text": "World"},
    ) == [e.TextDelta("Hello"), e.TextDelta("Hello"), e.TextDelta("World")]
    for kind in ("quota_exceeded", "auth_error", "error", "commit_throttled"):
        (failed,) = read_messages(reader, {"message_type": kind, "error": "no"})
        assert isinstance(failed, e.ResponseFailed)
        assert (failed.message, failed.kind) == ("no", kind)
    assert read_messages(reader, {"message_type": "brand_new"}) != []


def test_cartesia_says_only_final_pieces_and_the_end_of_turns() -> None:
    piece = {"type": "transcript", "request_id": "r"}
    assert read_messages(
        make_realtime_reader("cartesia"),
        {**piece, "is_final": False, "text": "he", "duration": 0.5},
        {**piece, "is_final": True, "text": "hello", "duration": 1.5},
        {**piece, "is_final": True, "text": " you", "duration": 1.0},
        {"type": "flush_done"},
        {"type": "connected"},
        {"type": "turn.start"},
        {"type": "turn.update", "transcript": "by"},
        {"type": "turn.eager_end", "transcript": "bye"},
        {"type": "turn.resume"},
        {"type": "turn.end", "transcript": "bye bye"},
    ) == [
        e.TextDelta("hello"),
        e.UsageReported(input_audio_s=1.5),
        e.TextDelta(" you"),
        e.UsageReported(input_audio_s=2.5),
        e.TextDelta("bye bye"),
        e.ResponseFinished("stop", "turn.end"),
    ]


def test_an_idle_notice_of_fal_is_no_error() -> None:
    reader = make_realtime_reader("fal")
    assert read_messages(reader, {"type": "x-fal-error", "error": "TIMEOUT", "reason": "idle"}) == []
    assert read_messages(reader, {"type": "x-fal-error", "error": "USER_ERROR", "reason": "bad"}) != []


RARE_MESSAGES: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("deepgram", {"type": "AgentThinking", "content": "hm"}, [e.ReasoningDelta("hm")]),
    (
        "elevenlabs",
        {"type": "agent_chat_response_part", "text_response_part": {"type": "delta", "text": "Hi"}},
        [e.TextDelta("Hi")],
    ),
    ("elevenlabs", {"hologram": 1}, [e.Unrecognised("object with hologram")]),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_MESSAGES, ids=lambda value: str(value)[:50])
def test_a_rare_message(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One message as the provider may send it and seldom does."""
    assert without_frame(read_realtime(format, value)) == events
