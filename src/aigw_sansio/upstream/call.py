"""One request to a provider, waiting for a connection or carried by one.

Decides: that a call is paused, resumed and cancelled alike on HTTP/1.1 and HTTP/2. Must not know: exchanges, and what
the bytes mean.
"""

from typing import Final, Protocol

from ..engine.client import Requester
from ..engine.timers import Timer
from ..events import Reach
from ..exchanges.source import ResponseHandler, Verdict
from ..ids import ConnId
from ..origin import Origin
from ..wires.http import Request
from .shares import OriginShares

#: In place of the request of a call that will not be sent again.
NO_REQUEST: Final = Request(method=b"", scheme=b"", authority=b"", target=b"", headers=[], body=b"")


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
        """How long the dial took, in seconds."""

    def pause(self, call: "UpstreamCall") -> None:
        """Pause the provider for ``call``."""

    def resume(self, call: "UpstreamCall", now: float) -> None:
        """Resume the provider for ``call``."""

    def cancel(self, call: "UpstreamCall", now: float) -> None:
        """Cancel ``call``; its provider notices at once."""

    def read_on(self, call: "UpstreamCall", now: float) -> None:
        """Nobody needs the rest of the response of ``call``: read on, so that the connection can be kept."""

    def keep_dialing(self, now: float) -> None:
        """No call waits for this dial any more. It may still succeed, within ``connect_s`` from now."""

    def close(self, now: float, *, abort: bool = False) -> None:
        """Close the connection, or abort it."""


class CallPool(Protocol):
    """The pool, as its calls see it."""

    def submit(self, call: "UpstreamCall", now: float) -> None:
        """Place ``call``."""

    def withdraw(self, call: "UpstreamCall", now: float) -> None:
        """``call`` is cancelled, and has no connection yet."""


class UpstreamCall:
    """A request from ``start`` to its end. Implements ``Call``. The pool and the connection write its attributes."""

    __slots__ = (
        "_pool",
        "after",
        "connect_timeout_s",
        "connection",
        "dial",
        "handler",
        "holding",
        "origin",
        "paused",
        "reach",
        "replacements",
        "request",
        "requester",
        "response_started",
        "sent",
        "sent_at",
        "since",
        "stream",
        "timer",
        "withheld_credit",
    )

    def __init__(
        self,
        pool: CallPool,
        origin: Origin,
        request: Request,
        *,
        handler: ResponseHandler,
        connect_timeout_s: float,
        requester: Requester | None = None,
    ) -> None:
        """``requester``: in whose share it counts; ``None``: in nobody's."""
        self._pool = pool
        self.origin = origin
        self.request = request
        self.handler = handler
        self.connect_timeout_s = connect_timeout_s
        self.requester = requester
        #: It has a connection or dials one, and counts in the shares of this origin.
        self.holding: OriginShares | None = None
        #: The connection that is dialled for it, while it waits.
        self.dial: CallConnection | None = None
        #: The connection that carries it, once it is placed.
        self.connection: CallConnection | None = None
        self.stream = 0
        self.reach: Reach = "dialled"
        #: It may only use connections whose ``ready_order`` is at least this.
        self.after = 0
        #: When it began to wait, in monotonic seconds.
        self.since = 0.0
        self.replacements = 0
        #: The transport took the whole request.
        self.sent = False
        #: When it took the last byte of it.
        self.sent_at = 0.0
        #: A byte of the response came: the request is never sent again, because the provider has begun it.
        self.response_started = False
        self.paused = False
        #: HTTP/2 credit that the provider does not get while the call is paused.
        self.withheld_credit = 0
        self.timer: Timer | None = None

    @property
    def added_keys(self) -> tuple[bytes, ...]:
        return ()

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

    def settle(self, verdict: Verdict, now: float) -> None:
        pass  # the pool keeps no response

    def release(self, now: float) -> None:
        if self.paused:
            self.resume(now)
        self.request = NO_REQUEST  # its response has come
        if self.connection is not None:
            self.connection.read_on(self, now)

    # -- for the pool and the connection --------------------------------------------------------------------------

    def hold(self, shares: OriginShares) -> None:
        """It has a connection or dials one: it counts in ``shares``."""
        if self.holding is None and self.requester is not None:
            self.holding = shares
            shares.take(self.requester)

    def unplaced(self) -> None:
        """It has no connection and no dial any more: it counts in no share."""
        self.connection = self.dial = None
        shares, self.holding = self.holding, None
        if shares is not None and self.requester is not None:
            shares.give_back(self.requester)
