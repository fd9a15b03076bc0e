"""What a driver does without waiting: call the engine, execute its effects, read and write sockets, by plain functions.

Decides: nothing about any protocol. It does the ten duties of a driver (:mod:`aigw_sansio`), except for those that
must wait: dialling, answering and time. A subclass adds these. Must not know: the meaning of bytes, the reason for a
dial or a close, the event loop.

When a socket is readable, a plain function reads it once and passes the bytes to the engine. The engine's output is
written in the same turn of the loop, behind the reads that add to it (:mod:`.turn`). So each connection gets one write,
even if many ready sockets added to it, and does not wait for others. There is no task switch, queue, lock or timeout
for a message, and the number of bytes that the kernel took is known exactly.
"""

import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Container
from math import inf

from aigw_sansio import (
    READ_SIZE,
    Ask,
    Close,
    Connect,
    ConnId,
    Continue,
    Effect,
    Emit,
    Engine,
    Event,
    Flush,
    Keep,
    PartFailed,
    PauseReading,
    ResumeReading,
)

from .link import LARGE_READ_SIZE, Link
from .readiness import Readiness
from .reports import logger, report
from .sockets import close_socket, failure_text
from .tls import MAX_CONTROL_BYTES, TlsPipe
from .turn import PATIENCE_S, READ_COST_BYTES, TURN_BYTES, Turn


class Transfer(ABC):
    """Moves bytes between one engine and its links, and executes its effects."""

    def __init__(self, engine: Engine, on_event: Callable[[Event], None] | None, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._on_event = on_event
        self._clock = clock
        self._now = -inf
        self._links: dict[ConnId, Link] = {}
        self._executing = False  # effects run: a call from inside leaves its effects to the outermost loop
        self._alarm_at = inf
        self._work_is_left = False  # the engine said ``Continue``, and ``proceed`` was not called since
        self._turn = Turn()
        self._unflushed: dict[Link, None] = {}
        self._turn_bytes = 0
        self._patient_until = inf  # finite if there are unflushed ones
        self._readiness: Readiness

    @abstractmethod
    def _connect(self, effect: Connect, link: Link) -> None:
        """Begin to dial, or call :meth:`_on_dial_failed`."""

    @abstractmethod
    def _ask(self, effect: Ask | Keep) -> None:
        """Begin to look up the answer, or give it at once; begin to keep a response, or drop it."""

    @abstractmethod
    def _proceed_later(self) -> None:
        """Serve each ready socket once, let the loop run, then call :meth:`_proceed`."""

    @abstractmethod
    def _set_alarm(self, due: float) -> None:
        """``due`` is earlier than the alarm: set ``_alarm_at`` and the alarm."""

    @abstractmethod
    def _on_released(self, conn: ConnId) -> None:
        """``conn`` was released: it is no link any more."""

    # -- the engine -----------------------------------------------------------------------------------------

    def _call_engine(self, method: Callable[..., object], *args: object) -> bool:
        """Call an input that belongs to no open connection, then execute the effects. False if the engine raised."""
        self._now = self._clock()
        try:
            method(*args, self._now)
        except Exception as exc:
            report(exc, method.__name__)
            return False
        finally:
            self._execute_effects()
        return True

    def _proceed(self) -> None:
        """More of the work that the engine has left."""
        if self._work_is_left:
            self._work_is_left = False
            self._call_engine(self._engine.proceed)

    def _execute_effects(self, source: Link | None = None) -> None:
        """Execute effects until there are none; then set the alarm.

        After a read of ``source``, ``Flush`` only marks the connection, if other reads of the turn follow; the caller
        must make sure that :meth:`_flush` is called.
        """
        if self._executing:
            return
        self._executing = True
        at_once = source is None or self._turn.alone
        engine = self._engine
        links = self._links
        link: Link | None = None
        try:
            calls = True  # an effect may have called the engine, which then may have more
            while calls and (effects := engine.effects()):
                calls = at_once
                for effect in effects:
                    try:
                        if type(effect) is Flush:
                            if (link := links.get(effect.conn)) is not None and not link.unsent:
                                if source is not None and source.writes_to is not link:
                                    self._turn.learn(source, link)
                                if at_once:
                                    self._send_pending(link)
                                else:
                                    self._unflushed[link] = None
                            elif link is None:
                                self._execute(effect)  # for a client without bytes
                        else:
                            calls = True
                            link = links.get(effect.conn) if isinstance(effect, Close) else None
                            self._execute(effect)
                    except Exception as exc:
                        report(exc, type(effect).__name__)
                        if link is not None:
                            self._abort(link)
            if not self._unflushed:
                due = engine.next_timeout()
                if due is not None and due < self._alarm_at:
                    self._set_alarm(due)
        except Exception as exc:
            report(exc, "effects()")
        finally:
            self._executing = False

    def _flush(self, awaited: Container[Link] = ()) -> None:
        """Write the output of all connections that :meth:`_execute_effects` has marked, but not of ``awaited``."""
        links = self._unflushed
        if awaited:
            self._unflushed = {link: None for link in links if link in awaited}
            links = {link: None for link in links if link not in awaited}
        else:
            self._unflushed = {}
        if self._unflushed:
            self._patient_until = self._now + PATIENCE_S
        else:
            self._patient_until, self._turn_bytes = inf, 0
        if not links:
            return
        self._now = self._clock()
        for link in links:
            try:
                if not link.unsent:
                    self._send_pending(link)
            except Exception as exc:
                report(exc, "data_to_send()")
                self._abort(link)
        self._execute_effects()

    def _execute(self, effect: Effect) -> None:
        """Execute any effect but ``Flush``, which is frequent."""
        match effect:
            case PauseReading(conn):
                if (link := self._links.get(conn)) is not None:
                    link.paused = True
                    self._readiness.stop_reading(link)
            case ResumeReading(conn):
                if (link := self._links.get(conn)) is not None:
                    link.paused = False
                    if not link.peer_ended:
                        self._readiness.start_reading(link)
            case Close(conn, abort):
                if (link := self._links.get(conn)) is not None:
                    if abort:
                        self._release(link, reset=not link.shut_down)
                    else:
                        self._close(link)
            case Emit(event):
                if type(event) is PartFailed:  # a bug is loud, whoever listens
                    logger.error("the host's %s failed: %s at %s", event.part, event.error, event.where or "its return")
                if self._on_event is not None:
                    try:
                        self._on_event(event)
                    except Exception as exc:
                        report(exc, type(event).__name__, culprit="the host")
            case Connect(conn):
                link = self._links[conn] = Link(conn)
                self._connect(effect, link)
            case Ask() | Keep():
                self._ask(effect)
            case Continue():
                self._work_is_left = True
                self._proceed_later()

    # -- reading ------------------------------------------------------------------------------------------------

    def _on_readable(self, link: Link) -> None:
        """Read once, and pass on what came: nothing at the peer's end."""
        sock = link.socket
        if sock is None:
            return
        size = link.read_size
        broken = None
        try:
            data = sock.recv(size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            data, broken = b"", failure_text(exc)
        if len(data) == size:
            link.read_size = LARGE_READ_SIZE
        self._now = now = self._clock()
        turn = self._turn
        if now > self._patient_until:
            self._flush(turn.awaited)
            if link.conn not in self._links:
                return
            now = self._now
        if turn.awaited:
            turn.serve(link)
        try:
            try:
                if data and link.tls is None and not link.closing:
                    self._engine.receive_data(link.conn, data, now)
                elif broken is not None:
                    self._on_lost(link, broken)
                elif link.tls is not None and not link.closing:
                    self._decrypt(link, link.tls, data)
                elif not data:
                    self._peer_ended(link)
            except OSError as exc:
                self._on_lost(link, failure_text(exc))
        except Exception as exc:
            report(exc, "received data")
            self._abort(link)
        self._execute_effects(link)
        if self._unflushed:
            read_before = self._turn_bytes
            self._turn_bytes = size = read_before + len(data) + READ_COST_BYTES
            if size >= TURN_BYTES:
                self._flush()
            elif not read_before:
                self._patient_until = now + PATIENCE_S
                self._readiness.at_turn_end(self._flush)

    def _decrypt(self, link: Link, pipe: TlsPipe, data: bytes, *, at_end: bool = True) -> None:
        if not data and at_end:
            self._on_lost(link, "TLS: the stream was cut short")
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
            self._execute_effects()  # before the end: the engine may close the connection
            if link.socket is not None:
                self._peer_ended(link)

    def _peer_ended(self, link: Link) -> None:
        """The peer ended its direction in order. Ours stays open."""
        link.peer_ended = True
        self._readiness.stop_reading(link)
        if not link.closing:
            self._engine.receive_eof(link.conn, self._now)
        elif link.shut_down:
            self._release(link)

    # -- writing ------------------------------------------------------------------------------------------------

    def _send_pending(self, link: Link) -> None:
        """Pull and send until nothing is left, or the socket takes no more."""
        sock = link.socket
        if sock is None or link.shut_down:
            return
        engine = self._engine
        pull = engine.data_to_send
        conn = link.conn
        pipe = link.tls
        try:
            while data := pull(conn, READ_SIZE):
                size = len(data)
                if pipe is not None:
                    data = pipe.encrypt(data)
                try:
                    sent = sock.send(data)
                except (BlockingIOError, InterruptedError):
                    sent = 0
                if sent == len(data):
                    engine.data_sent(conn, size, self._now)
                    if size < READ_SIZE and not link.closing:
                        return  # that was all; if data_sent() made more, the engine says Flush
                    continue
                link.unsent = memoryview(data)[sent:]
                link.unconfirmed = size
                if pipe is None and sent:
                    link.unconfirmed -= sent
                    engine.data_sent(conn, sent, self._now)
                self._readiness.start_writing(link)
                return
        except OSError as exc:
            self._on_lost(link, failure_text(exc))
            return
        if link.closing:
            self._shut_down(link)

    def _on_writable(self, link: Link) -> None:
        sock = link.socket
        if sock is None:
            return
        self._now = self._clock()
        try:
            try:
                sent = sock.send(link.unsent)
            except (BlockingIOError, InterruptedError):
                return
            if sent < len(link.unsent):
                link.unsent = link.unsent[sent:]
                if link.tls is None:
                    link.unconfirmed -= sent
                    self._engine.data_sent(link.conn, sent, self._now)
            else:
                link.unsent = b""
                self._readiness.stop_writing(link)
                if confirmed := link.unconfirmed:
                    link.unconfirmed = 0
                    self._engine.data_sent(link.conn, confirmed, self._now)
                self._send_pending(link)
        except OSError as exc:
            self._on_lost(link, failure_text(exc))
        except Exception as exc:
            report(exc, "data_sent()")
            self._abort(link)
        self._execute_effects()

    def _send_control(self, link: Link, data: bytes) -> None:
        """Send a message of TLS itself, behind the ciphertext that is still unsent."""
        sock = link.socket
        if sock is None or not data:
            return
        if link.unsent:
            if len(link.unsent) + len(data) > READ_SIZE + MAX_CONTROL_BYTES:
                raise ConnectionAbortedError("TLS: the peer asks much and reads nothing")
            link.unsent = b"".join((link.unsent, data))
            return
        try:
            sent = sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        if sent < len(data):
            link.unsent = data[sent:]
            self._readiness.start_writing(link)

    # -- ends ---------------------------------------------------------------------------------------------------

    def _close(self, link: Link) -> None:
        """Finish sending, then close. Nothing more is delivered to the engine."""
        link.closing = True
        if link.socket is None:
            self._release(link)
        elif not link.unsent:
            self._send_pending(link)

    def _shut_down(self, link: Link) -> None:
        """All is sent: end our direction, then wait for the peer's end.

        If we closed at once while the peer still sends, the kernel would answer with a reset, and the peer could lose
        our last bytes. So we read and drop, until the peer ends, or the engine's own deadline says ``Close(abort)``.
        """
        sock = link.socket
        if sock is None:
            return
        try:
            if link.tls is not None and not link.close_notify_sent:
                link.close_notify_sent = True
                self._send_control(link, link.tls.close_notify())
                if link.unsent:
                    return  # called again when it is sent
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._release(link)
            return
        link.shut_down = True
        if link.peer_ended:
            self._release(link)
        else:
            self._readiness.start_reading(link)

    def _on_lost(self, link: Link, reason: str) -> None:
        """The connection broke: report that, unless its end is already known, and release it."""
        if link.conn not in self._links:
            return
        if not link.peer_ended and not link.closing:
            link.peer_ended = True
            self._engine.connection_lost(link.conn, reason, self._now)
        self._release(link, reset=True)

    def _release(self, link: Link, *, reset: bool = False) -> None:
        """Release the socket and report ``closed``, the last input for ``link``."""
        if self._links.pop(link.conn, None) is None:
            return
        if link.dial_scope is not None:
            link.dial_scope.cancel()
        if (sock := link.socket) is not None:
            self._readiness.forget(link)
            link.socket = None
            close_socket(sock, reset=reset)
        link.release()
        self._turn.forget(link)
        self._on_released(link.conn)
        self._engine.closed(link.conn, self._now)

    def _abort(self, link: Link, reason: str = "internal error") -> None:
        """Abort ``link``, because the engine raised or the driver stops. No exception of the engine prevents it."""
        for _ in range(2):  # first the report of the loss may raise, then the report of the release
            try:
                if link.dial_scope is not None:
                    self._on_dial_failed(link, reason)
                else:
                    self._on_lost(link, reason)
            except Exception as exc:
                report(exc, "the end of a connection")

    def _on_dial_failed(self, link: Link, reason: str) -> None:
        """The dial failed: report that, and release ``link``."""
        if link.conn in self._links and not link.peer_ended and not link.closing:
            link.peer_ended = True
            self._engine.connect_failed(link.conn, reason, self._now)
        self._release(link)
