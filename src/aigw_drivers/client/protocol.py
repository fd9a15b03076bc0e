"""The client's side of one universal socket: calls become messages, messages become items of exchanges.

Decides: what is sent and in which order, which exchange a message belongs to, how each exchange ends, and whether to
read on. Must not know: sockets, clocks, threads and event loops. Its owner sends what
:meth:`ClientProtocol.next_message` gives, feeds :meth:`ClientProtocol.receive_message`, and reads on only while
:attr:`ClientProtocol.may_read`.

Each exchange ends exactly once. What is sent is never sent again: an exchange whose message was not yet handed out when
the socket ended has ``sent`` unset, and may be created on another socket; every other one fails with
``ConnectionLost``.

**What is not taken is held.** Each exchange has a queue. One socket carries them all, so to stop reading for one stops
all. Reading stops if an exchange holds more than ``exchange_bytes``, but not while another is waited for that holds
nothing: it must not wait for one that nobody reads. As the last resort it stops if all together hold ``total_bytes``,
whoever waits. Then the gateway's own queues fill, and it pauses the providers.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from aigw_sansio import ProviderEvent

from .errors import ClientError, ConnectionLost, GatewayError, ProviderError, cancelled_unasked, status_failure
from .messages import Message, Trouble, read_envelope, read_message
from .request import PING_MESSAGE, cancel_message
from .values import Content, Metadata

Item: TypeAlias = ProviderEvent | Content

EXCHANGE_BYTES: Final = 1024 * 1024
TOTAL_BYTES: Final = 64 * 1024 * 1024


class Due(NamedTuple):
    """A message to send: its ``text``, and the name of the exchange that it ``begins`` or ``cancels``, if it does."""

    text: str
    begins: str | None = None
    cancels: str | None = None


class Exchange:
    """One request and what came for it. Made by :meth:`ClientProtocol.create`; take items with
    :meth:`ClientProtocol.take`.

    ``on_change`` is called when something came, when the message was handed out, and at the end. It runs in the middle
    of an input: it may only note that there is something to do.
    """

    def __init__(self, event_id: str, message: str, on_change: Callable[[], None]) -> None:
        self.event_id = event_id
        #: Its message was handed out: the gateway may have it.
        self.sent = False
        #: Nothing more will come.
        self.ended = False
        #: The gateway says that it was cancelled, because we asked for it.
        self.cancelled = False
        #: Somebody waits for an item. The owner sets it, and calls nothing else: see :attr:`ClientProtocol.may_read`.
        self.awaited = False
        #: What the gateway told of it last.
        self.metadata = Metadata(event_id=event_id)
        #: The whole response, if it is no stream.
        self.response: Content | None = None
        self._message = message
        self._on_change = on_change
        self._failure: Callable[[], ClientError] | None = None
        self._items: deque[tuple[Item, int]] = deque()
        self._held = 0
        self._is_wanted = True
        self._is_cancel_asked = False

    @property
    def held(self) -> int:
        """Bytes of messages that nobody has taken yet."""
        return self._held

    def failure(self) -> ClientError | None:
        """Why it failed; ``None`` if it did not. A new object for each call."""
        return None if self._failure is None else self._failure()


class ClientProtocol:
    """One universal socket, seen by its client. A new socket is a new object."""

    def __init__(self, *, exchange_bytes: int = EXCHANGE_BYTES, total_bytes: int = TOTAL_BYTES) -> None:
        self._exchange_bytes = exchange_bytes
        self._total_bytes = total_bytes
        self._running: dict[str, Exchange] = {}  # also those that were left and have not ended yet
        self._due: deque[Exchange | str] = deque()  # of an exchange that was sent its cancel is due
        self._held = 0
        #: The gateway said that it goes away: it refuses new exchanges, those that run may finish.
        self.going_away = False
        #: The socket has ended.
        self.is_lost = False

    @property
    def running(self) -> int:
        """How many exchanges have not ended yet."""
        return len(self._running)

    @property
    def held(self) -> int:
        """Bytes of messages that nobody has taken yet, in all exchanges."""
        return self._held

    @property
    def may_read(self) -> bool:
        """Whether the socket is to be read. It may change when an item is taken or awaited, and when an exchange is
        left or ends."""
        if self._held <= self._exchange_bytes:
            return True
        if self._held >= self._total_bytes:
            return False
        exchanges = self._running.values()
        return all(exchange._held <= self._exchange_bytes for exchange in exchanges) or any(
            exchange.awaited and not exchange._items for exchange in exchanges
        )

    # -- calls ------------------------------------------------------------------------------------------------

    def create(self, event_id: str, message: str, on_change: Callable[[], None]) -> Exchange:
        """Begin an exchange: ``message`` is its ``universal.create``. It is sent behind what is due already. If the
        socket has ended, so has the exchange, and it is not sent.

        Raises ``ValueError`` if an exchange of that name runs.
        """
        if event_id in self._running:
            raise ValueError(f"an exchange with the event_id {event_id!r} is still running")
        exchange = Exchange(event_id, message, on_change)
        self._running[event_id] = exchange
        if self.is_lost:
            self._fail(exchange, partial(ConnectionLost, 1006, ""))
        else:
            self._due.append(exchange)
        return exchange

    def cancel(self, exchange: Exchange) -> None:
        """Ask the gateway to end ``exchange`` at once. What comes until then is still queued. If its request was not
        sent yet, it ends here."""
        if exchange.ended or exchange._is_cancel_asked:
            return
        exchange._is_cancel_asked = True
        if exchange.sent:
            self._due.append(exchange)
            return
        self._due.remove(exchange)
        exchange.cancelled = True
        self._end(exchange)

    def withdraw(self, exchange: Exchange) -> None:
        """Nobody wants ``exchange`` any more: cancel it, and forget what came and what still comes for it."""
        exchange._is_wanted = False
        exchange.awaited = False
        exchange._on_change = _nothing
        self._held -= exchange._held
        exchange._held = 0
        exchange._items.clear()
        self.cancel(exchange)

    def take(self, exchange: Exchange) -> Item | None:
        """The next item of ``exchange``, ``None`` if there is none yet."""
        if not exchange._items:
            return None
        item, size = exchange._items.popleft()
        exchange._held -= size
        self._held -= size
        return item

    def ping(self) -> None:
        """Ask the gateway for a sign of life, and give one."""
        if PING_MESSAGE not in self._due:
            self._due.append(PING_MESSAGE)

    def next_message(self) -> str | None:
        """The next message to send, ``None`` if none is due. From now on it counts as sent."""
        due = self.next_due()
        return None if due is None else due.text

    def next_due(self) -> Due | None:
        """The same, and what it does. A cancel of what has ended meanwhile is left out."""
        while self._due:
            due = self._due.popleft()
            if isinstance(due, str):
                return Due(due)
            if not due.sent:
                message, due._message = due._message, ""
                due.sent = True
                due._on_change()
                return Due(message, begins=due.event_id)
            if not due.ended:
                return Due(cancel_message(due.event_id), cancels=due.event_id)
        return None

    # -- what happens -------------------------------------------------------------------------------------------

    def receive_message(self, data: str | bytes) -> Message | None:
        """A message of the gateway came. Returns it, ``None`` if it is no message of this protocol."""
        message = read_message(data)
        if message is not None:
            self.receive(message)
        return message

    def receive(self, message: Message) -> None:
        """``message`` of the gateway came."""
        if message.kind == "going_away":
            self.going_away = True
        exchange = self._running.get(message.event_id) if message.event_id is not None else None
        if exchange is not None and exchange.sent:
            self._take_in(exchange, message)

    def lost(self, code: int, reason: str) -> None:
        """The socket ended, with what the gateway gave as its reason. All exchanges end."""
        if self.is_lost:
            return
        self.is_lost = True
        self._due.clear()
        for exchange in list(self._running.values()):
            self._fail(exchange, partial(ConnectionLost, code, reason))

    def _take_in(self, exchange: Exchange, message: Message) -> None:
        match message.kind:
            case "stream" if message.response is not None:
                self._queue(exchange, message.response, message.size)
            case "event" if message.event is not None:
                self._queue(exchange, message.event, message.size)
            case "created" if message.response is not None:
                self._take_response(exchange, message.metadata, message.response)
            case "created":
                exchange.metadata = message.metadata
            case "done":
                exchange.metadata = message.metadata
                self._end(exchange)
            case "cancelled":
                exchange.metadata = message.metadata
                exchange.cancelled = exchange._is_cancel_asked
                if exchange.cancelled:
                    self._end(exchange)
                else:
                    self._fail(exchange, partial(cancelled_unasked, message.metadata))
            case "error" if message.error is not None:
                exchange.metadata = message.metadata
                self._fail(exchange, _failure_of(message.error, message.metadata))

    def _take_response(self, exchange: Exchange, metadata: Metadata, response: Content) -> None:
        exchange.metadata = metadata
        refused = read_envelope(response)
        if refused is not None:
            self._fail(exchange, _failure_of(refused, metadata))
        elif (failure := status_failure(metadata, response)) is not None:
            self._fail(exchange, failure)
        else:
            exchange.response = response if exchange._is_wanted else None
            self._end(exchange)

    def _queue(self, exchange: Exchange, item: Item, size: int) -> None:
        if not exchange._is_wanted:
            return
        exchange._items.append((item, size))
        exchange._held += size
        self._held += size
        exchange._on_change()

    def _fail(self, exchange: Exchange, failure: Callable[[], ClientError]) -> None:
        exchange._failure = failure
        self._end(exchange)

    def _end(self, exchange: Exchange) -> None:
        exchange.ended = True
        exchange.awaited = False
        del self._running[exchange.event_id]
        exchange._on_change()


def _nothing() -> None:
    pass


def _failure_of(told: Trouble, metadata: Metadata) -> Callable[[], ClientError]:
    if told.kind == "provider_error":
        return partial(ProviderError, told.message, metadata, None, retryable=told.retryable)
    status = metadata.status or 0
    retryable = told.retryable or (not told.kind and (status == 429 or status >= 500))
    return partial(GatewayError, told.code, told.message, metadata, kind=told.kind, retryable=retryable)
