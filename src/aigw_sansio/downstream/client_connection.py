"""A client's connection, by the protocol that TLS chose.

Decides: which wire it speaks: ``h2`` is HTTP/2, anything else and none is HTTP/1.1 (RFC 7301). Must not know: what is
done with it.
"""

from ..engine.services import Services
from ..ids import ConnId
from .http1 import Http1DownstreamConnection
from .http2 import Http2DownstreamConnection
from .ports import RequestHandler


def client_connection(
    services: Services,
    conn: ConnId,
    alpn: str | None,
    *,
    peer: str,
    handler: RequestHandler,
    now: float,
    local: str | None,
    draining: bool,
    proxied: bool,
) -> Http1DownstreamConnection | Http2DownstreamConnection:
    """The connection. The arguments are those of :class:`.http2.Http2DownstreamConnection`; HTTP/1.1 carries one
    request, so ``draining`` and ``proxied`` mean nothing to it."""
    if alpn != "h2":
        return Http1DownstreamConnection(services, conn, peer=peer, handler=handler, now=now, local=local)
    return Http2DownstreamConnection(
        services, conn, peer=peer, handler=handler, now=now, local=local, draining=draining, proxied=proxied
    )
