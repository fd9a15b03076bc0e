"""How many run in all processes, and how they are forgotten."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.quota_rules import Places
from aigw_sansio.quotas.leases import Leases

ONE = Places(gateway="a/g", holder="p", running=1, number=1, limit=3, lease_s=15.0)


def like(holder: str, running: int, number: int, limit: int | None = 3) -> Places:
    return msgspec.structs.replace(ONE, holder=holder, running=running, number=number, limit=limit)


def test_all_processes_together_run_no_more_than_the_limit() -> None:
    leases = Leases()
    for number, (holder, running, fits) in enumerate(
        [("p", 2, True), ("q", 1, True), ("q", 2, False), ("p", 3, False)]
    ):
        wanted = like(holder, running, number)
        assert leases.may(wanted, 0.0) is fits
        if fits:
            leases.tell(wanted, 0.0)
    leases.tell(like("p", 1, 9, None), 0.0)
    assert leases.may(like("q", 2, 10), 0.0)
    assert leases.may(like("q", 99, 11, None), 0.0)


def test_what_is_older_than_what_is_known_says_nothing() -> None:
    leases = Leases()
    leases.tell(like("p", 1, 5), 0.0)
    leases.tell(like("p", 3, 4), 1.0)
    assert leases.state() == [("p", 1, 5, 15.0)]
    leases.tell(like("p", 3, 6), 2.0)
    assert leases.state() == [("p", 3, 6, 17.0)]
    leases.tell(like("p", 0, 1), 17.0)  # its lease is over: it is another one by now, or has waited long
    assert leases.state() == [("p", 0, 1, 32.0)]


def test_a_process_that_says_nothing_more_runs_nothing_after_its_lease() -> None:
    leases = Leases()
    leases.tell(like("gone", 3, 1), 0.0)
    assert not leases.may(like("p", 1, 1), 14.9)
    assert leases.may(like("p", 1, 1), 15.0)
    leases.tell(like("p", 1, 1), 15.0)
    assert [holder for holder, *_ in leases.state()] == ["p"]
    assert leases.ends == 30.0
    assert Leases().ends == 0.0


def test_a_clock_that_is_set_back_prolongs_no_lease() -> None:
    leases = Leases([("gone", 3, 1, 1000.0), ("over", 3, 1, 10.0)], 10.0, 15.0)
    assert leases.state() == [("gone", 3, 1, 25.0)]


@given(st.lists(st.tuples(st.sampled_from("pq"), st.booleans(), st.integers(0, 9)), max_size=40))
def test_whatever_is_lost_the_next_message_puts_it_right(moves: list[tuple[str, bool, int]]) -> None:
    """Messages are lost, or come late: at the end each process tells once more, and all is as it is."""
    leases, run, late, number = Leases(), {"p": 0, "q": 0}, list[Places](), 0
    for holder, begins, fate in moves:
        number += 1
        wanted = (
            like(holder, run[holder] + 1, number, 5) if begins else like(holder, max(0, run[holder] - 1), number, None)
        )
        fits = leases.may(wanted, 0.0)
        if fate == 0:
            late.append(wanted)
        elif fits:
            leases.tell(wanted, 0.0)
            run[holder] = wanted.running
        if fate == 9 and late:
            leases.tell(late.pop(), 0.0)
    for holder, running in run.items():
        number += 1
        leases.tell(like(holder, running, number, None), 0.0)
    for old in late:
        leases.tell(old, 0.0)
    assert {holder: running for holder, running, *_ in leases.state()} == run
