"""Turns: what one call may do, and who is next."""

from collections.abc import Callable

import pytest

from aigw_sansio.engine.turns import EVENT_BYTES, PORTION_COST, TURN_BYTES, TURN_EVENTS, Turns


class Owner:
    """An owner of ``work``, in bytes, that it does in pieces of ``piece``."""

    def __init__(self, turns: Turns, name: str, work: int, log: list[str], *, piece: int = EVENT_BYTES) -> None:
        self.turns, self.name, self.work, self.log, self.piece = turns, name, work, log, piece

    def proceed(self, now: float) -> None:
        self.log.append(self.name)
        while self.work and self.turns.left > 0:
            done = min(self.piece, self.work)
            self.work -= done
            self.turns.left -= done
        if self.work:
            self.turns.postpone(self)


class Rig:
    def __init__(self) -> None:
        self.promises = 0
        self.log: list[str] = []
        self.turns = Turns(self._promise)

    def _promise(self) -> None:
        self.promises += 1

    def owner(self, name: str, work: int) -> Owner:
        owner = Owner(self.turns, name, work, self.log)
        self.turns.postpone(owner)
        return owner

    def turn(self) -> str:
        self.log.clear()
        self.turns.proceed(0.0)
        return "".join(self.log)


def test_a_turn_is_a_mebibyte_or_two_thousand_events() -> None:
    assert TURN_BYTES == 1 << 20
    assert TURN_EVENTS == 2000
    assert TURN_EVENTS * EVENT_BYTES <= TURN_BYTES < (TURN_EVENTS + 2) * EVENT_BYTES


def test_the_driver_is_told_once_and_again_if_work_is_left() -> None:
    rig = Rig()
    owner = rig.owner("a", 3 * TURN_BYTES)
    rig.turns.postpone(owner)
    rig.owner("b", 1)
    assert (rig.promises, rig.turns.waiting) == (1, 2)
    for promises in (2, 3, 4):
        rig.turn()
        assert rig.promises == promises
    rig.turn()
    assert (rig.promises, rig.turns.waiting, owner.work) == (4, 0, 0)
    rig.turn()
    assert rig.promises == 4, "a call without need does nothing"


def test_owners_get_a_share_in_turn() -> None:
    rig = Rig()
    for name in "abc":
        rig.owner(name, 10 * TURN_BYTES)
    assert rig.turn()[:6] == "abcabc"
    last = rig.log[-1]
    assert rig.turn()[0] != last, "the next turn goes on behind the last owner"


def test_little_work_waits_for_one_share_of_each_other() -> None:
    rig = Rig()
    for number in range(30):
        rig.owner(chr(65 + number), 100 * TURN_BYTES)
    small = rig.owner("!", 10)
    turns = 0
    while small.work:
        rig.turn()
        turns += 1
    assert turns <= 31 * PORTION_COST // TURN_BYTES + 1


def test_a_turn_does_no_more_than_its_budget_and_one_share() -> None:
    rig = Rig()
    owners = [rig.owner(name, 10 * TURN_BYTES) for name in "abc"]
    before = sum(owner.work for owner in owners)
    rig.turn()
    assert TURN_BYTES <= before - sum(owner.work for owner in owners) <= TURN_BYTES + PORTION_COST


def test_who_ends_is_not_called_any_more() -> None:
    rig = Rig()
    owner = rig.owner("a", 1)
    rig.owner("b", 1)
    rig.turns.withdraw(owner)
    assert rig.turn() == "b"


def test_an_owner_that_does_nothing_counts_all_the_same() -> None:
    rig = Rig()

    class Idle:
        calls = 0

        def proceed(self, now: float) -> None:
            self.calls += 1
            rig.turns.postpone(self)

    idle = Idle()
    rig.turns.postpone(idle)
    rig.turn()
    assert 0 < idle.calls <= TURN_EVENTS + 2


@pytest.mark.parametrize("alone_first", [False, True])
def test_what_needs_a_turn_of_its_own_gets_one_and_shared_turns_go_on(alone_first: bool) -> None:
    rig = Rig()
    seen: list[tuple[str, bool]] = []

    class Large:
        def __init__(self, name: str, again: int, wait: Callable[["Large"], None]) -> None:
            self.name, self.again, self.wait = name, again, wait

        def proceed(self, now: float) -> None:
            seen.append((self.name, rig.turns.may_take(20 * TURN_BYTES)))
            rig.turns.left -= 20 * TURN_BYTES
            self.again -= 1
            if self.again:
                self.wait(self)

    large = Large("large", 3, rig.turns.postpone_alone)
    small = Large("small", 3, rig.turns.postpone)
    for owner in (large, small) if alone_first else (small, large):
        owner.wait(owner)
    turns = 0
    while rig.turns.waiting:
        rig.turn()
        turns += 1
    assert turns == 6, "each was the only one of its turn"
    assert all(fits for _, fits in seen)
    names = [name for name, _ in seen]
    assert names in (["small", "large"] * 3, ["large", "small"] * 3)


def test_only_the_first_of_a_turn_may_be_larger_than_what_is_left() -> None:
    turns = Rig().turns
    assert turns.may_take(5 * TURN_BYTES)
    assert turns.is_untouched(turns.left)
    turns.left -= 1
    assert not turns.may_take(TURN_BYTES)
    assert turns.may_take(TURN_BYTES - 1)


def test_an_error_in_the_work_of_one_owner_does_not_stop_the_others() -> None:
    rig = Rig()

    class Faulty:
        def proceed(self, now: float) -> None:
            raise RuntimeError

    rig.turns.postpone(Faulty())
    owner = rig.owner("b", 1)
    assert rig.promises == 1
    with pytest.raises(RuntimeError):
        rig.turn()
    assert (rig.promises, rig.turns.waiting) == (2, 1)
    assert rig.turns.is_untouched(TURN_BYTES)
    rig.turn()
    assert (owner.work, rig.turns.waiting) == (0, 0)
