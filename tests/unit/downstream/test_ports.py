"""The promise of ``Responder`` and ``BytePipe``, held against HTTP/1.1 and HTTP/2 alike: whoever decides about a request
does not see which of them carries it."""

import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived
from tests.peers.http2_frames import peer
from tests.rigs.core_rig import Rig

from aigw_sansio.downstream.http1 import Http1DownstreamConnection
from aigw_sansio.downstream.http2 import Http2DownstreamConnection
from aigw_sansio.downstream.ports import ClientRequest, Responder
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.wires.websocket.handshake import NotUpgrade, Offers

UPGRADE = (
    b"GET /chat HTTP/1.1\r\nHost: gw\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: a, b\r\nX-Name: value\r\n\r\n"
)


class Client(Rig):
    """A client on one of the two, who decides about its request, and the receiver of its bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[ClientRequest] = []
        self.responders: list[Responder] = []
        self.told: list[str] = []
        self.connection = self._connection()

    def _connection(self) -> Http1DownstreamConnection | Http2DownstreamConnection:
        raise NotImplementedError

    def ask(self, method: str, *, websocket: bool = False) -> Responder:
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        raise NotImplementedError

    def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, fields and body that came."""
        raise NotImplementedError

    def bytes_in(self, data: bytes) -> None:
        self.connection.receive_data(data, self.now)
        self.services.run_deferred(self.now)

    def bytes_out(self) -> bytes:
        self.services.run_deferred(self.now)
        found = b""
        while data := self.connection.buffer.pull(1 << 16):
            found += data
            self.connection.data_sent(len(data), self.now)
            self.services.run_deferred(self.now)
        return found

    # -- RequestHandler and PendingRequest

    def request_arrived(self, request: ClientRequest, responder: Responder, now: float) -> "Client":
        self.requests.append(request)
        self.responders.append(responder)
        return self

    def client_gone(self, now: float) -> None:
        self.told.append("client gone")

    # -- PipeReceiver

    def receive_data(self, data: bytes, now: float) -> None:
        self.told.append(f"data {data.decode()}")

    def receive_eof(self, now: float) -> None:
        self.told.append("eof")

    def connection_lost(self, reason: str, now: float) -> None:
        self.told.append(f"lost: {reason}")

    def data_sent(self, outstanding: int, now: float) -> None:
        pass


class Http1Client(Client):
    def _connection(self) -> Http1DownstreamConnection:
        return Http1DownstreamConnection(
            self.services, self.services.issue_conn(), peer="192.0.2.1:1", handler=self, now=self.now
        )

    def ask(self, method: str, *, websocket: bool = False) -> Responder:
        plain = b"%b /chat HTTP/1.1\r\nHost: gw\r\nX-Name: value\r\n\r\n" % method.encode()
        self.bytes_in(UPGRADE if websocket else plain)
        return self.responders[-1]

    def send(self, data: bytes) -> None:
        """As the gateway does: bytes of an accepted WebSocket go to its receiver."""
        (self.connection.receiver or self.connection).receive_data(data, self.now)

    def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        head, _, body = self.bytes_out().partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        fields = (line.partition(b": ") for line in lines)
        return int(status.split()[1]), {name.lower(): value for name, _, value in fields}, body


class Http2Client(Client):
    def __init__(self) -> None:
        super().__init__()
        self.peer: H2Connection = peer(client=True)
        self._exchange()

    def _connection(self) -> Http2DownstreamConnection:
        return Http2DownstreamConnection(
            self.services, self.services.issue_conn(), peer="192.0.2.1:1", handler=self, now=self.now
        )

    def _exchange(self) -> list[object]:
        events: list[object] = []
        for _ in range(3):
            if data := self.peer.data_to_send():
                self.bytes_in(data)
            events += self.peer.receive_data(self.bytes_out())
        return events

    def ask(self, method: str, *, websocket: bool = False) -> Responder:
        fields = [(b":scheme", b"https"), (b":path", b"/chat"), (b":authority", b"gw"), (b"x-name", b"value")]
        if websocket:
            special = [(b":method", b"CONNECT"), (b":protocol", b"websocket")]
            ordinary = [(b"sec-websocket-version", b"13"), (b"sec-websocket-protocol", b"a, b")]
            self.peer.send_headers(1, [*special, *fields, *ordinary])
        else:
            self.peer.send_headers(1, [(b":method", method.encode()), *fields], end_stream=True)
        self.bytes_in(self.peer.data_to_send())
        return self.responders[-1]

    def send(self, data: bytes) -> None:
        self.peer.send_data(1, data)
        self.bytes_in(self.peer.data_to_send())

    def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        status, fields, body = 0, {}, b""
        for event in self._exchange():
            if isinstance(event, ResponseReceived):
                fields = {bytes(name): bytes(value) for name, value in event.headers or ()}
                status = int(fields.pop(b":status"))
            elif isinstance(event, DataReceived):
                body += event.data or b""
        return status, fields, body


@pytest.fixture(params=[Http1Client, Http2Client])
def client(request: pytest.FixtureRequest) -> Client:
    made: Client = request.param()
    return made


def test_a_request_is_told_alike(client: Client) -> None:
    client.ask("GET")
    (request,) = client.requests
    assert (request.conn, request.peer) == (client.connection.conn, "192.0.2.1:1")
    assert (request.method, request.target) == (b"GET", b"/chat")
    assert (b"x-name", b"value") in request.headers
    assert isinstance(request.websocket, NotUpgrade)


def test_the_offers_of_a_websocket_are_told_alike(client: Client) -> None:
    client.ask("GET", websocket=True)
    (request,) = client.requests
    assert request.target == b"/chat"
    assert request.websocket == Offers(subprotocols=(b"a", b"b"), extensions=())


def test_an_acceptance(client: Client) -> None:
    responder = client.ask("GET", websocket=True)
    responder.accept(b"b", client, client.now, extension=b"x")
    status, fields, _ = client.answer()
    assert status == (101 if isinstance(client, Http1Client) else 200)
    assert fields[b"sec-websocket-protocol"] == b"b"
    assert fields[b"sec-websocket-extensions"] == b"x"


def test_what_came_early_is_given_before_accept_returns(client: Client) -> None:
    responder = client.ask("GET", websocket=True)
    client.send(b"early ")
    client.send(b"bird")
    assert client.told == []
    responder.accept(None, client, client.now)
    assert client.told == ["data early bird"]
    client.send(b"late")
    assert client.told == ["data early bird", "data late"]


def test_an_accepted_pipe_carries_bytes_and_counts_them(client: Client) -> None:
    responder = client.ask("GET", websocket=True)
    responder.accept(None, client, client.now)
    client.answer()
    pipe = responder.pipe
    assert pipe.outstanding == 0
    assert pipe.write(b"hello", client.now) == pipe.outstanding == 5
    assert client.bytes_out().endswith(b"hello")
    assert pipe.outstanding == 0


def test_a_paused_pipe_is_a_promise_of_the_peer_not_of_the_bytes_under_way(client: Client) -> None:
    """After the pause one read may still come. Behind the resume everything is there, in order."""
    responder = client.ask("GET", websocket=True)
    responder.accept(None, client, client.now)
    responder.pipe.pause_reading()
    client.send(b"a")
    responder.pipe.resume_reading()
    client.services.run_deferred(client.now)
    client.send(b"b")
    assert client.told == ["data a", "data b"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_plain_answer(client: Client, method: str) -> None:
    """HEAD is told the length only (RFC 9110 section 9.3.2)."""
    client.ask(method).refuse(404, [(b"x", b"y")], b"nothing", client.now)
    status, fields, body = client.answer()
    assert (status, fields[b"x"], fields[b"content-length"]) == (404, b"y", b"7")
    assert body == (b"nothing" if method == "GET" else b"")


@pytest.mark.parametrize("first", ["accept", "refuse"])
def test_a_request_is_answered_once(client: Client, first: str) -> None:
    responder = client.ask("GET", websocket=True)
    if first == "accept":
        responder.accept(None, client, client.now)
    else:
        responder.refuse(404, [], b"", client.now)
    client.answer()
    with pytest.raises(LocalProtocolError, match="ACCEPT is not allowed"):
        responder.accept(None, client, client.now)
    with pytest.raises(LocalProtocolError, match="REFUSE is not allowed"):
        responder.refuse(404, [], b"", client.now)
    assert client.bytes_out() == b""


def test_a_client_that_is_lost_before_it_is_answered(client: Client) -> None:
    client.ask("GET", websocket=True)
    client.connection.connection_lost("reset", client.now)
    client.connection.closed(client.now)
    assert client.told == ["client gone"]


def test_a_client_that_is_lost_after_it_was_accepted(client: Client) -> None:
    responder = client.ask("GET", websocket=True)
    responder.accept(None, client, client.now)
    client.connection.connection_lost("reset", client.now)
    client.connection.closed(client.now)
    assert client.told == ["lost: reset"]
    assert client.services.timers.next_deadline() is None
