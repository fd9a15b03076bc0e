"""Sessions that outlive their connections: who may resume which, how tokens are used up, and what ends them."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from tests.rigs.message_client import HOST, MessageClient
from tests.rigs.parts import TRANSLATES

from aigw_sansio import (
    Accept,
    Close,
    CloseMessages,
    Config,
    ConnId,
    Emit,
    Event,
    ExchangeEnded,
    Gateway,
    GatewaySettings,
    Limits,
    PauseReading,
    ProviderSettings,
    Secret,
    SessionDetached,
    SessionEnded,
    SessionOpened,
    SessionResumed,
    Side,
    Timeouts,
)

GATEWAY = "local/default"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
ASKS = (b"cf-aig-resume", b"1")


def config(*, tokens: Sequence[str] = (), limits: Limits | None = None, resume_s: float = 30.0, **more: Any) -> Config:
    return Config(
        gateways={
            GATEWAY: GatewaySettings(tokens=tuple(map(Secret, tokens)), origins=("*",)),
            "local/other": GatewaySettings(tokens=tuple(map(Secret, tokens))),
        },
        providers={"custom-x": ProviderSettings(base_url="https://x.example")},
        hosts=("gw.test",),
        timeouts=Timeouts(resume_s=resume_s),
        limits=limits or Limits(),
        **more,
    )


def chunk(data: bytes) -> bytes:
    data = b"data: " + data + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


class OneOf(MessageClient):
    """One of several connections to a gateway: whoever asks for the effects gives the others theirs."""

    def __init__(self, others: "list[OneOf]", gateway: Gateway, now: float, **options: Any) -> None:
        self.others = others
        super().__init__(config(), gateway=gateway, now=now, **options)
        others.append(self)

    def collect(self) -> None:
        for effect in self.gateway.effects():
            if isinstance(effect, Emit):
                self.events.append(effect.event)
                continue
            conn = getattr(effect, "conn", None)
            owner = next((other for other in self.others if other.conn == conn), self)
            owner.effects.append(effect)


class Clients:
    """Connections of clients to one gateway; they share its clock."""

    def __init__(self, settings: Config | None = None, seed: bytes = b"a seed for resumed ones") -> None:
        self.gateway = Gateway(config() if settings is None else settings, seed, 1_700_000_000.0, TRANSLATES)
        self.now = 100.0
        self.all: list[OneOf] = []

    def connect(self, *headers: tuple[bytes, bytes], **options: Any) -> OneOf:
        return OneOf(self.all, self.gateway, self.now, headers=(HOST, *headers), **options)

    def first(self, *headers: tuple[bytes, bytes], **options: Any) -> tuple[OneOf, str]:
        """A client with a session, and its token."""
        client = self.connect(ASKS, *headers, **options)
        assert client.accepted
        return client, client.messages()[0]["token"]

    def again(self, token: str, *headers: tuple[bytes, bytes], **options: Any) -> OneOf:
        return self.connect((b"cf-aig-resume", token.encode()), *headers, **options)

    def pass_time(self, seconds: float) -> None:
        client = self.all[-1]
        client.now = self.now
        client.pass_time(seconds)
        self.now = client.now
        for other in self.all:
            other.now = self.now

    @property
    def events(self) -> list[Event]:
        """All events; whoever drained the effects got them."""
        self.all[-1].collect()
        return [event for client in self.all for event in client.events]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def lose(client: MessageClient) -> None:
    client.gateway.connection_lost(client.conn, "reset", client.now)
    client.gateway.closed(client.conn, client.now)
    client.collect()


def resumed(clients: Clients, token: str, n: int, *headers: tuple[bytes, bytes]) -> MessageClient:
    client = clients.again(token, *headers)
    assert client.accepted
    assert client.messages()[0]["type"] == "universal.session"
    client.say(type="universal.resume", n=n)
    return client


def refusal(client: MessageClient) -> tuple[int, int, str]:
    answer = client.refused
    (error,) = json.loads(answer.body)["error"]
    return answer.status, error["code"], error["message"]


def closed(client: MessageClient) -> tuple[int, str]:
    (effect,) = client.of(CloseMessages)
    assert isinstance(effect, CloseMessages)
    return effect.code, effect.reason


def streaming(client: MessageClient, event_id: str = "a") -> ConnId:
    """An exchange of ``client`` that has begun to stream. Returns the connection to its provider."""
    client.create(event_id)
    conn = client.dialled()
    client.provider_says(conn, STREAM + chunk(b'{"one":1}'))
    return conn


def test_a_session_is_told_its_token_before_anything_else_and_its_messages_are_numbered() -> None:
    clients = Clients()
    client = clients.connect(ASKS)
    client.say(type="universal.ping")
    client.say(type="universal.ping")
    told, *pongs = client.messages()
    assert told == {
        "type": "universal.session", "token": told["token"], "resume_s": 30.0, "resume_bytes": 4 * 1024 * 1024,
    }  # fmt: skip
    assert pongs == [{"type": "universal.pong", "n": 1}, {"type": "universal.pong", "n": 2}]
    assert [event.resumable for event in clients.of(SessionOpened)] == [True]


@pytest.mark.parametrize(("headers", "resume_s"), [((), 30.0), ((ASKS,), 0.0), (((b"cf-aig-resume", b""),), 30.0)])
def test_without_the_setting_or_the_wish_nothing_is_different(
    headers: tuple[tuple[bytes, bytes], ...], resume_s: float
) -> None:
    clients = Clients(config(resume_s=resume_s))
    client = clients.connect(*headers)
    client.say(type="universal.ping")
    client.say(type="universal.ack", n=1)
    pong, error = client.messages()
    assert pong == {"type": "universal.pong"}
    assert error["type"] == "universal.error"
    lose(client)
    assert [event.code for event in clients.of(SessionEnded)] == [1006]
    assert not clients.of(SessionDetached)


def test_an_item_of_the_subprotocols_asks_as_well_and_hides_the_token() -> None:
    clients = Clients()
    client = clients.connect(subprotocols=["cf-aig-resume.1"])
    token = client.messages()[0]["token"]
    lose(client)
    second = clients.connect(subprotocols=[f"cf-aig-resume.{token}"])
    assert [effect.subprotocol for effect in second.effects if isinstance(effect, Accept)] == [f"cf-aig-resume.{token}"]
    assert second.messages()[0]["token"] != token
    second.say(type="universal.resume", n=0)
    assert token not in repr(clients.events)
    assert [event.subprotocol for event in clients.of(SessionOpened)] == ["cf-aig-resume.***"]


def test_what_came_after_the_number_is_sent_again_and_the_exchange_goes_on() -> None:
    clients = Clients()
    client, token = clients.first()
    provider = streaming(client)
    assert [message["n"] for message in client.messages()] == [1, 2]
    lose(client)
    client.provider_says(provider, chunk(b'{"two":2}'))
    clients.pass_time(29.0)
    second = resumed(clients, token, 1)
    told, *again = second.messages()
    assert told == {"type": "universal.resumed", "received": 1}
    assert [(message["n"], message["response"]) for message in again] == [(2, {"one": 1}), (3, {"two": 2})]
    second.provider_says(provider, chunk(b'{"three":3}') + chunk(b"[DONE]") + b"0\r\n\r\n")
    rest = second.messages()
    assert (rest[0]["n"], rest[0]["type"]) == (4, "universal.stream")
    assert rest[-1]["type"] == "universal.done"
    ((detached,), (back,)) = clients.of(SessionDetached), clients.of(SessionResumed)
    assert (detached.session, detached.conn, detached.unacknowledged) == (1, client.conn, 2)
    assert (back.session, back.conn, back.away_s, back.again) == (1, second.conn, 29.0, 2)
    second.close()
    (ended,) = clients.of(SessionEnded)
    assert (ended.code, ended.conn, ended.phase) == (1000, second.conn, "open")
    assert len(clients.of(ExchangeEnded)) == 1


def test_what_is_acknowledged_is_not_kept() -> None:
    clients = Clients()
    client, token = clients.first()
    for _ in range(3):
        client.say(type="universal.ping")
    client.messages()
    before = client.gateway.snapshot(weigh=True)["held_bytes"]
    client.say(type="universal.ack", n=2)
    assert client.gateway.snapshot(weigh=True)["held_bytes"] < before
    client.say(type="universal.ack", n=1)  # late
    lose(client)
    early = resumed(clients, token, 1)
    assert closed(early) == (1008, "universal.resume: n must be from 2 to 3")
    second = resumed(clients, token, 2)
    assert [message.get("n") for message in second.messages()] == [None, 3]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"type": "universal.ack", "n": 2}, "universal.ack: n is 2; allowed are 0 to 1, the last number sent"),
        (
            {"type": "universal.ack"},
            "universal.ack: n is missing or no number; allowed are 0 to 1, the last number sent",
        ),
        ({"type": "universal.ack", "n": -3}, "universal.ack: n is missing or no number"),
        ({"type": "universal.resume", "n": 1}, "universal.resume is the first message on another connection"),
    ],
)
def test_a_bad_acknowledgement_is_an_unusable_message(message: dict[str, Any], says: str) -> None:
    client, _ = Clients().first()
    client.say(type="universal.ping")
    client.messages()
    client.say(**message)
    (error,) = client.messages()
    assert error["type"] == "universal.error"
    assert error["error"]["message"].startswith(says)
    assert error["n"] == 2


@pytest.mark.parametrize("first", ['{"type":"universal.ping"}', '{"type":"universal.ack","n":0}', "no JSON"])
def test_the_first_message_of_one_who_comes_back_says_the_number(first: str) -> None:
    clients = Clients()
    client, token = clients.first()
    lose(client)
    second = clients.again(token)
    second.messages()
    second.send(first)
    code, reason = closed(second)
    assert code == 1008
    assert reason.startswith("the first message on this connection must be universal.resume")
    third = resumed(clients, token, 0)
    assert third.messages() == [{"type": "universal.resumed", "received": 0}]


def test_one_who_comes_back_and_says_nothing_is_closed() -> None:
    clients = Clients()
    client, token = clients.first()
    second = clients.again(token)
    clients.pass_time(10.5)
    assert closed(second) == (1008, "universal.resume did not come in time (handshake_s)")
    client.say(type="universal.ping")  # the old connection has the session still
    assert client.messages()[-1] == {"type": "universal.pong", "n": 1}


def test_a_half_open_connection_is_closed_when_its_session_is_resumed_elsewhere() -> None:
    clients = Clients()
    client, token = clients.first()
    provider = streaming(client)
    second = resumed(clients, token, 0)
    assert closed(client) == (1008, "the session goes on on another connection")
    second.provider_says(provider, chunk(b'{"two":2}'))
    assert [message.get("n") for message in second.messages()] == [None, 1, 2, 3]
    assert [event.away_s for event in clients.of(SessionResumed)] == [0.0]
    assert not clients.of(SessionDetached)
    assert not clients.of(SessionEnded)
    client.send('{"type":"universal.ping"}')  # late
    assert second.messages() == []


def test_of_two_who_show_one_token_the_first_that_says_its_number_wins() -> None:
    clients = Clients()
    client, token = clients.first()
    lose(client)
    second = clients.again(token)
    second.messages()
    second.say(type="universal.resume", n=0)
    third = clients.again(token)
    status, code, message = refusal(third)
    assert (status, code) == (401, 2009)
    assert message.startswith("the resume token is unknown, used up, or not of this client")
    second.say(type="universal.ping")
    assert second.messages()[-1] == {"type": "universal.pong", "n": 1}


def test_of_two_who_wait_the_last_one_wins_and_the_token_of_the_other_is_void() -> None:
    clients = Clients()
    client, token = clients.first()
    lose(client)
    second = clients.again(token)
    stale = second.messages()[0]["token"]
    third = clients.again(token)
    newest = third.messages()[0]["token"]
    assert closed(second) == (1008, "another connection resumes the session")
    assert refusal(clients.again(stale))[:2] == (401, 2009)
    third.say(type="universal.resume", n=0)
    assert refusal(clients.again(stale))[:2] == (401, 2009)
    assert refusal(clients.again(token))[:2] == (401, 2009)
    lose(third)
    assert resumed(clients, newest, 0).messages() == [{"type": "universal.resumed", "received": 0}]


def test_a_lost_response_to_an_upgrade_costs_nothing() -> None:
    clients = Clients()
    client, token = clients.first()
    lose(client)
    lose(clients.again(token))  # nothing of it was read
    second = clients.again(token)
    newer = second.messages()[0]["token"]
    lose(second)  # what it said was not received
    third = resumed(clients, newer, 0)
    assert third.messages() == [{"type": "universal.resumed", "received": 0}]
    assert refusal(clients.again(token))[:2] == (401, 2009)  # who has the newer one has read it


def test_messages_of_the_client_are_counted_but_not_those_of_the_resuming() -> None:
    clients = Clients()
    client, token = clients.first()
    client.say(type="universal.ping")
    client.say(type="universal.ack", n=1)
    client.send("what is this")
    lose(client)
    second = resumed(clients, token, 1)
    assert second.messages()[0] == {"type": "universal.resumed", "received": 2}


# -- to whom a token is bound ------------------------------------------------------------------------------------------


def authorization(token: str) -> tuple[bytes, bytes]:
    return (b"cf-aig-authorization", b"Bearer " + token.encode())


def test_a_token_is_bound_to_the_gateway_and_the_key() -> None:
    clients = Clients(config(tokens=("canary-one", "canary-two")))
    client, token = clients.first(authorization("canary-one"))
    lose(client)
    for other in (
        clients.again(token, authorization("canary-two")),
        clients.again(token, authorization("canary-one"), target=b"/v1/local/other"),
        clients.again(token[:-1] + "x", authorization("canary-one")),
        clients.again("2", authorization("canary-one")),
    ):
        assert refusal(other)[:2] == (401, 2009)
    assert resumed(clients, token, 0, authorization("canary-one")).accepted is True


def test_a_token_is_bound_to_the_principal() -> None:
    clients = Clients()
    client, token = clients.first(principal="ann")
    lose(client)
    assert refusal(clients.again(token, principal="bob"))[:2] == (401, 2009)
    assert refusal(clients.again(token))[:2] == (401, 2009)
    assert clients.again(token, principal="ann").accepted


def test_a_token_of_another_process_is_refused_and_the_text_says_what_helps() -> None:
    _, token = Clients(seed=b"the seed of another worker").first()
    for clients in (Clients(), Clients(config(resume_s=0.0))):
        status, code, message = refusal(clients.again(token))
        assert (status, code) == (401, 2009)
        assert "workers = 1" in message
        assert "Connect without the token" in message


def test_two_different_wishes_are_refused() -> None:
    clients = Clients()
    client, token = clients.first()
    assert refusal(clients.connect(ASKS, (b"cf-aig-resume", token.encode())))[:2] == (401, 2009)
    del client


def test_a_session_of_responses_is_bound_to_its_path_and_keys() -> None:
    settings = config()
    clients = Clients(settings)
    path, key = b"/v1/local/default/compat/responses", (b"authorization", b"Bearer canary-key")
    client, token = clients.first(key, target=path)
    lose(client)
    for other in (
        clients.again(token, key),
        clients.again(token, (b"authorization", b"Bearer canary-other"), target=path),
        clients.again(token, target=path),
        clients.again(token, key, target=b"/v1/local/default/custom-x/responses"),
        clients.again(token, key, target=path, subprotocols=("openai-insecure-api-key.canary",)),
    ):
        assert refusal(other)[0] in (400, 401)
    back = clients.again(token, key, target=path)
    back.messages()
    back.say(type="universal.resume", n=0)
    back.say(type="response.create", model="no-provider")
    resumed_, error = back.messages()
    assert (resumed_["type"], error["type"], error["n"]) == ("universal.resumed", "error", 1)


# -- ends --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1005, 1007, 1009, 3000, 4999])
def test_a_client_that_closes_ends_its_session(code: int) -> None:
    clients = Clients()
    client, token = clients.first()
    client.close(code)
    assert [(event.code, event.by) for event in clients.of(SessionEnded)] == [(code, Side.CLIENT)]
    assert refusal(clients.again(token))[:2] == (401, 2009)


@pytest.mark.parametrize("code", [1006, 1011, 1012, 1013])
def test_a_client_in_trouble_may_come_back(code: int) -> None:
    clients = Clients()
    client, token = clients.first()
    client.close(code)
    assert not clients.of(SessionEnded)
    assert resumed(clients, token, 0).messages() == [{"type": "universal.resumed", "received": 0}]


def test_a_session_whose_client_does_not_come_back_ends_with_its_exchanges_and_calls() -> None:
    clients = Clients()
    client, token = clients.first()
    streaming(client)
    lose(client)
    clients.pass_time(29.9)
    assert not clients.of(SessionEnded)
    assert client.gateway.snapshot()["exchanges"] == 1
    clients.pass_time(0.2)
    (ended,) = clients.of(SessionEnded)
    assert (ended.by, ended.code, ended.phase) == (Side.CLIENT, 1006, "detached")
    assert ended.reason == "the client was away for longer than 30 s (resume_s)"
    assert [event.how for event in clients.of(ExchangeEnded)] == ["gone"]
    client.collect()
    assert any(isinstance(effect, Close) for effect in client.effects)  # the call to the provider
    assert client.gateway.snapshot()["exchanges"] == client.gateway.snapshot()["sessions"] == 0
    assert refusal(clients.again(token))[:2] == (401, 2009)


def test_a_session_that_keeps_too_much_ends_and_so_does_the_one_who_waits_for_it() -> None:
    clients = Clients(config(limits=Limits(resume_bytes=64 * 1024)))
    client, token = clients.first()
    provider = streaming(client)
    lose(client)
    waits = clients.again(token)
    client.provider_says(provider, chunk(b'"' + b"x" * 40_000 + b'"'))
    assert not clients.of(SessionEnded)
    client.provider_says(provider, chunk(b'"' + b"x" * 40_000 + b'"'))
    (ended,) = clients.of(SessionEnded)
    assert (ended.by, ended.code, ended.phase) == (Side.CLIENT, 1006, "detached")
    assert ended.reason.endswith("bytes wait for a client that is away; 65536 are allowed (resume_bytes)")
    assert closed(waits)[0] == 1008
    assert [event.how for event in clients.of(ExchangeEnded)] == ["gone"]


def test_the_host_closes_a_session_without_a_connection() -> None:
    clients = Clients()
    client, token = clients.first()
    streaming(client)
    lose(client)
    waits = clients.again(token)
    assert client.gateway.close_session(1, 4001, "go away", clients.now)
    (ended,) = clients.of(SessionEnded)
    assert (ended.by, ended.code, ended.reason, ended.phase) == (Side.GATEWAY, 4001, "go away", "detached")
    assert closed(waits) == (4001, "go away")
    assert len(clients.of(ExchangeEnded)) == 1
    assert refusal(clients.again(token))[:2] == (401, 2009)


def test_the_host_closes_a_session_with_a_connection() -> None:
    clients = Clients()
    client, _ = clients.first()
    assert client.gateway.close_session(1, 4001, "go away", clients.now)
    client.collect()
    assert closed(client) == (4001, "go away")
    assert [(event.code, event.phase) for event in clients.of(SessionEnded)] == [(4001, "open")]


def test_a_drain_ends_sessions_without_a_connection_and_keeps_none() -> None:
    clients = Clients()
    away, token = clients.first()
    stays, _ = clients.first()
    streaming(stays)
    streaming(away)
    lose(away)
    away.gateway.drain(clients.now)
    (ended,) = clients.of(SessionEnded)
    assert (ended.session, ended.code, ended.reason) == (1, 1001, "the gateway is going away")
    assert refusal(clients.again(token))[0] == 503
    lose(stays)
    assert [event.session for event in clients.of(SessionEnded)] == [1, 2]
    assert away.gateway.idle


@pytest.mark.parametrize("change", ["gateway", "token"])
def test_new_settings_without_its_gateway_or_token_end_a_session_without_a_connection(change: str) -> None:
    settings = config(tokens=("canary-one", "canary-two"))
    clients = Clients(settings)
    away, _ = clients.first(authorization("canary-one"))
    later, _ = clients.first(authorization("canary-one"))
    lose(away)
    others = {GATEWAY: GatewaySettings(tokens=(Secret("canary-two"),))} if change == "token" else {}
    gateways = {"local/other": settings.gateways["local/other"], **others}
    away.gateway.reconfigure(msgspec.structs.replace(settings, gateways=gateways), clients.now)
    (ended,) = clients.of(SessionEnded)
    assert (ended.session, ended.by, ended.code) == (1, Side.GATEWAY, 1008)
    lose(later)
    assert [event.session for event in clients.of(SessionEnded)] == [1, 2]


def test_new_settings_that_leave_a_session_its_gateway_leave_it_alone() -> None:
    settings = config(tokens=("canary-one",))
    clients = Clients(settings)
    away, token = clients.first(authorization("canary-one"))
    lose(away)
    away.gateway.reconfigure(msgspec.structs.replace(settings, timeouts=Timeouts()), clients.now)
    assert not clients.of(SessionEnded)
    assert resumed(clients, token, 0, authorization("canary-one")).messages()[0]["type"] == "universal.resumed"


# -- how much is kept --------------------------------------------------------------------------------------------------


def test_only_so_many_sessions_are_kept_without_a_connection() -> None:
    clients = Clients(config(limits=Limits(detached_sessions=2)))
    opened = [clients.first() for _ in range(3)]
    for client, _ in opened:
        lose(client)
    assert [event.session for event in clients.of(SessionEnded)] == [3]
    resumed(clients, opened[0][1], 0)
    more, _ = clients.first()
    lose(more)
    assert [event.session for event in clients.of(SessionEnded)] == [3]


def test_they_count_for_the_address_of_their_client() -> None:
    clients = Clients(config(limits=Limits(connections_per_address=2)))
    for _ in range(3):
        client, _token = clients.first(peer="192.0.2.7:1")
        lose(client)
    elsewhere, _ = clients.first(peer="192.0.2.8:1")
    lose(elsewhere)
    assert [event.session for event in clients.of(SessionEnded)] == [3]


def test_trusted_proxies_do_not_count() -> None:
    settings = config(limits=Limits(connections_per_address=1), trusted_proxies=("192.0.2.7",))
    clients = Clients(settings)
    for _ in range(3):
        client, _token = clients.first(peer="192.0.2.7:1")
        lose(client)
    assert not clients.of(SessionEnded)


def test_a_session_without_a_connection_counts_as_memory_and_the_largest_is_closed() -> None:
    limit = 600 * 1024
    clients = Clients(config(limits=Limits(memory_bytes=limit, resume_bytes=1024 * 1024)))
    client, token = clients.first()
    provider = streaming(client)
    lose(client)
    before = client.gateway.snapshot(weigh=True)["held_bytes"]
    for _ in range(20):
        client.provider_says(provider, chunk(b'"' + b"x" * 40_000 + b'"'))
        client.gateway.proceed(clients.now)
    assert client.gateway.snapshot(weigh=True)["held_bytes"] > before + limit
    client.collect()
    assert [effect.conn for effect in client.of(PauseReading) if isinstance(effect, PauseReading)] == [provider]
    clients.pass_time(6.0)
    (ended,) = clients.of(SessionEnded)
    assert (ended.code, ended.phase) == (1013, "detached")
    assert "memory_bytes" in ended.reason
    assert client.gateway.snapshot(weigh=True)["held_bytes"] < 64 * 1024
    assert refusal(clients.again(token))[0] == 401


def test_limits_of_a_connection_go_with_the_session() -> None:
    clients = Clients(config(limits=Limits(exchanges_per_connection=1)))
    client, token = clients.first()
    streaming(client)
    client.messages()
    lose(client)
    second = resumed(clients, token, 2)
    second.messages()
    second.create("b")
    (refused,) = second.messages()
    assert refused["metadata"]["status"] == 429
    assert refused["n"] == 3
    second.say(type="universal.cancel", eventId="a")
    clients.pass_time(1.5)
    second.create("c")
    second.dialled()


def test_cancels_count_also_after_coming_back() -> None:
    clients = Clients(config(limits=Limits(exchanges_per_connection=1)))
    client, token = clients.first()
    for event_id in "ab":
        client.create(event_id)
        client.say(type="universal.cancel", eventId=event_id)
        client.messages()
    lose(client)
    second = resumed(clients, token, 2)
    second.messages()
    second.create("c")
    (refused,) = second.messages()
    assert "2 were cancelled within" in refused["response"]["error"][0]["message"]
