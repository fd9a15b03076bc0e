"""The messages of a client in the ``universal.*`` dialect (client protocol, section 3.1).

Decides: which messages there are, which fields they have, and which fault a bad one has. Must not know: sockets,
providers, and whether an exchange of that id is running. A step's ``query`` stays the client's bytes.

The cost is linear in the message, at C speed, and what is over a limit is refused before an object is made for it: of
the steps only the first ``steps_per_request`` and one more are looked at, and headers are read by themselves.
"""

from typing import Final

import msgspec

from ...config import Limits
from ...exchanges.policy import StepConfig
from ...faults import Fault, FaultKind, Side
from ...json_text import BOM, MAX_DEPTH, first_elements, is_too_deep, is_utf8
from ...secret import without_content
from ..commands import BadCreate, Cancel, Command, Create, Ping, Step, Unusable
from ..step_rules import (
    MAX_EVENT_ID,
    bad_event_id,
    head_too_large,
    invalid,
    most_steps,
    too_many_headers,
    too_many_steps,
    utf8_size,
)
from .halves import is_mended, marked, mended, take_queries
from .step_body import read_body

_TYPES: Final = "universal.create, universal.cancel and universal.ping"
_ALLOWED: Final = {"backoff": "constant, linear and exponential", "response": "raw, events and both"}
_NOTHING: Final = msgspec.Raw(b"")


class _Message(msgspec.Struct, rename="camel"):
    type: str
    request: msgspec.Raw = _NOTHING
    event_id: msgspec.Raw = _NOTHING

    __repr__ = without_content


class _Step(msgspec.Struct, rename="camel"):
    provider: str
    endpoint: str
    headers: msgspec.Raw = _NOTHING
    authorization: str | None = None
    query: msgspec.Raw = _NOTHING
    body: msgspec.Raw = _NOTHING
    config: StepConfig | None = None
    method: str = "POST"
    event_id: msgspec.Raw = _NOTHING

    __repr__ = without_content


class _EventId(msgspec.Struct, rename="camel"):
    event_id: msgspec.Raw = _NOTHING


#: The longest spelling of a character in JSON is ``\\u0041``: headers of more bytes are too large, however they are
#: spelled.
_LONGEST_SPELLING: Final = 6
_DEFAULTS: Final = Limits()
_decode_message = msgspec.json.Decoder(_Message).decode
_decode_step = msgspec.json.Decoder(_Step).decode
_decode_texts = msgspec.json.Decoder(dict[str, str]).decode
_decode_headers = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
_decode_id = msgspec.json.Decoder(_EventId).decode
_decode_str = msgspec.json.Decoder(str).decode


def _malformed(detail: str) -> Unusable:
    return Unusable(Fault(FaultKind.MALFORMED_MESSAGE, Side.CLIENT, detail))


def decode(data: bytes, limits: Limits = _DEFAULTS) -> Command:
    """Read one client message, text or binary. Never raises."""
    if data.startswith(BOM):
        data = data[3:]
    if not is_utf8(data):
        return _malformed("the message is not UTF-8; a message is one JSON object in UTF-8")
    if is_too_deep(data):
        return _malformed(f"the message is nested deeper than {MAX_DEPTH} levels")
    try:
        return _decode(data, limits)
    except RecursionError:
        return _malformed(f"the message is nested deeper than {MAX_DEPTH} levels")


def _decode(data: bytes, limits: Limits) -> Command:
    queries: list[bytes | None] | None = None
    try:
        message = _decode_message(data)
    except msgspec.ValidationError as error:
        fault = invalid(f"{_explain(error, 'message')}; a message is a JSON object whose type is one of {_TYPES}")
        return Unusable(fault) if data.lstrip()[:1] == b"{" else _malformed(fault.detail)
    except msgspec.DecodeError as error:
        cut = take_queries(data, most_steps(limits)[0]) if data.find(b"\\u") >= 0 else None
        if cut is None:
            return _malformed(f"the message is not JSON: {error}")
        data, queries = cut
        try:
            message = _decode_message(data)
        except msgspec.ValidationError:
            return _decode(data, limits)
        except msgspec.DecodeError:
            return _decode_halved(data, limits)
    return _read(message, queries, limits)


def _decode_halved(data: bytes, limits: Limits) -> Command:
    """A message with half of a surrogate pair outside a ``query``: it is refused, under its ``eventId`` if that is
    text."""
    try:
        message = _read(_decode_message(mended(data)), None, limits)
    except msgspec.MsgspecError as error:
        return _malformed(f"the message is not JSON: {error}")
    if isinstance(message, Cancel):
        return Cancel(marked(message.event_id))
    if not isinstance(message, Create | BadCreate):
        return message
    event_id = message.event_id
    told = event_id if event_id is not None and not is_mended(event_id) else None
    return BadCreate(told, invalid("a string outside query holds half of a surrogate pair; it must be text"))


def _read(message: _Message, queries: list[bytes | None] | None, limits: Limits) -> Command:
    match message.type:
        case "universal.create":
            return _create(message, queries, limits)
        case "universal.cancel":
            event_id = _event_id(message.event_id)
            if event_id is None or isinstance(event_id, Fault):
                return Unusable(invalid(f"universal.cancel needs eventId, a string of 1 to {MAX_EVENT_ID} characters"))
            return Cancel(event_id)
        case "universal.ping":
            return Ping()
    return Unusable(invalid(f"message.type is unknown; allowed are {_TYPES}"))


def _create(message: _Message, queries: list[bytes | None] | None, limits: Limits) -> Command:
    request = message.request
    begins = bytes(memoryview(request)[:1])
    many = begins == b"["
    most = most_steps(limits)[0]
    steps = first_elements(request, most + 1) if many else [request]
    if begins not in (b"{", b"[") or not steps:
        what = "missing" if not begins else "an empty array" if many else "no object"
        return Unusable(invalid(f"message.request is {what}; it is a step object or a non-empty array of them"))
    event_id = _lenient_id(steps[0], message.event_id)
    if isinstance(event_id, Fault):
        return BadCreate(None, event_id)
    if len(steps) > most:
        return BadCreate(event_id, too_many_steps(limits))
    result: list[Step] = []
    for index, raw in enumerate(steps):
        path = f"request[{index}]" if many else "request"
        step = _step(raw, path, None if queries is None else queries[index], limits)
        if isinstance(step, Fault):
            return BadCreate(event_id, step)
        result.append(step)
    return Create(event_id, result)


def _step(raw: msgspec.Raw, path: str, cut_query: bytes | None, limits: Limits) -> Step | Fault:
    """``cut_query``: the query, if it was taken out of ``raw``."""
    try:
        step = _decode_step(raw)
    except msgspec.ValidationError as error:
        return invalid(_explain(error, path))
    except msgspec.DecodeError as error:
        return invalid(f"{path} cannot be read: {error}")
    headers = _headers(step, path, limits)
    if isinstance(headers, Fault):
        return headers
    query = cut_query if cut_query is not None else bytes(step.query) or None
    body = read_body(bytes(step.body), has_query=query is not None, method=step.method, where=path)
    if isinstance(body, Fault):
        return body
    return Step(
        provider=step.provider,
        endpoint=step.endpoint,
        method=step.method,
        headers=headers,
        query=query,
        config=step.config or StepConfig(),
        body=body,
    )


def _headers(step: _Step, path: str, limits: Limits) -> list[tuple[str, str]] | Fault:
    """The headers, if they and the endpoint are not more than a head may hold."""
    raw = step.headers
    written = len(memoryview(raw))
    if written > _LONGEST_SPELLING * limits.head_bytes:
        return head_too_large(path, written, limits)
    headers: list[tuple[str, str]] = []
    if step.authorization is not None:
        headers.append(("authorization", step.authorization))
    if written:
        try:
            headers += _decode_texts(raw).items()
        except msgspec.MsgspecError:
            mixed = _mixed_headers(raw, f"{path}.headers")
            if isinstance(mixed, Fault):
                return mixed
            headers += mixed
        if (fault := too_many_headers(path, len(headers), limits)) is not None:
            return fault
    endpoint = utf8_size(step.endpoint)
    if written + endpoint + utf8_size(step.authorization or "") > limits.head_bytes:  # it may be too large
        size = endpoint + sum(utf8_size(name) + utf8_size(text) for name, text in headers)
        size -= len("authorization") if step.authorization is not None else 0
        if size > limits.head_bytes:
            return head_too_large(path, size, limits)
    return headers


def _mixed_headers(raw: msgspec.Raw, path: str) -> list[tuple[str, str]] | Fault:
    """Headers of which some are no strings: those are sent as their JSON text."""
    try:
        found = _decode_headers(raw) or {}
    except msgspec.ValidationError as error:
        return invalid(_explain(error, path))
    headers: list[tuple[str, str]] = []
    for index, (name, value) in enumerate(found.items()):
        text = bytes(value)
        if text[:1] == b'"':
            try:
                headers.append((name, _decode_str(text)))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                return invalid(f"{path} has no valid string as the value at position {index}")
        else:
            headers.append((name, text.decode()))
    return headers


def _lenient_id(step: msgspec.Raw, beside: msgspec.Raw) -> str | Fault | None:
    """The ``eventId`` of a create, in its first step or beside ``type``; also if nothing else can be read."""
    try:
        found = _decode_id(step).event_id
    except msgspec.MsgspecError:
        found = _NOTHING
    first = _event_id(found)
    return first if first is not None else _event_id(beside)


def _event_id(raw: msgspec.Raw) -> str | Fault | None:
    if not bytes(raw):
        return None
    try:
        value = _decode_str(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        value = ""
    if not 1 <= len(value) <= MAX_EVENT_ID:
        return bad_event_id()
    return value


def _explain(error: msgspec.ValidationError, root: str) -> str:
    """The message of msgspec, with the path written as in the request."""
    text, separator, path = str(error).rpartition(" - at `")
    # msgspec quotes a value that is none of those allowed
    text = (text if separator else path).partition(" '")[0][:100]
    if not separator:
        return f"{root}: {text}"
    path = path.rstrip("`").removeprefix("$")
    allowed = _ALLOWED.get(path.rpartition(".")[2])
    return f"{root}{path}: {text}{f'; allowed are {allowed}' if allowed else ''}"
