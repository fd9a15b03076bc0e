"""No call works longer than a turn's budget, others are served meanwhile, and the cuts of reads do not show.

Each case is a peer that makes much work of few bytes. Its bytes come in reads of 128 KiB, as a driver delivers them.
While work is left a bystander asks for a pong in each turn, and its own stream brings a chunk: both come in that turn.
"""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import NamedTuple

import pytest
from tests.peers.http2_client import Http2ClientPeer, StreamClient
from tests.peers.http_providers import Http1Provider, Http2Provider
from tests.peers.reference_driver import Cuts, End, Link, PerfectDriver
from tests.peers.turn_driver import Meter, TurnDriver
from tests.peers.websocket_client import WsClient
from tests.peers.websocket_frames import raw_frame
from tests.peers.websocket_provider import WsProvider
from tests.reading.aws_messages import message
from tests.rigs.compiled import COMPILED

from aigw_sansio.config import Config, GatewaySettings, Limits, ProviderSettings, Timeouts
from aigw_sansio.engine_api import READ_SIZE
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId

#: More functions than this no call calls: 2,000 events, 75 for each.
MOST_CALLS = 150_000
READ = READ_SIZE

CONFIG = Config(
    gateways={"local/default": GatewaySettings(compression="messages")},
    providers={
        "custom-h1": ProviderSettings(base_url="https://h1.test", http2="off"),
        "custom-h2": ProviderSettings(base_url="https://h2.test", http2="on"),
        "openai": ProviderSettings(base_url="https://realtime.test/v1", native=True),
    },
    limits=Limits(unusable_messages_in_a_row=1_000_000),
    timeouts=Timeouts(),
    emit_provider_events=True,
)
CHUNK = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'


class Place:
    """One gateway, a bystander with a stream of its own, and room for one peer that makes work."""

    def __init__(self, driver: type[PerfectDriver], cuts: Cuts, *, measured: bool = False) -> None:
        self.gateway = Gateway(CONFIG, b"a seed for turns", 1_700_000_000.0)
        self.meter = Meter(self.gateway)
        self.driver = driver(self.meter if measured else self.gateway, cuts, 1)  # type: ignore[arg-type]
        self.bystander = self.client(WsClient())
        self.stream = self.exchange(self.bystander, "bystander", "custom-h1")
        self.answer(self.stream, [("content-type", "text/event-stream")], CHUNK)
        self.driver.output.clear()
        self.driver.events.clear()
        self.meter.most = 0

    def client(self, peer: WsClient, path: str = "/v1/local/default", extensions: str | None = None) -> Link:
        link = self.driver.open_client(peer)
        headers = [] if extensions is None else [("sec-websocket-extensions", extensions)]
        self.driver.send(link, peer.open(path, headers))
        return link

    def exchange(self, client: Link, event_id: str, provider: str) -> Link:
        """A new exchange; returns the connection that carries it."""
        assert isinstance(client.peer, WsClient)
        step = {"eventId": event_id, "provider": provider, "endpoint": "chat/completions", "query": {"stream": True}}
        message_ = {"type": "universal.create", "request": step}
        self.driver.send(client, client.peer.text(json.dumps(message_)))
        link = max((one for one in self.driver.links.values() if one.kind == "up"), key=lambda one: one.conn)
        if link.peer is None:
            two = provider == "custom-h2"
            self.driver.connected(link, Http2Provider() if two else Http1Provider(), "h2" if two else "http/1.1")
        return link

    def answer(self, up: Link, headers: list[tuple[str, str]], body: bytes) -> None:
        """The head of a response to the last request, and a piece of its body."""
        provider = up.peer
        if isinstance(provider, Http2Provider):
            provider.send_head(provider.streams[-1], 200, headers)
            provider.send_body(provider.streams[-1], [body])
            self.driver.send(up, provider.take())
        else:
            assert isinstance(provider, Http1Provider)
            self.driver.send(up, provider.head(200, headers, "chunked") + provider.body(body))

    def serves_the_bystander(self) -> None:
        """It gets its pong and its chunk now, in this turn."""
        peer = self.bystander.peer
        assert isinstance(peer, WsClient)
        assert isinstance(self.stream.peer, Http1Provider)
        before = len(self._seen())
        self.driver.send(self.bystander, peer.text('{"type":"universal.ping"}'))
        self.driver.send(self.stream, self.stream.peer.body(CHUNK))
        new = [json.loads(text)["type"] for text in self._seen()[before:]]
        assert sorted(new) == ["universal.pong", "universal.stream"], new

    def outcome(self) -> tuple[dict[str, list[str]], list[str]]:
        """What each peer saw, and all events."""
        by_peer: dict[str, list[str]] = {}
        for one in self.driver.output:
            if one.source not in ("pause", "resume", "event"):
                by_peer.setdefault(one.source, []).append(one.seen.line)
        return by_peer, [repr(event) for event in self.driver.events]

    def _seen(self) -> list[str]:
        name = self.driver.name(self.bystander)
        return [one.seen.text for one in self.driver.output if one.source == name and one.seen.text is not None]


Work = Callable[[Place], tuple[Link, bytes]]


def gzipped(kind: str, body: bytes, provider: str = "custom-h1", *, ends: bool = False) -> Work:
    """A body of ``kind`` in gzip."""

    def work(place: Place) -> tuple[Link, bytes]:
        client = place.client(WsClient())
        up = place.exchange(client, "hostile", provider)
        fields = [("content-type", kind), ("content-encoding", "gzip")]
        place.answer(up, fields, b"")
        packed = gzip.compress(body, mtime=0)
        if isinstance(up.peer, Http2Provider):
            up.peer.send_body(up.peer.streams[-1], [packed])
            return up, up.peer.take()
        assert isinstance(up.peer, Http1Provider)
        return up, up.peer.body(packed) + (up.peer.end() if ends else b"")

    return work


def plain(kind: str, body: bytes) -> Work:
    def work(place: Place) -> tuple[Link, bytes]:
        up = place.exchange(place.client(WsClient()), "hostile", "custom-h1")
        place.answer(up, [("content-type", kind)], b"")
        assert isinstance(up.peer, Http1Provider)
        return up, up.peer.body(body)

    return work


def said(frames: bytes, *, deflate: bool = False) -> Work:
    """A universal client that sends ``frames``."""

    def work(place: Place) -> tuple[Link, bytes]:
        return place.client(WsClient(), extensions="permessage-deflate" if deflate else None), frames

    return work


def said_on_h2(frames: bytes) -> Work:
    """A client on HTTP/2, with a WebSocket, that sends ``frames`` of HTTP/2."""

    def work(place: Place) -> tuple[Link, bytes]:
        connection = Http2ClientPeer()
        stream = StreamClient(connection, "hostile")
        link = place.driver.open_client(connection, "h2")
        place.driver.send(link, stream.open("/v1/local/default", []))
        return link, frames

    return work


def provider_says_on_h2(frames: bytes) -> Work:
    """A provider on HTTP/2 that sends ``frames`` of HTTP/2."""

    def work(place: Place) -> tuple[Link, bytes]:
        return place.exchange(place.client(WsClient()), "hostile", "custom-h2"), frames

    return work


def realtime(frames: bytes, *, by_provider: bool) -> Work:
    """One end of a realtime session sends ``frames``."""

    def work(place: Place) -> tuple[Link, bytes]:
        client = place.client(WsClient(), "/v1/local/default/openai?model=m")
        up = place.driver.links[ConnId(max(place.driver.links))]
        provider = WsProvider()
        place.driver.connected(up, provider, "http/1.1")
        place.driver.send(up, provider.switch(101, []))
        return (up if by_provider else client), frames

    return work


def native(frames: bytes) -> Work:
    """A provider that is asked for Responses over a WebSocket sends ``frames``."""

    def work(place: Place) -> tuple[Link, bytes]:
        client = place.client(WsClient(), "/v1/local/default/openai/responses")
        assert isinstance(client.peer, WsClient)
        place.driver.send(client, client.peer.text('{"type":"response.create","model":"m","input":"x"}'))
        up = place.driver.links[ConnId(max(place.driver.links))]
        provider = WsProvider()
        place.driver.connected(up, provider, "http/1.1")
        place.driver.send(up, provider.switch(101, []))
        return up, frames

    return work


def masked(first: int, payload: bytes = b"") -> bytes:
    """A frame of a client."""
    return raw_frame(first, payload, masked=True)


def h2_frame(kind: int, payload: bytes, stream: int = 0, flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


SSE, NDJSON, ARRAY = "text/event-stream", "application/x-ndjson", "application/json"
AWS = "application/vnd.amazon.eventstream"
PING_MESSAGE = b'{"type":"universal.ping"}'
NOBODY = b'{"type":"universal.create","request":{"provider":"nobody","endpoint":"x"}}'
EMPTY_FRAGMENTS = masked(0x01) + masked(0x00) * 10_000


class Case(NamedTuple):
    """``turns``: that it takes at least."""

    name: str
    work: Work
    turns: int


CASES = [
    Case("gzip of empty events", gzipped(SSE, CHUNK + b"data:\n\n" * 40_000), 15),
    Case("gzip of newlines", gzipped(SSE, CHUNK + b"\n" * 400_000), 40),
    Case("gzip of comments", gzipped(SSE, CHUNK + b": x\n\n" * 40_000), 15),
    Case("gzip of a block of comments", gzipped(SSE, CHUNK + b":\n" * 200_000 + b"\n" + CHUNK), 20),
    Case("gzip of an event of many lines", gzipped(SSE, CHUNK + b"data: a\n" * 100_000 + b"\n"), 10),
    Case("gzip of a last event of many lines", gzipped(SSE, CHUNK + b"data: a\n" * 100_000, ends=True), 10),
    Case("gzip of brackets", gzipped(SSE, CHUNK + b'{"":' + b"[[]]" * 40_000 + b"\n\n", ends=True), 8),
    Case("gzip of events", gzipped(SSE, CHUNK + b"data: {}\n\n" * 10_000), 0),
    Case("gzip of one long line", gzipped(SSE, CHUNK + b"x" * 5_000_000), 3),
    Case("gzip of blank lines", gzipped(NDJSON, b'{"a":1}\n' + b"\n" * 100_000), 15),
    Case("gzip of a whole answer", gzipped(ARRAY, b'"' + b"x" * 5_000_000 + b'"', ends=True), 4),
    Case("gzip over HTTP/2", gzipped(SSE, CHUNK + b"data:\n\n" * 40_000, "custom-h2"), 15),
    Case("tiny lines", plain(NDJSON, b"\n" * 60_000), 10),
    Case("tiny events", plain(SSE, CHUNK + b"data:\n\n" * 9_000), 3),
    Case("empty messages of AWS", plain(AWS, message(b"", (":event-type", "x")) * 3_000), 0),
    Case("pings", said(masked(0x89) * 10_000), 3),
    Case("pongs", said(masked(0x8A) * 10_000), 4),
    Case("empty fragments", said(EMPTY_FRAGMENTS), 4),
    Case("tiny messages", said(masked(0x81, b"x") * 9_000), 3),
    Case("small messages", said(masked(0x81, PING_MESSAGE) * 6_000), 2),
    Case("requests for nobody", said(masked(0x81, NOBODY) * 3_000), 1),
    Case("deflated messages", said(masked(0xC1, deflated(PING_MESSAGE)) * 3_000, deflate=True), 1),
    Case("deflated bombs", said(masked(0xC1, deflated(b" " * 500_000)) * 20, deflate=True), 8),
    Case("PINGs", said_on_h2(h2_frame(6, bytes(8)) * 3_700), 1),
    Case("SETTINGS", said_on_h2(h2_frame(4, b"") * 3_700), 1),
    Case("a provider's PINGs", provider_says_on_h2(h2_frame(6, bytes(8)) * 3_700), 1),
    Case("a realtime client's pings", realtime(masked(0x89) * 10_000, by_provider=False), 3),
    Case("a realtime client's fragments", realtime(EMPTY_FRAGMENTS, by_provider=False), 3),
    Case("a realtime provider's pings", realtime(raw_frame(0x89, b"", masked=False) * 20_000, by_provider=True), 8),
    Case(
        "a realtime provider's messages", realtime(raw_frame(0x81, b"{}", masked=False) * 10_000, by_provider=True), 4
    ),
    Case("a native provider's pings", native(raw_frame(0x89, b"", masked=False) * 20_000), 8),
    Case("a native provider's messages", native(raw_frame(0x81, b"{}", masked=False) * 10_000), 4),
    Case("a native provider's events", native(raw_frame(0x81, b'{"type":"response.x"}', masked=False) * 5_000), 2),
]
IDS = [case.name.replace(" ", "-") for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_no_call_is_long_and_others_are_served(case: Case) -> None:
    place = Place(TurnDriver, "whole", measured=True)
    driver = place.driver
    assert isinstance(driver, TurnDriver)
    link, data = case.work(place)
    driver.send(link, data)
    turns = 0
    place.serves_the_bystander()
    while driver.turn():
        turns += 1
        place.serves_the_bystander()
    assert turns >= case.turns, "this would not show whether others are served"
    assert COMPILED or 0 < place.meter.most <= MOST_CALLS, place.meter.where


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_cuts_do_not_show(case: Case) -> None:
    """Compared when nothing is left, at the same time."""
    outcomes = []
    for cuts in ("whole", "random"):
        place = Place(PerfectDriver, cuts)  # type: ignore[arg-type]
        link, data = case.work(place)
        place.driver.send(link, data)
        for end in [one for one in place.driver.links.values() if one.kind == "up" and one is not place.stream]:
            assert not end.inbox, "everything was read"
        outcomes.append(place.outcome())
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("end", [End.EOF, End.RESET])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_an_end_comes_behind_what_was_read_before(case: Case, end: End) -> None:
    """Whether the end comes while most of one read is left, or when all of it was read in small pieces. What a client
    that is lost has left is dropped instead, at once."""
    outcomes = []
    for size in (READ, 3000):
        place = Place(TurnDriver, "whole")
        driver = place.driver
        assert isinstance(driver, TurnDriver)
        link, data = case.work(place)
        data = data[:READ]
        for at in range(0, len(data), size):
            if not link.ended:
                driver.deliver(link, data[at : at + size])
            while size != READ and driver.turn():
                pass
        if not link.ended:
            driver.deliver(link, end)
            if end is End.RESET and link.kind != "up" and "realtime" not in case.name:
                assert not place.gateway.snapshot()["postponed"]
                continue
        driver.settle()
        while driver.turn():
            pass
        outcomes.append(place.outcome())
        if end is End.RESET:  # a connection that is lost takes nothing any more
            outcomes[-1][0].pop(driver.name(link), None)
        assert not place.gateway.snapshot()["postponed"]
    assert all(one == outcomes[0] for one in outcomes)
