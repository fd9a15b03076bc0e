"""Duty 10: work that the engine has left goes on, and other sockets are served in between.

Decides: whom a driver must serve before ``proceed``. Must not know: in which order it serves them.
"""

import threading

from aigw_sansio import ConnId

from .rig import Rig
from .sockets import read_exactly
from .toy_engines import ToyEngine

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
            assert self.ready.wait(self.patience_s)
            self.leave_work()

    def on_proceed(self) -> None:
        self.read_before = len(self.named("receive_data")) - 1


class _Late(ToyEngine):
    """Has work left when its last connection is released."""

    turns = 3

    def on_closed(self, conn: ConnId) -> None:
        self.leave_work()

    def on_proceed(self) -> None:
        self.turns -= 1
        if self.turns:
            self.leave_work()


class TurnChecks(Rig):
    """Work that is left."""

    def test_others_are_served_while_work_is_left(self) -> None:
        engine = _Endless()
        with self.running(engine) as host, self.connect(host) as busy, self.connect(host) as other:
            busy.sendall(b"work")
            engine.wait_for("proceed")
            for number in range(engine.echoes):
                other.sendall(b"%02d" % number)
                assert read_exactly(other, 2) == b"%02d" % number
            engine.wait(lambda: not engine.promised, "the end of the work")
        assert len(engine.named("proceed")) > 1

    def test_every_ready_socket_is_served_once_before(self) -> None:
        engine = _Gate()
        with self.running(engine) as host, self.connect(host) as busy:
            others = [self.connect(host) for _ in range(_BYSTANDERS)]
            engine.wait_for("open_downstream", times=1 + _BYSTANDERS)
            busy.sendall(b"work")
            assert engine.entered.wait(self.patience_s)
            for other in others:
                other.sendall(b"here I am")
            engine.ready.set()
            engine.wait_for("proceed")
            for other in others:
                other.close()
        assert engine.read_before == _BYSTANDERS

    def test_what_is_left_at_the_end_of_a_drain_is_done(self) -> None:
        engine = _Late()
        with self.running(engine) as host, self.connect(host) as client:
            engine.wait_for("open_downstream")
            client.close()
            self.drain(host)
            assert not engine.turns
            assert not engine.promised

    def test_what_is_left_at_a_stop_is_done(self) -> None:
        engine = _Late()
        with self.running(engine) as host, self.connect(host):
            engine.wait_for("open_downstream")
        assert not engine.turns
        assert not engine.promised
