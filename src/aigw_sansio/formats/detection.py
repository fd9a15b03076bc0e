"""Detects the format of a body from its content.

Decides: the format, from a media type and the body's shape, for bodies of a provider that is not known. Must not know:
more than the few members that tell each format.

A member tells a format by its place in the object, wherever in the body it stands: the text of a response may come
before it and may quote other formats. So the body is decoded: a whole document, the ``data`` of an event stream, or the
lines of NDJSON, until one of them tells. At most ``LOOK_AT`` bytes are looked at, once; if a document is longer, its
beginning is searched for the members' names.
"""

import re
from collections.abc import Iterator
from typing import Final

from .values import BROKEN, JsonObject, arr, obj, parse, text

#: How many bytes of a body are looked at.
LOOK_AT: Final = 1 << 20
#: How many events of a stream are looked at.
EVENTS: Final = 256

_FIELD: Final = rb"(?:data|event|id|retry)?:"
_LINES: Final = rb"\r\n|\r|\n"
#: A BOM and blanks, which may stand before anything.
_BEFORE: Final = b"\xef\xbb\xbf \t\r\n"

#: By the ``type`` of an event, or by its name in the framing if it has no ``type``.
_TYPES: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("message", "message_start", "message_delta", "message_stop", "content_block_start", "content_block_delta"),
        "anthropic-messages",
    ),
    **dict.fromkeys(
        ("message-start", "content-start", "content-delta", "tool-call-start", "tool-plan-delta", "message-end"),
        "cohere-v2",
    ),
    **dict.fromkeys(("stream_chunk", "stream_summary", "completion_summary"), "alephalpha"),
}
_TYPES_BY_PREFIX: Final = (
    ("response.", "openai-responses"),
    ("transcript.text.", "openai-audio"),
    ("speech.audio.", "openai-audio"),
    ("thread.", "openai-assistants"),
    ("interaction.", "gemini-interactions"),
    ("step.", "gemini-interactions"),
)
_EVENT_TYPES: Final[dict[str, str]] = dict.fromkeys(
    ("stream-start", "text-generation", "tool-calls-chunk", "tool-calls-generation", "stream-end"), "cohere-v1"
)
#: Members that tell a format by their name alone, in an object that has no ``choices``.
_MEMBERS: Final[tuple[tuple[str, str], ...]] = (
    ("generation_id", "cohere-v1"),
    ("candidates", "gemini"),
    ("promptFeedback", "gemini"),
    ("usageMetadata", "gemini"),
    ("prompt_feedback", "gemini"),
    ("usage_metadata", "gemini"),
    ("stopReason", "bedrock-converse"),
    ("inputTokens", "bedrock-converse"),
    ("contentBlockDelta", "bedrock-converse"),
    ("messageStop", "bedrock-converse"),
    ("generated_text", "tgi"),
    ("err_code", "deepgram"),
    ("err_msg", "deepgram"),
    ("audio_base64", "elevenlabs"),
    ("language_probability", "elevenlabs"),
    ("step_time", "cartesia"),
    ("outputText", "bedrock-invoke"),
    ("generation", "bedrock-invoke"),
    ("amazon-bedrock-invocationMetrics", "bedrock-invoke"),
)
#: Lists that tell a format by a member of their first element.
_LISTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("generations", "text", "cohere-v1"),
    ("results", "generated_text", "watsonx"),
    ("results", "outputText", "bedrock-invoke"),
    ("outputs", "text", "bedrock-invoke"),
    ("completions", "completion", "alephalpha"),
    ("completions", "data", "bedrock-invoke"),
)
#: Members of error bodies without ``error``, and the format whose reader knows them.
_ERRORS: Final[tuple[tuple[frozenset[str], frozenset[str], str], ...]] = (
    (frozenset({"message", "id"}), frozenset({"error_type", "status_code"}), "cohere-v2"),
    (frozenset({"message"}), frozenset({"__type", "code", "originalStatusCode", "resourceName"}), "bedrock-converse"),
    (frozenset({"Message"}), frozenset({"__type", "code"}), "bedrock-converse"),
    (frozenset({"detail"}), frozenset({"title", "status", "type", "instance"}), "openai-chat"),
    (frozenset({"message", "request_id"}), frozenset({"code", "type"}), "openai-chat"),
    (
        frozenset({"message", "object"}),
        frozenset({"type", "code", "param", "raw_status_code", "request_id"}),
        "openai-chat",
    ),
)
#: For a document of which only the beginning is there.
_MARKS: Final = (
    ("openai-assistants", rb'"object"\s*:\s*"thread\.'),
    ("openai-responses", rb'"object"\s*:\s*"response[".]|"type"\s*:\s*"response\.[a-z_]'),
    ("openai-audio", rb'"type"\s*:\s*"(?:transcript\.text|speech\.audio)\.'),
    ("gemini-interactions", rb'"event_type"\s*:\s*"(?:interaction|step|content)\.|"object"\s*:\s*"interaction"'),
    ("openai-chat", rb'"choices"\s*:\s*\['),
    ("anthropic-messages", rb'"type"\s*:\s*"(?:message_start|message|content_block_(?:start|delta))"'),
    ("cohere-v1", rb'"event_type"\s*:\s*"(?:stream-start|text-generation)"|"generation_id"|"generations"\s*:\s*\['),
    ("gemini", rb'"candidates"\s*:\s*\[|"promptFeedback"|"usageMetadata"'),
    ("bedrock-converse", rb'"(?:stopReason|inputTokens)"|"output"\s*:\s*\{\s*"message"'),
    ("cohere-v2", rb'"type"\s*:\s*"(?:message-start|content-delta)"|"finish_reason"\s*:\s*"[A-Z]'),
    ("replicate", rb"api\.replicate\.com"),
    ("watsonx", rb'"results"\s*:\s*\[\s*\{\s*"generated_text"'),
    ("tgi", rb'"token"\s*:\s*\{\s*"id"|"generated_text"\s*:'),
    ("alephalpha", rb'"completions"\s*:\s*\[\s*\{\s*"completion"'),
    ("deepgram", rb'"metadata"\s*:\s*\{[^{}]{0,200}"request_id"|"err_code"'),
    ("elevenlabs", rb'"audio_base64"|"language_probability"'),
    ("cartesia", rb'"step_time"'),
    ("ollama", rb'"created_at"\s*:\s*"[^"]{1,60}"\s*,\s*"(?:message|response|done)"|"status"\s*:\s*"pulling'),
    ("workers-ai", rb'"response"\s*:\s*(?:"|[0-9])|"success"\s*:\s*(?:true|false)'),
)
_AWS: Final = (
    ("bedrock-invoke", rb":event-type\x07\x00\x05chunk.{0,200}\{\"(?:bytes|p)\"(?!.{0,4000}\"attribution\")"),
    ("bedrock-agent", rb":event-type\x07\x00\x05(?:trace|chunk)"),
    ("bedrock-converse", rb""),
)
_AWS_HEAD: Final = 4096


def detect_format(content_type: str | None, body: bytes) -> str:
    """The format of ``body``, or of a body that begins with it; ``unknown`` if it has no format's shape.

    ``content_type`` may carry parameters. An error tells its format only if a reader of another format would not see
    that it is one; an object with ``error`` is read by all and stays ``unknown``.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type == "application/vnd.amazon.eventstream" or b":message-type\x07" in body[:200]:
        return next(format for format, mark in _AWS if re.search(mark, body[:_AWS_HEAD]))
    head = body[:LOOK_AT].lstrip(_BEFORE)
    streamed = re.match(_FIELD, head) is not None
    for name, data in _events(head) if streamed else _documents(head):
        value = parse(data)
        format = format_of_value(value, name)
        if format != "unknown":
            return format
        if value is not BROKEN and not streamed and len(data) == len(head):
            return "unknown"  # a whole document: nothing of it is left
    return next((format for format, mark in _MARKS if re.search(mark, head)), "unknown")


def format_of_value(value: object, event: str = "", *, errors: bool = True) -> str:
    """The format of one chunk, or of a whole body, that was decoded to ``value``; ``event`` is its name in the framing.
    ``unknown`` if it does not tell. ``errors``: also that of an error body without ``error``."""
    if type(value) is list and value:
        first = obj(value[0])
        if "generated_text" in first or _gemini(first):
            return format_of_value(first)
        return "unknown"
    if type(value) is not dict:
        return "replicate" if event == "output" else "unknown"
    told = _by_type(value, event) or _by_members(value)
    return told or (_by_error(value) if errors else None) or "unknown"


def _by_type(value: JsonObject, event: str) -> str | None:
    kind = text(value.get("type")) or text(value.get("event_type")) or event
    known = _TYPES.get(kind) or _EVENT_TYPES.get(text(value.get("event_type")))
    if known is not None and (kind != "message" or type(value.get("content")) is list):
        return known
    for prefix, format in _TYPES_BY_PREFIX:
        if kind.startswith(prefix):
            return format
    kind = text(value.get("object"))
    if kind.startswith("thread"):
        return "openai-assistants"
    if kind == "response" or kind.startswith("response."):
        return "openai-responses"
    return "gemini-interactions" if kind == "interaction" else None


def _by_members(value: JsonObject) -> str | None:
    if type(value.get("choices")) is list or (len(value) == 1 and type(value.get("value")) is str):
        return "openai-chat"
    if type(value.get("content")) is list and "stop_reason" in value:
        return "anthropic-messages"
    if type(value.get("output")) is list and any(text(obj(item).get("type")) for item in arr(value["output"])[:1]):
        return "openai-responses"
    message = value.get("message")
    if type(message) is dict and "finish_reason" in value:
        return "cohere-v2"
    if type(obj(value.get("output")).get("message")) is dict:
        return "bedrock-converse"
    for name, format in _MEMBERS:
        if name in value:
            return format
    for name, inner, format in _LISTS:
        if inner in obj((arr(value.get(name)) or [None])[0]):
            return format
    return _by_several_members(value)


def _by_several_members(value: JsonObject) -> str | None:
    if "text" in obj(value.get("token")):
        return "tgi"
    if "status" in value and "urls" in value:
        return "replicate"
    if "request_id" in obj(value.get("metadata")) and "results" in value:
        return "deepgram"
    if "created_at" in value and "model" in value and ("message" in value or "response" in value or "done" in value):
        return "ollama"
    if text(value.get("status")).startswith("pulling"):
        return "ollama"
    if type(value.get("success")) is bool and ("result" in value or "errors" in value):
        return "workers-ai"
    return "workers-ai" if type(value.get("response")) in (str, int, float) else None


def _by_error(value: JsonObject) -> str | None:
    names = value.keys()
    for needed, allowed, format in _ERRORS:
        if needed <= names and names <= needed | allowed:
            if "message" in needed and type(value["message"]) is not str:
                continue
            if "object" in needed and value["object"] != "error":
                continue
            return format
    return None


def _gemini(value: JsonObject) -> bool:
    return "candidates" in value or "usageMetadata" in value or "promptFeedback" in value


def _events(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The name and the data of each of the first events of an event stream."""
    name, data, seen = "", [], 0
    for line in re.split(_LINES, body):
        field, _, rest = line.partition(b":")
        if field == b"data":
            data.append(rest.removeprefix(b" "))
        elif field == b"event":
            name = rest.strip().decode("latin-1")
        elif not line and (data or name):
            yield name, b"\n".join(data)
            name, data, seen = "", [], seen + 1
            if seen == EVENTS:
                return
    if data or name:
        yield name, b"\n".join(data)


def _documents(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The body as one document, then its lines."""
    yield "", body
    start = 0
    for _ in range(EVENTS):
        end = body.find(b"\n", start)
        if end < 0:
            return
        if end > start:
            yield "", body[start:end]
        start = end + 1
