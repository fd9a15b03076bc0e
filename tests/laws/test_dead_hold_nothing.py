"""What has ended holds nothing (client protocol, section 3.4): each way of ending, with much under way.

The cycle collector is off. After ``closed`` and ``SessionEnded`` the gateway is made of the same objects as before, and
has as much memory. The worlds and the transcripts check the objects, too; here much is under way at each end: unfinished
messages of 6 MiB, bodies, queues, retries, refusals.
"""

import gc
import json
import os
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from tests.peers.http2_client import Http2ClientPeer, StreamClient
from tests.peers.http2_frames import frame
from tests.peers.http_providers import Http1Provider, Http2Provider
from tests.peers.reference_driver import End, Link, PerfectDriver
from tests.peers.websocket_client import WsClient, upgrade_request
from tests.peers.websocket_frames import raw_frame
from tests.peers.websocket_provider import WsProvider
from tests.rigs.living import living_objects

from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.effects import Authenticated
from aigw_sansio.gateway import Gateway
from aigw_sansio.wires.http import Request
from aigw_sansio.wires.http1.client import Http1Client
from aigw_sansio.wires.http2.client import Http2Client
from aigw_sansio.wires.http2.server import Http2Server
from aigw_sansio.wires.websocket.deflate import Agreement, PerMessageDeflate
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.handshake import ClientHandshake
from aigw_sansio.wires.websocket.messages import WebSocketWire

MIB: Final = 1 << 20
#: More than all that an end may leave: caches, grown tables, the allocator's own.
SLACK: Final = 128 * 1024
STATM: Final = Path("/proc/self/statm")
NO_KEY: Final = b"\0\0\0\0"
CONFIG: Final = Config(
    gateways={
        "a/open": GatewaySettings(),
        "a/asks": GatewaySettings(authentication=True),
        "a/squeezes": GatewaySettings(compression="stream"),
    },
    providers={
        "custom-h1": ProviderSettings(base_url="https://one.test", http2="off"),
        "custom-h2": ProviderSettings(base_url="https://two.test", http2="on"),
        "openai": ProviderSettings(realtime_url="wss://live.test/v1/realtime", native=True),
    },
)
#: Of an exchange, nothing of this outlives it.
OF_EXCHANGES: Final = {"Exchange", "Attempt", "ProviderResponse", "_Queue", "Policy"}


class Scene:
    """One gateway, its driver and one client that is let in."""

    def __init__(self, gateway: Gateway, alpn: str) -> None:
        self.gateway = gateway
        self.driver = PerfectDriver(gateway, "whole", 1)
        self.client: WsClient
        if alpn == "h2":
            connection = Http2ClientPeer()
            self.link = self.driver.open_client(connection, "h2")
            self.client = StreamClient(connection, "client")
        else:
            self.client = WsClient()
            self.link = self.driver.open_client(self.client)

    def open(self, path: str = "/v1/a/open", headers: list[tuple[str, str]] | None = None) -> None:
        self.driver.send(self.link, self.client.open(path, headers or []))

    def carry(self, data: bytes) -> None:
        self.driver.send(self.link, self.client.carry(data))

    def create(self, event_id: str, provider: str, **query: Any) -> None:
        step = {"provider": provider, "endpoint": "v1/x", "headers": {}, "query": query}
        config = {"maxAttempts": 2, "retryDelay": 1000}
        message = {"type": "universal.create", "request": [{"eventId": event_id, "config": config, **step}]}
        self.carry(raw_frame(0x81, json.dumps(message).encode(), masked=True))

    def cancel(self, event_id: str) -> None:
        text = json.dumps({"type": "universal.cancel", "eventId": event_id}).encode()
        self.carry(raw_frame(0x81, text, masked=True))

    def ups(self) -> list[Link]:
        return [link for link in self.driver.links.values() if link.kind == "up" and not link.ended]

    def dial(self) -> None:
        """All dials succeed."""
        for link in self.ups():
            if link.peer is None:
                alpn = "h2" if "h2" in link.offered else "http/1.1"
                peer = Http2Provider() if alpn == "h2" else WsProvider()
                self.driver.connected(link, peer, alpn)

    def head(self, status: int, kind: str) -> None:
        """Every provider answers what it was asked."""
        for link in self.ups():
            headers = [("content-type", kind)]
            peer = link.peer
            if isinstance(peer, Http2Provider):
                for stream in sorted(peer.running):
                    peer.send_head(stream, status, headers)
                self.driver.send(link, peer.take())
            elif isinstance(peer, Http1Provider) and peer.requests:
                self.driver.send(link, peer.head(status, headers, "chunked"))

    def body(self, data: bytes, *, end: bool = False) -> None:
        for link in self.ups():
            peer = link.peer
            if isinstance(peer, Http2Provider):
                for stream in sorted(peer.running):
                    peer.send_body(stream, [data, None] if end else [data])
                self.driver.send(link, peer.take())
            elif isinstance(peer, Http1Provider) and peer.requests:
                self.driver.send(link, peer.body(data) + (peer.end() if end else b""))

    def provider_ends(self, how: End) -> None:
        for link in self.ups():
            self.driver.end(link, how)

    def nothing_of_exchanges(self, living: Callable[[], dict[str, int]]) -> None:
        """The client is there, its exchanges are over."""
        left = {name: count for name, count in living().items() if name in OF_EXCHANGES}
        assert not left, left


# -- what is under way ---------------------------------------------------------------------------------------------


def message(scene: Scene) -> None:
    """6 MiB of a message in one frame."""
    scene.open()
    scene.carry(raw_frame(0x82, b"x" * 6 * MIB, masked=True, key=NO_KEY, length=16 * MIB))


def fragments(scene: Scene) -> None:
    """A fragment of 4 MiB, 2 MiB of the next."""
    scene.open()
    scene.carry(raw_frame(0x02, b"x" * 4 * MIB, masked=True, key=NO_KEY))
    scene.carry(raw_frame(0x00, b"x" * 2 * MIB, masked=True, key=NO_KEY, length=12 * MIB))


def fragment(scene: Scene) -> None:
    """A whole fragment of 6 MiB: a close may follow it."""
    scene.open()
    scene.carry(raw_frame(0x01, b"x" * 6 * MIB, masked=True, key=NO_KEY))


def squeezed(scene: Scene) -> None:
    """A socket with permessage-deflate, and a fragment."""
    scene.open("/v1/a/squeezes", [("sec-websocket-extensions", "permessage-deflate")])
    scene.carry(raw_frame(0x01, b"x" * MIB, masked=True, key=NO_KEY))


def running(scene: Scene) -> None:
    """Requests on both versions of HTTP, and 2 MiB of each whole body."""
    scene.open()
    for provider in ("custom-h1", "custom-h2"):
        scene.create(provider, provider, prompt="x" * MIB)
    scene.dial()
    scene.head(200, "application/json")
    scene.body(b'["' + b"x" * 2 * MIB)


def queued(scene: Scene) -> None:
    """The client does not read its streams."""
    scene.open()
    for provider in ("custom-h1", "custom-h2"):
        scene.create(provider, provider, stream=True)
    scene.dial()
    scene.head(200, "text/event-stream")
    scene.driver.take(scene.link, False)
    scene.body(b'data: {"x":"' + b"x" * 50_000 + b'"}\n\n')
    for _ in range(20):
        scene.body(b'data: {"x":"' + b"x" * 50_000 + b'"}\n\n')


def waiting(scene: Scene) -> None:
    """Requests whose dials are under way."""
    scene.open()
    for number in range(4):
        scene.create(f"one{number}", "custom-h1", prompt="x" * MIB)
        scene.create(f"two{number}", "custom-h2", prompt="x" * MIB)


def retried(scene: Scene) -> None:
    """Between two attempts; the answer of the first is kept, for it may be the last."""
    scene.open()
    for provider in ("custom-h1", "custom-h2"):
        scene.create(provider, provider, prompt="x" * MIB)
    scene.dial()
    scene.head(503, "application/json")
    scene.body(b"x" * MIB, end=True)


def realtime(scene: Scene) -> None:
    """A relay in the middle of a message of each side."""
    scene.open("/v1/a/open/openai/v1/realtime?model=x", [("authorization", "Bearer k")])
    scene.dial()
    (up,) = scene.ups()
    peer = up.peer
    assert isinstance(peer, WsProvider)
    scene.driver.send(up, peer.switch(101, []))
    scene.carry(raw_frame(0x01, b"x" * MIB, masked=True, key=NO_KEY))
    scene.carry(raw_frame(0x00, b"x" * 60_000, masked=True, key=NO_KEY, length=65_000))
    scene.driver.send(up, raw_frame(0x01, b"y" * MIB, masked=False))
    scene.driver.send(up, raw_frame(0x00, b"y" * 60_000, masked=False, length=65_000))


def native(scene: Scene) -> None:
    """Two lanes of Responses over WebSocket on both sides: one in the middle of a message, one that has ended."""
    scene.open("/v1/a/open/openai/responses", [("authorization", "Bearer k")])
    for lane in ("a", "b"):
        create = {"type": "response.create", "stream_id": lane, "model": "m", "input": "x" * 60_000}
        scene.carry(raw_frame(0x81, json.dumps(create).encode(), masked=True))
    scene.dial()
    running, ended = scene.ups()
    for up in (running, ended):
        assert isinstance(up.peer, WsProvider)
        scene.driver.send(up, up.peer.switch(101, []))
    output = [{"type": "message", "content": [{"type": "output_text", "text": "z" * 60_000}]}]
    response = {"id": "resp_1", "status": "completed", "output": output}
    last = json.dumps({"type": "response.completed", "response": response}).encode()
    scene.driver.send(ended, raw_frame(0x81, last, masked=False))
    scene.driver.send(running, raw_frame(0x81, b'{"type":"response.created"}', masked=False))
    scene.driver.send(running, raw_frame(0x01, b"y" * MIB, masked=False))
    scene.driver.send(running, raw_frame(0x00, b"y" * 60_000, masked=False, length=65_000))


def dialling(scene: Scene) -> None:
    """A relay whose provider is dialled, and early bytes."""
    scene.open("/v1/a/open/openai/v1/realtime?model=x", [("authorization", "Bearer k")])
    scene.carry(b"x" * 60_000)


def asked(scene: Scene) -> None:
    """The host is asked about the token, and early bytes."""
    scene.open("/v1/a/asks", [("cf-aig-authorization", "Bearer who")])
    scene.carry(b"x" * 60_000)


# -- ends ----------------------------------------------------------------------------------------------------------


def client_closes(scene: Scene) -> None:
    scene.carry(raw_frame(0x88, b"\x03\xe8", masked=True))
    scene.driver.advance(100)


def client_aborts(scene: Scene) -> None:
    scene.driver.end(scene.link, End.RESET)


def stream_is_reset(scene: Scene) -> None:
    if isinstance(scene.client, StreamClient):
        scene.driver.send(scene.link, scene.client.reset())
        scene.driver.advance(100)
    else:
        scene.driver.end(scene.link, End.EOF)


def client_breaks(scene: Scene) -> None:
    scene.carry(raw_frame(0xF3, b"", masked=True) * 100_000)
    scene.driver.advance(100)


def client_is_silent(scene: Scene) -> None:
    scene.client.auto_pong = False
    scene.driver.advance(400)


def client_stalls(scene: Scene) -> None:
    scene.driver.take(scene.link, False)
    scene.driver.advance(400)


def provider_finishes(scene: Scene) -> None:
    scene.body(b"x", end=True)
    scene.driver.take(scene.link, True)
    scene.driver.advance(100)


def provider_closes(scene: Scene) -> None:
    scene.provider_ends(End.EOF)
    scene.driver.advance(100)


def provider_aborts(scene: Scene) -> None:
    scene.provider_ends(End.RESET)
    scene.driver.advance(100)


def provider_lies(scene: Scene) -> None:
    for link in scene.ups():
        scene.driver.send(link, b"\xff\x00 lies\r\n\r\n")
    scene.driver.advance(100)


def dial_fails(scene: Scene) -> None:
    for link in scene.ups():
        if link.peer is None:
            scene.driver.refused(link, "the TLS handshake failed")
    scene.driver.advance(10)
    for link in scene.ups():
        if link.peer is None:
            scene.driver.refused(link, "the TLS handshake failed")


def time_runs_out(scene: Scene) -> None:
    scene.driver.advance(1000)


def all_are_cancelled(scene: Scene) -> None:
    for event_id in ("custom-h1", "custom-h2", *(f"{name}{number}" for name in ("one", "two") for number in range(4))):
        scene.cancel(event_id)
    scene.driver.take(scene.link, True)


def gateway_drains(scene: Scene) -> None:
    scene.driver.drain()
    scene.driver.advance(1000)


def host_answers(scene: Scene) -> None:
    scene.driver.answer(1, Authenticated(allowed=False))
    scene.driver.advance(100)


CLIENT_ENDS = (client_aborts, stream_is_reset, client_breaks, client_is_silent, client_stalls, gateway_drains)
PROVIDER_ENDS = (provider_finishes, provider_closes, provider_aborts, provider_lies, time_runs_out)
CASES: Final[dict[Callable[[Scene], None], tuple[Callable[[Scene], None], ...]]] = {
    message: CLIENT_ENDS,
    fragments: CLIENT_ENDS,
    fragment: (client_closes, *CLIENT_ENDS),
    squeezed: (client_closes, *CLIENT_ENDS),
    running: (client_closes, *CLIENT_ENDS, *PROVIDER_ENDS, all_are_cancelled),
    queued: (client_closes, *CLIENT_ENDS, *PROVIDER_ENDS, all_are_cancelled),
    waiting: (client_closes, *CLIENT_ENDS, dial_fails, time_runs_out, all_are_cancelled),
    retried: (client_closes, *CLIENT_ENDS, time_runs_out, all_are_cancelled),
    realtime: (*CLIENT_ENDS, provider_closes, provider_aborts, provider_lies, time_runs_out),
    native: CLIENT_ENDS,
    dialling: (*CLIENT_ENDS, dial_fails, time_runs_out),
    asked: (*CLIENT_ENDS, host_answers, time_runs_out),
}  # fmt: skip
#: These end every exchange while the client stays.
CLIENT_STAYS = {provider_finishes, provider_closes, provider_aborts, provider_lies, all_are_cancelled}


@pytest.fixture(autouse=True, scope="module")
def traced() -> Any:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def held() -> int:
    gc.collect()  # of the peers; those of the core are counted while the collector is off
    return tracemalloc.get_traced_memory()[0]


def episode(under_way: Callable[[Scene], None], end: Callable[[Scene], None], alpn: str) -> tuple[dict[str, int], int]:
    """What is left after it: objects, and bytes."""
    with living_objects() as living:
        gateway = Gateway(CONFIG, b"a seed for the dead", 1_700_000_000.0)
        at_first = living()
        before = held()
        scene = Scene(gateway, alpn)
        under_way(scene)
        end(scene)
        if end in CLIENT_STAYS and not scene.link.ended:
            scene.nothing_of_exchanges(living)
            scene.driver.output.clear()  # what the peers have seen
            if under_way is not realtime:  # in which the peers hold halves of messages
                assert held() - before < 2 * SLACK, "the client and kept connections hold something of ended exchanges"
        scene.driver.wind_up()
        left = dict(living() - at_first)
        del scene
        return left, held() - before


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
@pytest.mark.parametrize(
    ("under_way", "end"),
    [pytest.param(what, end, id=f"{what.__name__}-{end.__name__}") for what, ends in CASES.items() for end in ends],
)
def test_nothing_is_left(under_way: Callable[[Scene], None], end: Callable[[Scene], None], alpn: str) -> None:
    left, size = episode(under_way, end, alpn)
    assert not left, f"alive after the end: {left}"
    assert size < SLACK, f"{size} bytes are held after the end"


def resident() -> int:
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def closed_sockets(gateway: Gateway, first: float, count: int) -> None:
    """Sockets that are lost in the middle of a message of 8 MiB: 4 MiB in a whole fragment, 2 MiB of the next."""
    upgrade = upgrade_request("/v1/a/open", [])
    begun = raw_frame(0x02, b"x" * 4 * MIB, masked=True, key=NO_KEY)
    begun += raw_frame(0x00, b"x" * 2 * MIB, masked=True, key=NO_KEY, length=4 * MIB)
    for number in range(count):
        now = first + number
        conn = gateway.open_downstream("192.0.2.1:1", None, now)
        gateway.receive_data(conn, upgrade, now)
        gateway.data_sent(conn, len(gateway.data_to_send(conn)), now)
        for at in range(0, len(begun), 65536):
            gateway.receive_data(conn, begun[at : at + 65536], now)
        gateway.connection_lost(conn, "reset", now)
        gateway.closed(conn, now)
        gateway.effects()


@pytest.mark.skipif(not STATM.exists(), reason="needs Linux's /proc")
def test_closed_sockets_leave_no_resident_memory() -> None:
    """What counts for an operator, and for the compiled core: 100 sockets with 6 MiB each, one after the other."""
    gateway = Gateway(CONFIG, b"a seed for the dead", 1_700_000_000.0)
    traced = tracemalloc.is_tracing()
    tracemalloc.stop()
    gc.collect()
    gc.disable()
    try:
        closed_sockets(gateway, 0.0, 10)  # what the allocator keeps for the next one
        before = resident()
        closed_sockets(gateway, 100.0, 100)
        grown = resident() - before
    finally:
        gc.enable()
        if traced:
            tracemalloc.start()
    assert not any(gateway.snapshot().values())
    assert grown < 32 * MIB, f"{grown} bytes more are resident"


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
@pytest.mark.parametrize("path", ["/v1/a/open", "/v1/a/open/openai/v1/realtime?model=x"])
def test_a_session_does_not_keep_its_head(path: str, alpn: str) -> None:
    """A head is over when it is answered. Many short fields take a hundred times what they cost on HTTP/2."""

    def held_by(fields: list[tuple[str, str]]) -> int:
        gateway = Gateway(CONFIG, b"a seed for the dead", 1_700_000_000.0)
        before = held()
        scene = Scene(gateway, alpn)
        scene.open(path, fields)
        scene.dial()
        up = next(iter(scene.ups()), None)
        if up is not None and isinstance(up.peer, WsProvider):
            scene.driver.send(up, up.peer.switch(101, []))
        assert gateway.snapshot()["sessions"] == 1
        del scene, up  # and their copies
        return held() - before

    few = [("authorization", "Bearer k")]
    many = [(f"x-{number}", f"{number}") for number in range(120)]
    held_by([*few, *many])  # fills caches
    # What HPACK may remember for the connection is 4 KiB by its own count, more in Python (RFC 7541 section 4.1).
    assert held_by([*few, *many]) - held_by(few) < (24_000 if alpn == "h2" else 2_000)


# -- the libraries below ---------------------------------------------------------------------------------------------


def http1_client(answer: bytes) -> Callable[[], None]:
    def use() -> None:
        wire = Http1Client(4096)
        wire.send_request(REQUEST)
        wire.data_to_send()
        wire.receive_data(answer)
        wire.close()

    return use


def http2_client(answer: bytes) -> Callable[[], None]:
    """``answer`` comes behind the head of a response and a part of its body."""

    def use() -> None:
        wire = Http2Client()
        wire.receive_data(frame(4, 0, 0) + frame(4, 1, 0))
        wire.send_request(REQUEST)
        wire.data_to_send()
        wire.receive_data(frame(1, 4, 1, b"\x88") + frame(0, 0, 1, b"x" * 100) + answer)
        wire.close()

    return use


@cache
def opening() -> bytes:
    """A client over HTTP/2 asks for a WebSocket."""
    peer = Http2ClientPeer()
    return peer.take() + StreamClient(peer, "client").open("/v1/a/open", [])


def http2_server(first: bytes) -> Callable[[], None]:
    def use() -> None:
        wire = Http2Server()
        wire.receive_data(opening())
        wire.accept(1, [])
        wire.send(1, b"x" * 100_000)
        wire.data_to_send()
        wire.receive_data(first)
        wire.close()

    return use


def websocket(data: bytes, *, deflate: bool = False) -> Callable[[], None]:
    """Behind a fragment, for which wsproto is asked."""

    def use() -> None:
        extension = PerMessageDeflate(Role.SERVER, Agreement(), message_limit=MIB) if deflate else None
        wire = WebSocketWire(Role.SERVER, message_limit=MIB, extension=extension)
        wire.text(b"x" * 2000)
        wire.receive_data(raw_frame(0x01, b"fragment", masked=True) + data)
        wire.stop_reading()

    return use


def handshake(answer: bytes) -> Callable[[], None]:
    def use() -> None:
        client = ClientHandshake(4096, b"0123456789abcdef", ())
        client.receive_data(answer)
        client.receive_eof()

    return use


REQUEST: Final = Request(
    method=b"POST", scheme=b"https", authority=b"up.test", target=b"/", headers=[(b"a", b"b")], body=b"x" * 100_000
)
CHUNKED: Final = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
LIBRARIES: Final[dict[str, Callable[[], None]]] = {
    "HTTP/1.1: unfinished head": http1_client(b"HTTP/1.1 200 OK\r\na: b"),
    "HTTP/1.1: malformed head": http1_client(b"HTTP/1.1 200 OK\r\nno field\r\n\r\n"),
    "HTTP/1.1: interim": http1_client(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "HTTP/1.1: unfinished body": http1_client(CHUNKED + b"ff\r\nx"),
    "HTTP/1.1: malformed trailers": http1_client(CHUNKED + b"0\r\nno field\r\n\r\n"),
    "HTTP/1.1: whole": http1_client(CHUNKED + b"1\r\nx\r\n0\r\n\r\n"),
    "HTTP/2 client: unfinished": http2_client(b""),
    "HTTP/2 client: whole": http2_client(frame(0, 1, 1, b"x")),
    "HTTP/2 client: GOAWAY": http2_client(frame(7, 0, 0, bytes(8))),
    "HTTP/2 client: reset": http2_client(frame(3, 0, 1, bytes(4))),
    "HTTP/2 client: a frame that breaks the protocol": http2_client(frame(8, 0, 1, bytes(4))),
    "HTTP/2 client: bad compression": http2_client(frame(1, 4, 1, b"\xff\xff\xff\xff\xff")),
    "HTTP/2 server: unfinished": http2_server(frame(0, 0, 1, b"x" * 100)),
    "HTTP/2 server: bad compression": http2_server(frame(1, 4, 3, b"\xff\xff\xff\xff\xff")),
    "HTTP/2 server: reset": http2_server(frame(3, 0, 1, bytes(4))),
    "WebSocket: unfinished message": websocket(raw_frame(0x00, b"more", masked=True, length=9)),
    "WebSocket: not UTF-8": websocket(raw_frame(0x80, b"\xff", masked=True)),
    "WebSocket: broken": websocket(raw_frame(0xB1, b"", masked=True)),
    "WebSocket: closed": websocket(raw_frame(0x88, b"", masked=True)),
    "WebSocket: compressed": websocket(raw_frame(0x80, b"", masked=True) + raw_frame(0x41, b"x\x9c", masked=True), deflate=True),
    "WebSocket: badly compressed": websocket(raw_frame(0x80, b"", masked=True) + raw_frame(0xC1, b"\xff" * 9, masked=True), deflate=True),
    "upgrade: malformed": handshake(b"HTTP/1.1 101 Switching Protocols\r\nno field\r\n\r\n"),
    "upgrade: refused in part": handshake(b"HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\nx"),
    "upgrade: refused badly": handshake(CHUNKED.replace(b"200", b"500") + b"zz\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIBRARIES)
def test_nothing_of_the_libraries_is_left(name: str) -> None:
    """Of h11, h2, hpack, hyperframe and wsproto: their objects refer to themselves unless they are told of the end."""
    use = LIBRARIES[name]
    use()  # fills their caches
    with living_objects("aigw_sansio", "h11", "h2", "hpack", "hyperframe", "wsproto") as living:
        use()
        left = dict(living())
    assert not left
