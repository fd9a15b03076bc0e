"""A driver of nothing but threads: the contract needs no event loop.

One lock makes the calls of the engine one after the other. Each connection has a thread that reads and one that
writes. Whoever ends a connection shuts its socket down, which wakes both; only when both have left it is it closed, for
the number of a closed socket may be another's already, while a thread is still on its way into ``recv``.
"""

import errno
import select
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from aigw_drivers import AnswerHandler, Listener, TlsPipe, client_context
from aigw_sansio import (
    READ_SIZE,
    Answer,
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
    PauseReading,
    ResumeReading,
    Tunnel,
    Unavailable,
)


class _Link:
    def __init__(self, conn: ConnId, lock: threading.Lock) -> None:
        self.conn = conn
        self.socket: socket.socket | None = None
        self.tls: TlsPipe | None = None
        self.changed = threading.Condition(lock)
        self.sending = threading.Lock()  # taken around encrypting and sending, so that records go out in order
        self.codec = threading.Lock()  # taken around everything that TLS does
        self.failure: OSError | None = None  # of sending
        self.paused = self.closing = self.ended = False
        self.late = False  # a client that came during the drain
        self.over = threading.Event()
        self.taken = self.reads = 0  # reads from the socket, and those that the engine got

    def receive(self) -> bytes:
        """What came. The kernel reports an error once, to whoever asks first: where a failed send had it, reading finds
        the same end as after a FIN. The two differ in that nothing is connected any more after an error, so no send can
        be stuck, and the one that had the error is soon back."""
        assert self.socket is not None
        data = self.socket.recv(READ_SIZE if self.tls is None else READ_SIZE - 16384)
        if not data and not _connected(self.socket):
            with self.sending:
                if (
                    self.failure is not None and self.failure.errno != errno.EPIPE
                ):  # which it is where a FIN came before
                    raise self.failure
        return data

    def send(self, data: bytes, *, last: bool = False) -> None:
        """Send ``data``, or what TLS says by itself; its farewell where it is the ``last``."""
        assert self.socket is not None
        with self.sending:
            if self.tls is not None:
                with self.codec:
                    if last:
                        data = self.tls.close_notify()
                    else:
                        data = self.tls.encrypt(data) if data else self.tls.pending()
            try:
                self.socket.sendall(data)
            except OSError as exc:
                self.failure = self.failure or exc
                raise


class ThreadDriver:
    """Drives one engine with threads. ``start`` it, then ``drain`` or ``stop`` it."""

    def __init__(
        self,
        engine: Engine,
        *,
        answer: AnswerHandler | None = None,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._answer = answer
        self._on_event = on_event
        self._clock = clock
        self._lock = threading.Lock()
        self._alarm = threading.Condition(self._lock)
        self._empty = threading.Condition(self._lock)
        self._links: dict[ConnId, _Link] = {}
        self._listeners: list[Listener] = []
        self._threads: list[threading.Thread] = []
        self._stopping = self._draining = False
        self._work_is_left = False
        self._read_once = threading.Condition(self._lock)

    # -- life ---------------------------------------------------------------------------------------------------

    def start(self, listeners: list[Listener]) -> None:
        self._listeners = listeners
        for listener in listeners:
            listener.socket.setblocking(True)
            self._spawn(self._accept, listener)
        self._spawn(self._keep_time)
        with self._lock:
            self._drain_effects(self._clock())

    def drain(self) -> None:
        """Tell the engine, wait for the ends. Who comes meanwhile is told by the engine that it goes away."""
        with self._lock:
            self._draining = True
            now = self._clock()
            self._engine.drain(now)
            self._drain_effects(now)
            self._empty.wait_for(lambda: all(link.late for link in self._links.values()))
        self._stop_accepting()
        with self._lock:
            self._empty.wait_for(lambda: not self._links)
        self.stop()

    def stop(self) -> None:
        """End everything at once, and all threads."""
        self._stop_accepting()
        with self._lock:
            self._stopping = True
            for link in list(self._links.values()):
                self._lose(link, "the host stopped", self._clock())
                self._drain_effects(self._clock())
            while self._work_is_left:
                self._work_is_left = False
                self._engine.proceed(now := self._clock())
                self._drain_effects(now)
            self._alarm.notify()
        for thread in self._threads:
            thread.join()

    def _stop_accepting(self) -> None:
        for listener in self._listeners:
            with suppress(OSError):
                listener.socket.shutdown(socket.SHUT_RDWR)

    def _spawn(self, target: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)  # behind the thread that starts it: to join all in order finds each started
        thread.start()
        return thread

    # -- effects ------------------------------------------------------------------------------------------------

    def _step(self, method: Callable[..., Any], *args: object) -> None:
        with self._lock:
            now = self._clock()
            method(*args, now)
            self._drain_effects(now)

    def _drain_effects(self, now: float) -> None:
        while effects := self._engine.effects():
            for effect in effects:
                self._execute(effect, now)
        self._alarm.notify()

    def _execute(self, effect: Effect, now: float) -> None:
        match effect:
            case Connect(conn):
                link = self._links[conn] = _Link(conn, self._lock)
                self._spawn(self._dial, effect, link)
            case Ask(ask_id):
                if self._answer is None:
                    self._engine.answer(ask_id, Unavailable(), now)
                else:
                    self._spawn(self._look_up, effect)
            case Emit(event):
                if self._on_event is not None:
                    self._on_event(event)
            case Continue():
                self._work_is_left = True
                if not self._stopping:
                    self._spawn(self._proceed)
            case Flush(conn) | PauseReading(conn) | ResumeReading(conn) | Close(conn):
                if conn in self._links:
                    self._execute_for(self._links[conn], effect, now)

    def _execute_for(self, link: _Link, effect: Effect, now: float) -> None:
        if isinstance(effect, PauseReading | ResumeReading):
            link.paused = isinstance(effect, PauseReading)
        elif isinstance(effect, Close):
            link.closing = True
            if effect.abort or link.socket is None:
                self._release(link, now)
        link.changed.notify_all()

    def _lose(self, link: _Link, reason: str, now: float) -> None:
        if link.over.is_set():
            return
        if not link.ended and not link.closing:
            link.ended = True
            dialling = link.socket is None
            (self._engine.connect_failed if dialling else self._engine.connection_lost)(link.conn, reason, now)
        self._release(link, now)

    def _release(self, link: _Link, now: float) -> None:
        if link.over.is_set():
            return
        link.over.set()
        del self._links[link.conn]
        if link.socket is not None:
            with suppress(OSError):
                link.socket.shutdown(socket.SHUT_RDWR)
        self._engine.closed(link.conn, now)
        link.changed.notify_all()
        self._empty.notify_all()

    def _proceed(self) -> None:
        """After each thread that has something to read has read it once."""
        with self._lock:
            links = [link for link in self._links.values() if link.socket is not None and not link.paused]
            before = {link: link.reads for link in links}
        ready: list[socket.socket] = []
        with suppress(OSError, ValueError):  # one of them may be closed meanwhile
            ready = select.select([link.socket for link in links if link.socket is not None], [], [], 0)[0]
        behind = {link: max(link.taken, reads + (link.socket in ready)) for link, reads in before.items()}
        with self._lock:
            self._read_once.wait_for(
                lambda: all(link.over.is_set() or link.paused or link.reads >= reads for link, reads in behind.items()),
                1.0,
            )
            if self._work_is_left:
                self._work_is_left = False
                self._engine.proceed(now := self._clock())
                self._drain_effects(now)

    # -- threads ------------------------------------------------------------------------------------------------

    def _accept(self, listener: Listener) -> None:
        while True:
            try:
                sock, address = listener.socket.accept()
            except OSError:
                listener.socket.close()
                return
            self._spawn(self._welcome, sock, _text(address), listener)

    def _welcome(self, sock: socket.socket, peer: str, listener: Listener) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pipe = None
        if listener.ssl_context is not None:
            pipe = TlsPipe(listener.ssl_context, server_side=True)
            try:
                _shake_hands(sock, pipe, lambda: self._stopping)
            except OSError:
                sock.close()
                return
        with self._lock:
            now = self._clock()
            if self._stopping:
                sock.close()
                return
            alpn = None if pipe is None else pipe.alpn
            conn = self._engine.open_downstream(peer, alpn, now, local=_text(sock.getsockname()))
            link = self._links[conn] = _Link(conn, self._lock)
            link.socket, link.tls = sock, pipe
            link.late = self._draining
            self._drain_effects(now)
        self._begin(link)

    def _begin(self, link: _Link) -> None:
        assert link.socket is not None
        writer = self._spawn(self._write, link)
        self._read(link)
        writer.join()
        link.socket.close()

    def _dial(self, effect: Connect, link: _Link) -> None:
        sock = pipe = None
        try:
            peer = effect.proxy or effect
            sock = socket.create_connection((peer.host, peer.port))
            if effect.proxy is not None:
                _open_tunnel(sock, Tunnel(effect), lambda: link.over.is_set())
            if effect.tls is not None:
                pipe = TlsPipe(
                    client_context(effect.tls.ca_file, effect.alpn),
                    server_side=False,
                    server_hostname=effect.tls.server_hostname,
                )
                _shake_hands(sock, pipe, lambda: link.over.is_set())
        except OSError as exc:
            failure = _reason(exc)
            if sock is not None:
                sock.close()
            elif effect.proxy is not None:
                failure = f"no connection to the proxy: {failure}"
            with self._lock:
                self._lose(link, failure, now := self._clock())
                self._drain_effects(now)
            return
        with self._lock:
            if link.over.is_set():
                sock.close()
                return
            now = self._clock()
            link.socket, link.tls = sock, pipe
            self._engine.connected(link.conn, None if pipe is None else pipe.alpn, now)
            self._drain_effects(now)
        self._begin(link)

    def _read(self, link: _Link) -> None:
        first = link.tls is not None  # what came behind the TLS handshake
        while True:
            with self._lock:
                link.changed.wait_for(lambda: not link.paused or link.closing or link.over.is_set())
                if link.over.is_set():
                    return
            try:
                data = b"" if first else link.receive()
                link.taken += 1
                plain, ended = self._decode(link, data, first=first)
                first = False
            except OSError as exc:
                with self._lock:
                    self._lose(link, _reason(exc), now := self._clock())
                    self._drain_effects(now)
                return
            with self._lock:
                now = self._clock()
                link.reads += 1
                self._read_once.notify_all()
                if link.over.is_set():
                    return
                if not link.closing:
                    if plain:
                        self._engine.receive_data(link.conn, plain, now)
                    if ended and not link.closing:
                        link.ended = True
                        self._engine.receive_eof(link.conn, now)
                    self._drain_effects(now)
                if ended:
                    return

    def _decode(self, link: _Link, data: bytes, *, first: bool) -> tuple[bytes, bool]:
        if link.tls is None or (link.closing and not data):
            return data, not data
        if not data and not first:
            raise OSError("TLS: the stream was cut short")
        with link.codec:
            plain = link.tls.decrypt(data)
            talks = link.tls.has_pending
        if talks:
            link.send(b"")
        return plain, link.tls.ended

    def _write(self, link: _Link) -> None:
        while True:
            with self._lock:
                while (
                    not link.over.is_set() and not (data := self._engine.data_to_send(link.conn)) and not link.closing
                ):
                    link.changed.wait()
                if link.over.is_set():
                    return
            if not data:  # Close, and all is sent
                if link.tls is not None:
                    with suppress(OSError):
                        link.send(b"", last=True)
                with self._lock:
                    self._release(link, now := self._clock())
                    self._drain_effects(now)
                return
            try:
                link.send(data)
            except OSError as exc:
                with self._lock:
                    self._lose(link, _reason(exc), now := self._clock())
                    self._drain_effects(now)
                return
            with self._lock:
                if link.over.is_set():
                    return
                now = self._clock()
                self._engine.data_sent(link.conn, len(data), now)
                self._drain_effects(now)

    def _keep_time(self) -> None:
        with self._lock:
            while not self._stopping:
                due, now = self._engine.next_timeout(), self._clock()
                if due is not None and due <= now:
                    self._engine.handle_timeout(now)
                    self._drain_effects(now)
                else:
                    self._alarm.wait(None if due is None else due - now)

    def _look_up(self, ask: Ask) -> None:
        assert self._answer is not None
        value: Answer = Unavailable()
        with suppress(Exception):
            value = _complete(self._answer(ask.question))  # type: ignore[arg-type]
        self._step(self._engine.answer, ask.id, value)


def _text(address: tuple[Any, ...]) -> str:
    return f"{address[0]}:{address[1]}"


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _complete(coroutine: Coroutine[object, None, Answer]) -> Answer:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: Answer = done.value
        return result
    coroutine.close()
    raise RuntimeError("it waits")


def _open_tunnel(sock: socket.socket, tunnel: Tunnel, given_up: Callable[[], bool]) -> None:
    sock.sendall(tunnel.request)
    while not tunnel.receive_data(_receive(sock, given_up)):
        pass
    if tunnel.failure is not None:
        raise OSError(tunnel.failure)


def _shake_hands(sock: socket.socket, pipe: TlsPipe, given_up: Callable[[], bool]) -> None:
    data, done = b"", False
    while not done:
        done = pipe.handshake(data)
        sock.sendall(pipe.pending())
        if not done:
            data = _receive(sock, given_up)
            if not data:
                raise ConnectionResetError("closed in the TLS handshake")


def _receive(sock: socket.socket, given_up: Callable[[], bool]) -> bytes:
    """Wait for bytes, and look now and then whether they are still wanted."""
    sock.settimeout(0.05)
    try:
        while True:
            try:
                return sock.recv(16384)
            except TimeoutError:
                if given_up():
                    raise
    finally:
        sock.settimeout(None)
