"""A provider's refusal of an upgrade, as the client gets it.

Decides: which fields and how much of the body go on, and that no key is in them (client protocol, sections 2 and 4).
Must not know: connections, and whose key it is.
"""

from collections.abc import Callable
from typing import Final

from ..bodies.coding import content_decoder
from ..faults import Fault
from ..wires.heads import header_values
from ..wires.http import Headers
from ..wires.websocket.handshake import REFUSAL_BODY_BYTES, Refused

#: What goes on beside status and body.
_FIELDS: Final = frozenset({b"content-type", b"retry-after"})


def readable_refusal(refused: Refused, hide: Callable[[str], str]) -> tuple[Headers, bytes]:
    """The fields and the body for the client. A coded body is decoded first, or no key could be seen in it; one in a
    coding that we cannot read is left out."""

    def hidden(data: bytes) -> bytes:
        return hide(data.decode("latin-1")).encode("latin-1")

    body = _decoded(refused)
    fields = [(name, hidden(value)) for name, value in refused.headers if name in _FIELDS]
    return fields, hidden(body)


def _decoded(refused: Refused) -> bytes:
    codings = header_values(refused.headers, b"content-encoding")
    decoder = content_decoder(b", ".join(codings) if codings else None)
    if decoder is None:
        return refused.body
    if isinstance(decoder, Fault):
        return b""
    decoder.feed(refused.body)
    body = bytearray()
    while len(body) < REFUSAL_BODY_BYTES and (piece := decoder.pull()):
        body += piece
    return bytes(body[:REFUSAL_BODY_BYTES])
