"""Several keys of one provider, in a whole gateway: fair use, rests, and rotation while it runs."""

import json
from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest
from tests.rigs.cache_host import STREAM, WHOLE, CacheHost, create, messages, status_of

from aigw_drivers.testing import MockRequest, MockResponse, Wait
from aigw_drivers.testing.mock_values import Part
from aigw_sansio.config import GatewaySettings, ProviderSettings
from aigw_sansio.secret import Secret

PLAIN = {"local/default": GatewaySettings()}


def keys(*names: str) -> dict[str, ProviderSettings]:
    """Settings of a provider with these keys."""
    first, *others = (Secret(f"sk-{name}-canary") for name in names)
    return {"openai": ProviderSettings(api_key=first, more_keys=tuple(others))}


def name_of(request: MockRequest) -> str:
    return (request.header("authorization") or "").removeprefix("Bearer sk-").removesuffix("-canary")


class Provider:
    """Refuses the keys that ``bad`` names, with a status and header fields."""

    def __init__(self) -> None:
        self.bad: dict[str, tuple[int, dict[str, str]]] = {}

    def __call__(self, request: MockRequest) -> MockResponse:
        refused = self.bad.get(name_of(request))
        if refused is None:
            return MockResponse.json(WHOLE)
        status, fields = refused
        body = json.dumps({"error": {"message": "no"}}).encode()
        return MockResponse(status, body, {"content-type": "application/json", **fields})


def used(host: CacheHost) -> list[str]:
    found = [name_of(request) for request in host.asked]
    host.asked.clear()
    return found


def ask(host: CacheHost, count: int = 1) -> list[int]:
    """Statuses of so many requests, one after the other."""
    client = host.connect()
    found = []
    for _ in range(count):
        name = create(client, {"model": "m"}, key="")
        host.settle()
        found.append(messages(client, name)[-1]["metadata"]["status"])
    return found


def test_all_keys_are_used_alike() -> None:
    with CacheHost(Provider(), gateways=PLAIN, providers=keys("one", "two", "three")) as host:
        assert ask(host, 12) == [200] * 12
        assert Counter(used(host)) == {"one": 4, "two": 4, "three": 4}


@pytest.mark.parametrize(("status", "fields", "rests_s"), [
    (401, {}, 300.0),
    (403, {}, 300.0),
    (429, {}, 10.0),
    (429, {"retry-after": "4"}, 4.0),
])  # fmt: skip
def test_a_key_that_was_refused_rests_and_the_others_go(status: int, fields: dict[str, str], rests_s: float) -> None:
    provider = Provider()
    with CacheHost(provider, gateways=PLAIN, providers=keys("one", "two", "three")) as host:
        provider.bad["one"] = status, fields
        assert ask(host) == [status]
        assert used(host) == ["one"]
        assert ask(host, 6) == [200] * 6
        assert Counter(used(host)) == {"two": 3, "three": 3}
        host.advance(rests_s)
        provider.bad.clear()
        ask(host, 3)
        assert Counter(used(host)) == {"one": 1, "two": 1, "three": 1}


@pytest.mark.parametrize(("status", "fields"), [(401, {}), (403, {}), (429, {}), (429, {"retry-after": "60"})])
def test_with_retries_another_key_is_tried_at_once(status: int, fields: dict[str, str]) -> None:
    provider = Provider()
    with CacheHost(provider, gateways=PLAIN, providers=keys("one", "two", "three")) as host:
        provider.bad = dict.fromkeys(("one", "two"), (status, fields))
        client = host.connect()
        name = create(client, {"model": "m"}, key="", config={"maxAttempts": 5})
        host.settle()
        assert status_of(client, name) == ("MISS", 3)
        assert messages(client, name)[-1]["metadata"]["status"] == 200
        assert used(host) == ["one", "two", "three"]
        provider.bad["three"] = 401, {}
        name = create(client, {"model": "m"}, key="", config={"maxAttempts": 5})
        host.advance(60.0)
        assert messages(client, name)[-1]["metadata"]["status"] in (401, 403, 429)
        assert len(used(host)) in (3, 5), "all keys were tried, and then the usual rules hold"


def test_if_all_keys_rest_the_one_goes_whose_rest_is_over_first() -> None:
    provider = Provider()
    with CacheHost(provider, gateways=PLAIN, providers=keys("one", "two")) as host:
        provider.bad = {"one": (401, {}), "two": (429, {"retry-after": "5"})}
        ask(host, 2)
        used(host)
        assert ask(host, 2) == [429, 429]
        assert used(host) == ["two", "two"]


def test_keys_change_while_it_runs_and_what_is_known_of_them_stays() -> None:
    provider = Provider()

    def slowly(request: MockRequest) -> MockResponse:
        if b'"stream"' not in request.body:
            return provider(request)

        def parts() -> Iterator[Part]:
            for payload in STREAM:
                yield Wait(1.0)
                yield b"data: %b\n\n" % (payload if isinstance(payload, str) else json.dumps(payload)).encode()

        return MockResponse(200, parts(), {"content-type": "text/event-stream"})

    with CacheHost(slowly, gateways=PLAIN, providers=keys("one", "two")) as host:
        client = host.connect()
        running = create(client, {"model": "m", "stream": True}, key="")
        host.advance(1.5)
        provider.bad["two"] = 401, {}
        ask(host)
        assert used(host) == ["one", "two"]
        config = msgspec.structs.replace(host.gateway._services.config, providers=keys("two", "three"))
        host.call(host.gateway.reconfigure, config)
        assert ask(host, 3) == [200] * 3
        assert used(host) == ["three"] * 3, "the one that is gone is used no more, and the other one still rests"
        host.advance(9.0)
        assert status_of(client, running)[1] == 1
        assert messages(client, running)[-1]["type"] == "universal.done", "what ran went on with the old key"
        host.advance(300.0)
        provider.bad.clear()
        ask(host, 2)
        assert Counter(used(host)) == {"two": 1, "three": 1}
