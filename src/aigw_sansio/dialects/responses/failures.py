"""Errors as a client of Responses over WebSocket reads them: the message ``error``, and ``error`` of a response.

Decides: the status, the type, the code and the text of each. Must not know: when they are sent.

Source: OpenAI's guide "WebSocket mode"; Open Responses, ``WebSocketErrorEvent``. A client of OpenAI's command line
waits for its timeout if ``status`` is missing. Codes of a provider stay as they are, because clients decide by them.
"""

import re
from collections.abc import Mapping
from typing import Final

from ...events import ResponseFailed
from ...faults import Fault, FaultKind, Problem, WrongField
from ...formats.answers.encoding import encode
from ...formats.answers.errors import error_body, failure
from ...formats.errors import failed_response
from ...formats.values import JsonObject, obj, parse

K = FaultKind
#: Codes that clients know, by the kind of a fault. All others have the name of their kind.
_CODES: Final[dict[FaultKind, str]] = {
    K.UNAUTHORIZED: "invalid_api_key",
    K.UNKNOWN_PROVIDER: "model_not_found",
    K.RATE_LIMITED: "rate_limit_exceeded",
    K.LIMIT_EXCEEDED: "rate_limit_exceeded",
    K.OVERLOADED: "server_is_overloaded",
    K.GOING_AWAY: "server_is_overloaded",
    K.SHUTDOWN: "server_is_overloaded",
}
#: What is refused again if it is asked again.
_HOPELESS: Final = frozenset((K.INVALID_REQUEST, K.UNKNOWN_PROVIDER, K.UNAUTHORIZED, K.NOT_ALLOWED, K.MESSAGE_TOO_BIG))
_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
#: What was said about a field of a step: clients of this protocol write its query alone.
_FIELD: Final = re.compile(r"request\.(query\.)?((?!\d)(\w{1,64}(?:\[\d{1,9}\]|\.\w{1,64}){0,20}).*)", re.DOTALL).match
#: OpenAI's codes for what is wrong with a field, and how its messages begin.
_PROBLEMS: Final[dict[Problem, tuple[str, str]]] = {
    "missing": ("missing_required_parameter", "Missing required parameter: '%s'."),
    "type": ("invalid_type", "Invalid type for '%s':"),
    "value": ("invalid_value", "Invalid '%s':"),
    "unsupported": ("unsupported_value", "Unsupported value: '%s'"),
}
_UNSUPPORTED: Final = "unsupported_parameter", "Unsupported parameter: '%s'"
_IS_MEMBER: Final = re.compile(r"\w+").fullmatch
#: Types of events that are errors: they say nothing of the error.
_EVENTS: Final = ("error", "response.error")
#: The code of a failure that has no better one.
SERVER_ERROR: Final = "server_error"


def error_message(
    status: int,
    *,
    code: str,
    message: str,
    type: str | None = None,
    param: str | None = None,
    stream_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """The message ``error``. ``status``: the HTTP status that it would have had, of 400 or more. ``type``: that of the
    status, if none is given. ``stream_id``: the lane as the client wrote it, if the error belongs to a named one."""
    error: JsonObject = {"type": type or type_of(status), "code": code, "message": message, "param": param}
    return _message(status, error, stream_id, headers)


def field_error(problem: Problem, field: str, why: str) -> tuple[str, str]:
    """The code and the text of an error about the member ``field`` of a request. ``why``: one sentence; of what is
    unsupported, what goes on from its name."""
    code, begin = _UNSUPPORTED if problem == "unsupported" and _IS_MEMBER(field) else _PROBLEMS[problem]
    text = begin % field
    return code, f"{text} {why}" if why else text


def fault_message(fault: Fault, stream_id: str | None) -> bytes:
    """The message ``error`` of ``fault``, which may name a member of the request."""
    wait, message, param = fault.retry_after, fault.detail, None
    code = _CODES.get(fault.kind, fault.kind.value)
    if isinstance(fault, WrongField):
        param = fault.field
        code, message = field_error(fault.problem, param, fault.why)
    elif fault.kind is K.INVALID_REQUEST or fault.kind is K.UNKNOWN_PROVIDER:
        named = _FIELD(message)
        if named is not None:
            message, param = named[2], named[3] if named[1] else None
    return error_message(
        fault.http_status,
        code=code,
        message=message,
        param=param,
        stream_id=stream_id,
        headers=None if wait is None else {"retry-after": wait},
    )


def provider_message(status: int, error: JsonObject, headers: Mapping[str, str] | None, stream_id: str | None) -> bytes:
    """The message ``error`` of a provider's response with ``status``. ``error``: what :func:`provider_error` made of
    it; ``headers``: the fields of its head that clients see."""
    return _message(status if status >= 400 else 502, error, stream_id, headers)


def provider_error(status: int, body: bytes) -> JsonObject:
    """What a provider's response of ``status`` says is wrong, whatever its format: its own ``error`` with all its
    members, and with those that clients need."""
    own = obj(obj(parse(body)).get("error"))
    read = obj(error_body("openai-responses", failed_response(status, body), max(status, 400))["error"])
    if own:
        read.pop("provider", None)  # its own words stand in their own places
    told = {**read, **{name: value for name, value in own.items() if value is not None}}
    kind, code = told.get("type"), told.get("code")
    if type(kind) is not str or not kind:
        told["type"] = kind = type_of(status)
    if type(code) is not str or not code:
        read_code = read.get("code")
        # libraries try again after an error of the server that has no code, and what checks types wants one elsewhere
        told["code"] = read_code or (None if kind == SERVER_ERROR else kind)
    message = told.get("message")
    if type(message) is not str or not message:
        told["message"] = read["message"]
    return told


def failed_error(failed: ResponseFailed, said: JsonObject) -> JsonObject:
    """The member ``error`` of a response that failed after it began. ``said``: the event in which the provider said so:
    its own code stays, if it gave one."""
    told = failure(failed)
    if told.get("type") in _EVENTS:
        del told["type"]
    own = obj(said.get("error")) or said
    code, kind, param = own.get("code"), own.get("type"), own.get("param")
    if type(code) is str and code:
        told["code"] = code
        told.pop("type", None)
        if type(kind) is str and kind and kind != code and kind not in _EVENTS:
            told["type"] = kind
    return told if param is None else {**told, "param": param}


def fault_error(fault: Fault) -> JsonObject:
    """The member ``error`` of a response that ``fault`` broke off. ``type`` says what it was; the code is one of those
    that clients know there, which decide by it whether they try again."""
    message, code = fault.detail, SERVER_ERROR
    if isinstance(fault, WrongField):
        _, message = field_error(fault.problem, fault.field, fault.why)
    if fault.http_status == 429:
        code = "rate_limit_exceeded"
    elif fault.kind in _HOPELESS:
        code = "invalid_prompt"
    return {"code": code, "message": message, "type": _CODES.get(fault.kind, fault.kind.value)}


def type_of(status: int) -> str:
    """The type of an error with ``status``."""
    return _TYPES.get(status) or (SERVER_ERROR if status >= 500 else "invalid_request_error")


def _message(status: int, error: JsonObject, stream_id: str | None, headers: Mapping[str, str] | None) -> bytes:
    said: JsonObject = {"type": "error", "status": status}
    if stream_id is not None:
        said["stream_id"] = stream_id
    said["error"] = {**error, "headers": {**obj(error.get("headers")), **headers}} if headers else error
    if headers:  # OpenAI's SDKs have them in the error, and its command line reads them here
        said["headers"] = dict(headers)
    return encode(said)
