"""Dialling: connected, refused, not trusted, cancelled by ``Close``.

Decides: how a dial must end, and which effects hold during it. Must not know: how a driver looks names up.
"""

import socket
import threading
from typing import Any

import pytest

from aigw_sansio import READ_SIZE, ConnId, Tls

from .certificates import certificates
from .rig import Rig
from .sockets import background, echo, over_tls, read_exactly, read_to_end, wait_for_end
from .toy_engines import Relay, ToyEngine


def _trusted(*, secure: bool) -> Tls | None:
    return Tls("localhost", certificates().ca_file) if secure else None


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


class DialChecks(Rig):
    """Dials of the engine, and their ends."""

    def test_relay(self, *, secure: bool) -> None:
        with self.server(echo, secure=secure) as port:
            engine = Relay(port, _trusted(secure=secure), ("http/1.1",))
            with self.running(engine, secure=secure) as host:
                with self.connect(host, secure=secure) as client:
                    for message in (b"a", b"b" * 100_000):
                        client.sendall(message)
                        assert read_exactly(client, len(message)) == message
                    if secure:
                        over_tls(client).unwrap()
                    else:
                        client.shutdown(socket.SHUT_WR)
                        assert client.recv(1) == b""
                engine.wait_for("closed", 1)
                engine.wait_for("closed", 2)
        assert engine.named("connected", 2)[0].value == ("http/1.1" if secure else None)
        assert engine.names(2) == ["connected", "receive_data", "closed"]

    def test_the_dialled_side_ends_first(self) -> None:
        with self.server(lambda sock: sock.sendall(b"bye")) as port:
            engine = Relay(port)
            with self.running(engine) as host, self.connect(host) as client:
                assert read_to_end(client) == b"bye"
                client.close()
                engine.wait_for("closed", 1)
        assert engine.names(2) == ["connected", "receive_data", "receive_eof", "closed"]

    def test_eight_megabytes_through_a_relay(self) -> None:
        size = 8 << 20
        reading = threading.Event()

        def slow_echo(sock: socket.socket) -> None:
            assert reading.wait(self.patience_s)
            echo(sock)

        with self.server(slow_echo) as port:
            engine = Relay(port)
            with self.running(engine) as host, self.connect(host) as client:
                writer = background(lambda: client.sendall(b"k" * size))
                engine.wait_for("receive_data", 1)
                engine.wait(lambda: engine.conns[ConnId(1)].pauses, "a pause")
                reading.set()
                assert len(read_exactly(client, size)) == size
                writer.join()
            assert engine.conns[ConnId(1)].most_buffered <= Relay.HIGH + 2 * READ_SIZE
            assert engine.conns[ConnId(2)].most_buffered <= Relay.HIGH + 2 * READ_SIZE

    def test_refused(self, *, secure: bool) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound and not listening
            engine = Relay(taken.getsockname()[1], _trusted(secure=secure))
            with self.running(engine) as host, self.connect(host) as client:
                assert read_to_end(client) == b""
                client.close()
                engine.wait_for("closed", 1)
        assert engine.names(2) == ["connect_failed", "closed"]
        assert "refused" in str(engine.named("connect_failed")[0].value)

    @pytest.mark.parametrize("wrong", ["authority", "name"])
    def test_not_trusted(self, wrong: str) -> None:
        self.need("tls")
        tls = Tls("localhost") if wrong == "authority" else Tls("example.com", certificates().ca_file)
        with self.server(echo, secure=True) as port:
            engine = Relay(port, tls, ("http/1.1",))
            with self.running(engine) as host, self.connect(host) as client:
                assert read_to_end(client) == b""
        assert engine.names(2) == ["connect_failed", "closed"]
        assert "certificate" in str(engine.named("connect_failed")[0].value)

    @pytest.mark.parametrize("abort", [False, True], ids=["close", "abort"])
    def test_close_cancels_a_handshake(self, *, abort: bool) -> None:
        self.need("tls")
        accepted, ended = threading.Event(), threading.Event()

        def silent(sock: socket.socket) -> None:
            accepted.set()
            wait_for_end(sock)
            ended.set()

        with self.server(silent) as port:
            engine = _Impatient(port, _trusted(secure=True), abort=abort)
            with self.running(engine) as host, self.connect(host) as client:
                assert accepted.wait(self.patience_s)
                client.sendall(b"stop")
                assert read_exactly(client, 4) == b"done"
                engine.wait_for("closed", 2)
                assert ended.wait(self.patience_s)  # the socket is gone, not just forgotten
        assert engine.names(2) == ["closed"]

    def test_close_right_behind_connect(self) -> None:
        class Fickle(ToyEngine):
            def on_data(self, conn: ConnId, data: bytes) -> None:
                self.close(self.dial(port))
                self.send(conn, b"done")

        with self.server(wait_for_end) as port:
            engine = Fickle()
            with self.running(engine) as host, self.connect(host) as client:
                client.sendall(b"x")
                assert read_exactly(client, 4) == b"done"
                engine.wait_for("closed", 2)
        assert engine.names(2) == ["closed"]

    @pytest.mark.parametrize("abort", [False, True], ids=["close", "abort"])
    @pytest.mark.parametrize("end", ["answer", "drain", "stop"])
    def test_a_dial_whose_look_up_goes_on_is_closed_when_that_has_ended(
        self, *, end: str, abort: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The engine counts look-ups by their dials. A drain, and a stop, do not wait for it."""
        self.need("waits_for_look_ups")
        asked, silent = threading.Event(), threading.Event()
        ordinary = socket.getaddrinfo

        def look_up(host: str, port: int, *places: Any, **more: Any) -> Any:
            if host != "slow.test":
                return ordinary(host, port, *places, **more)
            if more["flags"] == socket.AI_NUMERICHOST:
                raise socket.gaierror(socket.EAI_NONAME, "no number")
            asked.set()
            silent.wait(self.patience_s)
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

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        engine = Slow()
        try:
            with self.running(engine) as host:
                with self.connect(host) as client:
                    assert asked.wait(self.patience_s)
                    for said in (b"stop", b"more"):
                        client.sendall(said)
                        assert read_exactly(client, 4) == said
                    assert engine.names(2) == []
                    if end == "answer":
                        silent.set()
                        engine.wait_for("closed", 2)
                if end == "drain":
                    engine.wait_for("closed", 1)
                    self.drain(host)
        finally:
            silent.set()
        assert engine.names(2) == ["closed"]

    def hasty(self) -> ToyEngine:
        """What :class:`_Hasty` has seen in the end."""
        received = threading.Event()

        def serve(sock: socket.socket) -> None:
            assert read_exactly(sock, 5) == b"early"
            sock.sendall(b"late")
            received.set()
            wait_for_end(sock)

        with self.server(serve) as port:
            engine = _Hasty()
            engine.port = port
            with self.running(engine) as host, self.connect(host) as client:
                assert received.wait(self.patience_s)
                engine.wait_for("data_sent", 2)
                client.sendall(b"resume")
                assert read_exactly(client, 4) == b"late"
        return engine

    def test_effects_during_the_dial_hold_afterwards(self) -> None:
        self.hasty()

    def test_nothing_is_read_that_was_paused_before_it_was_up(self) -> None:
        # Some transports begin to read whatever was said before; the contract allows them that one read.
        self.need("exact_pauses")
        engine = self.hasty()
        order = [call.conn for call in engine.named("receive_data")]
        assert order == [1, 2]
