"""The keepalive of a WebSocket: a ping after silence, and a timeout for any sign of life after it.

Decides: when a ping is due, and when a silent peer is dead (RFC 6455 section 5.5.2). Must not know: frames, pipes,
and what is done about a dead peer.

The silence timer is not moved for each byte: the owner notes when it last heard the peer, and the timer moves itself
when it fires. So a read costs one attribute write. The timeout starts when the transport has taken the ping, not when
it was written. It does not run while the peer is paused, because its pong cannot be read then.
"""

from typing import Protocol

from .services import Services


class KeepaliveOwner(Protocol):
    """A WebSocket, as its keepalive sees it."""

    def last_heard(self) -> float:
        """When the peer last gave a sign of life, or was resumed; in monotonic seconds."""

    def may_ping(self) -> bool:
        """Whether nothing is outstanding and the peer is not paused: otherwise its silence may be our doing."""

    def send_ping(self, now: float) -> None:
        """Write a ping."""

    def peer_dead(self, now: float) -> None:
        """The peer gave no sign of life after a ping."""


class Keepalive:
    """The liveness of one peer.

    Call :meth:`stop_waiting` on every read if ``awaiting`` is true; :meth:`ping_sent` if ``ping_unsent`` is true and
    the transport has taken everything; :meth:`close` at the end. The two flags are attributes, because they are read
    for every byte.
    """

    __slots__ = ("_owner", "_ping_after_s", "_pong_s", "_pong_timer", "_silence_timer", "awaiting", "ping_unsent")

    def __init__(self, services: Services, owner: KeepaliveOwner, now: float) -> None:
        timeouts = services.config.timeouts
        self._owner: KeepaliveOwner | None = owner  # until it is closed
        self._ping_after_s = timeouts.ping_after_s
        self._pong_s = timeouts.pong_s
        self._silence_timer = services.timers.timer(self._on_silence)
        self._pong_timer = services.timers.timer(self._on_no_answer)
        self._silence_timer.arm(now + self._ping_after_s)
        #: The transport took a ping, and nothing was heard since.
        self.awaiting = False
        #: A ping was written that the transport has not taken.
        self.ping_unsent = False

    def stop_waiting(self) -> None:
        """The peer gave a sign of life, or is paused and cannot give one."""
        self.awaiting = False
        self._pong_timer.cancel()

    def ping_sent(self, now: float, *, paused: bool) -> None:
        """The transport took the ping. ``paused``: the peer is paused, so no timeout starts."""
        self.ping_unsent = False
        if not paused:
            self.awaiting = True
            self._pong_timer.arm(now + self._pong_s)

    def close(self) -> None:
        """Stop: no timer fires any more, and the owner is let go."""
        self._owner = None
        self.awaiting = False
        self._silence_timer.close()
        self._pong_timer.close()

    def _on_silence(self, now: float) -> None:
        owner = self._owner
        assert owner is not None, "a closed timer does not fire"
        due = owner.last_heard() + self._ping_after_s
        if due > now:
            self._silence_timer.arm(due)  # moved here, not for every byte
            return
        self._silence_timer.arm(now + self._ping_after_s)
        # One ping at a time: the timeout of a second ping would replace that of the first.
        if not self.awaiting and owner.may_ping():
            self.ping_unsent = True
            owner.send_ping(now)

    def _on_no_answer(self, now: float) -> None:
        self.awaiting = False
        assert self._owner is not None, "a closed timer does not fire"
        self._owner.peer_dead(now)
