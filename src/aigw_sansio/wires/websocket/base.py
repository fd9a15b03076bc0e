"""One end of a WebSocket connection: the common base of its readers (RFC 6455 sections 5.5 and 7).

Decides: what control frames mean, the closing handshake, what may be sent in which state, how an incomplete frame is
kept. Must not know: how data frames are read; :mod:`.messages` turns them into messages, :mod:`.relay` forwards them.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Final

import wsproto.events

from ...engine.fsm import Machine
from ...errors import LocalProtocolError
from ...faults import Fault, FaultKind, Side
from .events import CloseReceived, PingReceived, PongReceived, Violation
from .frames import FIN, MASKED, Opcode, Role, close_payload, encode_frame, read_close
from .masking import apply_mask


class ClosingState(IntEnum):
    """The state of the closing handshake (RFC 6455 section 7.1)."""

    OPEN = 0
    CLOSE_SENT = 1
    CLOSE_RECEIVED = 2
    BROKEN = 3
    CLOSED = 4


class ClosingInput(IntEnum):
    """The inputs that change the state. VIOLATION: the peer broke the protocol."""

    SEND_CLOSE = 0
    RECEIVE_CLOSE = 1
    VIOLATION = 2


CLOSING_TABLE: Final[dict[tuple[ClosingState, ClosingInput], ClosingState]] = {
    (ClosingState.OPEN, ClosingInput.SEND_CLOSE): ClosingState.CLOSE_SENT,
    (ClosingState.OPEN, ClosingInput.RECEIVE_CLOSE): ClosingState.CLOSE_RECEIVED,
    (ClosingState.OPEN, ClosingInput.VIOLATION): ClosingState.BROKEN,
    (ClosingState.CLOSE_SENT, ClosingInput.RECEIVE_CLOSE): ClosingState.CLOSED,
    (ClosingState.CLOSE_SENT, ClosingInput.VIOLATION): ClosingState.CLOSED,
    (ClosingState.CLOSE_RECEIVED, ClosingInput.SEND_CLOSE): ClosingState.CLOSED,
    (ClosingState.BROKEN, ClosingInput.SEND_CLOSE): ClosingState.CLOSED,
}

#: So many frames that nobody counts them.
ALL: Final = 1 << 40
#: Smaller reads of one frame are joined: an object for each would take more memory than the bytes.
_WORTH_ITS_OBJECT: Final = 4096

_PEER: Final = {Role.SERVER: Side.CLIENT, Role.CLIENT: Side.PROVIDER}
_SAYS: Final = {"error in extension": "a compressed message is malformed"}


class WebSocketBase:
    """Control frames, closing handshake and limits of one end. ``role`` is our own; ``message_limit`` is in bytes,
    inclusive; ``mask_key`` returns four unpredictable bytes (RFC 6455 section 5.3) and is required for
    ``Role.CLIENT``."""

    __slots__ = (
        "_assembled",
        "_input_ended",
        "_limit",
        "_machine",
        "_mask_bit",
        "_mask_key",
        "_message_opcode",
        "_missing",
        "_pieces",
        "_side",
        "_skipping",
        "_writable",
        "unread",
    )

    def __init__(
        self,
        role: Role,
        *,
        message_limit: int,
        mask_key: Callable[[], bytes] | None = None,
    ) -> None:
        if (role is Role.CLIENT) is not (mask_key is not None):
            raise LocalProtocolError("a client needs a source of masking keys, a server must not have one")
        self._mask_bit = 0 if role is Role.CLIENT else MASKED
        self._side = _PEER[role]
        self._limit = message_limit
        self._mask_key = mask_key
        self._machine = Machine(CLOSING_TABLE, ClosingState.OPEN)
        self._writable = True
        # Whether the peer's bytes are ignored: it sent a close frame or broke the protocol.
        self._input_ended = False
        #: Whole frames may be left: call ``receive_data`` with no bytes. They are kept like an incomplete frame.
        self.unread = False
        # An incomplete frame: its bytes so far, and how many must come before it is looked at again.
        self._pieces: list[bytes | bytearray] = []
        self._missing = 0
        # Whether the rest of that frame is dropped as it comes: only what is behind it is kept.
        self._skipping = False
        # An incomplete fragmented message: its opcode (0: none), its size so far.
        self._message_opcode = 0
        self._assembled = 0

    @property
    def state(self) -> ClosingState:
        """The state of the closing handshake."""
        return self._machine.state

    @property
    def held(self) -> int:
        """Bytes of the peer that are kept until more come."""
        return sum(map(len, self._pieces))

    # -- sending ------------------------------------------------------------------------------------------------

    def ping(self, payload: bytes = b"") -> bytes:
        """A ping frame; ``payload`` has at most 125 bytes."""
        return self._control(Opcode.PING, payload)

    def pong(self, payload: bytes) -> bytes:
        """A pong frame. ``payload`` is that of the ping."""
        return self._control(Opcode.PONG, payload)

    def close(self, code: int | None, reason: str = "") -> bytes:
        """Our close frame. Nothing may be sent after it. ``code`` ``None``: without a code. ``reason`` is cut to 123
        bytes at a character boundary. ``LocalProtocolError`` for a code that may not be sent, and for a second
        close."""
        payload = close_payload(code, reason)
        self._machine.fire(ClosingInput.SEND_CLOSE)
        self._writable = False
        return self._frame(FIN | Opcode.CLOSE, payload)

    def _control(self, opcode: Opcode, payload: bytes) -> bytes:
        if len(payload) > 125:
            raise LocalProtocolError(f"a {opcode.name} carries at most 125 bytes, not {len(payload)}")
        if not self._writable:
            raise self._too_late()
        return self._frame(FIN | opcode, payload)

    def _too_late(self) -> LocalProtocolError:
        return LocalProtocolError(f"nothing may be sent in state {self.state.name}")

    def _frame(self, first: int, payload: bytes) -> bytes:
        mask_key = self._mask_key
        return encode_frame(first, payload, mask_key() if mask_key is not None else None)

    # -- receiving ----------------------------------------------------------------------------------------------

    def stop_reading(self) -> None:
        """Ignore the peer's bytes from here on. An unfinished message is dropped."""
        self._input_ended = True
        self._pieces.clear()
        self._missing = 0
        self.unread = self._skipping = False

    def _keep(self, data: bytes, at: int, needed: int) -> None:
        """Keep the incomplete frame at ``at`` until ``needed`` of its bytes have come."""
        self._pieces.append(data[at:] if at else data)
        self._missing = needed - (len(data) - at)

    def keep(self, data: bytes) -> None:
        """Keep bytes from the peer for a later call of ``receive_data``; see ``unread``."""
        if self._pieces or not self._input_ended:
            self._pieces.append(data)
            self._missing -= len(data)
            self.unread = True

    def _keep_unread(self, data: bytes, at: int) -> None:
        """Keep the bytes from ``at`` on: this call has read its portion."""
        self._pieces.append(data[at:])
        self._missing = 0
        self.unread = True

    def _complete(self, data: bytes) -> bool:
        """Add bytes to the kept frame. Returns whether enough have come."""
        pieces = self._pieces
        self.unread = False
        if self._skipping:
            return self._skip(data)
        if len(data) >= _WORTH_ITS_OBJECT:
            pieces.append(data)
        elif isinstance(last := pieces[-1], bytearray):
            last += data
        else:
            pieces.append(bytearray(data))
        self._missing -= len(data)
        return self._missing <= 0

    def _skip(self, data: bytes) -> bool:
        """Drop bytes of the frame that is not kept. Returns whether all of it has come: then what is behind it is
        kept."""
        self._missing -= len(data)
        behind = b""
        if self._missing < 0:
            behind = b"".join((*self._pieces, data))[self._missing :]
        self._skipping = self._missing > 0
        self._pieces[:] = [behind]  # never none: they stand for a frame that is not complete
        return not self._skipping

    def _refusal(self, opcode: int, size: int) -> Fault | None:
        """Why a data frame may not follow the frames before it, or ``None``."""
        if opcode:
            if self._message_opcode:
                return self._fault("a message starts inside a fragmented message")
        elif not self._message_opcode:
            return self._fault("a continuation has no message that it continues")
        if self._assembled + size > self._limit:
            return self._too_big(self._assembled + size)
        return None

    def _read_control(self, frame: bytes, start: int) -> PingReceived | PongReceived | CloseReceived | Fault:
        """Read a whole control frame, whose header has been checked. Its payload begins at ``start``."""
        payload = bytes(frame[start:])
        if self._mask_bit:
            payload = apply_mask(payload, frame[start - 4 : start])
        opcode = frame[0] & 0xF
        if opcode == Opcode.PING:
            return PingReceived(payload)
        if opcode == Opcode.PONG:
            return PongReceived(payload)
        close = read_close(payload)
        if isinstance(close, str):
            return self._fault(close)
        self._machine.fire(ClosingInput.RECEIVE_CLOSE)
        self.stop_reading()
        return CloseReceived(*close)

    def _verdict(self, event: wsproto.events.CloseConnection) -> Fault:
        """The fault that ``event`` stands for: wsproto reports a violation as a close. It never gets a close frame."""
        if event.code == 1009:
            return self._fault(
                f"a message inflates to more than the gateway's limit of {self._limit} bytes", FaultKind.MESSAGE_TOO_BIG
            )
        kind = FaultKind.INVALID_PAYLOAD if event.code == 1007 else FaultKind.PROTOCOL_ERROR
        return self._fault(_SAYS.get(event.reason or "", event.reason or "a frame breaks the protocol"), kind)

    def _fault(self, detail: str, kind: FaultKind = FaultKind.PROTOCOL_ERROR) -> Fault:
        return Fault(kind, self._side, detail)

    def _too_big(self, size: int) -> Fault:
        detail = f"a message of {size} bytes is over the gateway's limit of {self._limit} bytes"
        return self._fault(detail, FaultKind.MESSAGE_TOO_BIG)

    def _break(self, fault: Fault) -> Violation:
        """The peer broke the protocol: ignore its further bytes."""
        self._machine.fire(ClosingInput.VIOLATION)
        self.stop_reading()  # we may still send: frames before the violation in the same read may be answered
        return Violation(fault)
