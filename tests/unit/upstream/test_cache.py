"""What the cache does for clients: which responses are kept, and how they are shown again."""

import json
from collections.abc import Callable

import pytest
from tests.rigs.cache_host import STREAM, WHOLE, CacheHost, create, messages, shown, status_of, usual

from aigw_drivers.testing import Break, MockRequest, MockResponse, VirtualClient, Wait
from aigw_sansio.config import GatewaySettings, Limits, ProviderSettings, Timeouts
from aigw_sansio.effects import Admit, Admitted, Answer, Denied, FindKey, HeaderFields, Key, Question, Unavailable
from aigw_sansio.events import AttemptConnected
from aigw_sansio.quota_rules import QuotaRule
from aigw_sansio.secret import Secret

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
HIT, MISS = ("HIT", 0), ("MISS", 1)


def twice(host: CacheHost, client: VirtualClient, query: object = CHAT, **how: object) -> tuple[str, str]:
    first = create(client, query, **how)  # type: ignore[arg-type]
    return first, create(client, query, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("mode", ["raw", "events", "both"])
def test_a_hit_shows_the_same_messages(mode: str, stream: bool) -> None:
    with CacheHost() as host:
        client = host.connect()
        first, second = twice(host, client, {**CHAT, "stream": stream}, config={"response": mode})
        assert len(host.asked) == 1
        assert status_of(client, first) == MISS
        assert status_of(client, second) == HIT
        assert shown(client, first) == shown(client, second)
        assert [end.cached for end in host.ended()] == [False, True]
        assert [end.attempts for end in host.ended()] == [1, 0]
        (again,) = [event for event in host.events if isinstance(event, AttemptConnected) and event.reach == "cached"]
        assert again.conn == 0


def test_every_message_tells_where_the_response_is_from() -> None:
    with CacheHost() as host:
        client = host.connect()
        first, second = twice(host, client, {**CHAT, "stream": True})
        for name, told in ((first, "MISS"), (second, "HIT")):
            created, *chunks, done = messages(client, name)
            assert (created["metadata"]["cacheStatus"], done["metadata"]["cacheStatus"]) == (told, told)
            assert len(chunks) == 3


def test_one_entry_serves_every_mode() -> None:
    with CacheHost() as host:
        client = host.connect()
        create(client, {**CHAT, "stream": True}, config={"response": "raw"})
        assert status_of(client, create(client, {**CHAT, "stream": True}, config={"response": "events"})) == HIT
        assert len(host.asked) == 1


def test_a_stream_and_a_whole_response_are_two() -> None:
    with CacheHost() as host:
        client = host.connect()
        create(client, {**CHAT, "stream": True})
        assert status_of(client, create(client, CHAT)) == MISS


def test_what_is_kept_is_forgotten_after_its_time() -> None:
    with CacheHost() as host:
        client = host.connect()
        create(client, CHAT)
        host.advance(59.0)
        assert status_of(client, create(client, CHAT)) == HIT
        host.advance(2.0)
        assert status_of(client, create(client, CHAT)) == MISS


def test_of_the_head_only_what_stays_true_is_kept() -> None:
    head = {
        "content-type": "application/json; charset=utf-8", "x-request-id": "req-1", "x-ratelimit-remaining-requests": "9",
        "openai-processing-ms": "12", "set-cookie": "a=b",
    }  # fmt: skip

    with CacheHost(lambda request: MockResponse(200, json.dumps(WHOLE).encode(), head)) as host:
        client = host.connect()
        first, second = twice(host, client)
        assert messages(client, first)[0]["metadata"]["headers"] == {
            "x-request-id": "req-1",
            "x-ratelimit-remaining-requests": "9",
            "openai-processing-ms": "12",
        }
        assert messages(client, second)[0]["metadata"]["headers"] == {"x-request-id": "req-1"}
        ((kept, _),) = host.store.values()
        assert [name for name, _ in kept.headers] == [b"content-type", b"x-request-id"]


NEVER: dict[str, Callable[[MockRequest], MockResponse]] = {
    "a status": lambda request: MockResponse.json({"error": {"message": "no"}}, status=429),
    "another 2xx": lambda request: MockResponse.json(WHOLE, status=202),
    "an error inside": lambda request: MockResponse.json({"error": {"message": "no"}}),
    "no JSON": lambda request: MockResponse(200, b"<html>", {"content-type": "application/json"}),
    "an error first": lambda request: MockResponse.sse({"error": {"message": "no"}}),
    "an error in the stream": lambda request: MockResponse.sse(STREAM[0], {"error": {"message": "no"}}),
    "a break": lambda request: MockResponse.sse(STREAM[0], Break()),
    "no finish": lambda request: MockResponse.sse(*STREAM[:2]),
    "a finish of error": lambda request: MockResponse.json(
        {"choices": [{"index": 0, "message": {"content": "h"}, "finish_reason": "error"}]}
    ),
    "an unknown finish": lambda request: MockResponse.json({"choices": [{"index": 0, "message": {"content": "h"}}]}),
    "a coding": lambda request: MockResponse(
        200, json.dumps(WHOLE).encode(), {"content-type": "application/json", "content-encoding": "identity"}
    ),
}


@pytest.mark.parametrize("why", NEVER)
def test_what_is_never_kept(why: str) -> None:
    with CacheHost(NEVER[why]) as host:
        client = host.connect()
        twice(host, client, {**CHAT, "stream": "stream" in why or why in ("an error first", "a break", "no finish")})
        assert len(host.asked) == 2
        host.take_kept()
        assert host.store == {}
        assert host.gateway._services.recorded_bytes == 0


def test_a_response_that_is_too_long_is_shown_and_not_kept() -> None:
    long = {"choices": [{"index": 0, "message": {"content": "x" * 900}, "finish_reason": "stop"}]}
    for most, kept in ((2000, 1), (900, 0)):
        with CacheHost(lambda request: MockResponse.json(long), limits=Limits(cache_bytes=most)) as host:
            client = host.connect()
            assert messages(client, create(client, CHAT))[-1]["response"] == long
            host.take_kept()
            assert len(host.store) == kept
            assert host.gateway._services.recorded_bytes == 0


def test_all_recordings_together_have_a_limit() -> None:
    limits = Limits(recorded_bytes=100)
    with CacheHost(limits=limits) as host:
        client = host.connect()
        create(client, {**CHAT, "stream": True})
        host.take_kept()
        assert host.store == {}


def test_what_is_kept_and_has_become_too_long_is_not_shown() -> None:
    with CacheHost() as host:
        client = host.connect()
        create(client, CHAT)
        host.take_kept()
        store = host.store
    with CacheHost(limits=Limits(cache_bytes=10)) as host:
        host.store = store
        client = host.connect()
        assert status_of(client, create(client, CHAT)) == MISS


def test_a_response_that_quotes_the_stored_key_is_not_kept() -> None:
    quoting = {"choices": [{"index": 0, "message": {"content": "it is sk-stored-canary"}, "finish_reason": "stop"}]}
    providers = {"openai": ProviderSettings(api_key=Secret("sk-stored-canary"))}
    with CacheHost(lambda request: MockResponse.json(quoting), providers=providers) as host:
        client = host.connect()
        create(client, CHAT, key="")
        host.take_kept()
        assert host.store == {}


# -- whose response it is -----------------------------------------------------------------------------------------


def test_gateways_share_nothing() -> None:
    both = {name: GatewaySettings(cache_ttl=60) for name in ("local/default", "local/other")}
    with CacheHost(gateways=both) as host:
        one, other = host.connect(), host.connect("/v1/local/other")
        create(one, CHAT)
        assert status_of(other, create(other, CHAT)) == MISS
        assert status_of(one, create(one, CHAT)) == HIT


def test_clients_with_keys_of_their_own_share_nothing() -> None:
    with CacheHost() as host:
        client = host.connect()
        create(client, CHAT, key="Bearer sk-a")
        assert status_of(client, create(client, CHAT, key="Bearer sk-b")) == MISS
        assert status_of(client, create(client, CHAT, key="Bearer sk-a")) == HIT
        create(client, CHAT, key="", headers={"x-api-key": "k"})
        assert status_of(client, create(client, CHAT, key="")) == MISS
        create(client, CHAT, key="", headers={"x-strange": "a key of some kind"})
        assert status_of(client, create(client, CHAT, key="")) == HIT


def test_clients_share_what_came_with_the_stored_key_of_now() -> None:
    keys = {"openai": ProviderSettings(api_key=Secret("sk-one-canary"))}
    with CacheHost(providers=keys) as host:
        one, other = host.connect(), host.connect()
        create(one, CHAT, key="")
        assert status_of(other, create(other, CHAT, key="")) == HIT
        assert status_of(other, create(other, CHAT, key="Bearer sk-mine")) == MISS
        host.take_kept()
        store = host.store
    assert "canary" not in repr(store)
    with CacheHost(providers={"openai": ProviderSettings(api_key=Secret("sk-two-canary"))}) as host:
        host.store = store
        client = host.connect()
        assert status_of(client, create(client, CHAT, key="")) == MISS


def test_headers_that_change_no_answer_do_not_count() -> None:
    with CacheHost() as host:
        client = host.connect()
        create(client, CHAT, headers={"user-agent": "a", "x-request-id": "1", "x-stainless-os": "Linux"})
        same = create(client, CHAT, headers={"user-agent": "b", "x-request-id": "2", "traceparent": "00-1-2-01"})
        assert status_of(client, same) == HIT
        assert status_of(client, create(client, CHAT, headers={"openai-beta": "x"})) == MISS


# -- what the client asks for -------------------------------------------------------------------------------------

OFF = {"local/default": GatewaySettings()}


def test_without_a_setting_or_a_header_nothing_is_asked() -> None:
    with CacheHost(gateways=OFF) as host:
        client = host.connect()
        first, second = twice(host, client)
        assert (status_of(client, first), status_of(client, second)) == (MISS, MISS)
        assert host.questions == []
        assert host.kept == []


@pytest.mark.parametrize(("headers", "ttl_s"), [
    ({"cf-aig-cache-ttl": "600"}, 600),
    ({"CF-AIG-Cache-TTL": 600}, 600),
    ({"cf-cache-ttl": "600"}, 600),
    ({"cf-aig-cache-ttl": "600", "cf-cache-ttl": "900"}, 600),
    ({"cf-aig-cache-ttl": "1"}, 60),
    ({"cf-aig-cache-ttl": "99999999"}, 30 * 86400),
    ({"cf-aig-cache-key": "k"}, 300),
    ({"cf-aig-cache-key": "k", "cf-aig-cache-ttl": "60"}, 60),
    ({"cf-aig-cache-key": "k", "cf-aig-cache-ttl": "0"}, None),
    ({"cf-aig-cache-ttl": "600", "cf-aig-skip-cache": "true"}, None),
    ({"cf-aig-cache-ttl": "600", "cf-skip-cache": True}, None),
    ({"cf-aig-cache-ttl": "600", "cf-aig-skip-cache": "false"}, 600),
    ({"cf-aig-cache-ttl": "600", "cf-skip-cache": "true", "cf-aig-skip-cache": "false"}, 600),
])  # fmt: skip
def test_headers_turn_it_on_and_off(headers: dict[str, object], ttl_s: int | None) -> None:
    with CacheHost(gateways=OFF) as host:
        client = host.connect()
        create(client, CHAT, headers=headers)
        assert [effect.ttl_s for effect in host.kept] == ([] if ttl_s is None else [ttl_s])


@pytest.mark.parametrize("headers", [
    {"cf-aig-cache-ttl": "soon"}, {"cf-aig-cache-ttl": "-1"}, {"cf-aig-cache-ttl": "1.5"}, {"cf-aig-cache-ttl": ""},
    {"cf-aig-skip-cache": "yes"}, {"cf-aig-cache-key": ""}, {"cf-aig-cache-key": "k" * 1025}, {"cf-cache-ttl": "x"},
])  # fmt: skip
def test_a_header_with_a_bad_value_is_refused_by_name(headers: dict[str, str]) -> None:
    with CacheHost(gateways=OFF) as host:
        client = host.connect()
        (told,) = messages(client, create(client, CHAT, headers=headers))
        assert told["metadata"]["status"] == 400
        assert next(iter(headers)).replace("cf-cache", "cf-aig-cache") in told["response"]["error"][0]["message"]
        assert host.asked == []


def test_the_handshake_says_it_for_all_and_a_step_for_itself() -> None:
    with CacheHost(gateways=OFF) as host:
        client = host.connect(headers={"cf-aig-cache-ttl": "600"})
        create(client, CHAT)
        assert status_of(client, create(client, CHAT)) == HIT
        assert status_of(client, create(client, CHAT, headers={"cf-aig-skip-cache": "true"})) == MISS
        older = host.connect(headers={"cf-cache-ttl": "700"})
        create(older, {"model": "other"})
        assert [effect.ttl_s for effect in host.kept] == [700]


def test_a_skipped_cache_is_neither_read_nor_written() -> None:
    with CacheHost() as host:
        client = host.connect()
        create(client, CHAT, headers={"cf-aig-skip-cache": "true"})
        assert (host.questions, host.kept) == ([], [])


def test_a_key_of_the_clients_own_stands_for_the_request() -> None:
    mine = {"cf-aig-cache-key": "greeting"}
    with CacheHost() as host:
        client = host.connect()
        create(client, {"model": "m"}, headers=mine)
        assert status_of(client, create(client, {"model": "other"}, headers=mine)) == HIT
        assert status_of(client, create(client, {"model": "m", "stream": True}, headers=mine)) == MISS
        assert status_of(client, create(client, {"model": "m"}, headers=mine, key="Bearer sk-other")) == MISS
        assert status_of(client, create(client, {"model": "m"}, headers={"cf-aig-cache-key": "other"})) == MISS
        assert status_of(client, create(client, {"model": "m"}, provider="groq", headers=mine)) == MISS
        assert status_of(client, create(client, {"model": "m"})) == MISS


@pytest.mark.parametrize("how", [
    {"method": "GET"}, {"method": "PUT"}, {"endpoint": "files"}, {"endpoint": "threads/t/runs"}, {"endpoint": "batches"},
    {"endpoint": "responses/r/cancel"}, {"endpoint": "realtime/sessions"}, {"endpoint": "conversations?x=1"},
])  # fmt: skip
def test_requests_that_do_something_are_made_each_time(how: dict[str, str]) -> None:
    with CacheHost(lambda request: MockResponse.json({"id": "new"})) as host:
        client = host.connect()
        twice(host, client, CHAT, **how)
        assert len(host.asked) == 2
        assert host.questions == []


# -- beside everything else ---------------------------------------------------------------------------------------


def test_a_fallback_is_looked_up_when_its_turn_comes() -> None:
    def respond(request: MockRequest) -> MockResponse:
        return MockResponse.json({"error": "no"}, status=500) if "groq" in request.url else usual(request)

    second = [
        {"provider": "openai", "endpoint": "chat/completions", "headers": {"authorization": "Bearer k"}, "query": CHAT}
    ]
    with CacheHost(respond) as host:
        client = host.connect()
        create(client, CHAT, provider="groq", steps=second)
        name = create(client, CHAT, provider="groq", steps=second)
        assert ["groq" in request.url for request in host.asked] == [True, False, True]
        assert status_of(client, name) == ("HIT", 1)
        assert messages(client, name)[-1]["metadata"]["step"] == "1"


def test_a_failed_attempt_is_tried_again_and_only_the_good_response_is_kept() -> None:
    answers = [MockResponse.json({"error": "no"}, status=500), MockResponse.json(WHOLE)]
    with CacheHost(lambda request: answers.pop(0)) as host:
        client = host.connect()
        assert status_of(client, create(client, CHAT, config={"maxAttempts": 2})) == ("MISS", 2)
        assert status_of(client, create(client, CHAT)) == HIT


def test_a_cache_that_does_not_answer_is_a_miss() -> None:
    with CacheHost() as host:
        host.is_off = True
        client = host.connect()
        assert status_of(client, create(client, CHAT)) == MISS


def test_compat_and_the_providers_own_format_share_an_entry_of_what_it_answered() -> None:
    with CacheHost() as host:
        client = host.connect()
        own = {"messages": [{"role": "user", "content": "hi"}], "model": "m"}
        create(client, {**own, "model": "openai/m"}, provider="compat")
        assert status_of(client, create(client, own)) == HIT
        assert status_of(client, create(client, {**own, "model": "openai/m"}, provider="compat")) == HIT
        assert len(host.asked) == 1


def test_a_translated_response_is_translated_anew() -> None:
    claude = {
        "id": "m", "type": "message", "role": "assistant", "model": "c", "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 2},
    }  # fmt: skip
    with CacheHost(lambda request: MockResponse.json(claude)) as host:
        client = host.connect()
        query = {"model": "anthropic/c", "messages": [{"role": "user", "content": "hi"}]}
        first, second = twice(host, client, query, provider="compat")
        (one,), (two,) = shown(client, first), shown(client, second)
        assert status_of(client, second) == HIT
        assert one["response"]["choices"] == two["response"]["choices"]
        assert one["response"]["id"] != two["response"]["id"]
        ((kept, _),) = host.store.values()
        assert json.loads(kept.body) == claude


# -- questions ----------------------------------------------------------------------------------------------------

ASKS = {"local/default": GatewaySettings(cache_ttl=60, ask=("admit", "find_key"))}


def test_who_is_not_admitted_gets_nothing_and_a_hit_needs_no_key() -> None:
    may = True

    def others(question: Question) -> Answer:
        if isinstance(question, Admit):
            return Admitted() if may else Denied(403)
        assert isinstance(question, FindKey)
        return Key(Secret("sk-found-canary"), HeaderFields((("x-team", "seven"),)))

    with CacheHost(gateways=ASKS, others=others) as host:
        client = host.connect()
        assert status_of(client, create(client, CHAT, key="")) == MISS
        assert host.names() == ["Admit", "LookUp", "FindKey"]
        assert status_of(client, create(client, CHAT, key="")) == HIT
        assert host.names()[3:] == ["Admit", "LookUp"]
        may = False
        assert messages(client, create(client, CHAT, key=""))[-1]["metadata"]["status"] == 403
        assert host.names()[5:] == ["Admit"]


def test_found_keys_are_shared_by_their_owner_alone() -> None:
    def others(question: Question) -> Answer:
        return Key(Secret("sk-found-canary")) if isinstance(question, FindKey) else Unavailable()

    with CacheHost(gateways=ASKS, others=others) as host:
        me, you = host.connect(principal="me"), host.connect(principal="you")
        create(me, CHAT, key="")
        assert status_of(me, create(me, CHAT, key="")) == HIT
        assert status_of(me, create(me, CHAT, key="", headers={"cf-aig-byok-alias": "other"})) == MISS
        assert status_of(you, create(you, CHAT, key="")) == MISS


def test_a_kept_response_that_is_no_good_is_replaced() -> None:
    with CacheHost() as host:
        client = host.connect()
        create(client, CHAT)
        host.take_kept()
        (key,) = host.store
        kept, until = host.store[key]
        host.store[key] = type(kept)(kept.headers, b"{broken"), until
        assert status_of(client, create(client, CHAT)) == MISS
        assert len(host.asked) == 2
        assert status_of(client, create(client, CHAT)) == HIT


def test_no_other_key_gets_a_kept_response_that_is_no_good_again() -> None:
    keys = {"openai": ProviderSettings(api_key=Secret("sk-one-canary"), more_keys=(Secret("sk-two-canary"),))}
    answers = [MockResponse.json(WHOLE), MockResponse.json({"error": "no"}, status=429), MockResponse.json(WHOLE)]
    with CacheHost(lambda request: answers.pop(0), providers=keys) as host:
        client = host.connect()
        create(client, CHAT, key="")
        host.take_kept()
        (name,) = host.store
        kept, until = host.store[name]
        host.store[name] = type(kept)(kept.headers, b"{broken"), until
        again = create(client, CHAT, key="", config={"maxAttempts": 2})
        assert status_of(client, again) == ("MISS", 2)
        assert len({request.header("authorization") for request in host.asked[1:]}) == 2
        assert host.names() == ["LookUp"] * 2


def test_a_kept_response_that_is_no_good_fails_if_the_host_was_not_asked_for_a_key() -> None:
    with CacheHost(gateways=ASKS) as host:
        client = host.connect()
        create(client, CHAT, key="")
        host.take_kept()
        (key,) = host.store
        kept, until = host.store[key]
        host.store[key] = type(kept)(kept.headers, b"{broken"), until
        (told,) = messages(client, create(client, CHAT, key=""))
        assert (told["metadata"]["status"], told["metadata"]["cacheStatus"]) == (502, "MISS")
        assert len(host.asked) == 1


def test_a_hit_counts_in_the_memory_of_its_client() -> None:
    long = {"choices": [{"index": 0, "message": {"content": "x" * 9000}, "finish_reason": "stop"}]}
    limits = Limits(request_bytes_per_connection=8000)
    with CacheHost(lambda request: MockResponse.json(long), limits=limits, timeouts=Timeouts()) as host:
        client = host.connect()
        create(client, CHAT)
        (told,) = messages(client, create(client, CHAT))
        assert told["metadata"]["status"] == 429
        assert "request_bytes_per_connection" in told["response"]["error"][0]["message"]


def test_what_needs_no_call_needs_no_room_in_the_quotas() -> None:
    two_a_minute = QuotaRule(limit=2, window_s=60.0)
    gateways = {"local/default": GatewaySettings(cache_ttl=60, coalesce=True, rate_limit=two_a_minute)}

    def slowly(request: MockRequest) -> MockResponse:
        return MockResponse(200, [Wait(1.0), json.dumps(WHOLE).encode()], {"content-type": "application/json"})

    with CacheHost(slowly, gateways=gateways) as host:
        client = host.connect()
        names = [create(client, CHAT) for _ in range(5)]
        host.advance(2.0)
        names += [create(client, CHAT) for _ in range(5)]
        assert [status_of(client, name) for name in names] == [MISS] + [HIT] * 9
        create(client, {"model": "n"})
        host.advance(2.0)
        (refused,) = messages(client, create(client, {"model": "o"}))
        assert (refused["metadata"]["status"], refused["metadata"]["cacheStatus"]) == (429, "MISS")
        assert status_of(client, create(client, CHAT)) == HIT
        assert len(host.asked) == 2
