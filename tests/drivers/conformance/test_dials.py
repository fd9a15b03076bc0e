"""Dialling: connected, refused, not trusted, cancelled by ``Close``."""

import socket
import threading
from typing import Any

import pytest
from tests.peers.certificates import Certificates
from tests.peers.sockets import PATIENCE_S, background, connect, echo, read_exactly, read_to_end, server, wait_for_end
from tests.rigs.hosts import HOSTS, OURS, HostFactory, running
from tests.rigs.toy_engines import Relay, ToyEngine

from aigw_drivers.core import resolver
from aigw_sansio.effects import Tls
from aigw_sansio.ids import ConnId

BOTH = pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])


@BOTH
def test_relay(start: HostFactory, certificates: Certificates, secure: bool) -> None:
    tls = certificates.server if secure else None
    with server(echo, tls=tls) as port:
        engine = Relay(port, Tls("localhost", certificates.ca_file) if secure else None, ("http/1.1",))
        with running(start, engine, tls=tls) as host:
            with connect(host.port, certificates.client if secure else None) as client:
                for message in (b"a", b"b" * 100_000):
                    client.sendall(message)
                    assert read_exactly(client, len(message)) == message
                if secure:
                    client.unwrap()
                else:
                    client.shutdown(socket.SHUT_WR)
                    assert client.recv(1) == b""
            engine.wait_for("closed", 1)
            engine.wait_for("closed", 2)
    assert engine.named("connected", 2)[0].value == ("http/1.1" if secure else None)
    assert engine.names(2) == ["connected", "receive_data", "closed"]


def test_the_dialled_side_ends_first(start: HostFactory) -> None:
    with server(lambda sock: sock.sendall(b"bye")) as port:
        engine = Relay(port)
        with running(start, engine) as host, connect(host.port) as client:
            assert read_to_end(client) == b"bye"
            client.close()
            engine.wait_for("closed", 1)
    assert engine.names(2) == ["connected", "receive_data", "receive_eof", "closed"]


def test_eight_megabytes_through_a_relay(start: HostFactory) -> None:
    size = 8 << 20
    reading = threading.Event()

    def slow_echo(sock: socket.socket) -> None:
        assert reading.wait(PATIENCE_S)
        echo(sock)

    with server(slow_echo) as port:
        engine = Relay(port)
        with running(start, engine) as host, connect(host.port) as client:
            writer = background(lambda: [client.sendall(b"k" * 65536) for _ in range(size // 65536)])
            engine.wait_for("receive_data", 1)
            engine.wait(lambda: engine.conns[ConnId(1)].pauses, "a pause")
            reading.set()
            assert len(read_exactly(client, size)) == size
            writer.join()
        assert engine.conns[ConnId(1)].most_buffered <= Relay.HIGH + 2 * 65536
        assert engine.conns[ConnId(2)].most_buffered <= Relay.HIGH + 2 * 65536


@BOTH
def test_refused(start: HostFactory, certificates: Certificates, secure: bool) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        engine = Relay(taken.getsockname()[1], Tls("localhost", certificates.ca_file) if secure else None)
        with running(start, engine) as host, connect(host.port) as client:
            assert read_to_end(client) == b""
            client.close()
            engine.wait_for("closed", 1)
    assert engine.names(2) == ["connect_failed", "closed"]
    assert "refused" in str(engine.named("connect_failed")[0].value)


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_not_trusted(start: HostFactory, certificates: Certificates, wrong: str) -> None:
    tls = Tls("localhost") if wrong == "authority" else Tls("example.com", certificates.ca_file)
    with server(echo, tls=certificates.server) as port:
        engine = Relay(port, tls, ("http/1.1",))
        with running(start, engine) as host, connect(host.port) as client:
            assert read_to_end(client) == b""
    assert engine.names(2) == ["connect_failed", "closed"]
    assert "certificate" in str(engine.named("connect_failed")[0].value)


class _Impatient(ToyEngine):
    """Dials for its first client, and closes that dial when the client says so."""

    def __init__(self, port: int, tls: Tls | None, *, abort: bool) -> None:
        super().__init__()
        self.port, self.tls, self.abort = port, tls, abort

    def on_open(self, conn: ConnId) -> None:
        self.dial(self.port, "localhost" if self.tls else "127.0.0.1", self.tls)

    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.close(ConnId(2), abort=self.abort)
        self.send(conn, b"done")


@pytest.mark.parametrize("abort", [False, True], ids=["close", "abort"])
def test_close_cancels_a_handshake(start: HostFactory, certificates: Certificates, abort: bool) -> None:
    accepted, ended = threading.Event(), threading.Event()

    def silent(sock: socket.socket) -> None:
        accepted.set()
        wait_for_end(sock)
        ended.set()

    with server(silent) as port:
        engine = _Impatient(port, Tls("localhost", certificates.ca_file), abort=abort)
        with running(start, engine) as host, connect(host.port) as client:
            assert accepted.wait(PATIENCE_S)
            client.sendall(b"stop")
            assert read_exactly(client, 4) == b"done"
            engine.wait_for("closed", 2)
            assert ended.wait(PATIENCE_S)  # the socket is gone, not just forgotten
    assert engine.names(2) == ["closed"]


def test_close_right_behind_connect(start: HostFactory) -> None:
    class Fickle(ToyEngine):
        def on_data(self, conn: ConnId, data: bytes) -> None:
            self.close(self.dial(port))
            self.send(conn, b"done")

    with server(wait_for_end) as port:
        engine = Fickle()
        with running(start, engine) as host, connect(host.port) as client:
            client.sendall(b"x")
            assert read_exactly(client, 4) == b"done"
            engine.wait_for("closed", 2)
    assert engine.names(2) == ["closed"]


#: A thread of its own for each dial can be left alone, whatever it looks up.
WITHOUT_SHARED_THREADS = {"threads"}


@pytest.mark.parametrize("abort", [False, True], ids=["close", "abort"])
@pytest.mark.parametrize("name", sorted(HOSTS.keys() - WITHOUT_SHARED_THREADS))
@pytest.mark.parametrize("end", ["answer", "drain", "stop"])
def test_a_dial_whose_look_up_goes_on_is_closed_when_that_has_ended(
    name: str, end: str, abort: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine counts look-ups by their dials. A drain, and a stop, do not wait for it."""
    asked, silent = threading.Event(), threading.Event()
    ordinary = socket.getaddrinfo

    def look_up(host: str, port: int, *places: Any, **more: Any) -> Any:
        if host != "slow.test":
            return ordinary(host, port, *places, **more)
        if more["flags"] == socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "no number")
        asked.set()
        silent.wait(PATIENCE_S)
        return ordinary("127.0.0.1", port, **more)

    class Slow(ToyEngine):
        def on_open(self, conn: ConnId) -> None:
            self.dial(1, "slow.test")

        def on_data(self, conn: ConnId, data: bytes) -> None:
            if data == b"stop":
                self.close(ConnId(2), abort=abort)
            self.send(conn, data)

        def on_eof(self, conn: ConnId) -> None:
            self.close(conn)

    monkeypatch.setattr(resolver.socket, "getaddrinfo", look_up)
    engine = Slow()
    try:
        with running(HOSTS[name], engine) as host:
            with connect(host.port) as client:
                assert asked.wait(PATIENCE_S)
                for said in (b"stop", b"more"):
                    client.sendall(said)
                    assert read_exactly(client, 4) == said
                assert engine.names(2) == []
                if end == "answer":
                    silent.set()
                    engine.wait_for("closed", 2)
            if end == "drain":
                engine.wait_for("closed", 1)
                host.drain()
    finally:
        silent.set()
    assert engine.names(2) == ["closed"]


class _Hasty(ToyEngine):
    """Queues bytes for a connection that is still dialled, and wants it paused from the start."""

    def on_open(self, conn: ConnId) -> None:
        upstream = self.dial(self.port)
        self.send(upstream, b"early")
        self.pause(upstream)

    def on_data(self, conn: ConnId, data: bytes) -> None:
        if conn == 1:
            self.resume(ConnId(2))
        else:
            self.send(ConnId(1), data)

    port = 0


def _hasty(start: HostFactory) -> ToyEngine:
    received = threading.Event()

    def serve(sock: socket.socket) -> None:
        assert read_exactly(sock, 5) == b"early"
        sock.sendall(b"late")
        received.set()
        wait_for_end(sock)

    with server(serve) as port:
        engine = _Hasty()
        engine.port = port
        with running(start, engine) as host, connect(host.port) as client:
            assert received.wait(PATIENCE_S)
            engine.wait_for("data_sent", 2)
            client.sendall(b"resume")
            assert read_exactly(client, 4) == b"late"
    return engine


def test_effects_during_the_dial_hold_afterwards(start: HostFactory) -> None:
    _hasty(start)


@pytest.mark.parametrize("name", OURS)
def test_nothing_is_read_that_was_paused_before_it_was_up(name: str) -> None:
    # uvloop's transports begin to read whatever was said before; the contract allows them that one read.
    engine = _hasty(HOSTS[name])
    order = [call.conn for call in engine.named("receive_data")]
    assert order == [1, 2]
