"""Whose message is sent next on a shared socket, and which providers wait until there is room.

Decides: the order of the exchanges' messages, and who is held back because of what is held for this client (client
protocol, section 3.4). Must not know: what a message says, how an exchange gets its answer.

Messages wait for each exchange apart and are taken in turn, only while the socket holds less than the high-water mark:
so a token waits for at most that and one message of each other exchange. An exchange whose own messages pile up holds
back its own provider; where the whole account is over its limit, all providers wait but the one that can make room.
"""

from collections import deque
from collections.abc import Callable, Iterable

from ..downstream.websocket import WebSocketChannel
from ..engine.engine import Engine
from ..exchanges.exchange import Exchange


class FairScheduler:
    """The output of one session's exchanges. Implements ``ExchangeOutlet``."""

    __slots__ = (
        "_balancing",
        "_budget_held",
        "_buffered",
        "_emptied",
        "_engine",
        "_high_water",
        "_queued",
        "_releasable",
        "_running",
        "_turns",
        "channel",
    )

    def __init__(
        self,
        engine: Engine,
        running: Callable[[], Iterable[Exchange]],
        emptied: Callable[[Exchange, float], None],
    ) -> None:
        """``running`` tells the exchanges that have not ended, oldest first; ``emptied`` is told of an ended exchange
        whose last message has been taken. Set ``channel`` before anything is posted."""
        self._engine = engine
        self._high_water = engine.config.limits.send_high_water_bytes
        self._running = running
        self._emptied = emptied
        self.channel: WebSocketChannel | None = None
        self._turns: deque[Exchange] = deque()
        self._queued = 0  # bytes that wait for the client
        self._buffered = 0  # all bytes held for it: those, held chunks, partial bodies
        self._budget_held = False
        self._balancing = False
        self._releasable: dict[Exchange, None] = {}

    # -- ExchangeOutlet -----------------------------------------------------------------------------------------

    def post(self, exchange: Exchange, messages: list[bytes], now: float) -> None:
        """Send at once what the socket has room for, if nobody waits; the rest waits for its exchange's turn."""
        channel = self.channel
        assert channel is not None
        if channel.ended or not messages:
            return
        limit = self._high_water
        if not self._turns:
            messages = channel.send_texts(messages, limit, now)
            if not messages:
                return
        if not exchange.queue:
            self._turns.append(exchange)
        size = sum(map(len, messages))
        exchange.queue.extend(messages)
        self._note_queue(exchange, size)
        if exchange.queued_bytes > limit:
            exchange.hold_for_queue()

    def drop(self, exchange: Exchange) -> None:
        """Forget what ``exchange`` has queued."""
        if exchange.queue:
            exchange.queue.clear()
            self._turns.remove(exchange)
            self._note_queue(exchange, -exchange.queued_bytes)

    def account(self, delta: int) -> None:
        """``delta`` bytes more are held for this client: its providers wait where that is too much."""
        self._buffered += delta
        limit = self._engine.config.limits.buffered_response_bytes_per_connection
        if self._buffered > limit or self._budget_held:
            self._balance_later()

    # -- for the session ----------------------------------------------------------------------------------------

    def take(self, now: float) -> None:
        """The socket has room: send what waits, in turn."""
        channel = self.channel
        assert channel is not None
        limit = self._high_water
        turns = self._turns
        while turns and channel.outstanding < limit:
            exchange = turns.popleft()
            message = exchange.queue.popleft()
            self._note_queue(exchange, -len(message))
            channel.send_text(message, now)
            if exchange.queue:
                turns.append(exchange)
            elif exchange.ended:
                self._emptied(exchange, now)
            if exchange.queued_bytes <= limit // 4 and exchange.held_for_queue:
                self._releasable[exchange] = None
                self._balance_later()

    def clear(self) -> None:
        """The socket is gone: nothing is sent any more."""
        for exchange in list(self._turns):
            self.drop(exchange)

    # -- inside -------------------------------------------------------------------------------------------------

    def _note_queue(self, exchange: Exchange, delta: int) -> None:
        exchange.queued_bytes += delta
        exchange.footprint += delta
        self._queued += delta
        self.account(delta)

    def _balance_later(self) -> None:
        if not self._balancing:
            self._balancing = True
            self._engine.defer(self._balance)

    def _balance(self, now: float) -> None:
        """Hold providers back or let them go on, as the queues and the account stand now."""
        self._balancing = False
        limits = self._engine.config.limits
        releasable, self._releasable = self._releasable, {}
        for exchange in releasable:
            if exchange.queued_bytes <= self._high_water // 4:
                exchange.release_queue(now)
        limit = limits.buffered_response_bytes_per_connection
        if self._buffered > limit:
            self._hold_providers(limit + limits.response_body_bytes, now)
        elif self._budget_held and self._buffered <= limit - limit // 4:
            self._budget_held = False
            for exchange in list(self._running()):
                exchange.release_budget(now)

    def _hold_providers(self, utmost: int, now: float) -> None:
        """All wait but the oldest that is still collecting an answer: only its end makes room while the client has
        nothing to take. It waits too where the client does have something to take and ``utmost`` is reached."""
        self._budget_held = True
        may_go_on = not self._queued or self._buffered < utmost
        for exchange in list(self._running()):
            if may_go_on and exchange.collecting:
                may_go_on = False
                exchange.release_budget(now)
            else:
                exchange.hold_for_budget()
