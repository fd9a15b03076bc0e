"""Byte streams that others accepted, as sockets: a socket pair, and two tasks that carry bytes between it and a stream.

Decides: how the ends of a stream become those of a socket. Must not know: engines, and what accepted the stream.

So every kind of stream takes the one path of the driver. It costs two more copies, and what the pair holds counts as
sent. Who has the socket itself gives that.
"""

import socket
from collections.abc import Callable
from contextlib import suppress

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute

from aigw_sansio import READ_SIZE

from .link import ByteSocket
from .sockets import address_text

_BROKEN = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError)


def addresses(stream: ByteStream) -> tuple[str, str | None]:
    """The addresses of the peer and of our side, as far as ``stream`` tells them."""
    remote = stream.extra(SocketAttribute.remote_address, None)
    local = stream.extra(SocketAttribute.local_address, None)
    return address_text(remote), None if local is None else address_text(local)


def chosen_alpn(stream: ByteStream) -> str | None:
    """The protocol that TLS chose, if ``stream`` is one of TLS and tells it."""
    return stream.extra(TLSAttribute.alpn_protocol, None)


async def carry(stream: ByteStream, pair: socket.socket, scope: anyio.CancelScope) -> None:
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
        await stream.send_eof()
    except NotImplementedError:  # TLS has no half-close: the peer learns of the end by close_notify
        with suppress(*_BROKEN):
            await stream.aclose()
        scope.cancel()
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
