"""A gateway inside the test's own process, with the loopback provider behind it, for tests of clients without a socket."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import msgspec
from anyio.from_thread import start_blocking_portal

from aigw_drivers import LocalClient, LoopbackProvider, SyncLocalClient
from aigw_sansio import Config, Event, ExchangeEnded, ProviderSettings, SessionEnded, SessionOpened


class LocalWorld:
    """The settings of a gateway, its provider, and what it told of itself."""

    def __init__(self, config: Config, provider: LoopbackProvider) -> None:
        self.config = config
        self.provider = provider
        self.events: list[Event] = []

    def client(self, **options: str) -> LocalClient:
        return LocalClient(self.config, on_event=self.events.append, **options)

    def sync_client(self) -> SyncLocalClient:
        return SyncLocalClient(self.config, on_event=self.events.append)

    @property
    def ended(self) -> list[ExchangeEnded]:
        """The exchanges that ended."""
        return [event for event in self.events if isinstance(event, ExchangeEnded)]

    @property
    def open_sessions(self) -> int:
        """Sessions that have not ended."""
        opened = sum(isinstance(event, SessionOpened) for event in self.events)
        return opened - sum(isinstance(event, SessionEnded) for event in self.events)


@asynccontextmanager
async def local_world(config: Config | None = None) -> AsyncIterator[LocalWorld]:
    """A provider in this loop, and the settings that lead to it."""
    async with LoopbackProvider.start() as provider:
        own = ProviderSettings(base_url=f"{provider.base_url}/v1")
        config = msgspec.structs.replace(config or Config(), providers={"loopback": own})
        yield LocalWorld(config, provider)


@contextmanager
def local_world_in_a_thread() -> Iterator[LocalWorld]:
    """The same with the provider in a loop of its own, for tests that have none."""
    with start_blocking_portal("asyncio") as portal, portal.wrap_async_context_manager(local_world()) as world:
        yield world
