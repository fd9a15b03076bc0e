"""The frames of a provider as whole messages: one direction of a relay whose client takes no frames.

Decides: which messages the frames are that :mod:`.relay` would forward, and that text is UTF-8 (RFC 6455 section 8.1):
no receiver behind us checks it. Must not know: who takes the messages.

Headers, limits and control frames are the business of the base, so they are treated as for a client with frames. Its
counts are replaced: a message counts when it is complete.
"""

from collections.abc import Callable

from ...effects import Message
from ...faults import Fault, FaultKind
from .base import ALL, ClosingInput
from .events import Violation
from .frames import FIN, Opcode, Role, parse_header
from .relay import FrameRelay, RelayEvent
from .text import not_utf8


class AssemblingRelay(FrameRelay):
    """Reads a provider's frames. The arguments are those of :class:`.relay.FrameRelay`; it returns each
    :class:`~aigw_sansio.effects.Message` instead of ``bytes``."""

    __slots__ = ("_is_text", "_messages", "_parts", "_size")

    def __init__(self, *, message_limit: int, mask_key: Callable[[], bytes], observe_bytes: int | None = None) -> None:
        super().__init__(Role.CLIENT, message_limit=message_limit, mask_key=mask_key, observe_bytes=observe_bytes)
        self._cheaper = 1  # no frame is forwarded unseen
        self._messages = self._size = 0  # whole messages, and bytes of them
        # The incomplete message. The limit for it is checked by the base.
        self._parts = bytearray()
        self._is_text = False

    @property
    def held(self) -> int:
        return super().held + len(self._parts)

    def stop_reading(self) -> None:
        super().stop_reading()
        self._parts = bytearray()

    def receive_data(self, data: bytes, portion: int = ALL) -> list[RelayEvent]:
        """As the base; after a message that is no text there are no more events."""
        said: list[RelayEvent] = []
        parts = self._parts
        events = super().receive_data(data, portion)
        self._parts = parts  # an end of the input has dropped them, but what came before it is read only now
        for event in events:
            if not isinstance(event, bytes):
                said.append(event)
            elif detail := self._assemble(event, said):
                said.append(self._refuse(self._fault(detail, FaultKind.INVALID_PAYLOAD)))
                break
        if self._input_ended and self._parts:
            self._parts = bytearray()
        self.messages_passed = self._messages
        self.bytes_passed = self._size
        return said

    def _assemble(self, run: bytes, said: list[RelayEvent]) -> str:
        """Read whole frames, which the base has checked. Returns why one is no text; empty if all are."""
        at = 0
        while at < len(run):
            first = run[at]
            header = parse_header(run, at, 0)
            assert isinstance(header, tuple), "a checked frame"
            start, size = header
            at = start + size
            payload = run[start:at]
            opcode = first & 0xF
            if opcode:
                self._is_text = opcode == Opcode.TEXT
            if not opcode or not first & FIN:
                self._parts += payload
                if not first & FIN:
                    continue
                payload = bytes(self._parts)
                self._parts = bytearray()
            if self._is_text and (detail := not_utf8(payload)):
                return detail
            self._messages += 1
            self._size += len(payload)
            said.append(Message(payload, self._is_text))
        return ""

    def _refuse(self, fault: Fault) -> Violation:
        """The peer broke the protocol, unless the frames behind have ended its input already."""
        if self._machine.allows(ClosingInput.VIOLATION):
            return self._break(fault)
        return Violation(fault)
