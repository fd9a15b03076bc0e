"""Bytes to send, counted until the transport has taken them.

Decides: how many bytes of a connection are outstanding, and in which pieces the driver pulls them. Must not know: what
the bytes mean, and which peers are paused because of them.
"""

from collections import deque
from typing import Final

from ..effects import Message
from ..errors import LocalProtocolError

#: Memory of a ``bytes`` object and its place in a queue, beside its content. Small pieces take more than their bytes.
PER_PIECE: Final = 64

#: So many pieces count as what they take, not as their bytes. It is more than one turn writes: a sender is held back
#: because of what a peer does not take, never because of how its own bytes were cut.
MANY_PIECES: Final = 4096


def weight(size: int, pieces: int) -> int:
    """What ``size`` bytes in so many pieces count, where a limit holds back who sends more: ``size``, unless there are
    very many small ones."""
    return size if pieces < MANY_PIECES else size + PER_PIECE * pieces


class SendBuffer:
    """The output of one connection. ``size`` counts the bytes to pull, and those pulled and not yet confirmed."""

    __slots__ = ("_offset", "_pieces", "pulled", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # an empty deque takes 760 bytes, and most connections have nothing to send
        self._offset = 0  # where the bytes to pull begin in the first piece
        #: Bytes that were pulled and are not yet confirmed.
        self.pulled = 0
        #: All bytes not yet confirmed, pulled or not.
        self.size = 0

    def append(self, data: bytes) -> bool:
        """Queue ``data``. True if there was nothing to pull before: emit a ``Flush``."""
        if not data:
            return False
        size = self.size
        self._pieces.append(data)
        self.size = size + len(data)
        return size == self.pulled

    @property
    def waiting(self) -> int:
        """Bytes to pull."""
        return self.size - self.pulled

    @property
    def weight(self) -> int:
        """What the bytes not yet confirmed count; see :func:`weight`."""
        return weight(self.size, len(self._pieces))

    @property
    def held(self) -> int:
        """Bytes of memory that it takes."""
        return self.size + PER_PIECE * len(self._pieces)

    def pull(self, limit: int) -> bytes:
        """Up to ``limit`` bytes, oldest first; empty if there are none. They are copied once at most."""
        pieces = self._pieces
        if not pieces:
            return b""
        if not self._offset and self.size - self.pulled <= limit:
            data = b"".join(pieces) if len(pieces) > 1 else pieces[0]
            pieces.clear()
            self.pulled = self.size
            return data
        taken: list[bytes | memoryview] = []
        room, whole, offset = limit, 0, self._offset
        for piece in pieces:
            rest = len(piece) - offset
            if rest > room:
                taken.append(memoryview(piece)[offset : offset + room])
                offset += room
                break
            taken.append(memoryview(piece)[offset:])
            whole += 1
            offset = 0
            room -= rest
        self._offset = offset
        del pieces[:whole]
        data = b"".join(taken)
        self.pulled += len(data)
        return data

    def take(self, limit: int) -> list[Message]:
        """There are no messages: a driver that wants some has mistaken the connection."""
        raise LocalProtocolError("messages_to_send: this connection has bytes; call data_to_send")

    def confirm(self, n: int) -> int:
        """The transport took ``n`` of the pulled bytes. Returns how many are left, the pulled ones included.
        ``LocalProtocolError`` if fewer were pulled."""
        left = self.pulled - n
        if left < 0 or n < 0:
            raise LocalProtocolError(f"data_sent({n}): {self.pulled} bytes were pulled and not confirmed")
        self.pulled = left
        self.size = size = self.size - n
        return size

    def clear(self) -> None:
        """Discard the bytes to pull: nothing more can be sent. Pulled bytes may still be confirmed."""
        self._pieces.clear()
        self._offset = 0
        self.size = self.pulled


class MessageBuffer(SendBuffer):
    """The output of one client, as whole messages. Its sizes are those of their contents."""

    __slots__ = ("_messages",)

    def __init__(self) -> None:
        super().__init__()
        self._messages: deque[Message] = deque()

    def put(self, message: Message) -> bool:
        """Queue ``message``. True if there was nothing to pull before: emit a ``Flush``."""
        first = not self._messages
        self._messages.append(message)
        self.size += len(message.data)
        return first

    def take(self, limit: int) -> list[Message]:
        """Messages of at most ``limit`` bytes together, oldest first; at least one, if there is one."""
        messages = self._messages
        taken: list[Message] = []
        room = limit
        while messages and (not taken or len(messages[0].data) <= room):
            message = messages.popleft()
            taken.append(message)
            room -= len(message.data)
            self.pulled += len(message.data)
        return taken

    @property
    def held(self) -> int:
        return self.size + PER_PIECE * len(self._messages)

    def pull(self, limit: int) -> bytes:
        """There are no bytes: a driver that wants some has mistaken the connection."""
        raise LocalProtocolError("data_to_send: this client has messages; call messages_to_send")

    def clear(self) -> None:
        self._messages.clear()
        super().clear()


class CountedMessageBuffer(MessageBuffer):
    """A :class:`MessageBuffer` that also knows how many messages the transport has not taken: of a relay that ends, the
    others were delivered. Those that :meth:`clear` discards stay among them."""

    __slots__ = ("_credit", "_discarded", "_sizes", "undelivered_bytes")

    def __init__(self) -> None:
        super().__init__()
        self._sizes: deque[int] = deque()  # of the messages that were not taken in full
        self._credit = 0  # bytes taken of the first one
        self._discarded = 0  # messages
        #: Bytes of the messages that were not taken in full.
        self.undelivered_bytes = 0

    @property
    def undelivered(self) -> int:
        """How many messages were not taken in full."""
        return len(self._sizes)

    @property
    def weight(self) -> int:
        return weight(self.size, len(self._sizes))

    def put(self, message: Message) -> bool:
        size = len(message.data)
        self._sizes.append(size)
        self.undelivered_bytes += size
        return super().put(message)

    def confirm(self, n: int) -> int:
        left = super().confirm(n)
        self._credit += n
        sizes = self._sizes
        waiting = len(self._messages) + self._discarded  # not even pulled: an empty one would pass for taken
        while len(sizes) > waiting and sizes[0] <= self._credit:
            size = sizes.popleft()
            self._credit -= size
            self.undelivered_bytes -= size
        return left

    def clear(self) -> None:
        self._discarded += len(self._messages)
        super().clear()
