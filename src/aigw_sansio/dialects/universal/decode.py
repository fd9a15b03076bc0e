"""The messages of a client in the ``universal.*`` dialect (client protocol, section 3.1).

Decides: which messages there are, which fields they have, and which fault a bad one has. Must not know: sockets,
providers, and whether an exchange of that id is running. A step's ``query`` stays the client's bytes.
"""

import re
from typing import Final

import msgspec

from ...exchanges.policy import StepConfig
from ...faults import Fault, FaultKind, Side
from ...json_text import BOM, MAX_DEPTH, elements, is_too_deep, is_utf8, members
from ...secret import without_content
from ..commands import BadCreate, Cancel, Command, Create, Ping, Step, Unusable
from .step_body import read_body

MAX_EVENT_ID: Final = 256


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
    headers: dict[str, msgspec.Raw] | None = None
    authorization: str | None = None
    query: msgspec.Raw = _NOTHING
    body: msgspec.Raw = _NOTHING
    config: StepConfig | None = None
    method: str = "POST"
    event_id: msgspec.Raw = _NOTHING

    __repr__ = without_content


class _EventId(msgspec.Struct, rename="camel"):
    event_id: msgspec.Raw = _NOTHING


#: An escape in a JSON string; the group is half of a surrogate pair (RFC 8259 section 8.2).
_HALF: Final = re.compile(
    rb"\\(?:ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(ud[89a-f][0-9a-f]{2})|.)", re.IGNORECASE | re.DOTALL
)
_decode_message = msgspec.json.Decoder(_Message).decode
_decode_step = msgspec.json.Decoder(_Step).decode
_decode_steps = msgspec.json.Decoder(list[_Step]).decode
_decode_id = msgspec.json.Decoder(_EventId).decode
_decode_ids = msgspec.json.Decoder(list[_EventId]).decode
_decode_str = msgspec.json.Decoder(str).decode


def _malformed(detail: str) -> Unusable:
    return Unusable(Fault(FaultKind.MALFORMED_MESSAGE, Side.CLIENT, detail))


def _invalid(detail: str) -> Fault:
    return Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, detail)


def decode(data: bytes) -> Command:
    """Read one client message, text or binary. Never raises."""
    if data.startswith(BOM):
        data = data[3:]
    if not is_utf8(data):
        return _malformed("the message is not UTF-8; a message is one JSON object in UTF-8")
    if is_too_deep(data):
        return _malformed(f"the message is nested deeper than {MAX_DEPTH} levels")
    try:
        return _decode(data)
    except RecursionError:
        return _malformed(f"the message is nested deeper than {MAX_DEPTH} levels")


def _decode(data: bytes) -> Command:
    queries: list[bytes | None] | None = None
    try:
        message = _decode_message(data)
    except msgspec.ValidationError as error:
        fault = _invalid(f"{_explain(error, 'message')}; a message is a JSON object whose type is one of {_TYPES}")
        return Unusable(fault) if data.lstrip()[:1] == b"{" else _malformed(fault.detail)
    except msgspec.DecodeError as error:
        cut = _cut_queries(data) if data.find(b"\\u") >= 0 else None
        if cut is None:
            return _malformed(f"the message is not JSON: {error}")
        data, queries = cut
        try:
            message = _decode_message(data)
        except msgspec.MsgspecError:
            return _decode_halved(data, queries)
    return _read(message, queries)


def _decode_halved(data: bytes, queries: list[bytes | None]) -> Command:
    """A message with half of a surrogate pair outside a ``query``: it is refused, under its ``eventId`` if that is
    text."""
    try:
        message = _read(_decode_message(_HALF.sub(_mend, data)), queries)
    except msgspec.MsgspecError as error:
        return _malformed(f"the message is not JSON: {error}")
    if not isinstance(message, Create):
        return message
    event_id = message.event_id
    told = event_id if event_id is not None and "\ufffd" not in event_id else None
    return BadCreate(told, _invalid("a string outside query holds half of a surrogate pair; it must be text"))


def _mend(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] else escape[0]


def _read(message: _Message, queries: list[bytes | None] | None) -> Command:
    match message.type:
        case "universal.create":
            return _create(message, queries)
        case "universal.cancel":
            event_id = _event_id(message.event_id)
            if event_id is None or isinstance(event_id, Fault):
                return Unusable(_invalid(f"universal.cancel needs eventId, a string of 1 to {MAX_EVENT_ID} characters"))
            return Cancel(event_id)
        case "universal.ping":
            return Ping()
    return Unusable(_invalid(f"message.type is unknown; allowed are {_TYPES}"))


def _create(message: _Message, queries: list[bytes | None] | None) -> Command:
    raw = bytes(message.request)
    if raw[:1] not in (b"{", b"[") or (raw[:1] == b"[" and not raw[1:-1].strip()):
        what = "missing" if not raw else "an empty array" if raw[:1] == b"[" else "no object"
        return Unusable(_invalid(f"message.request is {what}; it is a step object or a non-empty array of them"))
    event_id = _lenient_id(raw, message.event_id)
    if isinstance(event_id, Fault):
        return BadCreate(None, event_id)
    many = raw[:1] == b"["
    try:
        steps = _decode_steps(raw) if many else [_decode_step(raw)]
    except msgspec.ValidationError as error:
        return BadCreate(event_id, _invalid(_explain(error, "request")))
    except msgspec.DecodeError as error:
        return BadCreate(event_id, _invalid(f"request cannot be read: {error}"))
    result: list[Step] = []
    for index, step in enumerate(steps):
        path = f"request[{index}]" if many else "request"
        headers = _headers(step, path)
        if isinstance(headers, Fault):
            return BadCreate(event_id, headers)
        query = queries[index] if queries is not None else bytes(step.query) or None
        body = read_body(bytes(step.body), has_query=query is not None, method=step.method, where=path)
        if isinstance(body, Fault):
            return BadCreate(event_id, body)
        result.append(
            Step(
                provider=step.provider,
                endpoint=step.endpoint,
                method=step.method,
                headers=headers,
                query=query,
                config=step.config or StepConfig(),
                body=body,
            )
        )
    return Create(event_id, result)


def _headers(step: _Step, path: str) -> list[tuple[str, str]] | Fault:
    headers: list[tuple[str, str]] = []
    if step.authorization is not None:
        headers.append(("authorization", step.authorization))
    for index, (name, value) in enumerate((step.headers or {}).items()):
        raw = bytes(value)
        if raw[:1] == b'"':
            try:
                headers.append((name, _decode_str(raw)))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                return _invalid(f"{path}.headers has no valid string as the value at position {index}")
        else:
            headers.append((name, raw.decode()))
    return headers


def _lenient_id(request: bytes, beside: msgspec.Raw) -> str | Fault | None:
    """The ``eventId`` of a create, in its first step or beside ``type``; also if nothing else can be read."""
    try:
        if request[:1] == b"{":
            found = _decode_id(request).event_id
        else:
            ids = _decode_ids(request)
            found = ids[0].event_id if ids else _NOTHING
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
        return _invalid(f"eventId must be a string of 1 to {MAX_EVENT_ID} characters")
    return value


def _cut_queries(data: bytes) -> tuple[bytes, list[bytes | None]] | None:
    """For a text that msgspec refuses but JSON's grammar allows: the message with each step's ``query`` replaced by
    ``null``, and the queries as the client's bytes."""
    text = data.decode()
    cuts: list[tuple[int, int]] = []
    queries: list[bytes | None] = []
    try:
        for name, begin, _ in members(text, 0):
            if name != "request":
                continue
            cuts, queries = [], []
            starts = [at for at, _ in elements(text, begin)] if text[begin] == "[" else [begin]
            for start in starts:
                query: bytes | None = None
                if text[start] != "{":
                    queries.append(None)
                    continue
                for key, value_begin, value_end in members(text, start):
                    if key == "query":
                        cuts.append((value_begin, value_end))
                        query = text[value_begin:value_end].encode()
                queries.append(query)
    except ValueError:
        return None
    kept: list[str] = []
    at = 0
    for begin, end in cuts:
        kept += text[at:begin], "null"
        at = end
    return "".join([*kept, text[at:]]).encode(), queries


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
