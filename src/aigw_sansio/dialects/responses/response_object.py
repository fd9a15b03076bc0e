"""The member ``response`` of the events that begin and end a response: all that it must have.

Decides: which members are there, and what stands in them if a provider leaves them out. Must not know: the events.

Source: Open Responses, ``ResponseResource``: every member is there, ``null`` if there is nothing to say; numbers that
nobody gave have OpenAI's defaults. What a provider says stays as it is, also members that nobody knows, but for those
that are the connection's: whether it is stored, and what it goes on from.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from ...events import UsageReported
from ...formats.answers.encoding import encode
from ...formats.answers.maps import responses_usage
from ...formats.values import JsonObject, arr, obj, parse, raw_members

#: Members of an object, each as its JSON text.
Members: TypeAlias = dict[str, msgspec.Raw]

NULL: Final = msgspec.Raw(b"null")
#: Members that are never null: what they have if nobody says it, and how their text begins.
_NEEDED: Final[dict[str, tuple[msgspec.Raw, bytes]]] = {
    "object": (msgspec.Raw(b'"response"'), b'"'),
    "created_at": (msgspec.Raw(b"0"), b"123456789"),
    "model": (msgspec.Raw(b'""'), b'"'),
    "output": (msgspec.Raw(b"[]"), b"["),
    "parallel_tool_calls": (msgspec.Raw(b"true"), b"tf"),
    "tool_choice": (msgspec.Raw(b'"auto"'), b'"{'),
    "tools": (msgspec.Raw(b"[]"), b"["),
    "text": (msgspec.Raw(b'{"format":{"type":"text"}}'), b"{"),
    "truncation": (msgspec.Raw(b'"disabled"'), b'"'),
    "temperature": (msgspec.Raw(b"1.0"), b"0123456789"),
    "top_p": (msgspec.Raw(b"1.0"), b"0123456789"),
    "top_logprobs": (msgspec.Raw(b"0"), b"0123456789"),
    "presence_penalty": (msgspec.Raw(b"0.0"), b"-0123456789"),
    "frequency_penalty": (msgspec.Raw(b"0.0"), b"-0123456789"),
    "service_tier": (msgspec.Raw(b'"default"'), b'"'),
    "metadata": (msgspec.Raw(b"{}"), b"{"),
}
_NULLABLE: Final = (
    "completed_at", "error", "incomplete_details", "instructions", "max_output_tokens", "max_tool_calls", "reasoning",
    "usage", "user", "safety_identifier", "prompt_cache_key",
)  # fmt: skip
#: The members of a client's request that its response repeats. Nothing else of it is needed.
REPEATED: Final = frozenset(
    (
        "model", "instructions", "max_output_tokens", "max_tool_calls", "parallel_tool_calls", "tool_choice", "tools",
        "text", "truncation", "temperature", "top_p", "top_logprobs", "presence_penalty", "frequency_penalty",
        "metadata", "reasoning", "user", "safety_identifier", "prompt_cache_key",
    )
)  # fmt: skip
#: Above it not every client can read each whole number.
_LAST_TIME: Final = 2**53
_TEXT_FORMAT: Final[JsonObject] = {"format": {"type": "text"}}
_REASONING: Final[JsonObject] = {"effort": None, "summary": None}
_FUNCTION: Final[JsonObject] = {"type": "function", "name": "", "description": None, "parameters": None, "strict": None}


class ResponseObject:
    """Fills the ``response`` of one response. ``id`` is what its client calls it, ``provider_id`` what its provider
    does, if it has said so."""

    __slots__ = ("_connection", "_created", "_named", "_needed", "_own_id", "_seen", "id", "provider_id", "repeated")

    def __init__(
        self,
        id: str,
        request: Mapping[str, msgspec.Raw],
        *,
        previous_response_id: str | None,
        store: bool,
        created: int,
    ) -> None:
        """``id``: for a provider that gives none. ``request``: the members that the client wrote, of :data:`REPEATED`
        at least. ``created``: in seconds since 1970."""
        self.id = self._own_id = id
        self.provider_id: str | None = None
        self._named = False
        self._seen: Members = {}  # what the provider called its model
        self._created: msgspec.Raw | None = None  # when it began, as it was told first
        self._connection: Members = {
            "previous_response_id": msgspec.Raw(encode(previous_response_id)),
            "store": msgspec.Raw(b"true" if store else b"false"),
            "background": msgspec.Raw(b"false"),
        }
        #: Bytes of memory that it keeps of the request.
        self.repeated = 0
        self._needed = dict(_NEEDED)
        self._needed["created_at"] = (msgspec.Raw(b"%d" % created), b"123456789")
        for name in REPEATED:
            written = request.get(name)
            if written is None:
                continue
            given = written.copy()  # else it would keep the whole message of the client
            self.repeated += len(memoryview(given))
            if name not in _NEEDED:
                self._needed[name] = (_whole(name, given), b"")
            elif begins(given) in _NEEDED[name][1]:
                self._needed[name] = (_whole(name, given), _NEEDED[name][1])

    def restart(self) -> None:
        """Another provider is asked, and nothing of this response was shown."""
        self.id, self.provider_id, self._named = self._own_id, None, False
        self._seen, self._created = {}, None

    def fill(self, given: Members, status: str) -> Members:
        """``given``, a provider's ``response``, with all that it must have, and the ``status`` of its event."""
        own = parse(given["id"]) if "id" in given else None
        if type(own) is str and own:
            self.provider_id = own
            if not self._named:
                self.id = own
        self._named = True
        if "model" in given:
            self._seen["model"] = given["model"].copy()
        filled: Members = {**self._seen, **given, "id": msgspec.Raw(encode(self.id))}
        for name, (default, first) in self._needed.items():
            value = filled.get(name)
            if value is None or (first and begins(value) not in first):
                filled[name] = default
        for name in _NULLABLE:
            if name not in filled:
                filled[name] = NULL
        filled.update(self._connection)
        if self._created is None:
            self._created = _time(filled["created_at"]) or self._needed["created_at"][0]
        filled["created_at"] = self._created
        filled["completed_at"] = _time(filled["completed_at"]) or NULL
        filled["text"] = _whole("text", filled["text"])
        filled["reasoning"] = _whole("reasoning", filled["reasoning"])
        filled["status"] = msgspec.Raw(b'"%b"' % status.encode())
        return filled


def failed_members(error: JsonObject) -> Members:
    """The members of a response that failed with ``error``, for :meth:`ResponseObject.fill`."""
    return {"error": msgspec.Raw(encode(error))}


def whole_usage(given: msgspec.Raw, known: UsageReported | None) -> msgspec.Raw:
    """``given``, a provider's ``usage``, with every count; those that it does not say are ``known`` or 0. ``null`` if
    nothing is known."""
    own = obj(parse(given))
    if not own and known is None:
        return NULL
    counts = responses_usage(known or UsageReported())
    for name, value in own.items():
        if value is None and name in counts:
            continue
        if name.endswith("_details") and name in counts:
            value = {**obj(counts[name]), **{inner: one for inner, one in obj(value).items() if one is not None}}
        counts[name] = value
    read, written = counts["input_tokens"], counts["output_tokens"]
    if own.get("total_tokens") is None and type(read) is int and type(written) is int:
        counts["total_tokens"] = read + written
    return msgspec.Raw(encode(counts))


def begins(text: msgspec.Raw) -> bytes:
    """The first byte of a value: it tells what kind of value it is."""
    return bytes(memoryview(text)[:1])


def _time(text: msgspec.Raw) -> msgspec.Raw | None:
    """A time in whole seconds: some providers give fractions. ``None`` if it is none."""
    value = parse(text)
    if (type(value) is float or type(value) is int) and 0 <= value <= _LAST_TIME:
        return msgspec.Raw(b"%d" % value)
    return None


def _whole(name: str, text: msgspec.Raw) -> msgspec.Raw:
    """The member ``name`` with what its own form demands."""
    if name == "text" or name == "reasoning":
        if begins(text) != b"{":
            return text
        defaults = _TEXT_FORMAT if name == "text" else _REASONING
        inner = raw_members(bytes(text))
        if inner is None or (inner.keys() >= defaults.keys() and inner.get("format") != NULL):
            return text
        return msgspec.Raw(encode({**inner, **{key: value for key, value in defaults.items() if _lacks(inner, key)}}))
    if name != "tools":
        return text
    tools = [{**_FUNCTION, **obj(one)} if obj(one).get("type") == "function" else one for one in arr(parse(text))]
    return msgspec.Raw(encode(tools))


def _lacks(inner: Members, name: str) -> bool:
    return inner.get(name, NULL) == NULL
