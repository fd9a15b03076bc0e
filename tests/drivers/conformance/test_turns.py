"""Duty 10: work that the engine has left goes on, and other sockets are served in between."""

import threading

from tests.peers.sockets import connect, read_exactly
from tests.rigs.hosts import HostFactory, running
from tests.rigs.toy_engines import PATIENCE_S, ToyEngine

from aigw_sansio.ids import ConnId

_BYSTANDERS = 8


class _Endless(ToyEngine):
    """``work`` begins work that ends only when others have got ``echoes`` answers."""

    echoes = 20

    def on_data(self, conn: ConnId, data: bytes) -> None:
        if data == b"work":
            self.leave_work()
        else:
            self.send(conn, data)

    def on_proceed(self) -> None:
        if len(self.named("receive_data")) <= self.echoes:
            self.leave_work()


def test_others_are_served_while_work_is_left(start: HostFactory) -> None:
    engine = _Endless()
    with running(start, engine) as host, connect(host.port) as busy, connect(host.port) as other:
        busy.sendall(b"work")
        engine.wait_for("proceed")
        for number in range(engine.echoes):
            other.sendall(b"%02d" % number)
            assert read_exactly(other, 2) == b"%02d" % number
        engine.wait(lambda: not engine.promised, "the end of the work")
    assert len(engine.named("proceed")) > 1


class _Gate(ToyEngine):
    """Leaves work in a call that lasts until the test has made other sockets ready."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.ready = threading.Event()
        self.read_before = 0

    def on_data(self, conn: ConnId, data: bytes) -> None:
        if data == b"work":
            self.entered.set()
            assert self.ready.wait(PATIENCE_S)
            self.leave_work()

    def on_proceed(self) -> None:
        self.read_before = len(self.named("receive_data")) - 1


def test_every_ready_socket_is_served_once_before(start: HostFactory) -> None:
    engine = _Gate()
    with running(start, engine) as host, connect(host.port) as busy:
        others = [connect(host.port) for _ in range(_BYSTANDERS)]
        engine.wait_for("open_downstream", times=1 + _BYSTANDERS)
        busy.sendall(b"work")
        assert engine.entered.wait(PATIENCE_S)
        for other in others:
            other.sendall(b"here I am")
        engine.ready.set()
        engine.wait_for("proceed")
        for other in others:
            other.close()
    assert engine.read_before == _BYSTANDERS


class _Late(ToyEngine):
    """Has work left when its last connection is released."""

    turns = 3

    def on_closed(self, conn: ConnId) -> None:
        self.leave_work()

    def on_proceed(self) -> None:
        self.turns -= 1
        if self.turns:
            self.leave_work()


def test_what_is_left_at_the_end_of_a_drain_is_done(start: HostFactory) -> None:
    engine = _Late()
    with running(start, engine) as host, connect(host.port) as client:
        engine.wait_for("open_downstream")
        client.close()
        host.drain()
        assert not engine.turns
        assert not engine.promised


def test_what_is_left_at_a_stop_is_done(start: HostFactory) -> None:
    engine = _Late()
    with running(start, engine) as host, connect(host.port):
        engine.wait_for("open_downstream")
    assert not engine.turns
    assert not engine.promised
