"""One connection as the core sees it: bytes to send, reading paused or not, and an end that always comes.

Decides: when a connection is aborted because the peer takes no bytes or does not close. Must not know: any protocol;
the subclasses read the bytes and tell their owners.
"""

from typing import Final, Protocol

from ..effects import Flush
from ..errors import LocalProtocolError
from ..ids import ConnId
from .send_buffer import SendBuffer
from .services import Services
from .timers import NO_TIMER

#: Why a peer is paused, as bits: its owner takes no more, a turn did not suffice, the process's memory is used up.
PAUSED_BY_OWNER: Final = 1
PAUSED_BY_TURN: Final = 2
PAUSED_BY_MEMORY: Final = 4


class PipeReceiver(Protocol):
    """Takes the bytes of an accepted WebSocket."""

    def receive_data(self, data: bytes, now: float) -> None:
        """Bytes of the peer."""

    def receive_eof(self, now: float) -> None:
        """The peer ended its direction."""

    def connection_lost(self, reason: str, now: float) -> None:
        """The pipe was lost: nothing comes or goes any more."""

    def data_sent(self, outstanding: int, now: float) -> None:
        """The transport took bytes; ``outstanding`` are left."""


class BytePipe(Protocol):
    """Carries one WebSocket: an HTTP/1.1 connection after its 101, or one stream of HTTP/2 after its 200."""

    @property
    def outstanding(self) -> int:
        """Bytes written and not yet confirmed by the transport."""

    def write(self, data: bytes, now: float) -> int:
        """Queue ``data``. Returns how many bytes are outstanding, or :func:`.send_buffer.weight` of them."""

    def close(self, now: float) -> None:
        """Close: what is queued is sent first. Write nothing more."""

    def abort(self, now: float) -> None:
        """Abort: what is queued is lost."""

    def pause_reading(self) -> None:
        """Pause the peer."""

    def resume_reading(self) -> None:
        """Resume the peer."""


class Connection:
    """Base of every connection. The gateway calls the methods under "inputs", subclasses and owners the others."""

    __slots__ = (
        "_close_timer",
        "_flush",
        "_paused",
        "_stall_s",
        "_stall_timer",
        "aborted",
        "buffer",
        "closing",
        "conn",
        "ended",
        "receiver",
        "services",
    )

    def __init__(self, services: Services, conn: ConnId) -> None:
        self.services = services
        self.conn = conn
        self.buffer = SendBuffer()
        #: Nothing more is written: ``Close`` was emitted, or ``ended``.
        self.closing = False
        #: ``Close(abort)`` was emitted.
        self.aborted = False
        #: Nothing comes or goes any more: the driver reported the end, or the peer stalled.
        self.ended = False
        self._paused = 0  # the reasons, as bits
        #: Takes the bytes once the connection carries one WebSocket and nothing else.
        self.receiver: PipeReceiver | None = None
        self._flush = Flush(conn)
        self._close_timer = NO_TIMER
        self._stall_timer = services.timers.timer(self._on_stall)
        self._stall_s = services.config.timeouts.write_stall_s

    # -- inputs -------------------------------------------------------------------------------------------------

    def connected(self, alpn: str | None, now: float) -> None:
        """The dial succeeded, and TLS chose ``alpn``."""
        raise LocalProtocolError(f"connected({self.conn}): this connection was not dialled")

    def connect_failed(self, reason: str, now: float) -> None:
        """The dial failed."""
        raise LocalProtocolError(f"connect_failed({self.conn}): this connection was not dialled")

    def receive_data(self, data: bytes, now: float) -> None:
        """Bytes of the peer, while there is no ``receiver``."""
        raise AssertionError("a subclass reads")

    def receive_message(self, data: bytes, now: float, *, text: bool) -> None:
        """A whole message of a client without bytes."""
        raise LocalProtocolError(f"receive_message({self.conn}): this connection has bytes; call receive_data")

    def receive_close(self, code: int, reason: str, now: float) -> None:
        """A client without bytes closed. It takes nothing any more."""
        raise LocalProtocolError(f"receive_close({self.conn}): this connection has bytes; call receive_eof")

    def receive_eof(self, now: float) -> None:
        """The peer ended its direction."""
        self.close(now)

    def connection_lost(self, reason: str, now: float) -> None:
        """The connection was lost: nothing can be sent any more."""
        self.mark_lost()

    def mark_lost(self) -> None:
        """Nothing can be sent or read any more. No ``Close`` is emitted: the driver that reports a loss releases the
        connection by itself."""
        self.ended = self.closing = self.aborted = True
        self.buffer.clear()
        self._stall_timer.cancel()
        self._close_timer.cancel()

    def data_sent(self, n: int, now: float) -> None:
        """The transport took ``n`` bytes."""
        size = self.buffer.confirm(n)
        self._stall_timer.deadline = None  # cancelled, without a call
        if size and not self.aborted:
            self._stall_timer.arm(now + self._stall_s)
        if self.closing and not self.aborted:
            self._arm_close(now)  # counts from the last progress
        if self.receiver is not None:
            self.receiver.data_sent(size, now)

    def closed(self, now: float) -> None:
        """The driver released the connection. This is the last call: nothing refers to it afterwards, and a subclass
        closes what it owns."""
        self.ended = self.closing = True
        self.buffer.clear()
        self._stall_timer.close()
        self._close_timer.close()
        self.receiver = None

    # -- for subclasses and owners ------------------------------------------------------------------------------

    @property
    def outstanding(self) -> int:
        """Bytes that the transport has not confirmed."""
        return self.buffer.size

    @property
    def held(self) -> int:
        """Bytes held for this connection, not counting those of its receiver."""
        return self.buffer.held

    def write(self, data: bytes, now: float) -> int:
        """Queue ``data``. Returns the weight of what is outstanding. Nothing is queued after the end or after
        ``close``."""
        buffer = self.buffer
        if self.closing:
            return buffer.size
        if not buffer.size:
            self._stall_timer.arm(now + self._stall_s)
            if buffer.append(data):
                self.services.effects.append(self._flush)
            return buffer.size
        if buffer.append(data):
            self.services.effects.append(self._flush)
        return buffer.weight

    def hold_peer(self) -> None:
        """A turn did not suffice for what was read: see :class:`.backlog.BacklogOwner`."""
        self.pause_for(PAUSED_BY_TURN)

    def resume_peer(self, now: float) -> None:
        """What was read has been handled."""
        self.resume_for(PAUSED_BY_TURN)

    def squeeze(self, now: float, *, on: bool) -> None:
        """``on``: the process's memory is used up, do not read the peer. Otherwise that is over."""
        if on:
            self.pause_for(PAUSED_BY_MEMORY)
        else:
            self.resume_for(PAUSED_BY_MEMORY)

    def pause_reading(self) -> None:
        """Pause the peer. Nothing happens if its owner has paused it already."""
        self.pause_for(PAUSED_BY_OWNER)

    def resume_reading(self) -> None:
        """The owner's reason is over: resume the peer, unless there is another."""
        self.resume_for(PAUSED_BY_OWNER)

    @property
    def reading(self) -> bool:
        """Whether the peer is not paused."""
        return not self._paused

    def pause_for(self, reason: int) -> None:
        """Pause the peer for one reason, which stands until :meth:`resume_for`."""
        if self.closing or self.ended:
            return
        if not self._paused:
            self.services.pause(self.conn)
        self._paused |= reason

    def resume_for(self, reasons: int) -> None:
        """``reasons`` are over. The peer is resumed when none is left."""
        if self._paused & reasons and not self.closing and not self.ended:
            self._paused &= ~reasons
            if not self._paused:
                self.services.resume(self.conn)

    def close(self, now: float, *, abort: bool = False) -> None:
        """Close: what is queued is sent first. With ``abort`` it is lost; an abort may follow a close, not the
        reverse."""
        if self.aborted:
            return
        if abort:
            self._close_timer.cancel()
            self._stall_timer.cancel()
            self.buffer.clear()
            self.closing = self.aborted = True
            self.services.close(self.conn, abort=True)
        elif not self.closing:
            self.closing = True
            self._arm_close(now)
            self.services.close(self.conn, abort=False)

    def _arm_close(self, now: float) -> None:
        """We close: ``close_s`` begins, again."""
        deadline = now + self.services.config.timeouts.close_s
        self._close_timer = self.services.timers.arm(self._close_timer, self._on_stall, deadline)

    def _on_stall(self, now: float) -> None:
        """The peer took no bytes within ``write_stall_s``; or, once closing, it neither took bytes nor closed within
        ``close_s``."""
        self.ended = self.closing = True
        self.close(now, abort=True)


class PipeConnection(Connection):
    """A connection that one WebSocket has to itself: a ``BytePipe``."""

    __slots__ = ()

    def abort(self, now: float) -> None:
        """Abort."""
        self.close(now, abort=True)
