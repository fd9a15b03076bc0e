"""Flood protection: counts frames that cost us work and bring no data. It needs no clock.

Decides: how many of them are a flood (CVE-2019-9512, -9514, -9515, -9517 and -9518). Must not know: what the frames
are. Only frames since the peer last proved that it reads count: now and then it gets a PING, and the answer proves that
it has read everything before it. So a quiet connection never adds up to a flood, even after days.
"""

from enum import Enum
from typing import Final

#: After this many frames the peer gets a PING, to prove that it reads.
PROBE_AFTER: Final = 1024
#: This many frames without that proof are a flood.
FLOOD: Final = 4096


class FloodVerdict(Enum):
    """How to react to a peer's frame."""

    FINE = 0
    PROBE = 1  #: send the peer a PING, and call ``answered`` when its answer comes
    TOO_MANY = 2


class FloodGuard:
    """The count of one connection."""

    __slots__ = ("_probed", "_spent", "data_frames_sent")

    def __init__(self) -> None:
        self._spent = 0
        self._probed = 0  #: ``_spent`` when the unanswered probe was sent; 0 if there is none
        #: DATA frames that we sent since the last count. Two WINDOW_UPDATEs may answer each; they are no flood.
        self.data_frames_sent = 0

    @property
    def probing(self) -> bool:
        """Whether a probe is unanswered."""
        return self._probed > 0

    def charge(self) -> FloodVerdict:
        """Count one frame. ``PROBE``: send a PING now; ``TOO_MANY``: fail the connection."""
        self._deduct_answers()
        self._spent += 1
        if self._spent > FLOOD:
            return FloodVerdict.TOO_MANY
        if self._spent >= PROBE_AFTER and not self._probed:
            self._probed = self._spent
            return FloodVerdict.PROBE
        return FloodVerdict.FINE

    def answered(self) -> None:
        """The peer answered the probe."""
        self._deduct_answers()
        self._spent -= self._probed
        self._probed = 0

    def _deduct_answers(self) -> None:
        self._spent = max(self._spent - 2 * self.data_frames_sent, self._probed)
        self.data_frames_sent = 0
