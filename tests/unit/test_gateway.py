"""The gateway as a driver holds it: misuse, late input, time, going away, and the same again from the same inputs."""

import json
from collections.abc import Callable

import pytest
from tests.peers.http_providers import Http1Provider, Http2Provider
from tests.peers.single_client import OneClient
from tests.rigs.core_rig import short
from wsproto import ConnectionType, WSConnection
from wsproto.events import CloseConnection, Ping, Request, TextMessage

from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.effects import Ask, Authenticated, Close, Connect, Effect, Emit, Metrics, Unavailable
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.events import AttemptConnected, SessionEnded
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import AskId, ConnId

NOBODY = ConnId(4711)
WALL = 1_700_000_000.0
CONFIG = Config(
    gateways={"local/default": GatewaySettings(), "local/shut": GatewaySettings(authentication=True)},
    providers={
        "custom-x": ProviderSettings(base_url="http://127.0.0.1:9/v1"),
        "openai": ProviderSettings(realtime_url="ws://127.0.0.1:9/v1/realtime"),
    },
)
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n"


class Run:
    """A gateway whose every output is kept; time stands still until a test moves it."""

    def __init__(self, seed: bytes = b"a seed of sixteen") -> None:
        self.gateway = Gateway(CONFIG, seed, WALL)
        self.now = 100.0
        self.kept: list[Effect] = []
        self.clients: dict[ConnId, WSConnection] = {}
        self.wrote: list[tuple[ConnId, bytes]] = []

    def effects(self) -> list[str]:
        """Since the last call, events left out."""
        new = self.gateway.effects()
        self.kept += new
        return [short(effect) for effect in new if not isinstance(effect, Emit)]

    def take(self, conn: ConnId) -> bytes:
        sent = b""
        while data := self.gateway.data_to_send(conn):
            self.gateway.data_sent(conn, len(data), self.now)
            sent += data
        self.wrote.append((conn, sent))
        return sent

    def ask(self, path: str = "/v1/local/default") -> ConnId:
        """A client that asks for a WebSocket."""
        conn = self.gateway.open_downstream("192.0.2.7:50000", None, self.now)
        client = self.clients[conn] = WSConnection(ConnectionType.CLIENT)
        self.gateway.receive_data(conn, client.send(Request(host="gw.test", target=path)), self.now)
        return conn

    def open(self) -> ConnId:
        conn = self.ask()
        self.clients[conn].receive_data(self.take(conn))
        assert [type(event).__name__ for event in self.clients[conn].events()] == ["AcceptConnection"]
        self.effects()
        return conn

    def create(self, conn: ConnId, event_id: str, **more: object) -> None:
        step = {"eventId": event_id, "provider": "custom-x", "endpoint": "chat", "headers": {}, "query": {}, **more}
        message = json.dumps({"type": "universal.create", "request": step})
        self.gateway.receive_data(conn, self.clients[conn].send(TextMessage(message)), self.now)

    def dialled(self) -> ConnId:
        """The newest dial."""
        self.effects()
        return [effect.conn for effect in self.kept if isinstance(effect, Connect)][-1]

    def stream(self, conn: ConnId) -> ConnId:
        """An exchange whose stream has begun."""
        self.create(conn, "e")
        up = self.dialled()
        self.gateway.connected(up, None, self.now)
        assert self.take(up).startswith(b"POST /v1/chat ")
        self.gateway.receive_data(up, EVENTS, self.now)
        self.effects()
        return up

    def heard(self, conn: ConnId) -> list[dict[str, object] | CloseConnection]:
        """What the client of ``conn`` got since the last call, pings left out."""
        client = self.clients[conn]
        client.receive_data(self.take(conn))
        found: list[dict[str, object] | CloseConnection] = []
        for event in client.events():
            if isinstance(event, Ping):
                continue
            assert isinstance(event, TextMessage | CloseConnection)
            found.append(json.loads(event.data) if isinstance(event, TextMessage) else event)
        return found

    def metadata(self, conn: ConnId) -> dict[str, object]:
        """That of the one message the client got."""
        (message,) = self.heard(conn)
        assert isinstance(message, dict)
        metadata = message["metadata"]
        assert isinstance(metadata, dict)
        return metadata

    def state(self) -> tuple[dict[str, int], float | None, list[Effect]]:
        return self.gateway.snapshot(), self.gateway.next_timeout(), self.gateway.effects()


# -- misuse ---------------------------------------------------------------------------------------------------------

MISUSES: dict[str, Callable[[Gateway, ConnId, float], object]] = {
    "connected nobody": lambda gateway, conn, now: gateway.connected(NOBODY, None, now),
    "connect_failed nobody": lambda gateway, conn, now: gateway.connect_failed(NOBODY, "x", now),
    "receive_data nobody": lambda gateway, conn, now: gateway.receive_data(NOBODY, b"x", now),
    "receive_data zero": lambda gateway, conn, now: gateway.receive_data(ConnId(0), b"x", now),
    "receive_eof nobody": lambda gateway, conn, now: gateway.receive_eof(NOBODY, now),
    "connection_lost nobody": lambda gateway, conn, now: gateway.connection_lost(NOBODY, "x", now),
    "data_sent nobody": lambda gateway, conn, now: gateway.data_sent(NOBODY, 1, now),
    "closed nobody": lambda gateway, conn, now: gateway.closed(NOBODY, now),
    "data_to_send nobody": lambda gateway, conn, now: gateway.data_to_send(NOBODY),
    "answer nobody": lambda gateway, conn, now: gateway.answer(AskId(4711), Unavailable(), now),
    "answer of another class": lambda gateway, conn, now: gateway.answer(AskId(1), Metrics(b""), now),
    "connected client": lambda gateway, conn, now: gateway.connected(conn, None, now),
    "connect_failed client": lambda gateway, conn, now: gateway.connect_failed(conn, "x", now),
    "data_sent of too much": lambda gateway, conn, now: gateway.data_sent(conn, 1, now),
    "data_sent of less than nothing": lambda gateway, conn, now: gateway.data_sent(conn, -1, now),
    "open_downstream in the past": lambda gateway, conn, now: gateway.open_downstream("x", None, now - 1),
    "receive_data in the past": lambda gateway, conn, now: gateway.receive_data(conn, b"x", now - 1),
    "receive_eof in the past": lambda gateway, conn, now: gateway.receive_eof(conn, now - 1),
    "connection_lost in the past": lambda gateway, conn, now: gateway.connection_lost(conn, "x", now - 1),
    "data_sent in the past": lambda gateway, conn, now: gateway.data_sent(conn, 0, now - 1),
    "closed in the past": lambda gateway, conn, now: gateway.closed(conn, now - 1),
    "answer in the past": lambda gateway, conn, now: gateway.answer(AskId(1), Authenticated(True), now - 1),
    "handle_timeout in the past": lambda gateway, conn, now: gateway.handle_timeout(now - 1),
    "now that is no number": lambda gateway, conn, now: gateway.receive_data(conn, b"x", float("nan")),
    "set_wall in the past": lambda gateway, conn, now: gateway.set_wall(0.0, now - 1),
    "drain in the past": lambda gateway, conn, now: gateway.drain(now - 1),
}


@pytest.mark.parametrize("offset", [float("nan"), float("inf"), -1e12])
def test_a_wall_clock_without_dates_is_refused(offset: float) -> None:
    with pytest.raises(ValueError, match=r"wall_offset is .*; allowed are seconds"):
        Gateway(CONFIG, b"a seed of sixteen", offset)
    run = Run()
    with pytest.raises(ValueError, match=r"wall_offset is .*; allowed are seconds"):
        run.gateway.set_wall(offset, run.now + 100.0)
    run.gateway.set_wall(WALL, run.now)  # the time has not moved


@pytest.mark.parametrize("misuse", MISUSES)
def test_misuse_raises_and_changes_nothing(misuse: str) -> None:
    run = Run()
    conn = run.open()
    undecided = run.ask("/v1/local/shut")
    (question,) = (effect for effect in run.gateway.effects() if isinstance(effect, Ask))
    before = run.state()
    for later in (0.0,) if "past" in misuse else (0.0, 1000.0):
        with pytest.raises(LocalProtocolError):
            MISUSES[misuse](run.gateway, conn, run.now + later)
        assert run.state() == before, "time has not moved either"
    run.stream(conn)
    messages = run.heard(conn)
    assert [message["type"] for message in messages if isinstance(message, dict)] == [
        "universal.created",
        "universal.stream",
    ]
    run.gateway.answer(question.id, Authenticated(True), run.now)
    assert run.take(undecided).startswith(b"HTTP/1.1 101 ")


def test_part_of_a_pull_may_be_confirmed_and_more_than_all_may_not() -> None:
    run = Run()
    conn = run.ask()
    size = len(run.gateway.data_to_send(conn, 100))
    assert size == 100
    run.gateway.data_sent(conn, 60, run.now)
    with pytest.raises(LocalProtocolError, match="40"):
        run.gateway.data_sent(conn, 41, run.now)
    run.gateway.data_sent(conn, 40, run.now)


def test_nothing_confirmed_is_no_sign_of_life() -> None:
    run = Run()
    conn = run.ask()
    assert run.gateway.data_to_send(conn, 100)
    until = run.now + 60.0
    while run.now < until:
        assert "abort" not in str(run.effects())
        run.now += 5.0
        run.gateway.data_sent(conn, 0, run.now)
        run.gateway.handle_timeout(run.now)
    assert run.effects() == [f"abort {conn}"], "unsent bytes, and none taken for write_stall_s"


# -- what is said of connections ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("http2", "reaches"), [(False, ["dialled", "reused"]), (True, ["dialled", "shared"])])
def test_each_attempt_says_what_its_connection_cost_or_saved(http2: bool, reaches: list[str]) -> None:
    run = OneClient(Config(providers={"custom-x": ProviderSettings(base_url="https://x.test/v1")}))
    step = {"provider": "custom-x", "endpoint": "chat"}
    run.create("a", step)
    run.driver.advance(0.25)
    provider = Http2Provider()
    run.driver.connected(run.up(2), provider if http2 else Http1Provider(), "h2" if http2 else "http/1.1")
    if not http2:
        run.respond(2, b"{}")
    run.create("b", step)
    connected = [event for event in run.driver.events if isinstance(event, AttemptConnected)]
    assert [(event.conn, event.handshake_s) for event in connected] == [(2, 0.25), (2, 0.25)]
    assert [event.reach for event in connected] == reaches


# -- what comes late, and nothing -----------------------------------------------------------------------------------


def test_input_for_an_ended_connection_is_ignored() -> None:
    run = Run()
    conn = run.open()
    run.gateway.connection_lost(conn, "reset", run.now)
    run.gateway.closed(conn, run.now)
    run.gateway.effects()
    before = run.state()
    gateway = run.gateway
    gateway.receive_data(conn, b"x", run.now)
    gateway.receive_eof(conn, run.now)
    gateway.connection_lost(conn, "x", run.now)
    gateway.data_sent(conn, 10, run.now)
    gateway.connected(conn, None, run.now)
    gateway.connect_failed(conn, "x", run.now)
    gateway.closed(conn, run.now)
    assert gateway.data_to_send(conn) == b""
    assert run.state() == before
    assert not any(gateway.snapshot().values())


def test_between_its_loss_and_its_release_nothing_reaches_it() -> None:
    run = Run()
    conn = run.open()
    run.gateway.connection_lost(conn, "reset", run.now)
    run.effects()
    run.gateway.receive_data(conn, b"\xff\xff", run.now)
    run.gateway.receive_eof(conn, run.now)
    run.gateway.connection_lost(conn, "again", run.now)
    assert run.gateway.effects() == []
    assert sum(isinstance(effect, Emit) and isinstance(effect.event, SessionEnded) for effect in run.kept) == 1


def test_late_news_of_a_dial_that_was_given_up_is_ignored() -> None:
    run = Run()
    conn = run.open()
    run.create(conn, "e")
    up = run.dialled()
    run.gateway.connection_lost(conn, "reset", run.now)
    assert Close(up, True) in run.gateway.effects()
    run.gateway.connected(up, "h2", run.now)
    assert run.gateway.data_to_send(up) == b""
    run.gateway.closed(conn, run.now)
    run.gateway.closed(up, run.now)
    run.gateway.connect_failed(up, "cancelled", run.now)
    assert run.effects() == []
    assert not any(run.gateway.snapshot().values())


def test_empty_data_is_nothing() -> None:
    run = Run()
    conn = run.open()
    before = run.state()
    run.now += 1
    run.gateway.receive_data(conn, b"", run.now)
    assert run.state() == before, "no end, and no sign of life either"


def test_effects_are_handed_out_once() -> None:
    run = Run()
    run.ask()
    assert [short(effect) for effect in run.gateway.effects()] == ["Emit", "flush 1"]
    assert run.gateway.effects() == []


def test_ids_are_never_used_again() -> None:
    run = Run()
    conns = []
    for _ in range(5):
        conns.append(run.ask())
        run.gateway.connection_lost(conns[-1], "reset", run.now)
        run.gateway.closed(conns[-1], run.now)
    assert conns == sorted(set(conns))


# -- time -----------------------------------------------------------------------------------------------------------


def test_an_early_timeout_does_no_harm_and_none_is_left_behind() -> None:
    run = Run()
    run.open()
    due = run.gateway.next_timeout()
    assert due is not None
    run.gateway.handle_timeout(due - 0.001)
    assert run.effects() == []
    assert run.gateway.next_timeout() == due
    run.gateway.handle_timeout(due)
    assert run.effects() == ["flush 1"], "the ping"
    following = run.gateway.next_timeout()
    assert following is not None
    assert following > due


def test_the_clock_on_the_wall_moves_log_ids() -> None:
    run = Run()
    conn = run.open()
    milliseconds = []
    for offset in (None, 1_800_000_000.0, 1_600_000_000.0):
        run.now += 1
        if offset is not None:
            due = run.gateway.next_timeout()
            run.gateway.set_wall(offset, run.now)
            assert run.gateway.next_timeout() == due, "deadlines are of the other clock"
        run.create(conn, f"at {offset}", provider="nobody")
        log_id = str(run.metadata(conn)["logId"])
        milliseconds.append(int(log_id.replace("-", "")[:12], 16))
    assert milliseconds == [1_700_000_101_000, 1_800_000_102_000, 1_600_000_103_000]


# -- going away -----------------------------------------------------------------------------------------------------


def test_without_a_session_it_is_idle_at_once() -> None:
    run = Run()
    assert run.gateway.idle
    run.gateway.drain(run.now)
    assert run.gateway.draining
    assert run.gateway.idle
    assert run.gateway.next_timeout() is None
    assert run.effects() == []


def test_a_universal_client_without_work_is_told_and_closed() -> None:
    run = Run()
    conn = run.open()
    assert not run.gateway.idle
    run.gateway.drain(run.now)
    told, close = run.heard(conn)
    assert told == {"type": "universal.going_away", "deadline_ms": 30000}
    assert isinstance(close, CloseConnection)
    assert close.code == 1001
    assert run.gateway.idle


def test_what_runs_may_finish_and_nothing_begins() -> None:
    run = Run()
    conn = run.open()
    up = run.stream(conn)
    run.heard(conn)
    run.gateway.drain(run.now)
    run.gateway.drain(run.now)
    (told,) = run.heard(conn)
    assert isinstance(told, dict)
    assert told["type"] == "universal.going_away", "once"
    run.create(conn, "new")
    (refused,) = run.heard(conn)
    assert "2011" in json.dumps(refused)
    run.gateway.receive_eof(up, run.now)
    done, close = run.heard(conn)
    assert isinstance(done, dict)
    assert done["type"] == "universal.done"
    assert isinstance(close, CloseConnection)
    assert close.code == 1001
    assert run.gateway.idle
    run.gateway.receive_data(conn, run.clients[conn].send(close.response()), run.now)
    assert f"close {conn}" in run.effects()
    for ended in (conn, up):
        run.gateway.closed(ended, run.now)
    assert not any(run.gateway.snapshot().values())


def test_at_the_deadline_the_rest_is_cut_and_a_second_drain_does_not_move_it() -> None:
    run = Run()
    conn = run.open()
    up = run.stream(conn)
    run.gateway.drain(run.now)
    run.heard(conn)
    run.gateway.drain(run.now + 10)
    run.effects()
    for after, over in ((29.9, False), (30.0, True)):
        run.gateway.handle_timeout(run.now + after)
        assert run.gateway.idle is over
        assert (f"abort {up}" in run.effects()) is over
    run.now += 30
    *_, close = run.heard(conn)
    assert isinstance(close, CloseConnection)
    assert close.code == 1001


def test_at_the_deadline_clients_are_told_before_calls_are_cut() -> None:
    run = Run()
    clients = [run.open(), run.open()]
    calls = [run.stream(conn) for conn in clients]
    run.gateway.drain(run.now)
    for conn in clients:
        run.heard(conn)
    run.effects()
    run.gateway.handle_timeout(run.now + 30)
    effects = run.effects()
    assert effects[-2:] == [f"abort {call}" for call in calls]
    assert {effect.split()[-1] for effect in effects[:-2]} == {str(conn) for conn in clients}


def test_the_snapshot_counts_what_is_alive() -> None:
    run = Run()
    nothing = run.gateway.snapshot()
    assert not any(nothing.values())
    conn = run.open()
    run.stream(conn)
    run.ask("/v1/local/shut")
    snapshot = run.gateway.snapshot()
    assert (snapshot["connections"], snapshot["sessions"], snapshot["exchanges"]) == (3, 1, 1)
    assert (snapshot["asks"], snapshot["waiting_calls"]) == (1, 0)
    assert snapshot["send_buffer_bytes"] == len(run.take(conn)) > 0
    assert run.gateway.snapshot()["send_buffer_bytes"] == 0
    run.gateway.connection_lost(conn, "reset", run.now)
    assert run.gateway.snapshot()["exchanges"] == 0
    assert set(nothing) == set(snapshot)


def test_a_realtime_session_counts_and_is_dialled_before_it_is_answered() -> None:
    run = Run()
    conn = run.ask("/v1/local/default/openai?model=m")
    up = run.dialled()
    assert run.gateway.snapshot()["sessions"] == 1
    assert not run.gateway.idle
    assert run.gateway.data_to_send(conn) == b""
    run.gateway.connect_failed(up, "refused", run.now)
    run.gateway.closed(up, run.now)
    assert run.take(conn).startswith(b"HTTP/1.1 502 ")
    assert run.gateway.idle


# -- the same again -------------------------------------------------------------------------------------------------


def whole_run(seed: bytes, requests: list[bytes]) -> Run:
    """Everything that draws on chance: log ids, the masks and the key of a realtime upgrade. ``requests`` are what
    the clients send first: the keys in them are wsproto's own chance."""
    run = Run(seed)
    for head in requests:
        conn = run.gateway.open_downstream("192.0.2.7:50000", None, run.now)
        run.gateway.receive_data(conn, head, run.now)
        run.take(conn)
    universal = ConnId(1)
    text = b'{"type":"universal.create","request":{"provider":"custom-x","endpoint":"chat","query":{}}}'
    text = text.ljust(200)
    frame = bytes((0x81, 0xFE)) + len(text).to_bytes(2) + bytes(4) + text
    run.gateway.receive_data(universal, frame, run.now)
    run.effects()
    for connect in [effect for effect in run.kept if isinstance(effect, Connect)]:
        run.now += 0.25
        run.gateway.connected(connect.conn, None, run.now)
        run.take(connect.conn)
        run.gateway.receive_data(connect.conn, EVENTS, run.now)
        run.take(universal)
    for _ in range(8):
        due = run.gateway.next_timeout()
        if due is not None:
            run.now = due
            run.gateway.handle_timeout(due)
            run.take(universal)
    run.gateway.drain(run.now)
    run.take(universal)
    run.effects()
    return run


def test_the_same_seed_and_inputs_give_the_same_effects_and_bytes() -> None:
    heads = [
        WSConnection(ConnectionType.CLIENT).send(Request(host="gw.test", target=f"/v1/local/default{rest}"))
        for rest in ("", "/openai?model=m")
    ]
    first, second = whole_run(b"a seed of sixteen", heads), whole_run(b"a seed of sixteen", heads)
    assert first.kept == second.kept
    assert first.wrote == second.wrote
    other = whole_run(b"another seed of ours", heads)
    assert other.wrote != first.wrote, "chance has a part in it"
    assert [len(data) for _, data in other.wrote] == [len(data) for _, data in first.wrote]
    assert any(b"universal.stream" in data for _, data in first.wrote)
    assert any(b"sec-websocket-key" in data.lower() for _, data in first.wrote)
