"""Readiness from epoll, and from a loop's callbacks: what is asked of the system, and when."""

import asyncio
import select
import socket
import sys
from collections.abc import Callable

import anyio
import pytest
import uvloop

from aigw_drivers.core.link import Link
from aigw_drivers.core.readiness import EpollReadiness, LoopReadiness
from aigw_drivers.core.turn import Turn
from aigw_sansio import ConnId

pytestmark = pytest.mark.anyio
needs_epoll = pytest.mark.skipif(not hasattr(select, "epoll"), reason=f"{sys.platform} has no epoll")
LOOPS = [asyncio.SelectorEventLoop, uvloop.new_event_loop]


@pytest.fixture
def anyio_backend() -> str:
    """Its task has begun after one turn; the library of the loop makes no difference to what is tested."""
    return "asyncio"


class Watch:
    """An ``EpollReadiness`` of which every request to the system is written down."""

    def __init__(self, readiness: EpollReadiness) -> None:
        self.asked: list[str] = []
        real = readiness._epoll

        class Noted:
            closed = False

            def register(_, number: int, wanted: int) -> None:
                self.asked.append("register")
                real.register(number, wanted)

            def modify(_, number: int, wanted: int) -> None:
                self.asked.append("modify")
                real.modify(number, wanted)

            def unregister(_, number: int) -> None:
                self.asked.append("unregister")
                real.unregister(number)

            def poll(_, timeout: float, most: int) -> list[tuple[int, int]]:
                return real.poll(timeout, most)

            def fileno(_) -> int:
                return real.fileno()

            def close(_) -> None:
                real.close()

        readiness._epoll = Noted()  # type: ignore[assignment]


@needs_epoll
async def test_a_pause_that_is_over_in_the_same_turn_asks_nothing_of_the_system() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    link = Link(ConnId(1), ours)
    read: list[bytes] = []

    def on_readable(link: Link) -> None:
        read.append(ours.recv(100))
        readiness.stop_reading(link)
        if read[-1] != b"stay paused":
            readiness.start_reading(link)

    with ours, theirs:
        async with anyio.create_task_group() as tasks:
            readiness = EpollReadiness(tasks, Turn(), on_readable, lambda link: None)
            await anyio.lowlevel.checkpoint()
            watch = Watch(readiness)
            readiness.start_reading(link)
            assert watch.asked == ["register"]
            for words in (b"one", b"stay paused", b"unheard"):
                theirs.send(words)
                readiness._serve()
            assert read == [b"one", b"stay paused"]
            assert watch.asked == ["register", "unregister"]
            readiness.start_reading(link)
            readiness.start_writing(link)
            readiness._serve()
            assert read[2:] == [b"unheard"]
            readiness.forget(link)
            assert watch.asked[2:] == ["register", "modify", "unregister"]
            tasks.cancel_scope.cancel()


@needs_epoll
async def test_a_link_that_is_forgotten_in_a_turn_is_not_watched_after_it() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    link = Link(ConnId(1), ours)

    def on_readable(link: Link) -> None:
        readiness.start_writing(link)
        readiness.forget(link)
        ours.close()
        link.socket = None

    with ours, theirs:
        async with anyio.create_task_group() as tasks:
            readiness = EpollReadiness(tasks, Turn(), on_readable, lambda link: None)
            await anyio.lowlevel.checkpoint()
            watch = Watch(readiness)
            readiness.start_reading(link)
            theirs.send(b"x")
            readiness._serve()
            assert watch.asked == ["register", "unregister"]
            assert not readiness._changed
            tasks.cancel_scope.cancel()


@needs_epoll
async def test_a_socket_that_others_have_closed_leaves_its_number_to_the_next() -> None:
    read: list[int] = []
    async with anyio.create_task_group() as tasks:
        readiness = EpollReadiness(tasks, Turn(), lambda link: read.append(link.conn), lambda link: None)
        await anyio.lowlevel.checkpoint()
        old, peer = socket.socketpair()
        link, number = Link(ConnId(1), old), old.fileno()
        readiness.start_reading(link)
        old.close()
        readiness.forget(link)
        one, other = socket.socketpair()
        with peer, one, other:
            assert one.fileno() == number
            readiness.start_reading(Link(ConnId(2), one))
            other.send(b"hello")
            readiness._serve()
            assert read == [2]
            tasks.cancel_scope.cancel()


@needs_epoll
async def test_a_callback_that_raises_ends_the_turn_for_all_others() -> None:
    ours, theirs = socket.socketpair()
    gone, peer = socket.socketpair()
    link, lost = Link(ConnId(1), ours), Link(ConnId(2), gone)

    def on_readable(link: Link) -> None:
        gone.close()
        readiness.start_reading(lost)
        readiness.stop_reading(link)
        raise ValueError("a bug")

    with ours, theirs, peer:
        async with anyio.create_task_group() as tasks:
            readiness = EpollReadiness(tasks, Turn(), on_readable, lambda link: None)
            await anyio.lowlevel.checkpoint()
            watch = Watch(readiness)
            readiness.start_reading(link)
            theirs.send(b"hello")
            with pytest.raises(ValueError, match="a bug"):
                readiness._serve()
            assert watch.asked == ["register", "register", "unregister"]
            readiness.start_reading(link)
            assert watch.asked[3:] == ["register"]
            tasks.cancel_scope.cancel()


@needs_epoll
async def test_a_turn_knows_whether_it_has_one_read_alone() -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    links = [Link(ConnId(number), ours) for number, (ours, _) in enumerate(pairs)]
    turn = Turn()
    alone: list[bool] = []

    def on_readable(link: Link) -> None:
        assert isinstance(link.socket, socket.socket)
        link.socket.recv(100)
        alone.append(turn.alone)

    async with anyio.create_task_group() as tasks:
        readiness = EpollReadiness(tasks, turn, on_readable, lambda link: None)
        await anyio.lowlevel.checkpoint()
        for link in links:
            readiness.start_reading(link)
        for speaking in ([0], [0, 1], [1]):
            for number in speaking:
                pairs[number][1].send(b"x")
            readiness._serve()
            assert not turn.alone
        tasks.cancel_scope.cancel()
    for pair in pairs:
        for sock in pair:
            sock.close()
    assert alone == [True, False, False, True]


class AskedLoop:
    """A loop of which every change of its readers is written down."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.asked: list[str] = []
        self._loop = loop
        self.add_writer, self.remove_writer = loop.add_writer, loop.remove_writer

    def add_reader(self, number: int, callback: Callable[[Link], None], link: Link) -> None:
        self.asked.append("add")
        self._loop.add_reader(number, callback, link)

    def remove_reader(self, number: int) -> bool:
        self.asked.append("remove")
        return self._loop.remove_reader(number)


def in_loop(work: Callable[[asyncio.AbstractEventLoop], None], new: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Do ``work``, which turns the loop itself."""
    loop = new()
    try:
        work(loop)
    finally:
        loop.close()


def turn(loop: asyncio.AbstractEventLoop) -> None:
    """Serve what is ready."""
    for _ in range(3):
        loop.run_until_complete(asyncio.sleep(0))


@pytest.mark.parametrize("new", LOOPS, ids=["asyncio", "uvloop"])
def test_a_loop_hears_of_a_pause_in_which_there_is_something_to_read(
    new: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    link = Link(ConnId(1), ours)
    read: list[bytes] = []
    readiness: LoopReadiness

    def on_readable(link: Link) -> None:
        read.append(ours.recv(100))
        readiness.stop_reading(link)
        if read[-1] == b"one":
            readiness.start_reading(link)

    def work(loop: asyncio.AbstractEventLoop) -> None:
        nonlocal readiness
        noted = AskedLoop(loop)
        readiness = LoopReadiness(noted, on_readable, lambda link: None)  # type: ignore[arg-type]
        readiness.start_reading(link)
        for words in (b"one", b"two"):
            theirs.send(words)
            turn(loop)
        assert (read, noted.asked) == ([b"one", b"two"], ["add"])
        readiness.start_reading(link)
        assert noted.asked == ["add"]
        readiness.stop_reading(link)
        theirs.send(b"three")
        turn(loop)
        assert (read[2:], noted.asked) == ([], ["add", "remove"])
        readiness.start_reading(link)
        turn(loop)
        assert (read[2:], noted.asked) == ([b"three"], ["add", "remove", "add"])
        readiness.forget(link)
        theirs.send(b"four")
        turn(loop)
        assert read[3:] == []

    with ours, theirs:
        in_loop(work, new)


@pytest.mark.parametrize("new", LOOPS, ids=["asyncio", "uvloop"])
def test_a_loop_gives_the_number_of_a_socket_that_others_have_closed_to_the_next(
    new: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    ready: list[tuple[str, int]] = []

    def work(loop: asyncio.AbstractEventLoop) -> None:
        readiness = LoopReadiness(
            loop, lambda link: ready.append(("read", link.conn)), lambda link: ready.append(("write", link.conn))
        )
        old, peer = socket.socketpair()
        lost, link = Link(ConnId(1), old), Link(ConnId(2))
        number = old.fileno()
        readiness.start_reading(lost)
        readiness.start_writing(lost)
        old.close()
        one, other = socket.socketpair()
        with peer, one, other:
            assert one.fileno() == number
            link.socket = one
            readiness.start_reading(link)
            readiness.forget(lost)
            other.send(b"hello")
            loop.run_until_complete(asyncio.sleep(0))
            loop.run_until_complete(asyncio.sleep(0))
            assert set(ready) == {("read", 2)}
            readiness.forget(link)

    in_loop(work, new)


@needs_epoll
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("number_goes_on", [False, True])
async def test_a_socket_that_others_have_closed_and_of_which_a_duplicate_lives_is_watched_no_more(
    number_goes_on: bool,
) -> None:
    read: list[int] = []
    heard = anyio.Event()

    def on_readable(link: Link) -> None:
        assert isinstance(link.socket, socket.socket)
        read.append(link.conn)
        link.socket.recv(100)
        heard.set()

    old, peer = socket.socketpair()
    pairs = [socket.socketpair() for _ in range(2)]
    for sock in (old, *(ours for ours, _ in pairs)):
        sock.setblocking(False)
    lost = Link(ConnId(1), old)
    async with anyio.create_task_group() as tasks:
        readiness = EpollReadiness(tasks, Turn(), on_readable, lambda link: None)
        await anyio.wait_all_tasks_blocked()
        readiness.start_reading(lost)
        if not number_goes_on:
            readiness.start_reading(Link(ConnId(2), pairs[0][0]))
        number = old.fileno()
        duplicate = old.dup()
        old.close()
        if number_goes_on:
            fresh = socket.socket(fileno=pairs[0][0].detach())
            taken = fresh.dup()
            fresh.close()
            assert taken.fileno() == number
            pairs[0] = taken, pairs[0][1]
            readiness.start_reading(Link(ConnId(2), taken))
        readiness.forget(lost)
        lost.socket = None
        readiness.start_reading(Link(ConnId(3), pairs[1][0]))
        for sender in (peer, *(theirs for _, theirs in pairs)):
            sender.send(b"x")
        readiness._serve()
        assert sorted(read) == [2, 3]
        assert readiness._epoll.poll(0) == []  # nothing is reported that nobody reads
        heard = anyio.Event()
        pairs[0][1].send(b"x")
        with anyio.fail_after(60):
            await heard.wait()  # the loop watches the set that is used now
        assert sorted(read) == [2, 2, 3]
        tasks.cancel_scope.cancel()
    for sock in (duplicate, peer, *(sock for pair in pairs for sock in pair)):
        sock.close()
