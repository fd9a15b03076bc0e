"""Whose message is sent next on a shared channel, and which providers are paused.

Decides: the order of the exchanges' messages, and which providers are paused because of the memory held for this client
(client protocol, section 3.4). Must not know: what a message says, and how an exchange gets its response.

Theory of operation. Many exchanges share one channel. Each has a queue of its own. The scheduler takes one message from
each queue in turn, and only while the channel holds less than ``send_high_water_bytes``. So a token waits for at most
that, plus one message of each other exchange. If nobody waits, a message goes straight to the channel.

Backpressure has two reasons, and they add up. An exchange whose own queue is above the mark pauses its own provider,
until the queue is down to a quarter. If everything held for the client (queues, uncommitted chunks, partial bodies) is
over ``buffered_response_bytes_per_connection``, all providers are paused except that of the oldest exchange that is
still collecting a response: while nothing is queued for the client, only its completion can free memory. It too is
paused if messages are queued and the hard limit is reached.

Pausing by the budget, and all resuming, is decided once, at the end of the input: resuming an exchange may end it while
a caller is still iterating.
"""

from collections import deque
from collections.abc import Callable, Iterable

from ..downstream.channel import MessageChannel
from ..engine.services import Services
from ..exchanges.ports import Scheduled


class _Queue:
    """The queued messages of one exchange."""

    __slots__ = ("exchange", "messages", "size")

    def __init__(self, exchange: Scheduled) -> None:
        self.exchange = exchange
        self.messages: deque[bytes] = deque()
        self.size = 0


class FairScheduler:
    """The output of the exchanges of one session. Implements ``ExchangeOutlet``."""

    __slots__ = (
        "_balancing",
        "_channel",
        "_emptied",
        "_held",
        "_high_water",
        "_over_budget",
        "_queued",
        "_queues",
        "_running",
        "_services",
        "_to_resume",
        "_turns",
    )

    def __init__(
        self,
        services: Services,
        channel: MessageChannel,
        *,
        running: Callable[[], Iterable[Scheduled]],
        emptied: Callable[[Scheduled, float], None],
    ) -> None:
        """``running`` returns the exchanges that have not ended, oldest first. ``emptied`` is told of an ended exchange
        when its last message was taken from the queue."""
        self._services = services
        self._channel = channel
        self._high_water = services.config.limits.send_high_water_bytes
        self._running = running
        self._emptied = emptied
        self._queues: dict[Scheduled, _Queue] = {}  # none of them is empty
        self._turns: deque[_Queue] = deque()
        self._queued = 0  # bytes in all queues
        self._held = 0  # all bytes held for the client: in the queues and in the exchanges
        self._over_budget = False
        self._balancing = False
        self._to_resume: dict[Scheduled, None] = {}  # their queues are down to a quarter

    # -- ExchangeOutlet -----------------------------------------------------------------------------------------

    def post(self, exchange: Scheduled, messages: list[bytes], now: float) -> None:
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
            self._turns.append(queue)
        queue.messages.extend(messages)
        self._resize(queue, sum(map(len, messages)))
        if queue.size > limit:
            exchange.pause_for_queue()

    def discard(self, exchange: Scheduled) -> None:
        """Discard the queued messages of ``exchange``."""
        queue = self._queues.pop(exchange, None)
        if queue is not None:
            self._turns.remove(queue)
            self._resize(queue, -queue.size)

    def account(self, delta: int) -> None:
        """The exchanges hold ``delta`` bytes more for this client than before."""
        self._held += delta
        limit = self._services.config.limits.buffered_response_bytes_per_connection
        if self._held > limit or self._over_budget:
            self._balance_later()

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
                self._balance_later()

    def has_queued(self, exchange: Scheduled) -> bool:
        """Whether messages of ``exchange`` are queued."""
        return exchange in self._queues

    def close(self) -> None:
        """The channel has ended: discard all queued messages. The session is told nothing any more."""
        for exchange in list(self._queues):
            self.discard(exchange)
        self._to_resume.clear()
        self._emptied = _ignore

    # -- inside -------------------------------------------------------------------------------------------------

    def _resize(self, queue: _Queue, delta: int) -> None:
        queue.size += delta
        self._queued += delta
        self.account(delta)

    def _balance_later(self) -> None:
        if not self._balancing:
            self._balancing = True
            self._services.defer(self._balance)

    def _balance(self, now: float) -> None:
        """Pause or resume providers, by the queues and the held bytes at the end of the input."""
        self._balancing = False  # first: resuming may change the account, and ask for another round
        limits = self._services.config.limits
        to_resume, self._to_resume = self._to_resume, {}
        for exchange in to_resume:
            queue = self._queues.get(exchange)
            if queue is None or queue.size <= self._high_water // 4:  # it may have grown again since
                exchange.resume_after_queue(now)
        limit = limits.buffered_response_bytes_per_connection
        if self._held > limit:
            self._pause_providers(limit + limits.response_body_bytes, now)
        elif self._over_budget and self._held <= limit - limit // 4:
            self._over_budget = False
            for exchange in list(self._running()):
                exchange.resume_after_budget(now)

    def _pause_providers(self, hard_limit: int, now: float) -> None:
        """Pause every provider except the oldest whose response is still being collected: only its end can free
        memory while nothing is queued for the client. Pause that one too if messages are queued and ``hard_limit`` is
        reached."""
        self._over_budget = True
        one_may_run = not self._queued or self._held < hard_limit
        for exchange in list(self._running()):
            if one_may_run and exchange.collecting:
                one_may_run = False
                exchange.resume_after_budget(now)
            else:
                exchange.pause_for_budget()


def _ignore(exchange: Scheduled, now: float) -> None:
    """The session has ended, and is not told."""
