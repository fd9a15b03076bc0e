"""Gemini's generateContent format: shapes that no recording shows, and the awkward recordings."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.answers import Call, assemble
from tests.reading.formats import b64, read_all, read_chunk, read_whole, sse, without_frame
from tests.reading.recordings import needs_recordings, recorded_answer

from aigw_sansio import events as e
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


def parts(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(content)}, **more}]}


def test_parts() -> None:
    chunk = parts(
        {"text": "hm", "thought": True},
        {"text": "", "thoughtSignature": "sig1"},
        {"text": "Hi", "thoughtSignature": "sig2"},
        {"functionCall": {"name": "f", "args": {"x": 1}, "id": "c"}, "thoughtSignature": "sig3"},
        {"inlineData": {"mimeType": "audio/pcm", "data": b64(b"1234")}},
        {"inlineData": {"mimeType": "image/png", "data": b64(b"12345")}},
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
        {"hologram": {}},
    )
    assert make_reader("gemini").read(sse(chunk)[0]) == [
        e.ResponseStarted(),
        e.ReasoningDelta("hm"),
        e.ReasoningDelta("", 0, "sig1"),
        e.TextDelta("Hi"),
        e.ReasoningDelta("", 0, "sig2"),
        e.ToolCallStarted(0, "c", "f", signature="sig3"),
        e.ToolCallDelta(0, '{"x":1}'),
        e.AudioDelta(4),
        e.ImageDelta(5, "image/png"),
        e.ToolCallStarted(1, None, "code_execution", 0, "provider"),
        e.ToolCallDelta(1, '{"language":"PYTHON","code":"1"}'),
        e.Unrecognised("part with hologram"),
    ]


def test_a_stop_on_every_chunk_ends_once_and_after_a_call_it_means_the_call() -> None:
    chunks = sse(parts({"text": "a"}, finishReason="STOP"), parts({"functionCall": {"name": "f"}}, finishReason="STOP"))
    answer = assemble(read_all("gemini", chunks))
    assert answer.finishes == [e.ResponseFinished("tool_calls", "STOP")]
    assert list(answer.calls.values()) == [Call(None, "f", "function", 0)]


def test_a_blocked_prompt() -> None:
    chunks = sse({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}})
    assert read_all("gemini", chunks) == [
        e.ResponseStarted(),
        e.UsageReported(4),
        e.ResponseFinished("content_filter", "SAFETY"),
    ]


def test_usage_is_a_running_total_and_thoughts_are_written_too() -> None:
    def chunk(reason: str | None, **usage: int) -> dict[str, Any]:
        return parts({"text": "x"}, finishReason=reason) | {"usageMetadata": usage}

    chunks = sse(
        chunk(None, promptTokenCount=10, thoughtsTokenCount=5),
        chunk("STOP", promptTokenCount=10, thoughtsTokenCount=5, candidatesTokenCount=3, cachedContentTokenCount=6),
    )
    assert assemble(read_all("gemini", chunks)).usages == [
        e.UsageReported(10, 5, reasoning_output_tokens=5, quality="partial"),
        e.UsageReported(10, 8, 6, reasoning_output_tokens=5),
    ]
    assert assemble(read_all("gemini", sse(chunk("STOP", promptTokenCount=10, toolUsePromptTokenCount=7)))).usage == (
        e.UsageReported(17)
    )


def test_the_array_form_may_end_in_an_error() -> None:
    chunks = sse(parts({"text": "x"}), {"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}})
    assert assemble(read_all("gemini", chunks)).failures == [response_failed("m", "UNAVAILABLE", "503")]
    assert make_reader("gemini").read_whole(b"[" + b",".join(chunk.data for chunk in chunks) + b"]")[-1] == (
        response_failed("m", "UNAVAILABLE", "503")
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("MODEL_ARMOR", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("FAKE_ENUM", "unknown"),
        ("FINISH_REASON_UNSPECIFIED", "unknown"),
        (1, "stop"),
        (3, "content_filter"),
    ],
)
def test_finish_reasons(raw: str | int, reason: str) -> None:
    (finish,) = assemble(read_all("gemini", sse(parts({"text": "x"}, finishReason=raw)))).finishes
    assert finish.reason == reason


def candidate(**fields: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [fields]}}]}


RARE_CHUNKS: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("gemini", candidate(fileData={"mimeType": "video/mp4", "fileUri": "u"}), [e.ImageDelta(0, "video/mp4")]),
    (
        "gemini",
        candidate(toolCall={"toolType": "GOOGLE_SEARCH", "id": "t", "args": {"q": 1}}),
        [e.ToolCallStarted(0, "t", "GOOGLE_SEARCH", 0, "provider"), e.ToolCallDelta(0, '{"q":1}')],
    ),
    ("gemini", {"candidates": [{"index": 500}]}, [e.Unrecognised("candidate index out of range")]),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_CHUNKS, ids=lambda value: str(value)[:50])
def test_a_rare_chunk(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One chunk as the provider may send it and seldom does."""
    assert without_frame(read_chunk(format, value)) == events


RARE_WHOLE: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    ("gemini", {"totalTokens": 5}, [e.UsageReported(5)]),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_WHOLE, ids=lambda value: str(value)[:50])
def test_a_rare_whole_answer(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One whole answer as the provider may send it and seldom does."""
    assert without_frame(read_whole(format, value)) == events


@needs_recordings
def test_a_raw_error_between_events() -> None:
    answer = recorded_answer("vertex-gemini/mock-streaming-failure-error-mid-stream.sse")
    assert answer.text
    assert answer.failures == [response_failed("The operation was cancelled.", "CANCELLED", "499")]
    assert answer.finishes == []


def test_a_stop_before_any_content_is_no_end_yet() -> None:
    reader = make_reader("gemini")
    early, late, last = sse(
        parts(finishReason="STOP"), parts({"text": "Hi"}), parts({"text": "!"}, finishReason="MAX_TOKENS")
    )
    events = [event for chunk in (early, late, last) for event in reader.read(chunk)] + reader.finish()
    assert assemble(events).finishes == [e.ResponseFinished("length", "MAX_TOKENS")]
    assert assemble(read_all("gemini", [early])).finishes == [e.ResponseFinished("stop", "STOP")]
    assert assemble(read_all("gemini", [early, late])).finishes == [e.ResponseFinished("stop", "STOP")]


def test_both_spellings_of_the_members() -> None:
    call = {"name": "f", "args": {"snake_case": {"stays_so": 1}}}
    usage = {"prompt_token_count": 3, "candidates_token_count": 2, "thoughts_token_count": 1}
    chunks = sse(
        {
            "candidates": [{"content": {"parts": [{"text": "hm", "thought": True, "thought_signature": "s"}]}}],
            "response_id": "r",
            "model_version": "g",
        },
        {"candidates": [{"content": {"parts": [{"function_call": call}]}, "finish_reason": "STOP"}]},
        {"usage_metadata": usage},
    )
    answer = assemble(read_all("gemini", chunks))
    assert answer.starts == [e.ResponseStarted("r", "g")]
    assert (answer.reasoning, answer.signatures) == ({0: "hm"}, ["s"])
    assert [call.arguments for call in answer.calls.values()] == ['{"snake_case":{"stays_so":1}}']
    assert answer.finishes == [e.ResponseFinished("tool_calls", "STOP")]
    assert answer.usage == e.UsageReported(3, 3, reasoning_output_tokens=1)
    blocked = {"prompt_feedback": {"block_reason": "SAFETY"}}
    assert read_whole("gemini", blocked)[-1] == e.ResponseFinished("content_filter", "SAFETY")


def test_an_error_at_the_end_of_a_whole_array_is_the_end() -> None:
    body = [parts({"text": "Hi"}), {"error": {"code": 499, "message": "cancelled", "status": "CANCELLED"}}]
    events = read_whole("gemini", body)
    assert isinstance(events[-1], e.ResponseFailed)
    assert not assemble(events).finishes


_USAGES: list[dict[str, Any]] = [
    {},
    {"usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": 3}},
    {"usage_metadata": {"prompt_token_count": 8}},
    {"usageMetadata": None},
]
_PARTS: list[Any] = [
    {"text": "more"}, {"text": ""}, {"text": None}, {"text": "so", "thought": True}, {"functionCall": {"name": "f"}}, {}, 7,
]  # fmt: skip
_candidates = st.fixed_dictionaries(
    {"content": st.fixed_dictionaries({"parts": st.lists(st.sampled_from(_PARTS), max_size=2)})},
    optional={
        "index": st.sampled_from([0, 1, 0.0, False, None, "0"]),
        "finishReason": st.sampled_from(["STOP", None]),
        "safetyRatings": st.just([]),
    },
)
_chunks = st.builds(
    lambda candidates, usage: {"candidates": candidates, **usage},
    st.lists(_candidates, max_size=2),
    st.sampled_from(_USAGES),
)


@given(st.lists(_chunks, max_size=4))
def test_a_chunk_of_plain_text_is_read_like_every_other(chunks: list[dict[str, Any]]) -> None:
    """``createTime`` means nothing, but with it no chunk is plain."""
    begun = {"candidates": [{"content": {"parts": [{"text": "A"}]}, "index": 0}]}
    stream = [begun, *chunks]
    assert read_all("gemini", sse(*stream)) == read_all(
        "gemini", sse(*({**chunk, "createTime": ""} for chunk in stream))
    )
