"""WebSocket messages (RFC 6455 sections 5 to 7), both roles, after the opening handshake.

Decides: which messages, pings and closes a peer's bytes are, what breaks the protocol, what may be sent in which state.
Must not know: what messages mean. It sends no answers itself: the owner sends pongs and closes.

A short loop reads whole, unfragmented, uncompressed data frames itself, because nearly all messages have that form.
Every other frame goes, whole and with its header checked, to :mod:`wsproto`, which decides about UTF-8 across
fragments, control frames and close codes. A frame is checked when it is complete; a bad header is refused as soon as it
can be seen, and a length before its payload has come.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import wsproto.events
from wsproto.connection import Connection, ConnectionType

from ...faults import Fault, FaultKind
from .base import ALL, ClosingInput, ClosingState, WebSocketBase
from .deflate import PerMessageDeflate
from .events import BinaryMessage, CloseReceived, PingReceived, PongReceived, TextMessage, Violation
from .frames import FIN, LONGEST_HEADER, RSV1, Opcode, Role, encode_frame, encode_header, parse_header
from .masking import apply_mask

__all__ = [
    "BinaryMessage",
    "CloseReceived",
    "ClosingInput",
    "ClosingState",
    "PingReceived",
    "PongReceived",
    "Role",
    "TextMessage",
    "Violation",
    "WebSocketEvent",
    "WebSocketWire",
]

WebSocketEvent: TypeAlias = TextMessage | BinaryMessage | PingReceived | PongReceived | CloseReceived | Violation

_WHOLE_TEXT: Final = FIN | Opcode.TEXT
_WHOLE_BINARY: Final = FIN | Opcode.BINARY
_TEXT_HEADERS: Final = [encode_header(_WHOLE_TEXT, size, 0) for size in range(126)]
_LONG_TEXT_HEADER: Final = encode_header(_WHOLE_TEXT, 126, 0)[:2]

#: A frame with an opcode that no RFC defines.
_MEANINGLESS: Final = b"\x8f\x00"
#: From this size on a message to send is a piece of its own: to join one piece more costs less than a copy.
_WORTH_A_PIECE: Final = 16384
#: From this size on a copy costs more than a memoryview.
_WORTH_A_VIEW: Final = 8192


class WebSocketWire(WebSocketBase):
    """One end of one connection. Feed it with :meth:`receive_data`, send what the other methods return.

    ``message_limit`` is the largest message in bytes, inclusive, both as declared and as inflated. ``mask_key`` returns
    four unpredictable bytes (RFC 6455 section 5.3) and is required for ``Role.CLIENT``. ``extension`` is a negotiated
    :class:`.deflate.PerMessageDeflate`; without one no reserved bit is accepted.
    """

    __slots__ = ("_dropping", "_extension", "_fragments", "_is_plain_server", "_rare", "_rsv")

    def __init__(
        self,
        role: Role,
        *,
        message_limit: int,
        mask_key: Callable[[], bytes] | None = None,
        extension: PerMessageDeflate | None = None,
    ) -> None:
        super().__init__(role, message_limit=message_limit, mask_key=mask_key)
        self._extension = extension
        self._rsv = 0 if extension is None else RSV1
        self._is_plain_server = mask_key is None and extension is None
        self._dropping = False  # messages are
        self._fragments = bytearray()
        self._rare: Connection | None = None  # reads the frames that are not on the fast path, once there is one

    @property
    def held(self) -> int:
        return super().held + len(self._fragments)

    def text(self, payload: bytes) -> bytes:
        """A text message as one frame. ``payload`` must be UTF-8; it is not checked."""
        return self._message(_WHOLE_TEXT, payload)

    def texts(self, payloads: list[bytes], room: int) -> tuple[list[bytes], int, int]:
        """Text messages, until they have ``room`` bytes or more: the bytes to send, in pieces of any cut, how many
        messages they are, and how many bytes these have. A long one is not copied."""
        # Fast path: one call for each streamed token, written out for a server.
        plain = self._writable and self._is_plain_server
        frames: list[bytes] = []
        size = count = begun = 0
        for payload in payloads:
            if size >= room:
                break
            length = len(payload)
            if not plain:
                frames.append(self._message(_WHOLE_TEXT, payload))
            elif length < 126:
                frames.append(_TEXT_HEADERS[length] + payload)
            elif length < _WORTH_A_PIECE:
                frames.append(_LONG_TEXT_HEADER + length.to_bytes(2) + payload)
            else:
                frames[begun:] = b"".join(frames[begun:]) + encode_header(_WHOLE_TEXT, length, 0), payload
                begun = len(frames)
            size += length
            count += 1
        if len(frames) > begun + 1:
            frames[begun:] = (b"".join(frames[begun:]),)
        return frames, count, size

    def binary(self, payload: bytes) -> bytes:
        """A binary message as one frame."""
        return self._message(_WHOLE_BINARY, payload)

    def _message(self, first: int, payload: bytes) -> bytes:
        if not self._writable:
            raise self._too_late()
        if self._extension is not None and (deflated := self._extension.deflate(payload)) is not None:
            first, payload = first | RSV1, deflated
        mask_key = self._mask_key
        return encode_frame(first, payload, mask_key() if mask_key is not None else None)

    @property
    def inflated(self) -> int:
        """Bytes inflated so far, of all messages."""
        return 0 if self._extension is None else self._extension.inflated

    def receive_data(self, data: bytes, portion: int = ALL) -> list[WebSocketEvent]:
        """Bytes from the peer, in any pieces. After :class:`CloseReceived` or :class:`Violation` there are no more
        events. At most ``portion`` frames are read; see ``unread``."""
        events: list[WebSocketEvent] = []
        if self._pieces:
            if not self._complete(data):
                return events
            data = b"".join(self._pieces)
            self._pieces.clear()
        elif self._input_ended:
            return events
        end = len(data)
        mask_bit = self._mask_bit
        short = 6 if mask_bit else 2
        limit = self._limit
        inside = self._message_opcode
        at = silent = 0
        # The loop ends before the last ``tail`` bytes, so frames are not counted in it, but only at its end.
        tail = 1 if end <= portion else _tail(end, portion, short)
        while (there := end - at) > tail or (
            there > 1 and (tail := _tail(there, portion - len(events) - silent, short)) < there
        ):
            first = data[at]
            size = data[at + 1] ^ mask_bit
            whole = _WHOLE_TEXT <= first <= _WHOLE_BINARY and not inside
            if whole and size < 126:
                start = at + short
            elif whole and size == 126 and there > 3 and (data[at + 2] or data[at + 3] > 125):
                size = data[at + 2] << 8 | data[at + 3]
                start = at + short + 2
            else:
                header = parse_header(data, at, mask_bit, self._rsv)
                if isinstance(header, int):
                    self._keep(data, at, header)
                    return events
                if isinstance(header, str):
                    events.append(self._break(self._fault(header)))
                    return events
                start, size = header
                if not whole:
                    stop = start + size
                    if not first & 0x8 and (fault := self._refusal(first & 0xF, size)) is not None:
                        events.append(self._break(fault))
                        return events
                    if stop > end:
                        self._keep_frame(data, at, stop - at, size)
                        return events
                    event = self._read_rare(data[at:stop], start - at)
                    if event is None:
                        silent += 1
                    else:
                        events.append(event)
                        if self._input_ended:
                            return events
                    inside = self._message_opcode
                    at = stop
                    continue
            if size > limit:
                events.append(self._break(self._too_big(size)))
                return events
            stop = start + size
            if stop > end:
                self._keep_frame(data, at, stop - at, size)
                return events
            if not mask_bit:
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
                        detail = f"a text message is not UTF-8: {error.reason} at byte {error.start}"
                        events.append(self._break(self._fault(detail, FaultKind.INVALID_PAYLOAD)))
                        return events
                events.append(TextMessage(payload))
            at = stop
        if there > 1:
            self._keep_unread(data, at)
        elif there:
            self._keep(data, at, 2)
        return events

    def drop_messages(self) -> None:
        """Nobody wants messages any more: what has come of an unfinished one is dropped, and so is the rest as it
        comes. Control frames are read."""
        self._dropping = True
        self._drop_fragments()
        if self.unread or self._skipping or self._missing + self.held <= LONGEST_HEADER:
            return  # the next call sees it; a header that is not complete is kept
        head = b"".join(piece[:LONGEST_HEADER] for piece in self._pieces)
        if not head[0] & 0x8:
            header = parse_header(head + bytes(4), 0, self._mask_bit, self._rsv)  # the masking key may be missing
            assert isinstance(header, tuple), "it has been read"
            self._skip_frame(head[0], header[1])

    def _keep_frame(self, data: bytes, at: int, needed: int, size: int) -> None:
        """Keep the incomplete frame at ``at``, whose header is complete: its payload has ``size`` bytes."""
        self._keep(data, at, needed)
        if self._dropping and not data[at] & 0x8:
            self._skip_frame(data[at], size)

    def _skip_frame(self, first: int, size: int) -> None:
        """Keep nothing of the incomplete data frame: the rest of it is skipped."""
        self._skipping = True
        self._pieces[:] = [b""]
        self._pass_over(first, size)

    def _pass_over(self, first: int, size: int) -> None:
        """A data frame is dropped. What may follow it is the same."""
        if first & FIN:
            self._message_opcode = self._assembled = 0
        else:
            self._message_opcode = self._message_opcode or first & 0xF
            self._assembled += size

    def stop_reading(self) -> None:
        super().stop_reading()
        self._drop_fragments()

    def _drop_fragments(self) -> None:
        """Drop what has come of a fragmented message, and the reader of its frames."""
        self._fragments = bytearray()
        rare, self._rare = self._rare, None
        if rare is not None:
            # wsproto's parser refers to itself until it has stopped, and a frame without a meaning stops it.
            rare.receive_data(_MEANINGLESS)
            for _ in rare.events():
                pass

    def _reader_of_rare_frames(self) -> Connection:
        rare = self._rare
        if rare is None:
            kind = ConnectionType.SERVER if self._mask_bit else ConnectionType.CLIENT
            rare = self._rare = Connection(kind, [] if self._extension is None else [self._extension])
        return rare

    def _read_rare(self, frame: bytes, start: int) -> WebSocketEvent | None:
        """Read one whole frame that is not on the fast path. Its payload begins at ``start``. ``None``: the message is
        not complete."""
        if frame[0] & 0x8:
            said = self._read_control(frame, start)
            return self._break(said) if isinstance(said, Fault) else said
        if self._dropping:
            self._pass_over(frame[0], len(frame) - start)
            return None
        opcode = self._message_opcode = self._message_opcode or frame[0] & 0xF
        self._assembled += len(frame) - start
        rare = self._reader_of_rare_frames()
        rare.receive_data(frame)
        for event in rare.events():
            if isinstance(event, wsproto.events.CloseConnection):
                self._fragments.clear()
                return self._break(self._verdict(event))
            assert isinstance(event, wsproto.events.Message)
            self._fragments += event.data.encode() if isinstance(event.data, str) else event.data
        if not frame[0] & FIN:
            return None
        message = bytes(self._fragments)
        self._fragments.clear()
        self._message_opcode = self._assembled = 0
        return TextMessage(message) if opcode == Opcode.TEXT else BinaryMessage(message)


def _tail(there: int, frames: int, shortest: int) -> int:
    """Of ``there`` bytes those that ``frames`` frames do not reach if each has only ``shortest`` bytes. At least 1: one
    byte is no header."""
    return max(1, there - frames * shortest)
