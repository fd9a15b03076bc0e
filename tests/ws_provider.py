"""A provider that speaks WebSocket: an upgrade read by h11, then messages read by wsproto in the server's role.

What it answers to the upgrade is built by hand: a test must be able to answer badly. Nothing here imports the gateway.
"""

import json

from tests.peers import Headers, Http1Provider, Seen
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.utilities import generate_accept_token


class WsProvider(Http1Provider):
    """One connection of a provider. Until :meth:`switch` it answers like any provider over HTTP/1.1."""

    def __init__(self) -> None:
        super().__init__()
        self._key = ""
        self._ws: Connection | None = None
        self._text: list[str] = []
        self._bytes: list[bytes] = []
        self._out = b""
        self.auto_pong = True
        self.auto_close = True

    # -- towards the gateway -------------------------------------------------------------------------------------

    def switch(self, status: int, headers: Headers) -> bytes:
        """A 101; ``headers`` replace its own of the same name, ``-`` drops one."""
        fields = {
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-accept": generate_accept_token(self._key.encode()).decode(),
        }
        named = {name.lower() for name, _ in headers}
        lines = [f"HTTP/1.1 {status} Switching Protocols"]
        lines += [f"{name}: {value}" for name, value in fields.items() if name not in named]
        lines += [f"{name}: {value}" for name, value in headers if value != "-"]
        self._ws = Connection(ConnectionType.SERVER, [])
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")

    @property
    def switched(self) -> bool:
        return self._ws is not None

    def event(self, event: Event) -> bytes:
        """The frame of ``event``."""
        assert self._ws is not None, "the provider has no WebSocket"
        return self._ws.send(event)

    # -- from the gateway ----------------------------------------------------------------------------------------

    def take(self) -> bytes:
        out, self._out = self._out, b""
        return out

    def receive(self, data: bytes) -> list[Seen]:
        if self._ws is None:
            seen = super().receive(data)
            for one in seen:
                fields = dict(one.headers or [])
                self._key = fields.get("sec-websocket-key", "")
            return seen
        self._ws.receive_data(data)
        return self._read()

    def _read(self) -> list[Seen]:
        assert self._ws is not None
        seen: list[Seen] = []
        for event in self._ws.events():
            if isinstance(event, TextMessage):
                self._text.append(event.data)
                if event.message_finished:
                    text = "".join(self._text)
                    self._text.clear()
                    seen.append(Seen(text, text=text))
            elif isinstance(event, BytesMessage):
                self._bytes.append(bytes(event.data))
                if event.message_finished:
                    seen.append(Seen("binary " + b"".join(self._bytes).hex()))
                    self._bytes.clear()
            elif isinstance(event, Ping):
                if self.auto_pong:
                    if self._ws.state.name == "OPEN":
                        self._out += self._ws.send(event.response())
                else:
                    seen.append(Seen(f"ping {bytes(event.payload).decode('latin-1')}".rstrip()))
            elif isinstance(event, Pong):
                seen.append(Seen(f"pong {bytes(event.payload).decode('latin-1')}".rstrip()))
            elif isinstance(event, CloseConnection):
                seen.append(Seen(f"close {int(event.code)} {event.reason or ''}".rstrip()))
                if self.auto_close and self._ws.state.name == "REMOTE_CLOSING":
                    self._out += self._ws.send(event.response())
        return seen

    def act(self, rest: str, plain: str) -> bytes:
        """The bytes of one line of a transcript behind ``> up#N``; ``plain`` is the line with its quotes read."""
        word, _, tail = rest.partition(" ")
        if word == "binary":
            return self.event(BytesMessage(data=bytes.fromhex(tail)))
        if word == "pieces":
            pieces = json.loads(tail)
            return b"".join(
                self.event(TextMessage(data=piece, message_finished=index == len(pieces) - 1))
                for index, piece in enumerate(pieces)
            )
        if word == "frames":  # bytes as they are
            return bytes.fromhex(tail)
        if word == "ping":
            return self.event(Ping(payload=tail.encode()))
        if word == "pong":
            return self.event(Pong(payload=tail.encode()))
        if word == "close":
            code, _, reason = tail.partition(" ")
            return self.event(CloseConnection(code=int(code) if code else 1005, reason=reason or None))
        if word == "manual":
            self.auto_pong &= tail != "pong"
            self.auto_close &= tail != "close"
            return b""
        return self.event(TextMessage(data=plain))
