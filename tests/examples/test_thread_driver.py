"""The driver of threads keeps the contract, and tells a reset from an end."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.examples.thread_driver import ThreadDriver, _Link
from tests.peers.sockets import PATIENCE_S, pair, reset_by

from aigw_drivers import listen
from aigw_drivers.conformance import DriverSuite, Host, HostSettings
from aigw_drivers.conformance.sockets import background
from aigw_sansio import ConnId, Engine


class _ThreadHost:
    def __init__(self, driver: ThreadDriver, port: int) -> None:
        self.port = port
        self.drain = driver.drain


class TestThreadDriver(DriverSuite):
    patience_s = PATIENCE_S
    tls = True
    half_close_over_tls = True
    proxies = True

    @contextmanager
    def host(self, engine: Engine, settings: HostSettings, /) -> Iterator[Host]:
        driver = ThreadDriver(engine, answer=settings.answer, on_event=settings.on_event, clock=settings.clock)
        listeners = listen("127.0.0.1", 0, settings.tls)
        driver.start(listeners)
        try:
            yield _ThreadHost(driver, listeners[0].socket.getsockname()[1])
        finally:
            driver.stop()


def test_a_thread_that_reads_what_a_failed_send_left() -> None:
    ours, theirs = pair()
    with ours:
        link = _Link(ConnId(1), threading.Lock())
        link.socket = ours
        found: list[object] = []

        def read() -> None:
            try:
                found.append(link.receive())
            except OSError as exc:
                found.append(type(exc))

        with link.sending:  # the send has its error from the kernel, and is not back yet
            reset_by(theirs, ours)
            with pytest.raises(ConnectionResetError) as failed:
                ours.send(b"x")
            reader = background(read)
            reader.join(0.05)
            assert found == []
            link.failure = failed.value
        reader.join(PATIENCE_S)
    assert found == [ConnectionResetError]


def test_a_thread_that_reads_an_end_before_the_reset() -> None:
    ours, theirs = pair()
    with ours:
        link = _Link(ConnId(1), threading.Lock())
        link.socket = ours
        theirs.sendall(b"last")
        theirs.shutdown(socket.SHUT_WR)
        assert link.receive() == b"last"
        reset_by(theirs, ours)
        with pytest.raises(ConnectionError) as failed:
            link.send(b"x")
        if isinstance(failed.value, BrokenPipeError):  # as Linux tells the two apart
            assert link.receive() == b""
