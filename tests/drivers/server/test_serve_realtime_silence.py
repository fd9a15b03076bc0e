"""Realtime sessions on real sockets whose peers close one half, fall silent, or stop reading for good.

The ends that need no time are in ``test_serve_realtime_faults.py``, with the same hosts. The limits of time are
far below the defaults, and far above what a busy machine needs.
"""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute
from tests.peers.server_handshake import accept_upgrade
from tests.rigs.realtime_gateway import HOSTS, MIB, Host, World, end_of, head_of, masked, upgrade, world

from aigw_drivers.client import connect
from aigw_sansio.config import Timeouts
from aigw_sansio.wires.websocket.frames import FIN, Opcode, encode_frame

pytestmark = pytest.mark.anyio


@pytest.fixture(params=list(HOSTS))
def host(request: pytest.FixtureRequest) -> Host:
    return HOSTS[request.param]


@pytest.fixture
def anyio_backend(host: Host) -> tuple[str, dict[str, object]]:
    return host.backend, host.options


async def rest_of(stream: ByteStream) -> bytes:
    """All that still comes, up to the end."""
    data = b""
    try:
        while True:
            data += await stream.receive()
    except anyio.EndOfStream:
        return data


@asynccontextmanager
async def before(
    host: Host, provider: Callable[[ByteStream], Awaitable[None]], timeouts: Timeouts | None = None
) -> AsyncIterator[World]:
    """A gateway before a provider that answers the upgrade and then does what ``provider`` does."""

    async def serve(stream: ByteStream) -> None:
        async with stream:
            await accept_upgrade(stream)
            await provider(stream)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        raw = listener.extra(SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)  # little more than what it has read
        tasks.start_soon(listener.serve, serve)
        url = f"ws://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        async with world(host, realtime_url=url, timeouts=timeouts) as w:
            yield w
        tasks.cancel_scope.cancel()


# -- one half is closed ---------------------------------------------------------------------------------------------


async def test_a_client_that_closes_its_half_has_ended(host: Host) -> None:
    async with world(host) as w:
        async with await anyio.connect_tcp("127.0.0.1", w.port) as stream:
            await stream.send(upgrade("echo") + masked(Opcode.TEXT, b"x"))
            _, got = await head_of(stream)
            while len(got) < 3:
                got += await stream.receive()
            await stream.send_eof()
            assert await rest_of(stream) == b""
            assert (await w.seen()).close_code == 1001
        assert [(event.by, event.code, event.reason) for event in w.ended] == [
            ("client", 1006, "the client's connection ended without a close frame")
        ]


async def test_a_client_that_says_goodbye_and_closes_its_half_is_answered(host: Host) -> None:
    async with world(host) as w:
        async with await anyio.connect_tcp("127.0.0.1", w.port) as stream:
            await stream.send(upgrade("echo"))
            await head_of(stream)
            await stream.send(masked(Opcode.CLOSE, b"\x0f\xa0bye"))
            await stream.send_eof()
            assert await rest_of(stream) == encode_frame(FIN | Opcode.CLOSE, b"\x0f\xa0bye")
        assert (await w.seen()).close_code == 4000
        assert [(event.by, event.code) for event in w.ended] == [("client", 4000)]


async def test_a_client_that_closes_its_half_before_the_answer_takes_the_dial_along(host: Host) -> None:
    async with world(host) as w, await anyio.connect_tcp("127.0.0.1", w.port) as stream:
        await stream.send(upgrade("echo?loopback_silent"))
        await w.provider.until(lambda: bool(w.provider.seen))
        await stream.send_eof()
        assert await rest_of(stream) == b""
        assert (await w.seen()).how == "cancelled"
        assert [event.status for event in w.refused] == [499]


async def test_a_provider_that_closes_its_half_has_ended(host: Host) -> None:
    ends = []

    async def halves(stream: ByteStream) -> None:
        await stream.send(encode_frame(FIN | Opcode.TEXT, b"last words"))
        await stream.send_eof()
        ends.append(await rest_of(stream))

    async with before(host, halves) as w, connect(w.url("any")) as client:
        assert await client.receive() == "last words"
        closed = await end_of(client)
        assert (closed.code, closed.reason) == (1011, "the provider's connection ended without a close frame")
        assert [(event.by, event.code) for event in w.ended] == [("provider", 1006)]
    assert ends == [b""]


# -- silence --------------------------------------------------------------------------------------------------------

QUICK = Timeouts(ping_after_s=0.2, pong_s=0.3, close_s=0.3)


async def test_a_provider_that_says_nothing_is_1011(host: Host) -> None:
    """It answers no ping; it is not even seen whether it reads."""
    async with world(host, timeouts=QUICK) as w:
        async with connect(w.url("echo", "deaf")) as client:
            closed = await end_of(client)
        assert (closed.code, closed.reason) == (1011, "the provider gave no sign of life within 0.3 s of a ping")
        assert [event.by for event in w.ended] == ["provider"]


async def test_a_client_that_says_nothing_is_1001_at_the_provider(host: Host) -> None:
    async with world(host, timeouts=QUICK) as w, await anyio.connect_tcp("127.0.0.1", w.port) as stream:
        await stream.send(upgrade("echo"))
        await head_of(stream)
        assert (await w.seen()).close_code == 1001
        assert [(event.by, event.reason) for event in w.ended] == [
            ("client", "the client gave no sign of life within 0.3 s of a ping")
        ]


async def test_sides_that_answer_pings_live_on(host: Host) -> None:
    async with world(host, timeouts=QUICK) as w, connect(w.url("echo")) as client:
        with anyio.move_on_after(1.2):
            await client.receive()
        await client.send("still here")
        assert await client.receive() == "still here"


@pytest.mark.parametrize(
    ("timeouts", "reason"),
    [
        (Timeouts(realtime_idle_s=0.3), "no message within the gateway's idle limit of 0.3 s"),
        (Timeouts(session_s=0.3), "the gateway's session limit of 0.3 s is over"),
    ],
)
async def test_limits_of_time_end_both_sides(host: Host, timeouts: Timeouts, reason: str) -> None:
    async with world(host, timeouts=timeouts) as w:
        async with connect(w.url("echo")) as client:
            closed = await end_of(client)
        assert (closed.code, closed.reason) == (1001, reason)
        assert (await w.seen()).close_code == 1001
        assert [event.by for event in w.ended] == ["gateway"]


async def test_a_large_upload_is_not_killed_by_a_ping(host: Host) -> None:
    """The provider takes seconds for it and says nothing meanwhile, far longer than a ping may take."""
    size, step = 16 * MIB, 128 * 1024

    async def slow(stream: ByteStream) -> None:
        left = size
        while left > 0:
            left -= len(await stream.receive(step))
            if left > 6 * MIB:  # what may stand in the kernels' buffers is taken fast: nobody knows that it waits
                await anyio.sleep(0.025)
        await stream.send(encode_frame(FIN | Opcode.TEXT, b"all of it"))
        with suppress(anyio.BrokenResourceError):  # it does not answer a close
            await rest_of(stream)

    timeouts = Timeouts(ping_after_s=0.3, pong_s=1.0, close_s=0.3)
    async with before(host, slow, timeouts) as w, connect(w.url("any")) as client:
        started = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.send, bytes(size))
            assert await client.receive() == "all of it"
        assert anyio.current_time() - started > 1.8


# -- nobody reads ---------------------------------------------------------------------------------------------------

STALL = Timeouts(write_stall_s=0.5, close_s=0.3)


async def test_a_client_that_reads_nothing_any_more_is_given_up(host: Host) -> None:
    async with world(host, timeouts=STALL) as w, await anyio.connect_tcp("127.0.0.1", w.port) as stream:
        await stream.send(upgrade(f"echo?loopback_flood_bytes={256 * MIB}"))
        await w.provider.until(lambda: bool(w.provider.seen))
        await w.seen()
        while w.gateway.gateway.snapshot()["sessions"]:  # noqa: ASYNC110 - it hears of the provider's end after us
            await anyio.sleep(0.01)
        [ended] = w.ended
        assert (ended.by, ended.code) == ("client", 1006)
        assert ended.reason == "the client's connection was lost: the client takes no more bytes"


async def test_a_provider_that_reads_nothing_any_more_is_given_up(host: Host) -> None:
    async with world(host, timeouts=STALL) as w, connect(w.url("echo", "deaf")) as client:
        async with anyio.create_task_group() as tasks:

            async def pour() -> None:
                while True:
                    await client.send(bytes(MIB))

            tasks.start_soon(pour)
            closed = await end_of(client)
            tasks.cancel_scope.cancel()
        assert closed.code == 1011
        assert closed.reason == "the provider's connection was lost: the provider takes no more bytes"
        assert [event.by for event in w.ended] == ["provider"]
