"""WebSocket frames forwarded without assembling messages (RFC 6455 sections 5.2 to 5.5): one direction of a relay.

Decides: which of a sender's bytes are forwarded, and in which frames. Must not know: the other side, what messages
mean, whether text is UTF-8 (the receiver checks that, and its 1007 comes back). Headers and limits are checked;
payloads are not changed. Control frames belong to one hop and are not forwarded.

Frames up to 128 KiB are forwarded whole. A longer one is forwarded in fragments of :data:`FRAGMENT_BYTES`, so our own
control frames can be sent between them. That is a multiple of four, so the masking key stays aligned. The cuts depend
on the frame alone, never on the reads.
"""

from collections.abc import Callable
from struct import Struct
from typing import Final, TypeAlias

from ...effects import Message
from ...errors import LocalProtocolError
from ...faults import Fault
from .base import ALL, WebSocketBase
from .events import CloseReceived, MessagePassed, PingReceived, PongReceived, Violation
from .frames import FIN, MASKED, Opcode, Role, encode_header, parse_header
from .masking import apply_mask

#: The longest frame that is forwarded whole, in bytes of payload.
WHOLE_BYTES: Final = 131072
#: Longer frames are forwarded in fragments of this many bytes of payload: with its header each fits into one write of a
#: driver, so it is not cut again.
FRAGMENT_BYTES: Final = 131056

#: The first byte of a header, the second, and the next two: the length, if it does not fit into the second.
_first_bytes: Final = Struct(">BBH").unpack_from

_TWO_BYTE_LENGTH: Final = 0xFFFF
_WHOLE_TEXT: Final = FIN | Opcode.TEXT
_WHOLE_BINARY: Final = FIN | Opcode.BINARY


#: Events besides the forwarded bytes. A :class:`~aigw_sansio.effects.Message` comes from :mod:`.assembling` only.
ControlEvent: TypeAlias = PingReceived | PongReceived | CloseReceived | Violation | MessagePassed | Message
#: A whole frame that is forwarded unseen costs this much less than one of another kind.
_CHEAPER: Final = 8

#: ``bytes`` are whole frames for the other side; write them unchanged.
RelayEvent: TypeAlias = bytes | ControlEvent


class FrameRelay(WebSocketBase):
    """Reads one sender's frames and returns the bytes to forward. ``role`` is our own towards this sender.

    ``remask_key``, for ``Role.SERVER`` only, returns four unpredictable bytes: every forwarded frame gets our own key
    instead of the sender's, because a sender could choose its key so that certain bytes appear on the wire (RFC 6455
    section 10.3). ``observe_bytes`` turns on :class:`MessagePassed`, with the content of messages up to that many
    bytes. The other arguments are those of :class:`.base.WebSocketBase`. ``ping``, ``pong`` and ``close`` make frames
    for the sender; they may be sent between any two frames that another relay forwards to it.
    """

    __slots__ = (
        "_cheaper",
        "_long_first",
        "_long_key",
        "_long_last",
        "_long_left",
        "_observe_bytes",
        "_out",
        "_plain",
        "_remask_key",
        "_seen",
        "_seen_opcode",
        "_seen_size",
        "_short",
        "bytes_passed",
        "messages_passed",
    )

    def __init__(
        self,
        role: Role,
        *,
        message_limit: int,
        mask_key: Callable[[], bytes] | None = None,
        remask_key: Callable[[], bytes] | None = None,
        observe_bytes: int | None = None,
    ) -> None:
        super().__init__(role, message_limit=message_limit, mask_key=mask_key)
        if remask_key is not None and role is Role.CLIENT:
            raise LocalProtocolError("a server's frames have no masks to replace")
        self._remask_key = remask_key
        self._observe_bytes = observe_bytes
        self._cheaper = _CHEAPER if observe_bytes is None else 1
        # Whether a frame whose length fits into two bytes may be forwarded as it is.
        self._plain = remask_key is None and min(message_limit, WHOLE_BYTES) >= _TWO_BYTE_LENGTH
        self._short = 6 if role is Role.SERVER else 2  # bytes of the shortest header
        #: Whole messages and payload bytes forwarded so far.
        self.messages_passed = self.bytes_passed = 0
        # Bytes to forward that are not part of the current run of receive_data.
        self._out: list[bytes] = []
        # The incomplete message for the observer.
        self._seen = bytearray()
        self._seen_opcode = 0
        self._seen_size = 0
        # The current long frame: payload bytes to come, key, first header bytes of its next and of its last fragment.
        self._long_left = 0
        self._long_key = b""
        self._long_first = 0
        self._long_last = 0

    @property
    def held(self) -> int:
        return super().held + sum(map(len, self._out)) + len(self._seen)

    def stop_reading(self) -> None:
        super().stop_reading()
        self._out.clear()
        self._seen = bytearray()

    def receive_data(self, data: bytes, portion: int = ALL) -> list[RelayEvent]:
        """Bytes from the sender, in any pieces. Neighbouring frames come as one run of ``bytes``; a
        :class:`MessagePassed` may precede the run that holds its frame. After :class:`CloseReceived` or
        :class:`Violation` there are no more events. At most ``portion`` frames are read; see ``unread``."""
        if self._pieces:
            if not self._complete(data):
                return []
            data = b"".join(self._pieces)
            self._pieces.clear()
        elif self._input_ended:
            return []
        at = 0
        if self._plain and not self._message_opcode:
            # Fast path: whole, unfragmented data frames, as nearly all frames are.
            end = len(data)
            mask_bit = self._mask_bit
            short = self._short
            observe = self._observe_bytes
            final = last = end - 3
            if final > portion:
                last = 1  # frames are not counted in the loop, only at its end; often there is but one
            count = payload = 0
            events: list[RelayEvent] = []
            while at < last or (at < final and (last := self._window(at, final, portion, count)) > at):
                first, second, extended = _first_bytes(data, at)
                if first != _WHOLE_TEXT and first != _WHOLE_BINARY:
                    break
                size = second ^ mask_bit
                if size < 126:
                    stop = at + short + size
                elif size == 126 and extended > 125:
                    size = extended
                    stop = at + short + 2 + size
                else:
                    break
                if stop > end:
                    break
                if observe is not None:
                    said = self._shown(data, stop - size, stop) if size <= observe else None
                    events.append(MessagePassed(first == _WHOLE_TEXT, size, said))
                at = stop
                count += 1
                payload += size
            self.messages_passed += count
            self.bytes_passed += payload
            if at == end:
                events += (data,)
                return events
            return self._read(events, data, at, portion - count // self._cheaper)
        return self._read([], data, at, portion)

    def _window(self, at: int, final: int, portion: int, count: int) -> int:
        """The end of ``portion`` frames if each has only the shortest header and ``count`` of them end at ``at``; at
        most ``final``."""
        return min(final, at + (portion * self._cheaper - count) * self._short)

    def _read(self, events: list[RelayEvent], data: bytes, at: int, portion: int) -> list[RelayEvent]:
        """Read at most ``portion`` frames of any kind from ``at`` on; the bytes before it are forwarded."""
        end = len(data)
        mask_bit = self._mask_bit
        run = 0  # data[run:at] is forwarded unchanged
        while True:
            portion -= 1
            if portion < 0:
                self._flush(events, data, run, at)
                if at < end:
                    self._keep_unread(data, at)
                return events
            if self._long_left:
                needed = min(FRAGMENT_BYTES, self._long_left)
                if end - at < needed:
                    break
                self._pass_fragment(events, data[at : at + needed])
                run = at = at + needed
                continue
            needed = 2
            if end - at < needed:
                break
            first = data[at]
            header = parse_header(data, at, mask_bit)
            if isinstance(header, int):
                needed = header
                break
            if isinstance(header, str):
                # By position, here and below: keywords cost 15 to 25 ns more for each frame.
                return self._end(events, data, run, at, self._fault(header))
            start, size = header
            is_control = first & 0x8
            if not is_control and (fault := self._refusal(first & 0xF, size)) is not None:
                return self._end(events, data, run, at, fault)
            if size > WHOLE_BYTES and not is_control:
                self._out.append(data[run:at])
                self._begin_long(first, size, data[start - 4 : start])
                run = at = start
                continue
            stop = start + size
            if stop > end:
                needed = stop - at
                break
            if is_control:
                self._flush(events, data, run, at)
                said = self._read_control(data[at:stop], start - at)
                events.append(self._break(said) if isinstance(said, Fault) else said)
                if self._input_ended:
                    return events
                run = stop
            else:
                key = data[start - 4 : start] if mask_bit else b""
                if self._remask_key is not None:
                    self._out.append(data[run:at])
                    self._out.append(self._masked_anew(first, data[start:stop], key))
                    run = stop
                if self._observe_bytes is not None:
                    self._observe(events, first, data[start:stop], key)
                self.bytes_passed += size
                if first & FIN:
                    self.messages_passed += 1
                    self._message_opcode = self._assembled = 0
                else:
                    self._message_opcode = self._message_opcode or first & 0xF
                    self._assembled += size
            at = stop
        self._flush(events, data, run, at)
        if at < end:
            self._keep(data, at, needed)
        return events

    def _flush(self, events: list[RelayEvent], data: bytes, run: int, at: int) -> None:
        """End the run ``data[run:at]``: all bytes to forward so far become one event."""
        # A slice that is all of its bytes is a copy in the compiled core.
        piece = data if at - run == len(data) else data[run:at]
        if self._out:
            piece = b"".join((*self._out, piece))
            self._out.clear()
        if piece:
            events.append(piece)

    def _end(self, events: list[RelayEvent], data: bytes, run: int, at: int, fault: Fault) -> list[RelayEvent]:
        """Forward the bytes before the fault, then report it."""
        self._flush(events, data, run, at)
        events.append(self._break(fault))
        return events

    def _begin_long(self, first: int, size: int, key: bytes) -> None:
        self._long_left = size
        self._long_key = key if self._mask_bit else b""
        self._long_first = first & 0xF
        self._long_last = first & FIN
        # The limit has been checked for this frame; later fragments of the message are counted on top of it.
        self._message_opcode = self._message_opcode or first & 0xF
        self._assembled += size

    def _pass_fragment(self, events: list[RelayEvent], payload: bytes) -> None:
        """Forward the next fragment of a long frame."""
        self._long_left -= len(payload)
        first = self._long_first | (0 if self._long_left else self._long_last)
        self._long_first = Opcode.CONTINUATION
        key = self._long_key
        if self._remask_key is not None:
            self._out.append(self._masked_anew(first, payload, key))
        else:
            self._out += (encode_header(first, len(payload), self._mask_bit), key, payload)
        self._observe(events, first, payload, key)
        self.bytes_passed += len(payload)
        if first & FIN:
            self.messages_passed += 1
            self._message_opcode = self._assembled = 0

    def _masked_anew(self, first: int, payload: bytes, key: bytes) -> bytes:
        """A frame with our own key instead of ``key``. The payload is never unmasked in between."""
        assert self._remask_key is not None
        ours = self._remask_key()
        return encode_header(first, len(payload), MASKED) + ours + apply_mask(payload, apply_mask(ours, key))

    def _shown(self, data: bytes, start: int, stop: int) -> bytes:
        """The payload ``data[start:stop]``, unmasked with the key before it."""
        payload = data[start:stop]
        return apply_mask(payload, data[start - 4 : start]) if self._mask_bit else payload

    def _observe(self, events: list[RelayEvent], first: int, payload: bytes, key: bytes) -> None:
        """Collect a forwarded data frame or fragment for the observer, if there is one."""
        most = self._observe_bytes
        if most is None:
            return
        self._seen_opcode = first & 0xF or self._seen_opcode
        self._seen_size += len(payload)
        if self._seen_size <= most:
            self._seen += apply_mask(payload, key) if key else payload
        else:
            self._seen.clear()
        if first & FIN:
            data = bytes(self._seen) if self._seen_size <= most else None
            events.append(MessagePassed(self._seen_opcode == Opcode.TEXT, self._seen_size, data))
            self._seen.clear()
            self._seen_size = 0
