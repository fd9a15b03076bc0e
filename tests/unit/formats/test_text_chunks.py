"""The short way for text chunks gives the same events as the long way, whatever the chunk."""

import json
from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.reading.any_json import mutate

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.events import ProviderEvent, TextDelta
from aigw_sansio.formats.anthropic import AnthropicReader
from aigw_sansio.formats.base import BaseReader
from aigw_sansio.formats.cohere import CohereV2Reader
from aigw_sansio.formats.gemini.generate import GeminiReader
from aigw_sansio.formats.ollama import OllamaReader
from aigw_sansio.formats.openai.responses import OpenAIResponsesReader

TOLD: Final = {"type": "response.output_text.done", "output_index": 0, "text": "HiHi"}
#: By a reader: a chunk that is text, as it looks in most streams.
CHUNKS: Final[dict[type[BaseReader], dict[str, Any]]] = {
    AnthropicReader: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    CohereV2Reader: {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hi"}}}},
    GeminiReader: {
        "candidates": [{"content": {"parts": [{"text": "Hi"}], "role": "model"}, "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2},
        "modelVersion": "m",
        "responseId": "r",
    },
    OpenAIResponsesReader: {
        "type": "response.output_text.delta",
        "item_id": "i",
        "output_index": 0,
        "content_index": 0,
        "delta": "Hi",
    },
    OllamaReader: {"model": "m", "message": {"role": "assistant", "content": "Hi"}, "done": False},
}
READERS: Final = tuple(CHUNKS)


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def read_both(kind: type[BaseReader], chunks: Sequence[Chunk]) -> tuple[list[ProviderEvent], list[ProviderEvent]]:
    """The events of a stream that begins with text, read both ways."""
    long = type("Long", (kind,), {"HAS_PLAIN": False})
    results = []
    for reader in (kind(), long()):
        begun = [Chunk(compact(CHUNKS[kind]))] * 2  # text alone, behind the start of the response
        events = [event for chunk in (*begun, *chunks) for event in reader.read(chunk)]
        results.append([*events, *reader.finish()])
        results[-1].append(reader.complete)
    return results[0], results[1]


@pytest.mark.parametrize("kind", READERS)
def test_text_behind_text_goes_the_short_way_alone(kind: type[BaseReader], monkeypatch: pytest.MonkeyPatch) -> None:
    reader = kind()
    assert TextDelta("Hi") in reader.read(Chunk(compact(CHUNKS[kind])))
    reader.read(Chunk(compact(CHUNKS[kind])))  # behind the start of the response
    monkeypatch.delattr(kind, "read_object")
    assert reader.read(Chunk(compact(CHUNKS[kind]))) == [TextDelta("Hi")]
    assert reader.read(Chunk(b"{}"))  # no text: it is read in full, here by what knows no format


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
def test_any_change_reads_alike(kind: type[BaseReader], data: st.DataObject) -> None:
    chunks = []
    for _ in range(data.draw(st.integers(1, 4))):
        value: object = CHUNKS[kind]
        for _ in range(data.draw(st.integers(0, 2))):
            value = mutate(value, data.draw)
        event = data.draw(st.sampled_from(("", "", "error", "content_block_delta")))
        chunks.append(Chunk(compact(value), event, failed=data.draw(st.sampled_from((False, False, True)))))
    short, long = read_both(kind, chunks)
    assert short == long


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        (AnthropicReader, "delta.text", ""),
        (AnthropicReader, "delta.type", None),
        (AnthropicReader, "delta.type", "thinking_delta"),
        (AnthropicReader, "type", "message"),
        (CohereV2Reader, "delta.message.content.text", ""),
        (CohereV2Reader, "delta.message.content.thinking", "hm"),
        (CohereV2Reader, "delta.message.content.thinking", ""),
        (CohereV2Reader, "type", "message-end"),
        (GeminiReader, "candidates.0.index", 1),
        (GeminiReader, "candidates.0.index", 0.0),
        (GeminiReader, "candidates.0.index", None),
        (GeminiReader, "candidates.0.finishReason", "STOP"),
        (GeminiReader, "candidates.0.content.parts.0.thought", True),
        (GeminiReader, "candidates.0.content.parts", []),
        (GeminiReader, "candidates", []),
        (GeminiReader, "usageMetadata", None),
        (GeminiReader, "usageMetadata", {"candidatesTokenCount": 9}),
        (GeminiReader, "error", {"message": "m"}),
        (GeminiReader, "promptFeedback", {"blockReason": "SAFETY"}),
        (OpenAIResponsesReader, "delta", ""),
        (OpenAIResponsesReader, "delta", None),
        (OpenAIResponsesReader, "output_index", None),
        (OpenAIResponsesReader, "output_index", True),
        (OpenAIResponsesReader, "type", "response.completed"),
        (OllamaReader, "done", True),
        (OllamaReader, "done", None),
        (OllamaReader, "error", "m"),
        (OllamaReader, "error", ""),
        (OllamaReader, "thinking", "hm"),
        (OllamaReader, "message.thinking", "hm"),
        (OllamaReader, "message.tool_calls", [{"function": {"name": "f"}}]),
        (OllamaReader, "message.images", ["aGk="]),
    ],
)
def test_no_other_member_is_missed(kind: type[BaseReader], path: str, value: object) -> None:
    chunk = json.loads(json.dumps(CHUNKS[kind]))
    *way, last = path.split(".")
    at = chunk
    for step in way:
        at = at[int(step)] if step.isdigit() else at[step]
    at[last] = value
    short, long = read_both(kind, [Chunk(compact(chunk)), Chunk(compact(CHUNKS[kind])), Chunk(compact(TOLD))])
    assert short == long


def test_a_reader_without_a_short_way_has_none() -> None:
    assert BaseReader().read_plain(b"{}") == []


def test_a_stream_in_which_it_often_fails_is_read_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    monkeypatch.setattr(AnthropicReader, "read_plain", lambda self, data: tried.append(data) or [])
    reader = AnthropicReader()
    for _ in range(100):
        assert reader.read(Chunk(compact(CHUNKS[AnthropicReader]))) == [TextDelta("Hi")]
    assert len(tried) == 8


@pytest.mark.parametrize("kind", READERS)
@given(cut=st.integers(0, 200), junk=st.sampled_from((b"", b"\xff", b'"', b"\\ud83d", b"}")))
@example(cut=0, junk=b"[DONE]")
def test_broken_chunks_read_alike(kind: type[BaseReader], cut: int, junk: bytes) -> None:
    data = compact(CHUNKS[kind])
    short, long = read_both(kind, [Chunk(data[:cut] + junk + data[cut:]), Chunk(data[:cut])])
    assert short == long
