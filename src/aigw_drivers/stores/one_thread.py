"""One thread for what blocks: it does one thing after the other, and nobody else's thread waits for it.

Decides: the order, how much may wait, and that nothing is begun for somebody who does not wait any more. Must not know:
what is done.

A file blocks whoever uses it, and only one may write at a time. If each operation took a thread of its own, those that
wait would take the threads that names are looked up with; and a disk that hangs would take all there are.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Final, Generic, Protocol, TypeVar, cast

import anyio
import anyio.lowlevel

from ..core.threads import no_thread_is_an_os_error
from .base import StoreError

Result = TypeVar("Result")

#: Jobs that may wait; each has somebody who waits for it, or did when it was added.
MOST_WAITING: Final = 10_000


class _Trio(Protocol):
    """Trio's token, as it is used here."""

    def run_sync_soon(self, function: Callable[[], object]) -> object:
        """Call ``function`` in its loop."""


class _Job(Generic[Result]):
    """Something to do. ``call_soon`` calls a function in the loop that waits for it."""

    __slots__ = ("call_soon", "done", "failure", "given_up", "result", "work")

    def __init__(self, work: Callable[[], Result], call_soon: Callable[[Callable[[], object]], object]) -> None:
        self.work = work
        self.call_soon = call_soon
        self.done = anyio.Event()
        self.given_up = False
        self.result: list[Result] = []
        self.failure: Exception | None = None

    def run(self) -> None:
        """Do it, in the thread, and say so."""
        try:
            self.result.append(self.work())
        except Exception as exc:  # it is raised where it is waited for
            self.failure = exc
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            self.call_soon(self.done.set)


class OneThread:
    """Call :meth:`run` from any loop, and :meth:`close` at the end. The thread begins with the first job."""

    def __init__(self, name: str, at_end: Callable[[], None]) -> None:
        """``name`` of the thread, which calls ``at_end`` last."""
        self._name = name
        self._at_end = at_end
        self._jobs: SimpleQueue[_Job[object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def run(self, work: Callable[[], Result]) -> Result:
        """The result of ``work()``, done in the thread after all that was asked for before. Whoever is cancelled does
        not wait for it: it is not begun then, or its result is dropped. :class:`.StoreError` if too much waits, or
        after the end; ``OSError`` if the system gives no thread."""
        if self._closed:
            raise StoreError("the store is closed")
        if self._jobs.qsize() >= MOST_WAITING:
            raise StoreError("the store is busy")
        if self._thread is None:
            with no_thread_is_an_os_error():
                thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                thread.start()
            self._thread = thread
        job = _Job(work, _call_soon())
        self._jobs.put(cast("_Job[object]", job))
        try:
            await job.done.wait()
        finally:
            job.given_up = True
        if job.failure is not None:
            raise job.failure
        return job.result[0]

    def close(self, within_s: float) -> None:
        """End the thread behind what waits. It blocks for ``within_s`` at most; what hangs then goes with the
        process."""
        self._closed = True
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(within_s)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not job.given_up:
                job.run()
            del job  # what it holds is not kept until the next one
        self._at_end()


def _call_soon() -> Callable[[Callable[[], object]], object]:
    """How another thread calls a function in the loop that runs here."""
    native = anyio.lowlevel.current_token().native_token
    if isinstance(native, asyncio.AbstractEventLoop):
        return native.call_soon_threadsafe
    return cast("_Trio", native).run_sync_soon
