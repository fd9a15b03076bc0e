"""OpenAI's realtime protocol, and that of others who speak it."""

import json
from typing import Any

import pytest
from tests.reading.formats import (
    b64,
    read_message,
    read_messages,
    read_realtime,
    without_frame,
)

from aigw_sansio import events as e
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.realtime import make_realtime_reader
from aigw_sansio.formats.usage import UsageMeter


def test_openai_calls_and_ends() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    done = {"id": "r", "status": "completed", "output": [item], "usage": {"input_tokens": 3, "output_tokens": 4}}
    reader = make_realtime_reader("openai-realtime")
    assert read_messages(
        reader,
        {"type": "session.created", "session": {}},
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"},
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{}"},
        {"type": "response.done", "response": done},
    ) == [
        e.ResponseStarted("r"),
        e.ToolCallStarted(0, "c", "f"),
        e.ToolCallDelta(0, "{}"),
        e.UsageReported(3, 4),
        e.ResponseFinished("tool_calls", "completed"),
    ]
    assert reader.response_id == "r"


@pytest.mark.parametrize(
    ("names"), [("response.text.delta", "response.audio.delta", "response.audio_transcript.delta"),
                ("response.output_text.delta", "response.output_audio.delta", "response.output_audio_transcript.delta")]
)  # fmt: skip
def test_openai_beta_and_ga(names: tuple[str, str, str]) -> None:
    deltas = ["Hi", b64(b"123456"), "Hello"]
    values = [{"type": name, "delta": delta} for name, delta in zip(names, deltas)]
    assert read_messages(make_realtime_reader("openai-realtime"), *values) == [
        e.TextDelta("Hi"),
        e.AudioDelta(6),
        e.AudioDelta(0, "Hello"),
    ]


@pytest.mark.parametrize(
    ("response", "end"),
    [
        ({"status": "cancelled", "status_details": {"reason": "turn_detected"}},
         e.ResponseFinished("stop", "turn_detected")),
        ({"status": "incomplete", "status_details": {"reason": "max_output_tokens"}},
         e.ResponseFinished("length", "max_output_tokens")),
        ({"status": "failed", "status_details": {"error": {"type": "t", "code": "c", "message": "m"}}},
         response_failed("m", "t", "c")),
        ({"status": "completed", "status_details": "unimplemented"}, e.ResponseFinished("stop", "completed")),
    ],
)  # fmt: skip
def test_openai_ends(response: dict[str, Any], end: e.ProviderEvent) -> None:
    assert read_messages(make_realtime_reader("openai-realtime"), {"type": "response.done", "response": response}) == [
        end
    ]


def test_openai_errors_leave_the_session_alive() -> None:
    reader = make_realtime_reader("openai-realtime")
    error = {"type": "invalid_request_error", "code": "c", "message": "m", "event_id": "e"}
    assert read_messages(reader, {"type": "error", "error": error}) == [
        response_failed("m", "invalid_request_error", "c")
    ]
    assert read_messages(reader, {"type": "response.created", "response": {"id": "r"}}) == [e.ResponseStarted("r")]


def test_xai_reports_usage_at_the_top_level_and_sends_pings() -> None:
    done = {
        "response": {"id": "r", "status": "completed", "usage": {}},
        "usage": {"input_tokens": 3, "output_tokens": 4},
    }
    assert read_messages(
        make_realtime_reader("openai-realtime"),
        {"type": "ping"},
        {"type": "conversation.created", "conversation": {}},
        {"type": "response.created", "response": {"id": "r", "usage": {}}},
        {"type": "response.done", **done},
    ) == [e.ResponseStarted("r"), e.UsageReported(3, 4), e.ResponseFinished("stop", "completed")]


def test_the_transcription_of_the_user_costs_tokens_too() -> None:
    reader, meter = make_realtime_reader("openai-realtime"), UsageMeter()
    done = {"type": "response.done", "response": {"id": "r", "status": "completed", "usage": {"input_tokens": 5}}}
    heard = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": "Hi"}
    heard["usage"] = {"type": "tokens", "input_tokens": 3, "output_tokens": 1}
    created = {"type": "response.created", "response": {"id": "r"}}
    for value in (heard, created, heard, done, heard, done):
        meter.read(read_messages(reader, value), reader.response_id)
    total = meter.total(complete=True)
    assert total is not None
    assert (total.input_tokens, total.output_tokens) == (8, 1)


def test_responses_over_a_websocket_may_overlap() -> None:
    reader, meter = make_realtime_reader("openai-realtime"), UsageMeter()
    events: list[e.ProviderEvent] = []
    for value in (
        {"type": "response.created", "response": {"id": "a"}},
        {"type": "response.created", "response": {"id": "b"}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"},
        {"type": "response.completed", "response": {"id": "a", "status": "completed", "usage": {"output_tokens": 2}}},
        {"type": "response.completed", "response": {"id": "b", "status": "completed", "usage": {"output_tokens": 2}}},
        {"type": "error", "status": 400, "error": {"type": "t", "code": "previous_response_not_found", "message": "m"}},
    ):
        meter.read(new := read_messages(reader, value), reader.response_id)
        events += new
    assert [type(event) for event in events] == [
        *(e.ResponseStarted, e.ResponseStarted, e.TextDelta),
        *(e.UsageReported, e.ResponseFinished) * 2,
        e.ResponseFailed,
    ]
    total = meter.total(complete=True)
    assert total is not None
    assert total.output_tokens == 4


RARE_MESSAGES: list[tuple[str, Any, list[e.ProviderEvent]]] = [
    (
        "openai-realtime",
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "i",
            "usage": {
                "type": "tokens",
                "input_tokens": 3,
                "output_tokens": 1,
                "input_token_details": {"audio_tokens": 3},
            },
        },
        [e.UsageReported(3, 1, input_audio_tokens=3)],
    ),
    (
        "openai-realtime",
        {"type": "conversation.item.input_audio_transcription.failed", "error": {"code": "c", "message": "m"}},
        [response_failed("m", None, "c")],
    ),
    (
        "openai-realtime",
        {"type": "error", "status": 400, "error": {"type": "t", "code": "previous_response_not_found", "message": "m"}},
        [response_failed("m", "t", "previous_response_not_found", status=400)],
    ),
]


@pytest.mark.parametrize(("format", "value", "events"), RARE_MESSAGES, ids=lambda value: str(value)[:50])
def test_a_rare_message(format: str, value: Any, events: list[e.ProviderEvent]) -> None:
    """One message as the provider may send it and seldom does."""
    assert without_frame(read_realtime(format, value)) == events


def test_usage_of_a_transcription_belongs_to_its_item() -> None:
    reader = make_realtime_reader("openai-realtime")
    read_message(reader, json.dumps(RARE_MESSAGES[0][1]).encode())
    assert reader.response_id == "i"


def test_transcriptions_are_counted_in_tokens_or_in_seconds_each_for_its_item() -> None:
    reader = make_realtime_reader("openai-realtime")
    done = {"type": "conversation.item.input_audio_transcription.completed", "transcript": "Hi"}
    usage: dict[str, Any] = {"type": "duration", "seconds": 2.5}
    assert read_messages(reader, {**done, "item_id": "a", "usage": usage}) == [e.UsageReported(input_audio_s=2.5)]
    assert reader.response_id == "a"
    usage = {"type": "tokens", "input_tokens": 3, "output_tokens": 2}
    assert read_messages(reader, {**done, "item_id": "b", "usage": usage}) == [e.UsageReported(3, 2)]
    assert reader.response_id == "b"


@pytest.mark.parametrize("pieces", [True, False])
def test_a_session_that_only_transcribes_says_what_it_heard_once(pieces: bool) -> None:
    item = {"item_id": "a"}
    delta = {"type": "conversation.item.input_audio_transcription.delta", "delta": "Hi", **item}
    done = {"type": "conversation.item.input_audio_transcription.completed", "transcript": "Hi", **item}
    messages = [delta, done] if pieces else [done]
    for kind in ("session.created", "session.updated"):
        session = {"type": kind, "session": {"type": "transcription"}}
        assert read_messages(make_realtime_reader("openai-realtime"), session, *messages) == [e.TextDelta("Hi")]
        session = {"type": kind, "session": {"type": "realtime"}}
        assert read_messages(make_realtime_reader("openai-realtime"), session, *messages) == []


def test_transcription_of_mistral_and_vllm() -> None:
    reader = make_realtime_reader("mistral")
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "prompt_audio_seconds": 4}
    assert read_messages(
        reader,
        {"type": "session.created", "session": {"request_id": "r"}},
        {"type": "transcription.language", "audio_language": "en"},
        {"type": "transcription.text.delta", "text": "Hel"},
        {"type": "transcription.delta", "delta": "lo"},
        {"type": "transcription.done", "text": "Hello", "usage": usage},
    ) == [
        e.ResponseStarted(),
        e.TextDelta("Hel"),
        e.TextDelta("lo"),
        e.UsageReported(5, 2, input_audio_s=4.0),
        e.ResponseFinished("stop", "done"),
    ]
    assert reader.response_id == "transcript-1"
    assert read_messages(reader, {"type": "transcription.done", "text": "only at the end"}) == [
        e.TextDelta("only at the end"),
        e.ResponseFinished("stop", "done"),
    ]


def test_together_says_completed_transcripts_and_speaks() -> None:
    heard = "conversation.item.input_audio_transcription"
    assert read_messages(
        make_realtime_reader("together"),
        {"type": "session.created", "session": {"id": "s"}},
        {"type": f"{heard}.delta", "delta": "The quik"},
        {"type": f"{heard}.completed", "transcript": "The quick"},
        {"type": "conversation.item.audio_output.delta", "item_id": "t", "delta": b64(b"123")},
        {"type": "conversation.item.audio_output.done", "item_id": "t"},
    ) == [e.TextDelta("The quick"), e.ResponseStarted(), e.AudioDelta(3), e.ResponseFinished("stop", "done")]


def test_events_of_a_transcription_that_nothing_is_known_of_are_reported() -> None:
    for kind in (
        "conversation.item.input_audio_transcription.weighed",
        "transcription.weighed",
    ):
        assert without_frame(read_realtime("openai-realtime", {"type": kind})) == [e.Unrecognised(f"type {kind}")], kind


def test_a_speech_that_fails_ends_with_an_error() -> None:
    error = {"message": "no voice", "type": "invalid_request_error", "code": "voice"}
    for kind in ("conversation.item.tts.failed", "conversation.item.audio_output.failed"):
        assert read_realtime("openai-realtime", {"type": kind, "error": error}) == [
            response_failed("no voice", "invalid_request_error", "voice")
        ]
    empty = {"type": "conversation.item.audio_output.delta", "delta": ""}
    assert read_realtime("openai-realtime", empty) == []
    end = {"type": "conversation.item.audio_output.begin"}
    assert read_realtime("openai-realtime", end) == []


def test_empty_pieces_of_a_transcript_say_nothing() -> None:
    for kind in ("session.output_transcript.delta", "transcription.text.delta"):
        assert read_realtime("openai-realtime", {"type": kind, "delta": ""}) == [], kind
