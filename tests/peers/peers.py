"""The other ends of a gateway's connections: a WebSocket client, and providers over HTTP/1.1 and HTTP/2.

Each is a real protocol object (h11, h2, wsproto) that is fed the gateway's bytes and tells in plain lines what it
saw, so what a transcript expects was accepted by an independent implementation. What a provider *answers* is built
by hand on HTTP/1.1: a test must be able to answer badly. Nothing here imports the gateway.
"""

from collections.abc import Iterable
from typing import Protocol, TypeAlias

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import h11
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.extensions import Extension, PerMessageDeflate

Headers: TypeAlias = list[tuple[str, str]]

#: Sixteen bytes in base64, as every client of these tests presents them.
WEBSOCKET_KEY = "AAECAwQFBgcICQoLDA0ODw=="
#: The answer to it (RFC 6455 section 4.2.2).
WEBSOCKET_ACCEPT = "Bz3qJYTGdOe8gUSpLosEdiLKDrk="


class Seen:
    """One thing a peer saw: a line, the header fields and the body that may be checked beside it."""

    __slots__ = ("body", "headers", "line", "stream", "text", "who")

    def __init__(
        self, line: str, *, headers: Headers | None = None, body: bytes | None = None, text: str | None = None
    ) -> None:
        self.line = line
        self.stream = 0  #: of HTTP/2
        self.who = ""  #: which client saw it, where several share a connection
        self.headers = headers
        self.body = body
        self.text = text  #: the message as received, where ``line`` is its text


class Peer(Protocol):
    """What a test holds of any of the three."""

    def receive(self, data: bytes) -> list[Seen]:
        """Bytes of the gateway, and what they say."""

    def take(self) -> bytes:
        """Bytes that the peer sends by itself (a pong, the answer to a close, SETTINGS)."""


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
    """What an answer accepts, ready for wsproto: permessage-deflate or nothing."""
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
    """A client: one HTTP/1.1 request, then (where the gateway switches) a WebSocket."""

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


class Http1Provider:
    """A provider over HTTP/1.1: requests are read by h11, answers are written by hand."""

    multiplexed = False

    def __init__(self) -> None:
        self._conn = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = b""
        self._framing = "chunked"
        self.requests = 0
        self.closes = False  #: the answer under way ends with the connection

    def take(self) -> bytes:
        return b""

    def receive(self, data: bytes) -> list[Seen]:
        self._conn.receive_data(data)
        seen: list[Seen] = []
        while True:
            event = self._conn.next_event()
            if isinstance(event, h11.Request):
                self._request = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert self._request is not None
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._request.headers]
                line = f"{self._request.method.decode()} {self._request.target.decode('latin-1')}"
                seen.append(Seen(line, headers=headers, body=self._body))
                self._body = b""
                self.requests += 1
                rest = self._conn.trailing_data[0]
                self._conn = h11.Connection(h11.SERVER)
                if rest:
                    self._conn.receive_data(rest)
            else:
                return seen

    def head(self, status: int, headers: Headers, framing: str) -> bytes:
        """``framing``: ``chunked``, ``length`` (then ``headers`` says it), ``close`` or ``none``."""
        self._framing = framing
        self.closes = framing == "close"
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers)]
        if framing == "chunked" and status >= 200:
            lines.append("transfer-encoding: chunked")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")

    def body(self, data: bytes) -> bytes:
        if self._framing == "chunked":
            return f"{len(data):x}\r\n".encode() + data + b"\r\n" if data else b""
        return data

    def end(self) -> bytes:
        return b"0\r\n\r\n" if self._framing == "chunked" else b""


class Http2Provider:
    """A provider over HTTP/2. Requests are numbered from 1 in the order of their heads."""

    multiplexed = True

    def __init__(self) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self._conn = h2.connection.H2Connection(config)
        self._conn.initiate_connection()
        self._heads: dict[int, Headers] = {}
        self._bodies: dict[int, bytes] = {}
        self._queues: dict[int, list[bytes | None]] = {}
        self.streams: list[int] = []  #: stream ids by number
        self.running: set[int] = set()
        self.promised: int | None = None  #: what its GOAWAY says: it acts on nothing above
        self.methods: dict[int, str] = {}
        self.requests = 0
        self.closes = False
        self._raw = b""

    def take(self) -> bytes:
        data: bytes = self._conn.data_to_send()
        return data

    def receive(self, data: bytes) -> list[Seen]:
        seen: list[Seen] = []
        events = self._conn.receive_data(data)
        self.running -= {event.stream_id for event in events if isinstance(event, h2.events.StreamReset)}
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                assert event.stream_id is not None
                assert event.headers is not None
                self._heads[event.stream_id] = [(str(name), str(value)) for name, value in event.headers]
                self._bodies[event.stream_id] = b""
                self.streams.append(event.stream_id)
            elif isinstance(event, h2.events.DataReceived):
                assert event.stream_id is not None
                assert event.flow_controlled_length is not None
                self._bodies[event.stream_id] += event.data or b""
                if event.flow_controlled_length:
                    self._conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                assert event.stream_id is not None
                if self.promised is None or event.stream_id <= self.promised:
                    seen.append(self._requested(event.stream_id))
            elif isinstance(event, h2.events.StreamReset):
                assert event.stream_id is not None
                self.running.discard(event.stream_id)
                self._queues.pop(event.stream_id, None)
                code = h2.errors.ErrorCodes(event.error_code or 0).name
                seen.append(Seen(f"aborted {code}" if code != "CANCEL" else "aborted"))
            elif isinstance(event, h2.events.WindowUpdated):
                self._pump()
            elif isinstance(event, h2.events.ConnectionTerminated) and event.error_code:
                seen.append(Seen(f"goaway {h2.errors.ErrorCodes(event.error_code).name}"))
        return seen

    def _requested(self, stream: int) -> Seen:
        pseudo = {name: value for name, value in self._heads[stream] if name.startswith(":")}
        headers = [(name, value) for name, value in self._heads.pop(stream) if not name.startswith(":")]
        headers.insert(0, ("host", pseudo[":authority"]))
        self.running.add(stream)
        self.methods[stream] = pseudo[":method"]
        self.requests += 1
        seen = Seen(f"{pseudo[':method']} {pseudo[':path']}", headers=headers, body=self._bodies.pop(stream))
        seen.stream = stream
        return seen

    def send_head(self, stream: int, status: int, headers: Headers, *, end: bool = False) -> None:
        fields = [(":status", str(status)), *((name.lower(), value) for name, value in headers)]
        self._conn.send_headers(stream, fields, end_stream=end)
        if end:
            self.running.discard(stream)

    def send_body(self, stream: int, pieces: Iterable[bytes | None]) -> None:
        """Queue body pieces, ``None`` for the end, and send what the window lets pass."""
        self._queues.setdefault(stream, []).extend(pieces)
        self._pump()

    def _pump(self) -> None:
        for stream, queue in list(self._queues.items()):
            if stream not in self.running:
                del self._queues[stream]
                continue
            while queue:
                piece = queue[0]
                if piece is None:
                    self._conn.end_stream(stream)
                    self.running.discard(stream)
                    del self._queues[stream]
                    break
                window = min(
                    self._conn.local_flow_control_window(stream), self._conn.max_outbound_frame_size, len(piece)
                )
                if piece and window <= 0:
                    break
                self._conn.send_data(stream, piece[:window])
                if window == len(piece):
                    queue.pop(0)
                else:
                    queue[0] = piece[window:]

    @property
    def waiting(self) -> bool:
        """Whether flow control keeps back any of what it wants to send."""
        return any(self._queues.values())

    def reset_stream(self, stream: int, code: h2.errors.ErrorCodes) -> None:
        self._conn.reset_stream(stream, code)
        self.running.discard(stream)
        self._queues.pop(stream, None)

    def goaway(self, last: int | None, code: int = 0) -> None:
        """GOAWAY; written as a frame, since h2 ends its own connection with it."""
        last_id = self.streams[-1] if last is None and self.streams else (last or 0)
        if self.promised is not None:
            last_id = min(last_id, self.promised)
        self.promised = last_id
        self.running -= {stream for stream in self.running if stream > last_id}
        payload = last_id.to_bytes(4, "big") + code.to_bytes(4, "big")
        self._raw = len(payload).to_bytes(3, "big") + b"\x07\x00\x00\x00\x00\x00" + payload

    def change(self, settings: dict[h2.settings.SettingCodes, int]) -> None:
        """New SETTINGS."""
        self._conn.update_settings(settings)

    def kept_back(self) -> set[int]:
        """Streams of which flow control keeps something back."""
        return {stream for stream, queue in self._queues.items() if queue}

    def take_raw(self) -> bytes:
        """The frame that :meth:`goaway` made."""
        raw, self._raw = self._raw, b""
        return raw

    def close_window(self, stream: int) -> int:
        """How much may still be sent on ``stream``."""
        window: int = self._conn.local_flow_control_window(stream)
        return window
