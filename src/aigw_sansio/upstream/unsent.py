"""The requests of one connection of which the transport has not taken every byte.

Decides: when a request counts as sent. Must not know: the wire, and what follows from that.
"""

from collections.abc import Callable

from .call import UpstreamCall


class UnsentRequests:
    """Counts the bytes of one connection, and tells calls when their requests are sent."""

    __slots__ = ("_ends", "_taken", "_written")

    def __init__(self) -> None:
        self._ends: dict[UpstreamCall, int] = {}  # how many bytes were written when its last byte was; 0: not yet
        self._written = self._taken = 0  # bytes written for the transport, and taken by it

    def add(self, call: UpstreamCall) -> None:
        """The request of ``call`` is about to be written."""
        self._ends[call] = 0

    def remove(self, call: UpstreamCall) -> None:
        """``call`` has ended."""
        self._ends.pop(call, None)

    def written(self, n: int, left: Callable[[int], bool]) -> None:
        """``n`` bytes were written. ``left``: whether the last byte of the request of a stream has left the wire."""
        self._written += n
        for call, end in self._ends.items():
            if not end and left(call.stream):
                self._ends[call] = self._written

    def taken(self, n: int, now: float) -> None:
        """The transport took ``n`` bytes."""
        self._taken += n
        if self._ends:
            taken = self._taken
            for call in [call for call, end in self._ends.items() if 0 < end <= taken]:
                if self._ends.pop(call, None) is not None:  # a handler may have ended others
                    call.sent, call.sent_at = True, now
                    call.handler.request_sent(now)
            if not self._ends:
                self._ends = {}  # one that was in use takes three times the memory, as long as a stream goes on
