"""Byte streams that others accepted, as sockets: a socket pair, and two tasks that carry bytes between it and a stream.

Decides: how the ends of a stream become those of a socket. Must not know: engines, and what accepted the stream.

So every kind of stream takes the one path of the driver. It costs two more copies, and what the pair holds counts as
sent. Who has the socket itself gives that.
"""

import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from contextvars import Context
from typing import Final, NamedTuple, TypeAlias

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute

from .link import LARGE_READ_SIZE, ByteSocket
from .reports import report
from .sockets import address_text, local_address, make_non_blocking

#: How long a peer may take over what is left when its connection was closed, in seconds.
_DRAIN_S: Final = 5.0
_BROKEN: Final = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError)


#: Starts a task of the driver.
Spawn: TypeAlias = Callable[[Callable[[], Coroutine[object, object, None]]], None]


class Attached(NamedTuple):
    """A connection that others accepted, as a socket that does not block.

    ``peer`` and ``local`` are its addresses, ``alpn`` the protocol that TLS chose, as far as it tells them.
    ``on_closed`` is to be called when the socket was closed.
    """

    socket: socket.socket
    peer: str
    local: str | None
    alpn: str | None = None
    on_closed: Callable[[], None] | None = None


def as_socket(connection: socket.socket | ByteStream, spawn: Spawn, context: Context) -> Attached:
    """``connection`` as a socket. Bytes of a stream are carried by a task of ``spawn``, which knows the library of the
    loop by ``context``. Raises :class:`OSError` if it is a socket that is not connected."""
    if isinstance(connection, socket.socket):
        peer = address_text(connection.getpeername())
        make_non_blocking(connection)
        return Attached(connection, peer, local_address(connection))
    remote = connection.extra(SocketAttribute.remote_address, None)
    local = connection.extra(SocketAttribute.local_address, None)
    alpn = connection.extra(TLSAttribute.alpn_protocol, None)
    sock, other = socket.socketpair()
    make_non_blocking(sock)
    make_non_blocking(other)
    carrier = _Carrier(connection, other, context)
    spawn(carrier.run)
    return Attached(
        socket=sock,
        peer=address_text(remote),
        local=None if local is None else address_text(local),
        alpn=alpn,
        on_closed=carrier.socket_closed,
    )


class _Carrier:
    """Carries bytes between ``stream`` and ``pair``, our end of a pair, until both have ended; closes them."""

    def __init__(self, stream: ByteStream, pair: socket.socket, context: Context) -> None:
        self._stream = stream
        self._pair = pair
        self._scope = context.copy().run(anyio.CancelScope)
        self._context = context
        self._closed = self._drained = False

    def socket_closed(self) -> None:
        """The driver has closed its end. What that holds still goes to the peer, if the peer takes it soon."""
        self._closed = True
        if self._drained:
            self._scope.cancel()
        else:
            self._scope.deadline = self._context.copy().run(anyio.current_time) + _DRAIN_S

    async def run(self) -> None:
        """Carry until the end. Never raises: a stream of others must not end the driver with all its clients."""
        closes_whole = TLSAttribute.standard_compatible in self._stream.extra_attributes
        try:
            with self._scope:
                async with anyio.create_task_group() as reading:
                    reading.start_soon(self._to_pair)
                    await self._to_stream()
                    self._drained = True
                    if closes_whole or self._closed:
                        reading.cancel_scope.cancel()
                    else:
                        await self._stream.send_eof()
                # TLS has no half-close: the peer learns of the end by close_notify. Nobody may read meanwhile.
                await self._stream.aclose()
        except* Exception as errors:  # beside a cancellation too
            for bug in _bugs(errors):
                report(bug, "its byte stream", culprit="what accepted a connection")
        finally:
            self._pair.close()
            with anyio.CancelScope(shield=True), suppress(Exception):
                await anyio.aclose_forcefully(self._stream)

    async def _to_pair(self) -> None:
        try:
            while True:
                data = await self._stream.receive(LARGE_READ_SIZE)
                while data:
                    try:
                        data = data[self._pair.send(data) :]
                    except BlockingIOError:
                        await anyio.wait_writable(self._pair)
        except anyio.EndOfStream:
            with suppress(OSError):
                self._pair.shutdown(socket.SHUT_WR)

    async def _to_stream(self) -> None:
        while True:
            await anyio.wait_readable(self._pair)
            try:
                data = self._pair.recv(LARGE_READ_SIZE)
            except BlockingIOError:
                continue
            if not data:
                return
            await self._stream.send(data)


def _bugs(error: Exception) -> Iterator[Exception]:
    """What in ``error`` says more than that the stream ended."""
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _bugs(inner)
    elif not isinstance(error, _BROKEN):
        yield error


class ToldSocket:
    """A socket that tells when it is closed. Implements :class:`.link.ByteSocket`."""

    def __init__(self, sock: ByteSocket, on_closed: Callable[[], None]) -> None:
        self._on_closed = on_closed
        self._close = sock.close
        self.fileno = sock.fileno
        self.recv = sock.recv
        self.send = sock.send
        self.shutdown = sock.shutdown
        self.setsockopt = sock.setsockopt

    def close(self) -> None:
        self._close()
        self._on_closed()
