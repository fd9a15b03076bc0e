"""The second driver: an engine on bare asyncio transports and protocols, for asyncio and uvloop alone.

Decides: nothing about any protocol. It carries out the nine duties of :mod:`aigw_drivers.contract`. Must not know: what
the bytes mean, why a connection is dialled or closed.

What reads does it in the loop's own callback, and what writes gives the bytes to the transport at once: there is no
task for a connection, only for a dial and a question. Three things differ from sockets of one's own. A transport reads
as much as it likes, so reads go through a buffer of 64 KiB. It takes bytes that the kernel has not taken, so
``data_sent`` waits until its buffer is empty. And it may have read on before it is paused: that read is kept here. On
TLS a peer that ends without ``close_notify`` cannot be told from one that ends with it.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from math import inf
from typing import cast

import anyio
from anyio.abc import TaskStatus

from aigw_sansio.effects import (
    Answer,
    Ask,
    Close,
    Connect,
    Effect,
    Emit,
    Flush,
    PauseReading,
    ResumeReading,
    Unavailable,
)
from aigw_sansio.events import Event
from aigw_sansio.ids import ConnId

from .contract import READ_SIZE, AnswerHandler, SansIoEngine
from .sockets import Listener, name_of, reason_of
from .tls import client_context
from .transfer import report


class _Link(asyncio.BufferedProtocol):
    """One connection. ``full``: the transport holds bytes that the kernel has not taken."""

    def __init__(self, driver: "ProtocolDriver", conn: ConnId | None = None) -> None:
        self.driver = driver
        self.conn = conn
        self.transport: asyncio.Transport | None = None
        self.dial: asyncio.Task[None] | None = None
        self.buffer = memoryview(driver.buffer)
        self.unconfirmed = 0
        self.kept = b""
        self.full = self.closing = self.ended = self.over = self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        self.secure = transport.get_extra_info("ssl_object")
        # So that pausing means "not all taken", and resuming "all taken". TLS pauses at its limit, TCP above it.
        transport.set_write_buffer_limits(1 if self.secure else 0, 0)
        self.driver.up(self, self.secure.selected_alpn_protocol() if self.secure else None)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.closing or self.over:
            return
        if self.paused and self.transport is not None:
            self.kept += self.buffer[:nbytes]
            self.transport.pause_reading()  # uvloop forgets a pause that comes before its first read
            return
        self.driver.call(self, self.driver.engine.receive_data, bytes(self.buffer[:nbytes]))

    def deliver_kept(self) -> None:
        """What was read while it was paused."""
        if self.kept and not self.paused and not self.closing and not self.over:
            kept, self.kept = self.kept, b""
            self.driver.call(self, self.driver.engine.receive_data, kept)

    def eof_received(self) -> bool:
        if not self.closing and not self.ended and not self.over:
            self.ended = True
            self.driver.call(self, self.driver.engine.receive_eof)
        return self.secure is None

    def connection_lost(self, exc: Exception | None) -> None:
        self.driver.gone(self, reason_of(exc) if exc is not None else "cut short")

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self.driver.taken(self)


class ProtocolDriver:
    """Drives one engine on asyncio or uvloop; elsewhere :meth:`serve` raises ``RuntimeError``.

    ``answer`` looks up what the engine asks for; without it every answer is ``Unavailable``. ``on_event`` is called
    with each event, and must return soon. ``clock`` gives monotonic seconds; the engine sees no other time.
    """

    def __init__(
        self,
        engine: SansIoEngine,
        *,
        answer: AnswerHandler | None = None,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.buffer = bytearray(READ_SIZE)
        self._answer = answer
        self._on_event = on_event
        self._clock = clock
        self._links: dict[ConnId, _Link] = {}
        self._busy = False
        self._alarm: asyncio.TimerHandle | None = None
        self._armed = inf
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: asyncio.Event | None = None
        self._draining = False
        self._servers: list[asyncio.Server] = []
        self._loop: asyncio.AbstractEventLoop

    async def serve(
        self, listeners: Sequence[Listener], *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Accept from ``listeners`` (see :func:`aigw_drivers.sockets.listen`) and drive, until cancelled or drained.

        Closes the listeners at the end. A cancelled driver resets what is still open, and tells the engine. A driver
        serves once.
        """
        self._loop = asyncio.get_running_loop()
        self._idle = asyncio.Event()
        for listener in listeners:
            server = await self._loop.create_server(
                partial(_Link, self), sock=listener.socket, ssl=listener.ssl_context
            )
            self._servers.append(server)
        self._run(self._clock())
        task_status.started()
        try:
            await self._idle.wait()
        finally:
            for server in self._servers:
                server.close()
            for link in list(self._links.values()):
                self._abort(link)
            for task in self._tasks:
                task.cancel()
            if self._alarm is not None:
                self._alarm.cancel()
            with anyio.CancelScope(shield=True):  # transports and tasks end in a later turn of the loop
                while self._links or self._tasks:  # noqa: ASYNC110
                    await asyncio.sleep(0)

    async def drain(self) -> None:
        """Stop accepting, and let :meth:`serve` return when the last connection has ended.

        Calls the engine's ``drain(now)`` where it has one; an engine without one has its connections closed as soon
        as what waits on them is sent.
        """
        if self._draining:
            return
        self._draining = True
        for server in self._servers:
            server.close()
        now = self._clock()
        if (drain := getattr(self.engine, "drain", None)) is not None:
            drain(now)
        else:
            for link in list(self._links.values()):
                self._close(link, now)
        self._run(now)
        self._look_whether_idle()

    def _look_whether_idle(self) -> None:
        if self._draining and not self._links and self._idle is not None:
            self._idle.set()

    # -- inputs -------------------------------------------------------------------------------------------------

    def up(self, link: _Link, alpn: str | None) -> None:
        """A client connected, or a dial succeeded."""
        now = self._clock()
        transport = link.transport
        assert transport is not None
        if link.conn is None:
            link.conn = self.engine.open_downstream(name_of(transport.get_extra_info("peername")), alpn, now)
            self._links[link.conn] = link
        elif link.over:
            transport.abort()
            return
        else:
            self.engine.connected(link.conn, alpn, now)
            if link.paused:
                transport.pause_reading()
            self._pump(link, now)
        self._run(now)

    def call(self, link: _Link, method: Callable[..., None], *args: object) -> None:
        """An input of a connection. An exception out of the engine is a bug: that connection ends, the others live."""
        now = self._clock()
        try:
            method(link.conn, *args, now)
        except Exception as exc:
            report(exc, method.__name__)
            self._abort(link)
        self._run(now)

    def taken(self, link: _Link) -> None:
        """The kernel took everything the transport had."""
        now = self._clock()
        self._confirm(link, now)
        self._pump(link, now)
        self._run(now)

    def gone(self, link: _Link, reason: str) -> None:
        """The transport is closed, by whomever."""
        if link.over or link.conn is None:
            return
        now = self._clock()
        if link.closing and link.unconfirmed and not link.full:
            self._confirm(link, now)
        if not link.ended and not link.closing:
            link.ended = True
            self.engine.connection_lost(link.conn, reason, now)
        self._release(link, now)
        self._run(now)

    # -- effects ------------------------------------------------------------------------------------------------

    def _run(self, now: float) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            while effects := self.engine.effects():
                for effect in effects:
                    try:
                        if type(effect) is Flush:
                            if (link := self._links.get(effect.conn)) is not None:
                                self._pump(link, now)
                        else:
                            self._execute(effect, now)
                    except Exception as exc:
                        report(exc, type(effect).__name__)
        finally:
            self._busy = False
        due = self.engine.next_timeout()
        if due is not None and due < self._armed:
            if self._alarm is not None:
                self._alarm.cancel()
            self._armed = due
            self._alarm = self._loop.call_later(max(0.0, due - now), self._on_alarm)

    def _on_alarm(self) -> None:
        self._armed = inf
        now = self._clock()
        due = self.engine.next_timeout()
        if due is not None and due <= now:
            self.engine.handle_timeout(now)
        self._run(now)

    def _execute(self, effect: Effect, now: float) -> None:
        """Every effect but ``Flush``, the frequent one."""
        match effect:
            case Connect(conn):
                dialled = self._links[conn] = _Link(self, conn)
                dialled.dial = self._spawn(self._dial(effect, dialled))
            case Ask(ask_id):
                if self._answer is None:
                    self.engine.answer(ask_id, Unavailable(), now)
                else:
                    self._spawn(self._look_up(effect, self._answer))
            case Emit(event):
                if self._on_event is not None:
                    self._on_event(event)
            case Close(conn, abort):
                known = self._links.get(conn)
                if known is None:
                    return
                link = known
                if abort and link.transport is not None:
                    link.closing = True
                    link.transport.abort()
                    self._release(link, now)
                else:
                    self._close(link, now)
            case PauseReading(conn) | ResumeReading(conn):
                found = self._links.get(conn)
                if found is not None and found.paused != isinstance(effect, PauseReading):
                    found.paused = not found.paused
                    if found.transport is not None and not found.ended:
                        (found.transport.pause_reading if found.paused else found.transport.resume_reading)()
                    if found.kept and not found.paused:
                        self._loop.call_soon(found.deliver_kept)

    def _close(self, link: _Link, now: float) -> None:
        """End ``link`` when everything is sent; a dial at once."""
        link.closing = True
        if link.transport is not None:
            self._pump(link, now)
            return
        if link.dial is not None:
            link.dial.cancel()
        self._release(link, now)

    def _pump(self, link: _Link, now: float) -> None:
        transport, conn = link.transport, link.conn
        if transport is None or conn is None or link.over or link.unconfirmed:
            return
        while data := self.engine.data_to_send(conn):
            link.unconfirmed = len(data)
            transport.write(data)
            if link.full:
                return
            self._confirm(link, now)
        if link.closing:
            transport.close()

    def _confirm(self, link: _Link, now: float) -> None:
        confirmed, link.unconfirmed = link.unconfirmed, 0
        if confirmed and link.conn is not None and not link.over:
            self.engine.data_sent(link.conn, confirmed, now)

    def _abort(self, link: _Link) -> None:
        if link.transport is not None:
            link.transport.abort()
        else:
            now = self._clock()
            if link.conn is not None:
                self.engine.connect_failed(link.conn, "the host stopped", now)
            self._release(link, now)

    def _release(self, link: _Link, now: float) -> None:
        if link.over or link.conn is None:
            return
        link.over = True
        del self._links[link.conn]
        self.engine.closed(link.conn, now)
        self._look_whether_idle()

    # -- tasks --------------------------------------------------------------------------------------------------

    def _spawn(self, coroutine: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _dial(self, effect: Connect, link: _Link) -> None:
        secure = effect.tls
        try:
            await self._loop.create_connection(
                lambda: link,
                effect.host,
                effect.port,
                ssl=None if secure is None else client_context(secure.ca_file, effect.alpn),
                server_hostname=None if secure is None else secure.server_hostname,
            )
        except OSError as exc:
            if not link.over:
                self.engine.connect_failed(effect.conn, reason_of(exc), now := self._clock())
                self._release(link, now)
                self._run(now)

    async def _look_up(self, ask: Ask, handler: AnswerHandler) -> None:
        value: Answer = Unavailable()
        try:
            value = await handler(ask.question)
        except Exception as exc:
            report(exc, type(ask.question).__name__, who="the host")
        now = self._clock()
        self.engine.answer(ask.id, value, now)
        self._run(now)
