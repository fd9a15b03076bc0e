"""Timers: a heap that is lazy about later deadlines, against a list that is not."""

import gc
import weakref

from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.compiled import needs_sources

from aigw_sansio.engine.timers import NO_TIMER, Timer, Timers

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("arm"), st.integers(0, 4), st.integers(0, 12)),
        st.tuples(st.just("disarm"), st.integers(0, 4), st.just(0)),
        st.tuples(st.just("close"), st.integers(0, 4), st.just(0)),
        st.tuples(st.just("pass"), st.just(0), st.integers(0, 8)),
        st.tuples(st.just("fire"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@given(MOVES, st.booleans())
def test_it_is_a_list_of_deadlines(moves: list[tuple[str, int, int]], tidy: bool) -> None:
    timers = Timers()
    fired: list[tuple[int, float]] = []
    owned = [timers.timer(lambda now, i=i: fired.append((i, now))) for i in range(5)]  # type: ignore[misc]
    model: dict[int, float] = {}
    now = 0.0
    for move, index, n in moves:
        if tidy:
            timers._search_at = 0
        if move == "close":
            model.pop(index, None)
            owned[index].close()
            owned[index] = timers.timer(lambda now, i=index: fired.append((i, now)))  # type: ignore[misc]
        elif move == "arm":
            model[index] = now + n
            owned[index].arm(now + n)
        elif move == "disarm":
            model.pop(index, None)
            owned[index].cancel()
        elif move == "pass":
            now += n
        else:
            fired.clear()
            timers.fire(now)
            due = sorted(deadline for deadline in model.values() if deadline <= now)
            assert [deadline for i, _ in fired for deadline in [model[i]]] == due, "each once, in order of deadline"
            assert all(at == now for _, at in fired)
            model = {i: deadline for i, deadline in model.items() if deadline > now}
            assert timers.next_deadline() is None or timers.next_deadline() > now  # type: ignore[operator]
        assert timers.next_deadline() == min(model.values(), default=None)
        assert timers.armed == len(model)
        assert [timer.deadline for timer in owned] == [model.get(i) for i in range(5)]


def test_arming_later_adds_nothing_to_the_heap() -> None:
    timers = Timers()
    timer = timers.timer(lambda now: None)
    for chunk in range(10_000):
        timer.arm(600.0 + chunk)
    assert len(timers._heap) == 1
    assert timers.next_deadline() == 600.0 + 9_999


def test_a_callback_may_arm_its_timer_again() -> None:
    timers = Timers()
    calls: list[float] = []

    def tick(now: float) -> None:
        calls.append(now)
        timer.arm(now + 10)

    timer = timers.timer(tick)
    timer.arm(5)
    timers.fire(7)
    assert calls == [7]
    assert timers.next_deadline() == 17


def test_what_a_callback_arms_at_or_before_now_fires_too() -> None:
    timers = Timers()
    calls: list[str] = []

    def first(now: float) -> None:
        calls.append("first")
        second.arm(now)
        third.arm(now - 3)

    timer = timers.timer(first)
    second = timers.timer(lambda now: calls.append("second"))
    third = timers.timer(lambda now: calls.append("third"))
    timer.arm(1)
    timers.fire(4)
    assert calls == ["first", "third", "second"]
    assert timers.next_deadline() is None


def test_a_callback_may_disarm_what_is_due() -> None:
    timers = Timers()
    calls: list[str] = []
    first = timers.timer(lambda now: second.cancel())
    second = timers.timer(lambda now: calls.append("second"))
    first.arm(1)
    second.arm(2)
    timers.fire(3)
    assert calls == []


def test_a_callback_may_put_off_what_is_due() -> None:
    timers = Timers()
    calls: list[float] = []
    first = timers.timer(lambda now: second.arm(9))
    second = timers.timer(calls.append)
    first.arm(1)
    second.arm(2)
    timers.fire(3)
    assert calls == []
    timers.fire(9)
    assert calls == [9]


def test_the_same_deadline_fires_in_the_order_of_arming() -> None:
    timers = Timers()
    calls: list[int] = []
    owned = [timers.timer(lambda now, i=i: calls.append(i)) for i in range(20)]  # type: ignore[misc]
    for timer in owned:
        timer.arm(1)
    timers.fire(1)
    assert calls == list(range(20))


def test_earlier_then_later_then_earlier() -> None:
    timers = Timers()
    calls: list[float] = []
    timer = timers.timer(calls.append)
    timer.arm(10)
    timer.arm(5)
    timers.fire(5)
    timer.arm(10)
    timers.fire(9)
    timers.fire(10)
    timers.fire(20)
    assert calls == [5, 10]


def test_timers_that_are_never_armed_again_are_not_kept() -> None:
    """Every exchange leaves timers behind that stood far in the future; an earlier one keeps the heap from emptying."""
    timers = Timers()
    timers.timer(lambda now: None).arm(1)
    for _ in range(10_000):
        timer = timers.timer(lambda now: None)
        timer.arm(86_400)
        timer.cancel()
    assert len(timers._heap) <= 300
    assert timers.armed == 1
    assert timers.next_deadline() == 1


def test_closed_timers_do_not_fill_the_heap() -> None:
    """Each connection leaves some that were armed for far away, and others live on."""
    timers = Timers()
    living = [timers.timer(lambda now: None) for _ in range(10)]
    for timer in living:
        timer.arm(90_000)
    for _ in range(1000):
        timer = timers.timer(lambda now: None)
        timer.arm(86_400)
        timer.close()
        assert len(timers._heap) <= len(living) + 17
    assert timers.armed == len(living)
    assert timers.next_deadline() == 90_000


@needs_sources
def test_closing_timers_costs_constant_time_on_average() -> None:
    """Whatever else is in the heap, and whichever of them close: each entry is looked at a few times."""

    class Counted(Timers):
        looked_at = 0

        def _clear_out(self) -> None:
            self.looked_at += len(self._heap)
            super()._clear_out()

    for alive in (0, 100, 10_000):
        timers = Counted()
        for _ in range(alive):
            timers.timer(lambda now: None).arm(90_000)
        armed = [timers.timer(lambda now: None) for _ in range(10_000)]
        for timer in armed:
            timer.arm(86_400)
        timers.looked_at = 0
        for timer in armed:
            timer.close()
        assert timers.looked_at <= 3 * len(armed)
        assert len(timers._heap) <= 2 * alive + 17


def test_a_closed_timer_is_never_armed_again() -> None:
    timers = Timers()
    fired: list[float] = []
    timer = timers.timer(fired.append)
    timer.arm(5)
    timer.close()
    timer.close()
    timer.arm(3)
    timer.arm(7)
    assert timers.armed == 0
    assert timers.next_deadline() is None
    timers.fire(10)
    assert fired == []


def test_a_timer_that_may_never_be_needed_is_made_when_it_is_armed() -> None:
    timers = Timers()
    fired: list[float] = []
    timer = NO_TIMER
    timer.cancel()
    timer.close()
    assert timers.next_deadline() is None
    timer = timers.arm(timer, fired.append, 5)
    assert timers.arm(timer, fired.clear, 3) is timer  # the callback is that of the first
    other = timers.arm(NO_TIMER, fired.append, 4)
    assert (timers.next_deadline(), timers.armed) == (3, 2)
    other.close()
    timers.fire(10)
    assert fired == [10]
    assert NO_TIMER.deadline is None


def test_a_timer_may_be_closed_by_its_own_callback() -> None:
    timers = Timers()

    def tick(now: float) -> None:
        timer.close()
        timer.arm(now + 1)

    timer = timers.timer(tick)
    timer.arm(1)
    timers.fire(1)
    assert timers.next_deadline() is None


def test_a_timer_that_is_closed_lets_its_owner_go() -> None:
    class Owner:
        def on_time(self, now: float) -> None:
            raise AssertionError

    timers = Timers()
    owner = Owner()
    timer: Timer = timers.timer(owner.on_time)
    timer.arm(600)
    gone = weakref.ref(owner)
    gc.disable()
    try:
        timer.close()
        del owner
        assert gone() is None
    finally:
        gc.enable()
    timers.fire(1000)
    assert timers.next_deadline() is None
