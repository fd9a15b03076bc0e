"""The channel of a session that outlives its connections (client protocol, section 8).

Decides: which messages are kept until the client has acknowledged them, what is sent again on another connection, and
when a session without a connection ends. Must not know: tokens, dialects, sockets, and what a message says.

Theory of operation. The session has one channel for its whole life, and that has one connection at a time, or none; a
:class:`Link` stands for a connection. Each message of the session gets a number and is kept. While there is a
connection it is sent too, and the session is held back like a client that takes no bytes if half of ``resume_bytes``
is not acknowledged. Without a connection nothing holds the session back, and it ends if more than ``resume_bytes`` are
kept. A new connection is a second link until it says which number it has; then it replaces the first one, which may be
half-open, and what is behind that number is sent again, at the pace of the new connection.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from ..engine.send_buffer import PER_PIECE
from ..engine.services import NEVER, Services
from ..faults import Fault, FaultKind, Side
from ..secret import Secret
from .channel import ChannelOwner, MessageChannel
from .resume_messages import ACK, NO_NUMBER, RESUME, numbered, read_control, resumed_told, session_told
from .resume_ports import NO_KEEPER, NO_SESSION, SessionKeeper, SessionOwner

#: Close codes (RFC 6455 section 7.4.1, IANA's registry) with which a client tells of trouble. Any other close frame
#: ends the session.
DROPS: Final = frozenset((1006, 1011, 1012, 1013, 1014))
_POLICY_VIOLATION: Final = 1008
_NO_RESUME: Final = "the first message on this connection must be universal.resume, with the number n of the last one"


class Link:
    """One connection of a resumable session. Implements ``ChannelOwner``, and ``MemoryUser`` until it has the session.
    Call :meth:`greet` when the client is accepted."""

    __slots__ = ("_greeting", "_session", "channel")

    def __init__(
        self,
        session: "ResumableChannel",
        open_channel: Callable[[ChannelOwner], MessageChannel[bytes]],
        greeting: bytes,
    ) -> None:
        self._session: ResumableChannel | None = session
        self._greeting: bytes | None = greeting
        #: The channel of the connection.
        self.channel: MessageChannel[bytes] = open_channel(self)

    def greet(self, now: float) -> None:
        """Send the first message, once. The first bytes of the client may come before its acceptance returns."""
        greeting, self._greeting = self._greeting, None
        if greeting is not None:
            self.channel.send_text(greeting, now)

    # -- ChannelOwner -------------------------------------------------------------------------------------------

    def message_received(self, data: bytes, now: float, *, text: bool) -> None:
        if self._greeting is not None:
            self.greet(now)
        if self._session is not None:
            self._session.received(self, data, now, text=text)

    def room_made(self, now: float) -> None:
        if self._session is not None:
            self._session.link_has_room(self, now)

    def channel_ended(self, by: Side, code: int, reason: str, now: float) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.link_ended(self, by, code, reason, now)

    # -- MemoryUser ---------------------------------------------------------------------------------------------

    @property
    def kept(self) -> int:
        return self.channel.held

    @property
    def held(self) -> int:
        return self.channel.held

    def squeeze(self, now: float, *, on: bool) -> None:
        """Nothing: it takes one message, which frees memory."""

    def close_for_memory(self, reason: str, now: float) -> None:
        self.channel.close(1013, reason, now)
        self.channel.discard_input(now)


class ResumableChannel(MessageChannel[bytes]):
    """The channel of one resumable session. Call :meth:`attach` next, when its owner makes its channel."""

    __slots__ = (
        "_ack_timer", "_away_timer", "_closed", "_closing", "_high_water", "_is_away", "_keeper", "_kept", "_last",
        "_link", "_most", "_next", "_next_timer", "_over", "_owner", "_released", "_replies", "_reply_bytes",
        "_resume_s", "_sent", "_services", "_size", "_squeezed", "_stall_s", "_taken", "bytes_received", "bytes_sent",
        "ended", "messages_received", "messages_sent",
    )  # fmt: skip

    def __init__(self, services: Services, keeper: SessionKeeper) -> None:
        limits, timeouts = services.config.limits, services.config.timeouts
        self._services = services
        self._keeper: SessionKeeper = keeper
        self._owner: SessionOwner = NO_SESSION
        self._high_water = limits.send_high_water_bytes
        self._most = limits.resume_bytes
        self._resume_s = timeouts.resume_s
        self._stall_s = timeouts.write_stall_s
        self._link: Link | None = None  # the connection that has the session
        self._next: Link | None = None  # the one that wants to resume it
        self._kept: dict[int, bytes] = {}  # by number: those after ``_released``, up to ``_last``
        self._size = 0  # memory of them
        self._last = 0  # the number of the newest message
        self._sent = 0  # of the newest that was sent on this connection, or on the last one
        self._released = 0  # of the newest that is acknowledged
        self._replies: deque[tuple[int, int]] = deque()  # kept replies: (number, size)
        self._reply_bytes = 0
        self._taken = 0  # messages of the client that the session has
        self._squeezed = False
        self._closing = False  # its end is the session's
        self._closed: MessageChannel[bytes] | None = None  # the channel that it closed
        self._over = False  # ``_end_over`` is to be called
        self._away_timer = services.timers.timer(self._on_away_too_long)
        self._next_timer = services.timers.timer(self._on_not_resumed)
        self._ack_timer = services.timers.timer(self._on_not_acknowledged)
        self._is_away = False
        self.ended = False
        self.messages_received = self.messages_sent = 0
        self.bytes_received = self.bytes_sent = 0

    def attach(
        self,
        owner: SessionOwner,
        open_channel: Callable[[ChannelOwner], MessageChannel[bytes]],
        token: Secret,
    ) -> Link:
        """``owner`` is its session, and the first connection is opened. It is told ``token``."""
        self._owner = owner
        self._link = Link(self, open_channel, self._told(token))
        return self._link

    def attach_next(
        self, open_channel: Callable[[ChannelOwner], MessageChannel[bytes]], token: Secret, now: float
    ) -> Link:
        """Another connection wants the session, and is told ``token``. It gets the session when it says which number it
        has; an earlier one that has not said it is closed."""
        self._refuse_next("another connection resumes the session", now)
        self._next = link = Link(self, open_channel, self._told(token))
        self._next_timer.arm(now + self._services.config.timeouts.handshake_s)
        return link

    # -- from the links -----------------------------------------------------------------------------------------

    def received(self, link: Link, data: bytes, now: float, *, text: bool) -> None:
        """A message of the client on ``link``."""
        control = read_control(data)
        if link is self._next:
            self._resume(link, control[1] if control is not None and control[0] == RESUME else None, now)
            return
        if link is not self._link:
            return
        if control is not None:
            if control[0] == ACK:
                self._acknowledge(control[1], now)
            else:
                self._refuse("universal.resume is the first message on another connection; this one has it", now)
            return
        self._taken += 1
        if self._squeezed:
            link.channel.pause()
        self._owner.message_received(data, now, text=text)

    def link_has_room(self, link: Link, now: float) -> None:
        """``link`` has room for more."""
        if link is self._link:
            self._send_waiting(link, self._high_water, now)
            self._make_room(now)

    def link_ended(self, link: Link, by: Side, code: int, reason: str, now: float) -> None:
        """The connection of ``link`` has ended."""
        channel = link.channel
        self.messages_received += channel.messages_received
        self.messages_sent += channel.messages_sent
        self.bytes_received += channel.bytes_received
        self.bytes_sent += channel.bytes_sent
        if link is self._next:
            self._next = None
            self._next_timer.cancel()
            self._keeper.left()
        if link is not self._link:
            return
        self._link = None
        self._ack_timer.cancel()
        if self._closing or by is not Side.CLIENT or code not in DROPS or not self._keeper.may_keep():
            self._end(by, code, reason, now)
            return
        self._is_away = True
        self._squeezed = False
        self._away_timer.arm(now + self._resume_s)
        self._keeper.detached(reason, len(self._kept), now)
        self._check_size()
        self._owner.room_made(now)

    # -- MessageChannel -----------------------------------------------------------------------------------------

    @property
    def away(self) -> bool:
        return self._is_away

    @property
    def resumable(self) -> bool:
        return True

    @property
    def outstanding(self) -> int:
        link = self._link
        if link is None:
            return 0
        outstanding = link.channel.outstanding
        if self._sent < self._last or self._size >= self._most // 2:
            return max(outstanding, self._high_water)
        return outstanding

    def send_text(self, payload: bytes, now: float) -> None:
        if self.ended:
            return
        message = self._keep(payload, now)
        if self._link is not None and self._sent == self._last - 1:
            self._sent = self._last
            self._link.channel.send_text(message, now)

    def send_texts(self, payloads: list[bytes], limit: int, now: float) -> list[bytes]:
        link = self._link
        room = NEVER if link is None else limit - self.outstanding
        window = NEVER if link is None else self._most // 2
        messages: list[bytes] = []
        size = 0
        for payload in payloads:
            if size >= room or self._size >= window:
                break
            messages.append(self._keep(payload, now))
            size += len(messages[-1])
        if link is not None and messages:
            self._sent = self._last
            link.channel.send_texts(messages, NEVER, now)
        return payloads[len(messages) :]

    def send_control_text(self, payload: bytes, now: float) -> None:
        if self.ended:
            return
        message = self._keep(payload, now)
        size = len(message) + PER_PIECE
        self._replies.append((self._last, size))
        self._reply_bytes += size
        if self._link is not None and self._sent == self._last - 1:
            self._sent = self._last
            self._link.channel.send_control_text(message, now)
        self._check_size()

    def pause(self) -> None:
        """Pause the client with its next message that is no acknowledgement: those free memory."""
        self._squeezed = True

    def resume(self, now: float) -> None:
        self._squeezed = False
        if self._link is not None:
            self._link.channel.resume(now)

    @property
    def held(self) -> int:
        return self._size + (0 if self._link is None else self._link.channel.held)

    def discard_input(self, now: float) -> None:
        closed, self._closed = self._closed, None
        if closed is not None:
            closed.discard_input(now)

    def close(self, code: int, reason: str, now: float, *, by: Side = Side.GATEWAY) -> None:
        if self.ended:
            return
        self._closing = True
        if self._next is not None:
            self._next.channel.close(code, reason, now)
        link = self._link
        if link is None:
            self._end(by, code, reason, now)
        else:
            self._closed = link.channel
            self._send_waiting(link, NEVER, now)
            link.channel.close(code, reason, now, by=by)

    # -- inside -------------------------------------------------------------------------------------------------

    def _told(self, token: Secret) -> bytes:
        return session_told(token.reveal(), self._resume_s, self._most)

    def _keep(self, payload: bytes, now: float) -> bytes:
        """Number ``payload``, and keep it."""
        self._last += 1
        message = self._kept[self._last] = numbered(payload, self._last)
        size = len(message) + PER_PIECE
        self._size += size
        self._services.grow(size)
        if self._link is None:
            self._check_size()
        elif self._size >= self._most // 2 and self._ack_timer.deadline is None:
            self._ack_timer.arm(now + self._stall_s)
        return message

    def _check_size(self) -> None:
        """Without a connection all that is kept counts, else the replies alone: the rest is held back."""
        size = self._size if self._link is None else self._reply_bytes
        if size > self._most and not self._over:
            self._over = True
            self._services.defer(self._end_over)  # later: the end of an exchange may be under way

    def _end_over(self, now: float) -> None:
        self._over = False
        if self.ended:
            return
        if self._link is None:
            if self._size > self._most:
                detail = f"{self._size} bytes wait for a client that is away; {self._most} are allowed (resume_bytes)"
                self._end_away(detail, now)
        elif self._reply_bytes > self._most:
            detail = f"replies of {self._reply_bytes} bytes are not acknowledged; {self._most} are allowed"
            self.close(_POLICY_VIOLATION, detail, now, by=Side.CLIENT)

    def _acknowledge(self, n: int, now: float) -> None:
        """The client has all messages up to ``n``."""
        if not 0 <= n <= self._sent:
            where = "is missing or no number" if n == NO_NUMBER else f"is {n}"
            self._refuse(f"universal.ack: n {where}; allowed are 0 to {self._sent}, the last number sent", now)
        elif n > self._released:
            self._release(n)
            if self._size < self._most // 2:
                self._ack_timer.cancel()
            else:
                self._ack_timer.arm(now + self._stall_s)
            self._make_room(now)

    def _refuse(self, detail: str, now: float) -> None:
        """Refuse a message of the client."""
        self._owner.message_unusable(Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, detail), now)

    def _release(self, n: int) -> None:
        """Nobody asks for the messages up to ``n`` again."""
        while self._released < n:
            self._released += 1
            self._size -= len(self._kept.pop(self._released)) + PER_PIECE
        replies = self._replies
        while replies and replies[0][0] <= n:
            self._reply_bytes -= replies.popleft()[1]

    def _make_room(self, now: float) -> None:
        if self._link is not None and self.outstanding < self._high_water:
            self._owner.room_made(now)

    def _send_waiting(self, link: Link, limit: int, now: float) -> None:
        """Send what is kept and was not sent on this connection, as long as fewer than ``limit`` bytes are
        outstanding."""
        channel = link.channel
        while self._sent < self._last and channel.outstanding < limit:
            self._sent += 1
            channel.send_text(self._kept[self._sent], now)

    def _resume(self, link: Link, n: int | None, now: float) -> None:
        """The first message on the new connection ``link``: a ``universal.resume`` with ``n``, if it is one."""
        if n is None or not self._released <= n <= self._sent:
            wrong = f"universal.resume: n must be from {self._released} to {self._sent}"
            self._refuse_next(_NO_RESUME if n is None else wrong, now)
            return
        old, self._link, self._next = self._link, link, None
        self._next_timer.cancel()
        self._away_timer.cancel()
        self._is_away = False
        if old is not None:  # after ``_link`` is another one: its end is not the session's
            self._squeezed = False
            old.channel.close(_POLICY_VIOLATION, "the session goes on on another connection", now)
        self._release(n)
        self._sent = n
        if self._size >= self._most // 2:
            self._ack_timer.arm(now + self._stall_s)
        link.channel.send_text(resumed_told(self._taken), now)
        self._keeper.resumed(self._last - n, now)
        self._send_waiting(link, self._high_water, now)
        self._make_room(now)

    def _refuse_next(self, reason: str, now: float) -> None:
        if self._next is not None:
            self._next.channel.close(_POLICY_VIOLATION, reason, now, by=Side.CLIENT)

    def _end_away(self, reason: str, now: float) -> None:
        """The session ends, and its client is away."""
        self._refuse_next(reason, now)
        self._end(Side.CLIENT, 1006, reason, now)

    def _end(self, by: Side, code: int, reason: str, now: float) -> None:
        self.ended = True  # before the owner is told: what it sends from here on has no effect
        if self._next is not None:
            self._next.channel.close(_POLICY_VIOLATION, "the session has ended", now)
        for timer in (self._away_timer, self._next_timer, self._ack_timer):
            timer.close()
        self._kept.clear()
        self._replies.clear()
        self._size = self._reply_bytes = 0
        keeper, self._keeper = self._keeper, NO_KEEPER
        owner, self._owner = self._owner, NO_SESSION  # the session and its channel refer to each other until here
        owner.channel_ended(by, code, reason, now)
        keeper.ended()

    # -- clocks -------------------------------------------------------------------------------------------------

    def _on_away_too_long(self, now: float) -> None:
        self._end_away(f"the client was away for longer than {self._resume_s:g} s (resume_s)", now)

    def _on_not_resumed(self, now: float) -> None:
        self._refuse_next("universal.resume did not come in time (handshake_s)", now)

    def _on_not_acknowledged(self, now: float) -> None:
        """Half of what may be kept is not acknowledged, and nothing of it was for a while."""
        if self._squeezed:  # it may be us who do not read
            self._ack_timer.arm(now + self._stall_s)
            return
        detail = f"{len(self._kept)} messages are not acknowledged (universal.ack)"
        self.close(_POLICY_VIOLATION, detail, now, by=Side.CLIENT)
