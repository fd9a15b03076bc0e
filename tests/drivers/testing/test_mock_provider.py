"""A mock provider under real drivers: their clients have sockets, it has none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from tests.rigs.asgi_harness import Served, websocket_scope

from aigw_drivers import ServerSettings, Settings, running
from aigw_drivers.asgi import GatewayApp
from aigw_drivers.client import Client, GatewayError
from aigw_drivers.conformance import ToyEngine
from aigw_drivers.testing import Break, MockProvider, MockRequest, MockResponse, Wait
from aigw_sansio import Config, Connect, ConnId, Continue, Flush, Gateway, ProviderSettings, Secret, TextDelta
from aigw_sansio.testing import frame, handshake

pytestmark = pytest.mark.anyio
CONFIG = Config(providers={"openai": ProviderSettings(api_key=Secret("sk"))})
QUERY = {"stream": True, "messages": []}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def deltas(*texts: str) -> list[object]:
    return [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]


@asynccontextmanager
async def client_of(provider: MockProvider) -> AsyncIterator[Client]:
    settings = Settings(config=CONFIG, server=ServerSettings(port=0))
    async with (
        running(settings, wrap=provider.over) as gateway,
        Client(f"{gateway.url}/v1/local/default") as client,
    ):
        yield client


async def test_it_answers_in_the_time_of_the_driver() -> None:
    first, second = deltas("Hel", "lo")
    provider = MockProvider(lambda request: MockResponse.sse(first, Wait(0.01), second, "[DONE]"))
    async with client_of(provider) as client, anyio.create_task_group() as tasks:

        async def ask() -> None:
            async with client.stream("openai", "chat/completions", QUERY) as stream:
                assert [item.text async for item in stream if isinstance(item, TextDelta)] == ["Hel", "lo"]

        for _ in range(20):
            tasks.start_soon(ask)
    assert len(provider.requests) == 20


async def test_neither_side_of_an_application_has_sockets() -> None:
    app = GatewayApp(CONFIG, wrap=MockProvider([MockResponse.json({"ok": 1})]).over)
    async with app.running(), anyio.create_task_group() as tasks:
        served = Served(app, websocket_scope()).start(tasks)
        step = '{"eventId":"1","provider":"openai","endpoint":"models","headers":{},"query":{}}'
        served.text(f'{{"type":"universal.create","request":{step}}}')
        _, message = await served.until(2)
        assert '"response":{"ok":1}' in message["text"]
        served.say({"type": "websocket.disconnect", "code": 1000})


async def test_what_it_raises_ends_the_exchange_and_then_the_test() -> None:
    def strict(request: MockRequest) -> MockResponse:
        raise LookupError("nobody asks for this")

    with pytest.raises(LookupError, match="nobody asks"), MockProvider(strict) as provider:
        async with client_of(provider) as client:
            with pytest.raises(GatewayError, match="the mock provider raised LookupError"):
                await client.create("openai", "chat/completions", QUERY)


async def test_others_are_served_beside_a_response_without_end() -> None:
    def endless(request: MockRequest) -> MockResponse:
        if request.method == "GET":
            return MockResponse.json({"ok": 1})
        body = (b"data: %d\n\n" % number for number in range(1 << 60))
        return MockResponse(200, body, {"content-type": "text/event-stream"})

    async with client_of(MockProvider(endless)) as client:
        async with client.stream("openai", "chat/completions", QUERY, mode="raw") as stream:
            assert (await client.create("openai", "models", method="GET")).body is not None
            async for _ in stream:
                break
        assert (await client.create("openai", "models", method="GET")).body is not None


async def test_an_error_of_the_block_comes_before_that_of_the_provider() -> None:
    with pytest.raises(KeyError), MockProvider([]) as provider:
        provider.errors.append(ValueError())
        raise KeyError


def test_an_effect_that_is_another_connections_goes_on() -> None:
    """The driver gets effects for clients, none for providers, and one ``Continue`` for each ``proceed``."""
    gateway = Gateway(CONFIG, b"sixteen bytes or more", 0.0)
    engine = MockProvider([MockResponse(200, [b"a", Break("gone")])]).over(gateway)
    conn = engine.open_downstream("192.0.2.1:1", None, 0.0)
    engine.receive_data(conn, handshake("/v1/local/default"), 0.0)
    assert Flush(conn) in engine.effects()
    engine.data_sent(conn, len(engine.data_to_send(conn)), 0.0)
    step = b'{"eventId":"1","provider":"openai","endpoint":"models","query":{}}'
    message = b'{"type":"universal.create","request":%b}' % step
    engine.receive_data(conn, frame(0x81, message, masked=True), 0.0)
    effects = engine.effects()
    assert Continue() in effects
    assert not any(isinstance(effect, Connect) for effect in effects)
    assert Continue() not in engine.effects()
    for _ in range(10):
        engine.proceed(0.0)
        assert not any(isinstance(effect, Flush) and effect.conn == ConnId(2) for effect in engine.effects())
    data = engine.data_to_send(conn)
    assert b"gone" in data


class Asking(ToyEngine):
    """Dials at once and asks; it notes every breach of the contract."""

    ends = False

    def on_connected(self, conn: ConnId) -> None:
        self.send(conn, b"GET /v1/models HTTP/1.1\r\nHost: a.test\r\n\r\n")
        if self.ends:
            self.close(conn)


def played(engine: Asking, provider: MockProvider) -> Asking:
    """``engine`` with ``provider``, as a driver would drive the two of them."""
    engine.dial(443)
    mocked = provider.over(engine)
    for now in range(10):
        effects = mocked.effects()
        assert all(isinstance(effect, Continue) for effect in effects)
        if effects:
            mocked.proceed(float(now))
    assert engine.breaches == []
    return engine


def test_it_keeps_the_contract_of_a_driver() -> None:
    provider = MockProvider([MockResponse(200, b"ok", {"connection": "close"})])
    engine = played(Asking(), provider)
    assert engine.names(1) == ["connected", "receive_data", "receive_eof"]
    assert [request.url for request in provider.requests] == ["http://a.test/v1/models"]
    broken = played(Asking(), MockProvider([MockResponse(200, [b"a", Break()])]))
    assert broken.names(1) == ["connected", "receive_data", "connection_lost", "closed"]


def test_what_was_sent_before_a_close_arrives() -> None:
    provider = MockProvider([MockResponse()])
    engine = Asking()
    engine.ends = True
    assert played(engine, provider).names(1) == ["connected", "closed"]
    assert len(provider.requests) == 1


def test_work_that_the_engine_has_left_goes_on_once() -> None:
    engine = Asking()
    engine.leave_work()
    played(engine, MockProvider([MockResponse(200, [b"a", b"b", b"c"])]))
    assert len(engine.named("proceed")) == 1
    assert not engine.promised


def test_a_dial_that_fails_is_over() -> None:
    engine = played(Asking(), MockProvider([], dial=lambda host, port: "connection refused"))
    assert engine.names(1) == ["connect_failed", "closed"]
    assert engine.named("connect_failed")[0].value == "connection refused"
