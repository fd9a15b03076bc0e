"""The gateway under measurement: ``python -m tests.benchmarks._gateway PORT PROVIDER_URL LOOP [h2c] [tap] [cache=STORE]``."""

import sys
from functools import partial

import anyio

from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, GatewaySettings, Limits, ProviderSettings


def config_for(provider_url: str, *, h2c: bool = False, tap: bool = False, cache_ttl: int = 0) -> Config:
    """The settings under measurement."""
    return Config(
        gateways={"local/default": GatewaySettings(cache_ttl=cache_ttl)},
        providers={"custom-bench": ProviderSettings(base_url=provider_url, http2="on" if h2c else "off")},
        emit_provider_events=tap,
        limits=Limits(
            exchanges_per_connection=1000, upstream_connections_per_origin=2000, responses_at_once_per_connection=32
        ),
    )


async def main(port: int, provider_url: str, h2c: bool, tap: bool, store: str) -> None:
    """Serve until killed."""
    config = config_for(provider_url, h2c=h2c, tap=tap, cache_ttl=600 if store else 0)
    settings = Settings(config=config, server=ServerSettings(port=port), store=store or "memory:")
    async with running(settings):
        print("ready", flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    loop = sys.argv[3]
    backend = "trio" if loop == "trio" else "asyncio"
    options = {"use_uvloop": True} if loop == "uvloop" else {}
    h2c, tap = "h2c" in sys.argv[4:], "tap" in sys.argv[4:]
    store = next((word.removeprefix("cache=") for word in sys.argv[4:] if word.startswith("cache=")), "")
    serve = partial(main, int(sys.argv[1]), sys.argv[2], h2c, tap, store)
    anyio.run(serve, backend=backend, backend_options=options)
