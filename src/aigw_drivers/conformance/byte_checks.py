"""Duties 3 to 6: effects in order, one writer, confirmed sends, bounded reads, pauses.

Decides: what arrives, in which order, and how much a driver may hold. Must not know: how it reads and writes.
"""

import selectors
import socket
import ssl
from contextlib import suppress

from aigw_sansio import (
    READ_SIZE,
    Answer,
    Authenticate,
    Close,
    ConnId,
    Event,
    Flush,
    PauseReading,
    ResumeReading,
    Unavailable,
    UpgradeRefused,
)

from .rig import Rig
from .sockets import over_tls, read_exactly, read_to_end
from .toy_engines import Echo, ToyEngine


class _Greeter(ToyEngine):
    def on_open(self, conn: ConnId) -> None:
        self.send(conn, b"hello ")
        self.send(conn, b"there")


class _Controlled(ToyEngine):
    """Connection 1 is paused by its first read; connection 2 resumes it, and else echoes."""

    def on_data(self, conn: ConnId, data: bytes) -> None:
        if conn == 1:
            if not self.conns[conn].paused and len(self.named("receive_data", 1)) == 0:
                self.pause(conn)
        elif data == b"resume":
            self.resume(ConnId(1))
        else:
            self.send(conn, data)


class _PausedAtOnce(ToyEngine):
    def on_open(self, conn: ConnId) -> None:
        if conn == 1:
            self.pause(conn)

    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.resume(ConnId(1))


class _Nested(ToyEngine):
    """Its questions are answered inside the execution of its effects; what that adds comes last."""

    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.ask(Authenticate("a", "g", None))
        self.emit(_event(1))
        self.send(conn, b"answer")
        self.emit(_event(2))

    def on_answer(self, value: Answer) -> None:
        assert isinstance(value, Unavailable)
        self.emit(_event(3))
        if len(self.named("answer")) == 0:
            self.ask(Authenticate("a", "g", None))


def _event(number: int) -> Event:
    return UpgradeRefused(conn=ConnId(1), status=number, code=0, reason="")


class _Stale(Echo):
    """Asks for everything again when a connection is over."""

    def on_closed(self, conn: ConnId) -> None:
        self.effects_waiting += [Flush(conn), PauseReading(conn), ResumeReading(conn), Close(conn, abort=False)]
        self.effects_waiting += [Close(conn, abort=True)]


class ByteChecks(Rig):
    """Bytes both ways."""

    def test_echo(self, *, secure: bool) -> None:
        engine = Echo()
        with self.running(engine, secure=secure) as host:
            with self.connect(host, secure=secure) as client:
                for message in (b"a", b"bc" * 500, b"d" * 40000):
                    client.sendall(message)
                    assert read_exactly(client, len(message)) == message
                port = client.getsockname()[1]
                if secure:
                    over_tls(client).unwrap().close()
                else:
                    client.shutdown(socket.SHUT_WR)
                    assert client.recv(1) == b""
            engine.wait_for("closed", 1)
        opened = engine.calls[0]
        assert opened.name == "open_downstream"
        assert opened.value == (f"127.0.0.1:{port}", "http/1.1" if secure else None, f"127.0.0.1:{host.port}")
        assert engine.names(1) == ["open_downstream", "receive_data", "receive_eof", "closed"]
        assert sum(engine.conns[ConnId(1)].sent_reports) == 41001

    def test_eight_megabytes_to_a_slow_reader(self, *, secure: bool) -> None:
        engine = Echo()
        size = 8 << 20
        block = bytes(range(256)) * 256
        with self.running(engine, secure=secure) as host:
            client = self.connect(host, secure=secure)
            # One thread does both, for an SSL object must not be used by two at once. It writes for as long as it can:
            # the echo is not read. Only then does reading begin, and first only in small pieces.
            with client, selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # else the kernel may hold all of it
                client.setblocking(False)
                sent = got = 0
                while got < size:
                    sent_before = sent
                    with suppress(BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                        while sent < size:
                            sent += client.send(block[sent % len(block) :])
                    if not got and not any(conn.pauses for conn in list(engine.conns.values())):
                        if sent == size:  # the kernel holds the rest
                            engine.wait(lambda: engine.conns[ConnId(1)].pauses, "a pause")
                        continue
                    try:
                        piece = client.recv(7000 if got < 1 << 20 else 65536)
                    except (BlockingIOError, ssl.SSLWantReadError):
                        if sent == sent_before:
                            selector.modify(
                                client, selectors.EVENT_READ | (selectors.EVENT_WRITE if sent < size else 0)
                            )
                            assert selector.select(self.patience_s), f"stuck after {got} of {size} bytes"
                        continue
                    assert piece == (block * 2)[got % len(block) :][: len(piece)]
                    assert piece
                    got += len(piece)
        assert engine.conns[ConnId(1)].pauses
        assert engine.conns[ConnId(1)].most_buffered <= Echo.HIGH + 2 * READ_SIZE

    def test_what_is_queued_at_once_is_flushed(self) -> None:
        with self.running(_Greeter()) as host, self.connect(host) as client:
            assert read_exactly(client, 11) == b"hello there"

    def test_a_paused_connection_is_not_read(self, *, secure: bool) -> None:
        engine = _Controlled()
        with self.running(engine, secure=secure) as host, self.connect(host, secure=secure) as paused:
            paused.sendall(b"first")
            engine.wait_for("receive_data", 1)
            with self.connect(host, secure=secure) as control:  # not before: who connects second may be welcomed first
                for _ in range(20):
                    paused.sendall(b"x" * 4000)
                    control.sendall(b"ping")
                    assert read_exactly(control, 4) == b"ping"
                engine.wait(lambda: True)
                assert len(engine.received(1)) < 80005
                control.sendall(b"resume")
                engine.wait(lambda: len(engine.received(1)) == 80005, "the rest")

    def test_paused_from_the_start(self) -> None:
        engine = _PausedAtOnce()
        with self.running(engine) as host, self.connect(host) as paused:
            paused.sendall(b"early")
            engine.wait_for("open_downstream", 1)
            with self.connect(host) as control:
                control.sendall(b"go")
                engine.wait(lambda: engine.received(1) == b"early", "what came early")

    def test_effects_of_inputs_inside_effects_come_last(self) -> None:
        engine = _Nested()
        seen: list[int] = []

        def on_event(event: Event) -> None:
            assert isinstance(event, UpgradeRefused)
            seen.append(event.status)

        with self.running(engine, on_event=on_event) as host, self.connect(host) as client:
            client.sendall(b"?")
            assert read_exactly(client, 6) == b"answer"
            engine.wait_for("answer", times=2)
            client.shutdown(socket.SHUT_WR)
            engine.wait_for("receive_eof")
        assert seen == [1, 2, 3, 3]

    def test_effects_for_a_connection_that_is_over_are_ignored(self) -> None:
        engine = _Stale()
        with self.running(engine) as host:
            for _ in range(2):
                with self.connect(host) as client:
                    client.sendall(b"x")
                    assert read_exactly(client, 1) == b"x"
                    client.shutdown(socket.SHUT_WR)
                    assert client.recv(1) == b""

    def test_many_clients(self) -> None:
        engine = Echo()
        with self.running(engine) as host:
            clients = [self.connect(host) for _ in range(40)]
            for number, client in enumerate(clients):
                client.sendall(b"%d" % number)
            for number, client in enumerate(clients):
                with client:
                    client.shutdown(socket.SHUT_WR)
                    assert read_to_end(client) == b"%d" % number
            engine.wait_for("closed", times=40)
