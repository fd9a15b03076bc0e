"""Readiness: callbacks that say when a socket can be read or written.

Decides: by which means the running event loop reports readiness. Must not know: engines, TLS, the use of the socket.

A *turn of the loop* is the time in which everything is served that became ready at once. If the system has epoll, the
loop watches one epoll set of ours, and one wake-up serves the whole turn: a read costs no task switch, no callback of
the loop and no system call to register again, and the end of the turn is known. Without epoll, asyncio's own reader
callbacks are used. If the loop has none (asyncio's proactor, trio), one task for each connection waits, and a message
costs two to three times as much. All of them call the same functions.
"""

import asyncio
import select
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Final, Protocol

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from .link import ByteSocket, Link
from .reports import report
from .turn import Turn

#: The most sockets that one turn serves, so that timers, accepting and dialling are not held up. The others are still
#: ready in the next turn.
_EVENTS_PER_TURN: Final = 256


class Readiness(Protocol):
    """Calls back when the socket of a link is ready. A second call of any method does no harm."""

    async def serve_ready(self) -> None:
        """Returns when every socket that was ready at the call has been served once, and the loop has run."""

    def start_reading(self, link: Link) -> None:
        """Call ``on_readable(link)`` whenever there is something to read, until :meth:`stop_reading`."""

    def stop_reading(self, link: Link) -> None:
        """Stop calling ``on_readable``."""

    def start_writing(self, link: Link) -> None:
        """Call ``on_writable(link)`` when there is room, until :meth:`stop_writing`."""

    def stop_writing(self, link: Link) -> None:
        """Stop calling ``on_writable``."""

    def forget(self, link: Link) -> None:
        """Stop both; the socket is about to be closed."""

    def at_turn_end(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` at the end of this turn. Only for use inside ``on_readable``."""


Callback = Callable[[Link], None]


def choose_readiness(tasks: TaskGroup, turn: Turn, on_readable: Callback, on_writable: Callback) -> Readiness:
    """The cheapest kind that the running loop offers. It begins each ``turn`` if it can."""
    if hasattr(select, "epoll"):
        return EpollReadiness(tasks, turn, on_readable, on_writable)
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


async def turn_the_loop(times: int) -> None:
    """Let everything else in the loop run, and let it look for ready sockets, ``times`` times."""
    for _ in range(times):
        await anyio.lowlevel.checkpoint()


class LoopReadiness:
    """Readiness from an asyncio loop's ``add_reader`` and ``add_writer``.

    The loop hears of a pause only when there is something to read during it: most are over before, and to stop and to
    begin again would be two system calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_readable: Callback, on_writable: Callback) -> None:
        self._loop = loop
        self._on_readable = on_readable
        self._on_writable = on_writable
        self._links: dict[int, Link] = {}
        self._read: set[int] = set()  # the numbers for which the loop has a reader

    async def serve_ready(self) -> None:
        await turn_the_loop(2)  # callbacks that are there already run before the loop looks at its sockets

    def start_reading(self, link: Link) -> None:
        if not link.wants_read and link.socket is not None:
            link.wants_read = True
            number = self._number_of(link, link.socket)
            if number not in self._read:
                self._read.add(number)
                self._loop.add_reader(number, self._on_ready, link)

    def stop_reading(self, link: Link) -> None:
        link.wants_read = False

    def start_writing(self, link: Link) -> None:
        if not link.wants_write and link.socket is not None:
            link.wants_write = True
            self._loop.add_writer(self._number_of(link, link.socket), self._on_writable, link)

    def stop_writing(self, link: Link) -> None:
        if link.wants_write:
            link.wants_write = False
            self._loop.remove_writer(link.number)

    def forget(self, link: Link) -> None:
        link.wants_read = link.wants_write = False
        if self._links.get(link.number) is link:
            self._forget_number(link.number)

    def at_turn_end(self, callback: Callable[[], None]) -> None:
        self._loop.call_soon(callback)

    def _on_ready(self, link: Link) -> None:
        if link.wants_read:
            self._on_readable(link)
        else:
            self._read.discard(link.number)
            self._loop.remove_reader(link.number)

    def _number_of(self, link: Link, sock: ByteSocket) -> int:
        """A closed socket has none any more, so it is remembered; another's socket may then have it."""
        if self._links.get(link.number) is not link:
            link.number = number = sock.fileno()
            if number in self._links:
                self._forget_number(number)
            self._links[number] = link
        return link.number

    def _forget_number(self, number: int) -> None:
        del self._links[number]
        self._read.discard(number)
        with suppress(OSError):  # closed by others: the system has forgotten it, and the loop does so now
            self._loop.remove_reader(number)
        self._loop.remove_writer(number)


class EpollReadiness:
    """Readiness from one epoll set, which the loop watches: one wake-up serves a whole turn."""

    def __init__(self, tasks: TaskGroup, turn: Turn, on_readable: Callback, on_writable: Callback) -> None:
        self._turn = turn
        self._on_readable = on_readable
        self._on_writable = on_writable
        self._epoll = select.epoll()
        self._links: dict[int, Link] = {}
        self._watched: dict[int, int] = {}  # and for what
        self._changed: dict[Link, None] = {}  # links that have changed their wants in this turn
        self._serving = False
        self._stale = False  # the set may watch a socket that others closed, which nobody can take out of it
        self._loop: asyncio.AbstractEventLoop | None = None  # that watches the set
        self._at_turn_end: Callable[[], None] | None = None
        tasks.start_soon(self._watch)

    async def serve_ready(self) -> None:
        await turn_the_loop(1)
        for _ in range(1 + len(self._links) // _EVENTS_PER_TURN):
            if not self._epoll.closed:
                self._serve()

    def start_reading(self, link: Link) -> None:
        if not link.wants_read:
            link.wants_read = True
            self._register(link)

    def stop_reading(self, link: Link) -> None:
        if link.wants_read:
            link.wants_read = False
            self._register(link)

    def start_writing(self, link: Link) -> None:
        if not link.wants_write:
            link.wants_write = True
            self._register(link)

    def stop_writing(self, link: Link) -> None:
        if link.wants_write:
            link.wants_write = False
            self._register(link)

    def forget(self, link: Link) -> None:
        link.wants_read = link.wants_write = False
        self._changed.pop(link, None)
        self._watch_for(link)

    def at_turn_end(self, callback: Callable[[], None]) -> None:
        self._at_turn_end = callback

    def _register(self, link: Link) -> None:
        """Watch for what ``link`` wants, at the latest at the end of the turn: a pause is often over before."""
        if self._serving:
            self._changed[link] = None
        else:
            self._watch_for(link)

    def _watch_for(self, link: Link) -> None:
        if link.socket is None or self._epoll.closed:
            return
        number = link.number  # if it is watched: a closed socket has none any more, and its number may be another's
        if self._links.get(number) is not link:
            number = link.socket.fileno()
        wanted = (select.EPOLLIN if link.wants_read else 0) | (select.EPOLLOUT if link.wants_write else 0)
        watched = self._watched[number] if self._links.get(number) is link else 0
        if wanted == watched:
            return
        if not wanted:  # a registered socket would report a hang-up again and again, wanted or not
            del self._links[number], self._watched[number]
            try:
                self._epoll.unregister(number)
            except OSError:  # closed by others: the system has forgotten it, unless there is a duplicate
                self._stale = True
            return
        if watched:
            self._epoll.modify(number, wanted)
        else:
            self._epoll.register(number, wanted)
            self._stale |= number in self._links  # of a link whose socket others closed
        self._links[number], self._watched[number], link.number = link, wanted, number

    async def _watch(self) -> None:
        self._loop = loop = _asyncio_loop()
        try:
            if loop is not None:
                loop.add_reader(self._epoll.fileno(), self._serve)
                await anyio.sleep_forever()
            while True:
                try:
                    await anyio.wait_readable(self._epoll.fileno())
                except anyio.ClosedResourceError:  # there is another set
                    continue
                self._serve()
        finally:
            if loop is not None:
                loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _replace(self) -> None:
        """Watch with another set: a socket that others closed is reported for as long as a duplicate of it lives, under
        a number that is no longer its own."""
        try:
            epoll = select.epoll()
        except OSError:  # no room: the next turn tries again
            return
        old, self._epoll, self._stale = self._epoll, epoll, False
        if self._loop is None:
            anyio.notify_closing(old.fileno())
        else:
            self._loop.remove_reader(old.fileno())
            self._loop.add_reader(epoll.fileno(), self._serve)
        old.close()
        links = list(self._links.values())
        self._links.clear()
        self._watched.clear()
        for link in links:
            self._watch_or_report(link)

    def _watch_or_report(self, link: Link) -> None:
        try:
            self._watch_for(link)
        except (OSError, ValueError) as exc:  # ValueError: the number of a closed socket
            report(exc, "the readiness of a socket")

    def _serve(self) -> None:
        """Serve one turn."""
        if self._stale:
            self._replace()
        self._serving = True
        try:
            self._call_back()
        finally:
            self._serving = False
            changed, self._changed = self._changed, {}
            for link in changed:
                self._watch_or_report(link)

    def _call_back(self) -> None:
        links = self._links
        events = self._epoll.poll(0, _EVENTS_PER_TURN)
        self._turn.alone = len(events) == 1
        if len(events) > 1:
            self._turn.begin(
                [link for number, mask in events if mask & ~select.EPOLLOUT and (link := links.get(number)) is not None]
            )
        for number, mask in events:
            link = links.get(number)  # None if an earlier callback of this turn released it
            if link is None:
                continue
            if link.wants_read and mask & ~select.EPOLLOUT:
                self._on_readable(link)
            if link.wants_write and mask & ~select.EPOLLIN:
                self._on_writable(link)
        callback, self._at_turn_end = self._at_turn_end, None
        self._turn.end()
        if callback is not None:
            callback()


class TaskReadiness:
    """Readiness from one waiting task for each connection, and one more while a write is blocked."""

    def __init__(self, tasks: TaskGroup, on_readable: Callback, on_writable: Callback) -> None:
        self._tasks = tasks
        self._context = copy_context()  # it knows the library of the loop, which a callback of the host may not
        self._on_readable = on_readable
        self._on_writable = on_writable

    async def serve_ready(self) -> None:
        await turn_the_loop(3)  # to find ready sockets, to wake their tasks, to run these

    def start_reading(self, link: Link) -> None:
        if link.wants_read or link.socket is None:
            return
        link.wants_read = True
        if link.read_wanted is None:
            link.read_wanted = anyio.Event()
            self._tasks.start_soon(self._read, link)
        else:
            link.read_wanted.set()

    def stop_reading(self, link: Link) -> None:
        link.wants_read = False  # the task may still wait; it looks at this flag before it reads

    def start_writing(self, link: Link) -> None:
        link.wants_write = True
        if not link.has_write_task and link.socket is not None:
            link.has_write_task = True
            self._tasks.start_soon(self._write, link)

    def stop_writing(self, link: Link) -> None:
        link.wants_write = False

    def forget(self, link: Link) -> None:
        link.wants_read = link.wants_write = False
        if link.socket is not None:
            self._context.copy().run(anyio.notify_closing, link.socket)
        if link.read_wanted is not None:
            link.read_wanted.set()

    def at_turn_end(self, callback: Callable[[], None]) -> None:
        self._tasks.start_soon(_call, callback)

    async def _read(self, link: Link) -> None:
        wait_readable = anyio.wait_readable
        while (sock := link.socket) is not None:
            if not link.wants_read:
                link.read_wanted = anyio.Event()
                await link.read_wanted.wait()
                continue
            try:
                await wait_readable(sock)
            except anyio.ClosedResourceError:
                return
            if link.wants_read:
                self._on_readable(link)

    async def _write(self, link: Link) -> None:
        while link.wants_write and (sock := link.socket) is not None:
            try:
                await anyio.wait_writable(sock)
            except anyio.ClosedResourceError:
                break
            if link.wants_write:
                self._on_writable(link)
        link.has_write_task = False


async def _call(callback: Callable[[], None]) -> None:
    callback()
