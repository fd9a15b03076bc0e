"""A small HTTP proxy that opens tunnels: it wants credentials if it is given some, and looks no name up.

Decides: how a proxy behaves that a check scripts. Must not know: the driver under test.
"""

import re
import socket
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from .sockets import background, server


class ConnectProxy:
    """What it was asked for, as ``HOST:PORT``, and each head as it came."""

    def __init__(self, port: int, targets: Mapping[str, int], credentials: str | None, answer: bytes | None) -> None:
        self.port = port
        self.asked: list[str] = []
        self.heads: list[bytes] = []
        self._targets = targets
        self._credentials = credentials
        self._answer = answer

    def serve(self, sock: socket.socket) -> None:
        """One connection, from its request to the end of the tunnel."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = sock.recv(1)  # not a byte of what goes through the tunnel
            if not piece:
                return
            head += piece
        self.heads.append(head)
        found = re.match(rb"CONNECT (\S+) HTTP/1\.1\r\nHost: \1\r\n", head)
        assert found is not None, head
        self.asked.append(found[1].decode())
        if self._answer is not None:
            sock.sendall(self._answer)
            return
        if self._credentials is not None and self._shown(head) != self._credentials:
            sock.sendall(b"HTTP/1.1 407 No\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n")
            return
        if self.asked[-1] not in self._targets:
            sock.sendall(b"HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", self._targets[self.asked[-1]])) as far:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = background(lambda: _pass_on(far, sock))
            _pass_on(sock, far)
            back.join()

    @staticmethod
    def _shown(head: bytes) -> str:
        found = re.search(rb"\r\nProxy-Authorization: Basic (\S+)\r\n", head)
        return b64decode(found[1]).decode() if found else ""


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def connect_proxy(
    targets: Mapping[str, int], *, credentials: str | None = None, answer: bytes | None = None, patience_s: float
) -> Iterator[ConnectProxy]:
    """A proxy for ``targets``: ports on this machine by ``HOST:PORT``. ``credentials``: the ``USER:PASSWORD`` that it
    wants. ``answer``: what it says to everybody, in place of opening a tunnel; then it closes. It waits ``patience_s``
    for anything."""
    proxy = ConnectProxy(0, targets, credentials, answer)
    with server(proxy.serve, patience_s=patience_s) as port:
        proxy.port = port
        yield proxy
