"""aigw_drivers: sockets, clocks and settings for the gateway of :mod:`aigw_sansio`. No protocol decision lives here.

What this module, :mod:`aigw_drivers.client`, :mod:`aigw_drivers.asgi`, :mod:`aigw_drivers.conformance` and
:mod:`aigw_drivers.testing` export is the public API. Everything else is private and may change.

* Run a gateway: :func:`load_settings` gives :class:`Settings`, :func:`running` serves them and gives a
  :class:`Running` with its ``url``.
* Drive an engine yourself: :class:`AnyioDriver`, on asyncio, uvloop and trio, and on sockets from :func:`listen`. An
  :data:`AnswerHandler` answers the engine's questions. ``ProtocolDriver`` is another name of the same class.
* Write a driver: :class:`TlsPipe` is TLS without a socket, :func:`client_context` its trust for dialling.
  :mod:`aigw_drivers.conformance` is the suite that a driver must pass.
* Test without sockets and waiting: :class:`aigw_drivers.testing.MockProvider`,
  :class:`aigw_drivers.testing.VirtualGateway`.
* Talk to a gateway: :class:`aigw_drivers.client.Client`, or by a raw :class:`WebSocketClient`. Try one without a
  provider: :class:`LoopbackProvider`.
* Call providers without a gateway elsewhere, from asyncio, trio or threads: :class:`LocalClient` and
  :class:`SyncLocalClient`, with the items and errors of :mod:`aigw_drivers.client`; through a gateway that runs in the
  program anyway, the :class:`RunningClient` of :meth:`Running.client`.
* Serve inside a web application that owns the WebSockets: :class:`aigw_drivers.asgi.GatewayApp`. For another
  framework write a :class:`MessageHandler`, which gets each :data:`MessageEffect` of its client.
"""

from aigw_sansio import preload as _preload  # noqa: F401  # while files can be opened

from .anyio_driver import AnswerHandler, AnyioDriver
from .client import HandshakeRefused, WebSocketClient, WebSocketClosed
from .core.hosted import MessageEffect, MessageHandler
from .core.sockets import Listener, listen
from .core.tls import TlsPipe, client_context
from .local import LocalClient, RunningClient, SyncLocalClient
from .loopback import LoopbackProvider
from .server.serve import DriverName, Running, running
from .server.settings import ServerSettings, Settings, SettingsError, load_settings

ProtocolDriver = AnyioDriver

__all__ = [
    "AnswerHandler",
    "AnyioDriver",
    "DriverName",
    "HandshakeRefused",
    "Listener",
    "LocalClient",
    "LoopbackProvider",
    "MessageEffect",
    "MessageHandler",
    "ProtocolDriver",
    "Running",
    "RunningClient",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "SyncLocalClient",
    "TlsPipe",
    "WebSocketClient",
    "WebSocketClosed",
    "client_context",
    "listen",
    "load_settings",
    "running",
]
