"""What a peer has sent and one turn did not suffice for, and the ends of its connection that came behind it.

Decides: when more of it is read, and that an end waits until all before it is read. Must not know: the bytes, which
their owner keeps, and what they mean.
"""

from collections.abc import Callable
from typing import Final, Protocol

from .turns import PORTION_COST, Turns


class BacklogOwner(Protocol):
    """The reader of one peer, as its backlog sees it. It reads a portion of what it has, and then, if it has more,
    calls :meth:`Backlog.portion_read`."""

    def receive_data(self, data: bytes, now: float) -> None:
        """Bytes of the peer; none to go on with what is kept."""

    def hold_peer(self) -> None:
        """Pause the peer: no more is read while something is left."""

    def resume_peer(self, now: float) -> None:
        """Everything is read: resume the peer."""


class _Nobody:
    """Stands for the reader of a backlog that is closed."""

    def receive_data(self, data: bytes, now: float) -> None:
        pass

    def hold_peer(self) -> None:
        pass

    def resume_peer(self, now: float) -> None:
        pass


_NOBODY: Final = _Nobody()


class Backlog:
    """The backlog of one reader. Implements ``Worker``.

    The reader keeps the bytes. While ``waits`` is true it hands ends to :meth:`end_later`.
    """

    __slots__ = ("_ends", "_owner", "_turns", "holds", "waits")

    def __init__(self, turns: Turns, owner: BacklogOwner) -> None:
        self._turns = turns
        self._owner: BacklogOwner = owner
        self._ends: tuple[Callable[[float], None], ...] = ()
        #: The peer is paused: not everything is read.
        self.holds = False
        #: The rest is left for a later turn.
        self.waits = False

    def portion_read(self, left: int, now: float) -> None:
        """A portion was read, and more is left: read on, if the turn suffices. ``left``: what was left of the turn
        before the portion."""
        turns = self._turns
        turns.left = min(turns.left, left - PORTION_COST)
        if turns.left > 0:
            self._owner.receive_data(b"", now)
        else:
            self.postpone()

    def postpone(self, *, alone: bool = False) -> None:
        """Read no more in this turn. ``alone``: the next message needs a turn of its own. Nothing waits after
        :meth:`close`."""
        if self._owner is _NOBODY:
            return
        self.waits = True
        if not self.holds:
            self.holds = True
            self._owner.hold_peer()
        if alone:
            self._turns.postpone_alone(self)
        else:
            self._turns.postpone(self)

    def block(self) -> None:
        """Read no more until the owner calls :meth:`proceed` itself."""
        if self._owner is _NOBODY:
            return
        self.waits = True
        self._turns.withdraw(self)
        if not self.holds:
            self.holds = True
            self._owner.hold_peer()

    def end_later(self, end: Callable[[float], None]) -> None:
        """Call ``end(now)`` when everything is read."""
        self._ends += (end,)

    def close(self) -> None:
        """The connection is over for its reader, which this does not refer to any more. Nothing is left."""
        self._owner = _NOBODY
        self._ends = ()
        self.holds = self.waits = False
        self._turns.withdraw(self)

    def proceed(self, now: float) -> None:
        self.waits = False
        self._owner.receive_data(b"", now)
        if not self.waits:
            self.holds = False
            self._owner.resume_peer(now)
            ends, self._ends = self._ends, ()
            for end in ends:
                end(now)
