"""The driver: binds an engine to sockets, on asyncio, uvloop and trio.

Decides: how long a TLS handshake may take. Must not know: what the bytes mean, why a connection is dialled or closed.

anyio gives structure: tasks, cancellation, waiting while accepting, dialling, answering and for the next deadline. The
bytes take the short way, :mod:`aigw_drivers.core.transfer`.
"""

import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import TypeAlias

import anyio
from anyio.abc import TaskGroup, TaskStatus

from aigw_sansio import Answer, Ask, Connect, Engine, Event, Question, Unavailable
from aigw_sansio.effects import ANSWER_TYPE

from .core.link import ByteSocket, Link
from .core.readiness import Readiness, choose
from .core.sockets import Listener, dial_tcp, name_of, prepare, reason_of, shake_hands
from .core.tls import TlsPipe, client_context
from .core.transfer import Transfer, close_socket, logger, report

#: Looks up what the engine asks for. An exception, or an answer of the wrong class, counts as ``Unavailable``.
AnswerHandler: TypeAlias = Callable[[Question], Awaitable[Answer]]

#: How long a client may take for its TLS handshake. The engine hears of it only afterwards.
HANDSHAKE_S = 10.0

#: How long to rest where going on at once would only fail again.
REST_S = 0.1

_ACCEPTS_PER_TURN = 64


class AnyioDriver(Transfer):
    """Drives one engine. Everything runs in the event loop that runs :meth:`serve`.

    ``answer`` looks up what the engine asks for; without it every answer is ``Unavailable``. ``on_event`` is called
    with each event, and must return soon. ``clock`` gives monotonic seconds; the engine sees no other time.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        answer: AnswerHandler | None = None,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(engine, on_event, clock)
        self._answer = answer
        self._stopping = False
        self._draining = False
        self._alarm: anyio.CancelScope | None = None
        self._tasks: TaskGroup
        self._listening: anyio.CancelScope | None = None
        self._idle: anyio.Event | None = None

    # -- life ---------------------------------------------------------------------------------------------------

    async def serve(
        self,
        listeners: Sequence[Listener],
        *,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept from ``listeners`` (see :func:`aigw_drivers.core.sockets.listen`) and drive, until cancelled or drained.

        Closes the listeners at the end. A cancelled driver resets what is still open, and tells the engine. A driver
        serves once.
        """
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                self._readiness = self._choose_readiness(tasks)
                await tasks.start(self._keep_time)
                self._now = self._clock()
                self._run()  # what the engine wanted before anybody came
                task_status.started()
                with anyio.CancelScope() as self._listening:
                    if self._draining:
                        self._listening.cancel()
                    async with anyio.create_task_group() as accepting:
                        for listener in listeners:
                            accepting.start_soon(self._accept, listener)
                        await anyio.sleep_forever()
                for listener in listeners:
                    listener.socket.close()
                while self._links:
                    self._idle = anyio.Event()
                    await self._idle.wait()
                tasks.cancel_scope.cancel()
        finally:
            self._stop(listeners)

    async def drain(self) -> None:
        """Stop accepting, and let :meth:`serve` return when the last connection has ended.

        Calls the engine's ``drain(now)``: it refuses new work and ends running work by its own deadlines.
        """
        if self._draining:
            return
        self._draining = True
        if self._listening is not None:
            self._listening.cancel()
        self._step(self._engine.drain)

    def _all_ended(self) -> None:
        if self._idle is not None:
            self._idle.set()

    def _stop(self, listeners: Sequence[Listener]) -> None:
        self._stopping = True
        for listener in listeners:
            listener.socket.close()
        self._now = self._clock()
        for link in list(self._links.values()):
            self._abandon(link, "the gateway stopped")
            self._run()

    def _choose_readiness(self, tasks: TaskGroup) -> Readiness:
        return choose(tasks, self._on_readable, self._on_writable)

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
                    logger.error("cannot accept: %s", reason_of(exc))
                    await anyio.sleep(REST_S)
                    break
                prepare(client)
                peer = name_of(address)
                if context is None:
                    self._open(client, peer, None)
                else:
                    self._tasks.start_soon(self._shake_hands, client, peer, context)

    async def _shake_hands(self, sock: ByteSocket, peer: str, context: ssl.SSLContext) -> None:
        pipe = TlsPipe(context, server_side=True)
        opened = False
        try:
            with anyio.move_on_after(HANDSHAKE_S):
                await self._handshake(sock, pipe)
                opened = True
                if self._draining:
                    sock.close()
                else:
                    self._open(sock, peer, pipe)
        except OSError as exc:
            logger.debug("no TLS with %s: %s", peer, reason_of(exc))
        finally:
            if not opened:
                sock.close()

    def _open(self, sock: ByteSocket, peer: str, pipe: TlsPipe | None) -> None:
        self._now = self._clock()
        try:
            conn = self._engine.open_downstream(peer, None if pipe is None else pipe.alpn, self._now)
        except Exception as exc:
            report(exc, "a new client")
            close_socket(sock, reset=True)
        else:
            link = self._links[conn] = Link(conn, sock, pipe)
            self._begin(link)

    def _begin(self, link: Link) -> None:
        """The connection is up, and the engine knows: read it, and deliver what came behind the TLS handshake."""
        if not link.paused:
            self._readiness.start_reading(link)
        self._run()
        if link.tls is not None and link.socket is not None and not link.closing:
            try:
                self._decrypt(link, link.tls, b"", at_end=False)
            except OSError as exc:
                self._lose(link, reason_of(exc))
            except Exception as exc:
                report(exc, "what it received")
                self._abandon(link)
            self._run()

    def _connect(self, effect: Connect, link: Link) -> None:
        if self._stopping:
            self._refuse(link, "the gateway stopped")
        else:
            link.dial = anyio.CancelScope()
            self._tasks.start_soon(self._dial, effect, link)

    async def _dial(self, effect: Connect, link: Link) -> None:
        scope = link.dial
        assert scope is not None
        sock: ByteSocket | None = None
        pipe: TlsPipe | None = None
        failure: BaseException | None = None
        done = False
        with scope:
            try:
                sock = await self._dial_tcp(effect.host, effect.port)
                if effect.tls is not None:
                    context = client_context(effect.tls.ca_file, effect.alpn)
                    pipe = TlsPipe(context, server_side=False, server_hostname=effect.tls.server_hostname)
                    await self._handshake(sock, pipe)
                done = True
            except (OSError, ValueError) as exc:
                failure = exc
            finally:
                if not done and sock is not None:
                    sock.close()
        link.dial = None
        if link.conn not in self._links:  # closed while it was dialled: the engine knows
            if done and sock is not None:
                sock.close()
            return
        self._now = self._clock()
        try:
            if failure is not None:
                self._refuse(link, reason_of(failure))
            else:
                link.socket, link.tls = sock, pipe
                self._engine.connected(link.conn, None if pipe is None else pipe.alpn, self._now)
                self._pump(link)
                self._begin(link)
        except Exception as exc:
            report(exc, "a dialled connection")
            self._abandon(link)
        self._run()

    async def _dial_tcp(self, host: str, port: int) -> ByteSocket:
        return await dial_tcp(host, port)

    async def _handshake(self, sock: ByteSocket, pipe: TlsPipe) -> None:
        await shake_hands(sock, pipe)

    # -- questions and time -------------------------------------------------------------------------------------

    def _ask(self, ask: Ask) -> None:
        if self._answer is None or self._stopping:
            self._engine.answer(ask.id, Unavailable(), self._now)
        else:
            self._tasks.start_soon(self._look_up, ask, self._answer)

    async def _look_up(self, ask: Ask, handler: AnswerHandler) -> None:
        value: Answer = Unavailable()
        name = type(ask.question).__name__
        try:
            with anyio.move_on_after(max(0.0, ask.deadline - self._clock())):
                value = await handler(ask.question)
        except Exception as exc:
            report(exc, f"the answer to {name}", who="the host")
        if not isinstance(value, (ANSWER_TYPE[type(ask.question)], Unavailable)):
            logger.error("the host answered %s with %s", name, type(value).__name__)
            value = Unavailable()
        self._step(self._engine.answer, ask.id, value)

    async def _keep_time(self, *, task_status: TaskStatus[None]) -> None:
        """The one alarm. It is moved when a deadline comes to lie earlier, and looks anew when it goes off."""
        started = False
        while True:
            with anyio.CancelScope() as self._alarm:
                self._armed = inf
                due = self._engine.next_timeout()
                if due is not None:
                    self._now = self._clock()
                    self._arm(due)
                if not started:
                    started = True
                    task_status.started()
                await anyio.sleep_forever()
            due = self._engine.next_timeout()
            if due is not None and due <= self._clock() and not self._step(self._engine.handle_timeout):
                await anyio.sleep(REST_S)  # its deadline still stands: do not spin

    def _arm(self, due: float) -> None:
        self._armed = due
        if self._alarm is not None:
            self._alarm.deadline = anyio.current_time() + max(0.0, due - self._now)
