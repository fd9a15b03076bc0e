"""Workers of one server ask each other.

Decides: how a question comes to all that are alive, and how long it waits for their answers. Must not know: what is
asked.

Theory of operation. Before the first worker begins, the supervisor makes a mailbox for each, a pair of sockets for
datagrams. Every worker may write into all of them, and reads its own. A question is a datagram, and brings one end of a
new stream along; the answer is written into that. So answers need no names: each has a stream of its own, and whoever
asked and is gone reads no more. The supervisor answers nothing. When a worker has ended it marks its place and empties
its mailbox, so that those who wait for an answer read the end of their stream.
"""

import logging
import socket
from collections.abc import Callable, Iterator
from math import inf
from mmap import mmap
from typing import Final

import anyio
import anyio.lowlevel

from .observe.figures import Figures, FiguresFile

logger = logging.getLogger("aigw.serve")

#: Seconds after which an answer that has not come is no longer waited for.
ANSWER_S: Final = 1.0
#: Bytes of the longest question.
_QUESTION: Final = 64
#: What stands before an answer: how long it is.
_LENGTH: Final = 4


class Family:
    """What ``count`` workers have together. The supervisor makes it before the first one begins; each worker calls
    :meth:`worker`."""

    def __init__(self, count: int) -> None:
        """Raises ``OSError`` if sockets or memory are short."""
        self.figures = FiguresFile(count)
        self.boxes = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(count)]
        for sock in (sock for box in self.boxes for sock in box):
            sock.setblocking(False)
        #: A byte for each worker, in memory of all of them: whether it answers.
        self.alive = mmap(-1, count)

    def worker(self, number: int) -> "Siblings":
        """In the process of worker ``number``: its way to the others."""
        for other, (mine, _) in enumerate(self.boxes):
            if other != number:
                mine.close()
        return Siblings(self, number)

    def ended(self, number: int) -> None:
        """In the supervisor: this worker is no more. Nobody waits for it."""
        self.alive[number] = 0
        _emptied(self.boxes[number][0])

    def close(self) -> None:
        """In the supervisor, at the end: close all."""
        self.figures.close()
        for sock in (sock for box in self.boxes for sock in box):
            sock.close()


class Siblings:
    """The other workers, as one of them sees them. Call :meth:`serve`, and :meth:`ask` whenever there is a question."""

    def __init__(self, family: Family, number: int) -> None:
        self.number = number
        self.figures: Figures = family.figures.region(number)
        self._box = family.boxes[number][0]
        self._boxes = [theirs for _, theirs in family.boxes]
        self._alive = family.alive
        self._asking: dict[bytes, _Asking] = {}
        #: How many seconds a question of the gateway may take, which :meth:`ask` helps to answer. Replace it by what
        #: the settings say.
        self.ask_s: Callable[[], float] = lambda: inf

    async def serve(self, answer: Callable[[bytes], bytes]) -> None:
        """Answer the questions of the others until this is cancelled."""
        _emptied(self._box)  # they were for the worker before this one
        self._alive[self.number] = 1
        try:
            async with anyio.create_task_group() as tasks:
                while True:
                    await anyio.wait_readable(self._box)
                    for question, stream in _taken(self._box):
                        try:
                            told = answer(question)
                        except Exception:
                            logger.exception("worker %d cannot answer %r of another one", self.number, question)
                            stream.close()
                        else:
                            tasks.start_soon(_tell, stream, told)
                        await anyio.lowlevel.checkpoint()  # clients are served between two questions
        finally:
            self._alive[self.number] = 0
            _emptied(self._box)

    async def ask(self, question: bytes) -> list[bytes]:
        """The answers of all others that are alive and answer soon: within :data:`ANSWER_S`, and half of
        :attr:`ask_s`. Who asks the same meanwhile gets the same answers."""
        while (asking := self._asking.get(question)) is not None:
            await asking.ended.wait()
            if asking.answers is not None:  # else it was cancelled
                return asking.answers
        asking = self._asking[question] = _Asking()
        try:
            asking.answers = await self._ask(question)
        finally:
            del self._asking[question]
            asking.ended.set()
        return asking.answers

    async def _ask(self, question: bytes) -> list[bytes]:
        streams = [
            stream
            for number, box in enumerate(self._boxes)
            if number != self.number and self._alive[number] and (stream := _asked(box, question)) is not None
        ]
        answers: list[bytes] = []
        try:
            with anyio.move_on_after(min(ANSWER_S, self.ask_s() / 2)):
                async with anyio.create_task_group() as tasks:
                    for stream in streams:
                        tasks.start_soon(_hear, stream, answers)
        finally:
            for stream in streams:
                stream.close()
        return answers


class _Asking:
    """A question that is being asked."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        self.answers: list[bytes] | None = None


def _asked(box: socket.socket, question: bytes) -> socket.socket | None:
    """The stream on which the answer comes; ``None``: the worker does not empty its mailbox, or there is no room."""
    try:
        ours, theirs = socket.socketpair()
    except OSError:
        return None
    with theirs:
        try:
            socket.send_fds(box, [question], [theirs.fileno()])
        except OSError:
            ours.close()
            return None
    ours.setblocking(False)
    return ours


def _taken(box: socket.socket) -> Iterator[tuple[bytes, socket.socket]]:
    """The questions that are in the mailbox, each with the stream for its answer."""
    while True:
        try:
            question, descriptors, _, _ = socket.recv_fds(box, _QUESTION, 1)
        except OSError:  # there is nothing more, or no room for a descriptor
            return
        for descriptor in descriptors:
            stream = socket.socket(fileno=descriptor)
            stream.setblocking(False)
            yield question, stream


def _emptied(box: socket.socket) -> None:
    for _, stream in _taken(box):
        stream.close()


async def _tell(stream: socket.socket, told: bytes) -> None:
    """Write an answer, as long as somebody reads it."""
    data = memoryview(len(told).to_bytes(_LENGTH, "big") + told)
    with stream, anyio.move_on_after(ANSWER_S):
        while data:
            try:
                data = data[stream.send(data) :]
            except BlockingIOError:
                await anyio.wait_writable(stream)
            except OSError:
                return


async def _hear(stream: socket.socket, answers: list[bytes]) -> None:
    """Read an answer. One that breaks off is none."""
    data = bytearray()
    while True:
        await anyio.wait_readable(stream)
        try:
            more = stream.recv(65536)
        except BlockingIOError:
            continue
        except OSError:
            return
        if not more:
            break
        data += more
    if len(data) >= _LENGTH and len(data) == _LENGTH + int.from_bytes(data[:_LENGTH], "big"):
        answers.append(bytes(data[_LENGTH:]))
