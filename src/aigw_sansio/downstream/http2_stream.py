"""One stream of a client's HTTP/2 connection: the pipe of one WebSocket, or one plain response.

Decides: which bytes and how much credit wait while the client is paused, which bytes count as outstanding, and when a
stalled stream is aborted (RFC 8441 section 5). Must not know: frames and windows, which its connection handles, and
what a WebSocket carries.
"""

from enum import IntEnum
from typing import Final, Protocol

from ..engine.connection import BytePipe, PipeReceiver
from ..engine.fsm import Machine
from ..engine.send_buffer import PER_PIECE, weight
from ..engine.services import Services
from ..wires.http import Headers
from .ports import (
    PendingRequest,
)

#: Fields of a plain response that HTTP/2 does not have (RFC 9113 section 8.2.2).
_HTTP1_ONLY: Final = frozenset((b"upgrade", b"connection"))


#: Smaller pieces are joined: an object for each would take more memory than its bytes.
_WORTH_ITS_OBJECT: Final = 4096


class StreamOwner(Protocol):
    """The connection, as its streams see it."""

    @property
    def services(self) -> Services:
        """The services of the gateway."""

    def accept(self, pipe: "StreamPipe", headers: Headers) -> None:
        """Accept the WebSocket of ``pipe``."""

    def respond(self, pipe: "StreamPipe", *, status: int, headers: Headers, body: bytes) -> None:
        """Send a plain response."""

    def send(self, pipe: "StreamPipe", data: bytes) -> None:
        """Queue ``data``, which ``pipe`` has counted."""

    def end_stream(self, pipe: "StreamPipe", credit: int) -> None:
        """Close our direction of ``pipe`` (END_STREAM). The client gets ``credit``, so that it can end its own."""

    def reset(self, pipe: "StreamPipe") -> None:
        """Abort ``pipe``, in both directions (RST_STREAM)."""

    def consume(self, pipe: "StreamPipe", flow: int) -> None:
        """``flow`` bytes of ``pipe`` were passed on: give the client that much credit."""


class StreamState(IntEnum):
    """The states of one stream. ANSWERED: the plain response is written. CLOSING: our direction is closed."""

    DECIDING = 0
    OPEN = 1
    CLOSING = 2
    ANSWERED = 3
    CLOSED = 4


class StreamInput(IntEnum):
    """The inputs of one stream. CLOSE: we close our direction; END: the stream has ended in both directions."""

    ACCEPT = 0
    REFUSE = 1
    CLOSE = 2
    END = 3


_S, _I = StreamState, StreamInput

STREAM_TABLE: Final[dict[tuple[StreamState, StreamInput], StreamState]] = {
    (_S.DECIDING, _I.ACCEPT): _S.OPEN,
    (_S.DECIDING, _I.REFUSE): _S.ANSWERED,
    (_S.DECIDING, _I.END): _S.CLOSED,
    (_S.OPEN, _I.CLOSE): _S.CLOSING,
    (_S.OPEN, _I.END): _S.CLOSED,
    (_S.CLOSING, _I.END): _S.CLOSED,
    (_S.ANSWERED, _I.END): _S.CLOSED,
}


class StreamPipe:
    """One stream. Implements ``BytePipe`` and ``Responder``."""

    __slots__ = (
        "_close_timer",
        "_eof_pending",
        "_machine",
        "_owner",
        "_paused",
        "_receiver",
        "_stall_timer",
        "_tunnel",
        "_undelivered",
        "_withheld_credit",
        "number",
        "outstanding",
        "pending",
        "pieces",
        "queued",
        "queued_pieces",
    )

    def __init__(self, owner: StreamOwner, number: int, *, tunnel: bool) -> None:
        self._owner = owner
        self.number = number
        self._tunnel = tunnel
        self._machine = Machine(STREAM_TABLE, StreamState.DECIDING)
        self._receiver: PipeReceiver | None = None
        #: The pending request, until it is decided.
        self.pending: PendingRequest | None = None
        self._paused = False
        self._undelivered: list[bytes | bytearray] = []  # received and not passed on
        self._withheld_credit = 0  # flow-control credit, in bytes
        self._eof_pending = False  # the client ended its direction, after the undelivered bytes
        #: Bytes written that the transport has not confirmed.
        self.outstanding = 0
        #: Those of them that are in no frame yet.
        self.queued = 0
        #: Pieces written that the transport has not confirmed, and those of them that are in no frame yet.
        self.pieces = self.queued_pieces = 0
        self._stall_timer = owner.services.timers.timer(self._on_stall)
        self._close_timer = owner.services.timers.timer(self._on_stall)

    @property
    def state(self) -> StreamState:
        """The state of its machine."""
        return self._machine.state

    @property
    def undelivered(self) -> int:
        """Memory of the bytes that were received and not passed on."""
        return sum(map(len, self._undelivered)) + PER_PIECE * len(self._undelivered)

    @property
    def held(self) -> int:
        """Memory of all bytes that it holds, in both directions."""
        return self.outstanding + PER_PIECE * self.pieces + self.undelivered

    # -- from the connection ------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, flow: int, now: float) -> None:
        """Bytes of the client, which cost ``flow`` bytes of credit. Those of a request that cannot become a WebSocket
        are discarded, without credit."""
        state = self._machine.state
        if state is StreamState.OPEN and not self._waiting():
            assert self._receiver is not None
            self._receiver.receive_data(data, now)
            if self._paused:  # after the receiver, which may have paused the client
                self._withheld_credit += flow
            else:
                self._owner.consume(self, flow)
        elif state is StreamState.OPEN or (state is StreamState.DECIDING and self._tunnel):
            self._keep(data)
            self._withheld_credit += flow
        elif state is StreamState.CLOSING:
            self._owner.consume(self, flow)

    def receive_eof(self, now: float) -> None:
        """The client ended its direction."""
        state = self._machine.state
        if state is StreamState.DECIDING and self._tunnel:
            self._owner.reset(self)
            self.stream_lost("the client ended the stream", now)
        elif state is StreamState.OPEN and self._waiting():
            self._eof_pending = True
        elif state is StreamState.OPEN:
            self._end_of_client(now)

    def stream_lost(self, reason: str, now: float) -> None:
        """The stream was reset, or its connection is lost: its user is told."""
        self._end()  # first: what the user does from here on has no effect on the stream
        self.outstanding = 0
        undelivered = b"".join(self._undelivered)
        self._undelivered.clear()
        receiver, self._receiver = self._receiver, None
        pending, self.pending = self.pending, None
        if receiver is not None and undelivered:
            receiver.receive_data(undelivered, now)  # it came before the end
        if receiver is not None:
            receiver.connection_lost(reason, now)
        if pending is not None:
            pending.client_gone(now)

    def fail(self, reason: str, now: float) -> None:
        """Reset the stream, in any state: its user is told."""
        self._owner.reset(self)
        self.stream_lost(reason, now)

    def finish(self) -> None:
        """The stream has ended in both directions, in order. Its user is still told what the transport takes."""
        self._end()
        if not self.outstanding:
            self._receiver = None

    def sent(self, n: int, now: float) -> None:
        """The transport took ``n`` bytes."""
        if not self.outstanding:
            return
        self.outstanding -= n
        if self.outstanding and self._machine.state is not StreamState.CLOSED:
            self._stall_timer.arm(now + self._owner.services.config.timeouts.write_stall_s)
        else:
            self._stall_timer.cancel()
        if self._machine.state is StreamState.CLOSING:
            self._close_timer.arm(now + self._owner.services.config.timeouts.close_s)  # counts from the last progress
        if self._receiver is not None:
            self._receiver.data_sent(self.outstanding, now)
            if not self.outstanding and self._machine.state is StreamState.CLOSED:
                self._receiver = None

    # -- BytePipe -----------------------------------------------------------------------------------------------

    def write(self, data: bytes, now: float) -> int:
        if data and self._machine.state is StreamState.OPEN:
            self._count(len(data), now)
            self._owner.send(self, data)
        return weight(self.outstanding, self.pieces)

    def close(self, now: float) -> None:
        if self._machine.state is StreamState.OPEN:
            self._machine.fire(StreamInput.CLOSE)
            self._close_timer.arm(now + self._owner.services.config.timeouts.close_s)
            self._paused = False
            self._undelivered.clear()
            credit, self._withheld_credit = self._withheld_credit, 0
            self._owner.end_stream(self, credit)

    def abort(self, now: float) -> None:
        if self._machine.state is not StreamState.CLOSED:
            self._owner.reset(self)
            self._receiver = None
            self._undelivered.clear()
            self.outstanding = 0
            self._end()

    def pause_reading(self) -> None:
        if self._machine.state is StreamState.OPEN:
            self._paused = True

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            if self._withheld_credit or self._eof_pending:
                self._owner.services.defer(self._deliver)

    # -- Responder ----------------------------------------------------------------------------------------------

    @property
    def pipe(self) -> BytePipe:
        return self

    def accept(
        self, subprotocol: bytes | None, receiver: PipeReceiver, now: float, *, extension: bytes | None = None
    ) -> None:
        self._machine.fire(StreamInput.ACCEPT)
        self.pending = None
        self._receiver = receiver
        fields = ((b"sec-websocket-protocol", subprotocol), (b"sec-websocket-extensions", extension))
        # The 200 goes first: what the receiver writes when it gets the early bytes must come after it.
        self._owner.accept(self, [(name, value) for name, value in fields if value is not None])
        self._deliver(now)

    def stream(self, headers: Headers, receiver: PipeReceiver, now: float) -> None:
        self._machine.fire(StreamInput.ACCEPT)
        self.pending = None
        self._receiver = receiver
        self._owner.accept(self, headers)

    def refuse(self, status: int, headers: Headers, body: bytes, now: float) -> None:
        self._machine.fire(StreamInput.REFUSE)
        self.pending = None
        self._undelivered.clear()
        if body:
            self._count(len(body), now)
        fields = [field for field in headers if field[0] not in _HTTP1_ONLY]
        self._owner.respond(self, status=status, headers=fields, body=body)

    # -- inside -------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Nothing comes or goes any more, and no timer fires."""
        if self._machine.allows(StreamInput.END):
            self._machine.fire(StreamInput.END)
        self._stall_timer.close()
        self._close_timer.close()

    def _keep(self, data: bytes) -> None:
        """Keep ``data`` until it can be passed on."""
        kept = self._undelivered
        if len(data) >= _WORTH_ITS_OBJECT:
            kept.append(data)
        elif kept and isinstance(last := kept[-1], bytearray):
            last += data
        else:
            kept.append(bytearray(data))

    def _waiting(self) -> bool:
        """Whether received bytes must wait."""
        return self._paused or bool(self._undelivered)

    def _count(self, n: int, now: float) -> None:
        if not self.outstanding:
            self._stall_timer.arm(now + self._owner.services.config.timeouts.write_stall_s)
        self.outstanding += n
        self.queued += n
        self.pieces += 1
        self.queued_pieces += 1

    def _deliver(self, now: float) -> None:
        """Pass on what waits, unless the receiver pauses the client again."""
        if self._paused or self._receiver is None or self._machine.state is not StreamState.OPEN:
            return
        if self._undelivered:
            data = b"".join(self._undelivered)
            self._undelivered.clear()
            self._receiver.receive_data(data, now)
        if not self._paused:
            credit, self._withheld_credit = self._withheld_credit, 0
            self._owner.consume(self, credit)
            if self._eof_pending:
                self._end_of_client(now)

    def _end_of_client(self, now: float) -> None:
        assert self._receiver is not None
        self._receiver.receive_eof(now)  # it closes the pipe; the client may still read

    def _on_stall(self, now: float) -> None:
        """The client took no bytes in time, or did not close in time."""
        self.fail("the client takes no more bytes", now)
