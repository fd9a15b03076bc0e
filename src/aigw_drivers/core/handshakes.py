"""TLS handshakes of clients, of which the engine does not know yet.

Decides: which client is one too many. Must not know: sockets, and how a handshake goes.
"""

import logging
from collections.abc import Callable
from math import inf
from typing import Final

logger = logging.getLogger("aigw.driver")

#: Seconds between two lines of the log that say so.
_TOLD_EVERY_S: Final = 60.0


class Handshakes:
    """Counts those of one driver. ``clock`` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._running = 0
        self._told_at = -inf
        #: How many may run at once.
        self.most: float = inf

    def begin(self) -> bool:
        """Count one more, if it may begin. Then call :meth:`end` once."""
        if self._running < self.most:
            self._running += 1
            return True
        now = self._clock()
        if now - self._told_at >= _TOLD_EVERY_S:
            self._told_at = now
            logger.warning("closed a client: %d TLS handshakes run already", self._running)
        return False

    def end(self) -> None:
        """One is over."""
        self._running -= 1
