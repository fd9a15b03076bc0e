"""A gateway before scripted models, for clients of Responses over WebSocket.

Decides: which providers there are, and the base URLs of SDKs. Must not know: any client.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from anyio.from_thread import start_blocking_portal
from tests.peers.scripted_models import ScriptedModels, scripted_models

from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.events import Event
from aigw_sansio.secret import Secret

TOKEN = "a-gateway-token"
#: A model of each format, as a client of ``compat`` names it.
MODELS = {"openai-responses": "openai/gpt-6", "anthropic-messages": "anthropic/claude-6", "gemini": "google-ai-studio/gemini-5"}  # fmt: skip


@dataclass
class ResponsesWorld:
    """A gateway, its models, and what it tells of itself."""

    base_url: str  #: what an SDK is given, ``http://.../compat``
    models: ScriptedModels
    events: list[Event]

    @property
    def socket_url(self) -> str:
        """Where a create goes."""
        return self.base_url.replace("http", "ws", 1) + "/responses"


@asynccontextmanager
async def responses_gateway() -> AsyncIterator[ResponsesWorld]:
    """A gateway in this loop, which lets in who has :data:`TOKEN`."""
    events: list[Event] = []
    with scripted_models() as models:
        providers = {
            "openai": ProviderSettings(base_url=f"{models.url}/v1", api_key=Secret("k")),
            "anthropic": ProviderSettings(base_url=models.url, api_key=Secret("k")),
            "google-ai-studio": ProviderSettings(base_url=models.url, api_key=Secret("k")),
        }
        gateway = GatewaySettings(tokens=(Secret(TOKEN),), authentication=True)
        config = Config(gateways={"local/default": gateway}, providers=providers)
        settings = Settings(config=config, server=ServerSettings(port=0))
        async with running(settings, on_event=events.append) as up:
            yield ResponsesWorld(f"{up.url.replace('ws', 'http', 1)}/v1/local/default/compat", models, events)


@contextmanager
def responses_gateway_in_a_thread() -> Iterator[ResponsesWorld]:
    """The same in a loop of its own, for clients that have none."""
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(responses_gateway()) as world,
    ):
        yield world
