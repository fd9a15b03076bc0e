"""The refusal of a client's request.

Decides: that a refusal is an event for the host and an envelope for the client, with the status and code of its fault;
a head that is too large has a status of its own (RFC 6585 section 5). Must not know: why a request is refused.
"""

from ..engine.services import Services
from ..events import UpgradeRefused
from ..faults import ENVELOPE_CODE, Fault, FaultKind, Side, error_envelope
from ..ids import ConnId
from ..wires.http import Headers
from .ports import ClientRequest, Responder

JSON = (b"content-type", b"application/json")


def refuse_request(
    services: Services,
    request: ClientRequest,
    responder: Responder,
    fault: Fault,
    now: float,
    *,
    address: str,
    headers: Headers | None = None,
) -> None:
    """Refuse ``request``. ``address``: the client's, for the event."""
    emit_refusal(services, request, fault, address=address)
    send_refusal(responder, fault, now, headers=headers)


def emit_refusal(services: Services, request: ClientRequest, fault: Fault, *, address: str) -> None:
    """Tell the host that ``request`` is refused."""
    status, code = fault.http_status, fault.envelope_code
    services.emit(UpgradeRefused(conn=request.conn, status=status, code=code, reason=fault.detail, address=address))


def send_refusal(responder: Responder, fault: Fault, now: float, *, headers: Headers | None = None) -> None:
    """Send the client the envelope of ``fault``."""
    wait = fault.retry_after
    waits = [] if wait is None else [(b"retry-after", wait.encode())]
    responder.refuse(fault.http_status, [JSON, *waits, *(headers or [])], error_envelope(fault), now)


def refuse_head(
    services: Services, conn: ConnId, responder: Responder, fault: Fault, now: float, *, status: int, address: str
) -> None:
    """Refuse a request of which the head cannot be used. ``address``: the client's, for the event."""
    code = ENVELOPE_CODE[fault.kind]
    services.emit(UpgradeRefused(conn=conn, status=status, code=code, reason=fault.detail, address=address))
    responder.refuse(status, [JSON], error_envelope(fault), now)


def too_many_fields(count: int, most: int) -> Fault:
    """Why a head with ``count`` header fields is refused: 431."""
    detail = f"the request head has {count} header fields; head_fields allows {most}"
    return Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, detail)
