"""A worker process: a gateway under a supervisor.

Decides: what ends it (SIGTERM, or the end of its supervisor), and when it says that it is ready and alive. Must not
know: other workers, and any protocol.
"""

import logging
import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial

import anyio
from anyio.abc import TaskGroup

from .serve import Running
from .supervisor import ALIVE, KEPT, READY, TAKEN, News, Place

logger = logging.getLogger("aigw.serve")


async def work(
    place: Place,
    start: Callable[[Place], AbstractAsyncContextManager[Running]],
    take: Callable[[Running, bytes], bool] = lambda running, news: False,
) -> None:
    """Serve in this process until it is told to end; then drain. ``start`` runs the gateway on the sockets of
    ``place``: see :func:`.serve.running`. ``take`` gets the news of the supervisor, and returns whether it takes
    them."""
    place.link.setblocking(False)
    async with start(place) as running, anyio.create_task_group() as tasks:
        told = _Told(running, tasks)
        try:
            with anyio.open_signal_receiver(signal.SIGTERM) as signals:
                tasks.start_soon(_listen_to_supervisor, place, told, partial(take, running))
                if place.alive_s is not None:
                    tasks.start_soon(_say_alive, place, place.alive_s)
                _say(place, READY)
                logger.info("worker %d serves in process %d", place.number, os.getpid())
                async for _ in signals:
                    told.once_more()
        finally:  # it ends: one more signal must not cut off the records that it writes
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


class _Told:
    """The worker was told to end: to drain, and if once more, at once."""

    def __init__(self, running: Running, tasks: TaskGroup) -> None:
        self._running, self._tasks = running, tasks
        self._draining = False

    def once_more(self) -> None:
        if self._draining:
            self._tasks.cancel_scope.cancel()
        self.drain()

    def drain(self) -> None:
        if not self._draining:
            self._draining = True
            self._tasks.start_soon(self._drain)

    async def _drain(self) -> None:
        await self._running.drain()
        self._tasks.cancel_scope.cancel()


async def _listen_to_supervisor(place: Place, told: _Told, take: Callable[[bytes], bool]) -> None:
    """Its end, however it came, is the end of the stream."""
    news = News()
    data = b"begin"
    while data:
        await anyio.wait_readable(place.link)
        try:
            data = place.link.recv(65536)
        except BlockingIOError:
            continue
        except OSError:
            data = b""
        for item in news.feed(data):
            _say(place, TAKEN if take(item) else KEPT)
    logger.error("the supervisor of worker %d is gone: draining", place.number)
    told.drain()


async def _say_alive(place: Place, every_s: float) -> None:
    while True:
        await anyio.sleep(every_s)
        _say(place, ALIVE)


def _say(place: Place, what: bytes) -> None:
    with suppress(OSError):  # it is gone, or does not read: it will notice
        place.link.send(what)
