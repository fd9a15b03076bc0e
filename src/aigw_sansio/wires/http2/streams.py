"""The state of one open HTTP/2 stream that h2 does not keep: receive window, body length, send queue.

Decides: only the order in which a stream's bytes are sent. Must not know: frames, and whether a stream may send or
receive now (:mod:`.connection` enforces RFC 9113 section 5.2).
"""

from typing import Final

#: ``Stream.allowed`` if no length was declared.
UNKNOWN_LENGTH: Final = 1 << 62


class Stream:
    """One stream. All counts are bytes as flow control counts them: data and padding."""

    __slots__ = (
        "_offset",
        "allowed",
        "answered",
        "bodiless",
        "closing",
        "credit_due",
        "declared",
        "end",
        "ended",
        "granted",
        "limit",
        "number",
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
        self.seen = 0  #: bytes received so far
        self.granted = window  #: bytes that the window allows in all
        self.allowed = UNKNOWN_LENGTH  #: bytes that the declared length allows in all
        self.limit = window  #: the smaller of granted and allowed
        self.declared = False
        self.credit_due = 0  #: bytes consumed for which no new credit was given yet
        self.parts: list[bytes] = []  #: data received in this read
        self.ended = False  #: the peer sent END_STREAM
        self.queue: list[bytes] = []
        self._offset = 0
        self.queued = 0
        self.end = False  #: send END_STREAM after the queue
        self.ready = False  #: is in the queue of streams that may send
        self.sent = False  #: our END_STREAM was written
        self.bodiless = False  #: the request's method is HEAD
        self.answered = False  #: server: our response head was sent; client: a part of the response came
        self.closing = False  #: server: the rest of the request is not wanted once our response is sent
        self.tunnel = False  #: server: CONNECT, so no trailers

    def take(self, limit: int) -> bytes:
        """Take up to ``limit`` bytes of the queue, which must not be empty."""
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
        whole = 0
        while limit:
            head = queue[whole]
            piece = head[offset : offset + limit]
            parts.append(piece)
            limit -= len(piece)
            offset += len(piece)
            if offset == len(head):
                whole += 1
                offset = 0
        del queue[:whole]
        self._offset = offset
        return b"".join(parts)

    def close(self) -> None:
        """Drop the queue: nothing more is sent."""
        self.queue.clear()
        self.parts.clear()
        self.queued = 0
        self.end = False
