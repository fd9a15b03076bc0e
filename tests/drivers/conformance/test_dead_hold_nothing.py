"""A connection that has ended leaves no object of its driver behind, although the cycle collector is off."""

import socket
import time
from collections import Counter
from collections.abc import Callable

import pytest
from tests.rigs.hosts import HOSTS, OwnSuite
from tests.rigs.living import living_objects

from aigw_drivers.conformance import Host, ToyEngine
from aigw_drivers.conformance.certificates import certificates
from aigw_drivers.conformance.rig import Rig
from aigw_drivers.conformance.sockets import read_exactly, read_to_end, reset
from aigw_sansio import ConnId, Tls

#: What a connection has: our objects, TLS, and the loop's transports and tasks.
WATCHED = ("aigw_drivers", "ssl", "asyncio", "_asyncio", "uvloop", "trio")
#: What a loop has while it waits, and the peers' own TLS.
NOT_OURS = {"Future", "Handle", "TimerHandle", "FutureIter", "UVPoll", "SSLSocket"}
NOT_OURS |= {"EpollWaiters", "WaitTaskRescheduled", "Event"}
NOT_OURS |= {"_Conn"}  # the engine of the suite remembers all connections
HUGE = 4 << 20


class _Does(ToyEngine):
    """Does what the first byte says: ``e`` echo, ``c`` close, ``a`` abort, ``h`` send much and abort, ``d`` dial."""

    def __init__(self) -> None:
        super().__init__()
        self.target: Callable[[], ConnId]

    def on_data(self, conn: ConnId, data: bytes) -> None:
        match data[:1]:
            case b"e":
                self.send(conn, data)
            case b"c":
                self.send(conn, data)
                self.close(conn)
            case b"a":
                self.close(conn, abort=True)
            case b"h":
                self.send(conn, b"x" * HUGE)
            case b"d":
                self.target()

    def on_eof(self, conn: ConnId) -> None:
        self.close(conn)

    def on_connected(self, conn: ConnId) -> None:
        self.send(conn, b"hello")


def _rig(name: str) -> Rig:
    rig = OwnSuite()
    rig.host = HOSTS[name]
    return rig


def _says(rig: Rig, host: Host, secure: bool, word: bytes) -> socket.socket:
    client = rig.connect(host, secure=secure)
    client.sendall(word)
    return client


def _episodes(engine: _Does, rig: Rig, host: Host, secure: bool) -> None:
    """Every way of ending, from both sides, before and after the handshake."""
    opened = len(engine.conns)
    with _says(rig, host, secure, b"e") as client:
        read_exactly(client, 1)
    client = _says(rig, host, secure, b"e")
    read_exactly(client, 1)
    reset(client)
    with _says(rig, host, secure, b"c") as client:
        read_to_end(client)
    with _says(rig, host, secure, b"a") as client:
        engine.wait_for("closed", opened + 4)
    client = _says(rig, host, secure, b"h")  # and reads nothing
    engine.wait_for("receive_data", opened + 5)
    reset(client)
    with rig.connect(host) as plain:  # no TLS, or nothing said
        plain.sendall(b"e" if not secure else b"GET / HTTP/1.1\r\n\r\n")
    expected = opened + (5 if secure else 6)
    engine.wait(lambda: len(engine.conns) >= expected and all(conn.closed for conn in list(engine.conns.values())))


def _dials(engine: _Does, rig: Rig, host: Host, port: int, tls_port: int) -> None:
    """Dials that succeed, are refused, are closed by the peer, have the wrong certificate."""
    name, ca_file = "localhost", certificates().ca_file
    targets: list[Callable[[], ConnId]] = [
        lambda: engine.dial(port),
        lambda: engine.dial(1),
        lambda: engine.dial(1, name),
        lambda: engine.dial(tls_port, name, Tls(name, ca_file), ("http/1.1",)),
        lambda: engine.dial(tls_port, name, Tls("other.test", ca_file), ("http/1.1",)),
        lambda: engine.dial(port, name, Tls(name, ca_file), ("http/1.1",)),
    ]
    for engine.target in targets:
        before = len(engine.conns)
        client = _says(rig, host, False, b"d")
        engine.wait(lambda before=before: len(engine.conns) >= before + 2)  # type: ignore[misc]
        client.close()
        engine.wait(lambda: all(conn.closed for conn in list(engine.conns.values())))


def _settled(living: Callable[[], Counter[str]]) -> Counter[str]:
    """The loop lets go of a connection in its later turns: look until two looks are the same."""
    until = time.monotonic() + OwnSuite.patience_s
    before, now = Counter[str](), living()
    while before != now and time.monotonic() < until:
        time.sleep(0.05)
        before, now = now, living()
    return Counter({name: count for name, count in now.items() if name not in NOT_OURS})


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("name", HOSTS)
def test_clients(name: str, secure: bool) -> None:
    engine, rig = _Does(), _rig(name)
    with rig.running(engine, secure=secure) as host:
        _episodes(engine, rig, host, secure)  # fills caches
        with living_objects(*WATCHED) as living:
            for _ in range(3):
                _episodes(engine, rig, host, secure)
            left = _settled(living)
    assert not left


@pytest.mark.parametrize("name", HOSTS)
def test_dials(name: str) -> None:
    engine, rig = _Does(), _rig(name)

    def serve(sock: socket.socket) -> None:
        sock.recv(100)

    with (
        rig.server(serve) as port,
        rig.server(serve, secure=True) as tls_port,
        rig.running(engine) as host,
    ):
        _dials(engine, rig, host, port, tls_port)
        with living_objects(*WATCHED) as living:
            for _ in range(3):
                _dials(engine, rig, host, port, tls_port)
            left = _settled(living)
    assert not left
