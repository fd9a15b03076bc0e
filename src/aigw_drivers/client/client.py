"""The client of a gateway on anyio: asyncio, uvloop or trio, whoever started the loop.

Decides: when a socket is dialled, and how an exchange is given to a program. Must not know: what messages say
(:mod:`.protocol`), and how a socket is served (:mod:`.link`).
"""

import ssl
from collections.abc import Sequence
from itertools import count
from types import TracebackType
from typing import Final, Generic, Literal, Self, TypeVar, Unpack, cast, overload
from urllib.parse import urlsplit

import anyio
from anyio.abc import TaskGroup, TaskStatus

from aigw_sansio import ProviderEvent, Secret

from .errors import NotConnected
from .exchange_view import ExchangeView
from .link import Link, Observer
from .protocol import ClientProtocol, Item
from .request import Options, create_message, steps_of
from .values import Content, Mode, Response
from .websocket import HandshakeRefused, connect

ItemT = TypeVar("ItemT", bound=Item)

#: Sockets that may end before a request goes out on one of them. Then the gateway is not for us.
_DIALS: Final = 3
#: So many items are given without a look at other tasks.
_ITEMS_BETWEEN_CHECKPOINTS: Final = 32


class Client:
    """A client of one gateway. Use it as ``async with Client(url) as client:``; the block is left in the same task.

    One socket carries any number of exchanges; :meth:`stream` and :meth:`create` begin them, from any task. Entering
    the block opens the socket, so a wrong ``token`` is found at once. If the socket ends, the exchanges on it fail with
    :class:`.errors.ConnectionLost`, because their requests may have been carried out; the next exchange opens another
    socket. It does so too when the gateway goes away (a drain), while the exchanges on the old socket finish. Nothing
    is ever sent twice.

    ``url`` is ``ws(s)://HOST/v1/ACCOUNT/GATEWAY``. ``headers`` are added to the handshake. ``ssl_context`` replaces the
    system's trust. ``open_timeout_s`` limits a dial with its handshake, in seconds. ``on_message`` is called for each
    message, with ``"sent"`` or ``"received"`` and its text. Raises ``ValueError`` for another kind of URL.
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
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError(f"the URL of a gateway is ws://HOST/v1/ACCOUNT/GATEWAY, or wss://; not {url!r}")
        self._url = url
        self._headers = list(headers)
        if token is not None:
            value = token.reveal() if isinstance(token, Secret) else token
            self._headers.append(("cf-aig-authorization", f"Bearer {value}"))
        self._ssl_context = ssl_context
        self._open_timeout_s = open_timeout_s
        self._observer = on_message
        self._names = count(1)
        self._tasks: TaskGroup | None = None
        self._link: Link | None = None  # the one on which the next exchange is created
        self._links: set[Link] = set()
        self._dialling = anyio.Lock()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        if self._tasks is not None:
            raise RuntimeError("a Client is entered once; make another one")
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        try:
            await self._usable_link()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._leave()

    async def _leave(self) -> None:
        assert self._tasks is not None
        self._is_closed = True
        for link in self._links:
            link.close()
        # The task group is told of no error: it would wrap it.
        await self._tasks.__aexit__(None, None, None)

    # -- exchanges ------------------------------------------------------------------------------------------------

    @overload
    def stream(
        self,
        provider: str,
        endpoint: str,
        query: object = None,
        *,
        mode: Literal["events"] = "events",
        **options: Unpack[Options],
    ) -> "Stream[ProviderEvent]": ...
    @overload
    def stream(
        self, provider: str, endpoint: str, query: object = None, *, mode: Literal["raw"], **options: Unpack[Options]
    ) -> "Stream[Content]": ...
    @overload
    def stream(
        self, provider: str, endpoint: str, query: object = None, *, mode: Literal["both"], **options: Unpack[Options]
    ) -> "Stream[ProviderEvent | Content]": ...
    def stream(
        self, provider: str, endpoint: str, query: object = None, *, mode: Mode = "events", **options: Unpack[Options]
    ) -> "Stream[ProviderEvent] | Stream[Content] | Stream[ProviderEvent | Content]":
        """An exchange whose items are taken as they come: enter it with ``async with``, iterate it with ``async for``.

        ``mode`` says what the items are: ``"events"``, the words common to all providers
        (:data:`aigw_sansio.ProviderEvent`); ``"raw"``, the provider's own chunks (:class:`.values.Content`); or
        ``"both"``. For ``query`` and the options see :class:`.request.Step` and :class:`.request.Options`. Whether the
        provider streams is said in ``query``. Raises ``TypeError`` or ``ValueError`` if that is no request.
        """
        stream = self._stream(provider, endpoint, query, mode, options, gives_body=mode != "events")
        return cast("Stream[ProviderEvent]", stream)  # the overloads say what the mode makes it

    async def create(
        self, provider: str, endpoint: str, query: object = None, *, mode: Mode = "both", **options: Unpack[Options]
    ) -> Response:
        """A whole response; a stream is collected to its end. See :meth:`stream` for the parameters.

        Raises :class:`.errors.ProviderError`, :class:`.errors.GatewayError`, :class:`.errors.ConnectionLost` or
        :class:`.errors.NotConnected`. If the call is cancelled, so is the exchange.
        """
        chunks: list[Content] = []
        events: list[ProviderEvent] = []
        async with self._stream(provider, endpoint, query, mode, options, gives_body=False) as stream:
            async for item in stream:
                if isinstance(item, Content):
                    chunks.append(item)
                else:
                    events.append(item)
        return Response(metadata=stream.metadata, body=stream.response, chunks=tuple(chunks), events=tuple(events))

    def _stream(
        self, provider: str, endpoint: str, query: object, mode: Mode, options: Options, *, gives_body: bool
    ) -> "Stream[Item]":
        event_id = options.get("event_id")
        if event_id is None:
            event_id = f"aigw-{next(self._names)}"
        message = create_message(steps_of(provider, endpoint, query, options), event_id, mode)
        return Stream(self, event_id, message, gives_body=gives_body)

    async def _usable_link(self) -> Link:
        if self._tasks is None:
            raise RuntimeError("enter the client first: async with Client(...) as client")
        async with self._dialling:
            if self._is_closed:
                raise NotConnected("the client is closed")
            if self._link is not None and self._link.is_usable:
                return self._link
            link = Link(
                lambda: connect(self._url, headers=self._headers, ssl_context=self._ssl_context),
                ClientProtocol(),
                self._observer,
            )
            try:
                with anyio.fail_after(self._open_timeout_s):
                    await self._tasks.start(self._run, link)
            except HandshakeRefused as error:
                raise NotConnected(f"the gateway refused the socket: {error}", error.status) from error
            except TimeoutError as error:
                raise NotConnected(f"the gateway did not answer within {self._open_timeout_s:g} s") from error
            except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream) as error:
                raise NotConnected(f"the gateway cannot be reached: {error}") from error
            self._link = link
            return link

    async def _run(self, link: Link, *, task_status: TaskStatus[None]) -> None:
        self._links.add(link)
        if self._is_closed:
            link.close()
        try:
            await link.run(task_status=task_status)
        finally:
            self._links.discard(link)


class Stream(ExchangeView, Generic[ItemT]):
    """One exchange. :meth:`Client.stream` makes it; enter it, then iterate it.

    Entering sends the request. Iteration gives each item once and ends with the exchange; a failure is raised behind
    the last item. What is not taken is held (:mod:`.protocol`). Leaving the block before the end cancels the exchange,
    with the provider's call. One task iterates at a time.
    """

    def __init__(self, client: Client, event_id: str, message: str, *, gives_body: bool) -> None:
        super().__init__(event_id, gives_body=gives_body)
        self._client = client
        self._message = message
        self._changed = anyio.Event()
        self._guard = anyio.ResourceGuard("iterating")
        self._link: Link | None = None
        self._taken = 0

    async def __aenter__(self) -> Self:
        if self._exchange is not None:
            raise RuntimeError("a stream is entered once; make another one")
        for _ in range(_DIALS):
            self._link = await self._client._usable_link()
            exchange = self._exchange = self._link.create(self.event_id, self._message, self._note)
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

        Raises what :meth:`Client.create` raises, when all that came before the failure has been taken.
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
