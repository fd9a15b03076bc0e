"""The guard of the process's memory: who is not read, who is closed, and when it looks."""

import pytest

from aigw_sansio.config import Config, Limits, Timeouts
from aigw_sansio.engine.memory import MemoryGuard
from aigw_sansio.engine.services import NEVER, Services

KIB = 1024
LIMIT = 6400 * KIB


class Holder:
    """A socket that holds so many KiB, and frees them if it is closed."""

    def __init__(self, name: str, kib: int) -> None:
        self.name = name
        self.kib = kib
        self.squeezed = False
        self.reason = ""

    @property
    def held(self) -> int:
        return self.kib * KIB

    def squeeze(self, now: float, *, on: bool) -> None:
        assert self.squeezed is not on
        self.squeezed = on

    def close_for_memory(self, reason: str, now: float) -> None:
        assert not self.reason
        self.reason = reason
        self.kib = 0
        self.squeezed = False


class Scene:
    """Sockets and their guard."""

    def __init__(self, *kib: int, limit: int | None = LIMIT) -> None:
        config = Config(limits=Limits(memory_bytes=limit), timeouts=Timeouts(memory_wait_s=5))
        self.services = Services(config, b"a seed of sixteen", 0.0)
        self.holders = [Holder(f"h{index}", size) for index, size in enumerate(kib)]
        self.rest = 0
        self.counted = 0
        self.guard = MemoryGuard(self.services, self._measure)

    def _measure(self) -> tuple[int, list[Holder]]:
        self.counted += 1
        return self.rest * KIB + sum(holder.held for holder in self.holders), [*self.holders]

    def squeezed(self) -> list[str]:
        return [holder.name for holder in self.holders if holder.squeezed]

    def closed(self) -> list[str]:
        return [holder.name for holder in self.holders if holder.reason]

    def pass_until(self, time: float) -> None:
        while (due := self.services.timers.next_deadline()) is not None and due <= time:
            self.services.timers.fire(due)


def test_within_the_limit_nothing_happens_and_nothing_is_armed() -> None:
    scene = Scene(3000, 3400)
    scene.guard.weigh(0.0)
    assert (scene.squeezed(), scene.services.short_of_memory, scene.services.timers.armed) == ([], False, 0)


def test_without_a_limit_nothing_is_ever_counted() -> None:
    scene = Scene(1 << 40, limit=None)
    assert scene.services.weigh_after == NEVER
    scene.guard.weigh(0.0)
    assert scene.counted == 0


@pytest.mark.parametrize(("held", "next_after"), [(0, 3200), (6000, 200), (6400, 100), (6399, 100), (9000, 100)])
def test_it_counts_again_after_half_of_the_room_or_a_64th_of_the_limit(held: int, next_after: int) -> None:
    scene = Scene(held)
    assert scene.services.weigh_after == LIMIT // 2
    scene.guard.weigh(0.0)
    assert scene.services.weigh_after == next_after * KIB
    scene.services.grow(next_after * KIB)
    scene.services.run_deferred(0.0)
    assert scene.counted == 1
    scene.services.grow(1)
    scene.services.run_deferred(0.0)
    assert scene.counted == 2, "what grows inside counts too"


def test_those_that_hold_most_are_not_read_and_the_others_are() -> None:
    scene = Scene(10, 5000, 20, 3000)
    scene.guard.weigh(0.0)
    assert scene.services.short_of_memory
    assert scene.squeezed() == ["h1", "h3"]
    scene.holders[3].kib = 20
    scene.holders[0].kib = 4000
    scene.pass_until(0.25)
    assert scene.squeezed() == ["h0", "h1"], "it is decided anew"


@pytest.mark.parametrize(("total", "squeezed"), [
    (6401, ["large"]),
    (6800, ["large", "medium"]),
    (7200, ["large", "medium", "small"]),
    (64000, ["large", "medium", "small"]),
])  # fmt: skip
def test_the_more_it_is_the_less_a_socket_may_hold(total: int, squeezed: list[str]) -> None:
    """The average is 500 KiB; a socket that holds less than 32 is always read."""
    scene = Scene()
    sizes = {"large": 1000, "medium": 350, "small": 150, "tiny": 31}
    scene.holders = [Holder(name, size) for name, size in sizes.items()]
    scene.rest = total - 1531
    scene.guard.weigh(0.0)
    assert scene.squeezed() == squeezed


def test_if_many_hold_little_nobody_is_closed() -> None:
    """Refusing new ones is what helps: closing those that work would help whoever opened the many."""
    scene = Scene(*[31] * 300)
    scene.guard.weigh(0.0)
    scene.pass_until(60.0)
    assert (scene.squeezed(), scene.closed(), scene.services.short_of_memory) == ([], [], True)
    scene.holders = scene.holders[:200]
    scene.pass_until(60.25)
    assert not scene.services.short_of_memory


def test_when_enough_is_free_all_go_on() -> None:
    scene = Scene(5000, 3000)
    scene.guard.weigh(0.0)
    scene.holders[0].kib = 3400
    scene.pass_until(0.25)
    assert (scene.squeezed(), scene.closed(), scene.services.short_of_memory) == ([], [], False)
    assert scene.services.timers.armed == 0


def test_if_nothing_becomes_free_the_largest_is_closed_and_no_other() -> None:
    scene = Scene(3000, 4000, 10)
    scene.guard.weigh(0.0)
    scene.pass_until(4.9)
    assert scene.closed() == []
    scene.pass_until(5.0)
    assert scene.closed() == ["h1"]
    assert scene.holders[1].reason == (
        f"the gateway's memory is used up (memory_bytes, {LIMIT}), and this socket holds {4000 * KIB} of it"
    )
    scene.pass_until(5.25)
    assert (scene.squeezed(), scene.services.short_of_memory) == ([], False)


def test_so_many_are_closed_as_is_needed() -> None:
    scene = Scene(*[1000] * 12)
    scene.guard.weigh(0.0)
    scene.pass_until(60.0)
    assert len(scene.closed()) == 6


def test_while_something_becomes_free_nobody_is_closed() -> None:
    scene = Scene(9000)
    scene.guard.weigh(0.0)
    for second in range(1, 20):
        scene.pass_until(second)
        scene.holders[0].kib -= 100
    assert scene.closed() == []
    scene.pass_until(24.5)
    assert scene.closed() == ["h0"]


def test_the_wait_begins_again_if_closing_did_not_help() -> None:
    scene = Scene(100, 40)
    scene.rest = 6400
    scene.guard.weigh(0.0)
    scene.pass_until(5.0)
    assert scene.closed() == ["h0", "h1"]
    scene.holders.append(Holder("late", 50))
    scene.pass_until(9.9)
    assert scene.closed() == ["h0", "h1"]
    scene.pass_until(10.0)
    assert scene.closed() == ["h0", "h1", "late"]
