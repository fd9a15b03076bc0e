"""The messages of Responses over WebSocket, as a provider takes and sends them.

Decides: how the body of a request becomes a message, which messages end a response, and what an error would have been
over HTTP. Must not know: sockets, and what the other events say.

Source: OpenAI's guide "WebSocket mode" and the types of its SDKs. A message is the data of one event of the stream over
HTTP; only an error is written otherwise, with the status that it would have there.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

import msgspec

from ..ids import Lineage
from ..json_text import is_utf8
from ..wires.http import Headers

#: The members of a request, each as its text.
Members: TypeAlias = Mapping[str, msgspec.Raw]

#: Members that say how the response is transported, which the socket decides.
_OF_HTTP: Final = frozenset({"type", "stream", "stream_options", "background"})
#: The ends of a response that a later request can go on from, and the others.
_GOOD_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.done"})
_BAD_ENDS: Final = frozenset({"response.failed", "response.cancelled"})
_ERRORS: Final = frozenset({"error", "response.error", ""})  # xAI writes its errors without a type
_NOTABLE: Final = _GOOD_ENDS | _BAD_ENDS | _ERRORS
#: The status of an error that names none, by its code or type.
_STATUS: Final = {
    "invalid_request_error": 400, "invalid_api_key": 401, "authentication_error": 401, "insufficient_quota": 429,
}  # fmt: skip
#: Why a provider does not go on from a response, and why it closes the socket.
NOT_FOUND: Final = "previous_response_not_found"
TOO_OLD: Final = "websocket_connection_limit_reached"
#: Fields that an error repeats: those that say when to come again, or name the request.
_FIELD: Final = re.compile(r"retry-after(?:-ms)?|x-should-retry|x-request-id|x-ratelimit-[a-z0-9-]{1,64}")
_VALUE: Final = re.compile(r"[!-~](?:[ -~]{0,254}[!-~])?")
_NOT_JSON: Final = (msgspec.MsgspecError, ValueError, RecursionError)


class _Typed(msgspec.Struct):
    type: str = ""


_decode_type: Final = msgspec.json.Decoder(_Typed).decode
_decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode: Final = msgspec.json.Decoder().decode


class ProviderError(NamedTuple):
    """An error, as the head of a response over HTTP would have told it. ``code``: the provider's own, if it has one."""

    status: int
    headers: Headers
    code: str


class Message(NamedTuple):
    """What a message is for its socket. ``ends``: nothing of the response follows. ``response_id``: the response that
    a later request can go on from. ``error``: it is one, and no event of a response. ``failed``: it ends a response
    that failed. ``aside``: it is of no response, and none begins with it."""

    ends: bool = False
    response_id: str = ""
    error: ProviderError | None = None
    failed: bool = False
    aside: bool = False


_EVENT: Final = Message()
_ASIDE: Final = Message(aside=True)


def members_of(body: bytes) -> Members | None:
    """The members of a request's body; ``None`` if it cannot be sent as a message."""
    try:
        return _decode_members(body) if is_utf8(body) else None
    except _NOT_JSON:
        return None


def whole_request(members: Members) -> bytes:
    """The message for a request with all that it says."""
    return _create(members, {})


def going_on(members: Members, lineage: Lineage) -> bytes:
    """The message for a request to a provider that knows all before its ``lineage.since``."""
    fresh = msgspec.Raw(b"[" + bytes(memoryview(members["input"])[lineage.since :]))
    previous = msgspec.Raw(msgspec.json.encode(lineage.previous))
    return _create(members, {"previous_response_id": previous, "input": fresh})


def _create(members: Members, others: Members) -> bytes:
    message: dict[str, object] = {"type": "response.create"}
    message.update((name, value) for name, value in members.items() if name not in _OF_HTTP)
    message.update(others)
    return msgspec.json.encode(message)


def as_event(data: bytes) -> bytes:
    """The message ``data`` as an event of a stream. Line ends are blanks in JSON: its strings hold none."""
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\r", b" ").replace(b"\n", b" ")
    return b"data: %b\n\n" % data


def read_message(data: bytes) -> Message:
    """What the message ``data`` of a provider is. Never raises: what cannot be read is left to the reader of events."""
    try:
        kind = _decode_type(data).type
        if kind not in _NOTABLE:
            return _EVENT if kind.startswith("response.") else _ASIDE
        value = _decode(data)
    except _NOT_JSON:
        value = _leniently(data)
    if type(value) is not dict:
        return _EVENT
    kind = _text(value.get("type"))
    if kind in _GOOD_ENDS:
        response = value.get("response")
        return Message(ends=True, response_id=_text(response.get("id")) if type(response) is dict else "")
    if kind in _BAD_ENDS:
        return Message(ends=True, failed=True)
    error = value.get("error")
    if kind in _ERRORS and (kind or error is not None):
        return Message(ends=True, error=_error_of(value, error if type(error) is dict else value))
    return _EVENT


def _leniently(data: bytes) -> object:
    """The value in ``data``, which the fast decoder refuses: half of a surrogate pair is enough for that."""
    import json

    try:
        value: object = json.loads(data)
        return value
    except _NOT_JSON:
        return None


def _text(value: object) -> str:
    return value if type(value) is str else ""


def _error_of(value: dict[str, object], error: dict[str, object]) -> ProviderError:
    return ProviderError(
        status=_status_of(value, error),
        headers=[*_fields(value.get("headers")), *_fields(error.get("headers"))],
        code=_text(error.get("code")),
    )


def _status_of(value: dict[str, object], error: dict[str, object]) -> int:
    for status in (value.get("status"), value.get("status_code")):
        if type(status) is str and len(status) == 3 and status.isdecimal():
            status = int(status)
        if type(status) is int and 400 <= status <= 599:
            return status
    for name in (_text(error.get("code")), _text(error.get("type"))):
        if name.startswith("rate_limit"):
            return 429
        if name in _STATUS:
            return _STATUS[name]
    return 500


def _fields(headers: object) -> Headers:
    found: Headers = []
    if type(headers) is dict:
        for name, value in headers.items():
            shown = str(value) if type(value) in (str, int, float) else ""
            if type(name) is str and _FIELD.fullmatch(name.lower()) and _VALUE.fullmatch(shown):
                found.append((name.lower().encode(), shown.encode()))
    return found
