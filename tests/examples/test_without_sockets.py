"""A library on top of the client, and its tests without sockets, network and waiting.

:class:`Summaries` is code that a user would write. It asks whatever client it is given: in production a
:class:`aigw_drivers.client.SyncClient`, in tests one of a virtual gateway, whose provider is a function or a script.
"""

from typing import Protocol, Unpack

from aigw_drivers.client import GatewayError, Options, Response
from aigw_drivers.testing import MockProvider, MockRequest, MockResponse, VirtualGateway, Wait
from aigw_sansio import Config, ProviderSettings, Secret

CONFIG = Config(providers={"openai": ProviderSettings(api_key=Secret("a-key"))})


class Asks(Protocol):
    """What the library needs of a client."""

    def create(self, provider: str, endpoint: str, query: object = None, /, **options: Unpack[Options]) -> Response: ...


class Summaries:
    """Summaries of texts. Each takes at most half a minute, and says so if there is none."""

    def __init__(self, client: Asks) -> None:
        self._client = client

    def of(self, text: str) -> str:
        messages = [{"role": "system", "content": "Summarise."}, {"role": "user", "content": text}]
        query = {"model": "gpt-5-mini", "messages": messages}
        try:
            return self._client.create("openai", "chat/completions", query, config={"totalTimeout": 30_000}).text
        except GatewayError as error:
            return f"(no summary: {error.status})"


def completion(text: str) -> MockResponse:
    """A response of the provider."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return MockResponse.json({"object": "chat.completion", "choices": [choice]})


def test_a_summary_is_asked_for() -> None:
    def provider(request: MockRequest) -> MockResponse:
        assert request.header("authorization") == "Bearer a-key"
        assert b"a long story" in request.body
        return completion("short")

    with VirtualGateway(CONFIG, MockProvider(provider)) as gateway:
        assert Summaries(gateway.connect()).of("a long story") == "short"


def test_a_provider_that_hangs_costs_half_a_minute_and_no_time() -> None:
    hangs = MockResponse(200, [Wait(3600)], {"content-type": "application/json"})
    with VirtualGateway(CONFIG, MockProvider([hangs, completion("short")])) as gateway:
        summaries = Summaries(gateway.connect())
        assert summaries.of("a long story") == "(no summary: 504)"
        assert gateway.now == 30.0
        assert summaries.of("a long story") == "short"


def test_a_busy_provider_is_asked_again() -> None:
    with VirtualGateway(CONFIG, MockProvider([MockResponse(503), completion("short")])) as gateway:
        response = gateway.connect().create("openai", "chat/completions", {}, config={"maxAttempts": 2})
        assert response.text == "short"
        assert response.metadata.attempts == 2
