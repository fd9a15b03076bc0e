"""The other ends of the connections: blocking sockets, real TLS, real resets.

Decides: how a peer behaves that a check scripts. Must not know: the driver under test.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

from ..core.threads import no_thread_is_an_os_error


def connect(port: int, tls: ssl.SSLContext | None = None, *, patience_s: float) -> socket.socket:
    """A client, which waits ``patience_s`` for anything. With ``tls`` it takes no end without ``close_notify``."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=patience_s)
    if tls is None:
        return sock
    return tls.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False)


def over_tls(sock: socket.socket) -> ssl.SSLSocket:
    """``sock``, which is a client over TLS."""
    assert isinstance(sock, ssl.SSLSocket)
    return sock


def reset(sock: socket.socket) -> None:
    """Close with a TCP reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def background(work: Callable[[], object]) -> threading.Thread:
    """Do ``work`` in a thread of its own."""
    with no_thread_is_an_os_error():
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
    return thread


def read_exactly(sock: socket.socket, n: int) -> bytes:
    """The next ``n`` bytes; the stream must not end before."""
    data = bytearray()
    while len(data) < n:
        piece = sock.recv(n - len(data))
        assert piece, f"the stream ended after {len(data)} of {n} bytes"
        data += piece
    return bytes(data)


def read_to_end(sock: socket.socket) -> bytes:
    """All bytes until the peer ends."""
    data = bytearray()
    while piece := sock.recv(65536):
        data += piece
    return bytes(data)


@contextmanager
def server(
    serve: Callable[[socket.socket], None], *, tls: ssl.SSLContext | None = None, patience_s: float
) -> Iterator[int]:
    """A server for dialled connections: ``serve(socket)`` runs in a thread for each. Gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    failures: list[Exception] = []
    accepted: list[socket.socket] = []

    def run(sock: socket.socket) -> None:
        sock.settimeout(patience_s)
        with suppress(OSError), ExitStack() as stack:
            stack.callback(sock.close)
            if tls is not None:
                sock = tls.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
                stack.callback(sock.close)
            accepted.append(sock)
            try:
                serve(sock)
            except AssertionError as exc:
                failures.append(exc)

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threads.append(background(partial(run, sock)))

    acceptor = background(accept)
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        acceptor.join(patience_s)
        listener.close()  # not before: its number may be another's already while ``accept`` is on its way
        for sock in accepted:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(patience_s)
            assert not thread.is_alive()
        assert failures == []


def echo(sock: socket.socket) -> None:
    """Send back what comes, until the peer ends."""
    while data := sock.recv(65536):
        sock.sendall(data)


def wait_for_end(sock: socket.socket) -> None:
    """Read and drop until the other side ends."""
    while sock.recv(65536):
        pass
