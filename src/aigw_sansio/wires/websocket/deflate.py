"""Compressed WebSocket messages: the extension permessage-deflate (RFC 7692).

Decides: which offer is accepted, with which parameters, and how messages are deflated and inflated. Must not know:
frames, except for their first reserved bit. Nothing is negotiated unless the owner asks for it: compression costs
memory for its windows on each connection, and the peer chooses how much a few bytes inflate to. So inflating stops at
the message limit.

Output is deflated with settings for many small messages: level 1, a window of 4 KiB and a small hash. Measured with
CPython 3.11 and zlib 1.2.13: a kept context takes 37 KiB (196 with zlib's defaults). That is small enough for malloc to
reuse, so a new context costs 5 us instead of 50. In 76 recorded streams the median delta of 323 bytes becomes 30 bytes
in 3 us if the context is kept (zlib's defaults: 24), and hardly shrinks if it is not; a whole response of 4 KiB is
halved in 18 us. A peer may use the whole window of 32 KiB: that costs us 41 KiB, but only if its context is kept, or
while one of its messages is incomplete.
"""

import zlib
from typing import Final

import msgspec
from wsproto import extensions
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

from ...errors import LocalProtocolError
from .frames import Role
from .handshake import Extension

NAME: Final = b"permessage-deflate"

#: The end of every flushed block, which is not sent (section 7.2.1).
_TAIL: Final = b"\x00\x00\xff\xff"
#: The reserved bits that a frame may have: the first frame of a message RSV1, every other none (section 6).
_FIRST_BIT: Final = RsvBits(rsv1=True, rsv2=False, rsv3=False)
_NO_BITS: Final = RsvBits(rsv1=False, rsv2=False, rsv3=False)
#: Messages of fewer bytes are not compressed. Without a context they fit into one packet anyway; with a context they
#: shrink to almost nothing.
_WORTH_DEFLATING: Final = 1024
_WORTH_DEFLATING_IN_CONTEXT: Final = 64
#: Longer messages, in bytes, are not compressed: they are mostly media in base64, and compressing would block
#: everything else (10 to 18 ms for a MiB).
_TOO_LONG: Final = 1 << 20
#: How we deflate. The window is smaller if the peer asks for it; using a smaller one needs no announcement
#: (section 7.1.2.1).
_LEVEL: Final = 1
_MEMORY_LEVEL: Final = 5
_DEFLATING_BITS: Final = 12
#: zlib cannot deflate with a window of 2**8 bytes, only inflate.
_SMALLEST_DEFLATING_BITS: Final = 9

_SERVER_NO_TAKEOVER: Final = b"server_no_context_takeover"
_CLIENT_NO_TAKEOVER: Final = b"client_no_context_takeover"
_SERVER_BITS: Final = b"server_max_window_bits"
_CLIENT_BITS: Final = b"client_max_window_bits"
_BITS: Final = {b"%d" % bits: bits for bits in range(8, 16)}


class DeflateSettings(msgspec.Struct, frozen=True):
    """Our preferences. ``send_takeover`` and ``receive_takeover``: each message is compressed in the context of the
    messages before it, so the connection holds a window for that direction; otherwise every message is compressed by
    itself. ``window_bits``: base-two logarithm of the largest window, 9 to 15."""

    send_takeover: bool = False
    receive_takeover: bool = False
    window_bits: int = 15

    def __post_init__(self) -> None:
        if not _SMALLEST_DEFLATING_BITS <= self.window_bits <= 15:
            raise LocalProtocolError(f"window_bits is {self.window_bits}, allowed are 9 to 15")


class Agreement(msgspec.Struct, frozen=True):
    """The negotiated parameters, for :class:`PerMessageDeflate`."""

    server_takeover: bool = True
    client_takeover: bool = True
    server_bits: int = 15
    client_bits: int = 15


def choose(offers: tuple[Extension, ...], settings: DeflateSettings) -> tuple[Agreement, bytes] | None:
    """Server: accept the first acceptable offer. Returns the agreement and the value for ``accept(extension=...)``;
    ``None`` if there is none. Offers that section 7.1 forbids are declined."""
    for offer in offers:
        parameters = _parameters(offer)
        if parameters is None or parameters.get(_SERVER_BITS, 15) < _SMALLEST_DEFLATING_BITS:
            continue
        agreed = Agreement(
            server_takeover=settings.send_takeover and _SERVER_NO_TAKEOVER not in parameters,
            client_takeover=settings.receive_takeover and _CLIENT_NO_TAKEOVER not in parameters,
            server_bits=min(settings.window_bits, parameters.get(_SERVER_BITS, 15)),
            # A client that does not name the parameter does not understand it (section 7.1.2.2).
            client_bits=min(settings.window_bits, parameters[_CLIENT_BITS]) if _CLIENT_BITS in parameters else 15,
        )
        fields = [NAME]
        fields += [_SERVER_NO_TAKEOVER] * (not agreed.server_takeover)
        fields += [_CLIENT_NO_TAKEOVER] * (not agreed.client_takeover)
        # A client that asks for a window is told its size.
        is_told = _SERVER_BITS in parameters or agreed.server_bits < 15
        fields += [b"%b=%d" % (_SERVER_BITS, agreed.server_bits)] * is_told
        fields += [b"%b=%d" % (_CLIENT_BITS, agreed.client_bits)] * (agreed.client_bits < 15)
        return agreed, b"; ".join(fields)
    return None


def _parameters(extension: Extension) -> dict[bytes, int] | None:
    """The parameters by name; 1 for a switch, 15 for window bits without a value. ``None`` if it is another extension,
    or if a parameter is unknown, repeated or has a forbidden value."""
    if extension.name != NAME:
        return None
    parameters: dict[bytes, int] = {}
    for name, value in extension.parameters:
        if name in parameters:
            return None
        if name in (_SERVER_NO_TAKEOVER, _CLIENT_NO_TAKEOVER) and value is None:
            parameters[name] = 1
        elif name == _CLIENT_BITS and value is None:
            parameters[name] = 15
        elif name in (_SERVER_BITS, _CLIENT_BITS) and value in _BITS:
            parameters[name] = _BITS[value]
        else:
            return None
    return parameters


class PerMessageDeflate(extensions.Extension):
    """One end's compression, for ``WebSocketWire(extension=...)``: its first reserved bit, inflating and deflating.

    ``message_limit`` is that of the wire: at most one byte more is ever inflated. A direction without a kept context
    holds nothing between messages; one with a kept context holds nothing before the first.
    """

    name = NAME.decode()

    def __init__(self, role: Role, agreement: Agreement, *, message_limit: int) -> None:
        is_server = role is Role.SERVER
        self._limit = message_limit
        self._inflate_bits = agreement.client_bits if is_server else agreement.server_bits
        self._inflate_takeover = agreement.client_takeover if is_server else agreement.server_takeover
        self._deflate_bits = agreement.server_bits if is_server else agreement.client_bits
        self._deflate_takeover = agreement.server_takeover if is_server else agreement.client_takeover
        self._deflater: zlib._Compress | None = None
        self._inflater: zlib._Decompress | None = None
        shortest = _WORTH_DEFLATING_IN_CONTEXT if self._deflate_takeover else _WORTH_DEFLATING
        can_deflate = self._deflate_bits >= _SMALLEST_DEFLATING_BITS
        self._worth_deflating = range(shortest, _TOO_LONG + 1) if can_deflate else range(0)
        # The current incoming message: whether it is compressed, its size so far.
        self._is_compressed = False
        self._inflated = 0
        #: Bytes inflated so far, of all messages.
        self.inflated = 0
        # The current incoming frame.
        self._is_data = False

    def deflate(self, message: bytes) -> bytes | None:
        """The compressed payload, for a frame with RSV1; ``None`` if the message should be sent uncompressed. The
        result must be sent before the next message is deflated."""
        if len(message) not in self._worth_deflating:
            return None
        deflater = self._deflater
        if deflater is None:
            bits = min(self._deflate_bits, _DEFLATING_BITS)
            deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -bits, _MEMORY_LEVEL)
            if self._deflate_takeover:
                self._deflater = deflater
        deflated = (deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)
        # With a kept context the result must be sent, even if it is longer: it is part of the context now.
        return deflated if len(deflated) < len(message) or self._deflate_takeover else None

    # -- called by wsproto --------------------------------------------------------------------------------------

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool | str:
        """Not used: wsproto does no handshake here."""
        return False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        self._is_data = not opcode.iscontrol()
        if opcode in (Opcode.TEXT, Opcode.BINARY):
            self._is_compressed = rsv.rsv1
            self._inflated = 0
            return _FIRST_BIT
        return _NO_BITS

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes | CloseReason:
        if not self._is_data or not self._is_compressed:
            return data
        return self._inflate(data)

    def frame_inbound_complete(self, proto: FrameDecoder | FrameProtocol, fin: bool) -> bytes | CloseReason | None:
        if not self._is_data or not self._is_compressed or not fin:
            return None
        rest = self._inflate(_TAIL)
        if not self._inflate_takeover:
            self._inflater = None
        return rest

    def _inflate(self, data: bytes) -> bytes | CloseReason:
        most = self._limit - self._inflated
        inflater = self._inflater
        if inflater is None:
            inflater = self._inflater = zlib.decompressobj(-self._inflate_bits)
        try:
            inflated = inflater.decompress(data, most + 1)
            if inflater.eof:
                # A final block may be followed by more blocks (section 7.2.3.4). We allow that once in a frame: a peer
                # that ends its stream repeatedly would make us copy the rest each time.
                rest = inflater.unused_data
                inflater = self._inflater = zlib.decompressobj(-self._inflate_bits)
                inflated += inflater.decompress(rest, max(0, most - len(inflated)) + 1)
                if inflater.eof:
                    return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._inflated += len(inflated)
        self.inflated += len(inflated)
        return inflated if self._inflated <= self._limit else CloseReason.MESSAGE_TOO_BIG
