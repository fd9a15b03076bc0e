"""One attempt's place on an upstream connection, and what it is told.

Decides: how holding back and giving up are said alike for HTTP/1.1 and HTTP/2. Must not know: exchanges, and what
the bytes mean.
"""

from typing import Protocol

from ..engine.timers import Timer
from ..events import Reach
from ..faults import Fault
from ..ids import ConnId
from ..origin import Origin
from ..wires.http import Headers, Request


class CallConnection(Protocol):
    """The connection that carries a call, or is dialled for it."""

    @property
    def conn(self) -> ConnId:
        """Its id."""

    @property
    def dialed_at(self) -> float:
        """When it was dialled."""

    @property
    def handshake_s(self) -> float:
        """What setting it up took, in seconds."""

    def hold(self, call: "UpstreamCall") -> None:
        """Keep the provider from sending more for ``call``."""

    def release(self, call: "UpstreamCall", now: float) -> None:
        """Let it go on."""

    def cancel(self, call: "UpstreamCall", now: float) -> None:
        """Give up ``call``, so that its provider notices at once."""

    def linger(self, now: float) -> None:
        """Nobody waits for this dial any more: it may still succeed, but not take for ever."""

    def close(self, now: float, *, abort: bool = False) -> None:
        """End the connection."""


class ResponseHandler(Protocol):
    """Who sent the request. After ``response_end`` and ``response_failed`` nothing more comes."""

    def call_placed(self, call: "UpstreamCall", now: float) -> None:
        """The call has its connection; the request is on its way."""

    def call_replaced(self, now: float) -> None:
        """The connection ended before anybody acted on the request: it is placed again."""

    def request_sent(self, now: float) -> None:
        """The transport took the last byte of the request."""

    def response_activity(self, now: float) -> None:
        """The provider sent something that belongs to this call, and no part of the body."""

    def response_head(self, status: int, headers: Headers, now: float) -> None:
        """The head of the response."""

    def response_body(self, data: bytes, now: float) -> None:
        """More of the body, transfer-decoded, never empty."""

    def response_end(self, now: float) -> None:
        """The response is complete."""

    def response_failed(self, fault: Fault, now: float) -> None:
        """There will be no (more) response."""


class UpstreamCall:
    """A request on its way, from ``Pool.submit`` to its end."""

    __slots__ = (
        "after",
        "connect_timeout_s",
        "dial",
        "handler",
        "held",
        "origin",
        "reach",
        "replacements",
        "request",
        "response_started",
        "sent",
        "since",
        "stream",
        "timer",
        "upstream",
        "withheld_credit",
    )

    def __init__(self, origin: Origin, request: Request, handler: ResponseHandler, connect_timeout_s: float) -> None:
        self.origin = origin
        self.request = request
        self.handler = handler
        self.connect_timeout_s = connect_timeout_s
        #: The dial made for it, while it waits.
        self.dial: CallConnection | None = None
        self.upstream: CallConnection | None = None
        self.stream = 0
        self.reach: Reach = "dialled"
        #: Wants a connection that got ready after this turn of the pool.
        self.after = 0
        #: When it began to wait.
        self.since = 0.0
        self.replacements = 0
        #: The whole request has left.
        self.sent = False
        #: The provider answered with any byte.
        self.response_started = False
        self.held = False
        #: Flow-control credit kept back while it is held.
        self.withheld_credit = 0
        self.timer: Timer | None = None

    def hold(self) -> None:
        """Take nothing more from the provider for this call, as far as its protocol can."""
        if not self.held and self.upstream is not None:
            self.held = True
            self.upstream.hold(self)

    def release(self, now: float) -> None:
        """Go on."""
        if self.held:
            self.held = False
            if self.upstream is not None:
                self.upstream.release(self, now)
