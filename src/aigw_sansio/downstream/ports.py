"""The seam between a client's connection and the admission: a request, and the way to respond to it.

Decides: what each sees of the other, alike for HTTP/1.1 and HTTP/2. Must not know: either of them.
"""

from typing import Protocol

import msgspec

from ..engine.connection import BytePipe, PipeReceiver
from ..faults import Fault
from ..ids import ConnId
from ..secret import without_content
from ..wires.http import Headers
from ..wires.websocket.handshake import NotUpgrade, Offers, WrongVersion


class ClientRequest(msgspec.Struct, frozen=True):
    """A client's request.

    ``websocket``: what it offers for a WebSocket, or why there can be none. ``local``: the address that the client
    reached. ``authority``: the ``:authority`` of HTTP/2. ``principal``: the client's name, if the host has
    authenticated it.
    """

    conn: ConnId
    peer: str
    method: bytes
    target: bytes
    headers: Headers
    websocket: Offers | NotUpgrade | WrongVersion | Fault
    local: str | None = None
    authority: bytes | None = None
    principal: str | None = None

    __repr__ = without_content


class PendingRequest(Protocol):
    """A request that is not decided yet."""

    def client_gone(self, now: float) -> None:
        """The client's connection or stream ended: the decision is no longer needed."""


class Responder(Protocol):
    """The way to respond to one request: call ``accept``, ``stream`` or ``refuse``, once."""

    @property
    def pipe(self) -> BytePipe:
        """Carries the WebSocket once it is accepted."""

    def accept(
        self, subprotocol: bytes | None, receiver: PipeReceiver, now: float, *, extension: bytes | None = None
    ) -> None:
        """Accept the WebSocket. ``extension`` is the value of ``sec-websocket-extensions``. ``receiver`` gets the bytes
        that the client sent early, before this returns."""

    def refuse(self, status: int, headers: Headers, body: bytes, now: float) -> None:
        """Send a plain response. A HEAD request gets the length of ``body`` only (RFC 9110 section 9.3.2)."""

    def stream(self, headers: Headers, receiver: PipeReceiver, now: float) -> None:
        """Begin a plain response with status 200 whose end is not known yet: ``pipe`` takes its body from now on, and
        its ``close`` ends it."""


class RequestHandler(Protocol):
    """Decides about requests."""

    def request_arrived(self, request: ClientRequest, responder: Responder, now: float) -> PendingRequest | None:
        """Decide about ``request``. ``None`` if it has its response already."""
