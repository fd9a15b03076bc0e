"""A gateway on a virtual clock: its clients, its time, and what it makes of a mock provider."""

import json
from collections.abc import Iterator
from math import inf

import pytest

from aigw_drivers.client import ConnectionLost, GatewayError, NotConnected, ProviderError, Step
from aigw_drivers.testing import Break, MockProvider, MockRequest, MockResponse, VirtualClient, VirtualGateway, Wait
from aigw_sansio import (
    Answer,
    Authenticate,
    Authenticated,
    Config,
    ConnId,
    ExchangeEnded,
    GatewaySettings,
    Limits,
    PauseReading,
    ProviderSettings,
    Question,
    ResumeReading,
    Secret,
    SessionOpened,
    TextDelta,
)

CONFIG = Config(providers={"openai": ProviderSettings(api_key=Secret("sk-of-the-gateway"))})
QUERY = {"model": "gpt-5-mini", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}


def delta(text: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


def answering(*responses: MockResponse, config: Config = CONFIG) -> tuple[VirtualGateway, VirtualClient]:
    gateway = VirtualGateway(config, MockProvider(responses))
    return gateway, gateway.connect()


HELLO = MockResponse.sse(delta("Hel"), Wait(2.5), delta("lo"), "[DONE]")


def test_it_translates_as_every_gateway_of_the_drivers() -> None:
    answer = {"type": "message", "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn"}
    config = Config(providers={"anthropic": ProviderSettings(api_key=Secret("sk-of-the-gateway"))})
    gateway, client = answering(MockResponse.json(answer), config=config)
    with gateway:
        query = {**QUERY, "model": "anthropic/claude-x", "stream": False, "max_tokens": 9}
        response = client.create("compat", "chat/completions", query)
        assert response.body.json()["choices"][0]["message"]["content"] == "Hello"
    (request,) = gateway.provider.requests
    assert request.url == "https://api.anthropic.com/v1/messages"


def test_a_whole_response_takes_the_time_that_the_script_says() -> None:
    gateway, client = answering(HELLO, HELLO)
    with gateway:
        response = client.create("openai", "chat/completions", QUERY)
        assert response.text == "Hello"
        assert [chunk.json() for chunk in response.chunks] == [delta("Hel"), delta("lo")]
        assert gateway.now == 2.5
        assert response.metadata.status == 200
    (request,) = gateway.provider.requests
    assert request.method == "POST"
    assert request.url == "https://api.openai.com/v1/chat/completions"
    assert request.header("Authorization") == "Bearer sk-of-the-gateway"
    assert request.header("none") is None
    assert request.json() == QUERY
    assert "sk-of" not in repr(request)
    assert isinstance(gateway.events[0], SessionOpened)
    assert not any(gateway.gateway.snapshot().values())


def test_items_come_when_their_time_has_come() -> None:
    gateway, client = answering(HELLO)
    with gateway, client.stream("openai", "chat/completions", QUERY) as stream:
        seen = [(item.text, gateway.now) for item in stream if isinstance(item, TextDelta)]
    assert seen == [("Hel", 0.0), ("lo", 2.5)]
    assert stream.metadata.status == 200
    assert not stream.is_cancelled


def test_raw_chunks_and_a_body_that_is_no_stream() -> None:
    gateway, client = answering(HELLO, MockResponse.json({"ok": 1}), MockResponse.json({"ok": 2}))
    with gateway:
        with client.stream("openai", "chat/completions", QUERY, mode="raw") as stream:
            assert len(list(stream)) == 2
        with client.stream("openai", "models", mode="raw", method="GET") as stream:
            assert [item.json() for item in stream if not isinstance(item, TextDelta)] == [{"ok": 1}]  # type: ignore[union-attr]
        whole = client.create("openai", "models", method="GET")
    assert whole.body is not None
    assert whole.body.json() == {"ok": 2}
    assert gateway.provider.requests[1].method == "GET"


def test_a_script_of_fallbacks() -> None:
    gateway, client = answering(MockResponse.json({"error": {"message": "no"}}, status=503), HELLO)
    with gateway:
        plan_b = Step("groq", "chat/completions", QUERY, headers={"authorization": "Bearer b"})
        response = client.create("openai", "chat/completions", QUERY, fallback=[plan_b])
        assert response.metadata.step == "1"
    assert [request.url for request in gateway.provider.requests] == [
        "https://api.openai.com/v1/chat/completions",
        "https://api.groq.com/openai/v1/chat/completions",
    ]


def test_errors_are_those_of_the_client() -> None:
    gateway, client = answering(MockResponse.json({"error": {"message": "wrong"}}, status=400))
    with gateway:
        with pytest.raises(ProviderError) as told:
            client.create("openai", "chat/completions", QUERY)
        assert told.value.status == 400
        with pytest.raises(GatewayError, match="nowhere"):
            client.create("nowhere", "chat/completions", QUERY)


def test_a_timeout_of_a_minute_costs_no_time() -> None:
    gateway, client = answering(MockResponse.sse(delta("Hel"), Wait(inf)))
    with gateway:
        with pytest.raises(GatewayError) as told:
            client.create("openai", "chat/completions", QUERY, config={"idleTimeout": 60_000})
        assert told.value.kind == "idle_timeout"
        assert gateway.now == 60.0


def test_a_response_that_breaks_off() -> None:
    gateway, client = answering(MockResponse.sse(delta("Hel"), Break()))
    with gateway, pytest.raises(GatewayError, match="reset"):
        client.create("openai", "chat/completions", QUERY)


def test_a_dial_that_fails() -> None:
    dials: list[tuple[str, int]] = []

    def dial(host: str, port: int) -> str | None:
        dials.append((host, port))
        return "connection refused" if host == "api.openai.com" else None

    with VirtualGateway(CONFIG, MockProvider([HELLO], dial=dial)) as gateway:
        plan_b = Step("groq", "chat/completions", QUERY, headers={"authorization": "Bearer b"})
        assert gateway.connect().create("openai", "chat/completions", QUERY, fallback=[plan_b]).text == "Hello"
    assert dials == [("api.openai.com", 443), ("api.groq.com", 443)]


def test_the_function_of_a_provider_is_asked_each_time() -> None:
    def count(request: MockRequest) -> MockResponse:
        return MockResponse.json({"request": len(provider.requests)})

    provider = MockProvider(count)
    with VirtualGateway(CONFIG, provider) as gateway:
        client = gateway.connect()
        bodies = [client.create("openai", "models", method="GET").body for _ in range(3)]
    assert [body.json() for body in bodies if body] == [{"request": 1}, {"request": 2}, {"request": 3}]


def test_what_the_function_raises_is_raised_in_the_test() -> None:
    def strict(request: MockRequest) -> MockResponse:
        raise AssertionError("not this request")

    gateway = VirtualGateway(CONFIG, MockProvider(strict))
    with pytest.raises(AssertionError, match="not this"):
        gateway.connect().create("openai", "chat/completions", QUERY)


def test_a_script_that_is_too_short() -> None:
    _, client = answering()
    with pytest.raises(LookupError, match=r"0 responses, none is left for MockRequest\(POST https://api\.openai"):
        client.create("openai", "chat/completions", QUERY)


def test_leaving_a_stream_leaves_the_body() -> None:
    left: list[str] = []

    def body() -> Iterator[bytes | Wait]:
        try:
            while True:
                yield b"data: " + json.dumps(delta("x")).encode() + b"\n\n"
                yield Wait(1)
        finally:
            left.append("left")

    gateway, client = answering(MockResponse(200, body(), {"content-type": "text/event-stream"}))
    with gateway:
        with client.stream("openai", "chat/completions", QUERY) as stream:
            for _ in range(3):
                next(iter(stream))
            assert left == []
        assert left == ["left"]
        assert [event.how for event in gateway.events if isinstance(event, ExchangeEnded)] == ["cancelled"]


def test_cancel_is_an_end_and_no_failure() -> None:
    gateway, client = answering(MockResponse.sse(delta("Hel"), Wait(inf)))
    with gateway, client.stream("openai", "chat/completions", QUERY) as stream:
        stream.cancel()
        assert [item.text for item in stream if isinstance(item, TextDelta)] == ["Hel"]
        assert gateway.now == 0.0
        assert stream.is_cancelled


def test_a_client_that_never_reads_is_given_up() -> None:
    gateway, client = answering(HELLO)
    client.reads = False
    with gateway, client.stream("openai", "chat/completions", QUERY) as stream:
        with pytest.raises(ConnectionLost):
            list(stream)
        assert gateway.now == 60.0  # write_stall_s


def test_a_client_that_does_not_read_holds_its_provider_back() -> None:
    taken = 0

    def body() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b"data: " + json.dumps(delta("x" * 10_000)).encode() + b"\n\n"

    limits = Limits(buffered_response_bytes_per_connection=1 << 20)
    gateway, client = answering(
        MockResponse(200, body(), {"content-type": "text/event-stream"}), config=Config(limits=limits)
    )
    client.reads = False
    with client.stream("openai", "chat/completions", QUERY, headers={"authorization": "Bearer k"}) as stream:
        assert 10 < taken < 500
        client.reads = True
        gateway.settle()
        assert sum(isinstance(item, TextDelta) for item in stream) == 1000


def test_a_client_that_is_held_back_sends_nothing() -> None:
    gateway, client = answering(HELLO)
    client.on_effect(PauseReading(ConnId(1)))
    with gateway, client.stream("openai", "chat/completions", QUERY) as stream:
        assert client.messages == []
        client.on_effect(ResumeReading(ConnId(1)))
        assert sum(isinstance(item, TextDelta) for item in stream) == 2


def test_a_chunk_larger_than_one_read() -> None:
    gateway, client = answering(MockResponse.json({"text": "x" * 200_000}))
    with gateway:
        response = client.create("openai", "models", method="GET")
    assert response.body is not None
    assert len(response.body.data()) == 200_011


def test_a_response_without_keep_alive() -> None:
    closing = MockResponse(200, b'{"ok":1}', {"content-type": "application/json", "connection": "close"})
    gateway, client = answering(closing, closing)
    with gateway:
        for _ in range(2):
            response = client.create("openai", "models", method="GET")
            assert response.body is not None
            assert response.body.json() == {"ok": 1}


def test_tokens_and_questions() -> None:
    def answer(question: Question) -> Answer:
        assert isinstance(question, Authenticate)
        return Authenticated(question.token is not None and question.token.reveal() == "right", "alice")

    config = Config(gateways={"acme/prod": GatewaySettings(authentication=True)})
    gateway = VirtualGateway(config, MockProvider([]), answer=answer)
    with pytest.raises(NotConnected) as told:
        gateway.connect("/v1/acme/prod", token="wrong")
    assert told.value.status == 401
    with pytest.raises(NotConnected, match="refused"):
        gateway.connect("/nothing")
    client = gateway.connect("/v1/acme/prod", token=Secret("right"), headers={"x-more": "1"})
    opened = [event for event in gateway.events if isinstance(event, SessionOpened)]
    assert [event.principal for event in opened] == ["alice"]
    client.close()
    assert client.closed == (1000, "")


def test_a_question_that_nobody_answers() -> None:
    gateway = VirtualGateway(Config(gateways={"acme/prod": GatewaySettings(authentication=True)}), MockProvider([]))
    with pytest.raises(NotConnected) as told:
        gateway.connect("/v1/acme/prod", token="any")
    assert told.value.status in (401, 503)


def test_messages_of_ones_own() -> None:
    _, client = answering()
    client.send("no JSON")
    client.send('{"type":"universal.ping"}')
    kinds = [json.loads(text)["type"] for who, text in client.messages if who == "gateway"]
    assert kinds == ["universal.error", "universal.pong"]


def test_a_drain_ends_its_clients() -> None:
    gateway, client = answering(HELLO)
    with client.stream("openai", "chat/completions", QUERY) as stream:
        gateway.call(gateway.gateway.drain)
        assert [item.text for item in stream if isinstance(item, TextDelta)] == ["Hel", "lo"]
    gateway.advance(60)
    assert client.closed is not None
    assert client.closed[0] == 1001
    with pytest.raises(ConnectionLost):
        client.create("openai", "chat/completions", QUERY)
    assert not any(gateway.gateway.snapshot().values())


def test_a_stream_is_entered_first() -> None:
    _, client = answering()
    with pytest.raises(RuntimeError, match="enter the stream"):
        client.stream("openai", "models").metadata  # noqa: B018


def test_a_client_of_responses_talks_in_raw_messages() -> None:
    whole = {"id": "resp_1", "object": "response", "status": "completed", "output": []}
    with VirtualGateway(CONFIG, MockProvider([MockResponse.json(whole)])) as gateway:
        client = gateway.connect("/v1/local/default/openai/responses")
        client.send(json.dumps({"type": "response.create", "stream_id": "a", "model": "gpt-5-mini", "input": "Hi"}))
        told = [json.loads(text) for who, text in client.messages if who == "gateway"]
        assert [message["type"] for message in told] == [
            "response.created",
            "response.in_progress",
            "response.completed",
        ]
        assert {message["stream_id"] for message in told} == {"a"}
        gateway.advance(3600)
        assert client.closed == (1000, "the longest time of such a connection is over")
