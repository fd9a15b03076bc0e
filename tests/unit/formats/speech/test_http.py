"""Speech and media over HTTP: ElevenLabs, Cartesia, Deepgram, fal."""

from typing import Any

import pytest
from tests.reading.formats import b64, read_all, read_whole, sse, without_frame

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.errors import response_failed

STOP = e.ResponseFinished("stop")


def test_elevenlabs() -> None:
    chunks = sse(
        {"audio_base64": b64(b"123456"), "alignment": {"characters": ["H", "i"]}, "normalized_alignment": None},
        {"audio_base64": b64(b"1234"), "alignment": None},
    )
    assert read_all("elevenlabs", chunks) == [e.ResponseStarted(), e.AudioDelta(6, "Hi"), e.AudioDelta(4), STOP]
    assert read_whole("elevenlabs", b"ID3\x04\x00\x00" + b"\xff\xfb" * 10) == [e.AudioDelta(26), STOP]
    refused = {"detail": {"status": "quota_exceeded", "message": "no credits"}}
    assert read_whole("elevenlabs", refused) == [response_failed("no credits", "quota_exceeded")]


def test_cartesia() -> None:
    chunks = sse(
        {"type": "chunk", "data": b64(b"123"), "step_time": 1.5, "status_code": 206, "done": False},
        {"type": "timestamps", "word_timestamps": {}},
        {"type": "done", "done": True, "status_code": 200},
    )
    assert read_all("cartesia", chunks) == [e.ResponseStarted(), e.AudioDelta(3), STOP]
    error = {"type": "error", "title": "Bad voice", "message": "No such voice", "error_code": "voice_not_found"}
    assert read_all("cartesia", sse(error)) == [response_failed("No such voice", None, "voice_not_found")]
    assert read_whole("cartesia", b"Unauthorized") == [response_failed("Unauthorized", "not_json")]


def test_deepgram() -> None:
    assert read_all("deepgram", [Chunk(b"\xff\xf3\x01"), Chunk(b"\xff")]) == [
        e.ResponseStarted(),
        e.AudioDelta(3),
        e.AudioDelta(1),
        STOP,
    ]
    heard = {"metadata": {"request_id": "r"}, "results": {"channels": [{"alternatives": [{"transcript": "Hi"}]}]}}
    assert read_whole("deepgram", heard) == [e.ResponseStarted("r"), e.TextDelta("Hi"), STOP]
    refused = {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": "r"}
    assert read_whole("deepgram", refused) == [response_failed("Invalid credentials.", "INVALID_AUTH", "INVALID_AUTH")]


def test_fal() -> None:
    queued = {"status": "IN_QUEUE", "request_id": "r", "response_url": "https://q", "queue_position": 1}
    assert read_whole("fal", queued) == []
    grown = sse(
        {"output": "Hel", "partial": True}, {"output": "Hello", "partial": True}, {"output": "Hello", "partial": False}
    )
    assert read_all("fal", grown) == [e.ResponseStarted(), e.TextDelta("Hel"), e.TextDelta("lo"), STOP]
    images = {"images": [{"url": "https://a.png", "content_type": "image/png"}], "seed": 1}
    assert read_whole("fal", images) == [e.ResponseStarted(), e.ImageDelta(0, "image/png"), STOP]
    assert read_whole("fal", {"detail": [{"loc": ["body"], "msg": "field required"}]}) == [
        response_failed("field required")
    ]


RARE_WHOLE: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("deepgram", {"results": {"summary": {"text": "In short"}}}, [e.TextDelta("In short")]),
    ("fal", {"audio": {"url": "https://a.mp3"}}, [e.AudioDelta(0)]),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_WHOLE, ids=lambda value: str(value)[:50])
def test_a_rare_whole_answer(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One whole answer as the provider may send it and seldom does."""
    assert without_frame(read_whole(format, value)) == events


def test_transcripts_are_counted_in_seconds_of_audio() -> None:
    heard = {"metadata": {"request_id": "r", "duration": 25.5}, "results": {"channels": []}}
    assert e.UsageReported(input_audio_s=25.5) in read_whole("deepgram", heard)
    assert e.UsageReported(input_audio_s=2.5) in read_whole("cartesia", {"text": "Hi", "duration": 2.5})
