"""An engine with bytes whose clients have none: a host that owns each WebSocket, as a web framework does.

So whatever drives an engine with bytes (the world, the transcripts) drives clients of ``open_messages``. The host is a
fair one: it reads with wsproto, hands over a few messages in each turn, keeps what is read while its client is paused,
confirms each message as its bytes are taken, and answers pings and closes itself.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import generate_accept_token

from aigw_sansio import (
    Accept,
    Answer,
    AskId,
    Close,
    CloseMessages,
    Config,
    Connect,
    ConnId,
    Continue,
    Effect,
    Emit,
    Flush,
    Gateway,
    Message,
    PauseReading,
    Refuse,
    ResumeReading,
)

#: Events of one client that one turn hands over.
_SHARE = 30
#: With more to send a ping is not answered.
_MUCH = 1000


class _Socket:
    """One client: its bytes, and what is under way."""

    def __init__(self, own: ConnId, peer: str) -> None:
        self.own = own
        self.peer = peer
        self.core: ConnId | None = None
        self.head = b""
        self.key = b""
        self.ws: Connection | None = None
        self.events: Iterator[Event] = iter(())
        self.left = False  # events are
        self.parts: list[str | bytes] = []
        self.out = b""
        self.sizes: deque[list[int]] = (
            deque()
        )  # of what was written: bytes around a message, bytes of it, 1 for a message
        self.held_back = False  # by the core
        self.paused = False
        self.closing: CloseMessages | None = None
        self.over = False  # the core hears nothing more
        self.ended = False

    def write(self, data: bytes) -> None:
        self.out += data
        self.sizes.append([len(data), 0, 0])


class MessageHost:
    """Wraps ``core``. Connections have numbers of its own, the same as those of a core with bytes."""

    def __init__(self, core: Gateway) -> None:
        self.core = core
        self._own: dict[ConnId, ConnId] = {}  # by the number in the core
        self._inner: dict[ConnId, ConnId] = {}
        self._sockets: dict[ConnId, _Socket] = {}
        self._last = 0
        self._effects: list[Effect] = []
        self._promised = self._core_promised = False
        self._now = 0.0

    # -- ids -----------------------------------------------------------------------------------------------------

    def _issue(self) -> ConnId:
        self._last += 1
        return ConnId(self._last)

    def _own_of(self, conn: ConnId) -> ConnId:
        if conn not in self._own:
            own = self._issue()
            self._own[conn], self._inner[own] = own, conn
        return self._own[conn]

    # -- inputs --------------------------------------------------------------------------------------------------

    def open_downstream(self, peer: str, alpn: str | None, now: float, *, local: str | None = None) -> ConnId:
        self._now = now
        assert alpn is None, "this host speaks HTTP/1.1"
        own = self._issue()
        self._sockets[own] = _Socket(own, peer)
        return own

    def receive_data(self, conn: ConnId, data: bytes, now: float) -> None:
        self._now = now
        socket = self._sockets.get(conn)
        if socket is None:
            self.core.receive_data(self._inner[conn], data, now)
        elif socket.over or socket.closing is not None:
            pass
        elif socket.ws is not None:
            socket.ws.receive_data(data)
            socket.left = True
            self._hand_over(socket)
        else:
            socket.head += data
            if socket.core is None and b"\r\n\r\n" in socket.head:
                self._ask(socket)

    def receive_eof(self, conn: ConnId, now: float) -> None:
        self._now = now
        socket = self._sockets.get(conn)
        if socket is None:
            self.core.receive_eof(self._inner[conn], now)
        elif not socket.over:
            self._client_ended(socket, 1006, "")
            self._effects.append(Close(conn, abort=socket.ws is not None))

    def connection_lost(self, conn: ConnId, reason: str, now: float) -> None:
        self._now = now
        socket = self._sockets.get(conn)
        if socket is None:
            self.core.connection_lost(self._inner[conn], reason, now)
            return
        socket.ended = True
        if not socket.over:
            socket.over = True
            if socket.core is not None:
                self.core.connection_lost(socket.core, reason, now)

    def connected(self, conn: ConnId, alpn: str | None, now: float) -> None:
        self._now = now
        self.core.connected(self._inner[conn], alpn, now)

    def connect_failed(self, conn: ConnId, reason: str, now: float) -> None:
        self._now = now
        self.core.connect_failed(self._inner[conn], reason, now)

    def data_sent(self, conn: ConnId, n: int, now: float) -> None:
        self._now = now
        socket = self._sockets.get(conn)
        if socket is None:
            self.core.data_sent(self._inner[conn], n, now)
            return
        payload = messages = 0
        while n or (socket.sizes and not any(socket.sizes[0][:2])):
            first = socket.sizes[0]
            around, inside = min(n, first[0]), 0
            n -= around
            if around == first[0]:
                inside = min(n, first[1])
            n -= inside
            first[0] -= around
            first[1] -= inside
            payload += inside
            messages += bool(first[2])
            if not first[0] and not first[1]:
                socket.sizes.popleft()
        if messages and socket.core is not None:
            self.core.data_sent(socket.core, payload, now)

    def closed(self, conn: ConnId, now: float) -> None:
        self._now = now
        socket = self._sockets.get(conn)
        if socket is None:
            self.core.closed(self._inner[conn], now)
            return
        socket.ended = socket.over = True
        if socket.core is not None:
            self.core.closed(socket.core, now)

    def answer(self, ask_id: AskId, value: Answer, now: float) -> None:
        self._now = now
        self.core.answer(ask_id, value, now)

    def handle_timeout(self, now: float) -> None:
        self._now = now
        self.core.handle_timeout(now)

    def proceed(self, now: float) -> None:
        self._now = now
        self._promised = False
        if self._core_promised:
            self._core_promised = False
            self.core.proceed(now)
        for socket in list(self._sockets.values()):
            self._hand_over(socket)

    def set_wall(self, wall_offset: float, now: float) -> None:
        self._now = now
        self.core.set_wall(wall_offset, now)

    def reconfigure(self, config: Config, now: float) -> None:
        self._now = now
        self.core.reconfigure(config, now)

    def cancel_exchange(self, log_id: str, now: float) -> bool:
        self._now = now
        return self.core.cancel_exchange(log_id, now)

    def close_session(self, session: int, code: int, reason: str, now: float) -> bool:
        self._now = now
        return self.core.close_session(session, code, reason, now)

    def drain(self, now: float) -> None:
        self._now = now
        self.core.drain(now)

    # -- outputs -------------------------------------------------------------------------------------------------

    def effects(self) -> list[Effect]:
        for effect in self.core.effects():
            self._translate(effect)
        effects, self._effects = self._effects, []
        return effects

    def data_to_send(self, conn: ConnId, limit: int = 65536) -> bytes:
        socket = self._sockets.get(conn)
        if socket is None:
            return self.core.data_to_send(self._inner[conn], limit)
        while socket.ws is not None and not socket.over and len(socket.out) < limit:
            assert socket.core is not None
            messages = self.core.messages_to_send(socket.core, limit)
            if not messages:
                if socket.closing is not None and socket.ws.state is ConnectionState.OPEN:
                    closing = CloseConnection(code=socket.closing.code, reason=socket.closing.reason)
                    socket.write(socket.ws.send(closing))
                break
            for message in messages:
                self._write(socket, socket.ws, message)
        data, socket.out = socket.out[:limit], socket.out[limit:]
        return data

    def next_timeout(self) -> float | None:
        return self.core.next_timeout()

    @property
    def draining(self) -> bool:
        return self.core.draining

    @property
    def idle(self) -> bool:
        return self.core.idle

    def snapshot(self) -> dict[str, int]:
        counts = self.core.snapshot()
        sockets = [socket for socket in self._sockets.values() if not socket.ended]
        counts["connections"] += sum(socket.core is None for socket in sockets)
        counts["postponed"] += sum(socket.left and not socket.held_back for socket in sockets)
        return counts

    # -- inside --------------------------------------------------------------------------------------------------

    def _translate(self, effect: Effect) -> None:
        if isinstance(effect, Emit):
            event: Any = effect.event
            if hasattr(event, "conn") and event.conn is not None:
                effect = Emit(msgspec.structs.replace(event, conn=self._own_of(event.conn)))
            self._effects.append(effect)
            return
        if isinstance(effect, Continue):
            self._core_promised = True
            self._promise()
            return
        conn: ConnId | None = getattr(effect, "conn", None)
        if conn is None:
            self._effects.append(effect)
            return
        own = self._own_of(conn)
        socket = self._sockets.get(own)
        if socket is None:
            assert isinstance(effect, Connect | Flush | PauseReading | ResumeReading | Close)
            self._effects.append(msgspec.structs.replace(effect, conn=own))
        elif not socket.ended:
            self._carry_out(socket, effect)

    def _carry_out(self, socket: _Socket, effect: Effect) -> None:
        if isinstance(effect, PauseReading | ResumeReading):
            socket.held_back = isinstance(effect, PauseReading)
            self._hand_over(socket)
        elif isinstance(effect, Accept):
            fields = ["upgrade: websocket", "connection: Upgrade"]
            fields.append(f"sec-websocket-accept: {generate_accept_token(socket.key).decode()}")
            if effect.subprotocol is not None:
                fields.append(f"sec-websocket-protocol: {effect.subprotocol}")
            socket.write("\r\n".join(["HTTP/1.1 101 Switching Protocols", *fields, "", ""]).encode("latin-1"))
            socket.ws = Connection(ConnectionType.SERVER, [], socket.head)
            socket.head, socket.left = b"", True
            self._effects.append(Flush(socket.own))
            self._hand_over(socket)
        elif isinstance(effect, Refuse):
            lines = [f"HTTP/1.1 {effect.status} Refused".encode()]
            lines += [name + b": " + value for name, value in effect.headers]
            lines += [b"content-length: %d" % len(effect.body), b"connection: close", b"", effect.body]
            socket.write(b"\r\n".join(lines))
            socket.over = True
            self._effects += [Flush(socket.own), Close(socket.own, abort=False)]
        elif isinstance(effect, CloseMessages):
            socket.closing, socket.left, socket.parts = effect, False, []
            self._show_pause(socket)
            self._effects += [Flush(socket.own), Close(socket.own, abort=False)]
        elif isinstance(effect, Close):
            socket.over = True
            self._effects.append(Close(socket.own, effect.abort))
        else:
            assert isinstance(effect, Flush)
            self._effects.append(Flush(socket.own))

    def _ask(self, socket: _Socket) -> None:
        head, _, socket.head = socket.head.partition(b"\r\n\r\n")
        request, *lines = head.split(b"\r\n")
        headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        offered = ",".join(v.decode("latin-1") for name, v in headers if name == b"sec-websocket-protocol")
        subprotocols = [item.strip() for item in offered.split(",") if item.strip()]
        socket.key = dict(headers).get(b"sec-websocket-key", b"")
        target = request.split(b" ")[1]
        # Its number is known before anything of it is translated.
        effects = self.core.effects()
        assert not effects
        socket.core = self.core.open_messages(target, socket.peer, headers, subprotocols, None, self._now)
        self._own[socket.core], self._inner[socket.own] = socket.own, socket.core

    def _hand_over(self, socket: _Socket) -> None:
        """Pass on a few messages, unless the core takes none."""
        ws = socket.ws
        if ws is not None and socket.left and not socket.over and not socket.held_back and socket.closing is None:
            done = 0
            for event in islice(self._events(socket, ws), _SHARE):
                done = done + 1
                self._pass_on(socket, ws, event)
                if socket.over:
                    break
                for effect in self.core.effects():
                    self._translate(effect)
                if socket.held_back or socket.closing is not None:
                    break
            else:
                socket.left = done == _SHARE
        if socket.over or socket.closing is not None:
            socket.left = False
        self._show_pause(socket)
        if socket.left and not socket.held_back:
            self._promise()

    def _events(self, socket: _Socket, ws: Connection) -> Iterator[Event]:
        """Those that are left, and no others: what wsproto has read it gives once."""
        while True:
            event = next(socket.events, None)
            if event is None:
                socket.events = ws.events()
                event = next(socket.events, None)
                if event is None:
                    return
            yield event

    def _pass_on(self, socket: _Socket, ws: Connection, event: Event) -> None:
        assert socket.core is not None
        if isinstance(event, TextMessage | BytesMessage):
            socket.parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
            if event.message_finished:
                parts, socket.parts = socket.parts, []
                data = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
                self.core.receive_message(socket.core, data, self._now, text=isinstance(event, TextMessage))
        elif isinstance(event, Ping):
            if len(socket.out) < _MUCH and ws.state is ConnectionState.OPEN:
                socket.write(ws.send(event.response()))
                self._effects.append(Flush(socket.own))
        elif isinstance(event, CloseConnection):
            begun = bool(socket.sizes) and not socket.sizes[0][0] and socket.sizes[0][2]
            self._client_ended(socket, int(event.code), event.reason or "")
            if not begun:
                closing = CloseConnection(1000, None) if event.code == 1006 else event.response()
                socket.write(ws.send(closing))
            self._effects += [Flush(socket.own), Close(socket.own, abort=bool(begun))]

    def _client_ended(self, socket: _Socket, code: int, reason: str) -> None:
        """What is not sent is dropped."""
        socket.over, socket.left = True, False
        socket.out = b""
        if socket.core is not None:
            self.core.receive_close(socket.core, code, reason, self._now)

    def _write(self, socket: _Socket, ws: Connection, message: Message) -> None:
        data = message.data
        frame = ws.send(TextMessage(data=data.decode()) if message.text else BytesMessage(data=data))
        socket.out += frame
        socket.sizes.append([len(frame) - len(data), len(data), 1])

    def _show_pause(self, socket: _Socket) -> None:
        wanted = (socket.held_back or socket.left) and not socket.over
        if wanted is not socket.paused and not socket.ended:
            socket.paused = wanted
            self._effects.append(PauseReading(socket.own) if wanted else ResumeReading(socket.own))

    def _promise(self) -> None:
        if not self._promised:
            self._promised = True
            self._effects.append(Continue())
