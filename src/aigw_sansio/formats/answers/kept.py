"""What a writer keeps of an answer until its end, counted by the memory that it takes.

Decides: how text is kept, and what an object counts. Must not know: any format.

A provider decides in how many pieces its answer comes. So small pieces are joined at once, and whatever is kept for
each call, item, part or source counts as an object, also if it holds no text.
"""

from typing import Final

#: Bytes of memory of one kept object with the containers that hold it, rounded up.
OBJECT: Final = 512
#: Likewise, of an item of a response with its own members.
ITEM: Final = 4 * OBJECT


class KeptText:
    """Text that grows by small pieces."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def __len__(self) -> int:
        """Bytes of memory, its text alone."""
        return len(self._data)

    def add(self, piece: str) -> None:
        """Keep ``piece``."""
        self._data += piece.encode("utf-8", "surrogatepass")

    def take(self) -> str:
        """All of it; afterwards it is empty."""
        whole = self._data.decode("utf-8", "surrogatepass")
        self._data.clear()
        return whole
