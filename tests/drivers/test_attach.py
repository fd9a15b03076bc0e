"""Connections that others accepted, and listening sockets that others bound."""

import contextlib
import errno
import select
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trustme
from anyio.abc import ByteStream
from anyio.streams.tls import TLSListener, TLSStream
from tests.rigs.live_gateway import PATH, chat

from aigw_drivers import AnyioDriver, ServerSettings, Settings, running
from aigw_drivers.client import Client, ConnectionLost, WebSocketClient
from aigw_drivers.core.link import Link
from aigw_drivers.core.readiness import EpollReadiness
from aigw_drivers.core.sockets import listen
from aigw_drivers.loopback import LoopbackProvider
from aigw_sansio import Config, ConnId, Event, Gateway, ProviderSettings, SessionOpened

pytestmark = pytest.mark.anyio
CHAT = ("loopback", "chat/completions")
PATIENCE_S = 120
TCP = "127.0.0.1"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Host:
    """A driver without listeners of its own."""

    def __init__(self, provider: LoopbackProvider) -> None:
        config = Config(providers={"loopback": ProviderSettings(base_url=f"{provider.base_url}/v1")})
        self.gateway = Gateway(config, b"a seed of sixteen", 0.0)
        self.events: list[Event] = []
        self.attached: list[ConnId] = []
        self.driver = AnyioDriver(self.gateway, on_event=self.events.append)

    @property
    def opened(self) -> list[SessionOpened]:
        return [event for event in self.events if isinstance(event, SessionOpened)]


@asynccontextmanager
async def serving() -> AsyncIterator[Host]:
    with anyio.fail_after(PATIENCE_S):
        async with LoopbackProvider.start() as provider, anyio.create_task_group() as tasks:
            host = Host(provider)
            await tasks.start(host.driver.serve, ())
            yield host
            tasks.cancel_scope.cancel()


async def until_all_are_closed(host: Host) -> None:
    while any(conn in host.driver._links for conn in host.attached):  # noqa: ASYNC110  what it waits for tells nobody
        await anyio.sleep(0.01)


async def test_a_socket_that_others_accepted() -> None:
    async with serving() as host:
        with socket.create_server((TCP, 0)) as listener:
            listener.setblocking(False)

            async def accept() -> None:
                await anyio.wait_readable(listener)
                accepted, _ = listener.accept()
                accepted.setblocking(True)  # whatever it was
                host.attached.append(await host.driver.attach(accepted))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(accept)
                async with Client(f"ws://{TCP}:{listener.getsockname()[1]}{PATH}") as client:
                    assert (await client.create(*CHAT, chat())).text
        (opened,) = host.opened
        assert opened.peer.startswith(TCP)


@asynccontextmanager
async def accepting(host: Host, *, secure: trustme.CA | None = None) -> AsyncIterator[str]:
    """A listener of anyio, each stream of which is attached."""
    listener: Any = await anyio.create_tcp_listener(local_host=TCP)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    if secure is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        secure.issue_cert(TCP).configure_cert(context)
        listener = TLSListener(listener, context)  # as it is by default: it wants a close_notify

    async def attach(stream: ByteStream) -> None:
        host.attached.append(await host.driver.attach(stream))

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, attach)
        yield f"{'ws' if secure is None else 'wss'}://{TCP}:{port}{PATH}"
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("tls", [False, True])
async def test_a_byte_stream_that_others_accepted(tls: bool) -> None:
    ca = trustme.CA() if tls else None
    trust = None
    if ca is not None:
        trust = ssl.create_default_context()
        ca.configure_trust(trust)
    async with serving() as host, accepting(host, secure=ca) as url:
        async with Client(url, ssl_context=trust) as client:
            large = await client.create(*CHAT, chat(chunks=50, chunk_bytes=100_000))
            assert len(large.text) == 5_000_000
        await until_all_are_closed(host)
        assert host.opened[0].peer.startswith(TCP)


async def test_a_stream_ends_with_its_driver_and_with_its_client() -> None:
    async with serving() as host, accepting(host) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        async with await anyio.connect_tcp(TCP, port) as stream:
            await stream.send(b"GET / HT")  # and is gone
        async with await anyio.connect_tcp(TCP, port) as stream:
            await stream.send(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
            got = b""
            with contextlib.suppress(anyio.EndOfStream):
                while True:
                    got += await stream.receive()
            assert got.startswith(b"HTTP/1.1 200")
        async with Client(url) as client, client.stream(*CHAT, chat(delay_ms=3_600_000)) as waiting:
            for conn in host.attached:
                if (link := host.driver._links.get(conn)) is not None:
                    host.driver._abort(link, "a test")
            with pytest.raises(ConnectionLost):
                await waiting.take(1)
        await until_all_are_closed(host)
        assert len(host.attached) == 3


GET = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"


async def read_all(stream: anyio.abc.ByteReceiveStream) -> bytes:
    got = b""
    with contextlib.suppress(anyio.EndOfStream):
        while True:
            got += await stream.receive()
    return got


async def test_who_ends_its_direction_still_gets_its_response() -> None:
    async with serving() as host, accepting(host) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        async with await anyio.connect_tcp(TCP, port) as stream:
            await stream.send(GET)
            await stream.send_eof()
            assert (await read_all(stream)).startswith(b"HTTP/1.1 200")
        await until_all_are_closed(host)


async def test_a_client_without_close_notify_ends_itself_alone() -> None:
    ca = trustme.CA()
    trust = ssl.create_default_context()
    ca.configure_trust(trust)
    async with serving() as host, accepting(host, secure=ca) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        for _ in range(2):
            plain = await anyio.connect_tcp(TCP, port)
            stream = await TLSStream.wrap(plain, hostname=TCP, ssl_context=trust, standard_compatible=False)
            await stream.send(GET)
            assert (await read_all(stream)).startswith(b"HTTP/1.1 200")
            await plain.aclose()
            await until_all_are_closed(host)
        assert host.driver.serving


class _Odd(anyio.abc.ByteStream):
    """A stream of others with a bug."""

    async def receive(self, max_bytes: int = 65536) -> bytes:
        raise ZeroDivisionError

    async def send(self, item: bytes) -> None:
        raise ZeroDivisionError

    async def send_eof(self) -> None:
        raise ZeroDivisionError

    async def aclose(self) -> None:
        raise ZeroDivisionError


WHOSE: ContextVar[str] = ContextVar("whose", default="the driver")


class _Noting(_Odd):
    """Notes in whose context it is read."""

    def __init__(self) -> None:
        self.read_by: list[str] = []

    async def receive(self, max_bytes: int = 65536) -> bytes:
        self.read_by.append(WHOSE.get())
        raise anyio.EndOfStream


async def test_variables_of_the_host_are_not_those_of_the_driver() -> None:
    async with serving() as host:
        stream = _Noting()
        WHOSE.set("the host")
        host.attached.append(await host.driver.attach(stream, peer="192.0.2.1:5"))
        await until_all_are_closed(host)
        assert stream.read_by == ["the driver"]


async def test_a_stream_with_a_bug_ends_itself_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as host:
        host.attached.append(await host.driver.attach(_Odd(), peer="192.0.2.1:5"))
        await until_all_are_closed(host)
        assert host.driver.serving
    assert "ZeroDivisionError" in caplog.text


async def test_it_needs_a_driver_that_serves_and_a_socket_that_is_connected() -> None:
    left, right = socket.socketpair()
    with left, right, pytest.raises(RuntimeError, match="does not serve"):
        await AnyioDriver(Gateway(Config(), b"a seed of sixteen", 0.0)).attach(left)
    async with serving() as host:
        with socket.socket() as unconnected, pytest.raises(OSError):
            await host.driver.attach(unconnected)


# -- listening sockets --------------------------------------------------------------------------------------------


def settings() -> Settings:
    return Settings(config=Config(), server=ServerSettings(host="192.0.2.1", port=9))  # which nobody could bind


async def test_a_blocking_socket_of_others_is_served() -> None:
    listener = socket.create_server((TCP, 0))
    port = listener.getsockname()[1]
    with anyio.fail_after(PATIENCE_S):
        async with running(settings(), loopback=True, sockets=[listener]) as gateway:
            assert gateway.url == f"ws://{TCP}:{port}"
            async with Client(gateway.url + PATH) as client:
                assert (await client.create(*CHAT, chat())).text
    assert listener.fileno() == -1


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets")
async def test_a_unix_socket_of_others_is_served(tmp_path: Path) -> None:
    path = str(tmp_path / "gw")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    with anyio.fail_after(PATIENCE_S):
        async with running(settings(), loopback=True, sockets=[listener]) as gateway:
            assert gateway.url == f"unix:{path}"
            async with await anyio.connect_unix(path) as stream:
                client = await WebSocketClient._shake_hands(stream, "127.0.0.1", PATH, [], [])
                await client.send('{"type":"universal.ping"}')
                assert await client.receive() == '{"type":"universal.pong"}'
                await client.close()


async def test_a_socket_that_does_not_listen_is_an_error() -> None:
    with socket.socket() as bound:
        bound.bind((TCP, 0))
        with pytest.raises(ValueError, match=r"127\.0\.0\.1:\d+ is no listening stream socket"):
            async with running(settings(), sockets=[bound]):
                pytest.fail("it runs")


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="there is no epoll")
async def test_a_client_that_the_system_cannot_watch_is_closed_and_ends_nobody_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    room = False
    watch = EpollReadiness._watch_for

    def watch_for(readiness: EpollReadiness, link: Link) -> None:
        if link.wants_read and not room:
            raise OSError(errno.ENOSPC, "no room")
        watch(readiness, link)

    monkeypatch.setattr(EpollReadiness, "_watch_for", watch_for)
    listener = listen(TCP, 0)
    port = listener[0].socket.getsockname()[1]
    gateway = Gateway(Config(), b"a seed of sixteen", 0.0)
    driver = AnyioDriver(gateway)
    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks:
            await tasks.start(driver.serve, listener)
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError, OSError)):
                async with await anyio.connect_tcp(TCP, port) as refused:
                    await refused.receive()
            assert "cannot serve a client" in caplog.text
            ours, theirs = socket.socketpair()
            with theirs, pytest.raises(RuntimeError, match="cannot be served"):
                await driver.attach(ours)
            assert ours.fileno() == -1
            assert not driver._links
            assert gateway.snapshot()["connections"] == 0
            room = True
            async with await anyio.connect_tcp(TCP, port) as stream:
                await stream.send(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                assert (await stream.receive()).startswith(b"HTTP/1.1 200")
            tasks.cancel_scope.cancel()
