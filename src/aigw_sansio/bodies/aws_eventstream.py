"""AWS event stream: length-prefixed binary messages with typed headers, read as JSON.

Decides: the framing of ``application/vnd.amazon.eventstream`` (AWS, "Event stream encoding" in the Smithy
specification; the same in Amazon Transcribe's "Event stream encoding") with both its checksums, and the JSON form of
one message. Must not know: services, and what their events mean.

The type of a message is in a header, so the payload alone would not tell a client what it is. The JSON form is the one
of AWS's own documentation: ``{"messageStart": {"role": "assistant"}}``, and ``{"validationException": {"message":
"..."}}`` for an error. If the payload only wraps another provider's JSON (``{"bytes": base64, "p": padding}``, model
invocation), that JSON is returned unchanged, byte for byte. A payload that is not JSON is returned unchanged.
"""

import zlib
from struct import Struct as Layout
from typing import Final

import msgspec

from ..faults import Fault, FaultKind, Side
from ..json_text import valid_json
from .chunk import PORTION_CHUNKS, Chunk

#: The most bytes that one message's headers may have.
HEADERS_BYTES: Final = 128 * 1024
_PRELUDE: Final = Layout(">III")  # total length, headers' length, CRC of these eight bytes
_OVERHEAD: Final = 16  # the prelude and the message's own CRC

_STRING: Final = 7
#: Size of each header value type; byte array and string have a two-byte length before them.
_VALUE_SIZES: Final[dict[int, int | None]] = {
    0: 0,  # true
    1: 0,  # false
    2: 1,  # byte
    3: 2,  # short
    4: 4,  # integer
    5: 8,  # long
    6: None,  # byte array
    _STRING: None,
    8: 8,  # timestamp, milliseconds
    9: 16,  # UUID
}


class _Carrier(msgspec.Struct, forbid_unknown_fields=True):
    """A payload that only wraps another one."""

    content: bytes = msgspec.field(name="bytes")  # msgspec undoes the base64
    padding: msgspec.Raw = msgspec.field(name="p", default=msgspec.Raw())


_CARRIER: Final = msgspec.json.Decoder(_Carrier)


class AwsEventStreamDecoder:
    """A :class:`~.chunk.BodyDecoder` for the AWS event stream; one chunk for each message."""

    __slots__ = ("_held", "_limit", "_needed", "fault", "unread")

    def __init__(self, limit: int) -> None:
        """``limit``: the largest message in bytes, framing included."""
        self.fault: Fault | None = None
        #: Whether a ``feed`` with no bytes may return more messages.
        self.unread = False
        self._limit = limit
        self._held = bytearray()
        self._needed = _PRELUDE.size  # bytes needed to read on

    @property
    def buffered(self) -> int:
        """Bytes held for an incomplete message, or not looked at yet."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Chunk]:
        """More of the body. Returns the messages that it completes, at most a portion; none once ``fault`` is set."""
        chunks: list[Chunk] = []
        held = self._held
        self.unread = False
        if self.fault is not None:
            return chunks
        if len(held) + len(data) < self._needed:
            held += data
            return chunks
        if held:
            data = b"".join((held, data))
            held.clear()
        position = 0
        while True:
            total = self._message_size(data, position)
            if total < 0:
                return chunks
            self._needed = total
            if len(data) - position < total:
                break
            chunk = self._message(data[position : position + total])
            if chunk is None:
                return chunks
            chunks.append(chunk)
            position += total
            if len(chunks) == PORTION_CHUNKS:
                self._needed = _PRELUDE.size
                self.unread = position < len(data)
                break
        held += data[position:]
        return chunks

    def finish(self) -> list[Chunk]:
        """The body ended. Sets ``fault`` if it ended inside a message."""
        if self.fault is None and self._held:
            self._fail(FaultKind.INCOMPLETE_BODY, "ended inside a message")
        return []

    def _message_size(self, data: bytes, position: int) -> int:
        """The size of the message at ``position``. The prelude's size if the prelude is not complete; -1 if it is
        malformed, and then ``fault`` is set."""
        if len(data) - position < _PRELUDE.size:
            return _PRELUDE.size
        total, headers, checksum = _PRELUDE.unpack_from(data, position)
        if zlib.crc32(data[position : position + 8]) != checksum:
            self._fail(FaultKind.MALFORMED_RESPONSE, "has a message whose prelude fails its checksum")
        elif total < _OVERHEAD or headers > total - _OVERHEAD or headers > HEADERS_BYTES:
            self._fail(
                FaultKind.MALFORMED_RESPONSE, f"has a message of {total} bytes that claims {headers} bytes of headers"
            )
        elif total > self._limit:
            self._fail(FaultKind.BODY_TOO_LARGE, f"has a message of {total} bytes; allowed are {self._limit}")
        return -1 if self.fault is not None else int(total)

    def _message(self, message: bytes) -> Chunk | None:
        """Read one whole message. ``None`` if it is malformed, and then ``fault`` is set."""
        if zlib.crc32(memoryview(message)[:-4]) != int.from_bytes(message[-4:], "big"):
            self._fail(FaultKind.MALFORMED_RESPONSE, "has a message that fails its checksum")
            return None
        payload_at = _PRELUDE.size + int.from_bytes(message[4:8], "big")
        headers = _read_headers(message, _PRELUDE.size, payload_at)
        if headers is None:
            self._fail(FaultKind.MALFORMED_RESPONSE, "has a message with malformed headers")
            return None
        payload = message[payload_at:-4]
        kind = headers.get(b":message-type")
        if kind == "exception":
            return _failure(headers.get(b":exception-type", ""), "", payload)
        if kind == "error":
            return _failure(headers.get(b":error-code", ""), headers.get(b":error-message", ""), payload)
        return _event(headers.get(b":event-type", ""), payload)

    def _fail(self, kind: FaultKind, what: str) -> None:
        again = kind is not FaultKind.BODY_TOO_LARGE
        self.fault = Fault(kind, Side.PROVIDER, f"the provider's event stream {what}", retryable=again)
        self._held.clear()


def _read_headers(message: bytes, position: int, end: int) -> dict[bytes, str] | None:
    """The string headers between the two indexes; ``None`` if they do not fill that space exactly."""
    headers: dict[bytes, str] = {}
    while position < end:
        name_at = position + 1
        type_at = name_at + message[position]
        if type_at >= end or type_at == name_at:
            return None
        name, kind = message[name_at:type_at], message[type_at]
        position = type_at + 1
        if kind not in _VALUE_SIZES:
            return None
        size = _VALUE_SIZES[kind]
        if size is None:
            size = int.from_bytes(message[position : position + 2], "big")
            position += 2
        if position + size > end:
            return None
        if kind == _STRING:
            headers[name] = str(message[position : position + size], "utf-8", "replace")
        position += size
    return headers


def _event(name: str, payload: bytes) -> Chunk:
    if name == "chunk":
        try:
            content = _CARRIER.decode(payload).content
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        else:
            if content[:1] == b"{":  # an agent's chunks hold plain text and stay wrapped
                return Chunk(content, name)
    return Chunk(_wrap(name, payload) or payload, name)


def _failure(name: str, detail: str, payload: bytes) -> Chunk:
    name = name or "error"
    text = detail or payload.decode("utf-8", "replace")
    document = _wrap(name, payload) if payload else None
    return Chunk(document or msgspec.json.encode({name: {"message": text}}), name, failed=True)


def _wrap(name: str, payload: bytes) -> bytes | None:
    """An object with the one member ``name``: ``payload``. ``None`` if the payload is not JSON."""
    document = valid_json(payload) if payload else b"{}"
    if document is None or not name:
        return document
    return b"{%b:%b}" % (msgspec.json.encode(name), document)
