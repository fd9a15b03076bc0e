"""A client of a gateway: :class:`Client` on anyio, :class:`SyncClient` for ordinary code, :func:`connect` for one raw
WebSocket.

* ``async with Client(url, token=...) as client:`` opens a socket. :meth:`Client.stream` gives the items of a response
  as they come, :meth:`Client.create` the whole of it. A request is a provider, an endpoint and a query;
  :class:`Options` are what else may be said, among it the :class:`Step` objects to fall back to.
* ``Client(url, resume=True)``: exchanges survive the loss of the socket, if the gateway keeps sessions (``resume_s``).
* What goes wrong is a :class:`ClientError`: :class:`NotConnected`, :class:`ConnectionLost`, :class:`ProviderError`,
  :class:`GatewayError`.
"""

from .client import Client
from .errors import ClientError, ConnectionLost, GatewayError, NotConnected, ProviderError
from .request import Options, Step, StepConfig
from .stream import Stream
from .sync import SyncClient, SyncStream
from .values import Content, Metadata, Mode, Response
from .websocket import HandshakeRefused, WebSocketClient, WebSocketClosed, connect

__all__ = [
    "Client",
    "ClientError",
    "ConnectionLost",
    "Content",
    "GatewayError",
    "HandshakeRefused",
    "Metadata",
    "Mode",
    "NotConnected",
    "Options",
    "ProviderError",
    "Response",
    "Step",
    "StepConfig",
    "Stream",
    "SyncClient",
    "SyncStream",
    "WebSocketClient",
    "WebSocketClosed",
    "connect",
]
