"""One connection as a driver keeps it: a socket, perhaps TLS over it, and flags that say how far it has ended.

Data only.
"""

from typing import Final, Protocol

import anyio

from aigw_sansio import READ_SIZE, ConnId

from .tls import TlsPipe

#: The size of reads until one is full. The memory for a read is given back as far as it was not used, which costs more
#: for larger ones.
FIRST_READ_SIZE: Final = 65536
#: The size of later reads. Under TLS a read may complete a record that began earlier, so one record more is allowed to
#: come of it. And from 128 KiB on, glibc would map memory anew for each read: three system calls.
LARGE_READ_SIZE: Final = READ_SIZE - 16384


class ByteSocket(Protocol):
    """The methods of a non-blocking stream socket that a driver uses, as in :mod:`socket`."""

    def fileno(self) -> int:
        """The number by which readiness is asked; negative if the socket is closed."""

    def recv(self, bufsize: int, /) -> bytes:
        """Bytes of the peer; empty at its end. Raises ``BlockingIOError`` if there is nothing to read yet."""

    def send(self, data: bytes | memoryview, /) -> int:
        """Send, and return how many bytes were taken. Raises ``BlockingIOError`` if there is no room."""

    def shutdown(self, how: int, /) -> None:
        """End our direction."""

    def setsockopt(self, level: int, option: int, value: bytes, /) -> None:
        """Set an option."""

    def close(self) -> None:
        """Release the socket; unsent bytes may be lost."""


class Link:
    """The state of one connection. ``socket`` is ``None`` during the dial and after :meth:`release`."""

    __slots__ = (
        "close_notify_sent",
        "closing",
        "conn",
        "dial_scope",
        "has_write_task",
        "looks_up",
        "number",
        "paused",
        "peer_ended",
        "read_size",
        "read_wanted",
        "shut_down",
        "socket",
        "tls",
        "unconfirmed",
        "unsent",
        "wants_read",
        "wants_write",
        "writers",
        "writes_to",
    )

    def __init__(self, conn: ConnId, sock: ByteSocket | None = None, tls: TlsPipe | None = None) -> None:
        self.conn = conn
        self.socket = sock
        self.tls = tls
        #: Cancels the dial under way.
        self.dial_scope: anyio.CancelScope | None = None
        #: Host and port, while the dial under way looks its name up.
        self.looks_up: tuple[str, int] | None = None
        #: How much the next read may give.
        self.read_size = FIRST_READ_SIZE
        #: Bytes that the socket did not take yet; ciphertext under TLS.
        self.unsent: bytes | memoryview = b""
        #: How many pulled bytes are to be confirmed when ``unsent`` is empty.
        self.unconfirmed = 0
        #: The engine said ``PauseReading``.
        self.paused = False
        #: The peer has ended, in order or not, and the engine knows.
        self.peer_ended = False
        #: The engine said ``Close``.
        self.closing = False
        #: Our ``close_notify`` was written.
        self.close_notify_sent = False
        #: Our direction is shut down; we only wait for the peer's end.
        self.shut_down = False
        # Kept by the turn: the link to which the last read of this one wrote, and how many links did that to this one.
        self.writes_to: Link | None = None
        self.writers = 0
        # Kept by readiness: which callbacks are wanted, whether a task waits to write, the number that is watched, what
        # wakes the reading task.
        self.wants_read = False
        self.wants_write = False
        self.has_write_task = False
        self.number = -1
        self.read_wanted: anyio.Event | None = None

    def release(self) -> None:
        """The connection is over, and its socket closed: drop what was to be sent, and TLS. Whoever still refers to
        this link, a task or a callback of the loop, keeps nothing else alive."""
        self.tls = None
        self.unsent = b""
        self.unconfirmed = 0
