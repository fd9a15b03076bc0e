"""A host that fetches media for clients, on real sockets: its answer goes to the provider, and its failure is a refusal.

``workers-ai`` stands for providers that take the content of images and no URLs of them.
"""

import json
from typing import Any

import anyio
import pytest

from aigw_drivers.client import connect
from aigw_drivers.loopback import LoopbackProvider
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio import Answer, FetchedMedia, FetchMedia, Question, Unavailable
from aigw_sansio.config import Config, GatewaySettings, ProviderSettings

pytestmark = pytest.mark.anyio
URL = "https://files.test/a.png"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def create(url: str) -> str:
    content = [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": url}}]
    query = {"model": "workers-ai/@cf/m", "messages": [{"role": "user", "content": content}]}
    step = {"eventId": "a", "provider": "compat", "endpoint": "chat/completions", "query": query}
    return json.dumps({"type": "universal.create", "request": step})


async def fetch(question: Question) -> Answer:
    """A host that knows one picture, and fails for another."""
    assert isinstance(question, FetchMedia)
    if question.url.endswith("broken.png"):
        raise OSError("no route")
    return FetchedMedia(b"picture", "image/png") if question.url == URL else Unavailable()


@pytest.mark.parametrize(
    ("url", "status"), [(URL, 200), ("https://files.test/b.png", 400), ("https://files.test/broken.png", 400)]
)
async def test_what_the_host_fetches_goes_to_the_provider(url: str, status: int) -> None:
    async with LoopbackProvider.start() as provider:
        config = Config(
            gateways={"local/default": GatewaySettings(fetch_media=True)},
            providers={"workers-ai": ProviderSettings(base_url=provider.base_url)},
        )
        settings = Settings(config=config, server=ServerSettings(port=0))
        with anyio.fail_after(60):
            async with (
                running(settings, answer=fetch) as gateway,
                connect(f"{gateway.url}/v1/local/default") as client,
            ):
                await client.send(create(url))
                message: dict[str, Any] = json.loads(await client.receive())
        assert message["metadata"]["status"] == status, message
        if status == 200:
            (note,) = message["metadata"]["notes"]
            assert (note["kind"], note["field"]) == ("mapped", "turns[0].parts[1].source")
            (seen,) = provider.seen
            sent = json.loads(seen.body)["messages"][0]["content"][1]
            assert sent == {"type": "image_url", "image_url": {"url": "data:image/png;base64,cGljdHVyZQ=="}}
        else:
            assert "does not fetch images" in message["response"]["error"][0]["message"]
            assert not provider.seen
