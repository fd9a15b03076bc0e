"""Detects the format of a body from its content.

Decides: the format, from a media type and the first bytes, for files without a known provider. Must not know: more than
a few characteristic marks of each format. It is not used for live traffic: there the endpoint tells the format.

The marks are searched in order, the most specific first, and only in the first bytes. So a body whose text quotes
another format's marks is still detected by its own structure, which comes first.
"""

import re
from typing import Final

#: How many bytes of a body are searched.
LOOK_AT: Final = 4096

_MARKS: Final = tuple(
    (format, re.compile(pattern))
    for format, pattern in (
        ("openai-assistants", rb'"object"\s*:\s*"thread\.'),
        ("openai-responses", rb'"object"\s*:\s*"response"|"type"\s*:\s*"response\.[a-z_]+'),
        ("openai-audio", rb'"type"\s*:\s*"(?:transcript\.text|speech\.audio)\.'),
        ("gemini-interactions", rb'"event_type"\s*:\s*"(?:interaction|step|content)\.|"object"\s*:\s*"interaction"'),
        ("anthropic-messages", rb'"type"\s*:\s*"(?:message_start|message|content_block_(?:start|delta))"'),
        ("cohere-v1", rb'"event_type"\s*:\s*"(?:stream-start|text-generation)"|"generation_id"|"generations"\s*:\s*\['),
        ("openai-chat", rb'"choices"\s*:\s*\[|^\s*(?:data:)?\s*\{"value"\s*:\s*"'),
        ("gemini", rb'"candidates"\s*:\s*\[|"promptFeedback"|"usageMetadata"'),
        ("bedrock-converse", rb'"(?:stopReason|inputTokens)"|"output"\s*:\s*\{\s*"message"'),
        (
            "cohere-v2",
            rb'"type"\s*:\s*"(?:message-start|content-delta)"|"message"\s*:\s*\{[^{}]{0,200}"content"\s*:\s*\[',
        ),
        ("replicate", rb"(?m)^event: ?output\r?$|api\.replicate\.com"),
        ("watsonx", rb'"results"\s*:\s*\[\s*\{\s*"generated_text"'),
        ("tgi", rb'"token"\s*:\s*\{\s*"id"|"generated_text"\s*:'),
        ("alephalpha", rb'"completions"\s*:\s*\[\s*\{\s*"completion"'),
        ("deepgram", rb'"metadata"\s*:\s*\{[^{}]{0,600}"request_id"|"err_code"'),
        ("elevenlabs", rb'"audio_base64"|"language_probability"'),
        ("cartesia", rb'"step_time"'),
        ("ollama", rb'"model"\s*:.{0,200}"created_at"\s*:|"status"\s*:\s*"pulling'),
        ("workers-ai", rb'"response"\s*:\s*(?:"|[0-9])|"success"\s*:\s*(?:true|false)'),
    )
)
_AWS: Final = tuple(
    (format, re.compile(pattern))
    for format, pattern in (
        ("bedrock-invoke", rb":event-type\x07\x00\x05chunk.{0,200}\{\"(?:bytes|p)\"(?!.{0,4000}\"attribution\")"),
        ("bedrock-agent", rb":event-type\x07\x00\x05(?:trace|chunk)"),
        ("bedrock-converse", rb""),
    )
)


def detect_format(content_type: str | None, body_start: bytes) -> str:
    """The format of a body that begins with ``body_start``; ``unknown`` if no mark is found.

    ``content_type`` may carry parameters. Errors look alike for many providers, so they are ``unknown``.
    """
    head = body_start[:LOOK_AT]
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type == "application/vnd.amazon.eventstream" or b":message-type\x07" in head[:200]:
        return next(format for format, mark in _AWS if mark.search(head))
    for format, mark in _MARKS:
        if mark.search(head):
            return format
    return "unknown"
