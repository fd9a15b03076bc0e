"""Whether a WebSocket peer is still there: a ping after silence, and a limit for any sign of life after it.

Decides: when a ping is due, and when a silent peer is dead (RFC 6455 section 5.5.2). Must not know: frames, pipes,
and what becomes of a dead peer.

The silence timer is lazy: its owner notes when it last heard the peer, and the timer moves itself when it comes up. So
a busy socket costs one attribute for each read. The clock for the answer begins when the ping has left, not when it
was written; and it stands still while the peer is paused, for then its answer cannot be read.
"""

from typing import Protocol

from ..engine.services import Services


class KeepaliveOwner(Protocol):
    """A WebSocket, as its keepalive sees it."""

    def last_heard(self) -> float:
        """When the peer last gave a sign of life, or was resumed."""

    def may_ping(self) -> bool:
        """Whether nothing waits to be sent and the peer is read: only then is its silence its own."""

    def send_ping(self, now: float) -> None:
        """Write a ping."""

    def peer_dead(self, now: float) -> None:
        """The peer gave no sign of life after a ping."""


class Keepalive:
    """The liveness of one peer. Its owner tells it what is heard, what has left, and when nobody listens any more.

    Call :meth:`stop_waiting` on every read if ``awaiting`` is true, and :meth:`ping_sent` if ``ping_unsent`` is true and
    the transport has taken everything. Both are attributes, because they stand on the path of every byte.
    """

    __slots__ = ("_owner", "_ping_after_s", "_pong_s", "_pong_timer", "_silence_timer", "awaiting", "ping_unsent")

    def __init__(self, services: Services, owner: KeepaliveOwner, now: float) -> None:
        timeouts = services.config.timeouts
        self._owner = owner
        self._ping_after_s = timeouts.ping_after_s
        self._pong_s = timeouts.pong_s
        self._silence_timer = services.timers.timer(self._on_silence)
        self._pong_timer = services.timers.timer(self._on_no_answer)
        self._silence_timer.arm(now + self._ping_after_s)
        #: A ping has left, and nothing was heard since.
        self.awaiting = False
        #: A ping was written that the transport has not taken.
        self.ping_unsent = False

    def stop_waiting(self) -> None:
        """The peer gave a sign of life, or is paused and cannot give one."""
        self.awaiting = False
        self._pong_timer.cancel()

    def ping_sent(self, now: float, *, paused: bool) -> None:
        """The transport took all that was written, the ping included. ``paused``: the peer is not read, so it has no
        time limit."""
        self.ping_unsent = False
        if not paused:
            self.awaiting = True
            self._pong_timer.arm(now + self._pong_s)

    def close(self) -> None:
        """Nobody listens any more: no timer fires."""
        self.awaiting = False
        self._silence_timer.close()
        self._pong_timer.close()

    def _on_silence(self, now: float) -> None:
        due = self._owner.last_heard() + self._ping_after_s
        if due > now:
            self._silence_timer.arm(due)  # moved here, not for every byte that is heard
            return
        self._silence_timer.arm(now + self._ping_after_s)
        # One ping at a time: that another one was taken is no answer to the first.
        if not self.awaiting and self._owner.may_ping():
            self.ping_unsent = True
            self._owner.send_ping(now)

    def _on_no_answer(self, now: float) -> None:
        self.awaiting = False
        self._owner.peer_dead(now)
