"""Hosts: each runs a driver with an engine in the background, and all look alike to a check.

Decides: how a driver that lives in an event loop is started and stopped from a thread. Must not know: any check.
"""

import ssl
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NamedTuple, Protocol

from anyio.abc import TaskStatus
from anyio.from_thread import BlockingPortal, start_blocking_portal

from aigw_sansio import Engine, Event

from ..anyio_driver import AnswerHandler
from ..core.sockets import Listener, listen
from ..core.threads import no_thread_is_an_os_error


class Host(Protocol):
    """A driver that serves on ``port`` of 127.0.0.1."""

    @property
    def port(self) -> int:
        """Where it accepts clients."""

    def drain(self) -> None:
        """End in good order; returns when the driver has ended. Another thread calls it."""


class HostSettings(NamedTuple):
    """How a driver is to be started."""

    #: Serve TLS with it; ``None``: plain TCP.
    tls: ssl.SSLContext | None
    #: Answers the questions of the engine.
    answer: AnswerHandler | None
    #: Told of each event.
    on_event: Callable[[Event], None] | None
    #: Gives the monotonic seconds that the driver passes as ``now``.
    clock: Callable[[], float]


class HostFactory(Protocol):
    """Starts a driver with an engine, for one check; most easily a function under ``@contextmanager``."""

    def __call__(self, engine: Engine, settings: HostSettings, /) -> AbstractContextManager[Host]:
        """Serve on a free port of 127.0.0.1. Leaving the context stops the driver at once, as a host that dies would:
        connections that are open are lost."""


class LoopDriver(Protocol):
    """What :class:`LoopHost` calls of a driver."""

    async def serve(self, listeners: Sequence[Listener], *, task_status: TaskStatus[None]) -> None:
        """Accept from ``listeners``, call ``task_status.started()``, and serve until drained or cancelled."""

    async def drain(self) -> None:
        """Go away; ``serve`` returns when the last connection has ended."""


class LoopHost:
    """A :class:`HostFactory` for an asynchronous driver: its loop runs in a thread.

    ``driver(engine, answer=..., on_event=..., clock=...)`` makes a :class:`LoopDriver`. ``backend`` is ``"asyncio"`` or
    ``"trio"``; ``options`` are those of anyio for it, for example ``use_uvloop=True``.
    """

    def __init__(self, driver: Callable[..., LoopDriver], backend: str = "asyncio", **options: object) -> None:
        self._driver = driver
        self._backend = backend
        self._options = options

    @contextmanager
    def __call__(self, engine: Engine, settings: HostSettings, /) -> Iterator[Host]:
        with ExitStack() as stack:
            with no_thread_is_an_os_error():
                portal = stack.enter_context(start_blocking_portal(self._backend, self._options))
            driver = self._driver(engine, answer=settings.answer, on_event=settings.on_event, clock=settings.clock)
            listeners = listen("127.0.0.1", 0, settings.tls)
            port = listeners[0].socket.getsockname()[1]
            serving, _ = portal.start_task(driver.serve, listeners)
            stack.callback(_stop, serving)
            yield _Running(port, portal, driver, serving)


class _Running:
    def __init__(self, port: int, portal: BlockingPortal, driver: LoopDriver, serving: Future[None]) -> None:
        self.port = port
        self._portal, self._driver, self._serving = portal, driver, serving

    def drain(self) -> None:
        self._portal.call(self._driver.drain)
        self._serving.result()


def _stop(serving: Future[None]) -> None:
    if not serving.cancel() and not serving.cancelled():
        serving.result()
