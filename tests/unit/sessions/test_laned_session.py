"""A session with lanes: when a create begins, what it counts, and what its clocks do. The client speaks in messages,
its providers answer by hand."""

import json
from typing import Any

import msgspec
import pytest
from tests.rigs.message_client import MessageClient

from aigw_sansio import CloseMessages, Config, ConnId, Continue, GatewaySettings, Limits, ProviderSettings, Timeouts
from aigw_sansio.effects import (
    Admit,
    Admitted,
    Ask,
    Connect,
    Denied,
    Flush,
    Hit,
    Keep,
    KeptResponse,
    LookUp,
    Miss,
    Unavailable,
)
from aigw_sansio.events import (
    ExchangeEnded,
    RequestAdmitted,
    RequestDenied,
    RequestWaiting,
    SessionEnded,
    SessionOpened,
)

OPENAI = {"openai": ProviderSettings(base_url="http://127.0.0.1:9/v1")}


def client(
    limits: Limits | None = None, timeouts: Timeouts | None = None, settings: GatewaySettings | None = None
) -> MessageClient:
    config = Config(
        gateways={"local/default": settings or GatewaySettings()},
        providers=OPENAI,
        limits=limits or Limits(),
        timeouts=timeouts or Timeouts(),
    )
    found = MessageClient(config, b"/v1/local/default/openai/responses")
    assert found.accepted
    return found


def ask(one: MessageClient, lane: str | None = None, **members: object) -> None:
    one.say(type="response.create", model="m", stream_id=lane, store=False, **{"input": "Hi", **members})


def dialled(one: MessageClient) -> list[ConnId]:
    """The dials that came succeed, and their requests are taken."""
    found = []
    for effect in one.of(Connect):
        assert isinstance(effect, Connect)
        one.gateway.connected(effect.conn, None, one.now)
        found.append(effect.conn)
        taken(one, effect.conn)
    return found


def taken(one: MessageClient, conn: ConnId) -> bytes:
    sent = b""
    while data := one.gateway.data_to_send(conn):
        sent += data
        one.gateway.data_sent(conn, len(data), one.now)
    one.collect()
    return sent


def answer(one: MessageClient, conn: ConnId, id: str = "r", status: bytes = b"200 OK") -> None:
    body = json.dumps({"id": id, "object": "response", "status": "completed", "output": []}).encode()
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
    one.provider_says(conn, head + body)


def told(one: MessageClient) -> list[tuple[str, str | None]]:
    """The types of messages, with their lanes."""
    return [(message["type"].removeprefix("response."), message.get("stream_id")) for message in one.messages()]


def held(one: MessageClient) -> Any:
    (session,) = one.gateway._sessions
    return session


DONE = [("created", None), ("in_progress", None), ("completed", None)]


def test_one_after_another_in_a_lane() -> None:
    one = client()
    ask(one)
    ask(one)
    ask(one, "a")
    first, second = dialled(one)
    assert (held(one).busy, held(one).running) == (3, 2)
    answer(one, first)
    assert told(one) == DONE
    assert taken(one, first), "the next one follows on the connection that is free"
    assert held(one).running == 2
    answer(one, second)
    assert told(one) == [(kind, "a") for kind, _ in DONE]
    opened = [event for event in one.events if isinstance(event, SessionOpened)]
    assert [event.mode for event in opened] == ["responses"]
    names = [event.event_id for event in one.events if isinstance(event, RequestAdmitted)]
    assert names == ["#1", "a#3", "#2"]


def test_a_lane_is_free_when_its_client_has_been_sent_the_end() -> None:
    one = client(Limits(send_high_water_bytes=1))
    ask(one)
    ask(one)
    (first,) = dialled(one)
    answer(one, first)
    assert not taken(one, first), "its client takes nothing"
    assert (held(one).running, held(one).busy) == (0, 2)
    assert told(one) == DONE
    assert taken(one, first)


def test_a_hundred_at_once_and_then_too_many() -> None:
    one = client(Limits(exchanges_per_connection=5))
    for _ in range(5):
        ask(one)
    (first,) = dialled(one)
    ask(one, "a")
    (error,) = one.messages()
    assert (error["status"], error["stream_id"], error["error"]["code"]) == (429, "a", "rate_limit_exceeded")
    for _ in range(5):
        answer(one, first, status=b"500 Oops")
        taken(one, first)
        assert [kind for kind, _ in told(one)] == ["error"]
    assert not held(one).busy
    ask(one, "a")
    assert held(one).busy == 1


def test_creates_that_wait_count_as_requests() -> None:
    one = client(Limits(request_bytes_per_connection=20_000))
    ask(one)
    ask(one, input="x" * 12_000)
    before = held(one).request_bytes
    assert before > 12_000
    ask(one, "a", input="x" * 12_000)
    (error,) = one.messages()
    assert error["status"] == 429
    assert "request_bytes_per_connection" in error["error"]["message"]
    assert held(one).request_bytes == before
    (first,) = dialled(one)
    answer(one, first, "r1")
    assert [kind for kind, _ in told(one)] == ["created", "in_progress", "completed", "error"], (
        "with what goes to its provider it is twice as large"
    )
    assert not held(one).request_bytes
    assert held(one).kept >= held(one)._laned.held > 0


def test_a_hundred_that_are_refused_need_no_deep_stack() -> None:
    one = client(Limits(responses_at_once_per_connection=1))
    for _ in range(99):
        ask(one, background=True)
    assert [kind for kind, _ in told(one)] == ["error"] * 99
    ask(one, "a")
    for _ in range(90):
        ask(one, "b", generate=False)
    (first,) = dialled(one)
    assert not one.messages()
    answer(one, first)
    assert len(one.messages()) == 3 + 2 * 90


def test_what_waited_is_begun_in_several_calls() -> None:
    one = client()
    ask(one)
    for _ in range(60):
        ask(one, generate=False, input="x" * 50_000)
    (first,) = dialled(one)
    answer(one, first)
    counts = [len(one.messages())]
    while one.of(Continue):
        one.gateway.proceed(one.now)
        one.collect()
        counts.append(len(one.messages()))
    assert sum(counts) == 3 + 2 * 60
    assert len(counts) > 3
    assert max(counts) < 3 + 2 * 30
    assert not held(one).busy


@pytest.mark.parametrize("answered", [Admitted(), Denied(403, None, "no", None)])
def test_the_host_is_asked_when_its_turn_has_come(answered: Admitted | Denied) -> None:
    one = client(settings=GatewaySettings(ask=("admit",)))
    ask(one)
    ask(one)
    (asked,) = one.of(Ask)
    assert isinstance(asked, Ask)
    assert isinstance(asked.question, Admit)
    one.gateway.answer(asked.id, answered, one.now)
    one.collect()
    if isinstance(answered, Admitted):
        assert not one.of(Ask)
        (first,) = dialled(one)
        answer(one, first)
        assert told(one) == DONE
    else:
        (error,) = one.messages()
        assert (error["status"], error["error"]["message"]) == (403, "no")
    assert len(one.of(Ask)) == 1


def test_the_host_cancels_one_that_waits_for_it_and_one_that_runs() -> None:
    one = client(settings=GatewaySettings(ask=("admit",)))
    ask(one)
    ask(one)
    (asked,) = one.of(Ask)
    assert isinstance(asked, Ask)
    assert isinstance(asked.question, Admit)
    assert one.gateway.cancel_exchange(asked.question.log_id, one.now)
    one.collect()
    (error,) = one.messages()
    assert (error["status"], error["error"]["code"]) == (499, "cancelled")
    (asked,) = one.of(Ask)
    assert isinstance(asked, Ask)
    one.gateway.answer(asked.id, Admitted(), one.now)
    one.collect()
    dialled(one)
    (log_id,) = (event.log_id for event in one.events if isinstance(event, RequestAdmitted))
    assert one.gateway.cancel_exchange(log_id, one.now)
    one.collect()
    assert [kind for kind, _ in told(one)] == ["error"]
    assert not held(one).busy


def test_a_client_that_goes_ends_what_runs_and_what_waits() -> None:
    one = client()
    ask(one)
    ask(one)
    dialled(one)
    one.close()
    assert [event.how for event in one.events if isinstance(event, ExchangeEnded)] == ["gone"]
    assert [event.mode for event in one.events if isinstance(event, SessionEnded)] == ["responses"]
    assert len([event for event in one.events if isinstance(event, RequestAdmitted)]) == 1
    assert one.gateway.snapshot()["timers"] == one.gateway.snapshot()["exchanges"] == 0


def test_a_drain_lets_what_runs_finish_and_begins_nothing() -> None:
    one = client()
    ask(one)
    ask(one)
    (first,) = dialled(one)
    one.gateway.drain(one.now)
    one.collect()
    ask(one, "late")
    (error,) = one.messages()
    assert (error["status"], error["stream_id"]) == (503, "late")
    assert not one.of(CloseMessages)
    answer(one, first)
    (*done, waited) = one.messages()
    assert (len(done), waited["status"], waited["error"]["code"]) == (3, 503, "server_is_overloaded")
    (close,) = one.of(CloseMessages)
    assert isinstance(close, CloseMessages)
    assert close.code == 1001


def test_its_life_ends_when_what_runs_has_ended() -> None:
    one = client(timeouts=Timeouts(responses_session_s=60.0, life_sign_s=None))
    ask(one)
    ask(one)
    (first,) = dialled(one)
    one.pass_time(61)
    assert not one.messages(), "the client would think that what runs has failed"
    ask(one, "late")
    (late,) = one.messages()
    assert (late["stream_id"], late["error"]["code"]) == ("late", "websocket_connection_limit_reached")
    answer(one, first)
    (*done, waited, last) = one.messages()
    assert (len(done), waited, last) == (3, last, {key: late[key] for key in late if key != "stream_id"})
    (close,) = one.of(CloseMessages)
    assert isinstance(close, CloseMessages)
    assert close.code == 1000


def test_an_idle_one_is_closed_at_the_end_of_its_life_and_one_without_an_end_is_not() -> None:
    one = client(timeouts=Timeouts(responses_session_s=60.0))
    one.pass_time(61)
    assert [message["status"] for message in one.messages()] == [400]
    assert one.of(CloseMessages)
    other = client(timeouts=Timeouts(responses_session_s=None))
    other.pass_time(86_400)
    assert not other.messages()
    assert not other.of(CloseMessages)


def test_a_silent_response_is_told_to_go_on() -> None:
    one = client(timeouts=Timeouts(life_sign_s=20.0))
    ask(one)
    (conn,) = dialled(one)
    one.pass_time(41)
    assert told(one) == [*DONE[:2], DONE[1]], "nothing had come"
    one.provider_says(conn, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
    one.provider_says(conn, b'data: {"type":"response.created","response":{"id":"r1","output":[]}}\n\n')
    one.pass_time(40)
    assert told(one) == [DONE[1], DONE[1]]
    answered = {"id": "r1", "status": "completed", "output": []}
    data = msgspec.json.encode({"type": "response.completed", "response": answered})
    one.provider_says(conn, b"data: %b\n\n" % data)
    assert told(one) == DONE[2:]
    one.pass_time(100)
    assert not one.messages(), "nothing runs"


def test_a_response_that_has_just_begun_is_not_silent() -> None:
    one = client(timeouts=Timeouts(life_sign_s=25.0))
    ask(one, "a")
    dialled(one)
    one.pass_time(24.9)
    ask(one, "b")
    (conn,) = dialled(one)
    one.pass_time(0.2)
    assert told(one) == [("created", "a"), ("in_progress", "a")]
    answer(one, conn, status=b"401 No")
    (error,) = one.messages()
    assert (error["type"], error["status"], error["stream_id"]) == ("error", 401, "b")


def test_the_beginning_that_waits_for_content_is_shown_to_who_has_waited() -> None:
    one = client(timeouts=Timeouts(life_sign_s=20.0))
    ask(one)
    (conn,) = dialled(one)
    one.provider_says(conn, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
    one.provider_says(conn, b'data: {"type":"response.created","response":{"id":"r1","output":[]}}\n\n')
    assert not one.messages()
    one.pass_time(41)
    messages = one.messages()
    one.pass_time(40)
    messages += one.messages()
    assert [message["type"] for message in messages][:3] == [
        "response.created",
        "response.in_progress",
        "response.in_progress",
    ]
    assert {message["response"]["id"] for message in messages} == {"r1"}
    assert [message["sequence_number"] for message in messages] == list(range(len(messages)))


def test_who_takes_nothing_gets_no_signs() -> None:
    one = client(Limits(send_high_water_bytes=1), Timeouts(life_sign_s=20.0))
    ask(one)
    (conn,) = dialled(one)
    one.provider_says(conn, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
    event = (
        b'data: {"type":"response.output_text.delta","item_id":"i","output_index":0,"content_index":0,"delta":"x"}\n\n'
    )
    one.provider_says(conn, event * 3)
    queued = held(one).kept
    one.pass_time(50)
    assert held(one).kept == queued
    assert one.of(Flush)


def test_items_that_wait_for_the_end_of_their_response_count_as_memory() -> None:
    one = client()
    ask(one)
    (conn,) = dialled(one)
    item = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "x" * 50_000}]}
    events = [
        {"type": "response.output_text.delta", "delta": "x"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
    ]
    one.provider_says(conn, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
    before = held(one).kept
    one.provider_says(conn, b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events))
    told(one)
    assert 50_000 < held(one).kept - before < 55_000, "they count once"
    one.provider_says(conn, b'data: {"type":"response.completed","response":{"status":"completed"}}\n\n')
    assert told(one) == [("completed", None)]
    assert held(one).kept - before < 55_000, "now the memory of the connection has them"


def test_messages_that_are_none_of_ours() -> None:
    one = client(Limits(unusable_messages_in_a_row=3))
    for data in ("{", b"\xff"):
        one.send(data)
    one.say(type="response.processed", response_id="r")
    for _ in range(3):
        one.say(type="response.cancel")
    assert [message["status"] for message in one.messages()] == [400] * 5
    (close,) = one.of(CloseMessages)
    assert isinstance(close, CloseMessages)
    assert close.code == 1008


STORES = GatewaySettings(store_ttl=60)


def anthropic(limits: Limits | None = None, timeouts: Timeouts | None = None) -> MessageClient:
    config = Config(gateways={"local/default": STORES}, limits=limits or Limits(), timeouts=timeouts or Timeouts())
    found = MessageClient(config, b"/v1/local/default/anthropic/responses")
    assert found.accepted
    return found


def said(one: MessageClient) -> bool:
    """One response of a provider that keeps nothing. Returns whether its client was told that it is stored."""
    one.say(type="response.create", model="claude-sonnet-4-5", input="Hi")
    (conn,) = dialled(one)
    responds(one, conn)
    (*_, last) = one.messages()
    assert last["type"] == "response.completed"
    return bool(last["response"]["store"])


def responds(one: MessageClient, conn: ConnId) -> None:
    body = b'{"type":"message","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn"}'
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    one.provider_says(conn, head + body)


def test_what_is_stored_and_for_how_long() -> None:
    one = anthropic()
    assert said(one)
    (kept,) = one.of(Keep)
    assert isinstance(kept, Keep)
    assert (kept.account, kept.gateway, kept.ttl_s, kept.response.headers) == ("local", "default", 60, ())
    assert json.loads(kept.response.body)["model"] == "claude-sonnet-4-5"
    few = anthropic(Limits(cache_bytes=10))
    assert not said(few)
    assert not few.of(Keep), "it is too large"


def test_a_response_is_stored_as_the_settings_were_when_it_began() -> None:
    for before, after in ((STORES, GatewaySettings()), (GatewaySettings(), STORES)):
        one = MessageClient(Config(gateways={"local/default": before}), b"/v1/local/default/anthropic/responses")
        one.say(type="response.create", model="claude-sonnet-4-5", input="Hi")
        (conn,) = dialled(one)
        one.gateway.reconfigure(Config(gateways={"local/default": after}), one.now)
        one.collect()
        responds(one, conn)
        (*_, last) = one.messages()
        assert last["response"]["store"] is (before is STORES)
        assert bool(one.of(Keep)) is (before is STORES)
        one.say(type="response.create", model="claude-sonnet-4-5", input="Hi")
        assert taken(one, conn)
        responds(one, conn)
        (*_, last) = one.messages()
        assert last["response"]["store"] is (after is STORES)
        assert bool(one.of(Keep)) is (after is STORES)


def test_it_is_stored_also_if_its_client_goes_before_it_has_read_it() -> None:
    one = anthropic(Limits(send_high_water_bytes=1))
    one.say(type="response.create", model="claude-sonnet-4-5", input="Hi")
    (conn,) = dialled(one)
    responds(one, conn)
    assert held(one)._flushing
    one.close()
    assert one.of(Keep)


def test_what_is_recalled_after_the_life_of_the_socket_does_not_begin() -> None:
    one = anthropic(timeouts=Timeouts(responses_session_s=60.0))
    one.pass_time(59.9)
    recalling(one)
    (asked,) = one.of(Ask)
    assert isinstance(asked, Ask)
    one.pass_time(0.2)
    one.gateway.answer(asked.id, Hit(KeptResponse((), b'{"model":"m","items":[]}')), one.now)
    one.collect()
    assert not one.of(Connect)
    assert [message["error"]["code"] for message in one.messages()] == ["websocket_connection_limit_reached"] * 2
    assert one.of(CloseMessages)


def test_at_the_end_of_a_drain_all_that_wait_are_refused() -> None:
    one = anthropic(timeouts=Timeouts(drain_s=0.5, life_sign_s=None))
    recalling(one)
    ask(one)
    ask(one, "a")
    ask(one, "a")
    dialled(one)
    one.gateway.drain(one.now)
    one.pass_time(0.6)
    assert sorted((m["type"], m.get("stream_id", ""), m["status"]) for m in one.messages()) == [
        ("error", "", 503), ("error", "", 503), ("error", "a", 503), ("error", "a", 503),
    ]  # fmt: skip
    assert one.of(CloseMessages)
    assert not one.gateway.snapshot()["asks"]


def test_what_a_create_without_a_response_leaves_in_memory_counts_at_once() -> None:
    counted = []
    for members in ({"generate": False}, {"background": True}):
        one = client()
        services = held(one)._services
        before = services.unweighed = 10_000_000
        ask(one, input="x" * 50_000, **members)
        counted.append(before - services.unweighed)
    assert 100_000 < counted[0] - counted[1] < 120_000, "while it is asked about, and then in memory"


def recalling(one: MessageClient, parent: str = "resp_0") -> LookUp:
    one.say(type="response.create", model="claude-sonnet-4-5", input="Hi", previous_response_id=parent)
    (asked,) = [effect for effect in one.effects if isinstance(effect, Ask)]
    assert isinstance(asked.question, LookUp)
    return asked.question


@pytest.mark.parametrize("answered", [Miss(), Hit(KeptResponse((), b"{}")), None])
def test_what_nobody_stored(answered: Miss | Hit | None) -> None:
    one = anthropic()
    recalling(one)
    ask(one)
    assert (held(one).busy, held(one).running) == (2, 0)
    assert held(one).request_bytes > 4000
    if answered is None:
        one.pass_time(2)
    else:
        (asked,) = one.of(Ask)
        assert isinstance(asked, Ask)
        one.gateway.answer(asked.id, answered, one.now)
        one.collect()
    (error,) = one.messages()
    assert error["error"]["code"] == "previous_response_not_found"
    assert held(one).running == 1, "the next one of its lane has begun"


def test_a_client_goes_while_the_host_is_asked() -> None:
    one = anthropic()
    recalling(one)
    one.close()
    assert not one.gateway.snapshot()["asks"]


def test_it_is_not_idle_while_the_host_is_asked() -> None:
    one = anthropic()
    recalling(one)
    one.gateway.drain(one.now)
    one.collect()
    assert not one.of(CloseMessages)
    (asked,) = one.of(Ask)
    assert isinstance(asked, Ask)
    one.gateway.answer(asked.id, Miss(), one.now)
    one.collect()
    assert one.of(CloseMessages)


ASKS = GatewaySettings(ask=("admit", "find_key"), cache_ttl=60)


def question(one: MessageClient) -> Ask:
    (asked,) = one.of(Ask)
    assert isinstance(asked, Ask)
    return asked


def answered(one: MessageClient, asked: Ask, reply: Admitted | Denied | Miss | Unavailable) -> None:
    one.gateway.answer(asked.id, reply, one.now)
    one.collect()


def test_a_warm_up_is_admitted_and_asks_for_nothing_else() -> None:
    one = client(settings=ASKS)
    ask(one, "a", generate=False)
    asked = question(one)
    assert isinstance(asked.question, Admit)
    assert (asked.question.provider, asked.question.model, asked.question.endpoint) == ("openai", "m", "responses")
    assert not one.messages()
    answered(one, asked, Admitted())
    created, completed = one.messages()
    assert (created["type"], completed["type"]) == ("response.created", "response.completed")
    assert completed["response"]["id"] == f"resp_{asked.question.log_id}"
    assert not one.of(Ask, Connect)
    assert not held(one).busy


def test_a_warm_up_that_is_denied_is_refused_and_told_to_the_host() -> None:
    one = client(settings=ASKS)
    ask(one, "a", generate=False)
    ask(one, "a", generate=False, input="2")
    answered(one, question(one), Denied(429, message="not yet", retry_after_s=3))
    (error,) = one.messages()
    assert (error["status"], error["stream_id"], error["error"]["code"]) == (429, "a", "rate_limit_exceeded")
    assert error["error"]["headers"] == {"retry-after": "3"}
    assert [event.reason for event in one.events if isinstance(event, RequestDenied)] == ["not yet"]
    answered(one, question(one), Admitted())
    assert [kind for kind, _ in told(one)] == ["created", "completed"]


@pytest.mark.parametrize(
    ("settings", "members", "code"),
    [
        (GatewaySettings(byok_only=True), {}, "invalid_request"),
        (GatewaySettings(providers=("groq",)), {}, "not_allowed"),
        (GatewaySettings(), {"tools": 7}, None),
    ],
)
def test_a_warm_up_is_refused_like_what_would_follow(
    settings: GatewaySettings, members: dict[str, object], code: str | None
) -> None:
    """But for what its provider would say itself."""
    one = client(settings=settings)
    ask(one, generate=False, **members)
    messages = one.messages()
    if code is None:
        assert messages[-1]["type"] == "response.completed"
    else:
        assert [message["error"]["code"] for message in messages] == [code]
    one = anthropic()
    ask(one, generate=False, tools=[{"type": "function"}])
    assert [message["error"]["param"] for message in one.messages()] == ["tools[0].name"]


def test_a_create_that_waits_for_the_host_is_told_to_go_on() -> None:
    one = client(timeouts=Timeouts(life_sign_s=20.0, ask_s=300.0), settings=ASKS)
    ask(one, "a")
    one.pass_time(41)
    assert told(one) == [("created", "a"), ("in_progress", "a"), ("in_progress", "a")]
    answered(one, question(one), Admitted())
    answered(one, question(one), Miss())
    one.pass_time(20)
    assert told(one) == [("in_progress", "a")], "also while it is asked for a key"
    answered(one, question(one), Unavailable())
    (conn,) = dialled(one)
    answer(one, conn)
    (last,) = one.messages()
    assert (last["type"], last["sequence_number"]) == ("response.completed", 4)


def test_a_create_that_was_told_to_go_on_and_is_denied_has_failed() -> None:
    one = client(timeouts=Timeouts(life_sign_s=20.0, ask_s=300.0), settings=ASKS)
    for generate in (True, False):
        ask(one, "a", generate=generate)
        one.pass_time(41)
        signs = told(one)
        assert signs[:2] == [("created", "a"), ("in_progress", "a")]
        answered(one, question(one), Denied(403, message="not here"))
        (failed,) = one.messages()
        assert (failed["type"], failed["sequence_number"]) == ("response.failed", len(signs))
        assert failed["response"]["error"] == {"code": "invalid_prompt", "message": "not here", "type": "not_allowed"}
    ask(one, "a", generate=False)
    one.pass_time(41)
    answered(one, question(one), Admitted())
    signs = told(one)
    assert (signs[:2], signs[-1]) == ([("created", "a"), ("in_progress", "a")], ("completed", "a"))
    assert signs.count(("created", "a")) == 1


def test_the_host_cancels_what_waits_for_its_turn() -> None:
    one = client()
    ask(one, "a")
    ask(one, "a", input="2")
    ask(one, "a", input="3")
    waiting = [event for event in one.events if isinstance(event, RequestWaiting)]
    assert [event.event_id for event in waiting] == ["a#2", "a#3"]
    assert {event.session for event in waiting} == {held(one).session_id}
    assert one.gateway.cancel_exchange(waiting[0].log_id, one.now)
    one.collect()
    assert not one.messages(), "it would end what runs in its lane"
    (conn,) = dialled(one)
    answer(one, conn)
    messages = one.messages()
    assert [message["type"] for message in messages][-2:] == ["response.completed", "error"]
    assert (messages[-1]["status"], messages[-1]["error"]["code"]) == (499, "cancelled")
    begun = [event.log_id for event in one.events if isinstance(event, RequestAdmitted)]
    assert begun[1:] == [waiting[1].log_id], "it has the id by which it was told to wait"
    assert not one.gateway.cancel_exchange(waiting[0].log_id, one.now)
    assert taken(one, conn)


def test_the_host_cancels_what_waits_for_a_stored_response() -> None:
    one = anthropic()
    recalling(one)
    ask(one)
    log_id = held(one)._recalls["#1"][2]
    assert one.gateway.cancel_exchange(log_id, one.now)
    one.collect()
    (error,) = one.messages()
    assert (error["status"], error["error"]["code"]) == (499, "cancelled")
    assert not one.gateway.snapshot()["asks"]
    assert held(one).running == 1, "the next one of its lane has begun"
    assert not one.gateway.cancel_exchange(log_id, one.now)


def test_reasoning_tools_images_and_forms_go_on_through_another_format() -> None:
    one = anthropic()
    tool = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
    picture = {"type": "input_image", "image_url": "data:image/png;base64,aWJt"}
    content = [{"type": "input_text", "text": "Look."}, picture]
    one.say(
        type="response.create", model="claude-sonnet-4-5", store=False, tools=[tool], reasoning={"effort": "low"},
        include=["reasoning.encrypted_content"], input=[{"role": "user", "content": content}],
    )  # fmt: skip
    (conn,) = dialled(one)
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmF0dXJl"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
    ]
    body = json.dumps({"type": "message", "content": blocks, "stop_reason": "tool_use"}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    one.provider_says(conn, head + body)
    done = one.messages()[-1]["response"]
    assert [item["type"] for item in done["output"]] == ["reasoning", "function_call"]
    form = {"type": "json_schema", "name": "n", "schema": {"type": "object", "properties": {}}}
    answered = {"type": "function_call_output", "call_id": done["output"][1]["call_id"], "output": "4"}
    one.say(
        type="response.create", model="claude-sonnet-4-5", store=False, previous_response_id=done["id"], tools=[tool],
        reasoning={"effort": "low"}, text={"format": form}, input=[answered],
    )  # fmt: skip
    sent = json.loads(taken(one, conn).partition(b"\r\n\r\n")[2])
    user, assistant, last = (message["content"] for message in sent["messages"])
    assert user[1]["source"] == {"type": "base64", "media_type": "image/png", "data": "aWJt"}
    assert assistant[0] == blocks[0]
    assert assistant[1]["id"] == last[0]["tool_use_id"] == "toolu_1"
    assert "json_schema" in json.dumps(sent)
