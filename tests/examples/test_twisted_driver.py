"""The driver on Twisted keeps the contract."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytest.importorskip("twisted")

from tests.examples.twisted_driver import TwistedDriver
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
