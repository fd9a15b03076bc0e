"""The client for programs without an event loop: the one of :mod:`.client`, on a loop in a thread of its own.

Decides: how calls of any thread get to that loop, and come back. Must not know: exchanges and sockets.
"""

import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from types import TracebackType
from typing import Any, Final, Generic, Literal, Self, TypeVar, Unpack, cast, overload

from anyio.from_thread import BlockingPortal, start_blocking_portal

from aigw_sansio import ProviderEvent, Secret

from ..core.threads import no_thread_is_an_os_error
from .caller import Caller
from .client import Client
from .errors import NotConnected
from .link import Observer
from .protocol import Item
from .request import Options
from .stream import Stream
from .values import Content, Metadata, Mode, Response

ItemT = TypeVar("ItemT", bound=Item)
ResultT = TypeVar("ResultT")

#: Items that one trip to the other thread brings.
_ITEMS_A_TRIP: Final = 256


class SyncCaller:
    """A client for ordinary code: the base of :class:`SyncClient`."""

    def __init__(self, client: Caller[Any]) -> None:
        """``client``: also the context in which it runs."""
        self._client = client
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._is_closed = False

    def __enter__(self) -> Self:
        if self._portal is not None:
            raise RuntimeError(f"a {type(self).__name__} is entered once; make another one")
        with ExitStack() as stack:
            with no_thread_is_an_os_error():
                self._portal = stack.enter_context(start_blocking_portal("asyncio"))
            stack.enter_context(self._portal.wrap_async_context_manager(self._client))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_closed = True
        self._stack.close()

    @overload
    def stream(
        self,
        provider: str,
        endpoint: str,
        query: object = None,
        *,
        mode: Literal["events"] = "events",
        **options: Unpack[Options],
    ) -> "SyncStream[ProviderEvent]": ...
    @overload
    def stream(
        self, provider: str, endpoint: str, query: object = None, *, mode: Literal["raw"], **options: Unpack[Options]
    ) -> "SyncStream[Content]": ...
    @overload
    def stream(
        self, provider: str, endpoint: str, query: object = None, *, mode: Literal["both"], **options: Unpack[Options]
    ) -> "SyncStream[ProviderEvent | Content]": ...
    def stream(
        self, provider: str, endpoint: str, query: object = None, *, mode: Mode = "events", **options: Unpack[Options]
    ) -> "SyncStream[ProviderEvent] | SyncStream[Content] | SyncStream[ProviderEvent | Content]":
        """See :meth:`.client.Client.stream`; enter it with ``with``, iterate it with ``for``."""

        stream = self._client._stream(provider, endpoint, query, mode, options, gives_body=mode != "events")
        return SyncStream(self, cast("Stream[ProviderEvent]", stream))  # the overloads say what the mode makes it

    def create(
        self, provider: str, endpoint: str, query: object = None, *, mode: Mode = "both", **options: Unpack[Options]
    ) -> Response:
        """See :meth:`.client.Client.create`."""
        return self._call(partial(self._client.create, provider, endpoint, query, mode=mode, **options))

    def _call(self, function: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Run ``function`` in the client's loop. If the wait is interrupted (Ctrl-C), it is cancelled."""
        if self._portal is None:
            raise RuntimeError(f"enter the client first: with {type(self).__name__}(...) as client")
        try:
            future = self._portal.start_task_soon(function)
        except RuntimeError:
            if self._is_closed:
                raise NotConnected("the client is closed") from None
            raise
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise


class SyncClient(SyncCaller):
    """A client of one gateway for ordinary code: ``with SyncClient(url) as client:``.

    Parameters, methods and errors are those of :class:`.client.Client`, without ``await``. Any thread may call, and
    many at once. Leaving the block closes the socket and ends the thread; exchanges of other threads then fail with
    :class:`.errors.ConnectionLost`. ``on_message`` is called in the client's thread.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | Secret | None = None,
        headers: Sequence[tuple[str, str]] = (),
        ssl_context: ssl.SSLContext | None = None,
        open_timeout_s: float = 30.0,
        on_message: Observer | None = None,
        resume: bool = False,
    ) -> None:
        super().__init__(
            Client(
                url,
                token=token,
                headers=headers,
                ssl_context=ssl_context,
                open_timeout_s=open_timeout_s,
                on_message=on_message,
                resume=resume,
            )
        )


class SyncStream(Generic[ItemT]):
    """One exchange, as :class:`.client.Stream` without ``await``: enter it, then iterate it. One thread iterates at a
    time."""

    def __init__(self, client: SyncCaller, stream: Stream[ItemT]) -> None:
        self._client = client
        self._stream = stream
        self._items: deque[ItemT] = deque()

    @property
    def event_id(self) -> str:
        """The name of the exchange."""
        return self._stream.event_id

    @property
    def metadata(self) -> Metadata:
        """See :attr:`.client.Stream.metadata`."""
        return self._stream.metadata

    @property
    def response(self) -> Content | None:
        """See :attr:`.client.Stream.response`."""
        return self._stream.response

    @property
    def is_cancelled(self) -> bool:
        """See :attr:`.client.Stream.is_cancelled`."""
        return self._stream.is_cancelled

    def __enter__(self) -> Self:
        self._client._call(self._stream.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(NotConnected):  # the client ended before, and the exchange with it
            self._client._call(partial(self._stream.__aexit__, None, None, None))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ItemT:
        if not self._items:
            self._items.extend(self._client._call(partial(self._stream.take, _ITEMS_A_TRIP)))
        if not self._items:
            raise StopIteration
        return self._items.popleft()

    def cancel(self) -> None:
        """See :meth:`.client.Stream.cancel`."""

        async def cancel() -> None:
            self._stream.cancel()

        self._client._call(cancel)
