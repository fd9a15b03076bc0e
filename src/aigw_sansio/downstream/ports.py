"""A client's request and how it is answered, alike for HTTP/1.1 and HTTP/2.

Decides: the border between whoever reads requests off a connection and whoever decides about them. Must not know:
either of them.
"""

from typing import Protocol

import msgspec

from ..engine.connection import BytePipe, PipeReceiver
from ..faults import Fault
from ..ids import ConnId
from ..wires.http import Headers
from ..wires.websocket.handshake import NotUpgrade, Offers, WrongVersion


class ClientRequest(msgspec.Struct, frozen=True):
    """What a client asked for. ``websocket`` is what it offers for a WebSocket, or why there can be none."""

    conn: ConnId
    peer: str
    method: bytes
    target: bytes
    headers: Headers
    websocket: Offers | NotUpgrade | WrongVersion | Fault


class PendingRequest(Protocol):
    """Who decides about a request that has no answer yet."""

    def client_gone(self, now: float) -> None:
        """The client left before it was answered."""


class Responder(Protocol):
    """The way to answer one request: call ``accept`` or ``refuse``, once."""

    @property
    def pipe(self) -> BytePipe:
        """What carries the WebSocket once it is accepted."""

    def accept(
        self, subprotocol: bytes | None, receiver: PipeReceiver, now: float, *, extension: bytes | None = None
    ) -> None:
        """Grant the WebSocket; ``extension`` is the value of ``sec-websocket-extensions``. What the client sent early
        is given to ``receiver`` before this returns."""

    def refuse(self, status: int, headers: Headers, body: bytes, now: float) -> None:
        """Answer plainly. ``body`` is what GET gets: HEAD is told its length only (RFC 9110 section 9.3.2)."""


class RequestHandler(Protocol):
    """Who decides about requests."""

    def request_arrived(self, request: ClientRequest, responder: Responder, now: float) -> PendingRequest | None:
        """A request to decide about. ``None`` where it is answered already."""
