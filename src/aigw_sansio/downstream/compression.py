"""Compressed messages of universal clients (RFC 7692), where a gateway's settings want them.

Decides: what is agreed on with a client that offers permessage-deflate, and how much of what it sends is read at once.
Must not know: how messages are deflated, and how handshakes are written.

The client's direction never keeps its context, which is ours to say (section 7.1.1.2): its messages are few, and a
window of 32 KiB for each socket is much. Ours does so only where the settings say "stream": who can put text of his own
into one exchange of a socket and see how many bytes go by learns something of the others, when all are deflated in one
context (as with CRIME). With "messages" only what stands in one message gives itself away.
"""

from typing import Final

from ..config import Compression
from ..engine.connection import BytePipe
from ..engine.engine import Engine
from ..wires.websocket.deflate import DeflateSettings, PerMessageDeflate, choose
from ..wires.websocket.frames import Role
from ..wires.websocket.handshake import Extension
from ..wires.websocket.messages import WebSocketWire
from .websocket import (
    ChannelOwner,
    WebSocketChannel,
)

_SETTINGS: Final[dict[Compression, DeflateSettings]] = {
    "messages": DeflateSettings(),
    "stream": DeflateSettings(send_takeover=True),
}
#: So many bytes at once are read of a client that may compress: they can inflate to a thousand times as much, and all
#: messages of a read are held until the last of them is there.
PORTION_BYTES: Final = 1024


def open_channel(
    engine: Engine,
    pipe: BytePipe,
    owner: ChannelOwner,
    compression: Compression,
    offers: tuple[Extension, ...],
    now: float,
) -> tuple[WebSocketChannel, bytes | None]:
    """A universal client's channel, and what its handshake accepts of ``offers``."""
    limit = engine.config.limits.message_bytes
    settings = _SETTINGS.get(compression)
    agreed = None if settings is None else choose(offers, settings)
    if agreed is None:
        wire = WebSocketWire(Role.SERVER, message_limit=limit)
        return WebSocketChannel(engine, pipe, wire, owner, now), None
    extension = PerMessageDeflate(Role.SERVER, agreed[0], message_limit=limit)
    wire = WebSocketWire(Role.SERVER, message_limit=limit, extension=extension)
    return DeflatedChannel(engine, pipe, wire, owner, now), agreed[1]


class DeflatedChannel(WebSocketChannel):
    """A WebSocket whose client may compress: what comes is read in portions."""

    __slots__ = ()

    def receive_data(self, data: bytes, now: float) -> None:
        for at in range(0, len(data), PORTION_BYTES):
            super().receive_data(data[at : at + PORTION_BYTES], now)
