"""Speech to text over WebSockets: AssemblyAI, Soniox, Speechmatics, Sarvam."""

from typing import Any

from tests.reading.formats import b64, read_messages

from aigw_sansio import events as e
from aigw_sansio.formats.realtime import make_realtime_reader


def heard(so_far: float, quality: Any = "final") -> e.UsageReported:
    return e.UsageReported(input_audio_s=so_far, quality=quality)


def test_assemblyai_tells_a_turn_twice_and_it_is_said_once() -> None:
    turn = {"type": "Turn", "turn_order": 0, "transcript": "hi sonny"}
    assert read_messages(
        make_realtime_reader("assemblyai"),
        {"type": "Begin", "id": "s", "expires_at": 1},
        {**turn, "end_of_turn": False},
        {**turn, "end_of_turn": True},
        {**turn, "end_of_turn": True, "turn_is_formatted": True, "transcript": "Hi, Sonny."},
        {**turn, "turn_order": 1, "end_of_turn": True, "transcript": "bye"},
        {"type": "Termination", "audio_duration_seconds": 12, "session_duration_seconds": 13},
    ) == [
        e.TextDelta("hi sonny"),
        e.ResponseFinished("stop", "end_of_turn"),
        e.TextDelta("bye"),
        e.ResponseFinished("stop", "end_of_turn"),
        heard(12),
    ]


def test_soniox_says_only_final_tokens() -> None:
    def token(text: str, *, final: bool) -> dict[str, Any]:
        return {"text": text, "is_final": final}

    assert read_messages(
        make_realtime_reader("soniox"),
        {"tokens": [token("How", final=False)], "total_audio_proc_ms": 200},
        {"tokens": [token("How", final=True), token(" are", final=True), token(" yo", final=False)]},
        {"tokens": [token(" you", final=True), token("<end>", final=True)], "total_audio_proc_ms": 900},
        {"tokens": [], "total_audio_proc_ms": 1680, "finished": True},
    ) == [
        e.TextDelta("How are"),
        e.TextDelta(" you"),
        e.ResponseFinished("stop", "<end>"),
        heard(0.9, "partial"),
        heard(1.68),
        e.ResponseFinished("stop", "finished"),
    ]


def test_an_error_of_soniox() -> None:
    (failed,) = read_messages(
        make_realtime_reader("soniox"), {"tokens": [], "error_code": 400, "error_message": "Invalid model specified."}
    )
    assert isinstance(failed, e.ResponseFailed)
    assert (failed.message, failed.code) == ("Invalid model specified.", "400")


def test_speechmatics() -> None:
    said = {"message": "AddTranscript", "metadata": {"transcript": "Hello. ", "start_time": 0.1, "end_time": 1.2}}
    events = read_messages(
        make_realtime_reader("speechmatics"),
        {"message": "RecognitionStarted", "id": "s"},
        {"message": "AudioAdded", "seq_no": 1},
        {"message": "AddPartialTranscript", "metadata": {"transcript": "Hell"}},
        said,
        {"message": "EndOfUtterance", "metadata": {"end_time": 1.5}},
        {"message": "EndOfTranscript"},
        {"message": "Error", "type": "quota_exceeded", "reason": "Concurrent sessions"},
        {"message": "BrandNew"},
    )
    assert events[:5] == [
        e.TextDelta("Hello. "),
        heard(1.2, "partial"),
        e.ResponseFinished("stop", "EndOfUtterance"),
        heard(1.5, "partial"),
        heard(1.5),
    ]
    assert isinstance(events[5], e.ResponseFailed)
    assert (events[5].message, events[5].kind) == ("Concurrent sessions", "quota_exceeded")


def test_sarvam_by_both_protocols() -> None:
    assert read_messages(
        make_realtime_reader("sarvam"),
        {"event": "session.begin"},
        {"event": "transcript.partial", "text": "na"},
        {"event": "transcript.final", "text": "namaste", "audio_duration": 1.5},
        {"type": "events", "data": {"signal_type": "END_SPEECH"}},
        {"type": "data", "data": {"transcript": "ji", "metrics": {"audio_duration": 0.5}}},
        {"type": "audio", "data": {"content_type": "audio/mp3", "audio": b64(b"123")}},
        {"type": "event", "data": {"event_type": "final"}},
    ) == [
        e.TextDelta("namaste"),
        heard(1.5),
        e.TextDelta("ji"),
        heard(2.0),
        e.ResponseStarted(),
        e.AudioDelta(3),
        e.ResponseFinished("stop", "final"),
    ]


def test_an_error_of_sarvam() -> None:
    for value in (
        {"type": "error", "data": {"message": "no credits", "code": "insufficient_quota_error"}},
        {"event": "error", "message": "no credits", "code": "insufficient_quota_error"},
    ):
        (failed,) = read_messages(make_realtime_reader("sarvam"), value)
        assert isinstance(failed, e.ResponseFailed)
        assert (failed.message, failed.code) == ("no credits", "insufficient_quota_error")
