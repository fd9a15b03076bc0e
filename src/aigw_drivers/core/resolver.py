"""Look-ups of names, in threads of which there are few.

Decides: how many run at once, which wait, and that dials to the same host share one. Must not know: why somebody dials,
and what is done with the addresses.

A look-up blocks a thread, for half a minute if a name server is silent, also if nobody waits for it any more: a thread
cannot be stopped. So look-ups have threads of their own, and a share of them is for names that are known: those in the
settings, and those that were found before. Names that a stranger made up take the others only. Who gives a dial up can
be told when its look-up has ended (:meth:`Resolver.tell_end`).
"""

import socket
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from .threads import no_thread_is_an_os_error

AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]

#: Threads for names that are known, and for all others.
THREADS: Final = 16
#: Names that were found, of which so many are remembered.
_REMEMBERED: Final = 1024


class _LookUp:
    """One look-up, and those who wait for it."""

    __slots__ = ("done", "failure", "found", "scope", "started", "told", "waiters")

    def __init__(self) -> None:
        self.waiters = 0
        self.started = False
        self.scope = anyio.CancelScope()
        self.done = anyio.Event()
        self.found: Sequence[AddressInfo] = ()
        self.failure: OSError | None = None
        self.told: list[Callable[[], None]] = []


class Resolver:
    """Looks names up, in tasks of ``tasks``. ``known``: hosts that have threads of their own from the start."""

    def __init__(self, tasks: TaskGroup, known: Collection[str] = ()) -> None:
        self._tasks = tasks
        self.know(known)
        self._found: dict[str, None] = {}
        self._threads = {kind: anyio.CapacityLimiter(THREADS) for kind in (True, False)}
        self._running: dict[tuple[str, int], _LookUp] = {}

    def know(self, known: Collection[str]) -> None:
        """These hosts, and no others, have threads of their own from now on."""
        self._known = frozenset(known)

    async def look_up(self, host: str, port: int) -> Sequence[AddressInfo]:
        """The addresses of ``host``. Raises :class:`OSError`."""
        with suppress(socket.gaierror):  # a numeric address needs no look-up
            return _addresses(host, port, socket.AI_NUMERICHOST)
        key = host, port
        look_up = self._running.get(key)
        if look_up is None:
            look_up = self._running[key] = _LookUp()
            self._tasks.start_soon(self._run, key, look_up)
        look_up.waiters += 1
        try:
            await look_up.done.wait()
        finally:
            look_up.waiters -= 1
            if not look_up.waiters and not look_up.started:
                look_up.scope.cancel()  # nobody wants it any more, and it has no thread yet
                if self._running.get(key) is look_up:
                    del self._running[key]
        if look_up.failure is not None:
            raise type(look_up.failure)(*look_up.failure.args)
        return look_up.found

    def tell_end(self, host: str, port: int, told: Callable[[], None]) -> bool:
        """Have ``told()`` called when the look-up of ``host`` that has a thread now has ended. False: none has one."""
        look_up = self._running.get((host, port))
        if look_up is None or not look_up.started:
            return False
        look_up.told.append(told)
        return True

    async def _run(self, key: tuple[str, int], look_up: _LookUp) -> None:
        host, port = key
        known = host in self._known or host in self._found
        with look_up.scope:
            async with self._threads[known]:
                look_up.started = True
                own = anyio.CapacityLimiter(1)  # it is counted already
                try:
                    with no_thread_is_an_os_error():
                        look_up.found = await to_thread.run_sync(
                            _addresses, host, port, 0, abandon_on_cancel=True, limiter=own
                        )
                except OSError as exc:
                    look_up.failure = exc
                else:
                    self._found.pop(host, None)  # so that it becomes the newest: the oldest is forgotten first
                    self._found[host] = None
                    if len(self._found) > _REMEMBERED:
                        del self._found[next(iter(self._found))]
                if self._running.get(key) is look_up:
                    del self._running[key]
                look_up.done.set()
            for told in look_up.told:  # its thread is free
                told()


def _addresses(host: str, port: int, flags: int) -> Sequence[AddressInfo]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError as exc:  # not a name at all
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from exc
