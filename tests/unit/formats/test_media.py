"""The content of audio and images is found in the provider's own chunks."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import JSON
from tests.reading.formats import b64

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.media import Media, find_media
from aigw_sansio.formats.registry import make_reader

PNG = b64(b"\x89PNG\r\n\x1a\n" + b"x" * 20)
MP3 = b64(b"ID3" + b"y" * 31)
CHAT_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}

CASES: dict[str, tuple[str, dict[str, Any], list[Media]]] = {
    "chat audio": (
        "openai-chat",
        {"choices": [{"delta": {"audio": {"id": "a", "data": MP3, "transcript": "hi"}}}]},
        [Media(MP3)],
    ),
    "chat images": (
        "openai-chat",
        {"choices": [{"delta": {"images": [CHAT_IMAGE, {"image_url": {"url": "https://x/y.png"}}]}}]},
        [Media(PNG, mime_type="image/png"), Media(uri="https://x/y.png")],
    ),
    "gemini": (
        "gemini",
        {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {"text": "a"},
                            {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": MP3}},
                            {"inlineData": {"mimeType": "image/png", "data": PNG}},
                        ]
                    }
                }
            ]
        },
        [Media(MP3), Media(PNG, mime_type="image/png")],
    ),
    "responses": (
        "openai-responses",
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {"type": "image_generation_call", "id": "ig_1", "result": PNG, "output_format": "png"},
        },
        [Media(PNG, mime_type="image/png")],
    ),
    "responses preview": (
        "openai-responses",
        {"type": "response.image_generation_call.partial_image", "partial_image_b64": PNG},
        [Media(PNG, mime_type="image/png", preview=True)],
    ),
    "converse": (
        "bedrock-converse",
        {"delta": {"image": {"source": {"bytes": PNG}}}, "contentBlockIndex": 0},
        [Media(PNG, mime_type="image/png")],
    ),
    "ollama": (
        "ollama",
        {"message": {"content": "", "images": [PNG]}, "done": False},
        [Media(PNG, mime_type="image/png")],
    ),
    "interactions": (
        "gemini-interactions",
        {"event_type": "content.delta", "delta": {"type": "image", "data": PNG, "mime_type": "image/png"}},
        [Media(PNG, mime_type="image/png")],
    ),
}


@pytest.mark.parametrize(("format", "chunk", "expected"), CASES.values(), ids=list(CASES))
def test_it_is_found_in_the_chunk_of_each_format(format: str, chunk: dict[str, Any], expected: list[Media]) -> None:
    data = json.dumps(chunk).encode()
    assert list(find_media(data, make_reader(format).read(Chunk(data)))) == expected


def test_it_is_found_in_the_wrapped_chunks_of_bedrock() -> None:
    inner = json.dumps(CASES["converse"][1]).encode()
    data = json.dumps({"bytes": base64.b64encode(inner).decode()}).encode()
    assert find_media(data, [e.ImageDelta(28)])[0].content == PNG


def test_equal_sizes_are_told_apart_by_their_order() -> None:
    sounds = [b64(bytes([number]) * 9) for number in range(3)]
    data = json.dumps({"audio": [{"data": sound} for sound in sounds]}).encode()
    assert [media.content for media in find_media(data, [e.AudioDelta(9)] * 3)] == sounds


def test_a_transcript_is_no_content() -> None:
    data = json.dumps({"data": "some spoken!", "audio": {"data": MP3}}).encode()
    assert find_media(data, [e.AudioDelta(9), e.AudioDelta(34)]) == (Media(), Media(MP3))


def test_nothing_is_parsed_for_other_events() -> None:
    assert find_media(b"\xff no JSON", [e.TextDelta("a")]) == ()


@given(JSON, st.lists(st.builds(e.AudioDelta, st.integers(0, 9)) | st.builds(e.ImageDelta, st.integers(0, 9))))
def test_there_is_one_for_each_event_whatever_the_chunk(value: object, events: list[e.ProviderEvent]) -> None:
    assert len(find_media(json.dumps(value).encode(), events)) == len(events)


def test_a_url_for_what_was_not_given_as_one() -> None:
    assert Media("AAAA", mime_type="image/png").url == "data:image/png;base64,AAAA"
    assert Media("AAAA").url == "data:application/octet-stream;base64,AAAA"
    assert Media(uri="gs://x").url == "gs://x"
    assert Media().url == ""
