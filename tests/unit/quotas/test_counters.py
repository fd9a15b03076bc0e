"""All counters of a process: several are judged together, and there are never too many."""

import msgspec
import pytest

from aigw_sansio.quota_rules import Counted, Counter
from aigw_sansio.quotas.counters import Counters

ONE = Counter(gateway="a/g", rule="r", value="", amount=1, limit=2, interval_s=60, sliding=True)


def like(**changes: object) -> Counter:
    return msgspec.structs.replace(ONE, **changes)


def test_a_limit_is_kept_exactly_and_the_wait_is_told() -> None:
    counters = Counters()
    assert counters.count([ONE], 0.0, 0.0) == Counted()
    assert counters.count([ONE], 10.0, 10.0) == Counted()
    assert counters.count([ONE], 20.0, 20.0) == Counted(0, 40.0)
    assert counters.count([ONE], 59.9, 59.9).refused == 0
    assert counters.count([ONE], 60.0, 60.0) == Counted()


def test_all_are_added_to_or_none_and_the_longest_wait_is_told() -> None:
    counters = Counters()
    other, third = like(rule="s", limit=1, interval_s=600), like(rule="t", limit=1, interval_s=60)
    assert counters.count([ONE, other, third], 0.0, 0.0) == Counted()
    assert counters.count([ONE, third, other], 1.0, 1.0) == Counted(2, 599.0)
    assert counters.count([ONE], 1.0, 1.0) == Counted()  # the refused one was not counted
    assert counters.count([ONE], 1.0, 1.0).refused == 0


def test_an_amount_of_nothing_is_refused_at_the_limit_and_adds_nothing() -> None:
    counters, ask = Counters(), like(amount=0, limit=100)
    assert [counters.count([ask], 0.0, 0.0).refused for _ in range(3)] == [None] * 3
    assert counters.count([like(amount=99, limit=None)], 0.0, 0.0) == Counted()
    assert counters.count([ask], 0.0, 0.0).refused is None
    assert counters.count([like(amount=70, limit=None)], 0.0, 0.0) == Counted()
    assert counters.count([ask], 0.0, 0.0) == Counted(0, 60.0)


@pytest.mark.parametrize("name", ["gateway", "rule", "value"])
def test_counters_of_another_name_are_others(name: str) -> None:
    counters = Counters()
    assert counters.count([like(limit=1)], 0.0, 0.0) == Counted()
    assert counters.count([like(limit=1, **{name: "x/y"})], 0.0, 0.0) == Counted()
    assert counters.count([like(limit=1)], 0.0, 0.0).refused == 0


def test_values_that_are_too_many_share_one_counter() -> None:
    counters = Counters(most=3)
    for value in "abc":
        assert counters.count([like(value=value)], 0.0, 0.0) == Counted()
    assert counters.count([like(value="d")], 1.0, 1.0) == Counted()
    assert counters.count([like(value="e")], 1.0, 1.0) == Counted()
    assert counters.count([like(value="f")], 1.0, 1.0).refused == 0
    assert counters.count([like(value="a")], 1.0, 1.0) == Counted()  # who has a counter keeps it
    assert counters.count([like(value="a")], 1.0, 1.0).refused == 0
    assert len(counters) == 4
    assert (
        counters.count([like(rule="s")], 1.0, 1.0) == Counted()
    )  # rules without values are as many as the settings say
    assert len(counters) == 5


def test_values_that_a_client_of_one_gateway_makes_up_take_no_room_of_another() -> None:
    counters = Counters(most=3)
    for value in "abcdef":
        counters.count([like(value=value)], 0.0, 0.0)
    for value in "abc":  # each has a counter of its own
        assert [counters.count([like(gateway="b/g", value=value)], 1.0, 1.0).refused for _ in range(3)] == [
            None,
            None,
            0,
        ]


def test_nothing_is_counted_if_nothing_is_asked_for() -> None:
    counters = Counters(most=0)
    assert counters.count([], 0.0, 0.0) == Counted()
    assert len(counters) == 0


def test_counters_that_have_run_out_make_room() -> None:
    counters = Counters(most=3)
    for value in "abc":
        counters.count([like(value=value)], 0.0, 0.0)
    counters.count([like(value="c")], 30.0, 30.0)
    for value in "de":
        assert counters.count([like(value=value)], 61.0, 61.0) == Counted()
    assert len(counters) == 3
    assert counters.count([like(value="c")], 61.0, 61.0) == Counted()
    assert counters.count([like(value="c")], 61.0, 61.0).refused == 0  # its second one still counts


@pytest.mark.parametrize("changes", [{"sliding": False}, {"interval_s": 30.0}])
def test_new_settings_of_a_rule_hold_at_once_and_forget_nothing(changes: dict[str, object]) -> None:
    counters = Counters()
    assert [counters.count([ONE], 10.0, 10.0).refused for _ in range(3)] == [None, None, 0]
    changed = like(**changes)
    refused = counters.count([changed], 15.0, 15.0)
    assert (refused.refused, refused.retry_after_s) == (0, 30.0 if "interval_s" in changes else 45.0)
    assert counters.count([changed], 60.0, 60.0) == Counted()
    assert len(counters) == 1
