"""The client of a gateway: against a whole gateway on real sockets, and against servers that misbehave."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute
from tests.peers.server_handshake import accept_upgrade
from tests.rigs.client_runs import ask_side_by_side
from tests.rigs.live_gateway import LiveGateway, chat, live_gateway

from aigw_drivers.client import (
    Client,
    ConnectionLost,
    Content,
    GatewayError,
    NotConnected,
    ProviderError,
    Step,
    link,
    liveness,
)
from aigw_drivers.client.protocol import ClientProtocol
from aigw_sansio import ResponseFinished, Side, TextDelta
from aigw_sansio.wires.websocket.frames import FIN, Opcode, Role, encode_frame
from aigw_sansio.wires.websocket.messages import CloseReceived, TextMessage, WebSocketWire

pytestmark = pytest.mark.anyio
CHAT = ("loopback", "chat/completions")
PATIENCE_S = 120
BIG = 32 * 1024 * 1024


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def world(**settings: str) -> AsyncIterator[LiveGateway]:
    with anyio.fail_after(PATIENCE_S):
        async with live_gateway(token=settings.get("token")) as gateway:
            yield gateway


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  what it waits for tells nobody
        await anyio.sleep(0.01)


# -- with a gateway -----------------------------------------------------------------------------------------------


async def test_a_stream_gives_events_and_then_what_it_cost() -> None:
    async with world() as gateway, Client(gateway.url) as client:
        query = chat(chunks=3) | {"stream_options": {"include_usage": True}}
        async with client.stream(*CHAT, query) as stream:
            events = [event async for event in stream]
            assert [event async for event in stream] == []  # the end stays the end
        texts = [event.text for event in events if isinstance(event, TextDelta)]
        assert len(texts) == 3
        assert isinstance(events[-1], ResponseFinished) or events[-1].__class__.__name__ == "UsageReported"
        assert stream.metadata.usage is not None
        assert stream.metadata.usage.output_tokens
        assert (stream.metadata.status, stream.metadata.finish_reason, stream.response) == (200, "stop", None)


async def test_an_item_that_is_taken_wakes_no_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    next_message = ClientProtocol.next_message

    def counted(self: ClientProtocol) -> str | None:
        nonlocal looked
        looked += 1
        return next_message(self)

    monkeypatch.setattr(ClientProtocol, "next_message", counted)
    async with world() as gateway, Client(gateway.url) as client:
        async with client.stream(*CHAT, chat(chunks=200)) as stream:
            texts = [event async for event in stream if isinstance(event, TextDelta)]
        assert len(texts) == 200
    assert looked < 20


@pytest.mark.parametrize("streamed", [True, False])
async def test_every_mode_gives_what_it_says(streamed: bool) -> None:
    async with world() as gateway, Client(gateway.url) as client:
        query = chat(stream=streamed, chunks=2)
        async with client.stream(*CHAT, query) as stream:
            events = [event async for event in stream]
        async with client.stream(*CHAT, query, mode="raw") as raw:
            chunks = [chunk async for chunk in raw]
        async with client.stream(*CHAT, query, mode="both") as both:
            items = [item async for item in both]
        assert not any(isinstance(event, Content) for event in events)
        assert all(isinstance(chunk, Content) for chunk in chunks)
        assert (stream.response is None) is streamed
        if not streamed:
            assert chunks == [raw.response]  # the whole of it is its only chunk
        whole = await client.create(*CHAT, query)
        assert len(items) == len(events) + len(chunks)
        assert whole.text == "".join(event.text for event in events if isinstance(event, TextDelta))
        assert (whole.body is None, len(whole.chunks)) == ((True, len(chunks)) if streamed else (False, 0))


async def test_many_exchanges_share_one_socket() -> None:
    async with world() as gateway, Client(gateway.url) as client:
        await ask_side_by_side(client)
        assert gateway.sockets == 1


async def test_leaving_a_stream_cancels_the_providers_call() -> None:
    async with world() as gateway, Client(gateway.url) as client:
        async with client.stream(*CHAT, chat(chunks=1000, chunk_delay_ms=60)) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        await until(lambda: bool(gateway.ended))
        assert (gateway.ended[0].how, gateway.ended[0].by) == ("cancelled", Side.CLIENT)
        await client.create(*CHAT, chat())
        assert gateway.sockets == 1


async def test_a_cancelled_call_cancels_its_exchange() -> None:
    async with world() as gateway, Client(gateway.url) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.create, *CHAT, chat(delay_ms=3_600_000))
            await until(lambda: any(type(event).__name__ == "AttemptStarted" for event in gateway.events))
            tasks.cancel_scope.cancel()
        await until(lambda: bool(gateway.ended))
        assert gateway.ended[0].how == "cancelled"


async def test_cancel_is_an_end_and_no_failure() -> None:
    async with world() as gateway, Client(gateway.url) as client:
        async with client.stream(*CHAT, chat(chunks=1000, chunk_delay_ms=60), mode="raw") as stream:
            seen = 0
            async for _ in stream:
                seen += 1
                stream.cancel()
        assert stream.is_cancelled
        assert 1 <= seen < 1000


async def test_steps_are_tried_in_their_order() -> None:
    async with world() as gateway, Client(gateway.url) as client:
        fallback = [Step(*CHAT, chat(status=503)), Step(*CHAT, chat(chunks=2))]
        response = await client.create(*CHAT, chat(status=500), fallback=fallback)
        assert (response.metadata.step, response.metadata.attempts) == ("2", 3)
        with pytest.raises(ProviderError) as caught:
            await client.create(*CHAT, chat(status=500), fallback=fallback[:1])
        assert (caught.value.status, caught.value.attempts) == (503, 2)
        assert caught.value.body is not None
        assert "error" in caught.value.body.text()


async def test_what_comes_before_a_failure_is_given_first() -> None:
    async with world() as gateway, Client(gateway.url) as client:
        texts = []
        with pytest.raises(GatewayError) as caught:
            async with client.stream(*CHAT, chat(chunks=9, break_after_chunks=2, how="reset")) as stream:
                async for event in stream:
                    if isinstance(event, TextDelta):
                        texts.append(event.text)
        assert len(texts) == 2
        assert (caught.value.code, caught.value.attempts) == (2005, 1)
        assert caught.value.kind
        with pytest.raises(GatewayError) as refused:
            await client.create("no-such-provider", "x")
        assert (refused.value.code, refused.value.status, refused.value.attempts) == (2008, 400, 0)


async def test_a_token_opens_the_socket_and_a_wrong_one_says_so() -> None:
    async with world(token="right") as gateway:
        async with Client(gateway.url, token="right") as client:
            await client.create(*CHAT, chat())
        with pytest.raises(NotConnected) as caught:
            async with Client(gateway.url, token="wrong"):
                pytest.fail("it let us in")
        assert caught.value.status == 401


async def test_what_is_not_taken_is_held_and_stops_nobody_else() -> None:
    """Reading stops. It goes on for an exchange that has nothing, and then stops again."""
    sizes: list[int] = []
    async with (
        world() as gateway,
        Client(gateway.url, on_message=lambda way, text: None if way == "sent" else sizes.append(len(text))) as client,
    ):
        async with client.stream(*CHAT, chat(chunks=40, chunk_bytes=1_000_000), mode="raw") as stream:
            await until(lambda: sum(sizes) > 1_048_576)
            held = len(sizes)
            for _ in range(3):
                await client.create(*CHAT, chat(stream=False))
            assert held <= 4
            assert sum(sizes) < 40_000_000
            assert len([chunk async for chunk in stream]) >= 40
        assert gateway.sockets == 1


async def test_in_a_drain_what_runs_finishes_and_what_is_new_needs_another_socket() -> None:
    heard: list[str] = []
    async with (
        world() as gateway,
        Client(gateway.url, on_message=lambda way, text: heard.append(text)) as client,
        anyio.create_task_group() as tasks,
    ):
        async with client.stream(*CHAT, chat(chunks=40, chunk_delay_ms=20), mode="raw") as stream:
            chunks = await stream.take(1)
            tasks.start_soon(gateway.running.drain)
            await until(lambda: any("universal.going_away" in text for text in heard))
            with pytest.raises(NotConnected):
                await client.create(*CHAT, chat())
            chunks += [chunk async for chunk in stream]
        assert len(chunks) >= 40
        assert stream.metadata.finish_reason == "stop"
        assert sum('"universal.create"' in text for text in heard) == 1


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    async with world() as gateway:
        with pytest.raises(KeyError, match="mine"):
            async with Client(gateway.url) as client, client.stream(*CHAT, chat(delay_ms=3_600_000)):
                raise KeyError("mine")
        with anyio.CancelScope() as scope:
            async with Client(gateway.url) as client:
                scope.cancel()
                await client.create(*CHAT, chat())
        assert scope.cancelled_caught


async def test_a_client_that_is_closed_ends_the_waits_of_other_tasks() -> None:
    async with world() as gateway, anyio.create_task_group() as tasks:
        waits = anyio.Event()

        async def wait(client: Client) -> None:
            with pytest.raises(ConnectionLost):
                async with client.stream(*CHAT, chat(delay_ms=3_600_000)) as stream:
                    waits.set()
                    await stream.take(1)

        async with Client(gateway.url) as client:
            tasks.start_soon(wait, client)
            await waits.wait()
        with pytest.raises(NotConnected, match="closed"):
            await client.create(*CHAT, chat())


async def test_mistakes_of_the_caller() -> None:
    for url in ("http://127.0.0.1/v1/a/b", "ws:///v1", "127.0.0.1"):
        with pytest.raises(ValueError, match="ws://HOST"):
            Client(url)
    async with world() as gateway:
        client = Client(gateway.url)
        with pytest.raises(RuntimeError, match="enter"):
            await client.create(*CHAT)
        async with client:
            with pytest.raises(RuntimeError, match="once"):
                await client.__aenter__()
            stream = client.stream(*CHAT, chat(chunk_delay_ms=3_600_000), event_id="a")
            with pytest.raises(RuntimeError, match="enter"):
                await stream.take(1)
            async with stream:
                with pytest.raises(ValueError, match="still running"):
                    await client.create(*CHAT, event_id="a")
                with pytest.raises(RuntimeError, match="once"):
                    await stream.__aenter__()
            with pytest.raises(ValueError, match="0 characters"):
                await client.create(*CHAT, event_id="")


async def test_nobody_there_is_said_at_once() -> None:
    with pytest.raises(NotConnected, match="cannot be reached") as caught:
        async with Client("ws://127.0.0.1:9/v1/local/default"):
            pytest.fail("there was somebody")
    assert caught.value.status == 0
    assert isinstance(caught.value.__cause__, OSError)


# -- with servers that misbehave ----------------------------------------------------------------------------------


class Peer:
    """One socket, seen by a server that is a script."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self._wire = WebSocketWire(Role.SERVER, message_limit=BIG * 2)
        self._events: list[object] = []

    async def next(self) -> dict[str, object] | None:
        """The next message, ``None`` at the end."""
        while True:
            while self._events:
                event = self._events.pop(0)
                if isinstance(event, TextMessage):
                    message: dict[str, object] = json.loads(event.data)
                    return message
                if isinstance(event, CloseReceived):
                    return None
            try:
                self._events += self._wire.receive_data(await self.stream.receive())
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return None

    async def say(self, kind: str, event_id: object, **more: object) -> None:
        message = {"type": f"universal.{kind}", "metadata": {"eventId": event_id}, **more}
        await self.stream.send(encode_frame(FIN | Opcode.TEXT, json.dumps(message).encode()))

    async def close(self, code: int) -> None:
        await self.stream.send(encode_frame(FIN | Opcode.CLOSE, code.to_bytes(2)))


@asynccontextmanager
async def server(*scripts: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[str]:
    """A server that plays one script for each socket, and the URL of it."""
    left = list(scripts)

    async def serve(stream: ByteStream) -> None:
        async with stream:
            await accept_upgrade(stream)
            await left.pop(0)(Peer(stream))

    with anyio.fail_after(PATIENCE_S):
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, serve)
            yield f"ws://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1/a/b"
            tasks.cancel_scope.cancel()
    assert left == []


async def answer_all(peer: Peer) -> None:
    while (message := await peer.next()) is not None:
        if message["type"] == "universal.create":
            await peer.say("created", message["eventId"], response="fine")


@pytest.mark.parametrize("how", ["close", "break"])
async def test_what_was_sent_is_not_sent_again(how: str) -> None:
    seen: list[object] = []

    async def ends_after_a_request(peer: Peer) -> None:
        seen.append(await peer.next())
        if how == "close":
            await peer.close(1013)
            await peer.next()

    async with server(ends_after_a_request, answer_all) as url, Client(url) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.create("a", "b")
        assert caught.value.code == (1013 if how == "close" else 1006)
        assert len(seen) == 1
        response = await client.create("a", "c")  # on the second socket, which sees nothing of the first
        assert response.body == Content(b'"fine"')


async def test_what_could_not_be_sent_goes_out_on_the_next_socket() -> None:
    """The first request is stuck on its way; the second waits behind it when the socket ends."""
    ending = anyio.Event()

    async def reads_nothing(peer: Peer) -> None:
        await ending.wait()

    async with server(reads_nothing, answer_all) as url, Client(url) as client:
        outcome: list[object] = []

        async def stuck() -> None:
            with pytest.raises(ConnectionLost):
                await client.create("a", "b", "x" * BIG)
            outcome.append("lost")

        async def behind() -> None:
            outcome.append(await client.create("a", "b"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stuck)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(behind)
            await anyio.wait_all_tasks_blocked()
            ending.set()
        assert len(outcome) == 2
        assert "lost" in outcome


async def test_a_socket_that_the_gateway_closed_is_not_used() -> None:
    async def closes(peer: Peer) -> None:
        await peer.close(1001)
        await peer.next()

    async with server(closes, answer_all) as url, Client(url) as client:
        await until(lambda: client._link is not None and not client._link.is_usable)
        assert (await client.create("a", "b")).body == Content(b'"fine"')


async def test_a_close_that_meets_a_request_loses_it_or_sends_it_elsewhere() -> None:
    async def closes(peer: Peer) -> None:
        await peer.close(1001)
        await peer.next()

    async with server(*[closes] * 40, answer_all) as url, Client(url) as client:
        for _ in range(200):
            try:
                response = await client.create("a", "b")
            except (ConnectionLost, NotConnected):
                continue
            assert response.body == Content(b'"fine"')
            break
        else:
            pytest.fail("it never came to the last socket")


async def test_a_caller_that_is_cancelled_leaves_no_half_message() -> None:
    """Another task writes, and it goes on: the socket stays good for the others."""
    reading = anyio.Event()

    async def reads_late(peer: Peer) -> None:
        await reading.wait()
        await answer_all(peer)

    async with server(reads_late) as url, Client(url) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.create, "a", "b", "x" * BIG)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        reading.set()
        assert (await client.create("a", "b")).body == Content(b'"fine"')


async def test_a_client_leaves_in_order() -> None:
    heard: list[object] = []

    async def listens(peer: Peer) -> None:
        while True:
            events = peer._wire.receive_data(await peer.stream.receive())
            heard.extend(events)
            if any(isinstance(event, CloseReceived) for event in events):
                await peer.close(1000)
                return

    async with server(listens) as url:
        async with Client(url):
            pass
        await until(lambda: bool(heard))
    assert heard == [CloseReceived(1000, "")]


async def test_silence_is_asked_about_and_then_ends_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "CHECK_EVERY_S", 0.01)
    monkeypatch.setattr(liveness, "PING_AFTER_S", 0.0)
    monkeypatch.setattr(liveness, "PONG_S", 0.05)
    seen: list[dict[str, object] | None] = []

    async def says_nothing(peer: Peer) -> None:
        while (message := await peer.next()) is not None:
            seen.append(message)

    async with server(says_nothing) as url, Client(url) as client:
        with pytest.raises(ConnectionLost, match="sign of life"):
            await client.create("a", "b")
    assert [message and message["type"] for message in seen] == ["universal.create", "universal.ping"]


@pytest.mark.parametrize(
    "foreign",
    [
        encode_frame(FIN | Opcode.TEXT, b'{"type":"error","status":400,"error":{}}'),
        encode_frame(FIN | Opcode.TEXT, b'{"hello":1}'),
        encode_frame(FIN | Opcode.BINARY, b"\xff"),
    ],
)
@pytest.mark.parametrize("resume", [False, True])
async def test_a_message_of_another_protocol_ends_what_runs(foreign: bytes, *, resume: bool) -> None:
    async def speaks_another(peer: Peer) -> None:
        await peer.next()
        await peer.stream.send(foreign)
        assert await peer.next() is None

    async with server(speaks_another, answer_all) as url, Client(url, resume=resume) as client:
        with pytest.raises(ConnectionLost, match="another protocol"):
            await client.create("a", "b")
        await client.create("a", "b")


async def test_an_error_of_no_exchange_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def babbles(peer: Peer) -> None:
        await peer.say("error", None, error={"code": 2006, "message": "what\x1b[2J?"})
        await answer_all(peer)

    async with server(babbles) as url, Client(url) as client:
        await client.create("a", "b")
    told = [record.getMessage() for record in caplog.records if record.name == "aigw.client"]
    assert len(told) == 1
    assert "\x1b" not in told[0]
    assert "what" in told[0]
