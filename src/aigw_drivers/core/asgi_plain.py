"""Plain HTTP requests to an ASGI application that speaks WebSocket.

Decides: that health checks below its mount path are answered as those of the gateway's own server are (client protocol,
section 1), and every other request with 426. Must not know: WebSockets, and what serves them.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Final

from aigw_sansio import Fault, FaultKind, Side
from aigw_sansio.faults import error_envelope, success_envelope

from .asgi_scope import Scope, target_of

_JSON: Final = (b"content-type", b"application/json")
_LEAVING: Final = Fault(FaultKind.GOING_AWAY, Side.GATEWAY, "the gateway is going away", retryable=True)


async def respond_plainly(
    scope: Scope, send: Callable[[MutableMapping[str, object]], Awaitable[None]], *, ready: bool
) -> None:
    """Answer the HTTP request of ``scope``. ``ready``: clients are taken; then ``/readyz`` says so."""
    path, method = target_of(scope).partition(b"?")[0], scope.get("method")
    if method in ("GET", "HEAD") and path in (b"/healthz", b"/readyz"):
        leaves = path == b"/readyz" and not ready
        status = _LEAVING.http_status if leaves else 200
        headers, body = [_JSON], error_envelope(_LEAVING) if leaves else success_envelope()
    else:
        status, headers = 426, [(b"content-type", b"text/plain; charset=utf-8")]
        body = b"this path speaks WebSocket only\n"
        if str(scope.get("http_version", "1.1")).startswith("1"):  # HTTP/2 has no upgrade (RFC 9113 section 8.2.2)
            headers += [(b"upgrade", b"websocket"), (b"connection", b"upgrade")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
