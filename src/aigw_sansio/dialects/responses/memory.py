"""What was said on one connection, for requests that go on from a response (fact: ``previous_response_id``).

Decides: what is kept of a conversation, and for how long. Must not know: messages, and how a request is written.

Each lane keeps its latest response, with all items before it. If that is more than the connection may keep, those go
first that nobody has used for the longest time. A conversation is a tuple of texts, each some JSON items with commas
between them: conversations that go on from the same response share them. What is shared is counted for each.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

#: What a conversation takes in memory beside its texts, and one of them, and an id of a call: bytes, measured with
#: CPython 3.11.
_ENTRY: Final = 600
_PIECE: Final = 50
_CALL: Final = 150
#: With so many texts they become one: a peer may send many small ones, and each turn copies the list of them.
_MOST_PIECES: Final = 64


class Conversation(NamedTuple):
    """The items of a conversation so far. ``calls``: the ids of the tool calls in them. ``base``: the response at the
    provider that stands before them, if not all of it is known here."""

    items: tuple[bytes, ...] = ()
    calls: frozenset[str] = frozenset()
    base: str | None = None

    @property
    def size(self) -> int:
        """Bytes of memory."""
        texts = sum(map(len, self.items)) + _PIECE * len(self.items)
        base = 0 if self.base is None else bytes_of(self.base)
        return _ENTRY + texts + base + sum(_CALL + bytes_of(call) for call in self.calls)

    def with_items(self, items: bytes, calls: Iterable[str] = ()) -> "Conversation":
        """The conversation with more ``items``, of which ``calls`` are tool calls."""
        texts, more = self.items, frozenset(calls)
        if items:
            texts = (*texts, items) if len(texts) < _MOST_PIECES else (b",".join(texts), items)
        return Conversation(texts, self.calls | more if more else self.calls, self.base)


class Remembered(NamedTuple):
    """A response and the conversation up to its end. ``model``: that of its request, as JSON."""

    id: str
    conversation: Conversation
    model: msgspec.Raw

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return self.conversation.size + bytes_of(self.id) + len(memoryview(self.model))


class Memory:
    """The latest response of each lane."""

    __slots__ = ("_lanes", "_most", "held")

    def __init__(self, most: int) -> None:
        """``most``: so many bytes are kept."""
        self._most = most
        self._lanes: dict[str, Remembered] = {}  # that which was used last is the last one
        #: Bytes of memory.
        self.held = 0

    def find(self, id: str, lane: str) -> Remembered | None:
        """The response ``id``: that of ``lane``, else of another one."""
        own = self._lanes.get(lane)
        if own is None or own.id != id:
            lane = next((other for other, found in reversed(self._lanes.items()) if found.id == id), lane)
            own = self._lanes.get(lane)
        if own is None or own.id != id:
            return None
        self._lanes[lane] = self._lanes.pop(lane)
        return own

    def lane_of(self, id: str) -> str | None:
        """The lane whose latest response is ``id``."""
        return next((lane for lane, found in self._lanes.items() if found.id == id), None)

    def keep(self, lane: str, remembered: Remembered) -> None:
        """The latest response of ``lane``. It is not kept if it alone is too large."""
        self._remove(lane)
        if remembered.size > self._most:
            return
        self._lanes[lane] = remembered
        self.held += remembered.size
        while self.held > self._most:
            self._remove(next(iter(self._lanes)))

    def forget(self, lane: str, id: str | None) -> None:
        """A request of ``lane`` that goes on from ``id`` has failed: it cannot be gone on from any more."""
        found = self._lanes.get(lane)
        if found is not None and found.id == id:
            self._remove(lane)

    def _remove(self, lane: str) -> None:
        found = self._lanes.pop(lane, None)
        if found is not None:
            self.held -= found.size


def bytes_of(text: str) -> int:
    """At most so many bytes of memory, beside those of any text."""
    return len(text) if text.isascii() else 4 * len(text)
