"""A WebSocket client over HTTP/1.1, read by wsproto; and the part of it that WebSocket providers share.

Nothing here imports the gateway.
"""

import h11
from tests.peers.peer import Headers, Seen
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.extensions import Extension, PerMessageDeflate

#: Sixteen bytes in base64, as every client of these tests presents them.
WEBSOCKET_KEY = "AAECAwQFBgcICQoLDA0ODw=="
#: The answer to it (RFC 6455 section 4.2.2).
WEBSOCKET_ACCEPT = "Bz3qJYTGdOe8gUSpLosEdiLKDrk="


def upgrade_request(path: str, headers: Headers) -> bytes:
    """The request that opens a WebSocket; ``headers`` replace the usual ones of the same name, ``-`` drops one."""
    fields = {
        "host": "gateway.test",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-key": WEBSOCKET_KEY,
        "sec-websocket-version": "13",
    }
    named = {name.lower() for name, _ in headers}
    lines = [f"GET {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items() if name not in named]
    lines += [f"{name}: {value}" for name, value in headers if value != "-"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def accepted_extensions(fields: dict[str, str]) -> list[Extension]:
    """The extension that an answer accepts, ready for wsproto: permessage-deflate or none."""
    accepted = fields.get("sec-websocket-extensions")
    if accepted is None:
        return []
    assert accepted.split(";")[0] == "permessage-deflate", f"an unknown extension: {accepted}"
    extension = PerMessageDeflate()
    extension.finalize(accepted)
    return [extension]


class WsPeer:
    """One end of a WebSocket, read by wsproto. Pings and closes are answered by themselves unless told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self._ws: Connection | None = None
        self._text: list[str] = []
        self._bytes: list[bytes] = []
        self._out = b""
        self.auto_pong = True
        self.auto_close = True

    @property
    def _socket(self) -> Connection:
        assert self._ws is not None, "there is no WebSocket"
        return self._ws

    def event(self, event: Event) -> bytes:
        """The frame of ``event``."""
        return self._socket.send(event)

    def take(self) -> bytes:
        out, self._out = self._out, b""
        return out

    def _read_messages(self) -> list[Seen]:
        ws = self._socket
        seen: list[Seen] = []
        for event in ws.events():
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
                    if ws.state.name == "OPEN":  # nothing goes out behind a close
                        self._out += ws.send(event.response())
                else:
                    seen.append(Seen(f"ping {bytes(event.payload).decode('latin-1')}".rstrip()))
            elif isinstance(event, Pong):
                seen.append(Seen(f"pong {bytes(event.payload).decode('latin-1')}".rstrip()))
            elif isinstance(event, CloseConnection):
                seen.append(Seen(f"close {int(event.code)} {event.reason or ''}".rstrip()))
                if self.auto_close and ws.state.name == "REMOTE_CLOSING":
                    self._out += ws.send(event.response())
        return seen


class WsClient(WsPeer):
    """A client: one HTTP/1.1 request, then (if the gateway switches) a WebSocket."""

    def __init__(self) -> None:
        super().__init__()
        self._http = h11.Connection(h11.CLIENT)
        self._head: h11.Response | None = None
        self._body = b""
        self._sent = False
        self._dead = False

    # -- towards the gateway: each returns what the connection has to carry --------------------------------------

    def open(self, path: str, headers: Headers) -> bytes:
        """Ask for a WebSocket."""
        return self.request(upgrade_request(path, headers))

    def get(self, method: str, path: str, headers: Headers) -> bytes:
        """A plain request."""
        fields = [("host", "gateway.test"), *headers]
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
        return self.request((head + "\r\n").encode(), "HEAD" if method == "HEAD" else "GET")

    def carry(self, data: bytes) -> bytes:
        """``data`` as the connection carries it."""
        return data

    def request(self, raw: bytes, method: str = "GET") -> bytes:
        """``raw`` is a whole request; what it asks for is told to h11, which reads the answer."""
        upgrade: Headers = [("host", "x"), ("upgrade", "websocket"), ("connection", "upgrade")]
        self._http.send(h11.Request(method=method, target="/", headers=upgrade))
        self._http.send(h11.EndOfMessage())
        self._sent = True
        return raw

    def text(self, text: str) -> bytes:
        return self.event(TextMessage(data=text))

    # -- from the gateway ----------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Seen]:
        if self._dead:
            return [Seen(f"bytes after the end: {data[:40]!r}")]
        if self._ws is None:
            if not self._sent:  # an answer to something that h11 never saw: a request it would not have sent
                self.request(b"")
            self._http.receive_data(data)
            return self._read_http()
        self._ws.receive_data(data)
        return self._read_messages()

    def _read_http(self) -> list[Seen]:
        seen: list[Seen] = []
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
                fields = dict(headers)
                assert fields.get("sec-websocket-accept") == WEBSOCKET_ACCEPT, f"wrong accept key: {fields}"
                seen.append(Seen("open", headers=headers))
                early = self._http.trailing_data[0]
                self._ws = Connection(ConnectionType.CLIENT, accepted_extensions(fields), early)
                return seen + self._read_messages()
            if isinstance(event, h11.Response):
                self._head = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert self._head is not None
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._head.headers]
                kind = dict(headers).get("content-type", "-").replace(" ", "")
                line = f"{self._head.status_code} {kind} {self._body.decode('utf-8')}".rstrip()
                self._dead = True
                return [*seen, Seen(line, headers=headers, body=self._body)]
            else:
                return seen

    def _read_messages(self) -> list[Seen]:
        seen = super()._read_messages()
        if any(one.text is None and one.line.startswith("close ") for one in seen):
            self._dead = self._socket.state.name == "CLOSED" or not self.auto_close
        return seen
