"""The input of a client's HTTP/2 connection that waits for its streams, as the guard of the process's memory sees it.

Decides: what is done with the connection if this takes too much. Must not know: frames, and what the streams carry.
"""

from typing import Protocol


class InputHolder(Protocol):
    """The connection."""

    @property
    def undelivered(self) -> int:
        """Memory of the bytes that were received and not passed on."""

    def squeeze(self, now: float, *, on: bool) -> None:
        """``on``: do not read the client. Otherwise read it again, unless there is another reason not to."""

    def close(self, now: float, *, abort: bool = False) -> None:
        """Close the connection, or abort it."""


class InputMemory:
    """Implements ``MemoryHolder``. Two of one connection are equal: it keeps none itself, which would be a cycle."""

    __slots__ = ("connection",)

    def __init__(self, connection: InputHolder) -> None:
        self.connection = connection

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InputMemory) and other.connection is self.connection

    def __hash__(self) -> int:
        return id(self.connection)

    @property
    def held(self) -> int:
        return self.connection.undelivered

    def squeeze(self, now: float, *, on: bool) -> None:
        self.connection.squeeze(now, on=on)

    def close_for_memory(self, reason: str, now: float) -> None:
        self.connection.close(now, abort=True)
