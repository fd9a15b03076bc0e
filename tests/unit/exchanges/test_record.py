"""Events that need no books: what joins them, and what the last one of an exchange and of a session tells."""

import msgspec
import pytest
from tests.rigs.core_rig import CALLER

from aigw_sansio import events
from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.effects import Connect, Emit
from aigw_sansio.events import (
    AttemptConnected,
    AttemptEnded,
    AttemptFirstByte,
    AttemptStarted,
    Event,
    ExchangeEnded,
    RequestAdmitted,
    SessionEnded,
)
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId, CustomCost, RecordOptions
from aigw_sansio.providers.trace_context import span_id

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
WALL = 1_700_000_000.0
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
TOKEN = b'data: {"model":"gpt-5-2025","choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
END = b"data: [DONE]\n\n"


class World:
    """A gateway with one client without bytes, who has a name and a trace."""

    def __init__(self, *, traces: bool = False) -> None:
        config = Config(
            traces=traces,
            gateways={"acme/main": GatewaySettings()},
            providers={"openai": ProviderSettings(base_url="http://127.0.0.1:9/v1", api_key="canary-of-a-key")},  # type: ignore[arg-type]
        )
        self.gateway = Gateway(config, b"a seed of sixteen", WALL)
        self.events: list[Event] = []
        self.dialled: list[ConnId] = []
        headers = [(b"host", b"app.test"), (b"traceparent", TRACE.encode())]
        self.client = self.gateway.open_messages(b"/v1/acme/main", "192.0.2.1:1", headers, [], "alice", 10.0)
        self.effects()

    def effects(self) -> None:
        for effect in self.gateway.effects():
            if isinstance(effect, Emit):
                self.events.append(effect.event)
            elif isinstance(effect, Connect):
                self.dialled.append(effect.conn)

    def ask(self, event_id: str, now: float, model: str = "gpt-5", **headers: str) -> None:
        step = {
            "eventId": event_id,
            "provider": "openai",
            "endpoint": "chat/completions?key=canary",
            "headers": headers,
            "query": {"model": model, "stream": True},
        }
        data = msgspec.json.encode({"type": "universal.create", "request": step})
        self.gateway.receive_message(self.client, data, now, text=True)
        self.effects()

    def sent(self, conn: ConnId, now: float) -> None:
        self.gateway.data_sent(conn, len(self.gateway.data_to_send(conn)), now)

    def receive(self, conn: ConnId, data: bytes, now: float) -> None:
        self.gateway.receive_data(conn, data, now)
        self.effects()

    def all_of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if type(event) is kind]


def test_the_last_events_tell_all() -> None:
    world = World()
    world.ask("a", 11.0)
    (conn,) = world.dialled
    world.gateway.connected(conn, None, 11.5)
    world.sent(conn, 11.5)
    world.receive(conn, HEAD, 12.0)
    world.receive(conn, TOKEN, 13.0)
    world.receive(conn, END, 14.0)
    (ended,) = world.all_of(ExchangeEnded)
    assert isinstance(ended, ExchangeEnded)
    assert (ended.account, ended.gateway, ended.principal) == ("acme", "main", "alice")
    assert (ended.provider, ended.request_model, ended.endpoint) == ("openai", "gpt-5", "chat/completions")
    assert (ended.traceparent, ended.started_unix_s) == (TRACE, WALL + 11)
    assert (ended.queue_s, ended.connect_s, ended.first_byte_s, ended.first_content_s) == (0.0, 0.5, 1.0, 2.0)
    assert ended.duration_s == 3.0
    (admitted,) = world.all_of(RequestAdmitted)
    assert isinstance(admitted, RequestAdmitted)
    assert (admitted.account, admitted.gateway, admitted.principal) == ("acme", "main", "alice")
    for kind in (AttemptStarted, AttemptConnected, AttemptFirstByte, AttemptEnded):
        (event,) = world.all_of(kind)
        assert isinstance(event, kind)
        assert (event.session, event.event_id, event.log_id) == (ended.session, "a", ended.log_id)
    world.gateway.receive_close(world.client, 1000, "", 20.0)
    world.effects()
    (session,) = world.all_of(SessionEnded)
    assert isinstance(session, SessionEnded)
    assert (session.session, session.conn, session.mode) == (ended.session, world.client, "universal")
    assert (session.account, session.gateway, session.principal) == ("acme", "main", "alice")
    assert (session.traceparent, session.started_unix_s, session.duration_s) == (TRACE, WALL + 10, 10.0)
    assert session.provider is session.request_model is session.endpoint is session.queue_s is None
    assert b"canary" not in msgspec.json.encode(world.events)


def test_a_connection_that_is_there_costs_no_time_and_the_trace_of_a_step_comes_first() -> None:
    world = World()
    world.ask("a", 11.0)
    (conn,) = world.dialled
    world.gateway.connected(conn, None, 11.5)
    world.sent(conn, 11.5)
    body = b'{"choices":[{"message":{"content":"hi"}}]}'
    whole = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    world.receive(conn, whole, 12.0)
    world.ask("b", 13.0, traceparent=OTHER)
    world.sent(conn, 13.0)
    world.receive(conn, whole, 15.0)
    first, second = world.all_of(ExchangeEnded)
    assert isinstance(first, ExchangeEnded)
    assert isinstance(second, ExchangeEnded)
    assert (first.first_byte_s, first.first_content_s) == (1.0, 1.0)
    assert (second.traceparent, second.queue_s, second.connect_s) == (OTHER, 0.0, 0.0)
    assert (second.first_byte_s, second.first_content_s) == (2.0, 2.0)


def test_bodies_keys_and_what_the_client_says_of_its_record_are_told() -> None:
    world = World()
    fields = {
        "cf-aig-metadata": '{"team":"blue"}',
        "cf-aig-collect-log": "false",
        "cf-aig-custom-cost": '{"per_token_in":0.5}',
        "content-type": "application/json; charset=utf-8",
    }
    world.ask("a", 11.0, **fields)
    (conn,) = world.dialled
    world.gateway.connected(conn, None, 11.5)
    world.sent(conn, 11.5)
    for data in (HEAD, TOKEN, END):
        world.receive(conn, data, 12.0)
    (ended,) = world.all_of(ExchangeEnded)
    assert isinstance(ended, ExchangeEnded)
    assert ended.record == RecordOptions(
        collect=False, metadata={"team": "blue"}, custom_cost=CustomCost(per_token_in=0.5)
    )
    assert ended.cost is None  # the provider told no usage
    assert (ended.key, ended.request_type, ended.content_type) == ("stored", "application/json", "text/event-stream")
    assert ended.request_bytes == len(b'{"model":"gpt-5","stream":true}')


@pytest.mark.parametrize("model", ["gpt-5", "é" * 40_000])
def test_what_was_sent_and_received_if_that_is_wanted(model: str) -> None:
    world = World()
    world.ask("a", 11.0, model=model, **{"cf-aig-collect-log-payload": "true"})
    (conn,) = world.dialled
    world.gateway.connected(conn, None, 11.5)
    while sent := world.gateway.data_to_send(conn):
        world.gateway.data_sent(conn, len(sent), 11.5)
    quoted = b'data: {"choices":[{"index":0,"delta":{"content":"is canary-of-a-key right"}}]}\n\n'
    for data in (HEAD, TOKEN, quoted, END):
        world.receive(conn, data, 12.0)
    (ended,) = world.all_of(ExchangeEnded)
    assert isinstance(ended, ExchangeEnded)
    payload = ended.payload
    assert payload is not None
    assert payload.request is not None
    assert payload.response == "\n".join(
        [TOKEN[6:-2].decode(), '{"choices":[{"index":0,"delta":{"content":"is *** right"}}]}']
    )
    assert payload.response_complete
    whole = msgspec.json.encode({"model": model, "stream": True}).decode()
    assert payload.request_complete is (model == "gpt-5")
    assert whole.startswith(payload.request.rstrip("\ufffd"))
    assert (payload.request == whole) is payload.request_complete
    assert b"canary" not in msgspec.json.encode(world.events)


@pytest.mark.parametrize("said", [{}, {"cf-aig-collect-log": "false", "cf-aig-collect-log-payload": "true"}])
def test_nothing_is_kept_that_nobody_wants(said: dict[str, str]) -> None:
    world = World()
    world.ask("a", 11.0, **said)
    world.gateway.connect_failed(world.dialled[0], "connection refused", 12.0)
    world.effects()
    (ended,) = world.all_of(ExchangeEnded)
    assert isinstance(ended, ExchangeEnded)
    assert ended.payload is None


def test_an_unusable_wish_about_the_record_refuses_the_request() -> None:
    world = World()
    world.ask("a", 11.0, **{"cf-aig-collect-log": "perhaps"})
    (message,) = world.gateway.messages_to_send(world.client, 1)
    assert msgspec.json.decode(message.data)["response"]["error"][0]["code"] == 2006
    assert not world.dialled
    assert not world.all_of(ExchangeEnded)


@pytest.mark.parametrize("traces", [False, True])
def test_a_provider_is_told_the_trace_with_each_attempt(traces: bool) -> None:
    world = World(traces=traces)
    world.ask("a", 11.0, **{"cf-aig-max-attempts": "2"})
    told = []
    for now in (11.5, 12.5):
        conn = world.dialled[-1]
        world.gateway.connected(conn, None, now)
        sent = world.gateway.data_to_send(conn)
        world.gateway.data_sent(conn, len(sent), now)
        told += [
            line.split(b": ")[1].decode() for line in sent.split(b"\r\n") if line.lower().startswith(b"traceparent")
        ]
        world.receive(conn, b"HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", now)
    (ended,) = world.all_of(ExchangeEnded)
    assert isinstance(ended, ExchangeEnded)
    assert ended.traceparent == TRACE
    spans = [f"{TRACE[:36]}{span_id(ended.log_id, attempt)}-01" for attempt in (1, 2)]
    assert told == (spans if traces else [TRACE, TRACE])


def test_what_did_not_come_is_none() -> None:
    world = World()
    world.ask("a", 11.0, traceparent="canary")
    world.gateway.connect_failed(world.dialled[0], "connection refused", 12.0)
    world.gateway.closed(world.dialled[0], 12.0)
    world.effects()
    (ended,) = world.all_of(ExchangeEnded)
    assert isinstance(ended, ExchangeEnded)
    assert ended.how == "created"
    assert ended.queue_s is ended.connect_s is ended.first_byte_s is ended.first_content_s is None
    assert ended.traceparent == TRACE
    assert b"canary" not in msgspec.json.encode(world.events)


def test_ids_have_the_same_names_everywhere() -> None:
    """Each event has an id that another has too."""
    assert CALLER._fields[:4] == ("session", "account", "gateway", "principal")
    for kind in events.LifecycleEvent.__args__:
        assert {"conn", "session", "log_id"} & set(kind.__struct_fields__), kind
        if "provider" in kind.__struct_fields__:
            assert {"session", "log_id"} <= set(kind.__struct_fields__), kind
