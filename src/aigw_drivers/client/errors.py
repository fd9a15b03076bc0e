"""What a call through the client raises. All are :class:`ClientError`.

Decides: the kinds of failure that a caller can tell apart: nothing was sent, it may have been sent, the gateway
refused, the provider failed. Must not know: sockets and messages.

Mistakes of the caller are ``ValueError`` and ``TypeError``, as anywhere in Python.
"""

from collections.abc import Callable
from functools import partial

from .values import Content, Metadata


class ClientError(Exception):
    """Base of all errors of a call."""


class NotConnected(ClientError):
    """No socket to the gateway could be opened. Nothing of the request was sent, so it may be tried again.

    ``status`` is that of a gateway that refused the WebSocket (401: the token is wrong; 503: it is going away or full),
    0 if no gateway answered. The cause (``__cause__``) is what went wrong.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ConnectionLost(ClientError):
    """The socket ended before the exchange did. The request may have reached the provider, and may cost money; it is
    never sent again by itself.

    ``code`` and ``reason`` are those with which the gateway closed; 1006 if it did not.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the connection to the gateway ended with {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class ProviderError(ClientError):
    """The provider failed: its last response has a status of 300 or more, or its stream reported an error.

    ``status`` is the provider's. ``body`` is its response, ``None`` if the error came in mid-stream: then ``message``
    has its words. ``attempts`` counts the requests that were sent to providers. ``retryable``: a new request may fare
    better. ``metadata`` is all that the gateway told of the exchange.
    """

    def __init__(self, message: str, metadata: Metadata, body: Content | None, *, retryable: bool) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata
        self.status = metadata.status or 0
        self.attempts = metadata.attempts or 0
        self.body = body
        self.retryable = retryable


class GatewayError(ClientError):
    """The gateway refused the request, or could not get it through to the end.

    ``code`` and ``message`` are the gateway's (client protocol, section 5); ``kind`` names the fault. A socket tells it
    only if the response had begun, else it is empty. ``status``, ``attempts``, ``retryable`` and ``metadata`` are as in
    :class:`ProviderError`.
    """

    def __init__(self, code: int, message: str, metadata: Metadata, *, kind: str = "", retryable: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.kind = kind
        self.metadata = metadata
        self.status = metadata.status or 0
        self.attempts = metadata.attempts or 0
        self.retryable = retryable


def status_failure(metadata: Metadata, response: Content) -> Callable[[], ClientError] | None:
    """What a whole ``response`` is as an error; ``None`` if its status says that it is none."""
    status = metadata.status
    if status is None or status < 300:
        return None
    text = f"the provider answered {status}: {response.text()[:200]}"
    retryable = status in (408, 409, 429) or status >= 500
    return partial(ProviderError, text, metadata, response, retryable=retryable)


def cancelled_unasked(metadata: Metadata) -> GatewayError:
    """The error of an exchange that somebody else cancelled."""
    text = "the exchange was cancelled by the gateway"
    return GatewayError(2005, text, metadata, kind="cancelled", retryable=False)
