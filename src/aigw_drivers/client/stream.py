"""One exchange as a program iterates it.

Decides: how items, the end and a failure are given to a program. Must not know: what carries an exchange
(:class:`Carrier`).
"""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Generic, Protocol, Self, TypeVar, cast

import anyio

from .errors import NotConnected
from .exchange_view import ExchangeView, Running
from .protocol import Item

ItemT = TypeVar("ItemT", bound=Item)
RequestT = TypeVar("RequestT")
SentT = TypeVar("SentT", contravariant=True)
RunningT = TypeVar("RunningT", bound="Running")

#: Sockets that may end before a request goes out on one of them. Then the gateway is not for us.
_DIALS: Final = 3
#: So many items are given without a look at other tasks.
_ITEMS_BETWEEN_CHECKPOINTS: Final = 32


class Carrier(Protocol[SentT, RunningT]):
    """What carries exchanges: a socket, or the gateway itself. All of it is called in the loop."""

    def create(self, event_id: str, request: SentT, on_change: Callable[[], None], /) -> RunningT:
        """Begin an exchange. ``on_change`` is called when there is something new; it may only note that."""

    def cancel(self, exchange: RunningT, /) -> None:
        """End the exchange at once. What comes until then can still be taken."""

    def withdraw(self, exchange: RunningT, /) -> None:
        """Nobody wants the exchange any more: cancel it and forget it."""

    def take(self, exchange: RunningT, /) -> Item | None:
        """The next item, ``None`` if there is none yet."""

    def set_awaited(self, exchange: RunningT, /, *, awaited: bool) -> None:
        """Somebody waits for the next item, or no more."""


class Stream(ExchangeView[Running], Generic[ItemT]):
    """One exchange. :meth:`.client.Client.stream` makes it; enter it, then iterate it.

    Entering sends the request. Iteration gives each item once and ends with the exchange; a failure is raised behind
    the last item. What is not taken is held (:mod:`.protocol`). Leaving the block before the end cancels the exchange,
    with the provider's call. One task iterates at a time.
    """

    def __init__(
        self,
        find_carrier: Callable[[], Awaitable[Carrier[RequestT, Any]]],
        event_id: str,
        request: RequestT,
        *,
        gives_body: bool,
    ) -> None:
        async def begin() -> tuple[Carrier[RequestT, Any], Running]:
            carrier = await find_carrier()
            return carrier, carrier.create(event_id, request, self._note)

        super().__init__(event_id, gives_body=gives_body)
        self._begin = begin
        self._changed = anyio.Event()
        self._guard = anyio.ResourceGuard("iterating")
        self._link: Carrier[Any, Any] | None = None  # the stream passes on what it got from it
        self._taken = 0

    async def __aenter__(self) -> Self:
        if self._exchange is not None:
            raise RuntimeError("a stream is entered once; make another one")
        for _ in range(_DIALS):
            self._link, exchange = await self._begin()
            self._exchange = exchange
            try:
                while not (exchange.sent or exchange.ended):
                    await self._next_change()
            except BaseException:
                self._link.withdraw(exchange)
                raise
            if exchange.sent:
                return self
            # The socket ended before anything of the request was sent.
        raise NotConnected(f"the gateway closed {_DIALS} sockets before the request could be sent")

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._link is not None and self._exchange is not None:
            self._link.withdraw(self._exchange)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT:
        for item in await self.take(1):
            return item
        raise StopAsyncIteration

    async def take(self, limit: int) -> list[ItemT]:
        """The next items, at most ``limit``: waits for the first, and adds those that are here. Empty at the end.

        Raises what :meth:`.client.Client.create` raises, when all that came before the failure has been taken.
        """
        exchange, link = self._begun, self._link
        assert link is not None
        with self._guard:
            self._taken += 1
            if self._taken % _ITEMS_BETWEEN_CHECKPOINTS == 0:
                await anyio.lowlevel.checkpoint()
            first = link.take(exchange)
            if first is None:
                link.set_awaited(exchange, awaited=True)
                try:
                    while (first := link.take(exchange)) is None:
                        if exchange.ended:
                            return cast("list[ItemT]", self._end(exchange))
                        await self._next_change()
                finally:
                    link.set_awaited(exchange, awaited=False)
            items = [first]
            while len(items) < limit and (item := link.take(exchange)) is not None:
                items.append(item)
            return cast("list[ItemT]", items)  # the gateway sends what the mode says

    def cancel(self) -> None:
        """End the exchange at once, with the provider's call. Iterate on for what still comes: the end then follows,
        and is no failure."""
        if self._link is not None:
            self._link.cancel(self._begun)

    def _note(self) -> None:
        self._changed.set()

    async def _next_change(self) -> None:
        self._changed = anyio.Event()
        await self._changed.wait()
