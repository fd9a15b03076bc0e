"""A relay whose stored key is a service account: the token comes first, and without it nobody is dialled."""

import json

import pytest
from tests.peers.websocket_client import WsClient, upgrade_request
from tests.rigs.compiled import needs_sources

from aigw_sansio.config import Config, ProviderSettings, Timeouts
from aigw_sansio.effects import Ask, Close, Connect, Effect, Emit, Sign, Signed
from aigw_sansio.errors import ConfigError
from aigw_sansio.events import SessionOpened, UpgradeRefused
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId
from aigw_sansio.secret import Secret
from aigw_sansio.wires.heads import RequestHead, parse_request_head
from aigw_sansio.wires.websocket.handshake import accept, check_upgrade

ACCOUNT = json.dumps(
    {
        "type": "service_account",
        "client_email": "a@b",
        "private_key": "canary-of-a-private-key",
        "token_uri": "http://127.0.0.1:9/token",
    },
    indent=2,
)
TOKEN = b'{"access_token":"ya29.canary","expires_in":3600}'


class World:
    """A gateway, and what it does: every connection, question and event."""

    def __init__(self, stored: str = ACCOUNT, timeouts: Timeouts | None = None) -> None:
        own = ProviderSettings(api_key=Secret(stored), realtime_url="ws://127.0.0.1:8")
        config = Config(providers={"google-vertex-ai": own}, timeouts=timeouts or Timeouts())
        self.gateway = Gateway(config, b"a seed for tokens", 1_700_000_000.0)
        self.now = 0.0
        self.dials: list[Connect] = []
        self.asks: list[Ask] = []
        self.closes: list[Close] = []
        self.events: list[object] = []

    def run(self) -> None:
        effect: Effect
        for effect in self.gateway.effects():
            match effect:
                case Connect():
                    self.dials.append(effect)
                case Ask():
                    self.asks.append(effect)
                case Close():
                    self.closes.append(effect)
                case Emit():
                    self.events.append(effect.event)

    def client(self) -> ConnId:
        conn = self.gateway.open_downstream("192.0.2.1:5", None, self.now)
        self.gateway.receive_data(
            conn, WsClient().request(upgrade_request("/v1/local/default/google-vertex-ai", [])), self.now
        )
        self.run()
        return conn

    def sign(self) -> None:
        (ask,) = self.asks
        assert isinstance(ask.question, Sign)
        self.gateway.answer(ask.id, Signed(b"signature"), self.now)
        self.run()

    def dial(self, index: int) -> bytes:
        conn = self.dials[index].conn
        self.gateway.connected(conn, None, self.now)
        self.run()
        return self.gateway.data_to_send(conn)

    def respond(self, index: int, data: bytes) -> None:
        self.gateway.receive_data(self.dials[index].conn, data, self.now)
        self.run()

    def give_token(self) -> None:
        self.sign()
        assert b"POST /token HTTP/1.1" in self.dial(0)
        self.respond(0, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(TOKEN) + TOKEN)

    def answered(self, conn: ConnId) -> bytes:
        return self.gateway.data_to_send(conn)

    def refusal(self) -> UpgradeRefused:
        (refused,) = [event for event in self.events if isinstance(event, UpgradeRefused)]
        assert "canary" not in repr(refused)
        return refused


def test_the_token_is_fetched_before_the_dial_and_kept_for_the_next() -> None:
    world = World()
    client = world.client()
    assert world.dials == []
    world.give_token()
    sent = world.dial(1)
    assert b"\r\nAuthorization: Bearer ya29.canary\r\n" in sent
    assert b"private" not in sent
    head = parse_request_head(sent)
    assert isinstance(head, RequestHead)
    upgrade = check_upgrade(head)
    world.respond(1, accept(upgrade))  # type: ignore[arg-type]
    assert b" 101 " in world.answered(client)
    (opened,) = [event for event in world.events if isinstance(event, SessionOpened)]
    assert opened.key == "stored"
    assert "canary" not in repr(opened)
    world.client()
    assert len(world.asks) == 1
    assert b"Bearer ya29.canary" in world.dial(2)


def test_a_refused_token_is_not_kept_and_not_shown() -> None:
    world = World()
    client = world.client()
    world.give_token()
    world.dial(1)
    world.respond(1, b"HTTP/1.1 401 No\r\nContent-Length: 15\r\n\r\nbad ya29.canary")
    assert world.answered(client).endswith(b"bad ***")
    world.asks.clear()
    world.client()
    assert len(world.asks) == 1


@pytest.mark.parametrize("how", ["unsigned", "refused", "nonsense", "late"])
def test_without_a_token_the_session_is_refused_with_503(how: str) -> None:
    world = World(timeouts=Timeouts(realtime_open_s=2.0))
    client = world.client()
    if how == "unsigned":
        world.now = world.asks[0].deadline
        if world.now > 2.0:
            world.now = 2.0
        world.gateway.handle_timeout(world.now)
        world.run()
    else:
        world.sign()
        world.dial(0)
        if how == "refused":
            world.respond(0, b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")
        elif how == "nonsense":
            world.respond(0, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        else:
            world.now = 2.0
            world.gateway.handle_timeout(world.now)
            world.run()
    answer = world.answered(client)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"the key stored for google-vertex-ai cannot be used" in answer
    assert b"canary" not in answer
    assert world.refusal().status == 503
    assert all(dial.port != 8 for dial in world.dials)
    assert world.gateway.idle


def test_a_client_that_leaves_wants_no_token_any_more() -> None:
    world = World()
    client = world.client()
    world.gateway.connection_lost(client, "reset", 0.0)
    world.gateway.closed(client, 0.0)
    assert world.gateway.idle
    world.run()
    world.gateway.answer(world.asks[0].id, Signed(b"late"), 0.0)
    world.run()
    assert world.dials == []
    assert world.gateway.snapshot()["asks"] == 0
    assert world.gateway.snapshot()["timers"] == 0


def test_a_drain_refuses_who_waits_for_a_token() -> None:
    world = World()
    client = world.client()
    world.gateway.drain(0.0)
    world.run()
    assert world.answered(client).startswith(b"HTTP/1.1 503 ")
    assert world.gateway.idle
    world.gateway.handle_timeout(world.asks[0].deadline)
    assert world.gateway.snapshot()["asks"] == 0, "the host has it until then"


@needs_sources
def test_json_that_is_no_account_is_refused_with_503(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the check of the settings, which refuses it first."""
    with pytest.raises(ConfigError, match="no service account"):
        World('{"key": "canary"}')
    monkeypatch.setattr("aigw_sansio.gateway.check_config", lambda config, rows: None)
    world = World('{"key": "canary"}')
    client = world.client()
    assert world.answered(client).startswith(b"HTTP/1.1 503 ")
    assert world.dials == []
