"""The driver on anyio: binds an engine to sockets, on asyncio, uvloop and trio.

Decides: how long a TLS handshake may take. Must not know: the meaning of bytes, the reason for a dial or a close.

anyio runs everything that waits: accepting, dialling, answering, and the next deadline. The bytes take the short path
through :mod:`.core.transfer`.
"""

import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextvars import copy_context
from functools import partial
from math import inf
from typing import TypeAlias, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel
from anyio.abc import TaskGroup, TaskStatus

from aigw_sansio import Answer, Ask, Close, Connect, ConnId, Engine, Event, Keep, Question, Tunnel, Unavailable
from aigw_sansio.effects import ANSWER_TYPES

from .core.attached import ToldSocket
from .core.door import Door
from .core.handshakes import Handshakes
from .core.link import ByteSocket, Link
from .core.loops import asyncio_told
from .core.readiness import Readiness, choose_readiness
from .core.reports import logger, report
from .core.resolver import AddressInfo, Resolver
from .core.sockets import (
    Listener,
    address_text,
    close_socket,
    dial_tcp,
    failure_text,
    local_address,
    make_non_blocking,
    open_tunnel,
    tls_handshake,
)
from .core.tls import TlsPipe, client_context, read_trust_anew

#: Looks up what the engine asks for. An exception, or an answer of the wrong class, counts as ``Unavailable``.
AnswerHandler: TypeAlias = Callable[[Question], Awaitable[Answer]]

#: Keeps a response for later, or drops it. An exception is logged.
KeepHandler: TypeAlias = Callable[[Keep], Awaitable[None]]
_MOST_KEEPS = 64  #: responses that are on their way to where they are kept; more are dropped

#: Seconds that a client has for its TLS handshake. The engine learns of the client only afterwards.
HANDSHAKE_S = 10.0

#: Seconds before another try, if a try at once would only fail again.
RETRY_PAUSE_S = 0.1

_ACCEPTS_PER_TURN = 64

Result = TypeVar("Result")


class AnyioDriver(Door):
    """Drives one engine. Everything runs in the event loop that runs :meth:`serve`, which is called next.

    ``answer`` looks up answers to the engine's questions; without it every answer is ``Unavailable``. ``on_event`` is
    called with each event, must return soon, and is logged if it raises. ``clock`` gives monotonic seconds; the engine
    sees no other time. ``handshakes``: how many TLS handshakes of clients may run at once; a client above it is closed
    at once, because the engine, which counts clients, does not know it yet. ``known_hosts``: names for whose look-ups
    threads are kept free (:mod:`.core.resolver`). ``keep`` keeps responses for which ``answer`` is asked later; without
    it none is kept.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        answer: AnswerHandler | None = None,
        keep: KeepHandler | None = None,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        handshakes: int | None = None,
        known_hosts: Collection[str] = (),
    ) -> None:
        super().__init__(engine, on_event, clock)
        self._handshakes = Handshakes(clock)
        self._known_hosts: Collection[str]
        self._resolver: Resolver | None = None
        self.adapt(handshakes=handshakes, known_hosts=known_hosts)
        self._given_up: dict[ConnId, None] = {}  # dials that are cancelled, and whose look-ups go on
        self._answer = answer
        self._keep_handler = keep
        self._keeps = 0  # that are under way
        self._stopping = False
        self._draining = False
        self._late: set[ConnId] = set()  # clients that came during the drain
        self._alarm_scope: anyio.CancelScope | None = None
        self._tasks: TaskGroup
        self._listening: anyio.CancelScope | None = None
        self._idle: anyio.Event | None = None

    def adapt(self, *, handshakes: int | None, known_hosts: Collection[str]) -> None:
        """The engine has new settings: replace what the constructor was told of them. The next dial reads the files
        with certificates of providers anew."""
        self._handshakes.most = inf if handshakes is None else handshakes
        self._known_hosts = known_hosts
        if self._resolver is not None:
            self._resolver.know(known_hosts)
            read_trust_anew()

    # -- life ---------------------------------------------------------------------------------------------------

    async def serve(
        self,
        listeners: Sequence[Listener],
        *,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept from ``listeners`` (see :func:`.listen`) and drive the engine, until cancelled or drained.

        Closes the listeners at the end. If it is cancelled, it resets all open connections, and tells the engine.
        Raises :class:`ValueError` if a listener blocks, :class:`RuntimeError` the second time; then it closes nothing.
        """
        self._begin(listeners)
        with asyncio_told():
            await self._serve(listeners, task_status)

    async def _serve(self, listeners: Sequence[Listener], task_status: TaskStatus[None]) -> None:
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                self._context = copy_context()
                self._token = anyio.lowlevel.current_token()
                self._readiness = self._choose_readiness(tasks)
                self._resolver = Resolver(tasks, self._known_hosts)
                await tasks.start(self._keep_alarm)
                self._now = self._clock()
                self._execute_effects()  # the engine may have effects before the first client
                task_status.started()
                with anyio.CancelScope() as self._listening:
                    if self._draining:
                        self._look_whether_drained()
                    async with anyio.create_task_group() as accepting:
                        for listener in listeners:
                            accepting.start_soon(self._accept, listener)
                        await anyio.sleep_forever()
                for listener in listeners:
                    listener.socket.close()
                while self._links or self._hosted:
                    self._idle = anyio.Event()
                    await self._idle.wait()
                tasks.cancel_scope.cancel()
        finally:
            self._stop(listeners)

    async def drain(self) -> None:
        """Go away: :meth:`serve` returns when the last connection has ended.

        Calls the engine's ``drain(now)``: it refuses new work and ends running work by its own deadlines. Clients are
        accepted until all others have left, because the engine tells them, and health checks, that it goes away.
        """
        if self._draining:
            return
        self._draining = True
        self._call_engine(self._engine.drain)
        self._look_whether_drained()

    def _look_whether_drained(self) -> None:
        """Stop accepting, if nobody is left but those who came during the drain."""
        if self._listening is not None and len(self._links) <= len(self._late) and not self._hosted:
            self._listening.cancel()

    def _spawn(self, function: Callable[..., Coroutine[object, object, None]], *arguments: object) -> None:
        """Start a task, from whatever context. It gets that of the task that serves, and so do its callbacks: a call of
        the host may come from a callback of the loop that does not know its library, and its variables are not ours."""
        self._context.copy().run(partial(self._tasks.start_soon, function, *arguments))

    def _on_released(self, conn: ConnId) -> None:
        if self._draining:
            self._late.discard(conn)
            self._look_whether_drained()
        if self._idle is not None and not self._links:
            self._idle.set()

    def _proceed_later(self) -> None:
        if not self._stopping:  # else ``_stop`` does it
            self._spawn(self._proceed_after_others)

    async def _proceed_after_others(self) -> None:
        await self._readiness.serve_ready()
        self._proceed()

    def _stop(self, listeners: Sequence[Listener]) -> None:
        self._stopping = True
        self._token = None
        for listener in listeners:
            listener.socket.close()
        self._now = self._clock()
        for link in list(self._links.values()):
            self._abort(link, "the gateway stopped")
            self._execute_effects()
        for conn, handler in self._hosted.take_all().items():
            handler.on_effect(Close(conn, abort=True))
            self._call_engine(self._engine.closed, conn)
        for conn in list(self._given_up):
            self._on_looked_up(conn)
        while self._work_is_left:
            self._proceed()

    def _choose_readiness(self, tasks: TaskGroup) -> Readiness:
        return choose_readiness(tasks, self._turn, self._on_readable, self._on_writable)

    # -- accepting and dialling ---------------------------------------------------------------------------------

    async def _accept(self, listener: Listener) -> None:
        sock, context = listener
        while True:
            await anyio.wait_readable(sock)
            for _ in range(_ACCEPTS_PER_TURN):
                try:
                    client, address = sock.accept()
                except (BlockingIOError, InterruptedError, ConnectionError):
                    break
                except OSError as exc:
                    logger.error("cannot accept: %s", failure_text(exc))
                    await anyio.sleep(RETRY_PAUSE_S)
                    break
                make_non_blocking(client)
                peer = address_text(address)
                local = local_address(client)
                if context is None:
                    self._open_client(client, peer, local, None)
                elif self._handshakes.begin():
                    self._spawn(self._accept_tls, client, peer, local, context)
                else:
                    close_socket(client, reset=True)

    async def _accept_tls(self, sock: socket.socket, peer: str, local: str | None, context: ssl.SSLContext) -> None:
        pipe = TlsPipe(context, server_side=True)
        opened = False
        try:
            with anyio.move_on_after(HANDSHAKE_S):
                await tls_handshake(sock, pipe)
                opened = True
                self._open_client(sock, peer, local, pipe)
        except OSError as exc:
            logger.debug("no TLS with %s: %s", peer, failure_text(exc))
        finally:
            self._handshakes.end()
            if not opened:
                sock.close()

    async def _adopt(
        self, sock: socket.socket, peer: str, local: str | None, alpn: str | None, gone: Callable[[], None] | None
    ) -> ConnId | None:
        """Give a connected socket to the engine. ``gone`` is called when it is closed."""
        kept: ByteSocket = sock if gone is None else ToldSocket(sock, gone)
        return self._open_client(kept, peer, local, None, alpn)

    def _open_client(
        self, sock: ByteSocket, peer: str, local: str | None, pipe: TlsPipe | None, alpn: str | None = None
    ) -> ConnId | None:
        """A client's connection for the engine; ``None``: it cannot be served. ``alpn``: of a TLS that is not ours."""
        self._now = self._clock()
        try:
            chosen = alpn if pipe is None else pipe.alpn
            conn = self._engine.open_downstream(peer, chosen, self._now, local=local)
        except Exception as exc:
            report(exc, "open_downstream()")
            close_socket(sock, reset=True)
            return None
        link = self._links[conn] = Link(conn, sock, pipe)
        if self._draining:
            self._late.add(conn)
        try:
            self._start(link)
        except (OSError, ValueError) as exc:  # the system has no room to watch it, or others closed it
            logger.error("cannot serve a client: %s", failure_text(exc))
            self._abort(link, failure_text(exc))
            self._execute_effects()
            return None
        return conn

    def _start(self, link: Link) -> None:
        """Read a connection that the engine knows; first deliver what came behind the TLS handshake."""
        if not link.paused:
            self._readiness.start_reading(link)
        self._execute_effects()
        if link.tls is not None and link.socket is not None and not link.closing:
            try:
                self._decrypt(link, link.tls, b"", at_end=False)
            except OSError as exc:
                self._on_lost(link, failure_text(exc))
            except Exception as exc:
                report(exc, "received data")
                self._abort(link)
            self._execute_effects()

    def _connect(self, effect: Connect, link: Link) -> None:
        if self._stopping:
            self._on_dial_failed(link, "the gateway stopped")
        else:
            link.dial_scope = self._context.copy().run(anyio.CancelScope)
            self._spawn(self._dial, effect, link)

    async def _dial(self, effect: Connect, link: Link) -> None:
        scope = link.dial_scope
        assert scope is not None
        sock: socket.socket | None = None
        pipe: TlsPipe | None = None
        failure: str | None = None  # not the error itself, which refers to this frame
        done = False
        with scope:
            try:
                peer = effect.proxy or effect
                sock = await dial_tcp(peer.host, peer.port, partial(self._look_up, link))
                if effect.proxy is not None:
                    await open_tunnel(sock, Tunnel(effect))
                if effect.tls is not None:
                    context = client_context(effect.tls.ca_file, effect.alpn)
                    pipe = TlsPipe(context, server_side=False, server_hostname=effect.tls.server_hostname)
                    await tls_handshake(sock, pipe)
                done = True
            except (OSError, ValueError) as exc:
                failure = failure_text(exc)
                if effect.proxy is not None and sock is None:
                    failure = f"no connection to the proxy: {failure}"
            finally:
                if not done and sock is not None:
                    sock.close()
        link.dial_scope = None
        if link.conn not in self._links:  # closed during the dial: the engine knows
            if done and sock is not None:
                sock.close()
            return
        self._now = self._clock()
        try:
            if failure is not None:
                self._on_dial_failed(link, failure)
            else:
                link.socket, link.tls = sock, pipe
                self._engine.connected(link.conn, None if pipe is None else pipe.alpn, self._now)
                self._send_pending(link)
                self._start(link)
        except Exception as exc:
            report(exc, "connected()")
            self._abort(link)
        self._execute_effects()

    async def _look_up(self, link: Link, host: str, port: int) -> Sequence[AddressInfo]:
        link.looks_up = host, port
        assert self._resolver is not None
        try:
            return await self._resolver.look_up(host, port)
        finally:
            link.looks_up = None

    def _release(self, link: Link, *, reset: bool = False) -> None:
        """As every release; but a dial whose look-up goes on is closed when that has ended, because the engine counts
        look-ups by that."""
        conn = link.conn
        if not (
            link.looks_up is not None
            and conn in self._links
            and not self._stopping
            and self._resolver is not None
            and self._resolver.tell_end(*link.looks_up, partial(self._on_looked_up, conn))
        ):
            super()._release(link, reset=reset)
            return
        del self._links[conn]
        self._given_up[conn] = None
        if link.dial_scope is not None:
            link.dial_scope.cancel()
        self._on_released(conn)

    def _on_looked_up(self, conn: ConnId) -> None:
        if conn in self._given_up:
            del self._given_up[conn]
            self._call_engine(self._engine.closed, conn)

    # -- questions and time -------------------------------------------------------------------------------------

    def _ask(self, effect: Ask | Keep) -> None:
        if isinstance(effect, Keep):
            self._keep(effect)
        elif self._answer is None or self._stopping:
            self._engine.answer(effect.id, Unavailable(), self._now)
        else:
            self._spawn(self._find_answer, effect, self._answer)

    async def _find_answer(self, ask: Ask, handler: AnswerHandler) -> None:
        value: Answer = Unavailable()
        name = type(ask.question).__name__
        try:
            with anyio.move_on_after(max(0.0, ask.deadline - self._clock())):
                value = await handler(ask.question)
        except Exception as exc:
            report(exc, f"the answer to {name}", culprit="the host")
        if not isinstance(value, (*ANSWER_TYPES[type(ask.question)], Unavailable)):
            logger.error("the host answered %s with %s", name, type(value).__name__)
            value = Unavailable()
        self._call_engine(self._engine.answer, ask.id, value)

    def _keep(self, effect: Keep) -> None:
        if self._keep_handler is None or self._stopping:
            return
        if self._keeps >= _MOST_KEEPS:
            logger.info("a response is not kept: %d others are still being kept", self._keeps)
            return
        self._keeps += 1
        self._spawn(self._keep_response, effect, self._keep_handler)

    async def _keep_response(self, effect: Keep, handler: KeepHandler) -> None:
        try:
            await handler(effect)
        except Exception as exc:
            report(exc, "Keep", culprit="the host")
        finally:
            self._keeps -= 1

    async def _keep_alarm(self, *, task_status: TaskStatus[None]) -> None:
        """The one alarm. An earlier deadline moves it; when it goes off, it asks for the next deadline."""
        started = False
        while True:
            with anyio.CancelScope() as self._alarm_scope:
                self._alarm_at = inf
                due = self._engine.next_timeout()
                if due is not None:
                    self._now = self._clock()
                    self._set_alarm(due)
                if not started:
                    started = True
                    task_status.started()
                await anyio.sleep_forever()
            due = self._engine.next_timeout()
            if due is not None and due <= self._clock() and not self._call_engine(self._engine.handle_timeout):
                await anyio.sleep(RETRY_PAUSE_S)  # the deadline is still due: do not spin

    def _set_alarm(self, due: float) -> None:
        self._alarm_at = due
        if self._alarm_scope is not None:
            now = self._context.copy().run(anyio.current_time)
            self._alarm_scope.deadline = now + max(0.0, due - self._now)
