"""What is kept for one open HTTP/2 stream beside h2: receive window, body length, send queue.

Decides: nothing but the order in which a stream's bytes leave. Must not know: frames, and whether a stream may send
or receive now (RFC 9113 section 5.2 is enforced by :mod:`.h2_link`).
"""

from collections import deque
from typing import Final

#: ``Stream.allowed`` where no length was declared.
UNKNOWN_LENGTH: Final = 1 << 62


class Stream:
    """One stream. All counts are bytes as flow control counts them: data and padding."""

    __slots__ = (
        "_offset",
        "allowed",
        "answered",
        "bodiless",
        "closing",
        "declared",
        "end",
        "ended",
        "granted",
        "limit",
        "number",
        "owed",
        "parts",
        "queue",
        "queued",
        "ready",
        "seen",
        "sent",
        "tunnel",
    )

    def __init__(self, number: int, window: int) -> None:
        self.number = number
        self.seen = 0  #: received in all
        self.granted = window  #: may be received in all, by the window
        self.allowed = UNKNOWN_LENGTH  #: may be received in all, by the declared length
        self.limit = window  #: the smaller of the two
        self.declared = False
        self.owed = 0  #: consumed and not yet granted again
        self.parts: list[bytes] = []  #: received in this read
        self.ended = False  #: the peer sent END_STREAM
        self.queue: deque[bytes] = deque()
        self._offset = 0
        self.queued = 0
        self.end = False  #: END_STREAM is to follow the queue
        self.ready = False  #: waits for its turn to send
        self.sent = False  #: our END_STREAM was written
        self.bodiless = False  #: the request's method is HEAD
        self.answered = False  #: server: our response head was sent
        self.closing = False  #: server: what the client still sends is of no use once we are through
        self.tunnel = False  #: server: CONNECT, so no trailers

    def take(self, limit: int) -> bytes:
        """Up to ``limit`` bytes of the queue, which is not empty."""
        queue = self.queue
        offset = self._offset
        if self.queued <= limit:
            if offset:
                queue[0] = queue[0][offset:]
                self._offset = 0
            data = queue[0] if len(queue) == 1 else b"".join(queue)
            queue.clear()
            self.queued = 0
            return data
        self.queued -= limit
        parts: list[bytes] = []
        while limit:
            head = queue[0]
            piece = head[offset : offset + limit]
            parts.append(piece)
            limit -= len(piece)
            offset += len(piece)
            if offset == len(head):
                queue.popleft()
                offset = 0
        self._offset = offset
        return b"".join(parts)

    def close(self) -> None:
        """Nothing more leaves."""
        self.queue.clear()
        self.parts.clear()
        self.queued = 0
        self.end = False
