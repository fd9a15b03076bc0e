"""A gateway before the loopback provider, for clients that others wrote.

Decides: what runs, and which clients are asked for. Must not know: any client.

They are heavy, so they run where they are asked for: ``pip install -e '.[clients]'``, npm and Debian's ``chromium``,
then ``AIGW_CLIENTS=1 python -m pytest tests/clients/realtime``. What is not installed is skipped. Only the tests of
``websockets`` always run: it is in the extra ``test``.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from aigw_drivers.loopback import LoopbackProvider, RequestRecord
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.events import Event, SessionEnded, SessionOpened
from aigw_sansio.secret import Secret

TOKEN = "a-gateway-token"
KEY = "canary-of-a-provider-key"

wants_clients = pytest.mark.skipif(
    os.environ.get("AIGW_CLIENTS") != "1", reason="AIGW_CLIENTS=1 and the extra `clients` ask for it"
)


@dataclass
class World:
    """A gateway, its provider, and what both have to tell."""

    url: str  #: of the gateway's path, ``ws://``
    provider: LoopbackProvider
    events: list[Event]
    told: list[tuple[bool, bool, bytes]] = field(default_factory=list)  #: (came, is text, payload) at the provider
    on_told: Callable[[bytes], object] = len  #: called with each payload

    @property
    def http_url(self) -> str:
        return self.url.replace("ws", "http", 1)

    async def seen(self) -> RequestRecord:
        """The last session at the provider, when it has ended."""
        await self.provider.until(lambda: bool(self.provider.seen) and self.provider.seen[-1].how is not None)
        return self.provider.seen[-1]

    @property
    def opened(self) -> list[SessionOpened]:
        return [event for event in self.events if isinstance(event, SessionOpened)]

    @property
    def ended(self) -> list[SessionEnded]:
        return [event for event in self.events if isinstance(event, SessionEnded)]


@asynccontextmanager
async def world(
    *,
    authentication: bool = False,
    origins: tuple[str, ...] = (),
    slugs: tuple[str, ...] = (),
    certificate: str | None = None,
) -> AsyncIterator[World]:
    """The providers ``slugs`` and ``loopback`` are the loopback provider. With ``certificate``, a file with its key,
    the gateway speaks TLS."""
    events: list[Event] = []
    with anyio.fail_after(90):
        async with LoopbackProvider.start() as provider:
            base = provider.base_url
            own = ProviderSettings(base_url=f"{base}/v1", realtime_url=base.replace("http", "ws", 1))
            gateway = GatewaySettings(tokens=(Secret(TOKEN),) if authentication else (), origins=origins)
            config = Config(
                gateways={"local/default": gateway},
                providers=dict.fromkeys(("loopback", *slugs), own),
                emit_provider_events=True,
            )
            settings = Settings(config=config, server=ServerSettings(port=0, tls_certificate=certificate))
            async with running(settings, on_event=events.append) as up:
                made = World(f"{up.url}/v1/local/default", provider, events)

                def told(payload: bytes, *, inward: bool, text: bool) -> None:
                    made.told.append((inward, text, payload))
                    made.on_told(payload)

                provider.on_message = told
                yield made


def library(name: str) -> Any:
    """A module of the extra ``clients``; the test is skipped where it is not installed."""
    return pytest.importorskip(name, reason=f"{name} is not installed; it is in the extra `clients`")
