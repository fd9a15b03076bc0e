"""Wrong tokens slow down, and what waits is bounded."""

import pytest
from tests.rigs.core_rig import Rig

from aigw_sansio.downstream.ports import PendingRequest
from aigw_sansio.downstream.token_guard import ADDRESSES, WAITING, WAITING_OF_ADDRESS, TokenGuard


class Guard(Rig):
    def __init__(self) -> None:
        super().__init__()
        self.guard = TokenGuard(self.services)
        self.refused: list[tuple[str, float]] = []

    def wrong(self, address: str = "a") -> PendingRequest | None:
        return self.guard.refuse(address, lambda at: self.refused.append((address, at)), self.now)

    def wait_of_next(self, address: str = "a") -> float:
        pending = self.wrong(address)
        if pending is None:
            return 0.0
        due = self.services.timers.next_deadline()
        assert due is not None
        pending.client_gone(self.now)
        return round(due - self.now, 6)


def test_the_waits_grow_to_two_seconds() -> None:
    guard = Guard()
    waits = [guard.wait_of_next() for _ in range(25)]
    assert waits[:9] == [0.0] * 9
    assert waits[9:19] == pytest.approx([0.2 * n for n in range(1, 11)])
    assert set(waits[19:]) == {2.0}


def test_a_minute_later_all_is_forgotten() -> None:
    guard = Guard()
    for _ in range(30):
        guard.wait_of_next()
    guard.now += 59.9
    assert guard.wait_of_next() == 2.0
    guard.now += 60.0
    assert guard.wait_of_next() == 0.0


def test_another_address_does_not_wait() -> None:
    guard = Guard()
    for _ in range(30):
        guard.wait_of_next()
    assert guard.wait_of_next("b") == 0.0


def test_few_wait_at_once() -> None:
    guard = Guard()
    for _ in range(9):
        guard.wrong()
    waiting = [guard.wrong() for _ in range(WAITING_OF_ADDRESS)]
    assert None not in waiting
    assert guard.wrong() is None, "the next is answered at once"
    for number in range(100):
        for _ in range(9):
            guard.wrong(str(number))
        waiting += [guard.wrong(str(number)) for _ in range(3)]
    assert sum(one is not None for one in waiting) == WAITING
    for one in waiting:
        if one is not None:
            one.client_gone(guard.now)
    assert guard.services.timers.armed == 0
    assert guard.wrong() is not None, "there is room again"


def test_refusals_come_when_they_are_due_and_leave_nothing() -> None:
    guard = Guard()
    for _ in range(11):
        guard.wrong()
    assert len(guard.refused) == 9
    guard.services.timers.fire(guard.now + 0.2)
    guard.services.timers.fire(guard.now + 0.4)
    assert [at - guard.now for _, at in guard.refused[9:]] == pytest.approx([0.2, 0.4])
    assert guard.services.timers.armed == 0


def test_the_oldest_addresses_are_forgotten() -> None:
    guard = Guard()
    for _ in range(9):
        guard.wrong()
    for number in range(ADDRESSES - 1):
        guard.wrong(str(number))
    assert guard.wait_of_next() > 0
    for number in range(ADDRESSES):
        guard.wrong(f"x{number}")
    assert guard.wait_of_next() == 0
    assert len(guard.guard._refusals) == ADDRESSES
