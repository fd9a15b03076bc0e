"""A provider's answer to an upgrade, as clients and events see it (client protocol, sections 2 and 4).

Decides: which fields and how much of the body of a refusal go on, which ids of the provider's are told, and that no key
is in them. Must not know: connections, and whose keys they are.
"""

from typing import Final

from ..bodies.coding import content_decoder
from ..faults import Fault
from ..providers.redaction import Redactor
from ..wires.heads import header_values
from ..wires.http import Headers
from ..wires.websocket.handshake import REFUSAL_BODY_BYTES, Refused

#: The fields of a refusal that the client gets, beside status, body and the ids of the request.
_FIELDS: Final = frozenset({b"content-type", b"retry-after"})
#: The most ids of one answer, and characters of each, that are told.
_MOST_IDS: Final = 16
_ID_CHARACTERS: Final = 256


def readable_refusal(refused: Refused, redactor: Redactor) -> tuple[Headers, bytes, str | None]:
    """The fields and the body of a refusal for the client; and why the body is left out or not complete, if it is. Its
    content coding is undone first, because no key can be seen in it."""
    body, problem = _decoded(refused)
    headers = [field for field in refused.headers if field[0] in _FIELDS or _identifies_request(field[0])]
    return redactor.hide_fields(headers), redactor.hide(body), problem


def request_ids(headers: Headers, redactor: Redactor) -> dict[str, str]:
    """The provider's own names for the request (``*-request-id``, ``dg-*``), by field name in lower case."""
    found: dict[str, str] = {}
    for name, value in headers:
        if _identifies_request(name) and len(found) < _MOST_IDS:
            shown = redactor.hide_whole(value).decode("latin-1")
            found[redactor.hide_lower(name).decode("latin-1")] = shown[:_ID_CHARACTERS]
    return found


def _identifies_request(name: bytes) -> bool:
    return name.endswith(b"-request-id") or name.startswith(b"dg-")


def _decoded(refused: Refused) -> tuple[bytes, str | None]:
    codings = header_values(refused.headers, b"content-encoding")
    decoder = content_decoder(b", ".join(codings) if codings else None)
    if decoder is None:
        return refused.body, None
    if isinstance(decoder, Fault):
        return b"", "its body is in a content coding that is not read"
    decoder.feed(refused.body)
    body = bytearray()
    while len(body) < REFUSAL_BODY_BYTES and (piece := decoder.pull()):
        body += piece
    problem = decoder.fault.detail if decoder.fault is not None else None
    return bytes(body[:REFUSAL_BODY_BYTES]), problem
