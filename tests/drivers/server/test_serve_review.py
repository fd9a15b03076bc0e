"""Reviews through a driver: over sockets on every loop, in the process of the gateway, with handlers good and bad."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
from tests.rigs.live_gateway import chat
from tests.rigs.realtime_gateway import HOSTS, Host, end_of

from aigw_drivers import (
    AnswerHandler,
    LocalClient,
    LoopbackProvider,
    ServerSettings,
    Settings,
    SyncLocalClient,
    running,
)
from aigw_drivers.client import Client, GatewayError, connect
from aigw_sansio import (
    Admitted,
    Answer,
    Config,
    GatewaySettings,
    Passage,
    ProviderSettings,
    Question,
    Released,
    Review,
    Stopped,
    TextDelta,
    Timeouts,
)

CHAT = ("loopback", "chat/completions")
QUERY = chat(chunks=5)


def config_of(provider: LoopbackProvider, answer: AnswerHandler | None) -> Config:
    own = ProviderSettings(base_url=f"{provider.base_url}/v1", realtime_url=provider.base_url.replace("http", "ws", 1))
    return Config(
        gateways={"local/default": GatewaySettings(ask=("review",), review_chunks=2)},
        providers={"loopback": own},
        # a busy machine may keep an answer back for long
        timeouts=Timeouts(review_s=0.5 if answer is never else 60.0),
    )


async def louder(question: Question) -> Answer:
    assert isinstance(question, Review)
    await anyio.lowlevel.checkpoint()
    return Released(tuple(passage.text.upper() for passage in question.passages))


async def stops(question: Question) -> Answer:
    return Stopped()


async def raises(question: Question) -> Answer:
    raise LookupError("no")


async def answers_something_else(question: Question) -> Answer:
    return Admitted()


async def never(question: Question) -> Answer:
    await anyio.sleep(3600)
    return Released()


#: How a handler ends a response: code and whether the same request may succeed.
ENDS = [(stops, 2017), (raises, 7013), (answers_something_else, 7013), (never, 7013), (None, 7013)]


@asynccontextmanager
async def gateway_url(host: Host, answer: AnswerHandler | None) -> AsyncIterator[str]:
    with anyio.fail_after(120):
        async with LoopbackProvider.start() as provider:
            settings = Settings(config=config_of(provider, answer), server=ServerSettings(port=0))
            async with running(settings, answer=answer) as gateway:
                yield f"{gateway.url}/v1/local/default"


@pytest.mark.parametrize("name", HOSTS)
def test_a_stream_and_a_realtime_session_over_sockets(name: str) -> None:
    host = HOSTS[name]

    async def main() -> None:
        async with gateway_url(host, louder) as url:
            async with Client(url) as client:
                whole = await client.create(*CHAT, chat(stream=False))
                assert whole.text
                assert whole.text == whole.text.upper()
                async with client.stream(*CHAT, QUERY) as stream:
                    text = "".join([event.text async for event in stream if isinstance(event, TextDelta)])
                assert text
                assert text == text.upper()
            async with connect(f"{url}/loopback/realtime") as socket:
                assert json.loads(await socket.receive())["type"] == "session.created"
                item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
                await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
                await socket.send('{"type":"response.create","response":{"output_modalities":["text"]}}')
                said = ""
                while (message := json.loads(await socket.receive()))["type"] != "response.done":
                    if message["type"].endswith(".delta"):
                        said += message["delta"]
                assert said
                assert said == said.upper()
                assert said in json.dumps(message)

    anyio.run(main, backend=host.backend, backend_options=host.options)


@pytest.mark.parametrize(("answer", "code"), ENDS, ids=["stops", "raises", "something else", "never", "nobody"])
@pytest.mark.parametrize("name", ["asyncio", "trio"])
def test_it_fails_closed(name: str, answer: AnswerHandler | None, code: int) -> None:
    host = HOSTS[name]

    async def main() -> None:
        async with gateway_url(host, answer) as url:
            async with Client(url) as client:
                with pytest.raises(GatewayError) as told:
                    await client.create(*CHAT, QUERY)
                assert told.value.code == code
            async with connect(f"{url}/loopback/realtime") as socket:
                # The first message has words: they are reviewed, too.
                assert (await end_of(socket)).code == (1008 if code == 2017 else 1013)

    anyio.run(main, backend=host.backend, backend_options=host.options)


def test_in_the_process_of_the_gateway() -> None:
    async def main() -> None:
        async with LoopbackProvider.start() as provider:
            config = config_of(provider, louder)
            async with LocalClient(config, answer=louder) as client:
                text = (await client.create(*CHAT, QUERY)).text
                assert text
                assert text == text.upper()
            async with LocalClient(config, answer=stops) as client:
                with pytest.raises(GatewayError, match="stopped by a review"):
                    await client.create(*CHAT, QUERY)
            with pytest.raises(GatewayError, match="2017"):
                await anyio.to_thread.run_sync(_ask_in_a_thread, config)

    anyio.run(main)


def _ask_in_a_thread(config: Config) -> None:
    with SyncLocalClient(config, answer=stops) as client:
        client.create(*CHAT, QUERY)


def test_a_handler_sees_the_words_of_the_provider() -> None:
    seen: list[Passage] = []

    async def look(question: Question) -> Answer:
        assert isinstance(question, Review)
        seen.extend(question.passages)
        return Released()

    async def main() -> None:
        async with (
            LoopbackProvider.start() as provider,
            LocalClient(config_of(provider, look), answer=look) as client,
        ):
            assert (await client.create(*CHAT, QUERY)).text == "".join(passage.text for passage in seen)

    anyio.run(main)
