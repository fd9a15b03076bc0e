"""Events: what happened, for the host and, if a client asks for them, for the client.

Data only. Two closed lists. *Lifecycle events* tell a host what its gateway does; they reach it as
:class:`aigw_sansio.effects.Emit`. *Provider events* say what a provider's response means, in the same words for every
provider; ``type`` is their name on the wire (client protocol, section 3.2). Must not know: any provider's format and
who listens.

All are immutable; ``msgspec.json.encode(event)`` is their JSON form. No field ever holds a secret. Token counts and
``request_model`` are named as in the OpenTelemetry GenAI conventions. ``conn``, ``session`` and ``log_id`` join events.
"""

from typing import Literal, TypeAlias

import msgspec

from .faults import Fault, Side
from .ids import ConnId, Payload, RecordFields

# Provider events


class _ProviderEvent(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """Base of the provider-agnostic events."""


class ResponseStarted(_ProviderEvent, frozen=True, tag="response.started"):
    """The provider's response began. ``id`` and ``model`` are the provider's own names, if it gave any.

    ``restarted``: the provider began again within one response, after an error of its own; tool calls whose arguments
    are not complete are void."""

    id: str | None = None
    model: str | None = None
    restarted: bool = False


class TextDelta(_ProviderEvent, frozen=True, tag="text.delta"):
    """More text of the response. ``choice`` numbers parallel alternatives (OpenAI's ``n``)."""

    text: str
    choice: int = 0


class ReasoningDelta(_ProviderEvent, frozen=True, tag="reasoning.delta"):
    """More of the model's reasoning.

    ``signature`` must be sent back verbatim with it (Anthropic ``signature``, Gemini ``thoughtSignature``, OpenAI
    ``encrypted_content``); ``redacted`` is set if only an encrypted form came."""

    text: str
    choice: int = 0
    signature: str | None = None
    redacted: bool = False


ToolKind: TypeAlias = Literal["function", "custom", "provider", "approval"]


class ToolCallStarted(_ProviderEvent, frozen=True, tag="tool_call.started"):
    """The model began a tool call. ``call`` numbers the calls of this response from 0; ``id`` is the provider's.

    ``kind``: a ``function`` waits for the client's result; so does a ``custom`` tool, but its input is free text, not
    JSON; a tool of the ``provider`` (web search, code execution) is run by the provider and needs no result; an
    ``approval`` asks whether the provider may run ``name`` with these arguments: it waits for a yes or no, and ``id``
    names the question. ``signature`` must be sent back verbatim with the call (Gemini's ``thought_signature``)."""

    call: int
    id: str | None
    name: str | None
    choice: int = 0
    kind: ToolKind = "function"
    signature: str | None = None


class ToolCallDelta(_ProviderEvent, frozen=True, tag="tool_call.delta"):
    """More of the arguments of ``call``, as JSON text. All deltas joined are one JSON document, or empty. For a call of
    kind ``custom`` they are any text."""

    call: int
    arguments: str
    choice: int = 0


class AudioDelta(_ProviderEvent, frozen=True, tag="audio.delta"):
    """More audio: ``size`` decoded bytes of it. The event does not hold the bytes: the client gets them in the
    provider's own chunk. ``transcript`` is the text that is spoken, if the provider sends it."""

    size: int
    transcript: str | None = None
    choice: int = 0


class ImageDelta(_ProviderEvent, frozen=True, tag="image.delta"):
    """An image, or a preview of one: ``size`` decoded bytes of it, 0 if it came as a URL.

    As with audio, the event does not hold the bytes. It is sent to clients like the others: the client protocol allows
    new event types. ``media_type`` is the provider's own, if it gave one."""

    size: int
    media_type: str | None = None
    choice: int = 0


class RefusalDelta(_ProviderEvent, frozen=True, tag="refusal.delta"):
    """More of the text in which the model declines."""

    text: str
    choice: int = 0


class Citation(_ProviderEvent, frozen=True, tag="citation"):
    """A source that the response cites.

    ``start`` and ``end`` are the place in the text of the choice that it stands for, in characters. ``text`` is what is
    cited, in the words of the source or of the response. If the source is a document of the request, ``document`` is
    its number, and ``source_start`` and ``source_end`` are the place in it, counted in ``source_unit``. All places
    count from 0, except that of a page, and none includes its end. ``None``: the provider does not tell."""

    url: str | None = None
    title: str | None = None
    text: str | None = None
    choice: int = 0
    start: int | None = None
    end: int | None = None
    document: int | None = None
    source_start: int | None = None
    source_end: int | None = None
    source_unit: Literal["char", "page", "block"] | None = None


class UsageReported(_ProviderEvent, frozen=True, tag="usage"):
    """What the provider counted for this response so far. All counts are running totals: they never fall.

    ``input_tokens`` counts all input, cached or not; the ``cache_*`` counts are parts of it. ``output_tokens`` counts
    all output, reasoning included. ``cache_read_input_audio_tokens`` is the audio in ``cache_read_input_tokens``.
    Providers that do not count in tokens have ``*_audio_s`` (seconds of audio) or ``input_characters``. ``None``:
    the provider gave no count. ``quality`` is ``final`` if the provider counts no further."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    reasoning_output_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    quality: Literal["final", "partial"] = "final"
    cache_read_input_audio_tokens: int | None = None
    input_audio_s: float | None = None
    output_audio_s: float | None = None
    input_characters: int | None = None


FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "pause", "error", "unknown"]


class ResponseFinished(_ProviderEvent, frozen=True, tag="response.finished"):
    """The provider finished its response. ``reason`` is mapped; ``raw_reason`` is the provider's own word."""

    reason: FinishReason
    raw_reason: str | None = None
    choice: int = 0


ErrorClass: TypeAlias = Literal[
    "invalid_request", "authentication", "permission", "not_found", "content_policy", "rate_limit", "overload",
    "server", "unknown",
]  # fmt: skip


class ResponseFailed(_ProviderEvent, frozen=True, tag="response.failed"):
    """The provider reported an error inside its response, or its response cannot be read.

    ``kind`` is the provider's own class of error, if it names one (``overloaded_error``, ``rate_limit`` ...);
    ``error_class`` is what it means, in the same words for every provider. ``status`` is the HTTP status that the error
    names in its text (400 to 599), ``retry_after_s`` the wait that it asks for."""

    message: str
    kind: str | None = None
    code: str | None = None
    error_class: ErrorClass = "unknown"
    status: int | None = None
    retry_after_s: float | None = None


class Unrecognised(_ProviderEvent, frozen=True, tag="unrecognised"):
    """Something that the reader of this format does not know. It went to the client unchanged. For the host only
    (:class:`ProviderEventRead`): it is never sent to a client as ``universal.event``.
    ``what`` describes it briefly (a type name, a list of keys) and quotes no content. ``unreadable``: it is no JSON, or
    no known word either (a proxy's error text). ``opaque``: the whole format is unknown, so it may be content."""

    what: str
    unreadable: bool = False
    opaque: bool = False


ProviderEvent: TypeAlias = (
    ResponseStarted | TextDelta | ReasoningDelta | ToolCallStarted | ToolCallDelta | AudioDelta | ImageDelta
    | RefusalDelta | Citation | UsageReported | ResponseFinished | ResponseFailed | Unrecognised
)  # fmt: skip

# Lifecycle events

Reach: TypeAlias = Literal["dialled", "reused", "shared", "cached", "joined"]
#: The protocol that a client speaks.
SessionMode: TypeAlias = Literal["universal", "realtime", "native", "responses"]


class SessionOpened(msgspec.Struct, frozen=True, tag_field="type", tag="session.opened"):
    """A client's WebSocket opened. ``subprotocol`` is the one selected, without its value if that is a secret.

    ``provider``, ``log_id`` and ``key`` are set for a realtime session; its :class:`ProviderEventRead` events have the
    same ``log_id``. ``key`` says whose key went to the provider: the client's own, or the stored one. ``request_ids``
    are the fields with which its provider names the upgrade (``*-request-id``, ``dg-*``)."""

    session: int
    conn: ConnId
    mode: SessionMode
    account: str
    gateway: str
    peer: str
    principal: str | None = None
    subprotocol: str | None = None
    provider: str | None = None
    log_id: str | None = None
    key: Literal["client", "stored", "none"] = "none"
    request_ids: dict[str, str] = {}
    resumable: bool = False  #: its client may come back on another connection


class SessionDetached(msgspec.Struct, frozen=True, tag_field="type", tag="session.detached"):
    """The connection of a session that can be resumed was lost; its exchanges run on. :class:`SessionResumed` or
    :class:`SessionEnded` follows. ``unacknowledged``: messages that are kept for the client so far."""

    session: int
    conn: ConnId
    reason: str
    unacknowledged: int


class SessionResumed(msgspec.Struct, frozen=True, tag_field="type", tag="session.resumed"):
    """The client of a session came back on ``conn``. ``away_s``: how long there was no connection; 0 if the old one,
    which is closed then, was not lost yet. ``again``: messages that are sent again, or for the first time."""

    session: int
    conn: ConnId
    peer: str
    away_s: float
    again: int


class SessionEnded(RecordFields, frozen=True, tag_field="type", tag="session.ended"):
    """A client's WebSocket ended: the session end record, exactly one for each :class:`SessionOpened`.

    ``by`` says who ended it; ``code`` and ``reason`` are those of the close frame that ended it (1006 if there was
    none); ``phase`` names the state that it was in, ``conn`` its last connection. Bytes and messages count payload in
    each direction: received from the client, sent to the client. Of a realtime session they count what was delivered:
    that the transport of the provider, or of the client, took before its end. So its provider's side has the same
    numbers, and the record comes when no more can be delivered. ``usage`` is what its provider reported, if its
    messages are read (``Config.emit_provider_events`` or ``read_realtime``). ``first_byte_s`` counts from the upgrade
    to the provider's 101, ``first_content_s`` from there, if they are read."""

    session: int
    by: Side
    code: int
    reason: str
    phase: str
    duration_s: float
    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    usage: UsageReported | None = None
    conn: ConnId | None = None
    mode: SessionMode = "universal"
    log_id: str | None = None


class UpgradeRefused(msgspec.Struct, frozen=True, tag_field="type", tag="upgrade.refused"):
    """A request, for a WebSocket or for anything else, got an HTTP response instead of a session. ``request_ids`` are
    the fields with which a realtime provider that refused the upgrade names it (``*-request-id``, ``dg-*``).
    ``address`` is the client's: its peer's, or what a trusted proxy says; of an IPv6 address the /64."""

    conn: ConnId
    status: int
    code: int
    reason: str
    request_ids: dict[str, str] = {}
    address: str = ""


class ConnectionRefused(msgspec.Struct, frozen=True, tag_field="type", tag="connection.refused"):
    """A client's connection was closed without an answer: there are too many, also of those that wait for one, or it
    broke HTTP/2 or flooded it. ``address`` is the peer's, as in :class:`UpgradeRefused`."""

    conn: ConnId
    reason: str
    address: str


class RequestWaiting(msgspec.Struct, frozen=True, tag_field="type", tag="request.waiting"):
    """A create waits for its turn in its lane (Responses). The host can cancel it by ``log_id``, like an exchange."""

    session: int
    event_id: str
    log_id: str


class RequestDenied(msgspec.Struct, frozen=True, tag_field="type", tag="request.denied"):
    """The host denied a request for a provider (:class:`~.effects.Denied`), so no exchange began. ``step`` is the one
    that it denied; the others are as for ``Denied``. A denied realtime session is an :class:`UpgradeRefused`."""

    session: int
    event_id: str
    log_id: str
    step: int
    provider: str
    status: int
    code: int
    reason: str
    retry_after_s: float | None = None


class RequestAdmitted(msgspec.Struct, frozen=True, tag_field="type", tag="request.admitted"):
    """An exchange began."""

    session: int
    event_id: str
    log_id: str
    steps: int
    account: str = ""
    gateway: str = ""
    principal: str | None = None


class AttemptStarted(msgspec.Struct, frozen=True, tag_field="type", tag="attempt.started"):
    """One try of one step went to the pool. ``attempt`` numbers all tries of the exchange, from 1."""

    log_id: str
    step: int
    attempt: int
    provider: str
    host: str
    target: str
    session: int = 0
    event_id: str = ""


class AttemptConnected(msgspec.Struct, frozen=True, tag_field="type", tag="attempt.connected"):
    """The attempt has its connection: dialled for it, reused, or shared with others (HTTP/2). It needs none (``conn``
    is 0) if its response was kept: ``cached``. ``joined``: it shares the call of a request alike.

    ``handshake_s``: how long the set-up of that connection took when it was dialled. For ``reused`` and ``shared`` this
    attempt saved that time. ``queue_s``: its wait without that.
    """

    log_id: str
    attempt: int
    reach: Reach
    conn: ConnId
    handshake_s: float
    session: int = 0
    event_id: str = ""
    queue_s: float = 0.0


class AttemptFirstByte(msgspec.Struct, frozen=True, tag_field="type", tag="attempt.first_byte"):
    """The head of the provider's response has come. ``after_s`` counts from the start of the attempt."""

    log_id: str
    attempt: int
    status: int
    after_s: float
    session: int = 0
    event_id: str = ""


class AttemptEnded(msgspec.Struct, frozen=True, tag_field="type", tag="attempt.ended"):
    """The attempt is over. ``fault`` is ``None`` if its response is the one that the client gets."""

    log_id: str
    step: int
    attempt: int
    status: int | None
    fault: Fault | None
    after_s: float
    session: int = 0
    event_id: str = ""
    provider: str = ""


class ExchangeEnded(RecordFields, frozen=True, tag_field="type", tag="exchange.ended"):
    """An exchange is over: exactly one for each :class:`RequestAdmitted`.

    ``how`` names the message that ended it; ``gone`` means that the client could no longer be told. ``by`` says who
    ended it, ``fault`` why, if it failed.

    ``first_byte_s`` is the time to the last attempt's head, ``first_content_s`` to what the client is first shown.
    ``request_bytes`` and ``request_type`` are of the last step's body, ``content_type`` of the last response;
    ``payload`` has both bodies, if ``record`` wants them. ``cached``: it made no call of its own.
    """

    session: int
    event_id: str
    log_id: str
    how: Literal["created", "done", "error", "cancelled", "gone"]
    by: Side
    status: int | None
    step: int
    attempts: int
    fault: Fault | None
    usage: UsageReported | None
    duration_s: float
    chunks: int
    bytes_received: int
    request_bytes: int = 0
    request_type: str | None = None
    content_type: str | None = None
    cached: bool = False
    payload: Payload | None = None


class PartFailed(msgspec.Struct, frozen=True, tag_field="type", tag="part.failed"):
    """A part of the host's own (:class:`aigw_sansio.Parts`) has a bug: it raised, or broke its contract. The attempt
    that used it has failed.

    ``part`` names it. ``error`` is the class of the exception, or the broken promise; ``where`` are the places in the
    code, the innermost last. The exception's own words are left out, because they may quote content.
    """

    log_id: str
    part: str
    error: str
    where: str


class ProviderEventRead(msgspec.Struct, frozen=True, tag_field="type", tag="provider.event"):
    """One provider event, for hosts that listen (``Config.emit_provider_events``)."""

    log_id: str
    event: ProviderEvent


LifecycleEvent: TypeAlias = (
    SessionOpened | SessionDetached | SessionResumed | SessionEnded | UpgradeRefused | ConnectionRefused
    | RequestWaiting | RequestDenied | RequestAdmitted | AttemptStarted | AttemptConnected | AttemptFirstByte
    | AttemptEnded | ExchangeEnded | PartFailed | ProviderEventRead
)  # fmt: skip

Event: TypeAlias = LifecycleEvent
