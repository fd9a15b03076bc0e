"""Tests without sockets: a provider that is a Python function, and a gateway on a clock that only a test moves.

* :class:`MockProvider` answers in place of every provider. It needs no network, whichever driver the gateway has::

      provider = MockProvider(lambda request: MockResponse.json({"error": "no"}, status=503))
      driver = AnyioDriver(provider.over(gateway))

  :func:`aigw_drivers.running` and :class:`aigw_drivers.asgi.GatewayApp` take it as ``wrap=provider.over``.
  A list of :class:`MockResponse` is a script: each request takes the next one. Bodies may hold a :class:`Wait`, and end
  in a :class:`Break`.
* :class:`VirtualGateway` is a gateway with such a provider, without driver, event loop and real time. Its clients have
  the methods of :class:`aigw_drivers.client.SyncClient`; a timeout of a minute costs no time.

Strategies of Hypothesis are in :mod:`aigw_sansio.testing`, the suite for drivers in :mod:`aigw_drivers.conformance`.
"""

from .mock_provider import MockProvider
from .mock_values import Break, MockRequest, MockResponse, Wait
from .virtual_client import VirtualClient, VirtualStream
from .virtual_gateway import VirtualGateway

__all__ = [
    "Break",
    "MockProvider",
    "MockRequest",
    "MockResponse",
    "VirtualClient",
    "VirtualGateway",
    "VirtualStream",
    "Wait",
]
