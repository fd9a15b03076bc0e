"""A whole gateway with its loopback provider on real sockets, for tests of clients."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import msgspec
from anyio.from_thread import start_blocking_portal

from aigw_drivers.server.serve import Running, running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio import Config, Event, ExchangeEnded, GatewaySettings, Secret, SessionOpened

PATH = "/v1/local/default"


def chat(*, stream: bool = True, **loopback: object) -> dict[str, object]:
    """The query of a chat with the loopback provider."""
    messages = [{"role": "user", "content": "Hello"}]
    return {"model": "loopback-1", "stream": stream, "messages": messages, "loopback": loopback}


class LiveGateway:
    """A running gateway, and what it told of itself."""

    def __init__(self, gateway: Running, events: list[Event]) -> None:
        self.running = gateway
        self.url = gateway.url + PATH
        self.events = events

    @property
    def sockets(self) -> int:
        """How many clients' sockets were opened."""
        return sum(isinstance(event, SessionOpened) for event in self.events)

    @property
    def ended(self) -> list[ExchangeEnded]:
        """The exchanges that ended."""
        return [event for event in self.events if isinstance(event, ExchangeEnded)]


@asynccontextmanager
async def live_gateway(*, token: str | None = None, config: Config | None = None) -> AsyncIterator[LiveGateway]:
    """A gateway in this loop. With ``token`` it demands that one."""
    events: list[Event] = []
    config = config or Config()
    if token is not None:
        own = GatewaySettings(tokens=(Secret(token),), authentication=True)
        config = msgspec.structs.replace(config, gateways={"local/default": own})
    settings = Settings(config=config, server=ServerSettings(port=0))
    async with running(settings, loopback=True, on_event=events.append) as gateway:
        yield LiveGateway(gateway, events)


@contextmanager
def gateway_in_a_thread(*, token: str | None = None, config: Config | None = None) -> Iterator[LiveGateway]:
    """A gateway in a loop of its own, for tests that have none."""
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(live_gateway(token=token, config=config)) as gateway,
    ):
        yield gateway
