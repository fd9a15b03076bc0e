"""The refusal of a client's request.

Decides: that a refusal is an event for the host and an envelope for the client, with the status and code of its fault.
Must not know: why a request is refused.
"""

from ..engine.services import Services
from ..envelope import error_envelope
from ..events import UpgradeRefused
from ..faults import ENVELOPE_CODE, HTTP_STATUS, Fault
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
    status = HTTP_STATUS[fault.kind]
    code = ENVELOPE_CODE[fault.kind]
    services.emit(UpgradeRefused(conn=request.conn, status=status, code=code, reason=fault.detail, address=address))


def send_refusal(responder: Responder, fault: Fault, now: float, *, headers: Headers | None = None) -> None:
    """Send the client the envelope of ``fault``."""
    responder.refuse(HTTP_STATUS[fault.kind], [JSON, *(headers or [])], error_envelope(fault), now)
