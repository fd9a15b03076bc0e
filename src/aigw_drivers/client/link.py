"""One socket of a client: three tasks that write, read and watch it.

Decides: when the socket is read, written and given up. Must not know: what messages say (:mod:`.protocol`).

One task alone writes. So a caller that is cancelled never leaves half of a message on the socket.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final, Literal, TypeAlias

import anyio
from anyio.abc import TaskStatus

from ..core.printable import printable
from .liveness import CHECK_EVERY_S, Liveness
from .protocol import ClientProtocol, Exchange, Item
from .websocket import WebSocketClient, WebSocketClosed

logger = logging.getLogger("aigw.client")

#: Told of each message that passes the socket, with its text.
Observer: TypeAlias = Callable[[Literal["sent", "received"], str], None]

_BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError)


class _Abort(Exception):
    """End the socket without a close frame."""


class Link:
    """One universal socket. Start :meth:`run` as a task; it has started when the socket is open.

    ``dial`` gives the context of the socket, which :func:`.websocket.connect` makes.
    """

    def __init__(
        self,
        dial: Callable[[], AbstractAsyncContextManager[WebSocketClient]],
        protocol: ClientProtocol,
        observer: Observer | None = None,
    ) -> None:
        self._dial = dial
        self._protocol = protocol
        self._observer = observer
        self._due = anyio.Event()
        self._may_read = anyio.Event()
        self._opening = anyio.CancelScope()
        self._scope = anyio.CancelScope()
        self._is_writing = False
        self._is_broken = False

    @property
    def is_usable(self) -> bool:
        """Whether a new exchange may be created here."""
        return not (self._protocol.is_lost or self._protocol.going_away or self._is_broken)

    # -- calls, from any task of the loop -------------------------------------------------------------------------

    def create(self, event_id: str, message: str, on_change: Callable[[], None]) -> Exchange:
        """See :meth:`.protocol.ClientProtocol.create`."""
        exchange = self._protocol.create(event_id, message, on_change)
        self._due.set()
        return exchange

    def cancel(self, exchange: Exchange) -> None:
        """See :meth:`.protocol.ClientProtocol.cancel`."""
        self._protocol.cancel(exchange)
        self._due.set()

    def withdraw(self, exchange: Exchange) -> None:
        """See :meth:`.protocol.ClientProtocol.withdraw`."""
        self._protocol.withdraw(exchange)
        self._due.set()
        self._read_on()

    def take(self, exchange: Exchange) -> Item | None:
        """See :meth:`.protocol.ClientProtocol.take`."""
        item = self._protocol.take(exchange)
        self._read_on()
        return item

    def set_awaited(self, exchange: Exchange, *, awaited: bool) -> None:
        """Somebody waits for the next item of ``exchange``, or no more."""
        exchange.awaited = awaited and not exchange.ended
        self._read_on()

    def close(self) -> None:
        """Close the socket in order, and end :meth:`run`. What runs is lost."""
        self._protocol.lost(1000, "the client was closed")
        self._opening.cancel()
        self._scope.cancel()

    def _read_on(self) -> None:
        """Something was taken or is waited for. The writer is not woken: that would cost each item a turn of it."""
        if self._protocol.may_read:
            self._may_read.set()

    # -- the tasks ------------------------------------------------------------------------------------------------

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Open the socket and serve it until it ends. Raises what :func:`.websocket.connect` raises before it is open,
        and nothing after that."""
        is_open = False
        try:
            async with AsyncExitStack() as stack:
                with self._opening:
                    socket = await stack.enter_async_context(self._dial())
                if self._opening.cancel_called:
                    raise OSError("the client was closed")
                is_open = True
                task_status.started()
                with self._scope:
                    await self._serve(socket)
                if self._is_writing or self._is_broken:
                    raise _Abort  # a close frame would stand inside of a message, or wait for what never comes
        except (_Abort, OSError, anyio.EndOfStream, *_BROKEN):
            if not is_open:
                raise
        finally:
            self._protocol.lost(1006, "")

    async def _serve(self, socket: WebSocketClient) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._write, socket)
            tasks.start_soon(self._watch, socket, tasks.cancel_scope)
            try:
                await self._read(socket)
            except WebSocketClosed as closed:
                self._protocol.lost(closed.code, closed.reason)
            except _BROKEN:
                self._is_broken = True
            tasks.cancel_scope.cancel()

    async def _read(self, socket: WebSocketClient) -> None:
        while True:
            while not self._protocol.may_read:
                self._may_read = anyio.Event()
                await self._may_read.wait()
            data = await socket.receive()
            if self._observer is not None:
                self._observer("received", data if isinstance(data, str) else data.decode("utf-8", "replace"))
            message = self._protocol.receive_message(data)
            if message is None:
                logger.warning("the gateway sent a message that is none of its protocol")
            elif message.kind == "error" and message.event_id is None and message.error is not None:
                logger.warning("the gateway could not use a message: %s", printable(message.error.message))

    async def _write(self, socket: WebSocketClient) -> None:
        try:
            while True:
                self._due = anyio.Event()
                while socket.is_open and (text := self._protocol.next_message()) is not None:
                    self._is_writing = True
                    if self._observer is not None:
                        self._observer("sent", text)
                    await socket.send(text)
                    self._is_writing = False
                await self._due.wait()
        except _BROKEN:
            self._is_broken = True  # the reader gets what the gateway said last, then the end

    async def _watch(self, socket: WebSocketClient, scope: anyio.CancelScope) -> None:
        liveness = Liveness(anyio.current_time())
        heard = socket.bytes_received
        while True:
            await anyio.sleep(CHECK_EVERY_S)
            now = anyio.current_time()
            if socket.bytes_received != heard:
                heard = socket.bytes_received
                liveness.heard(now)
            is_waiting = self._protocol.running > 0 and not self._is_writing
            match liveness.check(now, is_waiting=is_waiting, is_reading=self._protocol.may_read):
                case "ping":
                    self._protocol.ping()
                    self._due.set()
                case "dead":
                    self._is_broken = True
                    self._protocol.lost(1006, "the gateway gives no sign of life")
                    scope.cancel()
