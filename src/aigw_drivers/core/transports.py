"""A transport of asyncio or uvloop that behaves like a non-blocking socket.

Decides: how the callbacks of an :class:`asyncio.Protocol` become ``recv``, ``send`` and readiness. Must not know:
engines, TLS, what the bytes mean.

:mod:`aigw_drivers.core.transfer` reads when it is told to, and asks how much was taken; a transport pushes what it read, and
takes everything. So what it read is handed on at once where it is wanted, and kept where it is not. And since a
transport keeps what the kernel did not take, ``send`` reports only what the kernel took; the rest counts as taken,
without being written again, when the transport says that its buffer is empty.
"""

import asyncio
import errno
import os
from collections.abc import Callable
from typing import cast

from .link import Link
from .transfer import TLS_READ_SIZE

#: The most one read takes. With TLS, plaintext held back by an unfinished record may come on top.
_READ_SIZE = TLS_READ_SIZE

_space = memoryview(bytearray(_READ_SIZE))  # a read is copied out of it before the loop goes on


class TransportSocket(asyncio.BaseProtocol):
    """One connection. ``made(self)`` is called when it is up; ``gone(self)`` when its transport has let go of it;
    ``on_read`` with every read that is wanted; ``on_readable`` where ``recv`` tells of the peer's end or of a loss.

    Made by :func:`transport_socket`.
    """

    __slots__ = (
        "_error",
        "_full",
        "_gone",
        "_kept",
        "_kept_end",
        "_made",
        "_on_read",
        "_on_readable",
        "_on_writable",
        "_owed",
        "_waiter",
        "_write",
        "link",
        "transport",
    )

    def __init__(
        self,
        made: Callable[["TransportSocket"], None],
        gone: Callable[["TransportSocket"], None],
        on_read: Callable[[Link, bytes], None],
        on_readable: Callable[[Link], None],
        on_writable: Callable[[Link], None],
    ) -> None:
        self._made = made
        self._gone = gone
        self._on_read = on_read
        self._on_readable = on_readable
        self._on_writable = on_writable
        self.transport: asyncio.Transport
        #: Whom it belongs to, once readiness was asked for it.
        self.link: Link | None = None
        self._kept = b""  # what was read though nobody wanted to read
        self._kept_end = False
        self._error: OSError | None = None
        self._full = False  # the transport holds bytes that the kernel has not taken
        self._owed = 0  # how many of those were not reported as taken
        self._waiter: asyncio.Future[None] | None = None

    # -- what the loop calls ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        self.transport.set_write_buffer_limits(0)  # pausing means "not all taken", resuming "all taken"
        self._write = self.transport.write
        self._made(self)

    def data_received(self, data: bytes) -> None:
        """The loop has read."""
        link = self.link
        if link is None or not link.reading:
            self._kept += data
            self.transport.pause_reading()  # uvloop forgets a pause that comes before its first read
            self._wake()
        elif self._kept or len(data) > _READ_SIZE:
            self._kept += data
            self.deliver_kept()
        else:
            self._on_read(link, data)

    def eof_received(self) -> bool:
        if self._full and not self._connected():
            return True  # uvloop read what a failed write left behind: the error itself comes with connection_lost
        self._kept_end = True
        self._wake()
        self.deliver_kept()
        return True  # our side stays open

    def _connected(self) -> bool:
        """False where the kernel has given the connection up. It reports an error once, to whoever asks first; who
        reads afterwards finds an end like any other."""
        sock = self.transport.get_extra_info("socket")
        try:
            with sock.dup() as own:  # asked itself: what the loop's own says is what it was
                own.getpeername()
        except OSError as exc:
            return exc.errno in (errno.EMFILE, errno.ENFILE)  # no number left to ask by
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, OSError):
            self._error = exc
        else:
            self._error = ConnectionAbortedError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))
        self._wake()
        self._gone(self)
        if self.link is not None:
            self._on_readable(self.link)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self.link is not None and self.link.writing:
            self._on_writable(self.link)

    # -- readiness ----------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Read no more; one read may still come, and is kept."""
        if not self._kept_end and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on. What was kept is told of in a later turn of the loop."""
        if self._kept or self._kept_end or self._error:
            asyncio.get_running_loop().call_soon(self.deliver_kept)
        if not self._kept_end and not self.transport.is_closing():
            self.transport.resume_reading()

    def deliver_kept(self) -> None:
        """Tell the reader of what came while it did not read."""
        link = self.link
        while self._kept and link is not None and link.reading:
            data, self._kept = self._kept[:_READ_SIZE], self._kept[_READ_SIZE:]
            self._on_read(link, data)
        if (self._kept_end or self._error) and not self._kept and link is not None and link.reading:
            self._on_readable(link)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> bytes:
        """Wait for bytes, before there is a link. Empty at the end; raises :class:`OSError` where it broke."""
        if not self._kept and not self._kept_end and self._error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            self.transport.resume_reading()
            await self._waiter
        if self._error is not None:
            raise self._error
        data, self._kept = self._kept, b""
        return data

    # -- what a socket does -------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """See :meth:`socket.socket.fileno`."""
        sock = self.transport.get_extra_info("socket")
        return -1 if sock is None else int(sock.fileno())

    def recv(self, bufsize: int, /) -> bytes:
        """The end of the stream, or why it broke: bytes come by ``on_read``."""
        if self._error is not None:
            raise self._error
        if not self._kept_end:
            raise BlockingIOError
        return b""

    def send(self, data: bytes | memoryview, /) -> int:
        """How much of ``data`` the kernel has. The rest is in the transport, and is to be handed over once more."""
        full_before = self._full  # a write changes it
        if full_before:
            raise BlockingIOError
        if self.transport.is_closing():
            raise self._error or ConnectionAbortedError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))
        owed = self._owed
        if owed:
            self._owed = 0
            if owed == len(data):
                return owed
            data = data[owed:]
        self._write(data)
        if self._full:
            self._owed = left = self.transport.get_write_buffer_size()
            return owed + len(data) - left
        return owed + len(data)

    def shutdown(self, how: int, /) -> None:
        """End our side, whatever ``how`` says: a transport can do no more."""
        if self.transport.is_closing():
            raise self._error or ConnectionAbortedError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))
        self.transport.write_eof()

    def setsockopt(self, level: int, option: int, value: bytes, /) -> None:
        """See :meth:`socket.socket.setsockopt`."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(level, option, value)

    def close(self) -> None:
        """Close now; the transport drops what it still has."""
        self.link = None
        self.transport.abort()


class _ForUvloop(TransportSocket, asyncio.Protocol):
    """uvloop reads into a buffer of its own, and hands on bytes of their length."""

    __slots__ = ()


class _ForAsyncio(TransportSocket, asyncio.BufferedProtocol):
    """asyncio would allocate 256 KiB for each read."""

    __slots__ = ()

    def get_buffer(self, sizehint: int) -> memoryview:
        return _space

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(_space[:nbytes]))


def transport_socket(loop: asyncio.AbstractEventLoop) -> type[TransportSocket]:
    """The kind of :class:`TransportSocket` that costs least on ``loop``."""
    return _ForAsyncio if isinstance(loop, asyncio.BaseEventLoop) else _ForUvloop


class TransportReadiness:
    """Readiness of links whose sockets are :class:`TransportSocket`: the transports tell by themselves."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def start_reading(self, link: Link) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.start_reading`."""
        sock = link.socket
        if not link.reading and isinstance(sock, TransportSocket):
            link.reading = True
            sock.link = link
            sock.resume()

    def stop_reading(self, link: Link) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.stop_reading`."""
        sock = link.socket
        if isinstance(sock, TransportSocket):
            link.reading = False
            sock.link = link
            sock.pause()

    def start_writing(self, link: Link) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.start_writing`."""
        link.writing = True
        if isinstance(link.socket, TransportSocket):
            link.socket.link = link

    def stop_writing(self, link: Link) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.stop_writing`."""
        link.writing = False

    def forget(self, link: Link) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.forget`."""
        link.reading = link.writing = False

    def at_turn_end(self, callback: Callable[[], None]) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.at_turn_end`."""
        self._loop.call_soon(callback)
