"""One socket of a client: three tasks that write, read and watch it.

Decides: when the socket is read, written and given up. Must not know: what messages say (:mod:`.protocol`).

One task alone writes. So a caller that is cancelled never leaves half of a message on the socket.

If the session can be resumed, another socket is opened when one is lost, and goes on where it was: at once, then after
``DELAYS_S``, for as long as the gateway keeps the session.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from itertools import chain, repeat
from typing import Final, Literal, TypeAlias

import anyio
from anyio.abc import TaskStatus

from ..core.printable import printable
from .liveness import CHECK_EVERY_S, Liveness
from .messages import Message, read_message
from .protocol import ClientProtocol, Exchange, Item
from .resumption import Resumption
from .websocket import HandshakeRefused, WebSocketClient, WebSocketClosed

logger = logging.getLogger("aigw.client")

#: Told of each message that passes the socket, with its text.
Observer: TypeAlias = Callable[[Literal["sent", "received"], str], None]

#: Before the sockets that are tried after one was lost; the last one again and again.
DELAYS_S: Final = (0.0, 0.2, 0.5, 1.0, 2.0)
#: A socket that lasted less is followed by a longer delay, although it had the session.
SHORT_S: Final = 1.0
_UNAUTHORIZED: Final = 401
_FOREIGN: Final = (
    "it sent a message of another protocol; this one is spoken at ws://HOST/v1/ACCOUNT/GATEWAY, with nothing behind it"
)
_NO_CLOSE_FRAME: Final = 1006
_BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError)


class _Abort(Exception):
    """End the socket without a close frame."""


class Link:
    """One universal socket; with a ``resumption`` one after the other. Start :meth:`run` as a task; it has started when
    the socket is open.

    ``dial`` gives the context of a socket, which :func:`.websocket.connect` makes. A later one is given
    ``open_timeout_s`` to open.
    """

    def __init__(
        self,
        dial: Callable[[], AbstractAsyncContextManager[WebSocketClient]],
        protocol: ClientProtocol,
        observer: Observer | None = None,
        *,
        resumption: Resumption | None = None,
        open_timeout_s: float = 30.0,
    ) -> None:
        self._resumption = resumption
        self._open_timeout_s = open_timeout_s
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
        try:
            await self._run_socket(0.0, None, task_status)
            while self._may_resume:
                await self._come_back()
        finally:
            self._protocol.lost(1006, "")

    async def _run_socket(
        self, delay_s: float, timeout_s: float | None, task_status: TaskStatus[None] | None = None
    ) -> None:
        """One socket. Raises what goes wrong before it is open."""
        is_open = False
        self._opening, self._scope = anyio.CancelScope(), anyio.CancelScope()
        try:
            async with AsyncExitStack() as stack:
                with self._opening:
                    await anyio.sleep(delay_s)
                    with anyio.fail_after(timeout_s):
                        socket = await stack.enter_async_context(self._dial())
                if self._opening.cancel_called:
                    raise OSError("the client was closed")
                is_open = True
                self._is_writing = self._is_broken = False
                if self._resumption is not None:
                    self._resumption.begin()
                if task_status is not None:
                    task_status.started()
                with self._scope:
                    await self._serve(socket)
                if self._is_writing or self._is_broken:
                    raise _Abort  # a close frame would stand inside of a message, or wait for what never comes
        except (_Abort, OSError, anyio.EndOfStream, *_BROKEN):
            if not is_open:
                raise

    @property
    def _may_resume(self) -> bool:
        """Whether the session may go on on another socket, if this one is lost."""
        resumption = self._resumption
        return (
            resumption is not None
            and resumption.can_resume
            and not (self._protocol.is_lost or self._protocol.going_away)
        )

    async def _come_back(self) -> None:
        """The socket was lost: others are tried until one has the session, or the gateway keeps it no more."""
        resumption = self._resumption
        assert resumption is not None
        until = anyio.current_time() + resumption.resume_s
        begun = 0.0
        for delay_s in chain(DELAYS_S, repeat(DELAYS_S[-1])):
            if not self._may_resume or anyio.current_time() >= until:
                break
            try:
                begun = anyio.current_time() + delay_s
                await self._run_socket(delay_s, self._open_timeout_s)
            except HandshakeRefused as error:
                if error.status == _UNAUTHORIZED:
                    resumption.refused()
            except (OSError, anyio.EndOfStream, *_BROKEN):
                pass
            else:
                if resumption.waits:
                    continue
                if anyio.current_time() >= begun + SHORT_S:
                    return  # it had the session for a while, and was lost in its turn
                until = anyio.current_time() + resumption.resume_s
        self._protocol.lost(1006, "the session could not be resumed")

    async def _serve(self, socket: WebSocketClient) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._write, socket)
            tasks.start_soon(self._watch, socket, tasks.cancel_scope)
            try:
                await self._read(socket)
            except WebSocketClosed as closed:
                if closed.code == _NO_CLOSE_FRAME and self._may_resume:
                    self._is_broken = True
                else:
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
            message = read_message(data)
            if self._observer is not None:
                self._observer("received", _shown(data, message))
            if self._resumption is not None and not self._is_for_exchanges(self._resumption, data, message):
                continue
            if message is None:
                # Nobody knows what it is about: each exchange might wait for it for ever.
                self._protocol.lost(1006, _FOREIGN)
                self._scope.cancel()
                return
            self._protocol.receive(message)
            if message.kind == "error" and message.event_id is None and message.error is not None:
                logger.warning("the gateway could not use a message: %s", printable(message.error.message))

    def _is_for_exchanges(self, resumption: Resumption, data: str | bytes, message: Message | None) -> bool:
        """Whether what came is a message for the exchanges. The session is lost if it cannot go on."""
        try:
            return resumption.heard(data, message)
        except ValueError as error:
            self._protocol.lost(1006, str(error))
            self._scope.cancel()
            return False
        finally:
            if resumption.is_due:
                self._due.set()

    def _next_text(self) -> str | None:
        """What is to be sent next."""
        resumption = self._resumption
        if resumption is None:
            return self._protocol.next_message()
        text = resumption.due()
        if text is None and not resumption.waits and (due := self._protocol.next_due()) is not None:
            text = due.text
            resumption.sent(due)
        return text

    async def _write(self, socket: WebSocketClient) -> None:
        try:
            while True:
                self._due = anyio.Event()
                while socket.is_open and (text := self._next_text()) is not None:
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
                    if not self._may_resume:
                        self._protocol.lost(1006, "the gateway gives no sign of life")
                    scope.cancel()


def _shown(data: str | bytes, message: Message | None) -> str:
    """A message for who watches: without the token of the session."""
    if message is not None and message.kind == "session":
        return '{"type":"universal.session","token":"***"}'
    return data if isinstance(data, str) else data.decode("utf-8", "replace")
