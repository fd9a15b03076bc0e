"""Faults: what went wrong with a peer, as a value, and its code and body on every wire.

Decides: the closed list of fault kinds and their translation to an HTTP status (RFC 9110), a code and the JSON of the
error envelope (client protocol, section 5), a WebSocket close code (RFC 6455 section 7.4) and an HTTP/2 error code (RFC
9113 section 7). Must not know: who found the fault or what is done about it.

Every table has an entry for every kind; ``tests/unit/test_faults.py`` checks that.
"""

from enum import StrEnum
from math import ceil
from typing import Final, Literal, TypeAlias

import msgspec


class Side(StrEnum):
    """Who did it: who caused a fault or ended something."""

    CLIENT = "client"
    PROVIDER = "provider"
    GATEWAY = "gateway"


class FaultKind(StrEnum):
    """Kinds of fault. The client sees the value as ``error.kind`` of ``universal.error``."""

    # the client's request
    MALFORMED_MESSAGE = "malformed_message"
    INVALID_REQUEST = "invalid_request"
    BAD_HANDSHAKE = "bad_handshake"
    UNKNOWN_GATEWAY = "unknown_gateway"
    UNKNOWN_PROVIDER = "unknown_provider"
    UNAUTHORIZED = "unauthorized"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    NOT_ALLOWED = "not_allowed"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate_limited"
    LIMIT_EXCEEDED = "limit_exceeded"
    NOT_FOUND = "not_found"
    UPGRADE_REQUIRED = "upgrade_required"
    GOING_AWAY = "going_away"
    NOT_CONFIGURED = "not_configured"
    # a WebSocket peer
    PROTOCOL_ERROR = "protocol_error"
    INVALID_PAYLOAD = "invalid_payload"
    MESSAGE_TOO_BIG = "message_too_big"
    POLICY_VIOLATION = "policy_violation"
    # the way to the provider
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    POOL_TIMEOUT = "pool_timeout"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    IDLE_TIMEOUT = "idle_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    CONNECTION_LOST = "connection_lost"
    STREAM_REFUSED = "stream_refused"
    STREAM_RESET = "stream_reset"
    MALFORMED_RESPONSE = "malformed_response"
    INCOMPLETE_BODY = "incomplete_body"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_CODING = "unsupported_coding"
    # the provider's answer
    PROVIDER_STATUS = "provider_status"
    PROVIDER_ERROR = "provider_error"
    # the review of a response by the host
    RESPONSE_STOPPED = "response_stopped"
    NOT_REVIEWED = "not_reviewed"
    # ends without an error
    CANCELLED = "cancelled"
    CLIENT_GONE = "client_gone"
    SHUTDOWN = "shutdown"
    INTERNAL = "internal"


class Fault(msgspec.Struct, frozen=True, gc=False):
    """Something that went wrong, as a value.

    ``detail`` is for a person: what was wrong, where, and what is allowed. It never holds a secret and never quotes a
    peer's bytes, but for what a client called something, and for a provider's own words about an error.
    ``retryable``: the same request may succeed if it is sent again unchanged.
    """

    kind: FaultKind
    side: Side
    detail: str
    retryable: bool = False

    @property
    def http_status(self) -> int:
        """Its HTTP status."""
        return HTTP_STATUS[self.kind]

    @property
    def envelope_code(self) -> int:
        """Its code in the error envelope."""
        return ENVELOPE_CODE[self.kind]

    @property
    def retry_after(self) -> str | None:
        """The field ``retry-after`` that goes with it (RFC 9110 section 10.2.3), in whole seconds; ``None``: none."""
        return None


class Denial(Fault, frozen=True, gc=False):
    """What the host denies, with the HTTP ``status`` and the envelope ``code`` that it chose, and the wait in seconds
    after which it may allow the same request."""

    status: int = 403
    code: int = 2014
    retry_after_s: float | None = None

    @property
    def http_status(self) -> int:
        return self.status

    @property
    def envelope_code(self) -> int:
        return self.code

    @property
    def retry_after(self) -> str | None:
        return None if self.retry_after_s is None else str(ceil(self.retry_after_s))


#: What is wrong with a field. ``unsupported``: who is asked cannot do it.
Problem: TypeAlias = Literal["missing", "type", "value", "unsupported"]


class WrongField(Fault, frozen=True, gc=False):
    """A request that cannot be used because of one of its fields: ``field`` is its path in the words of who wrote the
    request (``tools[0].name``), ``problem`` what is wrong, ``why`` the end of ``detail``, without the field."""

    field: str = ""
    problem: Problem = "value"
    why: str = ""


class SocketFault(Fault, frozen=True, gc=False):
    """Why a WebSocket to a provider carries no response, or not all of it. The provider takes the same request over
    HTTP."""


K = FaultKind

#: HTTP status of a fault that is reported as an HTTP response or as ``metadata.status``.
HTTP_STATUS: Final[dict[FaultKind, int]] = {
    K.MALFORMED_MESSAGE: 400,
    K.INVALID_REQUEST: 400,
    K.BAD_HANDSHAKE: 400,
    K.UNKNOWN_GATEWAY: 400,
    K.UNKNOWN_PROVIDER: 400,
    K.UNAUTHORIZED: 401,
    K.ORIGIN_NOT_ALLOWED: 403,
    K.NOT_ALLOWED: 403,
    K.OVERLOADED: 503,
    K.RATE_LIMITED: 429,
    K.LIMIT_EXCEEDED: 429,
    K.NOT_FOUND: 404,
    K.UPGRADE_REQUIRED: 426,
    K.GOING_AWAY: 503,
    K.NOT_CONFIGURED: 503,
    K.PROTOCOL_ERROR: 400,
    K.INVALID_PAYLOAD: 400,
    K.MESSAGE_TOO_BIG: 413,
    K.POLICY_VIOLATION: 403,
    K.CONNECT_FAILED: 502,
    K.CONNECT_TIMEOUT: 504,
    K.POOL_TIMEOUT: 504,
    K.FIRST_BYTE_TIMEOUT: 504,
    K.IDLE_TIMEOUT: 504,
    K.TOTAL_TIMEOUT: 504,
    K.CONNECTION_LOST: 502,
    K.STREAM_REFUSED: 502,
    K.STREAM_RESET: 502,
    K.MALFORMED_RESPONSE: 502,
    K.INCOMPLETE_BODY: 502,
    K.BODY_TOO_LARGE: 502,
    K.UNSUPPORTED_CODING: 502,
    K.PROVIDER_STATUS: 502,
    K.PROVIDER_ERROR: 502,
    K.RESPONSE_STOPPED: 424,
    K.NOT_REVIEWED: 503,
    K.CANCELLED: 499,
    K.CLIENT_GONE: 499,
    K.SHUTDOWN: 503,
    K.INTERNAL: 500,
}

#: Code in the gateway's error envelope (client protocol, section 5).
ENVELOPE_CODE: Final[dict[FaultKind, int]] = {
    K.MALFORMED_MESSAGE: 2006,
    K.INVALID_REQUEST: 2006,
    K.BAD_HANDSHAKE: 2006,
    K.UNKNOWN_GATEWAY: 2001,
    K.UNKNOWN_PROVIDER: 2008,
    K.UNAUTHORIZED: 2009,
    K.ORIGIN_NOT_ALLOWED: 2014,
    K.NOT_ALLOWED: 2014,
    K.OVERLOADED: 2010,
    K.RATE_LIMITED: 2003,
    K.LIMIT_EXCEEDED: 2010,
    K.NOT_FOUND: 2012,
    K.UPGRADE_REQUIRED: 2013,
    K.GOING_AWAY: 2011,
    K.NOT_CONFIGURED: 2005,
    K.PROTOCOL_ERROR: 2006,
    K.INVALID_PAYLOAD: 2006,
    K.MESSAGE_TOO_BIG: 2006,
    K.POLICY_VIOLATION: 2006,
    K.CONNECT_FAILED: 2005,
    K.CONNECT_TIMEOUT: 2005,
    K.POOL_TIMEOUT: 2005,
    K.FIRST_BYTE_TIMEOUT: 2005,
    K.IDLE_TIMEOUT: 2005,
    K.TOTAL_TIMEOUT: 2005,
    K.CONNECTION_LOST: 2005,
    K.STREAM_REFUSED: 2005,
    K.STREAM_RESET: 2005,
    K.MALFORMED_RESPONSE: 2005,
    K.INCOMPLETE_BODY: 2005,
    K.BODY_TOO_LARGE: 2005,
    K.UNSUPPORTED_CODING: 2005,
    K.PROVIDER_STATUS: 2005,
    K.PROVIDER_ERROR: 2005,
    K.RESPONSE_STOPPED: 2017,
    K.NOT_REVIEWED: 7013,
    K.CANCELLED: 2005,
    K.CLIENT_GONE: 2005,
    K.SHUTDOWN: 2011,
    K.INTERNAL: 2005,
}

#: Close code for the peer that caused the fault (RFC 6455 section 7.4.1).
CLOSE_CODE: Final[dict[FaultKind, int]] = {
    kind: {
        K.PROTOCOL_ERROR: 1002,
        K.INVALID_PAYLOAD: 1007,
        K.MESSAGE_TOO_BIG: 1009,
        K.POLICY_VIOLATION: 1008,
        K.MALFORMED_MESSAGE: 1008,
        K.INVALID_REQUEST: 1008,
        K.UNAUTHORIZED: 1008,
        K.RESPONSE_STOPPED: 1008,
        K.NOT_REVIEWED: 1013,
        K.GOING_AWAY: 1001,
        K.IDLE_TIMEOUT: 1001,
        K.SHUTDOWN: 1001,
    }.get(kind, 1011)
    for kind in FaultKind
}


class _Item(msgspec.Struct):
    code: int
    message: str


class _Envelope(msgspec.Struct):
    success: bool
    result: list[str]
    messages: list[str]
    error: list[_Item]


def error_envelope(fault: Fault) -> bytes:
    """The JSON body that reports ``fault``."""
    return msgspec.json.encode(
        _Envelope(success=False, result=[], messages=[], error=[_Item(fault.envelope_code, fault.detail)])
    )


def success_envelope() -> bytes:
    """The JSON body that reports success."""
    return msgspec.json.encode(_Envelope(success=True, result=[], messages=[], error=[]))
