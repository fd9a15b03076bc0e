"""The whole gateway on real sockets, with a provider and clients that misbehave. Bounded, on loopback.

Every case runs on asyncio, uvloop and trio; what is decided in the core has its transcript too, here it must hold with a
kernel in between.
"""

import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import anyio
import anyio.abc
import pytest
import trustme

from aigw_drivers.client import HandshakeRefused, WebSocketClient, WebSocketClosed, connect
from aigw_drivers.core.tls import client_context, server_context
from aigw_drivers.loopback import LoopbackProvider
from aigw_drivers.server.serve import DriverName, Running, running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, Limits, ProviderSettings, Timeouts
from aigw_sansio.events import Event, ExchangeEnded, SessionEnded

pytestmark = pytest.mark.anyio
PATH = "/v1/local/default"


LOOPS: dict[str, tuple[str, dict[str, bool]]] = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return LOOPS[request.param]


class World:
    """A gateway, its provider and what the gateway said."""

    def __init__(self, gateway: Running, provider: LoopbackProvider, events: list[Event]) -> None:
        self.gateway = gateway
        self.provider = provider
        self.events = events
        self.url = gateway.url + PATH

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the provider has seen enough."""
        with anyio.fail_after(120):
            await self.provider.until(condition)

    def ended(self) -> list[ExchangeEnded]:
        return [event for event in self.events if isinstance(event, ExchangeEnded)]


#: A machine may be so busy that two thousand clients are answered one after the other for minutes.
PATIENT: Final = Timeouts(drain_s=60.0, handshake_s=120.0, ping_after_s=120.0, pong_s=120.0, connect_s=60.0)


@asynccontextmanager
async def world(
    *, limits: Limits | None = None, timeouts: Timeouts | None = None, base_url: str | None = None
) -> AsyncIterator[World]:
    events: list[Event] = []
    async with LoopbackProvider.start() as provider:
        own = ProviderSettings(base_url=base_url or f"{provider.base_url}/v1")
        config = Config(providers={"custom-loop": own}, limits=limits or Limits(), timeouts=timeouts or PATIENT)
        settings = Settings(config=config, server=ServerSettings(port=0))
        with anyio.fail_after(120):
            async with running(settings, on_event=events.append) as gateway:
                yield World(gateway, provider, events)


def create(event_id: str, *, stream: bool = True, config: dict[str, object] | None = None, **loopback: object) -> str:
    query = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}], "loopback": loopback}
    step: dict[str, object] = {
        "eventId": event_id,
        "provider": "custom-loop",
        "endpoint": "chat/completions",
        "query": query,
    }
    if config is not None:
        step["config"] = config
    return json.dumps({"type": "universal.create", "request": step})


async def next_message(client: WebSocketClient) -> dict[str, Any]:
    with anyio.fail_after(120):
        message: dict[str, Any] = json.loads(await client.receive())
    return message


async def until_end(client: WebSocketClient, event_id: str) -> tuple[dict[str, Any], int]:
    """The message that ends an exchange, and how many chunks came before it."""
    chunks = 0
    while True:
        message = await next_message(client)
        if message["metadata"].get("eventId") != event_id:
            continue
        if message["type"] == "universal.stream":
            chunks += 1
        elif message["type"] != "universal.created" or "response" in message:
            return message, chunks


async def test_a_driver_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match="driver is 'protocoll'; allowed are anyio and protocol"):
        async with running(Settings(), driver=cast("DriverName", "protocoll")):
            pass


async def test_a_stream_and_a_whole_answer_over_one_connection() -> None:
    async with world() as w, connect(w.url) as client:
        await client.send(create("a", chunks=5))
        end, chunks = await until_end(client, "a")
        assert end["type"] == "universal.done"
        assert chunks >= 5
        await client.send(create("b", stream=False))
        end, _ = await until_end(client, "b")
        assert end["response"]["object"] == "chat.completion"
        assert [seen.connection for seen in w.provider.seen] == [1, 1]


@pytest.mark.parametrize("split", ["bytes", "odd", 7])
async def test_bytes_split_at_odd_places(split: object) -> None:
    async with world() as w, connect(w.url) as client:
        await client.send(create("a", chunks=3))
        await client.send(create("b", chunks=3, split=split, line_end="crlf"))
        ends = {}
        texts: dict[str, list[object]] = {"a": [], "b": []}
        while len(ends) < 2:
            message = await next_message(client)
            event_id = message["metadata"]["eventId"]
            if message["type"] == "universal.stream":
                texts[event_id].append(message["response"]["choices"])
            elif message["type"] == "universal.done":
                ends[event_id] = True
        assert texts["a"] == texts["b"]


async def test_provider_refuses() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        async with world(base_url=f"http://127.0.0.1:{sock.getsockname()[1]}") as w, connect(w.url) as client:
            await client.send(create("a"))
            end, _ = await until_end(client, "a")
            assert end["metadata"]["status"] == 502
            assert end["response"]["error"][0]["code"] == 2005


@pytest.mark.parametrize(
    ("options", "kind", "status"),
    [
        ({"garbage": True}, "created", 502),
        ({"break_after_chunks": 0, "how": "reset"}, "created", 502),
        ({"break_after_chunks": 0, "how": "close"}, "created", 502),
        ({"break_after_chunks": 2, "how": "reset"}, "error", 200),
        ({"break_after_chunks": 2, "how": "close"}, "error", 200),
        ({"break_after_chunks": 2, "how": "mid_chunk"}, "error", 200),
        ({"status": 429}, "created", 429),
        ({"error_event_after_chunks": 2}, "error", 200),
    ],
)
async def test_provider_breaks(options: dict[str, object], kind: str, status: int) -> None:
    async with world() as w, connect(w.url) as client:
        await client.send(create("a", chunks=6, **options))
        end, _ = await until_end(client, "a")
        assert end["type"] == f"universal.{kind}"
        assert end["metadata"]["status"] == status
        await client.send(create("b", chunks=2))
        end, _ = await until_end(client, "b")
        assert end["type"] == "universal.done"


async def test_provider_stalls_before_and_after_the_head() -> None:
    for ms in (150, 1500, 15000):  # where a machine stood still, the time was over before the provider was asked
        async with world() as w, connect(w.url) as client:
            await client.send(create("a", delay_ms=60_000, config={"requestTimeout": ms}))
            end, _ = await until_end(client, "a")
            assert end["metadata"]["status"] == 504
            await client.send(create("b", chunks=4, stall_after_chunks=2, config={"idleTimeout": ms}))
            end, chunks = await until_end(client, "b")
            if len(w.provider.seen) < 2 or not chunks:
                continue
            assert end["error"]["kind"] == "idle_timeout"
            await w.until(lambda w=w: [seen.how for seen in w.provider.seen] == ["cancelled", "cancelled"])
            return
    pytest.fail("the provider was never asked")


async def test_hundred_megabytes_without_a_newline() -> None:
    async with world(limits=Limits(chunk_bytes=1024 * 1024)) as w, connect(w.url) as client:
        await client.send(create("a", huge_line_bytes=100_000_000))
        end, _ = await until_end(client, "a")
        assert end["response"]["error"][0]["code"] == 2005
        await w.until(lambda: w.provider.seen[0].how == "cancelled")
        assert w.provider.seen[0].bytes_sent < 20_000_000


async def test_provider_answers_twice_and_closes_idle_connections() -> None:
    """A byte on an idle connection kills it; one that closes at the moment of reuse is replaced. Whether this counts as
    an attempt depends on how fast the close came, so it may be one more here."""
    requests = 0

    async def serve(stream: anyio.abc.SocketStream) -> None:
        nonlocal requests
        async with stream:
            buffer = b""
            while True:
                try:
                    buffer += await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    return
                if b'"loopback"' not in buffer:
                    continue
                buffer = b""
                requests += 1
                if requests == 2:
                    return  # closes instead of answering: this connection has served before
                answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
                await stream.send(answer * (2 if requests == 3 else 1))

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        async with world(base_url=f"http://127.0.0.1:{port}") as w, connect(w.url) as client:
            for event_id in ("a", "b", "c", "d"):
                message = json.loads(create(event_id, stream=False))
                message["request"]["config"] = {"maxAttempts": 2, "retryDelay": 0}
                await client.send(json.dumps(message))
                end, _ = await until_end(client, event_id)
                assert end["response"] == {}
                assert end["metadata"]["attempts"] <= (2 if event_id == "b" else 1)
        assert requests == 5
        tasks.cancel_scope.cancel()
    await listener.aclose()


async def test_cancel_and_leaving_are_seen_by_the_provider_in_every_phase() -> None:
    phases: list[dict[str, object]] = [
        {"delay_ms": 60_000},
        {"first_chunk_delay_ms": 60_000},
        {"chunks": 1000, "chunk_delay_ms": 20},
    ]
    async with world() as w:
        for number, options in enumerate(phases):
            before = len(w.provider.seen)
            async with connect(w.url) as client:
                await client.send(create("a", **options))
                await w.until(lambda before=before: len(w.provider.seen) > before)
                await client.send(json.dumps({"type": "universal.cancel", "eventId": "a"}))
                end, _ = await until_end(client, "a")
                assert end["type"] == "universal.cancelled", number
            await w.until(lambda: all(seen.how == "cancelled" for seen in w.provider.seen))
            async with connect(w.url) as client:
                await client.send(create("a", **options))
                await w.until(lambda before=before: len(w.provider.seen) > before + 1)
            await w.until(lambda: all(seen.how == "cancelled" for seen in w.provider.seen))
        assert {event.how for event in w.ended()} == {"cancelled", "gone"}


async def test_client_floods_creates_and_cancels() -> None:
    async with world(limits=Limits(exchanges_per_connection=10)) as w, connect(w.url) as client:
        async with anyio.create_task_group() as tasks:

            async def flood() -> None:
                for number in range(50):
                    await client.send(create(str(number), delay_ms=60_000))
                for number in range(10_000):
                    await client.send(json.dumps({"type": "universal.cancel", "eventId": str(number % 50)}))

            tasks.start_soon(flood)
            refused = cancelled = 0
            while refused + cancelled < 50:
                message = await next_message(client)
                refused += message["metadata"].get("status") == 429
                cancelled += message["type"] == "universal.cancelled"
        assert (refused, cancelled) == (40, 10)
        await client.send(create("last", chunks=1))
        assert (await until_end(client, "last"))[0]["type"] == "universal.done"


async def test_two_thousand_sockets() -> None:
    async with world() as w:
        done = 0
        limiter = anyio.CapacityLimiter(100)
        opened = anyio.Event()
        count = 0

        async def one() -> None:
            nonlocal done, count
            async with limiter:
                client_context_manager = connect(w.url)
                client = await client_context_manager.__aenter__()
            count += 1
            if count == 2000:
                opened.set()
            await opened.wait()
            async with limiter:
                await client.send('{"type":"universal.ping"}')
                assert (await client.receive()) == '{"type":"universal.pong"}'
                await client_context_manager.__aexit__(None, None, None)
            done += 1

        async with anyio.create_task_group() as tasks:
            for _ in range(2000):
                tasks.start_soon(one)
        assert done == 2000


async def test_a_client_that_reads_nothing_holds_back_its_provider_alone() -> None:
    async with world() as w:
        slow = await anyio.connect_tcp("127.0.0.1", int(w.gateway.url.rpartition(":")[2]))
        async with slow, connect(w.url) as brisk:
            await slow.send(_upgrade() + _text_frame(create("s", chunks=400_000, chunk_bytes=200)))
            await w.until(lambda: len(w.provider.seen) == 1)
            for number in range(5):
                await brisk.send(create(str(number), chunks=5))
                assert (await until_end(brisk, str(number)))[0]["type"] == "universal.done"
            assert w.provider.seen[0].bytes_sent < 40_000_000
            await slow.aclose()
        await w.until(lambda: w.provider.seen[0].how == "cancelled")


async def test_a_client_that_reads_byte_by_byte_gets_everything_and_slows_nobody() -> None:
    async with world() as w:
        port = int(w.gateway.url.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as slow, connect(w.url) as brisk:
            await slow.send(_upgrade() + _text_frame(create("s", chunks=2000, chunk_bytes=2000)))
            await w.until(lambda: len(w.provider.seen) == 1)
            got = b""
            while len(got) < 600:
                got += await slow.receive(1)
            await brisk.send(create("b", chunks=20))
            assert (await until_end(brisk, "b"))[0]["type"] == "universal.done"
            while b"universal.done" not in got:
                got = got[-100:] + await slow.receive()
        await w.until(lambda: w.provider.seen[0].how == "complete")


async def test_a_client_that_vanishes_is_asked_and_given_up() -> None:
    timeouts = Timeouts(ping_after_s=0.2, pong_s=0.2)
    async with world(timeouts=timeouts) as w:
        silent = await anyio.connect_tcp("127.0.0.1", int(w.gateway.url.rpartition(":")[2]))
        async with silent:
            await silent.send(_upgrade() + _text_frame(create("s", delay_ms=60_000)))
            while not w.provider.seen:  # there until then, however long it takes
                await silent.send(b"\x8a\x80\x00\x00\x00\x00")
                await anyio.sleep(0.02)
            await w.until(lambda: w.provider.seen[0].how == "cancelled")
        ended = [event for event in w.events if isinstance(event, SessionEnded)]
        assert [(event.by, event.code) for event in ended] == [("client", 1006)]


async def test_drain_in_the_middle_of_two_hundred_streams() -> None:
    async with world(limits=Limits(exchanges_per_connection=200)) as w:
        async with anyio.create_task_group() as tasks, connect(w.url) as client:
            for number in range(200):
                await client.send(create(str(number), chunks=10, chunk_delay_ms=30))
            await w.until(lambda: len(w.provider.seen) == 200)
            tasks.start_soon(w.gateway.drain)
            done = 0
            going_away = False
            with pytest.raises(WebSocketClosed) as closed:
                while True:
                    message = json.loads(await client.receive())
                    done += message["type"] == "universal.done"
                    going_away |= message["type"] == "universal.going_away"
            assert (done, going_away, closed.value.code) == (200, True, 1001)
        # All that is left of a stream then is the last chunk of its coding: what is behind the last event is not waited
        # for, and a drain may end between the two. The heads differ by the digits of their request ids.
        sent = [seen.bytes_sent - len(f"{seen.connection}{seen.request}") for seen in w.provider.seen]
        assert min(sent) >= max(sent) - len(b"0\r\n\r\n")


async def test_tls_on_both_sides(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    provider_context = server_context(tmp_path / "server.pem", tmp_path / "server.pem")
    async with LoopbackProvider.start(ssl_context=provider_context) as provider:
        url = f"https://localhost:{provider.port}/v1"
        trusted = ProviderSettings(base_url=url, ca_file=str(tmp_path / "ca.pem"))
        config = Config(providers={"custom-loop": trusted, "custom-untrusted": ProviderSettings(base_url=url)})
        server = ServerSettings(port=0, tls_certificate=str(tmp_path / "chain.pem"), tls_key=str(tmp_path / "key.pem"))
        client_tls: ssl.SSLContext = client_context(str(tmp_path / "ca.pem"), ("http/1.1",))
        with anyio.fail_after(120):
            async with running(Settings(config=config, server=server)) as gateway:
                assert gateway.url.startswith("wss://")
                async with connect(gateway.url + PATH, ssl_context=client_tls) as client:
                    await client.send(create("a", chunks=3))
                    assert (await until_end(client, "a"))[0]["type"] == "universal.done"
                    await client.send(create("b").replace("custom-loop", "custom-untrusted"))
                    end, _ = await until_end(client, "b")
                    assert end["metadata"]["status"] == 502
                    assert "certificate" in end["response"]["error"][0]["message"]


async def test_refused_handshakes_say_why() -> None:
    async with world() as w:
        with pytest.raises(HandshakeRefused) as refused:
            async with connect(w.gateway.url + "/v1/nobody/here"):
                pass
        assert refused.value.status == 400
        assert json.loads(refused.value.body)["error"][0]["code"] == 2001


def _upgrade() -> bytes:
    return (
        f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()


def _text_frame(text: str) -> bytes:
    data = text.encode()
    assert 126 <= len(data) < 65536
    return b"\x81\xfe" + len(data).to_bytes(2, "big") + b"\x00\x00\x00\x00" + data
