"""One client on the universal protocol: what it may hold, what is answered without an exchange, tokens, clocks, going
away. The whole gateway in virtual time, its client and its providers by hand."""

import gc
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from tests.rigs.compiled import needs_sources
from tests.rigs.parts import TRANSLATES

from aigw_sansio.config import Config, GatewaySettings, Limits, ProviderSettings, Timeouts
from aigw_sansio.effects import (
    Answer,
    Ask,
    Authenticate,
    Authenticated,
    Close,
    Connect,
    Emit,
    FetchedMedia,
    FetchMedia,
    Unavailable,
)
from aigw_sansio.events import Event, ExchangeEnded, ProviderEventRead, RequestAdmitted, SessionEnded, TextDelta
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import AskId, ConnId
from aigw_sansio.secret import Secret
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.messages import CloseReceived, TextMessage, WebSocketWire

UPGRADE = (
    b"GET /v1/local/default HTTP/1.1\r\nHost: gw\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%b\r\n"
)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'


def whole(body: bytes = b"{}") -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


class World:
    """One gateway and one client whose WebSocket is open."""

    def __init__(
        self,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        settings: GatewaySettings | None = None,
        fields: bytes = b"",
        *,
        listens: bool = False,
    ) -> None:
        config = Config(
            emit_provider_events=listens,
            gateways={"local/default": settings or GatewaySettings()},
            providers={"openai": ProviderSettings(base_url="http://127.0.0.1:9/v1")},
            limits=limits or Limits(),
            timeouts=timeouts or Timeouts(),
        )
        self.now = 0.0
        self.gateway = Gateway(config, b"a seed of sixteen", 1_700_000_000.0, TRANSLATES)
        self.client = self.gateway.open_downstream("peer", None, 0.0)
        self.taking = True  # whether the client takes what it is sent
        self.dialled: list[ConnId] = []
        self.events: list[Event] = []
        self.asked: list[tuple[AskId, str]] = []
        self.ended: list[ConnId] = []
        self.received: list[dict[str, Any]] = []
        self._close: CloseReceived | None = None
        self._raw = b""
        self._wire = WebSocketWire(Role.CLIENT, message_limit=1 << 30, mask_key=lambda: b"mask")
        self._upgraded = False
        self._act(lambda: self.gateway.receive_data(self.client, UPGRADE % fields, 0.0))
        assert self._upgraded

    def _act(self, action: Callable[[], None]) -> None:
        """One input, then everything that can move at once."""
        action()
        self._effects()
        if self.taking:
            self.take()

    def _effects(self) -> None:
        for effect in self.gateway.effects():
            if isinstance(effect, Connect):
                self.dialled.append(effect.conn)
            elif isinstance(effect, Emit):
                self.events.append(effect.event)
            elif isinstance(effect, Close):
                self.ended.append(effect.conn)
            elif isinstance(effect, Ask) and isinstance(effect.question, FetchMedia):
                self.asked.append((effect.id, effect.question.url))
            elif isinstance(effect, Ask):
                assert isinstance(effect.question, Authenticate)
                assert effect.question.token is not None
                self.asked.append((effect.id, effect.question.token.reveal()))

    def take(self) -> None:
        """The client takes what there is."""
        while self.client not in self.ended and (data := self.gateway.data_to_send(self.client)):
            if not self._upgraded:
                self._raw += data
                head, found, data_after = self._raw.partition(b"\r\n\r\n")
                self._upgraded = bool(found) and head.startswith(b"HTTP/1.1 101")
                self._read(data_after)
            else:
                self._read(data)
            self.gateway.data_sent(self.client, len(data), self.now)
            self._effects()

    def _read(self, data: bytes) -> None:
        for event in self._wire.receive_data(data):
            if isinstance(event, TextMessage):
                self.received.append(json.loads(event.data))
            elif isinstance(event, CloseReceived):
                self._close = event

    def is_closed(self) -> bool:
        return self._close is not None

    @property
    def close_code(self) -> int | None:
        """What the socket was closed with, if it was."""
        return self._close.code if self._close is not None else None

    @property
    def close_reason(self) -> str:
        return self._close.reason if self._close is not None else ""

    # -- the client

    def send(self, payload: bytes, *, binary: bool = False) -> None:
        data = self._wire.binary(payload) if binary else self._wire.text(payload)
        self._act(lambda: self.gateway.receive_data(self.client, data, self.now))

    def create(self, event_id: str | None, *, query: object = None, headers: dict[str, str] | None = None) -> None:
        step: dict[str, Any] = {"provider": "openai", "endpoint": "chat/completions", "query": query or {}}
        step["headers"] = {"authorization": "Bearer x", **(headers or {})}
        if event_id is not None:
            step["eventId"] = event_id
        self.send(json.dumps({"type": "universal.create", "request": step}, separators=(",", ":")).encode())

    def cancel(self, event_id: str) -> None:
        self.send(json.dumps({"type": "universal.cancel", "eventId": event_id}).encode())

    def took(self) -> list[dict[str, Any]]:
        """Messages since the last call."""
        found, self.received = self.received, []
        return found

    def codes(self) -> list[tuple[str | None, int]]:
        """(eventId, envelope code or 0) of the messages since the last call."""
        found = []
        for message in self.took():
            response = message.get("response")
            refused = isinstance(response, dict) and "error" in response
            code = response["error"][0]["code"] if refused and response else message.get("error", {}).get("code", 0)
            found.append((message["metadata"].get("eventId"), code))
        return found

    def leave(self) -> None:
        self._act(lambda: self.gateway.connection_lost(self.client, "reset", self.now))

    # -- the provider and the host

    def up(self, number: int) -> ConnId:
        """The dial of this number, from 0, succeeds; the request is sent."""
        conn = self.dialled[number]
        self._act(lambda: self.gateway.connected(conn, None, self.now))
        while data := self.gateway.data_to_send(conn):
            self.gateway.data_sent(conn, len(data), self.now)
        return conn

    def respond(self, conn: ConnId, data: bytes) -> None:
        self._act(lambda: self.gateway.receive_data(conn, data, self.now))

    def answer(self, number: int, value: Answer) -> None:
        self._act(lambda: self.gateway.answer(self.asked[number][0], value, self.now))

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.gateway.next_timeout()) is not None and due <= until:
            self.now = max(self.now, due)
            self._act(lambda: self.gateway.handle_timeout(self.now))
        self.now = until

    def drain(self) -> None:
        self._act(lambda: self.gateway.drain(self.now))

    def exchanges_ended(self) -> dict[str, str]:
        return {event.event_id: event.how for event in self.events if isinstance(event, ExchangeEnded)}

    def session_ended(self) -> SessionEnded:
        (event,) = [event for event in self.events if isinstance(event, SessionEnded)]
        return event

    def all_told(self) -> bool:
        """Every exchange that began has exactly one end."""
        began = [event.event_id for event in self.events if isinstance(event, RequestAdmitted)]
        ended = [event.event_id for event in self.events if isinstance(event, ExchangeEnded)]
        return sorted(began) == sorted(ended)


def awaiting_settings(world: World, event_id: str, number: int) -> None:
    """An exchange that is over, with messages that the client does not take: the first fills the socket."""
    world.taking = False
    world.create(event_id)
    world.respond(world.up(number), whole(b'"%b"' % (b"x" * 200)))


SMALL = Limits(send_high_water_bytes=100)


# -- caps -----------------------------------------------------------------------------------------------------------


def test_more_exchanges_than_allowed_are_refused_and_the_socket_lives_on() -> None:
    world = World(Limits(exchanges_per_connection=2))
    world.create("a")
    world.create("b")
    world.create("c")
    assert world.codes() == [("c", 2010)]
    world.respond(world.up(0), whole())
    world.create("c")
    assert world.codes() == [("a", 0)]
    assert world.gateway.snapshot()["exchanges"] == 2


def test_ended_exchanges_whose_messages_wait_count_as_well() -> None:
    world = World(Limits(exchanges_per_connection=2, send_high_water_bytes=100))
    awaiting_settings(world, "a", 0)  # fills the socket
    world.create("b")
    world.respond(world.dialled[0], whole())
    assert world.exchanges_ended() == {"a": "created", "b": "created"}
    world.create("c")  # one waits
    world.create("d")  # one waits, one runs
    world.take()
    assert [code for code in world.codes() if code[1]] == [("d", 2010)]
    world.create("e")
    world.take()
    assert world.codes() == []
    assert world.gateway.snapshot()["exchanges"] == 2


#: What a step of the test's client takes beside its query, and one more header of it.
STEP_BYTES = 1536 + 2 * len("chat/completions") + 160 + len("authorization") + len("Bearer x")
HEADER_BYTES = 160 + len("cf-aig-authorization") + len("Bearer other")


def test_request_bytes_held_are_limited_and_given_back() -> None:
    query = {"q": "x" * 22}
    size = len(json.dumps(query, separators=(",", ":")))
    assert size == 30
    world = World(Limits(request_bytes_per_connection=50 + 2 * STEP_BYTES))
    world.create("a", query=query)
    world.create("b", query=query)
    assert world.codes() == [("b", 2010)]
    world.create("c", query={"q": "x" * 12})  # 50 in all: exactly the limit
    assert world.codes() == []
    world.cancel("a")
    world.took()
    world.create("b", query=query)
    assert world.codes() == []
    assert world.gateway.snapshot()["exchanges"] == 2


@needs_sources
@pytest.mark.parametrize(
    ("steps", "headers", "size"), [(1, 100, 20), (16, 0, 0), (16, 100, 20), (16, 20, 1000), (1, 1, 20_000)]
)
def test_what_requests_hold_is_counted_by_memory(steps: int, headers: int, size: int) -> None:
    world = World()
    step = {
        "provider": "openai",
        "endpoint": "a",
        "query": {},
        "headers": {f"h{n}": "v" * size for n in range(headers)},
    }

    def create(number: int) -> None:
        request = [{**step, "endpoint": f"a/{number}/{index}"} for index in range(steps)]  # steps alike share a plan
        world.send(json.dumps({"type": "universal.create", "eventId": f"{number}", "request": request}).encode())

    for number in range(20):
        create(number)
    (session,) = world.gateway._sessions
    counted = session._request_bytes
    gc.collect()
    tracemalloc.start()
    for number in range(20, 50):
        create(number)
    world.events.clear()
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    counted = session._request_bytes - counted
    # An exchange itself takes some KiB more; their number has a limit of its own.
    assert 0.6 * counted < held < 1.3 * counted + 30 * 8192


def test_creates_that_wait_for_a_token_count_against_both_caps() -> None:
    locked = GatewaySettings(authentication=True, tokens=(Secret("gate"),))
    world = World(
        Limits(exchanges_per_connection=2, request_bytes_per_connection=40 + 2 * (STEP_BYTES + HEADER_BYTES)),
        settings=locked,
        fields=b"cf-aig-authorization: gate\r\n",
    )
    theirs = {"cf-aig-authorization": "Bearer other"}
    world.create("a", query={"q": "x" * 22}, headers=theirs)
    world.create("b", query={"q": "x" * 22}, headers=theirs)
    assert world.codes() == [("b", 2010)]
    world.create("b", headers=theirs)
    world.create("c")
    assert world.codes() == [("c", 2010)]
    world.cancel("a")
    world.cancel("b")
    world.took()
    world.create("c", query={"q": "x" * 32})
    assert world.codes() == []


# -- ids ------------------------------------------------------------------------------------------------------------


def test_an_id_that_is_still_running_is_refused_without_an_exchange() -> None:
    world = World()
    world.create("a")
    world.create("a")
    (message,) = world.took()
    assert message["type"] == "universal.error"
    assert "eventId" not in message["metadata"]
    assert message["error"]["eventId"] == "a"
    assert message["error"]["code"] == 2006
    world.respond(world.up(0), whole())
    assert [message["type"] for message in world.took()] == ["universal.created"]
    world.create("a")
    assert world.took() == []
    assert world.gateway.snapshot()["exchanges"] == 1


def test_a_create_that_cannot_be_read_does_not_answer_for_a_running_id() -> None:
    world = World()
    world.create("a")
    world.send(b'{"type":"universal.create","request":{"eventId":"a","provider":7}}')
    (message,) = world.took()
    assert (message["type"], message["error"]["eventId"]) == ("universal.error", "a")
    world.send(b'{"type":"universal.create","request":{"eventId":"b","provider":7}}')
    assert world.codes() == [("b", 2006)]


def test_an_id_is_taken_until_its_last_message_went_out() -> None:
    world = World(SMALL)
    awaiting_settings(world, "a", 0)
    world.create("b")
    world.respond(world.dialled[0], whole())
    assert set(world.exchanges_ended()) == {"a", "b"}
    world.create("b")
    world.taking = True
    world.take()
    errors = [message for message in world.took() if message["type"] == "universal.error"]
    assert [message["error"]["eventId"] for message in errors] == ["b"]
    world.create("b")
    assert world.took() == []
    assert world.gateway.snapshot()["exchanges"] == 1


def test_an_id_whose_token_is_being_judged_is_taken() -> None:
    world = locked()
    world.create("a", headers={"cf-aig-authorization": "theirs"})
    world.create("a")
    (message,) = world.took()
    assert message["error"]["eventId"] == "a"
    assert world.dialled == []


def test_a_create_without_an_id_goes_by_its_log_id() -> None:
    world = World()
    world.create(None)
    world.respond(world.up(0), whole())
    (message,) = world.took()
    assert message["metadata"]["eventId"] == message["metadata"]["logId"]


# -- unusable messages ----------------------------------------------------------------------------------------------


def test_unusable_messages_in_a_row_close_the_socket() -> None:
    world = World()
    for _ in range(99):
        world.send(b"no json")
    assert len(world.took()) == 99
    assert not world.is_closed()
    world.send(b"{}")
    assert world.close_code == 1008
    assert "100 unusable" in world.close_reason
    assert world.session_ended().by == "client"


@pytest.mark.parametrize(
    "usable",
    [
        b'{"type":"universal.ping"}',
        b'{"type":"universal.cancel","eventId":"nobody"}',
        b'{"type":"universal.create","request":{"eventId":"b","provider":7}}',
        b'{"type":"universal.create","request":{"eventId":"b","provider":"nobody","endpoint":"x"}}',
    ],
)
def test_a_message_that_can_be_used_begins_the_count_anew(usable: bytes) -> None:
    world = World(Limits(unusable_messages_in_a_row=3))
    for _ in range(3):
        world.send(b"no json")
        world.send(b"[]")
        world.send(usable)
    assert not world.is_closed()


@pytest.mark.parametrize(
    "unusable",
    [
        b"no json",
        b"[]",
        b'{"type":"universal.nonsense"}',
        b'{"type":"universal.create"}',
        b'{"type":"universal.create","request":[]}',
        b'{"type":"universal.create","request":{"eventId":"a","provider":7}}',
        b'{"type":"universal.create","request":{"eventId":"a","provider":"openai","endpoint":"x","query":{}}}',
    ],
)
def test_what_is_unusable(unusable: bytes) -> None:
    world = World(Limits(unusable_messages_in_a_row=3))
    world.create("a")
    for _ in range(3):
        world.send(unusable)
    messages = world.took()
    assert [message["type"] for message in messages] == ["universal.error"] * 3
    assert all(message["metadata"] == {} and message["error"]["code"] == 2006 for message in messages)
    assert world.close_code == 1008
    assert world.exchanges_ended() == {"a": "gone"}


def test_a_binary_message_is_read_like_text() -> None:
    world = World()
    world.send(b'{"type":"universal.ping"}', binary=True)
    assert world.took() == [{"type": "universal.pong"}]
    world.send(b'{"type":"universal.ping\xff"}', binary=True)
    (message,) = world.took()
    assert message["type"] == "universal.error"


# -- cancels --------------------------------------------------------------------------------------------------------


def test_a_cancel_of_an_unknown_or_ended_id_is_not_answered() -> None:
    world = World()
    world.cancel("nobody")
    world.create("a")
    world.respond(world.up(0), whole())
    world.took()
    world.cancel("a")
    assert world.took() == []
    assert world.exchanges_ended() == {"a": "created"}


def test_a_cancel_of_an_ended_id_whose_messages_wait_takes_none_back() -> None:
    world = World(SMALL)
    awaiting_settings(world, "a", 0)
    world.create("b")
    world.respond(world.dialled[0], whole())
    world.cancel("b")
    world.take()
    assert [message["type"] for message in world.took()] == ["universal.created", "universal.created"]


def test_a_cancel_ends_a_running_exchange_and_its_provider() -> None:
    world = World()
    world.create("a")
    conn = world.up(0)
    world.cancel("a")
    (message,) = world.took()
    assert (message["type"], message["metadata"]["eventId"]) == ("universal.cancelled", "a")
    assert conn in world.ended


# -- tokens in the headers of steps ---------------------------------------------------------------------------------


def locked(**more: Any) -> World:
    """Tokens ``gate`` and ``side`` are known, the client came with the first."""
    settings = GatewaySettings(authentication=True, tokens=(Secret("gate"), Secret("side")))
    return World(settings=settings, fields=b"cf-aig-authorization: Bearer gate\r\n", **more)


@pytest.mark.parametrize("value", ["gate", "Bearer side", "bearer side"])
def test_a_token_that_the_settings_know_is_not_asked_about(value: str) -> None:
    world = locked()
    world.create("a", headers={"CF-AIG-Authorization": value})
    assert world.asked == []
    assert len(world.dialled) == 1


def test_where_nobody_must_show_a_token_none_is_judged() -> None:
    world = World()
    world.create("a", headers={"cf-aig-authorization": "whatever"})
    assert world.asked == []
    assert len(world.dialled) == 1


@pytest.mark.parametrize("value", [Authenticated(False), Unavailable(), None])
def test_a_token_that_is_not_allowed_refuses_the_create(value: Answer | None) -> None:
    """None: the host does not answer in time."""
    world = locked()
    world.create("a", headers={"cf-aig-authorization": "Bearer theirs"})
    assert [token for _, token in world.asked] == ["theirs"]
    if value is None:
        world.pass_time(5)
    else:
        world.answer(0, value)
    (message,) = world.took()
    assert message["metadata"]["status"] == 401
    assert message["response"]["error"][0]["code"] == 2009
    assert "theirs" not in json.dumps(message)
    assert world.dialled == []
    world.create("a")
    assert len(world.dialled) == 1, "the id is free again"


def test_a_token_that_the_host_allows_lets_it_begin() -> None:
    world = locked()
    world.create("a", headers={"cf-aig-authorization": "Bearer theirs"})
    world.answer(0, Authenticated(True))
    assert len(world.dialled) == 1
    assert world.took() == []


def two_tokens(world: World) -> None:
    step = {"provider": "openai", "endpoint": "chat/completions", "query": {}}
    steps = [
        {**step, "eventId": "a", "headers": {"cf-aig-authorization": "one"}},
        {**step, "headers": {"cf-aig-authorization": "two"}},
        {**step, "headers": {"cf-aig-authorization": "one"}},
        {**step, "headers": {"cf-aig-authorization": "gate"}},
    ]
    world.send(json.dumps({"type": "universal.create", "request": steps}).encode())


def test_several_tokens_are_judged_one_after_the_other_and_each_once() -> None:
    world = locked()
    two_tokens(world)
    assert [token for _, token in world.asked] == ["one"]
    world.answer(0, Authenticated(True))
    assert [token for _, token in world.asked] == ["one", "two"]
    assert world.dialled == []
    world.answer(1, Authenticated(True))
    assert len(world.asked) == 2
    assert len(world.dialled) == 1


def test_one_token_of_several_that_is_not_allowed_refuses_it() -> None:
    world = locked()
    two_tokens(world)
    world.answer(0, Authenticated(True))
    world.answer(1, Authenticated(False))
    assert world.codes() == [("a", 2009)]
    assert world.dialled == []


def test_a_cancel_while_a_token_is_judged() -> None:
    world = locked()
    world.create("a", headers={"cf-aig-authorization": "theirs"})
    world.cancel("a")
    (message,) = world.took()
    assert message["type"] == "universal.cancelled"
    metadata = message["metadata"]
    assert (metadata["eventId"], metadata["step"], metadata["attempts"]) == ("a", "0", 0)
    assert metadata["logId"]
    world.answer(0, Authenticated(True))  # too late
    world.pass_time(10)
    assert world.took() == []
    assert world.dialled == []


def test_a_client_that_leaves_takes_its_questions_along() -> None:
    world = locked()
    world.create("a", headers={"cf-aig-authorization": "theirs"})
    world.leave()
    world.answer(0, Authenticated(True))
    assert world.dialled == []
    assert world.gateway.snapshot()["sessions"] == 0


# -- clocks ---------------------------------------------------------------------------------------------------------

QUIET = {"ping_after_s": 10_000.0}


def test_a_session_has_a_longest_life_whatever_runs() -> None:
    world = World(timeouts=Timeouts(session_s=100.0, connect_s=1000.0, **QUIET))
    world.create("a")
    world.pass_time(99.9)
    assert not world.is_closed()
    world.pass_time(0.2)
    assert world.close_code == 1001
    assert world.exchanges_ended() == {"a": "gone"}
    assert world.session_ended().by == "gateway"


def test_a_client_that_says_nothing_is_let_go() -> None:
    world = World(timeouts=Timeouts(client_idle_s=20.0, **QUIET))
    world.pass_time(15)
    world.send(b'{"type":"universal.ping"}')
    world.pass_time(19.9)
    assert not world.is_closed()
    world.pass_time(0.2)
    assert world.close_code == 1001


def test_idle_counts_from_the_end_of_the_last_exchange() -> None:
    world = World(timeouts=Timeouts(client_idle_s=20.0, connect_s=1000.0, **QUIET))
    world.create("a")
    world.pass_time(100)
    assert not world.is_closed()
    world.cancel("a")
    world.pass_time(19.9)
    assert not world.is_closed()
    world.pass_time(0.2)
    assert world.is_closed()


def test_without_limits_a_session_lives_on() -> None:
    world = World(timeouts=Timeouts(**QUIET))
    world.pass_time(9000)
    assert not world.is_closed()


# -- going away -----------------------------------------------------------------------------------------------------


def test_an_idle_client_is_told_goodbye_at_once() -> None:
    world = World(timeouts=Timeouts(drain_s=30.0))
    world.drain()
    assert world.took() == [{"type": "universal.going_away", "deadline_ms": 30000}]
    assert world.close_code == 1001
    end = world.session_ended()
    assert (end.by, end.phase, end.code) == ("gateway", "draining", 1001)


def test_running_exchanges_may_finish_and_new_ones_are_refused() -> None:
    world = World()
    world.create("a")
    world.drain()
    assert [message["type"] for message in world.took()] == ["universal.going_away"]
    world.create("b")
    assert world.codes() == [("b", 2011)]
    assert not world.is_closed()
    world.respond(world.up(0), whole())
    assert [message["type"] for message in world.took()] == ["universal.created"]
    assert world.is_closed()
    assert world.exchanges_ended() == {"a": "created"}


def test_goodbye_waits_for_messages_that_wait() -> None:
    world = World(SMALL)
    awaiting_settings(world, "a", 0)
    world.create("b")
    world.respond(world.dialled[0], whole())
    world.drain()
    world.taking = True
    world.take()
    types = [message["type"] for message in world.took()]
    assert types.count("universal.created") == 2
    assert world.is_closed()


def test_at_the_deadline_what_runs_is_ended_with_its_message() -> None:
    world = World(timeouts=Timeouts(drain_s=30.0, connect_s=100.0))
    world.create("waits")
    world.create("streams")
    world.respond(world.up(1), STREAM + TOKEN)
    world.drain()
    world.took()
    world.pass_time(29.9)
    assert world.took() == []
    world.pass_time(0.2)
    refused, broken = world.took()
    assert (refused["type"], refused["metadata"]["eventId"]) == ("universal.created", "waits")
    assert refused["metadata"]["status"] == 503
    assert refused["response"]["error"][0]["code"] == 2011
    assert (broken["type"], broken["metadata"]["eventId"]) == ("universal.error", "streams")
    assert broken["error"]["code"] == 2011
    assert world.close_code == 1001
    assert world.exchanges_ended() == {"waits": "created", "streams": "error"}


def test_at_the_deadline_a_create_whose_token_is_being_judged_is_refused() -> None:
    world = locked(timeouts=Timeouts(drain_s=1.0, ask_s=5.0))
    world.create("a", headers={"cf-aig-authorization": "theirs"})
    world.drain()
    world.took()
    world.pass_time(2)
    assert world.codes() == [("a", 2011)]
    assert world.is_closed()
    world.answer(0, Authenticated(True))
    assert world.dialled == []
    assert world.gateway.snapshot()["asks"] == 0


def test_a_create_whose_token_is_being_judged_came_before_we_went_away() -> None:
    world = locked()
    world.create("a", headers={"cf-aig-authorization": "theirs"})
    world.drain()
    assert not world.is_closed()
    world.answer(0, Authenticated(True))
    world.took()
    world.respond(world.up(0), whole())
    assert world.codes() == [("a", 0)]
    assert world.is_closed()


def test_goodbye_follows_the_last_token_that_is_not_allowed() -> None:
    world = locked()
    world.create("a", headers={"cf-aig-authorization": "theirs"})
    world.drain()
    world.took()
    world.answer(0, Authenticated(False))
    assert world.codes() == [("a", 2009)]
    assert world.is_closed()


# -- ends -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["leave", "drain"])
def test_the_end_of_a_session_is_the_end_of_all_its_exchanges(end: str) -> None:
    world = World()
    for name in "abc":
        world.create(name)
    world.respond(world.up(0), STREAM + TOKEN)
    if end == "leave":
        world.leave()
        assert set(world.exchanges_ended().values()) == {"gone"}
        assert world.session_ended().by == "client"
    else:
        world.drain()
        world.pass_time(100)
    assert world.all_told()
    assert world.gateway.snapshot()["exchanges"] == 0
    assert world.gateway.snapshot()["sessions"] == 0


@pytest.mark.parametrize("listens", [True, False])
def test_the_host_gets_the_meaning_of_chunks_if_it_listens(listens: bool) -> None:
    world = World(listens=listens)
    world.create("a")
    world.respond(world.up(0), STREAM + TOKEN)
    read = [event.event for event in world.events if isinstance(event, ProviderEventRead)]
    assert (TextDelta("hi") in read) is listens
    assert [message["type"] for message in world.took()] == ["universal.created", "universal.stream"]


def test_a_second_drain_says_nothing() -> None:
    world = World(timeouts=Timeouts(drain_s=30.0, connect_s=100.0))
    world.create("waits")
    world.drain()
    assert [message["type"] for message in world.took()] == ["universal.going_away"]
    world.drain()
    assert world.took() == []


# -- translated steps ------------------------------------------------------------------------------------------------


def ask(event_id: str, endpoint: str, **query: object) -> bytes:
    step = {"provider": "compat", "endpoint": endpoint, "query": {"model": "openai/m", "stream": True, **query}}
    return json.dumps({"type": "universal.create", "eventId": event_id, "request": step}).encode()


MESSAGE = {"max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}


@needs_sources
def test_what_a_translated_response_keeps_is_counted_until_its_end() -> None:
    world = World()
    (session,) = world.gateway._sessions
    world.send(ask("a", "messages", **MESSAGE))
    conn = world.up(0)
    world.respond(conn, STREAM + TOKEN)
    before = session.kept
    # the arguments of two calls at once: one of them waits, because Messages tell one thing after another
    for call, size in ((0, 1), (1, 5000)):
        delta = {"tool_calls": [{"index": call, "id": f"c{call}", "function": {"name": "f", "arguments": "[" * size}}]}
        world.respond(conn, b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n")
    assert session.kept - before >= 5000
    world.cancel("a")
    assert session.kept < before
    assert not session._holding


@needs_sources
@pytest.mark.parametrize(("model", "keeps"), [("anthropic/claude-x", True), ("openai/m", False)])
def test_what_a_response_repeats_of_its_request_is_counted(model: str, keeps: bool) -> None:
    """OpenAI writes Responses itself: nothing is kept for it."""
    world = World()
    (session,) = world.gateway._sessions
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}, "description": "d" * 5000}
    message = ask("a", "responses", model=model, input="Hello", tools=[tool])
    world.send(message)
    assert (session.request_bytes > 5 * len(message)) is keeps
    world.cancel("a")
    assert session.request_bytes == 0


def test_the_list_of_models_needs_no_exchange() -> None:
    world = World()
    step = {"provider": "compat", "endpoint": "models", "method": "GET"}
    world.send(json.dumps({"type": "universal.create", "eventId": "m", "request": step}).encode())
    (told,) = world.took()
    assert (told["type"], told["metadata"]["status"], told["metadata"]["attempts"]) == ("universal.created", 200, 0)
    assert told["response"] == {"object": "list", "data": []}
    assert world.gateway.snapshot()["exchanges"] == 0
    assert not [event for event in world.events if isinstance(event, RequestAdmitted)]


# -- media that the host fetches -------------------------------------------------------------------------------------

FETCHES = GatewaySettings(fetch_media=True)
PICTURE = FetchedMedia(b"x" * 3000, "image/png")  # 4,000 characters of base64


def look(world: World, event_id: str, *urls: str, models: tuple[str, ...] = ("workers-ai/@cf/m",)) -> None:
    """A request with images for providers that fetch none."""
    content = [{"type": "image_url", "image_url": {"url": f"https://files.test/{url}"}} for url in urls]
    messages = [{"role": "user", "content": content}]
    steps = [
        {"provider": "compat", "endpoint": "chat/completions", "query": {"model": model, "messages": messages}}
        for model in models
    ]
    world.send(json.dumps({"type": "universal.create", "eventId": event_id, "request": steps}).encode())


@needs_sources
def test_media_count_as_memory_of_the_request_from_their_coming_to_its_end() -> None:
    world = World(settings=FETCHES)
    (session,) = world.gateway._sessions
    look(world, "a", "1", "2")
    waiting = session.request_bytes
    world.answer(0, PICTURE)
    assert session.request_bytes == waiting + 4000
    world.answer(1, PICTURE)
    assert world.dialled
    assert 8000 <= session.request_bytes - waiting < 9000
    world.cancel("a")
    assert session.request_bytes == 0
    assert world.all_told()


def test_media_that_are_more_than_the_requests_may_hold_refuse_the_request() -> None:
    world = World(Limits(request_bytes_per_connection=7000), settings=FETCHES)
    look(world, "a", "1", "2", "3")
    world.answer(0, PICTURE)
    assert world.codes() == []
    world.answer(1, PICTURE)
    assert world.codes() == [("a", 2010)]
    assert world.gateway.snapshot()["asks"] == 0
    assert not world.dialled


def test_each_step_has_a_copy_of_the_media() -> None:
    world = World(Limits(request_bytes_per_connection=10_000), settings=FETCHES)
    look(world, "a", "1", models=("workers-ai/@cf/m", "workers-ai/@cf/n"))
    assert [url for _, url in world.asked] == ["https://files.test/1"]
    world.answer(0, PICTURE)
    assert world.codes() == [("a", 2010)]
    assert not world.dialled


def test_an_id_whose_media_are_fetched_is_taken_and_can_be_cancelled() -> None:
    world = World(settings=FETCHES)
    look(world, "a", "1")
    world.create("a")
    assert world.codes() == [(None, 2006)]
    world.cancel("a")
    assert [message["type"] for message in world.took()] == ["universal.cancelled"]
    world.answer(0, PICTURE)
    assert not world.dialled
    world.create("a")
    assert world.codes() == []


def test_the_host_is_asked_for_so_many_media_of_a_client() -> None:
    world = World(Limits(fetches_at_once_per_client=2), settings=FETCHES)
    look(world, "a", "1")
    look(world, "b", "2", "3")
    assert world.codes() == [("b", 2010)]
    look(world, "b", "2", "2")
    assert [url for _, url in world.asked] == ["https://files.test/1", "https://files.test/2"]


def test_a_client_whose_media_are_fetched_is_not_idle() -> None:
    world = World(timeouts=Timeouts(client_idle_s=2.0, fetch_s=10.0), settings=FETCHES)
    look(world, "a", "1")
    world.pass_time(1)
    world.send(b'{"type":"universal.ping"}')
    world.pass_time(7)
    assert not world.is_closed()
    world.took()
    world.pass_time(2)
    assert [code for event_id, code in world.codes() if event_id == "a"] == [2006]
    world.pass_time(3)
    assert world.close_code == 1001


def test_at_the_deadline_a_request_whose_media_are_fetched_is_refused() -> None:
    world = World(timeouts=Timeouts(drain_s=1.0, fetch_s=10.0), settings=FETCHES)
    look(world, "a", "1")
    world.drain()
    world.took()
    world.pass_time(2)
    assert world.codes() == [("a", 2011)]
    assert world.is_closed()
    assert world.gateway.snapshot()["asks"] == 0


def test_a_token_is_judged_before_media_are_fetched() -> None:
    settings = GatewaySettings(fetch_media=True, authentication=True, tokens=(Secret("gate"),))
    world = World(settings=settings, fields=b"cf-aig-authorization: gate\r\n")
    content = [{"type": "image_url", "image_url": {"url": "https://files.test/1"}}]
    step = {
        "provider": "compat",
        "endpoint": "chat/completions",
        "headers": {"cf-aig-authorization": "other"},
        "query": {"model": "workers-ai/@cf/m", "messages": [{"role": "user", "content": content}]},
    }
    world.send(json.dumps({"type": "universal.create", "eventId": "a", "request": step}).encode())
    assert [what for _, what in world.asked] == ["other"]
    world.answer(0, Authenticated(True))
    assert [what for _, what in world.asked] == ["other", "https://files.test/1"]
    world.answer(1, PICTURE)
    assert world.dialled
