"""Sockets: listen, name a peer, dial (Happy Eyeballs, RFC 8305), open a tunnel through a proxy, TLS handshake.

Decides: the order in which addresses are tried, and the words for an error. Must not know: engines, ids of
connections, the meaning of bytes.

Everything here works on non-blocking sockets of the standard library; anyio only waits. So the driver reads and writes
sockets directly, and knows to the byte how much the kernel took.
"""

import errno
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import NamedTuple, TypeAlias

import anyio

from aigw_sansio import READ_SIZE, Tunnel

from .link import ByteSocket
from .resolver import AddressInfo
from .threads import no_thread_is_an_os_error
from .tls import TlsPipe

#: Seconds for which one address is tried alone, before the next one is tried beside it (RFC 8305 section 5).
CONNECTION_ATTEMPT_DELAY_S = 0.25

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset

#: Finds the addresses of a host, or raises :class:`OSError`.
LookUp: TypeAlias = Callable[[str, int], Awaitable[Sequence[AddressInfo]]]


class Listener(NamedTuple):
    """A listening socket, which must not block, and its TLS context if it speaks TLS.

    For a socket that others opened (systemd, ``socket.create_server``) call ``setblocking(False)`` first.
    """

    socket: socket.socket
    ssl_context: ssl.SSLContext | None = None

    @property
    def address(self) -> str:
        """The address on which it listens, as :func:`address_text` writes it."""
        return address_text(self.socket.getsockname())


def listen(
    host: str | None,
    port: int,
    ssl_context: ssl.SSLContext | None = None,
    *,
    backlog: int = 1024,
    reuse_port: bool = False,
) -> list[Listener]:
    """Listen on every address of ``host`` (``None``: all). Port 0 takes a free port, the same for all addresses.

    ``reuse_port`` lets several processes share the port (``SO_REUSEPORT``). Raises :class:`OSError`. Pass the
    result to ``serve`` of a driver, which closes it.
    """
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[Listener] = []
    try:
        for family, kind, proto, _, address in dict.fromkeys(infos):
            sock = socket.socket(family, kind, proto)
            listeners.append(Listener(sock, ssl_context))
            sock.setblocking(False)
            if os.name == "posix":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound = (address[0], port or listeners[0].socket.getsockname()[1], *address[2:])
            sock.bind(bound)
            sock.listen(backlog)
    except BaseException:
        for listener in listeners:
            listener.socket.close()
        raise
    return listeners


def listeners_on(sockets: Sequence[socket.socket], ssl_context: ssl.SSLContext | None = None) -> list[Listener]:
    """Listeners on ``sockets`` that others bound, TCP or Unix: systemd, a supervisor, a test. They are made
    non-blocking, since a blocking ``accept`` would hold up the loop. Raises ``ValueError`` if one does not listen."""
    listeners: list[Listener] = []
    for sock in sockets:
        listens = sock.type == socket.SOCK_STREAM and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if not listens:
            raise ValueError(f"{address_text(sock.getsockname())} is no listening stream socket; call listen() of it")
        sock.setblocking(False)
        listeners.append(Listener(sock, ssl_context))
    return listeners


def require_non_blocking(listeners: Sequence[Listener]) -> None:
    """Raise :class:`ValueError` for a socket that blocks: to accept from it would stop the whole event loop."""
    for listener in listeners:
        if listener.socket.gettimeout() != 0:
            raise ValueError(f"the listener at {listener.address} blocks; allowed is a socket after setblocking(False)")


def address_text(address: object) -> str:
    """``"192.0.2.1:5000"``, ``"[2001:db8::1]:5000"``, or ``"unix"`` for an address without host and port."""
    match address:
        case (str(host), int(port), *_):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        case _:
            return "unix"


def local_address(sock: socket.socket) -> str | None:
    """The address that the client of ``sock`` reached, as :func:`address_text` writes it; ``None`` if it has left."""
    try:
        return address_text(sock.getsockname())
    except OSError:
        return None


def failure_text(error: BaseException) -> str:
    """A few words for an error. They name neither addresses nor content."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"certificate not accepted: {error.verify_message.partition(',')[0]}"  # behind it: our name for it
        case ssl.SSLError():
            reason = getattr(error, "reason", None) or "failed"  # absent if OpenSSL did not raise it
            return f"TLS: {reason.lower().replace('_', ' ')}"
        case socket.gaierror():
            return "name not found"
        case OSError(errno=int(number)):
            return os.strerror(number).lower()
        case OSError():
            return str(error) or "failed"
        case _:
            return type(error).__name__


def make_non_blocking(sock: socket.socket) -> None:
    """Make ``sock`` non-blocking, without Nagle's algorithm: the engine joins its writes itself."""
    sock.setblocking(False)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def close_socket(sock: ByteSocket, *, reset: bool) -> None:
    """Close ``sock`` with a FIN, or with a ``reset`` that drops unsent bytes."""
    with suppress(OSError):
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()


async def dial_tcp(host: str, port: int, look_up: LookUp | None = None) -> socket.socket:
    """A connected socket to the first address of ``host`` that answers. Raises :class:`OSError`. Without ``look_up``
    the event loop looks names up."""
    infos = _interleave(await (look_up or _resolve)(host, port))
    if len(infos) == 1:
        return await _connect(infos[0])
    winner: socket.socket | None = None
    errors: list[OSError] = []

    async def attempt(info: AddressInfo, failed: anyio.Event) -> None:
        nonlocal winner
        try:
            sock = await _connect(info)
        except OSError as exc:
            errors.append(exc.with_traceback(None))  # which refers to this frame, and so to ``errors``
            failed.set()
            return
        if winner is not None:
            sock.close()
            return
        winner = sock
        attempts.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as attempts:
            for info in infos:
                failed = anyio.Event()
                attempts.start_soon(attempt, info, failed)
                with anyio.move_on_after(CONNECTION_ATTEMPT_DELAY_S):
                    await failed.wait()
    except BaseException:
        if winner is not None:
            winner.close()
        raise
    if winner is None:
        raise errors.pop(0) if errors else OSError("no address")
    return winner


async def _resolve(host: str, port: int) -> Sequence[AddressInfo]:
    try:
        try:  # a numeric address needs no resolver and no thread
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            with no_thread_is_an_os_error():
                return await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as exc:  # not a name at all
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from exc


def _interleave(infos: Sequence[AddressInfo]) -> list[AddressInfo]:
    """The resolver's order, with alternating address families (RFC 8305 section 4)."""
    first = [info for info in infos if info[0] == infos[0][0]]
    other = [info for info in infos if info[0] != infos[0][0]]
    return [info for pair in zip_longest(first, other) for info in pair if info is not None]


async def _connect(info: AddressInfo) -> socket.socket:
    family, kind, proto, _, address = info
    sock = socket.socket(family, kind, proto)
    try:
        make_non_blocking(sock)
        failure = sock.connect_ex(address)
        if failure in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR):
            await anyio.wait_writable(sock)
            failure = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failure:
            raise OSError(failure, os.strerror(failure))
    except BaseException:
        sock.close()
        raise
    return sock


async def tls_handshake(sock: socket.socket, pipe: TlsPipe) -> None:
    """Do the TLS handshake of ``pipe`` over ``sock``. Raises :class:`OSError`, :class:`ssl.SSLError` among them.

    Bytes that the peer sent behind its handshake are then in the pipe. Next: ``pipe.decrypt(b"")``.
    """
    done = False
    data = b""
    while not done:
        try:
            done = pipe.handshake(data)
        finally:
            await _send_all(sock, pipe.pending())  # if it failed: the alert that tells the peer why
        if not done:
            data = await _receive(sock)
            if not data:
                raise ConnectionResetError(errno.ECONNRESET, "closed in the TLS handshake")


async def open_tunnel(sock: socket.socket, tunnel: Tunnel) -> None:
    """Have the proxy behind ``sock`` open ``tunnel``. Raises :class:`OSError` with the words for what went wrong."""
    await _send_all(sock, tunnel.request)
    while not tunnel.receive_data(await _receive(sock)):
        pass
    if tunnel.failure is not None:
        raise OSError(tunnel.failure)


async def _receive(sock: socket.socket) -> bytes:
    while True:
        await anyio.wait_readable(sock)
        try:
            return sock.recv(READ_SIZE // 4)
        except (BlockingIOError, InterruptedError):
            continue


async def _send_all(sock: socket.socket, data: bytes) -> None:
    while data:
        try:
            data = data[sock.send(data) :]
        except (BlockingIOError, InterruptedError):
            await anyio.wait_writable(sock)
