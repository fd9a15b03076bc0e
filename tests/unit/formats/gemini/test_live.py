"""Gemini's realtime protocol, the Live API."""

from typing import Any

from tests.reading.formats import b64, read_messages

from aigw_sansio import events as e
from aigw_sansio.formats.realtime import make_realtime_reader


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
    expected: list[e.ProviderEvent] = [
        e.ResponseStarted(),
        e.ToolCallStarted(0, "c", "f"),
        e.ToolCallDelta(0, "{}"),
        e.AudioDelta(4),
        e.AudioDelta(0, "Hi"),
        e.ResponseFinished("stop", "interrupted"),
        e.UsageReported(5, 2),
    ]
    assert read_messages(reader, *turn, text=False) == expected
    assert reader.response_id == "turn-1"
    second = read_messages(reader, *turn, text=False)
    assert [type(event) for event in second] == [type(event) for event in expected]
    assert reader.response_id == "turn-2"


def test_a_turn_told_in_snake_case() -> None:
    assert read_messages(
        make_realtime_reader("gemini-live"),
        {"setup_complete": {}},
        {
            "server_content": {
                "model_turn": {"parts": [{"inline_data": {"mime_type": "audio/pcm", "data": b64(b"12")}}]}
            }
        },
        {"server_content": {"turn_complete": True}, "usage_metadata": {"prompt_token_count": 3}},
    ) == [e.ResponseStarted(), e.AudioDelta(2), e.UsageReported(3), e.ResponseFinished("stop")]


def test_the_reason_of_a_turn_s_end() -> None:
    for raw, reason in (("NEED_MORE_INPUT", "stop"), ("MALFORMED_FUNCTION_CALL", "error"), ("NEW", "unknown")):
        value = {"serverContent": {"turnComplete": True, "turnCompleteReason": raw}}
        (_, end) = read_messages(make_realtime_reader("gemini-live"), value)
        assert isinstance(end, e.ResponseFinished)
        assert (end.reason, end.raw_reason) == (reason, raw)


def test_cached_audio_is_counted_apart_from_cached_text() -> None:
    details = [{"modality": "TEXT", "tokenCount": 20}, {"modality": "AUDIO", "tokenCount": 30}]
    usage = {"promptTokenCount": 90, "cachedContentTokenCount": 50, "cacheTokensDetails": details}
    (_, counted, _) = read_messages(
        make_realtime_reader("gemini-live"), {"serverContent": {"turnComplete": True}, "usageMetadata": usage}
    )
    assert counted == e.UsageReported(90, None, 50, cache_read_input_audio_tokens=30)
