"""Whose turn it is: in a lane one after another, side by side across, not too many at a time."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.dialects.commands import Turn
from aigw_sansio.sessions.lanes import Lanes


def turn(name: str, lane: str = "") -> Turn:
    return Turn(name, lane, 10)


def names(lanes: Lanes) -> list[str]:
    """All that may begin now."""
    found = []
    while (one := lanes.next()) is not None:
        found.append(one.event_id)
    return found


def test_a_lane_is_in_order_and_lanes_are_side_by_side() -> None:
    lanes = Lanes(16)
    for one in (turn("a1", "a"), turn("a2", "a"), turn("b1", "b"), turn("1"), turn("2")):
        lanes.add(one)
    assert (lanes.waiting, lanes.size) == (5, 50)
    assert lanes.waiting_ids() == ["a1", "a2", "b1", "1", "2"]
    assert names(lanes) == ["a1", "b1", "1"]
    assert (lanes.waiting, lanes.size) == (2, 20)
    assert lanes.waiting_ids() == ["a2", "2"]
    assert lanes.over("1")
    assert names(lanes) == ["2"]
    assert lanes.over("a1")
    assert not lanes.over("a1"), "it was over before"
    assert names(lanes) == ["a2"]
    assert not lanes.waiting


def test_who_waits_for_room_is_served_in_turn_by_lane() -> None:
    lanes = Lanes(2)
    for name, lane in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c"), ("a3", "a")):
        lanes.add(turn(name, lane))
    assert names(lanes) == ["a1", "b1"]
    lanes.over("a1")
    assert names(lanes) == ["c1"], "it waited before its lane was free"
    lanes.over("b1")
    assert names(lanes) == ["a2"]
    lanes.add(turn("b2", "b"))
    lanes.over("a2")
    assert names(lanes) == ["b2"]
    lanes.over("b2")
    assert names(lanes) == ["a3"]


def test_nothing_is_left_at_the_end() -> None:
    lanes = Lanes(1)
    lanes.add(turn("a1", "a"))
    lanes.add(turn("a2", "a"))
    assert names(lanes) == ["a1"]
    lanes.close()
    assert not lanes.over("a1")
    assert (names(lanes), lanes.waiting, lanes.size) == ([], 0, 0)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=60), st.integers(1, 4))
def test_all_come_once_in_order(moves: Sequence[tuple[bool, str]], most: int) -> None:
    lanes, added, begun, running = Lanes(most), 0, dict[str, list[int]](), list[str]()
    for is_new, lane in moves:
        if is_new or not running:
            lanes.add(turn(f"{lane}{added}", lane))
            added += 1
        else:
            lanes.over(running.pop(0))
        for name in names(lanes):
            running.append(name)
            begun.setdefault(name[0], []).append(int(name[1:]))
        assert len(running) <= most
        assert len({name[0] for name in running}) == len(running), "one at a time in a lane"
    assert all(numbers == sorted(set(numbers)) for numbers in begun.values())
    while running:
        lanes.over(running.pop())
        running += (more := names(lanes))
        for name in more:
            begun.setdefault(name[0], []).append(int(name[1:]))
    assert sum(map(len, begun.values())) == added
