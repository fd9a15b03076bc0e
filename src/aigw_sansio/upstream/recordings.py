"""The calls that are recorded now, by the name of their response.

Decides: how many may join a call. Must not know: what a recording is, and who reads it.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .recording import RecordedCall

#: So many requests read one call.
_MOST_READERS: Final = 256


class Recordings:
    """The calls that others may join, by the name of their response."""

    __slots__ = ("_running",)

    def __init__(self) -> None:
        self._running: dict[str, RecordedCall] = {}

    def find(self, key: str) -> "RecordedCall | None":
        """The call that requests named ``key`` may join. Not for any number of them: each step looks at all."""
        call = self._running.get(key)
        return None if call is None or call.readers >= _MOST_READERS else call

    def add(self, key: str, call: "RecordedCall") -> None:
        """``call`` may be joined."""
        self._running[key] = call

    def remove(self, key: str, call: "RecordedCall") -> None:
        """``call`` may not be joined any more."""
        if self._running.get(key) is call:
            del self._running[key]
