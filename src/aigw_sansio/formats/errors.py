"""Errors in all the forms that providers use.

Decides: whether a JSON value is an error and what its message, kind and code are. Must not know: its transport or its
status.

The forms: OpenAI, Groq, Azure, Google, Anthropic ``{"error": {...}}``; Hugging Face, Ollama, TGI ``{"error": "text"}``
or a list of texts; xAI ``{"code", "error"}`` with strings; Mistral, FastAPI and ElevenLabs ``{"detail": ...}``; Bedrock
``{"message"}`` or ``{"Message"}``; Cohere ``{"id", "message"}``; Cloudflare ``{"success": false, "errors": [...]}``;
Deepgram ``{"err_code", "err_msg"}``; Replicate ``{"detail", "title"}``; MiniMax ``{"base_resp": {"status_code",
"status_msg"}}``.
"""

import re
from typing import Final

import msgspec

from ..events import ResponseFailed
from .error_classes import classify_error, named_status, span_s, wait_in_text
from .values import BROKEN, JsonObject, arr, count, obj, parse, text, word

#: The longest error text, in characters; the rest is cut.
LONGEST_MESSAGE: Final = 2000
_BLANK = r"\s+"
_LONGEST_FRAMED: Final = 1 << 20
_STATUSES: Final = ("status", "status_code", "statusCode", "http_status_code", "http_code")
_WAITS: Final = (
    ("retry_after", 1.0), ("retryAfter", 1.0), ("retry_after_seconds", 1.0), ("retry-after", 1.0),
    ("Retry-After", 1.0), ("retry_after_ms", 0.001), ("retryAfterMs", 0.001), ("retry-after-ms", 0.001),
)  # fmt: skip


def response_failed(
    message: str,
    kind: str | None = None,
    code: str | None = None,
    *,
    status: int | None = None,
    retry_after_s: float | None = None,
) -> ResponseFailed:
    """A ``ResponseFailed`` whose message is never empty and never too long, with its class. ``status`` and
    ``retry_after_s``: what the error says of itself outside of its message and its code."""
    message = message[:LONGEST_MESSAGE] or kind or code or "error without a message"
    status = named_status(status, code)
    return ResponseFailed(
        message,
        kind=kind,
        code=code,
        error_class=classify_error(message, kind, code, status),
        status=status,
        retry_after_s=wait_in_text(message) if retry_after_s is None else retry_after_s,
    )


def failed_response(status: int, body: bytes) -> ResponseFailed:
    """The error that a whole response with ``status`` of 300 or more is, whatever its format and its body: JSON of any
    form, JSON in an event stream, text, HTML or nothing. There is always one."""
    value = parse(body)
    found = any_error(value)
    if found is None:
        plain = value if type(value) is str else ""
        found = not_json(body) if value is BROKEN and body.strip() else response_failed(plain or f"status {status}")
    outer = named_status(status)
    given = classify_error(found.message, found.kind, found.code, found.status or outer)
    return msgspec.structs.replace(found, error_class=given)


def embedded_error(value: JsonObject) -> ResponseFailed | None:
    """The error that a chunk declares with a top-level ``error`` or ``errors``, whatever other members it has."""
    error = value.get("error")
    if error:
        return _from_error(value, error)
    if "base_resp" in value:  # MiniMax
        said = obj(value["base_resp"])
        if count(said.get("status_code")):
            return response_failed(text(said.get("status_msg")), "base_resp", word(said.get("status_code")))
    errors = arr(value.get("errors"))
    if errors and value.get("success") is False:
        first = obj(errors[0])
        return response_failed(text(first.get("message")) or text(errors[0]), None, word(first.get("code")))
    return None


def any_error(value: object) -> ResponseFailed | None:
    """The error that a value *is*, by any known form. Use it only for values that the format does not define."""
    if type(value) is list:
        return any_error(value[0]) if len(value) == 1 and type(value[0]) is dict else None
    if type(value) is not dict:
        return None
    found = embedded_error(value)
    if found is not None:
        return found
    if "err_msg" in value or "err_code" in value:
        return response_failed(text(value.get("err_msg")), word(value.get("err_code")), word(value.get("err_code")))
    detail = value.get("detail")
    if detail:
        return _from_detail(value, detail)
    message = value.get("message") or value.get("Message") or value.get("title")
    if type(message) is str:
        kind = value.get("error_type") or value.get("type") or value.get("__type")
        kind = None if kind == "error" else kind
        code = value.get("code") or value.get("error_code") or value.get("status_code") or value.get("statusCode")
        return response_failed(message, word(kind), word(code), status=_status(value), retry_after_s=_wait(value))
    return None


def not_json(body: bytes) -> ResponseFailed:
    """The error for a body that should be JSON and is not: an HTML page, a plain ``Not Found``, an event's error."""
    found = any_error(parse(_framed(body)))
    if found is not None:
        return found
    plain = re.sub(_BLANK, " ", body[:400].decode("utf-8", "replace")).strip()
    if plain.startswith("<"):
        title = re.search(r"<title>([^<]{1,200})", plain, re.IGNORECASE)
        return response_failed(title[1].strip() if title else "the response is an HTML page", "not_json")
    if not plain.isprintable() or "\ufffd" in plain[:-1]:
        return response_failed(f"{len(body)} bytes that are no JSON", "not_json")
    return response_failed(plain[:200], "not_json")


def framing_error(data: bytes, name: str) -> ResponseFailed:
    """An error that the framing itself declares. ``name`` is its name in the framing."""
    value = parse(data)
    if type(value) is dict and len(value) == 1 and type(value.get(name)) is dict:
        value = value[name]  # AWS: the exception's name is the key
    found = any_error(value)
    if found is None:
        plain = "" if value is not BROKEN else data[:LONGEST_MESSAGE].decode("utf-8", "replace").strip()
        return response_failed(plain, name or None)
    if name and name != "error" and found.kind is None:
        return response_failed(found.message, name, found.code, status=found.status, retry_after_s=found.retry_after_s)
    return found


def _framed(body: bytes) -> bytes:
    """The data of the first event with data, if ``body`` is an event stream after all; else nothing."""
    plain = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not plain.startswith((b"data:", b"error:", b"event:", b"id:", b"retry:", b":")):
        return b""
    lines: list[bytes] = []
    for line in plain[:_LONGEST_FRAMED].splitlines():
        name, _, data = line.partition(b":")
        if name in (b"data", b"error"):
            lines.append(data.strip())
        elif not line and lines:
            break
    return b"\n".join(lines)


def _status(holder: JsonObject) -> int | None:
    """The HTTP status that an error names outside of its code."""
    return named_status(*map(holder.get, _STATUSES))


def _wait(*holders: JsonObject) -> float | None:
    """The wait that an error asks for in a member of its own, in seconds."""
    for holder in holders:
        for name, unit in _WAITS:
            given = holder.get(name)
            if type(given) is int or type(given) is float:
                given = repr(given)
            if type(given) is str:
                seconds = span_s(given)
                if seconds is not None:
                    return seconds * unit
        for detail in arr(holder.get("details")):  # Google's RetryInfo
            delay = obj(detail).get("retryDelay")
            seconds = span_s(delay) if type(delay) is str else count(obj(delay).get("seconds"))
            if seconds is not None:
                return float(seconds)
    return None


def _from_error(value: JsonObject, error: object) -> ResponseFailed:
    if type(error) is str:
        return response_failed(
            text(value.get("message")) or error,
            word(value.get("error_type")),
            word(value.get("code")),
            status=_status(value),
            retry_after_s=_wait(value),
        )
    if type(error) is list:
        return response_failed("; ".join(text(one) or text(obj(one).get("message")) for one in error[:8]))
    holder = obj(error)
    kind = text(holder.get("type")) or text(holder.get("status")) or None
    code = holder.get("code")
    if code is None:
        code = holder.get("http_status_code") or holder.get("status_code")
    status = named_status(code, *map(holder.get, _STATUSES), *map(value.get, _STATUSES))
    wait = _wait(holder, obj(holder.get("metadata")), obj(holder.get("headers")), value)
    said = text(holder.get("message")) or text(holder.get("error"))
    return response_failed(said, kind, word(code), status=status, retry_after_s=wait)


def _from_detail(value: JsonObject, detail: object) -> ResponseFailed:
    if type(detail) is str:
        return response_failed(detail, word(value.get("title")), word(value.get("status")), status=_status(value))
    if type(detail) is list:
        return response_failed("; ".join(text(one) or text(obj(one).get("msg")) for one in detail[:8]))
    holder = obj(detail)
    return response_failed(text(holder.get("message")), word(holder.get("status")), word(holder.get("code")))
