"""Bytes on their way out, counted until the peer's transport has taken them.

Decides: how much is outstanding on a connection and how it is handed out. Must not know: what the bytes mean and
who is held back because of them.
"""

from collections import deque

from ..errors import LocalProtocolError


class SendBuffer:
    """Output of one connection. ``size`` counts what waits plus what was pulled and is not yet confirmed."""

    __slots__ = ("_offset", "_pieces", "pulled", "size")

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._offset = 0  # of what waits in the first piece
        #: Bytes given out by :meth:`pull` that :meth:`confirm` has not seen yet.
        self.pulled = 0
        #: All bytes not confirmed, given out or not.
        self.size = 0

    def append(self, data: bytes) -> bool:
        """Queue ``data``. True where there was nothing left to pull before: time for a ``Flush``."""
        if not data:
            return False
        size = self.size
        self._pieces.append(data)
        self.size = size + len(data)
        return size == self.pulled

    @property
    def waiting(self) -> int:
        """Bytes that a pull could give out."""
        return self.size - self.pulled

    def pull(self, limit: int) -> bytes:
        """Up to ``limit`` bytes, oldest first; empty where nothing waits. Copies what it gives out once, at most."""
        pieces = self._pieces
        if not pieces:
            return b""
        if not self._offset and self.size - self.pulled <= limit:
            data = b"".join(pieces) if len(pieces) > 1 else pieces[0]
            pieces.clear()
            self.pulled += len(data)
            return data
        taken: list[bytes | memoryview] = []
        room = limit
        while pieces and room:
            first = pieces[0]
            offset = self._offset
            rest = len(first) - offset
            if rest <= room:
                taken.append(memoryview(first)[offset:])
                pieces.popleft()
                self._offset = 0
                room -= rest
            else:
                taken.append(memoryview(first)[offset : offset + room])
                self._offset = offset + room
                room = 0
        data = b"".join(taken)
        self.pulled += len(data)
        return data

    def confirm(self, n: int) -> None:
        """The transport took ``n`` of the pulled bytes."""
        if not 0 <= n <= self.pulled:
            raise LocalProtocolError(f"data_sent({n}): {self.pulled} bytes were pulled and not confirmed")
        self.pulled -= n
        self.size -= n

    def clear(self) -> None:
        """Drop what waits: nothing more can be sent. What was pulled may still be confirmed."""
        self._pieces.clear()
        self._offset = 0
        self.size = self.pulled
