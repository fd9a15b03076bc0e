"""The laws of the cache: a hit shows what the first response showed, and nobody is shown what is another's."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rigs.cache_host import CacheHost, create, messages, shown, status_of, usual

from aigw_drivers.testing import MockRequest, MockResponse
from aigw_sansio.config import GatewaySettings, ProviderSettings
from aigw_sansio.secret import Secret

NAMES = ("local/default", "local/other")
PROVIDERS = {
    "openai": ProviderSettings(api_key=Secret("sk-stored-canary")),
    "groq": ProviderSettings(),
    "anthropic": ProviderSettings(headers=(("x-api-key", "sk-other-canary"),)),
}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@st.composite
def responses(draw: st.DrawFn) -> MockResponse:
    """A good response: a stream or a whole one, cut anywhere."""
    words = draw(st.lists(texts, min_size=1, max_size=6))
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": draw(st.sampled_from(["stop", "length"]))}]}
    if draw(st.booleans()):
        chunks: list[Any] = [{"choices": [{"index": 0, "delta": {"content": word or "."}}]} for word in words]
        body = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in (*chunks, end)) + b"data: [DONE]\n\n"
        kind = "text/event-stream"
    else:
        choice = {"index": 0, "message": {"content": "".join(words) or "."}, "finish_reason": "stop"}
        body, kind = (
            json.dumps({"choices": [choice], "usage": {"prompt_tokens": len(words)}}).encode(),
            "application/json",
        )
    cuts = sorted(draw(st.sets(st.integers(1, len(body) - 1), max_size=6)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    return MockResponse(200, pieces, {"content-type": kind, "x-request-id": "r", "x-ratelimit-limit": "1"})


def without_state(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the headers only the name of the request is the same: the others told how things were."""
    for message in told:
        if "headers" in message["metadata"]:
            message["metadata"]["headers"] = {"x-request-id": message["metadata"]["headers"]["x-request-id"]}
    return told


@settings(max_examples=60)
@given(responses(), st.sampled_from(["raw", "events", "both"]), st.sampled_from(["openai", "compat"]))
def test_a_hit_shows_the_same_messages(response: MockResponse, mode: str, provider: str) -> None:
    with CacheHost(lambda request: response) as host:
        client = host.connect()
        query = {"model": "openai/m" if provider == "compat" else "m", "messages": [{"role": "user", "content": "hi"}]}
        names = [create(client, query, provider=provider, config={"response": mode}) for _ in range(2)]
        assert [status_of(client, name)[0] for name in names] == ["MISS", "HIT"]
        first, second = (without_state(shown(client, name)) for name in names)
        assert first == second


#: Who asks: the gateway, the provider and the key, where none is the stored one.
askers = st.tuples(st.sampled_from(NAMES), st.sampled_from([*PROVIDERS]), st.sampled_from(["", "Bearer a", "Bearer b"]))


@settings(max_examples=80)
@given(st.lists(st.tuples(askers, st.booleans(), st.booleans()), max_size=8))
def test_nobody_is_shown_what_is_anothers(requests: list[tuple[tuple[str, str, str], bool, bool]]) -> None:
    """Whatever order they ask in: the response tells for whom it was made."""

    def respond(request: MockRequest) -> MockResponse:
        whose = [request.url, request.header("authorization"), request.header("x-api-key")]
        choice = {"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}
        stored = [str(one).replace("canary", "") for one in whose]
        return MockResponse.json({"whose": stored, "choices": [choice], "content": [], "stop_reason": "end_turn"})

    gateways = {name: GatewaySettings(cache_ttl=60, coalesce=name == NAMES[1]) for name in NAMES}
    with CacheHost(respond, gateways=gateways, providers=PROVIDERS) as host:
        clients = {name: host.connect(f"/v1/{name}") for name in NAMES}
        seen: dict[tuple[object, ...], object] = {}
        calls = 0
        for (gateway, provider, key), named, turned in requests:
            headers = {"cf-aig-cache-key": "the same for all"} if named else {}
            query = {"b": [], "model": "m"} if turned else {"model": "m", "b": []}
            name = create(clients[gateway], query, provider=provider, key=key, headers=headers)
            told = messages(clients[gateway], name)[-1]
            who = gateway, provider, key, named
            assert told["metadata"]["cacheStatus"] == ("HIT" if who in seen else "MISS")
            assert seen.setdefault(who, told["response"]) == told["response"]
            calls += told["metadata"]["cacheStatus"] == "MISS"
        assert len(host.asked) == calls


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_every_request_ends_once_whatever_the_cache_answers(answers: list[bool]) -> None:
    with CacheHost(usual) as host:
        client = host.connect()
        for is_off in answers:
            host.is_off = is_off
            name = create(client, {"model": "m", "stream": True})
            assert [message["type"] for message in messages(client, name)].count("universal.done") == 1
        assert len(host.ended()) == len(answers)
