"""The heart of a driver: engine in, effects out, sockets read and written, all in plain functions.

Decides: nothing about any protocol. It carries out the nine duties of a driver (:mod:`aigw_sansio`), save for what must
wait: dialling, answering and time, which a subclass adds. Must not know: what the bytes mean, why a connection is
dialled or closed, which event loop runs.

When a socket is readable, a plain function reads it once and gives that to the engine. What the engine then wants
written is written at the end of the same turn of the loop, or sooner where the turn has read much: one write for each
connection, however many of the sockets that were ready brought something for it. There is no task switch, queue, lock
or timeout per message, and what the kernel took is known to the byte.
"""

import logging
import socket
import ssl
import struct
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from math import inf

from aigw_sansio import (
    READ_SIZE,
    Ask,
    Close,
    Connect,
    ConnId,
    Effect,
    Emit,
    Engine,
    Event,
    Flush,
    PauseReading,
    ResumeReading,
)

from .link import ByteSocket, Link
from .readiness import Readiness
from .sockets import reason_of
from .tls import MAX_CONTROL_BYTES, TlsPipe

logger = logging.getLogger("aigw.driver")

#: A TLS read is smaller by one record, for a record begun earlier may come out with it.
TLS_READ_SIZE = READ_SIZE - 16384

#: A turn that has read so many bytes writes before it reads on, so that nothing waits for long behind the reads. A read
#: takes its time however small it is: it counts for so many bytes more.
TURN_SIZE = 65536
READ_COUNTS_FOR = 600

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset


class Transfer(ABC):
    """Moves bytes and effects between one engine and its links."""

    def __init__(self, engine: Engine, on_event: Callable[[Event], None] | None, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._on_event = on_event
        self._clock = clock
        self._now = -inf
        self._links: dict[ConnId, Link] = {}
        self._busy = False  # effects are being executed; whoever calls in leaves its own to the outermost loop
        self._armed = inf
        self._unflushed: dict[Link, None] = {}
        self._turn_size = 0
        self._readiness: Readiness

    @abstractmethod
    def _connect(self, effect: Connect, link: Link) -> None:
        """Begin to dial, or :meth:`_refuse`."""

    @abstractmethod
    def _ask(self, ask: Ask) -> None:
        """Begin to look up the answer, or give it."""

    @abstractmethod
    def _arm(self, due: float) -> None:
        """A deadline lies earlier than any before: set ``_armed``, and the alarm."""

    @abstractmethod
    def _all_ended(self) -> None:
        """The last connection was released."""

    # -- the one way in -----------------------------------------------------------------------------------------

    def _step(self, method: Callable[..., object], *args: object) -> bool:
        """Call an input that concerns no open connection, then do what the engine wants. False where it failed."""
        self._now = self._clock()
        try:
            method(*args, self._now)
        except Exception as exc:
            report(exc, method.__name__)
            return False
        finally:
            self._run()
        return True

    def _run(self, *, defer: bool = False) -> None:
        """Execute effects until there are none; then see to the alarm.

        With ``defer`` nothing is written for ``Flush``: whoever says so sees to it that :meth:`_flush` is called.
        """
        if self._busy:
            return
        self._busy = True
        engine = self._engine
        links = self._links
        link: Link | None = None
        try:
            calls = True  # the engine may have been called, and may want more
            while calls and (effects := engine.effects()):
                calls = not defer
                for effect in effects:
                    try:
                        if type(effect) is Flush:
                            if (link := links.get(effect.conn)) is not None and not link.rest:
                                if defer:
                                    self._unflushed[link] = None
                                else:
                                    self._pump(link)
                        else:
                            calls = True
                            link = links.get(effect.conn) if isinstance(effect, Close) else None
                            self._execute(effect)
                    except Exception as exc:
                        report(exc, type(effect).__name__)
                        if link is not None:
                            self._abandon(link)
            if not self._unflushed:
                due = engine.next_timeout()
                if due is not None and due < self._armed:
                    self._arm(due)
        except Exception as exc:
            report(exc, "its outputs")
        finally:
            self._busy = False

    def _flush(self) -> None:
        """The end of a turn of the loop: write what its reads brought about."""
        links, self._unflushed, self._turn_size = self._unflushed, {}, 0
        if not links:
            return
        self._now = self._clock()
        for link in links:
            try:
                if not link.rest:
                    self._pump(link)
            except Exception as exc:
                report(exc, "what it sends")
                self._abandon(link)
        self._run()

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
                        report(exc, type(event).__name__, who="the host")
            case Connect(conn):
                link = self._links[conn] = Link(conn)
                self._connect(effect, link)
            case Ask():
                self._ask(effect)

    # -- reading ------------------------------------------------------------------------------------------------

    def _on_readable(self, link: Link) -> None:
        """Read once."""
        sock = link.socket
        if sock is None:
            return
        try:
            data = sock.recv(READ_SIZE if link.tls is None else TLS_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._on_read(link, b"", exc)
            return
        self._on_read(link, data)

    def _on_read(self, link: Link, data: bytes, broken: OSError | None = None) -> None:
        """What a read gave: bytes, or none at the peer's end, or none because the connection is ``broken``."""
        self._now = now = self._clock()
        try:
            try:
                if data and link.tls is None and not link.closing:
                    self._engine.receive_data(link.conn, data, now)
                elif broken is not None:
                    raise broken
                elif link.tls is not None and not link.closing:
                    self._decrypt(link, link.tls, data)
                elif not data:
                    self._peer_ended(link)
            except OSError as exc:
                self._lose(link, reason_of(exc))
        except Exception as exc:
            report(exc, "what it received")
            self._abandon(link)
        self._run(defer=True)
        if self._unflushed:
            read_before = self._turn_size
            self._turn_size = size = read_before + len(data) + READ_COUNTS_FOR
            if size >= TURN_SIZE:
                self._flush()
            elif not read_before:
                self._readiness.at_turn_end(self._flush)

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
            self._run()  # it may be closed by now
            if link.socket is not None:
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
                    if size < READ_SIZE and not link.closing:
                        return  # that was all; what this brought about comes with a Flush of its own
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
            report(exc, "what was sent")
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
            close_socket(sock, reset=reset)
        if not self._links:
            self._all_ended()
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
                report(exc, "the end of a connection")

    def _refuse(self, link: Link, reason: str) -> None:
        """A dial failed."""
        if link.conn in self._links and not link.ended and not link.closing:
            link.ended = True
            self._engine.connect_failed(link.conn, reason, self._now)
        self._release(link)


def close_socket(sock: ByteSocket, *, reset: bool) -> None:
    """Close, with a FIN, or with a reset that drops what is unsent."""
    with suppress(OSError):
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()


def report(exc: BaseException, over: str, *, who: str = "the engine") -> None:
    """Log a bug without its message, which might quote what passed."""
    trace = "".join(traceback.format_tb(exc.__traceback__))
    logger.error("%s failed over %s: %s\n%s", who, over, type(exc).__qualname__, trace)
