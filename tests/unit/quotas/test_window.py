"""One counter: what it counts, and until when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.quotas.window import EXACT, Window


def rolled(window: Window, now: float, unix_time: float | None = None) -> int:
    window.roll(now, now if unix_time is None else unix_time)
    return window.used


def test_a_fixed_window_is_aligned_to_the_clock() -> None:
    window = Window(60, sliding=False)
    assert rolled(window, 5.0, 1000 * 60 + 50.0) == 0
    window.add(3, 5.0)
    assert window.room_in(1, 3, 5.0) == 10.0
    assert rolled(window, 14.9, 1000 * 60 + 59.9) == 3
    assert rolled(window, 15.0, 1001 * 60.0) == 0
    assert window.ends_in(15.0) == 60.0


@pytest.mark.parametrize("wall", [-1e9, 0.0, 59.0, 1e9])
def test_a_wall_clock_that_is_set_neither_empties_nor_prolongs_a_fixed_window(wall: float) -> None:
    window = Window(60, sliding=False)
    rolled(window, 0.0, 0.0)
    window.add(3, 0.0)
    assert rolled(window, 59.9, wall) == 3
    assert rolled(window, 60.0, wall) == 0
    assert 0 < window.ends_in(60.0) <= 60
    assert (wall + window.ends_in(60.0)) % 60 == 0  # aligned to the new time


def test_a_sliding_window_forgets_each_when_its_time_is_over() -> None:
    window = Window(60, sliding=True)
    for now in (0.0, 10.0, 20.0):
        rolled(window, now)
        window.add(1, now)
    assert window.room_in(1, 3, 20.0) == 40.0
    assert window.room_in(2, 3, 20.0) == 50.0
    assert window.room_in(1, 4, 20.0) == 0.0
    assert (rolled(window, 59.9), rolled(window, 60.0), rolled(window, 79.9), rolled(window, 80.0)) == (3, 2, 1, 0)
    assert window.ends_in(80.0) == 0.0


def test_more_than_a_limit_allows_never_fits() -> None:
    window = Window(60, sliding=True)
    assert window.room_in(5, 4, 0.0) == 60.0


def test_many_additions_take_little_memory_and_are_never_forgotten_too_soon() -> None:
    window = Window(60, sliding=True)
    rolled(window, 0.0)
    for index in range(100_000):
        window.add(1, index * 0.0005)  # 50 s
    assert window._entries is not None
    assert len(window._entries) <= 2 * EXACT
    assert rolled(window, 60.0) >= 100_000 - 1  # what came at 0 is over
    # at 80 s the last 60 s have what came from 20 s on
    assert 60_000 - 1 <= rolled(window, 80.0) <= 60_000 + 2000 * 60 / EXACT
    assert rolled(window, 110.0) == 0


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 5)), max_size=400), st.booleans())
def test_what_is_let_through_is_never_more_than_the_limit(gaps: list[tuple[float, int]], sliding: bool) -> None:
    window, limit, now = Window(60, sliding=sliding), 10, 0.0
    passed: list[tuple[float, int]] = []
    for gap, amount in gaps:
        now += gap
        window.roll(now, now)
        if window.used + amount <= limit:
            window.add(amount, now)
            passed.append((now, amount))
        else:
            wait = window.room_in(amount, limit, now) + 1e-6  # floats are rounded
            assert 1e-6 < wait <= 60 + 1e-6
            window.roll(now + wait, now + wait)
            assert window.used + amount <= limit
            now += wait
    for at, _ in passed:
        if sliding:
            within = sum(amount for then, amount in passed if at - 60 < then <= at)
        else:
            within = sum(amount for then, amount in passed if then // 60 == at // 60)
        assert within <= limit


@pytest.mark.parametrize("sliding", [False, True])
def test_what_is_remembered_goes_on_counting(*, sliding: bool) -> None:
    window = Window(60, sliding=sliding)
    for now in (120.0, 130.0):
        rolled(window, now)
        window.add(2, now)
    again = Window(60, sliding=sliding)
    assert again.restore(window.state(), 140.0) is False
    assert rolled(again, 140.0) == 4
    assert again.ends_in(140.0) == window.ends_in(140.0)
    assert rolled(again, 180.0) == (2 if sliding else 0)
    assert Window(60, sliding=sliding).restore([], 0.0) is False


@pytest.mark.parametrize("sliding", [False, True])
def test_what_is_remembered_of_later_counts_as_if_it_were_of_now(*, sliding: bool) -> None:
    window = Window(60, sliding=sliding)
    rolled(window, 10_000.0)
    window.add(2, 10_000.0)
    again = Window(60, sliding=sliding)
    assert again.restore(window.state(), 120.0) is True
    assert rolled(again, 120.0) == 2
    assert again.ends_in(120.0) == 60.0
    assert again.restore(again.state(), 120.0) is False
