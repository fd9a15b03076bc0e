"""Frames that cost us something and bring nothing, counted without a clock.

Decides: how many of them are a flood (CVE-2019-9512, -9514, -9515, -9517 and -9518). Must not know: what the frames
are. The measure is what the peer has not read yet: every so often it is sent a PING, and the answer to that proves
that it has read all before it, so a quiet connection that lives for days never adds up to a flood.
"""

from enum import Enum
from typing import Final

#: After so many frames the peer is asked to show that it reads.
PROBE_AFTER: Final = 1024
#: So many, without a sign that it reads, are a flood.
FLOOD: Final = 4096


class Verdict(Enum):
    """What is to be done about a peer's frames."""

    FINE = 0
    PROBE = 1  #: send the peer a PING, and call ``answered`` when its answer comes
    TOO_MANY = 2


class FloodGuard:
    """Counts for one connection."""

    __slots__ = ("_probed", "_spent", "earned")

    def __init__(self) -> None:
        self._spent = 0
        self._probed = 0  #: ``_spent`` when the open probe left; 0 for none
        #: DATA frames that we sent since the last count: the two WINDOW_UPDATEs that may answer one are no flood.
        self.earned = 0

    @property
    def probing(self) -> bool:
        """Whether the peer owes the answer to a probe."""
        return self._probed > 0

    def charge(self) -> Verdict:
        """One such frame came."""
        self._settle()
        self._spent += 1
        if self._spent > FLOOD:
            return Verdict.TOO_MANY
        if self._spent >= PROBE_AFTER and not self._probed:
            self._probed = self._spent
            return Verdict.PROBE
        return Verdict.FINE

    def answered(self) -> None:
        """The probe came back."""
        self._settle()
        self._spent -= self._probed
        self._probed = 0

    def _settle(self) -> None:
        self._spent = max(self._spent - 2 * self.earned, self._probed)
        self.earned = 0
