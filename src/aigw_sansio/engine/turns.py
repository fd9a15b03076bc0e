"""The turns of one gateway: how much one call works, and whose work is next if some is left.

Decides: when a call has worked enough, and the order in which work that is left goes on (client protocol, section 3.4).
Must not know: any work. Its owner holds it, and drops it at its end.

Theory of operation. A turn is one call of the driver. Decoded bytes count as they are, and each event counts as
:data:`EVENT_BYTES`, so ``left`` is one number for all that one call does. Owners look at it between two portions of
their work, never inside of one. If nothing is left, an owner keeps the rest, pauses its peer, and calls
:meth:`Turns.postpone`. The driver is told once, by ``Continue``, serves every ready socket, and calls ``proceed``: then
each owner that waits gets a share in turn, and goes to the end of the queue if it needs another. So an owner waits for
one share of each of the others, however much work they have.

A message, an event or a whole response is not cut. If it is larger than what is left, it waits for a turn of its own
(:meth:`Turns.postpone_alone`). Such turns alternate with shared ones.
"""

from collections.abc import Callable
from typing import Final, Protocol

#: The bytes that one call may decode.
TURN_BYTES: Final = 1 << 20
#: The events, messages or frames that one call may handle.
TURN_EVENTS: Final = 2000
#: What one event counts in bytes.
EVENT_BYTES: Final = TURN_BYTES // TURN_EVENTS
#: Owners look at ``left`` after at most so many events, and after at most 64 KiB of decoded bytes.
PORTION_EVENTS: Final = 250
#: What a portion counts, in bytes.
PORTION_COST: Final = PORTION_EVENTS * EVENT_BYTES
#: A frame that a library reads, and a client's message, cost as much as four events.
FRAME_COST: Final = 4 * EVENT_BYTES
PORTION_FRAMES: Final = PORTION_EVENTS // 4
#: What one owner gets before the next one, in bytes.
_SHARE: Final = PORTION_COST


class Worker(Protocol):
    """An owner of work that is left."""

    def proceed(self, now: float) -> None:
        """Do more of the work while ``left`` is above 0, and :meth:`~Turns.postpone` what is left then. Called once for
        each ``postpone``."""


class Turns:
    """The budget of the current call, and the owners whose work is left."""

    __slots__ = ("_alone", "_alone_is_next", "_emit_continue", "_promised", "_untouched", "_waiting", "left")

    def __init__(self, emit_continue: Callable[[], None]) -> None:
        """``emit_continue`` tells the driver to call ``proceed``."""
        #: What the current call may still do, in bytes. Set to :data:`TURN_BYTES` at the beginning of each call.
        self.left = TURN_BYTES
        self._emit_continue = emit_continue
        self._promised = False  # the driver knows, and has not called ``proceed`` since
        self._untouched = TURN_BYTES  # ``left`` while nothing has been done in this call
        self._waiting: dict[Worker, None] = {}
        self._alone: dict[Worker, None] = {}
        self._alone_is_next = False

    @property
    def waiting(self) -> int:
        """How many owners have work left."""
        return len(self._waiting) + len(self._alone)

    def is_untouched(self, left: int) -> bool:
        """Whether nothing had been done in this turn when ``left`` was left of it."""
        return left == self._untouched

    def may_take(self, size: int) -> bool:
        """Whether something of ``size`` that cannot be cut may be handled now: it fits, or is the first in its turn."""
        return size <= self.left or self.left == self._untouched

    def postpone(self, worker: Worker) -> None:
        """``worker`` has work left. Its ``proceed`` is called in a later turn. A second call does nothing."""
        if worker not in self._alone:
            self._waiting[worker] = None
        self._promise()

    def postpone_alone(self, worker: Worker) -> None:
        """The next work of ``worker`` needs a turn of its own: its ``proceed`` is called first in it."""
        self._waiting.pop(worker, None)
        self._alone[worker] = None
        self._promise()

    def withdraw(self, worker: Worker) -> None:
        """``worker`` has ended, or has no work any more."""
        self._waiting.pop(worker, None)
        self._alone.pop(worker, None)

    def proceed(self, now: float) -> None:
        """One turn: owners go on, until the budget is used up or no work is left."""
        self._promised = False
        budget = TURN_BYTES
        self._untouched = _SHARE  # for the first owner
        queue = self._waiting
        if self._alone and (self._alone_is_next or not queue):
            queue = self._alone
        self._alone_is_next = queue is not self._alone
        try:
            while queue and budget > 0:
                worker = next(iter(queue))
                del queue[worker]
                self.left = _SHARE
                worker.proceed(now)
                budget -= max(_SHARE - self.left, EVENT_BYTES)  # each owner counts, so this loop ends
                self._untouched = -1
                queue = self._waiting
        finally:  # a bug in one owner's work must not stop the others' for ever
            self._untouched = TURN_BYTES
            self.left = budget  # for what comes at the end of the call
            if self._waiting or self._alone:
                self._promise()

    def _promise(self) -> None:
        if not self._promised:
            self._promised = True
            self._emit_continue()
