"""Parts of the core without a gateway around them: an engine whose effects are kept, and a pool whose connections a
test drives by hand. Peers that only record what they are told."""

from collections import deque

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from aigw_sansio.config import Config, Limits, Timeouts
from aigw_sansio.effects import Close, Connect, Effect, Emit, Flush
from aigw_sansio.engine.client import Requester
from aigw_sansio.engine.services import Services
from aigw_sansio.events import Event
from aigw_sansio.exchanges.ports import Caller
from aigw_sansio.exchanges.source import Placed
from aigw_sansio.faults import Fault
from aigw_sansio.ids import ConnId
from aigw_sansio.origin import Origin
from aigw_sansio.upstream.call import UpstreamCall
from aigw_sansio.upstream.connection import UpstreamConnection
from aigw_sansio.upstream.pool import Pool
from aigw_sansio.wires.http import Headers, Request

#: Whose exchanges these are.
CALLER = Caller(7, "acme", "main", "alice", None)

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def request(body: bytes = b"{}", target: bytes = b"/v1") -> Request:
    return Request(b"POST", b"https", b"up.test", target, [(b"a", b"b")], body)


class Handler:
    """A ``ResponseHandler`` that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.fault: Fault | None = None
        self.body = b""

    def call_placed(self, placed: Placed, now: float) -> None:
        self.told.append(f"placed {placed.conn} {placed.reach}")

    def call_replaced(self, now: float) -> None:
        self.told.append("replaced")

    def request_sent(self, now: float) -> None:
        self.told.append("sent")

    def response_activity(self, now: float) -> None:
        if self.told[-1:] != ["activity"]:
            self.told.append("activity")

    def response_head(self, status: int, headers: Headers, now: float) -> None:
        self.told.append(f"head {status}")

    def response_body(self, data: bytes, now: float) -> None:
        self.body += data
        self.told.append(f"body {data.decode()}")

    def response_end(self, now: float) -> None:
        self.told.append("end")

    def response_failed(self, fault: Fault, now: float) -> None:
        self.fault = fault
        self.told.append(f"failed {fault.kind.value}")


class Rig:
    """An engine, a pool and a driver's place in the test."""

    def __init__(self, limits: Limits | None = None, timeouts: Timeouts | None = None, **config: object) -> None:
        self.services = Services(
            Config(limits=limits or Limits(), timeouts=timeouts or Timeouts(), **config),  # type: ignore[arg-type]
            b"seed",
            1_700_000_000.0,
        )
        self.connections: dict[ConnId, UpstreamConnection] = {}
        self.pool = Pool(self.services, self._register)
        self.servers: dict[ConnId, H2Connection] = {}
        self.events: deque[Event] = deque()
        self.now = 0.0

    def _register(self, upstream: UpstreamConnection) -> None:
        self.connections[upstream.conn] = upstream

    def effects(self) -> list[Effect]:
        """All since the last call, events kept apart."""
        found: list[Effect] = []
        for effect in self.services.take_effects():
            if isinstance(effect, Emit):
                self.events.append(effect.event)
            else:
                found.append(effect)
        return found

    def short(self) -> list[str]:
        """Effects as words: ``connect 1``, ``close 1``, ``abort 1``, ``flush 1``, ``pause 1``, ``resume 1``."""
        return [short(effect) for effect in self.effects()]

    def pass_time(self, seconds: float) -> None:
        """Fire what is due at each deadline on the way."""
        until = self.now + seconds
        while (due := self.services.timers.next_deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.services.timers.fire(self.now)
            self.services.run_deferred(self.now)
        self.now = until

    def call(
        self,
        handler: Handler,
        origin: Origin,
        body: bytes = b"{}",
        connect_s: float = 10.0,
        requester: Requester | None = None,
    ) -> UpstreamCall:
        call = UpstreamCall(
            self.pool, origin, request(body), handler=handler, connect_timeout_s=connect_s, requester=requester
        )
        call.start(self.now)
        return call

    def connect(self, conn: int, alpn: str | None = "http/1.1") -> UpstreamConnection:
        """The dial succeeds, and everything is sent."""
        upstream = self.connections[ConnId(conn)]
        if alpn == "h2":
            server = H2Connection(H2Configuration(client_side=False))
            server.initiate_connection()
            self.servers[upstream.conn] = server
        upstream.connected(alpn, self.now)
        if alpn == "h2":
            self.exchange(conn)
        else:
            self.take(conn)
        return upstream

    def take(self, conn: int) -> bytes:
        """Pull and confirm everything."""
        upstream = self.connections[ConnId(conn)]
        sent = b""
        while data := upstream.buffer.pull(65536):
            sent += data
            upstream.data_sent(len(data), self.now)
        return sent

    def receive(self, conn: int, data: bytes) -> None:
        self.connections[ConnId(conn)].receive_data(data, self.now)
        self.services.run_deferred(self.now)

    def exchange(self, conn: int) -> list[int]:
        """HTTP/2: both sides say what they have to. Returns the streams whose request came."""
        server = self.servers[ConnId(conn)]
        streams: list[int] = []
        for _ in range(4):
            if data := self.take(conn):
                streams += [
                    e.stream_id for e in server.receive_data(data) if isinstance(e, RequestReceived) and e.stream_id
                ]
            if data := server.data_to_send():
                self.receive(conn, data)
        return streams

    def respond(self, conn: int, stream: int, body: bytes = b"ok", *, end: bool = True) -> None:
        """HTTP/2: an answer."""
        server = self.servers[ConnId(conn)]
        server.send_headers(stream, [(":status", "200")])
        server.send_data(stream, body, end_stream=end)
        self.exchange(conn)


def short(effect: Effect) -> str:
    if isinstance(effect, Connect):
        return f"connect {effect.conn}"
    if isinstance(effect, Close):
        return f"{'abort' if effect.abort else 'close'} {effect.conn}"
    if isinstance(effect, Flush):
        return f"flush {effect.conn}"
    word = {"PauseReading": "pause", "ResumeReading": "resume"}.get(type(effect).__name__, type(effect).__name__)
    return f"{word} {getattr(effect, 'conn', '')}".strip()
