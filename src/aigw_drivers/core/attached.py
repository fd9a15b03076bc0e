"""Byte streams that others accepted, as sockets: a socket pair, and two tasks that carry bytes between it and a stream.

Decides: how the ends of a stream become those of a socket. Must not know: engines, and what accepted the stream.

So every kind of stream takes the one path of the driver. It costs two more copies, and what the pair holds counts as
sent. Who has the socket itself gives that.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import anyio
from anyio.abc import ByteStream, SocketAttribute, TaskGroup
from anyio.streams.tls import TLSAttribute

from aigw_sansio import READ_SIZE

from .link import ByteSocket
from .sockets import address_text, local_address, make_non_blocking

_BROKEN = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError)


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


def as_socket(connection: socket.socket | ByteStream, tasks: TaskGroup) -> Attached:
    """``connection`` as a socket. Bytes of a stream are carried by ``tasks``. Raises :class:`OSError` if it is a socket
    that is not connected."""
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
    scope = anyio.CancelScope()
    tasks.start_soon(_carry, connection, other, scope)
    return Attached(
        socket=sock,
        peer=address_text(remote),
        local=None if local is None else address_text(local),
        alpn=alpn,
        on_closed=scope.cancel,
    )


async def _carry(stream: ByteStream, pair: socket.socket, scope: anyio.CancelScope) -> None:
    """Carry bytes between ``stream`` and ``pair``, our end of a pair, until both directions have ended or ``scope`` is
    cancelled. Closes both."""
    try:
        with scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_to_pair, stream, pair, scope)
                await _to_stream(stream, pair, scope)
    finally:
        pair.close()
        with anyio.CancelScope(shield=True), suppress(*_BROKEN):
            await anyio.aclose_forcefully(stream)


async def _to_pair(stream: ByteStream, pair: socket.socket, scope: anyio.CancelScope) -> None:
    try:
        while True:
            data = await stream.receive(READ_SIZE)
            while data:
                try:
                    data = data[pair.send(data) :]
                except BlockingIOError:
                    await anyio.wait_writable(pair)
    except anyio.EndOfStream:
        with suppress(OSError):
            pair.shutdown(socket.SHUT_WR)
    except _BROKEN:
        scope.cancel()


async def _to_stream(stream: ByteStream, pair: socket.socket, scope: anyio.CancelScope) -> None:
    try:
        while True:
            await anyio.wait_readable(pair)
            try:
                data = pair.recv(READ_SIZE)
            except BlockingIOError:
                continue
            if not data:
                break
            await stream.send(data)
        if TLSAttribute.standard_compatible in stream.extra_attributes:
            await stream.aclose()  # TLS has no half-close: the peer learns of the end by close_notify
            scope.cancel()
        else:
            await stream.send_eof()
    except _BROKEN:
        scope.cancel()


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
