"""The example of an own dialect runs as it stands, and its editors get what they should."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import msgspec
import pytest
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream
from tests.examples.own_dialect import Editor, main

from aigw_drivers import LoopbackProvider, ServerSettings, Settings, running
from aigw_sansio import Config, ProviderSettings, Secret

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_editors_get_text_as_it_comes_and_one_response_for_each_call() -> None:
    with anyio.fail_after(120):
        async with LoopbackProvider.start() as provider:
            got = await main(f"{provider.base_url}/v1", "Hello", "And again")
    texts = ["", ""]
    for message in got:
        assert message["jsonrpc"] == "2.0"
        if message.get("method") == "delta":
            params = message["params"]
            assert isinstance(params, dict)
            texts[params["id"]] += params["text"]
    assert all(texts)
    ends = {message["id"]: message["result"] for message in got if "id" in message}
    assert ends == {number: {"cancelled": False, "finish": "stop"} for number in (0, 1)}


@asynccontextmanager
async def editor(path: str) -> AsyncIterator[tuple[SocketStream, BufferedByteReceiveStream]]:
    """An editor's connection to a gateway whose provider has its API at ``path``."""
    async with LoopbackProvider.start() as provider:
        own = ProviderSettings(base_url=f"{provider.base_url}{path}", api_key=Secret("sk-canary"))
        settings = Settings(config=Config(providers={"openai": own}), server=ServerSettings(port=0))
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        async with (
            listener,
            running(settings) as gateway,
            gateway.client() as ai,
            anyio.create_task_group() as tasks,
        ):

            async def accepted(stream: SocketStream) -> None:
                async with stream:
                    await Editor(stream, ai).serve()

            tasks.start_soon(listener.serve, accepted)
            port = listener.extra(SocketAttribute.local_port)
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                yield stream, BufferedByteReceiveStream(stream)
            while gateway.gateway.snapshot()["exchanges"]:  # noqa: ASYNC110  who leaves cancels what runs for it
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"no JSON", -32700),
        (b'{"method": "fly", "id": 7}', -32601),
        (b'{"method": "chat", "id": 7, "params": {"model": "m", "prompt": "Hello"}}', 404),
    ],
)
async def test_what_goes_wrong_is_an_error_of_json_rpc(line: bytes, code: int) -> None:
    with anyio.fail_after(120):
        async with editor("/nowhere") as (stream, lines):
            await stream.send(line + b"\n")
            answer = msgspec.json.decode(await lines.receive_until(b"\n", 65536))
    assert answer["error"]["code"] == code
    assert "canary" not in str(answer)


async def test_who_leaves_cancels_what_runs() -> None:
    call = {"id": 1, "method": "chat", "params": {"model": "m", "prompt": "Hello " * 2000}}
    with anyio.fail_after(120):
        async with editor("/v1") as (stream, lines):
            await stream.send(msgspec.json.encode(call) + b"\n")
            assert b"delta" in await lines.receive_until(b"\n", 65536)
