"""Duties 7 and 8: each end is reported once, closing finishes sending, aborting does not."""

import logging
import socket

import pytest
from tests.peers.certificates import Certificates
from tests.peers.sockets import PATIENCE_S, background, connect, read_exactly, read_to_end, reset
from tests.rigs.hosts import HOSTS, OURS, HostFactory, running
from tests.rigs.toy_engines import Echo, ToyEngine

from aigw_drivers.core.tls import TlsPipe
from aigw_sansio.ids import ConnId

BOTH = pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
BIG = 3 << 20
HUGE = 32 << 20  # more than any socket buffers take


def _echoed(host_port: int, certificates: Certificates, secure: bool) -> socket.socket:
    client = connect(host_port, certificates.client if secure else None)
    client.sendall(b"x")
    assert read_exactly(client, 1) == b"x"
    return client


@BOTH
def test_reset(start: HostFactory, certificates: Certificates, secure: bool) -> None:
    engine = Echo()
    with running(start, engine, tls=certificates.server if secure else None) as host:
        reset(_echoed(host.port, certificates, secure))
        engine.wait_for("closed", 1)
    assert engine.names(1) == ["open_downstream", "receive_data", "connection_lost", "closed"]


def test_tls_cut_short_is_lost(start: HostFactory, certificates: Certificates) -> None:
    engine = Echo()
    with running(start, engine, tls=certificates.server) as host, _echoed(host.port, certificates, True) as client:
        client.shutdown(socket.SHUT_WR)  # without close_notify
        engine.wait_for("closed", 1)
    assert engine.names(1) == ["open_downstream", "receive_data", "connection_lost", "closed"]


def test_tls_rubbish_is_lost(start: HostFactory, certificates: Certificates) -> None:
    engine = Echo()
    with running(start, engine, tls=certificates.server) as host:
        client = _echoed(host.port, certificates, True)
        raw = socket.socket(fileno=client.detach())
        with raw:
            raw.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
            engine.wait_for("closed", 1)
    assert engine.names(1) == ["open_downstream", "receive_data", "connection_lost", "closed"]


def test_no_client_without_a_handshake(start: HostFactory, certificates: Certificates) -> None:
    engine = Echo()
    with running(start, engine, tls=certificates.server) as host:
        with connect(host.port) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            read_to_end(client)
        _echoed(host.port, certificates, True).close()
        assert len(engine.conns) == 1


class _AnswersAfterTheEnd(ToyEngine):
    def on_eof(self, conn: ConnId) -> None:
        self.send(conn, self.received(conn) * BIG)
        self.close(conn)


def test_half_close(start: HostFactory) -> None:
    engine = _AnswersAfterTheEnd()
    with running(start, engine) as host:
        with connect(host.port) as client:
            client.sendall(b"z")
            engine.wait_for("receive_data")
            client.shutdown(socket.SHUT_WR)
            assert read_to_end(client) == b"z" * BIG
        engine.wait_for("closed", 1)
    assert engine.names(1) == ["open_downstream", "receive_data", "receive_eof", "closed"]


@pytest.mark.parametrize("name", [*OURS, "threads"])
def test_half_close_over_tls(name: str, certificates: Certificates) -> None:
    engine = _AnswersAfterTheEnd()
    with running(HOSTS[name], engine, tls=certificates.server) as host:
        with connect(host.port) as raw:
            tls = TlsPipe(certificates.client, server_side=False, server_hostname="localhost")
            data = b""
            while not tls.handshake(data):
                raw.sendall(tls.pending())
                data = raw.recv(65536)
            raw.sendall(tls.encrypt(b"z"))
            engine.wait_for("receive_data")
            raw.sendall(tls.close_notify())
            assert tls.decrypt(read_to_end(raw)) == b"z" * BIG
            assert tls.ended
        engine.wait_for("closed", 1)
    assert engine.names(1) == ["open_downstream", "receive_data", "receive_eof", "closed"]


class _SendsAndCloses(ToyEngine):
    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.send(conn, b"y" * BIG)
        self.close(conn)


class _SendsAndAborts(ToyEngine):
    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.send(conn, b"y" * HUGE)
        self.close(conn, abort=True)


@BOTH
def test_close_finishes_sending(start: HostFactory, certificates: Certificates, secure: bool) -> None:
    engine = _SendsAndCloses()
    with running(start, engine, tls=certificates.server if secure else None) as host:
        with connect(host.port, certificates.client if secure else None) as client:
            client.sendall(b"x")
            engine.wait_for("data_sent")
            assert read_to_end(client) == b"y" * BIG  # a clean end: over TLS with close_notify
        engine.wait_for("closed", 1)
    assert sum(engine.conns[ConnId(1)].sent_reports) == BIG
    assert engine.names(1) == ["open_downstream", "receive_data", "closed"]


@BOTH
def test_abort_does_not_wait(start: HostFactory, certificates: Certificates, secure: bool) -> None:
    engine = _SendsAndAborts()
    with (
        running(start, engine, tls=certificates.server if secure else None) as host,
        connect(host.port, certificates.client if secure else None) as client,
    ):
        client.sendall(b"x")  # and reads nothing
        engine.wait_for("closed", 1)
    assert sum(engine.conns[ConnId(1)].sent_reports) < HUGE
    assert engine.names(1) == ["open_downstream", "receive_data", "closed"]


class _CloseThenAbort(ToyEngine):
    """Connection 1 is closed but its peer reads nothing; connection 2 aborts it."""

    def on_data(self, conn: ConnId, data: bytes) -> None:
        if conn == 1:
            self.send(conn, b"y" * HUGE)
            self.close(conn)
        else:
            self.close(ConnId(1), abort=True)


@BOTH
def test_abort_ends_a_close_that_does_not_finish(start: HostFactory, certificates: Certificates, secure: bool) -> None:
    engine = _CloseThenAbort()
    tls = certificates.client if secure else None
    with running(start, engine, tls=certificates.server if secure else None) as host, connect(host.port, tls) as stuck:
        stuck.sendall(b"x")
        engine.wait_for("data_sent", 1)
        stuck.sendall(b"more")  # is not delivered
        with connect(host.port, tls) as other:  # not before: who connects second may be welcomed first
            other.sendall(b"abort")
            engine.wait_for("closed", 1)
    assert engine.names(1) == ["open_downstream", "receive_data", "closed"]


@pytest.mark.parametrize("name", OURS)
@BOTH
def test_the_last_bytes_reach_a_peer_that_still_sends(name: str, certificates: Certificates, secure: bool) -> None:
    class Refuses(ToyEngine):
        def on_data(self, conn: ConnId, data: bytes) -> None:
            if not self.named("receive_data"):
                self.send(conn, b"refused")
                self.close(conn)

    engine = Refuses()
    with running(HOSTS[name], engine, tls=certificates.server if secure else None) as host:
        with connect(host.port, certificates.client if secure else None) as client:
            for _ in range(64):
                client.sendall(b"u" * 65536)
            assert read_exactly(client, 7) == b"refused"
            assert client.recv(1) == b""
        engine.wait_for("closed", 1)
    assert engine.names(1) == ["open_downstream", "receive_data", "closed"]


class _Sends(ToyEngine):
    def __init__(self, *, paused: bool) -> None:
        super().__init__()
        self.paused = paused

    def on_data(self, conn: ConnId, data: bytes) -> None:
        if self.paused:
            self.pause(conn)
        self.send(conn, b"y" * HUGE)


@pytest.mark.parametrize("paused", [False, True], ids=["reading", "paused"])
@BOTH
def test_reset_while_sending(start: HostFactory, certificates: Certificates, secure: bool, paused: bool) -> None:
    engine = _Sends(paused=paused)
    with running(start, engine, tls=certificates.server if secure else None) as host:
        client = connect(host.port, certificates.client if secure else None)
        client.sendall(b"x")
        engine.wait_for("data_sent")
        reset(client)
        engine.wait_for("closed", 1)
    assert engine.names(1) == ["open_downstream", "receive_data", "connection_lost", "closed"]


def test_stopping_ends_every_connection(start: HostFactory) -> None:
    engine = Echo()
    with running(start, engine) as host:
        clients = [connect(host.port) for _ in range(3)]
        engine.wait_for("open_downstream", times=3)
    for conn, client in enumerate(clients, 1):
        assert engine.names(conn)[-2:] == ["connection_lost", "closed"]
        client.close()


def test_draining_closes_and_ends(start: HostFactory) -> None:
    engine = _SendsAndCloses()
    with running(start, engine) as host:
        client = connect(host.port)
        engine.wait_for("open_downstream")
        with client:
            ended = background(host.drain)
            assert read_to_end(client) == b""
        ended.join(PATIENCE_S)
        assert not ended.is_alive()
        with pytest.raises(ConnectionRefusedError):
            connect(host.port)
        assert engine.names(1) == ["open_downstream", "closed"]


class _Buggy(Echo):
    def on_data(self, conn: ConnId, data: bytes) -> None:
        if data.startswith(b"bug"):
            raise RuntimeError(data.decode())
        super().on_data(conn, data)


@pytest.mark.parametrize("name", OURS)
def test_a_bug_of_the_engine_costs_one_connection(name: str, caplog: pytest.LogCaptureFixture) -> None:
    engine = _Buggy()
    with caplog.at_level(logging.ERROR), running(HOSTS[name], engine) as host, connect(host.port) as other:
        with connect(host.port) as client:
            client.sendall(b"bug: secret")
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        other.sendall(b"still here")
        assert read_exactly(other, 10) == b"still here"
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text
