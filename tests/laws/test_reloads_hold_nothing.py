"""Gateways, providers, tokens and keys that left the settings hold nothing, once nothing of them counts any more.

A thousand reloads, each with other names, and with everything in use that is kept by name: quotas, places, several keys,
tokens, a provider that refused a question, connections, the cache.
"""

import gc
import json
import tracemalloc
from itertools import pairwise

from tests.rigs.cache_host import CacheHost, create, messages

from aigw_drivers.testing import MockRequest, MockResponse
from aigw_sansio import Config, GatewaySettings, ProviderSettings, Secret
from aigw_sansio.quota_rules import QuotaRule, Selector

RELOADS = 1000
EACH = Selector(mode="partition")
WARM = 600  # then the bounded caches of the process are full
#: What is held grows in each window of so many reloads. A table that grows, and what other threads of the tests do, show
#: in some: so the least growth counts.
WINDOW = 100
#: Less than 165 bytes for each reload.
SLACK = 16 * 1024


def settings(number: int) -> Config:
    """Later only every tenth provider has keys: they take long to be searched for."""
    has_keys = number < 100 or number % 10 == 9
    keys: list[Secret | None] = (
        [Secret(f"sk-{name}-canary-{number:06}") for name in ("one", "two", "three")] if has_keys else [None]
    )
    rules = (
        QuotaRule(limit=1000, window_s=30, measure="tokens", id=f"tokens{number}", model=EACH),
        QuotaRule(limit=1000, window_s=30, measure="cost", technique="sliding", id=f"cost{number}", token=EACH),
    )
    return Config(
        gateways={
            f"a{number}/main": GatewaySettings(
                tokens=(Secret(f"token-canary-{number:06}"),),
                rate_limit=QuotaRule(limit=1000, window_s=30, technique="sliding", id=f"rate{number}"),
                rules=rules,
                concurrency=9,
                cache_ttl=60,
            )
        },
        providers={
            f"custom-p{number}": ProviderSettings(
                base_url=f"https://p{number}.test/v1",
                api_key=keys[0],
                more_keys=tuple(key for key in keys[1:] if key is not None),
            )
        },
    )


def refusing(request: MockRequest) -> MockResponse:
    """As a server that knows no question for the usage."""
    if b"stream_options" in request.body:
        return MockResponse.json({"error": {"message": "unknown: stream_options"}}, status=400)
    return MockResponse.sse({"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}, "[DONE]")


def test_a_thousand_reloads_with_other_names_hold_nothing() -> None:
    with CacheHost(refusing) as host:
        tracemalloc.start()
        try:
            held: list[int] = []
            for number in range(RELOADS):
                host.call(host.gateway.reconfigure, settings(number))
                client = host.connect(f"/v1/a{number}/main", token=f"token-canary-{number:06}")
                query = {"model": f"m{number}", "stream": True}
                name = create(client, query, provider=f"custom-p{number}", key="")
                if number in (0, RELOADS - 1):
                    assert messages(client, name)[-1]["type"] == "universal.done", json.dumps(messages(client, name))
                client.close()
                host.advance(120.0)
                for kept in (host.asked, host.questions, host.events, host.store, host.provider.requests):
                    kept.clear()
                if number >= WARM and number % WINDOW == WINDOW - 1:
                    gc.collect()
                    held.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert len(held) == 4
    assert min(after - before for before, after in pairwise(held)) < SLACK
