"""The JSON text of the messages to a client in the ``universal.*`` dialect (client protocol, sections 3.2 and 3.4).

Decides: the fields of every message and their order. Must not know: when a message is sent.
"""

from typing import Final, Literal

import msgspec

from ...events import FinishReason, ProviderEvent
from ...faults import Fault, error_envelope
from ...formats.translation import Note

_encode = msgspec.json.encode


class Metadata(msgspec.Struct, rename="camel", omit_defaults=True):
    """``metadata`` of created, done, error and cancelled, in the order in which it is written."""

    cache_status: Literal["HIT", "MISS"] | None = None
    event_id: str | None = None
    log_id: str | None = None
    step: str | None = None
    content_type: str | None = None
    status: int | None = None
    attempts: int | None = None
    encoding: Literal["base64"] | None = None
    usage: msgspec.Raw | None = None
    finish_reason: FinishReason | None = None
    headers: dict[str, str] | None = None
    notes: tuple[Note, ...] = ()


class _ErrorBody(msgspec.Struct, rename="camel", omit_defaults=True):
    code: int
    message: str
    kind: str
    retryable: bool
    event_id: str | None = None


def created(metadata: Metadata, response: bytes | None) -> bytes:
    """``universal.created``: with ``response`` (JSON text) a whole response, without it the start of a stream."""
    head = b'{"type":"universal.created","metadata":' + _encode(metadata)
    return head + b"}" if response is None else b"".join((head, b',"response":', response, b"}"))


def refused(metadata: Metadata, fault: Fault) -> bytes:
    """``universal.created`` with the envelope of ``fault`` as its response."""
    metadata.status = fault.http_status
    metadata.content_type = "application/json"
    if (wait := fault.retry_after) is not None:
        metadata.headers = {"retry-after": wait}
    return created(metadata, error_envelope(fault))


def stream_prefix(event_id: str) -> bytes:
    """The part of ``universal.stream`` before its response. A message is this, JSON text, and ``}``."""
    return b'{"type":"universal.stream","metadata":{"eventId":' + _encode(event_id) + b'},"response":'


def stream_base64(event_id: str, response: bytes) -> bytes:
    """``universal.stream`` of a piece of a binary stream; ``response`` is a JSON string of base64."""
    head = b'{"type":"universal.stream","metadata":{"eventId":' + _encode(event_id) + b',"encoding":"base64"},'
    return b"".join((head, b'"response":', response, b"}"))


def event(event_id: str, provider_event: ProviderEvent) -> bytes:
    """``universal.event``."""
    head = b'{"type":"universal.event","metadata":{"eventId":' + _encode(event_id) + b'},"event":'
    return b"".join((head, _encode(provider_event), b"}"))


def done(metadata: Metadata) -> bytes:
    """``universal.done``."""
    return b'{"type":"universal.done","metadata":' + _encode(metadata) + b"}"


def error(fault: Fault, metadata: Metadata | None, running_id: str | None = None) -> bytes:
    """``universal.error``: with ``metadata`` it ends that exchange. Without it, a message cannot be used
    (``running_id``: the exchange whose id it repeats)."""
    body = _ErrorBody(
        code=fault.envelope_code,
        message=fault.detail,
        kind=fault.kind.value,
        retryable=fault.retryable,
        event_id=running_id,
    )
    about = _encode(metadata if metadata is not None else Metadata())
    return b"".join((b'{"type":"universal.error","metadata":', about, b',"error":', _encode(body), b"}"))


def cancelled(metadata: Metadata) -> bytes:
    """``universal.cancelled``."""
    return b'{"type":"universal.cancelled","metadata":' + _encode(metadata) + b"}"


def going_away(deadline_ms: int) -> bytes:
    """``universal.going_away``: the socket closes within ``deadline_ms``."""
    return b'{"type":"universal.going_away","deadline_ms":' + _encode(deadline_ms) + b"}"


PONG: Final = b'{"type":"universal.pong"}'
