"""A connection to a provider that carries a WebSocket: what is dialled and asked, and that every end on the way is told once."""

import pytest
from tests.peers.websocket_provider import WsProvider

from aigw_sansio.config import Config, Timeouts
from aigw_sansio.effects import Close, Connect, Effect, Tls
from aigw_sansio.engine.services import Services
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.origin import Origin
from aigw_sansio.providers.realtime import RealtimeCall
from aigw_sansio.upstream.websocket import UpstreamWebSocket
from aigw_sansio.wires.websocket.handshake import Accepted, Outcome, Refused


class Receiver:
    """Who takes the bytes once the provider has switched."""

    def __init__(self) -> None:
        self.got: list[object] = []

    def receive_data(self, data: bytes, now: float) -> None:
        self.got.append(data)

    def receive_eof(self, now: float) -> None:
        self.got.append("eof")

    def connection_lost(self, reason: str, now: float) -> None:
        self.got.append(reason)

    def data_sent(self, outstanding: int, now: float) -> None:
        self.got.append(outstanding)


class Opening:
    """One connection and who waits for it."""

    def __init__(self, origin: Origin | None = None, timeouts: Timeouts | None = None) -> None:
        self.services = Services(Config(timeouts=timeouts or Timeouts()), b"seed", 0.0)
        origin = origin or Origin("https", "provider.test", 443, None, "off")
        call = RealtimeCall("openai", origin, b"/v1?m=1", [(b"x-key", b"k")], (b"realtime",), "openai-realtime")
        self.upstream = UpstreamWebSocket(self.services, call, self)
        self.receiver = Receiver()
        self.told: list[Outcome] = []
        self.connections = 0
        self.provider = WsProvider()
        assert self.upstream.dial(lambda now: None, 0.0)

    def provider_connected(self, now: float) -> None:
        self.connections += 1

    def provider_responded(self, outcome: Outcome, now: float) -> None:
        self.told.append(outcome)
        if isinstance(outcome, Accepted):
            self.upstream.receiver = self.receiver

    def connect(self) -> str:
        """The request that went out."""
        self.upstream.connected("http/1.1", 0.0)
        data = self.upstream.buffer.pull(65536)
        seen = self.provider.receive(data)
        self.upstream.data_sent(len(data), 0.0)
        return seen[0].line

    def effects(self) -> list[Effect]:
        return self.services.take_effects()

    def kind(self) -> FaultKind:
        assert len(self.told) == 1
        assert isinstance(self.told[0], Fault)
        return self.told[0].kind


def test_tls_offers_http_1_1_and_names_the_trust() -> None:
    opening = Opening(Origin("https", "provider.test", 8443, "/own.pem", "off"))
    conn = opening.upstream.conn
    assert opening.effects() == [Connect(conn, "provider.test", 8443, Tls("provider.test", "/own.pem"), ("http/1.1",))]


def test_without_tls_nothing_is_offered() -> None:
    opening = Opening(Origin("http", "::1", 80, None, "off"))
    assert opening.effects() == [Connect(opening.upstream.conn, "::1", 80, None, ())]
    opening.connect()
    assert opening.provider.requests == 1


def test_the_upgrade_carries_the_call() -> None:
    opening = Opening()
    opening.upstream.connected("http/1.1", 0.0)
    seen = opening.provider.receive(opening.upstream.buffer.pull(65536))
    assert seen[0].line == "GET /v1?m=1"
    fields = dict(seen[0].headers or [])
    assert fields["host"] == "provider.test"
    assert fields["x-key"] == "k"
    assert fields["sec-websocket-protocol"] == "realtime"
    assert "sec-websocket-extensions" not in fields
    assert opening.connections == 1


def test_every_session_has_a_key_of_its_own() -> None:
    opening = Opening()
    keys = set()
    for _ in range(2):
        upstream = UpstreamWebSocket(opening.services, opening.upstream.call, opening)
        upstream.connected(None, 0.0)
        keys.add(upstream.buffer.pull(65536))
    assert len(keys) == 2


def test_the_key_comes_from_the_seed() -> None:
    """So a recorded session replays to the same bytes."""

    def asked(seed: bytes) -> bytes:
        opening = Opening()
        services = Services(Config(), seed, 0.0)
        upstream = UpstreamWebSocket(services, opening.upstream.call, opening)
        upstream.connected(None, 0.0)
        return upstream.buffer.pull(65536)

    assert asked(b"one seed") == asked(b"one seed")
    assert asked(b"one seed") != asked(b"another")


def test_after_the_101_everything_goes_to_the_receiver() -> None:
    opening = Opening()
    opening.connect()
    upstream = opening.upstream
    upstream.receive_data(opening.provider.switch(101, [("sec-websocket-protocol", "realtime")]) + b"rest", 1.0)
    (accepted,) = opening.told
    assert isinstance(accepted, Accepted)
    assert (accepted.subprotocol, accepted.rest) == (b"realtime", b"rest")
    assert upstream.receiver is opening.receiver
    assert upstream.write(b"out", 2.0) == upstream.outstanding == 3
    upstream.buffer.pull(65536)
    upstream.data_sent(3, 3.0)
    upstream.receive_eof(4.0)
    assert opening.receiver.got == [0, "eof"], "the end is the receiver's, too: it closes when it has read everything"
    assert not upstream.closing


def test_a_refusal_is_told_when_its_body_is_complete() -> None:
    opening = Opening()
    opening.connect()
    opening.upstream.receive_data(b"HTTP/1.1 403 No\r\ncontent-length: 4\r\n\r\nno", 0.0)
    assert opening.told == []
    opening.upstream.receive_data(b"no and what is too much", 0.0)
    opening.upstream.receive_data(b"HTTP/1.1 403 No\r\n\r\n", 0.0)
    (refused,) = opening.told
    assert isinstance(refused, Refused)
    assert (refused.status, refused.body, refused.complete) == (403, b"nono", True)


@pytest.mark.parametrize("how", ["eof", "lost", "closed"])
def test_an_end_before_the_answer_is_told_once(how: str) -> None:
    opening = Opening()
    opening.connect()
    upstream = opening.upstream
    if how == "eof":
        upstream.receive_eof(0.0)
    elif how == "lost":
        upstream.connection_lost("reset", 0.0)
    upstream.closed(0.0)
    assert opening.kind() is FaultKind.CONNECTION_LOST


@pytest.mark.parametrize("how", ["failed", "closed"])
def test_a_dial_that_fails_is_told_once(how: str) -> None:
    opening = Opening()
    if how == "failed":
        opening.upstream.connect_failed("no route", 0.0)
    opening.upstream.closed(0.0)
    assert opening.kind() is FaultKind.CONNECT_FAILED
    assert not [effect for effect in opening.effects() if isinstance(effect, Close)]


def test_whoever_closes_it_hears_nothing_more() -> None:
    for early in (True, False):
        opening = Opening()
        if not early:
            opening.connect()
        upstream = opening.upstream
        upstream.abort(0.0)
        assert opening.effects()[-1] == Close(upstream.conn, True)
        upstream.connected("http/1.1", 0.0)
        upstream.receive_data(b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n", 0.0)
        upstream.receive_eof(0.0)
        upstream.connect_failed("late", 0.0)
        upstream.closed(0.0)
        assert opening.told == []
        assert upstream.buffer.pull(100) == b""


def test_what_there_is_when_the_time_is_over() -> None:
    dialling = Opening()
    silent = Opening()
    silent.connect()
    begun = Opening()
    begun.connect()
    begun.upstream.receive_data(b"HTTP/1.1 429 No\r\ncontent-length: 9\r\n\r\nhalf", 0.0)
    answers = [opening.upstream.response_so_far(10.0) for opening in (dialling, silent, begun)]
    assert isinstance(answers[0], Fault)
    assert isinstance(answers[1], Fault)
    assert isinstance(answers[2], Refused)
    assert answers[0].kind is FaultKind.CONNECT_TIMEOUT
    assert "within 10 s" in answers[0].detail
    assert answers[1].kind is FaultKind.FIRST_BYTE_TIMEOUT
    assert (answers[2].status, answers[2].body, answers[2].complete) == (429, b"half", False)


def test_a_provider_that_takes_nothing_is_given_up() -> None:
    opening = Opening(timeouts=Timeouts(write_stall_s=3))
    opening.upstream.connected("http/1.1", 0.0)  # nothing of the upgrade is ever taken
    opening.services.timers.fire(3.0)
    assert opening.kind() is FaultKind.CONNECTION_LOST
    open_one = Opening(timeouts=Timeouts(write_stall_s=3))
    open_one.connect()
    open_one.upstream.receive_data(open_one.provider.switch(101, []), 0.0)
    open_one.upstream.write(b"x", 1.0)
    open_one.services.timers.fire(4.0)
    assert open_one.receiver.got == ["the provider takes no more bytes"]
    assert open_one.effects()[-1] == Close(open_one.upstream.conn, True)
