"""Listening, naming, dialling: what the conformance suite does not reach."""

import errno
import socket
import ssl
from collections.abc import Callable, Sequence

import anyio
import pytest

from aigw_drivers import AnyioDriver, Listener
from aigw_drivers.core import sockets
from aigw_drivers.core.sockets import address_text, dial_tcp, failure_text, listen
from aigw_sansio import Config, Gateway

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("address", "name"),
    [(("192.0.2.1", 5), "192.0.2.1:5"), (("2001:db8::1", 5, 0, 0), "[2001:db8::1]:5"), ("", "unix"), (b"\0x", "unix")],
)
def test_names(address: object, name: str) -> None:
    assert address_text(address) == name


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "connect to 10.0.0.1"), "connection refused"),
        (socket.gaierror(socket.EAI_NONAME, "secret.example"), "name not found"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] quoted"), "TLS: failed"),
        (OSError("no address"), "no address"),
        (ValueError("quoted"), "ValueError"),
    ],
)
def test_reasons_quote_nothing(error: BaseException, reason: str) -> None:
    assert failure_text(error) == reason


def test_every_address_gets_the_same_port() -> None:
    listeners = listen("localhost", 0)
    try:
        ports = {listener.socket.getsockname()[1] for listener in listeners}
        assert len(ports) == 1
        assert listeners[0].address.endswith(f":{ports.pop()}")
    finally:
        for listener in listeners:
            listener.socket.close()


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError):
        listen("127.0.0.1", taken.getsockname()[1])


def test_two_processes_may_share_a_port() -> None:
    first = listen("127.0.0.1", 0, reuse_port=True)
    second = listen("127.0.0.1", first[0].socket.getsockname()[1], reuse_port=True)
    assert first[0].address == second[0].address
    for listener in (*first, *second):
        listener.socket.close()


Info = tuple[int, int, int, str, tuple[str, int]]


@pytest.mark.parametrize("patience", [None, 5.0])
async def test_a_listener_that_blocks_is_refused(patience: float | None) -> None:
    """A call to accept would stop the loop, and nobody could cancel it."""
    driver = AnyioDriver(Gateway(Config(), b"a seed of sixteen", 0.0))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(patience)
        port = sock.getsockname()[1]
        with pytest.raises(ValueError, match=rf"the listener at 127\.0\.0\.1:{port} blocks; allowed is a socket after"):
            await driver.serve([Listener(sock)])
        assert sock.fileno() > 0, "it is still the caller's"
        sock.setblocking(False)
        async with anyio.create_task_group() as tasks:
            await tasks.start(driver.serve, [Listener(sock)])
            tasks.cancel_scope.cancel()


def _resolver(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    async def resolve(host: str, port: int) -> Sequence[Info]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses]

    monkeypatch.setattr(sockets, "_resolve", resolve)


async def _reach(port: int) -> str:
    sock = await dial_tcp("name", port)
    try:
        return address_text(sock.getpeername())
    finally:
        sock.close()


async def test_the_next_address_is_tried_when_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        _resolver(monkeypatch, ("127.0.0.9", port), ("127.0.0.1", port))
        with anyio.fail_after(120):
            assert await _reach(port) == f"127.0.0.1:{port}"


async def test_a_silent_address_is_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(info: Info) -> socket.socket:
        if info[4][0] == "silent":
            await anyio.sleep_forever()
        return await real(info)

    real: Callable[..., object] = sockets._connect
    monkeypatch.setattr(sockets, "_connect", connect)
    monkeypatch.setattr(sockets, "CONNECTION_ATTEMPT_DELAY_S", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        _resolver(monkeypatch, ("silent", port), ("127.0.0.1", port))
        with anyio.fail_after(120):
            assert await _reach(port) == f"127.0.0.1:{port}"


async def test_all_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))  # bound and not listening
        port = taken.getsockname()[1]
        _resolver(monkeypatch, ("127.0.0.1", port), ("127.0.0.2", port))
        with pytest.raises(ConnectionRefusedError):
            await _reach(port)


@pytest.mark.parametrize("host", ["", "a" * 64 + ".invalid", "name with spaces"])
async def test_what_is_no_name_is_an_os_error(host: str) -> None:
    with anyio.fail_after(120), pytest.raises(OSError):
        await dial_tcp(host, 1)


def test_families_take_turns() -> None:
    six, four = socket.AF_INET6, socket.AF_INET
    infos = [(family, socket.SOCK_STREAM, 0, "", (str(n), 1)) for n, family in enumerate([six, six, six, four])]
    assert [info[0] for info in sockets._interleave(infos)] == [six, four, six, six]
