"""Readiness from epoll: what is asked of the system, and when."""

import select
import socket
import sys

import anyio
import pytest

from aigw_drivers.core.link import Link
from aigw_drivers.core.readiness import EpollReadiness
from aigw_drivers.core.turn import Turn
from aigw_sansio import ConnId

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not hasattr(select, "epoll"), reason=f"{sys.platform} has no epoll"),
]


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

        readiness._epoll = Noted()  # type: ignore[assignment]


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
