"""Many clients of one gateway, and a driver that takes and confirms everything at once. Providers say nothing unless a
test speaks for them."""

import json
from collections.abc import Sequence

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, RejectConnection, RejectData, Request, TextMessage
from wsproto.extensions import Extension

from aigw_sansio.config import Config
from aigw_sansio.effects import Ask, Close, Connect, Continue, Effect, Emit, PauseReading, ResumeReading
from aigw_sansio.events import Event as GatewayEvent
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Crowd:
    """The gateway, its clients, and what it did."""

    def __init__(self, config: Config) -> None:
        self.gateway = Gateway(config, b"a seed of sixteen", 1_700_000_000.0)
        self.now = 100.0
        self.clients: dict[ConnId, WSConnection] = {}
        self.dials: dict[ConnId, Connect] = {}  # that the driver knows of and are not over
        self.asks: list[Ask] = []
        self.events: list[GatewayEvent] = []
        self.paused: set[ConnId] = set()
        self.aborted: set[ConnId] = set()
        #: These clients take no bytes.
        self.deaf: set[ConnId] = set()
        self.work_left = False
        self._ids = 0

    # -- the driver ---------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Carry out all effects; everybody who is not deaf takes all there is."""
        while effects := self.gateway.effects():
            for effect in effects:
                self._carry_out(effect)
            for conn in [*self.clients]:
                self._take(conn)
            if self.work_left:
                self.work_left = False
                self.gateway.proceed(self.now)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Connect(conn):
                self.dials[conn] = effect
            case Ask():
                self.asks.append(effect)
            case Emit(event):
                self.events.append(event)
            case Continue():
                self.work_left = True
            case PauseReading(conn):
                self.paused.add(conn)
            case ResumeReading(conn):
                self.paused.discard(conn)
            case Close(conn, abort):
                if abort or conn not in self.clients:
                    self.aborted.add(conn)
                    self.dials.pop(conn, None)
                    self.gateway.closed(conn, self.now)

    def _take(self, conn: ConnId) -> None:
        data = self.take(conn)
        if data and conn in self.clients:
            self.clients[conn].receive_data(data)

    def take(self, conn: ConnId) -> bytes:
        """The peer of ``conn`` takes all that there is."""
        sent = b""
        while conn not in self.deaf and (data := self.gateway.data_to_send(conn)):
            self.gateway.data_sent(conn, len(data), self.now)
            sent += data
        return sent

    def pass_time(self, seconds: float) -> None:
        """Fire what is due at each deadline on the way."""
        until = self.now + seconds
        while (due := self.gateway.next_timeout()) is not None and due <= until:
            self.now = max(self.now, due)
            self.gateway.handle_timeout(self.now)
            self.settle()
        self.now = until

    # -- clients ------------------------------------------------------------------------------------------------

    def come(
        self, path: str = "/v1/local/default", peer: str = "192.0.2.7:50000", extensions: Sequence[Extension] = ()
    ) -> ConnId:
        """A client that asks for a WebSocket."""
        conn = self.gateway.open_downstream(peer, None, self.now)
        client = self.clients[conn] = WSConnection(ConnectionType.CLIENT)
        self.gateway.receive_data(
            conn, client.send(Request(host="gw.test", target=path, extensions=list(extensions))), self.now
        )
        self.settle()
        return conn

    def open(self, path: str = "/v1/local/default", peer: str = "192.0.2.7:50000") -> ConnId:
        """A client whose WebSocket is open."""
        conn = self.come(path, peer)
        assert [type(event) for event in self.clients[conn].events()] == [AcceptConnection]
        return conn

    def send(self, conn: ConnId, **message: object) -> None:
        self.receive(conn, self.clients[conn].send(TextMessage(json.dumps(message))))

    def receive(self, conn: ConnId, data: bytes) -> None:
        """Bytes of a peer, in reads of the usual size."""
        for at in range(0, len(data), 65536):
            if conn not in self.aborted:
                self.gateway.receive_data(conn, data[at : at + 65536], self.now)
                self.settle()

    def create(self, conn: ConnId, **more: object) -> str:
        """A request; returns its ``eventId``."""
        self._ids += 1
        step = {"eventId": f"e{self._ids}", "provider": "custom-x", "endpoint": "chat", "headers": {}, "query": {}}
        self.send(conn, type="universal.create", request={**step, **more})
        return f"e{self._ids}"

    def leave(self, conn: ConnId) -> None:
        self.gateway.connection_lost(conn, "reset", self.now)
        self.gateway.closed(conn, self.now)
        del self.clients[conn]
        self.settle()

    def heard(self, conn: ConnId) -> list[Event]:
        """What the client of ``conn`` got since the last call."""
        return list(self.clients[conn].events())

    def messages(self, conn: ConnId) -> list[dict[str, object]]:
        """The JSON messages that it got since the last call."""
        return [json.loads(event.data) for event in self.heard(conn) if isinstance(event, TextMessage)]

    def statuses(self, conn: ConnId) -> list[tuple[object, object]]:
        """The exchanges that ended with a whole answer: id and status."""
        found = []
        for message in self.messages(conn):
            metadata = message["metadata"]
            assert isinstance(metadata, dict)
            found.append((metadata["eventId"], metadata.get("status")))
        return found

    def close_code(self, conn: ConnId) -> tuple[int, str | None] | None:
        """The close frame that it got."""
        for event in self.heard(conn):
            if isinstance(event, CloseConnection):
                return int(event.code), event.reason
        return None

    def refusal(self, conn: ConnId) -> tuple[int, bytes]:
        """Status and body of a refused upgrade."""
        status, body = 0, b""
        for event in self.heard(conn):
            if isinstance(event, RejectConnection):
                status = event.status_code
            elif isinstance(event, RejectData):
                body += event.data
        return status, body

    # -- providers ----------------------------------------------------------------------------------------------

    def accept(self, up: ConnId, alpn: str | None = None) -> bytes:
        """The dial succeeds. Returns what the gateway sends first."""
        del self.dials[up]
        self.gateway.connected(up, alpn, self.now)
        self.settle()
        sent = self.take(up)
        self.settle()
        return sent

    def accept_all(self) -> list[ConnId]:
        """All dials succeed, and those that follow from that."""
        done: list[ConnId] = []
        while self.dials:
            up = next(iter(self.dials))
            self.accept(up)
            done.append(up)
        return done

    def fail_dial(self, up: ConnId) -> None:
        del self.dials[up]
        self.gateway.connect_failed(up, "name not found", self.now)
        self.gateway.closed(up, self.now)
        self.settle()
