"""Bytes on their way out, counted until the peer's transport has taken them.

Decides: how much is outstanding on a connection and how it is handed out. Must not know: what the bytes mean and
who is held back because of them.
"""

from .errors import LocalProtocolError


class SendBuffer:
    """Output of one connection. ``size`` counts what waits plus what was pulled and is not yet confirmed."""

    __slots__ = ("_head", "_pieces", "pulled", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._head = b""
        #: Bytes given out by :meth:`pull` that :meth:`confirm` has not seen yet.
        self.pulled = 0
        #: All bytes not confirmed, given out or not.
        self.size = 0

    def append(self, data: bytes) -> bool:
        """Queue ``data``. True where there was nothing left to pull before: time for a ``Flush``."""
        if not data:
            return False
        was_empty = self.size == self.pulled
        self._pieces.append(data)
        self.size += len(data)
        return was_empty

    @property
    def waiting(self) -> int:
        """Bytes that a pull could give out."""
        return self.size - self.pulled

    def pull(self, limit: int) -> bytes:
        """Up to ``limit`` bytes, oldest first; empty where nothing waits."""
        pieces = self._pieces
        head = self._head
        if pieces:
            head = b"".join((head, *pieces)) if head or len(pieces) > 1 else pieces[0]
            pieces.clear()
        if len(head) <= limit:
            self._head = b""
            self.pulled += len(head)
            return head
        self._head = head[limit:]
        self.pulled += limit
        return head[:limit]

    def confirm(self, n: int) -> None:
        """The transport took ``n`` of the pulled bytes."""
        if n > self.pulled:
            raise LocalProtocolError(f"data_sent({n}) confirms more than the {self.pulled} bytes that were pulled")
        self.pulled -= n
        self.size -= n

    def clear(self) -> None:
        """Drop what waits: nothing more can be sent. What was pulled may still be confirmed."""
        self._pieces.clear()
        self._head = b""
        self.size = self.pulled
