"""The side of a provider whose messages a host reviews before the client gets them.

Decides: which messages are reviewed, which wait for them, and what a stop, or no answer, ends (client protocol, section
3.7). Must not know: who reviews, close codes, and whether the client has bytes.

Theory of operation. The provider's frames are read as whole messages (:mod:`~aigw_sansio.wires.websocket.assembling`).
A message passes, behind those that came before it, if it is known to say nothing new: it has names, numbers and sound
alone, or repeats what was released. All others are reviewed, whether anybody can read them or not. What is to be
reviewed is held until the window of the settings is full. During a review the provider is not read: what it sends, and
the end of its connection, wait in the backlog. What was released is written anew, as frames or as messages, with other
texts if the host wants that.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from ..bodies.chunk import Chunk
from ..effects import Answer, Message
from ..engine.services import Services
from ..engine.turns import EVENT_BYTES
from ..events import AudioDelta, ProviderEvent, ResponseFailed, ResponseFinished, Unrecognised
from ..faults import Fault, FaultKind, Side
from ..formats.passages import ReadChunk, as_passages, passages_of, said
from ..formats.reader import RealtimeReader
from ..formats.realtime import make_realtime_reader
from ..formats.rewriting import CannotRewrite, Rewriter
from ..ids import AskId
from ..review import Released, Review, Stopped
from ..wires.websocket.assembling import AssemblingRelay
from ..wires.websocket.events import CloseReceived, Violation
from ..wires.websocket.frames import FIN, Opcode, encode_frame
from ..wires.websocket.relay import FRAGMENT_BYTES, ControlEvent
from .direction import Direction
from .message_sides import MessageDirection
from .observer import RealtimeObserver
from .own_parts import session_reader
from .session_review import SessionReview
from .side import RelaySide, RelaySideOwner

#: What a message takes in memory beside its bytes.
_MESSAGE_BYTES: Final = 512
#: Events that end a turn.
_ENDS: Final = (ResponseFinished, ResponseFailed)


class _Held(NamedTuple):
    """A message that waits."""

    item: ReadChunk
    is_text: bool


class ReviewedProviderSide(RelaySide):
    """The side of the provider."""

    __slots__ = (
        "_after", "_ask_id", "_asked", "_contents", "_end_by", "_held", "_held_bytes", "_messages", "_messages_bytes",
        "_reader", "_review", "_rewriter", "_services", "_window_timer",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        wire: AssemblingRelay,
        review: SessionReview,
        *,
        owner: RelaySideOwner,
        inbound: Direction,
        outbound: Direction,
        observer: RealtimeObserver | None,
        now: float,
    ) -> None:
        super().__init__(
            services, Side.PROVIDER, wire, owner=owner, inbound=inbound, outbound=outbound, observer=observer, now=now
        )
        self._services = services
        self._review = review
        self._reader: RealtimeReader = session_reader(review.format, review.own, review.log_id, services.emit)
        self._rewriter = Rewriter(review.config.limits.response_body_bytes)
        self._held: list[_Held] = []
        self._held_bytes = 0  # of those that are asked about, too
        self._contents = 0  # how many of them are to be reviewed
        self._asked: list[_Held] = []
        self._ask_id: AskId | None = None
        self._after: Callable[[float], None] | None = None  # the provider's close, behind what is held
        self._end_by: float | None = None  # until then a review holds back the end of the session
        self._messages = self._messages_bytes = 0  # that were passed on
        self._window_timer = services.timers.timer(self._on_window_over)

    @property
    def held(self) -> int:
        return super().held + self._held_bytes + self._rewriter.held

    # -- from the pipe ------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        if self._ask_id is not None:
            if not self.finished:
                self._heard = now
                self.wire.keep(data)
            return
        super().receive_data(data, now)
        self._ask_if_full(now)

    def receive_eof(self, now: float) -> None:
        self._ask_at_end(now)
        super().receive_eof(now)

    def connection_lost(self, reason: str, now: float) -> None:
        self._ask_at_end(now)
        super().connection_lost(reason, now)

    def _ask_at_end(self, now: float) -> None:
        """The connection has ended: what is held comes before that."""
        if self._held and self._ask_id is None and not self._backlog.waits:
            self._ask(now)

    def _handle_control(self, event: ControlEvent, now: float) -> None:
        if isinstance(event, Message):
            self._turns.left -= EVENT_BYTES
            if self._passing:
                self._take(event, now)
        elif isinstance(event, CloseReceived | Violation) and self._held:
            self._after = partial(self._handle_end, event)
        else:
            super()._handle_control(event, now)

    def _handle_end(self, event: ControlEvent, now: float) -> None:
        """The provider's close, or a violation, behind all that was held."""
        super()._handle_control(event, now)

    def _take(self, message: Message, now: float) -> None:
        reader = self._reader
        events = reader.read_message(message.data, is_text=message.text)
        ends = not reader.responding and any(isinstance(event, _ENDS) for event in events)
        held = _Held(ReadChunk(Chunk(message.data), events, ends), message.text)
        if any(said(event) is not None or type(event) is Unrecognised for event in events):
            self._contents += 1
        elif not self._held:
            # All that came before it was shown, so it is known what it may repeat.
            if _is_sound(message, events) or self._rewriter.knows(held.item):
                self._pass([held], None, now)
                return
            self._contents += 1
        self._held.append(held)
        self._held_bytes += len(message.data) + _MESSAGE_BYTES

    # -- reviews ------------------------------------------------------------------------------------------------

    def _ask_if_full(self, now: float) -> None:
        """Ask about what is held, if that is enough."""
        if not self._held or self._ask_id is not None:
            return
        window = self._review.window
        full = self._contents >= window.chunks or self._held_bytes >= window.bytes or not window.wait_ms
        if full or self._after is not None:
            self._ask(now)
        elif self._window_timer.deadline is None:
            self._window_timer.arm(now + window.wait_ms / 1000)

    def _on_window_over(self, now: float) -> None:
        if self._held and self._ask_id is None:
            self._ask(now)

    def _ask(self, now: float) -> None:
        """Ask about all that is held, and read no more until there is an answer."""
        review = self._review
        self._window_timer.cancel()
        self._asked, self._held, self._contents = self._held, [], 0
        items = [held.item for held in self._asked]
        question = Review(
            principal=review.principal,
            account=review.account,
            gateway=review.gateway,
            provider=review.provider,
            log_id=review.log_id,
            form="messages",
            passages=as_passages(passages_of(items)),
            events=tuple(event for item in items for event in item.events),
            data=tuple(item.chunk.data for item in items if item.chunk is not None),
            last=self._after is not None,
        )
        self._keepalive.stop_waiting()  # its pong is not read
        self._backlog.block()
        within_s = review.config.timeouts.review_s
        self._ask_id = self._services.ask(question, self._answered, now, within_s=within_s)

    def _answered(self, answer: Answer, now: float) -> None:
        self._ask_id = None
        asked, self._asked, self._held_bytes = self._asked, [], 0
        if isinstance(answer, Stopped):
            self._stop(answer.fault, now)
        elif not isinstance(answer, Released):
            detail = "what the provider says was not reviewed"
            self._stop(Fault(FaultKind.NOT_REVIEWED, Side.GATEWAY, detail, retryable=True), now)
        elif self._pass(asked, answer.texts, now):
            after, self._after = self._after, None
            if after is not None:
                after(now)
            self._backlog.proceed(now)
            return
        self._backlog.postpone()  # what is kept may end with the provider's close frame

    def _pass(self, held: list[_Held], texts: tuple[str, ...] | None, now: float) -> bool:
        """Pass on what was released, or is not to be reviewed. Returns whether it could be written."""
        try:
            items = self._rewriter.rewrite([one.item for one in held], texts, shown=True)
        except CannotRewrite as error:
            detail = f"a review changed the response, which cannot be written: {error}"
            self._stop(Fault(FaultKind.NOT_REVIEWED, Side.GATEWAY, detail), now)
            return False
        for one, item in zip(held, items, strict=True):
            assert item.chunk is not None
            self._write(Message(item.chunk.data, one.is_text), now)
        return True

    def _write(self, message: Message, now: float) -> None:
        self.moved = now
        self._messages += 1
        self._messages_bytes += len(message.data)
        inbound = self._inbound
        if isinstance(inbound, MessageDirection):
            weight = inbound.pass_message(message, now)
        else:
            frames = _frames(message)
            inbound.unconfirmed.append(frames)
            weight = inbound.target.write(frames, now)
        if weight > self._high_water:
            inbound.pause()

    def _stop(self, fault: Fault, now: float) -> None:
        """Nothing more of the provider is passed on."""
        self._after = None
        self._withdraw()
        if self.ended:
            self.cut_short(now)
        else:
            self._owner.review_stopped(fault, now)

    def _withdraw(self) -> None:
        """What is held is never passed on."""
        self._window_timer.cancel()
        self._held, self._asked = [], []
        self._held_bytes = self._contents = 0
        if self._ask_id is not None:
            self._services.withdraw(self._ask_id)
            self._ask_id = None
            self._backlog.postpone()

    # -- ends and liveness --------------------------------------------------------------------------------------

    def _passed_on(self) -> tuple[int, int]:
        return self._messages, self._messages_bytes

    def _end(self, *, passing: bool) -> None:
        super()._end(passing=passing)
        if not passing:
            after, self._after = self._after, None
            self._withdraw()
            if after is not None:
                self._backlog.end_later(after)
                self._backlog.postpone()

    def release(self) -> None:
        super().release()
        self._window_timer.close()
        self._reader = make_realtime_reader("")

    def may_ping(self) -> bool:
        return self._ask_id is None and super().may_ping()

    def _on_unfinished(self, now: float) -> None:
        if self._end_by is None:
            self._end_by = now + self._review.config.timeouts.review_s + self._close_s
        # Held back by us: its close frame cannot be read yet. But not for ever, if it goes on talking.
        if self._passing and self._ask_id is not None and not self._hurried and now < self._end_by:
            self._finish_timer.arm(now + self._close_s)
        else:
            super()._on_unfinished(now)


def _is_sound(message: Message, events: list[ProviderEvent]) -> bool:
    """Whether ``message`` is sound and nothing else. It is binary."""
    return not message.text and any(type(one) is AudioDelta and one.size == len(message.data) for one in events)


def _frames(message: Message) -> bytes:
    """``message`` for a client, in frames as they are relayed."""
    data, opcode = message.data, Opcode.TEXT if message.text else Opcode.BINARY
    if len(data) <= FRAGMENT_BYTES:
        return encode_frame(FIN | opcode, data)
    pieces = []
    for at in range(0, len(data), FRAGMENT_BYTES):
        first = (Opcode.CONTINUATION if at else opcode) | (FIN if at + FRAGMENT_BYTES >= len(data) else 0)
        pieces.append(encode_frame(first, data[at : at + FRAGMENT_BYTES]))
    return b"".join(pieces)
