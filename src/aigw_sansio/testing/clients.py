"""Messages of clients over WebSocket: those of the universal protocol, and those of OpenAI Responses.

Decides: which messages are worth trying, and what a server must make of them. Must not know: any implementation.

Source of Responses: OpenAI's guide "WebSocket mode", and the types of its SDKs.
"""

import json
from typing import Any, Final

import msgspec
from hypothesis import strategies as st

# -- the universal protocol -------------------------------------------------------------------------------------------


@st.composite
def universal_messages(draw: st.DrawFn, event_ids: tuple[str, ...] = ("a", "b", "c")) -> bytes:
    """One client message: mostly a valid one, sometimes an invalid one."""
    event_id = draw(st.sampled_from(event_ids))
    kind = draw(st.sampled_from(("create", "create", "create", "cancel", "ping", "bad")))
    if kind == "ping":
        return b'{"type":"universal.ping"}'
    if kind == "cancel":
        return json.dumps({"type": "universal.cancel", "eventId": event_id}).encode()
    if kind == "bad":
        return draw(st.sampled_from((b"", b"{", b"[]", b'{"type":"x"}', b'{"type":"universal.create"}', b"\xff")))
    steps: list[dict[str, Any]] = [
        {
            "provider": draw(st.sampled_from(("openai", "anthropic", "groq", "nobody"))),
            "endpoint": draw(st.sampled_from(("chat/completions", "v1/messages", "../x"))),
            "headers": {"authorization": "Bearer key"},
            "query": {"model": "m", "stream": draw(st.booleans())},
        }
        for _ in range(draw(st.integers(1, 2)))
    ]
    steps[0]["eventId"] = event_id
    request: object = steps if len(steps) > 1 or draw(st.booleans()) else steps[0]
    return json.dumps({"type": "universal.create", "request": request}).encode()


# -- Responses --------------------------------------------------------------------------------------------------------


class ResponsesCreate(msgspec.Struct, frozen=True):
    """A valid ``response.create``. ``lane`` is empty for the one without a name; ``items`` are those of its input;
    ``generates`` is false for a warm-up."""

    data: bytes
    lane: str
    previous: str | None
    items: list[dict[str, Any]]
    generates: bool


class BrokenMessage(msgspec.Struct, frozen=True):
    """A message that is refused with an error whose ``param`` is this one, in the ``lane`` (``None``: in none; empty:
    in the one without a name). ``rule`` says why."""

    data: bytes
    param: str | None
    lane: str | None
    rule: str


_LANES: Final = ("", "", "main", "A_b-c.9", "x" * 256)
_WORDS: Final = st.sampled_from(("Hello", "a\nb", "h\u00e9llo \U0001f44b", "{}", '"quoted"', "x" * 300))
_SCHEMA: Final = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOLS: Final[tuple[dict[str, Any], ...]] = (
    {"type": "function", "name": "weather", "parameters": _SCHEMA},
    {"type": "function", "name": "f", "description": "Does it.", "parameters": _SCHEMA, "strict": False},
    {"type": "function", "name": "nothing", "parameters": None, "strict": None},
    {"type": "custom", "name": "shell"},
    {"type": "web_search"},
)
_PARTS: Final[tuple[dict[str, Any], ...]] = (
    {"type": "input_text", "text": "Look."},
    {"type": "input_image", "image_url": "data:image/png;base64,aWJt", "detail": "low"},
    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aWJt"},
)
#: Members that any create may have, each with values.
_MEMBERS: Final[dict[str, tuple[object, ...]]] = {
    "instructions": ("Be brief.", "", None),
    "store": (False, True, None),
    "stream": (True,),
    "background": (False, None),
    "generate": (True, None),
    "conversation": (None,),
    "temperature": (0, 0.5, None),
    "max_output_tokens": (64, None),
    "parallel_tool_calls": (True, False),
    "tool_choice": ("auto", "none"),
    "metadata": ({}, {"k": "v"}),
    "reasoning": ({"effort": "low"}, {}, None),
    "text": ({"format": {"type": "text"}}, {"verbosity": "low"}),
    "include": ([], ["reasoning.encrypted_content"]),
    "truncation": ("disabled",),
    "client_metadata": ({"turn": "1"},),
    "event_id": ("e1",),
    "user": ("bo",),
}


@st.composite
def responses_creates(
    draw: st.DrawFn, *, lanes: tuple[str, ...] = _LANES, previous: tuple[str, ...] = (), model: str = "m"
) -> ResponsesCreate:
    """Valid creates: in one of the ``lanes``, with tools, calls and their results. ``previous``: ids of responses that
    there are, of which it may go on from one."""
    lane = draw(st.sampled_from(lanes))
    parent = draw(st.sampled_from((None, *previous)))
    body: dict[str, Any] = {"model": model}
    for name in draw(st.sets(st.sampled_from(sorted(_MEMBERS)), max_size=4)):
        body[name] = draw(st.sampled_from(_MEMBERS[name]))
    if tools := draw(st.lists(st.sampled_from(_TOOLS), max_size=2, unique_by=str)):
        body["tools"] = tools
    written, items = draw(_inputs())
    body["input"] = written
    generates = draw(st.integers(0, 4)) > 0
    if not generates:
        body["generate"] = False
    if parent is not None or draw(st.booleans()):
        body["previous_response_id"] = parent
    named: dict[str, Any] = {"stream_id": lane} if lane else draw(st.sampled_from(({}, {"stream_id": None})))
    whole = {"response": body} if draw(st.integers(0, 5)) == 0 and generates else body
    message = {"type": "response.create", **named, **whole}
    if draw(st.booleans()):
        message = dict(reversed(message.items()))
    data = json.dumps(message, ensure_ascii=draw(st.booleans())).encode()
    return ResponsesCreate(data, lane=lane, previous=parent, items=items, generates=generates)


@st.composite
def _inputs(draw: st.DrawFn) -> tuple[object, list[dict[str, Any]]]:
    """An ``input``, and the items that it is."""
    if draw(st.booleans()):
        said = draw(_WORDS)
        return said, [{"type": "message", "role": "user", "content": said}]
    items: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(("short", "message", "parts", "call", "custom call", "reasoning", "developer")))
        if kind == "short":
            items.append({"role": "user", "content": draw(_WORDS)})
        elif kind == "message":
            items.append({"type": "message", "role": "user", "content": draw(_WORDS)})
        elif kind == "parts":
            parts = draw(st.lists(st.sampled_from(_PARTS), min_size=1, max_size=2))
            items.append({"type": "message", "role": "user", "content": parts})
        elif kind == "reasoning":
            items.append({"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": "c2ln"})
        elif kind == "developer":
            items.append({"role": "developer", "content": draw(_WORDS)})
        else:
            prefix, member = ("custom_tool_call", "input") if kind == "custom call" else ("function_call", "arguments")
            call = {"type": prefix, "call_id": f"call_{number}", "name": "f", member: "{}"}
            items += [call, {"type": f"{prefix}_output", "call_id": f"call_{number}", "output": draw(_WORDS)}]
    return items, items


_BROKEN: Final[tuple[tuple[str | None, dict[str, object], str], ...]] = (
    ("stream_id", {"stream_id": ""}, "a lane has a name"),
    ("stream_id", {"stream_id": "a b"}, "a lane's name has letters, digits, _, - and . only"),
    ("stream_id", {"stream_id": "a" * 257}, "a lane's name has at most 256 characters"),
    ("stream_id", {"stream_id": 7}, "a lane's name is a text"),
    ("background", {"background": True}, "nothing runs in the background of a socket"),
    ("generate", {"generate": "no"}, "generate is true or false"),
    ("input", {"input": 7}, "input is a text or an array"),
    ("input", {"input": {"role": "user"}}, "input is a text or an array"),
    ("model", {"model": ["m"]}, "model is a text"),
    ("previous_response_id", {"previous_response_id": 7}, "the id of a response is a text"),
    ("conversation", {"previous_response_id": "resp_1", "conversation": "conv_1"}, "one of two pasts"),
)
_NO_CREATES: Final[tuple[tuple[bytes, str | None, str], ...]] = (
    (b"", None, "it is JSON"),
    (b'{"type":"response.create"', None, "it is JSON"),
    (b"\xff{}", None, "it is UTF-8"),
    (b"[]", None, "it is an object"),
    (b"null", None, "it is an object"),
    (b"{}", "type", "it has a type"),
    (b'{"type":7}', "type", "its type is a text"),
    (b'{"type":"response.cancel","response_id":"resp_1"}', "type", "there is no such message"),
)


@st.composite
def broken_responses_messages(draw: st.DrawFn, *, lanes: tuple[str, ...] = _LANES) -> BrokenMessage:
    """Messages that are nearly right: a create with one wrong member, and what is no create at all. A server refuses
    each with one error, and goes on."""
    if draw(st.integers(0, 3)) == 0:
        data, param, rule = draw(st.sampled_from(_NO_CREATES))
        return BrokenMessage(data, param, lane=None, rule=rule)
    create = draw(responses_creates(lanes=lanes))
    param, wrong, rule = draw(st.sampled_from(_BROKEN))
    members = json.loads(create.data)
    nested = members.get("response")
    body = members if not isinstance(nested, dict) or "stream_id" in wrong or "generate" in wrong else nested
    body.pop("conversation", None)
    body.update(wrong)
    lane = None if param == "stream_id" else create.lane
    return BrokenMessage(json.dumps(members).encode(), param, lane=lane, rule=rule)


def responses_messages(
    *, lanes: tuple[str, ...] = _LANES, previous: tuple[str, ...] = ("resp_1", "resp_2")
) -> st.SearchStrategy[bytes]:
    """One message of a client of Responses: mostly a valid create, sometimes a broken one, or another message."""
    others = st.sampled_from(
        (
            b'{"type":"response.processed","response_id":"resp_1"}',
            b'{"type":"response.steer","previous_response_id":"resp_1","input":"Shorter."}',
        )
    )
    creates = responses_creates(lanes=lanes, previous=previous).map(lambda create: create.data)
    broken = broken_responses_messages(lanes=lanes).map(lambda message: message.data)
    return st.one_of(creates, creates, creates, broken, others)
