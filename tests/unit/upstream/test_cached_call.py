"""One call that uses the cache: what its handler is told, in each order in which things can come."""

import tracemalloc
from typing import Any

import msgspec
import pytest
from tests.peers.memory_source import JSON, STREAM, MemorySource, Remembered
from tests.rigs.compiled import needs_sources
from tests.rigs.core_rig import Rig

from aigw_sansio.config import Limits, Timeouts
from aigw_sansio.effects import Answer, Ask, Hit, Keep, KeptResponse, LookUp, Miss, Unavailable
from aigw_sansio.exchanges.source import Placed, Verdict
from aigw_sansio.faults import Denial, Fault, FaultKind, Side
from aigw_sansio.ids import ConnId
from aigw_sansio.origin import Origin
from aigw_sansio.providers.cache_use import CacheUse
from aigw_sansio.providers.call import ProviderCall
from aigw_sansio.secret import Secret
from aigw_sansio.upstream.cached_call import CachedCall
from aigw_sansio.upstream.recordings import Recordings
from aigw_sansio.wires.http import Headers, Request

pytestmark = needs_sources

LOST = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "lost", retryable=True)
KEPT = KeptResponse(((b"content-type", b"application/json"),), b"x" * 150_000)
GOOD = Remembered(200, JSON, (b"{", b"}"))
GOOD_ONE = Verdict(good=True)


class Handler:
    """Notes what it is told. ``pauses_at`` and ``cancels_at``: what it is told then makes it do that."""

    def __init__(self, pauses_at: str = "", cancels_at: str = "") -> None:
        self.told: list[str] = []
        self.call: CachedCall | None = None
        self.pauses_at, self.cancels_at = pauses_at, cancels_at

    def _note(self, what: str, now: float) -> None:
        self.told.append(what)
        assert self.call is not None
        if what == self.pauses_at:
            self.call.pause()
        if what == self.cancels_at:
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
        self._note(f"head {status}", now)

    def response_body(self, data: bytes, now: float) -> None:
        self._note(f"body {len(data)}", now)

    def response_end(self, now: float) -> None:
        self._note("end", now)

    def response_failed(self, fault: Fault, now: float) -> None:
        self._note(f"failed {fault.kind.value}", now)


class Client(Rig):
    """Opens calls at ``source``, all with one name."""

    def __init__(self, source: Any, **settings: Any) -> None:
        super().__init__(timeouts=Timeouts(look_up_s=0.25), **settings)
        self.source = source
        self.recordings = Recordings()
        self.keeps: list[Keep] = []

    def open(self, handler: Handler, *, key: str = "", **use: Any) -> CachedCall:
        """``key``: a stored one, of several."""
        request = ProviderCall(
            "openai",
            Origin("https", "up.test", 443),
            Request(b"POST", b"https", b"up.test", b"/v1", [], b"{}"),
            "openai-chat",
            False,
        )
        cache = CacheUse("a", "g", "name", 60)._replace(**use)
        request = msgspec.structs.replace(request, cache=cache)
        if key:
            request = msgspec.structs.replace(request, stored_keys=(key.encode(),), lent=Secret(key))
        call = CachedCall(self.services, self.recordings, self.source, request, cache, handler, connect_timeout_s=10.0)
        handler.call = call
        call.start(self.now)
        return call

    def question(self) -> Ask:
        (ask,) = [effect for effect in self.services.take_effects() if isinstance(effect, Ask)]
        assert ask.question == LookUp("a", "g", "name")
        return ask

    def answer(self, ask: Ask, value: Answer) -> None:
        self.services.answer(ask.id, value, self.now)

    def kept(self) -> list[Keep]:
        return [effect for effect in self.services.take_effects() if isinstance(effect, Keep)]


class Slow:
    """A source whose call does what the test tells it. Implements ``Source`` and ``Call``."""

    added_keys = (b"a-token-of-the-gateway",)

    def __init__(self) -> None:
        self.said: list[str] = []
        self.handlers: list[Any] = []

    def open(self, request: ProviderCall, handler: Any, *, connect_timeout_s: float) -> "Slow":
        self.handlers.append(handler)
        return self

    def start(self, now: float) -> None:
        self.said.append("start")

    def pause(self) -> None:
        self.said.append("pause")

    def resume(self, now: float) -> None:
        self.said.append("resume")

    def cancel(self, now: float) -> None:
        self.said.append("cancel")

    def release(self, now: float) -> None:
        self.said.append("release")

    def settle(self, verdict: Verdict, now: float) -> None:
        raise AssertionError("nobody else keeps responses")


PLACED = Placed(ConnId(7), "dialled", 0.0)
ALONE = {"looks_up": False}
SHARED = {"looks_up": False, "shares": True}


@pytest.mark.parametrize("answer", [Miss(), Unavailable()])
def test_a_miss_goes_to_the_provider(answer: Answer) -> None:
    client, handler = Client(MemorySource(GOOD)), Handler()
    call = client.open(handler)
    assert handler.told == []
    client.answer(client.question(), answer)
    assert handler.told == ["reused", "sent", "head 200", "body 1", "body 1", "end"]
    call.settle(GOOD_ONE, 0.0)
    (kept,) = client.kept()
    assert (kept.ttl_s, kept.response.body) == (60, b"{}")
    call.settle(GOOD_ONE, 0.0)
    assert client.kept() == [], "it is kept once"


def test_no_answer_in_time_is_a_miss_and_a_late_one_is_ignored() -> None:
    client, handler = Client(MemorySource(GOOD)), Handler()
    client.open(handler)
    ask = client.question()
    assert ask.deadline == pytest.approx(0.25)
    client.services.fire_timers(0.3)
    assert handler.told[-1] == "end"
    client.answer(ask, Hit(KEPT))
    assert handler.told[-1] == "end"


def test_a_hit_comes_in_pieces_and_waits_while_its_handler_is_paused() -> None:
    client, handler = Client(MemorySource()), Handler(pauses_at="body 65536")
    call = client.open(handler)
    client.answer(client.question(), Hit(KEPT))
    assert handler.told == ["cached", "sent", "head 200", "body 65536"]
    call.resume(0.0)
    assert handler.told[4:] == ["body 65536"]
    call.resume(0.0)
    assert handler.told[5:] == ["body 18928", "end"]
    call.settle(GOOD_ONE, 0.0)
    assert client.kept() == [], "it is kept already"
    assert call.added_keys == ()


@pytest.mark.parametrize("at", ["cached", "sent", "head 200", "body 65536"])
def test_a_handler_may_cancel_whatever_it_is_told(at: str) -> None:
    client, handler = Client(MemorySource()), Handler(cancels_at=at)
    client.open(handler, found=KEPT)
    assert handler.told[-1] == at
    assert handler.call is not None
    handler.call.resume(0.0)
    assert handler.told[-1] == at


def test_a_cancel_withdraws_the_question() -> None:
    client, handler = Client(MemorySource()), Handler()
    call = client.open(handler)
    ask = client.question()
    call.pause()
    call.resume(0.0)
    call.cancel(0.0)
    assert client.services.unanswered == 0
    client.answer(ask, Hit(KEPT))
    assert handler.told == []
    call.settle(Verdict(good=False), 0.0)


def test_all_of_a_call_is_told_to_all_that_joined_it() -> None:
    source = Slow()
    client, one, other = Client(source), Handler(), Handler()
    first = client.open(one, **SHARED)
    source.handlers[0].call_placed(PLACED, 0.0)
    second = client.open(other, **SHARED)
    source.handlers[0].request_sent(0.0)
    source.handlers[0].response_activity(0.0)
    assert first.added_keys == second.added_keys == Slow.added_keys
    source.handlers[0].call_replaced(0.0)
    source.handlers[0].response_activity(0.0)
    source.handlers[0].call_placed(PLACED, 0.0)
    assert one.told == ["dialled", "sent", "activity", "replaced", "dialled"]
    assert other.told == ["joined", "sent", "activity", "replaced", "joined"]
    assert source.said == ["start"]


def test_the_keys_of_a_call_are_known_to_all_that_joined_it_also_after_its_end() -> None:
    source = Slow()
    client, one, other = Client(source), Handler(), Handler()
    first = client.open(one, key="sk-one", **SHARED)
    second = client.open(other, key="sk-other", **SHARED)
    keys = (b"sk-one", *Slow.added_keys)
    assert first.added_keys == second.added_keys == keys
    source.handlers[0].call_placed(PLACED, 0.0)
    source.handlers[0].response_head(200, JSON, 0.0)
    source.handlers[0].response_end(0.0)
    late = client.open(Handler(), key="sk-other", **SHARED)
    assert first.added_keys == second.added_keys == late.added_keys == keys


def test_a_body_that_comes_byte_by_byte_is_held_as_one() -> None:
    source = Slow()
    client, one = Client(source), Handler(pauses_at="body 2")
    call = client.open(one, **SHARED)
    told = source.handlers[0]
    told.call_placed(PLACED, 0.0)
    told.response_head(200, JSON, 0.0)
    tracemalloc.start()
    for _ in range(50_000):
        told.response_body(b"%d" % 10, 0.0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert client.services.recorded_bytes == 100_000
    assert held < 2 * 100_000
    other = Handler()
    client.open(other, **SHARED)
    assert other.told[-2:] == ["body 65536", "body 34464"]
    call.resume(0.0)
    assert one.told[-2:] == ["body 65536", "body 34462"]


def test_a_hit_is_held_once_and_counted_until_it_is_read() -> None:
    client, handler = Client(MemorySource()), Handler(pauses_at="body 65536")
    call = client.open(handler)
    unweighed = client.services.unweighed
    client.answer(client.question(), Hit(KEPT))
    assert client.services.recorded_bytes == len(KEPT.body)
    assert client.services.unweighed == unweighed - len(KEPT.body)
    call.cancel(0.0)
    assert client.services.recorded_bytes == 0
    tracemalloc.start()
    found = client.open(Handler(pauses_at="head 200"), found=KEPT)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert client.services.recorded_bytes == 0, "the session has counted it"
    assert held < len(KEPT.body) // 2
    found.cancel(0.0)


def test_a_hit_that_is_read_to_its_end_is_counted_no_more() -> None:
    client, handler = Client(MemorySource()), Handler()
    call = client.open(handler)
    client.answer(client.question(), Hit(KEPT))
    assert handler.told[-1] == "end"
    call.settle(GOOD_ONE, 0.0)
    assert client.services.recorded_bytes == 0


def test_a_hit_for_which_there_is_no_room_is_a_miss() -> None:
    limits = Limits(recorded_bytes=2 * len(KEPT.body) - 1)
    client, one, other = Client(MemorySource(GOOD), limits=limits), Handler(pauses_at="head 200"), Handler()
    client.open(one)
    client.answer(client.question(), Hit(KEPT))
    client.open(other)
    client.answer(client.question(), Hit(KEPT))
    assert (one.told[0], other.told[0]) == ("cached", "reused")


def test_a_call_that_fails_before_its_head_is_made_again_by_those_that_joined_it() -> None:
    source = Slow()
    client, one, other = Client(source), Handler(), Handler()
    client.open(one, **SHARED)
    client.open(other, **SHARED)
    source.handlers[0].call_placed(PLACED, 0.0)
    source.handlers[0].response_failed(LOST, 0.0)
    assert one.told == ["dialled", "failed connection_lost"]
    assert other.told == ["joined", "replaced"]
    assert len(source.handlers) == 2
    source.handlers[1].call_placed(PLACED, 0.0)
    assert other.told[-1] == "dialled"


def test_a_call_that_is_not_placed_yet_can_be_left() -> None:
    source = Slow()
    client, one, other = Client(source), Handler(), Handler()
    first = client.open(one, **SHARED)
    second = client.open(other, **SHARED)
    source.handlers[0].response_failed(LOST, 0.0)
    assert (one.told, other.told) == (["failed connection_lost"], [])
    first.settle(Verdict(good=False), 0.0)
    second.cancel(0.0)
    assert source.said == ["start", "start", "cancel"]


def test_a_denial_is_for_the_one_that_made_the_call() -> None:
    denied = Denial(FaultKind.RATE_LIMITED, Side.CLIENT, "used up", retryable=True, status=429, code=2003)
    for stays in (True, False):
        source = Slow()
        client, one, other, third = Client(source), Handler(), Handler(), Handler()
        first = client.open(one, **SHARED)
        client.open(other, **SHARED)
        client.open(third, **SHARED)
        if not stays:
            first.settle(Verdict(), 0.0)
            first.cancel(0.0)
        source.handlers[0].response_failed(denied, 0.0)
        assert one.told == (["failed rate_limited"] if stays else [])
        assert other.told == third.told == []
        assert len(source.handlers) == 3
        source.handlers[1].call_placed(PLACED, 0.0)
        assert other.told == ["dialled"]


def test_pauses_of_a_call() -> None:
    source = Slow()
    client, one, other = Client(source), Handler(), Handler()
    first = client.open(one, **SHARED)
    first.pause()
    assert source.said == ["start"], "it is not placed"
    source.handlers[0].call_placed(PLACED, 0.0)
    assert source.said == ["start", "pause"]
    second = client.open(other, **SHARED)
    assert source.said[2:] == ["resume"], "the one that joined takes something"
    second.pause()
    second.pause()
    assert source.said[3:] == ["pause"]
    first.resume(0.0)
    first.resume(0.0)
    assert source.said[4:] == ["resume"]
    first.release(0.0)
    assert source.said[5:] == ["pause"], "the one that is left takes nothing"
    second.release(0.0)
    assert source.said[6:] == ["release"]
    second.cancel(0.0)
    assert source.said[7:] == []


def test_a_token_that_the_source_has_added_is_searched_for() -> None:
    source = Slow()
    for text, kept in ((b'{"a":"a-token-of-the-gateway"}', 0), (b'{"a":"another"}', 1)):
        client, handler = Client(source), Handler()
        call = client.open(handler, **ALONE)
        told = source.handlers[-1]
        told.call_placed(PLACED, 0.0)
        told.response_head(200, JSON, 0.0)
        told.response_body(text, 0.0)
        told.response_end(0.0)
        call.settle(GOOD_ONE, 0.0)
        assert len(client.kept()) == kept


def test_the_end_of_a_format_keeps_what_has_come_before_the_transport_ends() -> None:
    source = Slow()
    client, handler = Client(source), Handler()
    call = client.open(handler, **ALONE)
    told = source.handlers[-1]
    told.call_placed(PLACED, 0.0)
    told.response_head(200, STREAM, 0.0)
    told.response_body(b"data: [DONE]\n\n", 0.0)
    call.settle(GOOD_ONE, 0.0)
    call.release(0.0)
    assert [keep.response.body for keep in client.kept()] == [b"data: [DONE]\n\n"]
    assert source.said == ["start", "release"]
    assert client.services.recorded_bytes == 0
