"""A call goes through the gate if there is room, else it fails before anything is sent."""

from tests.peers.memory_source import JSON, MemorySource, Remembered
from tests.rigs.core_rig import Handler, Rig
from tests.rigs.steps import client, step

from aigw_sansio.config import GatewaySettings, Timeouts
from aigw_sansio.effects import Ask
from aigw_sansio.engine.client import Client, Requester
from aigw_sansio.exchanges.source import Call, Verdict
from aigw_sansio.ids import AskId
from aigw_sansio.providers.call import ProviderCall
from aigw_sansio.quota_rules import Counted, QuotaRule
from aigw_sansio.quotas.limiter import Limiter
from aigw_sansio.sessions.planner import plan
from aigw_sansio.upstream.gate import Gate

RATE = QuotaRule(limit=1, window_s=60, id="rate")
OK = Remembered(200, JSON, (b"{}",))


class Gated(Rig):
    def __init__(self, settings: GatewaySettings) -> None:
        super().__init__(timeouts=Timeouts(store_s=1.0), gateways={"acme/main": settings})
        self.settings = settings
        self.source = MemorySource(OK, OK, OK, stuck=True)
        gate = Gate(self.services, Limiter(self.services), lambda requester: self.source)
        self.through = gate.of(Requester("acme/main", Client()))

    def planned(self) -> ProviderCall:
        found = plan(self.services, client(self.settings), [step()], self.now)
        assert isinstance(found, list)
        return found[0].call

    def start(self, handler: Handler) -> Call:
        call = self.through.open(self.planned(), handler, connect_timeout_s=1.0)
        call.start(self.now)
        return call


def test_with_room_it_is_the_call_of_the_source() -> None:
    rig, handler = Gated(GatewaySettings(rate_limit=RATE)), Handler()
    call = rig.start(handler)
    assert handler.told == ["placed 1 reused", "sent", "head 200", "body {}"]
    assert call.added_keys == ()
    call.pause()
    call.resume(rig.now)
    call.settle(Verdict(good=True), rig.now)
    call.release(rig.now)
    assert rig.source.said == ["pause", "resume", "good", "release"]


def test_without_room_it_fails_and_nothing_is_sent() -> None:
    rig, handler = Gated(GatewaySettings(rate_limit=RATE)), Handler()
    rig.start(Handler()).cancel(rig.now)
    assert rig.source.said == ["cancel"]
    rig.start(handler)
    assert handler.told == ["failed rate_limited"]
    assert len(rig.source.asked) == 1


def test_it_waits_for_the_host() -> None:
    rig, handler = Gated(GatewaySettings(rate_limit=RATE, ask=("count",))), Handler()
    call = rig.start(handler)
    call.pause()
    call.resume(rig.now)
    call.release(rig.now)
    assert (handler.told, call.added_keys, rig.source.said) == ([], (), [])
    rig.services.answer(AskId(1), Counted(), rig.now)
    assert handler.told[0] == "placed 1 reused"
    rig.start(other := Handler())
    rig.services.answer(AskId(2), Counted(0, 5.0), rig.now)
    assert other.told == ["failed rate_limited"]


def test_a_cancel_withdraws_the_question() -> None:
    rig, handler = Gated(GatewaySettings(rate_limit=RATE, ask=("count",))), Handler()
    call = rig.start(handler)
    assert [type(effect) for effect in rig.effects()] == [Ask]
    call.cancel(rig.now)
    rig.services.answer(AskId(1), Counted(), rig.now)
    assert (handler.told, rig.source.asked, rig.services.unanswered) == ([], [], 0)


def test_a_request_without_a_claim_passes() -> None:
    rig, handler = Gated(GatewaySettings(rate_limit=RATE)), Handler()
    unclaimed = Gated(GatewaySettings()).planned()
    rig.through.open(unclaimed, handler, connect_timeout_s=1.0).start(rig.now)
    assert handler.told[0] == "placed 1 reused"
