"""Which decoder reads a response's body.

Decides: from status and media type whether a response is a stream, and how it is divided (client protocol, section 3.2,
"What is a stream"). Must not know: providers. The caller says whether an endpoint streams JSON arrays.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from ..config import Limits
from ..wires.http import Headers
from .chunk import BodyDecoder
from .ndjson import NdjsonDecoder
from .raw import BinaryDecoder, WholeBody
from .sse import SseDecoder


class Framing(StrEnum):
    """How a body is divided into payloads. ``WHOLE`` is the only one that is not a stream."""

    SSE = "sse"
    NDJSON = "ndjson"
    JSON_ARRAY = "json_array"
    AWS_EVENT_STREAM = "aws_event_stream"
    BINARY_STREAM = "binary_stream"
    WHOLE = "whole"


_STREAM_TYPES: Final[dict[str, Framing]] = {
    "text/event-stream": Framing.SSE,
    "application/x-ndjson": Framing.NDJSON,
    "application/ndjson": Framing.NDJSON,
    "application/x-jsonlines": Framing.NDJSON,
    "application/jsonlines": Framing.NDJSON,
    "application/x-jsonl": Framing.NDJSON,
    "application/jsonl": Framing.NDJSON,
    "application/stream+json": Framing.NDJSON,
    "application/vnd.amazon.eventstream": Framing.AWS_EVENT_STREAM,
}

#: Types under which servers send event streams by mistake. A missing type counts too.
_SUSPECT_TYPES: Final = frozenset(("text/plain", "application/json", "application/octet-stream"))

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_ESSENCE: Final = re.compile(rb"[ \t]*(" + _TOKEN + rb"/" + _TOKEN + rb")[ \t]*(?:[;,]|\Z)")
_CHARSET: Final = re.compile(rb"[;, \t]charset[ \t]*=[ \t]*\"?[ \t]*(" + _TOKEN + rb")", re.IGNORECASE)


def media_type(headers: Headers) -> tuple[str | None, str | None]:
    """``(media type without parameters, charset)`` of a message, both in lower case; ``None`` for one that is missing
    or unreadable. The last readable ``content-type`` counts (RFC 9110 section 8.3)."""
    for name, value in reversed(headers):
        if name == b"content-type" and (found := _ESSENCE.match(value)):
            charset = _CHARSET.search(value, found.end(1))
            return found[1].decode("ascii").lower(), charset[1].decode("ascii").lower() if charset else None
    return None, None


def is_json(media_type: str | None) -> bool:
    """Whether the type is JSON, by its name or its suffix (RFC 6839 section 3.1)."""
    return media_type is not None and (media_type in ("application/json", "text/json") or media_type.endswith("+json"))


def is_textual(media_type: str | None) -> bool:
    """Whether a body of this type is text; one without a type may be."""
    kind = media_type
    return kind is None or is_json(kind) or kind.startswith("text/") or kind.endswith(("xml", "javascript"))


def framing_of(status: int, media_type: str | None, *, has_length: bool, array_stream: bool) -> Framing:
    """How the body of this response is divided.

    ``has_length``: the response declares its length. ``array_stream``: this endpoint is known to send a JSON array
    element by element. A status that allows no content (204, 205; RFC 9110 section 15.3) counts as a declared length of
    0.
    """
    if not 200 <= status <= 299 or status in (204, 205):
        return Framing.WHOLE
    if media_type is not None:
        framing = _STREAM_TYPES.get(media_type)
        if framing is not None:
            return framing
        if is_json(media_type):
            return Framing.JSON_ARRAY if array_stream else Framing.WHOLE
        if media_type.startswith("text/"):
            return Framing.WHOLE
    return Framing.WHOLE if has_length else Framing.BINARY_STREAM


def may_be_sse(status: int, media_type: str | None) -> bool:
    """Whether a response to a request for a stream may be an event stream although its type does not say so: then the
    first bytes tell (:func:`.sse.begins_like_sse`)."""
    return 200 <= status <= 299 and (media_type is None or media_type in _SUSPECT_TYPES)


_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def asks_for_stream(query: bytes) -> bool:
    """Whether a request's JSON body has ``"stream": true``."""
    if b'"stream"' not in query:
        return False
    try:
        stream = _decode_members(query).get("stream")
        return stream is not None and bytes(stream).strip() == b"true"
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


def decoder_for(framing: Framing, limits: Limits, on_done: Callable[[], None] | None = None) -> BodyDecoder:
    """A new decoder for one body. ``on_done``: see :class:`.sse.SseDecoder`."""
    match framing:
        case Framing.SSE:
            return SseDecoder(limits.chunk_bytes, on_done)
        case Framing.NDJSON:
            return NdjsonDecoder(limits.chunk_bytes)
        case Framing.JSON_ARRAY:
            from .json_array import JsonArrayDecoder

            return JsonArrayDecoder(limits.chunk_bytes)
        case Framing.AWS_EVENT_STREAM:
            from .aws_eventstream import AwsEventStreamDecoder

            return AwsEventStreamDecoder(limits.chunk_bytes)
        case Framing.BINARY_STREAM:
            return BinaryDecoder()
        case Framing.WHOLE:
            return WholeBody(limits.response_body_bytes)
