"""A request over a WebSocket of its session: what its handler is told, what the provider is sent, and when HTTP is used."""

import msgspec
import pytest
from tests.peers.memory_source import STREAM, MemorySource, Remembered
from tests.rigs.response_sockets import ORIGIN, Sockets

from aigw_sansio.config import Config, Timeouts
from aigw_sansio.effects import Close, Connect
from aigw_sansio.engine.turns import PORTION_EVENTS
from aigw_sansio.exchanges.source import Call, Placed
from aigw_sansio.faults import Fault, FaultKind, Side, SocketFault
from aigw_sansio.ids import Lineage
from aigw_sansio.providers.cache_use import CacheUse
from aigw_sansio.providers.call import ProviderCall
from aigw_sansio.upstream.socket_call import SocketCall
from aigw_sansio.upstream.socket_source import SessionSource
from aigw_sansio.wires.http import Headers, Request

BODY = b'{"model":"m","input":[{"a":1},{"b":2}],"stream":true}'
WHOLE = '{"type":"response.create","model":"m","input":[{"a":1},{"b":2}]}'
SHORT = '{"type":"response.create","model":"m","input":[{"b":2}],"previous_response_id":"r1"}'
FIRST, SECOND = Lineage("a"), Lineage("a", "r1", 9)
HEADERS: Headers = [(b"authorization", b"Bearer k"), (b"content-type", b"application/json"), (b"traceparent", b"t")]
CREATED = '{"type":"response.created"}'
COMPLETED = '{"type":"response.completed","response":{"id":"r1"}}'
NOT_FOUND = '{"type":"error","status":400,"error":{"code":"previous_response_not_found"}}'
FAILED = '{"type":"response.failed","response":{"id":"r0"}}'
TOO_OLD = '{"type":"error","status":400,"error":{"code":"websocket_connection_limit_reached"}}'


class Handler:
    """Notes what it is told. ``leaves_at``: what it is told then makes it cancel its call."""

    def __init__(self, leaves_at: str = "") -> None:
        self.told: list[object] = []
        self.call: Call | None = None
        self.leaves_at = leaves_at

    def _note(self, what: str, now: float, more: object = None) -> None:
        self.told.append(what if more is None else more)
        if what == self.leaves_at and self.call is not None:
            self.call.cancel(now)

    def call_placed(self, placed: Placed, now: float) -> None:
        self._note(placed.reach, now)

    def call_replaced(self, now: float) -> None:
        self._note("replaced", now)

    def request_sent(self, now: float) -> None:
        self._note("sent", now)

    def response_activity(self, now: float) -> None:
        self._note("activity", now)

    def response_head(self, status: int, headers: Headers, now: float) -> None:
        self._note("head", now, status)

    def response_body(self, data: bytes, now: float) -> None:
        self._note("body", now, data.decode())

    def response_end(self, now: float) -> None:
        self._note("end", now)

    def response_failed(self, fault: Fault, now: float) -> None:
        self._note("failed", now, fault)


class Asking(Sockets):
    """One session that asks, and a source over HTTP behind its sockets."""

    def __init__(self, *responses: Remembered, config: Config | None = None) -> None:
        super().__init__(config)
        self.http = MemorySource(*responses)
        self.source = SessionSource(self.services, self.sockets, self.http, self.client)

    def ask(
        self, lineage: Lineage | None = FIRST, *, leaves_at: str = "", provider: str = "openai", **changes: object
    ) -> Handler:
        request = Request(b"POST", b"https", b"provider.test", b"/v1/responses", HEADERS, BODY)
        call = ProviderCall(provider, ORIGIN, request, "openai-responses", False, lineage=lineage)
        call = msgspec.structs.replace(call, **changes)
        handler = Handler(leaves_at)
        handler.call = self.source.open(call, handler, connect_timeout_s=5.0)
        handler.call.start(self.now)
        return handler


def event(*texts: str) -> str:
    return "".join(f"data: {text}\n\n" for text in texts)


def after_one() -> tuple[Asking, Handler]:
    """A session whose socket has carried one response, ``r1``."""
    rig = Asking()
    handler = rig.ask()
    rig.connect()
    assert rig.heard() == [WHOLE]
    rig.say(CREATED, COMPLETED)
    return rig, handler


def test_messages_are_the_events_of_a_stream() -> None:
    rig, handler = after_one()
    assert handler.told == ["dialled", "sent", 200, event(CREATED, COMPLETED), "end"]
    upgrade = next(effect for effect in rig.effects() if isinstance(effect, Connect))
    assert upgrade.alpn == ("http/1.1",)


def test_the_upgrade_has_the_fields_of_a_request_but_those_of_its_body() -> None:
    rig = Asking()
    rig.ask()
    rig.pipes[0].connected("http/1.1", 0.0)
    (seen,) = rig.providers[0].receive(rig.pipes[0].buffer.pull(65536))
    names = {name.lower() for name, _ in seen.headers or []}
    assert "authorization" in names
    assert not names & {"content-type", "traceparent", "content-length"}


def test_what_the_provider_remembers_is_not_sent_again() -> None:
    rig, _ = after_one()
    handler = rig.ask(SECOND)
    assert rig.heard() == [SHORT]
    rig.say(COMPLETED)
    assert handler.told == ["reused", "sent", 200, event(COMPLETED), "end"]


@pytest.mark.parametrize("lineage", [FIRST, Lineage("a", "r0", 9)])
def test_what_it_does_not_remember_is_sent_whole(lineage: Lineage) -> None:
    rig, _ = after_one()
    rig.ask(lineage)
    assert rig.heard() == [WHOLE]


def test_after_a_failure_it_remembers_nothing() -> None:
    rig, _ = after_one()
    rig.ask(SECOND)
    rig.heard()
    rig.say('{"type":"error","status":400,"error":{}}')
    rig.ask(SECOND)
    assert rig.heard() == [WHOLE]


def test_grok_is_sent_all_of_it() -> None:
    rig = Asking()
    for lineage in (FIRST, SECOND):
        rig.ask(lineage, provider="grok")
        if lineage is FIRST:
            rig.connect()
        assert rig.heard() == [WHOLE]
        rig.say(COMPLETED)


def test_if_it_has_forgotten_all_of_it_follows() -> None:
    rig, _ = after_one()
    handler = rig.ask(SECOND)
    rig.heard()
    rig.say(NOT_FOUND)
    assert rig.heard() == [WHOLE]
    assert handler.told == ["reused", "sent"]
    rig.say(NOT_FOUND)  # once
    assert handler.told[2:] == [400, NOT_FOUND, "end"]


def test_a_socket_that_is_too_old_is_replaced_once() -> None:
    rig, _ = after_one()
    handler = rig.ask(SECOND)
    rig.heard()
    rig.say(TOO_OLD)
    assert len(rig.pipes) == 2
    rig.connect()
    assert rig.heard() == [WHOLE]
    rig.say(TOO_OLD)
    fault = handler.told.pop()
    assert isinstance(fault, SocketFault)
    assert fault.kind is FaultKind.CONNECTION_LOST
    assert handler.told == ["reused", "sent", "replaced", "dialled", "sent"]


def test_an_error_in_the_middle_is_an_event_and_an_old_socket_ends() -> None:
    rig = Asking()
    handler = rig.ask()
    rig.connect()
    rig.heard()
    rig.say(CREATED)
    rig.say(TOO_OLD)
    assert handler.told[2:] == [200, event(CREATED), event(TOO_OLD), "end"]
    rig.ask()
    assert len(rig.pipes) == 2


def test_what_comes_behind_the_end_ends_the_socket() -> None:
    rig = Asking()
    handler = rig.ask()
    rig.connect()
    rig.heard()
    rig.say(COMPLETED, CREATED)
    assert handler.told[2:] == [200, event(COMPLETED), "end"]
    rig.ask()
    assert len(rig.pipes) == 2


def test_a_socket_that_cannot_be_opened_is_no_way_for_a_minute() -> None:
    rig = Asking(*[Remembered(200, STREAM)] * 2)
    handler = rig.ask()
    rig.connect(status=503)
    (fault,) = handler.told
    assert isinstance(fault, SocketFault)
    assert fault.kind is FaultKind.CONNECT_FAILED
    rig.wait(59.0)
    assert rig.ask().told == ["reused", "sent", 200, "end"]
    rig.wait(1.0)
    rig.ask()
    assert len(rig.pipes) == 2


def test_a_socket_that_never_speaks_is_no_way_for_a_minute() -> None:
    rig = Asking(Remembered(200, STREAM))
    handler = rig.ask()
    rig.connect()
    rig.heard()
    assert handler.call is not None
    handler.call.cancel(rig.now)  # its time is over
    assert rig.ask().told == ["reused", "sent", 200, "end"]
    rig, _ = after_one()
    handler = rig.ask(SECOND)
    rig.heard()
    assert handler.call is not None
    handler.call.cancel(rig.now)  # this one has spoken before
    rig.ask()
    assert len(rig.pipes) == 2


def test_it_must_be_open_within_the_time_for_a_dial() -> None:
    rig = Asking()
    handler = rig.ask()
    rig.pipes[0].connected("http/1.1", 0.0)
    rig.wait(5.0)
    (fault,) = handler.told
    assert isinstance(fault, SocketFault)
    assert fault.kind is FaultKind.FIRST_BYTE_TIMEOUT
    assert [effect.abort for effect in rig.effects() if isinstance(effect, Close)] == [True]


def test_a_lost_socket_fails_its_call_and_another_is_dialled_next() -> None:
    rig, _ = after_one()
    handler = rig.ask(SECOND)
    rig.heard()
    rig.say(CREATED)
    rig.pipes[0].connection_lost("reset", 0.0)
    assert isinstance(handler.told[-1], SocketFault)
    rig.ask(SECOND)
    assert len(rig.pipes) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"cache": CacheUse("a", "g", "name", 60)},
        {"request": Request(b"POST", b"https", b"provider.test", b"/v1/responses", HEADERS, b"no object")},
        {"lineage": None},
    ],
)
def test_some_requests_go_over_http(changes: dict[str, object]) -> None:
    rig = Asking(Remembered(200, STREAM, (b"data: 1\n\n",)))
    handler = rig.ask(**changes)  # type: ignore[arg-type]
    assert handler.told == ["reused", "sent", 200, "data: 1\n\n", "end"]
    assert not rig.pipes


def test_over_http_its_call_is_that_of_the_source() -> None:
    rig = Asking(Remembered(200, STREAM))
    rig.http.stuck = True
    rig.sockets.rest(ORIGIN, 0.0)
    handler = rig.ask()
    assert isinstance(handler.call, SocketCall)
    assert handler.call.added_keys == ()
    handler.call.pause()
    handler.call.resume(0.0)
    handler.call.cancel(0.0)
    assert rig.http.said == ["pause", "resume", "cancel"]


@pytest.mark.parametrize("leaves_at", ["dialled", "sent", "head", "body"])
def test_who_leaves_ends_the_socket_and_is_told_nothing_more(leaves_at: str) -> None:
    rig = Asking()
    handler = rig.ask(leaves_at=leaves_at)
    rig.connect()
    rig.heard()
    rig.say(CREATED)
    names = ["dialled", "sent", 200, event(CREATED)]
    assert handler.told == names[: ["dialled", "sent", "head", "body"].index(leaves_at) + 1]
    assert [effect.abort for effect in rig.effects() if isinstance(effect, Close)] == [True]
    assert rig.sockets.held == 0


def test_who_leaves_at_the_last_event_leaves_a_socket_that_others_use() -> None:
    rig = Asking()
    handler = rig.ask(leaves_at="body")
    rig.connect()
    rig.heard()
    rig.say(COMPLETED)
    assert handler.told[2:] == [200, event(COMPLETED)]
    rig.ask(SECOND)
    assert rig.heard() == [SHORT]


def test_it_pauses_the_provider_and_frees_it_at_the_end() -> None:
    rig = Asking()
    handler = rig.ask()
    call = handler.call
    assert call is not None
    call.pause()  # no effect yet
    rig.connect()
    rig.heard()
    assert rig.pipes[0].reading
    call.pause()
    assert not rig.pipes[0].reading
    call.resume(0.0)
    assert rig.pipes[0].reading
    call.pause()
    rig.say(COMPLETED)  # a read was under way
    assert rig.pipes[0].reading
    call.resume(0.0)


def test_a_ping_is_no_part_of_a_response() -> None:
    rig = Asking(config=Config(timeouts=Timeouts(ping_after_s=1000.0)))
    handler = rig.ask()
    rig.connect()
    rig.heard()
    rig.say("ping x")
    assert rig.heard() == ["pong x"]
    assert handler.told == ["dialled", "sent"]  # the clocks of a response run on, which a dead one may stop


@pytest.mark.parametrize("last", [FAILED, '{"type":"response.cancelled"}', '{"type":"error","error":{}}'])
def test_after_a_bad_end_its_socket_is_used_no_more(last: str) -> None:
    rig, _ = after_one()
    rig.ask(SECOND)
    rig.heard()
    rig.say(CREATED)
    rig.say(last)
    handler = rig.ask()
    assert len(rig.pipes) == 2
    rig.say(FAILED, number=0)  # late: of the one before
    rig.connect()
    rig.heard()
    rig.say(COMPLETED)
    assert handler.told == ["dialled", "sent", 200, event(COMPLETED), "end"]


@pytest.mark.parametrize(("status", "dials"), [(400, 1), (404, 1), (429, 2), (500, 2)])
def test_after_a_plain_refusal_its_socket_is_used_again(status: int, dials: int) -> None:
    rig, _ = after_one()
    handler = rig.ask(SECOND)
    rig.heard()
    rig.say(refusal := f'{{"type":"error","status":{status},"error":{{}}}}')
    assert handler.told[2:] == [status, refusal, "end"]
    rig.ask()
    assert len(rig.pipes) == dials


def test_what_comes_behind_a_refusal_ends_the_socket() -> None:
    rig, _ = after_one()
    handler = rig.ask(SECOND)
    rig.heard()
    rig.say('{"type":"error","status":400,"error":{}}', FAILED)
    assert handler.told[2] == 400
    rig.ask()
    assert len(rig.pipes) == 2
    rig, _ = after_one()
    handler = rig.ask(SECOND)
    rig.heard()
    rig.say(NOT_FOUND, FAILED)  # nothing of what follows would be known to be the response
    assert isinstance(handler.told[-1], SocketFault)
    assert handler.told[:-1] == ["reused", "sent"]
    assert rig.heard() == ["close 1000"]


def test_a_bad_end_that_comes_first_is_not_of_this_response() -> None:
    rig, _ = after_one()
    handler = rig.ask(SECOND)
    rig.heard()
    rig.say(FAILED)
    fault = handler.told[-1]
    assert isinstance(fault, SocketFault)
    assert fault.kind is FaultKind.CONNECTION_LOST
    assert handler.told[:-1] == ["reused", "sent"]
    assert rig.heard() == ["close 1000"]
    rig = Asking()
    handler = rig.ask()
    rig.connect()
    rig.heard()
    rig.say(FAILED)  # nobody was before
    assert handler.told == ["dialled", "sent", 200, event(FAILED), "end"]


def test_what_is_read_in_a_later_turn_is_behind_the_end_too() -> None:
    rig, _ = after_one()
    handler = rig.ask(SECOND)
    rig.heard()
    rig.say(*[CREATED] * (PORTION_EVENTS - 1), COMPLETED, FAILED, turn=1)
    assert handler.told[-1] == "end"
    rig.ask(SECOND)
    assert len(rig.pipes) == 2
    rig, _ = after_one()
    handler = rig.ask(SECOND)
    rig.heard()
    rig.say(*["ping x"] * (PORTION_EVENTS - 1), NOT_FOUND, CREATED, turn=1)
    assert isinstance(handler.told[-1], SocketFault)


def test_what_is_of_no_response_begins_none() -> None:
    aside = '{"type":"codex.rate_limits"}'
    rig, _ = after_one()
    handler = rig.ask(SECOND)
    rig.heard()
    rig.say(aside, NOT_FOUND)
    assert rig.heard() == [WHOLE]
    rig.say(aside)
    limited = '{"type":"error","error":{"code":"rate_limit_exceeded"},"headers":{"retry-after":7}}'
    rig.say(limited)
    assert handler.told == ["reused", "sent", 429, limited, "end"]
    rig = Asking()
    handler = rig.ask()
    rig.connect()
    rig.heard()
    rig.say(aside, CREATED, aside)
    assert handler.told == ["dialled", "sent", 200, event(CREATED, aside)]


def test_who_leaves_one_of_several_sockets_leaves_the_others_their_way() -> None:
    rig, _ = after_one()
    busy = rig.ask(SECOND)
    handler = rig.ask(Lineage("b"))
    rig.connect()
    assert handler.told == ["dialled"]
    rig.heard()
    assert handler.call is not None
    handler.call.cancel(rig.now)  # this one has said nothing, but another one of the provider's has
    rig.ask(Lineage("c"))
    assert len(rig.pipes) == 3
    assert busy.told == ["reused"]


def test_who_leaves_before_all_is_sent_says_nothing_about_the_provider() -> None:
    rig = Asking()
    handler = rig.ask()
    rig.connect()
    assert handler.told == ["dialled"]
    assert handler.call is not None
    handler.call.cancel(rig.now)
    rig.ask()
    assert len(rig.pipes) == 2


def test_a_dial_that_is_not_possible_says_nothing_about_the_provider() -> None:
    rig = Asking()
    handler = rig.ask()
    handler.call.socket_failed(Fault(FaultKind.POOL_TIMEOUT, Side.PROVIDER, "none left", retryable=True), 0.0)  # type: ignore[union-attr]
    fault = handler.told[-1]
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.POOL_TIMEOUT
    assert rig.sockets.may_dial(ORIGIN, 0.0)
