"""OpenAI's transcription and speech formats."""

from typing import Any

import pytest
from tests.reading.formats import b64, read_all, read_chunk, read_whole, sse, without_frame

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.classify import marker_search
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


def test_speech_as_events() -> None:
    chunks = sse(
        {"type": "speech.audio.delta", "audio": b64(b"123456")},
        {"type": "speech.audio.done", "usage": {"input_tokens": 3, "output_tokens": 5}},
    )
    assert read_all("openai-audio", chunks) == [
        e.ResponseStarted(),
        e.AudioDelta(6),
        e.UsageReported(3, 5),
        e.ResponseFinished("stop"),
    ]


def test_speech_as_bytes_and_a_transcript_as_text() -> None:
    reader = make_reader("openai-audio")
    assert reader.read(Chunk(b"\xff\xfb\x90" * 5)) == [e.ResponseStarted(), e.AudioDelta(15)]
    assert reader.read(Chunk(b"\xff\xfb\x90")) == [e.AudioDelta(3)]
    assert reader.finish() == [e.ResponseFinished("stop")]
    assert make_reader("openai-audio").read_whole(b"\xff\xfb\x90") == [e.AudioDelta(3), e.ResponseFinished("stop")]
    assert make_reader("openai-audio").read_whole(b"Hello.\n") == [e.TextDelta("Hello.\n"), e.ResponseFinished("stop")]


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("openai-audio", {"type": "transcript.text.done", "text": "Hi"}, [e.TextDelta("Hi")]),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events


def test_seconds_are_counted_as_seconds() -> None:
    for body in (
        {"text": "Hi", "usage": {"type": "duration", "seconds": 9}},
        {"text": "Hi", "duration": 9.0, "segments": []},
    ):
        assert e.UsageReported(input_audio_s=9.0) in read_whole("openai-audio", body)
    tokens = {"text": "Hi", "duration": 9.0, "usage": {"type": "tokens", "input_tokens": 3, "output_tokens": 1}}
    assert e.UsageReported(3, 1) in read_whole("openai-audio", tokens)
    for odd in ("9", True, -1, 1e300, None):
        events = read_whole("openai-audio", {"text": "Hi", "usage": {"type": "duration", "seconds": odd}})
        assert not [event for event in events if isinstance(event, e.UsageReported)]


@pytest.mark.parametrize("kind", ["transcript.text.done", "speech.audio.done", "audio.done"])
def test_the_end_of_the_format(kind: str) -> None:
    reader = make_reader("openai-audio")
    chunk = sse({"type": kind})[0]
    assert marker_search(reader.markers)(chunk.data)
    reader.read(chunk)
    assert reader.terminated


def test_a_text_among_audio_and_a_page_are_no_response() -> None:
    assert make_reader("openai-audio").read(Chunk(b"Internal Server Error")) == [
        e.Unrecognised("not JSON", unreadable=True)
    ]
    page = read_whole("openai-audio", b"<!doctype html><title>Just a moment...</title>")
    assert page == [response_failed("Just a moment...", "not_json")]


def test_text_with_a_null_byte_is_audio() -> None:
    assert read_whole("openai-audio", b"RIFF\0")[0] == e.AudioDelta(5)
    assert read_whole("openai-audio", b"Hello")[0] == e.TextDelta("Hello")
