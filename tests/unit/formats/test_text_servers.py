"""Servers of text models: TGI, Replicate, watsonx, Aleph Alpha."""

from typing import Any

import pytest
from tests.reading.answers import assemble
from tests.reading.formats import read_all, read_chunk, read_whole, sse, without_frame
from tests.reading.recordings import needs_recordings, recorded_answer

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


def test_tgi_native() -> None:
    def token(text: str, special: bool = False, **more: Any) -> dict[str, Any]:
        return {"index": 1, "token": {"id": 1, "text": text, "special": special}, "generated_text": None, **more}

    details = {"finish_reason": "eos_token", "generated_tokens": 3, "input_length": 2}
    chunks = sse(token("Hi"), token(" you"), token("</s>", True, generated_text="Hi you", details=details))
    assert read_all("tgi", chunks) == [
        e.ResponseStarted(),
        e.TextDelta("Hi"),
        e.TextDelta(" you"),
        e.UsageReported(2, 3),
        e.ResponseFinished("stop", "eos_token"),
    ]
    failure = sse({"error": "Input validation error", "error_type": "validation"})
    assert read_all("tgi", failure) == [response_failed("Input validation error", "validation")]


def test_replicate_speaks_raw_text() -> None:
    chunks = [Chunk(b"", "output"), Chunk(b" Hi", "output"), Chunk(b"two\nlines", "output"), Chunk(b"{}", "done")]
    assert read_all("replicate", chunks) == [
        e.ResponseStarted(),
        e.TextDelta(" Hi"),
        e.TextDelta("two\nlines"),
        e.ResponseFinished("stop"),
    ]
    cancelled = read_all("replicate", [Chunk(b"a", "output"), Chunk(b'{"reason":"canceled"}', "done")])
    assert cancelled[-1] == e.ResponseFinished("error", "canceled")
    assert read_all("replicate", [Chunk(b"CUDA error", "error"), Chunk(b'{"reason":"error"}', "done")])[0] == (
        response_failed("CUDA error", "error")
    )


def test_a_prediction() -> None:
    body = {"id": "p", "model": "m", "status": "succeeded", "output": ["a", "b"], "error": None, "urls": {}}
    body["metrics"] = {"input_token_count": 1, "output_token_count": 2}
    assert read_whole("replicate", body) == [
        e.ResponseStarted("p", "m"),
        e.TextDelta("ab"),
        e.UsageReported(1, 2),
        e.ResponseFinished("stop", "succeeded"),
    ]


def test_watsonx_counts_on_every_event() -> None:
    def result(text: str, reason: str, written: int, read: int = 0) -> dict[str, Any]:
        one = {
            "generated_text": text,
            "stop_reason": reason,
            "generated_token_count": written,
            "input_token_count": read,
        }
        return {"model_id": "m", "results": [one]}

    chunks = sse(
        {"system": {"warnings": []}},
        result("a", "not_finished", 1, 7),
        result("b", "NOT_FINISHED", 2),
        result("", "eos_token", 3),
    )
    answer = assemble(read_all("watsonx", chunks))
    assert answer.text == {0: "ab"}
    assert answer.usage == e.UsageReported(7, 3)
    assert answer.finishes == [e.ResponseFinished("stop", "eos_token")]


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("alephalpha", {"type": "stream_chunk", "completion": "Hi"}, [e.TextDelta("Hi")]),
    (
        "alephalpha",
        {"type": "completion_summary", "num_tokens_prompt_total": 1, "num_tokens_generated": 2},
        [e.UsageReported(1, 2)],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events


RARE_WHOLE: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("tgi", {"generated_text": "Hi"}, [e.TextDelta("Hi")]),
    ("tgi", [{"label": "joy", "score": 0.9}], []),
    ("tgi", [[0.1, 0.2]], []),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_WHOLE, ids=lambda value: str(value)[:50])
def test_a_rare_whole_answer(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One whole answer as the provider may send it and seldom does."""
    assert without_frame(read_whole(format, value)) == events


@needs_recordings
def test_a_recording_with_raw_text() -> None:
    spoken = recorded_answer("replicate/replicate-llama-stream-legacy-1.sse").text[0]
    assert spoken.startswith(" ") or "\n" in spoken


def test_text_of_tgi_that_comes_only_at_the_end() -> None:
    last = {
        "token": {"id": 1, "text": "", "special": True},
        "generated_text": "Hi",
        "details": {"finish_reason": "eos_token"},
    }
    assert assemble(read_all("tgi", sse(last))).text == {0: "Hi"}
    piece = {"token": {"id": 1, "text": "Hi", "special": False}, "generated_text": None}
    assert assemble(read_all("tgi", sse(piece, last))).text == {0: "Hi"}


def test_each_of_the_formats_tells_its_end() -> None:
    last: dict[str, Chunk] = {
        "tgi": Chunk(b'{"token":{"id":1,"text":""},"generated_text":"Hi"}'),
        "replicate": Chunk(b"{}", "done"),
        "alephalpha": Chunk(b'{"type":"completion_summary","num_tokens_generated":1}'),
    }
    for format, chunk in last.items():
        reader = make_reader(format)
        reader.read(chunk)
        assert reader.terminated, format
