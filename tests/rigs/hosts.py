"""Hosts: each runs a driver with a toy engine in the background, and all look alike to a test."""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol

from anyio.abc import TaskGroup
from anyio.from_thread import start_blocking_portal
from tests.peers.sockets import PATIENCE_S
from tests.rigs.thread_driver import ThreadDriver
from tests.rigs.toy_engines import ToyEngine

from aigw_drivers.anyio_driver import AnswerHandler, AnyioDriver
from aigw_drivers.asyncio_driver import ProtocolDriver
from aigw_drivers.core.readiness import LoopReadiness, Readiness, TaskReadiness
from aigw_drivers.core.sockets import listen
from aigw_sansio import Engine, Event


class Host(Protocol):
    """A driver that serves on ``port``."""

    port: int

    def drain(self) -> None:
        """End in good order; returns when the driver has ended."""


class HostFactory(Protocol):
    """Starts a host; leaving the context stops it at once."""

    def __call__(
        self,
        engine: Engine,
        *,
        tls: ssl.SSLContext | None = None,
        answer: AnswerHandler | None = None,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> AbstractContextManager[Host]: ...


class _LoopHost:
    def __init__(self, port: int, portal: Any, driver: Any, serving: Any) -> None:
        self.port = port
        self._portal, self._driver, self._serving = portal, driver, serving

    def drain(self) -> None:
        self._portal.call(self._driver.drain)
        self._serving.result(PATIENCE_S)


class _ThreadHost:
    def __init__(self, port: int, driver: ThreadDriver) -> None:
        self.port = port
        self.drain = driver.drain


def loop_host(driver_class: Callable[..., Any], backend: str, **options: object) -> HostFactory:
    """A host of an asynchronous driver, its loop in a thread."""

    @contextmanager
    def start(engine: Engine, *, tls: ssl.SSLContext | None = None, **settings: Any) -> Iterator[Host]:
        with start_blocking_portal(backend, options) as portal:
            driver = driver_class(engine, **settings)
            listeners = listen("127.0.0.1", 0, tls)
            port = listeners[0].socket.getsockname()[1]
            serving, _ = portal.start_task(driver.serve, listeners)
            with ExitStack() as stack:
                stack.callback(_cancel, serving)
                yield _LoopHost(port, portal, driver, serving)

    return start


def _cancel(serving: Any) -> None:
    if not serving.cancel() and not serving.cancelled():
        serving.result(PATIENCE_S)


class _TaskDriver(AnyioDriver):
    """The driver as it runs where there is neither epoll nor a loop with reader callbacks."""

    def _choose_readiness(self, tasks: TaskGroup) -> Readiness:
        return TaskReadiness(tasks, self._on_readable, self._on_writable)


class _CallbackDriver(AnyioDriver):
    """The driver as it runs on asyncio where there is no epoll."""

    def _choose_readiness(self, tasks: TaskGroup) -> Readiness:
        return LoopReadiness(asyncio.get_running_loop(), self._on_readable, self._on_writable)


@contextmanager
def thread_host(engine: Engine, *, tls: ssl.SSLContext | None = None, **settings: Any) -> Iterator[Host]:
    driver = ThreadDriver(engine, **settings)
    listeners = listen("127.0.0.1", 0, tls)
    port = listeners[0].socket.getsockname()[1]
    driver.start(listeners)
    try:
        yield _ThreadHost(port, driver)
    finally:
        driver.stop()


HOSTS: dict[str, HostFactory] = {
    "anyio-asyncio": loop_host(AnyioDriver, "asyncio"),
    "anyio-uvloop": loop_host(AnyioDriver, "asyncio", use_uvloop=True),
    "anyio-trio": loop_host(AnyioDriver, "trio"),
    "anyio-callbacks-asyncio": loop_host(_CallbackDriver, "asyncio"),
    "anyio-callbacks-uvloop": loop_host(_CallbackDriver, "asyncio", use_uvloop=True),
    "anyio-tasks-asyncio": loop_host(_TaskDriver, "asyncio"),
    "anyio-tasks-trio": loop_host(_TaskDriver, "trio"),
    "protocol-asyncio": loop_host(ProtocolDriver, "asyncio"),
    "protocol-uvloop": loop_host(ProtocolDriver, "asyncio", use_uvloop=True),
    "threads": thread_host,
}

#: The driver of the package, on everything it supports.
OURS = [name for name in HOSTS if name.startswith("anyio")]


@contextmanager
def running(start: HostFactory, engine: ToyEngine, **settings: Any) -> Iterator[Host]:
    """A host for ``engine``. Afterwards everything has ended, and the driver broke no rule."""
    with start(engine, **settings) as host:
        yield host
    engine.check_ended()
