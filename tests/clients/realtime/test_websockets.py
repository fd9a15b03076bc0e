"""The library ``websockets`` as client, compression offered as it does by default."""

import json
import logging

import pytest
from tests.rigs.client_gateway import KEY, TOKEN, world
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from aigw_sansio.events import AudioDelta, ProviderEventRead, ToolCallDelta, ToolCallStarted

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_turn_with_compression_offered() -> None:
    async with world() as w:
        async with connect(f"{w.url}/loopback/realtime?model=m&loopback_chunks=5", proxy=None) as client:
            assert client.request is not None
            assert "permessage-deflate" in client.request.headers["Sec-WebSocket-Extensions"]
            assert json.loads(await client.recv())["type"] == "session.created"
            await client.send(json.dumps({"type": "response.create"}))
            kinds = [json.loads(await client.recv())["type"] for _ in range(20)]
            assert kinds.count("response.output_audio.delta") == 5
            assert kinds[-1] == "response.done"
        assert (await w.seen()).close_code == 1000


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
OPENAI = [
    {"type": "session.update", "session": {"tools": [{"type": "function", "name": "weather", "parameters": SCHEMA}]}},
    {"type": "response.create"},
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": "foggy"}},
    {"type": "response.create"},
]
GEMINI = [
    {"setup": {"tools": [{"functionDeclarations": [{"name": "weather", "parameters": SCHEMA}]}]}},
    {"clientContent": {"turns": [{"parts": [{"text": "Which?"}]}], "turnComplete": True}},
    {"toolResponse": {"functionResponses": [{"name": "weather", "response": {"output": "foggy"}}]}},
]


@pytest.mark.parametrize(
    ("path", "messages", "answers"),
    [
        (
            "realtime",
            OPENAI,
            [b"session.created", b"session.updated", b"response.done", b"item.done", b"response.done"],
        ),
        (
            "ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
            GEMINI,
            [b"setupComplete", b"toolCall", b"turnComplete"],
        ),
    ],
    ids=["openai", "gemini"],
)
async def test_the_tap_tells_of_a_function_call(path: str, messages: list[object], answers: list[bytes]) -> None:
    """Each message is sent when the answer to the one before is complete. What is said of the result is heard too."""
    async with world() as w:
        async with connect(f"{w.url}/loopback/{path}?loopback_chunks=2", proxy=None) as client:

            async def until(word: bytes) -> None:
                while word not in await client.recv(decode=False):
                    pass

            if len(answers) > len(messages):
                await until(answers[0])
            for message, answer in zip(messages, answers[-len(messages) :]):
                await client.send(json.dumps(message))
                await until(answer)
        await w.seen()
    told = [event.event for event in w.events if isinstance(event, ProviderEventRead)]
    [started] = [event for event in told if isinstance(event, ToolCallStarted)]
    assert (started.name, bool(started.id)) == ("weather", True)
    arguments = "".join(event.arguments for event in told if isinstance(event, ToolCallDelta))
    assert list(json.loads(arguments)) == ["city"]
    assert sum(event.size for event in told if isinstance(event, AudioDelta)) == 2 * 5760
    usage = w.ended[0].usage
    assert usage is not None
    assert usage.quality == "final"
    assert usage.output_tokens is not None
    assert usage.output_tokens > 6


async def test_fragments_pings_and_both_opcodes() -> None:
    async with world() as w, connect(f"{w.url}/loopback/echo", proxy=None, max_size=None) as client:
        await client.send(["in ", "three ", "pieces"])
        assert await client.recv() == "in three pieces"
        await (await client.ping(b"here?"))
        for message in (bytes(1_000_000), "é" * 70_000, b"", ""):
            await client.send(message)
            assert await client.recv() == message


async def test_token_and_key_as_subprotocols() -> None:
    offered = [f"cf-aig-authorization.{TOKEN}", f"openai-insecure-api-key.{KEY}", "realtime"]
    async with world(authentication=True) as w:
        url = f"{w.url}/loopback/realtime?loopback_require_key={KEY}"
        async with connect(url, proxy=None, subprotocols=[Subprotocol(item) for item in offered]) as client:
            assert client.subprotocol == "realtime"
            assert json.loads(await client.recv())["type"] == "session.created"
        sent = dict((await w.seen()).headers)["sec-websocket-protocol"]
        assert TOKEN not in sent
        assert w.opened[0].subprotocol == "realtime"
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url, proxy=None, subprotocols=[Subprotocol(item) for item in offered[1:]]):
                pass
        assert refused.value.response.status_code == 401
        assert KEY.encode() not in (refused.value.response.body or b"")


async def test_a_key_that_the_provider_quotes_is_taken_out(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "aigw_drivers")
    async with world() as w:
        query = f"key={KEY}&loopback_close=4000&loopback_close_reason=no+{KEY}"
        async with connect(f"{w.url}/loopback/echo?{query}", proxy=None) as client:
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "no ***")
        with pytest.raises(InvalidStatus) as refused:  # its 404 names the path
            async with connect(f"{w.url}/loopback/{KEY}?key={KEY}", proxy=None):
                pass
        assert refused.value.response.status_code == 404
        assert b"There is no /v1/***." in (refused.value.response.body or b"")
        assert KEY in w.provider.seen[-1].path
        await w.seen()
    assert w.ended[0].reason == "no ***"
    said = capfd.readouterr()
    assert KEY not in f"{w.events} {caplog.text} {said.out} {said.err}"


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 3000, 4999])
async def test_the_providers_code_is_the_clients(code: int) -> None:
    async with world() as w:
        url = f"{w.url}/loopback/echo?loopback_close={code}&loopback_close_reason=so"
        async with connect(url, proxy=None) as client:
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "so")
