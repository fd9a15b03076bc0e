"""The driver on Twisted keeps the contract."""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

pytest.importorskip("twisted")

from tests.examples.twisted_driver import TwistedDriver, _Link
from twisted.internet import reactor
from twisted.internet.threads import blockingCallFromThread

from aigw_drivers.conformance import DriverSuite, Host, HostSettings
from aigw_sansio import Engine


@pytest.fixture(autouse=True, scope="module")
def _reactor_runs() -> Iterator[None]:
    """Twisted's reactor runs once in each process."""
    thread = threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False})
    thread.start()
    yield
    reactor.callFromThread(reactor.stop)
    thread.join()


class _TwistedHost:
    def __init__(self, driver: TwistedDriver, port: int) -> None:
        self._driver = driver
        self.port = port

    def drain(self) -> None:
        blockingCallFromThread(reactor, self._driver.drain)


class _ResetSocket:
    def getsockopt(self, level: int, option: int) -> int:
        return errno.ECONNRESET


class _ResetTransport:
    """Of a connection whose reset has come, but not the end of its stream."""

    socket = _ResetSocket()
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


def test_a_reset_that_looks_like_an_end_is_none() -> None:
    told: list[object] = []
    driver = TwistedDriver(reactor, SimpleNamespace(receive_eof=told.append))
    link = _Link(driver)
    link.transport = transport = _ResetTransport()
    link.readConnectionLost()
    assert transport.aborted
    assert not told


class TestTwistedDriver(DriverSuite):
    patience_s = 120.0

    @contextmanager
    def host(self, engine: Engine, settings: HostSettings, /) -> Iterator[Host]:
        driver = TwistedDriver(
            reactor, engine, answer=settings.answer, on_event=settings.on_event, clock=settings.clock
        )
        port = blockingCallFromThread(reactor, driver.start, "127.0.0.1", 0)
        try:
            yield _TwistedHost(driver, port)
        finally:
            blockingCallFromThread(reactor, driver.stop)
