"""Duties 7 and 8: each end is reported once, closing finishes sending, aborting does not.

Decides: what a peer, and the engine, may see of an end. Must not know: how a driver keeps its connections.
"""

import logging
import socket
import time

import pytest

from aigw_sansio import ConnId

from ..core.tls import TlsPipe
from .certificates import certificates
from .hosts import Host
from .rig import Rig
from .sockets import background, read_exactly, read_to_end, reset
from .toy_engines import Echo, ToyEngine

BIG = 3 << 20
HUGE = 32 << 20  # more than any socket buffers take


class _AnswersAfterTheEnd(ToyEngine):
    def on_eof(self, conn: ConnId) -> None:
        self.send(conn, self.received(conn) * BIG)
        self.close(conn)


class _SendsAndCloses(ToyEngine):
    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.send(conn, b"y" * BIG)
        self.close(conn)


class _SendsAndAborts(ToyEngine):
    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.send(conn, b"y" * HUGE)
        self.close(conn, abort=True)


class _CloseThenAbort(ToyEngine):
    """Connection 1 is closed but its peer reads nothing; connection 2 aborts it."""

    def on_data(self, conn: ConnId, data: bytes) -> None:
        if conn == 1:
            self.send(conn, b"y" * HUGE)
            self.close(conn)
        else:
            self.close(ConnId(1), abort=True)


class _Leaves(ToyEngine):
    """Refuses those who come during its drain, but for the first; the others end when they say so."""

    leaving = 0

    def drain(self, now: float) -> None:
        with self._input("drain", 0, None, now, conn_known=False):
            self.leaving = 1

    def on_open(self, conn: ConnId) -> None:
        if self.leaving > 1:
            self.send(conn, b"no")
            self.close(conn)
        self.leaving *= 2

    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.close(conn)


class _Sends(ToyEngine):
    def __init__(self, *, paused: bool) -> None:
        super().__init__()
        self.paused = paused

    def on_data(self, conn: ConnId, data: bytes) -> None:
        if self.paused:
            self.pause(conn)
        self.send(conn, b"y" * HUGE)


class _Buggy(Echo):
    def on_data(self, conn: ConnId, data: bytes) -> None:
        if data.startswith(b"bug"):
            raise RuntimeError(data.decode())
        super().on_data(conn, data)


class EndChecks(Rig):
    """Ends of connections, by the peer, by the engine, by the host."""

    def echoed(self, host: Host, *, secure: bool) -> socket.socket:
        """A client that has got an answer."""
        client = self.connect(host, secure=secure)
        client.sendall(b"x")
        assert read_exactly(client, 1) == b"x"
        return client

    def test_reset(self, *, secure: bool) -> None:
        engine = Echo()
        with self.running(engine, secure=secure) as host:
            reset(self.echoed(host, secure=secure))
            engine.wait_for("closed", 1)
        assert engine.names(1) == ["open_downstream", "receive_data", "connection_lost", "closed"]

    def test_tls_cut_short_is_lost(self) -> None:
        self.need("tls")
        engine = Echo()
        with self.running(engine, secure=True) as host, self.echoed(host, secure=True) as client:
            client.shutdown(socket.SHUT_WR)  # without close_notify
            engine.wait_for("closed", 1)
        assert engine.names(1) == ["open_downstream", "receive_data", "connection_lost", "closed"]

    def test_tls_rubbish_is_lost(self) -> None:
        self.need("tls")
        engine = Echo()
        with self.running(engine, secure=True) as host:
            client = self.echoed(host, secure=True)
            raw = socket.socket(fileno=client.detach())
            with raw:
                raw.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
                engine.wait_for("closed", 1)
        assert engine.names(1) == ["open_downstream", "receive_data", "connection_lost", "closed"]

    def test_no_client_without_a_handshake(self) -> None:
        self.need("tls")
        engine = Echo()
        with self.running(engine, secure=True) as host:
            with self.connect(host) as client:
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")
                read_to_end(client)
            self.echoed(host, secure=True).close()
            assert len(engine.conns) == 1

    def test_half_close(self) -> None:
        engine = _AnswersAfterTheEnd()
        with self.running(engine) as host:
            with self.connect(host) as client:
                client.sendall(b"z")
                engine.wait_for("receive_data")
                client.shutdown(socket.SHUT_WR)
                assert read_to_end(client) == b"z" * BIG
            engine.wait_for("closed", 1)
        assert engine.names(1) == ["open_downstream", "receive_data", "receive_eof", "closed"]

    def test_half_close_over_tls(self) -> None:
        self.need("half_close_over_tls")
        engine = _AnswersAfterTheEnd()
        with self.running(engine, secure=True) as host:
            with self.connect(host) as raw:
                tls = TlsPipe(certificates().client, server_side=False, server_hostname="localhost")
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

    def test_close_finishes_sending(self, *, secure: bool) -> None:
        engine = _SendsAndCloses()
        with self.running(engine, secure=secure) as host:
            with self.connect(host, secure=secure) as client:
                client.sendall(b"x")
                engine.wait_for("data_sent")
                assert read_to_end(client) == b"y" * BIG  # a clean end: over TLS with close_notify
            engine.wait_for("closed", 1)
        assert sum(engine.conns[ConnId(1)].sent_reports) == BIG
        assert engine.names(1) == ["open_downstream", "receive_data", "closed"]

    def test_abort_does_not_wait(self, *, secure: bool) -> None:
        engine = _SendsAndAborts()
        with (
            self.running(engine, secure=secure) as host,
            self.connect(host, secure=secure) as client,
        ):
            client.sendall(b"x")  # and reads nothing
            engine.wait_for("closed", 1)
        assert sum(engine.conns[ConnId(1)].sent_reports) < HUGE
        assert engine.names(1) == ["open_downstream", "receive_data", "closed"]

    def test_abort_ends_a_close_that_does_not_finish(self, *, secure: bool) -> None:
        engine = _CloseThenAbort()
        with self.running(engine, secure=secure) as host, self.connect(host, secure=secure) as stuck:
            stuck.sendall(b"x")
            engine.wait_for("data_sent", 1)
            stuck.sendall(b"more")  # is not delivered
            with self.connect(host, secure=secure) as other:  # not before: who connects second may be welcomed first
                other.sendall(b"abort")
                engine.wait_for("closed", 1)
        assert engine.names(1) == ["open_downstream", "receive_data", "closed"]

    def test_the_last_bytes_reach_a_peer_that_still_sends(self, *, secure: bool) -> None:
        self.need("lingering_close")

        class Refuses(ToyEngine):
            def on_data(self, conn: ConnId, data: bytes) -> None:
                if not self.named("receive_data"):
                    self.send(conn, b"refused")
                    self.close(conn)

        engine = Refuses()
        with self.running(engine, secure=secure) as host:
            with self.connect(host, secure=secure) as client:
                for _ in range(64):
                    client.sendall(b"u" * 65536)
                assert read_exactly(client, 7) == b"refused"
                assert client.recv(1) == b""
            engine.wait_for("closed", 1)
        assert engine.names(1) == ["open_downstream", "receive_data", "closed"]

    @pytest.mark.parametrize("paused", [False, True], ids=["reading", "paused"])
    def test_reset_while_sending(self, *, secure: bool, paused: bool) -> None:
        engine = _Sends(paused=paused)
        with self.running(engine, secure=secure) as host:
            client = self.connect(host, secure=secure)
            client.sendall(b"x")
            engine.wait_for("data_sent")
            reset(client)
            engine.wait_for("closed", 1)
        assert engine.names(1) == ["open_downstream", "receive_data", "connection_lost", "closed"]

    def test_stopping_ends_every_connection(self) -> None:
        engine = Echo()
        with self.running(engine) as host:
            clients = [self.connect(host) for _ in range(3)]
            engine.wait_for("open_downstream", times=3)
        for conn, client in enumerate(clients, 1):
            assert engine.names(conn)[-2:] == ["connection_lost", "closed"]
            client.close()

    def test_draining_closes_and_ends(self) -> None:
        engine = _SendsAndCloses()
        with self.running(engine) as host:
            client = self.connect(host)
            engine.wait_for("open_downstream")
            with client:
                ended = background(host.drain)
                assert read_to_end(client) == b""
            ended.join(self.patience_s)
            assert not ended.is_alive()
            with pytest.raises(ConnectionRefusedError):
                self.connect(host)
            assert engine.names(1) == ["open_downstream", "closed"]

    def test_who_comes_during_a_drain_is_told_until_the_others_have_left(self, *, secure: bool) -> None:
        engine = _Leaves()
        with self.running(engine, secure=secure) as host:
            with self.connect(host, secure=secure) as first:
                engine.wait_for("open_downstream")
                ended = background(host.drain)
                engine.wait_for("drain")
                slow = self.connect(host, secure=secure)
                engine.wait_for("open_downstream", times=2)
                with self.connect(host, secure=secure) as late:
                    assert read_to_end(late) == b"no"
                first.sendall(b"I have finished")
                assert read_to_end(first) == b""
            engine.wait_for("closed", 1)
            self._wait_until_refused(host)
            assert ended.is_alive()
            with slow:
                slow.sendall(b"so have I")
                assert read_to_end(slow) == b""
            ended.join(self.patience_s)
            assert not ended.is_alive()

    def _wait_until_refused(self, host: Host) -> None:
        """Wait until nobody listens any more."""
        until = time.monotonic() + self.patience_s
        while time.monotonic() < until:
            try:
                self.connect(host).close()
            except OSError:
                return
        raise AssertionError("clients are still accepted, although the last one has left")

    def test_a_bug_of_the_engine_costs_one_connection(self, caplog: pytest.LogCaptureFixture) -> None:
        self.need("contains_bugs")
        engine = _Buggy()
        with caplog.at_level(logging.ERROR), self.running(engine) as host, self.connect(host) as other:
            with self.connect(host) as client:
                client.sendall(b"bug: secret")
                with pytest.raises(ConnectionResetError):
                    client.recv(1)
            other.sendall(b"still here")
            assert read_exactly(other, 10) == b"still here"
        assert "RuntimeError" in caplog.text
        assert "secret" not in caplog.text
