"""Requests alike that run at the same time: one call, and nobody depends on another."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec
import pytest
from tests.rigs.cache_host import STREAM, WHOLE, CacheHost, create, messages, shown, status_of
from tests.rigs.living import living_objects

from aigw_drivers.testing import Break, MockRequest, MockResponse, VirtualClient, Wait
from aigw_drivers.testing.mock_values import Part
from aigw_sansio.config import GatewaySettings, Limits, ProviderSettings, Timeouts
from aigw_sansio.events import AttemptConnected
from aigw_sansio.quota_rules import QuotaRule, Selector
from aigw_sansio.secret import Secret

SHARES = {"local/default": GatewaySettings(cache_ttl=60, coalesce=True)}
ASKED = {"model": "m", "stream": True}
SSE = {"content-type": "text/event-stream"}


def event(payload: object) -> bytes:
    return b"data: %b\n\n" % (payload if isinstance(payload, str) else json.dumps(payload)).encode()


def slowly(*payloads: object, every: float = 1.0) -> MockResponse:
    """A stream of which one event comes each second."""

    def parts() -> Iterator[Part]:
        for payload in payloads:
            yield Wait(every)
            yield payload if isinstance(payload, Break) else event(payload)

    return MockResponse(200, parts(), SSE)


class Provider:
    """Gives the responses in order, the last one again and again."""

    def __init__(self, *responses: Any) -> None:
        self._responses = list(responses)
        self.calls = count()

    def __call__(self, request: MockRequest) -> MockResponse:
        made = self._responses.pop(0) if len(self._responses) > 1 else self._responses[0]
        response = made()
        assert isinstance(response, MockResponse)
        return response


def host_with(*responses: Any, **settings: Any) -> CacheHost:
    settings = {"gateways": SHARES, "timeouts": Timeouts(first_byte_s=30.0), **settings}
    return CacheHost(Provider(*responses), **settings)


def reaches(host: CacheHost) -> list[str]:
    return [told.reach for told in host.events if isinstance(told, AttemptConnected)]


def kinds(client: VirtualClient, name: str) -> list[str]:
    return [message["type"].removeprefix("universal.") for message in messages(client, name)]


def good() -> MockResponse:
    return slowly(*STREAM)


def test_two_at_a_time_share_one_call_and_one_entry() -> None:
    with host_with(good) as host:
        one, other = host.connect(), host.connect()
        first = create(one, ASKED)
        host.advance(1.5)
        second = create(other, ASKED)
        assert kinds(one, first) == kinds(other, second) == ["created", "stream"], "it does not wait for the end"
        host.advance(5.0)
        assert len(host.asked) == 1
        assert shown(one, first) == shown(other, second)
        assert (status_of(one, first), status_of(other, second)) == (("MISS", 1), ("HIT", 0))
        assert [end.cached for end in host.ended()] == [False, True]
        assert reaches(host) == ["dialled", "joined"]
        host.take_kept()
        assert len(host.store) == 1
        assert status_of(other, create(other, ASKED)) == ("HIT", 0)
        assert host.gateway._services.recorded_bytes == 0


def test_so_many_join_one_call_and_no_more() -> None:
    with host_with(good) as host:
        clients = [host.connect() for _ in range(257)]
        asked = [create(client, ASKED) for client in clients]
        host.advance(6.0)
        assert len(host.asked) == 2
        found = [status_of(*pair) for pair in zip(clients, asked, strict=True)]
        assert found == [("MISS", 1), *[("HIT", 0)] * 255, ("MISS", 1)]


def test_without_the_setting_each_makes_its_call() -> None:
    with host_with(good, gateways={"local/default": GatewaySettings(cache_ttl=60)}) as host:
        one, other = host.connect(), host.connect()
        first, second = create(one, ASKED), create(other, ASKED)
        host.advance(6.0)
        assert len(host.asked) == 2
        assert (status_of(one, first), status_of(other, second)) == (("MISS", 1), ("MISS", 1))


def test_it_can_be_joined_before_it_is_placed() -> None:
    with host_with(lambda: MockResponse.json(WHOLE)) as host:
        host.is_off = True
        one = host.connect()
        a, b = create(one, ASKED, event_id="a"), create(one, ASKED, event_id="b")
        host.settle()
        assert kinds(one, a) == kinds(one, b) == ["created"]


@pytest.mark.parametrize("leader_goes", [True, False])
def test_a_cancel_of_one_does_not_cut_the_other(leader_goes: bool) -> None:
    with host_with(good) as host:
        one, other = host.connect(), host.connect()
        first = create(one, ASKED)
        host.advance(1.5)
        second = create(other, ASKED)
        gone, stays, left = (one, other, second) if leader_goes else (other, one, first)
        gone.close()
        host.advance(5.0)
        assert len(host.asked) == 1
        assert kinds(stays, left) == ["created", "stream", "stream", "stream", "done"]
        host.take_kept()
        assert len(host.store) == 1


def test_the_call_ends_with_the_last_of_them() -> None:
    with host_with(good) as host:
        client = host.connect()
        names = create(client, ASKED), create(client, ASKED)
        host.advance(1.5)
        for name in names:
            client.send(json.dumps({"type": "universal.cancel", "eventId": name}))
        assert [kinds(client, name)[-1] for name in names] == ["cancelled", "cancelled"]
        host.advance(9.0)
        host.take_kept()
        assert host.store == {}
        assert host.gateway._services.recorded_bytes == 0
        create(client, ASKED)
        assert len(host.asked) == 2, "an ended call is not joined"


@pytest.mark.parametrize("bad", [
    lambda: MockResponse.json({"error": "no"}, status=500),
    lambda: slowly({"error": {"message": "too busy"}}),
    lambda: slowly(Break()),
    lambda: slowly({"choices": [{"index": 0, "delta": {"role": "assistant"}}]}, Break()),
    lambda: MockResponse(200, [Wait(1.0), b"no event"], SSE),
])  # fmt: skip
def test_a_failed_call_fails_the_one_that_made_it_only(bad: Any) -> None:
    with host_with(bad, good) as host:
        one, other = host.connect(), host.connect()
        first = create(one, ASKED)
        second = create(other, ASKED)
        host.advance(9.0)
        assert kinds(one, first) == ["created"]
        assert messages(one, first)[-1]["metadata"]["status"] >= 500
        assert kinds(other, second) == ["created", "stream", "stream", "stream", "done"]
        assert status_of(other, second) == ("MISS", 1)
        assert len(host.asked) == 2


def test_a_call_that_breaks_after_the_first_content_breaks_for_all_who_have_seen_it() -> None:
    with host_with(lambda: slowly(STREAM[0], STREAM[1], Break())) as host:
        client = host.connect()
        names = create(client, ASKED), create(client, ASKED)
        host.advance(9.0)
        assert [kinds(client, name)[-1] for name in names] == ["error", "error"]
        host.take_kept()
        assert host.store == {}


def test_of_a_coded_response_each_gets_its_own() -> None:
    coded = {"content-type": "application/json", "content-encoding": "identity"}
    with host_with(lambda: MockResponse(200, [Wait(1.0), json.dumps(WHOLE).encode()], coded)) as host:
        client = host.connect()
        names = create(client, ASKED), create(client, ASKED)
        host.advance(3.0)
        assert [status_of(client, name) for name in names] == [("MISS", 1), ("MISS", 1)]
        assert len(host.asked) == 2


KEYS = {"openai": ProviderSettings(api_key=Secret("sk-one-canary"), more_keys=(Secret("sk-two-canary"),))}


@pytest.mark.parametrize("joins_after_s", [0.0, 2.5])
def test_the_key_of_a_call_is_hidden_from_those_that_joined_it_with_another(joins_after_s: float) -> None:
    quoting = {"choices": [{"index": 0, "delta": {"content": "it was sk-one-canary"}}]}
    with host_with(lambda: slowly(STREAM[0], quoting, *STREAM[2:]), providers=KEYS) as host:
        one, other = host.connect(), host.connect()
        first = create(one, ASKED, key="")
        host.advance(joins_after_s)
        second = create(other, ASKED, key="")
        host.advance(9.0)
        assert [request.header("authorization") for request in host.asked] == ["Bearer sk-one-canary"]
        assert reaches(host) == ["dialled", "joined"]
        assert shown(one, first) == shown(other, second)
        assert "canary" not in json.dumps(messages(other, second))


def test_the_key_that_was_refused_rests_and_not_that_of_one_who_joined() -> None:
    def refused() -> MockResponse:
        return MockResponse.json({"error": {"message": "no"}}, status=401)

    with host_with(good, refused, good, providers=KEYS, limits=Limits(upstream_connections_per_origin=1)) as host:
        one, other = host.connect(), host.connect()
        create(one, {**ASKED, "model": "before"}, key="Bearer mine")  # the others wait for its connection
        first, second = create(one, ASKED, key=""), create(other, ASKED, key="")
        one.send(json.dumps({"type": "universal.cancel", "eventId": first}))
        host.advance(9.0)
        assert reaches(host) == ["dialled", "joined", "reused"]
        assert kinds(other, second)[-1] == "done"
        for model in ("n", "o"):
            create(other, {**ASKED, "model": model}, key="")
            host.advance(9.0)
        _, *keys = [request.header("authorization") for request in host.asked]
        assert keys == ["Bearer sk-one-canary"] + ["Bearer sk-two-canary"] * 3


# -- flow control -------------------------------------------------------------------------------------------------

PIECE = {"choices": [{"index": 0, "delta": {"content": "x" * 4000}}]}
LONG = (*[PIECE] * 40, *STREAM[2:])


def long() -> MockResponse:
    return slowly(*LONG, every=0.01)


def test_one_that_takes_nothing_holds_nobody_back_while_the_response_may_be_kept() -> None:
    with host_with(long, limits=Limits(send_high_water_bytes=8000)) as host:
        quick, slow = host.connect(), host.connect()
        first, second = create(quick, ASKED), create(slow, ASKED)
        slow.reads = False
        host.advance(5.0)
        assert kinds(quick, first)[-1] == "done"
        assert len(kinds(slow, second)) < 10
        slow.reads = True
        host.settle()
        assert shown(quick, first) == shown(slow, second)
        assert host.gateway._services.recorded_bytes == 0
        host.take_kept()
        assert len(host.store) == 1


def test_of_a_longer_response_nothing_is_held_but_what_the_slowest_has_not_read() -> None:
    with host_with(long, limits=Limits(send_high_water_bytes=8000, cache_bytes=20_000)) as host:
        quick, slow = host.connect(), host.connect()
        first, second = create(quick, ASKED), create(slow, ASKED)
        slow.reads = False
        host.advance(5.0)
        assert len(kinds(quick, first)) < 12, "the provider is paused"
        assert host.gateway._services.recorded_bytes < 30_000
        slow.reads = True
        host.settle()
        host.advance(5.0)
        assert len(kinds(quick, first)) == len(kinds(slow, second)) == 43
        assert shown(quick, first) == shown(slow, second)
        assert host.kept == []
        assert host.gateway._services.recorded_bytes == 0


def test_the_provider_is_paused_if_all_take_nothing() -> None:
    with host_with(long, limits=Limits(send_high_water_bytes=8000)) as host:
        client = host.connect()
        name = create(client, ASKED)
        client.reads = False
        host.advance(5.0)
        assert host.gateway._services.recorded_bytes < 40_000
        client.reads = True
        host.settle()
        host.advance(5.0)
        assert kinds(client, name)[-1] == "done"


def test_a_hit_is_held_back_like_every_response() -> None:
    with host_with(long, limits=Limits(send_high_water_bytes=8000)) as host:
        client = host.connect()
        first = create(client, ASKED)
        host.advance(5.0)
        client.reads = False
        second = create(client, ASKED)
        host.advance(1.0)
        assert kinds(client, second) == []
        client.reads = True
        host.settle()
        assert shown(client, first) == shown(client, second)
        assert status_of(client, second) == ("HIT", 0)


def test_nothing_is_left_of_those_that_have_ended() -> None:
    with living_objects() as living, host_with(good) as host:
        client = host.connect()
        names = [create(client, ASKED), create(client, ASKED)]
        host.advance(9.0)
        names += [create(client, ASKED), create(client, {**ASKED, "model": "n"})]
        client.send(json.dumps({"type": "universal.cancel", "eventId": names[-1]}))
        assert [kinds(client, name)[-1] for name in names] == ["done", "done", "done", "cancelled"]
        assert not {"CachedCall", "RecordedCall", "Recording"} & living().keys()


# -- quotas ---------------------------------------------------------------------------------------------------------

EACH = Selector(mode="partition")
BUDGET = QuotaRule(limit=3, window_s=3600, measure="tokens", technique="sliding", id="t", metadata={"user": EACH})
NARROW = Limits(send_high_water_bytes=8000)
COUNTED = GatewaySettings(cache_ttl=60, coalesce=True, rules=(BUDGET,))


def ask_as(client: VirtualClient, user: str, **query: object) -> str:
    return create(client, {**ASKED, **query}, headers={"cf-aig-metadata": json.dumps({"user": user})})


def spent(host: CacheHost) -> list[int]:
    """What all counters have, in the order in which they came."""
    (counts,) = host.gateway._relays._limiter._counters._by_gateway.values()
    return [window.used for window in counts.values() if window.used]


def left_to(host: CacheHost, user: str) -> bool:
    """Whether ``user`` has something left of its budget."""
    client = host.connect()
    name = ask_as(client, user, model=f"another for {user}")
    host.advance(9.0)
    return bool(messages(client, name)[-1]["metadata"]["status"] == 200)


@pytest.mark.parametrize("leaves_at", [0.5, 1.5, 2.5])
def test_who_begins_a_call_and_leaves_pays_for_it_and_who_joined_does_not(leaves_at: float) -> None:
    with host_with(good, gateways={"local/default": COUNTED}) as host:
        one, other = host.connect(), host.connect()
        ask_as(one, "a")
        second = ask_as(other, "b")
        host.advance(leaves_at)
        one.close()
        host.advance(9.0)
        assert status_of(other, second) == ("HIT", 0)
        assert len(host.asked) == 1
        assert spent(host) == [3]
        assert (left_to(host, "a"), left_to(host, "b")) == (False, True)


def test_a_call_is_charged_once_if_all_stay() -> None:
    rule = msgspec.structs.replace(BUDGET, limit=4, metadata={})
    with host_with(good, gateways={"local/default": msgspec.structs.replace(COUNTED, rules=(rule,))}) as host:
        one, other = host.connect(), host.connect()
        ask_as(one, "a"), ask_as(other, "b")
        host.advance(9.0)
        assert spent(host) == [3]
        assert left_to(host, "a")


def test_who_begins_a_call_pays_for_what_others_have_read_of_it() -> None:
    settings = {"local/default": COUNTED}
    counted = (*[PIECE] * 40, *STREAM[2:])
    with host_with(lambda: slowly(*counted, every=0.01), good, gateways=settings, limits=NARROW) as host:
        slow, quick = host.connect(), host.connect()
        name = ask_as(slow, "a")
        second = ask_as(quick, "b")
        slow.reads = False
        host.advance(5.0)
        assert kinds(quick, second)[-1] == "done"
        slow.reads = True
        slow.send(json.dumps({"type": "universal.cancel", "eventId": name}))
        host.settle()
        assert kinds(slow, name)[-1] == "cancelled"
        assert spent(host) == [3], "what was reported, and no estimate"
        assert (left_to(host, "a"), left_to(host, "b")) == (False, True)


def test_money_is_counted_once_also_if_the_client_says_the_price_of_all() -> None:
    rule = QuotaRule(limit=1, window_s=3600, measure="cost", technique="sliding", id="m")
    settings = GatewaySettings(cache_ttl=60, coalesce=True, rules=(rule,))
    for price, spent in (('{"total_cost": 0.25}', 250_000_000), ('{"per_token_in": 0.1}', 300_000_000)):
        with host_with(good, gateways={"local/default": settings}) as host:
            one, other = host.connect(), host.connect()
            for client in (one, other):
                create(client, ASKED, headers={"cf-aig-custom-cost": price})
            host.advance(1.5)
            one.close()
            host.advance(9.0)
            (counts,) = host.gateway._relays._limiter._counters._by_gateway.values()
            assert [window.used for window in counts.values()] == [spent]


def test_a_call_that_goes_on_for_others_keeps_its_place() -> None:
    settings = GatewaySettings(cache_ttl=60, coalesce=True, concurrency=1)
    with host_with(good, gateways={"local/default": settings}) as host:
        one, other, third = host.connect(), host.connect(), host.connect()
        create(one, ASKED)
        create(other, ASKED)
        host.advance(1.5)
        one.close()
        refused = create(third, {"model": "n"})
        assert messages(third, refused)[-1]["metadata"]["status"] == 429
        host.advance(9.0)
        assert host.gateway._relays._limiter.running == {}
        create(third, {**ASKED, "model": "n"})
        assert host.gateway._relays._limiter.running == {"local/default": 1}
        third.close()
        assert host.gateway._relays._limiter.running == {}


def test_a_response_that_was_found_bad_is_joined_no_more() -> None:
    bad = (*[PIECE] * 40, {"error": {"message": "too busy"}})
    with host_with(lambda: slowly(*bad, every=0.01), good, limits=NARROW) as host:
        quick, slow, late = host.connect(), host.connect(), host.connect()
        first, second = create(quick, ASKED), create(slow, ASKED)
        slow.reads = False
        host.advance(5.0)
        assert kinds(quick, first)[-1] == "error"
        assert kinds(slow, second) == [], "it still holds the response"
        third = create(late, ASKED)
        host.advance(9.0)
        assert status_of(late, third) == ("MISS", 1)
        assert len(host.asked) == 2


def test_a_response_that_one_has_left_can_be_joined() -> None:
    with host_with(good) as host:
        one, other, late = host.connect(), host.connect(), host.connect()
        first = create(one, ASKED)
        create(other, ASKED)
        host.advance(1.5)
        one.send(json.dumps({"type": "universal.cancel", "eventId": first}))
        third = create(late, ASKED)
        host.advance(9.0)
        assert status_of(late, third) == ("HIT", 0)
        assert len(host.asked) == 1
