"""Streams whose tokens a budget counts: their provider is asked to report them, and the client does not notice."""

import json
from typing import Any

import pytest
from tests.rigs.cache_host import STREAM, WHOLE, CacheHost, create, messages, status_of

from aigw_drivers.testing import MockRequest, MockResponse, VirtualClient, Wait
from aigw_sansio.config import GatewaySettings, ProviderSettings, Timeouts
from aigw_sansio.formats.mistral import MISTRAL
from aigw_sansio.formats.openai.quirks import LOOK_ALIKES
from aigw_sansio.quota_rules import QuotaRule
from aigw_sansio.secret import Secret
from aigw_sansio.sessions.asking_usage import TELL_ALWAYS, asking_usage

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
