"""The format of a body, told from its content."""

import json
from typing import Any

import pytest
from tests.reading.recordings import RECORDINGS, TRANSLATIONS, needs_recordings

from aigw_sansio.formats.detection import EVENTS, LOOK_AT, detect_format

JSON = "application/json"
SSE = "text/event-stream"


@pytest.mark.parametrize(
    ("content_type", "start", "format"),
    [
        (SSE, b'data: {"choices":[{"delta"', "openai-chat"),
        (SSE, b'data: {"type":"response.created","resp', "openai-responses"),
        (SSE, b'event: message_start\ndata: {"type": "message_start"', "anthropic-messages"),
        (JSON, b'[{\n  "candidates": [', "gemini"),
        ("application/x-ndjson", b'{"model":"gemma","created_at":"2025","message":{}', "ollama"),
        (JSON, b'{"result":{"response":"Hi"},"success":true}', "workers-ai"),
        (SSE, b'data: {"response":"Hi","p":"ab"}', "workers-ai"),
        (JSON, b'{"error":{"message":"no"}}', "unknown"),
        (None, b"", "unknown"),
        (None, b"\x00\xff", "unknown"),
        (None, b"data: hello\n\ndata: world\n\n", "unknown"),
        (None, b'{"model":"m","thing":1}\n{"thing":2}\n', "unknown"),
    ],
)
def test_detection(content_type: str | None, start: bytes, format: str) -> None:
    assert detect_format(content_type, start) == format


LATE: list[tuple[str, dict[str, Any]]] = [
    ("anthropic-messages", {"content": [{"type": "text", "text": "Hi"}], "usage": {}, "stop_reason": "end_turn"}),
    ("anthropic-messages", {"content": [], "role": "assistant", "type": "message"}),
    ("cohere-v2", {"id": "c", "message": {"role": "assistant", "content": []}, "finish_reason": "COMPLETE"}),
    ("cohere-v2", {"message": {"tool_calls": [{"id": "t"}], "tool_plan": "p"}, "finish_reason": "TOOL_CALL"}),
    ("openai-chat", {"id": "c", "usage": {}, "choices": [{"message": {"content": "Hi"}}]}),
    ("openai-responses", {"id": "r", "output": [{"type": "message", "content": []}], "object": "response"}),
    ("openai-responses", {"object": "response.compaction", "output": [{"type": "message"}]}),
    ("gemini", {"modelVersion": "g", "candidates": [{}]}),
    ("gemini", {"usage_metadata": {}, "model_version": "g"}),
    ("bedrock-converse", {"metrics": {}, "output": {"message": {"content": []}}, "stopReason": "end_turn"}),
    ("bedrock-invoke", {"generation": "Hi", "prompt_token_count": 1, "stop_reason": "stop"}),
    ("bedrock-invoke", {"inputTextTokenCount": 2, "results": [{"outputText": "Hi"}]}),
    ("watsonx", {"model_id": "w", "results": [{"generated_text": "Hi"}]}),
    ("ollama", {"model": "l", "created_at": "2026", "message": {"content": ""}, "done": True}),
]


@pytest.mark.parametrize(("format", "value"), LATE)
def test_the_place_of_a_member_does_not_matter(format: str, value: dict[str, Any]) -> None:
    """Members before it may be long, and their text may quote another format."""
    quoted = json.dumps({"choices": [], "type": "message_start", "candidates": []})
    for members in (value.items(), reversed(value.items())):
        body = {"padding": quoted + "x" * 50_000, **dict(members)}
        assert detect_format(JSON, json.dumps(body).encode()) == format
        assert detect_format(None, json.dumps(body, indent=1).encode()) == format


def test_an_event_of_a_stream_tells_although_others_came_before() -> None:
    stream = b": hi\n\n" + b'data: {"type":"ping"}\n\n' * 100
    start = b'event: message_start\ndata: {"message":{"content":[]}}\n\n'
    assert detect_format(SSE, stream + start) == "anthropic-messages"
    assert detect_format(None, b"\xef\xbb\xbf\r\n" + stream.replace(b"\n", b"\r\n") + start) == "anthropic-messages"
    assert detect_format(None, b'event: ping\n\nevent: content-delta\ndata: {"index":0}\n\n') == "cohere-v2"
    assert detect_format(None, b"event: output\ndata: Once\n\n") == "replicate"


@pytest.mark.parametrize(
    ("format", "body"),
    [
        ("bedrock-converse", {"message": "Too many tokens"}),
        ("bedrock-converse", {"Message": "User is not authorized"}),
        ("cohere-v2", {"id": "1", "message": "invalid api token"}),
        ("openai-chat", {"detail": "Unauthorized"}),
        ("openai-chat", {"detail": [{"loc": ["body"], "msg": "missing", "type": "missing"}]}),
        ("openai-chat", {"object": "error", "message": "no", "type": "invalid_model", "code": "1500"}),
        ("openai-chat", {"message": "Unauthorized", "request_id": "r"}),
        ("deepgram", {"err_code": "X", "err_msg": "no", "request_id": "r"}),
        ("unknown", {"message": "Hello", "answer": 42}),
        ("unknown", {"message": {"a": 1}}),
        ("unknown", {"object": "list", "message": "no"}),
    ],
)
def test_an_error_without_the_member_error(format: str, body: dict[str, Any]) -> None:
    assert detect_format(JSON, json.dumps(body).encode()) == format


def test_what_is_looked_at_is_bounded() -> None:
    start = b'data: {"type":"message_start"}\n\n'
    quiet = b'data: {"type":"ping"}\n\n'
    assert detect_format(SSE, quiet * (EVENTS - 1) + start) == "anthropic-messages"
    assert detect_format(SSE, b"x" * LOOK_AT + start) == "unknown"
    # the names are found in the beginning of a document that is longer
    assert detect_format(JSON, b'{"candidates": [{"content": "' + b"x" * (2 * LOOK_AT)) == "gemini"
    assert detect_format(None, b"[" * LOOK_AT) == "unknown"
    assert detect_format(None, b" " * LOOK_AT) == "unknown"
    assert detect_format(None, b'{"a"' + b" " * LOOK_AT) == "unknown"


@needs_recordings
def test_no_recorded_body_is_taken_for_another_provider_s() -> None:
    """Without its path a whole answer tells its format, or its errors are those of any."""
    silent = 0
    for recording in [*RECORDINGS, *TRANSLATIONS]:
        if detect_format(recording.content_type, recording.body) == "unknown":
            silent += recording.status < 400 and b'"error"' not in recording.body
    assert silent < 80


def test_members_that_belong_together() -> None:
    for value, format in (
        ({"status": "succeeded", "urls": {"get": "u"}}, "replicate"),
        ({"metadata": {"request_id": "r"}, "results": {}}, "deepgram"),
        ({"status": "pulling manifest"}, "ollama"),
        ({"success": False, "errors": []}, "workers-ai"),
        ({"token": {"text": "Hi"}}, "tgi"),
        ({"response": ["Hi"]}, "unknown"),
        ({"success": "yes", "result": 1}, "unknown"),
        ({"object": "list", "message": "m", "type": "t"}, "unknown"),
        ({"detail": 1, "message": 2}, "unknown"),
    ):
        assert detect_format(JSON, json.dumps(value).encode()) == format, value


def test_the_last_event_needs_no_empty_line_and_fields_of_other_names_are_skipped() -> None:
    line = b'data: {"type":"response.created","response":{}}'
    assert detect_format(SSE, b": hello\nid: 1\n\n" + line) == "openai-responses"
    assert detect_format(SSE, b"retry: 5\n\n\n" + line + b"\n\n") == "openai-responses"
    assert detect_format("application/x-ndjson", b'\n\n{"model":"g","created_at":"2025","done":true}\n') == "ollama"
