"""Streams whose tokens a budget counts: their provider is asked to report them, and the client does not notice."""

import json
from typing import Any

import msgspec
import pytest
from tests.rigs.cache_host import STREAM, WHOLE, CacheHost, create, messages, status_of

from aigw_drivers.testing import MockRequest, MockResponse, VirtualClient, Wait
from aigw_sansio.config import Config, GatewaySettings, Limits, ProviderSettings, Timeouts
from aigw_sansio.events import AttemptEnded
from aigw_sansio.formats.mistral import MISTRAL
from aigw_sansio.formats.openai.quirks import LOOK_ALIKES
from aigw_sansio.origin import Origin
from aigw_sansio.providers.call import ProviderCall
from aigw_sansio.providers.usage_question import (
    MOST_REFUSALS,
    TELL_ALWAYS,
    UsageRefusals,
    asking_usage,
    has_refused,
    note_refusal,
    refuses_question,
    with_question,
    without_question,
)
from aigw_sansio.quota_rules import QuotaRule
from aigw_sansio.secret import Secret
from aigw_sansio.wires.http import Request

TOKENS = QuotaRule(limit=20, window_s=3600, measure="tokens", technique="sliding", id="t")
SETTINGS = GatewaySettings(rules=(TOKENS,))
ASKED = {"model": "m", "stream": True}
TEXT = {"choices": [{"index": 0, "delta": {"content": "h" * 40}}]}
END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 15, "completion_tokens": 5, "total_tokens": 20}}


@pytest.mark.parametrize(("body", "asks"), [
    ('{"model":"m","stream":true}', True),
    ('{"model":"m", "stream" : true , "stream_options":null}', True),
    ('{"stream":true,"stream_options":{"include_usage":false,"x":[1]}}', True),
    ('{"stream_options":{},"stream":true}', True),
    ('{"stream":true,"stream_options":{"include_usage":true}}', False),
    ('{"stream":false}', False),
    ('{"stream":"true"}', False),
    ('{"model":"stream"}', False),
    ('{"stream":true,"stream_options":7}', False),
    ('{"stream":true', False),
    ('["stream",true]', False),
    ("stream" + "[" * 100_000, False),
    ("", False),
])  # fmt: skip
def test_which_requests_are_asked(body: str, *, asks: bool) -> None:
    found = asking_usage("openai", "openai-chat", body.encode(), b"/")
    assert (found is not None) is asks
    if found is not None:
        before, after = json.loads(body), json.loads(found)
        options = {**(before.pop("stream_options", None) or {}), "include_usage": True}
        assert after.pop("stream_options") == options
        assert after == before


def test_numbers_and_spellings_of_the_client_stay() -> None:
    body = b'{"stream":true,"seed":12345678901234567890,"temperature":1.0,"user":"\\u00e9"}'
    found = asking_usage("groq", "openai-completions", body, b"/")
    assert found == body[:-1] + b',"stream_options":{"include_usage":true}}'


def test_who_cannot_be_asked_is_not() -> None:
    body = b'{"stream":true}'
    assert asking_usage("perplexity-ai", "openai-chat", body, b"/") is None
    assert asking_usage("anthropic", "anthropic-messages", body, b"/") is None
    assert asking_usage("openai", "openai-responses", body, b"/") is None


@pytest.mark.parametrize(("version", "asks"), [
    ("2024-09-01-preview", True), ("2024-10-21", True), ("preview", True), ("2024-08-01-preview", False),
    ("2023-05-15", False),
])  # fmt: skip
def test_an_old_version_of_azure_is_not_asked(version: str, *, asks: bool) -> None:
    target = f"/openai/deployments/d/chat/completions?x=1&api-version={version}".encode()
    body = b'{"stream":true}'
    assert (asking_usage("azure-openai", "openai-chat", body, target) is not None) is asks
    assert asking_usage("openai", "openai-chat", body, target) is not None


def test_a_provider_that_refuses_the_question_need_not_be_asked() -> None:
    off = {"openai": ProviderSettings(ask_usage=False)}
    for own, common in ((off, {}), ({}, off)):
        settings = {"local/default": GatewaySettings(rules=(TOKENS,), provider_settings=own)}
        with CacheHost(answering, gateways=settings, providers=common) as host:
            client = host.connect()
            create(client, ASKED)
            create(client, ASKED, provider="groq")
            assert [b"stream_options" in one.body for one in host.asked] == [False, True]


def test_the_translation_knows_the_same_providers() -> None:
    named = {"perplexity": "perplexity-ai"}
    silent = {named.get(name, name) for name, quirks in LOOK_ALIKES.items() if not quirks.usage_on_request}
    assert silent | {"mistral", "workers-ai"} == TELL_ALWAYS
    assert not MISTRAL.usage_on_request


def answering(request: MockRequest) -> MockResponse:
    """As OpenAI does: usage only if it is asked for."""
    body = json.loads(request.body)
    if not body.get("stream"):
        return MockResponse.json(WHOLE)
    options = body.get("stream_options") or {}
    return MockResponse.sse(*STREAM[:2], END, *([USAGE] if options.get("include_usage") else []), "[DONE]")


def payloads(client: VirtualClient, name: str) -> list[Any]:
    return [message["response"] for message in messages(client, name) if message["type"] == "universal.stream"]


def budget_is_used(host: CacheHost) -> bool:
    client = host.connect()
    name = create(client, {"model": "another"})
    return bool(messages(client, name)[-1]["metadata"]["status"] == 429)


@pytest.mark.parametrize("asks_itself", [False, True])
def test_a_stream_is_counted_and_shown_as_it_was_asked_for(*, asks_itself: bool) -> None:
    with CacheHost(answering, gateways={"local/default": SETTINGS}) as host:
        client = host.connect()
        own = {"stream_options": {"include_usage": True}} if asks_itself else {}
        name = create(client, {**ASKED, **own})
        assert json.loads(host.asked[0].body)["stream_options"] == {"include_usage": True}
        assert payloads(client, name) == [*STREAM[:2], END, *([USAGE] if asks_itself else [])]
        last = messages(client, name)[-1]["metadata"]
        assert last["usage"] == {"input_tokens": 15, "output_tokens": 5, "quality": "final"}
        assert budget_is_used(host)


@pytest.mark.parametrize("settings", [
    GatewaySettings(),
    GatewaySettings(rules=(TOKENS,), ask_usage=False),
    GatewaySettings(rate_limit=QuotaRule(limit=9, window_s=60, id="r"), concurrency=2),
    GatewaySettings(rules=(QuotaRule(limit=1, window_s=60, measure="cost", enabled=False),)),
])  # fmt: skip
def test_without_a_budget_nobody_is_asked(settings: GatewaySettings) -> None:
    with CacheHost(answering, gateways={"local/default": settings}) as host:
        client = host.connect()
        name = create(client, ASKED)
        assert json.loads(host.asked[0].body) == ASKED
        assert payloads(client, name) == [*STREAM[:2], END]


def test_what_was_kept_is_shown_to_each_as_it_asked() -> None:
    settings = GatewaySettings(rules=(TOKENS,), cache_ttl=60)
    with CacheHost(answering, gateways={"local/default": settings}) as host:
        client = host.connect()
        create(client, ASKED)
        shown = []
        for own in ({}, {"stream_options": {"include_usage": True}}):
            name = create(client, {**ASKED, **own})
            assert status_of(client, name) == ("HIT", 0)
            shown.append(payloads(client, name))
        assert shown == [[*STREAM[:2], END], [*STREAM[:2], END, USAGE]]
        assert len(host.asked) == 1


def test_a_client_of_another_format_gets_no_chunk_that_it_did_not_ask_for() -> None:
    with CacheHost(answering, gateways={"local/default": SETTINGS}) as host:
        client = host.connect()
        query = {"model": "openai/m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        name = create(client, query, provider="compat", endpoint="chat/completions")
        assert json.loads(host.asked[0].body)["stream_options"] == {"include_usage": True}
        assert all(payload["choices"] for payload in payloads(client, name))
        assert budget_is_used(host)


def slowly(request: MockRequest) -> MockResponse:
    if b"another" in request.body:
        return MockResponse.json(WHOLE)

    def parts() -> Any:
        for _ in range(9):
            yield b"data: %b\n\n" % json.dumps(TEXT).encode()
            yield Wait(1.0)

    return MockResponse(200, parts(), {"content-type": "text/event-stream"})


def test_who_leaves_before_the_usage_comes_pays_for_what_came() -> None:
    with CacheHost(slowly, gateways={"local/default": SETTINGS}) as host:
        client = host.connect()
        create(client, ASKED)
        assert not budget_is_used(host)
        host.advance(1.5)
        client.close()  # 80 bytes have come, and the request
        assert budget_is_used(host)
        (ended,) = [end for end in host.ended() if end.how == "gone"]
        assert ended.usage is None, "a record tells what was reported"


def silently(request: MockRequest) -> MockResponse:
    """Says nothing for long, and then it says no text."""
    if b"another" in request.body:
        return MockResponse.json(WHOLE)

    def parts() -> Any:
        yield b": nothing\n\n"
        yield Wait(100.0)

    return MockResponse(200, parts(), {"content-type": "text/event-stream"})


@pytest.mark.parametrize("how", ["leaves", "cancels", "times out"])
@pytest.mark.parametrize("tokens", [None, 20, 0])
def test_a_request_that_was_sent_counts_also_if_its_client_waits_for_no_text(how: str, tokens: int | None) -> None:
    settings = GatewaySettings(rules=(TOKENS,), unreported_tokens=tokens)
    with CacheHost(silently, gateways={"local/default": settings}, timeouts=Timeouts(total_s=5.0)) as host:
        client = host.connect()
        name = create(client, {**ASKED, "user": "u" * 80})
        host.advance(1.0)
        assert not budget_is_used(host)
        if how == "leaves":
            client.close()
        elif how == "cancels":
            client.send(json.dumps({"type": "universal.cancel", "eventId": name}))
        host.advance(5.0)
        assert host.ended()[-1].usage is None
        assert budget_is_used(host) is (tokens != 0)


@pytest.mark.parametrize(("tokens", "used"), [(19, False), (20, True)])
def test_the_operator_may_say_what_an_unreported_response_counts(tokens: int, *, used: bool) -> None:
    settings = GatewaySettings(rules=(TOKENS,), unreported_tokens=tokens)
    with CacheHost(lambda request: MockResponse.json({"x": 1}), gateways={"local/default": settings}) as host:
        create(host.connect(), {"model": "m"}, provider="openai", endpoint="moderations")
        assert budget_is_used(host) is used


def test_each_of_several_keys_is_asked() -> None:
    keys = {"openai": ProviderSettings(api_key=Secret("sk-one-canary"), more_keys=(Secret("sk-two-canary"),))}
    with CacheHost(answering, gateways={"local/default": SETTINGS}, providers=keys) as host:
        client = host.connect()
        create(client, ASKED, key="", config={"maxAttempts": 2})
        assert [json.loads(one.body)["stream_options"] for one in host.asked] == [{"include_usage": True}]


QUESTION = b'{"model":"m","stream":true' + b',"stream_options":{"include_usage":true}}'
REFUSAL = b'{"error":{"message":"Unrecognized request argument supplied: stream_options"}}'


def call_of(body: bytes, *, signed: bool = False, target: bytes = b"/v1/chat/completions") -> ProviderCall:
    request = Request(b"POST", b"https", b"up.test", target, [], body)
    return ProviderCall("openai", Origin("https", "up.test", 443), request, "openai-chat", False, signed=signed)


def test_it_is_taken_back_as_it_was_put() -> None:
    asked = with_question(call_of(QUESTION))
    assert asked.usage_question == "put"
    plain = without_question(asked)
    assert (plain.request.body, plain.usage_question) == (b'{"model":"m","stream":true}', "refused")


@pytest.mark.parametrize("call", [
    call_of(QUESTION, signed=True),
    call_of(b'{"stream_options":{"x":1,"include_usage":true},"stream":true}'),
])  # fmt: skip
def test_what_cannot_be_taken_back_is_not(call: ProviderCall) -> None:
    assert with_question(call) is call
    assert not refuses_question(call, 400, REFUSAL)


@pytest.mark.parametrize(("status", "body", "refuses"), [
    (400, REFUSAL, True),
    (422, b'{"detail":[{"loc":["body","stream_options","include_usage"]}]}', True),
    (400, b'{"error":{"message":"max_tokens is too large"}}', False),
    (401, REFUSAL, False),
    (500, REFUSAL, False),
    (200, REFUSAL, False),
])  # fmt: skip
def test_which_answers_refuse_it(status: int, body: bytes, *, refuses: bool) -> None:
    assert refuses_question(with_question(call_of(QUESTION)), status, body) is refuses
    assert not refuses_question(call_of(QUESTION), status, body), "the client may have asked"
    assert not refuses_question(without_question(with_question(call_of(QUESTION))), status, body)


def test_who_has_refused_is_told_apart_by_model_and_path() -> None:
    known: UsageRefusals = {}
    azure = b"/openai/deployments/d/chat/completions?api-version=1"
    for call in (call_of(b'{"model":"m"}'), call_of(b"{}", target=azure)):
        assert not has_refused(known, call)
        note_refusal(known, call)
        assert has_refused(known, call)
    assert has_refused(known, call_of(b"{}", target=azure + b"23"))
    assert not has_refused(known, call_of(b'{"model":"n"}'))
    assert not has_refused(known, call_of(b'{"model":"m"}', target=b"/v2/chat/completions"))


def test_only_the_newest_are_remembered_and_no_long_ones() -> None:
    known: UsageRefusals = {}
    for number in range(2 * MOST_REFUSALS):
        note_refusal(known, call_of(b'{"model":"m%d"}' % number))
        note_refusal(known, call_of(b'{"model":"m%d%b"}' % (number, b"x" * 512)))
    assert len(known) == MOST_REFUSALS
    assert has_refused(known, call_of(b'{"model":"m%d"}' % MOST_REFUSALS))
    assert not has_refused(known, call_of(b'{"model":"m%d"}' % (MOST_REFUSALS - 1)))


def refusing(request: MockRequest) -> MockResponse:
    """A server that does not know the question; for the model `late` it says so in a stream."""
    if b"stream_options" not in request.body:
        return answering(request)
    error = {"error": {"message": "Unrecognized request argument supplied: stream_options", "code": 400}}
    return MockResponse.sse(error) if b'"late"' in request.body else MockResponse.json(error, status=400)


def was_asked(host: CacheHost) -> list[bool]:
    return [b"stream_options" in one.body for one in host.asked]


@pytest.mark.parametrize("limits", [Limits(), Limits(attempts_per_exchange=2)])
def test_who_refuses_the_question_is_asked_once(limits: Limits) -> None:
    rules = (msgspec.structs.replace(TOKENS, limit=10_000),)
    with CacheHost(refusing, gateways={"local/default": GatewaySettings(rules=rules)}, limits=limits) as host:
        client = host.connect()
        query = b'{"stream":true,  "model":"m"}'
        name = create(client, json.loads(query))
        assert was_asked(host) == [True, False]
        assert json.loads(host.asked[1].body) == json.loads(query)
        assert payloads(client, name) == [*STREAM[:2], END], "the client gets its stream"
        ends = [event for event in host.events if isinstance(event, AttemptEnded)]
        assert [(end.attempt, end.status, end.fault is None) for end in ends] == [(1, 400, False), (2, 200, True)]
        assert (host.ended()[-1].attempts, host.ended()[-1].step) == (2, 0)
        create(client, {**ASKED})
        create(host.connect(), {**ASKED})
        assert was_asked(host) == [True, False, False, False]
        create(client, {**ASKED, "model": "other"})  # behind the same address another one may know it
        assert was_asked(host)[4:] == [True, False]


def test_with_new_settings_everybody_is_asked_again() -> None:
    with CacheHost(refusing, gateways={"local/default": SETTINGS}) as host:
        create(host.connect(), ASKED)
        host.call(host.gateway.reconfigure, Config(gateways={"local/default": SETTINGS}))
        create(host.connect(), ASKED)
        assert was_asked(host) == [True, False, True, False]


def test_a_refusal_within_a_stream_is_one() -> None:
    with CacheHost(refusing, gateways={"local/default": SETTINGS}) as host:
        client = host.connect()
        name = create(client, {**ASKED, "model": "late"})
        assert was_asked(host) == [True, False]
        assert payloads(client, name) == [*STREAM[:2], END]


def test_what_the_client_wrote_is_not_taken_back() -> None:
    with CacheHost(refusing, gateways={"local/default": SETTINGS}) as host:
        client = host.connect()
        for options in ({"include_usage": True}, {"include_usage": False}):
            name = create(client, {**ASKED, "stream_options": options})
            assert messages(client, name)[-1]["metadata"]["status"] == 400
        assert was_asked(host) == [True, True]


def test_a_server_that_only_quotes_the_request_is_asked_again() -> None:
    def quoting(request: MockRequest) -> MockResponse:
        return MockResponse.json({"error": {"message": request.body.decode()}}, status=400)

    with CacheHost(quoting, gateways={"local/default": SETTINGS}) as host:
        client = host.connect()
        for _ in range(2):
            name = create(client, ASKED)
            assert messages(client, name)[-1]["metadata"]["status"] == 400
            assert "stream_options" not in json.dumps(messages(client, name)[-1]["response"])
        assert was_asked(host) == [True, False] * 2


def test_a_step_in_front_does_not_cost_a_later_one_its_attempt() -> None:
    with CacheHost(refusing, gateways={"local/default": SETTINGS}, limits=Limits(attempts_per_exchange=2)) as host:
        client = host.connect()
        second = {"provider": "groq", "endpoint": "chat/completions", "headers": {}, "query": {"model": "n"}}
        name = create(client, ASKED, steps=[second])
        assert was_asked(host) == [True, False]
        assert messages(client, name)[-1]["metadata"]["step"] == "1"


def test_a_refused_question_costs_nothing_and_its_answer_counts() -> None:
    with CacheHost(refusing, gateways={"local/default": SETTINGS}) as host:
        client = host.connect()
        create(client, ASKED)
        assert not budget_is_used(host), "two letters were told"
        for number in range(8):
            create(client, {**ASKED, "user": str(number) * 9})
        assert budget_is_used(host), "estimated"
