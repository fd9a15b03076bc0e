"""Errors in the shape of the format that the client speaks.

Decides: the status, the type and the code of an error for a client of OpenAI or of Anthropic. Must not know: which
provider failed; :mod:`..errors` has read its error, and its own words stay in the message.

Source: OpenAI API reference, "Error codes"; Anthropic API reference, "Errors".
"""

from typing import Final, Literal, NamedTuple, TypeAlias

from ...events import ErrorClass, ResponseFailed, ResponseFinished
from ..error_classes import status_of
from ..errors import failed_response
from ..values import JsonObject
from .encoding import encode

#: The formats that clients speak, as :mod:`..registry` names them.
ClientFormat: TypeAlias = Literal["openai-chat", "openai-responses", "anthropic-messages"]

#: (type, code) for OpenAI.
_OPENAI: Final[dict[ErrorClass, tuple[str, str | None]]] = {
    "invalid_request": ("invalid_request_error", None),
    "authentication": ("authentication_error", "invalid_api_key"),
    "permission": ("permission_error", None),
    "not_found": ("not_found_error", "model_not_found"),
    "content_policy": ("invalid_request_error", "content_policy_violation"),
    "rate_limit": ("rate_limit_error", "rate_limit_exceeded"),
    "overload": ("server_error", "overloaded"),
    "server": ("server_error", None),
    "unknown": ("server_error", None),
}
_ANTHROPIC: Final[dict[ErrorClass, str]] = {
    "invalid_request": "invalid_request_error",
    "authentication": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "content_policy": "invalid_request_error",
    "rate_limit": "rate_limit_error",
    "overload": "overloaded_error",
    "server": "api_error",
    "unknown": "api_error",
}
#: Statuses that say more than their class.
_OPENAI_STATUSES: Final = {
    402: "insufficient_quota",
    408: "timeout_error",
    413: "request_too_large",
    504: "timeout_error",
}
_ANTHROPIC_STATUSES: Final = {
    402: "billing_error",
    408: "timeout_error",
    413: "request_too_large",
    504: "timeout_error",
}
#: Statuses of providers that clients of the format do not know.
_AS_OPENAI: Final = {422: 400, 424: 500, 498: 503, 499: 500, 529: 503}
_AS_ANTHROPIC: Final = {422: 400, 424: 500, 498: 529, 499: 500, 503: 529}
#: What OpenAI Responses calls a failure, by its class. The codes of a response that failed are a closed list, and
#: libraries refuse others; most failures have no better one than ``server_error``.
_FAILURES: Final[dict[ErrorClass, str]] = {
    "rate_limit": "rate_limit_exceeded",
    "invalid_request": "invalid_prompt",
    "content_policy": "invalid_prompt",
}


class ErrorAnswer(NamedTuple):
    """An HTTP response that says what failed. ``retry_after_s`` is for its ``retry-after`` field."""

    status: int
    body: bytes
    retry_after_s: float | None = None


def error_answer(format: ClientFormat, failed: ResponseFailed, status: int | None = None) -> ErrorAnswer:
    """The response for ``failed``. ``status`` is the provider's own, if its response had one of 400 or more."""
    shown = shown_status(format, failed, status)
    return ErrorAnswer(shown, encode(error_body(format, failed, shown)), failed.retry_after_s)


def provider_error(format: ClientFormat, status: int, body: bytes) -> ErrorAnswer:
    """The response for a provider's response with ``status`` of 300 or more, whatever its format and its ``body``."""
    return error_answer(format, failed_response(status, body), status if status >= 400 else None)


def shown_status(format: ClientFormat, failed: ResponseFailed, status: int | None = None) -> int:
    """The HTTP status for ``failed``: the provider's, else the one that the error names, else that of its class."""
    if status is None:
        status = 500 if failed.status is None and failed.error_class == "server" else status_of(failed)
    return (_AS_ANTHROPIC if format == "anthropic-messages" else _AS_OPENAI).get(status, status)


def error_body(format: ClientFormat, failed: ResponseFailed, status: int | None = None) -> JsonObject:
    """The error object of the format: a whole body, or a chunk of a stream (of OpenAI Responses only a body).

    The message is the provider's. ``provider`` holds its own type, code and status, if it gave any."""
    if status is None:
        status = shown_status(format, failed)
    if format == "anthropic-messages":
        kind = _ANTHROPIC_STATUSES.get(status, _ANTHROPIC[failed.error_class])
        error: JsonObject = {"type": kind, "message": failed.message}
        return {"type": "error", "error": {**error, **_provider(failed)}, "request_id": None}
    kind, code = _OPENAI[failed.error_class]
    if failed.error_class in ("permission", "server", "invalid_request", "unknown"):
        kind = _OPENAI_STATUSES.get(status, kind)
    error = {"message": failed.message, "type": kind, "param": None, "code": code or _own_code(failed)}
    return {"error": {**error, **_provider(failed)}}


def failure(failed: ResponseFailed) -> JsonObject:
    """The member ``error`` of a response object of OpenAI Responses. ``type`` says more than its code, if there is
    more: it is the provider's own word for the failure, if it gave one."""
    kind, code = _OPENAI[failed.error_class]
    told = _FAILURES.get(failed.error_class, "server_error")
    said = _own_code(failed) or failed.kind or code or kind
    error: JsonObject = {"code": told, "message": failed.message}
    return error if said == told else {**error, "type": said}


def why_failed(finished: ResponseFinished, *, whole: bool = False) -> ResponseFailed | None:
    """Why a response with this finish is no good answer; ``None`` if it is one.

    A stream that ended without naming a reason may have been cut off. A whole body is complete without one: some
    servers name none."""
    if finished.reason == "error":
        word = finished.raw_reason or "error"
        return ResponseFailed(f"the provider ended its response: {word}", kind=word, error_class="server")
    if finished.reason == "unknown" and not finished.raw_reason and not whole:
        return NO_FINISH
    return None


#: For a stream that ended, but does not say why.
NO_FINISH: Final = ResponseFailed(
    "the response ended without a finish reason: it may be incomplete", error_class="server"
)
#: For a whole response without an answer.
NO_ANSWER: Final = ResponseFailed("the provider's response holds no answer", error_class="server")
#: For a provider that began again while the client had half a call.
BEGAN_AGAIN: Final = ResponseFailed("the provider began again in the middle of a tool call", error_class="server")


def _own_code(failed: ResponseFailed) -> str | None:
    """The provider's code, unless it is a number."""
    return failed.code if failed.code and not failed.code.isdecimal() else None


def _provider(failed: ResponseFailed) -> JsonObject:
    given: JsonObject = {"type": failed.kind, "code": failed.code, "status": failed.status}
    said = {name: value for name, value in given.items() if value is not None}
    return {"provider": said} if said else {}
