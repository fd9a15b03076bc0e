"""A provider that speaks WebSocket: an upgrade read by h11, then messages read by wsproto in the server's role.

What it answers to the upgrade is built by hand: a test must be able to answer badly. Nothing here imports the gateway.
"""

import json

from tests.peers.http_providers import Http1Provider
from tests.peers.peer import Headers, Seen
from tests.peers.websocket_client import WsPeer
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import generate_accept_token


class WsProvider(WsPeer, Http1Provider):
    """One connection of a provider. Until :meth:`switch` it answers like any provider over HTTP/1.1."""

    def __init__(self) -> None:
        super().__init__()
        self._key = ""

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

    # -- from the gateway ----------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Seen]:
        if self._ws is None:
            seen = super().receive(data)
            for one in seen:
                fields = dict(one.headers or [])
                self._key = fields.get("sec-websocket-key", "")
            return seen
        self._ws.receive_data(data)
        return self._read_messages()

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
