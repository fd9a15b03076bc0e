"""Toy engines that hold their driver to the contract: every call is recorded, and every breach is noted.

Decides: what a breach is. Must not know: any protocol, any driver. They use the core's own vocabulary: effects, ids and
the send buffer.
"""

import threading
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from aigw_sansio import (
    READ_SIZE,
    Answer,
    Ask,
    AskId,
    Close,
    Connect,
    ConnId,
    Continue,
    Effect,
    Emit,
    Event,
    Flush,
    Keep,
    KeptResponse,
    PauseReading,
    Proxy,
    Question,
    ResumeReading,
    Tls,
)
from aigw_sansio.engine.send_buffer import SendBuffer


class Call(NamedTuple):
    """One input, as the driver made it."""

    name: str
    conn: int
    value: object
    now: float


class _Conn:
    def __init__(self, *, dialled: bool) -> None:
        self.buffer = SendBuffer()
        self.dialling = dialled
        self.end: str | None = None
        self.closed = False
        self.closing = False
        self.paused = False
        self.pauses = 0
        self.late_reads = 0
        self.most_buffered = 0
        self.sent_reports: list[int] = []


class ToyEngine:
    """Records and checks. Subclasses, or a test, say what to do by overriding the ``on_...`` methods."""

    def __init__(self) -> None:
        #: The longest wait of :meth:`wait`, in seconds.
        self.patience_s = 20.0
        self.calls: list[Call] = []
        self.breaches: list[str] = []
        self.conns: dict[ConnId, _Conn] = {}
        self.asked: dict[AskId, Question] = {}
        self.due: float | None = None
        self.promised = 0  # ``Continue`` that was handed out, and not answered by ``proceed``
        self._next_ask = 1
        self.now = -inf
        self.effects_waiting: list[Effect] = []
        self._inside = threading.Lock()
        self._changed = threading.Condition()

    # -- what a subclass overrides ------------------------------------------------------------------------------

    def on_open(self, conn: ConnId) -> None: ...
    def on_connected(self, conn: ConnId) -> None: ...
    def on_failed(self, conn: ConnId) -> None: ...
    def on_data(self, conn: ConnId, data: bytes) -> None: ...
    def on_eof(self, conn: ConnId) -> None: ...
    def on_lost(self, conn: ConnId) -> None: ...
    def on_sent(self, conn: ConnId) -> None: ...
    def on_closed(self, conn: ConnId) -> None: ...
    def on_answer(self, value: Answer) -> None: ...
    def on_timeout(self) -> None: ...
    def on_proceed(self) -> None: ...

    # -- what it does -------------------------------------------------------------------------------------------

    def send(self, conn: ConnId, data: bytes) -> None:
        state = self.conns[conn]
        if state.buffer.append(data):
            self.effects_waiting.append(Flush(conn))
        state.most_buffered = max(state.most_buffered, state.buffer.size)

    def close(self, conn: ConnId, *, abort: bool = False) -> None:
        self.effects_waiting.append(Close(conn, abort))

    def dial(
        self,
        port: int,
        host: str = "127.0.0.1",
        tls: Tls | None = None,
        alpn: tuple[str, ...] = (),
        proxy: Proxy | None = None,
    ) -> ConnId:
        conn = self._issue(dialled=True)
        self.effects_waiting.append(Connect(conn=conn, host=host, port=port, tls=tls, alpn=alpn, proxy=proxy))
        return conn

    def pause(self, conn: ConnId) -> None:
        self.effects_waiting.append(PauseReading(conn))

    def resume(self, conn: ConnId) -> None:
        self.effects_waiting.append(ResumeReading(conn))

    def leave_work(self) -> None:
        self.effects_waiting.append(Continue())

    def ask(self, question: Question, within_s: float | None = None) -> None:
        ask_id = AskId(self._next_ask)
        self._next_ask += 1
        self.asked[ask_id] = question
        self.effects_waiting.append(
            Ask(ask_id, question, self.now + (self.patience_s if within_s is None else within_s))
        )

    def keep(self, body: bytes) -> None:
        response = KeptResponse((), body)
        self.effects_waiting.append(Keep(account="a", gateway="g", key="name", ttl_s=60, response=response))

    def emit(self, event: Event) -> None:
        self.effects_waiting.append(Emit(event))

    # -- what a test looks at -----------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], object], what: str = "the engine") -> None:
        """Wait until ``condition()`` holds; it is looked at after every call of the driver."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition() or self.breaches, self.patience_s), f"waited for {what}"
        assert not self.breaches, self.breaches

    def wait_for(self, name: str, conn: int | None = None, times: int = 1) -> None:
        self.wait(lambda: len(self.named(name, conn)) >= times, f"{times} x {name} of {conn}")

    def named(self, name: str, conn: int | None = None) -> list[Call]:
        return [call for call in self.calls if call.name == name and conn in (None, call.conn)]

    def names(self, conn: int) -> list[str]:
        """The inputs of ``conn`` in order, without the number of reads and reports."""
        names = [call.name for call in self.calls if call.conn == conn and call.name != "data_sent"]
        return [name for name, before in zip(names, [None, *names]) if name != before]

    def received(self, conn: int) -> bytes:
        return b"".join(call.value for call in self.named("receive_data", conn) if isinstance(call.value, bytes))

    def check_ended(self) -> None:
        """Everything is over: each connection was released."""
        for conn, state in self.conns.items():
            if not state.closed:
                self.breaches.append(f"connection {conn} was never closed")
        if self.promised:
            self.breaches.append("a Continue without a proceed")
        assert not self.breaches, self.breaches

    # -- the contract, inputs -----------------------------------------------------------------------------------

    def open_downstream(self, peer: str, alpn: str | None, now: float, *, local: str | None = None) -> ConnId:
        conn = self._issue(dialled=False)
        with self._input("open_downstream", conn, (peer, alpn, local), now):
            self.on_open(conn)
        return conn

    def connected(self, conn: ConnId, alpn: str | None, now: float) -> None:
        with self._input("connected", conn, alpn, now) as state:
            if not state.dialling:
                self._breach(f"connected({conn}) without a dial under way")
            state.dialling = False
            self.on_connected(conn)

    def connect_failed(self, conn: ConnId, reason: str, now: float) -> None:
        with self._input("connect_failed", conn, reason, now) as state:
            if not state.dialling:
                self._breach(f"connect_failed({conn}) without a dial under way")
            state.dialling = False
            self._end(conn, state, "connect_failed")
            self.on_failed(conn)

    def receive_data(self, conn: ConnId, data: bytes, now: float) -> None:
        with self._input("receive_data", conn, data, now) as state:
            if type(data) is not bytes or not 0 < len(data) <= READ_SIZE:
                self._breach(f"a read of {len(data)} bytes")
            if state.dialling or state.end is not None:
                self._breach(f"data of {conn} {'before it is connected' if state.dialling else 'after its end'}")
            if state.paused:
                state.late_reads += 1
                if state.late_reads > 1:
                    self._breach(f"{state.late_reads} reads of {conn} after PauseReading")
            self.on_data(conn, data)

    def receive_eof(self, conn: ConnId, now: float) -> None:
        with self._input("receive_eof", conn, None, now) as state:
            self._end(conn, state, "receive_eof")
            self.on_eof(conn)

    def connection_lost(self, conn: ConnId, reason: str, now: float) -> None:
        with self._input("connection_lost", conn, reason, now) as state:
            self._end(conn, state, "connection_lost")
            self.on_lost(conn)

    def data_sent(self, conn: ConnId, n: int, now: float) -> None:
        with self._input("data_sent", conn, n, now) as state:
            if not 0 < n <= state.buffer.pulled:
                self._breach(f"data_sent({n}) of {state.buffer.pulled} that were pulled")
            else:
                state.buffer.confirm(n)
                state.sent_reports.append(n)
            self.on_sent(conn)

    def closed(self, conn: ConnId, now: float) -> None:
        with self._input("closed", conn, None, now) as state:
            if state.end is None and not state.closing:
                self._breach(f"closed({conn}) without any end, ours or the peer's")
            state.closed = True
            state.buffer.clear()
            self.on_closed(conn)

    def answer(self, ask_id: AskId, value: Answer, now: float) -> None:
        with self._input("answer", ask_id, value, now, conn_known=False):
            if self.asked.pop(ask_id, None) is None:
                self._breach(f"an answer to question {ask_id}, which is not open")
            self.on_answer(value)

    def handle_timeout(self, now: float) -> None:
        with self._input("handle_timeout", 0, None, now, conn_known=False):
            if self.due is None or now < self.due:
                self._breach(f"handle_timeout at {now}, due {self.due}")
            self.due = None
            self.on_timeout()

    def proceed(self, now: float) -> None:
        with self._input("proceed", 0, None, now, conn_known=False):
            if not self.promised:
                self._breach("proceed without a Continue")
            self.promised -= 1
            self.on_proceed()

    def drain(self, now: float) -> None:
        with self._input("drain", 0, None, now, conn_known=False):
            for conn, state in self.conns.items():
                if not state.closed and not state.closing:
                    self.close(conn)

    # -- the contract, outputs ----------------------------------------------------------------------------------

    def effects(self) -> list[Effect]:
        effects, self.effects_waiting = self.effects_waiting, []
        for effect in effects:
            match effect:
                case PauseReading(conn):
                    self.conns[conn].paused = True
                    self.conns[conn].pauses += 1
                    self.conns[conn].late_reads = 0
                case ResumeReading(conn):
                    self.conns[conn].paused = False
                case Close(conn):
                    self.conns[conn].closing = True
                case Continue():
                    self.promised += 1
                case _:
                    pass
        return effects

    def data_to_send(self, conn: ConnId, limit: int = READ_SIZE) -> bytes:
        state = self.conns[conn]
        if state.buffer.pulled:
            self._breach(f"a pull of {conn} while {state.buffer.pulled} bytes are unconfirmed")
        if state.dialling:
            self._breach(f"a pull of {conn} while it is dialled")
        return state.buffer.pull(limit)

    def next_timeout(self) -> float | None:
        return self.due

    # -- checks -------------------------------------------------------------------------------------------------

    def _issue(self, *, dialled: bool) -> ConnId:
        conn = ConnId(len(self.conns) + 1)
        self.conns[conn] = _Conn(dialled=dialled)
        return conn

    def _breach(self, text: str) -> None:
        self.breaches.append(text)

    def _end(self, conn: ConnId, state: _Conn, how: str) -> None:
        if state.end is not None:
            self._breach(f"{how}({conn}) after {state.end}")
        state.end = how

    def _input(self, name: str, conn: int, value: object, now: float, *, conn_known: bool = True) -> "_Input":
        return _Input(self, name, conn, value, now, conn_known=conn_known)


class _Input:
    """Around every input: one at a time, time in order, nothing for a connection that is over."""

    def __init__(self, engine: ToyEngine, name: str, conn: int, value: object, now: float, *, conn_known: bool) -> None:
        self.engine, self.conn_known = engine, conn_known
        self.call = Call(name=name, conn=conn, value=value, now=now)

    def __enter__(self) -> _Conn:
        engine, call = self.engine, self.call
        if not engine._inside.acquire(blocking=False):
            engine._breach(f"{call.name} while another call runs")
        if call.now < engine.now:
            engine._breach(f"time went back from {engine.now} to {call.now}")
        engine.now = call.now
        if not self.conn_known:
            return _Conn(dialled=False)
        state = engine.conns[ConnId(call.conn)]
        if state.closed:
            engine._breach(f"{call.name}({call.conn}) after closed")
        if state.closing and call.name not in ("data_sent", "closed"):
            engine._breach(f"{call.name}({call.conn}) after Close")
        return state

    def __exit__(self, *error: object) -> None:
        engine = self.engine
        with engine._changed:
            engine.calls.append(self.call)
            engine._changed.notify_all()
        engine._inside.release()


class Echo(ToyEngine):
    """Sends back what it gets, with backpressure; closes when the peer has ended."""

    HIGH, LOW = 65536, 16384

    def on_data(self, conn: ConnId, data: bytes) -> None:
        state = self.conns[conn]
        self.send(conn, data)
        if state.buffer.size > self.HIGH and not state.paused:
            self.pause(conn)

    def on_sent(self, conn: ConnId) -> None:
        state = self.conns[conn]
        if state.paused and state.buffer.size <= self.LOW and not state.closing and state.end is None:
            self.resume(conn)

    def on_eof(self, conn: ConnId) -> None:
        self.close(conn)


class Relay(ToyEngine):
    """Dials for each client and passes bytes both ways, with backpressure; either end ends the other."""

    HIGH, LOW = 65536, 16384

    def __init__(
        self, port: int, tls: Tls | None = None, alpn: tuple[str, ...] = (), proxy: Proxy | None = None
    ) -> None:
        """``proxy``: through which it dials ``provider.test``, which only that one finds."""
        super().__init__()
        self.target = (port, tls, alpn)
        self.proxy = proxy
        self.partner: dict[ConnId, ConnId] = {}
        self.dialled: set[ConnId] = set()

    def on_open(self, conn: ConnId) -> None:
        port, tls, alpn = self.target
        host = "provider.test" if self.proxy is not None else "localhost" if tls else "127.0.0.1"
        upstream = self.dial(port, host, tls, alpn, self.proxy)
        self.dialled.add(upstream)
        self.partner[conn], self.partner[upstream] = upstream, conn

    def on_data(self, conn: ConnId, data: bytes) -> None:
        partner = self.partner[conn]
        if self.conns[partner].closing:
            return
        self.send(partner, data)
        if self.conns[partner].buffer.size > self.HIGH and not self.conns[conn].paused:
            self.pause(conn)

    def on_sent(self, conn: ConnId) -> None:
        source = self.partner[conn]
        state = self.conns[source]
        if state.paused and self.conns[conn].buffer.size <= self.LOW and state.end is None and not state.closing:
            self.resume(source)

    def _end_both(self, conn: ConnId) -> None:
        for one in (self.partner[conn], conn):
            if not self.conns[one].closing and not self.conns[one].closed:
                self.close(one)
                self.conns[one].closing = True

    on_eof = on_lost = on_failed = _end_both
