"""Whose message is sent next on a shared channel, and which providers are paused.

Decides: the order of the exchanges' messages, and which provider is paused because its own wait. Must not know:
what a message says, and how an exchange gets its response.

Theory of operation. Many exchanges share one channel. Each has a queue of its own. The scheduler takes one message from
each queue in turn, and only while the channel holds less than ``send_high_water_bytes``. So a token waits for at most
that, plus one message of each other exchange. If nobody waits, a message goes straight to the channel.

Backpressure has two reasons, and they add up. An exchange whose own queue is above the mark pauses its own provider,
until the queue is down to a quarter. The other is the memory held for the whole client (:mod:`.response_budget`).

Resuming is decided once, at the end of the input: resuming an exchange may end it while a caller is still iterating.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic

from ..downstream.channel import MessageChannel
from ..engine.send_buffer import PER_PIECE
from ..engine.services import Services
from ..exchanges.ports import MessageT, Scheduled
from .response_budget import ResponseBudget


class _Queue(Generic[MessageT]):
    """The queued messages of one exchange."""

    __slots__ = ("exchange", "messages", "size")

    def __init__(self, exchange: Scheduled) -> None:
        self.exchange = exchange
        self.messages: deque[MessageT] = deque()
        self.size = 0


class FairScheduler(Generic[MessageT]):
    """The output of the exchanges of one session. Implements ``ExchangeOutlet`` and ``BudgetMember``."""

    __slots__ = (
        "_budget",
        "_channel",
        "_emptied",
        "_high_water",
        "_pieces",
        "_queues",
        "_resuming",
        "_running",
        "_services",
        "_to_resume",
        "_turns",
        "held",
        "ordered",
        "queued",
    )

    def __init__(
        self,
        services: Services,
        channel: MessageChannel[MessageT],
        *,
        budget: ResponseBudget | None = None,
        running: Callable[[], Iterable[Scheduled]],
        emptied: Callable[[Scheduled, float], None],
    ) -> None:
        """``budget``: of the client, if other sessions share it. ``running`` returns the exchanges that have not ended,
        oldest first. ``emptied`` is told of an ended exchange when its last message was taken from the queue."""
        self._services = services
        self._channel = channel
        self._budget = ResponseBudget(services) if budget is None else budget
        self._high_water = services.config.limits.send_high_water_bytes
        self._running = running
        self._emptied = emptied
        self._queues: dict[Scheduled, _Queue[MessageT]] = {}  # none of them is empty
        self._turns: deque[_Queue[MessageT]] | None = None  # made for the first one that waits: it takes 760 bytes
        self._pieces = 0  # messages in all queues
        #: Bytes in all queues.
        self.queued = 0
        #: All bytes held for the session: in the queues and in the exchanges.
        self.held = 0
        #: Whether what is queued is sent all the same if its exchange is cancelled: its messages are numbered.
        self.ordered = False
        self._resuming = False
        self._to_resume: dict[Scheduled, None] = {}  # their queues are down to a quarter
        self._budget.joined(self)

    # -- ExchangeOutlet -----------------------------------------------------------------------------------------

    def post(self, exchange: Scheduled, messages: list[MessageT], now: float) -> None:
        """Send ``messages``, if nobody waits; the channel may take only some. The others are queued."""
        channel = self._channel
        if channel.ended or not messages:
            return
        limit = self._high_water
        if not self._turns:
            messages = channel.send_texts(messages, limit, now)
            if not messages:
                return
        queue = self._queues.get(exchange)
        if queue is None:
            queue = self._queues[exchange] = _Queue(exchange)
            if self._turns is None:
                self._turns = deque()
            self._turns.append(queue)
        queue.messages.extend(messages)
        self._pieces += len(messages)
        self._resize(queue, sum(map(len, messages)))
        if queue.size > limit:
            exchange.pause_for_queue()

    def discard(self, exchange: Scheduled) -> None:
        """Discard the queued messages of ``exchange``, unless they are ``ordered``."""
        if not self.ordered:
            self._discard(exchange)

    def _discard(self, exchange: Scheduled) -> None:
        queue = self._queues.pop(exchange, None)
        if queue is not None and self._turns is not None:
            self._turns.remove(queue)
            self._pieces -= len(queue.messages)
            self._resize(queue, -queue.size)

    def account(self, delta: int) -> None:
        """The exchanges hold ``delta`` bytes more for this client than before."""
        self.held += delta
        self._budget.account(delta)

    # -- for the session ----------------------------------------------------------------------------------------

    def take(self, now: float) -> None:
        """The channel has room: send queued messages, taking turns."""
        channel = self._channel
        limit = self._high_water
        turns = self._turns
        while turns and channel.outstanding < limit:
            queue = turns.popleft()
            exchange = queue.exchange
            message = queue.messages.popleft()
            self._pieces -= 1
            self._resize(queue, -len(message))
            channel.send_text(message, now)
            if queue.messages:
                turns.append(queue)
            else:
                del self._queues[exchange]
                if exchange.ended:
                    self._emptied(exchange, now)
            if queue.size <= limit // 4 and exchange.paused_by_queue:
                self._to_resume[exchange] = None
                self._resume_later()

    def moved(self, budget: ResponseBudget) -> None:
        """The client has another connection, with this budget."""
        self._budget.account(-self.held)
        self._budget.left(self)
        self._budget = budget
        budget.joined(self)
        budget.account(self.held)
        budget.welcome(self)

    def has_queued(self, exchange: Scheduled) -> bool:
        """Whether messages of ``exchange`` are queued."""
        return exchange in self._queues

    def close(self) -> None:
        """The channel has ended: discard all queued messages. The session is told nothing any more."""
        for exchange in list(self._queues):
            self._discard(exchange)
        self._to_resume.clear()
        self._emptied = _ignore

    @property
    def memory(self) -> int:
        """Bytes of memory that is held for the session."""
        return self.held + PER_PIECE * self._pieces

    # -- BudgetMember ---------------------------------------------------------------------------------------------

    def running(self) -> Iterable[Scheduled]:
        return self._running()

    # -- inside -------------------------------------------------------------------------------------------------

    def _resize(self, queue: _Queue[MessageT], delta: int) -> None:
        queue.size += delta
        self.queued += delta
        self.account(delta)

    def _resume_later(self) -> None:
        if not self._resuming:
            self._resuming = True
            self._services.defer(self._resume)

    def _resume(self, now: float) -> None:
        """Resume providers whose queues are short at the end of the input."""
        self._resuming = False  # first: resuming may ask for another round
        to_resume, self._to_resume = self._to_resume, {}
        for exchange in to_resume:
            queue = self._queues.get(exchange)
            if queue is None or queue.size <= self._high_water // 4:  # it may have grown again since
                exchange.resume_after_queue(now)


def _ignore(exchange: Scheduled, now: float) -> None:
    """The session has ended, and is not told."""
