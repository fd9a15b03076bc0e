"""What the gateway says to a client, as values (client protocol, sections 3.2 and 3.4).

Decides: which message it is, and which exchange it is about. Must not know: what a client does with it, and sockets.
Nothing that a gateway sends raises here: what cannot be read is ``None``, and a later version may say more.
"""

from typing import Final

import msgspec

from aigw_sansio import ProviderEvent

from .values import Content, Metadata

_NOTHING: Final = msgspec.Raw(b"")
_PREFIX: Final = "universal."


class Trouble(msgspec.Struct, frozen=True, rename="camel"):
    """The ``error`` of ``universal.error``, or of a refusal in the gateway's envelope."""

    code: int
    message: str = ""
    kind: str = ""
    retryable: bool = False
    event_id: str | None = None


class Message(msgspec.Struct, frozen=True):
    """One message. ``kind`` is its type without ``universal.``.

    ``event_id`` names the exchange that it is about; ``None`` if it is about the socket. ``size`` is its length.
    ``number`` is what it is acknowledged by, if the session can be resumed.
    """

    kind: str
    size: int
    event_id: str | None = None
    metadata: Metadata = Metadata()
    response: Content | None = None
    event: ProviderEvent | None = None
    error: Trouble | None = None
    number: int | None = None

    @property
    def ends(self) -> bool:
        """Whether it is the last message of its exchange, or all that is said about a message without one."""
        return self.kind in ("done", "error", "cancelled") or (self.kind == "created" and self.response is not None)


class _Parts(msgspec.Struct):
    type: str
    metadata: msgspec.Raw = _NOTHING
    response: msgspec.Raw = _NOTHING
    event: msgspec.Raw = _NOTHING
    error: msgspec.Raw = _NOTHING
    n: int | None = None


class _Name(msgspec.Struct, rename="camel"):
    event_id: str | None = None
    encoding: str | None = None


class _Item(msgspec.Struct):
    code: int
    message: str


class _Envelope(msgspec.Struct):
    success: bool
    error: list[_Item]


_decode_parts: Final = msgspec.json.Decoder(_Parts).decode
_decode_name: Final = msgspec.json.Decoder(_Name).decode
_decode_metadata: Final = msgspec.json.Decoder(Metadata).decode
_decode_event: Final[msgspec.json.Decoder[ProviderEvent]] = msgspec.json.Decoder(ProviderEvent)
_decode_error: Final = msgspec.json.Decoder(Trouble).decode
_decode_envelope: Final = msgspec.json.Decoder(_Envelope).decode


def read_message(data: str | bytes) -> Message | None:
    """The message in ``data``, ``None`` if it is none of ``universal.*``.

    An event of a type that this version does not know is left out (``event`` is ``None``), and so is all ``metadata``
    but the name of the exchange if one of its fields has the wrong type.
    """
    try:
        parts = _decode_parts(data)
        name = _decode_name(parts.metadata) if parts.metadata else _Name()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if not parts.type.startswith(_PREFIX):
        return None
    kind = parts.type.removeprefix(_PREFIX)
    response = Content(bytes(parts.response), name.encoding == "base64") if parts.response else None
    metadata = Metadata(event_id=name.event_id, encoding=name.encoding)
    event = None
    error = None
    try:
        if kind == "event":
            event = _decode_event.decode(parts.event)
        elif kind != "stream" and parts.metadata:
            metadata = _decode_metadata(parts.metadata)
    except (msgspec.DecodeError, RecursionError):
        pass
    if kind == "error":
        try:
            error = _decode_error(parts.error)
        except (msgspec.DecodeError, RecursionError):
            error = Trouble(0, "the gateway gave no reason")
    return Message(
        kind=kind,
        size=len(data),
        event_id=name.event_id,
        metadata=metadata,
        response=response,
        event=event,
        error=error,
        number=parts.n,
    )


def read_envelope(content: Content) -> Trouble | None:
    """The gateway's own refusal in ``content``, ``None`` if this is a provider's response."""
    try:
        envelope = _decode_envelope(content.raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    if envelope.success or not envelope.error:
        return None
    return Trouble(envelope.error[0].code, envelope.error[0].message)
