"""One attempt's place on an upstream connection, and what it is told.

Decides: how holding back and giving up are said alike for HTTP/1.1 and HTTP/2. Must not know: exchanges, and what
the bytes mean.
"""

from typing import Protocol

from .events import Reach
from .faults import Fault
from .ids import ConnId
from .origin import Origin
from .timers import Timer
from .wires.http import Headers, Request


class Carrier(Protocol):
    """The connection that carries a leg, or is dialled for it."""

    @property
    def conn(self) -> ConnId:
        """Its id."""

    @property
    def born(self) -> float:
        """When it was dialled."""

    @property
    def handshake_s(self) -> float:
        """What setting it up took, in seconds."""

    def hold(self, leg: "Leg") -> None:
        """Keep the provider from sending more for ``leg``."""

    def release(self, leg: "Leg", now: float) -> None:
        """Let it go on."""

    def cancel(self, leg: "Leg", now: float) -> None:
        """Give up ``leg``, so that its provider notices at once."""

    def linger(self, now: float) -> None:
        """Nobody waits for this dial any more: it may still succeed, but not take for ever."""

    def close(self, now: float, *, abort: bool = False) -> None:
        """End the connection."""


class LegHandler(Protocol):
    """Who sent the request. After ``leg_end`` and ``leg_failed`` nothing more comes."""

    def leg_placed(self, leg: "Leg", now: float) -> None:
        """The leg has its connection; the request is on its way."""

    def leg_replaced(self, now: float) -> None:
        """The connection ended before anybody acted on the request: it is placed again."""

    def leg_sent(self, now: float) -> None:
        """The transport took the last byte of the request."""

    def leg_activity(self, now: float) -> None:
        """The provider sent something that belongs to this leg, and no part of the body."""

    def leg_head(self, status: int, headers: Headers, now: float) -> None:
        """The head of the response."""

    def leg_body(self, data: bytes, now: float) -> None:
        """More of the body, transfer-decoded, never empty."""

    def leg_end(self, now: float) -> None:
        """The response is complete."""

    def leg_failed(self, fault: Fault, now: float) -> None:
        """There will be no (more) response."""


class Leg:
    """A request on its way, from ``Pool.submit`` to its end."""

    __slots__ = (
        "after",
        "connect_timeout_s",
        "dial",
        "handler",
        "held",
        "origin",
        "owed",
        "reach",
        "replacements",
        "request",
        "sent",
        "since",
        "stream",
        "timer",
        "touched",
        "upstream",
    )

    def __init__(self, origin: Origin, request: Request, handler: LegHandler, connect_timeout_s: float) -> None:
        self.origin = origin
        self.request = request
        self.handler = handler
        self.connect_timeout_s = connect_timeout_s
        #: The dial made for it, while it waits.
        self.dial: Carrier | None = None
        self.upstream: Carrier | None = None
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
        self.touched = False
        self.held = False
        #: Flow-control credit kept back while it is held.
        self.owed = 0
        self.timer: Timer | None = None

    def hold(self) -> None:
        """Take nothing more from the provider for this leg, as far as its protocol can."""
        if not self.held and self.upstream is not None:
            self.held = True
            self.upstream.hold(self)

    def release(self, now: float) -> None:
        """Go on."""
        if self.held:
            self.held = False
            if self.upstream is not None:
                self.upstream.release(self, now)
