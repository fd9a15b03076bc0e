"""Readiness: when a socket can be read or written, told by callback.

Decides: by what means the running event loop tells. Must not know: engines, TLS, what is done with the socket.

Where there is epoll, the loop watches one epoll set of ours, and a wake-up serves everything that became ready: a read
costs no task switch, no callback of the loop and no system call to register anew, and it is known when the last one is
done. Elsewhere asyncio's own reader callbacks do it, and where there are none (its proactor, trio) a task per
connection waits. All call the same functions.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Final, Protocol

import anyio
from anyio.abc import TaskGroup

from .link import Link

#: What a turn serves at most, so that timers, accepting and dialling get theirs; the rest is ready in the next.
_EVENTS_PER_TURN: Final = 256


class Readiness(Protocol):
    """Calls back when a link's socket is ready. All methods may be called again without harm."""

    def start_reading(self, link: Link) -> None:
        """Call ``on_readable(link)`` whenever there is something to read, until :meth:`stop_reading`."""

    def stop_reading(self, link: Link) -> None:
        """Do not call ``on_readable`` any more."""

    def start_writing(self, link: Link) -> None:
        """Call ``on_writable(link)`` when there is room, until :meth:`stop_writing`."""

    def stop_writing(self, link: Link) -> None:
        """Do not call ``on_writable`` any more."""

    def forget(self, link: Link) -> None:
        """The socket is about to be closed."""

    def at_turn_end(self, callback: Callable[[], None]) -> None:
        """Called within ``on_readable``: call back when all that is ready now was told of."""


Callback = Callable[[Link], None]


def choose(tasks: TaskGroup, on_readable: Callback, on_writable: Callback) -> Readiness:
    """The best that the running loop offers."""
    if hasattr(select, "epoll"):
        return EpollReadiness(tasks, on_readable, on_writable)
    proactor = getattr(asyncio, "ProactorEventLoop", None)
    loop = _asyncio_loop()
    if loop is None or (proactor is not None and isinstance(loop, proactor)):
        return TaskReadiness(tasks, on_readable, on_writable)
    return LoopReadiness(loop, on_readable, on_writable)


def _asyncio_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class LoopReadiness:
    """Readiness from an asyncio loop's ``add_reader`` and ``add_writer``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_readable: Callback, on_writable: Callback) -> None:
        self._loop = loop
        self._on_readable = on_readable
        self._on_writable = on_writable

    def start_reading(self, link: Link) -> None:
        if not link.reading and link.socket is not None:
            link.reading = True
            self._loop.add_reader(link.socket, self._on_readable, link)

    def stop_reading(self, link: Link) -> None:
        if link.reading and link.socket is not None:
            link.reading = False
            self._loop.remove_reader(link.socket)

    def start_writing(self, link: Link) -> None:
        if not link.writing and link.socket is not None:
            link.writing = True
            self._loop.add_writer(link.socket, self._on_writable, link)

    def stop_writing(self, link: Link) -> None:
        if link.writing and link.socket is not None:
            link.writing = False
            self._loop.remove_writer(link.socket)

    def forget(self, link: Link) -> None:
        self.stop_reading(link)
        self.stop_writing(link)

    def at_turn_end(self, callback: Callable[[], None]) -> None:
        self._loop.call_soon(callback)


class EpollReadiness:
    """Readiness from an epoll set, which the loop watches: a wake-up serves everything that became ready."""

    def __init__(self, tasks: TaskGroup, on_readable: Callback, on_writable: Callback) -> None:
        self._on_readable = on_readable
        self._on_writable = on_writable
        self._epoll = select.epoll()
        self._links: dict[int, Link] = {}
        self._at_turn_end: Callable[[], None] | None = None
        tasks.start_soon(self._watch)

    def start_reading(self, link: Link) -> None:
        if not link.reading:
            link.reading = True
            self._register(link)

    def stop_reading(self, link: Link) -> None:
        if link.reading:
            link.reading = False
            self._register(link)

    def start_writing(self, link: Link) -> None:
        if not link.writing:
            link.writing = True
            self._register(link)

    def stop_writing(self, link: Link) -> None:
        if link.writing:
            link.writing = False
            self._register(link)

    def forget(self, link: Link) -> None:
        link.reading = link.writing = False
        self._register(link)

    def at_turn_end(self, callback: Callable[[], None]) -> None:
        self._at_turn_end = callback

    def _register(self, link: Link) -> None:
        if link.socket is None or self._epoll.closed:
            return
        number = link.socket.fileno()
        wanted = (select.EPOLLIN if link.reading else 0) | (select.EPOLLOUT if link.writing else 0)
        if number in self._links:
            if wanted:
                self._epoll.modify(number, wanted)
            else:  # a registered socket reports a hang-up whether wanted or not, again and again
                del self._links[number]
                self._epoll.unregister(number)
        elif wanted:
            self._links[number] = link
            self._epoll.register(number, wanted)

    async def _watch(self) -> None:
        with self._epoll as epoll:
            loop = _asyncio_loop()
            if loop is None:
                while True:
                    await anyio.wait_readable(epoll.fileno())
                    self._serve()
            loop.add_reader(epoll.fileno(), self._serve)
            try:
                await anyio.sleep_forever()
            finally:
                loop.remove_reader(epoll.fileno())

    def _serve(self) -> None:
        """One turn."""
        links = self._links
        for number, mask in self._epoll.poll(0, _EVENTS_PER_TURN):
            link = links.get(number)  # none where an earlier one of this turn ended it
            if link is None:
                continue
            if link.reading and mask & ~select.EPOLLOUT:
                self._on_readable(link)
            if link.writing and mask & ~select.EPOLLIN:
                self._on_writable(link)
        callback, self._at_turn_end = self._at_turn_end, None
        if callback is not None:
            callback()


class TaskReadiness:
    """Readiness from one waiting task per connection, and one more while a write is stuck."""

    def __init__(self, tasks: TaskGroup, on_readable: Callback, on_writable: Callback) -> None:
        self._tasks = tasks
        self._on_readable = on_readable
        self._on_writable = on_writable

    def start_reading(self, link: Link) -> None:
        if link.reading or link.socket is None:
            return
        link.reading = True
        if link.wake is None:
            link.wake = anyio.Event()
            self._tasks.start_soon(self._read, link)
        else:
            link.wake.set()

    def stop_reading(self, link: Link) -> None:
        link.reading = False  # the task may wait on; it looks here before it reads

    def start_writing(self, link: Link) -> None:
        link.writing = True
        if not link.writer and link.socket is not None:
            link.writer = True
            self._tasks.start_soon(self._write, link)

    def stop_writing(self, link: Link) -> None:
        link.writing = False

    def forget(self, link: Link) -> None:
        link.reading = link.writing = False
        if link.socket is not None:
            anyio.notify_closing(link.socket)
        if link.wake is not None:
            link.wake.set()

    def at_turn_end(self, callback: Callable[[], None]) -> None:
        self._tasks.start_soon(_call, callback)

    async def _read(self, link: Link) -> None:
        wait_readable = anyio.wait_readable
        while (sock := link.socket) is not None:
            if not link.reading:
                link.wake = anyio.Event()
                await link.wake.wait()
                continue
            try:
                await wait_readable(sock)
            except anyio.ClosedResourceError:
                return
            if link.reading:
                self._on_readable(link)

    async def _write(self, link: Link) -> None:
        while link.writing and (sock := link.socket) is not None:
            try:
                await anyio.wait_writable(sock)
            except anyio.ClosedResourceError:
                break
            if link.writing:
                self._on_writable(link)
        link.writer = False


async def _call(callback: Callable[[], None]) -> None:
    callback()
