"""The short way for text chunks gives the same events as the long way, whatever the chunk."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import mutate
from tests.reading.recordings import (
    RECORDINGS,
    needs_recordings,
)

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.bodies.framing import Framing
from aigw_sansio.formats.openai.chat import OpenAIChatReader
from aigw_sansio.formats.openai.text_chunk import read_text_chunk

CHUNK: dict[str, Any] = {
    "id": "x",
    "object": "chat.completion.chunk",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "Hi", "refusal": None, "reasoning": None, "tool_calls": None},
            "logprobs": None,
            "finish_reason": None,
        }
    ],
    "usage": None,
    "error": None,
    "obfuscation": "abc",
}


class Long(OpenAIChatReader):
    """Always the long way."""

    HAS_PLAIN = False


def both(data: bytes) -> tuple[list[e.ProviderEvent], list[e.ProviderEvent]]:
    readers = OpenAIChatReader(), Long()
    for reader in readers:
        reader.read(Chunk(b'{"choices":[{"delta":{"role":"assistant"}}]}'))
    short, long = (reader.read(Chunk(data)) + reader.finish() for reader in readers)
    return short, long


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def test_the_common_chunk_goes_the_short_way() -> None:
    assert read_text_chunk(compact(CHUNK)) == e.TextDelta("Hi")
    short, long = both(compact(CHUNK))
    assert short == long


@needs_recordings
def test_most_recorded_text_goes_the_short_way() -> None:
    taken = read = 0
    for recording in RECORDINGS:
        if recording.format == "openai-chat" and recording.framing is not Framing.WHOLE:
            long = Long()
            for chunk in recording.chunks():
                plain, events = read_text_chunk(chunk.data), long.read(chunk)
                read += any(isinstance(event, e.TextDelta) for event in events)
                if plain is not None:
                    taken += 1
                    assert plain in events
                    assert all(event == plain for event in events if type(event).__name__ != "ResponseStarted")
    assert taken > read / 2


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("choices.0.delta.content", ""),
        ("choices.0.delta.content", None),
        ("choices.0.delta.content", [{"type": "text", "text": "Hi"}]),
        ("choices.0.delta.reasoning", "hm"),
        ("choices.0.delta.tool_calls", [{"id": "a", "function": {"name": "f"}}]),
        ("choices.0.delta.refusal", "no"),
        ("choices.0.delta.refusal", ""),
        ("choices.0.delta", None),
        ("choices.0.finish_reason", "stop"),
        ("choices.0.finish_reason", ""),
        ("choices.0.usage", {"prompt_tokens": 1}),
        ("choices.0.index", 127),
        ("choices.0.index", 128),
        ("choices.0.index", -1),
        ("choices.0.index", 1.0),
        ("choices.0.index", True),
        ("choices.0.index", None),
        ("choices", []),
        ("choices", [CHUNK["choices"][0], CHUNK["choices"][0]]),
        ("usage", {"prompt_tokens": 1}),
        ("usage", {}),
        ("citations", ["https://a"]),
        ("error", {"message": "m"}),
        ("error", ""),
        ("errors", [{"message": "m"}]),
        ("x_groq", {"usage": {"prompt_tokens": 1}}),
        ("x_groq", {"id": "req"}),
    ],
)
def test_no_other_field_is_missed(path: str, value: object) -> None:
    chunk = json.loads(json.dumps(CHUNK))
    *way, last = path.split(".")
    at = chunk
    for step in way:
        at = at[int(step)] if step.isdigit() else at[step]
    at[last] = value
    short, long = both(compact(chunk))
    assert short == long


@given(data=st.data())
def test_any_change_reads_alike(data: st.DataObject) -> None:
    chunk: object = CHUNK
    for _ in range(data.draw(st.integers(1, 3))):
        chunk = mutate(chunk, data.draw)
    short, long = both(compact(chunk))
    assert short == long


@pytest.mark.parametrize(
    "data", [b'{"content":"', b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}', b'"content":"' * 9]
)
def test_bytes_that_are_not_json_are_declined(data: bytes) -> None:
    assert read_text_chunk(data) is None
    short, long = both(data)
    assert short == long
