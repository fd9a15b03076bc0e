"""The responses of all sessions of one client connection: who is paused."""

from collections.abc import Iterable

from aigw_sansio.config import Config, Limits
from aigw_sansio.engine.services import Services
from aigw_sansio.exchanges.ports import Scheduled
from aigw_sansio.sessions.response_budget import ResponseBudget


class Exchange:
    """As the budget sees one."""

    def __init__(self, *, collecting: bool = False) -> None:
        self.event_id = "e"
        self.ended = False
        self.collecting = collecting
        self.paused_by_queue = False
        self.paused = False

    def pause_for_queue(self) -> None:
        raise AssertionError("that is the scheduler's")

    def resume_after_queue(self, now: float) -> None:
        raise AssertionError("that is the scheduler's")

    def pause_for_budget(self) -> None:
        self.paused = True

    def resume_after_budget(self, now: float) -> None:
        self.paused = False


class Member:
    """A session with these exchanges."""

    def __init__(self, *exchanges: Exchange) -> None:
        self.exchanges = exchanges
        self.queued = 0

    def running(self) -> Iterable[Scheduled]:
        return self.exchanges


def budget(limit: int = 100, whole: int = 50) -> tuple[ResponseBudget, Services]:
    config = Config(limits=Limits(buffered_response_bytes_per_connection=limit, response_body_bytes=whole))
    services = Services(config, b"a seed of sixteen", 0.0)
    return ResponseBudget(services), services


def test_above_it_all_sessions_wait_but_one_that_collects() -> None:
    found, services = budget()
    first, second, third = Exchange(), Exchange(collecting=True), Exchange(collecting=True)
    one, two = Member(first, second), Member(third)
    found.joined(one)
    found.joined(two)
    found.account(60)
    found.account(40)
    services.run_deferred(0.0)
    assert [one.paused for one in (first, second, third)] == [False] * 3, "the limit is allowed"
    found.account(1)
    services.run_deferred(0.0)
    assert (first.paused, second.paused, third.paused) == (True, False, True)
    two.queued = 1
    found.account(48)
    services.run_deferred(0.0)
    assert not second.paused
    found.account(1)
    services.run_deferred(0.0)
    assert second.paused, "messages wait, and a whole response more is held"
    found.account(-75)
    services.run_deferred(0.0)
    assert [one.paused for one in (first, second, third)] == [False] * 3


def test_without_memory_all_wait() -> None:
    found, services = budget()
    collecting, streaming = Exchange(collecting=True), Exchange()
    member = Member(collecting, streaming)
    found.joined(member)
    found.squeeze(member, on=True)
    found.squeeze(member, on=True)
    services.run_deferred(0.0)
    assert collecting.paused
    assert streaming.paused
    found.account(1)
    services.run_deferred(0.0)
    assert collecting.paused
    found.squeeze(member, on=False)
    services.run_deferred(0.0)
    assert [collecting.paused, streaming.paused] == [False, False]
    other = Member(Exchange())
    found.joined(other)
    found.account(100)
    found.squeeze(member, on=True)
    services.run_deferred(0.0)
    assert other.exchanges[0].paused, "the limit counts for all"
    found.squeeze(member, on=False)
    services.run_deferred(0.0)
    assert streaming.paused
    found.account(-101)
    services.run_deferred(0.0)
    assert [collecting.paused, streaming.paused, other.exchanges[0].paused] == [False] * 3
    found.left(member)


def test_what_left_is_not_resumed() -> None:
    found, services = budget()
    gone, stays = Member(Exchange()), Member(Exchange())
    for member in (gone, stays):
        found.joined(member)
        found.squeeze(member, on=True)
    services.run_deferred(0.0)
    for member in (gone, stays):
        found.squeeze(member, on=False)
    found.left(gone)
    services.run_deferred(0.0)
    assert [member.exchanges[0].paused for member in (gone, stays)] == [True, False], "another budget has it now"
