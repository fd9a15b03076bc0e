"""The driver: binds an engine to sockets, on asyncio, uvloop and trio.

Decides: nothing about any protocol. It carries out the nine duties of :mod:`aigw_drivers.contract`. Must not know: what
the bytes mean, why a connection is dialled or closed.

anyio gives structure: tasks, cancellation, waiting while dialling and answering. The bytes take the short way: when a
socket is readable, a plain function reads it once, gives that to the engine, and at once writes whatever the engine
wants written, all in the same turn of the loop. There is no task switch, queue, lock or timeout per message, and what
the kernel took is known to the byte.
"""

import logging
import socket
import ssl
import struct
import time
import traceback
from collections.abc import Callable, Sequence
from math import inf

import anyio
from anyio.abc import TaskGroup, TaskStatus

from aigw_sansio.effects import (
    ANSWER_TYPE,
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
from .link import Link
from .readiness import Readiness, choose
from .sockets import Listener, dial_tcp, name_of, prepare, reason_of, shake_hands
from .tls import MAX_CONTROL_BYTES, TlsPipe, client_context

logger = logging.getLogger("aigw.driver")

#: A TLS read is smaller by one record, for a record begun earlier may come out with it.
TLS_READ_SIZE = READ_SIZE - 16384

#: How long a client may take for its TLS handshake. The engine hears of it only afterwards.
HANDSHAKE_S = 10.0

#: How long to rest where going on at once would only fail again.
REST_S = 0.1

_ACCEPTS_PER_TURN = 64
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset


class AnyioDriver:
    """Drives one engine. Everything runs in the event loop that runs :meth:`serve`.

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
        self._engine = engine
        self._answer = answer
        self._on_event = on_event
        self._clock = clock
        self._now = -inf
        self._links: dict[ConnId, Link] = {}
        self._busy = False  # effects are being executed; whoever calls in leaves its own to the outermost loop
        self._stopping = False
        self._draining = False
        self._armed = inf
        self._alarm: anyio.CancelScope | None = None
        self._tasks: TaskGroup
        self._readiness: Readiness
        self._listening: anyio.CancelScope | None = None
        self._idle: anyio.Event | None = None

    # -- life ---------------------------------------------------------------------------------------------------

    async def serve(
        self,
        listeners: Sequence[Listener],
        *,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept from ``listeners`` (see :func:`aigw_drivers.sockets.listen`) and drive, until cancelled or drained.

        Closes the listeners at the end. A cancelled driver resets what is still open, and tells the engine. A driver
        serves once.
        """
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                self._readiness = choose(tasks, self._on_readable, self._on_writable)
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

        Calls the engine's ``drain(now)`` where it has one (:meth:`aigw_sansio.gateway.Gateway.drain`): it refuses new
        work and ends what there is by its own deadlines. Without one, :meth:`serve` waits for the peers to end.
        """
        if self._draining:
            return
        self._draining = True
        if self._listening is not None:
            self._listening.cancel()
        if (drain := getattr(self._engine, "drain", None)) is not None:
            self._step(drain)

    def _stop(self, listeners: Sequence[Listener]) -> None:
        self._stopping = True
        for listener in listeners:
            listener.socket.close()
        self._now = self._clock()
        for link in list(self._links.values()):
            self._abandon(link, "the gateway stopped")
        self._run()

    # -- the one way in -----------------------------------------------------------------------------------------

    def _step(self, method: Callable[..., object], *args: object) -> bool:
        """Call an input that concerns no open connection, then do what the engine wants. False where it failed."""
        self._now = self._clock()
        try:
            method(*args, self._now)
        except Exception as exc:
            _report(exc, method.__name__)
            return False
        finally:
            self._run()
        return True

    def _run(self) -> None:
        """Execute effects until there are none; then see to the alarm."""
        if self._busy:
            return
        self._busy = True
        engine = self._engine
        links = self._links
        link: Link | None = None
        try:
            while effects := engine.effects():
                for effect in effects:
                    try:
                        if type(effect) is Flush:
                            if (link := links.get(effect.conn)) is not None and not link.rest:
                                self._pump(link)
                        else:
                            link = links.get(effect.conn) if isinstance(effect, Close) else None
                            self._execute(effect)
                    except Exception as exc:
                        _report(exc, type(effect).__name__)
                        if link is not None:
                            self._abandon(link)
            due = engine.next_timeout()
            if due is not None and due < self._armed:
                self._arm(due)
        except Exception as exc:
            _report(exc, "its outputs")
        finally:
            self._busy = False

    def _execute(self, effect: Effect) -> None:
        """Every effect but ``Flush``, the frequent one."""
        match effect:
            case PauseReading(conn):
                if (link := self._links.get(conn)) is not None:
                    link.paused = True
                    self._readiness.stop_reading(link)
            case ResumeReading(conn):
                if (link := self._links.get(conn)) is not None:
                    link.paused = False
                    if not link.ended:
                        self._readiness.start_reading(link)
            case Close(conn, abort):
                if (link := self._links.get(conn)) is not None:
                    if abort:
                        self._release(link, reset=not link.shut)
                    else:
                        self._close(link)
            case Emit(event):
                if self._on_event is not None:
                    try:
                        self._on_event(event)
                    except Exception as exc:
                        _report(exc, type(event).__name__, who="the host")
            case Connect(conn):
                link = self._links[conn] = Link(conn)
                if self._stopping:
                    self._refuse(link, "the gateway stopped")
                else:
                    link.dial = anyio.CancelScope()
                    self._tasks.start_soon(self._dial, effect, link)
            case Ask(ask_id):
                if self._answer is None or self._stopping:
                    self._engine.answer(ask_id, Unavailable(), self._now)
                else:
                    self._tasks.start_soon(self._look_up, effect, self._answer)

    # -- reading ------------------------------------------------------------------------------------------------

    def _on_readable(self, link: Link) -> None:
        sock = link.socket
        if sock is None:
            return
        self._now = self._clock()
        try:
            try:
                data = sock.recv(READ_SIZE if link.tls is None else TLS_READ_SIZE)
            except (BlockingIOError, InterruptedError):
                return
            if link.closing:
                if not data:
                    self._peer_ended(link)
            elif link.tls is not None:
                self._decrypt(link, link.tls, data)
            elif data:
                self._engine.receive_data(link.conn, data, self._now)
            else:
                self._peer_ended(link)
        except OSError as exc:
            self._lose(link, reason_of(exc))
        except Exception as exc:
            _report(exc, "what it received")
            self._abandon(link)
        self._run()

    def _decrypt(self, link: Link, pipe: TlsPipe, data: bytes, *, at_end: bool = True) -> None:
        if not data and at_end:
            self._lose(link, "TLS: the stream was cut short")
            return
        try:
            plain = pipe.decrypt(data)
        except ssl.SSLError:
            self._send_control(link, pipe.pending())
            raise
        if control := pipe.pending():
            self._send_control(link, control)
        if plain:
            self._engine.receive_data(link.conn, plain, self._now)
        if pipe.ended:
            self._peer_ended(link)

    def _peer_ended(self, link: Link) -> None:
        """The peer's side ended in good order. Ours goes on."""
        link.ended = True
        self._readiness.stop_reading(link)
        if not link.closing:
            self._engine.receive_eof(link.conn, self._now)
        elif link.shut:
            self._release(link)

    # -- writing ------------------------------------------------------------------------------------------------

    def _pump(self, link: Link) -> None:
        """Pull and send until nothing is left or the socket takes no more."""
        sock = link.socket
        if sock is None or link.shut:
            return
        engine = self._engine
        pull = engine.data_to_send
        conn = link.conn
        pipe = link.tls
        try:
            while data := pull(conn):
                size = len(data)
                if pipe is not None:
                    data = pipe.encrypt(data)
                try:
                    sent = sock.send(data)
                except (BlockingIOError, InterruptedError):
                    sent = 0
                if sent == len(data):
                    engine.data_sent(conn, size, self._now)
                    continue
                link.rest = memoryview(data)[sent:]
                link.unconfirmed = size
                if pipe is None and sent:
                    link.unconfirmed -= sent
                    engine.data_sent(conn, sent, self._now)
                self._readiness.start_writing(link)
                return
        except OSError as exc:
            self._lose(link, reason_of(exc))
            return
        if link.closing:
            self._finish(link)

    def _on_writable(self, link: Link) -> None:
        sock = link.socket
        if sock is None:
            return
        self._now = self._clock()
        try:
            try:
                sent = sock.send(link.rest)
            except (BlockingIOError, InterruptedError):
                return
            if sent < len(link.rest):
                link.rest = link.rest[sent:]
                if link.tls is None:
                    link.unconfirmed -= sent
                    self._engine.data_sent(link.conn, sent, self._now)
            else:
                link.rest = b""
                self._readiness.stop_writing(link)
                if confirmed := link.unconfirmed:
                    link.unconfirmed = 0
                    self._engine.data_sent(link.conn, confirmed, self._now)
                self._pump(link)
        except OSError as exc:
            self._lose(link, reason_of(exc))
        except Exception as exc:
            _report(exc, "what was sent")
            self._abandon(link)
        self._run()

    def _send_control(self, link: Link, data: bytes) -> None:
        """Send what TLS says by itself, behind what is already encrypted."""
        sock = link.socket
        if sock is None or not data:
            return
        if link.rest:
            if len(link.rest) + len(data) > READ_SIZE + MAX_CONTROL_BYTES:
                raise ConnectionAbortedError("TLS: too much to say to a peer that does not read")
            link.rest = b"".join((link.rest, data))
            return
        try:
            sent = sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        if sent < len(data):
            link.rest = data[sent:]
            self._readiness.start_writing(link)

    # -- ends ---------------------------------------------------------------------------------------------------

    def _close(self, link: Link) -> None:
        """Finish sending, then close. Nothing that comes in is delivered any more."""
        link.closing = True
        if link.socket is None:
            self._release(link)
        elif not link.rest:
            self._pump(link)

    def _finish(self, link: Link) -> None:
        """All is sent: end our side, then wait for the peer's end.

        Closing at once would turn what the peer is still sending into a reset, which throws away our last bytes before
        the peer has read them. So what comes is read and dropped, until the peer ends or the engine's own deadline says
        ``Close(abort)``.
        """
        sock = link.socket
        if sock is None:
            return
        try:
            if link.tls is not None and not link.farewell:
                link.farewell = True
                self._send_control(link, link.tls.end())
                if link.rest:
                    return  # comes back when it is sent
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._release(link)
            return
        link.shut = True
        if link.ended:
            self._release(link)
        else:
            self._readiness.start_reading(link)

    def _lose(self, link: Link, reason: str) -> None:
        """The connection broke. Reported unless its end was known already."""
        if link.conn not in self._links:
            return
        if not link.ended and not link.closing:
            link.ended = True
            self._engine.connection_lost(link.conn, reason, self._now)
        self._release(link, reset=True)

    def _release(self, link: Link, *, reset: bool = False) -> None:
        """Let go of the socket and say so: the last that the engine hears of ``link``."""
        if self._links.pop(link.conn, None) is None:
            return
        if link.dial is not None:
            link.dial.cancel()
        if (sock := link.socket) is not None:
            self._readiness.forget(link)
            link.socket = None
            _close_socket(sock, reset=reset)
        if self._idle is not None and not self._links:
            self._idle.set()
        self._engine.closed(link.conn, self._now)

    def _abandon(self, link: Link, reason: str = "internal error") -> None:
        """The engine failed over ``link``, or we stop: that connection ends, whatever the engine says to it."""
        for _ in range(2):  # the report of the loss may fail, and then that of the release
            try:
                if link.dial is not None:
                    self._refuse(link, reason)
                else:
                    self._lose(link, reason)
            except Exception as exc:
                _report(exc, "the end of a connection")

    def _refuse(self, link: Link, reason: str) -> None:
        """A dial failed."""
        if link.conn in self._links and not link.ended and not link.closing:
            link.ended = True
            self._engine.connect_failed(link.conn, reason, self._now)
        self._release(link)

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

    async def _shake_hands(self, sock: socket.socket, peer: str, context: ssl.SSLContext) -> None:
        pipe = TlsPipe(context, server_side=True)
        opened = False
        try:
            with anyio.move_on_after(HANDSHAKE_S):
                await shake_hands(sock, pipe)
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

    def _open(self, sock: socket.socket, peer: str, pipe: TlsPipe | None) -> None:
        self._now = self._clock()
        try:
            conn = self._engine.open_downstream(peer, None if pipe is None else pipe.alpn, self._now)
        except Exception as exc:
            _report(exc, "a new client")
            _close_socket(sock, reset=True)
        else:
            link = self._links[conn] = Link(conn, sock, pipe)
            self._begin(link)
        self._run()

    def _begin(self, link: Link) -> None:
        """The connection is up: read it, and deliver what came behind the TLS handshake."""
        self._readiness.start_reading(link)
        if link.tls is not None:
            try:
                self._decrypt(link, link.tls, b"", at_end=False)
            except OSError as exc:
                self._lose(link, reason_of(exc))
            except Exception as exc:
                _report(exc, "what it received")
                self._abandon(link)

    async def _dial(self, effect: Connect, link: Link) -> None:
        scope = link.dial
        assert scope is not None
        sock: socket.socket | None = None
        pipe: TlsPipe | None = None
        failure: BaseException | None = None
        done = False
        with scope:
            try:
                sock = await dial_tcp(effect.host, effect.port)
                if effect.tls is not None:
                    context = client_context(effect.tls.ca_file, effect.alpn)
                    pipe = TlsPipe(context, server_side=False, server_hostname=effect.tls.server_hostname)
                    await shake_hands(sock, pipe)
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
                if not link.paused:
                    self._begin(link)
                self._pump(link)
        except Exception as exc:
            _report(exc, "a dialled connection")
            self._abandon(link)
        self._run()

    # -- questions and time -------------------------------------------------------------------------------------

    async def _look_up(self, ask: Ask, handler: AnswerHandler) -> None:
        value: Answer = Unavailable()
        name = type(ask.question).__name__
        try:
            with anyio.move_on_after(max(0.0, ask.deadline - self._clock())):
                value = await handler(ask.question)
        except Exception as exc:
            _report(exc, f"the answer to {name}", who="the host")
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


def _close_socket(sock: socket.socket, *, reset: bool) -> None:
    try:
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    except OSError:
        pass
    sock.close()


def _report(exc: BaseException, over: str, *, who: str = "the engine") -> None:
    """Log a bug without its message, which might quote what passed."""
    trace = "".join(traceback.format_tb(exc.__traceback__))
    logger.error("%s failed over %s: %s\n%s", who, over, type(exc).__qualname__, trace)
