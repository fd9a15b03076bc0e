"""WebSocket messages (RFC 6455 sections 5 to 7), both roles, after the opening handshake.

Decides: what a peer's bytes are as messages, pings and closes; what breaks the protocol; what may be sent when.
Must not know: what messages mean, what is answered and when. Nothing is answered here: the owner sends pongs and
closes.

A short splitter takes whole, unfragmented, uncompressed data frames itself, because one message after another passes
here. Every other frame is handed, whole and with its length checked, to :mod:`wsproto`, which has the last word on
fragments, UTF-8 across them, control frames and close codes. A frame is judged when it is complete, a header as soon
as it shows what is wrong, a length before any of its payload has come.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Final, TypeAlias

import msgspec
import wsproto.events
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.extensions import Extension

from ..errors import LocalProtocolError
from ..faults import Fault, FaultKind, Side
from ..fsm import Machine
from .frames import FIN, MASKED, RSV1, Opcode, Role, close_payload, encode_frame, encode_header, parse_header
from .masking import apply_mask


class TextMessage(msgspec.Struct, frozen=True, gc=False):
    """A text message. ``data`` is valid UTF-8."""

    data: bytes


class BinaryMessage(msgspec.Struct, frozen=True, gc=False):
    """A binary message."""

    data: bytes


class PingReceived(msgspec.Struct, frozen=True, gc=False):
    """A ping; the owner answers with ``pong(payload)``."""

    payload: bytes


class PongReceived(msgspec.Struct, frozen=True, gc=False):
    """A pong, asked for or not."""

    payload: bytes


class CloseReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer's close frame, its last word; the owner answers with ``close(...)`` unless it has sent one already.
    ``code`` is 1005 where the frame had none."""

    code: int
    reason: str


class Violation(msgspec.Struct, frozen=True, gc=False):
    """The peer broke the protocol (PROTOCOL_ERROR, INVALID_PAYLOAD or MESSAGE_TOO_BIG). What it sends from now on is
    dropped; the owner closes with the fault's close code."""

    fault: Fault


WebSocketEvent: TypeAlias = TextMessage | BinaryMessage | PingReceived | PongReceived | CloseReceived | Violation


class State(IntEnum):
    """Where the closing handshake stands (RFC 6455 section 7.1)."""

    OPEN = 0
    CLOSE_SENT = 1
    CLOSE_RECEIVED = 2
    BROKEN = 3
    CLOSED = 4


class Input(IntEnum):
    """What moves it. VIOLATION: the peer broke the protocol."""

    SEND_CLOSE = 0
    RECEIVE_CLOSE = 1
    VIOLATION = 2


TABLE: Final[dict[tuple[State, Input], State]] = {
    (State.OPEN, Input.SEND_CLOSE): State.CLOSE_SENT,
    (State.OPEN, Input.RECEIVE_CLOSE): State.CLOSE_RECEIVED,
    (State.OPEN, Input.VIOLATION): State.BROKEN,
    (State.CLOSE_SENT, Input.RECEIVE_CLOSE): State.CLOSED,
    (State.CLOSE_SENT, Input.VIOLATION): State.CLOSED,
    (State.CLOSE_RECEIVED, Input.SEND_CLOSE): State.CLOSED,
    (State.BROKEN, Input.SEND_CLOSE): State.CLOSED,
}

_WHOLE_TEXT: Final = FIN | Opcode.TEXT
_WHOLE_BINARY: Final = FIN | Opcode.BINARY

_TEXT_HEADERS: Final = [encode_header(_WHOLE_TEXT, size, 0) for size in range(126)]
_LONG_TEXT_HEADER: Final = encode_header(_WHOLE_TEXT, 126, 0)[:2]

#: Smaller reads of one frame are gathered: an object for each would take more than the bytes.
_WORTH_ITS_OBJECT: Final = 4096
#: From here on a copy costs more than a memoryview.
_WORTH_A_VIEW: Final = 8192

_PEER: Final = {Role.SERVER: Side.CLIENT, Role.CLIENT: Side.PROVIDER}
_KIND: Final = {1007: FaultKind.INVALID_PAYLOAD, 1009: FaultKind.MESSAGE_TOO_BIG}

#: Registered after wsproto's list was made, so wsproto is shown 1013 in its place: the codes differ in two bits.
_BAD_GATEWAY: Final = 1014
_BAD_GATEWAY_FLIP: Final = 1014 ^ 1013


class WebSocketWire:
    """One end of one connection. Feed it with :meth:`receive_data`, send what the other methods return.

    ``message_limit`` is the largest message either announced or inflated, in bytes, inclusive. ``mask_key`` returns
    four unpredictable bytes (RFC 6455 section 5.3) and is required for ``Role.CLIENT``. ``extension`` is a
    negotiated :class:`.deflate.PerMessageDeflate`; without one no reserved bit is accepted.
    """

    __slots__ = (
        "_assembled",
        "_connection",
        "_deaf",
        "_flip",
        "_fragment_kind",
        "_fragments",
        "_limit",
        "_machine",
        "_mask_key",
        "_missing",
        "_pieces",
        "_rsv",
        "_side",
        "_writable",
    )

    def __init__(
        self,
        role: Role,
        *,
        message_limit: int,
        mask_key: Callable[[], bytes] | None = None,
        extension: Extension | None = None,
    ) -> None:
        if (role is Role.CLIENT) is not (mask_key is not None):
            raise LocalProtocolError("a client needs a source of masking keys, a server must not have one")
        extensions = [] if extension is None else [extension]
        kind = ConnectionType.CLIENT if role is Role.CLIENT else ConnectionType.SERVER
        self._connection = Connection(kind, extensions)
        self._flip = 0 if role is Role.CLIENT else MASKED
        self._side = _PEER[role]
        self._rsv = RSV1 if extensions else 0
        self._limit = message_limit
        self._mask_key = mask_key
        self._machine = Machine(TABLE, State.OPEN)
        self._writable = True
        # A frame that is not complete: its bytes so far, and how many must come to say more.
        self._pieces: list[bytes | bytearray] = []
        self._missing = 0
        # Whether the peer has nothing more to say: it closed or broke the protocol.
        self._deaf = False
        # A fragmented message that is not complete: its opcode (0: none), what it holds, its size on the wire.
        self._fragment_kind = 0
        self._fragments = bytearray()
        self._assembled = 0

    @property
    def state(self) -> State:
        """Where the closing handshake stands."""
        return self._machine.state

    # -- sending ------------------------------------------------------------------------------------------------

    def text(self, payload: bytes) -> bytes:
        """A text message as one frame. ``payload`` must be UTF-8; it is not checked."""
        # The one call a streamed token costs: written out for a server.
        if self._writable and self._mask_key is None:
            size = len(payload)
            if size < 126:
                return _TEXT_HEADERS[size] + payload
            if size < 65536:
                return _LONG_TEXT_HEADER + size.to_bytes(2) + payload
        return self._message(_WHOLE_TEXT, payload)

    def binary(self, payload: bytes) -> bytes:
        """A binary message as one frame."""
        return self._message(_WHOLE_BINARY, payload)

    def ping(self, payload: bytes = b"") -> bytes:
        """A ping; ``payload`` has at most 125 bytes."""
        return self._control(Opcode.PING, payload)

    def pong(self, payload: bytes) -> bytes:
        """The answer to a ping: its ``payload``."""
        return self._control(Opcode.PONG, payload)

    def close(self, code: int | None, reason: str = "") -> bytes:
        """Our close frame, the last thing that may be sent. ``None`` sends no code; ``reason`` is cut at 123 bytes
        on a character boundary. ``LocalProtocolError`` for a code that may not be sent, and for a second close."""
        payload = close_payload(code, reason)
        self._machine.fire(Input.SEND_CLOSE)
        self._writable = False
        return encode_frame(FIN | Opcode.CLOSE, payload, self._mask_key and self._mask_key())

    def _message(self, first: int, payload: bytes) -> bytes:
        if not self._writable:
            raise LocalProtocolError(f"no message may be sent in state {self.state.name}")
        mask_key = self._mask_key
        return encode_frame(first, payload, mask_key() if mask_key is not None else None)

    def _control(self, opcode: Opcode, payload: bytes) -> bytes:
        if len(payload) > 125:
            raise LocalProtocolError(f"a {opcode.name} carries at most 125 bytes, not {len(payload)}")
        return self._message(FIN | opcode, payload)

    # -- receiving ----------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes) -> list[WebSocketEvent]:
        """The peer's bytes, as they were cut. After :class:`CloseReceived` and :class:`Violation` nothing comes."""
        events: list[WebSocketEvent] = []
        if self._pieces:
            if not self._complete(data):
                return events
            data = b"".join(self._pieces)
            self._pieces.clear()
        elif self._deaf:
            return events
        end = len(data)
        flip = self._flip
        short = 6 if flip else 2
        limit = self._limit
        fragment_kind = self._fragment_kind
        at = 0
        while (there := end - at) > 1:
            first = data[at]
            size = data[at + 1] ^ flip
            whole = _WHOLE_TEXT <= first <= _WHOLE_BINARY and not fragment_kind
            if whole and size < 126:
                start = at + short
            elif whole and size == 126 and there > 3 and (data[at + 2] or data[at + 3] > 125):
                size = data[at + 2] << 8 | data[at + 3]
                start = at + short + 2
            else:
                header = parse_header(data, at, flip, self._rsv)
                if isinstance(header, int):
                    self._keep(data, at, header)
                    return events
                if isinstance(header, str):
                    self._break(events, FaultKind.PROTOCOL_ERROR, header)
                    return events
                start, size = header
                if not whole:
                    stop = start + size
                    if not self._admits(events, first & 0xF, size):
                        return events
                    if stop > end:
                        self._keep(data, at, stop - at)
                        return events
                    if not self._rare(events, data[at:stop], start - at):
                        return events
                    fragment_kind = self._fragment_kind
                    at = stop
                    continue
            if size > limit:
                self._too_big(events, size)
                return events
            stop = start + size
            if stop > end:
                self._keep(data, at, stop - at)
                return events
            if not flip:
                payload = data[start:stop]
            elif size < _WORTH_A_VIEW:
                payload = apply_mask(data[start:stop], data[start - 4 : start])
            else:
                payload = apply_mask(memoryview(data)[start:stop], data[start - 4 : start])
            if first == _WHOLE_BINARY:
                events.append(BinaryMessage(payload))
            else:
                if not payload.isascii():
                    try:
                        payload.decode()
                    except UnicodeDecodeError as error:
                        self._break(events, FaultKind.INVALID_PAYLOAD, _not_utf8(error))
                        return events
                events.append(TextMessage(payload))
            at = stop
        if there:
            self._keep(data, at, 2)
        return events

    def _keep(self, data: bytes, at: int, needed: int) -> None:
        """Nothing can be said about the frame at ``at`` before ``needed`` of its bytes are there."""
        self._pieces.append(data[at:] if at else data)
        self._missing = needed - (len(data) - at)

    def _complete(self, data: bytes) -> bool:
        """More of the frame that was kept. Whether enough is there now."""
        pieces = self._pieces
        if len(data) >= _WORTH_ITS_OBJECT:
            pieces.append(data)
        elif isinstance(last := pieces[-1], bytearray):
            last += data
        else:
            pieces.append(bytearray(data))
        self._missing -= len(data)
        return self._missing <= 0

    def _admits(self, events: list[WebSocketEvent], opcode: int, size: int) -> bool:
        """Whether a frame that the splitter does not take fits what came before it."""
        if opcode & 0x8:
            return True
        if opcode:
            if self._fragment_kind:
                self._break(events, FaultKind.PROTOCOL_ERROR, "a message starts inside a fragmented message")
                return False
        elif not self._fragment_kind:
            self._break(events, FaultKind.PROTOCOL_ERROR, "a continuation has no message that it continues")
            return False
        if self._assembled + size > self._limit:
            self._too_big(events, self._assembled + size)
            return False
        return True

    def _rare(self, events: list[WebSocketEvent], frame: bytes, start: int) -> bool:
        """Hand one whole frame, its payload at ``start``, to wsproto and take what it makes of it."""
        opcode = frame[0] & 0xF
        is_bad_gateway = False
        if opcode == Opcode.CLOSE and len(frame) >= start + 2:
            frame, is_bad_gateway = _hide_bad_gateway(frame, start, self._flip)
        elif not opcode & 0x8:
            self._fragment_kind = self._fragment_kind or opcode
            self._assembled += len(frame) - start
        connection = self._connection
        connection.receive_data(frame)
        for event in connection.events():
            if isinstance(event, wsproto.events.Message):
                part = event.data
                self._fragments += part.encode() if isinstance(part, str) else part
                if event.message_finished:
                    message = bytes(self._fragments)
                    is_text = self._fragment_kind == Opcode.TEXT
                    self._fragments.clear()
                    self._fragment_kind = self._assembled = 0
                    events.append(TextMessage(message) if is_text else BinaryMessage(message))
            elif isinstance(event, wsproto.events.Ping):
                events.append(PingReceived(bytes(event.payload)))
            elif isinstance(event, wsproto.events.Pong):
                events.append(PongReceived(bytes(event.payload)))
            elif isinstance(event, wsproto.events.CloseConnection):
                # A real close moves wsproto's state; its verdict on a frame looks the same and does not.
                if connection.state is ConnectionState.OPEN:
                    detail = event.reason or "a frame breaks the protocol"
                    self._break(events, _KIND.get(event.code, FaultKind.PROTOCOL_ERROR), detail)
                    return False
                self._machine.fire(Input.RECEIVE_CLOSE)
                self._deaf = True
                code = _BAD_GATEWAY if is_bad_gateway else int(event.code)
                events.append(CloseReceived(code, event.reason or ""))
                return False
        return True

    def _too_big(self, events: list[WebSocketEvent], size: int) -> None:
        detail = f"a message of {size} bytes is over the gateway's limit of {self._limit} bytes"
        self._break(events, FaultKind.MESSAGE_TOO_BIG, detail)

    def _break(self, events: list[WebSocketEvent], kind: FaultKind, detail: str) -> None:
        self._fragments.clear()
        self._machine.fire(Input.VIOLATION)
        self._deaf = True
        self._writable = False
        events.append(Violation(Fault(kind, self._side, detail)))


def _not_utf8(error: UnicodeDecodeError) -> str:
    return f"a text message is not UTF-8: {error.reason} at byte {error.start}"


def _hide_bad_gateway(frame: bytes, start: int, flip: int) -> tuple[bytes, bool]:
    """``frame``, a close, with 1014 changed to 1013, and whether it was."""
    code = frame[start : start + 2]
    if flip:
        code = apply_mask(code, frame[start - 4 : start])
    if int.from_bytes(code) != _BAD_GATEWAY:
        return frame, False
    changed = bytearray(frame)
    changed[start + 1] ^= _BAD_GATEWAY_FLIP
    return bytes(changed), True
