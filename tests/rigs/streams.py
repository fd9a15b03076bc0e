"""One HTTP/2 connection of a client, with WebSockets on its streams, in a crowd of others."""

import json

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived
from tests.rigs.crowd import Crowd
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import CloseConnection, TextMessage


class Streams:
    """One HTTP/2 connection of a client, with WebSockets on its streams."""

    def __init__(self, scene: Crowd, peer: str) -> None:
        self.scene = scene
        self.h2 = H2Connection(H2Configuration(client_side=True))
        self.conn = scene.gateway.open_downstream(peer, "h2", scene.now)
        self.h2.initiate_connection()
        self.sockets: dict[int, Connection] = {}
        self.said: list[dict[str, object]] = []
        self.status: dict[int, int] = {}
        self.closed: dict[int, int] = {}
        self.going_away = False
        self.flow()

    def flow(self) -> None:
        """All there is to send and to receive, also while the gateway does not want to read."""
        for _ in range(4):
            if data := self.h2.data_to_send():
                self.scene.gateway.receive_data(self.conn, data, self.scene.now)
            self.scene.settle()
            for event in self.h2.receive_data(self.scene.take(self.conn)):
                if isinstance(event, ConnectionTerminated):
                    self.going_away = True
                    self.h2.state_machine.state = ConnectionState.CLIENT_OPEN  # h2 would send nothing any more
                elif isinstance(event, ResponseReceived) and event.stream_id:
                    self.status[event.stream_id] = int(dict(event.headers)[b":status"])
                elif isinstance(event, DataReceived) and event.stream_id and self.status[event.stream_id] == 200:
                    socket = self.sockets[event.stream_id]
                    socket.receive_data(event.data)
                    for message in socket.events():
                        if isinstance(message, TextMessage):
                            self.said.append(json.loads(message.data))
                        elif isinstance(message, CloseConnection):
                            self.closed[event.stream_id] = int(message.code)
                            self.h2.end_stream(event.stream_id)

    def open(self, path: str = "/v1/local/default") -> int:
        """A WebSocket that is accepted at once."""
        stream = self.come(path)
        assert self.status[stream] == 200
        return stream

    def come(self, path: str) -> int:
        """A request for a WebSocket."""
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "gw.test"),
                (":path", path), ("sec-websocket-version", "13")]  # fmt: skip
        self.sockets[stream] = Connection(ConnectionType.CLIENT)
        self.h2.send_headers(stream, head)
        self.flow()
        return stream

    def send(self, stream: int, data: bytes) -> None:
        """Bytes of one WebSocket, as far as its window allows."""
        while data and (room := min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)):
            self.h2.send_data(stream, data[:room])
            data = data[room:]
            self.flow()

    def create(self, stream: int, event_id: str) -> None:
        step = {
            "eventId": event_id,
            "provider": "custom-x",
            "endpoint": "chat",
            "headers": {},
            "query": {"a": "b" * 300},
        }
        message = json.dumps({"type": "universal.create", "request": step})
        self.h2.send_data(stream, self.sockets[stream].send(TextMessage(message)))
        self.flow()

    def codes(self) -> list[object]:
        found = []
        for message in self.said:
            response = message.get("response")
            assert isinstance(response, dict)
            found.append(response["error"][0]["message"])
        return found
