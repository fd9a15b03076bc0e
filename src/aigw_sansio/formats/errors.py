"""Errors in all the forms that providers use.

Decides: whether a JSON value is an error and what its message, kind and code are. Must not know: its transport or its
status.

The forms: OpenAI, Groq, Azure, Google, Anthropic ``{"error": {...}}``; Hugging Face, Ollama, TGI ``{"error": "text"}``
or a list of texts; xAI ``{"code", "error"}`` with strings; Mistral, FastAPI and ElevenLabs ``{"detail": ...}``; Bedrock
``{"message"}`` or ``{"Message"}``; Cohere ``{"id", "message"}``; Cloudflare ``{"success": false, "errors": [...]}``;
Deepgram ``{"err_code", "err_msg"}``; Replicate ``{"detail", "title"}``.
"""

import re
from typing import Final

from ..events import ResponseFailed
from .values import BROKEN, JsonObject, arr, obj, parse, text, word

#: The longest error text, in characters; the rest is cut.
LONGEST_MESSAGE: Final = 2000
_BLANK = re.compile(r"\s+")


def response_failed(message: str, kind: str | None = None, code: str | None = None) -> ResponseFailed:
    """A ``ResponseFailed`` whose message is never empty and never too long."""
    return ResponseFailed(message[:LONGEST_MESSAGE] or kind or code or "error without a message", kind, code)


def embedded_error(value: JsonObject) -> ResponseFailed | None:
    """The error that a chunk declares with a top-level ``error`` or ``errors``, whatever other members it has."""
    error = value.get("error")
    if error:
        return _from_error(value, error)
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
        return response_failed(message, word(kind), word(code))
    return None


def not_json(body: bytes) -> ResponseFailed:
    """The error for a body that should be JSON and is not: an HTML page, a plain ``Not Found``."""
    plain = _BLANK.sub(" ", body[:400].decode("utf-8", "replace")).strip()
    if plain.startswith("<"):
        title = re.search(r"<title>([^<]{1,200})", plain, re.IGNORECASE)
        return response_failed(title[1].strip() if title else "an HTML page", "not_json")
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
        return ResponseFailed(found.message, name, found.code)
    return found


def _from_error(value: JsonObject, error: object) -> ResponseFailed:
    if type(error) is str:
        return response_failed(
            text(value.get("message")) or error, word(value.get("error_type")), word(value.get("code"))
        )
    if type(error) is list:
        return response_failed("; ".join(text(one) or text(obj(one).get("message")) for one in error[:8]))
    holder = obj(error)
    kind = text(holder.get("type")) or text(holder.get("status")) or None
    code = holder.get("code")
    if code is None:
        code = holder.get("http_status_code") or holder.get("status_code")
    return response_failed(text(holder.get("message")) or text(holder.get("error")), kind, word(code))


def _from_detail(value: JsonObject, detail: object) -> ResponseFailed:
    if type(detail) is str:
        return response_failed(detail, word(value.get("title")), word(value.get("status")))
    if type(detail) is list:
        return response_failed("; ".join(text(one) or text(obj(one).get("msg")) for one in detail[:8]))
    holder = obj(detail)
    return response_failed(text(holder.get("message")), word(holder.get("status")), word(holder.get("code")))
