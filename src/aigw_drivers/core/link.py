"""One connection as a driver sees it: a socket, perhaps TLS over it, and how far its end has come.

Decides: nothing; it is the record the driver keeps. Must not know: the engine.
"""

from typing import Protocol

import anyio

from aigw_sansio import ConnId

from .tls import TlsPipe


class ByteSocket(Protocol):
    """What a driver needs of a non-blocking stream socket, with the meaning that :mod:`socket` gives it."""

    def fileno(self) -> int:
        """What readiness is asked about; negative when closed."""

    def recv(self, bufsize: int, /) -> bytes:
        """What came; empty at the peer's end. ``BlockingIOError`` where nothing did."""

    def send(self, data: bytes | memoryview, /) -> int:
        """How much was taken. ``BlockingIOError`` where there is no room."""

    def shutdown(self, how: int, /) -> None:
        """End our side."""

    def setsockopt(self, level: int, option: int, value: bytes, /) -> None:
        """Set an option."""

    def close(self) -> None:
        """Let go of it; what is unsent may be lost."""


class Link:
    """The state of one connection. ``socket`` is ``None`` while it is dialled and after it is released."""

    __slots__ = (
        "closing",
        "conn",
        "dial",
        "ended",
        "farewell",
        "paused",
        "reading",
        "rest",
        "shut",
        "socket",
        "tls",
        "unconfirmed",
        "wake",
        "writer",
        "writing",
    )

    def __init__(self, conn: ConnId, sock: ByteSocket | None = None, tls: TlsPipe | None = None) -> None:
        self.conn = conn
        self.socket = sock
        self.tls = tls
        #: Cancels the dial under way.
        self.dial: anyio.CancelScope | None = None
        #: What the socket did not take yet, encrypted where there is TLS.
        self.rest: bytes | memoryview = b""
        #: How many pulled bytes are confirmed once ``rest`` is gone.
        self.unconfirmed = 0
        #: The engine said ``PauseReading``.
        self.paused = False
        #: The peer's end was seen, clean or not.
        self.ended = False
        #: The engine said ``Close``.
        self.closing = False
        #: Our ``close_notify`` was written.
        self.farewell = False
        #: Our side of the socket is shut down; only the peer's end is awaited.
        self.shut = False
        # What readiness keeps here: whether callbacks are wanted, whether a task writes, how the reading one is woken.
        self.reading = False
        self.writing = False
        self.writer = False
        self.wake: anyio.Event | None = None
