"""A client's connection over HTTP/1.1: one request head, then a WebSocket or one plain response.

Decides: how bytes become a request, how many early bytes are kept until it is decided, and when the connection ends
(RFC 9112, RFC 6455 section 4.2). Must not know: which clients may connect, and what a WebSocket carries.
"""

from enum import IntEnum

from ..engine.connection import PAUSED_BY_MEMORY, PAUSED_BY_OWNER, BytePipe, PipeConnection, PipeReceiver
from ..engine.fsm import Machine
from ..engine.services import Services
from ..faults import Fault, FaultKind, Side
from ..ids import ConnId
from ..wires.heads import HeadGate, OpeningCheck, count_fields, parse_request_head
from ..wires.http import Headers
from ..wires.websocket.handshake import Upgrade, accept, check_upgrade, response, unending_response
from .addresses import client_at
from .ports import (
    ClientRequest,
    PendingRequest,
    RequestHandler,
)
from .refusal import refuse_head, too_many_fields


class Http1DownstreamState(IntEnum):
    """The states of a client's HTTP/1.1 connection. ANSWERED: the plain response is written."""

    HEAD = 0
    DECIDING = 1
    OPEN = 2
    ANSWERED = 3
    CLOSED = 4


class Http1DownstreamInput(IntEnum):
    """The inputs of a client's HTTP/1.1 connection."""

    REQUEST = 0
    ACCEPT = 1
    REFUSE = 2
    END = 3


_S, _I = Http1DownstreamState, Http1DownstreamInput

HTTP1_DOWNSTREAM_TABLE: dict[tuple[Http1DownstreamState, Http1DownstreamInput], Http1DownstreamState] = {
    (_S.HEAD, _I.REQUEST): _S.DECIDING,
    (_S.HEAD, _I.REFUSE): _S.ANSWERED,
    (_S.HEAD, _I.END): _S.CLOSED,
    (_S.DECIDING, _I.ACCEPT): _S.OPEN,
    (_S.DECIDING, _I.REFUSE): _S.ANSWERED,
    (_S.DECIDING, _I.END): _S.CLOSED,
    (_S.OPEN, _I.END): _S.CLOSED,
    (_S.ANSWERED, _I.END): _S.CLOSED,
}


class Http1DownstreamConnection(PipeConnection):
    """A client's connection. Implements ``BytePipe`` and ``Responder``."""

    __slots__ = (
        "_early",
        "_gate",
        "_handler",
        "_handshake_timer",
        "_head_only",
        "_local",
        "_machine",
        "_opening",
        "_pending",
        "_upgrade",
        "peer",
    )

    def __init__(
        self,
        services: Services,
        conn: ConnId,
        *,
        peer: str,
        handler: RequestHandler,
        now: float,
        local: str | None = None,
    ) -> None:
        """``peer``: the client's address. ``local``: the address that it reached. ``handler`` decides about the
        request."""
        super().__init__(services, conn)
        self.peer = peer
        self._local = local
        self._handler = handler
        self._machine = Machine(HTTP1_DOWNSTREAM_TABLE, Http1DownstreamState.HEAD)
        self._opening = OpeningCheck()
        self._gate = HeadGate(services.config.limits.head_bytes)
        self._upgrade: Upgrade | None = None
        self._head_only = False  # the request was HEAD
        self._early = bytearray()  # bytes after the head, until the request is decided
        self._pending: PendingRequest | None = None
        self._handshake_timer = services.timers.timer(self._on_handshake_timeout)
        self._handshake_timer.arm(now + services.config.timeouts.handshake_s)

    # -- inputs -------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        if self._machine.state is Http1DownstreamState.HEAD:
            self._read_head(data, now)
        elif self._machine.state is Http1DownstreamState.DECIDING:
            self._early += data
            if len(self._early) > self.services.config.limits.early_bytes:
                self.pause_reading()

    def receive_eof(self, now: float) -> None:
        if self.receiver is not None:
            self.receiver.receive_eof(now)  # it closes the pipe; the client may still read
        else:
            self._end(now)
            self.close(now)

    def connection_lost(self, reason: str, now: float) -> None:
        self.mark_lost()  # before the receiver, which writes nothing to a lost connection
        if self.receiver is not None:
            self.receiver.connection_lost(reason, now)
        self._end(now)

    def closed(self, now: float) -> None:
        if not self.ended:
            self.connection_lost("the connection was given up", now)
        self._handshake_timer.close()
        super().closed(now)

    # -- Responder ----------------------------------------------------------------------------------------------

    @property
    def pipe(self) -> BytePipe:
        return self

    def accept(
        self, subprotocol: bytes | None, receiver: PipeReceiver, now: float, *, extension: bytes | None = None
    ) -> None:
        assert self._upgrade is not None
        self._machine.fire(Http1DownstreamInput.ACCEPT)
        self._pending = None
        self.receiver = receiver
        # The 101 goes first: what the receiver writes when it gets the early bytes must come after it.
        self.write(accept(self._upgrade, subprotocol, extension), now)
        self.resume_for(PAUSED_BY_OWNER | PAUSED_BY_MEMORY)  # the receiver's memory is its session's
        early, self._early = bytes(self._early), bytearray()
        if early:
            receiver.receive_data(early, now)

    def stream(self, headers: Headers, receiver: PipeReceiver, now: float) -> None:
        self._machine.fire(Http1DownstreamInput.ACCEPT)
        self._pending = None
        self._early = bytearray()
        self.receiver = receiver
        self.write(unending_response(headers), now)
        self.resume_for(PAUSED_BY_OWNER | PAUSED_BY_MEMORY)

    def refuse(self, status: int, headers: Headers, body: bytes, now: float) -> None:
        self._machine.fire(Http1DownstreamInput.REFUSE)
        self._handshake_timer.cancel()
        self._pending = None
        self._early = bytearray()
        message = response(status, headers, body)
        self.write(message[: len(message) - len(body)] if self._head_only else message, now)
        self.resume_for(PAUSED_BY_OWNER | PAUSED_BY_MEMORY)
        self.close(now)

    # -- memory -------------------------------------------------------------------------------------------------

    @property
    def held(self) -> int:
        return self.buffer.held + len(self._early) + self._gate.held

    def squeeze(self, now: float, *, on: bool) -> None:
        if not on or self.receiver is None:  # a session pauses its pipe itself
            super().squeeze(now, on=on)

    # -- inside -------------------------------------------------------------------------------------------------

    def _read_head(self, data: bytes, now: float) -> None:
        refused = self._opening.refuse(data)
        if refused is not None:
            self._refuse_head(400, Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, refused), now)
            return
        found = self._gate.feed(data)
        if found is None:
            return
        if isinstance(found, int):
            limit = self.services.config.limits.head_bytes
            detail = f"the request head is longer than the {limit} bytes that are allowed"
            self._refuse_head(431, Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, detail), now)
            return
        raw, rest = found
        self._early += rest
        fields = count_fields(raw)
        if fields > self.services.config.limits.head_fields:
            self._refuse_head(431, too_many_fields(fields, self.services.config.limits.head_fields), now)
            return
        head = parse_request_head(raw)
        if isinstance(head, Fault):
            self._refuse_head(400, head, now)
            return
        self._handshake_timer.cancel()
        self._machine.fire(Http1DownstreamInput.REQUEST)
        self._head_only = head.method == b"HEAD"
        verdict = check_upgrade(head)
        self._upgrade = verdict if isinstance(verdict, Upgrade) else None
        websocket = verdict.offers if isinstance(verdict, Upgrade) else verdict
        request = ClientRequest(
            conn=self.conn,
            peer=self.peer,
            method=head.method,
            target=head.target,
            headers=head.headers,
            websocket=websocket,
            local=self._local,
        )
        pending = self._handler.request_arrived(request, self, now)
        if self._machine.state is Http1DownstreamState.DECIDING:  # the handler may have decided before it returned
            self._pending = pending

    def _refuse_head(self, status: int, fault: Fault, now: float) -> None:
        refuse_head(self.services, self.conn, self, fault, now, status=status, address=client_at(self.peer))

    def _end(self, now: float) -> None:
        """Nothing comes any more: a pending request is withdrawn."""
        self._handshake_timer.cancel()
        pending, self._pending = self._pending, None
        if self._machine.state is not Http1DownstreamState.CLOSED:
            self._machine.fire(Http1DownstreamInput.END)
        if pending is not None:
            pending.client_gone(now)

    def _on_handshake_timeout(self, now: float) -> None:
        if self._gate.started:
            limit = self.services.config.timeouts.handshake_s
            detail = f"the request head was not complete within {limit:g} s"
            self._refuse_head(408, Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, detail), now)
        else:
            self._end(now)
            self.close(now)

    def _on_stall(self, now: float) -> None:
        """The client took no bytes in time, or did not close in time."""
        self.ended = self.closing = True
        if self.receiver is not None:
            self.receiver.connection_lost("the client takes no more bytes", now)
        self._end(now)
        super()._on_stall(now)
