"""One exchange of a client in this process: events of the engine become items, and an end.

Decides: which event is an item, which one ends the exchange, and with which error. Must not know: drivers, clocks and
event loops.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from aigw_sansio import (
    ConnId,
    Fault,
    FaultKind,
    NativeCancelled,
    NativeChunk,
    NativeDone,
    NativeEvent,
    NativeFailed,
    NativeGoingAway,
    NativeMetadata,
    NativeProviderEvent,
    NativeResponse,
    NativeStarted,
)
from aigw_sansio.faults import ENVELOPE_CODE

from ..client.errors import ClientError, ConnectionLost, GatewayError, ProviderError, cancelled_unasked, status_failure
from ..client.protocol import Item
from ..client.values import Content, Metadata

_UTF8 = {None, "utf-8", "utf8", "us-ascii", "ascii"}


class LocalExchange:
    """One request, and what came for it. Implements :class:`.client.stream.Running`.

    ``on_change`` is called when there is something to take, and at the end.
    """

    def __init__(self, event_id: str, on_change: Callable[[], None]) -> None:
        self.event_id = event_id
        #: The client of the engine; set by the carrier when it is open.
        self.conn: ConnId | None = None
        self.sent = True  # what the engine got, it has
        self.ended = False
        self.cancelled = False
        self.metadata = Metadata(event_id=event_id)
        self.response: Content | None = None
        #: There may be events to take.
        self.is_ready = False
        #: Somebody has asked to cancel it.
        self.is_cancel_asked = False
        self.on_change = on_change
        self._items: deque[Item] = deque()
        self._failure: Callable[[], ClientError] | None = None
        self._has_begun = False
        self._charset: str | None = None

    def failure(self) -> ClientError | None:
        """Why it failed; ``None`` if it did not. A new object for each call."""
        return None if self._failure is None else self._failure()

    def take(self) -> Item | None:
        """The next item of those that were read, ``None`` if there is none."""
        return self._items.popleft() if self._items else None

    def read(self, events: Sequence[NativeEvent]) -> None:
        """``events`` were taken from the engine."""
        items = self._items
        for event in events:
            match event:
                case NativeProviderEvent():
                    items.append(event.event)
                case NativeChunk():
                    items.append(self._content(event.data))
                case NativeStarted():
                    self._has_begun = True
                    self._learn(event.metadata)
                case NativeResponse():
                    self._learn(event.metadata)
                    self._take_response(self._content(event.body))
                case NativeDone():
                    self._learn(event.metadata)
                    self.ended = True
                case NativeFailed():
                    self._learn(event.metadata)
                    self._fail(_failure_of(event.fault, self.metadata, has_begun=self._has_begun))
                case NativeCancelled():
                    self._learn(event.metadata)
                    self.cancelled = self.is_cancel_asked
                    if self.cancelled:
                        self.ended = True
                    else:
                        self._fail(partial(cancelled_unasked, self.metadata))
                case NativeGoingAway():
                    pass  # it may finish

    def lose(self, code: int, reason: str) -> None:
        """The session ended. If the exchange has not, it fails."""
        if not self.ended:
            self._fail(partial(ConnectionLost, code, reason))
            self.on_change()

    def withdraw(self) -> None:
        """Nobody wants it any more: forget what came."""
        self.on_change = _nothing
        self._items.clear()
        self.ended = True

    def _learn(self, told: NativeMetadata) -> None:
        self._charset = told.charset
        self.metadata = Metadata(
            event_id=told.event_id,
            log_id=told.log_id,
            cache_status="HIT" if told.cached else "MISS",
            step=str(told.step),
            content_type=told.content_type,
            status=told.status,
            attempts=told.attempts,
            usage=told.usage,
            finish_reason=told.finish_reason,
            headers=told.headers or {},
        )

    def _take_response(self, content: Content) -> None:
        failure = status_failure(self.metadata, content)
        if failure is not None:
            self._fail(failure)
        else:
            self.response = content
            self.ended = True

    def _content(self, data: bytes) -> Content:
        if self._charset not in _UTF8:
            with suppress(LookupError, UnicodeError):  # it stays as it came
                data = data.decode(self._charset or "utf-8").encode()
        return Content(data, is_plain=True)

    def _fail(self, failure: Callable[[], ClientError]) -> None:
        self._failure = failure
        self.ended = True


def _nothing() -> None:
    pass


def _failure_of(fault: Fault, metadata: Metadata, *, has_begun: bool) -> Callable[[], ClientError]:
    """As over a socket: a refusal may be tried again by its status, a broken stream by what its fault says."""
    if fault.kind is FaultKind.PROVIDER_ERROR and has_begun:
        return partial(ProviderError, fault.detail, metadata, None, retryable=fault.retryable)
    status = metadata.status or 0
    retryable = fault.retryable or (not has_begun and (status == 429 or status >= 500))
    code = ENVELOPE_CODE[fault.kind]
    return partial(GatewayError, code, fault.detail, metadata, kind=fault.kind.value, retryable=retryable)
