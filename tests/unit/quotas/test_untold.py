"""What the host is owed: how much is kept, and that nothing of it is lost or given to another."""

from aigw_sansio.quota_rules import Counter
from aigw_sansio.quotas.untold import Untold, Used

ONE = Counter(gateway="a/g", rule="r", value="u", amount=2, limit=9, interval_s=60.0, sliding=True)


def of(value: str, amount: int = 2, gateway: str = "a/g") -> Counter:
    return Counter(gateway=gateway, rule="r", value=value, amount=amount, limit=9, interval_s=60.0, sliding=True)


def told(untold: Untold, now: float = 0.0, gateway: str = "a/g") -> list[tuple[str, int, int | None]]:
    return [(used.counter.value, used.counter.amount, used.counter.limit) for used in untold.take(gateway, now)]


def test_what_is_owed_is_added_up_and_taken_once() -> None:
    untold = Untold()
    assert not untold
    untold.keep([Used(of("u"), 60.0), Used(of("v"), 60.0)], 0.0)
    untold.keep([Used(of("u", 5), 61.0), Used(of("over"), 1.0)], 1.0)
    untold.keep([Used(of("u", gateway="a/h"), 60.0)], 1.0)
    assert untold
    assert told(untold, 1.0) == [("u", 7, 9), ("v", 2, 9)]
    assert told(untold) == []
    assert told(untold, gateway="a/h") == [("u", 2, 9)]
    assert not untold


def test_there_is_room_for_so_many_of_each_gateway() -> None:
    untold = Untold(most=2)
    assert untold.reserve([of("u"), of("v")], 0.0)
    assert untold.reserve([of("u")], 0.0)
    assert not untold.reserve([of("w")], 1.0)
    assert untold.reserve([of("w", gateway="a/h")], 1.0)
    untold.keep([Used(of("w"), 61.0)], 1.0)  # it was used, so it is kept
    assert not untold.reserve([of("x")], 59.9)  # nothing can have run out
    assert untold.reserve([of("x")], 60.5)
    assert told(untold, 61.5) == []  # room that was not used is not told
    assert not untold.take("a/g", 61.5)
