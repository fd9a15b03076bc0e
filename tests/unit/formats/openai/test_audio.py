"""OpenAI's transcription and speech formats."""

from typing import Any

import pytest
from tests.unit.formats.reading import b64, read_all, read_chunk, sse, without_frame

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
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
    assert reader.read(Chunk(b"\xff\xfb\x90" * 5)) == [e.AudioDelta(15)]
    assert make_reader("openai-audio").read_whole(b"\xff\xfb\x90") == [e.AudioDelta(3), e.ResponseFinished("stop")]
    assert make_reader("openai-audio").read_whole(b"Hello.\n") == [e.TextDelta("Hello.\n"), e.ResponseFinished("stop")]


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("openai-audio", {"type": "transcript.text.done", "text": "Hi"}, [e.TextDelta("Hi")]),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events
