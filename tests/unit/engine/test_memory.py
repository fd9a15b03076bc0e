"""The guard of the process's memory: who is not read, who is closed, and when it looks."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from aigw_sansio.config import Config, Limits, Timeouts
from aigw_sansio.engine.memory import ClientId, MemoryGuard
from aigw_sansio.engine.services import NEVER, Services
from aigw_sansio.engine.turns import EVENT_BYTES, TURN_BYTES
from aigw_sansio.ids import ConnId

KIB = 1024
LIMIT = 6400 * KIB


class Holder:
    """A socket that holds so many KiB, and frees them if it is closed."""

    def __init__(self, name: str, kib: int) -> None:
        self.name = name
        self.kib = kib
        self.squeezed = False
        self.reason = ""


class Scene:
    """Sockets and their guard."""

    def __init__(self, *kib: int, limit: int | None = LIMIT) -> None:
        config = Config(limits=Limits(memory_bytes=limit), timeouts=Timeouts(memory_wait_s=5))
        self.services = Services(config, b"a seed of sixteen", 0.0)
        self.holders = [Holder(f"h{index}", size) for index, size in enumerate(kib)]
        self.rest = 0
        self.counted = 0
        self.asked = 0
        self.guard = MemoryGuard(self.services, self)
        self.guard.watch()

    # -- Census -------------------------------------------------------------------------------------------------

    def connections(self) -> list[ConnId]:
        """One for each holder, and one, -1, for the rest."""
        self.counted += 1
        return [ConnId(index) for index in range(-1, len(self.holders))]

    def count(self, conn: ConnId, held: dict[ClientId, int], least: int) -> tuple[int, int]:
        self.asked += 1
        if conn < 0:
            return self.rest * KIB, 1
        if conn >= len(self.holders):
            return 0, 1
        size = self.holders[conn].kib * KIB
        if size >= least:
            held[conn, 0] = size
        return size, 1

    def squeeze(self, client: ClientId, now: float, *, on: bool) -> None:
        if client[0] < len(self.holders):
            self.holders[client[0]].squeezed = on

    def close_largest(self, client: ClientId, excess: int, why: str, now: float) -> int:
        holder = self.holders[client[0]]
        assert not holder.reason
        size = holder.kib * KIB
        holder.reason = why
        holder.kib = 0
        holder.squeezed = False
        return size

    # -- what became of them ------------------------------------------------------------------------------------

    def squeezed(self) -> list[str]:
        return [holder.name for holder in self.holders if holder.squeezed]

    def closed(self) -> list[str]:
        return [holder.name for holder in self.holders if holder.reason]

    def weigh(self, now: float) -> None:
        """All that follows from one call, at once."""
        self.guard.weigh(now)
        self.work(now)

    def work(self, now: float) -> None:
        while self.services.turns.waiting:
            self.services.turns.proceed(now)

    def pass_until(self, time: float) -> None:
        while (due := self.services.timers.next_deadline()) is not None and due <= time:
            self.services.timers.fire(due)
            self.work(due)


def test_within_the_limit_nothing_happens_and_nothing_is_armed() -> None:
    scene = Scene(3000, 3400)
    scene.weigh(0.0)
    assert (scene.squeezed(), scene.services.short_of_memory, scene.services.timers.armed) == ([], False, 0)


def test_without_a_limit_nothing_is_ever_counted() -> None:
    scene = Scene(1 << 40, limit=None)
    assert scene.services.unweighed == NEVER
    scene.weigh(0.0)
    assert scene.counted == 0


@pytest.mark.parametrize(("held", "next_after"), [(0, 3200), (6000, 200), (6400, 100), (6399, 100), (9000, 100)])
def test_it_counts_again_after_half_of_the_room_or_a_64th_of_the_limit(held: int, next_after: int) -> None:
    scene = Scene(held)
    assert scene.services.unweighed == LIMIT // 2
    scene.weigh(0.0)
    assert scene.services.unweighed == next_after * KIB
    scene.services.grow(next_after * KIB)
    scene.services.run_deferred(0.0)
    scene.work(0.0)
    assert scene.counted == 1
    scene.services.grow(1)
    scene.services.run_deferred(0.0)
    assert scene.counted == 2, "what grows inside counts too"


def test_those_that_hold_most_are_not_read_and_the_others_are() -> None:
    scene = Scene(10, 5000, 20, 3000)
    scene.weigh(0.0)
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
    scene.weigh(0.0)
    assert scene.squeezed() == squeezed


def test_if_many_hold_little_nobody_is_closed() -> None:
    """Refusing new ones is what helps: closing those that work would help whoever opened the many."""
    scene = Scene(*[31] * 300)
    scene.weigh(0.0)
    scene.pass_until(60.0)
    assert (scene.squeezed(), scene.closed(), scene.services.short_of_memory) == ([], [], True)
    scene.holders = scene.holders[:200]
    scene.pass_until(60.25)
    assert not scene.services.short_of_memory


def test_when_enough_is_free_all_go_on() -> None:
    scene = Scene(5000, 3000)
    scene.weigh(0.0)
    scene.holders[0].kib = 3400
    scene.pass_until(0.25)
    assert (scene.squeezed(), scene.closed(), scene.services.short_of_memory) == ([], [], False)
    assert scene.services.timers.armed == 0


def test_if_nothing_becomes_free_the_largest_is_closed_and_no_other() -> None:
    scene = Scene(3000, 4000, 10)
    scene.weigh(0.0)
    scene.pass_until(4.9)
    assert scene.closed() == []
    scene.pass_until(5.0)
    assert scene.closed() == ["h1"]
    assert scene.holders[1].reason == f"the gateway's memory is used up (memory_bytes, {LIMIT})"
    scene.pass_until(5.25)
    assert (scene.squeezed(), scene.services.short_of_memory) == ([], False)


def test_so_many_are_closed_as_is_needed() -> None:
    scene = Scene(*[1000] * 12)
    scene.weigh(0.0)
    scene.pass_until(60.0)
    assert len(scene.closed()) == 6


def test_while_something_becomes_free_nobody_is_closed() -> None:
    scene = Scene(9000)
    scene.weigh(0.0)
    for second in range(1, 20):
        scene.pass_until(second)
        scene.holders[0].kib -= 100
    assert scene.closed() == []
    scene.pass_until(24.5)
    assert scene.closed() == ["h0"]


def test_the_wait_begins_again_if_closing_did_not_help() -> None:
    scene = Scene(100, 40)
    scene.rest = 6400
    scene.weigh(0.0)
    scene.pass_until(5.0)
    assert scene.closed() == ["h0", "h1"]
    scene.holders.append(Holder("late", 50))
    scene.pass_until(9.9)
    assert scene.closed() == ["h0", "h1"]
    scene.pass_until(10.0)
    assert scene.closed() == ["h0", "h1", "late"]


# -- a count is divided over turns -----------------------------------------------------------------------------------


def crowd(sockets: int, *, over: bool = False) -> Scene:
    """So many that hold 40 KiB each; ``over``: that is more than the limit."""
    return Scene(*[40] * sockets, limit=sockets * (39 if over else 80) * KIB)


def shares(scene: Scene) -> Iterator[None]:
    """One share of a turn after the other, as long as work is left."""
    while scene.services.turns.waiting:
        scene.services.turns.withdraw(scene.guard)
        scene.services.turns.left = TURN_BYTES
        scene.guard.proceed(0.0)
        yield


def test_each_share_counts_a_portion_and_pays_for_it() -> None:
    scene = crowd(1000)
    scene.guard.weigh(0.0)
    asked = [scene.asked]
    for _ in shares(scene):
        asked.append(scene.asked - sum(asked))
        assert scene.services.turns.left == TURN_BYTES - EVENT_BYTES * asked[-1]
    assert asked == [250, 250, 250, 250, 1]


def test_bytes_that_come_meanwhile_drive_it() -> None:
    scene = crowd(1000)
    scene.guard.weigh(0.0)
    before = scene.services.unweighed
    assert before == 64 * KIB
    for _ in range(4):
        scene.services.grow(64 * KIB + 1)
        scene.services.run_deferred(0.0)
    assert not scene.services.turns.waiting
    assert scene.services.unweighed == 20000 * KIB, "half of the room"


def test_what_follows_is_divided_too() -> None:
    scene = crowd(1000, over=True)
    scene.guard.weigh(0.0)
    seen = [0, *(len(scene.squeezed()) for _ in shares(scene))]
    assert seen[-1] == 1000
    assert max(after - before for before, after in pairwise(seen)) <= 250
    scene.holders = scene.holders[:900]
    scene.pass_until(0.25)
    assert scene.squeezed() == []


def test_who_is_gone_when_its_turn_comes_is_left_out() -> None:
    scene = crowd(600, over=True)
    scene.guard.weigh(0.0)
    del scene.holders[10:]
    scene.work(0.0)
    scene.pass_until(0.25)
    assert (scene.squeezed(), scene.services.short_of_memory) == ([], False)


def test_who_was_to_be_read_again_is_though_a_new_decision_comes_before() -> None:
    """Two decisions in a row, of which the first is not carried out."""
    scene = crowd(600, over=True)
    scene.weigh(0.0)
    assert len(scene.squeezed()) == 600
    for holder in scene.holders[:300]:
        holder.kib = 8
    scene.rest = 20000
    scene.guard.weigh(0.1)
    scene.services.turns.proceed(0.1)
    scene.guard.weigh(0.1)
    scene.work(0.1)
    assert len(scene.squeezed()) == 300
