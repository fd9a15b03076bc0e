"""Who runs here, and what a host that counts for several processes is told of it."""

from tests.rigs.core_rig import Rig

from aigw_sansio.config import GatewaySettings, Timeouts
from aigw_sansio.effects import Ask
from aigw_sansio.faults import Denial
from aigw_sansio.quota_rules import Count, Counted, Places
from aigw_sansio.quotas.claim import Claim
from aigw_sansio.quotas.places import RunningClaims


class Running(Rig):
    def __init__(self, most: int | None = 2) -> None:
        super().__init__(timeouts=Timeouts(store_s=1.0, lease_s=6.0))
        self.claims = RunningClaims(self.services)
        self.settings = GatewaySettings(concurrency=most, ask=("count",))

    def claim(self, gateway: str = "a/g") -> Claim:
        return Claim(gateway, self.settings)

    def told(self) -> list[tuple[str, int]]:
        """The gateways, and how many run, that the host is told."""
        found = []
        for effect in self.effects():
            assert isinstance(effect, Ask)
            assert isinstance(effect.question, Count)
            places = effect.question.places
            assert places is not None
            assert (effect.question.counters, places.limit) == ((), None)
            found.append((places.gateway, places.running))
            self.services.answer(effect.id, Counted(), self.now)
        return found


def test_without_a_limit_nothing_is_known_or_asked() -> None:
    rig = Running(None)
    claim = rig.claim()
    assert rig.claims.take(claim) is None
    assert rig.claims.asked(claim, 0.0) is None
    assert rig.claims.free(claim) is None
    assert rig.claims.running == {}
    assert rig.claims.told("a/g") is None
    assert rig.services.timers.next_deadline() is None


def test_a_process_alone_tells_nobody() -> None:
    rig = Running()
    first, second = rig.claim(), rig.claim()
    assert rig.claims.take(first) is rig.claims.take(second) is None
    assert isinstance(rig.claims.take(rig.claim()), Denial)
    assert rig.claims.take(rig.claim("a/h")) is None
    assert rig.claims.running == {"a/g": 2, "a/h": 1}
    assert rig.claims.free(first) is None
    assert rig.claims.running == {"a/g": 1, "a/h": 1}
    assert rig.services.timers.next_deadline() is None


def test_what_is_asked_names_all_that_were_asked_for() -> None:
    rig = Running()
    first, second = rig.claim(), rig.claim()
    rig.claims.take(first), rig.claims.take(second)
    asked = rig.claims.asked(first, 0.0)
    again = rig.claims.asked(second, 0.0)
    assert isinstance(asked, Places)
    assert isinstance(again, Places)
    assert (asked.gateway, asked.running, asked.limit, asked.lease_s) == ("a/g", 1, 2, 6.0), (
        "the second one still waits"
    )
    assert again.running == 2
    assert again.number > asked.number
    assert again.holder == asked.holder
    first.placed = True
    assert rig.claims.asked(first, 0.0) is None


def test_while_something_runs_it_is_told_in_time_and_then_no_more() -> None:
    rig = Running()
    claim, other = rig.claim(), rig.claim("a/h")
    for one in (claim, other):
        rig.claims.take(one)
        rig.claims.asked(one, 0.0)
    for _ in range(2):
        rig.pass_time(2.0)
        assert sorted(rig.told()) == [("a/g", 1), ("a/h", 1)]
    less = rig.claims.free(other)
    assert less is not None
    rig.claims.tell(less, rig.now)
    assert rig.told() == [("a/h", 0)]
    rig.pass_time(2.0)
    assert rig.told() == [("a/g", 1)]
    less = rig.claims.free(claim)
    assert less is not None
    rig.claims.tell(less, rig.now)
    rig.pass_time(2.0)  # the host is silent: it forgets this process by itself
    assert rig.services.timers.next_deadline() is None
    assert rig.claims.running == {}


def test_one_message_at_a_time_is_enough() -> None:
    rig = Running(9)
    claims = [rig.claim() for _ in range(5)]
    for one in claims:
        rig.claims.take(one)
        rig.claims.asked(one, 0.0)
    less = rig.claims.free(claims[0])
    assert less is not None
    rig.claims.tell(less, rig.now)
    assert [rig.claims.free(one) for one in claims[1:4]] == [None] * 3
    assert rig.told() == [("a/g", 4)]
    assert rig.told() == [("a/g", 1)]
    assert rig.told() == []


def test_who_is_not_asked_for_is_told_when_it_goes_on_without() -> None:
    rig = Running(9)
    claims = [rig.claim() for _ in range(4)]
    for one in claims:
        rig.claims.take(one)
    rig.claims.asked(claims[0], 0.0)
    rig.claims.begins(claims[1])
    rig.claims.begins(claims[1])
    rig.claims.free(claims[2])
    rig.pass_time(2.0)
    assert rig.told() == [("a/g", 2)]
    assert rig.claims.running == {"a/g": 3}
