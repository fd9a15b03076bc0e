"""Realtime sessions on real sockets whose peers refuse, keep silent, flood, stall, break and vanish.

Every case runs on each loop, the loopback provider behind the gateway. What is decided in the core has its
transcript; here it must hold with a kernel in between.
"""

import json
import logging
import socket
from contextlib import suppress
from os import urandom
from typing import Literal

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute
from tests.peers.server_handshake import accept_upgrade
from tests.rigs.realtime_gateway import (
    CANARY,
    HOSTS,
    MIB,
    TOKEN,
    Host,
    end_of,
    head_of,
    masked,
    refusal,
    reset,
    upgrade,
    world,
)

from aigw_drivers.client import HandshakeRefused, WebSocketClient, connect
from aigw_sansio.config import Timeouts
from aigw_sansio.wires.websocket.frames import FIN, MASKED, Opcode, encode_frame, encode_header

pytestmark = pytest.mark.anyio


@pytest.fixture(params=list(HOSTS))
def host(request: pytest.FixtureRequest) -> Host:
    return HOSTS[request.param]


@pytest.fixture
def anyio_backend(host: Host) -> tuple[str, dict[str, object]]:
    return host.backend, host.options


# -- no session -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503, 599])
async def test_a_refusal_passes_with_its_body(host: Host, status: int) -> None:
    async with world(host) as w:
        refused = await refusal(w.url("echo", f"refuse={status}", "retry_after=7"))
        assert refused.status == status
        assert json.loads(refused.body)["error"]["message"].endswith(f"asked to refuse with {status}")
        assert (b"retry-after", b"7") in refused.headers
        assert (await w.seen()).how == "refused"
        assert [event.status for event in w.refused] == [status]


@pytest.mark.parametrize("options", ["refuse=200", "refuse=302", "garbage", "subprotocol=unasked"])
async def test_what_is_no_answer_to_an_upgrade_is_502(host: Host, options: str) -> None:
    async with world(host) as w:
        refused = await refusal(w.url("echo", options))
        assert refused.status == 502
        assert json.loads(refused.body)["error"][0]["code"] == 2005
        await w.seen()


async def test_silence_is_504_and_the_provider_is_let_go(host: Host) -> None:
    for seconds in (0.2, 2, 20):  # where a machine stood still, the provider was not even asked
        async with world(host, timeouts=Timeouts(realtime_open_s=seconds)) as w:
            refused = await refusal(w.url("echo", "silent"))
            assert refused.status == 504
            assert json.loads(refused.body)["error"][0]["code"] == 2005
            if w.provider.seen:
                assert (await w.seen()).how == "cancelled"
                return
    pytest.fail("the provider was never asked")


async def test_nobody_there_is_502(host: Host) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        async with world(host, realtime_url=f"ws://127.0.0.1:{sock.getsockname()[1]}") as w:
            refused = await refusal(w.url("echo"))
            assert refused.status == 502
            assert json.loads(refused.body)["error"][0]["code"] == 2005


async def test_a_client_that_leaves_before_the_answer_takes_the_dial_along(host: Host) -> None:
    async with world(host) as w:
        async with await anyio.connect_tcp("127.0.0.1", w.port) as stream:
            await stream.send(upgrade("echo?loopback_silent"))
            await w.provider.until(lambda: bool(w.provider.seen))
        assert (await w.seen()).how == "cancelled"
        assert w.ended == []


# -- messages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, 3000], ids=["a few bytes", "more than is kept"])
async def test_frames_behind_the_upgrade_are_kept(host: Host, size: int) -> None:
    """100 messages in one write with the upgrade; the provider takes its time to answer it."""
    sent = [b"%04d" % number + bytes(size) for number in range(100)]
    frames = b"".join(masked(Opcode.BINARY, message) for message in sent)
    back = b"".join(encode_frame(FIN | Opcode.BINARY, message) for message in sent)
    async with world(host) as w, await anyio.connect_tcp("127.0.0.1", w.port) as stream:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.send, upgrade("echo?loopback_delay_ms=100") + frames)
            head, got = await head_of(stream)
            assert head.startswith(b"HTTP/1.1 101 ")
            while len(got) < len(back):
                got += await stream.receive()
        assert got == back


async def test_the_provider_speaks_first(host: Host) -> None:
    async with world(host) as w, connect(w.url("realtime")) as client:
        assert json.loads(await client.receive())["type"] == "session.created"


async def test_sixteen_mebibytes_pass_both_ways(host: Host) -> None:
    async with world(host) as w, connect(w.url("echo")) as client:
        message = urandom(64) * (16 * MIB // 64)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.send, message)
            assert await client.receive() == message
        await client.send("still here")
        assert await client.receive() == "still here"


async def test_one_byte_more_is_1009_for_its_sender(host: Host) -> None:
    """Refused from the length that the frame's header declares."""
    async with world(host) as w:
        async with await anyio.connect_tcp("127.0.0.1", w.port) as stream:
            await stream.send(upgrade("echo"))
            await head_of(stream)
            await stream.send(encode_header(FIN | Opcode.BINARY, 16 * MIB + 1, MASKED) + b"mask")
            frame = await stream.receive()
        assert frame[0] == FIN | Opcode.CLOSE
        assert int.from_bytes(frame[2:4]) == 1009
        assert b"gateway's limit of %d bytes" % (16 * MIB) in frame
        assert (await w.seen()).close_code == 1001
        assert [(event.by, event.code) for event in w.ended] == [("client", 1009)]


async def test_a_client_that_does_not_read_stops_only_its_own_direction(host: Host) -> None:
    """The provider never stops sending, the client does not read; what the client sends passes all the same."""
    frame, count = masked(Opcode.BINARY, bytes(65536)), 1024  # far more than what stands in kernels and buffers
    all_taken = anyio.Event()

    async def flood(stream: ByteStream) -> None:
        with suppress(anyio.BrokenResourceError):
            while True:
                await stream.send(encode_frame(FIN | Opcode.BINARY, bytes(65536)))

    async def provider(stream: ByteStream) -> None:
        await accept_upgrade(stream)
        async with stream, anyio.create_task_group() as tasks:
            tasks.start_soon(flood, stream)
            left = len(frame) * count
            while left > 0:
                left -= len(await stream.receive())
            all_taken.set()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, provider)
        async with (
            world(host, realtime_url=f"ws://127.0.0.1:{listener.extra(SocketAttribute.local_port)}") as w,
            await anyio.connect_tcp("127.0.0.1", w.port) as stream,
        ):
            await stream.send(upgrade("any"))
            data = b""
            while b"\r\n\r\n" not in data:
                data += await stream.receive(1)
            for _ in range(count):
                await stream.send(frame)
            await all_taken.wait()
            assert w.gateway.gateway.snapshot()["send_buffer_bytes"] < MIB
        tasks.cancel_scope.cancel()


async def test_a_flood_waits_for_its_reader_and_is_whole(host: Host) -> None:
    flood = 24 * MIB
    async with world(host) as w, connect(w.url("echo", f"flood_bytes={flood}")) as client:
        read = len(await client.receive())
        assert w.gateway.gateway.snapshot()["send_buffer_bytes"] < MIB
        while read < flood:
            read += len(await client.receive())
        await client.send("after it")
        assert await client.receive() == "after it"


async def test_a_provider_that_does_not_read_stops_only_its_own_direction(host: Host) -> None:
    flood = 64 * MIB

    async def pour(client: WebSocketClient) -> None:
        while True:
            await client.send(bytes(MIB))

    async with world(host) as w, connect(w.url("echo", "deaf", f"flood_bytes={flood}")) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pour, client)
            read = 0
            while read < flood:
                read += len(await client.receive())
            assert w.gateway.gateway.snapshot()["send_buffer_bytes"] < MIB
            tasks.cancel_scope.cancel()
        await reset(client._stream)  # nobody would answer a close


# -- ends -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4999])
async def test_codes_pass_both_ways(host: Host, code: int) -> None:
    async with world(host) as w:
        async with connect(w.url("echo", f"close={code}", "close_reason=why")) as client:
            closed = await end_of(client)
        assert (closed.code, closed.reason) == (code, "why")
        assert (await w.seen()).close_code == code  # answered on its own hop
        async with connect(w.url("echo")) as client:
            await client.close(code, "why")
        assert (await w.seen()).close_code == code
        assert [(event.by, event.code, event.reason) for event in w.ended] == [
            ("provider", code, "why"),
            ("client", code, "why"),
        ]


@pytest.mark.parametrize(("code", "clients"), [(1014, 1011), (1005, 1011), (1006, 1011), (999, 1011), (5000, 1011)])
async def test_codes_that_may_not_be_sent_are_told_as_what_they_are(host: Host, code: int, clients: int) -> None:
    async with world(host) as w:
        async with connect(w.url("echo", f"close={code}")) as client:
            assert (await end_of(client)).code == clients
        assert (await w.seen()).close_code == (1011 if code == 1014 else 1002)


@pytest.mark.parametrize("how", ["reset", "close", "frame"])
async def test_a_provider_that_breaks_off_is_1011(host: Host, how: Literal["reset", "close", "frame"]) -> None:
    async with world(host) as w:
        async with connect(w.url("echo", f"break={how}", "after=1")) as client:
            await client.send("x")
            assert await client.receive() == "x"
            closed = await end_of(client)
        assert closed.code == 1011
        assert "provider" in closed.reason
        seen = await w.seen()
        assert seen.close_code == (1002 if how == "frame" else None)
        assert [event.by for event in w.ended] == ["provider"]


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_client_that_breaks_off_is_1001_at_the_provider(host: Host, how: str) -> None:
    async with world(host) as w:
        stream = await anyio.connect_tcp("127.0.0.1", w.port)
        await stream.send(upgrade("echo") + masked(Opcode.TEXT, b"x"))
        head, _ = await head_of(stream)
        assert head.startswith(b"HTTP/1.1 101 ")
        await w.provider.until(lambda: bool(w.provider.seen))
        await (reset(stream) if how == "reset" else stream.aclose())
        assert (await w.seen()).close_code == 1001
        assert [(event.by, event.code) for event in w.ended] == [("client", 1006)]


async def test_a_drain_lets_it_run_and_then_says_1001_both_ways(host: Host) -> None:
    async with world(host, timeouts=Timeouts(drain_s=0.2)) as w:
        async with anyio.create_task_group() as tasks, connect(w.url("echo")) as client:
            await client.send("before")
            assert await client.receive() == "before"
            tasks.start_soon(w.gateway.drain)
            closed = await end_of(client)
        assert closed.code == 1001
        assert (await w.seen()).close_code == 1001
        assert [event.by for event in w.ended] == ["gateway"]


# -- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["refuse=401"], ["garbage"], ["close=4000"], ["break=reset"], ["close=999"]])
async def test_no_key_and_no_token_is_told(
    host: Host, options: list[str], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    offered = [f"cf-aig-authorization.{TOKEN}", f"openai-insecure-api-key.{CANARY}", "realtime"]
    told: list[object] = []
    async with world(host, authentication=True) as w:
        url = w.url("echo", "after=1", *options) + f"&key={CANARY}"
        try:
            async with connect(url, headers=[("x-goog-api-key", CANARY)], subprotocols=offered) as client:
                told.append(client.subprotocol)
                await client.send("hello")
                told.append(await end_of(client) if options else await client.receive())
        except HandshakeRefused as refused:
            told += [refused.body, refused.headers]
        seen = await w.seen()
        assert CANARY in dict(seen.headers)["sec-websocket-protocol"]  # it went where it belongs
        assert TOKEN not in repr(seen)
        told += [w.events, w.gateway.gateway.snapshot()]
    captured = capfd.readouterr()
    text = repr([*map(str, told), told, caplog.text, captured.out, captured.err])
    assert CANARY not in text
    assert TOKEN not in text
