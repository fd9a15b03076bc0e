"""The messages of a client of Responses over WebSocket (``RESPONSES.md``, section 3).

Decides: which messages there are, which lane they name, and what of them is for the connection alone. Must not know:
conversations, and what a request asks. Source: OpenAI's guide "WebSocket mode", and the types of its SDKs.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

import msgspec

from ...faults import Fault, FaultKind, Problem, Side, WrongField
from ...formats.values import BROKEN, JsonObject, obj, parse, raw_members
from ...json_text import BOM, MAX_DEPTH, is_too_deep, is_utf8
from ...quoting import quoted
from .failures import field_error

#: Members of a request: each with its text as the client wrote it.
Members: TypeAlias = Mapping[str, msgspec.Raw]

_TYPES: Final = "response.create, response.steer and response.processed"
_STREAM_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_NULL: Final = b"null"
_NOTHING: Final = msgspec.Raw(_NULL)
#: What a create says to the connection, and no provider is told. ``stream`` is always set anew.
_OF_THE_CONNECTION: Final = frozenset(
    {
        "type", "stream_id", "generate", "client_metadata", "background", "previous_response_id", "input", "stream",
        "event_id",
    }
)  # fmt: skip

#: A create has some forty members. Each takes far more memory than its text, and is kept until its turn has come.
_MOST_MEMBERS: Final = 200
#: The name of a model, as JSON: each conversation keeps one.
_MOST_MODEL_BYTES: Final = 1024


class Refusal(NamedTuple):
    """Why a create cannot be run, as its client is told."""

    code: str
    message: str
    param: str | None
    status: int = 400
    kind: str = "invalid_request_error"


class Ask(NamedTuple):
    """A create. ``lane`` is empty for the one without a name. ``body``: what goes to the provider, without the input;
    ``input`` is ``null`` if there is none. ``refusal``: why it cannot be run, if it cannot."""

    lane: str
    body: Members
    input: msgspec.Raw
    parent: str | None
    generate: bool
    refusal: Refusal | None = None


class Steer(NamedTuple):
    """The client wants to say more to a running response."""

    target: str
    members: Members


class BadLane(NamedTuple):
    """A message whose ``stream_id`` is none."""

    refusal: Refusal


class Nothing(NamedTuple):
    """A message that asks for nothing."""


Message: TypeAlias = Ask | Steer | BadLane | Nothing | Fault

BAD_LANE: Final = Refusal(
    "invalid_stream_id",
    "The 'stream_id' field must be a non-empty string with at most 256 characters and may only contain letters, "
    "numbers, underscores, hyphens, and periods.",
    "stream_id",
)

#: A create without a model that goes on from no response whose model is known.
NO_MODEL: Final = Refusal("missing_required_parameter", "Missing required parameter: 'model'.", "model")


def read_message(data: bytes) -> Message:
    """Read one message, text or binary. Never raises; a :class:`~aigw_sansio.faults.Fault` if it is none of those that
    there are."""
    data = data.removeprefix(BOM)
    if not is_utf8(data):
        return _malformed("the message is not UTF-8; a message is one JSON object in UTF-8")
    if is_too_deep(data):
        return _malformed(f"the message is nested deeper than {MAX_DEPTH} levels")
    members = raw_members(data)
    if members is None:
        known = parse(data)
        return _malformed("the message is no JSON object" if known is not BROKEN else "the message is not JSON")
    kind = _text(members.get("type"))
    if kind == "response.create":
        return _read_create(members)
    if kind == "response.steer":
        return Steer(_text(members.get("previous_response_id")) or "", members)
    if kind == "response.processed":
        return Nothing()
    problem: Problem = "missing" if "type" not in members else "value" if kind is not None else "type"
    why = f"Allowed are {_TYPES}."
    return WrongField(FaultKind.INVALID_REQUEST, Side.CLIENT, f"type: {why}", field="type", problem=problem, why=why)


def _read_create(members: Members) -> Ask | BadLane:
    body = members
    nested = members.get("response")
    if nested is not None and (inner := raw_members(bytes(nested))) is not None:
        body = {**inner, **{name: members[name] for name in ("stream_id", "generate") if name in members}}
    lane = _lane(body.get("stream_id", _NOTHING))
    if lane is None:
        return BadLane(BAD_LANE)
    parent = parse(body.get("previous_response_id", _NOTHING))
    refusal = _refuse(body, parent)
    if bytes(body.get("model", _NOTHING)) == _NULL:  # what it goes on from may have one
        body = {name: value for name, value in body.items() if name != "model"}
    if len(body) > _MOST_MEMBERS:
        why = f"The create has {len(body)} members; at most {_MOST_MEMBERS} are allowed."
        refusal, body = Refusal("invalid_value", why, None), {}
    return Ask(
        lane=lane,
        body={name: value for name, value in body.items() if name not in _OF_THE_CONNECTION},
        input=body.get("input", _NOTHING),
        parent=parent if type(parent) is str else None,
        generate=bytes(body.get("generate", _NOTHING)) != b"false" and not _prewarms(body),
        refusal=refusal,
    )


def _prewarms(body: Members) -> bool:
    """Whether it is to fill the cache of its provider only, which generates nothing (fact: it forces ``generate``)."""
    options = body.get("prompt_cache_options")
    return options is not None and obj(parse(options)).get("prewarm") is True


def _refuse(body: Members, parent: object) -> Refusal | None:
    if bytes(body.get("background", _NOTHING)) not in (b"false", _NULL):
        return _invalid("background", "is not supported over WebSocket; leave it out.", "unsupported")
    if bytes(body.get("generate", _NOTHING)) not in (b"true", b"false", _NULL):
        return _invalid("generate", "It must be true or false.", "type")
    if parent is not None and type(parent) is not str:
        return _invalid("previous_response_id", "It must be the id of a response, or null.", "type")
    if parent is not None and bytes(body.get("conversation", _NOTHING)) != _NULL:
        return _invalid("conversation", "It cannot stand beside previous_response_id; allowed is one of them.")
    if bytes(memoryview(body.get("input", _NOTHING))[:1]) not in (b"[", b'"', b"n"):
        return _invalid("input", "It must be a string or an array of items.", "type")
    model = body.get("model")
    if model is not None and bytes(model) != _NULL and type(parse(model)) is not str:
        return _invalid("model", "It must be a string.", "type")
    if model is not None and len(memoryview(model)) > _MOST_MODEL_BYTES:
        return _invalid("model", f"It has more than {_MOST_MODEL_BYTES} bytes.")
    return None


def _invalid(param: str, why: str, problem: Problem = "value") -> Refusal:
    code, message = field_error(problem, param, why)
    return Refusal(code, message, param)


def no_such_response(id: str) -> Refusal:
    """Why nothing can go on from the response ``id``, in the words of OpenAI."""
    message = f"Previous response with id {quoted(id)} not found."
    return Refusal("previous_response_not_found", message, "previous_response_id")


def no_such_call(id: str) -> Refusal:
    """Why an item cannot answer the call ``id``, in the words of OpenAI."""
    message = f"No tool call found for function call output with call_id {quoted(id)}."
    return Refusal("invalid_value", message, "input")


def without_steering(steer: Steer, lane: str | None) -> bytes:
    """The message for a client that steers: its input goes back to it."""
    message: JsonObject = {"type": "response.steer.failed", "sequence_number": 0}
    if lane:
        message["stream_id"] = lane
    message["error"] = {
        "type": "invalid_request_error",
        "code": "steering_not_supported",
        "message": "This gateway cannot steer a response; send the input with the next response.create.",
    }
    message["steer"] = {
        "previous_response_id": steer.target,
        "input": steer.members.get("input", _NOTHING),
    }
    return msgspec.json.encode(message)


def _lane(raw: msgspec.Raw) -> str | None:
    """The lane that ``stream_id`` names; ``None`` if it is none."""
    if bytes(raw) == _NULL:
        return ""
    value = parse(raw)
    return value if type(value) is str and _STREAM_ID.fullmatch(value) else None


def _text(raw: msgspec.Raw | None) -> str | None:
    value = None if raw is None else parse(raw)
    return value if type(value) is str else None


def _malformed(detail: str) -> Fault:
    return Fault(FaultKind.MALFORMED_MESSAGE, Side.CLIENT, detail)
