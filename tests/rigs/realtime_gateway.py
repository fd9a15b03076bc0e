"""A gateway with the loopback provider behind it for realtime sessions, the loops that run it, and raw peers."""

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from os import urandom

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute

from aigw_drivers.client import HandshakeRefused, WebSocketClient, WebSocketClosed, connect
from aigw_drivers.loopback import LoopbackProvider, RequestRecord
from aigw_drivers.server.serve import Running, running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, GatewaySettings, ProviderSettings, Timeouts
from aigw_sansio.events import Event, SessionEnded, UpgradeRefused
from aigw_sansio.secret import Secret
from aigw_sansio.wires.websocket.frames import FIN, Opcode, encode_frame
from aigw_sansio.wires.websocket.handshake import request

MIB = 1024 * 1024
CANARY = "canary-of-a-key"
TOKEN = "canary-of-a-token"


@dataclass
class Host:
    """A loop."""

    backend: str
    options: dict[str, object]


HOSTS = {
    "asyncio": Host("asyncio", {}),
    "uvloop": Host("asyncio", {"use_uvloop": True}),
    "trio": Host("trio", {}),
}


class World:
    """A gateway, its provider and what the gateway said."""

    def __init__(self, gateway: Running, provider: LoopbackProvider, events: list[Event]) -> None:
        self.gateway = gateway
        self.provider = provider
        self.events = events

    def url(self, path: str, *options: str) -> str:
        """The address of the loopback provider's ``path``."""
        return f"{self.gateway.url}/v1/local/default/loopback/{path}?{'&'.join('loopback_' + item for item in options)}"

    @property
    def port(self) -> int:
        return int(self.gateway.url.rpartition(":")[2])

    async def seen(self) -> RequestRecord:
        """The last session at the provider, when it has ended, and all its connections with it."""
        provider = self.provider
        await provider.until(lambda: bool(provider.seen) and not provider.open_connections)
        return provider.seen[-1]

    @property
    def ended(self) -> list[SessionEnded]:
        return [event for event in self.events if isinstance(event, SessionEnded)]

    @property
    def refused(self) -> list[UpgradeRefused]:
        return [event for event in self.events if isinstance(event, UpgradeRefused)]


@asynccontextmanager
async def world(
    host: Host, *, timeouts: Timeouts | None = None, realtime_url: str | None = None, authentication: bool = False
) -> AsyncIterator[World]:
    events: list[Event] = []
    with anyio.fail_after(120):
        async with LoopbackProvider.start() as provider:
            own = ProviderSettings(
                base_url=f"{provider.base_url}/v1",
                realtime_url=realtime_url or provider.base_url.replace("http", "ws", 1),
            )
            config = Config(
                gateways={"local/default": GatewaySettings(tokens=(Secret(TOKEN),) if authentication else ())},
                providers={"loopback": own},
                timeouts=timeouts or Timeouts(),
                emit_provider_events=True,
            )
            settings = Settings(config=config, server=ServerSettings(port=0))
            async with running(settings, on_event=events.append) as gateway:
                yield World(gateway, provider, events)


async def refusal(url: str) -> HandshakeRefused:
    with pytest.raises(HandshakeRefused) as refused:
        async with connect(url):
            pass
    return refused.value


async def end_of(client: WebSocketClient) -> WebSocketClosed:
    """How a session ended, whatever came before."""
    with pytest.raises(WebSocketClosed) as closed:
        while True:
            await client.receive()
    return closed.value


def upgrade(path: str) -> bytes:
    return request(b"127.0.0.1", f"/v1/local/default/loopback/{path}".encode(), [], (), urandom(16))


def masked(opcode: Opcode, payload: bytes) -> bytes:
    return encode_frame(FIN | opcode, payload, b"mask")


async def head_of(stream: ByteStream) -> tuple[bytes, bytes]:
    """The response head, and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


async def reset(stream: ByteStream) -> None:
    """End a connection with a reset instead of a FIN."""
    stream.extra(SocketAttribute.raw_socket).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport = getattr(stream, "_transport", None)
    if transport is not None:
        transport.abort()
    await anyio.aclose_forcefully(stream)
