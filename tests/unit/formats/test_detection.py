"""The format of a body, told from its beginning."""

import pytest

from aigw_sansio.formats.detection import detect_format


@pytest.mark.parametrize(
    ("content_type", "start", "format"),
    [
        ("text/event-stream", b'data: {"choices":[{"delta"', "openai-chat"),
        ("text/event-stream", b'data: {"type":"response.created","resp', "openai-responses"),
        ("text/event-stream", b'event: message_start\ndata: {"type": "message_start"', "anthropic-messages"),
        ("application/json", b'[{\n  "candidates": [', "gemini"),
        ("application/x-ndjson", b'{"model":"gemma","created_at":"2025","message":{}', "ollama"),
        ("application/json", b'{"result":{"response":"Hi"},"success":true}', "workers-ai"),
        ("text/event-stream", b'data: {"response":"Hi","p":"ab"}', "workers-ai"),
        ("application/json", b'{"error":{"message":"no"}}', "unknown"),
        (None, b"", "unknown"),
        (None, b"\x00\xff", "unknown"),
    ],
)
def test_detection(content_type: str | None, start: bytes, format: str) -> None:
    assert detect_format(content_type, start) == format
