"""A blocking HTTP/2 client over TLS, with WebSockets on its streams."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings
from tests.peers.websocket_client import accepted_extensions
from wsproto.connection import Connection, ConnectionType
from wsproto.events import Message, TextMessage

from aigw_drivers.core.tls import client_context

PATH = "/v1/local/default"


class H2Client:
    """A blocking HTTP/2 connection with WebSockets on it."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._sock = sock
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.heads: dict[int, dict[str, str]] = {}
        self.plain: dict[int, bytes] = {}
        self.sockets: dict[int, Connection] = {}
        self.texts: dict[int, list[dict[str, Any]]] = {}
        self.ended: set[int] = set()
        self.extended = False
        self.flush()

    def flush(self) -> None:
        if data := self.h2.data_to_send():
            self._sock.sendall(data)

    def ask(self, *fields: tuple[str, str], end: bool, version: str = "", extension: str = "") -> int:
        stream = self.h2.get_next_available_stream_id()
        rest = [("sec-websocket-version", version)] if version else []
        rest += [("sec-websocket-extensions", extension)] if extension else []
        usual = [(":scheme", "https"), (":authority", "localhost")]
        self.h2.send_headers(stream, [*fields, *usual, *rest], end_stream=end)
        self.flush()
        return stream

    def open(self, extension: str = "") -> int:
        fields = ((":method", "CONNECT"), (":protocol", "websocket"), (":path", PATH))
        stream = self.ask(*fields, version="13", extension=extension, end=False)
        self.until(lambda: stream in self.heads)
        assert self.heads[stream][":status"] == "200"
        assert "sec-websocket-accept" not in self.heads[stream]
        self.sockets[stream] = Connection(ConnectionType.CLIENT, accepted_extensions(self.heads[stream]))
        self.texts[stream] = []
        return stream

    def send(self, stream: int, text: str) -> None:
        self.h2.send_data(stream, self.sockets[stream].send(Message(text)))
        self.flush()

    def until(self, condition: Any) -> None:
        while not condition():
            data = self._sock.recv(65536)
            assert data, "the gateway ended the connection"
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.RemoteSettingsChanged):
                    self.extended |= h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL in event.changed_settings
                elif isinstance(event, h2.events.ResponseReceived):
                    self.heads[event.stream_id] = {str(k): str(v) for k, v in event.headers or []}
                elif isinstance(event, h2.events.DataReceived):
                    self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
                    self._take(event.stream_id, event.data or b"")
                elif isinstance(event, h2.events.StreamEnded):
                    self.ended.add(event.stream_id)
            self.flush()

    def _take(self, stream: int, data: bytes) -> None:
        if stream not in self.sockets:
            self.plain[stream] = self.plain.get(stream, b"") + data
            return
        self.sockets[stream].receive_data(data)
        for event in self.sockets[stream].events():
            if isinstance(event, TextMessage):
                self.texts[stream].append(json.loads(event.data))


@contextmanager
def h2_client(port: int, ca_file: str) -> Iterator[H2Client]:
    context = client_context(ca_file, ("h2",))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=120) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as sock,
    ):
        assert sock.selected_alpn_protocol() == "h2"
        yield H2Client(sock)
