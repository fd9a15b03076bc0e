"""Call providers from a program that is its own gateway: no server, no socket to one. On asyncio, trio, and in threads.

``python -m tests.examples.in_process`` runs it against a provider on this machine.
"""

import anyio

from aigw_drivers import LocalClient, LoopbackProvider, SyncLocalClient
from aigw_drivers.client import ClientError, Step
from aigw_sansio import Config, ProviderSettings, TextDelta, UsageReported

QUERY = {
    "model": "small",
    "stream": True,
    "stream_options": {"include_usage": True},
    "messages": [{"role": "user", "content": "Hello"}],
}


async def tell(config: Config, provider: str) -> None:
    """Print text as it comes. If the provider fails before it has said anything, it is asked once more."""
    again = [Step(provider, "chat/completions", QUERY)]
    async with LocalClient(config) as client:
        try:
            async with client.stream(provider, "chat/completions", QUERY, fallback=again) as stream:
                async for event in stream:  # what is not taken holds the provider back
                    if isinstance(event, TextDelta):
                        print(event.text, end="", flush=True)
                    elif isinstance(event, UsageReported):
                        print(f"\n{event.output_tokens} tokens")
        except ClientError as error:
            print(f"failed: {error}")


def ask(config: Config, provider: str) -> str:
    """The same without an event loop, and the whole text at once."""
    with SyncLocalClient(config) as client:
        return client.create(provider, "chat/completions", QUERY).text


async def main() -> None:
    """Both, against the built-in provider."""
    async with LoopbackProvider.start() as provider:
        own = ProviderSettings(base_url=f"{provider.base_url}/v1")
        config = Config(providers={"custom-own": own})
        await tell(config, "custom-own")
        print(await anyio.to_thread.run_sync(ask, config, "custom-own"))


if __name__ == "__main__":
    anyio.run(main)
