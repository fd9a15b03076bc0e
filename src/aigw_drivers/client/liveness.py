"""Whether the gateway is still there.

Decides: when to ask for a sign of life, and when to give up. Must not know: sockets, and the clock: the time comes in,
in seconds. Any byte of the gateway is a sign of life.
"""

from typing import Final, Literal

PING_AFTER_S: Final = 20.0
PONG_S: Final = 20.0
#: How often :meth:`Liveness.check` is to be called.
CHECK_EVERY_S: Final = 5.0


class Liveness:
    """The silence of one gateway. Call :meth:`heard` for what comes, and :meth:`check` every few seconds."""

    def __init__(self, now: float) -> None:
        self._heard = now
        self._told = now
        self._asked: float | None = None

    def heard(self, now: float) -> None:
        """Something came."""
        self._heard = now
        self._asked = None

    def check(self, now: float, *, is_waiting: bool, is_reading: bool) -> Literal["fine", "ping", "dead"]:
        """What to do now: nothing, send a ping, or give the socket up.

        ``is_waiting``: something of the gateway is still to come, else its silence says nothing. ``is_reading``: what
        it sends is read. If it is not, a ping is only to show the gateway that we are alive.
        """
        if not is_reading:
            self.heard(now)
            if now - self._told < PING_AFTER_S:
                return "fine"
            self._told = now
            return "ping"
        if not is_waiting:
            self._asked = None
            return "fine"
        if self._asked is not None:
            return "dead" if now - self._asked >= PONG_S else "fine"
        if now - self._heard < PING_AFTER_S:
            return "fine"
        self._asked = self._told = now
        return "ping"
