"""A transport of asyncio or uvloop that behaves like a non-blocking socket.

Decides: how the callbacks of an :class:`asyncio.Protocol` become ``recv``, ``send`` and readiness. Must not know:
engines, TLS, the meaning of bytes.

:mod:`.transfer` reads when it wants to, and wants to know how much a write took. A transport pushes its reads, and
takes every write whole. So a read is passed on at once if it is wanted, and kept if it is not. ``send`` reports only
the bytes that the kernel took, although the transport keeps the others. These are not written again: they count as
taken when the transport says that its buffer is empty.
"""

import asyncio
import errno
import os
from collections.abc import Callable
from typing import cast

from .link import LARGE_READ_SIZE, Link
from .readiness import turn_the_loop

#: The largest read. Under TLS, plaintext of a record that began in an earlier read may be added.
_READ_SIZE = LARGE_READ_SIZE

_ABORTED = ConnectionAbortedError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))

_read_buffer = memoryview(bytearray(_READ_SIZE))  # shared by all: a read is copied out before the loop continues


def _again(error: OSError) -> OSError:
    """``error`` to be raised once more. An error that is raised refers to the frames it passes, and these to the
    connection that keeps it."""
    return type(error)(*error.args)


class TransportSocket(asyncio.BaseProtocol):
    """One connection; use the class that :func:`transport_socket_type` gives.

    Calls ``made(self)`` when it is up, and ``gone(self)`` when its transport has released it; ``on_read`` with every
    read that is wanted; ``on_readable`` if ``recv`` would report the peer's end or a loss; ``on_writable`` if the
    transport's buffer is empty again.
    """

    __slots__ = (
        "_eof_unread",
        "_error",
        "_on_gone",
        "_on_made",
        "_on_read",
        "_on_readable",
        "_on_writable",
        "_unread",
        "_unreported",
        "_waiter",
        "_write",
        "_write_buffered",
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
        self._on_made = made
        self._on_gone = gone
        self._on_read = on_read
        self._on_readable = on_readable
        self._on_writable = on_writable
        self.transport: asyncio.Transport
        #: The link of this socket; set when readiness is first asked for it.
        self.link: Link | None = None
        self._unread = b""  # bytes that came while reading was not wanted
        self._eof_unread = False
        self._error: OSError | None = None
        self._write_buffered = False  # the transport holds bytes that the kernel has not taken
        self._unreported = 0  # how many of these ``send`` has not reported as taken
        self._waiter: asyncio.Future[None] | None = None

    # -- called by the loop ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports do not inherit from it
        self.transport.set_write_buffer_limits(0)  # a pause then means "not all taken", a resume "all taken"
        self._write = self.transport.write
        self._on_made(self)

    def data_received(self, data: bytes) -> None:
        """The loop has read."""
        link = self.link
        if link is None or not link.wants_read:
            self._unread += data
            self.transport.pause_reading()  # here, because uvloop forgets a pause before its first read
            self._wake()
        elif self._unread or len(data) > _READ_SIZE:
            self._unread += data
            self.deliver_unread()
        else:
            self._on_read(link, data)

    def eof_received(self) -> bool:
        if self._write_buffered and not self._connected():
            return True  # uvloop takes the failure of a write for an end; connection_lost brings the error itself
        self._eof_unread = True
        self._wake()
        self.deliver_unread()
        return True  # our side stays open

    def _connected(self) -> bool:
        """False if the kernel has given up the connection.

        The kernel reports an error once, to the first call that asks. A later read finds an ordinary end.
        """
        sock = self.transport.get_extra_info("socket")
        try:
            with sock.dup() as own:  # the socket itself: the loop's wrapper answers from memory
                own.getpeername()
        except OSError as exc:
            return exc.errno in (
                errno.EMFILE,
                errno.ENFILE,
            )  # out of file descriptors: we cannot ask, so believe the end
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, OSError):
            self._error = _again(exc)
        else:
            self._error = _ABORTED
        self._wake()
        self._on_gone(self)
        if self.link is not None:
            self._on_readable(self.link)

    def pause_writing(self) -> None:
        self._write_buffered = True

    def resume_writing(self) -> None:
        self._write_buffered = False
        if self.link is not None and self.link.wants_write:
            self._on_writable(self.link)

    # -- readiness ----------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Stop reading. One read may still come; it is kept."""
        if not self._eof_unread and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read again. Kept bytes are delivered by a later callback of the loop, not inside this call."""
        if self._unread or self._eof_unread or self._error:
            asyncio.get_running_loop().call_soon(self.deliver_unread)
        if not self._eof_unread and not self.transport.is_closing():
            self.transport.resume_reading()

    def deliver_unread(self) -> None:
        """Deliver what was kept while reading was not wanted."""
        link = self.link
        while self._unread and link is not None and link.wants_read:
            data, self._unread = self._unread[:_READ_SIZE], self._unread[_READ_SIZE:]
            self._on_read(link, data)
        if (self._eof_unread or self._error) and not self._unread and link is not None and link.wants_read:
            self._on_readable(link)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> bytes:
        """Wait for bytes; only before there is a link. Empty at the end.

        Raises :class:`OSError` if the connection broke.
        """
        if not self._unread and not self._eof_unread and self._error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            self.transport.resume_reading()
            await self._waiter
        if self._error is not None:
            raise _again(self._error)
        data, self._unread = self._unread, b""
        return data

    # -- methods of a socket -------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """See :meth:`socket.socket.fileno`."""
        sock = self.transport.get_extra_info("socket")
        return -1 if sock is None else int(sock.fileno())

    def recv(self, bufsize: int, /) -> bytes:
        """Empty at the end of the stream, or the error that broke it. Bytes come by ``on_read`` instead."""
        if self._error is not None:
            raise _again(self._error)
        if not self._eof_unread:
            raise BlockingIOError
        return b""

    def send(self, data: bytes | memoryview, /) -> int:
        """Return how many bytes of ``data`` the kernel took.

        The transport keeps the others. Pass them again: that only finds out when they are taken.
        """
        full_before = self._write_buffered  # read before the write, which may change it
        if full_before:
            raise BlockingIOError
        if self.transport.is_closing():
            raise _again(self._error or _ABORTED)
        owed = self._unreported
        if owed:
            self._unreported = 0
            if owed == len(data):
                return owed
            data = data[owed:]
        self._write(data)
        if self._write_buffered:
            self._unreported = left = self.transport.get_write_buffer_size()
            return owed + len(data) - left
        return owed + len(data)

    def shutdown(self, how: int, /) -> None:
        """End our direction. ``how`` is ignored: a transport can do nothing else."""
        if self.transport.is_closing():
            raise _again(self._error or _ABORTED)
        self.transport.write_eof()

    def setsockopt(self, level: int, option: int, value: bytes, /) -> None:
        """See :meth:`socket.socket.setsockopt`."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(level, option, value)

    def close(self) -> None:
        """Close now; the transport drops its buffer."""
        self.link = None
        self._unread = b""
        self.transport.abort()


class _UvloopSocket(TransportSocket, asyncio.Protocol):
    """For uvloop, which reads into a buffer of its own and passes on bytes of the right length."""

    __slots__ = ()


class _AsyncioSocket(TransportSocket, asyncio.BufferedProtocol):
    """For asyncio, which would allocate 256 KiB for each read without a buffer of ours."""

    __slots__ = ()

    def get_buffer(self, sizehint: int) -> memoryview:
        return _read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(_read_buffer[:nbytes]))


def transport_socket_type(loop: asyncio.AbstractEventLoop) -> type[TransportSocket]:
    """The cheapest kind of :class:`TransportSocket` on ``loop``."""
    return _AsyncioSocket if isinstance(loop, asyncio.BaseEventLoop) else _UvloopSocket


class TransportReadiness:
    """Readiness of links whose sockets are :class:`TransportSocket`: the transports report it themselves."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def serve_ready(self) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.serve_ready`."""
        await turn_the_loop(2)

    def start_reading(self, link: Link) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.start_reading`."""
        sock = link.socket
        if not link.wants_read and isinstance(sock, TransportSocket):
            link.wants_read = True
            sock.link = link
            sock.resume()

    def stop_reading(self, link: Link) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.stop_reading`."""
        sock = link.socket
        if isinstance(sock, TransportSocket):
            link.wants_read = False
            sock.link = link
            sock.pause()

    def start_writing(self, link: Link) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.start_writing`."""
        link.wants_write = True
        if isinstance(link.socket, TransportSocket):
            link.socket.link = link

    def stop_writing(self, link: Link) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.stop_writing`."""
        link.wants_write = False

    def forget(self, link: Link) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.forget`."""
        link.wants_read = link.wants_write = False

    def at_turn_end(self, callback: Callable[[], None]) -> None:
        """See :meth:`aigw_drivers.core.readiness.Readiness.at_turn_end`."""
        self._loop.call_soon(callback)
