"""One request on its way to a provider, over whichever connection carries it.

Decides: how pausing and giving up are said alike for HTTP/1.1 and HTTP/2. Must not know: exchanges, and what the
bytes mean.
"""

from typing import Protocol

from ..engine.timers import Timer
from ..events import Reach
from ..exchanges.source import ResponseHandler
from ..ids import ConnId
from ..origin import Origin
from ..wires.http import Request


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

    def pause(self, call: "UpstreamCall") -> None:
        """Keep the provider from sending more for ``call``."""

    def resume(self, call: "UpstreamCall", now: float) -> None:
        """Let it go on."""

    def cancel(self, call: "UpstreamCall", now: float) -> None:
        """Give up ``call``, so that its provider notices at once."""

    def keep_dialing(self, now: float) -> None:
        """Nobody waits for this dial any more: it may still succeed, but not take for ever."""

    def close(self, now: float, *, abort: bool = False) -> None:
        """End the connection."""


class CallPool(Protocol):
    """The pool, as its calls see it."""

    def submit(self, call: "UpstreamCall", now: float) -> None:
        """Place ``call``."""

    def withdraw(self, call: "UpstreamCall", now: float) -> None:
        """``call`` is no longer wanted and has no connection yet."""


class UpstreamCall:
    """A request from ``start`` to its end. Implements ``Call``. The pool and the connection keep its state."""

    __slots__ = (
        "_pool",
        "after",
        "connect_timeout_s",
        "connection",
        "dial",
        "handler",
        "origin",
        "paused",
        "reach",
        "replacements",
        "request",
        "response_started",
        "sent",
        "since",
        "stream",
        "timer",
        "withheld_credit",
    )

    def __init__(
        self, pool: CallPool, origin: Origin, request: Request, handler: ResponseHandler, *, connect_timeout_s: float
    ) -> None:
        self._pool = pool
        self.origin = origin
        self.request = request
        self.handler = handler
        self.connect_timeout_s = connect_timeout_s
        #: The dial made for it, while it waits.
        self.dial: CallConnection | None = None
        #: What carries it, once it is placed.
        self.connection: CallConnection | None = None
        self.stream = 0
        self.reach: Reach = "dialled"
        #: Wants a connection that got ready after this generation of the pool.
        self.after = 0
        #: When it began to wait.
        self.since = 0.0
        self.replacements = 0
        #: The whole request has left.
        self.sent = False
        #: The provider answered with any byte: from here on the request is never sent again.
        self.response_started = False
        self.paused = False
        #: Flow-control credit that the provider does not get while the call is paused.
        self.withheld_credit = 0
        self.timer: Timer | None = None

    def start(self, now: float) -> None:
        self._pool.submit(self, now)

    def pause(self) -> None:
        if not self.paused and self.connection is not None:
            self.paused = True
            self.connection.pause(self)

    def resume(self, now: float) -> None:
        if self.paused:
            self.paused = False
            if self.connection is not None:
                self.connection.resume(self, now)

    def cancel(self, now: float) -> None:
        if self.connection is not None:
            self.connection.cancel(self, now)
        else:
            self._pool.withdraw(self, now)
